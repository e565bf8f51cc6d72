/* Requests that wait for money, in order, and what is asked about their keys. At most one message per key
 * is on its way. Whatever brings money (an answer, a settlement) is offered to the one that waits longest
 * first; those that come later stand behind it. Everything here runs on the link thread; port.c is the
 * workers' side. */
#include "clock.h"
#include "uplink_own.h"

#include <assert.h>
#include <stdlib.h>

/* --- handing back --- */

static void ask_answer(struct ask *a, enum err e)
{
    struct uplink_port *p = a->port;
    struct uplink *u = p->uplink;

    a->answer.e = e;
    uv_mutex_lock(&u->lock);
    if (p->closed) {
        ask_drop(a);
    } else {
        ask_append(&p->done, a);
        uv_async_send(&p->async); /* under the lock: the handle is not closed yet */
    }
    uv_mutex_unlock(&u->lock);
}

static void asks_answer(struct ask_list *l, enum err e)
{
    struct ask *a;

    while ((a = ask_take(l)) != NULL)
        ask_answer(a, e);
}

static bool ask_cancelled(const struct ask *a)
{
    return atomic_load_explicit(&a->cancelled, memory_order_relaxed);
}

/* --- one key --- */

static struct pending **pending_bucket(struct uplink *u, const struct digest32 *d)
{
    return &u->pending[d->b[0] % ASK_BUCKETS];
}

static struct pending *pending_find(struct uplink *u, const struct digest32 *d)
{
    struct pending *p = *pending_bucket(u, d);

    while (p != NULL && !secret_equal(&p->digest, d, sizeof *d))
        p = p->next;
    return p;
}

/* The message about this very lease that is on its way. A late answer about the one before it says
 * nothing about what was asked since. */
static struct pending *pending_of_lease(struct uplink *u, const struct msg_lease *l)
{
    for (size_t i = 0; i < ASK_BUCKETS; i++)
        for (struct pending *p = u->pending[i]; p != NULL; p = p->next)
            if (p->sent == PENDING_LEASE && id_eq(&p->lease, &l->lease))
                return p;
    return NULL;
}

static struct pending *pending_new(struct uplink *u, const struct digest32 *d)
{
    struct pending *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    p->digest = *d;
    p->next = *pending_bucket(u, d);
    *pending_bucket(u, d) = p;
    return p;
}

static void pending_drop(struct uplink *u, struct pending *p)
{
    struct pending **at = pending_bucket(u, &p->digest);

    assert(p->asks.first == NULL);
    keyring_wait(u->config.keyring, &p->digest, false);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    free(p);
}

/* --- serving --- */

static enum err ask_know(struct uplink *u, const struct ask *a, uint64_t now_ms)
{
    struct key *key;
    enum err e = keyring_find(u->config.keyring, &a->digest, now_ms, &key);

    if (e == ERR_NONE)
        key_release(key);
    return e == ERR_NOT_FOUND ? ERR_SHORT : e;
}

/* False: it does not fit now, and stays where it is. */
static bool ask_serve(struct uplink *u, struct ask *a, uint64_t now_ms)
{
    const struct id *only = a->kind == ASK_GROW ? &a->lease : NULL;
    struct ask_answer *r = &a->answer;
    enum err e = ERR_CANCELLED;

    if (!ask_cancelled(a))
        e = a->kind == ASK_KNOW
                ? ask_know(u, a, now_ms)
                : key_serve(u->config.keyring, &a->digest, only, a->amount_nusd, now_ms, &r->key,
                            &r->lease, &r->retry_ms);
    if (e == ERR_SHORT)
        return false;
    /* The lease that pays for it was replaced: this request cannot grow any more. */
    ask_answer(a, e == ERR_CONFLICT ? ERR_LENT : e);
    return true;
}

/* All that fit, also behind one that does not. How many. */
static unsigned pending_serve_any(struct uplink *u, struct pending *p, uint64_t now_ms)
{
    struct ask_list all = p->asks;
    unsigned n = 0;
    struct ask *a;

    p->asks.first = NULL;
    while ((a = ask_take(&all)) != NULL) {
        if (ask_serve(u, a, now_ms))
            n++;
        else
            ask_append(&p->asks, a);
    }
    return n;
}

static unsigned pending_serve_in_order(struct uplink *u, struct pending *p, uint64_t now_ms)
{
    unsigned n = 0;
    struct ask *a;

    while ((a = p->asks.first) != NULL) {
        struct ask *next = a->next; /* an ask that is served belongs to its port */

        if (!ask_serve(u, a, now_ms))
            break;
        p->asks.first = next;
        n++;
    }
    return n;
}

