/* Hands a client's question about its own account on to the control plane: method, path, query, body, and of
 * the key its digest. */
#include "account.h"

#include "api_key.h"
#include "clock.h"
#include "inquiry.h"
#include "own_key_body.h"
#include "rate.h"
#include "reply.h"

#include <assert.h>
#include <stdlib.h>

/* One question on its way. */
struct account_call {
    const struct account_context *x;
    struct web_request *web;
    struct inquiry *inquiry;
};

static void account_refuse(const struct account_context *x, struct web_request *web,
                           const struct api_failure *f)
{
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    stats_status(x->stats, errors_row(f->error)->status);
    reply_failure(&p, web, f);
}

/* --- the answer --- */

static const char unreachable[] =
    "The control plane cannot be reached now; what you asked for may or may not have been done.";

/* The control plane's own words, or ours where it has none. API_OK: its own. */
static enum api_error account_error(const struct inquiry_answer *a)
{
    if (a->e != ERR_NONE)
        return a->e == ERR_LIMIT ? API_ACCOUNT_LARGE : API_CONTROL_PLANE;
    if (a->body.len != 0)
        return API_OK;
    return a->status == 429   ? API_ACCOUNT_RATE
           : a->status == 502 ? API_ACCOUNT_LARGE
                              : API_CONTROL_PLANE;
}

static void account_reply(const struct account_context *x, struct web_request *web,
                          struct inquiry_answer *a)
{
    struct id id = id_new();
    struct error_header_text text;
    struct web_header extra[ERROR_HEADERS_MAX];
    /* What a client reads in the headers of an error is the same whoever words the body. */
    const struct api_failure hint = {.error = a->status == 401   ? API_BAD_KEY
                                              : a->status == 429 ? API_ACCOUNT_RATE
                                              : a->status == 503 ? API_CONTROL_PLANE
                                                                 : API_OK,
                                     .retry_after_ms = a->retry_ms};
    size_t n = error_headers(&hint, &text, extra);
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    for (size_t i = 0; i < n; i++)
        reply_add(&p, extra[i].name, extra[i].value);
    stats_status(x->stats, a->status);
    reply_json_taking(&p, web, a->status, &a->body);
}

static void account_answer_cb(void *cookie, struct inquiry_answer *a)
{
    struct account_call *c = cookie;
    const struct account_context *x = c->x;
    struct web_request *web = c->web;
    struct api_failure f = {.error = account_error(a), .retry_after_ms = a->retry_ms};

    free(c);
    if (f.error == API_CONTROL_PLANE)
        f.message = unreachable;
    if (f.error == API_OK)
        account_reply(x, web, a);
    else
        account_refuse(x, web, &f);
}

static void account_gone_cb(void *cookie)
{
    struct account_call *c = cookie;

    inquiry_cancel(c->inquiry);
    free(c);
}

/* --- the question --- */

static uint8_t account_method(struct view method)
{
    static const struct {
        struct view name;
        uint8_t method;
    } methods[] = {{VIEW_LIT("GET"), RELAY_GET},
                   {VIEW_LIT("HEAD"), RELAY_GET},
                   {VIEW_LIT("POST"), RELAY_POST},
                   {VIEW_LIT("PATCH"), RELAY_PATCH},
                   {VIEW_LIT("DELETE"), RELAY_DELETE}};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (view_eq(method, methods[i].name))
            return methods[i].method;
    assert(!"the table of endpoints has no other");
    return RELAY_METHODS;
}

/* Keys of POST requests are the control plane's (its idempotent.h), and no header crosses the link. A client that sends
 * one relies on it, so it is told. */
static bool account_has_key(const struct web_request *web, const struct msg_relay_ask *ask)
{
    struct view key;

    return ask->method == RELAY_POST && web_header(web, VIEW_LIT("idempotency-key"), &key);
}

/* False: *f says why not. */
static bool account_read(const struct account_context *x, struct web_request *web, struct view path,
                         struct msg_relay_ask *ask, struct api_failure *f)
{
    uint8_t address[16];

    f->error = api_key_read_any(web, &ask->key_digest);
    if (f->error != API_OK)
        return false;
    ask->openrouter = view_starts(path, VIEW_LIT("/api/"));
    ask->path = view_from(path, ask->openrouter ? strlen("/api/v1") : strlen("/v1"));
    ask->method = account_method(web_method(web));
    ask->query = web_query(web);
    ask->body = web_body(web);
    if (ask->body.len > LIMIT_RELAY_BODY_BYTES) {
        f->error = API_TOO_LARGE;
        f->message = "The body of a request to this path may have 16 KiB.";
        return false;
    }
    if (account_has_key(web, ask)) {
        f->error = API_BAD_REQUEST;
        f->message = "Idempotency-Key on this path works at the control plane's own address only.";
        return false;
    }
    if (view_starts(ask->path, VIEW_LIT("/byok")) && !own_key_body_ok(ask->body, f))
        return false;
    web_peer(web, address);
    if (rate_take(x->rate, address, clock_mono_ms(), &f->retry_after_ms) != ERR_NONE) {
        f->error = API_ACCOUNT_RATE;
        return false;
    }
    return true;
}

static enum err account_begin(const struct account_context *x, struct web_request *web,
                              const struct msg_relay_ask *ask)
{
    struct account_call *c = calloc(1, sizeof *c);
    enum err e;

    if (c == NULL)
        return ERR_MEMORY;
    *c = (struct account_call){.x = x, .web = web};
    e = inquiry_relay(x->port, ask, account_answer_cb, c, &c->inquiry);
    if (e == ERR_NONE)
        web_set_gone(web, account_gone_cb, c);
    else
        free(c);
    return e;
}

void account_ask(const struct account_context *x, struct web_request *web, struct view path)
{
    struct api_failure f = {.error = API_OK};
    struct msg_relay_ask ask = {.call = 1}; /* numbered when it is asked */
    enum err e;

    if (account_read(x, web, path, &ask, &f)) {
        e = account_begin(x, web, &ask);
        if (e == ERR_NONE)
            return;
        f.error = e == ERR_RANGE || e == ERR_FORMAT ? API_BAD_REQUEST : API_OVERLOAD;
        if (f.error == API_BAD_REQUEST)
            f.message = "The path may have 256 bytes and the query 2 KiB, of printable ASCII.";
    }
    account_refuse(x, web, &f);
}
