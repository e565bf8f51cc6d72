/* want.c reads a client's routing constraints. A constraint that is misread in silence sends a
 * prompt where its owner forbade it, so everything here is either honoured or refused. */
#include "want.c"

#include "chat_request.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

enum { ONE, TWO, EMBED, GPT, GPT_FREE, CLAUDE, TWIN_A, TWIN_B, SMALL, MODELS, ENDPOINTS = 3 };
static const char *const ids[MODELS] = {
    "x/one", "x/two", "x/embed", "openai/gpt-4.1", "openai/gpt-4.1:free", "anthropic/claude-sonnet-4.5",
    "a/twin", "b/twin", "x/small",
};

static struct providers providers = {
    .n = 3,
    .list = {{.no = 0, .id = "demo-a", .name = "Demo A", .n_members = 2, .members = {"mock", "x"}, .region = "us-east"},
             {.no = 1, .id = "demo-b", .name = "Demo B", .n_members = 2, .members = {"x", "y"}},
             {.no = 2, .id = "bedrock", .name = "Amazon Bedrock"}},
};
static const struct catalog_alias aliases[] = {
    {.id = "trustedrouter/zdr", .model = {TWO + 1, ONE + 1}, .n_models = 2, .wants = ALIAS_NO_RETENTION},
    {.id = "trustedrouter/fast", .model = {ONE + 1}, .n_models = 1, .sort = ROUTE_LATENCY},
    {.id = "trustedrouter/eu", .model = {ONE + 1}, .n_models = 1, .wants = ALIAS_EU},
    {.id = "trustedrouter/us", .model = {ONE + 1}, .n_models = 1, .wants = ALIAS_US},
    {.id = "trustedrouter/e2e", .model = {ONE + 1}, .n_models = 1, .wants = ALIAS_CONFIDENTIAL},
    {.id = "trustedrouter/free", .model = {GPT_FREE + 1, ONE + 1}, .n_models = 2, .wants = ALIAS_FREE},
    {.id = "~x/latest", .model = {SMALL + 1, TWO + 1}, .n_models = 2},
    {.id = "x/vectors", .model = {EMBED + 1}, .n_models = 1},
};
static struct snapshot *catalog;

/* x/one is served by the first two providers, x/two by the third, all others by the first. */
static void catalog_make(void)
{
    static struct health *health;
    static struct catalog_store *store;
    struct catalog c = {.version = 1, .n_models = MODELS, .n_endpoints = MODELS + 1,
                        .n_aliases = sizeof aliases / sizeof aliases[0]};

    c.models = calloc(c.n_models, sizeof *c.models);
    c.endpoints = calloc(c.n_endpoints, sizeof *c.endpoints);
    c.aliases = calloc(c.n_aliases, sizeof *c.aliases);
    memcpy(c.aliases, aliases, sizeof aliases);
    for (uint32_t i = 0; i < MODELS; i++) {
        c.models[i].no = i + 1;
        memcpy(c.models[i].id, ids[i], strlen(ids[i]));
        c.endpoints[i] = (struct catalog_endpoint){
            .no = i + 1, .model_no = i + 1, .provider_no = i == TWO ? 2 : 0, .weight = 1};
    }
    c.endpoints[MODELS] = (struct catalog_endpoint){
        .no = MODELS + 1, .model_no = ONE + 1, .provider_no = 1, .weight = 1};
    c.models[EMBED].capabilities = CAP_EMBEDDINGS;
    c.models[EMBED].kind = KIND_EMBEDDINGS;
    c.models[TWO].capabilities = CAP_TOOLS;
    c.models[SMALL].context_length = 10;
    c.models[ONE].n_fallbacks = 4;
    memcpy(c.models[ONE].fallback, (uint32_t[]){TWO + 1, EMBED + 1, 99, SMALL + 1}, 4 * sizeof(uint32_t));
    CHECK_INT(health_new(&health), ERR_NONE);
    CHECK_INT(catalog_store_new(&providers, health, 1, &store), ERR_NONE);
    CHECK_INT(catalog_store_publish(store, &c), ERR_NONE);
    catalog = catalog_acquire(store, 0);
}