/* In order, up to the first that does not fit; when the control plane is slow, all that fit: one large
 * request must not stop what the lease could pay for during an outage. How many. */
static unsigned pending_serve(struct uplink *u, struct pending *p, uint64_t now_ms)
{
    bool slow = u->state != UPLINK_ACCEPTED ||
                (p->sent != PENDING_IDLE && now_ms - p->sent_ms > ASK_SLOW_MS);
    unsigned n = slow ? pending_serve_any(u, p, now_ms) : pending_serve_in_order(u, p, now_ms);

    keyring_wait(u->config.keyring, &p->digest, p->asks.first != NULL && !slow);
    return n;
}

static int64_t pending_wants(const struct pending *p)
{
    int64_t want = 0;

    for (const struct ask *a = p->asks.first; a != NULL; a = a->next)
        if (money_add(want, a->amount_nusd, &want) != ERR_NONE)
            return INT64_MAX;
    return want;
}

/* Ask for what the waiting requests need, or top up when none waits. */
static void pending_send(struct uplink *u, struct pending *p, uint64_t now_ms)
{
    struct msg_key_lookup lookup;
    struct msg_lease_more more;
    struct buf out;
    enum err e;

    buf_init(&out, 128);
    if (keyring_extendable(u->config.keyring, &p->digest, pending_wants(p), now_ms, &more,
                           &lookup)) {
        p->sent = PENDING_LEASE;
        p->lease = more.lease;
        e = msg_lease_more_encode(&more, &out);
    } else {
        p->sent = PENDING_LOOKUP;
        e = msg_key_lookup_encode(&lookup, &out);
    }
    p->sent_ms = now_ms;
    session_give_back(u); /* this account may have no more than what was just given up */
    if (e == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

/* The one step: serve the requests that can be served, ask when some are left. May drop p. */
static void pending_step(struct uplink *u, struct pending *p)
{
    uint64_t now_ms = clock_mono_ms();

    pending_serve(u, p, now_ms);
    if (p->sent != PENDING_IDLE)
        return;
    if (p->asks.first == NULL)
        pending_drop(u, p);
    else if (u->state == UPLINK_ACCEPTED && now_ms >= p->again_ms)
        pending_send(u, p, now_ms);
}

/* An answer came. One that serves no request is not asked for again at once: whatever is wrong with it (an
 * older version after a restored backup), the control plane is not asked in a circle. */
static void pending_answered(struct uplink *u, struct pending *p)
{
    uint64_t now_ms = clock_mono_ms();

    p->sent = PENDING_IDLE;
    p->scarce = false;
    if (pending_serve(u, p, now_ms) == 0)
        p->again_ms = now_ms + ASK_AGAIN_MS;
    pending_step(u, p);
}

/* Nothing could be added. Those that could not be paid for even if all that is lent came back have their
 * answer; the others wait for it to come back. */
static void pending_scarce(struct pending *p, enum err why, int64_t most_nusd)
{
    struct ask_list all = p->asks;
    struct ask *a;

    p->scarce = true;
    p->again_ms = clock_mono_ms() + ASK_AGAIN_MS;
    p->asks.first = NULL;
    while ((a = ask_take(&all)) != NULL) {
        a->answer.most_nusd = most_nusd;
        if (a->amount_nusd > most_nusd)
            ask_answer(a, why);
        else
            ask_append(&p->asks, a);
    }
}

/* --- events --- */

static void ask_arrived(struct uplink *u, struct ask *a)
{
    struct pending *p = pending_find(u, &a->digest);

    if (u->state != UPLINK_ACCEPTED &&
        (a->kind == ASK_HINT || clock_mono_ms() - u->lost_ms > UPLINK_GRACE_MS)) {
        ask_answer(a, ERR_CONTROL_PLANE);
        return;
    }
    if (p == NULL && (p = pending_new(u, &a->digest)) == NULL) {
        ask_answer(a, ERR_CONTROL_PLANE);
        return;
    }
    if (a->kind == ASK_HINT) {
        if (p->sent == PENDING_IDLE && p->asks.first == NULL)
            pending_send(u, p, clock_mono_ms());
        ask_answer(a, ERR_NONE); /* else its turn comes again with a later request */
        return;
    }
    ask_append(&p->asks, a);
    pending_step(u, p);
}

void asks_take(struct uplink *u)
{
    struct ask_list inbox;
    struct ask *a;

    uv_mutex_lock(&u->lock);
    inbox = u->inbox;
    u->inbox.first = NULL;
    uv_mutex_unlock(&u->lock);
    while ((a = ask_take(&inbox)) != NULL)
        ask_arrived(u, a);
}

void asks_granted(struct uplink *u, const struct digest32 *digest, enum err e)
{
    struct pending *p = pending_find(u, digest);

    if (p == NULL || p->sent != PENDING_LOOKUP)
        return;
    if (e == ERR_OVERLOAD) /* no slot for this key */
        asks_answer(&p->asks, e);
    pending_answered(u, p);
}

void asks_refused(struct uplink *u, const struct msg_no_key *n)
{
    struct pending *p = pending_find(u, &n->key_digest);

    if (p == NULL || p->sent != PENDING_LOOKUP)
        return;
    p->sent = PENDING_IDLE;
    if (n->reason == NO_KEY_CREDIT || n->reason == NO_KEY_LIMIT)
        pending_scarce(p, n->reason == NO_KEY_CREDIT ? ERR_CREDIT : ERR_KEY_LIMIT, n->most_nusd);
    pending_step(u, p); /* otherwise the keyring knows why */
}

/* What waits for this key is answered by the keyring, or asks again under its new rules. */
void asks_revoked(struct uplink *u, const struct digest32 *digest)
{
    struct pending *p = pending_find(u, digest);

    if (p != NULL)
        pending_step(u, p);
}

void asks_leased(struct uplink *u, const struct msg_lease *l)
{
    struct pending *p = pending_of_lease(u, l);

    if (p == NULL)
        return; /* a renewal, or too late */
    if (l->status == LEASE_OK) {
        pending_answered(u, p);
        return;
    }
    p->sent = PENDING_IDLE;
    if (l->status != LEASE_GONE) /* gone: looked up at once */
        pending_scarce(p, l->status == LEASE_NO_CREDIT ? ERR_CREDIT : ERR_KEY_LIMIT,
                       l->most_nusd);
    pending_step(u, p);
}

/* Calls visit for each; visit may drop the one it is called for. */
static void pending_each(struct uplink *u, void (*visit)(struct uplink *u, struct pending *p))
{
    struct pending *next;

    for (size_t i = 0; i < ASK_BUCKETS; i++)
        for (struct pending *p = u->pending[i]; p != NULL; p = next) {
            next = p->next;
            visit(u, p);
        }
}

void asks_accepted(struct uplink *u)
{
    pending_each(u, pending_step);
}

static void pending_lost(struct uplink *u, struct pending *p)
{
    p->sent = PENDING_IDLE; /* what was asked will be asked again */
    if (p->asks.first == NULL)
        pending_drop(u, p);
}

void asks_lost(struct uplink *u)
{
    pending_each(u, pending_lost);
}

/* Those that have waited long enough: what fits is served even now, behind others that do not. */
static void pending_expire(struct uplink *u, struct pending *p, uint64_t now_ms)
{
    bool away = u->state != UPLINK_ACCEPTED && now_ms - u->lost_ms > UPLINK_GRACE_MS;
    uint64_t bound_ms = away ? 0 : p->scarce ? ASK_LENT_MS : ASK_TIMEOUT_MS;
    struct ask_list all = p->asks;
    struct ask *a;

    p->asks.first = NULL;
    while ((a = ask_take(&all)) != NULL) {
        if (now_ms - a->asked_ms < bound_ms)
            ask_append(&p->asks, a);
        else if (!ask_serve(u, a, now_ms))
            ask_answer(a, p->scarce && !away ? ERR_LENT : ERR_CONTROL_PLANE);
    }
}

static void pending_tick(struct uplink *u, struct pending *p)
{
    uint64_t now_ms = clock_mono_ms();

    if (p->sent != PENDING_IDLE && now_ms - p->sent_ms >= ASK_TIMEOUT_MS) {
        p->sent = PENDING_IDLE; /* a late answer still counts */
        p->scarce = false;
    }
    pending_expire(u, p, now_ms);
    pending_step(u, p); /* settlements may have brought what is needed */
}

void asks_tick(struct uplink *u)
{
    pending_each(u, pending_tick);
}

void asks_free(struct uplink *u)
{
    struct uplink_port *p;
    struct ask *a;

    asks_take(u);
    for (size_t i = 0; i < ASK_BUCKETS; i++)
        while (u->pending[i] != NULL) {
            asks_answer(&u->pending[i]->asks, ERR_CONTROL_PLANE);
            pending_drop(u, u->pending[i]);
        }
    while ((p = u->ports) != NULL) {
        u->ports = p->next;
        assert(p->closed); /* promised by uplink_port_free() */
        while ((a = ask_take(&p->done)) != NULL)
            ask_drop(a);
        free(p);
    }
}
