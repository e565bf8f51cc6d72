/* The keyring's inside, shared by keyring.c (workers: find, reserve, settle), keyring_link.c (the link
 * thread: grant, lease, revoke, return) and keyring_no.c (both: keys known not to work). keyring.c
 * opens with how it works. */
#ifndef TR_DATAPLANE_CORE_KEYRING_SLOT_H
#define TR_DATAPLANE_CORE_KEYRING_SLOT_H

#include "keyring.h"

#include <stdatomic.h>

enum {
    KEYRING_CHAIN_MAX = 1024, /* links followed in one walk; chains average one key */
    KEYRING_WALKS_MAX = 8,    /* walks after concurrent recycling; then "not found" costs one ask */
    KEYRING_SCAN = 4096,      /* slots looked at per call of returns or renewals, or to evict one */
    KEYRING_RETURNS = 4096,   /* leases closed between two calls of keyring_returns() */
    KEY_ASK_EVERY_MS = 1000,  /* background wishes of one key */
    KEY_IDLE_MS = 15000,      /* unused this long: its credit goes back to the account */
    KEY_ENDING_MS = 2000,     /* this close to its end an unused lease goes back too */
    NO_WAYS = 4,
    NO_SETS = LIMIT_NEGATIVE_KEYS / NO_WAYS,
    NEGATIVE_CREDIT_MS = 500, /* "no credit" is forgotten sooner: a top-up should work at once */
};
_Static_assert((NO_SETS & (NO_SETS - 1)) == 0, "sets are chosen by mask");

#define MINUTE_NS UINT64_C(60000000000)
#define TOKEN_DEBT_MAX_NS (UINT64_C(60) * MINUTE_NS) /* an hour: nothing locks a key out longer */
#define TIME_NEVER UINT64_MAX

/* state */
#define KEY_REFS UINT64_C(0x7fffffff)
#define KEY_LIVE UINT64_C(0x80000000)
#define KEY_GENERATION UINT64_C(0x100000000)

struct key {
    _Alignas(64) _Atomic uint64_t state;
    _Atomic uint64_t tag;  /* first bytes of the digest, to skip strangers without a reference */
    _Atomic uint32_t next; /* slot number + 1 of the next in the chain; 0: last */
    /* Written before the slot goes live, constant while it is referenced. */
    struct digest32 digest;
    struct id id, account;
    /* The lease (keyring.c explains the order of reads and writes). */
    _Alignas(64) _Atomic uint64_t money;
    _Atomic uint64_t lease[2];
    _Atomic uint64_t deadline_ms; /* monotonic, LIMIT_CLOCK_SKEW_MS before the control plane's */
    _Atomic uint64_t low_nusd;    /* below this it wants more */
    _Atomic uint64_t renew_ms;    /* closer to the deadline than this it wants more */
    _Atomic uint64_t no;          /* verdict: 0, or why the key may not be used and until when */
    _Atomic uint64_t expires_ms;  /* monotonic */
    /* Limits. */
    _Atomic uint64_t request_ns, token_ns; /* one request, one token; 0: unlimited */
    _Atomic uint64_t request_full_ns, token_full_ns;
    _Atomic uint64_t used_ms, asked_ms;
    /* The link thread's own. */
    int64_t granted_nusd; /* largest total seen for this lease */
    uint32_t id_next;     /* chain by key id */
    bool at_control_plane; /* the lease may still be open there */
};

/* A key known not to work. verdict 0: empty or being written. */
struct no_cell {
    _Atomic uint64_t digest[4];
    _Atomic uint64_t verdict;
};

struct keyring {
    struct key *slots;
    _Atomic uint32_t *buckets; /* slot number + 1; 0: empty */
    uint32_t bucket_mask;
    struct no_cell *no;
    _Atomic uint64_t changes; /* slots taken out of a chain so far */
    /* The link thread's own. */
    uint32_t *id_buckets;
    size_t max, used; /* slots [0, used) have been live once: pages beyond stay untouched */
    size_t return_cursor, renew_cursor, evict_cursor, no_cursor;
    struct msg_lease_return *returns; /* of leases closed by a revocation, a replacement, an eviction */
    size_t n_returns;
};

static inline uint64_t digest_word(const struct digest32 *d, unsigned i)
{
    uint64_t w;

    memcpy(&w, d->b + 8 * i, sizeof w);
    return w;
}

uint32_t keyring_bucket(const struct keyring *k, const struct digest32 *d);
uint64_t keyring_tag(const struct digest32 *d);

/* ERR_NOT_FOUND: nothing is remembered, else why the key may not be used. Any thread. */
must_check enum err keyring_no_find(const struct keyring *k, const struct digest32 *d,
                                    uint64_t mono_ms);
/* The link thread's. */
void keyring_no_remember(struct keyring *k, const struct digest32 *d, uint64_t verdict);
void keyring_no_forget(struct keyring *k, const struct digest32 *d);
uint64_t keyring_no_verdict(uint8_t reason, uint64_t mono_ms);

/* money: epoch << 48 | amount */
#define MONEY_MAX ((UINT64_C(1) << 48) - 1)
static inline uint64_t money_amount(uint64_t w)
{
    return w & MONEY_MAX;
}
static inline uint64_t money_epoch(uint64_t w)
{
    return w >> 48;
}
static inline bool money_closed(uint64_t w)
{
    return (money_epoch(w) & 1) != 0;
}
/* Saturates: what does not fit is lost here, and found again when the lease ends. */
static inline uint64_t money_plus(uint64_t w, uint64_t amount)
{
    uint64_t room = MONEY_MAX - money_amount(w);

    return w + (amount < room ? amount : room);
}
static inline uint64_t money_next_epoch(uint64_t w, uint64_t amount)
{
    return (money_epoch(w) + 1) << 48 | amount; /* the shift drops the carry of the last epoch */
}

/* verdict: until << 8 | enum err */
static inline uint64_t verdict_make(uint64_t until_ms, enum err e)
{
    return until_ms << 8 | (uint64_t)e;
}
static inline uint64_t verdict_until(uint64_t v)
{
    return v >> 8;
}
static inline enum err verdict_err(uint64_t v)
{
    return (enum err)(v & 0xff);
}
_Static_assert(ERR_COUNT < 256, "an error fits the verdict's low byte");

#endif
