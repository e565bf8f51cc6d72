#include "figures.h"

/* --- outcomes: the period's number in the upper 24 bits, then good and bad ones, 20 bits each */

enum { COUNT_BITS = 20, COUNT_MAX = (1 << COUNT_BITS) - 1, NUMBER_MASK = 0xffffff };

static uint64_t period_pack(uint64_t number, uint64_t good, uint64_t bad)
{
    return (number & NUMBER_MASK) << 2 * COUNT_BITS | good << COUNT_BITS | bad;
}

static uint64_t period_number(uint64_t w)
{
    return w >> 2 * COUNT_BITS;
}

static uint32_t period_good(uint64_t w)
{
    return (uint32_t)(w >> COUNT_BITS) & COUNT_MAX;
}

static uint32_t period_bad(uint64_t w)
{
    return (uint32_t)w & COUNT_MAX;
}

/* Number 0 is never used: a zeroed word is of no period. */
static uint64_t period_at(uint64_t mono_ms, uint64_t period_ms)
{
    return (mono_ms / period_ms + 1) & NUMBER_MASK;
}

static void ring_count(_Atomic uint64_t *ring, unsigned places, uint64_t number, bool good)
{
    _Atomic uint64_t *at = &ring[number % places];
    uint64_t old = atomic_load_explicit(at, memory_order_relaxed), fresh;

    do {
        bool turn = period_number(old) != number;
        uint32_t g = turn ? 0 : period_good(old), b = turn ? 0 : period_bad(old);

        g += good && g < COUNT_MAX;
        b += !good && b < COUNT_MAX;
        fresh = period_pack(number, g, b);
    } while (!atomic_compare_exchange_weak(at, &old, fresh));
}

static struct figures_outcomes ring_sum(const _Atomic uint64_t *ring, unsigned places,
                                        uint64_t number)
{
    struct figures_outcomes sum = {0, 0};

    for (unsigned i = 0; i < places; i++) {
        uint64_t w = atomic_load_explicit(&ring[i], memory_order_relaxed);

        if (w == 0 || ((number - period_number(w)) & NUMBER_MASK) >= places)
            continue;
        sum.good += period_good(w);
        sum.bad += period_bad(w);
    }
    return sum;
}

enum { MINUTE_MS = 60000, FIVE_MS = 300000, HOUR_MS = 3600000 };

void figures_count(struct figures *f, uint64_t mono_ms, bool good)
{
    ring_count(f->minute, FIGURES_MINUTES + 1, period_at(mono_ms, MINUTE_MS), good);
    ring_count(f->five, FIGURES_FIVES + 1, period_at(mono_ms, FIVE_MS), good);
    ring_count(f->hour, FIGURES_HOURS + 1, period_at(mono_ms, HOUR_MS), good);
}

void figures_outcomes(const struct figures *f, uint64_t mono_ms,
                      struct figures_outcomes out[static FIGURES_SPANS])
{
    out[FIGURES_5M] = ring_sum(f->minute, FIGURES_MINUTES + 1, period_at(mono_ms, MINUTE_MS));
    out[FIGURES_30M] = ring_sum(f->five, FIGURES_FIVES + 1, period_at(mono_ms, FIVE_MS));
    out[FIGURES_1D] = ring_sum(f->hour, FIGURES_HOURS + 1, period_at(mono_ms, HOUR_MS));
}

/* --- histograms */

/* Where bucket i ends: first * 2^(i / 2); 46341 / 32768 is the root of two. */
static uint32_t bucket_end(uint32_t first, unsigned i)
{
    uint64_t end = (uint64_t)first << i / 2;

    return (uint32_t)(i % 2 == 0 ? end : end * 46341 / 32768);
}
_Static_assert((uint64_t)FIGURES_LATENCY_US << FIGURES_BUCKETS / 2 <= UINT32_MAX, "ends are 32 bits");

static unsigned bucket_of(uint32_t first, uint32_t value)
{
    unsigned i = 0;

    while (i < FIGURES_BUCKETS - 1 && value > bucket_end(first, i))
        i++;
    return i;
}

