#include "buf.h"
#include "secret.h"
#include "utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 }; /* bytes; most of our short-lived buffers hold one header or one number */

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_init_charged(struct buf *b, size_t max, struct budget *budget)
{
    *b = (struct buf){.max = max, .budget = budget};
}

/* The bytes and their charge; b->ptr dangles until the caller sets it. */
static void release(struct buf *b)
{
    if (b->ptr == NULL)
        return;
    secret_wipe(b->ptr, b->cap);
    free(b->ptr);
    budget_give(b->budget, b->cap);
}

void buf_free(struct buf *b)
{
    release(b);
    buf_init_charged(b, b->max, b->budget);
}

void buf_reset(struct buf *b)
{
    if (b->len != 0)
        secret_wipe(b->ptr, b->len);
    b->len = 0;
}

/* New allocation, copy, wipe, free: realloc would leave the old bytes behind in the heap. */
static enum err grow(struct buf *b, size_t need)
{
    size_t cap = b->cap > b->max / 2 ? b->max : b->cap * 2;
    uint8_t *p;

    if (cap < FIRST_CAP)
        cap = FIRST_CAP < b->max ? FIRST_CAP : b->max;
    if (cap < need)
        cap = need;
    assert(cap <= b->max && cap > b->cap);
    if (!budget_take(b->budget, cap))
        return ERR_OVERLOAD;
    p = malloc(cap);
    if (p == NULL) {
        budget_give(b->budget, cap);
        return ERR_MEMORY;
    }
    if (b->ptr != NULL)
        memcpy(p, b->ptr, b->len);
    release(b);
    b->ptr = p;
    b->cap = cap;
    return ERR_NONE;
}

enum err buf_reserve(struct buf *b, size_t n)
{
    assert(b->len <= b->cap && b->cap <= b->max);
    if (n > b->max - b->len)
        return ERR_LIMIT;
    if (n <= b->cap - b->len)
        return ERR_NONE;
    return grow(b, b->len + n);
}

enum err buf_append(struct buf *b, struct view v)
{
    enum err e;

    if (v.len == 0)
        return ERR_NONE;
    /* Growing frees the old bytes, so a buffer cannot be appended to itself. */
    assert(b->ptr == NULL || v.ptr + v.len <= b->ptr || v.ptr >= b->ptr + b->cap);
    e = buf_reserve(b, v.len);
    if (e != ERR_NONE)
        return e;
    memcpy(b->ptr + b->len, v.ptr, v.len);
    b->len += v.len;
    return ERR_NONE;
}

enum err buf_append_byte(struct buf *b, uint8_t c)
{
    enum err e = buf_reserve(b, 1);

    if (e == ERR_NONE)
        b->ptr[b->len++] = c;
    return e;
}

/* Writes v in decimal so that it ends right before `end`; returns where it starts. */
static uint8_t *decimal_before(uint8_t *end, uint64_t v)
{
    do {
        *--end = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    return end;
}

enum err buf_append_u64(struct buf *b, uint64_t v)
{
    uint8_t text[20]; /* UINT64_MAX has 20 digits */
    uint8_t *from = decimal_before(text + sizeof text, v);

    return buf_append(b, view_of(from, (size_t)(text + sizeof text - from)));
}

enum err buf_append_i64(struct buf *b, int64_t v)
{
    uint8_t text[21];
    /* 0 - (uint64_t)v is the magnitude, INT64_MIN included. */
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    uint8_t *from = decimal_before(text + sizeof text, magnitude);

    if (v < 0)
        *--from = '-';
    return buf_append(b, view_of(from, (size_t)(text + sizeof text - from)));
}

enum err buf_appendf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    size_t len;
    enum err e;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        return ERR_BUG;
    len = (size_t)n;
    if (len >= b->max - b->len) /* vsnprintf also wants a place for its NUL */
        return ERR_LIMIT;
    e = buf_reserve(b, len + 1);
    if (e != ERR_NONE)
        return e;
    va_start(args, fmt);
    n = vsnprintf((char *)b->ptr + b->len, len + 1, fmt, args);
    va_end(args);
    assert(n >= 0 && (size_t)n == len);
    b->len += len;
    return ERR_NONE;
}

/* The escape for a byte that cannot stand in a JSON string as it is. */
static enum err append_escape(struct buf *b, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t text[6] = {'\\', 'u', '0', '0', 0, 0};

    switch (c) {
    case '"':
        return buf_append(b, VIEW_LIT("\\\""));
    case '\\':
        return buf_append(b, VIEW_LIT("\\\\"));
    case '\n':
        return buf_append(b, VIEW_LIT("\\n"));
    case '\r':
        return buf_append(b, VIEW_LIT("\\r"));
    case '\t':
        return buf_append(b, VIEW_LIT("\\t"));
    default:
        if (c >= 0x80) /* not UTF-8: the replacement character, so that the output stays JSON */
            return buf_append(b, VIEW_LIT("\\ufffd"));
        text[4] = (uint8_t)hex[c >> 4];
        text[5] = (uint8_t)hex[c & 15];
        return buf_append(b, view_of(text, sizeof text));
    }
}

enum err buf_append_json_string(struct buf *b, struct view v)
{
    size_t before = b->len, from = 0, i = 0;
    enum err e = buf_append_byte(b, '"');

    while (e == ERR_NONE && i < v.len) {
        size_t bad, len = utf8_sequence(v.ptr + i, v.len - i, &bad);

        if (len != 0 && v.ptr[i] >= 0x20 && v.ptr[i] != '"' && v.ptr[i] != '\\') {
            i += len;
            continue;
        }
        e = buf_append(b, view_of(v.ptr + from, i - from));
        if (e == ERR_NONE)
            e = append_escape(b, v.ptr[i]);
        from = ++i;
    }
    if (e == ERR_NONE)
        e = buf_append(b, view_from(v, from));
    if (e == ERR_NONE)
        e = buf_append_byte(b, '"');
    if (e != ERR_NONE && b->len > before) { /* on failure nothing changes */
        secret_wipe(b->ptr + before, b->len - before);
        b->len = before;
    }
    return e;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n == 0)
        return;
    memmove(b->ptr, b->ptr + n, b->len - n);
    secret_wipe(b->ptr + (b->len - n), n);
    b->len -= n;
}
