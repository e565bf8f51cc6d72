#include "canonical.h"

#include "secret.h"

#include <assert.h>

enum { NUMBER_DIGITS_MAX = 20 };

/* Printable ASCII that JSON never escapes, so there is one way to write a name. */
static bool name_byte_ok(uint8_t c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* --- encode */

static enum err append_quoted(struct view text, struct buf *out)
{
    enum err e = buf_append_byte(out, '"');

    if (e == ERR_NONE)
        e = buf_append(out, text);
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

static enum err append_name(const char *at, size_t size, struct buf *out)
{
    size_t len = strnlen(at, size);

    if (len == 0 || len == size)
        return ERR_FORMAT;
    for (size_t k = 0; k < len; k++)
        if (!name_byte_ok((uint8_t)at[k]))
            return ERR_FORMAT;
    return append_quoted(view_of(at, len), out);
}

static enum err append_value(const struct canonical_field *f, const void *from, struct buf *out)
{
    const char *at = (const char *)from + f->at;
    char hex[2 * CANONICAL_HEX_MAX + 1];
    uint64_t number;

    switch (f->kind) {
    case CANONICAL_NAME:
        return append_name(at, f->size, out);
    case CANONICAL_HEX:
        assert(f->size <= CANONICAL_HEX_MAX);
        hex_encode(at, f->size, hex);
        return append_quoted(view_of(hex, 2 * f->size), out);
    case CANONICAL_NUMBER:
        assert(f->size == sizeof number);
        memcpy(&number, at, sizeof number);
        return number <= CANONICAL_NUMBER_MAX ? buf_append_u64(out, number) : ERR_FORMAT;
    case CANONICAL_BOOL:
        return buf_append(out, *(const bool *)at ? VIEW_LIT("true") : VIEW_LIT("false"));
    case CANONICAL_TEXT:
        return ERR_NONE;
    }
    return ERR_BUG;
}

enum err canonical_append(const struct canonical *c, const void *from, size_t skip, struct buf *out)
{
    size_t before = out->len;
    enum err e = ERR_NONE;

    for (size_t k = 0; k < c->n && e == ERR_NONE; k++) {
        if (k == skip)
            continue;
        e = buf_append(out, c->fields[k].before);
        if (e == ERR_NONE)
            e = append_value(&c->fields[k], from, out);
    }
    if (e == ERR_NONE)
        e = buf_append(out, c->end);
    if (e != ERR_NONE)
        out->len = before;
    return e;
}

/* --- decode */

bool canonical_take_literal(struct view *v, struct view literal)
{
    struct view ignored;

    return view_starts(*v, literal) && view_take(v, literal.len, &ignored);
}

bool canonical_take_hex(struct view *v, uint8_t *out, size_t n)
{
    struct view hex;

    if (!view_take(v, 2 * n, &hex))
        return false;
    for (size_t i = 0; i < hex.len; i++)
        if (hex.ptr[i] >= 'A' && hex.ptr[i] <= 'F')
            return false;
    return hex_decode(hex, out, n) == ERR_NONE;
}

static bool take_name(struct view *v, char *out, size_t size)
{
    struct view name;
    size_t len = 0;

    while (len < v->len && name_byte_ok(v->ptr[len]))
        len++;
    if (len == 0 || len >= size || !view_take(v, len, &name))
        return false;
    memcpy(out, name.ptr, len);
    memset(out + len, 0, size - len);
    return true;
}

static bool take_number(struct view *v, uint64_t *out)
{
    struct view digits;
    size_t len = 0;

    while (len < v->len && len <= NUMBER_DIGITS_MAX && v->ptr[len] >= '0' && v->ptr[len] <= '9')
        len++;
    if (len == 0 || (len > 1 && v->ptr[0] == '0'))
        return false;
    return view_take(v, len, &digits) && view_u64(digits, out) && *out <= CANONICAL_NUMBER_MAX;
}

static bool take_value(const struct canonical_field *f, struct view *v, void *to)
{
    char *at = (char *)to + f->at;
    uint64_t number;

    switch (f->kind) {
    case CANONICAL_NAME:
        return canonical_take_literal(v, VIEW_LIT("\"")) && take_name(v, at, f->size) &&
               canonical_take_literal(v, VIEW_LIT("\""));
    case CANONICAL_HEX:
        return canonical_take_literal(v, VIEW_LIT("\"")) &&
               canonical_take_hex(v, (uint8_t *)at, f->size) &&
               canonical_take_literal(v, VIEW_LIT("\""));
    case CANONICAL_NUMBER:
        if (!take_number(v, &number))
            return false;
        memcpy(at, &number, sizeof number);
        return true;
    case CANONICAL_BOOL:
        *(bool *)at = canonical_take_literal(v, VIEW_LIT("true"));
        return *(bool *)at || canonical_take_literal(v, VIEW_LIT("false"));
    case CANONICAL_TEXT:
        return true;
    }
    return false;
}

bool canonical_take(const struct canonical *c, struct view *v, void *to)
{
    for (size_t k = 0; k < c->n; k++)
        if (!canonical_take_literal(v, c->fields[k].before) || !take_value(&c->fields[k], v, to))
            return false;
    return canonical_take_literal(v, c->end);
}
