/* The list of models needs no key, so anybody may ask for it at any rate: what it costs must not depend
 * on how long it is. It is made once for each catalog, by the publisher, and shared. */
#include "models.c"

#include "check.h"
#include "json.h"

#include <stdio.h>

#include <stdlib.h>

struct web_request {
    const char *if_none_match, *anthropic_version, *path, *query;
    bool taken; /* the body was given away, not copied: nobody is charged for what a slow reader holds */
    int status;
    char headers[2048];
    struct view body; /* where the answer's bytes are: nobody copies them */
    struct buf copy;
};

bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    const char *value = view_eq(name, VIEW_LIT("if-none-match"))       ? r->if_none_match
                        : view_eq(name, VIEW_LIT("anthropic-version")) ? r->anthropic_version
                                                                       : NULL;

    if (value == NULL)
        return false;
    *out = view_str(value);
    return true;
}
struct view web_query(const struct web_request *r)
{
    return r->query == NULL ? VIEW_EMPTY : view_str(r->query);
}
struct view web_path(const struct web_request *r)
{
    return view_str(r->path == NULL ? "/v1/models" : r->path);
}

void web_respond(struct web_request *r, int status, const struct web_header *h, size_t n,
                 struct view body)
{
    size_t at = 0;

    CHECK_INT(r->status, 0);
    r->status = status;
    r->body = body;
    buf_init(&r->copy, CATALOG_LISTING_MAX);
    CHECK_INT(buf_append(&r->copy, body), ERR_NONE);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(r->headers + at, sizeof r->headers - at, "%.*s: %.*s\n",
                               (int)h[i].name.len, (const char *)h[i].name.ptr, (int)h[i].value.len,
                               (const char *)h[i].value.ptr);
}
void web_respond_taking(struct web_request *r, int status, const struct web_header *h, size_t n,
                        struct buf *body)
{
    web_respond(r, status, h, n, buf_view(body));
    buf_free(body);
    r->taken = true;
}

static const struct providers providers = {
    .n = 3,
    .list = {{.no = 0, .id = "demo-a", .name = "Demo A", .jurisdiction = "fr"},
             {.no = 1, .id = "demo-b", .name = "Demo, B", .retains_data = true, .region = "eu",
              .jurisdiction = "eu"},
             {.no = 2, .id = "idle", .name = "Idle"}}};
static struct health *health;
static struct models_context context = {.providers = &providers};
static unsigned renders;

static enum err counted(const struct snapshot *s, struct catalog_listing *out)
{
    renders++;
    return catalog_json(s, out);
}

static enum err too_long(const struct snapshot *s, struct catalog_listing *out)
{
    (void)s;
    renders++;
    return buf_append(&out->bytes, VIEW_LIT("{\"half\":")) == ERR_NONE ? ERR_LIMIT : ERR_MEMORY;
}

static void open_store(catalog_list *list)
{
    renders = 0;
    CHECK_INT(health_new(&health), ERR_NONE);
    CHECK_INT(catalog_store_new(&providers, health, 1, &context.catalogs), ERR_NONE);
    context.health = health;
    catalog_store_list(context.catalogs, list);
}

static void close_store(void)
{
    catalog_store_free(context.catalogs);
    health_free(health);
}

static void publish(uint32_t version, size_t models)
{
    struct catalog c = {.version = version, .n_models = models, .n_endpoints = models};

    c.models = calloc(models, sizeof *c.models);
    c.endpoints = calloc(models, sizeof *c.endpoints);
    for (size_t m = 0; m < models; m++) {
        c.models[m].no = (uint32_t)m;
        snprintf(c.models[m].id, sizeof c.models[m].id, "author/model-%zu", m);
        c.endpoints[m] = (struct catalog_endpoint){
            .no = (uint32_t)m + 1, .model_no = (uint32_t)m, .weight = 1,
            .price.prompt_pusd = version};
    }
    CHECK_INT(catalog_store_publish(context.catalogs, &c), ERR_NONE);
}

static struct web_request list(const char *if_none_match)
{
    struct web_request r = {.if_none_match = if_none_match};

    CHECK_INT(models_list(&context, &r, VIEW_LIT("/v1/models")), r.status);
    return r;
}

static void tag_of(const struct web_request *r, char out[static 64])
{
    const char *at = strstr(r->headers, "etag: ");

    CHECK(at != NULL);
    snprintf(out, 64, "%.*s", at == NULL ? 0 : (int)strcspn(at + 6, "\n"), at == NULL ? "" : at + 6);
}

static void test_once_per_catalog(void)
{
    struct web_request first, r;
    struct json_value root;

    open_store(counted);
    r = list(NULL);
    CHECK_INT(r.status, 503); /* there is no catalog yet */
    buf_free(&r.copy);
    for (uint32_t version = 1; version <= 3; version++) {
        publish(version, 1024);
        first = list(NULL);
        CHECK_INT(first.status, 200);
        CHECK_INT(json_check(buf_view(&first.copy), &root, NULL), ERR_NONE);
        CHECK(memmem(first.copy.ptr, first.copy.len, "\"author/model-0\"", 16) != NULL);
        CHECK(memmem(first.copy.ptr, first.copy.len, "\"author/model-1023\"", 19) != NULL);
        CHECK(memmem(first.copy.ptr, first.copy.len, "\"description\":\"Served by Demo A\"", 32) != NULL);
        for (int i = 0; i < 100; i++) {
            r = list(NULL);
            CHECK_INT(r.status, 200);
            CHECK(r.body.ptr == first.body.ptr && r.body.len == first.body.len);
            buf_free(&r.copy);
        }
        CHECK_INT(renders, version);
        buf_free(&first.copy);
    }
    close_store();
}

