#include "bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void bytes_reserve(struct bytes *b, size_t n)
{
    if (n <= b->cap - b->len)
        return;
    size_t cap = b->cap < 4096 ? 4096 : b->cap;
    while (cap - b->len < n)
        cap *= 2;
    b->ptr = realloc(b->ptr, cap);
    if (b->ptr == NULL)
        abort();
    b->cap = cap;
}

void bytes_put(struct bytes *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    bytes_reserve(b, n);
    memcpy(b->ptr + b->len, p, n);
    b->len += n;
}

void bytes_str(struct bytes *b, const char *s)
{
    bytes_put(b, s, strlen(s));
}

void bytes_u64(struct bytes *b, uint64_t v)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[sizeof digits - ++n] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    bytes_put(b, digits + sizeof digits - n, n);
}

void bytes_hex(struct bytes *b, uint64_t v)
{
    char digits[16];
    size_t n = 0;

    do {
        digits[sizeof digits - ++n] = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v != 0);
    bytes_put(b, digits + sizeof digits - n, n);
}

void bytes_printf(struct bytes *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    bytes_reserve(b, (size_t)n + 1);
    va_start(args, fmt);
    vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, args);
    va_end(args);
    b->len += (size_t)n;
}

void bytes_escaped(struct bytes *b, const char *p, size_t n)
{
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        bytes_put(b, p + from, i - from);
        if (c < 0x20)
            bytes_printf(b, "\\u%04x", c);
        else
            bytes_printf(b, "\\%c", c);
        from = i + 1;
    }
    bytes_put(b, p + from, n - from);
}

void bytes_drop(struct bytes *b, size_t n)
{
    assert(n <= b->len);
    b->len -= n;
    if (b->len != 0)
        memmove(b->ptr, b->ptr + n, b->len);
}

void bytes_free(struct bytes *b)
{
    free(b->ptr);
    *b = (struct bytes){0};
}