static uint32_t page_at(uint64_t mono_ms)
{
    return (uint32_t)(mono_ms / FIGURES_PAGE_MS) + 1;
}

static void pages_add(struct figures_page *pages, uint64_t mono_ms, unsigned bucket)
{
    uint32_t number = page_at(mono_ms), old;
    struct figures_page *p = &pages[number % 2];

    old = atomic_load_explicit(&p->number, memory_order_relaxed);
    if (old != number && atomic_compare_exchange_strong(&p->number, &old, number))
        for (unsigned i = 0; i < FIGURES_BUCKETS; i++)
            atomic_store_explicit(&p->samples[i], 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->samples[bucket], 1, memory_order_relaxed);
}

/* The samples of this page and the one before it, by bucket. Returns how many. */
static uint32_t pages_sum(const struct figures_page *pages, uint64_t mono_ms,
                          uint32_t sum[static FIGURES_BUCKETS])
{
    uint32_t number = page_at(mono_ms), n = 0;

    for (unsigned i = 0; i < FIGURES_BUCKETS; i++)
        sum[i] = 0;
    for (unsigned k = 0; k < 2; k++) {
        uint32_t of = atomic_load_explicit(&pages[k].number, memory_order_relaxed);

        for (unsigned i = 0; of != 0 && number - of <= 1 && i < FIGURES_BUCKETS; i++) {
            uint32_t here = atomic_load_explicit(&pages[k].samples[i], memory_order_relaxed);

            sum[i] += here;
            n += here;
        }
    }
    return n;
}

static const uint8_t percents[ROUTE_PERCENTILES] = {50, 75, 90, 99};

/* The bucket in which the sample stands that p percent do not exceed, counted from the front or the back. */
static unsigned bucket_at(const uint32_t sum[static FIGURES_BUCKETS], uint32_t n, unsigned percent,
                          bool from_back)
{
    uint64_t rank = ((uint64_t)n * percent + 99) / 100, seen = 0;

    for (unsigned k = 0; k < FIGURES_BUCKETS; k++) {
        unsigned i = from_back ? FIGURES_BUCKETS - 1 - k : k;

        seen += sum[i];
        if (seen >= rank)
            return i;
    }
    return from_back ? 0 : FIGURES_BUCKETS - 1;
}

void figures_latency(struct figures *f, uint64_t mono_ms, uint32_t first_byte_us)
{
    pages_add(f->latency, mono_ms, bucket_of(FIGURES_LATENCY_US, first_byte_us));
}

void figures_rate(struct figures *f, uint64_t mono_ms, uint32_t tokens_per_s)
{
    pages_add(f->rate, mono_ms, bucket_of(FIGURES_RATE, tokens_per_s));
}

uint32_t figures_latencies(const struct figures *f, uint64_t mono_ms, struct health_view *out)
{
    uint32_t sum[FIGURES_BUCKETS], n = pages_sum(f->latency, mono_ms, sum);

    for (unsigned i = 0; i < ROUTE_PERCENTILES; i++)
        out->latency_us[i] = n < FIGURES_SAMPLES_MIN
                                 ? 0
                                 : bucket_end(FIGURES_LATENCY_US, bucket_at(sum, n, percents[i], false));
    return n;
}

/* A bucket begins where the one before it ends. */
uint32_t figures_rates(const struct figures *f, uint64_t mono_ms, struct health_view *out)
{
    uint32_t sum[FIGURES_BUCKETS], n = pages_sum(f->rate, mono_ms, sum);

    for (unsigned i = 0; i < ROUTE_PERCENTILES; i++) {
        unsigned at = n < FIGURES_SAMPLES_MIN ? 0 : bucket_at(sum, n, percents[i], true);

        out->throughput[i] =
            n < FIGURES_SAMPLES_MIN ? 0 : bucket_end(FIGURES_RATE, at > 0 ? at - 1 : 0);
    }
    return n;
}
