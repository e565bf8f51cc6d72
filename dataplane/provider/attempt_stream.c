/* (G) An attempt whose answer is an event stream. */
#include "attempt_internal.h"

#include "clock.h"
#include "content_view.h"

/* --- one canonical chunk */

static enum err chunk_begin(struct attempt *a, struct buf **out)
{
    if (a->sink->chunk_begin != NULL)
        return a->sink->chunk_begin(a->cookie, out);
    buf_reset(&a->canonical);
    *out = &a->canonical;
    return ERR_NONE;
}

static enum err chunk_end(struct attempt *a, bool keep)
{
    const struct event_sink events = {a->sink->event, a->cookie};

    if (a->sink->chunk_end != NULL)
        return a->sink->chunk_end(a->cookie, keep);
    return keep ? openai_events_chunk(&a->events, buf_view(&a->canonical), &events) : ERR_NONE;
}

/* --- the end */

/* Some providers never say why they stop; clients want it. */
static enum err supply_finish(struct attempt *a)
{
    struct buf *out;
    enum err e = chunk_begin(a, &out), end;

    if (e != ERR_NONE)
        return e;
    e = chat_canon_end(&a->canon, out);
    end = chunk_end(a, e == ERR_NONE);
    return e != ERR_NONE ? e : end;
}

void attempt_stream_complete(struct attempt *a)
{
    enum err e = a->canon.useful ? ERR_NONE : ERR_PROVIDER_TRUNCATED;

    if (e == ERR_NONE && !chat_canon_finished(&a->canon))
        e = supply_finish(a);
    if (e != ERR_NONE) {
        attempt_break(a, (struct attempt_result){.e = e, .status = a->status});
        return;
    }
    a->sink->useful(a->cookie);
    if (!a->over)
        attempt_report(a, &(struct attempt_result){.e = ERR_NONE, .status = a->status});
}

/* --- events */

/* One event of the provider's into at most one chunk. *kind is CHAT_NOTHING on failure. */
static must_check enum err attempt_take(struct attempt *a, const struct sse_event *event,
                                        enum chat_kind *kind, struct chat_error *error)
{
    struct buf *out;
    enum err e, end;

    *kind = CHAT_NOTHING;
    if (event->data.len == 0)
        return ERR_NONE;
    e = chunk_begin(a, &out);
    if (e != ERR_NONE)
        return e;
    e = a->adapter->chunk(&a->canon, event->data, out, kind, error);
    end = chunk_end(a, e == ERR_NONE && *kind == CHAT_EMIT);
    if (e == ERR_NONE)
        e = end;
    if (e != ERR_NONE) {
        *kind = CHAT_NOTHING;
    } else if (*kind != CHAT_ERROR && view_eq(event->name, VIEW_LIT("error"))) {
        *kind = CHAT_ERROR;
        *error = (struct chat_error){.status = 502};
    }
    return e;
}

void attempt_event(struct attempt *a, const struct sse_event *event)
{
    struct chat_error error = {0};
    enum chat_kind kind;
    enum err e = attempt_take(a, event, &kind, &error);

    if (e != ERR_NONE)
        attempt_break(a, (struct attempt_result){.e = e, .status = a->status});
    else if (kind == CHAT_ERROR)
        attempt_break(a, attempt_error(a, ERR_PROVIDER_BODY, &error));
    else if (kind == CHAT_DONE)
        attempt_stream_complete(a);
}

/* What came with the last of the bytes decides. Lines without the blank line behind them are an event if
 * they are whole, and half an event is none. */
void attempt_stream_over(struct attempt *a, enum err e)
{
    struct attempt_result x = {.e = e, .status = a->status};
    enum chat_kind kind = CHAT_NOTHING;
    struct chat_error error = {0};
    struct sse_event last;
    bool whole = sse_in_end(&a->in, &last) == ERR_NONE &&
                 attempt_take(a, &last, &kind, &error) == ERR_NONE;

    if (kind == CHAT_DONE || (kind != CHAT_ERROR && attempt_finished(a))) {
        attempt_stream_complete(a);
        return;
    }
    if (whole && kind == CHAT_ERROR)
        x = attempt_error(a, ERR_PROVIDER_BODY, &error);
    else if (e == ERR_NONE)
        x.e = ERR_PROVIDER_TRUNCATED;
    x.retry_after_ms = a->retry_after_ms;
    attempt_report(a, &x);
}

/* After a report the struct, and with it a->in, may be another attempt's. */
void attempt_events(struct attempt *a, struct view bytes)
{
    const unsigned mine = a->serial;
    struct sse_event event;
    enum err e;

    sse_in_feed(&a->in, bytes);
    while (!a->over && a->serial == mine) {
        e = sse_in_next(&a->in, &event);
        if (e == ERR_SHORT)
            break;
        if (e == ERR_NONE)
            attempt_event(a, &event);
        else
            attempt_break(a, (struct attempt_result){.e = e, .status = a->status});
    }
    if (a->over || a->serial != mine)
        return;
    attempt_pace(a);
    buf_free(&a->canonical); /* a silent stream holds no memory */
    if (a->canon.content_bytes != 0 && a->shown_us == 0)
        a->shown_us = clock_mono_us();
    a->sink->delivered(a->cookie);
}
