/* want.c reads a client's routing constraints. A constraint that is misread in silence sends a
 * prompt where its owner forbade it, so everything here is either honoured or refused. */
#include "want.c"

#include "chat_request.h"
#include "check.h"

#include <stdio.h>

static struct providers providers = {
    .n = 3,
    .list = {{.no = 0, .id = "demo-a", .name = "Demo A", .n_members = 2, .members = {"mock", "x"}},
             {.no = 1, .id = "demo-b", .name = "Demo B", .n_members = 2, .members = {"x", "y"}},
             {.no = 2, .id = "bedrock", .name = "Amazon Bedrock"}},
};
static struct catalog_model infos[2] = {{.no = 1, .id = "x/one"}, {.no = 2, .id = "x/two"}};
static const struct catalog_endpoint priced;
static const struct route_endpoint endpoints[3] = {{.info = &priced, .provider = &providers.list[0]},
                                                   {.info = &priced, .provider = &providers.list[1]},
                                                   {.info = &priced, .provider = &providers.list[2]}};
static struct route_model models[2] = {{&infos[0], endpoints, 2}, {&infos[1], &endpoints[2], 1}};

const struct route_model *snapshot_find(const struct snapshot *s, struct view id)
{
    (void)s;
    for (size_t i = 0; i < 2; i++)
        if (view_eq(id, view_str(infos[i].id)))
            return &models[i];
    return NULL;
}

static struct route_want want;
static struct api_failure failure;

/* extra: members after "messages", beginning with a comma. */
static enum err read_body(const char *body)
{
    struct chat_request q;
    struct prompt facts;
    struct prompt_fault fault;

    CHECK_INT(chat_request_parse(view_str(body), &q, &facts, &fault), ERR_NONE);
    return want_read(&facts, NULL, &providers, &want, &failure);
}

static enum err read_of(const char *model, const char *extra)
{
    static char body[4096];

    snprintf(body, sizeof body,
             "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}",
             model, extra);
    return read_body(body);
}

static enum err read_extra(const char *extra)
{
    return read_of("x/one", extra);
}

static void test_nothing(void)
{
    CHECK_INT(read_extra(""), ERR_NONE);
    CHECK_INT(want.n_models, 1);
    CHECK(!want.only_set && !want.no_retention && !want.no_fallbacks && want.ignore.word[0] == 0);
    CHECK(want.max_prompt_pusd < 0 && want.max_completion_pusd < 0);
    CHECK_INT(read_extra(",\"provider\":null,\"models\":null,\"plugins\":[]"), ERR_NONE);
    CHECK_INT(want.n_models, 1);
}

static void test_models(void)
{
    CHECK_INT(read_extra(",\"models\":[\"x/one\",\"x/two\"]"), ERR_NONE);
    CHECK_INT(want.n_models, 2); /* named twice, tried once */
    CHECK(want.models[1] == &models[1]);
    /* one that nobody knows is passed over while another one is known */
    CHECK_INT(read_extra(",\"models\":[\"x/three\"]"), ERR_NONE);
    CHECK_INT(want.n_models, 1);
    CHECK_INT(failure.error, API_OK);
    CHECK_INT(read_of("x/three", ",\"models\":[\"x/four\",\"x/two\"]"), ERR_NONE);
    CHECK(want.n_models == 1 && want.models[0] == &models[1]);
    CHECK_INT(read_of("x/three", ",\"models\":[\"x/one:free\"]"), ERR_NOT_FOUND);
    CHECK_INT(failure.error, API_NO_MODEL);
    CHECK_BYTES(failure.param, strlen(failure.param), "model", 5);
    CHECK(failure.message == NULL); /* the first one is told */
    CHECK_INT(read_of("x/three", ",\"models\":[1]"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"models\":\"x/two\""), ERR_FORMAT);
    CHECK_INT(read_extra(",\"models\":[1]"), ERR_FORMAT);
}

/* A model of embeddings is none of chat's, and the other way round; as a fallback it is passed over. */
static void test_kind(void)
{
    struct prompt embed = {.kind = PROMPT_EMBEDDINGS, .model = "x/one"};

    infos[1].capabilities = CAP_EMBEDDINGS;
    CHECK_INT(read_of("x/two", ""), ERR_NOT_FOUND);
    CHECK(failure.error == API_NO_MODEL && strstr(failure.message, "POST /v1/embeddings") != NULL);
    CHECK_INT(read_extra(",\"models\":[\"x/two\"]"), ERR_NONE);
    CHECK(want.n_models == 1 && want.models[0] == &models[0]);
    CHECK_INT(want_read(&embed, NULL, &providers, &want, &failure), ERR_NOT_FOUND);
    CHECK(failure.error == API_NO_MODEL && strstr(failure.message, "GET /v1/embeddings/models") != NULL);
    memcpy(embed.model, "x/two", 6);
    CHECK_INT(want_read(&embed, NULL, &providers, &want, &failure), ERR_NONE);
    CHECK(want.n_models == 1 && want.models[0] == &models[1]);
    infos[1].capabilities = 0;
}

