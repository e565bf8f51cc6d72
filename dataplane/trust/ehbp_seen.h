/* Which encrypted requests have been opened, so that none is opened twice: an attacker who has recorded one, a proxy in
 * front of this program for example, cannot have it answered (and charged) again. Of one boot, for all workers. */
#ifndef TR_DATAPLANE_TRUST_EHBP_SEEN_H
#define TR_DATAPLANE_TRUST_EHBP_SEEN_H

#include "err.h"
#include "hpke.h"

#include <stdbool.h>

struct ehbp_seen;

/* 8 bytes for each request that is remembered: 4 MiB for 524,288 of them. A set that is full forgets its oldest. At
 * 400 requests a second ten minutes bring 240,000, 7.3 to a set: 1 of 670 sets gets more than it holds. */
enum { EHBP_SEEN_SETS = 1 << 15, EHBP_SEEN_WAYS = 16 };

must_check enum err ehbp_seen_new(struct ehbp_seen **out); /* ERR_MEMORY */
void ehbp_seen_free(struct ehbp_seen *s);
/* True the first time. Any thread. */
bool ehbp_seen_first(struct ehbp_seen *s, const uint8_t enc[static HPKE_KEY_BYTES]);

#endif
