/* The keys this data plane may serve and the leases they spend. Written by the link thread, read and
 * debited by workers with atomics only: no lock, no allocation, no system call on a warm key. */
#ifndef TR_DATAPLANE_CORE_KEYRING_H
#define TR_DATAPLANE_CORE_KEYRING_H

#include "err.h"
#include "id.h"
#include "message.h"
#include "secret.h"

struct keyring;
struct key; /* one entry; a reference keeps it from being recycled */

must_check enum err keyring_new(size_t max_keys, struct keyring **out);
void keyring_free(struct keyring *k);

/* --- workers --- */

/* ERR_NONE: *out referenced, end with key_release(). ERR_NOT_FOUND: unknown, or its lease has ended:
 * ask the link about the key (uplink_ask_key), then look again.
 * ERR_AUTH, ERR_CREDIT, ERR_KEY_LIMIT, ERR_FORBIDDEN (disabled or expired): a remembered no. */
must_check enum err keyring_find(struct keyring *k, const struct digest32 *digest, uint64_t mono_ms,
                                 struct key **out);
void key_release(struct key *k);
struct id key_id(const struct key *k);
struct id key_account(const struct key *k);
struct digest32 key_digest(const struct key *k);

/* Debit amount (>= 0) from the lease. On ERR_NONE *lease says which lease pays; end with
 * key_settle(), before key_release().
 * ERR_CREDIT: the lease holds less. ERR_CONTROL_PLANE: the lease has ended since keyring_find().
 * Both: uplink_ask_lease(), and reserve again while it answers LEASE_OK.
 * ERR_RATE: over requests or tokens per minute, retry_ms set. ERR_AUTH, ERR_FORBIDDEN: revoked
 * meanwhile.
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
/* What could be reserved at most now (for the 402 sentence). */
int64_t key_available(const struct key *k);
/* True when the lease is low (under a quarter of the last grant) or near its end (second half of
 * its time): the worker asks the link for more in the background. True for one caller per key and
 * second. */
bool key_wants_more(struct key *k, uint64_t mono_ms);
/* Count tokens against tokens_per_minute after the fact. */
void key_count_tokens(struct key *k, uint64_t tokens, uint64_t mono_ms);

/* --- the link thread --- */

/* The lease must be one that was never granted here before, or the one the key holds now: a total is
 * new credit for whoever does not remember the lease. A full table forgets the longest unused key and
 * gives its lease back. ERR_OVERLOAD: it is full of keys in use. */
must_check enum err keyring_grant(struct keyring *k, const struct msg_grant *g, uint64_t mono_ms);
void keyring_lease(struct keyring *k, const struct msg_lease *l, uint64_t mono_ms);
/* What to ask for when this key needs a lease: true, LEASE_MORE of *out (want_nusd is the caller's),
 * because the lease it holds may go on, ended or not; false: KEY_LOOKUP. */
bool keyring_extendable(struct keyring *k, const struct digest32 *digest,
                        struct msg_lease_more *out);
void keyring_no_key(struct keyring *k, const struct msg_no_key *n, uint64_t mono_ms);
void keyring_revoke(struct keyring *k, const struct msg_revoke *r, uint64_t mono_ms);
/* What is left of leases that were closed since the last call: fills what to give back, at most max;
 * returns how many. To be sent before a look-up, which may need that money. */
size_t keyring_returned(struct keyring *k, struct msg_lease_return *out, size_t max);
/* The same, and leases idle or about to end: fills what to give back, at most max; returns how many. Never
 * final, because the control plane may extend such a lease while our answer is on its way. Looks at
 * a bounded part of the table per call: call it on every tick. */
size_t keyring_returns(struct keyring *k, uint64_t mono_ms, struct msg_lease_return *out,
                       size_t max);
/* Leases near their end that running requests still spend: what to renew, at most max. Bounded and
 * called like keyring_returns(). */
size_t keyring_renewals(struct keyring *k, uint64_t mono_ms, struct msg_lease_more *out,
                        size_t max);
/* The clocks cannot be relied on: every lease has ended here. Unused ones are given back, the others
 * go on when the control plane says so (keyring_extendable(), keyring_renewals()). */
void keyring_lapse(struct keyring *k, uint64_t mono_ms);
/* Everything unspent, for a clean shutdown. Call repeatedly until 0. */
size_t keyring_close(struct keyring *k, struct msg_lease_return *out, size_t max);

#endif
