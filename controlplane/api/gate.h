/* What callers without a known key may take of the REST listener, so that however many of them there are,
 * operators are served: the pages that anybody may read have a rate, in all and per address, and a number
 * that may run at once; keys that turn out to be unknown have a rate of their own. */
#ifndef TR_CONTROLPLANE_API_GATE_H
#define TR_CONTROLPLANE_API_GATE_H

#include "rate.h"
#include "secret.h"

struct gate;

enum {
    /* Public pages being answered at once. The database takes 8 queries on each of 8 connections by
     * default, and half of that stays for the callers that have a key. */
    GATE_PAGES_MAX = 32,
    GATE_BUSY_RETRY_MS = 1000,
    GATE_GUESSES_PER_S = 500, /* unknown keys of all callers: one look-up in the database each */
    GATE_GUESSES_BURST = 2000,
    GATE_GUESSES_ADDRESS_PER_S = 50,
    GATE_GUESSES_ADDRESS_BURST = 500,
    GATE_KNOWN = 1024, /* keys remembered as known: a power of two */
};

/* pages: the rate of public pages; per_s 0: no limit. */
must_check enum err gate_new(const struct rate_config *pages, struct gate **out);
void gate_free(struct gate *g);

/* A public page for this address (16 bytes, IPv4 mapped). ERR_NONE: end with gate_page_over().
 * ERR_RATE, and *retry_ms says when it may be asked for again. */
must_check enum err gate_page(struct gate *g, const uint8_t address[static 16], uint64_t now_ms,
                              uint32_t *retry_ms);
void gate_page_over(struct gate *g);

/* Before the database is asked about a key. ERR_NONE: it may be; tell gate_key_known() when it is a good
 * one. A key that was good lately is never refused. ERR_RATE as above. */
must_check enum err gate_key(struct gate *g, const uint8_t address[static 16],
                             const struct digest32 *key, uint64_t now_ms, uint32_t *retry_ms);
void gate_key_known(struct gate *g, const uint8_t address[static 16], const struct digest32 *key);

#endif
