/* Counting for the load generator: histograms of nanoseconds and the CPU time of other processes.
 */
#ifndef TR_BENCH_LOAD_STATS_H
#define TR_BENCH_LOAD_STATS_H

#include <stddef.h>
#include <stdint.h>

/* 64 buckets per power of two: 1.6 % wide. */
enum { HISTOGRAM_BUCKETS = 64 * 40 };
struct histogram {
    uint64_t count[HISTOGRAM_BUCKETS];
    uint64_t n;
};
void histogram_add(struct histogram *h, uint64_t ns);
/* Microseconds below which the fraction p of the samples lies; 0 without samples. */
double histogram_us(const struct histogram *h, double p);

/* CPU nanoseconds used so far by all threads of these processes (/proc/PID/task/N/schedstat). */
uint64_t cpu_ns(const int *pids, size_t n);

#endif
