/* (G) The client's end of a chat completion: one answer, whole or streamed, or one failure. */
#include "chat_inside.h"

#include "base64.h"
#include "chat_cut.h"
#include "clock.h"
#include "content_view.h"
#include "error_body.h"
#include "facts.h"
#include "receipt_document.h"
#include "reply.h"
#include "reserve.h"

#include <assert.h>

/* --- the receipt */

/* A stream's facts are final; of a whole answer reply_json() says the rest. */
static void chat_publish(struct chat *c, bool complete)
{
    const struct chat_context *x = c->context;
    struct receipt_facts f;

    chat_note_sent(c);
    facts_of_request(&c->request, &f);
    if (c->request.committed) {
        /* What still waits is written by the end of an answer; a client that left does not get it.
         */
        f.returned_bytes =
            sse_out_digest(&c->out, c->request.outcome != ERR_CLIENT_GONE, &f.returned);
        if (f.returned_bytes != 0) /* else not even the head has left */
            f.flags |= RECEIPT_RETURNED | (complete ? RECEIPT_COMPLETE : 0);
    }
    receipts_publish(x->receipts, x->request.admit.worker, &f);
}

void chat_left(struct request *r)
{
    chat_publish(chat_of(r), false);
}

/* Did the client say that it reads trailers (RFC 9110 10.1.4)? */
static bool chat_wants_trailer(const struct chat *c)
{
    struct view te, word;

    if (!web_header(c->web, VIEW_LIT("te"), &te))
        return false;
    while (te.len != 0) {
        const uint8_t *comma = memchr(te.ptr, ',', te.len);
        size_t n = comma != NULL ? (size_t)(comma - te.ptr) : te.len;

        (void)view_take(&te, n, &word);
        te = view_from(te, 1);
        if (view_eq_nocase(view_trim(word), VIEW_LIT("trailers")))
            return true;
    }
    return false;
}

static const char *cut_name(enum request_cut cut)
{
    static const char *const names[] = {
        [CUT_NONE] = "",
        [CUT_CREDIT] = "credit",
        [CUT_CONTROL_PLANE] = "control_plane",
        [CUT_LIMIT] = "max_tokens",
    };

    return names[cut];
}

/* Why the stream is not all that the provider would have said; NULL: it is. */
static const char *end_reason(const struct request *r)
{
    if (r->cut != CUT_NONE)
        return cut_name(r->cut);
    return r->answer != API_OK ? errors_row(r->answer)->code : NULL;
}

/* The last bytes have left: only now is there time to sign. */
static void chat_trailer_cb(void *cookie, struct buf *lines)
{
    const struct chat *c = cookie;
    const struct chat_context *x = c->context;
    struct receipt_facts f;
    struct buf text;
    enum err e;

    buf_init(&text, RECEIPT_DOCUMENT_MAX);
    e = receipts_find(x->receipts, &c->request.id, &c->request.key_digest, &f);
    if (e == ERR_NONE)
        e = receipt_document(x->signer, &f, &text);
    if (e == ERR_NONE)
        e = buf_append(lines, VIEW_LIT("ACI-Receipt: "));
    if (e == ERR_NONE)
        e = base64_append(buf_view(&text), lines);
    if (e == ERR_NONE)
        e = buf_append(lines, VIEW_LIT("\r\n"));
    if (e == ERR_NONE && end_reason(&c->request) != NULL)
        e = buf_appendf(lines, "x-tr-end-reason: %s\r\n", end_reason(&c->request));
    if (e != ERR_NONE) /* it can still be asked for */
        buf_reset(lines);
    buf_free(&text);
}

/* --- the answer */

/* Who answered, and whether that was the first choice. Names from the measured providers.conf and
 * the catalog, never a client's text. */