static const struct route_model *model(unsigned i)
{
    return snapshot_model(catalog, i);
}

static const struct providers *providers_used = &providers;
static struct want_given given = {"", "", false};
static struct route_want want;
static struct want_notes notes;
static struct api_failure failure;

static enum err read_prompt(struct prompt *p)
{
    if (catalog == NULL)
        catalog_make();
    return want_read(p, catalog, providers_used, &given, &want, &notes, &failure);
}

/* extra: members after "messages", beginning with a comma. */
static enum err read_body(const char *body)
{
    struct chat_request q;
    struct prompt facts;
    struct prompt_fault fault;

    CHECK_INT(chat_request_parse(view_str(body), &q, &facts, &fault), ERR_NONE);
    return read_prompt(&facts);
}

static enum err read_of(const char *model, const char *extra)
{
    static char body[1 << 20];

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
    CHECK(want.models[1] == model(TWO));
    /* one that nobody knows is passed over while another one is known */
    CHECK_INT(read_extra(",\"models\":[\"x/three\"]"), ERR_NONE);
    CHECK_INT(want.n_models, 1);
    CHECK_INT(failure.error, API_OK);
    CHECK_INT(read_of("x/three", ",\"models\":[\"x/four\",\"x/two\"]"), ERR_NONE);
    CHECK(want.n_models == 1 && want.models[0] == model(TWO));
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

    CHECK_INT(read_of("x/embed", ""), ERR_NOT_FOUND);
    CHECK(failure.error == API_NO_MODEL && strstr(failure.message, "POST /v1/embeddings") != NULL);
    CHECK_INT(read_of("x/vectors", ""), ERR_NOT_FOUND);
    CHECK_INT(read_extra(",\"models\":[\"x/embed\"]"), ERR_NONE);
    CHECK(want.n_models == 1 && want.models[0] == model(ONE));
    CHECK_INT(read_prompt(&embed), ERR_NOT_FOUND);
    CHECK(failure.error == API_NO_MODEL && strstr(failure.message, "GET /v1/embeddings/models") != NULL);
    memcpy(embed.model, "x/embed", 8);
    CHECK_INT(read_prompt(&embed), ERR_NONE);
    CHECK(want.n_models == 1 && want.models[0] == model(EMBED));
    for (enum prompt_kind k = PROMPT_IMAGES; k < PROMPT_KINDS; k++) {
        struct prompt call = {.kind = k, .model = "x/one"};

        CHECK_INT(read_prompt(&call), ERR_NOT_FOUND);
        CHECK(failure.error == API_NO_MODEL && failure.message != NULL);
        memcpy(call.model, "x/embed", 8);
        CHECK_INT(read_prompt(&call), ERR_NOT_FOUND);
    }
}

