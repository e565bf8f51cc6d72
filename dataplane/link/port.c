/* A worker's side of asking: its port, and the asks it posts through it. They travel to the link thread
 * and back in two lists under one lock, and never exist twice; asks.c is the other side. */
#include "clock.h"
#include "uplink_own.h"

#include <assert.h>
#include <stdlib.h>

void ask_append(struct ask_list *l, struct ask *a)
{
    a->next = NULL;
    if (l->first == NULL)
        l->end = &l->first;
    *l->end = a;
    l->end = &a->next;
}

struct ask *ask_take(struct ask_list *l)
{
    struct ask *a = l->first;

    if (a != NULL)
        l->first = a->next;
    return a;
}

void ask_drop(struct ask *a)
{
    const struct ask_answer *r = &a->answer;

    if (r->key != NULL) {
        key_settle(r->key, &r->lease, a->amount_nusd, 0);
        key_release(r->key);
    }
    free(a);
}

static void port_async_cb(uv_async_t *async)
{
    struct uplink_port *p = async->data;
    struct ask_list done;
    struct ask *a;

    uv_mutex_lock(&p->uplink->lock);
    done = p->done;
    p->done.first = NULL;
    uv_mutex_unlock(&p->uplink->lock);
    while ((a = ask_take(&done)) != NULL) {
        /* A callback may cancel an ask that stands further back in this list: its turn still comes,
         * and then nobody is called. */
        p->waiting--;
        if (a->cb == NULL || atomic_load_explicit(&a->cancelled, memory_order_relaxed)) {
            ask_drop(a);
        } else {
            uplink_ask_cb *cb = a->cb;
            struct ask_answer answer = a->answer;
            void *cookie = a->cookie;

            free(a);
            cb(cookie, &answer);
        }
    }
    inquiries_deliver(p);
}

enum err uplink_port_new(struct uplink *u, uv_loop_t *loop, struct uplink_port **out)
{
    struct uplink_port *p = calloc(1, sizeof *p);

    if (p == NULL)
        return ERR_MEMORY;
    if (uv_async_init(loop, &p->async, port_async_cb) != 0) {
        free(p);
        return ERR_IO;
    }
    p->async.data = p;
    p->uplink = u;
    uv_mutex_lock(&u->lock);
    p->next = u->ports;
    u->ports = p;
    uv_mutex_unlock(&u->lock);
    *out = p;
    return ERR_NONE;
}

/* The struct stays until uplink_stop(): the link thread may still hold asks that name it. */
void uplink_port_free(struct uplink_port *p)
{
    struct ask *a;

    if (p == NULL)
        return;
    uv_mutex_lock(&p->uplink->lock);
    p->closed = true;
    while ((a = ask_take(&p->done)) != NULL)
        ask_drop(a);
    inquiries_drop(p);
    uv_mutex_unlock(&p->uplink->lock);
    uv_close((uv_handle_t *)&p->async, NULL);
}

static enum err ask_new(struct uplink_port *p, enum ask_kind kind, const struct digest32 *digest,
                        int64_t amount_nusd, struct ask **out)
{
    struct ask *a;

    assert(amount_nusd >= 0);
    if (p->waiting >= ASK_WAITING_MAX)
        return ERR_OVERLOAD;
    a = calloc(1, sizeof *a);
    if (a == NULL)
        return ERR_MEMORY;
    a->port = p;
    a->kind = kind;
    a->digest = *digest;
    a->amount_nusd = amount_nusd;
    a->asked_ms = clock_mono_ms();
    p->waiting++;
    *out = a;
    return ERR_NONE;
}

static void ask_post(struct ask *a)
{
    struct uplink *u = a->port->uplink;

    uv_mutex_lock(&u->lock);
    ask_append(&u->inbox, a);
    uv_mutex_unlock(&u->lock);
    uv_async_send(&u->wake);
}

static enum err ask_of_key(struct uplink_port *p, enum ask_kind kind, const struct digest32 *digest,
                           int64_t amount_nusd, uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    enum err e = ask_new(p, kind, digest, amount_nusd, out);

    if (e != ERR_NONE)
        return e;
    (*out)->cb = cb;
    (*out)->cookie = cookie;
    ask_post(*out);
    return ERR_NONE;
}

enum err uplink_ask(struct uplink_port *p, const struct digest32 *digest, int64_t amount_nusd,
                    uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    return ask_of_key(p, ASK_RESERVE, digest, amount_nusd, cb, cookie, out);
}

enum err uplink_ask_key(struct uplink_port *p, const struct digest32 *digest, uplink_ask_cb *cb,
                        void *cookie, struct ask **out)
{
    return ask_of_key(p, ASK_KNOW, digest, 0, cb, cookie, out);
}

enum err uplink_ask_more(struct uplink_port *p, struct key *key, const struct id *lease,
                         int64_t more_nusd, uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    struct digest32 digest = key_digest(key);
    enum err e = ask_new(p, ASK_GROW, &digest, more_nusd, out);

    if (e != ERR_NONE)
        return e;
    (*out)->lease = *lease;
    (*out)->cb = cb;
    (*out)->cookie = cookie;
    ask_post(*out);
    return ERR_NONE;
}

void uplink_hint_lease(struct uplink_port *p, struct key *key)
{
    struct digest32 digest = key_digest(key);
    struct ask *a;

    if (ask_new(p, ASK_HINT, &digest, 0, &a) == ERR_NONE)
        ask_post(a); /* otherwise the next request hints again */
}

void ask_cancel(struct ask *a)
{
    atomic_store_explicit(&a->cancelled, true, memory_order_relaxed);
}
