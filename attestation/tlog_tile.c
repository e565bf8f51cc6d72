#include "tlog_tile.h"

static bool take_literal(struct view *v, struct view literal)
{
    struct view skipped;

    return view_starts(*v, literal) && view_take(v, literal.len, &skipped);
}

static bool take_digits(struct view *v, size_t max, uint64_t *out)
{
    struct view digits;
    size_t n = 0;

    while (n < v->len && n < max && v->ptr[n] >= '0' && v->ptr[n] <= '9')
        n++;
    return n != 0 && view_take(v, n, &digits) && view_u64(digits, out);
}

/* Groups of three digits, all but the last behind an x. */
static bool take_index(struct view *v, uint64_t *out)
{
    *out = 0;
    for (unsigned groups = 0; groups < 7; groups++) {
        bool more = take_literal(v, VIEW_LIT("x"));
        size_t before = v->len;
        uint64_t group;

        if (!take_digits(v, 3, &group) || before - v->len != 3)
            return false;
        if (*out > (UINT64_MAX - group) / 1000)
            return false;
        *out = *out * 1000 + group;
        if (!more)
            return true;
        if (!take_literal(v, VIEW_LIT("/")))
            return false;
    }
    return false;
}

bool tlog_tile_parse(struct view path, struct tlog_tile *out)
{
    struct tlog_tile t = {.width = TILE_WIDTH};
    struct view rest = path;
    struct buf again;
    uint64_t n;
    bool same;

    if (path.len >= TILE_PATH_MAX || !take_literal(&rest, VIEW_LIT("tile/")))
        return false;
    t.entries = take_literal(&rest, VIEW_LIT("entries"));
    if (!t.entries) {
        if (!take_digits(&rest, 1, &n) || n > TILE_LEVEL_MAX)
            return false;
        t.level = (unsigned)n;
    }
    if (!take_literal(&rest, VIEW_LIT("/")) || !take_index(&rest, &t.index))
        return false;
    if (take_literal(&rest, VIEW_LIT(".p/"))) {
        if (!take_digits(&rest, 3, &n) || n == 0 || n >= TILE_WIDTH)
            return false;
        t.width = (unsigned)n;
    }
    if (rest.len != 0)
        return false;
    /* One spelling only: what comes back must be what came (no x000/ in front, no 0 before 5). */
    buf_init(&again, TILE_PATH_MAX);
    same = tlog_tile_path(&t, &again) == ERR_NONE && view_eq(buf_view(&again), path);
    buf_free(&again);
    if (same)
        *out = t;
    return same;
}

enum err tlog_tile_path(const struct tlog_tile *t, struct buf *out)
{
    unsigned groups[7], n = 0;
    uint64_t rest = t->index;
    enum err e = t->entries ? buf_append(out, VIEW_LIT("tile/entries/"))
                            : buf_appendf(out, "tile/%u/", t->level);

    do {
        groups[n++] = (unsigned)(rest % 1000);
        rest /= 1000;
    } while (rest != 0);
    while (e == ERR_NONE && n > 1)
        e = buf_appendf(out, "x%03u/", groups[--n]);
    if (e == ERR_NONE)
        e = buf_appendf(out, "%03u", groups[0]);
    if (e == ERR_NONE && t->width != TILE_WIDTH)
        e = buf_appendf(out, ".p/%u", t->width);
    return e;
}

bool tlog_tile_next_entry(struct view *tile, struct view *statement)
{
    struct view rest = *tile, head;

    if (!view_take(&rest, 2, &head) ||
        !view_take(&rest, (size_t)(head.ptr[0] << 8 | head.ptr[1]), statement))
        return false;
    *tile = rest;
    return true;
}
