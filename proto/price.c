/* What a request costs and what it can cost at most: reservation, bill, receipt and verifier compute it here. */
#include "price.h"

#include "money.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* --- classes and units */

static const struct {
    const char *name;
    size_t at;               /* in struct price */
    enum price_class follow; /* whose price it has unless said */
} classes[PRICE_CLASS_COUNT] = {
#define CLASS_ROW(class, as) {#class, offsetof(struct price, class##_pusd), PRICE_CLASS_##as},
    PRICE_CLASSES(CLASS_ROW)
#undef CLASS_ROW
};

static const struct {
    const char *name;
    size_t at;
} units[PRICE_UNIT_COUNT] = {
    {"", 0},
#define UNIT_ROW(unit, what) {#unit, offsetof(struct price, unit##_nusd)},
    PRICE_UNITS(UNIT_ROW)
#undef UNIT_ROW
};

const char *price_class_name(enum price_class c)
{
    return (unsigned)c < PRICE_CLASS_COUNT ? classes[c].name : "unknown";
}

enum price_class price_class_follow(enum price_class c)
{
    assert((unsigned)c < PRICE_CLASS_COUNT);
    return classes[c].follow;
}

const char *price_unit_name(enum price_unit u)
{
    return (unsigned)u < PRICE_UNIT_COUNT ? units[u].name : "unknown";
}

static int64_t price_get(const struct price *p, size_t at)
{
    int64_t v;

    memcpy(&v, (const char *)p + at, sizeof v);
    return v;
}

/* Prompt or completion: the end of the chain. */
static enum price_class class_side(enum price_class c)
{
    while (classes[c].follow != PRICE_CLASS_none)
        c = classes[c].follow;
    return c;
}

void price_follow(struct price *p, uint32_t said)
{
    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++) {
        int64_t v;

        if ((said >> c & 1) != 0 || classes[c].follow == PRICE_CLASS_none)
            continue;
        v = price_get(p, classes[classes[c].follow].at); /* an earlier class: it has its price */
        memcpy((char *)p + classes[c].at, &v, sizeof v);
    }
}

static bool tier_ok(const struct price_tier *t)
{
    return t->prompt_pusd >= 0 && t->completion_pusd >= 0 && t->cached_pusd >= 0 && t->cache_write_pusd >= 0 &&
           t->from_minute < PRICE_DAY_MINUTES && t->until_minute <= PRICE_DAY_MINUTES;
}

bool price_ok(const struct price *p)
{
    bool ok = p->n_tiers <= PRICE_TIERS_MAX;

    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++)
        ok = ok && price_get(p, classes[c].at) >= 0;
    for (enum price_unit u = PRICE_UNIT_NONE + 1; u < PRICE_UNIT_COUNT; u++)
        ok = ok && price_get(p, units[u].at) >= 0;
    for (size_t i = 0; ok && i < p->n_tiers; i++)
        ok = tier_ok(&p->tier[i]);
    return ok;
}

/* --- which prices hold */

static bool tier_in_time(const struct price_tier *t, uint64_t unix_ms)
{
    unsigned minute = (unsigned)(unix_ms / 60000 % PRICE_DAY_MINUTES);

    if (t->from_minute < t->until_minute)
        return minute >= t->from_minute && minute < t->until_minute;
    return minute >= t->from_minute || minute < t->until_minute;
}

/* base * now / was, rounded up: what a class costs whose ratio to the one it follows stays. */
static int64_t in_ratio(int64_t base, int64_t was, int64_t now)
{
    unsigned __int128 v;

    if (base == was)
        return now;
    if (was == 0)
        return base;
    v = ((unsigned __int128)(uint64_t)base * (uint64_t)now + (uint64_t)was - 1) / (uint64_t)was;
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static void rates_of_tier(const struct price *p, size_t i, struct price_rates *out)
{
    enum { NAMED = 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion | 1 << PRICE_CLASS_cached |
                   1 << PRICE_CLASS_cache_write };
    const struct price_tier *t = &p->tier[i];

    out->tier = (uint8_t)(i + 1);
    out->class_pusd[PRICE_CLASS_prompt] = t->prompt_pusd;
    out->class_pusd[PRICE_CLASS_completion] = t->completion_pusd;
    out->class_pusd[PRICE_CLASS_cached] = t->cached_pusd;
    out->class_pusd[PRICE_CLASS_cache_write] = t->cache_write_pusd;
    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++)
        if ((NAMED >> c & 1) == 0)
            out->class_pusd[c] = in_ratio(price_get(p, classes[c].at), price_get(p, classes[classes[c].follow].at),
                                          out->class_pusd[classes[c].follow]);
}

