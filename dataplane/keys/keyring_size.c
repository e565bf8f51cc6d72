/* How much a lease should hold, and what follows from it: what to ask for, what to give back, what to
 * renew.
 *
 * A lease should hold what running requests have reserved at most lately, and what the key will spend, at
 * the rate of the last SPEND_WINDOW_MS, until the lease ends and OUTAGE_MS longer; LEASE_FLOOR_NUSD at
 * least. Asking names what is missing to that, so asking often adds nothing, and what a lease holds above
 * twice of it goes back: a busy key cannot drain its account into its lease. */
#include "keyring.h"
#include "keyring_slot.h"

#include <assert.h>
#include <endian.h>

/* --- the figures --- */

void size_reset(struct key *s, uint64_t mono_ms)
{
    atomic_store_explicit(&s->reserved_nusd, 0, memory_order_relaxed);
    atomic_store_explicit(&s->spent_nusd, 0, memory_order_relaxed);
    atomic_store_explicit(&s->low_nusd, LEASE_FLOOR_NUSD / 2, memory_order_relaxed);
    s->sized_ms = mono_ms;
    s->scarce_ms = mono_ms;
    s->more_ms = 0;
    s->sized_spent_nusd = s->recent_nusd = s->peak_nusd = 0;
}

/* What is left of a figure after so long; amounts stay below 2^48 and times below 2^15. */
static int64_t size_decayed(int64_t nusd, uint64_t ms)
{
    return ms >= SPEND_WINDOW_MS ? 0 : nusd - nusd * (int64_t)ms / SPEND_WINDOW_MS;
}

static int64_t size_bounded(int64_t nusd)
{
    return nusd < (int64_t)MONEY_MAX ? nusd : (int64_t)MONEY_MAX;
}

static int64_t size_reserved(const struct key *s)
{
    int64_t n = (int64_t)atomic_load_explicit(&s->reserved_nusd, memory_order_relaxed);

    return n < 0 ? 0 : size_bounded(n); /* a settlement may be seen before its reservation */
}

static int64_t size_available(const struct key *s)
{
    uint64_t w = atomic_load_explicit(&s->money, memory_order_relaxed);

    return money_closed(w) ? 0 : (int64_t)money_amount(w);
}

/* What the key will spend of its own accord. */
static int64_t size_spending(const struct key *s)
{
    int64_t renew_ms = (int64_t)atomic_load_explicit(&s->renew_ms, memory_order_relaxed);
    int64_t horizon_ms = renew_ms / 2 * 3 + OUTAGE_MS; /* the lease's whole life, and an outage */

    return size_bounded(s->recent_nusd / SPEND_WINDOW_MS * horizon_ms);
}

static int64_t size_target(const struct key *s)
{
    return LEASE_FLOOR_NUSD + s->peak_nusd + size_spending(s);
}

static void slot_size(struct key *s, uint64_t mono_ms)
{
    uint64_t ms = mono_ms - s->sized_ms;
    int64_t spent, delta, reserved = size_reserved(s);

    if (reserved > s->peak_nusd)
        s->peak_nusd = reserved;
    if (ms < SIZE_EVERY_MS)
        return;
    spent = (int64_t)atomic_load_explicit(&s->spent_nusd, memory_order_relaxed);
    delta = size_bounded(spent - s->sized_spent_nusd);
    if (ms > SPEND_WINDOW_MS)
        delta = delta / (int64_t)ms * SPEND_WINDOW_MS;
    s->recent_nusd = size_bounded(size_decayed(s->recent_nusd, ms) + delta);
    s->peak_nusd = size_decayed(s->peak_nusd, ms);
    if (reserved > s->peak_nusd)
        s->peak_nusd = reserved;
    s->sized_spent_nusd = spent;
    s->sized_ms = mono_ms;
    atomic_store_explicit(&s->low_nusd,
                          mono_ms < s->scarce_ms
                              ? 0
                              : (uint64_t)(LEASE_FLOOR_NUSD + size_spending(s)) / 2,
                          memory_order_relaxed);
}

/* What is missing to the target, when wanting may help. */
static int64_t slot_missing(struct key *s, uint64_t mono_ms)
{
    int64_t missing;

    slot_size(s, mono_ms);
    missing = size_target(s) - size_available(s) - size_reserved(s);
    return missing > 0 && mono_ms >= s->scarce_ms ? missing : 0;
}

void size_answered(struct key *s, int64_t added_nusd, uint64_t mono_ms)
{
    int64_t missing = slot_missing(s, mono_ms);

    /* The account has no more to lend unasked. So near its end every request would wish again. */
    if (missing > added_nusd) {
        s->scarce_ms = mono_ms + SCARCE_MS;
        atomic_store_explicit(&s->low_nusd, 0, memory_order_relaxed);
    }
}

/* --- asking --- */

static int64_t ask_bounded(int64_t nusd)
{
    return nusd < LEASE_ASK_MAX ? nusd : LEASE_ASK_MAX;
}

