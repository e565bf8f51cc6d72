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
    if (k->slots == NULL || k->buckets == NULL || k->id_buckets == NULL || k->no == NULL ||
        k->returns == NULL)
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
    free(k);
}

/* --- chains and slots --- */

static uint32_t id_bucket(const struct keyring *k, const struct id *id)
{
    uint32_t w;

    memcpy(&w, id->b + 12, sizeof w); /* the random end of a time-ordered id */
    return w & k->bucket_mask;
}

static struct key *slot_by_digest(struct keyring *k, const struct digest32 *d)
{
    uint32_t at = atomic_load_explicit(&k->buckets[keyring_bucket(k, d)], memory_order_relaxed);

    while (at != 0 && !secret_equal(&k->slots[at - 1].digest, d, sizeof *d))
        at = atomic_load_explicit(&k->slots[at - 1].next, memory_order_relaxed);
    return at == 0 ? NULL : &k->slots[at - 1];
}

static struct key *slot_by_id(struct keyring *k, const struct id *id)
{
    uint32_t at = k->id_buckets[id_bucket(k, id)];

    while (at != 0 && !id_eq(&k->slots[at - 1].id, id))
        at = k->slots[at - 1].id_next;
    return at == 0 ? NULL : &k->slots[at - 1];
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

static struct id slot_lease(const struct key *s)
{
    uint64_t w[2] = {atomic_load_explicit(&s->lease[0], memory_order_relaxed),
                     atomic_load_explicit(&s->lease[1], memory_order_relaxed)};
    struct id id;

    memcpy(id.b, w, sizeof id.b);
    return id;
}

/* From the swap on no worker can spend, or return to, this lease. Returns what was left. */
static int64_t slot_close(struct key *s)
{
    uint64_t w = atomic_load_explicit(&s->money, memory_order_acquire);

    do {
        if (money_closed(w))
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(&s->money, &w, money_next_epoch(w, 0),
                                                    memory_order_acq_rel, memory_order_acquire));
    return (int64_t)money_amount(w);
}

static void slot_close_and_return(struct keyring *k, struct key *s)
{
    int64_t left = slot_close(s);

    /* No room: the control plane takes it back when the lease ends. */
    if (left > 0 && s->at_control_plane && k->n_returns < KEYRING_RETURNS)
        k->returns[k->n_returns++] =
            (struct msg_lease_return){.lease = slot_lease(s), .amount_nusd = left};
}

/* The longest unused of KEYRING_SCAN keys without references, or of as many more as it takes to find
 * one. Its lease may be running: what nobody has reserved of it (nobody holds the key, so nobody has
 * reserved anything) goes back, and no message can bring the lease here again, because the control
 * plane grants each lease once. */
static struct key *slot_evict(struct keyring *k)
{
    struct key *oldest = NULL;
    uint64_t oldest_ms = UINT64_MAX, state;

    for (size_t i = 0; i < k->used && (i < KEYRING_SCAN || oldest == NULL); i++) {
        struct key *s = &k->slots[k->evict_cursor++ % k->used];
        uint64_t used_ms = atomic_load_explicit(&s->used_ms, memory_order_relaxed);

        if (used_ms < oldest_ms &&
            (atomic_load_explicit(&s->state, memory_order_relaxed) & KEY_REFS) == 0) {
            oldest = s;
            oldest_ms = used_ms;
        }
    }
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
    return oldest;
}

static struct key *slot_take(struct keyring *k)
{
    struct key *s;

    if (k->used == k->max)
        return slot_evict(k);
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
    atomic_store_explicit(&s->request_full_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&s->token_full_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&s->used_ms, mono_ms, memory_order_relaxed);
    atomic_store_explicit(&s->asked_ms, 0, memory_order_relaxed);
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
    s->granted_nusd = 0;
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
        atomic_store_explicit(&s->low_nusd, more / 4, memory_order_relaxed);
    }
    if (more > MONEY_MAX)
        more = MONEY_MAX;
    s->at_control_plane = true;
    /* At half its life, as DHCP does: the control plane may then be away for the other half. */
    atomic_store_explicit(&s->renew_ms, lives_ms / 2, memory_order_relaxed);
    atomic_store_explicit(&s->deadline_ms, mono_ms + lives_ms, memory_order_release);
    do {
        next = money_closed(w) ? money_next_epoch(w, more) : money_plus(w, more);
    } while (!atomic_compare_exchange_weak_explicit(&s->money, &w, next, memory_order_acq_rel,
                                                    memory_order_acquire));
}

