/* Walking a container that was validated before. A document is walked several times, level by level,
 * and its long texts are passed each time: here only quotes and brackets are looked at, and nothing is
 * judged again. A container that was never validated gives wrong members, but none outside its text. */
#include "json.h"
#include "json_string.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The first quote or backslash in [p, end); end when there is none. */
static const uint8_t *find_quote(const uint8_t *p, const uint8_t *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');

    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        int hit = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));

        if (hit != 0)
            return p + __builtin_ctz((unsigned)hit);
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* The first quote or bracket of any kind. '[' and '{', ']' and '}' differ in bit 5 alone. */
static const uint8_t *find_bracket(const uint8_t *p, const uint8_t *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), bit = _mm_set1_epi8(0x20);
    const __m128i open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');

    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p), low = _mm_or_si128(v, bit);
        __m128i bracket = _mm_or_si128(_mm_cmpeq_epi8(low, open), _mm_cmpeq_epi8(low, close));
        int hit = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote), bracket));

        if (hit != 0)
            return p + __builtin_ctz((unsigned)hit);
    }
#endif
    while (p < end && *p != '"' && (*p | 0x20) != '{' && (*p | 0x20) != '}')
        p++;
    return p;
}

/* From behind an opening quote to behind the closing one; NULL when there is none. */
static const uint8_t *skip_string(const uint8_t *p, const uint8_t *end)
{
    for (;;) {
        p = find_quote(p, end);
        if (p == end)
            return NULL;
        if (*p == '"')
            return p + 1;
        if (end - p < 2)
            return NULL;
        p += 2; /* whatever is escaped, it does not end the string */
    }
}

/* p stands on an opening bracket. */
static const uint8_t *skip_container(const uint8_t *p, const uint8_t *end)
{
    size_t depth = 0;

    while (p != NULL && (p = find_bracket(p, end)) != end) {
        uint8_t c = *p++;

        if (c == '"')
            p = skip_string(p, end);
        else if ((c | 0x20) == '{')
            depth++;
        else if (--depth == 0)
            return p;
    }
    return NULL;
}

static const uint8_t *skip_scalar(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *from = p;

    while (p < end && *p != ',' && *p != '}' && *p != ']' && !json_is_space(*p))
        p++;
    return p != from ? p : NULL;
}

static const uint8_t *skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && json_is_space(*p))
        p++;
    return p;
}

struct json_iter json_iter(struct json_value container)
{
    struct json_iter it = {.rest = VIEW_EMPTY, .object = container.kind == JSON_OBJECT};

    if (container.kind == JSON_OBJECT || container.kind == JSON_ARRAY)
        it.rest = view_from(container.text, 1);
    return it;
}

/* "key" : -- p moves to the value. */
static bool take_key(const uint8_t **p, const uint8_t *end, struct view *key)
{
    const uint8_t *from = *p + 1, *behind;

    if (**p != '"' || (behind = skip_string(from, end)) == NULL)
        return false;
    *key = view_of(from, (size_t)(behind - 1 - from));
    *p = skip_space(behind, end);
    if (*p == end || **p != ':')
        return false;
    *p = skip_space(*p + 1, end);
    return *p != end;
}

bool json_next(struct json_iter *it, struct json_member *out)
{
    const uint8_t *p = it->rest.ptr, *end = it->rest.len != 0 ? p + it->rest.len : p, *from;
    struct view key = VIEW_EMPTY;
    enum json_kind kind;

    while (p < end && (json_is_space(*p) || *p == ','))
        p++;
    if (p == end || *p == (it->object ? '}' : ']'))
        return false;
    if (it->object && !take_key(&p, end, &key))
        return false;
    from = p;
    kind = json_kind_of(*p);
    if (kind == JSON_OBJECT || kind == JSON_ARRAY)
        p = skip_container(p, end);
    else
        p = kind == JSON_STRING ? skip_string(p + 1, end) : skip_scalar(p, end);
    if (p == NULL)
        return false;
    *out = (struct json_member){key, {kind, view_of(from, (size_t)(p - from))}};
    it->rest = view_of(p, (size_t)(end - p));
    return true;
}