bool keyring_extendable(struct keyring *k, const struct digest32 *digest, int64_t waiting_nusd,
                        uint64_t mono_ms, struct msg_lease_more *more,
                        struct msg_key_lookup *lookup)
{
    struct key *s = slot_by_digest(k, digest);
    int64_t need = waiting_nusd;

    assert(waiting_nusd >= 0);
    if (s == NULL || !s->at_control_plane ||
        atomic_load_explicit(&s->no, memory_order_relaxed) != 0 ||
        money_closed(atomic_load_explicit(&s->money, memory_order_relaxed))) {
        *lookup = (struct msg_key_lookup){
            .key_digest = *digest, .need_nusd = ask_bounded(need)}; /* want: the default */
        return false;
    }
    need = need > size_available(s) ? need - size_available(s) : 0;
    s->more_ms = mono_ms;
    *more = (struct msg_lease_more){.key = s->id,
                                    .lease = slot_lease(s),
                                    .need_nusd = ask_bounded(need),
                                    .want_nusd = ask_bounded(slot_missing(s, mono_ms)),
                                    .returned_nusd = s->returned_nusd};
    return true;
}

void keyring_wait(struct keyring *k, const struct digest32 *digest, bool waited)
{
    struct key *s = slot_by_digest(k, digest);

    if (s != NULL)
        atomic_store_explicit(&s->waited, waited, memory_order_relaxed);
}

/* --- giving back and renewing --- */

/* Two leases of one account may each wait for what the other holds. A turn of each, by the bits of its
 * id, so that one of them gives way while the other has what it needs. */
static bool recall_turn(const struct id *lease, uint64_t mono_ms)
{
    uint32_t bits;

    memcpy(&bits, lease->b + 12, sizeof bits); /* the random end of a time-ordered id */
    return (be32toh(bits) >> (mono_ms / RECALL_TURN_MS % 32) & 1) != 0;
}

/* Half of what no request has reserved, so that two busy keys meet in the middle; all of it when that is
 * not worth another round. From requests of our own that wait, what is needed, in turn. */
void keyring_recall(struct keyring *k, const struct msg_recall *r, uint64_t mono_ms)
{
    struct key *s = slot_by_lease(k, &r->key, &r->lease);
    int64_t available, give;
    bool waited;

    if (s == NULL)
        return;
    waited = atomic_load_explicit(&s->waited, memory_order_relaxed);
    if (waited && !recall_turn(&r->lease, mono_ms))
        return;
    available = size_available(s);
    give = available > RECALL_WHOLE_NUSD ? available / 2 : available;
    if (waited)
        give = available < r->need_nusd ? available : r->need_nusd;
    slot_give_back(k, s, give);
    s->scarce_ms = mono_ms + SCARCE_MS;
    atomic_store_explicit(&s->low_nusd, 0, memory_order_relaxed);
}

/* What it holds above its target, once that is twice as much. */
static void slot_trim(struct keyring *k, struct key *s, uint64_t mono_ms)
{
    int64_t held, target;

    slot_size(s, mono_ms);
    held = size_available(s) + size_reserved(s);
    target = size_target(s);
    if (held > 2 * target && !atomic_load_explicit(&s->waited, memory_order_relaxed))
        slot_give_back(k, s, held - target);
}

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
        int64_t left;

        if (!slot_unused(s, mono_ms)) {
            slot_trim(k, s, mono_ms);
            continue;
        }
        left = slot_close(s);
        if (left == 0)
            continue;
        s->returned_nusd += left;
        out[n++] =
            (struct msg_lease_return){.lease = slot_lease(s), .total_nusd = s->returned_nusd};
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
        s->more_ms = mono_ms;
        out[n++] = (struct msg_lease_more){.key = s->id,
                                           .lease = slot_lease(s),
                                           .want_nusd = ask_bounded(slot_missing(s, mono_ms)),
                                           .returned_nusd = s->returned_nusd};
    }
    return n;
}

void keyring_cap(struct keyring *k, uint64_t mono_ms)
{
    for (size_t i = 0; i < k->used; i++) {
        struct key *s = &k->slots[i];

        if (atomic_load_explicit(&s->deadline_ms, memory_order_relaxed) > mono_ms)
            atomic_store_explicit(&s->deadline_ms, mono_ms, memory_order_release);
    }
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

void keyring_rewound(struct keyring *k)
{
    for (size_t i = 0; i < k->used; i++)
        slot_close_and_return(k, &k->slots[i]);
}

size_t keyring_close(struct keyring *k, struct msg_lease_return *out, size_t max)
{
    size_t n = keyring_returned(k, out, max);

    for (size_t i = 0; i < k->used && n < max; i++) {
        struct key *s = &k->slots[i];

        if (!s->at_control_plane)
            continue;
        s->returned_nusd += slot_close(s);
        out[n++] = (struct msg_lease_return){
            .lease = slot_lease(s),
            .total_nusd = s->returned_nusd,
            .final = (atomic_load_explicit(&s->state, memory_order_acquire) & KEY_REFS) == 0,
        };
        s->at_control_plane = false;
    }
    return n;
}
