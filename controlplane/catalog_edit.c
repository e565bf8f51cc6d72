#include "catalog_edit.h"

enum { FIELD_MAX = 64, VALUE_MAX = 16 << 10 };

/* --- values */

/* Text that stays on its line and is read back as it is. */
static enum err put_plain(struct view v, struct buf *out)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] < 0x20 || v.ptr[i] == 0x7f)
            return ERR_FORMAT;
    return buf_append(out, v);
}

static enum err put_scalar(struct json_value v, struct buf *out)
{
    struct buf text;
    enum err e;

    if (v.kind == JSON_NUMBER)
        return buf_append(out, v.text);
    if (v.kind == JSON_TRUE || v.kind == JSON_FALSE)
        return buf_append(out, v.kind == JSON_TRUE ? VIEW_LIT("yes") : VIEW_LIT("no"));
    if (v.kind != JSON_STRING)
        return ERR_FORMAT;
    buf_init(&text, VALUE_MAX);
    e = json_string_decode(v, &text);
    if (e == ERR_NONE)
        e = put_plain(buf_view(&text), out);
    buf_free(&text);
    return e;
}

/* A name of a field: it is looked up by the parser, so letters, digits and _ are enough. */
static bool field_ok(struct view key)
{
    for (size_t i = 0; i < key.len; i++)
        if (!((key.ptr[i] >= 'a' && key.ptr[i] <= 'z') || (key.ptr[i] >= '0' && key.ptr[i] <= '9') ||
              key.ptr[i] == '_'))
            return false;
    return key.len != 0 && key.len < FIELD_MAX;
}

static enum err put_line(struct view key, struct json_value v, struct buf *out)
{
    enum err e = buf_append(out, key);

    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(" = "));
    if (e == ERR_NONE)
        e = put_scalar(v, out);
    return e == ERR_NONE ? buf_append_byte(out, '\n') : e;
}

/* The words of an array on one line; of `tier`, each on its own. */
static enum err put_array(struct view key, struct json_value v, struct buf *out)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    bool lines = view_eq(key, VIEW_LIT("tier"));
    enum err e = ERR_NONE;

    if (!lines)
        e = buf_append(out, key);
    if (!lines && e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(" ="));
    while (e == ERR_NONE && json_next(&it, &m)) {
        if (lines) {
            e = put_line(key, m.value, out);
            continue;
        }
        e = m.value.kind == JSON_STRING ? buf_append_byte(out, ' ') : ERR_FORMAT;
        if (e == ERR_NONE)
            e = put_scalar(m.value, out);
    }
    return e == ERR_NONE && !lines ? buf_append_byte(out, '\n') : e;
}

/* An empty list is no line: the parser takes no empty value. */
static bool is_empty(struct json_value v)
{
    struct json_iter it;
    struct json_member m;

    if (v.kind != JSON_ARRAY)
        return v.kind == JSON_NULL;
    it = json_iter(v);
    return !json_next(&it, &m);
}

static enum err put_fields(struct json_value fields, struct buf *out, const char *const *skip)
{
    struct json_iter it = json_iter(fields);
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && json_next(&it, &m)) {
        bool skipped = false;

        for (size_t i = 0; skip != NULL && skip[i] != NULL; i++)
            skipped = skipped || json_key_is(m.key, skip[i]);
        if (skipped)
            continue;
        if (!field_ok(m.key))
            e = ERR_FORMAT;
        else if (!is_empty(m.value))
            e = m.value.kind == JSON_ARRAY ? put_array(m.key, m.value, out) : put_line(m.key, m.value, out);
    }
    return e;
}

static bool names(struct json_value fields, struct view key)
{
    struct json_iter it = json_iter(fields);
    struct json_member m;

    while (json_next(&it, &m))
        if (view_eq(m.key, key))
            return true;
    return false;
}

/* --- sections */

static struct view take_row(struct view *rest)
{
    const uint8_t *end = memchr(rest->ptr, '\n', rest->len);
    struct view row = view_of(rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr) + 1);

    *rest = view_from(*rest, row.len);
    return row;
}

/* As the parser looks at it. */
static struct view line_of(struct view row)
{
    while (row.len != 0 && (row.ptr[row.len - 1] == '\n' || row.ptr[row.len - 1] == '\r'))
        row.len--;
    return view_trim(row);
}

static bool opens(struct view row)
{
    struct view line = line_of(row);

    return line.len != 0 && line.ptr[0] == '[';
}

static size_t word_len(struct view v)
{
    size_t n = 0;

    while (n < v.len && v.ptr[n] != ' ' && v.ptr[n] != '\t')
        n++;
    return n;
}

/* Is the row "[kind name]"? */
static bool opens_this(struct view row, struct view kind, struct view name)
{
    struct view line = line_of(row), inner;
    size_t n;

    if (line.len < 2 || line.ptr[0] != '[' || line.ptr[line.len - 1] != ']')
        return false;
    inner = view_trim(view_of(line.ptr + 1, line.len - 2));
    n = word_len(inner);
    return view_eq(view_of(inner.ptr, n), kind) && view_eq(view_trim(view_from(inner, n)), name);
}