static uint64_t interval_ns(uint32_t per_minute)
{
    return per_minute == 0 ? 0 : MINUTE_NS / per_minute;
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
    if (fresh && (s = slot_take(k)) == NULL)
        return ERR_OVERLOAD;
    if (!fresh && (!id_eq(&s->id, &g->key) || !id_eq(&s->account, &g->account)))
        return ERR_FORMAT; /* a digest belongs to one key for ever */
    lease = slot_lease(s);
    if (!id_eq(&lease, &g->lease)) {
        slot_close_and_return(k, s);
        slot_set_lease(s, &g->lease);
    }
    atomic_store_explicit(&s->request_ns, interval_ns(g->requests_per_minute),
                          memory_order_relaxed);
    atomic_store_explicit(&s->token_ns, interval_ns(g->tokens_per_minute), memory_order_relaxed);
    atomic_store_explicit(&s->expires_ms, expires_mono(g->expires_ms, mono_ms),
                          memory_order_relaxed);
    slot_extend(s, g->granted_nusd, g->lease_ms, mono_ms);
    atomic_store_explicit(&s->no, 0, memory_order_release);
    if (fresh)
        slot_publish(k, s, g, mono_ms);
    keyring_no_forget(k, &g->key_digest);
    return ERR_NONE;
}

void keyring_lease(struct keyring *k, const struct msg_lease *l, uint64_t mono_ms)
{
    struct key *s = slot_by_id(k, &l->key);
    struct id lease;

    if (s == NULL || l->granted_nusd < 0)
        return;
    lease = slot_lease(s);
    if (!id_eq(&lease, &l->lease))
        return; /* an answer about a lease that has been replaced */
    if (l->status == LEASE_GONE) {
        slot_close(s);
        s->at_control_plane = false;
        return;
    }
    if (atomic_load_explicit(&s->no, memory_order_relaxed) != 0)
        return; /* revoked since we asked: what was added comes back when the lease ends */
    slot_extend(s, l->granted_nusd, l->lease_ms, mono_ms);
}

static void slot_refuse(struct keyring *k, struct key *s, uint64_t verdict)
{
    /* First the verdict, then the money: who still sees the lease open debits it before the swap,
     * and is a request that was running when the key was revoked. */
    atomic_store_explicit(&s->no, verdict, memory_order_release);
    slot_close_and_return(k, s);
}

void keyring_no_key(struct keyring *k, const struct msg_no_key *n, uint64_t mono_ms)
{
    struct key *s = slot_by_digest(k, &n->key_digest);
    uint64_t verdict = keyring_no_verdict(n->reason, mono_ms);

    if (s == NULL)
        keyring_no_remember(k, &n->key_digest, verdict);
    else
        slot_refuse(k, s, verdict);
}

void keyring_revoke(struct keyring *k, const struct msg_revoke *r, uint64_t mono_ms)
{
    struct msg_no_key n = {.key_digest = r->key_digest, .reason = r->reason};

    keyring_no_key(k, &n, mono_ms);
}

bool keyring_extendable(struct keyring *k, const struct digest32 *digest,
                        struct msg_lease_more *out)
{
    struct key *s = slot_by_digest(k, digest);

    if (s == NULL || !s->at_control_plane ||
        atomic_load_explicit(&s->no, memory_order_relaxed) != 0 ||
        money_closed(atomic_load_explicit(&s->money, memory_order_relaxed)))
        return false;
    *out = (struct msg_lease_more){.key = s->id, .lease = slot_lease(s)};
    return true;
}

/* --- giving back and renewing --- */

