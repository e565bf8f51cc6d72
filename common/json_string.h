/* What the json files share among themselves, and with whoever knows where a string begins; everyone
 * else uses json.h. */
#ifndef TR_COMMON_JSON_STRING_H
#define TR_COMMON_JSON_STRING_H

#include "err.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *at stands behind an opening quote and is moved behind the closing one, everything between them
 * checked: escapes, control characters, UTF-8. On failure *at is the first bad byte; ERR_SHORT when
 * that is `end`. Never reads at or beyond end. */
must_check enum err json_string_scan(const uint8_t **at, const uint8_t *end);

/* What a value is, by its first byte. */
static inline enum json_kind json_kind_of(uint8_t first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

static inline bool json_is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#endif