/* As OpenRouter's clients may: "models" alone. */
static void test_models_alone(void)
{
#define ALONE(models) "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"models\":" models "}"
    CHECK_INT(read_body(ALONE("[\"x/two\",\"x/one:floor\"]")), ERR_NONE);
    CHECK_INT(want.n_models, 2);
    CHECK(want.models[0] == model(TWO) && want.models[1] == model(ONE));
    CHECK_INT(read_body(ALONE("[\"x/three\"]")), ERR_NOT_FOUND);
    CHECK_BYTES(failure.param, strlen(failure.param), "models", 6);
    CHECK_INT(read_body(ALONE("[\"x/three\",\"x/two\"]")), ERR_NONE);
    CHECK(want.n_models == 1 && want.models[0] == model(TWO));
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
        {"x/one:nitro", "", ERR_NONE, ROUTE_THROUGHPUT, 1},
        {"x/one:exacto", "", ERR_NONE, ROUTE_EXACTO, 1},
        {"openai/gpt-4.1:free:nitro", "", ERR_NONE, ROUTE_THROUGHPUT, 1},
        {"gpt-4.1:floor", "", ERR_NONE, ROUTE_PRICE, 1},
        {"trustedrouter/zdr:floor", "", ERR_NONE, ROUTE_PRICE, 2},
        {"trustedrouter/fast", "", ERR_NONE, ROUTE_LATENCY, 1},
        {"trustedrouter/fast:nitro", "", ERR_NONE, ROUTE_THROUGHPUT, 1},
        {"x/one", ",\"models\":[\"x/two:floor\",\"x/one:nitro\"]", ERR_NONE, ROUTE_PRICE, 2},
        {"x/one:nitro", ",\"provider\":{\"sort\":\"price\"}", ERR_NONE, ROUTE_PRICE, 1},
        {"x/one:nitro", ",\"provider\":{\"sort\":\"\"}", ERR_NONE, ROUTE_THROUGHPUT, 1},
        {"x/one:free", "", ERR_NOT_FOUND, 0, 0},
        {"x/one:online", "", ERR_NOT_FOUND, 0, 0},
        {"x/one:free:floor", "", ERR_NOT_FOUND, 0, 0},
        {"x/three:floor", "", ERR_NOT_FOUND, 0, 0},
        {":floor", "", ERR_NOT_FOUND, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(read_of(cases[i].model, cases[i].extra), cases[i].e);
        if (cases[i].e != ERR_NONE) {
            CHECK_INT(failure.error, API_NO_MODEL);
            CHECK((failure.message != NULL) == (strncmp(cases[i].model, "x/one:", 6) == 0 && strchr(cases[i].model + 6, ':') == NULL));
            CHECK(strcmp(cases[i].model, "x/one:online") != 0 || strstr(failure.message, "web search") != NULL);
            continue;
        }
        CHECK_INT(want.sort, cases[i].sort);
        CHECK_INT(want.n_models, cases[i].n);
    }
}

/* An id of half a million bytes, all of them suffixes, names nothing, and is not looked at one suffix after the other. */
static void test_long_id(void)
{
    enum { TIMES = 90000 };
    char *extra = malloc(32 + TIMES * 6), *end = extra;

    end += sprintf(end, ",\"models\":[\"x/one");
    for (unsigned i = 0; i < TIMES; i++)
        end += sprintf(end, ":floor");
    sprintf(end, "\"]");
    CHECK_INT(read_of("x/none", extra), ERR_NOT_FOUND);
    CHECK_INT(failure.error, API_NO_MODEL);
    free(extra);
}

static void test_sets(void)
{
    CHECK_INT(read_extra(",\"provider\":{\"only\":[\"DEMO-A\",\"amazon bedrock\",\"nobody\"],"
                         "\"ignore\":[\"demo-b/turbo\"],\"order\":[\"bedrock\",\"demo-a\"]}"),
              ERR_NONE);
    CHECK(want.only_set && want.only.word[0] == (1 << 0 | 1 << 2) && want.ignore.word[0] == 1 << 1);
    CHECK(want.order_set && want.n_order == 2 && want.order[0].provider_no == 2 && want.order[1].provider_no == 0);
    /* A variant we do not tell apart is not "only" satisfied by its base. */
    CHECK_INT(read_extra(",\"provider\":{\"only\":[\"demo-a/turbo\"]}"), ERR_NONE);
    CHECK(want.only_set && want.only.word[0] == 0);
    /* One that we do: by quantization, or by the region that the whole provider is in. */
    CHECK_INT(read_extra(",\"provider\":{\"only\":[\"demo-a/fp8\",\"Demo A/US-east\"],\"ignore\":[\"demo-b/FP4\"],"
                         "\"order\":[\"demo-b/int4\",\"demo-b\",\"demo-b/turbo\"]}"),
              ERR_NONE);
    CHECK(want.only.word[0] == 1 && want.n_only_picks == 1 && want.only_pick[0].quantization == QUANTIZATION_FP8);
    CHECK(want.ignore.word[0] == 0 && want.n_ignore_picks == 1 && want.ignore_pick[0].provider_no == 1);
    CHECK(want.n_order == 2 && want.order[0].quantization == QUANTIZATION_INT4 && want.order[1].quantization == ROUTE_ANY);
    CHECK_INT(read_extra(",\"provider\":{\"only\":[]}"), ERR_NONE);
    CHECK(want.only_set && want.only.word[0] == 0);
    CHECK_INT(read_extra(",\"provider\":{\"only\":\"demo-a\"}"), ERR_FORMAT);
    CHECK_INT(read_extra(",\"provider\":{\"ignore\":[{}]}"), ERR_FORMAT);
}