static struct view key_of(struct view row)
{
    struct view line = line_of(row);
    const uint8_t *eq = line.len == 0 || line.ptr[0] == '#' ? NULL : memchr(line.ptr, '=', line.len);

    return eq == NULL ? VIEW_EMPTY : view_trim(view_of(line.ptr, (size_t)(eq - line.ptr)));
}

/* A row as it was, ended. */
static enum err keep(struct view row, struct buf *out)
{
    enum err e = buf_append(out, row);

    return e == ERR_NONE && row.ptr[row.len - 1] != '\n' ? buf_append_byte(out, '\n') : e;
}

static enum err put_header(struct view kind, struct view name, struct buf *out)
{
    enum err e = buf_append_byte(out, '[');

    for (size_t i = 0; e == ERR_NONE && i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7f || name.ptr[i] == '[' || name.ptr[i] == ']')
            e = ERR_FORMAT;
    if (e == ERR_NONE)
        e = buf_append(out, kind);
    if (e == ERR_NONE)
        e = buf_append_byte(out, ' ');
    if (e == ERR_NONE)
        e = buf_append(out, name);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("]\n")) : e;
}

enum err catalog_edit(struct view text, struct view kind, struct view name, struct json_value fields, bool create,
                      struct buf *out)
{
    bool inside = false, found = false;
    enum err e = fields.kind == JSON_OBJECT ? ERR_NONE : ERR_FORMAT;

    while (e == ERR_NONE && text.len != 0) {
        struct view row = take_row(&text);

        if (opens(row))
            inside = opens_this(row, kind, name);
        if (inside && opens(row)) {
            found = true;
            e = keep(row, out);
            if (e == ERR_NONE)
                e = put_fields(fields, out, NULL);
        } else if (!inside || key_of(row).len == 0 || !names(fields, key_of(row))) {
            e = keep(row, out);
        }
    }
    if (e != ERR_NONE || found)
        return e;
    if (!create)
        return ERR_NOT_FOUND;
    e = buf_append_byte(out, '\n');
    if (e == ERR_NONE)
        e = put_header(kind, name, out);
    return e == ERR_NONE ? put_fields(fields, out, NULL) : e;
}

enum err catalog_edit_remove(struct view text, struct view kind, struct view name, struct buf *out)
{
    bool inside = false, found = false;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && text.len != 0) {
        struct view row = take_row(&text);

        if (opens(row))
            inside = opens_this(row, kind, name);
        found = found || inside;
        if (!inside)
            e = keep(row, out);
    }
    return e == ERR_NONE && !found ? ERR_NOT_FOUND : e;
}

/* --- from JSON */

/* The two members that name an endpoint, or the one of the others. */
static enum err put_name(struct json_value section, const char *first, const char *second, struct buf *out)
{
    struct json_value v;
    struct view plain;

    if (json_only(section, first, &v) != ERR_NONE || !json_string_plain(v, &plain) ||
        buf_append(out, plain) != ERR_NONE)
        return ERR_FORMAT;
    if (second == NULL)
        return ERR_NONE;
    if (json_only(section, second, &v) != ERR_NONE || !json_string_plain(v, &plain) ||
        buf_append_byte(out, '@') != ERR_NONE)
        return ERR_FORMAT;
    return buf_append(out, plain);
}

static enum err put_sections(struct json_value list, struct view kind, const char *const *names_by, struct buf *out)
{
    struct json_iter it;
    struct json_member m;
    enum err e = list.kind == JSON_ARRAY ? ERR_NONE : ERR_FORMAT;

    if (e != ERR_NONE)
        return e;
    it = json_iter(list);
    while (e == ERR_NONE && json_next(&it, &m)) {
        struct buf name;

        buf_init(&name, 512);
        e = m.value.kind == JSON_OBJECT ? put_name(m.value, names_by[0], names_by[1], &name) : ERR_FORMAT;
        if (e == ERR_NONE)
            e = put_header(kind, buf_view(&name), out);
        if (e == ERR_NONE)
            e = put_fields(m.value, out, names_by);
        if (e == ERR_NONE)
            e = buf_append_byte(out, '\n');
        buf_free(&name);
    }
    return e;
}

enum err catalog_edit_from_json(struct json_value root, struct buf *out)
{
    static const struct {
        const char *list;
        struct view kind;
        const char *names_by[3]; /* ended by NULL; no lines of the section */
    } kinds[] = {
        {"models", VIEW_LIT("model"), {"id", NULL, NULL}},
        {"endpoints", VIEW_LIT("endpoint"), {"model", "provider", NULL}},
        {"aliases", VIEW_LIT("alias"), {"id", NULL, NULL}},
        {"synths", VIEW_LIT("synth"), {"id", NULL, NULL}},
    };
    enum err e = root.kind == JSON_OBJECT ? ERR_NONE : ERR_FORMAT;

    for (size_t i = 0; e == ERR_NONE && i < sizeof kinds / sizeof kinds[0]; i++) {
        struct json_value list;
        enum err there = json_only(root, kinds[i].list, &list);

        if (there == ERR_NONE)
            e = put_sections(list, kinds[i].kind, kinds[i].names_by, out);
        else if (there != ERR_NOT_FOUND)
            e = ERR_FORMAT;
    }
    return e;
}
