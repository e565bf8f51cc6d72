/* Calls that data planes hand on: a client asks the host it knows, which sends what is asked and the digest
 * of the key over the link. Behind that nothing is different from a call over HTTPS. */
#include "call.h"

#include <assert.h>
#include <stdlib.h>

enum { RELAYED_RETRY_MS = 1000 }; /* as call_reply() says in its header */

struct relayed {
    api_answer_cb *cb;
    void *cookie;
    struct buf text; /* path, query: they outlive the frame they came in */
};

/* No header crosses the link. */
static bool relayed_header(const struct call *c, struct view name, struct view *out)
{
    (void)c;
    (void)name;
    (void)out;
    return false;
}

static void relayed_respond(struct call *c, int status, const struct web_header *headers, size_t n,
                            struct view body)
{
    struct relayed *r = c->from;
    struct api_answer answer = {.status = status, .body = body};

    (void)headers; /* the data plane words its own */
    (void)n;
    if (status == 429 || status == 503)
        answer.retry_ms = c->retry_ms != 0 ? c->retry_ms : RELAYED_RETRY_MS;
    r->cb(r->cookie, &answer);
    buf_free(&r->text);
    free(r);
}

static const struct origin link_origin = {true, relayed_header, relayed_respond};

static struct view method_name(uint8_t method)
{
    static const char *const names[RELAY_METHODS] = {
        [RELAY_GET] = "GET",
        [RELAY_POST] = "POST",
        [RELAY_PATCH] = "PATCH",
        [RELAY_DELETE] = "DELETE",
    };

    assert(method < RELAY_METHODS);
    return view_str(names[method]);
}

static struct relayed *relayed_new(const struct msg_relay_ask *ask, api_answer_cb *cb, void *cookie)
{
    struct relayed *r = malloc(sizeof *r);
    enum err e;

    assert(r != NULL);
    r->cb = cb;
    r->cookie = cookie;
    buf_init(&r->text, LIMIT_RELAY_PATH_BYTES + LIMIT_RELAY_QUERY_BYTES);
    e = buf_append(&r->text, ask->path);
    if (e == ERR_NONE)
        e = buf_append(&r->text, ask->query);
    assert(e == ERR_NONE); /* the decoder's bounds */
    return r;
}

void api_relay(struct api *a, const struct msg_relay_ask *ask, const uint8_t address[static 16],
               api_answer_cb *cb, void *cookie)
{
    struct relayed *r = relayed_new(ask, cb, cookie);
    struct call *c = call_new(a, &link_origin, r);

    c->method = method_name(ask->method);
    c->path = view_of(r->text.ptr, ask->path.len);
    c->query = view_from(buf_view(&r->text), ask->path.len);
    c->openrouter = ask->openrouter != 0;
    c->digest = ask->key_digest;
    memcpy(c->address, address, sizeof c->address);
    call_serve(c, ask->body);
}
