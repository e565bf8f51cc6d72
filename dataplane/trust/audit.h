/* The audit sampler: an unpredictable share of the served answers is committed to, in one signed
 * hash chain per boot, so that what was answered then cannot be denied or altered later. Digests,
 * ids and salts only; in memory only; docs/audit.md says what it proves.
 *
 * Workers offer every answer; the main thread chains what was picked (audit_advance); any thread
 * reads. A lock is taken by the latter two only. */
#ifndef TR_DATAPLANE_TRUST_AUDIT_H
#define TR_DATAPLANE_TRUST_AUDIT_H

#include "audit_text.h"
#include "err.h"
#include "receipt.h"

struct audit;
struct identity_keys;

enum {
    AUDIT_TICK_MS = 100,      /* how often audit_advance() wants to be called */
    AUDIT_FRESH_MS = 1000,    /* a head is signed anew when asked for after so long */
    AUDIT_KEEP_MAX = 1 << 16, /* samples of 400 bytes; a question looks at each, under the lock */
};

struct audit_config {
    unsigned workers;
    uint64_t rate_ppm;                /* 0: nothing is sampled; AUDIT_PPM: everything */
    size_t keep;                      /* samples remembered, 1 to AUDIT_KEEP_MAX */
    const struct identity_keys *keys; /* borrowed, sign the head */
    const struct secret32 *salts;     /* borrowed: receipts_salt_secret() */
    bool simulated;
};

/* The chain begins here. ERR_MEMORY, ERR_CRYPTO. */
must_check enum err audit_new(const struct audit_config *c, struct audit **out);
/* Wipes. No thread may use it any more. */
void audit_free(struct audit *a);

/* The worker's thread; an observer of receipts_publish(). No lock, no allocation, no system call;
 * one hash for an answer that is not picked. a: a struct audit. */
void audit_offer(void *a, unsigned worker, const struct receipt_facts *f);

/* The main thread, every AUDIT_TICK_MS: chain what workers picked. Holds the lock for a few samples
 * at a time, so a reader never waits long. */
void audit_advance(struct audit *a);

/* Append the signed head. ERR_MEMORY. Any thread. */
must_check enum err audit_head(struct audit *a, struct buf *out);

struct audit_question {
    struct digest32 owner; /* SHA-256 of the presented key; compared in constant time */
    bool has_from;
    uint64_t from;  /* else: the owner's oldest sample that is kept */
    size_t entries; /* of the chain to show, 1 to AUDIT_WINDOW_MAX */
};
/* Append the head and the window [from, to): a leaf for each sample, and what opens the owner's. A
 * from that is no longer kept becomes the first that is; `to` is cut after AUDIT_OPENINGS_MAX of
 * the owner's. ERR_RANGE: from is beyond the chain's end. ERR_MEMORY. Any thread. */
must_check enum err audit_samples(struct audit *a, const struct audit_question *q, struct buf *out);

struct audit_counters {
    uint64_t sampled, missed;
};
struct audit_counters audit_counters(struct audit *a);

#endif