/* Names that are spelled otherwise than our rows, and what they mean of several rows. */
static const struct providers rows = {
    .n = 16,
    .list = {{.no = 0, .id = "openai", .name = "OpenAI", .host = "api.openai.com", .region = "us"},
             {.no = 1, .id = "openai-responses", .name = "OpenAI (Responses)", .host = "api.openai.com", .region = "us"},
             {.no = 2, .id = "openai-eu", .name = "OpenAI (EU)", .host = "eu.api.openai.com", .region = "eu"},
             {.no = 3, .id = "openrouter", .name = "OpenRouter", .host = "openrouter.ai"},
             {.no = 4, .id = "zai", .name = "Z.ai", .host = "api.z.ai"},
             {.no = 5, .id = "xai", .name = "xAI", .host = "api.x.ai"},
             {.no = 6, .id = "moonshot", .name = "Moonshot AI", .host = "api.moonshot.ai"},
             {.no = 7, .id = "bedrock", .name = "Amazon Bedrock", .host = "bedrock"},
             {.no = 8, .id = "bedrock-anthropic", .name = "Amazon Bedrock (Claude)", .host = "mantle"},
             {.no = 9, .id = "azure-responses", .name = "Azure (Responses)", .host = "azure"},
             {.no = 10, .id = "azure", .name = "Azure", .host = "azure"},
             {.no = 11, .id = "azure-next", .name = "Azure (next)", .host = "azure", .port = 1},
             {.no = 12, .id = "near-ai", .name = "NEAR AI Cloud", .host = "near"},
             {.no = 13, .id = "near-ai-tee", .name = "NEAR AI Cloud (TEE)", .host = "near"},
             {.no = 14, .id = "two-a", .name = "Two", .host = "two"},
             {.no = 15, .id = "twoa", .name = "Twoa", .host = "twoa"}},
};

static uint64_t order_set(void)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < want.n_order; i++)
        bits |= UINT64_C(1) << want.order[i].provider_no;
    return bits;
}

