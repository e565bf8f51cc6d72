/* What workers ask about keys and leases, merged so that at most one message per key is on its way.
 * Everything here runs on the link thread; port.c is the workers' side. */
#include "clock.h"
#include "uplink_own.h"

#include <assert.h>
#include <stdlib.h>

/* --- the link thread: handing back --- */

static void ask_answer(struct ask *a, enum err e, enum lease_status s)
{
    struct uplink_port *p = a->port;
    struct uplink *u = p->uplink;

    a->result = e;
    a->status = s;
    uv_mutex_lock(&u->lock);
    if (p->closed) {
        free(a);
    } else {
        ask_append(&p->done, a);
        uv_async_send(&p->async); /* under the lock: the handle is not closed yet */
    }
    uv_mutex_unlock(&u->lock);
}

static void asks_answer(struct ask_list *l, enum err e, enum lease_status s)
{
    struct ask *a;

    while ((a = ask_take(l)) != NULL)
        ask_answer(a, e, s);
}

/* Those that have waited long enough. */
static void asks_expire(struct ask_list *l, uint64_t asked_before_ms)
{
    struct ask_list all = *l;
    struct ask *a;

    l->first = NULL;
    while ((a = ask_take(&all)) != NULL) {
        if (a->asked_ms <= asked_before_ms)
            ask_answer(a, ERR_CONTROL_PLANE, LEASE_OK);
        else
            ask_append(l, a);
    }
}

/* --- the link thread: one key --- */

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

static void pending_drop(struct uplink *u, struct pending *p)
{
    struct pending **at = pending_bucket(u, &p->digest);

    assert(p->asked.first == NULL && p->queued.first == NULL);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    free(p);
}