static void test_tag(void)
{
    struct web_request r;
    char old[64], tag[64], text[200];

    open_store(catalog_json);
    publish(1, 3);
    r = list(NULL);
    tag_of(&r, old);
    buf_free(&r.copy);
    publish(2, 3);
    r = list(NULL);
    tag_of(&r, tag);
    buf_free(&r.copy);
    CHECK(strcmp(old, tag) != 0);
    {
        const struct {
            const char *before, *after; /* around our tag; after NULL: not even that */
            int status;
        } cases[] = {
            {"", "", 304},       {"W/", "", 304},  {"\"x\", ", "", 304}, {"*", NULL, 304},
            {" ", " ,\"x\"", 304}, {"\"x\"", NULL, 200}, {"", NULL, 200},  {",", NULL, 200},
            {"x", "", 200},      {"w/", "", 200},  {"", "\"", 200},
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            bool ours = cases[i].after != NULL;

            snprintf(text, sizeof text, "%s%s%s", cases[i].before, ours ? tag : "",
                     ours ? cases[i].after : "");
            r = list(text);
            CHECK_INT(r.status, cases[i].status);
            CHECK((r.copy.len == 0) == (cases[i].status == 304));
            buf_free(&r.copy);
        }
    }
    r = list(old);
    CHECK_INT(r.status, 200);
    buf_free(&r.copy);
    close_store();
}

/* A listing that cannot be made is an error of the listing, and half of it is not shown. */
static void test_no_listing(void)
{
    struct web_request r;
    struct snapshot *s;

    open_store(too_long);
    publish(1, 1);
    CHECK_INT(renders, 1);
    r = list(NULL);
    CHECK_INT(r.status, 500);
    buf_free(&r.copy);
    s = catalog_acquire(context.catalogs, 0);
    CHECK(snapshot_find(s, VIEW_LIT("author/model-0")) != NULL);
    snapshot_release(s);
    close_store();
}

/* Four models: two of demo-a, one of both, one of nobody now. small: what the first one can do. */
/* synths: with three models that are made of the others, y (any preset), p (the preset quality) and one without anybody to
 * ask, and an alias of p. */
static void publish_models(uint16_t small, bool synths)
{
    const struct catalog_model models[] = {
        {.no = 1, .id = "acme/small", .name = "Acme Small", .context_length = 1000,
         .max_output = 100, .created = 1000, .capabilities = small},
        {.no = 2, .id = "acme/large:free", .name = "Acme Large", .context_length = 9000,
         .max_output = 900, .created = 3000,
         .capabilities = CAP_TOOLS | CAP_IMAGES | CAP_JSON_SCHEMA | CAP_REASONING},
        {.no = 3, .id = "other/large", .name = "", .context_length = 5000, .max_output = 500,
         .created = 2000, .capabilities = CAP_TOOLS},
        {.no = 4, .id = "other/gone", .name = "Gone", .created = 4000},
        {.no = 5, .id = "trustedrouter/synth", .name = "Synth", .created = 100, .kind = KIND_SYNTH, .description = "A panel"},
        {.no = 6, .id = "trustedrouter/prometheus-1.0", .created = 200, .kind = KIND_SYNTH},
        {.no = 7, .id = "trustedrouter/nobody", .created = 300, .kind = KIND_SYNTH},
    };
    static const struct catalog_synth rows[] = {
        {.model_no = 7, .panel_tokens = 1, .judge_tokens = 1, .final_tokens = 1, .n_panel = 1, .n_judges = 1, .n_finals = 1,
         .panel = {"other/gone"}, .judges = {"acme/small"}, .finals = {"acme/small"}},
        {.model_no = 5, .generic = true, .panel_tokens = 1, .judge_tokens = 1, .final_tokens = 1, .n_panel = 1,
         .n_judges = 1, .n_finals = 1, .panel = {"acme/small"}, .judges = {"acme/small"}, .finals = {"acme/small"}},
        {.model_no = 6, .preset = SYNTH_PRESET_QUALITY, .panel_tokens = 1200, .judge_tokens = 1300, .final_tokens = 1400,
         .n_panel = 3, .n_judges = 2, .n_finals = 2, .panel = {"acme/small", "~acme/latest", "other/gone"},
         .judges = {"other/large", "acme/small"}, .finals = {"acme/large:free", "other/large"}},
    };
    static const struct catalog_alias aliases[] = {
        {.id = "~acme/latest", .model = {4, 2}, .n_models = 2},
        {.id = "trustedrouter/prometheus", .model = {6}, .n_models = 1, .listed = true},
    };
    static const struct catalog_endpoint endpoints[] = {
        {.no = 1, .model_no = 1, .provider_no = 0, .weight = 1, .price.prompt_pusd = 500000,
         .price.completion_pusd = 1500000, .price.cached_pusd = 50000,
         .price.cache_write_pusd = 500000},
        {.no = 2, .model_no = 2, .provider_no = 0, .weight = 1, .price.prompt_pusd = 3000000,
         .price.completion_pusd = 9000000, .price.cached_pusd = 3000000},
        {.no = 3, .model_no = 3, .provider_no = 1, .weight = 1, .price.prompt_pusd = 2000000,
         .price.completion_pusd = 2000000, .price.cached_pusd = 2000000},
        {.no = 4, .model_no = 3, .provider_no = 0, .weight = 0},
        {.no = 5, .model_no = 4, .provider_no = 2, .weight = 0},
        {.no = 6, .model_no = 2, .provider_no = 1, .weight = 1, .price.prompt_pusd = 4000000,
         .price.completion_pusd = 9000000},
    };
    struct catalog c = {.version = 7, .n_models = 4, .n_endpoints = 6};

    if (synths)
        c = (struct catalog){.version = 9, .n_models = 7, .n_endpoints = 6, .n_synths = 3, .n_aliases = 2};
    c.models = calloc(1, sizeof models);
    c.endpoints = calloc(1, sizeof endpoints);
    c.synths = calloc(1, sizeof rows);
    c.aliases = calloc(1, sizeof aliases);
    memcpy(c.models, models, sizeof models);
    memcpy(c.endpoints, endpoints, sizeof endpoints);
    memcpy(c.synths, rows, sizeof rows);
    memcpy(c.aliases, aliases, sizeof aliases);
    CHECK_INT(catalog_store_publish(context.catalogs, &c), ERR_NONE);
}

