/* Keys, leases and usage as the link needs them: each call is one PostgreSQL transaction (one
 * statement or one SQL function), asynchronous, its callback exactly once. What concerns a lease never
 * waits for a lock: while another statement holds the account it is asked again every few milliseconds,
 * and ends with ERR_DB after LEDGER_BUSY_MS. */
#ifndef TR_CONTROLPLANE_MONEY_LEDGER_H
#define TR_CONTROLPLANE_MONEY_LEDGER_H

#include "db.h"
#include "message.h"

struct ledger; /* holds the db and lease settings */
struct ledger_config {
    struct db *db;
    uint32_t lease_ms;          /* how long a lease lives, default 75,000 */
    int64_t lease_default_nusd; /* what a first lease asks for, default $0.25; bounded by avail/4
                                   unless the caller wants more */
    /* A lease is reclaimed this long after it ended, so that records in flight still find it. */
    uint32_t reclaim_grace_ms; /* default 30,000 */
};
must_check enum err ledger_new(const struct ledger_config *c, struct ledger **out);
void ledger_free(struct ledger *l);

/* A data plane boot was accepted: idempotent on boot id. measurement: 48 bytes. */
void ledger_boot(struct ledger *l, const struct id *boot, struct view measurement, bool simulated,
                 void (*cb)(void *cookie, enum err e), void *cookie);

/* KEY_LOOKUP -> GRANT or NO_KEY: exactly one of the two pointers is non-NULL on ERR_NONE. Every
 * GRANT opens a lease of its own (sql/011 says why). */
void ledger_grant(struct ledger *l, const struct id *boot, const struct msg_key_lookup *ask,
                  void (*cb)(void *cookie, enum err e, const struct msg_grant *grant,
                             const struct msg_no_key *no),
                  void *cookie);
/* What has changed of keys that a data plane holds, at most LEDGER_KEYS_MAX in one statement: those that may
 * not be used, and those that have another version than the one it was told. changes are valid during cb. */
enum { LEDGER_KEYS_MAX = 512 };
struct ledger_key {
    struct digest32 digest;
    uint64_t version;
};
void ledger_changes(struct ledger *l, const struct ledger_key *keys, size_t n,
                    void (*cb)(void *cookie, enum err e, const struct msg_revoke *changes, size_t n),
                    void *cookie);
void ledger_lease_more(struct ledger *l, const struct id *boot, const struct msg_lease_more *ask,
                       void (*cb)(void *cookie, enum err e, const struct msg_lease *lease),
                       void *cookie);
void ledger_lease_return(struct ledger *l, const struct id *boot,
                         const struct msg_lease_return *ret, void (*cb)(void *cookie, enum err e),
                         void *cookie);
/* Book a batch, in seq order, idempotent by (boot, seq): one transaction. On ERR_NONE everything up
 * to and including acked_seq is committed. A record that cannot be booked (unknown lease and
 * account) is kept in usage_rejected and acknowledged, never dropped silently. */
void ledger_ingest(struct ledger *l, const struct id *boot, const struct usage_record *records,
                   size_t n, void (*cb)(void *cookie, enum err e, uint64_t acked_seq),
                   void *cookie);

enum { LEDGER_BUSY_MS = 2500 };

/* Revocations, changed keys and catalog changes, from any control plane instance (LISTEN/NOTIFY). */
struct ledger_watch {
    void (*revoked)(void *cookie, const struct msg_revoke *revoke);
    /* This boot should give back some of its lease. */
    void (*recalled)(void *cookie, const struct id *boot, const struct msg_recall *recall);
    void (*catalog_changed)(void *cookie);
    /* Notifications may have been missed (reconnected): every peer must re-check its keys. */
    void (*resync)(void *cookie);
    void *cookie;
};
must_check enum err ledger_watch(struct ledger *l, const struct ledger_watch *w);
/* The current catalog, taken by the callee on ERR_NONE. */
void ledger_catalog(struct ledger *l, void (*cb)(void *cookie, enum err e, struct catalog *c),
                    void *cookie);

#endif
