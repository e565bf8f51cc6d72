#include "json.h"
#include "json_string.h"

#include <assert.h>

enum err json_splice(struct view doc, const struct json_edit *edits, size_t n, struct buf *out)
{
    size_t at = 0, total = doc.len;
    enum err e;

    for (size_t i = 0; i < n; i++) {
        assert(edits[i].from >= at && edits[i].from <= doc.len);
        assert(edits[i].len <= doc.len - edits[i].from);
        at = edits[i].from + edits[i].len;
        total -= edits[i].len;
        if (__builtin_add_overflow(total, edits[i].with.len, &total))
            return ERR_LIMIT;
    }
    e = buf_reserve(out, total); /* after this nothing can fail half-way */
    if (e != ERR_NONE)
        return e;
    at = 0;
    for (size_t i = 0; i <= n && e == ERR_NONE; i++) {
        size_t to = i < n ? edits[i].from : doc.len;

        if (to > at)
            e = buf_append(out, view_of(doc.ptr + at, to - at));
        if (i < n && e == ERR_NONE) {
            e = buf_append(out, edits[i].with);
            at = edits[i].from + edits[i].len;
        }
    }
    assert(e == ERR_NONE);
    return e;
}

/* Offsets in doc: of a member's opening quote, and behind its value. */
static size_t member_from(struct view doc, const struct json_member *m)
{
    assert(m->key.ptr > doc.ptr && m->key.ptr < doc.ptr + doc.len && m->key.ptr[-1] == '"');
    return (size_t)(m->key.ptr - 1 - doc.ptr);
}

static size_t member_to(struct view doc, const struct json_member *m)
{
    const uint8_t *end = m->value.text.ptr + m->value.text.len;

    assert(m->value.text.ptr > doc.ptr && end < doc.ptr + doc.len);
    return (size_t)(end - doc.ptr);
}

/* Removes the neighbouring members first..last: with the comma behind them, or, when they are the
 * object's last, with the one before them. */
static struct json_edit remove_run(struct view doc, const struct json_member *first,
                                   const struct json_member *last)
{
    size_t from = member_from(doc, first), to = member_to(doc, last), i = to;

    while (i < doc.len && json_is_space(doc.ptr[i]))
        i++;
    if (i < doc.len && doc.ptr[i] == ',') {
        to = i + 1;
    } else {
        for (i = from; i > 0 && json_is_space(doc.ptr[i - 1]);)
            i--;
        if (i > 0 && doc.ptr[i - 1] == ',')
            from = i - 1;
    }
    return (struct json_edit){.from = from, .len = to - from, .with = VIEW_EMPTY};
}

struct json_edit json_edit_remove(struct view doc, const struct json_member *m)
{
    return remove_run(doc, m, m);
}

size_t json_after_brace(struct view doc)
{
    size_t i = 0;

    while (i < doc.len && json_is_space(doc.ptr[i]))
        i++;
    assert(i < doc.len && doc.ptr[i] == '{');
    return i + 1;
}

static enum err edit_put(struct json_edit *edits, size_t max, size_t *n, struct json_edit e)
{
    if (*n == max)
        return ERR_LIMIT;
    edits[(*n)++] = e;
    return ERR_NONE;
}

enum err json_edits_build(struct view doc, const struct json_member *m, size_t n_members,
                          const struct json_change *changes, size_t n_changes, struct view add,
                          struct json_edit *edits, size_t max, size_t *n_out)
{
    size_t removed = 0, n = 0;
    enum err e = ERR_NONE;

    for (size_t i = 0; i < n_changes; i++) {
        assert(changes[i].member < n_members);
        assert(i == 0 || changes[i - 1].member < changes[i].member);
        removed += changes[i].remove;
    }
    if (add.len != 0) {
        struct json_edit at = {.from = json_after_brace(doc), .len = 0, .with = add};

        e = edit_put(edits, max, &n, at);
        at.with = VIEW_LIT(",");
        if (e == ERR_NONE && removed < n_members)
            e = edit_put(edits, max, &n, at);
    }
    for (size_t i = 0; i < n_changes && e == ERR_NONE; i++) {
        const struct json_member *first = &m[changes[i].member];

        if (changes[i].remove) {
            while (i + 1 < n_changes && changes[i + 1].remove &&
                   changes[i + 1].member == changes[i].member + 1)
                i++;
            e = edit_put(edits, max, &n, remove_run(doc, first, &m[changes[i].member]));
        } else {
            struct json_edit put = {.from = (size_t)(first->value.text.ptr - doc.ptr),
                                    .len = first->value.text.len,
                                    .with = changes[i].with};

            e = edit_put(edits, max, &n, put);
        }
    }
    if (e == ERR_NONE)
        *n_out = n;
    return e;
}
