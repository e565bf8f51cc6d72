/* (G) Texts of others as JSON strings that end where we end them. */
#include "quoted.h"

#include "content_view.h"
#include "utf8.h"

#include <assert.h>
#include <string.h>

#define REPLACEMENT VIEW_LIT("\\ufffd")

void quoted_init(struct quoted *q, struct buf *out, size_t most)
{
    *q = (struct quoted){.out = out, .left = most};
}

void quoted_put(struct quoted *q, struct view text)
{
    if (q->e == ERR_NONE)
        q->e = buf_append(q->out, text);
}

bool quoted_spend(struct quoted *q, size_t bytes)
{
    if (bytes > q->left)
        q->cut = true;
    if (q->cut)
        return false;
    q->left -= bytes;
    return true;
}

/* One character or escape, whole or not at all. */
static void put_unit(struct quoted *q, struct view unit)
{
    if (quoted_spend(q, unit.len))
        quoted_put(q, unit);
}

/* The half that waits stays alone. */
static void drop_half(struct quoted *q)
{
    if (q->high)
        put_unit(q, REPLACEMENT);
    q->high = false;
}

/* --- escapes */

/* Four hex digits; UINT32_MAX when they are not there. */
static uint32_t hex4(struct view v)
{
    uint32_t n = 0;

    if (v.len < 4)
        return UINT32_MAX;
    for (size_t i = 0; i < 4; i++) {
        uint8_t c = v.ptr[i], low = c | 0x20;

        if (c >= '0' && c <= '9')
            n = n << 4 | (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            n = n << 4 | (uint32_t)(low - 'a' + 10);
        else
            return UINT32_MAX;
    }
    return n;
}

/* \uXXXX with this value. */
static void put_code(struct quoted *q, struct view escape, uint32_t code)
{
    uint8_t pair[12];

    if (code >= 0xdc00 && code <= 0xdfff && q->high) {
        memcpy(pair, q->half, 6);
        memcpy(pair + 6, escape.ptr, 6);
        q->high = false;
        put_unit(q, view_of(pair, sizeof pair));
        return;
    }
    drop_half(q);
    if (code >= 0xd800 && code <= 0xdbff) {
        memcpy(q->half, escape.ptr, 6);
        q->high = true;
    } else if (code == 0 || (code >= 0xdc00 && code <= 0xdfff)) {
        put_unit(q, REPLACEMENT);
    } else {
        put_unit(q, escape);
    }
}

/* v begins with a backslash. Returns how many bytes are done. */
static size_t take_escape(struct quoted *q, struct view v)
{
    uint32_t code = v.len > 2 && v.ptr[1] == 'u' ? hex4(view_from(v, 2)) : UINT32_MAX;

    if (code != UINT32_MAX) {
        put_code(q, view_of(v.ptr, 6), code);
        return 6;
    }
    drop_half(q);
    if (v.len > 1 && v.ptr[1] != 0 && strchr("\"\\/bfnrt", v.ptr[1]) != NULL) {
        put_unit(q, view_of(v.ptr, 2));
        return 2;
    }
    put_unit(q, VIEW_LIT("\\\\")); /* no escape: the backslash itself */
    return 1;
}

/* --- characters */

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* A quote or a control character, which cannot stand in a string as it is. */
static void put_escaped(struct quoted *q, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t text[6] = {'\\', 'u', '0', '0', 0, 0};

    if (c == '"') {
        put_unit(q, VIEW_LIT("\\\""));
    } else if (c == 0) {
        put_unit(q, REPLACEMENT);
    } else {
        text[4] = (uint8_t)hex[c >> 4];
        text[5] = (uint8_t)hex[c & 15];
        put_unit(q, view_of(text, sizeof text));
    }
}

/* A run of characters that stay as they are; cut between two of them. Returns its bytes. */
static size_t take_run(struct quoted *q, struct view v)
{
    size_t n = 0, fits = 0, bad;

    while (n < v.len) {
        size_t len = is_plain(v.ptr[n]) ? 1 : v.ptr[n] < 0x80 ? 0 : utf8_sequence(v.ptr + n, v.len - n, &bad);

        if (len == 0)
            break;
        n += len;
        if (n <= q->left)
            fits = n;
    }
    put_unit(q, view_of(v.ptr, fits));
    if (fits < n)
        q->cut = true;
    return n;
}

static size_t take_unit(struct quoted *q, struct view v)
{
    size_t n;

    if (v.ptr[0] == '\\')
        return take_escape(q, v);
    drop_half(q);
    n = take_run(q, v);
    if (n != 0)
        return n;
    if (v.ptr[0] < 0x80)
        put_escaped(q, v.ptr[0]);
    else
        put_unit(q, REPLACEMENT);
    return 1;
}

void quoted_open(struct quoted *q)
{
    assert(!q->high);
    quoted_put(q, VIEW_LIT("\""));
}

void quoted_piece(struct quoted *q, struct view escaped)
{
    while (escaped.len != 0 && !q->cut && q->e == ERR_NONE)
        escaped = view_from(escaped, take_unit(q, escaped));
}

void quoted_end(struct quoted *q)
{
    drop_half(q);
}

void quoted_close(struct quoted *q)
{
    quoted_end(q);
    quoted_put(q, VIEW_LIT("\""));
}

void quoted_string(struct quoted *q, struct view escaped)
{
    quoted_open(q);
    quoted_piece(q, escaped);
    quoted_close(q);
}