static void chat_headers(const struct chat *c, struct reply *p)
{
    const struct request *r = &c->request;
    uint32_t told = reserve_told(r);
    const struct provider *now = r->candidate.endpoint->provider;

    reply_init(p, &r->id);
    reply_add_generation(p);
    if (r->stream)
        reply_add_receipt(p);
    reply_add(p, VIEW_LIT("x-tr-provider"), view_str(now->id));
    reply_add(p, VIEW_LIT("x-tr-model"), view_str(r->candidate.model->info->id));
    if (r->attempts > 1) {
        reply_add(p, VIEW_LIT("x-tr-fallback-from"), view_str(r->first.endpoint->provider->id));
        reply_add(p, VIEW_LIT("x-tr-fallback-to"), view_str(now->id));
    }
    if (told != 0)
        reply_add_max_tokens(p, told);
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
    bool trailer = chat_wants_trailer(c) && web_may_trail(c->web);
    struct reply p;

    assert(c->web != NULL && r->stream);
    chat_forget_prompt(c);
    chat_headers(c, &p);
    reply_add(&p, VIEW_LIT("content-type"), VIEW_LIT("text/event-stream"));
    reply_add(&p, VIEW_LIT("x-accel-buffering"), VIEW_LIT("no"));
    if (trailer)
        reply_add(&p, VIEW_LIT("trailer"), VIEW_LIT("ACI-Receipt"));
    web_stream_start(c->web, 200, p.headers, p.n, chat_writable_cb, c);
    if (trailer)
        (void)web_stream_trailer(c->web, chat_trailer_cb, c);
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

/* We end the stream, not the provider: say so, and what it comes to. */
static enum err chat_cut(struct chat *c)
{
    const struct request *r = &c->request;
    size_t mark = 0;
    enum err e = sse_out_begin(&c->out, &mark);

    if (e == ERR_NONE)
        e = chat_cut_chunk(&c->canon, r->n_choices, cut_name(r->cut), &c->out.filling);
    if (e == ERR_NONE)
        e = sse_out_commit(&c->out);
    if (e == ERR_NONE && c->include_usage) {
        c->canon.usage = r->account.usage;
        e = sse_out_begin(&c->out, &mark);
        if (e == ERR_NONE)
            e = chat_canon_closing(&c->canon, &c->out.filling);
        if (e == ERR_NONE)
            e = sse_out_commit(&c->out);
    }
    if (e != ERR_NONE)
        sse_out_abandon(&c->out, mark);
    return e;
}

void chat_complete(struct request *r)
{
    struct chat *c = chat_of(r);
    struct web_request *web = c->web;
    struct receipt_facts facts;
    struct reply p;
    bool clean;

    assert(web != NULL);
    c->web = NULL;
    if (r->stream) {
        clean = (r->cut == CUT_NONE || chat_cut(c) == ERR_NONE) &&
                sse_out_done(&c->out) == ERR_NONE;
        chat_publish(c, clean);
        sse_out_end(&c->out, clean, chat_released_cb, c);
        return;
    }
    chat_headers(c, &p);
    facts_of_request(r, &facts);
    reply_publish(&p, c->context->receipts, r->context->admit.worker, &facts);
    reply_json_taking(&p, web, 200, content_buf(c->answer)); /* a slow reader holds this one copy */
    request_closed(r);
}

/* Inside the stream: the error as an event, without [DONE]. Behind it the body ends as HTTP says it must: clients
 * raise the event, and a connection that breaks behind it ends whole programs on some of them. Only when there is no
 * memory for the event does the connection break instead, so that nobody takes the answer for complete. */
static void chat_fail_stream(struct chat *c, const struct api_failure *f)
{
    size_t mark = 0;
    enum err e = sse_out_begin(&c->out, &mark);

    if (e == ERR_NONE)
        e = error_body(f, &c->out.filling);
    if (e == ERR_NONE)
        e = sse_out_commit(&c->out);
    if (e != ERR_NONE)
        sse_out_abandon(&c->out, mark);
    chat_publish(c, false);
    sse_out_end(&c->out, e == ERR_NONE, chat_released_cb, c);
}

void chat_fail(struct request *r, const struct api_failure *f)
{
    struct chat *c = chat_of(r);
    struct web_request *web = c->web;
    struct receipt_facts facts;
    struct reply p;

    assert(web != NULL);
    c->web = NULL;
    if (r->committed) {
        chat_fail_stream(c, f);
        return;
    }
    reply_init(&p, &r->id);
    facts_of_request(r, &facts);
    reply_publish(&p, c->context->receipts, r->context->admit.worker, &facts);
    reply_failure(&p, web, f);
    request_closed(r);
}