/* As OpenRouter's clients may: "models" alone. */
static void test_models_alone(void)
{
#define ALONE(models) "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"models\":" models "}"
    CHECK_INT(read_body(ALONE("[\"x/two\",\"x/one:floor\"]")), ERR_NONE);
    CHECK_INT(want.n_models, 2);
    CHECK(want.models[0] == &models[1] && want.models[1] == &models[0]);
    CHECK_INT(read_body(ALONE("[\"x/three\"]")), ERR_NOT_FOUND);
    CHECK_BYTES(failure.param, strlen(failure.param), "models", 6);
    CHECK_INT(read_body(ALONE("[\"x/three\",\"x/two\"]")), ERR_NONE);
    CHECK(want.n_models == 1 && want.models[0] == &models[1]);
    CHECK_INT(read_body(ALONE("[]")), ERR_FORMAT);
    CHECK_BYTES(failure.param, strlen(failure.param), "model", 5);
    CHECK_INT(read_body(ALONE("\"x/one\"")), ERR_FORMAT);
    CHECK_INT(read_body(ALONE("[\"\"]")), ERR_NOT_FOUND);
    /* Neither of the two. The reader lets it pass, because an Azure client's path may name the model. */
    CHECK_INT(read_body(ALONE("null")), ERR_FORMAT);
    CHECK_BYTES(failure.param, strlen(failure.param), "model", 5);
    CHECK_INT(read_body(ALONE("null,\"model\":null")), ERR_FORMAT);
    CHECK_INT(read_body("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"), ERR_FORMAT);
    CHECK_BYTES(failure.message, strlen(failure.message), "model is required", 17);
#undef ALONE
}