static void pending_lookup(struct uplink *u, struct pending *p)
{
    struct msg_key_lookup m = {.key_digest = p->digest, .want_nusd = p->want_nusd};
    struct buf out;

    session_give_back(u); /* this account may have no more than what was just given up */
    p->sent = PENDING_LOOKUP;
    p->sent_ms = clock_mono_ms();
    buf_init(&out, 128);
    if (msg_key_lookup_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

static void pending_extend(struct uplink *u, struct pending *p, struct msg_lease_more *m)
{
    struct buf out;

    p->sent = PENDING_LEASE;
    p->sent_ms = clock_mono_ms();
    p->lease = m->lease;
    m->want_nusd = p->want_nusd;
    buf_init(&out, 128);
    if (msg_lease_more_encode(m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

/* What is queued becomes one message that wants the sum. */
static void pending_send(struct uplink *u, struct pending *p)
{
    struct msg_lease_more more;
    int64_t want = 0;

    assert(p->sent == PENDING_IDLE && p->asked.first == NULL && u->state == UPLINK_ACCEPTED);
    if (p->queued.first == NULL) {
        pending_drop(u, p);
        return;
    }
    for (const struct ask *a = p->queued.first; a != NULL; a = a->next)
        want = a->want_nusd > LEASE_ASK_MAX - want ? LEASE_ASK_MAX : want + a->want_nusd;
    p->asked = p->queued;
    p->queued.first = NULL;
    p->want_nusd = want;
    if (keyring_extendable(u->config.keyring, &p->digest, &more))
        pending_extend(u, p, &more);
    else
        pending_lookup(u, p);
}

/* The message that was on its way is answered. */
static void pending_answered(struct uplink *u, struct pending *p, enum err e, enum lease_status s)
{
    asks_answer(&p->asked, e, s);
    p->sent = PENDING_IDLE;
    if (u->state == UPLINK_ACCEPTED)
        pending_send(u, p);
    else if (p->queued.first == NULL)
        pending_drop(u, p);
}

static void ask_arrived(struct uplink *u, struct ask *a)
{
    struct pending *p = pending_find(u, &a->digest);

    if (u->state != UPLINK_ACCEPTED &&
        (a->kind == ASK_HINT || clock_mono_ms() - u->lost_ms > UPLINK_GRACE_MS)) {
        ask_answer(a, ERR_CONTROL_PLANE, LEASE_OK);
        return;
    }
    if (p != NULL && a->kind == ASK_HINT) { /* its turn comes again with the next request */
        ask_answer(a, ERR_NONE, LEASE_OK);
        return;
    }
    if (p == NULL) {
        p = calloc(1, sizeof *p);
        if (p == NULL) {
            ask_answer(a, ERR_CONTROL_PLANE, LEASE_OK);
            return;
        }
        p->digest = a->digest;
        p->next = *pending_bucket(u, &a->digest);
        *pending_bucket(u, &a->digest) = p;
    }
    /* Who only wants to know the key is served by the message that is on its way. */
    if (a->kind == ASK_KEY && p->sent != PENDING_IDLE)
        ask_append(&p->asked, a);
    else
        ask_append(&p->queued, a);
    if (p->sent == PENDING_IDLE && u->state == UPLINK_ACCEPTED)
        pending_send(u, p);
}

/* --- the link thread: events --- */

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

    if (p != NULL && p->sent == PENDING_LOOKUP)
        pending_answered(u, p, e == ERR_NONE ? ERR_NONE : ERR_CONTROL_PLANE, LEASE_OK);
}

void asks_refused(struct uplink *u, const struct digest32 *digest)
{
    struct pending *p = pending_find(u, digest);

    if (p != NULL && p->sent == PENDING_LOOKUP) /* the keyring knows why */
        pending_answered(u, p, ERR_NONE, LEASE_GONE);
}

void asks_leased(struct uplink *u, const struct msg_lease *l)
{
    struct pending *p = pending_of_lease(u, l);

    if (p == NULL)
        return; /* a renewal, or too late */
    if (l->status == LEASE_GONE && p->asked.first != NULL) {
        pending_lookup(u, p); /* the same asks, another lease */
        return;
    }
    pending_answered(u, p, ERR_NONE, (enum lease_status)l->status);
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

static void pending_resend(struct uplink *u, struct pending *p)
{
    if (p->sent == PENDING_IDLE && u->state == UPLINK_ACCEPTED)
        pending_send(u, p);
}

void asks_accepted(struct uplink *u)
{
    pending_each(u, pending_resend);
}

static void pending_lost(struct uplink *u, struct pending *p)
{
    struct ask_list behind = p->queued;
    struct ask *a;

    /* What was asked goes first again. */
    p->queued = p->asked;
    p->asked.first = NULL;
    p->sent = PENDING_IDLE;
    while ((a = ask_take(&behind)) != NULL)
        ask_append(&p->queued, a);
    if (p->queued.first == NULL)
        pending_drop(u, p);
}

void asks_lost(struct uplink *u)
{
    pending_each(u, pending_lost);
}

static void pending_tick(struct uplink *u, struct pending *p)
{
    uint64_t now_ms = clock_mono_ms(), oldest = now_ms - ASK_TIMEOUT_MS;

    if (u->state != UPLINK_ACCEPTED && now_ms - u->lost_ms > UPLINK_GRACE_MS)
        oldest = now_ms; /* it does not come back soon: nobody waits any longer */
    asks_expire(&p->asked, oldest);
    asks_expire(&p->queued, oldest);
    if (p->sent != PENDING_IDLE && now_ms - p->sent_ms >= ASK_TIMEOUT_MS)
        pending_answered(u, p, ERR_CONTROL_PLANE, LEASE_OK); /* a late answer still counts */
    else if (p->sent == PENDING_IDLE && p->queued.first == NULL)
        pending_drop(u, p);
}

void asks_tick(struct uplink *u, uint64_t now_ms)
{
    (void)now_ms;
    pending_each(u, pending_tick);
}

void asks_free(struct uplink *u)
{
    struct uplink_port *p;
    struct ask *a;

    asks_take(u);
    for (size_t i = 0; i < ASK_BUCKETS; i++)
        while (u->pending[i] != NULL) {
            asks_answer(&u->pending[i]->asked, ERR_CONTROL_PLANE, LEASE_OK);
            asks_answer(&u->pending[i]->queued, ERR_CONTROL_PLANE, LEASE_OK);
            pending_drop(u, u->pending[i]);
        }
    while ((p = u->ports) != NULL) {
        u->ports = p->next;
        assert(p->closed); /* promised by uplink_port_free() */
        while ((a = ask_take(&p->done)) != NULL)
            free(a);
        free(p);
    }
}
