/* The exact reader of decimal numbers behind money and counts. */
#include "decimal.h"

#include <stdbool.h>

/* Exponents are counted up to this: with it, a number is far out of every range or 0, whatever its
 * digits are, because no text has as many of them. */
#define EXPONENT_MAX (INT64_C(1) << 60)

/* What a number is made of: its digits without leading and trailing zeros, and the power of ten
 * that they are multiplied with. */
struct decimal {
    struct view digits; /* may hold the point */
    int64_t exponent;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at(struct view v)
{
    size_t n = 0;

    while (n < v.len && is_digit(v.ptr[n]))
        n++;
    return n;
}

/* Takes digits ["." digits]. */
static bool take_mantissa(struct view *v, struct decimal *out)
{
    size_t whole = digits_at(*v), fraction = 0;

    if (whole == 0)
        return false;
    if (whole < v->len && v->ptr[whole] == '.') {
        fraction = digits_at(view_from(*v, whole + 1));
        if (fraction == 0)
            return false;
        whole++; /* the point */
    }
    out->digits = view_of(v->ptr, whole + fraction);
    out->exponent = -(int64_t)fraction;
    *v = view_from(*v, whole + fraction);
    return true;
}

/* Takes all that is left: nothing, or an exponent. */
static bool take_exponent(struct view v, struct decimal *out)
{
    int64_t exponent = 0;
    bool negative = false;

    if (v.len == 0)
        return true;
    if (v.ptr[0] != 'e' && v.ptr[0] != 'E')
        return false;
    v = view_from(v, 1);
    if (v.len > 0 && (v.ptr[0] == '+' || v.ptr[0] == '-')) {
        negative = v.ptr[0] == '-';
        v = view_from(v, 1);
    }
    if (v.len == 0 || digits_at(v) != v.len)
        return false;
    for (size_t i = 0; i < v.len && exponent < EXPONENT_MAX / 10; i++)
        exponent = exponent * 10 + (v.ptr[i] - '0');
    out->exponent += negative ? -exponent : exponent;
    return true;
}

static void trim_zeros(struct decimal *d)
{
    while (d->digits.len > 0) {
        uint8_t last = d->digits.ptr[d->digits.len - 1];

        if (last != '0' && last != '.')
            break;
        d->exponent += last == '0';
        d->digits.len--;
    }
}

enum err decimal_parse(struct view v, unsigned decimals, int64_t *out)
{
    struct decimal d;
    int64_t n = 0;

    if (!take_mantissa(&v, &d) || !take_exponent(v, &d))
        return ERR_FORMAT;
    trim_zeros(&d);
    d.exponent += decimals;
    if (d.digits.len > 0 && d.exponent < 0)
        return ERR_LIMIT;
    for (size_t i = 0; i < d.digits.len; i++)
        if (d.digits.ptr[i] != '.' && (__builtin_mul_overflow(n, 10, &n) ||
                                       __builtin_add_overflow(n, d.digits.ptr[i] - '0', &n)))
            return ERR_RANGE;
    for (; n != 0 && d.exponent > 0; d.exponent--)
        if (__builtin_mul_overflow(n, 10, &n))
            return ERR_RANGE;
    *out = n;
    return ERR_NONE;
}