/* OpenRouter's suffixes are a sort order, below what the request says itself. */
static void test_suffixes(void)
{
    static const struct {
        const char *model, *extra;
        enum err e;
        enum route_sort sort;
        unsigned n;
    } cases[] = {
        {"x/one", "", ERR_NONE, ROUTE_BALANCE, 1},
        {"x/one:floor", "", ERR_NONE, ROUTE_PRICE, 1},
        {"x/one:nitro", "", ERR_NONE, ROUTE_LATENCY, 1},
        {"x/one", ",\"models\":[\"x/two:floor\",\"x/one:nitro\"]", ERR_NONE, ROUTE_PRICE, 2},
        {"x/one:nitro", ",\"provider\":{\"sort\":\"price\"}", ERR_NONE, ROUTE_PRICE, 1},
        {"x/one:nitro", ",\"provider\":{\"sort\":\"\"}", ERR_NONE, ROUTE_LATENCY, 1},
        {"x/one:free", "", ERR_NOT_FOUND, 0, 0},
        {"x/one:floor:nitro", "", ERR_NOT_FOUND, 0, 0},
        {"x/three:floor", "", ERR_NOT_FOUND, 0, 0},
        {":floor", "", ERR_NOT_FOUND, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(read_of(cases[i].model, cases[i].extra), cases[i].e);
        if (cases[i].e != ERR_NONE) {
            CHECK_INT(failure.error, API_NO_MODEL);
            CHECK((failure.message != NULL) == (strcmp(cases[i].model, "x/one:free") == 0));
            continue;
        }
        CHECK_INT(want.sort, cases[i].sort);
        CHECK_INT(want.n_models, cases[i].n);
    }
}

static void test_sets(void)
{
    CHECK_INT(read_extra(",\"provider\":{\"only\":[\"DEMO-A\",\"amazon bedrock\",\"nobody\"],"
                         "\"ignore\":[\"demo-b/turbo\"],\"order\":[\"bedrock\",\"demo-a\"]}"),
              ERR_NONE);
    CHECK(want.only_set && want.only.word[0] == (1 << 0 | 1 << 2) && want.ignore.word[0] == 1 << 1);
    CHECK(want.order_set && want.n_order == 2 && want.order[0] == 2 && want.order[1] == 0);
    /* A variant we do not tell apart is not "only" satisfied by its base. */
    CHECK_INT(read_extra(",\"provider\":{\"only\":[\"demo-a/turbo\"]}"), ERR_NONE);
    CHECK(want.only_set && want.only.word[0] == 0);
    CHECK_INT(read_extra(",\"provider\":{\"only\":[]}"), ERR_NONE);
    CHECK(want.only_set && want.only.word[0] == 0);
    CHECK_INT(read_extra(",\"provider\":{\"only\":\"demo-a\"}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"ignore\":[{}]}"), ERR_FORMAT);
}

static void test_hard(void)
{
    CHECK_INT(read_extra(",\"provider\":{\"data_collection\":\"deny\"}"), ERR_NONE);
    CHECK(want.no_retention);
    CHECK_INT(read_extra(",\"provider\":{\"data_collection\":\"allow\"}"), ERR_NONE);
    CHECK(!want.no_retention);
    CHECK_INT(read_extra(",\"provider\":{\"data_collection\":\"\",\"sort\":\"\"}"), ERR_NONE);
    CHECK(!want.no_retention); /* empty values of typed SDKs are absent ones */
    CHECK_INT(read_extra(",\"provider\":{\"data_collection\":\"Deny\"}"), ERR_FORMAT);
    /* a misspelled constraint is no constraint that may be dropped, whatever its value */
    CHECK_INT(read_extra(",\"provider\":{\"Allow_Fallbacks\":false}"), ERR_UNSUPPORTED);
    CHECK_BYTES(failure.member.ptr, failure.member.len, "Allow_Fallbacks", 15);
    CHECK_INT(read_extra(",\"provider\":{\"zdr\\u0000\":false}"), ERR_UNSUPPORTED);
    CHECK_INT(read_extra(",\"provider\":{\"zdr\":true,\"data_collection\":\"allow\"}"), ERR_NONE);
    CHECK(want.no_retention);
    CHECK_INT(read_extra(",\"provider\":{\"zdr\":\"yes\"}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"allow_fallbacks\":false}"), ERR_NONE);
    CHECK(want.no_fallbacks);
    CHECK_INT(read_extra(",\"provider\":{\"max_price\":{\"prompt\":0.5,\"completion\":\"1.25\"}}"),
              ERR_NONE);
    CHECK_INT(want.max_prompt_pusd, 500000);
    CHECK_INT(want.max_completion_pusd, 1250000);
    CHECK_INT(read_extra(",\"provider\":{\"max_price\":{\"prompt\":-1}}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"max_price\":{\"prompt\":1e-05}}"), ERR_NONE);
    CHECK_INT(want.max_prompt_pusd, 10);
    CHECK_INT(read_extra(",\"provider\":{\"max_price\":{\"prompt\":1e-10}}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"max_price\":1}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
                         "\"provider\":{\"require_parameters\":true}"),
              ERR_NONE);
    CHECK((want.capabilities & CAP_TOOLS) != 0);
    /* Two readers must not see two constraints. */
    CHECK_INT(read_extra(",\"provider\":{\"zdr\":true,\"zdr\":false}"), ERR_DUPLICATE);
    CHECK_INT(failure.error, API_DUPLICATE_KEY);
    CHECK_BYTES(failure.member.ptr, failure.member.len, "zdr", 3);
}

/* The error names the member inside provider that is wrong. */
static void test_named(void)
{
    static const char *const wrong[][2] = {
        {"order", "1"}, {"only", "{}"}, {"ignore", "[1]"}, {"allow_fallbacks", "1"}, {"require_parameters", "\"\""},
        {"data_collection", "1"}, {"zdr", "[]"}, {"max_price", "3"}, {"max_price", "{\"prompt\":true}"},
        {"aci_verified", "1"}, {"aci_session_ids", "[]"}, {"enforce_distillable_text", "true"},
    };
    char extra[128];

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(extra, sizeof extra, ",\"provider\":{\"sort\":\"price\",\"%s\":%s}", wrong[i][0], wrong[i][1]);
        CHECK(read_extra(extra) != ERR_NONE);
        CHECK_BYTES(failure.member.ptr, failure.member.len, wrong[i][0], strlen(wrong[i][0]));
    }
}

#define SESSION_ID "95ad1cb4dd25445808c2e9d116caf420b05703730b506395e8fc1ca6faeae28f"

