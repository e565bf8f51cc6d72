#include "health.h"

#include "breaker.h"
#include "figures.h"
#include "secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    struct breaker all; /* every success, and failures that no request can cause */
    _Atomic uint32_t whose[HEALTH_ACCOUNTS]; /* 0: nobody's yet; each account at most once */
    struct breaker accounts[HEALTH_ACCOUNTS];
    _Atomic uint64_t cool_until_ms;
    _Atomic uint32_t first_byte_us, tokens_per_s; /* smoothed */
    struct figures figures;
    uint32_t endpoint_no; /* link thread only */
    bool used;            /* link thread only */
};

struct health {
    uint8_t seed[crypto_shorthash_KEYBYTES];
    struct slot slots[HEALTH_SLOTS];
};

enum err health_new(struct health **out)
{
    struct health *h = calloc(1, sizeof *h);

    if (h == NULL)
        return ERR_MEMORY;
    secret_random(h->seed, sizeof h->seed);
    *out = h;
    return ERR_NONE;
}

void health_free(struct health *h)
{
    free(h);
}

uint32_t health_slot(struct health *h, uint32_t endpoint_no)
{
    uint32_t first = endpoint_no % HEALTH_SLOTS;

    for (uint32_t i = 0; i < HEALTH_SLOTS; i++) {
        struct slot *s = &h->slots[(first + i) % HEALTH_SLOTS];

        if (!s->used) {
            s->used = true;
            s->endpoint_no = endpoint_no;
        }
        if (s->endpoint_no == endpoint_no)
            return (first + i) % HEALTH_SLOTS;
    }
    return first;
}

uint32_t health_who(const struct health *h, const struct id *account)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint32_t who;

    crypto_shorthash(hash, account->b, sizeof account->b, h->seed);
    memcpy(&who, hash, sizeof who);
    return who != HEALTH_NOBODY ? who : HEALTH_NOBODY + 1;
}

/* --- the counters of the accounts that used an endpoint lately */

/* HEALTH_ACCOUNTS: it is not counted. */
static unsigned account_find(const struct slot *s, uint32_t who, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to && who != HEALTH_NOBODY; i++)
        if (atomic_load_explicit(&s->whose[i], memory_order_relaxed) == who)
            return i;
    return HEALTH_ACCOUNTS;
}

static bool account_idle(const struct slot *s, unsigned i, uint64_t mono_ms)
{
    struct breaker_counts n = breaker_counts(&s->accounts[i], mono_ms);

    return n.good + n.bad == 0 && breaker_state(&s->accounts[i], mono_ms) != HEALTH_OPEN;
}

/* Two threads may have taken a counter each for the same account: the first one stays, or the account
 * would count as two. */
static unsigned account_once(struct slot *s, uint32_t who, unsigned i)
{
    unsigned other = account_find(s, who, 0, i);

    if (other < i) {
        atomic_compare_exchange_strong(&s->whose[i], &who, HEALTH_NOBODY);
        return other;
    }
    while ((other = account_find(s, who, i + 1, HEALTH_ACCOUNTS)) < HEALTH_ACCOUNTS)
        atomic_compare_exchange_strong(&s->whose[other], &(uint32_t){who}, HEALTH_NOBODY);
    return i;
}

/* The account's breaker, if need be one that nobody uses any more; NULL: all are in use. */
static struct breaker *account_take(struct slot *s, uint32_t who, uint64_t mono_ms)
{
    unsigned at = account_find(s, who, 0, HEALTH_ACCOUNTS);

    for (unsigned i = 0; i < HEALTH_ACCOUNTS && at == HEALTH_ACCOUNTS && who != HEALTH_NOBODY; i++) {
        uint32_t whose = atomic_load(&s->whose[i]);

        if (whose != who && !account_idle(s, i, mono_ms))
            continue;
        if (whose != who && atomic_compare_exchange_strong(&s->whose[i], &whose, who)) {
            breaker_reset(&s->accounts[i]);
            at = account_once(s, who, i);
        } else if (whose == who) /* just now, by another thread */
            at = i;
    }
    return at < HEALTH_ACCOUNTS ? &s->accounts[at] : NULL;
}

