/* The keys that one data plane holds, the version of their rules it was told, and which of them are yet to
 * be asked about after notifications may have been missed. */
#ifndef TR_CONTROLPLANE_PEERS_KNOWN_H
#define TR_CONTROLPLANE_PEERS_KNOWN_H

#include "ledger.h"

struct known {
    struct known_key *table; /* open addressing; NULL: nothing is known yet */
    size_t cap, n;           /* cap is a power of two, at most half full */
    size_t cursor;           /* where known_stale() goes on */
    uint32_t epoch;          /* keys noted under an earlier one are stale */
    bool stale;              /* some may be; false: none is */
};

void known_free(struct known *k); /* empties *k; a zeroed one is fine */
/* The peer holds this key under this version, as of what was true in `epoch`. A later version is never
 * replaced by an earlier one. When memory is out or LIMIT_KEYS are known, nothing is lost but the early word
 * after a resync: the lease's end bounds it. */
void known_put(struct known *k, const struct digest32 *digest, uint64_t version, uint32_t epoch);
/* The peer was told: the key has this version now. */
void known_heard(struct known *k, const struct digest32 *digest, uint64_t version);
void known_forget(struct known *k, const struct digest32 *digest);
/* Notifications may have been missed: every key is stale. */
void known_resync(struct known *k);
/* Up to max stale keys, in turn; returns how many. They stay stale until known_checked(). */
size_t known_stale(struct known *k, struct ledger_key *out, size_t max);
/* Asked about, in this epoch. */
void known_checked(struct known *k, const struct ledger_key *keys, size_t n, uint32_t epoch);

#endif
