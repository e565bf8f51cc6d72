/* The keyring's only writer: what the link thread does with the control plane's answers. */
#include "clock.h"
#include "keyring.h"
#include "keyring_slot.h"

#include <assert.h>
#include <stdlib.h>

/* --- life --- */

static size_t buckets_for(size_t max)
{
    size_t n = 64;

    while (n < max)
        n *= 2;
    return n;
}

enum err keyring_new(size_t max_keys, struct keyring **out)
{
    struct keyring *k = NULL;
    size_t n_buckets = buckets_for(max_keys);
    enum err e = ERR_MEMORY;

    if (max_keys == 0 || max_keys > LIMIT_KEYS)
        return ERR_RANGE;
    k = calloc(1, sizeof *k);
    if (k == NULL)
        return ERR_MEMORY;
    /* Zero pages cost nothing until a key uses them: capacity is address space. */
    k->slots = aligned_alloc(64, max_keys * sizeof *k->slots);
    k->buckets = calloc(n_buckets, sizeof *k->buckets);
    k->id_buckets = calloc(n_buckets, sizeof *k->id_buckets);
    k->no = calloc(LIMIT_NEGATIVE_KEYS, sizeof *k->no);
    k->returns = calloc(KEYRING_RETURNS, sizeof *k->returns);
    k->heard = calloc((size_t)HEARD_SETS * HEARD_WAYS, sizeof *k->heard);
    k->rules = calloc(max_keys, sizeof *k->rules);
    if (k->slots == NULL || k->buckets == NULL || k->id_buckets == NULL || k->no == NULL ||
        k->returns == NULL || k->heard == NULL || k->rules == NULL)
        goto done;
    k->max = max_keys;
    k->bucket_mask = (uint32_t)n_buckets - 1;
    *out = k;
    k = NULL;
    e = ERR_NONE;
done:
    keyring_free(k);
    return e;
}

void keyring_free(struct keyring *k)
{
    if (k == NULL)
        return;
    free(k->slots);
    free(k->buckets);
    free(k->id_buckets);
    free(k->no);
    free(k->returns);
    free(k->heard);
    free(k->rules);
    free(k);
}

/* --- chains and slots --- */

static uint32_t id_bucket(const struct keyring *k, const struct id *id)
{
    uint32_t w;

    memcpy(&w, id->b + 12, sizeof w); /* the random end of a time-ordered id */
    return w & k->bucket_mask;
}

struct key *slot_by_digest(struct keyring *k, const struct digest32 *d)
{
    uint32_t at = atomic_load_explicit(&k->buckets[keyring_bucket(k, d)], memory_order_relaxed);

    while (at != 0 && !secret_equal(&k->slots[at - 1].digest, d, sizeof *d))
        at = atomic_load_explicit(&k->slots[at - 1].next, memory_order_relaxed);
    return at == 0 ? NULL : &k->slots[at - 1];
}

struct key *slot_of_key(struct keyring *k, const struct id *key, const struct key *last)
{
    uint32_t at = last == NULL ? k->id_buckets[id_bucket(k, key)] : last->id_next;

    while (at != 0 && !id_eq(&k->slots[at - 1].id, key))
        at = k->slots[at - 1].id_next;
    return at == 0 ? NULL : &k->slots[at - 1];
}

struct key *slot_by_lease(struct keyring *k, const struct id *key, const struct id *lease)
{
    struct key *s = NULL;

    while ((s = slot_of_key(k, key, s)) != NULL) {
        struct id held = slot_lease(s);

        if (id_eq(&held, lease))
            break;
    }
    return s;
}

static void slot_unlink(struct keyring *k, struct key *s)
{
    uint32_t no = (uint32_t)(s - k->slots) + 1;
    _Atomic uint32_t *link = &k->buckets[keyring_bucket(k, &s->digest)];
    uint32_t *id_link = &k->id_buckets[id_bucket(k, &s->id)];
    uint32_t at;

    while ((at = atomic_load_explicit(link, memory_order_relaxed)) != no)
        link = &k->slots[at - 1].next; /* it is in the chain: `at` is never 0 here */
    atomic_store_explicit(link, atomic_load_explicit(&s->next, memory_order_relaxed),
                          memory_order_release);
    while (*id_link != no)
        id_link = &k->slots[*id_link - 1].id_next;
    *id_link = s->id_next;
    /* Readers on their way through this slot may miss what is behind it; they see the change. */
    atomic_fetch_add_explicit(&k->changes, 1, memory_order_acq_rel);
}

