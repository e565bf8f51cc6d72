/* How often something may be asked without a key: a token bucket for everybody together and one per address. For
 * endpoints that need no key; it is asked under a lock, so nothing hot goes through it. */
#ifndef TR_COMMON_RATE_H
#define TR_COMMON_RATE_H

#include "err.h"

#include <stdint.h>

struct rate;

struct rate_config {
    uint64_t per_s, burst;                 /* of all; per_s 0: no limit */
    uint64_t address_per_s, address_burst; /* of one IPv4 address or IPv6 /64; 0: no limit */
};
enum { RATE_PER_S_MAX = 1000000, RATE_BURST_MAX = 1000000 };

must_check enum err rate_new(const struct rate_config *c, struct rate **out);
void rate_free(struct rate *r);

/* One request of this address (16 bytes, IPv4 mapped) at this monotonic time: ERR_NONE, or ERR_RATE
 * and *retry_ms says when it could be granted. What is refused costs nothing. Any thread. */
must_check enum err rate_take(struct rate *r, const uint8_t address[static 16], uint64_t now_ms,
                              uint32_t *retry_ms);

/* How many requests this address could make now, of its own share; 0 without one. Any thread. */
uint32_t rate_left(struct rate *r, const uint8_t address[static 16], uint64_t now_ms);

/* It turned out not to count: what rate_take() took comes back. Any thread. */
void rate_give(struct rate *r, const uint8_t address[static 16]);

#endif
