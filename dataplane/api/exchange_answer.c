/* (G) The client's end of an exchange: one answer, whole or streamed, or one failure. */
#include "exchange_internal.h"

#include "base64.h"
#include "clock.h"
#include "content_view.h"
#include "exchange_synth.h"
#include "facts.h"
#include "receipt_document.h"
#include "reply.h"
#include "reserve.h"
#include "route_metadata.h"

#include <assert.h>

/* --- the receipt */

/* A stream's facts are final; of a whole answer reply_json() says the rest. */
static void exchange_publish(struct exchange *x, bool complete)
{
    const struct exchange_context *context = x->context;
    struct receipt_facts f;

    exchange_note_sent(x);
    facts_of_request(&x->request, &f);
    if (x->request.committed) {
        /* What still waits is written by the end of an answer; a client that left does not get it.
         */
        f.returned_bytes =
            sse_out_digest(&x->out, x->request.outcome != ERR_CLIENT_GONE, &f.returned);
        if (f.returned_bytes != 0) /* else not even the head has left */
            f.flags |= RECEIPT_RETURNED | (complete ? RECEIPT_COMPLETE : 0);
    }
    receipts_publish(context->receipts, context->request.admit.worker, &f);
}

void exchange_left(struct request *r)
{
    if (!r->local)
        exchange_publish(exchange_of(r), false);
}