static void publish_four_with(uint16_t small)
{
    publish_models(small, false);
}

static void publish_four(void)
{
    publish_four_with(0);
}

/* The ids of the models in an answer, one letter each: s, l, o (other/large), y and p (publish_models()), a (the alias of p); with "<param>" when it was
 * refused. The answer is valid JSON in every case. */
static const char *letters(struct web_request *r)
{
    static char out[64];
    struct json_value root;
    struct view body = buf_view(&r->copy);
    size_t n = 0;

    CHECK_INT(json_check(body, &root, NULL), ERR_NONE);
    for (size_t i = 0; n + 1 < sizeof out && i + 12 < body.len; i++) {
        struct view at = view_from(body, i);

        if (view_starts(at, VIEW_LIT("\"id\":\"acme/small\"")))
            out[n++] = 's';
        else if (view_starts(at, VIEW_LIT("\"id\":\"acme/large:free\"")))
            out[n++] = 'l';
        else if (view_starts(at, VIEW_LIT("\"id\":\"other/large\"")))
            out[n++] = 'o';
        else if (view_starts(at, VIEW_LIT("\"id\":\"trustedrouter/synth\"")))
            out[n++] = 'y';
        else if (view_starts(at, VIEW_LIT("\"id\":\"trustedrouter/prometheus-1.0\"")))
            out[n++] = 'p';
        else if (view_starts(at, VIEW_LIT("\"id\":\"trustedrouter/prometheus\"")))
            out[n++] = 'a';
        else if (view_starts(at, VIEW_LIT("\"id\":\"")))
            out[n++] = '?';
        else if (view_starts(at, VIEW_LIT("\"param\":\""))) {
            const uint8_t *end = memchr(at.ptr + 9, '"', at.len - 9);

            n += (size_t)snprintf(out, sizeof out, "<%.*s>", (int)(end - at.ptr - 9),
                                  (const char *)at.ptr + 9);
        }
    }
    out[n] = '\0';
    return out;
}

static bool body_has(const struct web_request *r, const char *text)
{
    return memmem(r->copy.ptr, r->copy.len, text, strlen(text)) != NULL;
}

static void check_query(const char *query, const char *want)
{
    struct web_request r = {.query = query};
    int status = models_list(&context, &r, VIEW_LIT("/v1/models"));

    CHECK_INT(status, r.status);
    CHECK_INT(status, want[0] == '<' ? 400 : 200);
    if (strcmp(letters(&r), want) != 0) {
        printf("# ?%s: %s, want %s\n", query, letters(&r), want);
        CHECK(!"the models");
    }
    buf_free(&r.copy);
}

static void test_filters(void)
{
    static const struct {
        const char *query, *want;
    } cases[] = {
        {"", "slo"},
        {"unknown=1&api-version=2024", "slo"},
        {"q=", "slo"},
        {"q=acme", "sl"},
        {"q=LARGE", "lo"},
        {"q=acme+large", "l"},
        {"q=acme%20large", "l"},
        {"q=nothing", ""},
        {"q=%zz", "<q>"},
        {"q=%1", "<q>"},
        {"q=a&q=b", "<q>"},
        {"supported_parameters=tools", "lo"},
        {"supported_parameters=tools,reasoning", "l"},
        {"supported_parameters=tools%2Creasoning", "l"},
        {"supported_parameters=temperature", "slo"},
        {"supported_parameters=top_a", ""}, /* a word of theirs that no model is known to take */
        {"supported_parameters=toools", "<supported_parameters>"},
        {"input_modalities=image", "l"},
        {"input_modalities=text,image", "slo"},
        {"input_modalities=smell", "<input_modalities>"},
        {"output_modalities=text", "slo"},
        {"output_modalities=all", "slo"},
        {"output_modalities=image", ""},
        {"output_modalities=texts", "<output_modalities>"},
        {"zdr=true", "sl"},
        {"zdr=false", "slo"},
        {"zdr=1", "<zdr>"},
        {"providers=demo-b", "lo"},
        {"providers=Demo+A", "sl"},
        {"providers=demo%20a,demo-b", "slo"},
        {"providers=idle", ""},
        {"providers=demo-c", "<providers>"},
        {"providers=demo-b&zdr=true", ""}, /* demo-a has l and keeps nothing, but was not asked for */
        {"region=eu", "lo"},
        {"region=us", ""},
        {"region=mars", "<region>"},
        {"model_authors=Acme", "sl"},
        {"model_authors=other,acme", "slo"},
        {"model_authors=nobody", ""},
        {"context=5000", "lo"},
        {"context=5001", "l"},
        {"context=0", "<context>"},
        {"context=many", "<context>"},
        {"max_price=2", "so"},
        {"max_price=1.999999", "s"},
        {"min_price=2", "lo"},
        {"min_price=2.000001", "l"},
        {"min_price=2.000000001", "l"}, /* a fraction of a unit more than it costs */
        {"max_price=-1", "<max_price>"},
        {"min_output_price=2&max_output_price=9", "lo"},
        {"sort=newest", "los"},
        {"sort=pricing-low-to-high", "sol"},
        {"sort=pricing-high-to-low", "los"},
        {"sort=context-high-to-low", "los"},
        {"sort=latency-low-to-high", "slo"}, /* never measured */
        {"sort=best", "<sort>"},
        {"sort=throughput-high-to-low", "<sort>"},
        {"category=programming", "<category>"},
        {"category=cooking", "<category>"},
        {"distillable=true", "<distillable>"},
        {"min_coding_index=1", "<min_coding_index>"},
        {"use_rss=true", "<use_rss>"},
        {"use_rss=false", "slo"},
        {"limit=2", "sl"},
        {"limit=2&offset=1", "lo"},
        {"limit=0", "<limit>"},
        {"limit=1001", "<limit>"},
        {"limit=1000", "slo"},
        {"offset=3", ""},
        {"offset=-1", "<offset>"},
        {"sort=newest&limit=1&offset=2&q=a", "s"},
    };

    open_store(catalog_json);
    publish_four();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_query(cases[i].query, cases[i].want);
    close_store();
}