void price_at(const struct price *p, uint64_t prompt_tokens, uint64_t unix_ms, struct price_rates *out)
{
    assert(p->n_tiers <= PRICE_TIERS_MAX);
    *out = (struct price_rates){0};
    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++)
        out->class_pusd[c] = price_get(p, classes[c].at);
    for (enum price_unit u = PRICE_UNIT_NONE + 1; u < PRICE_UNIT_COUNT; u++)
        out->unit_nusd[u] = price_get(p, units[u].at);
    for (size_t i = p->n_tiers; i-- > 0;) {
        const struct price_tier *t = &p->tier[i];

        if ((t->above_prompt_tokens == 0 || prompt_tokens > t->above_prompt_tokens) && tier_in_time(t, unix_ms)) {
            rates_of_tier(p, i, out);
            return;
        }
    }
}

/* The prices change where a prompt passes a tier's bound, so it is enough to look there. */
void price_dearest(const struct price *p, uint64_t prompt_most, uint64_t unix_ms, struct price_rates *out)
{
    struct price_rates here;

    price_at(p, 0, unix_ms, out);
    for (size_t i = 0; i < p->n_tiers; i++) {
        if (p->tier[i].above_prompt_tokens >= prompt_most)
            continue;
        price_at(p, (uint64_t)p->tier[i].above_prompt_tokens + 1, unix_ms, &here);
        for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++)
            if (here.class_pusd[c] > out->class_pusd[c])
                out->class_pusd[c] = here.class_pusd[c];
    }
    out->tier = 0;
}

/* --- what figures cost */

