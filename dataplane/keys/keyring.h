/* The keys this data plane may serve and the leases they spend. Written by the link thread, read and
 * debited by workers with atomics only: no lock, no allocation, no system call on a warm key. */
#ifndef TR_DATAPLANE_KEYS_KEYRING_H
#define TR_DATAPLANE_KEYS_KEYRING_H

#include "err.h"
#include "id.h"
#include "key_rules.h"
#include "message.h"
#include "money.h"
#include "secret.h"

struct keyring;
struct key; /* one entry; a reference keeps it from being recycled */

/* The most that is asked for at once: ten times the dearest request there is (a full context of 1M tokens
 * at $75/M), so that a mistake of ours cannot lease a whole account. Requests that wait for more than that
 * together are served in several rounds. */
#define LEASE_ASK_MAX (1000 * NUSD_PER_USD)

must_check enum err keyring_new(size_t max_keys, struct keyring **out);
void keyring_free(struct keyring *k);

/* --- workers --- */

/* ERR_NONE: *out referenced, end with key_release(). ERR_NOT_FOUND: unknown, or its lease has
 * ended: ask the link about the key (uplink_ask_key), then look again. ERR_AUTH, ERR_CREDIT,
 * ERR_KEY_LIMIT, ERR_FORBIDDEN (disabled), ERR_KEY_EXPIRED: a remembered no. */
must_check enum err keyring_find(struct keyring *k, const struct digest32 *digest, uint64_t mono_ms,
                                 struct key **out);
void key_release(struct key *k);
struct id key_id(const struct key *k);
struct id key_account(const struct key *k);
struct digest32 key_digest(const struct key *k);
/* The version of the account's own provider keys (own_keys.h); 0: it has none. */
uint64_t key_own_version(const struct key *k);

/* What the key may be used for, and the generation of that: no two rules ever have the same one, and 0 is none.
 * False: it is being written just now; nothing may be done for the key under it. */
must_check bool key_rules(const struct keyring *k, const struct key *s, struct key_rules *out, uint64_t *generation);
/* The generation now: another one than that of key_rules() when the rules have changed since. */
uint64_t key_rules_generation(const struct key *k);

/* Debit amount (>= 0) from the lease. On ERR_NONE *lease says which lease pays; end with
 * key_settle(), before key_release().
 * ERR_CREDIT: the lease holds less, or requests that came earlier wait for it. ERR_CONTROL_PLANE: the lease
 * has ended since keyring_find(). Both: uplink_ask().
 * ERR_RATE: over requests or tokens per minute, retry_ms set. ERR_AUTH, ERR_FORBIDDEN,
 * ERR_KEY_EXPIRED: revoked meanwhile.
 * A request counts against requests per minute only when ERR_NONE is returned. */
must_check enum err key_reserve(struct key *k, int64_t amount_nusd, uint64_t mono_ms,
                                struct id *lease, uint32_t *retry_ms);
/* Debit more (>= 0) for a reservation that `lease` pays. ERR_CONFLICT: the key holds another lease by now.
 * The other errors are those of key_reserve(); rates are not looked at. */
must_check enum err key_grow(struct key *k, const struct id *lease, int64_t more_nusd, uint64_t mono_ms);
/* Give back what was not used: 0 <= cost <= amount (asserted). When the lease has been replaced or
 * given back meanwhile the rest goes nowhere: the control plane still counts it to that lease, and
 * returns it to the customer when the lease ends. */
void key_settle(struct key *k, const struct id *lease, int64_t amount_nusd, int64_t cost_nusd);
/* A request that was reserved begins again: it does not count against requests per minute. Before key_settle(). */
void key_forgo(struct key *k);
/* What could be reserved at most now (for the 402 sentence). */
int64_t key_available(const struct key *k);
/* True when the lease is low (under half of what it should hold) or has spent a third of its time: the
 * worker asks the link for more in the background. True for one caller per key and second. */
bool key_wants_more(struct key *k, uint64_t mono_ms);
/* Count tokens against tokens_per_minute after the fact. */
void key_count_tokens(struct key *k, uint64_t tokens, uint64_t mono_ms);
/* What the key's limits per minute leave at this data plane, which has an equal part of them. */
struct key_rate {
    uint32_t limit;     /* this part of a minute's, 1 at least; 0: there is none, and the others are 0 */
    uint32_t remaining; /* so many could follow at once */
    uint32_t reset_ms;  /* until all of the limit is there again */
};
struct key_rates {
    struct key_rate requests, tokens;
};
void key_rates(const struct key *k, uint64_t mono_ms, struct key_rates *out);

