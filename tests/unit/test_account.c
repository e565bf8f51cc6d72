/* A question about an account leaves with the digest of a key and nothing else of it, within its bounds, and is
 * answered once whatever the link says. */
#include "account.c"

#include "check.h"
#include "key_text.h"

#include <stdio.h>

struct web_request {
    struct view method, query, body;
    const char *key, *idempotency;
    int status;
    char headers[2048], body_out[1024];
    void (*gone)(void *cookie);
    void *cookie;
};

static struct web_request web;
static struct stats stats;
static const struct account_context context = {NULL, NULL, &stats};
static struct {
    unsigned asked, cancelled;
    struct msg_relay_ask ask;
    char path[64];
    inquiry_cb *cb;
    void *cookie;
    enum err e, rate;
} fake;

struct view web_method(const struct web_request *r)
{
    return r->method;
}
struct view web_path(const struct web_request *r)
{
    (void)r;
    return VIEW_LIT("/v1/key");
}
struct view web_query(const struct web_request *r)
{
    return r->query;
}
struct view web_body(const struct web_request *r)
{
    return r->body;
}
bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    if (view_eq(name, VIEW_LIT("idempotency-key")) && r->idempotency != NULL) {
        *out = view_str(r->idempotency);
        return true;
    }
    if (r->key == NULL || !view_eq(name, VIEW_LIT("authorization")))
        return false;
    *out = view_str(r->key);
    return true;
}
void web_peer(const struct web_request *r, uint8_t out[static 16])
{
    (void)r;
    memset(out, 0, 16);
}
void web_set_gone(struct web_request *r, void (*gone)(void *cookie), void *cookie)
{
    r->gone = gone;
    r->cookie = cookie;
}
void web_respond(struct web_request *r, int status, const struct web_header *h, size_t n,
                 struct view body)
{
    size_t at = 0;

    CHECK(r->status == 0);
    r->status = status;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(r->headers + at, sizeof r->headers - at, "%.*s: %.*s\n",
                               (int)h[i].name.len, (const char *)h[i].name.ptr, (int)h[i].value.len,
                               (const char *)h[i].value.ptr);
    snprintf(r->body_out, sizeof r->body_out, "%.*s", (int)body.len,
             body.len != 0 ? (const char *)body.ptr : "");
}
void web_respond_taking(struct web_request *r, int status, const struct web_header *h, size_t n,
                        struct buf *body)
{
    web_respond(r, status, h, n, buf_view(body));
    buf_free(body);
}
enum err rate_take(struct rate *r, const uint8_t address[static 16], uint64_t now_ms,
                   uint32_t *retry_ms)
{
    (void)r, (void)address, (void)now_ms;
    *retry_ms = 2500;
    return fake.rate;
}
enum err inquiry_relay(struct uplink_port *p, const struct msg_relay_ask *ask, inquiry_cb *cb,
                       void *cookie, struct inquiry **out)
{
    (void)p;
    if (fake.e != ERR_NONE)
        return fake.e;
    fake.asked++;
    fake.ask = *ask;
    snprintf(fake.path, sizeof fake.path, "%.*s", (int)ask->path.len, (const char *)ask->path.ptr);
    fake.cb = cb;
    fake.cookie = cookie;
    *out = (struct inquiry *)&fake;
    return ERR_NONE;
}
void inquiry_cancel(struct inquiry *q)
{
    CHECK(q == (struct inquiry *)&fake);
    fake.cancelled++;
}

#define KEY KEY_PREFIX "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define MANAGEMENT_KEY KEY_MANAGEMENT_PREFIX "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void ask(const char *method, const char *path, const char *key)
{
    web = (struct web_request){.method = view_str(method), .key = key};
    memset(&fake, 0, sizeof fake);
    account_ask(&context, &web, view_str(path));
}

static void answer(enum err e, uint16_t status, uint32_t retry_ms, const char *body)
{
    struct inquiry_answer a = {.e = e, .status = status, .retry_ms = retry_ms};

    buf_init(&a.body, 1024);
    CHECK_INT(buf_append(&a.body, view_str(body)), ERR_NONE);
    fake.cb(fake.cookie, &a);
    buf_free(&a.body);
}

