/* (G) One attempt at one provider: the body it gets, and what its bytes turn out to be. */
#include "chat_account.h"
#include "chat_gather.h"
#include "chat_inside.h"
#include "clock.h"
#include "content_view.h"
#include "reserve.h"

#include <assert.h>

/* --- the outcome, reported once */

static void chat_report(struct chat *c, const struct attempt_result *x)
{
    assert(!c->over);
    c->over = true;
    request_attempt_ended(&c->request, x, c->fetch != NULL);
}

/* A copy of the provider's sentence: it lies in a buffer that goes away before the client has it. NULL:
 * there is none that a client may have. */
static struct content *chat_sentence(const struct chat *c, struct view message)
{
    struct content *copy;

    if (message.len == 0 || message.len > CHAT_ERROR_BODY_MAX ||
        credentials_quoted(c->context->credentials, c->request.candidate.endpoint->provider->no,
                           message))
        return NULL;
    copy = content_new(CHAT_ERROR_BODY_MAX, chat_budget(c));
    if (copy != NULL && chat_account_mask(message, content_buf(copy)) != ERR_NONE)
        content_clear(copy);
    return copy;
}

static struct attempt_result result_of_error(struct chat *c, enum err e,
                                             const struct chat_error *error)
{
    struct content **keep = error->client_fault && c->refusal == NULL ? &c->refusal : &c->message;

    content_free(*keep);
    *keep = chat_sentence(c, error->message);
    return (struct attempt_result){
        .e = e,
        .status = error->status,
        .client_fault = error->client_fault,
        .context_length = error->context_length,
        .own_limit = error->own_limit,
        .message = *keep,
    };
}

static void chat_stream_complete(struct chat *c);

/* The attempt failed in the middle of its bytes: hang up, then say so. An answer over a limit of ours
 * has been made and is billed, so it must not look like a failure that another provider may mend. Behind the
 * finish reason only an error that the provider tells is a failure: the answer is here. */
static void chat_break(struct chat *c, struct attempt_result x)
{
    if (x.e == ERR_LIMIT)
        x.e = ERR_PROVIDER_LARGE;
    chat_attempt_cancel(&c->request);
    if (x.e != ERR_PROVIDER_BODY && chat_finished(c)) {
        chat_stream_complete(c);
        return;
    }
    x.retry_after_ms = c->retry_after_ms;
    chat_report(c, &x);
}

/* --- streams */

/* The provider has said all it will say. */
static void chat_stream_complete(struct chat *c)
{
    size_t mark = 0;
    enum err e = ERR_NONE;

    if (!c->canon.useful) {
        chat_break(c, (struct attempt_result){.e = ERR_PROVIDER_TRUNCATED, .status = c->status});
        return;
    }
    if (!chat_canon_finished(&c->canon)) { /* some never say why they stop; clients want it */
        e = sse_out_begin(&c->out, &mark);
        if (e == ERR_NONE)
            e = chat_canon_end(&c->canon, &c->out.filling);
        if (e == ERR_NONE)
            e = sse_out_commit(&c->out);
        if (e != ERR_NONE)
            sse_out_abandon(&c->out, mark);
    }
    if (e != ERR_NONE) {
        chat_break(c, (struct attempt_result){.e = e, .status = c->status});
        return;
    }
    request_useful(&c->request);
    if (!c->over)
        chat_report(c, &(struct attempt_result){.e = ERR_NONE, .status = c->status});
}

/* One event of the provider's into at most one of ours. *kind is CHAT_NOTHING on failure. */
static must_check enum err chat_take(struct chat *c, const struct sse_event *event,
                                     enum chat_kind *kind, struct chat_error *error)
{
    size_t mark = 0;
    enum err e;

    *kind = CHAT_NOTHING;
    if (event->data.len == 0)
        return ERR_NONE;
    e = sse_out_begin(&c->out, &mark);
    if (e == ERR_NONE)
        e = chat_canon_chunk(&c->canon, event->data, &c->out.filling, kind, error);
    if (e == ERR_NONE && *kind == CHAT_EMIT)
        e = sse_out_commit(&c->out);
    if (e != ERR_NONE || *kind != CHAT_EMIT)
        sse_out_abandon(&c->out, mark);
    if (e != ERR_NONE) {
        *kind = CHAT_NOTHING;
    } else if (*kind != CHAT_ERROR && view_eq(event->name, VIEW_LIT("error"))) {
        *kind = CHAT_ERROR;
        *error = (struct chat_error){.status = 502};
    }
    return e;
}

