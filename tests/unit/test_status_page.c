/* Anybody may ask for the status page at any rate, so that what it costs must not depend on who asks, and how large it is
 * must have a bound: the largest catalog, every endpoint measured, fits. */
#include "status_page.c"

#include "check.h"
#include "json.h"

#include <stdio.h>

struct web_request {
    int status;
    struct buf body;
};

bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    (void)r, (void)name, (void)out;
    return false;
}
struct view web_query(const struct web_request *r)
{
    (void)r;
    return VIEW_EMPTY;
}
struct view web_path(const struct web_request *r)
{
    (void)r;
    return VIEW_LIT("/v1/status");
}
void web_respond(struct web_request *r, int status, const struct web_header *h, size_t n, struct view body)
{
    (void)h, (void)n;
    r->status = status;
    buf_init(&r->body, STATUS_PAGE_MAX);
    CHECK_INT(buf_append(&r->body, body), ERR_NONE);
}
void web_respond_taking(struct web_request *r, int status, const struct web_header *h, size_t n, struct buf *body)
{
    web_respond(r, status, h, n, buf_view(body));
    buf_free(body);
}

static struct providers providers;
static struct health *health;
static struct catalog_store *store;
static struct models_context context;

static void make(size_t n_models, size_t n_endpoints)
{
    struct catalog c = {.version = 1, .n_models = n_models, .n_endpoints = n_endpoints};

    providers.n = LIMIT_PROVIDERS;
    for (uint16_t i = 0; i < LIMIT_PROVIDERS; i++) {
        providers.list[i].no = i;
        snprintf(providers.list[i].id, sizeof providers.list[i].id, "a-provider-with-a-long-name-%03u", i);
        snprintf(providers.list[i].region, sizeof providers.list[i].region, "region-%03u", i);
    }
    c.models = calloc(n_models, sizeof *c.models);
    c.endpoints = calloc(n_endpoints, sizeof *c.endpoints);
    for (uint32_t i = 0; i < n_models; i++) {
        c.models[i].no = i + 1;
        memset(c.models[i].id, 'm', LIMIT_MODEL_ID_BYTES);
        snprintf(c.models[i].id, 8, "a/%04u", i);
        c.models[i].id[6] = 'x';
    }
    for (uint32_t i = 0; i < n_endpoints; i++)
        c.endpoints[i] = (struct catalog_endpoint){.no = i + 1, .model_no = i % (uint32_t)n_models + 1,
                                                   .provider_no = (uint16_t)(i % LIMIT_PROVIDERS), .weight = 1};
    CHECK_INT(health_new(&health), ERR_NONE);
    CHECK_INT(catalog_store_new(&providers, health, 1, &store), ERR_NONE);
    context = (struct models_context){store, health, &providers, 0};
    if (n_models != 0)
        CHECK_INT(catalog_store_publish(store, &c), ERR_NONE);
    else
        catalog_free(&c);
}

static void drop(struct status_page *p)
{
    status_page_free(p);
    catalog_store_free(store);
    health_free(health);
}

static int ask(struct status_page *p, struct web_request *r)
{
    *r = (struct web_request){0};
    return status_page_answer(p, &context, r);
}

static bool says(const struct web_request *r, const char *part)
{
    return memmem(r->body.ptr, r->body.len, part, strlen(part)) != NULL;
}

static void at(uint64_t mono_ms)
{
    clock_freeze(mono_ms * 1000, 1700000000000);
}

static void test_bounded(void)
{
    struct status_page *p;
    struct web_request a, b;
    struct json_value root;
    uint64_t now_ms = 1000000;

    at(now_ms);
    make(LIMIT_MODELS, LIMIT_ENDPOINTS);
    CHECK_INT(status_page_new("eu-central-1", &p), ERR_NONE);
    CHECK_INT(ask(p, &a), 200);
    CHECK(says(&a, "\"unmeasured_endpoints\":4096,") && says(&a, "\"models\":[],") && a.body.len < 100000);
    buf_free(&a.body);
    now_ms += STATUS_PAGE_MS;
    at(now_ms);
    for (uint32_t no = 1; no <= LIMIT_ENDPOINTS; no++)
        for (unsigned i = 0; i < 6; i++) {
            health_success(health, health_slot(health, no), HEALTH_NOBODY, now_ms, 4000000);
            health_written(health, health_slot(health, no), now_ms, 100000, 1000000);
        }
    health_failure(health, health_slot(health, 1), HEALTH_NOBODY, HEALTH_FAULT_ENDPOINT, now_ms);
    CHECK_INT(ask(p, &a), 200);
    CHECK(says(&a, "\"unmeasured_endpoints\":0,") && says(&a, "\"region\":\"eu-central-1\""));
    CHECK(says(&a, "{\"percent\":85.71,\"samples\":7}")); /* six of seven, rounded down */
    CHECK(json_check(buf_view(&a.body), &root, NULL) == ERR_NONE);
    printf("# %zu bytes of at most %d\n", a.body.len, STATUS_PAGE_MAX);
    CHECK(a.body.len < STATUS_PAGE_MAX);
    /* made once: what happens meanwhile is told with the next page */
    health_success(health, health_slot(health, 1), HEALTH_NOBODY, now_ms, 4000000);
    at(now_ms + STATUS_PAGE_MS - 1);
    CHECK_INT(ask(p, &b), 200);
    CHECK_BYTES(b.body.ptr, b.body.len, a.body.ptr, a.body.len);
    buf_free(&b.body);
    at(now_ms + STATUS_PAGE_MS);
    CHECK_INT(ask(p, &b), 200);
    CHECK(b.body.len != a.body.len || memcmp(b.body.ptr, a.body.ptr, a.body.len) != 0);
    buf_free(&a.body);
    buf_free(&b.body);
    drop(p);
}

static void test_no_catalog(void)
{
    struct status_page *p;
    struct web_request a;

    make(0, 0);
    CHECK_INT(status_page_new("", &p), ERR_NONE);
    CHECK_INT(ask(p, &a), 503);
    CHECK(says(&a, "not_ready"));
    buf_free(&a.body);
    drop(p);
}

static const struct check_case cases[] = {{"status_page_bounded", test_bounded},
                                          {"status_page_no_catalog", test_no_catalog}};
CHECK_MAIN(cases)
