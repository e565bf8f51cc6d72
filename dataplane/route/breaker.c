#include "breaker.h"

enum { STEP_BITS = 3, STEP_MASK = (1 << STEP_BITS) - 1 };
_Static_assert((HEALTH_OPEN_MS << STEP_MASK) > HEALTH_OPEN_MAX_MS, "the steps reach the maximum");

/* One window in one word, so that counting and turning the page are one compare-and-swap: the window's
 * number in the upper 32 bits, then good and bad outcomes, 16 bits each. */
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

struct breaker_counts breaker_counts(const struct breaker *b, uint64_t mono_ms)
{
    uint32_t number = (uint32_t)(mono_ms / HEALTH_WINDOW_MS);
    uint64_t words[2] = {atomic_load_explicit(&b->now, memory_order_relaxed),
                         atomic_load_explicit(&b->before, memory_order_relaxed)};
    struct breaker_counts n = {0, 0};

    for (int i = 0; i < 2; i++) {
        if (number - window_number(words[i]) > 1)
            continue;
        n.good += window_good(words[i]);
        n.bad += window_bad(words[i]);
    }
    return n;
}

void breaker_count(struct breaker *b, uint64_t mono_ms, bool good)
{
    uint32_t number = (uint32_t)(mono_ms / HEALTH_WINDOW_MS);
    uint64_t old = atomic_load_explicit(&b->now, memory_order_relaxed);

    for (;;) {
        bool turn = window_number(old) != number;
        uint32_t g = turn ? 0 : window_good(old), n = turn ? 0 : window_bad(old);

        if (good && g < 0xffff)
            g++;
        if (!good && n < 0xffff)
            n++;
        if (!atomic_compare_exchange_weak(&b->now, &old, window_pack(number, g, n)))
            continue;
        if (turn)
            atomic_store_explicit(&b->before, old, memory_order_relaxed);
        return;
    }
}

/* --- open: the instant above, the step below */

static uint64_t open_pack(uint64_t mono_ms, uint64_t step)
{
    uint64_t ms = (uint64_t)HEALTH_OPEN_MS << step;

    return (mono_ms + (ms < HEALTH_OPEN_MAX_MS ? ms : HEALTH_OPEN_MAX_MS)) << STEP_BITS | step;
}

enum health_state breaker_state(const struct breaker *b, uint64_t mono_ms)
{
    uint64_t open = atomic_load_explicit(&b->open, memory_order_relaxed);

    if (open == 0)
        return HEALTH_GOOD;
    return open >> STEP_BITS > mono_ms ? HEALTH_OPEN : HEALTH_PROBE;
}

void breaker_open(struct breaker *b, uint64_t mono_ms)
{
    uint64_t closed = 0;

    (void)atomic_compare_exchange_strong(&b->open, &closed, open_pack(mono_ms, 0));
}

bool breaker_claim(struct breaker *b, uint64_t mono_ms)
{
    uint64_t open = atomic_load_explicit(&b->open, memory_order_relaxed), step = open & STEP_MASK;

    if (open == 0)
        return true;
    /* Moving the instant on is the claim: the next caller finds the breaker open again. */
    return open >> STEP_BITS <= mono_ms &&
           atomic_compare_exchange_strong(&b->open, &open,
                                          open_pack(mono_ms, step < STEP_MASK ? step + 1 : step));
}

bool breaker_close(struct breaker *b)
{
    if (atomic_load_explicit(&b->open, memory_order_relaxed) == 0)
        return false;
    breaker_reset(b);
    return true;
}

void breaker_reset(struct breaker *b)
{
    atomic_store_explicit(&b->open, 0, memory_order_relaxed);
    atomic_store_explicit(&b->now, 0, memory_order_relaxed);
    atomic_store_explicit(&b->before, 0, memory_order_relaxed);
}
