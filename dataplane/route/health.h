/* How each endpoint has been doing lately: a windowed error rate with a half-open breaker, a 429
 * cool-down and the smoothed time to the first byte. Shared by all workers, atomics only. */
#ifndef TR_DATAPLANE_ROUTE_HEALTH_H
#define TR_DATAPLANE_ROUTE_HEALTH_H

#include "err.h"
#include "bounds.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HEALTH_SLOTS = 2 * LIMIT_ENDPOINTS, /* open addressing stays short at half load */
    HEALTH_WINDOW_MS = 30000,           /* outcomes are counted over this and the window before */
    HEALTH_OPEN_MIN = 5,                /* outcomes before an error rate means anything */
    HEALTH_OPEN_PERMILLE = 500,         /* at this error rate the breaker opens */
    HEALTH_OPEN_MS = 5000,              /* for this long; then one probe may pass */
    HEALTH_COOL_DEFAULT_MS = 1000,      /* 429 without Retry-After */
    HEALTH_COOL_MAX_MS = 60000,         /* no provider can talk itself out of service for longer */
};

enum health_state {
    HEALTH_GOOD,
    HEALTH_PROBE,   /* the breaker was open; it is time to try once */
    HEALTH_OPEN,    /* failing: only when nothing better is left */
    HEALTH_COOLING, /* said 429: not before cool_ms have passed */
};

struct health_view {
    enum health_state state;
    uint32_t cool_ms;       /* HEALTH_COOLING: what is left */
    uint32_t first_byte_us; /* smoothed; 0: never measured */
    uint16_t error_permille;
};

struct health;

must_check enum err health_new(struct health **out);
void health_free(struct health *h);

/* The slot of an endpoint number: the same for as long as the process lives. Link thread only
 * (catalog publication); when the table is full, numbers share slots, which is harmless. */
uint32_t health_slot(struct health *h, uint32_t endpoint_no);

/* Any thread, lock-free. */
void health_read(const struct health *h, uint32_t slot, uint64_t mono_ms, struct health_view *out);
/* True for exactly one caller per breaker opening: this attempt is the probe. False: another
 * request probes already, treat the endpoint as open. Asked when an attempt starts. */
bool health_claim_probe(struct health *h, uint32_t slot, uint64_t mono_ms);
/* first_byte_us: 0 when it was not measured: that of a whole answer says how long the answer was. */
void health_success(struct health *h, uint32_t slot, uint64_t mono_ms, uint32_t first_byte_us);
void health_failure(struct health *h, uint32_t slot, uint64_t mono_ms);
/* retry_after_ms < 0: the provider did not say. */
void health_rate_limited(struct health *h, uint32_t slot, uint64_t mono_ms, int64_t retry_after_ms);

#endif
