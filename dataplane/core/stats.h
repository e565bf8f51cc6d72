/* What one worker counts for /metrics: written by its loop thread only, read by any thread. */
#ifndef TR_DATAPLANE_CORE_STATS_H
#define TR_DATAPLANE_CORE_STATS_H

#include "usage_fields.h"

#include <stdatomic.h>
#include <stdint.h>

/* Upper bounds in milliseconds of the latency buckets; one more bucket holds the rest. */
#define STATS_BUCKETS_MS {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000}
enum { STATS_BUCKETS = 13, STATS_STATUS_MAX = 600 };

typedef _Atomic uint64_t counter;

struct histogram {
    counter bucket[STATS_BUCKETS + 1];
    counter sum_us;
};

#define STATS_TOKENS(no, class, ...) counter class;
struct stats {
    counter by_status[STATS_STATUS_MAX]; /* answers, 499 for clients that left first */
    counter streams_open, requests_open;
    counter parts_open, parts; /* of requests (part.h), which count as no request, stream or answer themselves */
    counter attempts, fallbacks, truncated, client_gone;
    struct {
        USAGE_TOKENS(STATS_TOKENS)
    } tokens; /* billed, by class */
    counter cost_nusd, estimated, clamped;
    struct histogram total, first_byte;
};

/* One writer per counter: a plain load and store, no locked instruction. */
static inline void counter_add(counter *s, uint64_t n)
{
    atomic_store_explicit(s, atomic_load_explicit(s, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t counter_get(const counter *s)
{
    return atomic_load_explicit((counter *)s, memory_order_relaxed);
}

static inline void stats_status(struct stats *s, int status)
{
    if (status > 0 && status < STATS_STATUS_MAX)
        counter_add(&s->by_status[status], 1);
}

void histogram_add(struct histogram *h, uint64_t us);

#endif