struct id slot_lease(const struct key *s)
{
    uint64_t w[2] = {atomic_load_explicit(&s->lease[0], memory_order_relaxed),
                     atomic_load_explicit(&s->lease[1], memory_order_relaxed)};
    struct id id;

    memcpy(id.b, w, sizeof id.b);
    return id;
}

int64_t slot_close(struct key *s)
{
    uint64_t w = atomic_load_explicit(&s->money, memory_order_acquire);

    do {
        if (money_closed(w))
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(&s->money, &w, money_next_epoch(w, 0),
                                                    memory_order_acq_rel, memory_order_acquire));
    return (int64_t)money_amount(w);
}

/* A full list: the next LEASE_MORE tells the total, or the control plane takes it back when the lease
 * ends. */
void returns_add(struct keyring *k, const struct id *lease, int64_t total_nusd)
{
    if (k->n_returns < KEYRING_RETURNS)
        k->returns[k->n_returns++] =
            (struct msg_lease_return){.lease = *lease, .total_nusd = total_nusd};
}

/* More goes back of the lease that the key holds. */
static void slot_returns(struct keyring *k, struct key *s, int64_t more_nusd)
{
    struct id lease = slot_lease(s);

    if (more_nusd <= 0)
        return;
    s->returned_nusd += more_nusd;
    returns_add(k, &lease, s->returned_nusd);
}

void slot_close_and_return(struct keyring *k, struct key *s)
{
    int64_t left = slot_close(s);

    if (s->at_control_plane)
        slot_returns(k, s, left);
}

void slot_give_back(struct keyring *k, struct key *s, int64_t most)
{
    uint64_t give, w = atomic_load_explicit(&s->money, memory_order_acquire);

    /* What could not be noted would be lost to the key until the next LEASE_MORE. */
    if (most <= 0 || !s->at_control_plane || k->n_returns == KEYRING_RETURNS)
        return;
    do {
        if (money_closed(w))
            return;
        give = money_amount(w) < (uint64_t)most ? money_amount(w) : (uint64_t)most;
    } while (!atomic_compare_exchange_weak_explicit(&s->money, &w, w - give, memory_order_acq_rel,
                                                    memory_order_acquire));
    slot_returns(k, s, (int64_t)give);
}

void slot_withhold(struct keyring *k, struct key *s, uint64_t mono_ms)
{
    if ((int64_t)(atomic_load_explicit(&s->deadline_ms, memory_order_relaxed) - mono_ms) > 0)
        atomic_store_explicit(&s->deadline_ms, mono_ms, memory_order_release);
    slot_give_back(k, s, INT64_MAX);
}

/* The longest unused of KEYRING_SCAN keys without references, or of as many more as it takes to find one. A
 * key whose lease is being extended is taken only when there is no other: what the answer adds would reach
 * no slot, and be out of reach until the lease ends. */
static struct key *slot_oldest(struct keyring *k, uint64_t mono_ms)
{
    struct key *oldest = NULL, *oldest_asking = NULL;

    for (size_t i = 0; i < k->used && (i < KEYRING_SCAN || oldest == NULL); i++) {
        struct key *s = &k->slots[k->evict_cursor++ % k->used];
        bool asking = s->more_ms != 0 && mono_ms - s->more_ms < MORE_MS;
        struct key **best = asking ? &oldest_asking : &oldest;

        if ((atomic_load_explicit(&s->state, memory_order_relaxed) & KEY_REFS) == 0 &&
            (*best == NULL || atomic_load_explicit(&s->used_ms, memory_order_relaxed) <
                                  atomic_load_explicit(&(*best)->used_ms, memory_order_relaxed)))
            *best = s;
    }
    return oldest != NULL ? oldest : oldest_asking;
}

/* A lease that is evicted may be running: all of it goes back (the key has no references, so no
 * request has reserved anything), and no message can bring the lease here again, because the control
 * plane grants each lease once. */
static struct key *slot_evict(struct keyring *k, uint64_t mono_ms)
{
    struct key *oldest = slot_oldest(k, mono_ms);
    uint64_t state;

