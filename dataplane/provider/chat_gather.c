/* (G) A whole answer, of either shape: the chunks of a stream become one completion. How two chunks
 * become one is in chat_merge.c. */
#include "chat_gather.h"

#include "bounds.h"
#include "chat_merge.h"
#include "content_view.h"
#include "secret.h"
#include "sse_in.h"

static bool is_blank(uint8_t b)
{
    return b == ' ' || b == '\t' || b == '\n' || b == '\r' || b == 0xef || b == 0xbb || b == 0xbf;
}

enum chat_shape chat_shape_of(struct view bytes)
{
    while (bytes.len != 0 && is_blank(bytes.ptr[0]))
        bytes = view_from(bytes, 1);
    if (bytes.len == 0)
        return CHAT_SHAPE_UNKNOWN;
    return bytes.ptr[0] == '{' || bytes.ptr[0] == '[' ? CHAT_SHAPE_JSON : CHAT_SHAPE_EVENTS;
}

bool chat_gather_over(struct view body)
{
    static const struct view ends[] = {{(const uint8_t *)"\ndata: [DONE]", 13},
                                       {(const uint8_t *)"\ndata:[DONE]", 12}};

    if (chat_shape_of(body) != CHAT_SHAPE_EVENTS)
        return false;
    while (body.len != 0 && is_blank(body.ptr[body.len - 1]))
        body.len--;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (body.len >= ends[i].len &&
            view_eq(view_from(body, body.len - ends[i].len), ends[i]))
            return true;
    }
    return false;
}

/* One event; chunk is scratch space. *kind: CHAT_DONE and CHAT_ERROR end the stream. */
static enum err take_event(struct chat_canon *c, chat_chunk_fn read, const struct sse_event *event, struct buf *chunk,
                           struct chat_merge *into, enum chat_kind *kind, struct chat_error *error)
{
    enum err e;

    buf_reset(chunk);
    e = read(c, event->data, chunk, kind, error);
    if (e != ERR_NONE)
        return e;
    if (*kind != CHAT_ERROR && view_eq(event->name, VIEW_LIT("error"))) {
        *kind = CHAT_ERROR;
        *error = (struct chat_error){.status = 502};
    }
    return *kind == CHAT_EMIT ? chat_merge_chunk(into, buf_view(chunk)) : ERR_NONE;
}

static enum err take_events(struct chat_canon *c, struct view body, chat_chunk_fn read, struct buf *chunk,
                            struct chat_merge *into, enum chat_kind *kind, struct chat_error *error)
{
    struct sse_in in;
    struct sse_event event;
    bool tail = false;
    unsigned events = 0;
    enum err e = ERR_NONE;

    sse_in_init(&in, LIMIT_SSE_LINE_BYTES, chunk->budget);
    sse_in_feed(&in, body);
    while (e == ERR_NONE && *kind != CHAT_DONE && *kind != CHAT_ERROR) {
        e = tail ? ERR_SHORT : sse_in_next(&in, &event);
        if (e == ERR_SHORT && !tail) {
            tail = true;
            e = sse_in_end(&in, &event);
        }
        if (e == ERR_NONE && event.data.len != 0) {
            e = take_event(c, read, &event, chunk, into, kind, error);
            events++;
        }
    }
    sse_in_free(&in);
    if (e == ERR_PROVIDER_PROTOCOL && chat_canon_finished(c))
        return ERR_NONE; /* behind the finish reason nothing is missing, as in a stream */
    if (e == ERR_SHORT)
        return events == 0 ? ERR_PROVIDER_PROTOCOL : ERR_NONE;
    return tail && e == ERR_PROVIDER_PROTOCOL ? ERR_PROVIDER_TRUNCATED : e;
}

/* All events have been read: is this a good end, and if so, what do they come to? */
static enum err gathered(struct chat_canon *c, bool done, struct buf *chunk, struct chat_merge *from,
                         struct buf *out, enum chat_kind *kind, struct chat_error *error)
{
    struct chat_canon whole = {.created = c->created,
                               .model = c->model,
                               .provider = c->provider,
                               .provider_name = c->provider_name};
    enum err e = ERR_NONE;

    memcpy(whole.id, c->id, sizeof whole.id);
    buf_reset(chunk);
    if (!c->useful)
        return ERR_PROVIDER_TRUNCATED;
    if (!chat_canon_finished(c)) {
        e = done ? chat_canon_end(c, chunk) : ERR_PROVIDER_TRUNCATED;
        if (e == ERR_NONE)
            e = chat_merge_chunk(from, buf_view(chunk));
    }
    buf_reset(chunk);
    if (e == ERR_NONE)
        e = chat_merge_write(from, chunk);
    return e == ERR_NONE ? chat_canon_whole(&whole, buf_view(chunk), out, kind, error) : e;
}

static bool lies_in(struct view body, struct view part)
{
    return part.ptr >= body.ptr && part.ptr < body.ptr + body.len;
}

enum err chat_gather_events(struct chat_canon *c, struct view body, chat_chunk_fn read, struct buf *out,
                            enum chat_kind *kind, struct chat_error *error)
{
    struct chat_merge merge;
    struct buf chunk;
    bool done;
    enum err e;

    buf_init_charged(&chunk, out->max, out->budget);
    chat_merge_init(&merge, out->max, out->budget);
    *kind = CHAT_NOTHING;
    c->want_usage = true;
    e = take_events(c, body, read, &chunk, &merge, kind, error);
    done = *kind == CHAT_DONE;
    if (e == ERR_NONE && *kind != CHAT_ERROR)
        e = gathered(c, done, &chunk, &merge, out, kind, error);
    if (*kind == CHAT_ERROR && !lies_in(body, error->message))
        error->message = VIEW_EMPTY; /* it lies in what is freed here */
    chat_merge_free(&merge);
    buf_free(&chunk);
    return e;
}

enum err chat_gather(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                     struct chat_error *error)
{
    *kind = CHAT_NOTHING;
    if (chat_shape_of(body) == CHAT_SHAPE_EVENTS)
        return chat_gather_events(c, body, chat_canon_chunk, out, kind, error);
    return chat_canon_whole(c, body, out, kind, error);
}