/* --- what everybody sees */

void health_read(const struct health *h, uint32_t slot, uint32_t who, uint64_t mono_ms,
                 struct health_view *out)
{
    const struct slot *s = &h->slots[slot];
    enum health_state all, own = HEALTH_GOOD;
    unsigned at = account_find(s, who, 0, HEALTH_ACCOUNTS);
    uint64_t cool;

    assert(slot < HEALTH_SLOTS);
    cool = atomic_load_explicit(&s->cool_until_ms, memory_order_relaxed);
    all = breaker_state(&s->all, mono_ms);
    if (at < HEALTH_ACCOUNTS)
        own = breaker_state(&s->accounts[at], mono_ms);
    *out = (struct health_view){
        .state = all > own ? all : own, /* open is more than half open, which is more than good */
        .first_byte_us = atomic_load_explicit(&s->first_byte_us, memory_order_relaxed),
        .tokens_per_s = atomic_load_explicit(&s->tokens_per_s, memory_order_relaxed),
    };
    if (cool > mono_ms) {
        out->state = HEALTH_COOLING;
        out->cool_ms = (uint32_t)(cool - mono_ms);
    }
}

void health_measure(const struct health *h, uint32_t slot, uint64_t mono_ms, struct health_view *view)
{
    const struct slot *s = &h->slots[slot];
    struct figures_outcomes n[FIGURES_SPANS];
    uint64_t all;

    assert(slot < HEALTH_SLOTS);
    (void)figures_latencies(&s->figures, mono_ms, view);
    (void)figures_rates(&s->figures, mono_ms, view);
    figures_outcomes(&s->figures, mono_ms, n);
    all = (uint64_t)n[FIGURES_1D].good + n[FIGURES_1D].bad;
    view->failed_permille = all == 0 ? 0 : (uint32_t)(n[FIGURES_1D].bad * UINT64_C(1000) / all);
}

_Static_assert((int)HEALTH_SPANS == FIGURES_SPANS && (int)HEALTH_1D == FIGURES_1D, "the same spans");

void health_report(const struct health *h, uint32_t slot, uint64_t mono_ms, struct health_report *out)
{
    const struct slot *s = &h->slots[slot];
    struct figures_outcomes n[FIGURES_SPANS];

    *out = (struct health_report){0};
    health_read(h, slot, HEALTH_NOBODY, mono_ms, &out->now);
    health_measure(h, slot, mono_ms, &out->now);
    out->latencies = figures_latencies(&s->figures, mono_ms, &out->now);
    out->rates = figures_rates(&s->figures, mono_ms, &out->now);
    figures_outcomes(&s->figures, mono_ms, n);
    for (unsigned i = 0; i < HEALTH_SPANS; i++) {
        out->span[i].good = n[i].good;
        out->span[i].bad = n[i].bad;
    }
}

/* The account's own breaker first: only a request that this one lets pass may be everybody's probe. */
bool health_claim_probe(struct health *h, uint32_t slot, uint32_t who, uint64_t mono_ms)
{
    struct slot *s = &h->slots[slot];
    unsigned at = account_find(s, who, 0, HEALTH_ACCOUNTS);

    assert(slot < HEALTH_SLOTS);
    return (at == HEALTH_ACCOUNTS || breaker_claim(&s->accounts[at], mono_ms)) &&
           breaker_claim(&s->all, mono_ms);
}

/* One eighth of the new figure: a lost race loses one sample of a smoothed value. */
static void smooth(_Atomic uint32_t *figure, uint32_t fresh)
{
    uint32_t old = atomic_load_explicit(figure, memory_order_relaxed);
    uint32_t next = old == 0 ? fresh : (uint32_t)(((uint64_t)old * 7 + fresh) / 8);

    atomic_store_explicit(figure, next == 0 ? 1 : next, memory_order_relaxed);
}

