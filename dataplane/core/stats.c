#include "stats.h"

void histogram_add(struct histogram *h, uint64_t us)
{
    static const uint32_t bounds_ms[STATS_BUCKETS] = STATS_BUCKETS_MS;
    unsigned i = 0;

    while (i < STATS_BUCKETS && us > (uint64_t)bounds_ms[i] * 1000)
        i++;
    counter_add(&h->bucket[i], 1);
    counter_add(&h->sum_us, us);
}
