#include "money.h"

#include "decimal.h"

#include <assert.h>

enum {
    NUSD_DECIMALS = 9,
    PUSD_DECIMALS = 12,
};

enum err money_add(int64_t a, int64_t b, int64_t *out)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return ERR_RANGE;
    *out = sum;
    return ERR_NONE;
}

enum err money_cost(uint64_t tokens, int64_t price_pusd, int64_t *out_nusd)
{
    unsigned __int128 nusd;

    if (price_pusd < 0)
        return ERR_RANGE;
    /* At most 2^64 * 2^63 + 500 < 2^128: the product and its rounding are exact. */
    nusd = ((unsigned __int128)tokens * (uint64_t)price_pusd + PUSD_PER_NUSD / 2) / PUSD_PER_NUSD;
    if (nusd > INT64_MAX)
        return ERR_RANGE;
    *out_nusd = (int64_t)nusd;
    return ERR_NONE;
}

enum err money_parse_usd(struct view v, int64_t *out_nusd)
{
    return decimal_parse(v, NUSD_DECIMALS, out_nusd);
}

enum err money_parse_price(struct view v, int64_t *out_pusd)
{
    return decimal_parse(v, PUSD_DECIMALS, out_pusd);
}

/* 10^12 pico-USD per dollar, over 10^6 tokens: the text of a price in USD with six decimals fewer. "0.0028" is 2800. */
enum err money_price_per_million(struct view v, int64_t *out_pusd)
{
    return decimal_parse(v, PUSD_DECIMALS - 6, out_pusd);
}

static void text_decimal(int64_t value, unsigned decimals, char out[static MONEY_TEXT_MAX])
{
    /* Written backwards: 12 decimals, the point, at least one digit; 19 digits and a sign at most.
     */
    uint64_t n = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char text[MONEY_TEXT_MAX], *p = text + sizeof text;
    bool significant = false; /* zeros at the end of the fraction say nothing */

    *--p = '\0';
    for (unsigned i = 0; i < decimals; i++, n /= 10) {
        significant |= n % 10 != 0;
        if (significant)
            *--p = (char)('0' + n % 10);
    }
    if (significant)
        *--p = '.';
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    if (value < 0)
        *--p = '-';
    assert(p >= text);
    memcpy(out, p, (size_t)(text + sizeof text - p));
}

void money_text_usd(int64_t nusd, char out[static MONEY_TEXT_MAX])
{
    text_decimal(nusd, NUSD_DECIMALS, out);
}

void money_text_price(int64_t pusd, char out[static MONEY_TEXT_MAX])
{
    text_decimal(pusd, PUSD_DECIMALS, out);
}
