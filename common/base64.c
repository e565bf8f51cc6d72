#include "base64.h"

static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Values 0-63, or 255: not in the alphabet. */
static uint8_t value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : 255;
}

enum err base64_append(struct view v, struct buf *out)
{
    uint8_t *to;
    size_t n;
    enum err e;

    if (v.len > BASE64_TEXT_MAX)
        return ERR_LIMIT;
    n = (v.len + 2) / 3 * 4;
    e = buf_reserve(out, n);
    if (e != ERR_NONE || n == 0)
        return e;
    to = out->ptr + out->len;
    for (size_t i = 0; i < v.len; i += 3) {
        size_t left = v.len - i;
        uint32_t w = (uint32_t)v.ptr[i] << 16 | (left > 1 ? (uint32_t)v.ptr[i + 1] << 8 : 0) |
                     (left > 2 ? v.ptr[i + 2] : 0);

        *to++ = (uint8_t)alphabet[w >> 18];
        *to++ = (uint8_t)alphabet[w >> 12 & 63];
        *to++ = left > 1 ? (uint8_t)alphabet[w >> 6 & 63] : '=';
        *to++ = left > 2 ? (uint8_t)alphabet[w & 63] : '=';
    }
    out->len += n;
    return ERR_NONE;
}

/* How many bytes the text stands for; false when it has no such shape. */
static bool decoded_len(struct view text, size_t *n)
{
    if (text.len % 4 != 0 || text.len > BASE64_TEXT_MAX)
        return false;
    *n = text.len / 4 * 3;
    if (text.len != 0 && text.ptr[text.len - 1] == '=')
        *n -= text.ptr[text.len - 2] == '=' ? 2 : 1;
    return true;
}

enum err base64_exact(struct view text, uint8_t *out, size_t n)
{
    size_t have;

    if (!decoded_len(text, &have) || have != n)
        return ERR_FORMAT;
    for (size_t i = 0, at = 0; i < text.len; i += 4) {
        size_t left = n - at; /* 1, 2, or 3 and more: how many digits are not padding */
        uint32_t w = 0;

        for (size_t k = 0; k < 4; k++) {
            uint8_t v = k > left ? 0 : value_of(text.ptr[i + k]);

            if (v == 255 || (k > left && text.ptr[i + k] != '='))
                return ERR_FORMAT;
            w = w << 6 | v;
        }
        /* Bits below the last byte must be zero, else two texts mean the same. */
        if ((left == 1 && (w & 0xffff) != 0) || (left == 2 && (w & 0xff) != 0))
            return ERR_FORMAT;
        for (size_t k = 0; k < 3 && at < n; k++)
            out[at++] = (uint8_t)(w >> (16 - 8 * k));
    }
    return ERR_NONE;
}

enum err base64_decode(struct view text, struct buf *out)
{
    size_t n;
    enum err e;

    if (!decoded_len(text, &n))
        return ERR_FORMAT;
    e = buf_reserve(out, n);
    if (e != ERR_NONE || n == 0)
        return e;
    e = base64_exact(text, out->ptr + out->len, n);
    if (e == ERR_NONE)
        out->len += n;
    return e;
}

enum err base64url_append(struct view v, struct buf *out)
{
    size_t at = out->len;
    enum err e = base64_append(v, out);

    if (e != ERR_NONE)
        return e;
    while (out->len > at && out->ptr[out->len - 1] == '=')
        out->len--;
    for (; at < out->len; at++)
        out->ptr[at] = out->ptr[at] == '+' ? '-' : out->ptr[at] == '/' ? '_' : out->ptr[at];
    return ERR_NONE;
}

enum err base64url_decode(struct view text, struct buf *out)
{
    struct buf plain;
    enum err e;

    if (text.len > BASE64_TEXT_MAX)
        return ERR_FORMAT;
    buf_init(&plain, text.len + 3);
    e = buf_reserve(&plain, text.len + 3);
    for (size_t i = 0; i < text.len && e == ERR_NONE; i++) {
        uint8_t c = text.ptr[i];

        if (c == '+' || c == '/' || c == '=')
            e = ERR_FORMAT;
        else
            e = buf_append_byte(&plain, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    while (e == ERR_NONE && plain.len % 4 != 0 && plain.len < text.len + 3)
        e = buf_append_byte(&plain, '=');
    if (e == ERR_NONE)
        e = base64_decode(buf_view(&plain), out);
    buf_free(&plain);
    return e;
}