/* A long value, and one with more words than are looked at. */
static void test_long_queries(void)
{
    char query[4096];
    size_t n;

    open_store(catalog_json);
    publish_four();
    snprintf(query, sizeof query, "q=%0512d", 0);
    check_query(query, "");
    snprintf(query, sizeof query, "q=%0513d", 0);
    check_query(query, "<q>");
    snprintf(query, sizeof query, "q=%03000d", 0);
    check_query(query, "<q>");
    n = (size_t)snprintf(query, sizeof query, "model_authors=acme");
    for (int i = 0; i < 15; i++)
        n += (size_t)snprintf(query + n, sizeof query - n, ",a");
    check_query(query, "sl");
    snprintf(query + n, sizeof query - n, ",a");
    check_query(query, "<model_authors>");
    close_store();
}

/* Each page names the next one, which a client asks for as it stands; together they are the list. */
static void test_pages(void)
{
    char query[256] = "sort=newest&limit=1&q=a%22", seen[8] = "";

    open_store(catalog_json);
    publish_four();
    check_query(query, ""); /* no model has a quote in its name */
    snprintf(query, sizeof query, "sort=newest&limit=1");
    for (int page = 0; page < 5 && query[0] != '\0'; page++) {
        struct web_request r = {.query = query};
        const char *at;

        CHECK_INT(models_list(&context, &r, VIEW_LIT("/api/v1/models")), 200);
        CHECK(body_has(&r, "\"total_count\":3}"));
        CHECK(!r.taken);
        strcat(seen, letters(&r));
        CHECK_INT(buf_append_byte(&r.copy, '\0'), ERR_NONE);
        at = strstr((char *)r.copy.ptr, "\"next\":\"/api/v1/models?");
        snprintf(query, sizeof query, "%.*s", at == NULL ? 0 : (int)strcspn(at + 23, "\""),
                 at == NULL ? "" : at + 23);
        buf_free(&r.copy);
    }
    CHECK_BYTES(seen, strlen(seen), "los", 3);
    close_store();
}

/* An order by latency is by what was measured, the quickest endpoint of a model for all of it. */
static void test_latency(void)
{
    struct snapshot *s;

    open_store(catalog_json);
    publish_four();
    s = catalog_acquire(context.catalogs, 0);
    health_success(health, snapshot_model(s, 2)->endpoints[0].health_slot, HEALTH_NOBODY,
                   clock_mono_ms(), 2000);
    health_success(health, snapshot_model(s, 1)->endpoints[1].health_slot, HEALTH_NOBODY,
                   clock_mono_ms(), 1000);
    snapshot_release(s);
    check_query("sort=latency-low-to-high", "los");
    close_store();
}

static void test_count(void)
{
    static const struct {
        const char *query, *want;
    } cases[] = {{"", "{\"data\":{\"count\":3}}"},
                 {"output_modalities=text", "{\"data\":{\"count\":3}}"},
                 {"output_modalities=image", "{\"data\":{\"count\":0}}"},
                 {"input_modalities=image", "{\"data\":{\"count\":1}}"}};

    open_store(catalog_json);
    publish_four();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_request r = {.query = cases[i].query};

        CHECK_INT(models_count(&context, &r), 200);
        CHECK_BYTES(r.copy.ptr, r.copy.len, cases[i].want, strlen(cases[i].want));
        buf_free(&r.copy);
    }
    {
        struct web_request r = {.query = "output_modalities=nothing"};

        CHECK_INT(models_count(&context, &r), 400);
        buf_free(&r.copy);
    }
    {
        struct web_request r = {.query = NULL};

        CHECK_INT(models_embeddings(&context, &r, VIEW_LIT("/v1/embeddings/models")), 200);
        CHECK(body_has(&r, "{\"object\":\"list\",\"data\":[],"));
        buf_free(&r.copy);
    }
    {
        struct web_request r = {.query = NULL};

        publish_four_with(CAP_EMBEDDINGS);
        CHECK_INT(models_embeddings(&context, &r, VIEW_LIT("/v1/embeddings/models")), 200);
        CHECK(strcmp(letters(&r), "s") == 0);
        CHECK(body_has(&r, "\"modality\":\"text->embeddings\",\"input_modalities\":[\"text\"],"
                           "\"output_modalities\":[\"embeddings\"]"));
        CHECK(body_has(&r, "\"max_completion_tokens\":null}") && body_has(&r, "\"supported_parameters\":[],"));
        buf_free(&r.copy);
        r = (struct web_request){.query = "output_modalities=text"};
        CHECK_INT(models_list(&context, &r, VIEW_LIT("/v1/models")), 200);
        CHECK(strcmp(letters(&r), "lo") == 0);
        buf_free(&r.copy);
    }
    close_store();
}

