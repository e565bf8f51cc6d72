/* (G) Gathers an answer from its events and tells it again. */
#include "collect.h"

#include "content_view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The arguments of one call are a chain of pieces in `calls`, because another call's may come in between. Each begins
 * with this; its bytes follow. A piece at the end of `calls` grows, so that a call that comes alone has one. */
struct piece {
    uint32_t len;
    uint32_t next; /* NO_PIECE: it is the last */
};
enum { NO_PIECE = UINT32_MAX };

void collect_init(struct collect *c, struct budget *budget, size_t most)
{
    assert(most < UINT32_MAX);
    *c = (struct collect){.budget = budget, .most = most};
}

void collect_reset(struct collect *c)
{
    content_free(c->text);
    content_free(c->refusal);
    content_free(c->calls);
    if (c->call != NULL) {
        free(c->call); /* offsets and lengths only */
        budget_give(c->budget, COLLECT_CALLS_MAX * sizeof *c->call);
    }
    collect_init(c, c->budget, c->most);
}

void collect_free(struct collect *c)
{
    collect_reset(c);
}

/* Room for n more bytes in *at, which is made when it is not there. */
static enum err make_room(struct collect *c, struct content **at, size_t n, struct buf **out)
{
    enum err e;

    if (n > c->most - c->bytes)
        return ERR_LIMIT;
    if (*at == NULL)
        *at = content_new(c->most, c->budget);
    if (*at == NULL)
        return ERR_MEMORY;
    *out = content_buf(*at);
    e = buf_reserve(*out, n);
    if (e == ERR_NONE)
        c->bytes += n;
    return e;
}

/* The room is there. */
static uint32_t put(struct buf *b, struct view v)
{
    uint32_t at = (uint32_t)b->len;

    assert(v.len <= b->cap - b->len);
    if (v.len != 0)
        memcpy(b->ptr + b->len, v.ptr, v.len);
    b->len += v.len;
    return at;
}

static enum err add_text(struct collect *c, struct content **at, struct view text)
{
    struct buf *b;
    enum err e;

    if (text.len == 0)
        return ERR_NONE;
    e = make_room(c, at, text.len, &b);
    if (e == ERR_NONE)
        put(b, text);
    return e;
}

static enum err begin_call(struct collect *c, const struct event *e)
{
    struct collect_call *call;
    struct buf *b;
    enum err err;

    if (e->tool != c->n_calls)
        return ERR_FORMAT;
    if (c->n_calls == COLLECT_CALLS_MAX)
        return ERR_LIMIT;
    if (c->call == NULL) {
        if (!budget_take(c->budget, COLLECT_CALLS_MAX * sizeof *c->call))
            return ERR_OVERLOAD;
        c->call = calloc(COLLECT_CALLS_MAX, sizeof *c->call);
        if (c->call == NULL) {
            budget_give(c->budget, COLLECT_CALLS_MAX * sizeof *c->call);
            return ERR_MEMORY;
        }
    }
    if (e->name.len > c->most || e->id.len > c->most - e->name.len)
        return ERR_LIMIT;
    err = make_room(c, &c->calls, e->id.len + e->name.len, &b);
    if (err != ERR_NONE)
        return err;
    call = &c->call[c->n_calls++];
    *call = (struct collect_call){.id_len = (uint32_t)e->id.len,
                                  .name_len = (uint32_t)e->name.len,
                                  .first = NO_PIECE,
                                  .last = NO_PIECE,
                                  .custom = e->custom};
    call->id_at = put(b, e->id);
    call->name_at = put(b, e->name);
    return ERR_NONE;
}

static struct piece piece_at(const struct buf *b, uint32_t at)
{
    struct piece p;

    assert(at <= b->len && b->len - at >= sizeof p);
    memcpy(&p, b->ptr + at, sizeof p);
    return p;
}

static void piece_set(struct buf *b, uint32_t at, struct piece p)
{
    assert(at <= b->len && b->len - at >= sizeof p);
    memcpy(b->ptr + at, &p, sizeof p);
}

/* A new piece behind the last one of the call. Its head counts as bytes that are kept, so that a provider which sends
 * single bytes of two calls in turn cannot make more memory than `most`. */
static enum err add_piece(struct collect *c, struct collect_call *call, struct view text)
{
    const struct piece p = {(uint32_t)text.len, NO_PIECE};
    struct piece before;
    struct buf *b;
    uint32_t at;
    enum err e;

    if (text.len > c->most)
        return ERR_LIMIT;
    e = make_room(c, &c->calls, sizeof p + text.len, &b);
    if (e != ERR_NONE)
        return e;
    at = put(b, view_of(&p, sizeof p));
    put(b, text);
    if (call->last == NO_PIECE) {
        call->first = at;
    } else {
        before = piece_at(b, call->last);
        before.next = at;
        piece_set(b, call->last, before);
    }
    call->last = at;
    return ERR_NONE;
}

