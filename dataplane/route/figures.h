/* What one endpoint did lately, in figures that may be published: outcomes of the last 5 minutes, 30 minutes and day,
 * and how long answers took. Atomic words only, of a fixed size whatever the traffic; a race between two threads that
 * turn the same page loses a few samples of a statistic. Private to health.c. */
#ifndef TR_DATAPLANE_ROUTE_FIGURES_H
#define TR_DATAPLANE_ROUTE_FIGURES_H

#include "route_decide.h"

#include <stdatomic.h>

enum {
    FIGURES_BUCKETS = 32,        /* of a histogram; each reaches sqrt(2) times as far as the one before */
    FIGURES_PAGE_MS = 900000,    /* a histogram says what the last 15 to 30 minutes were like */
    FIGURES_SAMPLES_MIN = 5,     /* fewer say nothing about percentiles */
    FIGURES_LATENCY_US = 4000,   /* the first bucket of latency ends here, the last but one at 131 s */
    FIGURES_RATE = 1,            /* tokens a second; the last bucket begins at 46,000 */
};

/* Outcomes by period, each in one word: the period's number, good and bad ones. */
enum { FIGURES_MINUTES = 5, FIGURES_FIVES = 6, FIGURES_HOURS = 24 };
struct figures_page {
    _Atomic uint32_t number; /* of the page in time */
    _Atomic uint32_t samples[FIGURES_BUCKETS];
};
/* All zero: nothing happened. */
struct figures {
    _Atomic uint64_t minute[FIGURES_MINUTES + 1], five[FIGURES_FIVES + 1], hour[FIGURES_HOURS + 1];
    struct figures_page latency[2], rate[2];
};

enum figures_span { FIGURES_5M, FIGURES_30M, FIGURES_1D, FIGURES_SPANS };
struct figures_outcomes {
    uint32_t good, bad;
};

void figures_count(struct figures *f, uint64_t mono_ms, bool good);
/* Of the span before now: this period, which is not over, and as many before it as the span has. */
void figures_outcomes(const struct figures *f, uint64_t mono_ms,
                      struct figures_outcomes out[static FIGURES_SPANS]);

void figures_latency(struct figures *f, uint64_t mono_ms, uint32_t first_byte_us);
void figures_rate(struct figures *f, uint64_t mono_ms, uint32_t tokens_per_s);
/* Fills in latency_us and throughput of *out, as route_decide.h has them. A figure is the end of its bucket that is
 * worse for the endpoint. Return how many samples there are. */
uint32_t figures_latencies(const struct figures *f, uint64_t mono_ms, struct health_view *out);
uint32_t figures_rates(const struct figures *f, uint64_t mono_ms, struct health_view *out);

#endif
