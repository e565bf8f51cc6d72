/* The list of models needs no key, so anybody may ask for it at any rate: what it costs must not depend
 * on how long it is. It is made once for each catalog, by the publisher, and shared. */
#include "models.c"

#include "check.h"
#include "json.h"

#include <stdlib.h>

struct web_request {
    const char *if_none_match;
    int status;
    char headers[2048];
    struct view body; /* where the answer's bytes are: nobody copies them */
    struct buf copy;
};

struct view web_path(const struct web_request *r)
{
    (void)r;
    return VIEW_LIT("/v1/models");
}

bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    if (r->if_none_match == NULL || !view_eq(name, VIEW_LIT("if-none-match")))
        return false;
    *out = view_str(r->if_none_match);
    return true;
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
}

static struct providers providers = {.n = 1, .list = {{.no = 0, .id = "demo-a", .name = "Demo A"}}};
static struct models_context context;
static struct health *health;
static unsigned renders;

static enum err counted(const struct snapshot *s, struct buf *out)
{
    renders++;
    return models_render(s, out);
}

static enum err too_long(const struct snapshot *s, struct buf *out)
{
    (void)s;
    renders++;
    return buf_append(out, VIEW_LIT("{\"half\":")) == ERR_NONE ? ERR_LIMIT : ERR_MEMORY;
}

static void open_store(catalog_list *list)
{
    renders = 0;
    CHECK_INT(health_new(&health), ERR_NONE);
    CHECK_INT(catalog_store_new(&providers, health, 1, &context.catalogs), ERR_NONE);
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
            .price_prompt_pusd = version};
    }
    CHECK_INT(catalog_store_publish(context.catalogs, &c), ERR_NONE);
}

static struct web_request list(const char *if_none_match)
{
    struct web_request r = {.if_none_match = if_none_match};

    CHECK_INT(models_list(&context, &r), r.status);
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

    open_store(models_render);
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

static void test_one(void)
{
    static const struct {
        const char *id;
        int status;
    } cases[] = {
        {"author/model-1", 200},
        {"author%2Fmodel-1", 200},
        {"author%2fmodel-1", 200},
        {"author/model-9", 404},
        {"", 404},
    };

    open_store(models_render);
    publish(1, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_request r = {.status = 0};

        CHECK_INT(models_one(&context, &r, view_str(cases[i].id)), cases[i].status);
        CHECK_INT(r.status, cases[i].status);
        buf_free(&r.copy);
    }
    close_store();
}

static const struct check_case cases[] = {
    {"models_once_per_catalog", test_once_per_catalog},
    {"models_tag", test_tag},
    {"models_no_listing", test_no_listing},
    {"models_one", test_one},
};
CHECK_MAIN(cases)
