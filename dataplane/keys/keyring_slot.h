/* The keyring's inside, shared by keyring.c (workers: find, reserve, settle), keyring_no.c (both: keys
 * known not to work), and the link thread's keyring_link.c (slots, grant, lease), keyring_rules.c (revoke,
 * and which word about a key is the later one) and keyring_size.c (how much a lease should hold: renew,
 * return). keyring.c opens with how it works. */
#ifndef TR_DATAPLANE_KEYS_KEYRING_SLOT_H
#define TR_DATAPLANE_KEYS_KEYRING_SLOT_H

#include "keyring.h"

#include <stdatomic.h>

enum {
    KEYRING_CHAIN_MAX = 1024, /* links followed in one walk; chains average one key */
    KEYRING_WALKS_MAX = 8,    /* walks after concurrent recycling; then "not found" costs one ask */
    KEY_RULES_READS = 64, /* of rules that are being written; the writer takes a microsecond */
    KEYRING_SCAN = 4096,      /* slots looked at per call of returns or renewals, or to evict one */
    KEYRING_RETURNS = 4096,   /* leases closed between two calls of keyring_returns() */
    KEY_ASK_EVERY_MS = 1000,  /* background wishes of one key */
    KEY_IDLE_MS = 15000,      /* unused this long: its credit goes back to the account */
    KEY_ENDING_MS = 2000,     /* this close to its end an unused lease goes back too */
    NO_WAYS = 4,
    NO_SETS = LIMIT_NEGATIVE_KEYS / NO_WAYS,
    NEGATIVE_CREDIT_MS = 500, /* "no credit" is forgotten sooner: a top-up should work at once */
    HEARD_WAYS = 4,
    HEARD_SETS = 2048, /* 8192 keys that changed within HEARD_MS */
    HEARD_MS = 30000,  /* no answer is older: the control plane's statements end after 5 s, and a link
                          that is silent for 5 s is closed */
    SPEND_WINDOW_MS = 20000, /* over which recent spending is averaged */
    SIZE_EVERY_MS = 100,     /* a key's figures are renewed at most this often */
    OUTAGE_MS = 30000,       /* the control plane may be away this long without a warm key's noticing */
    MORE_MS = 6000,          /* LEASE_MORE is answered sooner, or never */
    SCARCE_MS = 5000,        /* after an answer that gave less than was wanted, nothing is wanted */
};
_Static_assert((NO_SETS & (NO_SETS - 1)) == 0, "sets are chosen by mask");
_Static_assert((HEARD_SETS & (HEARD_SETS - 1)) == 0, "sets are chosen by mask");

/* What a lease holds at least when it is there to take: $0.25, the control plane's own default for a first
 * lease. Below it, the round trips of a key that begins to be used would be felt. */
#define LEASE_FLOOR_NUSD INT64_C(250000000)
#define RECALL_WHOLE_NUSD INT64_C(10000000) /* $0.01: not worth giving back in halves */
#define RECALL_TURN_MS 128 /* as long as a request that waits asks once (ASK_AGAIN_MS) */

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
    _Atomic uint32_t request_limit, token_limit; /* per minute, as the rules say it; 0: unlimited */
    _Atomic uint64_t request_ns, token_ns; /* one request, one token; 0: unlimited */
    _Atomic uint64_t request_full_ns, token_full_ns;
    _Atomic uint64_t used_ms, asked_ms;
    _Atomic uint64_t reserved_nusd; /* in running requests, whichever lease pays for them */
    _Atomic uint64_t spent_nusd;    /* ever, for the link thread to take differences of */
    _Atomic uint64_t own_version; /* of the account's own provider keys; 0: it has none */
    _Atomic uint64_t rules; /* generation of what rules_of() holds for this slot: 0 nothing, odd: being written */
    _Atomic bool waited; /* requests wait at the link thread for money: what comes is theirs first */
    /* The link thread's own. */
    int64_t granted_nusd;  /* largest total seen for this lease */
    int64_t returned_nusd; /* given back of it */
    uint32_t id_next;     /* chain by key id */
    bool at_control_plane; /* the lease may still be open there */
    uint32_t requests_per_minute, tokens_per_minute; /* the key's own, of which this data plane has a part */
    uint16_t parts;                                  /* so many share them; 0: as 1, nothing was heard */
    uint64_t parts_version, parts_ms;                /* of that count, and when we heard of it */
    uint64_t version, version_ms; /* of the rules in force here, and when we heard of them */
    uint64_t more_ms; /* LEASE_MORE was sent then, and is not answered; 0: none */
    uint64_t sized_ms, scarce_ms; /* figures renewed; nothing is wanted before scarce_ms */
    int64_t sized_spent_nusd;     /* spent_nusd then */
    int64_t recent_nusd;          /* spending of the last SPEND_WINDOW_MS, as an average that decays */
    int64_t peak_nusd;            /* most that was reserved at once lately; decays likewise */
};

