/* How it works, and why overspending is impossible.
 *
 * A slot holds one key. Slots are allocated once and never freed while the program runs, so a
 * reader may always look at a slot it found through a stale link; whether the slot is still the one
 * it wants is decided by `state`: generation (32 bits), a live bit, and a reference count, changed
 * together by compare-and-swap. A reader takes a reference only in a generation it has seen alive,
 * and compares the whole digest after that; the link thread recycles a slot only by swapping a state
 * without references for a dead one of the next generation. So a referenced slot never changes its
 * key, and a recycled one is never mistaken for its predecessor.
 *
 * A lease is one word, `money`: an epoch (16 bits, odd: no lease is open) and what is left (48 bits
 * of nano-USD, up to $281,474). The lease's id belongs to an even epoch and changes only in an odd
 * one. Workers read the word, then id and deadline, then swap the word: the swap fails when the
 * epoch moved meanwhile, so a debit always comes from, and a rest always returns to, the lease whose
 * id was read. (A swap could be fooled only if 32,768 leases of one key passed between two
 * instructions of one worker; each takes a round trip to the control plane.)
 *
 * For every lease, at every moment:   available + reserved + spent + returned <= granted
 *   granted    rises only by what a message of the control plane adds over the largest total seen;
 *   available  rises by exactly that, or by amount - cost of a reservation that had taken amount out
 *              of it before; it falls by the swap of a reservation, or to 0 when the lease closes;
 *   returned   is what was available in the swap that closed the lease, or was taken out of it by a swap
 *              that gave a part back.
 * A total is new credit for a slot that does not remember the lease. That is right because a lease
 * reaches us in one GRANT only: the control plane opens another for every look-up, and LEASE moves
 * nothing but the lease the slot holds. So a key may be forgotten at any time, lease and all.
 * The sum is below granted when a rest arrives after its lease closed: such a rest is dropped here
 * and comes back to the customer when the control plane ends the lease.
 *
 * Order. While requests of a key wait at the link thread, `waited` sends further ones there too,
 * and money that comes back or arrives is given to them in order (key_serve()). */
#include "keyring.h"

#include "keyring_slot.h"

#include <assert.h>

/* --- finding --- */

uint32_t keyring_bucket(const struct keyring *k, const struct digest32 *d)
{
    return (uint32_t)digest_word(d, 1) & k->bucket_mask;
}

uint64_t keyring_tag(const struct digest32 *d)
{
    return digest_word(d, 0);
}

static bool key_ref(struct key *s)
{
    uint64_t w = atomic_load_explicit(&s->state, memory_order_acquire);

    while (w & KEY_LIVE) {
        assert((w & KEY_REFS) < KEY_REFS);
        if (atomic_compare_exchange_weak_explicit(&s->state, &w, w + 1, memory_order_acq_rel,
                                                  memory_order_acquire))
            return true;
    }
    return false;
}

void key_release(struct key *s)
{
    uint64_t before = atomic_fetch_sub_explicit(&s->state, 1, memory_order_release);

    assert((before & KEY_REFS) != 0);
    (void)before;
}

/* One pass over the chain. A slot that is recycled under our feet may lead into another chain:
 * harmless, because every hit is verified and `changes` makes the caller walk again. */
static struct key *keyring_walk(struct keyring *k, const struct digest32 *d)
{
    uint64_t tag = keyring_tag(d);
    uint32_t at =
        atomic_load_explicit(&k->buckets[keyring_bucket(k, d)], memory_order_acquire);

    for (unsigned steps = 0; at != 0 && steps < KEYRING_CHAIN_MAX; steps++) {
        struct key *s = &k->slots[at - 1];

        if (atomic_load_explicit(&s->tag, memory_order_acquire) == tag && key_ref(s)) {
            if (secret_equal(&s->digest, d, sizeof *d))
                return s;
            key_release(s);
        }
        at = atomic_load_explicit(&s->next, memory_order_acquire);
    }
    return NULL;
}

static bool key_lease_open(const struct key *s, uint64_t mono_ms)
{
    return !money_closed(atomic_load_explicit(&s->money, memory_order_acquire)) &&
           atomic_load_explicit(&s->deadline_ms, memory_order_acquire) > mono_ms;
}

/* What a worker may do with a key that is in the table. */
static enum err key_verdict(const struct key *s, uint64_t mono_ms)
{
    uint64_t no = atomic_load_explicit(&s->no, memory_order_acquire);