static bool slot_unused(const struct key *s, uint64_t mono_ms)
{
    int64_t idle = (int64_t)(mono_ms - atomic_load_explicit(&s->used_ms, memory_order_relaxed));
    int64_t left =
        (int64_t)(atomic_load_explicit(&s->deadline_ms, memory_order_relaxed) - mono_ms);

    return (atomic_load_explicit(&s->state, memory_order_acquire) & KEY_REFS) == 0 && left > 0 &&
           (idle >= KEY_IDLE_MS || left <= KEY_ENDING_MS);
}

size_t keyring_returned(struct keyring *k, struct msg_lease_return *out, size_t max)
{
    size_t n = 0;

    while (n < max && k->n_returns > 0)
        out[n++] = k->returns[--k->n_returns];
    return n;
}

size_t keyring_returns(struct keyring *k, uint64_t mono_ms, struct msg_lease_return *out,
                       size_t max)
{
    size_t n = keyring_returned(k, out, max);

    for (size_t i = 0; i < KEYRING_SCAN && i < k->used && n < max; i++) {
        struct key *s = &k->slots[k->return_cursor++ % k->used];

        if (!slot_unused(s, mono_ms))
            continue;
        out[n] = (struct msg_lease_return){.lease = slot_lease(s), .amount_nusd = slot_close(s)};
        n += out[n].amount_nusd > 0;
    }
    return n;
}

size_t keyring_renewals(struct keyring *k, uint64_t mono_ms, struct msg_lease_more *out,
                        size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < KEYRING_SCAN && i < k->used && n < max; i++) {
        struct key *s = &k->slots[k->renew_cursor++ % k->used];
        uint64_t left = atomic_load_explicit(&s->deadline_ms, memory_order_relaxed) - mono_ms;

        /* In use and near its end, or past it: as long as a request runs we want its lease to be
         * there when the request settles. */
        if ((atomic_load_explicit(&s->state, memory_order_relaxed) & KEY_REFS) == 0 ||
            money_closed(atomic_load_explicit(&s->money, memory_order_relaxed)) ||
            (int64_t)left > (int64_t)atomic_load_explicit(&s->renew_ms, memory_order_relaxed) ||
            (int64_t)(mono_ms - atomic_load_explicit(&s->asked_ms, memory_order_relaxed)) <
                KEY_ASK_EVERY_MS)
            continue;
        atomic_store_explicit(&s->asked_ms, mono_ms, memory_order_relaxed);
        out[n++] = (struct msg_lease_more){.key = s->id, .lease = slot_lease(s)};
    }
    return n;
}

void keyring_lapse(struct keyring *k, uint64_t mono_ms)
{
    for (size_t i = 0; i < k->used; i++) {
        struct key *s = &k->slots[i];

        if ((atomic_load_explicit(&s->state, memory_order_acquire) & KEY_REFS) == 0)
            slot_close_and_return(k, s);
        else if (atomic_load_explicit(&s->deadline_ms, memory_order_relaxed) > mono_ms)
            atomic_store_explicit(&s->deadline_ms, mono_ms, memory_order_release);
    }
}

void keyring_cap(struct keyring *k, uint64_t mono_ms)
{
    for (size_t i = 0; i < k->used; i++) {
        struct key *s = &k->slots[i];

        if (atomic_load_explicit(&s->deadline_ms, memory_order_relaxed) > mono_ms)
            atomic_store_explicit(&s->deadline_ms, mono_ms, memory_order_release);
    }
}

size_t keyring_close(struct keyring *k, struct msg_lease_return *out, size_t max)
{
    size_t n = keyring_returned(k, out, max);

    for (size_t i = 0; i < k->used && n < max; i++) {
        struct key *s = &k->slots[i];

        if (!s->at_control_plane)
            continue;
        out[n++] = (struct msg_lease_return){
            .lease = slot_lease(s),
            .amount_nusd = slot_close(s),
            .final = (atomic_load_explicit(&s->state, memory_order_acquire) & KEY_REFS) == 0,
        };
        s->at_control_plane = false;
    }
    return n;
}
