/* Percent escapes, as forms write them. */
#include "query_text.h"

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

enum err query_text(struct view v, struct buf *out)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; i < v.len && e == ERR_NONE; i++) {
        uint8_t c = v.ptr[i] == '+' ? ' ' : v.ptr[i];

        if (c == '%') {
            if (v.len - i < 3 || hex_digit(v.ptr[i + 1]) < 0 || hex_digit(v.ptr[i + 2]) < 0)
                return ERR_FORMAT;
            c = (uint8_t)(hex_digit(v.ptr[i + 1]) << 4 | hex_digit(v.ptr[i + 2]));
            i += 2;
        }
        e = c == '\0' ? ERR_FORMAT : buf_append_byte(out, c);
    }
    return e;
}
