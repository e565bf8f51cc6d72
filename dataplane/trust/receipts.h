/* The facts of recent answers, in memory only: a ring per worker, written by its own thread without
 * a lock, read by every thread. A new entry takes the place of the oldest, which is gone then; what
 * is left is wiped at the end. */
#ifndef TR_DATAPLANE_TRUST_RECEIPTS_H
#define TR_DATAPLANE_TRUST_RECEIPTS_H

#include "err.h"
#include "receipt.h"

#include <stddef.h>

struct receipts;

/* count: answers remembered, over all workers (rounded up to a power of two for each). Answers that
 * were never admitted have a ring of their own, an eighth as long, so that nobody without credit
 * can push out what others paid for. ERR_MEMORY. */
must_check enum err receipts_new(unsigned workers, size_t count, struct receipts **out);
/* Wipes. No thread may use it any more. */
void receipts_free(struct receipts *r);

/* Called for every publication but those of parts, on the worker's thread, before it can be found. Set before the
 * workers start; at most one. */
void receipts_observe(struct receipts *r,
                      void (*observer)(void *cookie, unsigned worker,
                                       const struct receipt_facts *f),
                      void *cookie);

/* The worker's thread only. No lock, no allocation, no system call. */
void receipts_publish(struct receipts *r, unsigned worker, const struct receipt_facts *f);

/* Any thread. Copy the facts with this id if they belong to `owner` (compared in constant time).
 * ERR_NOT_FOUND for what is unknown, gone, or somebody else's: the caller cannot tell which. */
must_check enum err receipts_find(const struct receipts *r, const struct id *id,
                                  const struct digest32 *owner, struct receipt_facts *out);

/* What the commitments' salts are derived from: random, of this boot, never shown. */
const struct secret32 *receipts_salt_secret(const struct receipts *r);

#endif
