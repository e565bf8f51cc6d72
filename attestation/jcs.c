#include "jcs.h"

#include <stdlib.h>

static const int64_t integer_max = INT64_C(1) << 53; /* beyond, readers disagree */

static enum err value_append(struct json_value v, const char *without, unsigned depth,
                             struct buf *out);

/* A string's canonical spelling: the shortest escapes, everything else as UTF-8. */
static enum err text_append(struct view text, struct buf *out)
{
    static const char escapes[] = "btn fr"; /* of 8, 9, 10, 12, 13 */
    enum err e = buf_append_byte(out, '"');

    for (size_t i = 0; i < text.len && e == ERR_NONE; i++) {
        size_t from = i;
        uint8_t c;

        while (i < text.len && text.ptr[i] >= 0x20 && text.ptr[i] != '"' && text.ptr[i] != '\\')
            i++; /* as it is, and in our documents that is all of it */
        e = buf_append(out, view_of(text.ptr + from, i - from));
        if (i == text.len || e != ERR_NONE)
            break;
        c = text.ptr[i];
        if (c == '"' || c == '\\') {
            e = buf_append_byte(out, '\\');
            if (e == ERR_NONE)
                e = buf_append_byte(out, c);
        } else if (c >= 8 && c <= 13 && c != 11) {
            e = buf_append_byte(out, '\\');
            if (e == ERR_NONE)
                e = buf_append_byte(out, (uint8_t)escapes[c - 8]);
        } else {
            e = buf_appendf(out, "\\u%04x", c);
        }
    }
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

static enum err string_append(struct json_value v, struct buf *out)
{
    struct view plain;
    struct buf decoded;
    enum err e;

    if (json_string_plain(v, &plain))
        return text_append(plain, out);
    buf_init(&decoded, v.text.len);
    e = json_string_decode(v, &decoded);
    if (e == ERR_NONE)
        e = text_append(buf_view(&decoded), out);
    buf_free(&decoded);
    return e;
}

static enum err number_append(struct json_value v, struct buf *out)
{
    int64_t n;

    if (json_i64(v, &n) != ERR_NONE || n > integer_max || n < -integer_max ||
        view_eq(v.text, VIEW_LIT("-0")))
        return ERR_UNSUPPORTED;
    return buf_append_i64(out, n);
}

static enum err array_append(struct json_value v, unsigned depth, struct buf *out)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = buf_append_byte(out, '[');

    for (bool first = true; e == ERR_NONE && json_next(&it, &m); first = false) {
        if (!first)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = value_append(m.value, NULL, depth + 1, out);
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

/* Names are compared as their bytes, so they must be plain printable ASCII without escapes. */
static bool name_is_plain(struct view name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < 0x20 || name.ptr[i] >= 0x7f || name.ptr[i] == '\\')
            return false;
    }
    return true;
}

static int member_compare(const void *x, const void *y)
{
    const struct json_member *a = x, *b = y;
    size_t n = a->key.len < b->key.len ? a->key.len : b->key.len;
    int order = n == 0 ? 0 : memcmp(a->key.ptr, b->key.ptr, n);

    if (order != 0)
        return order;
    return a->key.len < b->key.len ? -1 : a->key.len > b->key.len;
}

static enum err members_sorted(struct json_value v, struct json_member *members, size_t *n)
{
    struct json_iter it = json_iter(v);

    for (*n = 0; json_next(&it, &members[*n]); ++*n) {
        if (*n == JCS_MEMBERS_MAX)
            return ERR_LIMIT;
        if (!name_is_plain(members[*n].key))
            return ERR_UNSUPPORTED;
    }
    qsort(members, *n, sizeof members[0], member_compare);
    for (size_t i = 1; i < *n; i++) {
        if (view_eq(members[i - 1].key, members[i].key))
            return ERR_DUPLICATE;
    }
    return ERR_NONE;
}

static enum err object_append(struct json_value v, const char *without, unsigned depth,
                              struct buf *out)
{
    struct json_member members[JCS_MEMBERS_MAX + 1]; /* one more tells that there are too many */
    size_t n;
    bool first = true;
    enum err e = members_sorted(v, members, &n);

    if (e == ERR_NONE)
        e = buf_append_byte(out, '{');
    for (size_t i = 0; i < n && e == ERR_NONE; i++) {
        if (without != NULL && view_eq(members[i].key, view_str(without)))
            continue;
        if (!first)
            e = buf_append_byte(out, ',');
        first = false;
        if (e == ERR_NONE)
            e = text_append(members[i].key, out);
        if (e == ERR_NONE)
            e = buf_append_byte(out, ':');
        if (e == ERR_NONE)
            e = value_append(members[i].value, NULL, depth + 1, out);
    }
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static enum err value_append(struct json_value v, const char *without, unsigned depth,
                             struct buf *out)
{
    if (depth == JCS_DEPTH_MAX)
        return ERR_LIMIT;
    switch (v.kind) {
    case JSON_OBJECT:
        return object_append(v, without, depth, out);
    case JSON_ARRAY:
        return array_append(v, depth, out);
    case JSON_STRING:
        return string_append(v, out);
    case JSON_NUMBER:
        return number_append(v, out);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return buf_append(out, v.text);
    }
    return ERR_BUG;
}

enum err jcs_append(struct json_value v, const char *without, struct buf *out)
{
    return value_append(v, without, 0, out);
}
