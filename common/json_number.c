/* Whole numbers in every spelling that JSON has for them. */
#include "json.h"
#include "json_string.h"

/* A literal in parts: value * 10^exponent, the value without zeros at its end. */
struct decimal {
    uint64_t value;
    int64_t exponent;
    bool over; /* the value exceeds 64 bits */
};

static void push_digit(struct decimal *d, unsigned digit)
{
    d->over = d->over || __builtin_mul_overflow(d->value, 10, &d->value) ||
              __builtin_add_overflow(d->value, digit, &d->value);
}

/* Digits and point; returns what is behind them. */
static struct view read_digits(struct view text, struct decimal *d)
{
    size_t n = 0, before_point = 0, zeros = 0;
    bool point = false;
    uint8_t c;

    for (; text.len != 0; text = view_from(text, 1)) {
        c = text.ptr[0];
        if (c == '.') {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        n++;
        before_point += !point;
        zeros++;
        if (c == '0')
            continue;
        for (; zeros > 1 && d->value != 0 && !d->over; zeros--)
            push_digit(d, 0);
        push_digit(d, c - '0');
        zeros = 0;
    }
    d->exponent = (int64_t)before_point - (int64_t)(n - zeros);
    return text;
}

/* "e+5": what is behind the digits. Saturates far beyond every literal that a body can hold. */
static int64_t read_exponent(struct view text)
{
    const int64_t max = INT64_C(1) << 40;
    bool negative;
    int64_t n = 0;

    if (text.len == 0)
        return 0;
    text = view_from(text, 1);
    negative = text.ptr[0] == '-';
    if (negative || text.ptr[0] == '+')
        text = view_from(text, 1);
    for (; text.len != 0 && n < max; text = view_from(text, 1))
        n = n * 10 + (text.ptr[0] - '0');
    return negative ? -n : n;
}

enum err json_whole(struct json_value v, int64_t *out)
{
    struct decimal d = {0};
    struct view rest = v.text;
    bool negative;

    if (v.kind != JSON_NUMBER || rest.len == 0)
        return ERR_FORMAT;
    negative = rest.ptr[0] == '-';
    rest = read_digits(negative ? view_from(rest, 1) : rest, &d);
    d.exponent += read_exponent(rest);
    if (d.value == 0 && !d.over)
        d.exponent = 0;
    if (d.exponent < 0)
        return ERR_FORMAT;
    for (; d.exponent > 0 && !d.over; d.exponent--)
        push_digit(&d, 0);
    if (d.over || d.value > INT64_MAX)
        return ERR_RANGE;
    *out = negative ? -(int64_t)d.value : (int64_t)d.value;
    return ERR_NONE;
}
