/* (G) The event stream splitter. An event that lies whole in the bytes it was fed, with one data
 * line, is handed out as a view of those bytes; only unfinished and multi-line events are copied.
 */
#include "sse_in.h"

#include "content_view.h"
#include "secret.h"

#include <assert.h>

/* The carry holds one unfinished event and what came behind it in the same read. */
enum { CARRY_SLACK = 128 << 10, FEED_SLICE = 64 << 10 };

void sse_in_init(struct sse_in *s, size_t line_max, struct budget *budget)
{
    *s = (struct sse_in){.line_max = line_max, .at_start = true};
    buf_init_charged(&s->carry, line_max + CARRY_SLACK, budget);
}

void sse_in_free(struct sse_in *s)
{
    buf_free(&s->carry);
    secret_wipe(s->name, sizeof s->name);
    s->feed = VIEW_EMPTY;
    s->used = s->line = s->scanned = 0;
}

void sse_in_feed(struct sse_in *s, struct view bytes)
{
    assert(s->feed.len == 0);
    s->feed = bytes;
}

static bool carrying(const struct sse_in *s)
{
    return s->carry.len > s->used;
}

/* What may be looked at now, from the start of the current event on. */
static struct view window(const struct sse_in *s)
{
    return carrying(s) ? view_from(buf_view(&s->carry), s->used) : s->feed;
}

static void advance(struct sse_in *s, size_t n)
{
    if (carrying(s))
        s->used += n;
    else
        s->feed = view_from(s->feed, n);
    s->line = s->scanned = 0;
}

/* Offset of the next CR or LF at or after `from`; w.len when there is none. */
static size_t line_end(struct view w, size_t from)
{
    const uint8_t *lf, *cr;
    size_t n = w.len - from;

    if (n == 0)
        return w.len;
    lf = memchr(w.ptr + from, '\n', n);
    if (lf != NULL)
        n = (size_t)(lf - (w.ptr + from));
    cr = n == 0 ? NULL : memchr(w.ptr + from, '\r', n);
    if (cr != NULL)
        return (size_t)(cr - w.ptr);
    return lf != NULL ? from + n : w.len;
}

/* Look for the blank line that ends the event. ERR_NONE: *end is behind its terminator.
 * ERR_SHORT: not there yet; s->line and s->scanned say where to go on. */
static enum err event_end(struct sse_in *s, struct view w, size_t *end)
{
    for (;;) {
        size_t e = line_end(w, s->scanned);
        size_t after = e + 1;

        if (e - s->line > s->line_max)
            return ERR_LIMIT;
        s->scanned = e;
        if (e == w.len)
            return ERR_SHORT;
        if (w.ptr[e] == '\r') {
            if (after < w.len)
                after += w.ptr[after] == '\n';
            else if (e != s->line)
                return ERR_SHORT; /* CR or CRLF? harmless to wait: a blank line must follow */
            else
                s->skip_lf = true; /* a blank line: waiting would hold the event back */
        }
        if (e == s->line) {
            *end = after;
            return ERR_NONE;
        }
        s->line = s->scanned = after;
    }
}

/* One line of the event: its name and value. False for a comment. */
static bool split_line(struct view line, struct view *name, struct view *value)
{
    const uint8_t *colon = memchr(line.ptr, ':', line.len);

    *value = view_from(line, line.len); /* "data" alone is an empty value at the line's end */
    *name = line;
    if (colon != NULL) {
        name->len = (size_t)(colon - line.ptr);
        *value = view_from(line, name->len + 1);
        if (value->len != 0 && value->ptr[0] == ' ')
            *value = view_from(*value, 1);
    }
    return name->len != 0;
}

static bool next_line(struct view *rest, struct view *line)
{
    size_t e;

    if (rest->len == 0)
        return false;
    e = line_end(*rest, 0);
    *line = view_of(rest->ptr, e);
    if (e + 1 < rest->len && rest->ptr[e] == '\r' && rest->ptr[e + 1] == '\n')
        e++;
    *rest = view_from(*rest, e + 1);
    return true;
}