    if (no != 0)
        return verdict_until(no) > mono_ms ? verdict_err(no) : ERR_NOT_FOUND;
    if (atomic_load_explicit(&s->expires_ms, memory_order_relaxed) <= mono_ms)
        return ERR_KEY_EXPIRED;
    return key_lease_open(s, mono_ms) ? ERR_NONE : ERR_NOT_FOUND;
}

enum err keyring_find(struct keyring *k, const struct digest32 *digest, uint64_t mono_ms,
                      struct key **out)
{
    struct key *s = NULL;
    uint64_t before, after = atomic_load_explicit(&k->changes, memory_order_acquire);
    enum err e;

    for (unsigned tries = 0; s == NULL && tries < KEYRING_WALKS_MAX; tries++) {
        before = after;
        s = keyring_walk(k, digest);
        after = atomic_load_explicit(&k->changes, memory_order_acquire);
        if (before == after)
            break;
    }
    if (s == NULL)
        return keyring_no_find(k, digest, mono_ms);
    if ((e = key_verdict(s, mono_ms)) != ERR_NONE) {
        key_release(s);
        return e;
    }
    /* Once a second is enough to tell idle from busy, and keeps the line out of every request. */
    if ((int64_t)(mono_ms - atomic_load_explicit(&s->used_ms, memory_order_relaxed)) >= 1000)
        atomic_store_explicit(&s->used_ms, mono_ms, memory_order_relaxed);
    *out = s;
    return ERR_NONE;
}

struct id key_id(const struct key *s)
{
    return s->id;
}

struct id key_account(const struct key *s)
{
    return s->account;
}

uint64_t key_own_version(const struct key *k)
{
    return atomic_load_explicit(&k->own_version, memory_order_relaxed);
}

uint64_t key_rules_generation(const struct key *s)
{
    return atomic_load_explicit(&s->rules, memory_order_acquire);
}

/* Words with acquire, so that the second look at the generation is behind them. */
bool key_rules(const struct keyring *k, const struct key *s, struct key_rules *out, uint64_t *generation)
{
    const struct slot_rules *from = &k->rules[s - k->slots];
    uint64_t word[RULES_WORDS];

    for (unsigned tries = 0; tries < KEY_RULES_READS; tries++) {
        *generation = key_rules_generation(s);
        if (*generation == 0) {
            *out = (struct key_rules){0};
            return true;
        }
        if ((*generation & 1) != 0)
            continue;
        for (unsigned i = 0; i < RULES_WORDS; i++)
            word[i] = atomic_load_explicit(&from->word[i], memory_order_acquire);
        if (key_rules_generation(s) != *generation)
            continue;
        memcpy(out, word, sizeof *out);
        return true;
    }
    return false;
}

struct digest32 key_digest(const struct key *s)
{
    return s->digest;
}

/* --- spending --- */

static struct id key_lease_id(const struct key *s)
{
    uint64_t w[2] = {atomic_load_explicit(&s->lease[0], memory_order_acquire),
                     atomic_load_explicit(&s->lease[1], memory_order_acquire)};
    struct id id;

    memcpy(id.b, w, sizeof id.b);
    return id;
}

/* What a bucket holds: a minute's worth, and one request at least, where the part of a minute is less. */
static uint64_t bucket_ns(uint64_t interval_ns)
{
    return interval_ns > MINUTE_NS ? interval_ns : MINUTE_NS;
}

/* A token bucket of one minute as one number: the time at which it is full again. Each token moves
 * that time by interval_ns; more than a minute ahead of now means empty. */