/* What is disabled is shown nowhere; what is not measured is null. */
static void test_endpoints(void)
{
    struct web_request r = {.query = NULL};
    struct snapshot *s;
    uint32_t slot;

    open_store(catalog_json);
    publish_four();
    CHECK_INT(models_one(&context, &r, VIEW_LIT("acme%2Flarge%3afree/endpoints")), 200);
    CHECK(body_has(&r, "\"name\":\"Demo A | acme/large:free\""));
    CHECK(body_has(&r, "\"name\":\"Demo, B | acme/large:free\""));
    CHECK(body_has(&r, "\"uptime_last_30m\":null"));
    CHECK(body_has(&r, "\"prompt\":\"0.000004\""));
    CHECK(body_has(&r, "\"supports_implicit_caching\":false"));
    CHECK(body_has(&r, "\"supports_tool_choice\":{\"auto\":true,")); /* @openrouter/sdk requires it */
    CHECK(body_has(&r, ",\"status\":0}"));
    CHECK_INT(letters(&r)[0], 'l');
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("other/large/endpoints")), 200);
    CHECK(!body_has(&r, "Demo A | ")); /* weight 0 */
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(endpoints_zdr(&context, &r), 200);
    CHECK(body_has(&r, "Demo A | acme/small") && body_has(&r, "Demo A | acme/large"));
    CHECK(!body_has(&r, "Demo, B") && !body_has(&r, "Idle"));
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(endpoints_providers(&context, &r), 200);
    CHECK(body_has(&r, "{\"name\":\"Demo A\",\"slug\":\"demo-a\",\"privacy_policy_url\":null"));
    CHECK(body_has(&r, "\"headquarters\":\"FR\""));
    CHECK(body_has(&r, "\"trustedrouter\":{\"region\":null,\"jurisdiction\":\"fr\",\"retains_data\":false,"));
    CHECK(body_has(&r, "{\"region\":\"eu\",\"jurisdiction\":\"eu\",\"retains_data\":true,\"trains\":false,"
                       "\"confidential\":false}}"));
    CHECK(body_has(&r, "{\"name\":\"Demo, B\"") && !body_has(&r, "\"EU\"")); /* no country */
    CHECK(!body_has(&r, "Idle"));
    buf_free(&r.copy);

    /* How it is doing is the present, not what it was when the catalog came. */
    s = catalog_acquire(context.catalogs, 0);
    slot = snapshot_model(s, 0)->endpoints[0].health_slot;
    snapshot_release(s);
    health_rate_limited(health, slot, clock_mono_ms(), 30000);
    r = (struct web_request){.query = NULL};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("acme/small/endpoints")), 200);
    CHECK(body_has(&r, "\"supports_implicit_caching\":true"));
    CHECK(body_has(&r, ",\"status\":-2}"));
    buf_free(&r.copy);
    close_store();
}

/* A model, an endpoint and aliases of which everything is said. */
static void publish_rich(void)
{
    static const struct catalog_model models[] = {
        {.no = 1, .id = "acme/rich", .name = "Rich", .description = "Acme's model", .context_length = 1000,
         .max_output = 100, .created = 1000, .knowledge_day = 20300, .facts_day = 20777,
         .capabilities = CAP_TOOLS | CAP_REASONING | CAP_JSON_SCHEMA, .open_weights = KNOWN_YES,
         .inputs = MEDIUM_TEXT | MEDIUM_FILE, .outputs = MEDIUM_TEXT | MEDIUM_AUDIO,
         .gates = {.bits = GATE_NO_SAMPLING | GATE_THINKS_ALWAYS | GATE_NO_FORCED_TOOL, .efforts = 4 | 16}},
        {.no = 2, .id = "acme/dead", .context_length = 1},
        {.no = 3, .id = "acme/sorter", .kind = KIND_RERANK},
    };
    static const struct catalog_endpoint endpoints[] = {
        {.no = 1, .model_no = 1, .provider_no = 0, .weight = 1, .context_length = 800, .max_output = 80,
         .quantization = QUANTIZATION_FP8, .lacks = CAP_JSON_SCHEMA, .source = "a list", .source_day = 20777,
         .retires_day = 20818, .retains_data = true,
         .price = {.prompt_pusd = 1000000, .completion_pusd = 2000000, .cached_pusd = 100000,
                   .cache_write_pusd = 1250000, .cache_write_long_pusd = 2000000, .reasoning_pusd = 2000000,
                   .audio_input_pusd = 5000000, .audio_output_pusd = 2000000, .image_input_pusd = 1000000,
                   .image_output_pusd = 30000000, .request_nusd = 5000000, .image_nusd = 40000000,
                   .query_nusd = 2000000, .n_tiers = 2,
                   .tier = {{200000, 0, 0, 3000000, 4000000, 300000, 3750000},
                            {0, 990, 30, 500000, 1000000, 50000, 600000}}}},
        {.no = 2, .model_no = 3, .provider_no = 0, .weight = 1},
    };
    static const struct catalog_alias aliases[] = {
        {.id = "~acme/latest", .model = {2, 1}, .n_models = 2, .listed = true},
        {.id = "acme-rich-2026", .model = {1}, .n_models = 1},
        {.id = "~acme/gone", .model = {2}, .n_models = 1, .listed = true},
    };
    struct catalog c = {.version = 8, .n_models = 3, .n_endpoints = 2, .n_aliases = 3};

    c.models = calloc(1, sizeof models);
    c.endpoints = calloc(1, sizeof endpoints);
    c.aliases = calloc(1, sizeof aliases);
    memcpy(c.models, models, sizeof models);
    memcpy(c.endpoints, endpoints, sizeof endpoints);
    memcpy(c.aliases, aliases, sizeof aliases);
    CHECK_INT(catalog_store_publish(context.catalogs, &c), ERR_NONE);
}

#define RICH_PRICING                                                                               \
    "\"pricing\":{\"prompt\":\"0.000001\",\"completion\":\"0.000002\",\"request\":\"0.005\",\"image\":\"0.04\","  \
    "\"input_cache_read\":\"0.0000001\",\"input_cache_write\":\"0.00000125\",\"input_cache_write_1h\":\"0.000002\","  \
    "\"audio\":\"0.000005\",\"image_output\":\"0.00003\",\"query\":\"0.002\",\"overrides\":["         \
    "{\"min_prompt_tokens\":200001,\"prompt\":\"0.000003\",\"completion\":\"0.000004\","              \
    "\"input_cache_read\":\"0.0000003\",\"input_cache_write\":\"0.00000375\"},"                       \
    "{\"utc_start\":16.5,\"utc_end\":0.5,\"prompt\":\"0.0000005\",\"completion\":\"0.000001\","       \
    "\"input_cache_read\":\"0.00000005\",\"input_cache_write\":\"0.0000006\"}]}"

