/* How each endpoint has been doing lately: windowed error rates with half-open breakers, a 429
 * cool-down and the smoothed time to the first byte. Shared by all workers, atomics only.
 *
 * Most failures may be the request's own (a body that the provider answers badly, a limit of ours, a
 * time-out), so they are counted per account, and close the endpoint to that account alone. It is
 * closed to everybody only by failures that no request can cause (no connection, no TLS, no valid
 * credential of ours), or when most accounts that use it fail, each counting little. */
#ifndef TR_DATAPLANE_ROUTE_HEALTH_H
#define TR_DATAPLANE_ROUTE_HEALTH_H

#include "bounds.h"
#include "err.h"
#include "id.h"
#include "route_decide.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HEALTH_SLOTS = 2 * LIMIT_ENDPOINTS, /* open addressing stays short at half load */
    HEALTH_WINDOW_MS = 30000,           /* outcomes are counted over this and the window before */
    HEALTH_OPEN_MIN = 5,                /* outcomes before an error rate means anything */
    HEALTH_OPEN_PERMILLE = 500,         /* at this error rate a breaker opens */
    HEALTH_ACCOUNTS = 16, /* accounts that are counted per endpoint; others wait until one has not
                             used it for two windows, and close it to nobody meanwhile */
    HEALTH_ACCOUNT_WEIGHT = 3, /* failures of one account that count when everybody's are summed:
                                  fewer than HEALTH_OPEN_MIN, so that it takes two accounts */
    HEALTH_OPEN_MS = 5000,     /* a breaker is open for this long; then one probe may pass */
    HEALTH_OPEN_MAX_MS = 60000,         /* doubled by each probe that fails, up to this */
    HEALTH_COOL_DEFAULT_MS = 1000,      /* 429 without Retry-After */
    HEALTH_COOL_MAX_MS = 60000,         /* no provider can talk itself out of service for longer */
};
_Static_assert(HEALTH_ACCOUNT_WEIGHT < HEALTH_OPEN_MIN, "one account cannot speak for everybody");

enum health_span { HEALTH_5M, HEALTH_30M, HEALTH_1D, HEALTH_SPANS };

enum health_fault {
    HEALTH_FAULT_ENDPOINT, /* no request can cause it: refused, unreachable, TLS, our credential */
    HEALTH_FAULT_REQUEST,  /* the request may have caused it: all that came after it was sent */
};

/* What may be published of an endpoint. */
struct health_report {
    struct health_view now; /* with its percentiles */
    struct {
        uint32_t good, bad; /* outcomes; of the failures that a request may cause a few count for each account */
    } span[HEALTH_SPANS];
    uint32_t latencies, rates; /* samples of the percentiles */
};

struct health;

must_check enum err health_new(struct health **out);
void health_free(struct health *h);

/* The slot of an endpoint number: the same for as long as the process lives. Link thread only
 * (catalog publication); when the table is full, numbers share slots, which is harmless. */
uint32_t health_slot(struct health *h, uint32_t endpoint_no);

/* Any thread, lock-free, all below. */

/* An account's name here, as `who` below: a keyed hash, so that nobody can choose to share another's.
 * HEALTH_NOBODY: the account is not known (yet). */
enum { HEALTH_NOBODY = 0 };
uint32_t health_who(const struct health *h, const struct id *account);
void health_read(const struct health *h, uint32_t slot, uint32_t who, uint64_t mono_ms,
                 struct health_view *out);
/* Fills in what health_read() leaves 0, because few requests ask for it: percentiles, failed_permille. */
void health_measure(const struct health *h, uint32_t slot, uint64_t mono_ms, struct health_view *view);
/* As everybody sees it. */
void health_report(const struct health *h, uint32_t slot, uint64_t mono_ms, struct health_report *out);
/* True for exactly one caller per breaker opening: this attempt is the probe. False: another
 * request probes already, treat the endpoint as open. Asked when an attempt starts. */
bool health_claim_probe(struct health *h, uint32_t slot, uint32_t who, uint64_t mono_ms);
/* first_byte_us: 0 when it was not measured: that of a whole answer says how long the answer was. */
void health_success(struct health *h, uint32_t slot, uint32_t who, uint64_t mono_ms,
                    uint32_t first_byte_us);
void health_failure(struct health *h, uint32_t slot, uint32_t who, enum health_fault fault,
                    uint64_t mono_ms);
/* An answer's output: so many tokens after its first byte, in so long. Few tokens or no time say nothing. */
enum { HEALTH_RATE_TOKENS = 16, HEALTH_RATE_US = 10000 };
void health_written(struct health *h, uint32_t slot, uint64_t mono_ms, uint64_t tokens, uint64_t us);
/* retry_after_ms < 0: the provider did not say. */
void health_rate_limited(struct health *h, uint32_t slot, uint64_t mono_ms, int64_t retry_after_ms);

#endif
