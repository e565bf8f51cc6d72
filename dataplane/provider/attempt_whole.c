/* (G) An attempt whose answer is collected whole: a completion, or an error. */
#include "attempt_internal.h"

#include "chat_gather.h"
#include "content_view.h"

void attempt_collect_begin(struct attempt *a)
{
    a->collecting = true;
    a->received = content_new(attempt_status_good(a) ? LIMIT_RESPONSE_BYTES : ATTEMPT_ERROR_BODY_MAX,
                              a->budget);
    if (a->received == NULL)
        attempt_break(a, (struct attempt_result){.e = ERR_MEMORY, .status = a->status});
}

void attempt_collect(struct attempt *a, struct view bytes)
{
    struct buf *to = content_buf(a->received);
    enum err e;

    if (!attempt_status_good(a) && bytes.len > to->max - to->len)
        bytes.len = to->max - to->len; /* enough of an error to tell what it is */
    e = buf_append(to, bytes);
    if (e != ERR_NONE)
        attempt_break(a, (struct attempt_result){.e = e, .status = a->status});
    else if (attempt_is_call(a)) {
        return; /* it may be anything: HTTP says when it is over */
    } else if (attempt_status_good(a) && chat_gather_over(buf_view(to))) {
        attempt_cancel(a); /* a stream that has said its last word may stay open */
        attempt_collected(a, ERR_NONE);
    } else if (attempt_status_good(a)) {
        attempt_pace_whole(a, bytes);
    }
}

/* A stream was asked for, and one JSON document came: an error, or all of the answer as one chunk. */
static void collected_stream(struct attempt *a, enum err over)
{
    struct sse_event event = {.data = content_bytes(a->received)};
    const unsigned mine = a->serial;

    attempt_event(a, &event);
    if (a->over || a->serial != mine)
        return; /* it has failed, and another attempt may have begun */
    if (chat_canon_finished(&a->canon))
        attempt_stream_complete(a);
    else
        attempt_break(a, (struct attempt_result){.e = over != ERR_NONE ? over : ERR_PROVIDER_PROTOCOL,
                                                 .status = a->status});
}

/* The canonical answer of a client that takes events, into which its events are. */
static enum err whole_events(struct attempt *a)
{
    const struct event_sink events = {a->sink->event, a->cookie};
    enum err e = openai_events_whole(content_bytes(a->answer), &events);

    content_free(a->answer);
    a->answer = NULL;
    return e;
}

static enum err whole_read(struct attempt *a, enum chat_kind *kind, struct chat_error *error)
{
    struct view body = content_bytes(a->received);
    enum err e;

    a->answer = content_new(LIMIT_RESPONSE_BYTES + ATTEMPT_ERROR_BODY_MAX, a->budget);
    if (a->answer == NULL)
        return ERR_MEMORY;
    /* At once, because growing holds the old bytes and the new ones. */
    e = buf_reserve(content_buf(a->answer), body.len + ATTEMPT_WHOLE_SLACK);
    if (e == ERR_NONE)
        e = a->adapter->whole(&a->canon, body, content_buf(a->answer), kind, error);
    if (e != ERR_NONE || *kind != CHAT_EMIT)
        return e;
    content_free(a->received);
    a->received = NULL;
    return a->sink->event != NULL ? whole_events(a) : ERR_NONE;
}

/* A failure of the connection means nothing to an answer that is complete, or to an error that has a
 * status. */
void attempt_collected(struct attempt *a, enum err over)
{
    struct attempt_result x = {.e = ERR_PROVIDER_PROTOCOL, .status = a->status};
    struct chat_error error = {0};
    enum chat_kind kind = CHAT_NOTHING;
    enum err e;

    if (attempt_status_good(a) && a->stream) {
        collected_stream(a, over);
        return;
    }
    if (!attempt_status_good(a)) {
        a->adapter->error(a->status, content_bytes(a->received), &error);
        x = attempt_error(a, ERR_PROVIDER_STATUS, &error);
        if (attempt_repeat(a, error.status))
            return;
    } else {
        e = whole_read(a, &kind, &error);
        if (e != ERR_NONE)
            x.e = e == ERR_LIMIT ? ERR_PROVIDER_LARGE : e;
        else if (kind == CHAT_ERROR)
            x = attempt_error(a, ERR_PROVIDER_BODY, &error);
        else if (kind == CHAT_EMIT)
            x.e = ERR_NONE;
        if (x.e != ERR_NONE && x.e != ERR_PROVIDER_BODY && over != ERR_NONE)
            x.e = over;
    }
    x.retry_after_ms = a->retry_after_ms >= 0 || error.retry_after_ms == 0 ? a->retry_after_ms : error.retry_after_ms;
    attempt_report(a, &x);
}
