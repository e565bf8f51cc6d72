/* A bill of a receipt, computed again. */
#include "receipt_bill.h"

#include "bounds.h"
#include "price.h"
#include "receipt_read.h"
#include "usage_fields.h"

/* Receipts of before a class was there do not name it: it was counted in the class that it is within. */
enum { TOKENS_LATER = 32 /* fields of usage_fields.h from this number on */ };
enum { FIRST_CLASSES = 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion | 1 << PRICE_CLASS_cached |
                       1 << PRICE_CLASS_cache_write };

/* A member that may be missing: *out keeps its value then. */
static bool count_if(struct json_value v, const char *name, int64_t *out)
{
    struct json_value m;
    enum err e = json_only(v, name, &m);

    return e == ERR_NOT_FOUND || (e == ERR_NONE && json_i64(m, out) == ERR_NONE && *out >= 0);
}

static bool prices_read(struct json_value tokens, struct price_rates *out)
{
    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++) {
        bool old = (FIRST_CLASSES >> c & 1) != 0;

        out->class_pusd[c] = old ? 0 : out->class_pusd[price_class_follow(c)];
        if (!(old ? count_of : count_if)(tokens, price_class_name(c), &out->class_pusd[c]))
            return false;
    }
    return true;
}

static bool units_read(struct json_value billing, struct json_value usage, struct price_rates *rates,
                       struct price_units *out, int64_t *requests)
{
    struct json_value prices, unit;
    enum err e = json_only(billing, "prices_nusd_per_unit", &prices);
    int64_t n = 0;

    if (e == ERR_NOT_FOUND)
        return true;
    if (e != ERR_NONE || !count_of(usage, "requests", requests) || *requests > 1 || !count_of(usage, "units", &n) ||
        n > UINT32_MAX || json_only(usage, "unit", &unit) != ERR_NONE)
        return false;
    out->n = (uint32_t)n;
    out->kind = PRICE_UNIT_COUNT;
    for (enum price_unit u = PRICE_UNIT_NONE; u < PRICE_UNIT_COUNT; u++) {
        if (json_string_is(unit, price_unit_name(u)))
            out->kind = (uint8_t)u;
        if (u != PRICE_UNIT_NONE && !count_of(prices, price_unit_name(u), &rates->unit_nusd[u]))
            return false;
    }
    return out->kind != PRICE_UNIT_COUNT;
}

/* What the figures cost at the prices. ERR_FORMAT; ERR_RANGE: figures that cannot be, or too much money. */
static enum err bill_compute(struct json_value usage, struct json_value billing, struct json_value prices, int64_t *out)
{
    struct price_rates rates = {0};
    struct price_usage u = {0};
    int64_t requests = 0, n;

    if (!prices_read(prices, &rates) || !units_read(billing, usage, &rates, &u.units, &requests))
        return ERR_FORMAT;
    u.requests = (uint8_t)requests;
#define TOKENS_READ(no, class, price, within, receipt, ...)                                        \
    n = 0;                                                                                         \
    if (!(no < TOKENS_LATER ? count_of : count_if)(usage, receipt, &n))                         \
        return ERR_FORMAT;                                                                         \
    if (n > UINT32_MAX)                                                                            \
        return ERR_RANGE;                                                                          \
    u.class = (uint32_t)n;
    USAGE_TOKENS(TOKENS_READ)
#undef TOKENS_READ
    return price_believe(&u) ? ERR_RANGE : price_cost(&rates, &u, out);
}

/* A member of millionths, which may be absent (*ppm stays). false: not a whole number of lo..hi. */
static bool ppm_if(struct json_value billing, const char *name, int64_t lo, int64_t hi, int64_t *ppm)
{
    struct json_value v;
    enum err e = json_only(billing, name, &v);

    return e == ERR_NOT_FOUND ||
           (e == ERR_NONE && json_whole(v, ppm) == ERR_NONE && *ppm >= lo && *ppm <= hi);
}

/* What of the sum is paid, rounded up: on a provider key of the customer's own the receipt names the fee, otherwise a
 * markup when there is one, both in millionths of the sum. */
static enum err bill_share(struct json_value billing, int64_t *sum)
{
    enum { WHOLE = 1000000, NONE = -1 };
    int64_t fee = NONE, markup = NONE, share;
    unsigned __int128 pays;

    if (!ppm_if(billing, "own_key_fee_ppm", 0, WHOLE, &fee) ||
        !ppm_if(billing, "markup_ppm", 1, LIMIT_MARKUP_PPM, &markup) || (fee != NONE && markup != NONE))
        return ERR_FORMAT;
    share = fee != NONE ? fee : markup != NONE ? WHOLE + markup : WHOLE;
    pays = ((unsigned __int128)(uint64_t)*sum * (uint64_t)share + WHOLE - 1) / WHOLE;
    *sum = pays > INT64_MAX ? INT64_MAX : (int64_t)pays;
    return ERR_NONE;
}

enum err receipt_bill_check(struct json_value usage, struct json_value billing, int64_t *cost_nusd)
{
    struct json_value prices;
    struct view rounding;
    int64_t sum = 0;
    bool clamped;
    enum err e;

    if (!count_of(billing, "cost_nusd", cost_nusd) ||
        !truth_of(usage, "clamped", &clamped) || !text_of(billing, "rounding", &rounding) ||
        !view_eq(rounding, VIEW_LIT("each_class_half_up_to_nusd")) ||
        json_only(billing, "prices_pusd_per_token", &prices) != ERR_NONE)
        return ERR_FORMAT;
    e = bill_compute(usage, billing, prices, &sum);
    if (e == ERR_FORMAT || (e == ERR_RANGE && !clamped))
        return e;
    if (bill_share(billing, &sum) != ERR_NONE)
        return ERR_FORMAT;
    if (e == ERR_NONE && (*cost_nusd > sum || (*cost_nusd < sum && !clamped)))
        return ERR_RANGE;
    return ERR_NONE;
}
