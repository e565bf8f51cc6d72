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

size_t json_after_brace(struct view doc)
{
    size_t i = 0;

    while (i < doc.len && json_is_space(doc.ptr[i]))
        i++;
    assert(i < doc.len && doc.ptr[i] == '{');
    return i + 1;
}