void health_written(struct health *h, uint32_t slot, uint64_t mono_ms, uint64_t tokens, uint64_t us)
{
    struct slot *s = &h->slots[slot];
    uint64_t rate;

    assert(slot < HEALTH_SLOTS);
    if (tokens < HEALTH_RATE_TOKENS || tokens > LIMIT_TOKENS_ABSURD || us < HEALTH_RATE_US)
        return;
    rate = tokens * 1000000 / us;
    rate = rate == 0 ? 1 : rate > UINT32_MAX ? UINT32_MAX : rate;
    smooth(&s->tokens_per_s, (uint32_t)rate);
    figures_rate(&s->figures, mono_ms, (uint32_t)rate);
}

void health_success(struct health *h, uint32_t slot, uint32_t who, uint64_t mono_ms,
                    uint32_t first_byte_us)
{
    struct slot *s = &h->slots[slot];
    struct breaker *own = account_take(s, who, mono_ms);

    assert(slot < HEALTH_SLOTS);
    if (first_byte_us != 0) {
        smooth(&s->first_byte_us, first_byte_us);
        figures_latency(&s->figures, mono_ms, first_byte_us);
    }
    figures_count(&s->figures, mono_ms, true);
    breaker_count(&s->all, mono_ms, true);
    if (own != NULL)
        breaker_count(own, mono_ms, true);
    /* It recovered: what went wrong before must not open a breaker again at once. What was wrong for
     * everybody was not any account's doing. */
    if (breaker_close(&s->all))
        for (unsigned i = 0; i < HEALTH_ACCOUNTS; i++)
            breaker_reset(&s->accounts[i]);
    else if (own != NULL)
        (void)breaker_close(own);
}

/* Do most accounts that used the endpoint lately fail? No account counts for more than a few failures,
 * and one whose other requests succeed counts against it. */
static bool slot_fails_everybody(const struct slot *s, uint64_t mono_ms)
{
    uint32_t seen = 0, failing = 0, weight = 0;

    for (unsigned i = 0; i < HEALTH_ACCOUNTS; i++) {
        struct breaker_counts n = breaker_counts(&s->accounts[i], mono_ms);

        if (n.good + n.bad == 0)
            continue;
        seen++;
        if (n.bad * 1000 < (n.good + n.bad) * HEALTH_OPEN_PERMILLE)
            continue;
        failing++;
        weight += n.bad < HEALTH_ACCOUNT_WEIGHT ? n.bad : HEALTH_ACCOUNT_WEIGHT;
    }
    return failing * 2 > seen && weight >= HEALTH_OPEN_MIN;
}

void health_failure(struct health *h, uint32_t slot, uint32_t who, enum health_fault fault,
                    uint64_t mono_ms)
{
    struct slot *s = &h->slots[slot];
    struct breaker *b =
        fault == HEALTH_FAULT_ENDPOINT ? &s->all : account_take(s, who, mono_ms);
    struct breaker_counts n;

    assert(slot < HEALTH_SLOTS);
    if (b == NULL)
        return; /* of an account that is not counted: it says nothing */
    breaker_count(b, mono_ms, false);
    n = breaker_counts(b, mono_ms);
    /* What is published follows the same rule: no account's failures of its own doing count for more than a few. */
    if (fault == HEALTH_FAULT_ENDPOINT || n.bad <= HEALTH_ACCOUNT_WEIGHT)
        figures_count(&s->figures, mono_ms, false);
    if (n.good + n.bad >= HEALTH_OPEN_MIN && n.bad * 1000 >= (n.good + n.bad) * HEALTH_OPEN_PERMILLE)
        breaker_open(b, mono_ms);
    if (fault == HEALTH_FAULT_REQUEST && slot_fails_everybody(s, mono_ms))
        breaker_open(&s->all, mono_ms);
}

void health_rate_limited(struct health *h, uint32_t slot, uint64_t mono_ms, int64_t retry_after_ms)
{
    uint64_t cool = retry_after_ms < 0 ? HEALTH_COOL_DEFAULT_MS : (uint64_t)retry_after_ms;

    assert(slot < HEALTH_SLOTS);
    if (cool > HEALTH_COOL_MAX_MS)
        cool = HEALTH_COOL_MAX_MS;
    atomic_store_explicit(&h->slots[slot].cool_until_ms, mono_ms + cool, memory_order_relaxed);
}