/* --- the link thread --- */

/* The lease must be one that was never granted here before, or the one the key holds now: a total is
 * new credit for whoever does not remember the lease. A full table forgets the longest unused key and
 * gives its lease back. ERR_OVERLOAD: it is full of keys in use. ERR_STALE: granted under rules older than
 * what was heard of the key; its lease goes back whole. */
must_check enum err keyring_grant(struct keyring *k, const struct msg_grant *g, uint64_t mono_ms);
void keyring_lease(struct keyring *k, const struct msg_lease *l, uint64_t mono_ms);
/* So many data planes share the limits per minute of this key now; older counts than what was heard are ignored. */
void keyring_parts(struct keyring *k, const struct msg_key_parts *m, uint64_t mono_ms);
/* What to ask for when requests that together want waiting_nusd wait for a lease of this key (0: none
 * waits, top up): true, LEASE_MORE of *more, because the lease it holds may go on, ended or not; false:
 * KEY_LOOKUP of *lookup. Sizes are ours to choose: what the waiting need beyond what is there, and what
 * the key will spend at its recent rate until its lease ends and OUTAGE_MS longer. */
bool keyring_extendable(struct keyring *k, const struct digest32 *digest, int64_t waiting_nusd,
                        uint64_t mono_ms, struct msg_lease_more *more,
                        struct msg_key_lookup *lookup);
/* Reserve for a request that waits, before those that come later: as keyring_find() and key_reserve(), or,
 * with only not NULL, as key_grow() of that lease. ERR_NONE: *out is referenced and *lease pays.
 * ERR_SHORT: not now; asking the control plane, or waiting, may help. Others are final. */
must_check enum err key_serve(struct keyring *k, const struct digest32 *digest,
                              const struct id *only, int64_t amount_nusd, uint64_t mono_ms,
                              struct key **out, struct id *lease, uint32_t *retry_ms);
/* From now on requests of this key have to wait behind others, or no longer have to. */
void keyring_wait(struct keyring *k, const struct digest32 *digest, bool waited);
/* All three ignore what is older than what was heard of the key (rules have versions). */
void keyring_no_key(struct keyring *k, const struct msg_no_key *n, uint64_t mono_ms);
void keyring_revoke(struct keyring *k, const struct msg_revoke *r, uint64_t mono_ms);
void keyring_recall(struct keyring *k, const struct msg_recall *r, uint64_t mono_ms);
/* What is left of leases that were closed since the last call: fills what to give back, at most max;
 * returns how many. To be sent before a look-up, which may need that money. */
size_t keyring_returned(struct keyring *k, struct msg_lease_return *out, size_t max);
/* The same, and leases idle, about to end or twice as large as they should be: fills what to give back,
 * at most max; returns how many. Never
 * final, because the control plane may extend such a lease while our answer is on its way. Looks at
 * a bounded part of the table per call: call it on every tick. */
size_t keyring_returns(struct keyring *k, uint64_t mono_ms, struct msg_lease_return *out,
                       size_t max);
/* Leases with a third of their time gone that are in use: what to renew, at most max. Bounded and
 * called like keyring_returns(). */
size_t keyring_renewals(struct keyring *k, uint64_t mono_ms, struct msg_lease_more *out,
                        size_t max);
/* The clocks cannot be relied on: every lease has ended here. Unused ones are given back, the others
 * go on when the control plane says so (keyring_extendable(), keyring_renewals()). */
void keyring_lapse(struct keyring *k, uint64_t mono_ms);
/* The control plane's database has gone back to an earlier state of itself. What it and we count of a lease
 * (granted and returned in all) does not fit any more, and never would again for a lease that is always in
 * use: every lease ends here, and keys get new ones. Running requests keep what they have reserved. */
void keyring_rewound(struct keyring *k);
/* No lease spends after mono_ms, unless the control plane renews it. */
void keyring_cap(struct keyring *k, uint64_t mono_ms);
/* Whose is the key? False: it is not held. */
bool keyring_owner(struct keyring *k, const struct digest32 *digest, struct id *account);
/* How many slots have held a key. */
size_t keyring_used(const struct keyring *k);
/* The keys in slots *cursor (advanced) .. end - 1 and the versions of their rules: appended to `keys` as
 * msg_keys_put() does, at most max; returns how many. */
size_t keyring_keys(const struct keyring *k, size_t *cursor, size_t end, size_t max,
                    struct buf *keys);
/* Everything unspent, for a clean shutdown. Call repeatedly until 0. */
size_t keyring_close(struct keyring *k, struct msg_lease_return *out, size_t max);

#endif
