#include "view.h"

static uint8_t lower_of(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool view_eq_nocase(struct view v, struct view lower)
{
    if (v.len != lower.len)
        return false;
    for (size_t i = 0; i < v.len; i++)
        if (lower_of(v.ptr[i]) != lower.ptr[i])
            return false;
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct view view_trim(struct view v)
{
    size_t from = 0, to = v.len;

    while (from < to && is_blank(v.ptr[from]))
        from++;
    while (to > from && is_blank(v.ptr[to - 1]))
        to--;
    v.len = to;
    return view_from(v, from);
}

bool view_u64(struct view v, uint64_t *out)
{
    uint64_t n = 0;

    if (v.len == 0)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        uint8_t digit = (uint8_t)(v.ptr[i] - '0');

        if (digit > 9)
            return false;
        if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *out = n;
    return true;
}
