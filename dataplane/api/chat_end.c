/* (G) When a provider's answer is complete, and how long its rest may take. */
#include "chat_gather.h"
#include "chat_inside.h"

#include "content_view.h"

/* Choices of which `seen` holds a bit. */
static uint32_t count(const uint32_t seen[static 4])
{
    uint32_t n = 0;

    for (size_t i = 0; i < 4; i++)
        n += (uint32_t)__builtin_popcount(seen[i]);
    return n;
}

bool chat_finished(const struct chat *c)
{
    return !c->collecting && chat_canon_finished(&c->canon);
}

/* Some providers send what they should not behind the finish reason, so content starts the wait again. */
static void await_figures(struct chat *c)
{
    const struct chat_canon *canon = &c->canon;
    bool news = !c->awaiting || canon->content_bytes != c->finish_bytes ||
                (canon->usage.present && !c->figures);

    if (!news)
        return;
    c->awaiting = true;
    c->figures = canon->usage.present;
    c->finish_bytes = canon->content_bytes;
    fetch_within(c->fetch, c->figures ? REQUEST_UPSTREAM_END_MS : REQUEST_USAGE_MS);
}

void chat_pace(struct chat *c)
{
    if (c->fetch == NULL)
        return;
    if (c->canon.content_bytes > c->progress_bytes) {
        fetch_progressed(c->fetch, c->canon.content_bytes - c->progress_bytes);
        c->progress_bytes = c->canon.content_bytes;
    }
    if (chat_finished(c) && count(c->canon.finishes_seen) >= c->request.n_choices)
        await_figures(c);
}

/* --- whole answers */

static void object_inside(struct chat_object *o, uint8_t b)
{
    if (o->quoted) {
        o->quoted = o->escaped || b != '"';
        o->escaped = !o->escaped && b == '\\';
    } else if (b == '"') {
        o->quoted = true;
    } else if (b == '{' || b == '[') {
        o->depth++;
    } else if (b == '}' || b == ']') {
        o->over = --o->depth == 0;
    }
}

/* White space and a BOM may stand before it. */
static void object_begin(struct chat_object *o, uint8_t b)
{
    if (b == '{')
        o->depth = 1;
    else
        o->foreign = strchr(" \t\r\n\xef\xbb\xbf", b) == NULL || b == 0;
}

static void pace_object(struct chat *c, struct view bytes)
{
    struct chat_object *o = &c->object;

    for (size_t i = 0; i < bytes.len && !o->over && !o->foreign; i++)
        if (o->depth == 0)
            object_begin(o, bytes.ptr[i]);
        else
            object_inside(o, bytes.ptr[i]);
    if (o->over && !c->awaiting) {
        c->awaiting = true;
        fetch_within(c->fetch, REQUEST_UPSTREAM_END_MS);
    }
}

/* What begins with the value of this key, where the key first stands; it is given with its quotes, which a string's text
 * would hold escaped. */
static struct view behind_key(struct view line, struct view key)
{
    const uint8_t *at = memmem(line.ptr, line.len, key.ptr, key.len);

    if (at == NULL)
        return VIEW_EMPTY;
    line = view_from(line, (size_t)(at - line.ptr) + key.len);
    while (line.len != 0 && strchr(" \t:", line.ptr[0]) != NULL && line.ptr[0] != 0)
        line = view_from(line, 1);
    return line;
}

static void line_inside(struct chat *c, struct view line)
{
    struct view reason = behind_key(line, VIEW_LIT("\"finish_reason\""));

    if (!view_starts(line, VIEW_LIT("data:")))
        return;
    if (reason.len > 1 && reason.ptr[0] == '"' && reason.ptr[1] != '"')
        c->lines.finished = true;
    if (behind_key(line, VIEW_LIT("\"completion_tokens\"")).len != 0)
        c->figures = true;
    if (c->lines.finished) /* each event behind it starts the wait again, but no comment */
        fetch_within(c->fetch, c->figures ? REQUEST_UPSTREAM_END_MS : REQUEST_USAGE_MS);
}

/* Several choices end at times of their own: their stream is read to its end. */
static void pace_events(struct chat *c)
{
    struct view all = content_bytes(c->received);
    struct chat_lines *l = &c->lines;
    const uint8_t *end;

    if (c->request.n_choices > 1)
        return;
    while ((end = memchr(all.ptr + l->looked_at, '\n', all.len - l->looked_at)) != NULL) {
        size_t at = (size_t)(end - all.ptr);

        line_inside(c, view_of(all.ptr + l->begin, at - l->begin));
        l->begin = l->looked_at = at + 1;
    }
    l->looked_at = all.len;
}

void chat_pace_whole(struct chat *c, struct view bytes)
{
    if (chat_shape_of(content_bytes(c->received)) == CHAT_SHAPE_EVENTS)
        pace_events(c);
    else
        pace_object(c, bytes);
}