static void test_unknown(void)
{
    CHECK_INT(read_extra(",\"provider\":{\"quantizations\":[\"fp8\"]}"), ERR_UNSUPPORTED);
    CHECK_INT(failure.error, API_UNSUPPORTED_PARAMETER);
    CHECK_BYTES(failure.member.ptr, failure.member.len, "quantizations", 13);
    CHECK_INT(read_extra(",\"provider\":{\"jurisdiction\":\"eu\"}"), ERR_UNSUPPORTED);
    CHECK_BYTES(failure.member.ptr, failure.member.len, "jurisdiction", 12);
    /* N23: no provider of ours is attested, so asking for one that is is refused, not ignored */
    CHECK_INT(read_extra(",\"provider\":{\"aci_verified\":true}"), ERR_UNSUPPORTED);
    CHECK_INT(failure.error, API_UNVERIFIED);
    CHECK_INT(read_extra(",\"provider\":{\"aci_verified\":false}"), ERR_NONE);
    CHECK_INT(read_extra(",\"provider\":{\"aci_verified\":1}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"aci_session_ids\":[\"" SESSION_ID "\"]}"),
              ERR_UNSUPPORTED);
    CHECK_INT(failure.error, API_NO_SESSION);
    CHECK_INT(read_extra(",\"provider\":{\"aci_session_ids\":[\"" SESSION_ID "\",\"00\"]}"),
              ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"aci_session_ids\":[\"00\"]}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"aci_session_ids\":[1]}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"aci_session_ids\":[]}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"aci_session_ids\":null}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"aci_session_ids\":\"00\"}"), ERR_FORMAT);
    /* what ACI does not define under its prefix is refused whatever it asks for */
    CHECK_INT(read_extra(",\"provider\":{\"aci_other\":true}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"aci_other\":false}"), ERR_FORMAT);
    CHECK_INT(failure.error, API_BAD_REQUEST);
    CHECK_BYTES(failure.member.ptr, failure.member.len, "aci_other", 9);
    CHECK_INT(read_extra(",\"provider\":{\"other\":false}"), ERR_NONE);
    CHECK_INT(read_extra(",\"provider\":{\"quantizations\":[],\"enforce_distillable_text\":false}"),
              ERR_NONE);
    CHECK_INT(read_extra(",\"provider\":{\"preferred_max_latency\":1,\"sort\":\"price\"}"),
              ERR_NONE);
    CHECK_INT(want.sort, ROUTE_PRICE);
    CHECK_INT(read_extra(",\"provider\":{\"sort\":{\"by\":\"latency\"}}"), ERR_NONE);
    CHECK_INT(want.sort, ROUTE_LATENCY);
    CHECK_INT(read_extra(",\"provider\":[]"), ERR_FORMAT);
}

/* Providers that are no candidates, as bits: ignored, or with an endpoint that cannot be sent the request. */
static uint64_t left_out(void)
{
    uint64_t bits = want.ignore.word[0];
    size_t at = 0;

    for (size_t m = 0; m < want.n_models; m++)
        for (size_t i = 0; i < want.models[m]->n_endpoints; i++, at++)
            if ((want.unfit[at / 64] >> at % 64 & 1) != 0)
                bits |= UINT64_C(1) << want.models[m]->endpoints[i].provider->no;
    return bits;
}

/* A member that only some providers may be sent leaves those as candidates; none left is a refusal that
 * names it. */
static void test_members(void)
{
    static const struct {
        const char *extra, *refused; /* NULL: it is served */
        uint64_t left_out;           /* of the three providers; the first two serve x/one */
    } cases[] = {
        {"", NULL, 0},
        {",\"temperature\":1", NULL, 0},
        {",\"mock\":{}", NULL, 2},
        {",\"x\":1", NULL, 0},
        {",\"y\":1,\"x\":1", NULL, 1},
        {",\"mock\":{},\"x\":1", NULL, 2},
        {",\"mock\":{},\"provider\":{\"ignore\":[\"demo-b\"]}", NULL, 2},
        {",\"mock\":{},\"y\":1", "mock", 3}, /* each has its taker, both have none */
        {",\"z\":1", "z", 3},
        {",\"x\":1,\"models\":[\"x/two\"]", NULL, 4},
        {",\"tools\":[{\"type\":\"web_search\"}]", "tools", 3},
        {",\"service_tier\":\"priority\"", "service_tier", 3},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool ok = cases[i].refused == NULL;

        CHECK_INT(read_extra(cases[i].extra), ok ? ERR_NONE : ERR_UNSUPPORTED);
        CHECK_INT(left_out(), cases[i].left_out);
        CHECK_INT(failure.error, ok ? API_OK : API_UNSUPPORTED_PARAMETER);
        if (!ok)
            CHECK_BYTES(failure.member.ptr, failure.member.len, cases[i].refused, strlen(cases[i].refused));
    }
}

static const struct check_case cases[] = {
    {"want_named", test_named},
    {"want_members", test_members},
    {"want_nothing", test_nothing}, {"want_models", test_models}, {"want_kind", test_kind}, {"want_models_alone", test_models_alone}, {"want_suffixes", test_suffixes},   {"want_sets", test_sets},
    {"want_hard", test_hard},       {"want_unknown", test_unknown},
};
CHECK_MAIN(cases)