static void check_body(const char *query, const char *const *has, size_t n)
{
    struct web_request r = {.query = query};
    struct json_value root;

    CHECK_INT(models_list(&context, &r, VIEW_LIT("/v1/models")), 200);
    CHECK_INT(json_check(buf_view(&r.copy), &root, NULL), ERR_NONE);
    for (size_t i = 0; i < n; i++)
        if (!body_has(&r, has[i])) {
            check_fail(__FILE__, __LINE__, has[i]);
            printf("# in %.*s\n", (int)r.copy.len, (const char *)r.copy.ptr);
        }
    buf_free(&r.copy);
}

/* What the catalog says is listed where readers look for it; what it does not say is null, or is not there. */
static void test_facts(void)
{
    static const char *const list_has[] = {
        RICH_PRICING,
        "\"description\":\"Acme's model. Served by Demo A\"",
        "\"modality\":\"text+file->text+audio\"",
        "\"knowledge_cutoff\":\"2025-07-31\",\"expiration_date\":\"2026-12-31\"",
        "\"reasoning\":{\"mandatory\":true,\"default_enabled\":true,\"supports_max_tokens\":false,"
        "\"supported_efforts\":[\"low\",\"high\"]}",
        "\"trustedrouter\":{\"kind\":\"chat\",\"open_weights\":true,\"facts_date\":\"2026-11-20\","
        "\"price_date\":\"2026-11-20\",\"price_source\":\"a list\",\"privacy\":\"any\",\"providers\":[\"demo-a\"]}",
        "\"supported_parameters\":[\"max_tokens\",\"max_completion_tokens\",\"stop\",\"seed\",\"frequency_penalty\"",
        "\"context_length\":1000,\"architecture\"",
        "\"top_provider\":{\"is_moderated\":false,\"context_length\":800,\"max_completion_tokens\":80}",
        "{\"id\":\"~acme/latest\",\"canonical_slug\":\"acme/rich\"",
        "\"alias_target\":{\"slug\":\"acme/rich\",\"name\":\"Rich\"}}],",
        "\"total_count\":3}",
        /* of the other nobody said anything */
        "{\"id\":\"acme/sorter\",\"canonical_slug\":\"acme/sorter\"",
        "\"context_length\":null,\"architecture\":{\"modality\":\"text->rerank\"",
        "\"knowledge_cutoff\":null,\"expiration_date\":null,\"trustedrouter\":{\"kind\":\"rerank\",\"open_weights\":null,"
        "\"facts_date\":null,\"price_date\":null,\"price_source\":null,\"privacy\":\"zdr\",\"providers\":[\"demo-a\"]}",
    };
    static const char *const endpoint_has[] = {
        RICH_PRICING, "\"context_length\":800,\"max_completion_tokens\":80,\"quantization\":\"fp8\"",
        "\"supports_tool_choice\":{\"auto\":true,\"function\":false,\"none\":true,\"required\":false}",
        "\"trustedrouter\":{\"kept\":true,\"privacy\":\"any\",\"retires\":\"2026-12-31\",\"price_date\":\"2026-11-20\",",
    };
    static const char *const second[] = {"{\"id\":\"acme/sorter\"", "\"total_count\":3"};
    static const char *const third[] = {"[{\"id\":\"~acme/latest\"", "\"next\":null"};
    struct web_request r = {.query = NULL};

    open_store(catalog_json);
    publish_rich();
    check_body(NULL, list_has, sizeof list_has / sizeof list_has[0]);
    check_body("limit=1&offset=1", second, 2);
    check_body("limit=1&offset=2", third, 2);
    CHECK_INT(models_list(&context, &r, VIEW_LIT("/v1/models")), 200);
    CHECK(!body_has(&r, "acme-rich-2026") && !body_has(&r, "~acme/gone") && !body_has(&r, "acme/dead"));
    CHECK(!body_has(&r, "\"temperature\"") && !body_has(&r, "\"top_p\""));
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(models_count(&context, &r), 200);
    CHECK(body_has(&r, "{\"data\":{\"count\":3}}"));
    buf_free(&r.copy);
    /* each name of the list has its own page, and the page that "details" names */
    r = (struct web_request){.query = NULL};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("~acme/latest")), 200);
    CHECK(body_has(&r, "{\"id\":\"~acme/latest\"") && body_has(&r, "\"alias_target\":{\"slug\":\"acme/rich\""));
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(models_wrapped(&context, &r, VIEW_LIT("%7Eacme%2Flatest")), 200);
    CHECK(body_has(&r, "{\"data\":{\"id\":\"~acme/latest\""));
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("~acme/gone")), 404); /* it is not listed */
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("~acme/latest/endpoints")), 200);
    CHECK(body_has(&r, "{\"data\":{\"id\":\"acme/rich\""));
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("acme/rich/endpoints")), 200);
    for (size_t i = 0; i < sizeof endpoint_has / sizeof endpoint_has[0]; i++)
        if (!body_has(&r, endpoint_has[i]))
            check_fail(__FILE__, __LINE__, endpoint_has[i]);
    CHECK(body_has(&r, "\"tools\"") && !body_has(&r, "\"structured_outputs\"")); /* it lacks that */
    buf_free(&r.copy);
    r = (struct web_request){.query = NULL};
    CHECK_INT(endpoints_zdr(&context, &r), 200);
    CHECK(body_has(&r, "acme/sorter") && !body_has(&r, "acme/rich")); /* the row says that it keeps prompts */
    buf_free(&r.copy);
    close_store();
}

