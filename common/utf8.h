/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef TR_COMMON_UTF8_H
#define TR_COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length (1-4) of the well-formed sequence at p[0..n); 0 when there is none. When it is 0, *bad
 * is the offset of the first byte that spoils it; n itself when the sequence is only cut short. */
static inline size_t utf8_sequence(const uint8_t *p, size_t n, size_t *bad)
{
    uint8_t first, low = 0x80, high = 0xbf;
    size_t len;

    *bad = 0;
    if (n == 0)
        return 0;
    first = p[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4) /* a continuation byte, an overlong lead, beyond U+10FFFF */
        return 0;
    len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    /* Only the second byte has a range of its own (Unicode 15, table 3-7). */
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < len; i++) {
        *bad = i;
        if (i == n || p[i] < low || p[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return len;
}

/* Writes the 1-4 bytes of a code point that is no surrogate and <= U+10FFFF; returns how many. */
static inline size_t utf8_encode(uint32_t cp, uint8_t out[static 4])
{
    if (cp < 0x80) {
        out[0] = (uint8_t)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (uint8_t)(0xc0 | cp >> 6);
        out[1] = (uint8_t)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (uint8_t)(0xe0 | cp >> 12);
        out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | cp >> 18);
    out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (cp & 0x3f));
    return 4;
}

#endif
