/* The link thread's side of inquiries: sent while connected, answered by number or by request id, given up
 * in time; and claims that nobody wants any more, released until the control plane has heard it. */
#include "inquiry.h"

#include "clock.h"
#include "uplink_own.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RELEASE_AGAIN_MS = 3000, /* an unanswered RELEASE is sent again */
    RELEASES_MAX = 4096,     /* further ones are forgotten: the end of their lease ends the claim, too */
};

/* A claim that is not wanted. */
struct release {
    struct release *next;
    struct id request;
    uint64_t sent_ms; /* 0: not sent over this connection */
};

/* --- releases --- */

static void release_send(struct uplink *u, struct release *r, uint64_t now_ms)
{
    const struct msg_release m = {.request = r->request};
    struct buf out;

    r->sent_ms = now_ms;
    buf_init(&out, 64);
    if (msg_release_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

static void release_begin(struct uplink *u, const struct id *request)
{
    struct release *r;

    if (u->n_releases == RELEASES_MAX || (r = calloc(1, sizeof *r)) == NULL)
        return;
    r->request = *request;
    r->next = u->releases;
    u->releases = r;
    u->n_releases++;
    if (u->state == UPLINK_ACCEPTED)
        release_send(u, r, clock_mono_ms());
}

static bool release_answered(struct uplink *u, const struct id *request)
{
    for (struct release **at = &u->releases, *r; (r = *at) != NULL; at = &r->next)
        if (id_eq(&r->request, request)) {
            *at = r->next;
            u->n_releases--;
            free(r);
            return true;
        }
    return false;
}

static void releases_tick(struct uplink *u, uint64_t now_ms)
{
    for (struct release *r = u->releases; r != NULL && u->state == UPLINK_ACCEPTED; r = r->next)
        if (r->sent_ms == 0 || now_ms - r->sent_ms >= RELEASE_AGAIN_MS)
            release_send(u, r, now_ms);
}

/* --- one inquiry --- */

/* Hand it back to its worker. *at points to it in the list. */
static void inquiry_end(struct uplink *u, struct inquiry **at, enum err e)
{
    struct inquiry *q = *at;

    *at = q->next;
    if (*at == NULL)
        u->inquiries.end = at;
    u->relays_open -= q->sent && q->kind == INQUIRY_RELAY;
    if (q->kind == INQUIRY_CLAIM && q->told && e != ERR_NONE)
        release_begin(u, &q->request); /* it may have been granted */
    q->answer.e = e;
    inquiry_hand_back(q);
}

static void inquiry_send(struct uplink *u, struct inquiry *q)
{
    if (q->kind == INQUIRY_RELAY && u->relays_open == LIMIT_RELAY_CALLS)
        return; /* its turn comes */
    u->relays_open += q->kind == INQUIRY_RELAY;
    q->sent = q->told = true;
    uplink_send(u, &q->frame);
}

static void inquiries_send(struct uplink *u)
{
    for (struct inquiry *q = u->inquiries.first; q != NULL && u->state == UPLINK_ACCEPTED; q = q->next)
        if (!q->sent)
            inquiry_send(u, q);
}

/* How long it may go on: until the link is given up, then until it has an answer. */
static bool inquiry_late(const struct uplink *u, const struct inquiry *q, uint64_t now_ms)
{
    uint64_t bound_ms = q->kind == INQUIRY_RELAY ? LIMIT_RELAY_MS : INQUIRY_CLAIM_MS;

    if (!q->sent && u->state != UPLINK_ACCEPTED)
        return now_ms - u->lost_ms > UPLINK_GRACE_MS;
    return now_ms - q->asked_ms >= bound_ms;
}

/* --- events --- */

void inquiries_take(struct uplink *u)
{
    struct inquiry *next;

    for (struct inquiry *q = inquiry_inbox_take(u); q != NULL; q = next) {
        next = q->next;
        if (q->kind == INQUIRY_RELEASE) {
            release_begin(u, &q->request);
            inquiry_free(q);
        } else {
            inquiry_append(&u->inquiries, q);
        }
    }
    inquiries_send(u);
}

/* The clock is read here, and again once the releases that begin here have their times: a time from before would
 * lie before theirs, and before that of a link lost in this tick, and what has just begun would seem to be old. */
void inquiries_tick(struct uplink *u)
{
    struct inquiry **at = &u->inquiries.first;
    uint64_t now_ms = clock_mono_ms();

    while (*at != NULL) {
        struct inquiry *q = *at;

        /* A relayed question keeps its place until the control plane is done with it. */
        if (inquiry_late(u, q, now_ms) || (inquiry_cancelled(q) && (!q->sent || q->kind != INQUIRY_RELAY)))
            inquiry_end(u, at, ERR_CONTROL_PLANE);
        else
            at = &q->next;
    }
    inquiries_send(u);
    releases_tick(u, clock_mono_ms());
}

void inquiries_accepted(struct uplink *u)
{
    inquiries_send(u);
    releases_tick(u, clock_mono_ms());
}

/* A claim asked for again is the same claim; of a relayed question nobody knows whether it was answered. */
void inquiries_lost(struct uplink *u)
{
    struct inquiry **at = &u->inquiries.first;

    for (struct release *r = u->releases; r != NULL; r = r->next)
        r->sent_ms = 0;
    while (*at != NULL) {
        struct inquiry *q = *at;

        if (q->sent && q->kind == INQUIRY_RELAY) {
            inquiry_end(u, at, ERR_CONTROL_PLANE);
            continue;
        }
        q->sent = false;
        at = &q->next;
    }
}

/* --- answers --- */

static void relay_next(struct uplink *u, uint64_t call, bool more)
{
    const struct msg_relay_next m = {.call = call, .more = more};
    struct buf out;

    buf_init(&out, 64);
    if (msg_relay_next_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

bool inquiries_relay_answer(struct uplink *u, struct view payload)
{
    struct inquiry **at = &u->inquiries.first, *q;
    struct msg_relay_answer m;
    enum err e;

    if (msg_relay_answer_decode(payload, &m) != ERR_NONE)
        return false;
    while ((q = *at) != NULL && (q->kind != INQUIRY_RELAY || !q->sent || q->call != m.call))
        at = &q->next;
    if (q == NULL || inquiry_cancelled(q)) {
        if (!m.last)
            relay_next(u, m.call, false);
        if (q != NULL)
            inquiry_end(u, at, ERR_CANCELLED);
        return true;
    }
    q->answer.status = m.status;
    q->answer.retry_ms = m.retry_ms;
    e = buf_append(&q->answer.body, m.body);
    if (!m.last)
        relay_next(u, m.call, e == ERR_NONE);
    if (m.last || e != ERR_NONE)
        inquiry_end(u, at, e == ERR_NONE ? ERR_NONE : ERR_LIMIT);
    inquiries_send(u); /* there may be room for one that waits */
    return true;
}

/* Also the answer to a RELEASE. One that came too late has been released already. */
bool inquiries_claimed(struct uplink *u, struct view payload)
{
    struct inquiry **at = &u->inquiries.first, *q;
    struct msg_claimed m;

    if (msg_claimed_decode(payload, &m) != ERR_NONE)
        return false;
    if (m.status == CLAIM_NONE && release_answered(u, &m.request))
        return true;
    while ((q = *at) != NULL && (q->kind != INQUIRY_CLAIM || !q->sent || !id_eq(&q->request, &m.request)))
        at = &q->next;
    if (q == NULL)
        return true;
    q->answer.claim = m;
    inquiry_end(u, at, ERR_NONE);
    return true;
}

/* One answer is everybody's who asked about the account. */
void inquiries_own_answered(struct uplink *u, const struct id *account)
{
    struct inquiry **at = &u->inquiries.first;

    while (*at != NULL) {
        const struct inquiry *q = *at;

        if (q->kind == INQUIRY_OWN && q->sent && id_eq(&q->request, account))
            inquiry_end(u, at, ERR_NONE);
        else
            at = &(*at)->next;
    }
}

void inquiries_free(struct uplink *u)
{
    inquiries_take(u);
    while (u->inquiries.first != NULL)
        inquiry_end(u, &u->inquiries.first, ERR_CONTROL_PLANE);
    for (struct release *r; (r = u->releases) != NULL;) {
        u->releases = r->next;
        u->n_releases--;
        free(r);
    }
}
