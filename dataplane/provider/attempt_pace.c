/* (G) When an attempt's answer is complete, and how long its rest may take. */
#include "attempt_internal.h"

#include "chat_gather.h"
#include "content_view.h"

/* Choices of which `seen` holds a bit. */
static uint32_t count(const uint32_t seen[static 4])
{
    uint32_t n = 0;

    for (size_t i = 0; i < 4; i++)
        n += (uint32_t)__builtin_popcount(seen[i]);
    return n;
}

bool attempt_finished(const struct attempt *a)
{
    return !a->collecting && chat_canon_finished(&a->canon);
}

/* Some providers send what they should not behind the finish reason, so content starts the wait again. */
static void await_figures(struct attempt *a)
{
    const struct chat_canon *canon = &a->canon;
    bool news = !a->awaiting || canon->content_bytes != a->finish_bytes ||
                (canon->usage.present && !a->figures);

    if (!news)
        return;
    a->awaiting = true;
    a->figures = canon->usage.present;
    a->finish_bytes = canon->content_bytes;
    fetch_within(a->fetch, a->figures ? ATTEMPT_END_MS : ATTEMPT_USAGE_MS);
}

void attempt_pace(struct attempt *a)
{
    if (a->fetch == NULL)
        return;
    if (a->canon.content_bytes > a->progress_bytes) {
        fetch_progressed(a->fetch, a->canon.content_bytes - a->progress_bytes);
        a->progress_bytes = a->canon.content_bytes;
    }
    if (attempt_finished(a) && count(a->canon.finishes_seen) >= a->n_choices)
        await_figures(a);
}

/* --- whole answers */

static void object_inside(struct attempt_object *o, uint8_t b)
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
static void object_begin(struct attempt_object *o, uint8_t b)
{
    if (b == '{')
        o->depth = 1;
    else
        o->foreign = strchr(" \t\r\n\xef\xbb\xbf", b) == NULL || b == 0;
}

static void pace_object(struct attempt *a, struct view bytes)
{
    struct attempt_object *o = &a->object;

    for (size_t i = 0; i < bytes.len && !o->over && !o->foreign; i++)
        if (o->depth == 0)
            object_begin(o, bytes.ptr[i]);
        else
            object_inside(o, bytes.ptr[i]);
    if (o->over && !a->awaiting) {
        a->awaiting = true;
        fetch_within(a->fetch, ATTEMPT_END_MS);
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

static void line_inside(struct attempt *a, struct view line)
{
    struct view reason = behind_key(line, VIEW_LIT("\"finish_reason\""));

    if (!view_starts(line, VIEW_LIT("data:")))
        return;
    if (reason.len > 1 && reason.ptr[0] == '"' && reason.ptr[1] != '"')
        a->lines.finished = true;
    if (behind_key(line, VIEW_LIT("\"completion_tokens\"")).len != 0)
        a->figures = true;
    if (a->lines.finished) /* each event behind it starts the wait again, but no comment */
        fetch_within(a->fetch, a->figures ? ATTEMPT_END_MS : ATTEMPT_USAGE_MS);
}

/* Several choices end at times of their own: their stream is read to its end. */
static void pace_events(struct attempt *a)
{
    struct view all = content_bytes(a->received);
    struct attempt_lines *l = &a->lines;
    const uint8_t *end;

    if (a->n_choices > 1)
        return;
    while ((end = memchr(all.ptr + l->looked_at, '\n', all.len - l->looked_at)) != NULL) {
        size_t at = (size_t)(end - all.ptr);

        line_inside(a, view_of(all.ptr + l->begin, at - l->begin));
        l->begin = l->looked_at = at + 1;
    }
    l->looked_at = all.len;
}

void attempt_pace_whole(struct attempt *a, struct view bytes)
{
    if (chat_shape_of(content_bytes(a->received)) == CHAT_SHAPE_EVENTS)
        pace_events(a);
    else
        pace_object(a, bytes);
}
