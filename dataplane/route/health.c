#include "health.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

/* One window in one word, so that counting and turning the page are one compare-and-swap:
 * the window's number in the upper 32 bits, then good and bad outcomes, 16 bits each. */
struct slot {
    _Atomic uint64_t now, before;
    _Atomic uint64_t open_until_ms; /* 0: closed. The breaker half-opens at this instant. */
    _Atomic uint64_t cool_until_ms;
    _Atomic uint32_t first_byte_us;
    uint32_t endpoint_no; /* link thread only */
    bool used;            /* link thread only */
};

struct health {
    struct slot slots[HEALTH_SLOTS];
};

static uint64_t window_pack(uint32_t number, uint32_t good, uint32_t bad)
{
    return (uint64_t)number << 32 | (uint64_t)good << 16 | bad;
}

static uint32_t window_number(uint64_t w)
{
    return (uint32_t)(w >> 32);
}

static uint32_t window_good(uint64_t w)
{
    return (uint32_t)(w >> 16) & 0xffff;
}

static uint32_t window_bad(uint64_t w)
{
    return (uint32_t)w & 0xffff;
}

enum err health_new(struct health **out)
{
    struct health *h = calloc(1, sizeof *h);

    if (h == NULL)
        return ERR_MEMORY;
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

/* Outcomes of this window and of the one before it. */
static void slot_counts(const struct slot *s, uint64_t mono_ms, uint32_t *good, uint32_t *bad)
{
    uint32_t number = (uint32_t)(mono_ms / HEALTH_WINDOW_MS);
    uint64_t words[2] = {atomic_load_explicit(&s->now, memory_order_relaxed),
                         atomic_load_explicit(&s->before, memory_order_relaxed)};

    *good = *bad = 0;
    for (int i = 0; i < 2; i++) {
        if (number - window_number(words[i]) > 1)
            continue;
        *good += window_good(words[i]);
        *bad += window_bad(words[i]);
    }
}

static uint16_t error_permille(uint32_t good, uint32_t bad)
{
    return good + bad == 0 ? 0 : (uint16_t)(bad * 1000 / (good + bad));
}

void health_read(const struct health *h, uint32_t slot, uint64_t mono_ms, struct health_view *out)
{
    const struct slot *s = &h->slots[slot];
    uint64_t cool, open;
    uint32_t good, bad;

    assert(slot < HEALTH_SLOTS);
    cool = atomic_load_explicit(&s->cool_until_ms, memory_order_relaxed);
    open = atomic_load_explicit(&s->open_until_ms, memory_order_relaxed);
    slot_counts(s, mono_ms, &good, &bad);
    *out = (struct health_view){
        .state = HEALTH_GOOD,
        .first_byte_us = atomic_load_explicit(&s->first_byte_us, memory_order_relaxed),
        .error_permille = error_permille(good, bad),
    };
    if (cool > mono_ms) {
        out->state = HEALTH_COOLING;
        out->cool_ms = (uint32_t)(cool - mono_ms);
    } else if (open != 0) {
        out->state = open > mono_ms ? HEALTH_OPEN : HEALTH_PROBE;
    }
}

bool health_claim_probe(struct health *h, uint32_t slot, uint64_t mono_ms)
{
    uint64_t open = atomic_load_explicit(&h->slots[slot].open_until_ms, memory_order_relaxed);

    assert(slot < HEALTH_SLOTS);
    /* Moving the instant on is the claim: whoever comes next finds the breaker open again. */
    return open != 0 && open <= mono_ms &&
           atomic_compare_exchange_strong(&h->slots[slot].open_until_ms, &open,
                                          mono_ms + HEALTH_OPEN_MS);
}

/* Count one outcome in the current window. */
static void slot_count(struct slot *s, uint64_t mono_ms, bool good)
{
    uint32_t number = (uint32_t)(mono_ms / HEALTH_WINDOW_MS);
    uint64_t old = atomic_load_explicit(&s->now, memory_order_relaxed);

    for (;;) {
        bool turn = window_number(old) != number;
        uint32_t g = turn ? 0 : window_good(old), b = turn ? 0 : window_bad(old);

        if (good && g < 0xffff)
            g++;
        if (!good && b < 0xffff)
            b++;
        if (!atomic_compare_exchange_weak(&s->now, &old, window_pack(number, g, b)))
            continue;
        if (turn)
            atomic_store_explicit(&s->before, old, memory_order_relaxed);
        return;
    }
}

void health_success(struct health *h, uint32_t slot, uint64_t mono_ms, uint32_t first_byte_us)
{
    struct slot *s = &h->slots[slot];
    uint32_t old = atomic_load_explicit(&s->first_byte_us, memory_order_relaxed);
    uint32_t smooth;

    assert(slot < HEALTH_SLOTS);
    slot_count(s, mono_ms, true);
    /* One eighth of the new figure: a lost race loses one sample of a smoothed value. */
    if (first_byte_us != 0) {
        smooth = old == 0 ? first_byte_us
                          : (uint32_t)(((uint64_t)old * 7 + first_byte_us) / 8);
        atomic_store_explicit(&s->first_byte_us, smooth == 0 ? 1 : smooth, memory_order_relaxed);
    }
    if (atomic_exchange_explicit(&s->open_until_ms, 0, memory_order_relaxed) != 0) {
        /* It recovered: what went wrong before must not open the breaker again at once. */
        atomic_store_explicit(&s->now,
                              window_pack((uint32_t)(mono_ms / HEALTH_WINDOW_MS), 1, 0),
                              memory_order_relaxed);
        atomic_store_explicit(&s->before, 0, memory_order_relaxed);
    }
}

void health_failure(struct health *h, uint32_t slot, uint64_t mono_ms)
{
    struct slot *s = &h->slots[slot];
    uint32_t good, bad;

    assert(slot < HEALTH_SLOTS);
    slot_count(s, mono_ms, false);
    slot_counts(s, mono_ms, &good, &bad);
    if (good + bad >= HEALTH_OPEN_MIN && error_permille(good, bad) >= HEALTH_OPEN_PERMILLE)
        atomic_store_explicit(&s->open_until_ms, mono_ms + HEALTH_OPEN_MS, memory_order_relaxed);
}

void health_rate_limited(struct health *h, uint32_t slot, uint64_t mono_ms, int64_t retry_after_ms)
{
    uint64_t cool = retry_after_ms < 0 ? HEALTH_COOL_DEFAULT_MS : (uint64_t)retry_after_ms;

    assert(slot < HEALTH_SLOTS);
    if (cool > HEALTH_COOL_MAX_MS)
        cool = HEALTH_COOL_MAX_MS;
    atomic_store_explicit(&h->slots[slot].cool_until_ms, mono_ms + cool, memory_order_relaxed);
}