/* The 66th provider is itself, and not the second one. */
static void test_many_providers(void)
{
    static struct providers many = {.n = 70};
    const struct models_context before = context;
    struct web_request r = {.query = NULL};
    struct catalog c = {.version = 1, .n_models = 1, .n_endpoints = 1, .models = calloc(1, sizeof *c.models),
                        .endpoints = calloc(1, sizeof *c.endpoints)};

    for (size_t i = 0; i < many.n; i++) {
        many.list[i].no = (uint16_t)i;
        snprintf(many.list[i].id, sizeof many.list[i].id, "p%zu", i);
        snprintf(many.list[i].name, sizeof many.list[i].name, "P%zu", i);
    }
    c.models[0] = (struct catalog_model){.no = 1, .id = "acme/small", .context_length = 1};
    c.endpoints[0] = (struct catalog_endpoint){.no = 1, .model_no = 1, .provider_no = 65, .weight = 1};
    context.providers = &many;
    CHECK_INT(health_new(&health), ERR_NONE);
    context.health = health;
    CHECK_INT(catalog_store_new(&many, health, 1, &context.catalogs), ERR_NONE);
    catalog_store_list(context.catalogs, catalog_json);
    CHECK_INT(catalog_store_publish(context.catalogs, &c), ERR_NONE);
    check_query("providers=p65", "s");
    check_query("providers=p1", "");
    CHECK_INT(endpoints_providers(&context, &r), 200);
    CHECK(body_has(&r, "\"slug\":\"p65\"") && !body_has(&r, "\"slug\":\"p1\""));
    buf_free(&r.copy);
    close_store();
    context = before;
}

/* Anthropic's pages: the newest first, in both directions. */
static void test_anthropic(void)
{
    static const struct {
        const char *query, *want, *end;
    } cases[] = {
        {"", "los", "],\"has_more\":false,\"first_id\":\"acme/large:free\",\"last_id\":\"acme/small\"}"},
        {"limit=2", "lo", "],\"has_more\":true,\"first_id\":\"acme/large:free\",\"last_id\":\"other/large\"}"},
        {"limit=2&after_id=other/large", "s", "\"has_more\":false"},
        {"after_id=other%2Flarge", "s", "\"has_more\":false"},
        {"after_id=acme/small", "", "],\"has_more\":false,\"first_id\":null,\"last_id\":null}"},
        {"before_id=acme/small&limit=1", "o", "\"has_more\":true"},
        {"before_id=acme/small", "lo", "\"has_more\":false"},
        {"after_id=nobody", "<after_id>", ""},
        {"after_id=other/gone", "<after_id>", ""},
        {"before_id=acme/small&after_id=acme/small", "<before_id>", ""},
        {"limit=0", "<limit>", ""},
        {"limit=1001", "<limit>", ""},
        {"limit=x", "<limit>", ""},
    };

    open_store(catalog_json);
    publish_four();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_request r = {.query = cases[i].query, .anthropic_version = "2023-06-01"};

        CHECK_INT(models_list(&context, &r, VIEW_LIT("/v1/models")),
                  cases[i].want[0] == '<' ? 400 : 200);
        if (cases[i].want[0] == '<') { /* in Anthropic's words, which have the parameter in front */
            char about[64];

            snprintf(about, sizeof about, "\"message\":\"%.*s: ", (int)strlen(cases[i].want) - 2,
                     cases[i].want + 1);
            CHECK(body_has(&r, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\""));
            CHECK(body_has(&r, about));
        } else {
            CHECK_BYTES(letters(&r), strlen(letters(&r)), cases[i].want, strlen(cases[i].want));
            CHECK(body_has(&r, cases[i].end));
        }
        buf_free(&r.copy);
    }
    {
        struct web_request r = {.anthropic_version = "2026-10-21"};

        CHECK_INT(models_one(&context, &r, VIEW_LIT("acme/large:free")), 200);
        CHECK(body_has(&r, "{\"type\":\"model\",\"id\":\"acme/large:free\",\"display_name\":"
                           "\"Acme Large\",\"created_at\":\"1970-01-01T00:50:00Z\","
                           "\"max_input_tokens\":9000,\"max_tokens\":900,"));
        CHECK(body_has(&r, "\"image_input\":{\"supported\":true}"));
        buf_free(&r.copy);
    }
    close_store();
}

static void test_one(void)
{
    static const struct {
        const char *id;
        int status;
    } cases[] = {
        {"acme/small", 200},        {"acme%2Fsmall", 200},
        {"acme%2fsmall", 200},      {"acme/large:free", 200},
        {"acme%2Flarge%3Afree", 200}, /* encodeURIComponent() */
        {"acme/large", 404},        {"other/gone", 404}, /* nobody serves it now */
        {"acme/small:floor", 200},  {"acme%2Fsmall%3Anitro", 200}, /* any model's, and no other model */
        {"acme/large:free:nitro", 200}, {"acme/small:free", 404}, {"acme/small:nitro/endpoints", 200},
        {"acme/small%", 404},       {"acme/small%00", 404},
        {"acme/small/endpoints", 200}, {"acme%2Fsmall/endpoints", 200},
        {"acme/larger/endpoints", 404}, {"/endpoints", 404},
        {"endpoints", 404},         {"", 404},
    };

    open_store(catalog_json);
    publish_four();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_request r = {.status = 0};

        CHECK_INT(models_one(&context, &r, view_str(cases[i].id)), cases[i].status);
        CHECK_INT(r.status, cases[i].status);
        if (r.status != cases[i].status)
            printf("# %s\n", cases[i].id);
        buf_free(&r.copy);
    }
    {
        struct web_request r = {.status = 0};

        CHECK_INT(models_wrapped(&context, &r, VIEW_LIT("acme/small")), 200);
        CHECK(view_starts(buf_view(&r.copy), VIEW_LIT("{\"data\":{\"id\":\"acme/small\"")));
        buf_free(&r.copy);
        r = (struct web_request){.path = "/api/v1/model/x"};
        CHECK_INT(models_wrapped(&context, &r, VIEW_LIT("acme/nothing")), 404);
        CHECK(body_has(&r, "{\"error\":{\"code\":404,") && body_has(&r, "\"error_type\":\"not_found\""));
        CHECK(body_has(&r, "\"code\":\"model_not_found\""));
        buf_free(&r.copy);
    }
    close_store();
}