static void what_leaves(void)
{
    static const struct {
        const char *method, *path, *key, *text, *want_path;
        uint8_t want_method, openrouter;
    } cases[] = {
        {"GET", "/v1/key", "Bearer " KEY, KEY, "/key", RELAY_GET, 0},
        {"HEAD", "/api/v1/key", "Bearer " KEY, KEY, "/key", RELAY_GET, 1},
        {"POST", "/v1/keys", "Bearer " MANAGEMENT_KEY, MANAGEMENT_KEY, "/keys", RELAY_POST, 0},
        {"POST", "/v1/keys/ab/rotate", "Bearer " MANAGEMENT_KEY, MANAGEMENT_KEY, "/keys/ab/rotate",
         RELAY_POST, 0},
        {"PATCH", "/v1/keys/ab", "Bearer " MANAGEMENT_KEY, MANAGEMENT_KEY, "/keys/ab", RELAY_PATCH, 0},
        {"DELETE", "/api/v1/keys/ab", "Bearer " MANAGEMENT_KEY, MANAGEMENT_KEY, "/keys/ab",
         RELAY_DELETE, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct digest32 want;

        ask(cases[i].method, cases[i].path, cases[i].key);
        CHECK_INT(fake.asked, 1);
        CHECK_INT(fake.ask.method, cases[i].want_method);
        CHECK_INT(fake.ask.openrouter, cases[i].openrouter);
        CHECK(strcmp(fake.path, cases[i].want_path) == 0);
        digest_sha256(view_str(cases[i].text), &want);
        CHECK(memcmp(&want, &fake.ask.key_digest, sizeof want) == 0);
        CHECK_INT(web.status, 0);
        answer(ERR_NONE, 200, 0, "{}");
        CHECK_INT(web.status, 200);
    }
}

static void what_does_not_leave(void)
{
    static const uint8_t large[LIMIT_RELAY_BODY_BYTES + 1];

    ask("GET", "/v1/key", NULL);
    CHECK_INT(web.status, 401);
    CHECK(strstr(web.body_out, "missing_api_key") != NULL);
    ask("GET", "/v1/key", "Bearer sk-other");
    CHECK_INT(web.status, 401);
    CHECK(strstr(web.headers, "www-authenticate: Bearer\n") != NULL);
    CHECK_INT(fake.asked, 0);

    for (size_t over = 0; over < 2; over++) {
        web = (struct web_request){.method = VIEW_LIT("POST"),
                                   .key = "Bearer " KEY,
                                   .body = view_of(large, LIMIT_RELAY_BODY_BYTES + over)};
        memset(&fake, 0, sizeof fake);
        account_ask(&context, &web, VIEW_LIT("/v1/keys"));
        CHECK_INT(web.status, over ? 413 : 0);
        CHECK_INT(fake.asked, !over);
        if (!over)
            answer(ERR_NONE, 200, 0, "{}");
    }

    /* A key that nobody would keep is refused, not dropped; of what is no POST it means nothing. */
    for (unsigned post = 0; post < 2; post++) {
        web = (struct web_request){.method = view_str(post ? "POST" : "GET"),
                                   .key = "Bearer " KEY,
                                   .idempotency = "order-1"};
        memset(&fake, 0, sizeof fake);
        account_ask(&context, &web, VIEW_LIT("/v1/keys"));
        CHECK_INT(web.status, post ? 400 : 0);
        CHECK_INT(fake.asked, !post);
        if (!post)
            answer(ERR_NONE, 200, 0, "{}");
    }

    web = (struct web_request){.method = VIEW_LIT("GET"), .key = "Bearer " KEY};
    memset(&fake, 0, sizeof fake);
    fake.rate = ERR_RATE;
    account_ask(&context, &web, VIEW_LIT("/v1/key"));
    CHECK_INT(web.status, 429);
    CHECK(strstr(web.headers, "retry-after-ms: 2500\n") != NULL);
    CHECK_INT(fake.asked, 0);
}

/* The link does not take it. */
static void what_the_link_refuses(void)
{
    static const struct {
        enum err e;
        int status;
    } cases[] = {{ERR_RANGE, 400}, {ERR_FORMAT, 400}, {ERR_OVERLOAD, 503}, {ERR_MEMORY, 503}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        web = (struct web_request){.method = VIEW_LIT("GET"), .key = "Bearer " KEY};
        memset(&fake, 0, sizeof fake);
        fake.e = cases[i].e;
        account_ask(&context, &web, VIEW_LIT("/v1/key"));
        CHECK_INT(web.status, cases[i].status);
        CHECK(web.gone == NULL);
    }
}

static void what_is_answered(void)
{
    static const struct {
        enum err e;
        uint16_t status;
        uint32_t retry_ms;
        const char *body; /* "": the control plane said none */
        int want;
        const char *in_body, *in_headers;
    } cases[] = {
        {ERR_NONE, 200, 0, "{\"data\":1}", 200, "{\"data\":1}", "content-type: application/json\n"},
        {ERR_NONE, 201, 0, "{\"key\":1}", 201, "{\"key\":1}", "cache-control: no-store\n"},
        {ERR_NONE, 401, 0, "{\"error\":1}", 401, "{\"error\":1}", "www-authenticate: Bearer\n"},
        {ERR_NONE, 429, 1500, "{\"error\":1}", 429, "{\"error\":1}", "retry-after: 2\n"},
        {ERR_NONE, 503, 700, "{\"error\":1}", 503, "{\"error\":1}", "retry-after-ms: 700\n"},
        {ERR_NONE, 429, 1500, "", 429, "rate_limit_exceeded", "retry-after: 2\n"},
        {ERR_NONE, 502, 0, "", 502, "answer_too_large", ""},
        {ERR_NONE, 503, 1000, "", 503, "control_plane_unavailable", "retry-after: 1\n"},
        {ERR_CONTROL_PLANE, 0, 0, "", 503, "may or may not have been done", "retry-after: 1\n"},
        {ERR_LIMIT, 200, 0, "{", 502, "answer_too_large", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask("GET", "/v1/key", "Bearer " KEY);
        answer(cases[i].e, cases[i].status, cases[i].retry_ms, cases[i].body);
        CHECK_INT(web.status, cases[i].want);
        CHECK(strstr(web.body_out, cases[i].in_body) != NULL);
        CHECK(strstr(web.headers, cases[i].in_headers) != NULL);
        CHECK(strstr(web.headers, "x-request-id: ") != NULL);
    }
}

static void a_client_that_leaves(void)
{
    ask("GET", "/v1/key", "Bearer " KEY);
    web.gone(web.cookie);
    CHECK_INT(fake.cancelled, 1);
    CHECK_INT(web.status, 0);
}

static const struct check_case cases[] = {
    {"account_what_leaves", what_leaves},
    {"account_what_does_not_leave", what_does_not_leave},
    {"account_what_the_link_refuses", what_the_link_refuses},
    {"account_what_is_answered", what_is_answered},
    {"account_a_client_that_leaves", a_client_that_leaves},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