enum figure {
#define FIGURE(no, class, ...) FIGURE_##class,
    USAGE_TOKENS(FIGURE)
#undef FIGURE
    FIGURE_none
};
static const struct {
    size_t at; /* in struct price_usage */
    enum price_class price;
    enum figure within;
} figures[FIGURE_none] = {
#define FIGURE_ROW(no, class, price_, within_, ...)                                                \
    {offsetof(struct price_usage, class), PRICE_CLASS_##price_, FIGURE_##within_},
    USAGE_TOKENS(FIGURE_ROW)
#undef FIGURE_ROW
};

static uint32_t figure_get(const struct price_usage *u, enum figure f)
{
    uint32_t v;

    memcpy(&v, (const char *)u + figures[f].at, sizeof v);
    return v;
}

static bool figure_lower(struct price_usage *u, enum figure f, uint32_t most)
{
    if (figure_get(u, f) <= most)
        return false;
    memcpy((char *)u + figures[f].at, &most, sizeof most);
    return true;
}

bool price_believe(struct price_usage *u)
{
    bool lowered = false;

    for (enum figure f = 0; f < FIGURE_none; f++) {
        uint32_t most;

        if (figures[f].within == FIGURE_none)
            continue;
        most = figure_get(u, figures[f].within); /* an earlier figure: it is lowered already */
        /* A token is read from a cache or written to one; audio and images may be either. */
        if (f == FIGURE_cache_write)
            most -= figure_get(u, FIGURE_cached_read);
        lowered = figure_lower(u, f, most) || lowered;
    }
    return lowered;
}

/* Is the class rounded by itself? What is read from a cache or written to it always is. */
static bool class_apart(const struct price_rates *r, enum price_class c)
{
    enum price_class follow = classes[c].follow;

    return follow == PRICE_CLASS_none || c == PRICE_CLASS_cached || c == PRICE_CLASS_cache_write ||
           r->class_pusd[c] != r->class_pusd[follow];
}

/* due: how many tokens are paid at each figure's own price. */
static void figures_due(const struct price_rates *r, const struct price_usage *u,
                        uint32_t due[static FIGURE_none])
{
    for (enum figure f = 0; f < FIGURE_none; f++) {
        enum figure within = figures[f].within;

        due[f] = figure_get(u, f);
        if (within == FIGURE_none)
            continue;
        if (figures[f].price == PRICE_CLASS_none)
            due[f] = 0;
        else if (due[f] > due[within])
            due[f] = due[within];
        due[within] -= due[f];
    }
    for (enum figure f = FIGURE_none; f-- > 0;) {
        enum figure within = figures[f].within;

        if (due[f] == 0 || within == FIGURE_none || class_apart(r, figures[f].price))
            continue;
        due[within] += due[f];
        due[f] = 0;
    }
}

/* A request is charged as such, whatever else is counted. */
static enum err units_cost(const struct price_rates *r, struct price_units u, uint8_t requests, int64_t *sum_nusd)
{
    int64_t part = 0, request;

    assert(u.kind < PRICE_UNIT_COUNT);
    if (__builtin_mul_overflow(r->unit_nusd[PRICE_UNIT_request], (int64_t)requests, &request) ||
        (u.kind > PRICE_UNIT_request && __builtin_mul_overflow(r->unit_nusd[u.kind], (int64_t)u.n, &part)) ||
        money_add(*sum_nusd, request, sum_nusd) != ERR_NONE)
        return ERR_RANGE;
    return money_add(*sum_nusd, part, sum_nusd);
}

enum err price_cost(const struct price_rates *r, const struct price_usage *u, int64_t *out_nusd)
{
    struct price_usage believed = *u;
    uint32_t due[FIGURE_none];
    int64_t sum = 0, part;
    enum err e = ERR_NONE;

    price_believe(&believed);
    figures_due(r, &believed, due);
    for (enum figure f = 0; f < FIGURE_none && e == ERR_NONE; f++) {
        if (due[f] == 0)
            continue;
        e = money_cost(due[f], r->class_pusd[figures[f].price], &part);
        if (e == ERR_NONE)
            e = money_add(sum, part, &sum);
    }
    if (e == ERR_NONE)
        e = units_cost(r, u->units, u->requests, &sum);
    if (e == ERR_NONE)
        *out_nusd = sum;
    return e;
}

/* --- what they can cost at most */

/* Every token at the dearest price of its side. n classes that are rounded half up one by one come to at most
 * n / 2 more than their sum rounded once. */
static enum err side_worst(const struct price *p, const struct price_rates *r, enum price_class side,
                           uint64_t tokens, uint32_t never, int64_t *sum_nusd)
{
    int64_t dearest = 0, apart = 0, part;
    enum err e;

    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++) {
        if (class_side(c) != side || (never >> c & 1) != 0)
            continue;
        apart += p->n_tiers != 0 || class_apart(r, c);
        if (r->class_pusd[c] > dearest)
            dearest = r->class_pusd[c];
    }
    e = money_cost(tokens, dearest, &part);
    if (e == ERR_NONE)
        e = money_add(*sum_nusd, part, sum_nusd);
    return e == ERR_NONE ? money_add(*sum_nusd, apart / 2, sum_nusd) : e;
}

enum err price_worst(const struct price *p, uint64_t unix_ms, const struct price_most *m, int64_t *out_nusd)
{
    struct price_rates r;
    int64_t sum = 0;
    enum err e;

    price_dearest(p, m->prompt, unix_ms, &r);
    e = side_worst(p, &r, PRICE_CLASS_prompt, m->prompt, m->never, &sum);
    if (e == ERR_NONE)
        e = side_worst(p, &r, PRICE_CLASS_completion, m->output, m->never, &sum);
    if (e == ERR_NONE)
        e = units_cost(&r, m->units, 1, &sum);
    if (e == ERR_NONE)
        *out_nusd = sum;
    return e;
}