/* A model that is made of others has no price and no endpoint, and is listed all the same, with what is known. */
#define SYNTH_JSON                                                                                                      \
    "\"panel\":[\"acme/small\",\"~acme/latest\",\"other/gone\"],\"judges\":[\"other/large\",\"acme/small\"],"                 \
    "\"finals\":[\"acme/large:free\",\"other/large\"],\"max_completion_tokens\":{\"panel\":1200,\"judge\":1300,\"final\":1400}," \
    "\"pricing\":{\"varies\":true,\"prompt\":{\"min\":\"0.000006\",\"max\":\"0.000013\"},"                                  \
    "\"completion\":{\"min\":\"0.000014\",\"max\":\"0.000025\"}}}"

static void test_synth_lists(void)
{
    static const struct {
        const char *query, *want;
    } cases[] = {
        {"", "sloypa"},
        {"q=trustedrouter", "ypa"},
        {"model_authors=trustedrouter&q=prometheus", "pa"},
        {"sort=pricing-low-to-high", "solypa"}, /* by the least that they can cost */
        {"sort=pricing-high-to-low", "ypalos"},
        {"sort=context-high-to-low", "losypa"},
        {"sort=newest", "lospay"},
        {"sort=latency-low-to-high", "sloypa"},
        {"max_price=13&min_price=6", "ypa"},
        {"max_price=12.9&min_price=6", ""}, /* it may cost more */
        {"max_price=13&min_price=6.1", ""}, /* it may cost less */
        {"min_output_price=14&max_output_price=25", "ypa"},
        {"context=1000", "sloypa"},
        {"context=1001", "lo"}, /* one of its panel has no more */
        {"supported_parameters=tools", "loypa"},
        {"supported_parameters=response_format", "l"}, /* not every final takes it */
        {"input_modalities=image", "l"},
        {"output_modalities=text", "sloypa"},
        {"output_modalities=embeddings", ""},
        {"zdr=true", "slypa"}, /* small and large are left */
        {"providers=demo-b", "loypa"},
        {"providers=idle", ""},
    };

    open_store(catalog_json);
    publish_models(0, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_query(cases[i].query, cases[i].want);
    close_store();
}

static void test_synth_one(void)
{
    static const char *const has[] = {
        "\"canonical_slug\":\"trustedrouter/prometheus-1.0\"",
        ",\"context_length\":1000,\"architecture\":{\"modality\":\"text->text\"",
        ",\"pricing\":{\"prompt\":\"-1\",\"completion\":\"-1\"},",
        "\"top_provider\":{\"is_moderated\":false,\"context_length\":1000,\"max_completion_tokens\":1400}",
        "\"parallel_tool_calls\"]",
        ",\"trustedrouter\":{\"kind\":\"synth\",\"open_weights\":null,",
        ",\"synth\":{\"preset\":\"quality\",\"any_preset\":false,\"code\":false," SYNTH_JSON "}",
    };
    struct web_request r = {.status = 0};

    open_store(catalog_json);
    publish_models(0, true);
    CHECK_INT(models_one(&context, &r, VIEW_LIT("trustedrouter/prometheus-1.0")), 200);
    for (size_t i = 0; i < sizeof has / sizeof has[0]; i++)
        if (!body_has(&r, has[i])) {
            printf("# lacks %s\n# %.*s\n", has[i], (int)r.copy.len, (const char *)r.copy.ptr);
            CHECK(!"the member");
        }
    CHECK_INT(letters(&r)[0], 'p');
    buf_free(&r.copy);
    r = (struct web_request){.status = 0}; /* what it is unless a request says otherwise */
    CHECK_INT(models_one(&context, &r, VIEW_LIT("trustedrouter/synth")), 200);
    CHECK(body_has(&r, ",\"description\":\"A panel\",") && body_has(&r, ",\"synth\":{\"preset\":null,\"any_preset\":true,\"code\":false," SYNTH_JSON));
    buf_free(&r.copy);
    r = (struct web_request){.status = 0};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("trustedrouter/nobody")), 404);
    buf_free(&r.copy);
    r = (struct web_request){.status = 0};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("trustedrouter/prometheus-1.0/endpoints")), 200);
    CHECK(body_has(&r, "\"endpoints\":[],\"trustedrouter\":{\"note\":\"This model is made of several") && body_has(&r, SYNTH_JSON));
    CHECK_INT(letters(&r)[0], 'p');
    buf_free(&r.copy);
    r = (struct web_request){.anthropic_version = "2023-06-01"};
    CHECK_INT(models_list(&context, &r, VIEW_LIT("/v1/models")), 200);
    CHECK_BYTES(letters(&r), strlen(letters(&r)), "lospy", 5);
    CHECK(body_has(&r, "\"max_input_tokens\":1000,\"max_tokens\":1400,"));
    buf_free(&r.copy);
    r = (struct web_request){.anthropic_version = "2023-06-01"};
    CHECK_INT(models_one(&context, &r, VIEW_LIT("trustedrouter/synth")), 200);
    CHECK(body_has(&r, "\"max_input_tokens\":1000,\"max_tokens\":1400,"));
    buf_free(&r.copy);
    close_store();
}

static const struct check_case cases[] = {
    {"models_synth_lists", test_synth_lists},
    {"models_synth_one", test_synth_one},
    {"models_facts", test_facts},
    {"models_many_providers", test_many_providers},
    {"models_once_per_catalog", test_once_per_catalog},
    {"models_tag", test_tag},
    {"models_no_listing", test_no_listing},
    {"models_one", test_one},
    {"models_filters", test_filters},
    {"models_long_queries", test_long_queries},
    {"models_pages", test_pages},
    {"models_latency", test_latency},
    {"models_count", test_count},
    {"models_endpoints", test_endpoints},
    {"models_anthropic", test_anthropic},
};
CHECK_MAIN(cases)