static void test_spellings(void)
{
    enum { OPENAI = 1 << 0 | 1 << 1, BEDROCKS = 1 << 7 | 1 << 8, AZURES = 1 << 9 | 1 << 10 | 1 << 11, NEARS = 3 << 12 };
    static const struct {
        const char *name;
        uint64_t only, ignore;
    } table[] = {
        /* the row, and those behind it at the same host; ignored: all that are called like it */
        {"openai", OPENAI, OPENAI | 1 << 2},
        {"OpenAI/US", OPENAI, OPENAI | 1 << 2},
        {"openai-responses", 1 << 1, OPENAI},
        {"openai-eu", 1 << 2, 1 << 0 | 1 << 2},
        {"azure", 1 << 9 | 1 << 10, AZURES},
        {"near-ai", NEARS, NEARS},
        {"near-ai-tee", 1 << 13, NEARS},
        /* as OpenRouter spells it */
        {"z-ai", 1 << 4, 1 << 4},
        {"Z.AI/turbo", 0, 1 << 4},
        {"moonshotai", 1 << 6, 1 << 6},
        {"amazon-bedrock", 1 << 7, BEDROCKS},
        {"Amazon Bedrock (Claude)", 1 << 8, BEDROCKS},
        /* a beginning is a name of nobody's in "only" */
        {"moonshotaix", 0, 1 << 6},
        {"moon", 0, 1 << 6},
        {"ope", 0, OPENAI | 1 << 2 | 1 << 3},
        {"op", 0, 0},
        {"x", 0, 0},
        {"---", 0, 0},
        {"", 0, 0},
        {"/fp8", 0, 0},
        {"deepinfra", 0, 0},
        /* exactly one of two that differ in dashes alone, or none for certain */
        {"two-a", 1 << 14, 3 << 14},
        {"Two.A", 0, 3 << 14},
    };
    char extra[256];

    providers_used = &rows;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        snprintf(extra, sizeof extra, ",\"provider\":{\"only\":[\"%s\"],\"ignore\":[\"%s\"],\"order\":[\"%s\"]}",
                 table[i].name, table[i].name, table[i].name);
        CHECK_INT(read_extra(extra), ERR_NONE);
        CHECK_INT(want.only.word[0], table[i].only);
        CHECK_INT(want.ignore.word[0], table[i].ignore);
        CHECK_INT(order_set(), table[i].only);
        CHECK(want.n_only_picks == 0 && want.n_ignore_picks == 0);
    }
    /* the row that is named is the first of its order; a variant is one of each row */
    CHECK_INT(read_extra(",\"provider\":{\"order\":[\"azure\"],\"only\":[\"openai/fp8\"],\"ignore\":[\"z-ai/fp8\"]}"), ERR_NONE);
    CHECK(want.n_order == 2 && want.order[0].provider_no == 10 && want.order[1].provider_no == 9);
    CHECK(want.only.word[0] == 0 && want.n_only_picks == 2 && want.only_pick[1].provider_no == 1);
    CHECK(want.ignore.word[0] == 0 && want.n_ignore_picks == 1 && want.ignore_pick[0].provider_no == 4);
    providers_used = &providers;
}

