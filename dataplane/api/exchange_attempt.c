/* (G) What an exchange's attempt tells it, and what core/request.c wants of the attempt. */
#include "exchange_internal.h"

#include "content_view.h"
#include "exchange_synth.h"
#include "id.h"
#include "reserve.h"

/* --- canonical bytes, or events */

static enum err exchange_chunk_begin(void *cookie, struct buf **out)
{
    struct exchange *x = cookie;
    enum err e = sse_out_begin(&x->out, &x->mark);

    *out = &x->out.filling;
    if (e != ERR_NONE)
        sse_out_abandon(&x->out, x->mark);
    return e;
}

static enum err exchange_chunk_end(void *cookie, bool keep)
{
    struct exchange *x = cookie;
    enum err e = keep ? sse_out_commit(&x->out) : ERR_NONE;

    if (!keep || e != ERR_NONE)
        sse_out_abandon(&x->out, x->mark);
    return e;
}

static enum err exchange_event_cb(void *cookie, const struct event *e)
{
    return exchange_event(cookie, e);
}

/* --- what the attempt tells */

static void exchange_hold_cb(void *cookie)
{
    struct exchange *x = cookie;

    request_hold(&x->request);
}

static void exchange_let_cb(void *cookie)
{
    struct exchange *x = cookie;

    request_let(&x->request);
}

/* Of several finals one is asked after the other until one says something. */
static bool exchange_has_useful(const struct exchange *x)
{
    return x->synth != NULL ? x->synth->useful : attempt_useful(&x->attempt);
}

static void exchange_useful_cb(void *cookie)
{
    struct exchange *x = cookie;

    if (exchange_has_useful(x))
        request_useful(&x->request);
}

static void exchange_delivered_cb(void *cookie)
{
    struct exchange *x = cookie;

    if (x->web == NULL) { /* the client has left: only the figures are still of use */
        sse_out_abandon(&x->out, 0);
        return;
    }
    if (exchange_has_useful(x))
        request_useful(&x->request);
    exchange_flush(x);
    if (sse_out_over(&x->out))
        attempt_pause(&x->attempt);
    if (attempt_delivered(&x->attempt) >= x->request.watch_bytes)
        request_progress(&x->request);
}

/* The first sentence that blames the request may be the answer, when all other candidates have failed. */
static void exchange_over_cb(void *cookie, const struct attempt_result *result, bool tail)
{
    struct exchange *x = cookie;
    struct attempt_result copy = *result;

    exchange_note_sent(x);
    if (copy.client_fault && x->refusal == NULL)
        x->refusal = attempt_take_message(&x->attempt);
    if (copy.e == ERR_NONE && !x->request.stream && !exchange_is_raw(x))
        copy.e = exchange_words_room(x);
    if (copy.e == ERR_LIMIT)
        copy.e = ERR_PROVIDER_LARGE;
    request_attempt_ended(&x->request, &copy, tail);
}

static void exchange_closed_cb(void *cookie)
{
    struct exchange *x = cookie;

    exchange_note_sent(x);
    request_upstream_closed(&x->request);
}

static const struct attempt_sink raw_sink = {
    .chunk_begin = exchange_chunk_begin,
    .chunk_end = exchange_chunk_end,
    .hold = exchange_hold_cb,
    .let = exchange_let_cb,
    .delivered = exchange_delivered_cb,
    .useful = exchange_useful_cb,
    .over = exchange_over_cb,
    .closed = exchange_closed_cb,
};

static const struct attempt_sink event_sink = {
    .event = exchange_event_cb,
    .hold = exchange_hold_cb,
    .let = exchange_let_cb,
    .delivered = exchange_delivered_cb,
    .useful = exchange_useful_cb,
    .over = exchange_over_cb,
    .closed = exchange_closed_cb,
};

/* The limit to write into the request; 0: the client's. Where a limit is required, as in Messages, clients send
 * one that suits another model, and providers refuse what is over their model's longest answer. */
static uint32_t exchange_limit(const struct exchange *x)
{
    uint32_t told = reserve_told(&x->request);
    const struct candidate *c = &x->request.attempts.candidate;
    const struct destination to = {c->endpoint->provider, c->model->info, c->endpoint->info};
    uint32_t most = destination_max_output(&to);

    return told == 0 && !exchange_is_raw(x) && most != 0 && x->prompt.max_tokens > most ? most : told;
}

/* --- what request.c wants */

enum err exchange_attempt(struct request *r, bool last_candidate)
{
    struct exchange *x = exchange_of(r);
    const struct route_endpoint *endpoint = r->attempts.candidate.endpoint;
    const struct attempt_task task = {
        .upstreams = x->context->upstreams,
        .credentials = x->context->credentials,
        .budget = x->budget,
        .prompt = &x->prompt,
        .to = {endpoint->provider, r->attempts.candidate.model->info, endpoint->info},
        .own_key = r->attempts.candidate.own == 0 ? VIEW_EMPTY
                                                  : own_key_text(r->own.keys, r->attempts.candidate.own - 1U),
        .max_output = exchange_limit(x),
        .last_candidate = last_candidate,
        .id = x->answer.id,
        .created = r->received_unix_ms / 1000,
        .model = view_str(r->attempts.candidate.model->info->id),
        .provider_name = exchange_is_raw(x) && x->answer.openrouter ? view_str(endpoint->provider->name)
                                                                    : VIEW_EMPTY,
    };
    enum err e;

    x->held = false;
    if (x->synth == NULL)
        sse_out_abandon(&x->out, 0);
    e = x->synth != NULL ? exchange_synth_final(x) : ERR_NONE;
    if (e != ERR_NONE)
        return e;
    /* Coding agents always say how much; providers refuse that for models that do not think. */
    x->prompt.list.no_effort = (r->attempts.candidate.model->info->capabilities & CAP_REASONING) == 0;
    e = exchange_open(x);
    if (e != ERR_NONE)
        return e;
    return attempt_begin(&x->attempt, &task, exchange_is_raw(x) ? &raw_sink : &event_sink, x);
}

void exchange_cancel(struct request *r)
{
    struct exchange *x = exchange_of(r);

    attempt_cancel(&x->attempt);
    exchange_note_sent(x);
}

void exchange_account(const struct request *r, struct attempt_account *out)
{
    const struct exchange *x = (const struct exchange *)r;

    attempt_account(&x->attempt, out);
}

void exchange_note_sent(struct exchange *x)
{
    struct request_digests *d = &x->request.digests;

    if (!attempt_sent(&x->attempt, &d->forwarded))
        return;
    d->forwarded_to = (uint8_t)(x->request.attempts.place + 1);
    d->keyed = attempt_peer_key(&x->attempt, &d->provider_key);
}

void exchange_resume(struct exchange *x)
{
    if (!x->held && (x->web == NULL || sse_out_under(&x->out)))
        attempt_resume(&x->attempt);
}

void exchange_hold(struct request *r, bool hold)
{
    struct exchange *x = exchange_of(r);

    x->held = hold;
    if (hold)
        attempt_pause(&x->attempt);
    else
        exchange_resume(x);
}
