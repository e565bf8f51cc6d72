/* (G) The client's end of a chat completion: one answer, whole or streamed, or one failure. */
#include "chat_inside.h"
#include "clock.h"
#include "content_view.h"
#include "reply.h"

#include <assert.h>

/* Who answered, and whether that was the first choice. Names from the measured providers.conf and
 * the catalog, never a client's text. */
static void chat_headers(const struct chat *c, struct reply *p)
{
    const struct request *r = &c->request;
    const struct provider *now = r->candidate.endpoint->provider;

    reply_init(p, &r->id);
    reply_add_generation(p);
    reply_add(p, VIEW_LIT("x-tr-provider"), view_str(now->id));
    reply_add(p, VIEW_LIT("x-tr-model"), view_str(r->candidate.model->info->id));
    if (r->attempts > 1) {
        reply_add(p, VIEW_LIT("x-tr-fallback-from"), view_str(r->first.endpoint->provider->id));
        reply_add(p, VIEW_LIT("x-tr-fallback-to"), view_str(now->id));
    }
    reply_add(p, VIEW_LIT("cache-control"), VIEW_LIT("no-cache"));
}

void chat_flush(struct chat *c)
{
    if (sse_out_flush(&c->out))
        c->request.last_out_ms = clock_mono_ms();
}

static void chat_writable_cb(void *cookie)
{
    struct chat *c = cookie;

    request_hold(&c->request);
    sse_out_written(&c->out);
    chat_flush(c);
    chat_attempt_resume(c);
    request_let(&c->request);
}

void chat_forget_prompt(struct chat *c)
{
    content_free(c->body);
    c->body = NULL;
    if (c->asked != NULL)
        explicit_bzero(c->asked, sizeof *c->asked);
    free(c->asked);
    c->asked = NULL;
}

void chat_commit(struct request *r)
{
    struct chat *c = chat_of(r);
    struct reply p;

    assert(c->web != NULL && r->stream);
    chat_forget_prompt(c);
    chat_headers(c, &p);
    reply_add(&p, VIEW_LIT("content-type"), VIEW_LIT("text/event-stream"));
    reply_add(&p, VIEW_LIT("x-accel-buffering"), VIEW_LIT("no"));
    web_stream_start(c->web, 200, p.headers, p.n, chat_writable_cb, c);
    sse_out_start(&c->out, c->web);
    r->last_out_ms = clock_mono_ms();
}

void chat_keep_alive(struct request *r)
{
    struct chat *c = chat_of(r);

    if (c->out.web == NULL || web_stream_busy(c->out.web))
        return; /* a client that takes nothing is not waiting for a sign of life */
    if (sse_out_comment(&c->out) == ERR_NONE)
        chat_flush(c);
}

/* The server is done with the answer's last bytes, sent or not. */
static void chat_released_cb(void *cookie)
{
    struct chat *c = cookie;

    sse_out_free(&c->out);
    request_closed(&c->request);
}

void chat_complete(struct request *r)
{
    struct chat *c = chat_of(r);
    struct web_request *web = c->web;
    struct reply p;
    bool clean;

    assert(web != NULL);
    c->web = NULL;
    if (r->stream) {
        clean = sse_out_done(&c->out) == ERR_NONE;
        sse_out_end(&c->out, clean, chat_released_cb, c);
        return;
    }
    chat_headers(c, &p);
    reply_json(&p, web, 200, content_bytes(c->answer));
    request_closed(r);
}

/* Inside the stream: the error as an event, then an end that no client can take for complete. */
static void chat_fail_stream(struct chat *c, const struct api_failure *f)
{
    size_t mark = 0;
    enum err e = sse_out_begin(&c->out, &mark);

    if (e == ERR_NONE)
        e = errors_body(f, &c->out.filling);
    if (e == ERR_NONE)
        e = sse_out_commit(&c->out);
    if (e != ERR_NONE)
        sse_out_abandon(&c->out, mark);
    sse_out_end(&c->out, false, chat_released_cb, c);
}

void chat_fail(struct request *r, const struct api_failure *f)
{
    struct chat *c = chat_of(r);
    struct web_request *web = c->web;
    struct reply p;

    assert(web != NULL);
    c->web = NULL;
    if (r->committed) {
        chat_fail_stream(c, f);
        return;
    }
    reply_init(&p, &r->id);
    reply_failure(&p, web, f);
    request_closed(r);
}
