/* Which answers are audit samples, decided where they end: each worker asks its own queue, which
 * costs one hash, and a picked answer's facts wait there for the thread that chains them. One
 * producer and one consumer per queue; no lock, no allocation, no system call on the worker's side.
 */
#ifndef TR_DATAPLANE_TRUST_AUDIT_QUEUE_H
#define TR_DATAPLANE_TRUST_AUDIT_QUEUE_H

#include "audit_hash.h"
#include "err.h"
#include "receipt.h"

struct audit_queue;

/* What is kept of a picked answer. */
struct audit_picked {
    struct id request;
    struct digest32 owner, received, returned;
    uint64_t answered_ms;
    uint16_t status;
    bool complete;
};

/* secrets: AUDIT_EPOCHS + 1 of them (audit_hash.h), borrowed; since_ms: where epoch 0 begins. */
must_check enum err audit_queue_new(unsigned workers, uint64_t rate_ppm, uint64_t since_ms,
                                    const struct digest32 *secrets, struct audit_queue **out);
/* Wipes. No thread may use it any more. */
void audit_queue_free(struct audit_queue *q);

/* The worker's thread. Only an answer that was served (credit reserved, some body returned) can be
 * a sample. True: picked; it is queued, or counted as missed when the queue is full. */
bool audit_queue_offer(struct audit_queue *q, unsigned worker, const struct receipt_facts *f);
/* One consumer at a time. At most max, those of one worker in order. */
size_t audit_queue_take(struct audit_queue *q, struct audit_picked *out, size_t max);
/* Picked, but lost because a queue was full. Any thread. */
uint64_t audit_queue_missed(const struct audit_queue *q);

#endif