/* The rules of the key in the slot of the same number, word by word, so that a worker may read while the link
 * thread writes: it finds out by the generation. Pages of keys without rules stay untouched. */
enum { RULES_WORDS = (sizeof(struct key_rules) + 7) / 8 };
struct slot_rules {
    _Atomic uint64_t word[RULES_WORDS];
};

/* The latest word about the rules of a key that has no slot. */
struct heard {
    struct digest32 digest;
    uint64_t version, at_ms; /* at_ms 0: empty */
};

/* A key known not to work. verdict 0: empty or being written. */
struct no_cell {
    _Atomic uint64_t digest[4];
    _Atomic uint64_t verdict;
};

struct keyring {
    struct key *slots;
    struct slot_rules *rules;
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
    struct heard *heard;
    uint64_t rules_generation; /* the last one given; even */
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

/* --- keyring_link.c: slots, for the link thread */

struct key *slot_by_digest(struct keyring *k, const struct digest32 *d);
/* The slot of this key that holds this lease, or held it last; NULL. A key whose text was replaced has two slots for a
 * while, one for each text. */
struct key *slot_by_lease(struct keyring *k, const struct id *key, const struct id *lease);
/* Each slot of this key in turn: behind `last`, NULL for the first. NULL: there is no other. */
struct key *slot_of_key(struct keyring *k, const struct id *key, const struct key *last);
struct id slot_lease(const struct key *s);
/* From now on no worker can spend, or return to, this lease. Returns what was left. */
int64_t slot_close(struct key *s);
void slot_close_and_return(struct keyring *k, struct key *s);
/* Take at most `most` of what no request has reserved out of an open lease, and give it back. */
void slot_give_back(struct keyring *k, struct key *s, int64_t most);
/* What no request has reserved goes back, and the lease pays for nothing more until the control plane was
 * asked about it: its running requests still settle into it. */
void slot_withhold(struct keyring *k, struct key *s, uint64_t mono_ms);
/* Something to return that no slot holds. */
void returns_add(struct keyring *k, const struct id *lease, int64_t total_nusd);

/* --- keyring_rules.c */

/* Is this version older than what was heard of the key lately? s: its slot, or NULL. */
bool rules_older(const struct keyring *k, const struct key *s, const struct digest32 *d,
                 uint64_t version, uint64_t mono_ms);
/* This version is in force now. */
void rules_heard(struct keyring *k, struct key *s, const struct digest32 *d, uint64_t version,
                 uint64_t mono_ms);
/* The slot forgets its key; what it knew of its version is kept. */
void rules_keep(struct keyring *k, const struct key *s);

/* --- keyring_terms.c */

/* What came with a grant or a lease (NULL: no rules, no limits per minute). Before money is there to spend. */
void slot_terms(struct keyring *k, struct key *s, const struct key_terms *terms, uint64_t mono_ms);
/* The key's own limits per minute; 0: none. */
void slot_limits(struct key *s, uint32_t requests_per_minute, uint32_t tokens_per_minute);
/* The slot has another key: its limits begin whole, or, where others share them, with one request. */
void slot_limits_begin(struct key *s, uint64_t mono_ms);

/* --- keyring_size.c */

/* The slot has a new lease, or none. */
void size_reset(struct key *s, uint64_t mono_ms);
/* What was added by a lease's answer to a wish for more. */
void size_answered(struct key *s, int64_t added_nusd, uint64_t mono_ms);

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
