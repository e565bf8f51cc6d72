#include "load_stats.h"

#include <dirent.h>
#include <stdio.h>

static size_t bucket_of(uint64_t ns)
{
    if (ns < 64)
        return (size_t)ns;
    int top = 63 - __builtin_clzll(ns);
    size_t i = (size_t)(top - 5) * 64 + (size_t)(ns >> (top - 6) & 63);
    return i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1;
}

static uint64_t bucket_low(size_t i)
{
    if (i < 64)
        return i;
    int top = (int)(i / 64) + 5;
    return (UINT64_C(1) << top) + ((uint64_t)(i % 64) << (top - 6));
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->count[bucket_of(ns)]++;
    h->n++;
}

double histogram_us(const struct histogram *h, double p)
{
    uint64_t want = (uint64_t)((double)h->n * p), seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->count[i];
        if (seen > want || (seen == h->n && h->n != 0))
            return (double)bucket_low(i) / 1000.0;
    }
    return 0;
}

uint64_t cpu_ns(const int *pids, size_t n)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        char path[64 + 256];
        struct dirent *e;
        snprintf(path, sizeof path, "/proc/%d/task", pids[i]);
        DIR *d = opendir(path);
        while (d != NULL && (e = readdir(d)) != NULL) {
            unsigned long long ns;
            snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pids[i], e->d_name);
            FILE *f = e->d_name[0] != '.' ? fopen(path, "r") : NULL;
            if (f == NULL)
                continue;
            if (fscanf(f, "%llu", &ns) == 1)
                total += ns;
            fclose(f);
        }
        if (d != NULL)
            closedir(d);
    }
    return total;
}