static void chat_event(struct chat *c, const struct sse_event *event)
{
    struct chat_error error = {0};
    enum chat_kind kind;
    enum err e = chat_take(c, event, &kind, &error);

    if (e != ERR_NONE)
        chat_break(c, (struct attempt_result){.e = e, .status = c->status});
    else if (kind == CHAT_ERROR)
        chat_break(c, result_of_error(c, ERR_PROVIDER_BODY, &error));
    else if (kind == CHAT_DONE)
        chat_stream_complete(c);
}

/* The bytes are over, in whatever way: what came with the last of them decides. Lines without the blank line behind
 * them are an event if they are whole, and half an event is none. */
static void chat_stream_over(struct chat *c, enum err e)
{
    struct attempt_result x = {.e = e, .status = c->status};
    enum chat_kind kind = CHAT_NOTHING;
    struct chat_error error = {0};
    struct sse_event last;
    bool whole = sse_in_end(&c->in, &last) == ERR_NONE &&
                 chat_take(c, &last, &kind, &error) == ERR_NONE;

    if (kind == CHAT_DONE || (kind != CHAT_ERROR && chat_finished(c))) {
        chat_stream_complete(c);
        return;
    }
    if (whole && kind == CHAT_ERROR)
        x = result_of_error(c, ERR_PROVIDER_BODY, &error);
    else if (e == ERR_NONE)
        x.e = ERR_PROVIDER_TRUNCATED;
    x.retry_after_ms = c->retry_after_ms;
    chat_report(c, &x);
}

static void chat_pause(struct chat *c)
{
    if (c->paused || c->fetch == NULL)
        return;
    c->paused = true;
    fetch_pause(c->fetch);
}

/* All events that are ready. The attempt, and with it c->in, may be another one after a report. */
static void chat_events(struct chat *c, struct view bytes)
{
    const struct fetch *mine = c->fetch;
    struct sse_event event;
    enum err e;

    sse_in_feed(&c->in, bytes);
    while (!c->over && c->fetch == mine) {
        e = sse_in_next(&c->in, &event);
        if (e == ERR_SHORT)
            break;
        if (e == ERR_NONE)
            chat_event(c, &event);
        else
            chat_break(c, (struct attempt_result){.e = e, .status = c->status});
    }
    if (c->over || c->fetch != mine)
        return;
    chat_pace(c);
    if (c->web == NULL) { /* the client has left: only the figures are still of use */
        sse_out_abandon(&c->out, 0);
        return;
    }
    if (c->canon.content_bytes != 0 && c->shown_us == 0)
        c->shown_us = clock_mono_us();
    if (c->canon.useful)
        request_useful(&c->request);
    chat_flush(c);
    if (sse_out_over(&c->out))
        chat_pause(c);
    if (c->canon.content_bytes >= c->request.watch_bytes)
        request_progress(&c->request);
}

void chat_attempt_resume(struct chat *c)
{
    if (!c->paused || c->held || c->fetch == NULL || (c->web != NULL && !sse_out_under(&c->out)))
        return;
    c->paused = false;
    fetch_resume(c->fetch);
}

void chat_attempt_hold(struct request *r, bool hold)
{
    struct chat *c = chat_of(r);

    c->held = hold;
    if (hold)
        chat_pause(c);
    else
        chat_attempt_resume(c);
}

/* --- whole answers and errors */

static bool chat_status_good(const struct chat *c)
{
    return c->status >= 200 && c->status < 300;
}

/* From now on the body is collected whole. */
static void chat_collect_begin(struct chat *c)
{
    c->collecting = true;
    c->received = content_new(chat_status_good(c) ? LIMIT_RESPONSE_BYTES : CHAT_ERROR_BODY_MAX,
                              chat_budget(c));
    if (c->received == NULL)
        chat_break(c, (struct attempt_result){.e = ERR_MEMORY, .status = c->status});
}

static void chat_collected(struct chat *c, enum err over);

