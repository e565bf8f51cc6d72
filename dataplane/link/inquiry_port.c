/* The workers' side of inquiries: made and posted here, handed back here. As with asks they travel in two lists
 * under one lock, and never exist twice. */
#include "inquiry.h"

#include "clock.h"
#include "uplink_own.h"

#include <assert.h>
#include <stdlib.h>

void inquiry_append(struct inquiry_list *l, struct inquiry *q)
{
    q->next = NULL;
    if (l->first == NULL)
        l->end = &l->first;
    *l->end = q;
    l->end = &q->next;
}

static struct inquiry *list_empty(struct inquiry_list *l)
{
    struct inquiry *q = l->first;

    l->first = NULL;
    return q;
}

void inquiry_free(struct inquiry *q)
{
    buf_free(&q->frame);
    buf_free(&q->answer.body);
    free(q);
}

static void inquiry_post(struct inquiry *q)
{
    struct uplink *u = q->port->uplink;

    uv_mutex_lock(&u->lock);
    inquiry_append(&u->inquiry_inbox, q);
    uv_mutex_unlock(&u->lock);
    uv_async_send(&u->wake);
}

struct inquiry *inquiry_inbox_take(struct uplink *u)
{
    struct inquiry *q;

    uv_mutex_lock(&u->lock);
    q = list_empty(&u->inquiry_inbox);
    uv_mutex_unlock(&u->lock);
    return q;
}

void inquiry_hand_back(struct inquiry *q)
{
    struct uplink_port *p = q->port;
    bool closed;

    uv_mutex_lock(&p->uplink->lock);
    closed = p->closed;
    if (!closed) {
        inquiry_append(&p->inquiries_done, q);
        uv_async_send(&p->async); /* under the lock: uplink_port_free() closes it after */
    }
    uv_mutex_unlock(&p->uplink->lock);
    if (closed)
        inquiry_free(q);
}

bool inquiry_cancelled(const struct inquiry *q)
{
    return atomic_load_explicit(&q->cancelled, memory_order_relaxed);
}

/* Nobody waits for it any more. A claim that was granted all the same goes back to the link thread. */
static void inquiry_unwanted(struct inquiry *q)
{
    if (q->kind != INQUIRY_CLAIM || q->answer.e != ERR_NONE ||
        q->answer.claim.status != CLAIM_GRANTED) {
        inquiry_free(q);
        return;
    }
    q->kind = INQUIRY_RELEASE;
    inquiry_post(q);
}

void inquiries_deliver(struct uplink_port *p)
{
    struct inquiry *q, *next;

    uv_mutex_lock(&p->uplink->lock);
    q = list_empty(&p->inquiries_done);
    uv_mutex_unlock(&p->uplink->lock);
    for (; q != NULL; q = next) {
        next = q->next;
        /* A callback may cancel an inquiry that stands further back: its turn still comes. */
        p->inquiries--;
        if (inquiry_cancelled(q)) {
            inquiry_unwanted(q);
        } else {
            q->cb(q->cookie, &q->answer);
            inquiry_free(q);
        }
    }
}

void inquiries_drop(struct uplink_port *p)
{
    struct inquiry *q, *next;

    for (q = list_empty(&p->inquiries_done); q != NULL; q = next) {
        next = q->next;
        inquiry_free(q);
    }
}

/* --- asking --- */

static enum err inquiry_new(struct uplink_port *p, enum inquiry_kind kind, inquiry_cb *cb, void *cookie,
                            struct inquiry **out)
{
    struct inquiry *q;

    if (p->inquiries >= INQUIRY_WAITING_MAX)
        return ERR_OVERLOAD;
    q = calloc(1, sizeof *q);
    if (q == NULL)
        return ERR_MEMORY;
    q->port = p;
    q->kind = kind;
    q->asked_ms = clock_mono_ms();
    q->cb = cb;
    q->cookie = cookie;
    buf_init(&q->frame, LIMIT_FRAME_BYTES);
    buf_init(&q->answer.body, LIMIT_RELAY_ANSWER_BYTES);
    *out = q;
    return ERR_NONE;
}

/* e: how encoding its frame went. */
static enum err inquiry_begin(struct inquiry *q, enum err e, struct inquiry **out)
{
    if (e != ERR_NONE) {
        inquiry_free(q);
        return e;
    }
    q->port->inquiries++;
    *out = q;
    inquiry_post(q);
    return ERR_NONE;
}

enum err inquiry_relay(struct uplink_port *p, const struct msg_relay_ask *ask, inquiry_cb *cb,
                       void *cookie, struct inquiry **out)
{
    struct msg_relay_ask m = *ask;
    struct inquiry *q;
    enum err e = inquiry_new(p, INQUIRY_RELAY, cb, cookie, &q);

    if (e != ERR_NONE)
        return e;
    q->call = m.call = 1 + atomic_fetch_add_explicit(&p->uplink->relay_calls, 1, memory_order_relaxed);
    return inquiry_begin(q, msg_relay_ask_encode(&m, &q->frame), out);
}

enum err inquiry_claim(struct uplink_port *p, const struct msg_claim *claim, inquiry_cb *cb,
                       void *cookie, struct inquiry **out)
{
    struct inquiry *q;
    enum err e = inquiry_new(p, INQUIRY_CLAIM, cb, cookie, &q);

    if (e != ERR_NONE)
        return e;
    q->request = claim->request;
    return inquiry_begin(q, msg_claim_encode(claim, &q->frame), out);
}

enum err inquiry_own(struct uplink_port *p, const struct id *account, inquiry_cb *cb, void *cookie,
                     struct inquiry **out)
{
    const struct msg_own_ask m = {.account = *account};
    struct inquiry *q;
    enum err e = inquiry_new(p, INQUIRY_OWN, cb, cookie, &q);

    if (e != ERR_NONE)
        return e;
    q->request = *account;
    return inquiry_begin(q, msg_own_ask_encode(&m, &q->frame), out);
}

void inquiry_cancel(struct inquiry *q)
{
    atomic_store_explicit(&q->cancelled, true, memory_order_relaxed);
}