/* Did the client say that it reads trailers (RFC 9110 10.1.4)? */
static bool exchange_wants_trailer(const struct exchange *x)
{
    struct view te, word;

    if (!web_header(x->web, VIEW_LIT("te"), &te))
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

/* Why the stream is not all that the provider would have said; NULL: it is. */
static const char *end_reason(const struct request *r)
{
    if (r->cut != CUT_NONE)
        return exchange_cut_name(r->cut);
    return r->answer != API_OK ? errors_row(r->answer)->code : NULL;
}

/* The last bytes have left: only now is there time to sign. */
static void exchange_trailer_cb(void *cookie, struct buf *lines)
{
    const struct exchange *x = cookie;
    const struct exchange_context *context = x->context;
    struct receipt_facts f;
    struct buf text;
    enum err e;

    buf_init(&text, RECEIPT_DOCUMENT_MAX);
    e = receipts_find(context->receipts, &x->request.id, &x->request.key_digest, &f);
    if (e == ERR_NONE)
        e = receipt_document(context->signer, &f, &text);
    if (e == ERR_NONE)
        e = buf_append(lines, VIEW_LIT("ACI-Receipt: "));
    if (e == ERR_NONE)
        e = base64_append(buf_view(&text), lines);
    if (e == ERR_NONE)
        e = buf_append(lines, VIEW_LIT("\r\n"));
    if (e == ERR_NONE && end_reason(&x->request) != NULL)
        e = buf_appendf(lines, "x-tr-end-reason: %s\r\n", end_reason(&x->request));
    if (e != ERR_NONE) /* it can still be asked for */
        buf_reset(lines);
    buf_free(&text);
}

/* --- the answer */

/* What the limits of the key leave, told to its holder. */
static void exchange_add_rates(const struct exchange *x, struct reply *p, enum api_error error)
{
    const struct request *r = &x->request;
    struct key_rates rates;

    admit_rates(&r->admission, &r->context->admit, &r->key_digest, &rates);
    reply_add_rates(p, &rates, x->dialect, error == API_RATE);
}

/* Somebody else answered than who was asked first. SafeRouter's names tell the models where another model answered, as its
 * own do; else they are the same providers again. */
static void exchange_add_fallback(const struct request *r, struct reply *p)
{
    const struct candidate *from = &r->attempts.first, *to = &r->attempts.candidate;
    bool models = from->model != to->model;

    if (r->attempts.made <= 1)
        return;
    reply_add(p, VIEW_LIT("x-tr-fallback-from"), view_str(from->endpoint->provider->id));
    reply_add(p, VIEW_LIT("x-tr-fallback-to"), view_str(to->endpoint->provider->id));
    reply_add(p, VIEW_LIT("x-saferouter-fallback-from"),
              view_str(models ? from->model->info->id : from->endpoint->provider->id));
    reply_add(p, VIEW_LIT("x-saferouter-fallback-to"),
              view_str(models ? to->model->info->id : to->endpoint->provider->id));
}

/* Who answered, and whether that was the first choice. Names from the measured providers.conf and
 * the catalog, never a client's text. */
static void exchange_headers(const struct exchange *x, struct reply *p)
{
    const struct request *r = &x->request;
    uint32_t told = reserve_told(r);
    struct exchange_writer now;

    reply_init(p, &r->id);
    reply_add_generation(p);
    if (r->stream)
        reply_add_receipt(p);
    if (exchange_writer(x, &now)) {
        reply_add(p, VIEW_LIT("x-tr-provider"), view_str(now.provider->id));
        reply_add(p, VIEW_LIT("x-tr-model"), view_str(now.model->id));
    }
    exchange_add_fallback(r, p);
    if (x->notes.skipped[0] != '\0')
        reply_add(p, VIEW_LIT("x-tr-skipped-models"), view_str(x->notes.skipped));
    if (told != 0)
        reply_add_max_tokens(p, told);
    exchange_add_rates(x, p, API_OK);
    if (x->tells_store)
        reply_add(p, VIEW_LIT("x-tr-store"), VIEW_LIT("false"));
    reply_add(p, VIEW_LIT("cache-control"), VIEW_LIT("no-cache"));
}

void exchange_flush(struct exchange *x)
{
    if (sse_out_flush(&x->out))
        x->request.last_out_ms = clock_mono_ms();
}

static void exchange_writable_cb(void *cookie)
{
    struct exchange *x = cookie;

    request_hold(&x->request);
    sse_out_written(&x->out);
    exchange_flush(x);
    exchange_resume(x);
    request_let(&x->request);
}

void exchange_commit(struct request *r)
{
    struct exchange *x = exchange_of(r);
    bool trailer = exchange_wants_trailer(x) && web_may_trail(x->web);
    struct reply p;

    assert(x->web != NULL && r->stream);
    if (x->synth == NULL) /* else the final model may not have been asked yet */
        exchange_forget_prompt(x);
    exchange_headers(x, &p);
    reply_add(&p, VIEW_LIT("content-type"), VIEW_LIT("text/event-stream"));
    reply_add(&p, VIEW_LIT("x-accel-buffering"), VIEW_LIT("no"));
    if (trailer)
        reply_add(&p, VIEW_LIT("trailer"), VIEW_LIT("ACI-Receipt"));
    web_stream_start(x->web, 200, p.headers, p.n, exchange_writable_cb, x);
    if (trailer)
        (void)web_stream_trailer(x->web, exchange_trailer_cb, x);
    sse_out_start(&x->out, x->web);
    r->last_out_ms = clock_mono_ms();
}

void exchange_keep_alive(struct request *r)
{
    struct exchange *x = exchange_of(r);
    struct view sign = x->dialect->keep_alive;

    if (x->out.web == NULL || web_stream_busy(x->out.web))
        return; /* a client that takes nothing is not waiting for a sign of life */
    if (x->synth != NULL && !x->synth->useful) /* no answer has begun that an event could be part of */
        sign = VIEW_LIT(": keep-alive\n\n");
    else if (!exchange_is_raw(x) && exchange_words_begin(x) != ERR_NONE)
        return;
    if (sse_out_comment(&x->out, sign) == ERR_NONE)
        exchange_flush(x);
}

/* The server is done with the answer's last bytes, sent or not. */
static void exchange_released_cb(void *cookie)
{
    struct exchange *x = cookie;

    sse_out_free(&x->out);
    request_closed(&x->request);
}

/* What a whole answer's receipt says, published when it is sent. */
static void exchange_promise(struct exchange *x, struct reply *p, struct receipt_facts *facts)
{
    if (x->request.local)
        return;
    facts_of_request(&x->request, facts);
    reply_publish(p, x->context->receipts, x->request.context->admit.worker, facts);
}

/* The answer is made of the prompt alone. */
static void exchange_complete_count(struct exchange *x, struct web_request *web)
{
    struct reply p;
    struct buf body;

    reply_init(&p, &x->request.id);
    exchange_add_rates(x, &p, API_OK);
    buf_init(&body, EXCHANGE_COUNT_MAX);
    if (x->dialect->count(&x->prompt, &body) == ERR_NONE)
        reply_json(&p, web, 200, buf_view(&body));
    else
        reply_failure_in(&p, web, &(struct api_failure){.error = API_OVERLOAD}, x->dialect,
                         x->answer.openrouter);
    buf_free(&body);
    request_closed(&x->request);
}

/* The bill is made; a slow reader holds the one copy of the body. */
static void exchange_complete_whole(struct exchange *x, struct web_request *web, bool told)
{
    static const struct api_failure full = {.error = API_OVERLOAD, .ran = true};
    struct receipt_facts facts;
    struct reply p;
    bool written = told && (exchange_is_raw(x) || exchange_words_whole(x) == ERR_NONE);

    if (written) {
        exchange_headers(x, &p);
    } else {
        reply_init(&p, &x->request.id);
        exchange_add_rates(x, &p, full.error);
    }
    exchange_promise(x, &p, &facts);
    if (written && exchange_is_raw(x))
        reply_body_taking(&p, web, 200, body_type_text(attempt_answer_type(&x->attempt)), exchange_raw_whole(x));
    else if (written)
        reply_json_taking(&p, web, 200, content_buf(x->whole));
    else
        reply_failure_in(&p, web, &full, x->dialect, x->answer.openrouter);
}

void exchange_complete(struct request *r)
{
    struct exchange *x = exchange_of(r);
    struct web_request *web = x->web;
    bool told, clean;

    assert(web != NULL);
    told = x->synth == NULL || exchange_synth_tell(x) == ERR_NONE;
    x->web = NULL;
    if (r->local) {
        exchange_complete_count(x, web);
        return;
    }
    if (r->stream) {
        clean = told && exchange_words_end(x) == ERR_NONE;
        exchange_publish(x, clean);
        sse_out_end(&x->out, clean, exchange_released_cb, x);
        return;
    }
    exchange_complete_whole(x, web, told);
    request_closed(r);
}

/* Inside the stream: the error as its last event, without an end. Behind it the body ends as HTTP says it must:
 * clients raise the event, and a connection that breaks behind it ends whole programs on some of them. Only when
 * there is no memory for the event does the connection break instead, so that nobody takes the answer for
 * complete. */
static void exchange_fail_stream(struct exchange *x, const struct api_failure *f)
{
    enum err e = exchange_words_fail(x, f);

    exchange_publish(x, false);
    sse_out_end(&x->out, e == ERR_NONE, exchange_released_cb, x);
}

void exchange_fail(struct request *r, const struct api_failure *f)
{
    struct exchange *x = exchange_of(r);
    struct web_request *web = x->web;
    struct receipt_facts facts;
    struct reply p;

    assert(web != NULL);
    x->web = NULL;
    if (r->committed) {
        exchange_fail_stream(x, f);
        return;
    }
    reply_init(&p, &r->id);
    exchange_add_rates(x, &p, f->error);
    exchange_promise(x, &p, &facts);
    reply_failure_in(&p, web, f, x->dialect, x->answer.openrouter);
    request_closed(r);
}