static void chat_collect(struct chat *c, struct view bytes)
{
    struct buf *to = content_buf(c->received);
    enum err e;

    if (!chat_status_good(c) && bytes.len > to->max - to->len)
        bytes.len = to->max - to->len; /* enough of an error to tell what it is */
    e = buf_append(to, bytes);
    if (e != ERR_NONE)
        chat_break(c, (struct attempt_result){.e = e, .status = c->status});
    else if (chat_status_good(c) && chat_gather_over(buf_view(to))) {
        chat_attempt_cancel(&c->request); /* a stream that has said its last word may stay open */
        chat_collected(c, ERR_NONE);
    } else if (chat_status_good(c)) {
        chat_pace_whole(c, bytes);
    }
}

/* A stream was asked for, and one JSON document came: an error, or all of the answer as one chunk. */
static void chat_collected_stream(struct chat *c, enum err over)
{
    struct sse_event event = {.data = content_bytes(c->received)};
    const unsigned mine = c->request.attempts;

    chat_event(c, &event);
    if (c->over || c->request.attempts != mine)
        return; /* it has failed, and another attempt may have begun */
    if (chat_canon_finished(&c->canon))
        chat_stream_complete(c);
    else
        chat_break(c, (struct attempt_result){.e = over != ERR_NONE ? over : ERR_PROVIDER_PROTOCOL,
                                              .status = c->status});
}

/* A collected body is over: as HTTP says it must, or by a failure (over), which means nothing to an answer that is
 * complete, or to an error that has a status. */
static void chat_collected(struct chat *c, enum err over)
{
    struct attempt_result x = {.e = ERR_PROVIDER_PROTOCOL, .status = c->status};
    struct view body = content_bytes(c->received);
    struct chat_error error = {0};
    enum chat_kind kind = CHAT_NOTHING;
    enum err e;

    if (chat_status_good(c) && c->request.stream) {
        chat_collected_stream(c, over);
        return;
    }
    if (!chat_status_good(c)) {
        chat_canon_error(c->status, body, &error);
        x = result_of_error(c, ERR_PROVIDER_STATUS, &error);
    } else {
        c->answer = content_new(LIMIT_RESPONSE_BYTES + CHAT_ERROR_BODY_MAX, chat_budget(c));
        /* At once, because growing holds the old bytes and the new ones. */
        e = c->answer == NULL ? ERR_MEMORY
                              : buf_reserve(content_buf(c->answer), body.len + CHAT_WHOLE_SLACK);
        if (e == ERR_NONE)
            e = chat_gather(&c->canon, body, content_buf(c->answer), &kind, &error);
        if (e != ERR_NONE)
            x.e = e == ERR_LIMIT ? ERR_PROVIDER_LARGE : e;
        else if (kind == CHAT_ERROR)
            x = result_of_error(c, ERR_PROVIDER_BODY, &error);
        else if (kind == CHAT_EMIT)
            x.e = ERR_NONE;
        if (x.e == ERR_NONE) {
            content_free(c->received);
            c->received = NULL;
        } else if (x.e != ERR_PROVIDER_BODY && over != ERR_NONE) {
            x.e = over;
        }
    }
    x.retry_after_ms = c->retry_after_ms;
    chat_report(c, &x);
}

/* --- what fetch tells */

static void chat_fetch_head(void *cookie, const struct fetch_head *head)
{
    struct chat *c = cookie;

    c->status = head->status;
    c->retry_after_ms = head->retry_after_ms;
    if (chat_status_good(c))
        c->begun_us = c->request.stream ? clock_mono_us() : c->request.attempt_us;
    if (fetch_body_let(c->fetch)) { /* an open stream does not hold what was asked */
        content_free(c->rendered);
        c->rendered = NULL;
    }
    if (chat_status_good(c) && c->request.stream)
        return; /* the first bytes say whether it is one, whatever the label says */
    request_hold(&c->request);
    chat_collect_begin(c);
    request_let(&c->request);
}

/* What came for a stream: events, or one document. False: the bytes do not say it yet. */
static bool chat_shaped(struct chat *c, struct view bytes)
{
    enum chat_shape shape;

    if (c->shaped || c->collecting)
        return true;
    shape = chat_shape_of(bytes);
    c->shaped = shape != CHAT_SHAPE_UNKNOWN;
    if (shape == CHAT_SHAPE_JSON)
        chat_collect_begin(c);
    return c->shaped;
}