    if (oldest == NULL)
        return NULL;
    state = atomic_load_explicit(&oldest->state, memory_order_acquire);
    if ((state & KEY_REFS) != 0 ||
        !atomic_compare_exchange_strong_explicit(&oldest->state, &state,
                                                 (state & ~KEY_LIVE) + KEY_GENERATION,
                                                 memory_order_acq_rel, memory_order_relaxed))
        return NULL; /* somebody just found it; the control plane will be asked again */
    slot_unlink(k, oldest);
    slot_close_and_return(k, oldest);
    rules_keep(k, oldest);
    return oldest;
}

static struct key *slot_take(struct keyring *k, uint64_t mono_ms)
{
    struct key *s;

    if (k->used == k->max)
        return slot_evict(k, mono_ms);
    s = &k->slots[k->used++];
    memset(s, 0, sizeof *s);
    atomic_store_explicit(&s->money, UINT64_C(1) << 48, memory_order_relaxed); /* closed */
    return s;
}

static void slot_publish(struct keyring *k, struct key *s, const struct msg_grant *g,
                         uint64_t mono_ms)
{
    uint32_t no = (uint32_t)(s - k->slots) + 1;
    _Atomic uint32_t *head = &k->buckets[keyring_bucket(k, &g->key_digest)];
    uint32_t *id_head = &k->id_buckets[id_bucket(k, &g->key)];

    s->digest = g->key_digest;
    s->id = g->key;
    s->account = g->account;
    slot_limits_begin(s, mono_ms);
    atomic_store_explicit(&s->used_ms, mono_ms, memory_order_relaxed);
    atomic_store_explicit(&s->asked_ms, 0, memory_order_relaxed);
    atomic_store_explicit(&s->waited, false, memory_order_relaxed);
    atomic_store_explicit(&s->tag, keyring_tag(&g->key_digest), memory_order_release);
    atomic_fetch_or_explicit(&s->state, KEY_LIVE, memory_order_release);
    s->id_next = *id_head;
    *id_head = no;
    atomic_store_explicit(&s->next, atomic_load_explicit(head, memory_order_relaxed),
                          memory_order_release);
    atomic_store_explicit(head, no, memory_order_release);
}

/* --- leases --- */

/* The money is closed: give it another lease. */
static void slot_set_lease(struct key *s, const struct id *lease)
{
    uint64_t w[2];

    assert(money_closed(atomic_load_explicit(&s->money, memory_order_relaxed)));
    memcpy(w, lease->b, sizeof w);
    atomic_store_explicit(&s->lease[0], w[0], memory_order_release);
    atomic_store_explicit(&s->lease[1], w[1], memory_order_release);
    s->granted_nusd = s->returned_nusd = 0;
}

/* The lease's total is now granted_nusd and it lives for lease_ms. Totals only count upwards, so
 * messages may arrive in any order or twice. */
static void slot_extend(struct key *s, int64_t granted_nusd, uint32_t lease_ms, uint64_t mono_ms)
{
    uint64_t lives_ms = lease_ms > LIMIT_CLOCK_SKEW_MS ? lease_ms - LIMIT_CLOCK_SKEW_MS : 0;
    uint64_t more = 0, next, w = atomic_load_explicit(&s->money, memory_order_acquire);

    if (granted_nusd > s->granted_nusd) {
        more = (uint64_t)(granted_nusd - s->granted_nusd);
        s->granted_nusd = granted_nusd;
    }
    if (more > MONEY_MAX)
        more = MONEY_MAX;
    s->at_control_plane = true;
    /* With two thirds of its life left, so that the control plane may be away for nearly as long:
     * 46 of 70 s with the control plane's default. */
    atomic_store_explicit(&s->renew_ms, lives_ms / 3 * 2, memory_order_relaxed);
    atomic_store_explicit(&s->deadline_ms, mono_ms + lives_ms, memory_order_release);
    do {
        next = money_closed(w) ? money_next_epoch(w, more) : money_plus(w, more);
    } while (!atomic_compare_exchange_weak_explicit(&s->money, &w, next, memory_order_acq_rel,
                                                    memory_order_acquire));
}