static enum err add_args(struct collect *c, const struct event *e)
{
    struct collect_call *call;
    struct piece p;
    struct buf *b;
    enum err err;

    if (e->tool >= c->n_calls)
        return ERR_FORMAT;
    if (e->text.len == 0)
        return ERR_NONE;
    call = &c->call[e->tool];
    if (call->last == NO_PIECE)
        return add_piece(c, call, e->text);
    p = piece_at(content_buf(c->calls), call->last);
    if (call->last + sizeof p + p.len != content_len(c->calls))
        return add_piece(c, call, e->text);
    err = make_room(c, &c->calls, e->text.len, &b);
    if (err != ERR_NONE)
        return err;
    put(b, e->text);
    p.len += (uint32_t)e->text.len;
    piece_set(b, call->last, p);
    return ERR_NONE;
}

enum err collect_take(struct collect *c, const struct event *e)
{
    if (e->choice != 0)
        return ERR_NONE;
    switch (e->kind) {
    case EVENT_TEXT:
        return add_text(c, &c->text, e->text);
    case EVENT_REFUSAL:
        return add_text(c, &c->refusal, e->text);
    case EVENT_TOOL_BEGIN:
        return begin_call(c, e);
    case EVENT_TOOL_ARGS:
        return add_args(c, e);
    case EVENT_REASONING:
        c->reasoning_bytes += e->text.len;
        break;
    case EVENT_FINISH:
        c->finish = e->finish;
        break;
    case EVENT_DETAIL: /* what is not text is not told again */
    case EVENT_ANNOTATION:
    case EVENT_LOGPROBS:
    case EVENT_IMAGE:
    case EVENT_AUDIO:
        break;
    }
    return ERR_NONE;
}

static struct view view_in(const struct content *c)
{
    return c == NULL ? VIEW_EMPTY : content_bytes(c);
}

struct view collect_text(const struct collect *c)
{
    return view_in(c->text);
}

struct view collect_refusal(const struct collect *c)
{
    return view_in(c->refusal);
}

bool collect_blank(struct view escaped)
{
    while (escaped.len != 0) {
        size_t n = escaped.ptr[0] == ' ' ? 1
                   : escaped.ptr[0] == '\\' && escaped.len >= 2 && memchr("ntrf", escaped.ptr[1], 4) != NULL ? 2 : 0;

        if (n == 0)
            return false;
        escaped = view_from(escaped, n);
    }
    return true;
}

bool collect_empty(const struct collect *c)
{
    return collect_blank(collect_text(c)) && collect_refusal(c).len == 0 && c->n_calls == 0;
}

static enum err tell_text(const struct event_sink *sink, enum event_kind kind, struct view text)
{
    const struct event e = {.kind = kind, .text = text};

    return text.len == 0 ? ERR_NONE : sink->take(sink->cookie, &e);
}

/* Nothing is allocated for a call that has neither id nor name. */
static struct view kept_at(const struct buf *b, uint32_t at, uint32_t len)
{
    return len == 0 ? VIEW_EMPTY : view_of(b->ptr + at, len);
}

static enum err tell_call(const struct collect *c, size_t i, const struct event_sink *sink)
{
    const struct collect_call *call = &c->call[i];
    const struct buf *b = content_buf(c->calls);
    struct event e = {.kind = EVENT_TOOL_BEGIN, .tool = (uint32_t)i, .custom = call->custom};
    enum err err;

    e.id = kept_at(b, call->id_at, call->id_len);
    e.name = kept_at(b, call->name_at, call->name_len);
    err = sink->take(sink->cookie, &e);
    e = (struct event){.kind = EVENT_TOOL_ARGS, .tool = (uint32_t)i, .custom = call->custom};
    for (uint32_t at = call->first; err == ERR_NONE && at != NO_PIECE;) {
        struct piece p = piece_at(b, at);

        e.text = view_of(b->ptr + at + sizeof p, p.len);
        err = sink->take(sink->cookie, &e);
        at = p.next;
    }
    return err;
}

enum err collect_tell(const struct collect *c, const struct event_sink *sink)
{
    const struct event end = {.kind = EVENT_FINISH, .finish = c->finish};
    enum err e = tell_text(sink, EVENT_TEXT, collect_text(c));

    if (e == ERR_NONE)
        e = tell_text(sink, EVENT_REFUSAL, collect_refusal(c));
    for (size_t i = 0; e == ERR_NONE && i < c->n_calls; i++)
        e = tell_call(c, i, sink);
    if (e == ERR_NONE && c->finish != FINISH_NONE)
        e = sink->take(sink->cookie, &end);
    return e;
}