static enum err bucket_take(_Atomic uint64_t *full_ns, uint64_t interval_ns, uint64_t mono_ms,
                            uint32_t *retry_ms)
{
    uint64_t now = mono_ms * 1000000, old, next;

    if (interval_ns == 0)
        return ERR_NONE;
    old = atomic_load_explicit(full_ns, memory_order_relaxed);
    do {
        next = (old > now ? old : now) + interval_ns;
        if (next - now > bucket_ns(interval_ns)) {
            uint64_t wait_ms = (next - now - bucket_ns(interval_ns)) / 1000000 + 1;

            *retry_ms = wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX;
            return ERR_RATE;
        }
    } while (!atomic_compare_exchange_weak_explicit(full_ns, &old, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return ERR_NONE;
}

/* The other way round. The interval may be another one than when it was taken: at most a request too few is counted. */
static void bucket_give(_Atomic uint64_t *full_ns, uint64_t interval_ns)
{
    uint64_t old = atomic_load_explicit(full_ns, memory_order_relaxed), next;

    do {
        next = old > interval_ns ? old - interval_ns : 0;
    } while (!atomic_compare_exchange_weak_explicit(full_ns, &old, next, memory_order_relaxed, memory_order_relaxed));
}

void key_forgo(struct key *s)
{
    bucket_give(&s->request_full_ns, atomic_load_explicit(&s->request_ns, memory_order_relaxed));
}

static enum err key_tokens_left(const struct key *s, uint64_t mono_ms, uint32_t *retry_ms)
{
    uint64_t now = mono_ms * 1000000;
    uint64_t full = atomic_load_explicit(&s->token_full_ns, memory_order_relaxed);

    if (atomic_load_explicit(&s->token_ns, memory_order_relaxed) == 0 || full <= now ||
        full - now < MINUTE_NS)
        return ERR_NONE;
    *retry_ms = (uint32_t)((full - now - MINUTE_NS) / 1000000 + 1);
    return ERR_RATE;
}

void key_count_tokens(struct key *s, uint64_t tokens, uint64_t mono_ms)
{
    uint64_t now = mono_ms * 1000000, old, next;
    uint64_t interval_ns = atomic_load_explicit(&s->token_ns, memory_order_relaxed);

    if (interval_ns == 0)
        return;
    if (tokens > TOKEN_DEBT_MAX_NS / interval_ns)
        tokens = TOKEN_DEBT_MAX_NS / interval_ns + 1; /* the debt is cut below */
    old = atomic_load_explicit(&s->token_full_ns, memory_order_relaxed);
    do {
        next = (old > now ? old : now) + tokens * interval_ns;
        if (next - now > TOKEN_DEBT_MAX_NS)
            next = now + TOKEN_DEBT_MAX_NS;
    } while (!atomic_compare_exchange_weak_explicit(&s->token_full_ns, &old, next,
                                                    memory_order_relaxed, memory_order_relaxed));
}

/* A change of the rules meanwhile may mix old and new figures, each of them within its limit. */
static struct key_rate bucket_rate(const _Atomic uint32_t *limit, const _Atomic uint64_t *interval,
                                   const _Atomic uint64_t *full, uint64_t mono_ms)
{
    struct key_rate rate = {.limit = atomic_load_explicit(limit, memory_order_relaxed)};
    uint64_t interval_ns = atomic_load_explicit(interval, memory_order_relaxed);
    uint64_t full_ns, now_ns = mono_ms * 1000000, ahead_ns, left;

    if (rate.limit == 0 || interval_ns == 0)
        return (struct key_rate){0};
    full_ns = atomic_load_explicit(full, memory_order_relaxed);
    ahead_ns = full_ns > now_ns ? full_ns - now_ns : 0;
    if (ahead_ns > TOKEN_DEBT_MAX_NS)
        ahead_ns = TOKEN_DEBT_MAX_NS;
    left = ahead_ns < bucket_ns(interval_ns) ? (bucket_ns(interval_ns) - ahead_ns) / interval_ns : 0;
    rate.remaining = left < rate.limit ? (uint32_t)left : rate.limit;
    rate.reset_ms = (uint32_t)((ahead_ns + 999999) / 1000000);
    return rate;
}

void key_rates(const struct key *s, uint64_t mono_ms, struct key_rates *out)
{
    out->requests = bucket_rate(&s->request_limit, &s->request_ns, &s->request_full_ns, mono_ms);
    out->tokens = bucket_rate(&s->token_limit, &s->token_ns, &s->token_full_ns, mono_ms);
}

/* only: the one lease that may pay; NULL: whichever the key holds. */
static enum err key_debit(struct key *s, uint64_t amount, uint64_t mono_ms, const struct id *only,
                          struct id *lease)
{
    uint64_t w = atomic_load_explicit(&s->money, memory_order_acquire);
    struct id id;

    do {
        if (money_closed(w))
            return ERR_CONTROL_PLANE;
        id = key_lease_id(s);
        if (only != NULL && !id_eq(&id, only))
            return ERR_CONFLICT;
        if (atomic_load_explicit(&s->deadline_ms, memory_order_acquire) <= mono_ms)
            return ERR_CONTROL_PLANE;
        if (money_amount(w) < amount)
            return ERR_CREDIT;
    } while (!atomic_compare_exchange_weak_explicit(&s->money, &w, w - amount, memory_order_acq_rel,
                                                    memory_order_acquire));
    atomic_fetch_add_explicit(&s->reserved_nusd, amount, memory_order_relaxed);
    *lease = id;
    return ERR_NONE;
}

/* Rates, then money. */
static enum err key_take(struct key *s, int64_t amount_nusd, uint64_t mono_ms, struct id *lease,
                         uint32_t *retry_ms)
{
    uint64_t request_ns = atomic_load_explicit(&s->request_ns, memory_order_relaxed);
    uint64_t no = atomic_load_explicit(&s->no, memory_order_acquire);
    enum err e;

    assert(amount_nusd >= 0);
    if (no != 0)
        return verdict_err(no);
    if ((e = key_tokens_left(s, mono_ms, retry_ms)) != ERR_NONE ||
        (e = bucket_take(&s->request_full_ns, request_ns, mono_ms, retry_ms)) != ERR_NONE)
        return e;
    e = key_debit(s, (uint64_t)amount_nusd, mono_ms, NULL, lease);
    if (e != ERR_NONE && request_ns != 0) /* it will be tried again once the lease has grown */
        bucket_give(&s->request_full_ns, request_ns);
    return e;
}

enum err key_reserve(struct key *s, int64_t amount_nusd, uint64_t mono_ms, struct id *lease,
                     uint32_t *retry_ms)
{
    /* Requests that wait already come first: the link thread serves all of them in order. */
    if (atomic_load_explicit(&s->waited, memory_order_relaxed))
        return ERR_CREDIT;
    return key_take(s, amount_nusd, mono_ms, lease, retry_ms);
}

enum err key_serve(struct keyring *k, const struct digest32 *digest, const struct id *only,
                   int64_t amount_nusd, uint64_t mono_ms, struct key **out, struct id *lease,
                   uint32_t *retry_ms)
{
    struct key *s = NULL;
    enum err e = keyring_find(k, digest, mono_ms, &s);

    if (e == ERR_NOT_FOUND)
        return ERR_SHORT;
    if (e != ERR_NONE)
        return e;
    e = only == NULL ? key_take(s, amount_nusd, mono_ms, lease, retry_ms)
                     : key_grow(s, only, amount_nusd, mono_ms);
    if (e == ERR_NONE) {
        *out = s;
        if (only != NULL)
            *lease = *only;
        return ERR_NONE;
    }
    key_release(s);
    return e == ERR_CREDIT || e == ERR_CONTROL_PLANE ? ERR_SHORT : e;
}

enum err key_grow(struct key *s, const struct id *lease, int64_t more_nusd, uint64_t mono_ms)
{
    uint64_t no = atomic_load_explicit(&s->no, memory_order_acquire);
    struct id paid;

    assert(more_nusd >= 0);
    if (no != 0)
        return verdict_err(no);
    return key_debit(s, (uint64_t)more_nusd, mono_ms, lease, &paid);
}

void key_settle(struct key *s, const struct id *lease, int64_t amount_nusd, int64_t cost_nusd)
{
    uint64_t rest, next, w = atomic_load_explicit(&s->money, memory_order_acquire);
    struct id id;

    assert(cost_nusd >= 0 && cost_nusd <= amount_nusd);
    rest = (uint64_t)(amount_nusd - cost_nusd);
    atomic_fetch_sub_explicit(&s->reserved_nusd, (uint64_t)amount_nusd, memory_order_relaxed);
    if (cost_nusd != 0)
        atomic_fetch_add_explicit(&s->spent_nusd, (uint64_t)cost_nusd, memory_order_relaxed);
    do {
        if (money_closed(w))
            return;
        id = key_lease_id(s);
        if (!id_eq(&id, lease))
            return;
        next = money_plus(w, rest);
    } while (!atomic_compare_exchange_weak_explicit(&s->money, &w, next, memory_order_acq_rel,
                                                    memory_order_acquire));
}

int64_t key_available(const struct key *s)
{
    return (int64_t)money_amount(atomic_load_explicit(&s->money, memory_order_acquire));
}

bool key_wants_more(struct key *s, uint64_t mono_ms)
{
    uint64_t w = atomic_load_explicit(&s->money, memory_order_acquire);
    uint64_t deadline = atomic_load_explicit(&s->deadline_ms, memory_order_acquire);
    uint64_t asked = atomic_load_explicit(&s->asked_ms, memory_order_relaxed);

    if (money_closed(w) || deadline <= mono_ms)
        return false; /* nothing to extend: the next request asks about the key */
    if (money_amount(w) >= atomic_load_explicit(&s->low_nusd, memory_order_relaxed) &&
        deadline - mono_ms > atomic_load_explicit(&s->renew_ms, memory_order_relaxed))
        return false;
    return (int64_t)(mono_ms - asked) >= KEY_ASK_EVERY_MS &&
           atomic_compare_exchange_strong_explicit(&s->asked_ms, &asked, mono_ms,
                                                   memory_order_relaxed, memory_order_relaxed);
}