static uint64_t expires_mono(uint64_t expires_unix_ms, uint64_t mono_ms)
{
    uint64_t unix_ms = clock_unix_ms();

    if (expires_unix_ms == 0 || expires_unix_ms - unix_ms > TIME_NEVER / 2 - mono_ms)
        return expires_unix_ms == 0 || expires_unix_ms > unix_ms ? TIME_NEVER : 0;
    return mono_ms + (expires_unix_ms - unix_ms);
}

/* --- messages --- */

enum err keyring_grant(struct keyring *k, const struct msg_grant *g, uint64_t mono_ms)
{
    struct key *s = slot_by_digest(k, &g->key_digest);
    bool fresh = s == NULL;
    struct id lease;

    if (g->granted_nusd < 0)
        return ERR_RANGE;
    if (!fresh && (!id_eq(&s->id, &g->key) || !id_eq(&s->account, &g->account)))
        return ERR_FORMAT; /* a digest belongs to one key for ever */
    if (rules_older(k, s, &g->key_digest, g->version, mono_ms)) {
        returns_add(k, &g->lease, g->granted_nusd);
        return ERR_STALE;
    }
    if (fresh && (s = slot_take(k, mono_ms)) == NULL) {
        returns_add(k, &g->lease, g->granted_nusd);
        return ERR_OVERLOAD;
    }
    lease = slot_lease(s);
    if (!id_eq(&lease, &g->lease)) {
        slot_close_and_return(k, s);
        slot_set_lease(s, &g->lease);
    }
    if (fresh) {
        size_reset(s, mono_ms);
        s->version = s->version_ms = 0; /* of another key */
        s->parts = 0;
        s->parts_version = s->parts_ms = 0;
    }
    slot_limits(s, g->requests_per_minute, g->tokens_per_minute);
    slot_terms(k, s, g->terms, mono_ms);
    atomic_store_explicit(&s->expires_ms, expires_mono(g->expires_ms, mono_ms), memory_order_relaxed);
    atomic_store_explicit(&s->own_version, g->own_version, memory_order_relaxed);
    rules_heard(k, s, &g->key_digest, g->version, mono_ms);
    slot_extend(s, g->granted_nusd, g->lease_ms, mono_ms);
    size_answered(s, g->granted_nusd, mono_ms); /* less than the default: there is no more to want */
    atomic_store_explicit(&s->no, 0, memory_order_release);
    if (fresh)
        slot_publish(k, s, g, mono_ms);
    keyring_no_forget(k, &g->key_digest);
    return ERR_NONE;
}

/* The lease's total is this, and what was added may not be spent. */
static void slot_return_added(struct keyring *k, struct key *s, int64_t granted_nusd)
{
    if (granted_nusd <= s->granted_nusd)
        return;
    slot_returns(k, s, granted_nusd - s->granted_nusd);
    s->granted_nusd = granted_nusd;
}

void keyring_lease(struct keyring *k, const struct msg_lease *l, uint64_t mono_ms)
{
    struct key *s = slot_by_lease(k, &l->key, &l->lease);
    int64_t before;

    if (s == NULL || l->granted_nusd < 0)
        return; /* perhaps an answer about a lease that has been replaced */
    s->more_ms = 0;
    if (l->status == LEASE_GONE) {
        slot_close(s);
        s->at_control_plane = false;
        return;
    }
    if (atomic_load_explicit(&s->no, memory_order_relaxed) != 0) {
        slot_return_added(k, s, l->granted_nusd); /* revoked since we asked */
        return;
    }
    if (rules_older(k, s, &s->digest, l->version, mono_ms))
        return; /* the answer under the rules in force tells the total again */
    slot_limits(s, l->requests_per_minute, l->tokens_per_minute);
    slot_terms(k, s, l->terms, mono_ms);
    atomic_store_explicit(&s->expires_ms, expires_mono(l->expires_ms, mono_ms), memory_order_relaxed);
    atomic_store_explicit(&s->own_version, l->own_version, memory_order_relaxed);
    rules_heard(k, s, &s->digest, l->version, mono_ms);
    before = s->granted_nusd;
    slot_extend(s, l->granted_nusd, l->lease_ms, mono_ms);
    size_answered(s, s->granted_nusd - before, mono_ms);
    if (l->lease_ms == 0) /* it holds more than the key's limit leaves */
        slot_withhold(k, s, mono_ms);
}