/* A list has a bound: each name is compared with every row. */
static void test_many_names(void)
{
    enum { MOST = 512 };
    static char extra[8 * MOST];
    size_t n = (size_t)snprintf(extra, sizeof extra, ",\"provider\":{\"ignore\":[\"a\"");

    for (size_t i = 1; i < MOST; i++)
        n += (size_t)snprintf(extra + n, sizeof extra - n, ",\"a\"");
    snprintf(extra + n, sizeof extra - n, "]}");
    CHECK_INT(read_extra(extra), ERR_NONE);
    snprintf(extra + n, sizeof extra - n, ",\"a\"]}");
    CHECK_INT(read_extra(extra), ERR_FORMAT);
    CHECK_BYTES(failure.member.ptr, failure.member.len, "ignore", 6);
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
    CHECK_INT(read_extra(",\"provider\":{\"enforce_distillable_text\":true}"), ERR_UNSUPPORTED);
    CHECK_INT(failure.error, API_UNSUPPORTED_PARAMETER);
    CHECK_BYTES(failure.member.ptr, failure.member.len, "enforce_distillable_text", 24);
    CHECK_INT(read_extra(",\"provider\":{\"tenancy\":\"single\"}"), ERR_UNSUPPORTED);
    CHECK_BYTES(failure.member.ptr, failure.member.len, "tenancy", 7);
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

/* What the routing members ask for, each with a twin that is refused. */
static void test_preferences(void)
{
#define P(members) ",\"provider\":{" members "}"
    CHECK_INT(read_extra(P("\"quantizations\":[\"fp8\",\"BF16\"]")), ERR_NONE);
    CHECK_INT(want.quantizations, 1 << QUANTIZATION_FP8 | 1 << QUANTIZATION_BF16);
    CHECK_INT(read_extra(P("\"quantizations\":[\"fp9\"]")), ERR_FORMAT);
    CHECK_INT(read_extra(P("\"quantizations\":\"fp8\"")), ERR_FORMAT);
    CHECK_INT(read_extra(P("\"min_privacy\":\"zdr\"")), ERR_NONE);
    CHECK(want.no_retention && !want.confidential && want.privacy_by == ROUTE_MIN_PRIVACY);
    CHECK_INT(read_extra(P("\"min_privacy\":\"e2e\"")), ERR_NONE);
    CHECK(want.no_retention && want.confidential);
    CHECK_INT(read_extra(P("\"min_privacy\":\"any\"")), ERR_NONE);
    CHECK(!want.no_retention && !want.confidential);
    CHECK_INT(read_extra(P("\"min_privacy\":\"most\"")), ERR_FORMAT);
    CHECK_INT(read_extra(P("\"jurisdiction\":\"eu\"")), ERR_NONE);
    CHECK_INT(want.places, ROUTE_LAW_EU);
    CHECK_INT(read_extra(P("\"jurisdiction\":\"cn\"")), ERR_FORMAT);
    CHECK_INT(read_extra(P("\"max_price\":{\"request\":0.01,\"image\":\"0.04\",\"audio\":2}")), ERR_NONE);
    CHECK(want.max_request_nusd == 10000000 && want.max_image_nusd == 40000000 && want.max_audio_pusd == 2000000);
    CHECK_INT(read_extra(P("\"max_price\":{\"video\":1}")), ERR_FORMAT);
    CHECK_INT(read_extra(P("\"sort\":\"throughput\"")), ERR_NONE);
    CHECK_INT(want.sort, ROUTE_THROUGHPUT);
    CHECK_INT(read_extra(P("\"sort\":{\"by\":\"exacto\",\"partition\":\"none\"}")), ERR_NONE);
    CHECK(want.sort == ROUTE_EXACTO && want.across_models);
    CHECK_INT(read_extra(P("\"sort\":{\"partition\":\"all\"}")), ERR_FORMAT);
    CHECK_INT(read_extra(P("\"sort\":\"quality\"")), ERR_FORMAT);
    CHECK_INT(read_extra(",\"route\":\"sort\""), ERR_NONE);
    CHECK(want.across_models);
    CHECK_INT(read_extra(",\"route\":\"sort\"" P("\"sort\":{\"partition\":\"model\"}")), ERR_NONE);
    CHECK(!want.across_models);
    CHECK_INT(read_extra(",\"route\":\"fallback\""), ERR_NONE);
    CHECK(!want.across_models);
    CHECK_INT(read_extra(P("\"preferred_max_latency\":1.5,\"preferred_min_throughput\":{\"p90\":\"40.5\",\"p99\":null}")),
              ERR_NONE);
    CHECK(want.latency_us[ROUTE_P50] == 1500000 && want.latency_us[ROUTE_P90] == 0);
    CHECK(want.throughput[ROUTE_P90] == 41 && want.throughput[ROUTE_P50] == 0);
    CHECK_INT(read_extra(P("\"preferred_max_latency\":\"fast\"")), ERR_FORMAT);
    CHECK_INT(read_extra(P("\"preferred_max_latency\":-1")), ERR_FORMAT);
    /* what a gate would leave out in silence is a reason to skip the model */
    CHECK_INT(read_extra(",\"temperature\":1,\"top_p\":0.5" P("\"require_parameters\":true")), ERR_NONE);
    CHECK_INT(want.gates, GATE_NO_SAMPLING | GATE_ONE_SAMPLING);
    CHECK_INT(read_extra(",\"temperature\":null,\"presence_penalty\":1" P("\"require_parameters\":true")), ERR_NONE);
    CHECK_INT(want.gates, GATE_NO_PENALTIES);
    CHECK_INT(read_extra(",\"repetition_penalty\":1,\"min_p\":0.5" P("\"require_parameters\":true")), ERR_NONE);
    CHECK_INT(want.gates, GATE_NO_PENALTIES | GATE_NO_SAMPLING);
    CHECK_INT(read_extra(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":\"required\""
                         P("\"require_parameters\":true")), ERR_NONE);
    CHECK_INT(want.gates, GATE_NO_FORCED_TOOL);
    CHECK_INT(read_extra(",\"temperature\":1"), ERR_NONE);
    CHECK_INT(want.gates, 0);
}

/* So is what a provider's row drops: the second provider of x/one does. */
static void test_lossy(void)
{
    static const struct provider_members drop = {.name = {"seed", "n"}, .n = 2}, none;

    providers.list[1].drop = drop;
    CHECK_INT(read_extra(",\"seed\":1" P("\"require_parameters\":true")), ERR_NONE);
    CHECK(want.lossy[0] == 2 && want.unfit[0] == 0);
    CHECK_INT(read_extra(",\"seed\":null,\"n\":1,\"top_p\":1" P("\"require_parameters\":true")), ERR_NONE);
    CHECK_INT(want.lossy[0], 0);
    CHECK_INT(read_extra(",\"seed\":1" P("\"require_parameters\":false")), ERR_NONE);
    CHECK_INT(want.lossy[0], 0);
    /* Of no model is a parameter refused: the decision tells which endpoints the constraint removed. */
    CHECK_INT(read_extra(",\"seed\":1" P("\"require_parameters\":true,\"only\":[\"demo-b\"]")), ERR_NONE);
    CHECK(want.lossy[0] == 2 && failure.error == API_OK);
    providers.list[1].drop = none;
}

/* Ids without author, with another spelling, with a date. */
static void test_names(void)
{
    static const struct {
        const char *id;
        int model; /* -1: none */
    } cases[] = {
        {"gpt-4.1", GPT},
        {"gpt-4.1-2025-04-14", GPT},
        {"openai/gpt-4.1-2025-04-14", GPT},
        {"gpt-4.1:free", GPT_FREE},
        {"claude-sonnet-4-5-20250929", CLAUDE},
        {"Claude-Sonnet-4.5", CLAUDE},
        {"one", ONE},
        {"twin", -1}, /* of two authors */
        {"b/twin", TWIN_B},
        {"gpt-4.1-2025-4-14", -1},
        {"gpt-4.1-19990101", -1},
        {"-2025-04-14", -1},
        {"openai/GPT-4.1", -1}, /* with an author the id is exact */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(read_of(cases[i].id, ""), cases[i].model < 0 ? ERR_NOT_FOUND : ERR_NONE);
        CHECK(cases[i].model < 0 || (want.n_models == 1 && want.models[0] == model((unsigned)cases[i].model)));
    }
    CHECK_INT(read_of("twin", ""), ERR_NOT_FOUND);
    CHECK(strstr(failure.message, "Several models") != NULL);
}

static void test_aliases(void)
{
    CHECK_INT(read_of("trustedrouter/zdr", ""), ERR_NONE);
    CHECK(want.n_models == 2 && want.models[0] == model(TWO) && want.models[1] == model(ONE));
    CHECK(want.no_retention && want.privacy_by == ROUTE_ALIAS && want.n_named == 2);
    CHECK_INT(read_of("trustedrouter/e2e", ""), ERR_NONE);
    CHECK(want.confidential);
    CHECK_INT(read_of("trustedrouter/free", ""), ERR_NONE);
    CHECK(want.free_only);
    CHECK_INT(read_of("trustedrouter/us", ""), ERR_NONE);
    CHECK_INT(want.places, ROUTE_LAW_US);
    /* in models[], its constraints are the request's */
    CHECK_INT(read_extra(",\"models\":[\"trustedrouter/zdr\"]"), ERR_NONE);
    CHECK(want.n_models == 2 && want.no_retention);
    /* its models are chosen by what the request needs; one that is named is not */
    CHECK_INT(read_of("trustedrouter/zdr", ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"), ERR_NONE);
    CHECK_INT(want.unfit[0], 6); /* both endpoints of x/one, which has no tools */
    CHECK_INT(read_extra(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"), ERR_NONE);
    CHECK_INT(want.unfit[0], 0);
    CHECK_INT(read_of("~x/latest", ",\"max_tokens\":11"), ERR_NONE); /* more than the context of the first */
    CHECK_INT(want.unfit[0], 1);
}

/* An alias of the EU is served in the EU alone. */
static void test_eu(void)
{
    CHECK_INT(read_of("trustedrouter/eu", ""), ERR_UNSUPPORTED);
    CHECK(failure.error == API_WRONG_REGION && failure.text[0] == '\0');
    given.region = "eu-west-2"; /* London */
    given.eu_base_url = "https://eu.example/v1";
    CHECK_INT(read_extra(",\"models\":[\"trustedrouter/eu\"]"), ERR_UNSUPPORTED);
    CHECK(strstr(failure.text, "https://eu.example/v1") != NULL);
    given.region = "eu-central-1";
    CHECK_INT(read_of("trustedrouter/eu", ""), ERR_NONE);
    CHECK_INT(want.places, ROUTE_IN_EU | ROUTE_LAW_EU);
    given.region = given.eu_base_url = "";
}

/* Another model than the named one answers only where the request says so. */
static void test_fallbacks(void)
{
    CHECK_INT(read_extra(""), ERR_NONE);
    CHECK_INT(want.n_models, 1);
    CHECK_INT(read_extra(P("\"model_fallbacks\":true")), ERR_NONE);
    CHECK(want.n_models == 3 && want.n_named == 1 && want.models[1] == model(TWO) && want.models[2] == model(SMALL));
    given.model_fallbacks = true;
    CHECK_INT(read_extra(",\"max_tokens\":11"), ERR_NONE);
    CHECK_INT(want.n_models, 3);
    CHECK_INT(want.unfit[0], 8); /* the one with the small context */
    CHECK_INT(read_extra(P("\"allow_fallbacks\":false")), ERR_NONE);
    CHECK_INT(want.n_models, 1);
    CHECK_INT(read_extra(",\"models\":[\"b/twin\"]"), ERR_NONE);
    CHECK_INT(want.n_models, 2);
    CHECK_INT(read_extra(P("\"model_fallbacks\":false")), ERR_NONE);
    CHECK_INT(want.n_models, 1);
    given.model_fallbacks = false;
#undef P
}

/* Ids that are passed over are told, as far as they can stand in a header. */
static void test_skipped(void)
{
    char many[1024] = ",\"models\":[\"no/1\"";

    CHECK_INT(read_extra(",\"models\":[\"no/1\",\"x/two\",\"no/2:free\",\"a,b\",\"a b\",\"\xc3\xa9\"]"), ERR_NONE);
    CHECK_BYTES(notes.skipped, strlen(notes.skipped), "no/1,no/2:free", 14);
    for (int i = 0; i < 60; i++)
        strcat(many, ",\"no/123456\"");
    strcat(many, "]");
    CHECK_INT(read_extra(many), ERR_NONE);
    CHECK(strlen(notes.skipped) < sizeof notes.skipped && strlen(notes.skipped) > 200);
    CHECK_INT(read_extra(""), ERR_NONE);
    CHECK_INT(notes.skipped[0], 0);
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
    {"want_preferences", test_preferences},
    {"want_names", test_names},
    {"want_aliases", test_aliases},
    {"want_eu", test_eu},
    {"want_fallbacks", test_fallbacks},
    {"want_skipped", test_skipped},
    {"want_named", test_named},
    {"want_lossy", test_lossy},
    {"want_spellings", test_spellings},
    {"want_many_names", test_many_names},
    {"want_members", test_members},
    {"want_nothing", test_nothing}, {"want_models", test_models}, {"want_kind", test_kind}, {"want_models_alone", test_models_alone}, {"want_suffixes", test_suffixes}, {"want_long_id", test_long_id},   {"want_sets", test_sets},
    {"want_hard", test_hard},       {"want_unknown", test_unknown},
};
CHECK_MAIN(cases)
