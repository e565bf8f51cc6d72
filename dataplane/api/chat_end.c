/* (G) When a provider's answer is complete, and how long its rest may take. */
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

void chat_pace_whole(struct chat *c, struct view bytes)
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