/* The number of data lines in the event; *out from the last event line and the first data line. */
static size_t read_fields(struct view event, struct sse_event *out)
{
    struct view line, name, value;
    size_t n = 0;

    *out = (struct sse_event){VIEW_EMPTY, VIEW_EMPTY};
    while (next_line(&event, &line)) {
        if (line.len == 0 || !split_line(line, &name, &value))
            continue;
        if (view_eq(name, VIEW_LIT("data"))) {
            if (n++ == 0)
                out->data = value;
        } else if (view_eq(name, VIEW_LIT("event")))
            out->name = value;
    }
    return n;
}

/* Join the data lines in place, in the carry's own bytes: the joined text is never longer, but may
 * run over the event's name, so that moves out of the way (cut short: no known name is longer). */
static void join_data(struct sse_in *s, struct view event, struct sse_event *out)
{
    uint8_t *to = (uint8_t *)(uintptr_t)out->data.ptr;
    struct view line, name, value;
    size_t len = 0, n = 0;

    if (out->name.len > sizeof s->name)
        out->name.len = sizeof s->name;
    if (out->name.len != 0)
        out->name = view_of(memcpy(s->name, out->name.ptr, out->name.len), out->name.len);
    while (next_line(&event, &line)) {
        if (line.len == 0 || !split_line(line, &name, &value) || !view_eq(name, VIEW_LIT("data")))
            continue;
        if (n++ != 0)
            to[len++] = '\n';
        if (value.len != 0)
            memmove(to + len, value.ptr, value.len);
        len += value.len;
    }
    out->data = view_of(to, len);
}

/* Move fed bytes (at most a slice) behind the carry. */
static enum err carry_more(struct sse_in *s, size_t n)
{
    enum err e;

    if (!carrying(s))
        buf_reset(&s->carry), s->used = 0;
    else if (s->used != 0) {
        buf_consume(&s->carry, s->used);
        s->used = 0;
    }
    e = buf_append(&s->carry, view_of(s->feed.ptr, n));
    if (e == ERR_NONE)
        s->feed = view_from(s->feed, n);
    return e;
}

/* Called when the window does not hold a whole event. */
static enum err need_more(struct sse_in *s)
{
    if (s->feed.len != 0)
        return carry_more(s, s->feed.len < FEED_SLICE ? s->feed.len : FEED_SLICE);
    if (!carrying(s)) {
        buf_free(&s->carry); /* idle streams hold nothing */
        s->used = 0;
    }
    return ERR_SHORT;
}

/* Skip what stands before an event: a BOM at the very start, the LF of a CRLF. False: need more. */
static bool skip_prefix(struct sse_in *s)
{
    static const struct view bom = {(const uint8_t *)"\xef\xbb\xbf", 3};
    struct view w = window(s);

    if (s->at_start) {
        if (view_starts(w, bom))
            advance(s, bom.len);
        else if (w.len < bom.len && view_starts(bom, w))
            return false;
        s->at_start = false;
        w = window(s);
    }
    if (w.len == 0)
        return false;
    if (s->skip_lf && w.ptr[0] == '\n')
        advance(s, 1);
    s->skip_lf = false;
    return window(s).len != 0;
}

enum err sse_in_next(struct sse_in *s, struct sse_event *out)
{
    for (;;) {
        size_t end = 0, n;
        bool carried;
        struct view event;
        enum err e = ERR_SHORT;

        if (skip_prefix(s))
            e = event_end(s, window(s), &end);
        if (e == ERR_SHORT) {
            bool moved = s->feed.len != 0;

            e = need_more(s);
            if (e == ERR_NONE && moved)
                continue;
        }
        if (e != ERR_NONE) {
            s->feed = VIEW_EMPTY; /* also after a failure: the bytes are not ours to keep */
            return e;
        }
        carried = carrying(s);
        event = view_of(window(s).ptr, end);
        n = read_fields(event, out);
        if (n > 1 && !carried) {
            e = carry_more(s, end); /* needs bytes of our own to join in */
            if (e != ERR_NONE) {
                s->feed = VIEW_EMPTY;
                return e;
            }
            event = view_of(window(s).ptr, end);
            n = read_fields(event, out);
        }
        if (n > 1)
            join_data(s, event, out);
        advance(s, end);
        if (n != 0)
            return ERR_NONE;
    }
}

enum err sse_in_end(struct sse_in *s, struct sse_event *out)
{
    sse_in_feed(s, VIEW_LIT("\n\n"));
    return sse_in_next(s, out);
}