static void chat_fetch_body(void *cookie, struct view bytes)
{
    struct chat *c = cookie;

    if (c->over)
        return; /* only the end of the response is awaited */
    request_hold(&c->request);
    if (chat_shaped(c, bytes) && !c->over) {
        if (c->collecting)
            chat_collect(c, bytes);
        else
            chat_events(c, bytes);
    }
    request_let(&c->request);
}

static void chat_fetch_done(void *cookie, enum err e)
{
    struct chat *c = cookie;

    chat_note_sent(c);
    c->fetch = NULL; /* this attempt is over; nothing to cancel */
    if (c->over) {
        request_upstream_closed(&c->request);
        return;
    }
    request_hold(&c->request);
    if (c->collecting)
        chat_collected(c, e);
    else
        chat_stream_over(c, e);
    request_let(&c->request);
}

static const struct fetch_events fetch_events = {
    .head = chat_fetch_head,
    .body = chat_fetch_body,
    .done = chat_fetch_done,
};

/* --- the attempt */

/* Forget the attempt before this one, and what it had ready for the client. */
static void chat_attempt_reset(struct chat *c)
{
    assert(c->fetch == NULL);
    content_free(c->rendered);
    content_free(c->received);
    content_free(c->message);
    content_free(c->answer);
    c->rendered = c->received = c->message = c->answer = NULL;
    sse_in_free(&c->in);
    sse_in_init(&c->in, LIMIT_SSE_LINE_BYTES, chat_budget(c));
    sse_out_abandon(&c->out, 0);
    c->status = 0;
    c->retry_after_ms = -1;
    c->collecting = c->shaped = c->over = c->paused = c->held = c->awaiting = c->figures = false;
    c->begun_us = c->shown_us = c->progress_bytes = c->finish_bytes = 0;
    c->object = (struct chat_object){0};
    c->lines = (struct chat_lines){0};
}

static void chat_canon_prepare(struct chat *c)
{
    const struct request *r = &c->request;

    c->canon = (struct chat_canon){
        .id = "gen-",
        .created = r->received_unix_ms / 1000,
        .model = view_str(r->candidate.model->info->id),
        .provider = r->candidate.endpoint->provider,
        .want_usage = c->include_usage || !r->stream,
    };
    _Static_assert(sizeof c->canon.id > 4 + ID_TEXT_LEN, "gen- and the id");
    id_text(&r->id, c->canon.id + 4);
}

enum err chat_attempt(struct request *r, bool last_candidate)
{
    struct chat *c = chat_of(r);
    const struct route_endpoint *endpoint = r->candidate.endpoint;
    struct fetch_request fetch;
    enum err e;

    chat_attempt_reset(c);
    chat_canon_prepare(c);
    c->rendered = content_new(c->asked->body.len + CHAT_RENDER_SLACK, chat_budget(c));
    if (c->rendered == NULL)
        return ERR_MEMORY;
    e = chat_request_render(c->asked, endpoint->provider, endpoint->info->upstream_model,
                            reserve_told(r), content_buf(c->rendered));
    if (e != ERR_NONE)
        return e;
    fetch = (struct fetch_request){
        .provider = endpoint->provider,
        .credentials = c->context->credentials,
        .path = VIEW_LIT("/chat/completions"),
        .content_type = VIEW_LIT("application/json"),
        .body = content_bytes(c->rendered),
        .last_candidate = last_candidate,
        .whole = !r->stream,
    };
    e = fetch_start(c->context->upstreams, &fetch, &fetch_events, c, &c->fetch);
    if (e == ERR_NONE) /* on its way, so this delays nobody */
        digest_sha256(content_bytes(c->rendered), &c->sent);
    return e;
}

void chat_note_sent(struct chat *c)
{
    struct request_digests *d = &c->request.digests;

    if (c->fetch == NULL || !fetch_sent(c->fetch))
        return;
    d->forwarded = c->sent;
    d->forwarded_to = (uint8_t)(c->request.place + 1);
}

void chat_attempt_cancel(struct request *r)
{
    struct chat *c = chat_of(r);

    chat_note_sent(c);
    if (c->fetch != NULL)
        fetch_cancel(c->fetch);
    c->fetch = NULL;
}
