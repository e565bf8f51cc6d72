/* Keys, leases and usage as the link needs them: each call is one PostgreSQL transaction (one
 * statement or one SQL function), asynchronous, its callback exactly once. What concerns a lease never
 * waits for a lock: while another statement holds the account it is asked again every few milliseconds,
 * and ends with ERR_DB after LEDGER_BUSY_MS. */
#ifndef TR_CONTROLPLANE_MONEY_LEDGER_H
#define TR_CONTROLPLANE_MONEY_LEDGER_H

#include "db.h"
#include "message.h"
#include "providers.h"

struct ledger; /* holds the db and lease settings */
struct ledger_config {
    struct db *db;
    uint32_t lease_ms;          /* how long a lease lives, default 75,000 */
    int64_t lease_default_nusd; /* what a first lease asks for, default $0.25; bounded by avail/4
                                   unless the caller wants more */
    /* A lease is reclaimed this long after it ended, so that records in flight still find it. */
    uint32_t reclaim_grace_ms; /* default 30,000 */
    const struct providers *providers; /* whose numbers rules of keys have; borrowed; NULL: there is none */
    uint64_t idempotency_ms;   /* how long an idempotency key is remembered, default 24 h */
};
must_check enum err ledger_new(const struct ledger_config *c, struct ledger **out);
void ledger_free(struct ledger *l);

/* What the ledger says about the records of a boot. acked_seq: every record up to and including it is
 * committed, or recorded as lost. ERR_NOT_FOUND: the database does not know the boot (any more). */
typedef void ledger_acked_cb(void *cookie, enum err e, uint64_t acked_seq);

/* A data plane boot was accepted over this session: idempotent on boot id. measurement: 48 bytes. lapse: its
 * leases may have been settled without it, because another boot took its place. ERR_FORBIDDEN: an operator has shut it
 * out; ERR_STALE: likewise, and its release does not know that reason. */
typedef void ledger_boot_cb(void *cookie, enum err e, uint64_t acked_seq, bool lapse);
void ledger_boot(struct ledger *l, const struct id *boot, const struct id *session,
                 struct view measurement, bool simulated, ledger_boot_cb *cb, void *cookie);
/* The session has ended. Nothing is answered: when this is lost, the database finds out by itself, 15 s
 * after the session's last ledger_settled(). */
void ledger_unlink(struct ledger *l, const struct id *boot, const struct id *session);
/* The boot runs at this place: a former boot there that is not connected has ended. Not answered. */
void ledger_place(struct ledger *l, const struct id *boot, struct view place);
/* Every record of a request that ended before at_ms (the database's clock, unix) has a number up to seq.
 * Also the sign that the session lives: to be said every second. cb: the database's clock now.
 * ERR_NOT_FOUND: the database does not know the boot, or this session of it. */
void ledger_settled(struct ledger *l, const struct id *boot, const struct id *session, uint64_t seq,
                    uint64_t at_ms, void (*cb)(void *cookie, enum err e, uint64_t db_ms),
                    void *cookie);

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
/* Book a batch of at most LEDGER_BOOK_MAX records, in seq order, idempotent by (boot, seq): one transaction. A record
 * that cannot be booked (unknown lease and account) is kept in usage_rejected and acknowledged, never dropped silently.
 * ERR_CONFLICT, ERR_RANGE: the database refuses these records, and will again. */
enum {
    LEDGER_BOOK_MAX = 2048, /* some 20 ms; what is fixed about a transaction is a tenth of that */
    LEDGER_ATTEMPTS_MAX = 2 * LIMIT_USAGE_ATTEMPTS,
    LEDGER_PARTS_MAX = 2 * LIMIT_USAGE_PARTS,
};
void ledger_ingest(struct ledger *l, const struct id *boot, const struct usage_record *records,
                   size_t n, ledger_acked_cb *cb, void *cookie);
/* The same, with the failed attempts of some of these records' requests, at most LEDGER_ATTEMPTS_MAX, and the parts of those
 * that are orchestrations, at most LEDGER_PARTS_MAX; of other records neither says anything. */
struct ledger_batch {
    const struct usage_record *records;
    size_t n;
    const struct usage_attempt *attempts;
    size_t n_attempts;
    const struct usage_part *parts;
    size_t n_parts;
};
void ledger_ingest_batch(struct ledger *l, const struct id *boot, const struct ledger_batch *batch,
                         ledger_acked_cb *cb, void *cookie);
/* Keep records that the database refuses in usage_aside, where an operator finds them, and acknowledge them. Their parts are
 * kept as those of booked ones. */
void ledger_set_aside(struct ledger *l, const struct id *boot, const struct ledger_batch *batch,
                      ledger_acked_cb *cb, void *cookie);
/* The boot no longer has its records lo..hi: recorded in usage_gap and acknowledged. */
void ledger_lost(struct ledger *l, const struct id *boot, uint64_t lo, uint64_t hi,
                 ledger_acked_cb *cb, void *cookie);

/* CLAIM: may this request run under its idempotency key? Idempotent by the request's id. The answer is borrowed. */
void ledger_claim(struct ledger *l, const struct id *boot, const struct msg_claim *claim,
                  void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer),
                  void *cookie);
/* RELEASE: this request will not run. Behind the claims that were given before it. */
void ledger_release(struct ledger *l, const struct id *boot, const struct id *request,
                    void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer),
                    void *cookie);

/* In fee_ppm: the account has no fee of its own, the configured one counts. */
#define LEDGER_FEE_CONFIGURED UINT32_MAX
/* OWN_ASK: an account's markup and own provider keys, as they are stored. providers: whose numbers the message has; keys of a
 * provider that is not among them are left out. The answer is borrowed. */
void ledger_own_keys(struct ledger *l, const struct id *account, const struct providers *providers,
                     void (*cb)(void *cookie, enum err e, const struct msg_own_keys *keys), void *cookie);

enum { LEDGER_BUSY_MS = 2500 };

/* Revocations, changed keys and catalog changes, from any control plane instance (LISTEN/NOTIFY). */
struct ledger_watch {
    void (*revoked)(void *cookie, const struct msg_revoke *revoke);
    /* This boot should give back some of its lease. */
    void (*recalled)(void *cookie, const struct id *boot, const struct msg_recall *recall);
    void (*catalog_changed)(void *cookie);
    /* Another number of data planes shares a key's limits per minute. */
    void (*parts)(void *cookie, const struct msg_key_parts *parts);
    /* Orders for data planes, the attestation policy or provider keys. */
    void (*fleet_changed)(void *cookie);
    /* Notifications may have been missed (reconnected): every peer must re-check its keys. */
    void (*resync)(void *cookie);
    void *cookie;
};
must_check enum err ledger_watch(struct ledger *l, const struct ledger_watch *w);
/* What was rolled up of the usage of accounts that are watched (sql/036): JSON of the database's. NULL: nobody listens.
 * Called as long as ledger_watch() is. */
void ledger_feed(struct ledger *l, void (*told)(void *cookie, const struct id *account, struct view json),
                 void *cookie);
/* The current catalog, taken by the callee on ERR_NONE. */
void ledger_catalog(struct ledger *l, void (*cb)(void *cookie, enum err e, struct catalog *c),
                    void *cookie);

#endif
