/* The workers' side: ports, asks and what bounds them. The list an ask is in says whose it is; all
 * moves happen under the one lock, which is never held while a report is made. */
#include "quotes.h"

#include "clock.h"
#include "quotes_own.h"

#include <assert.h>
#include <stdlib.h>

static const size_t queue_max[QUOTE_KINDS] = {
    [QUOTE_LEAF] = QUOTES_NONCES_MAX, [QUOTE_EXACT] = QUOTES_EXACT_MAX};

/* --- the service --- */

enum err quotes_start(const struct quotes_config *c, struct quotes **out)
{
    struct quotes *q = calloc(1, sizeof *q);

    if (q == NULL)
        return ERR_MEMORY;
    q->config = *c;
    for (int k = 0; k < QUOTE_KINDS; k++)
        TAILQ_INIT(&q->queued[k]);
    if (uv_mutex_init(&q->lock) != 0) {
        free(q);
        return ERR_IO;
    }
    if (uv_cond_init(&q->stirred) != 0) {
        uv_mutex_destroy(&q->lock);
        free(q);
        return ERR_IO;
    }
    if (uv_thread_create(&q->thread, quotes_main, q) != 0) {
        uv_cond_destroy(&q->stirred);
        uv_mutex_destroy(&q->lock);
        free(q);
        return ERR_IO;
    }
    *out = q;
    return ERR_NONE;
}

void quotes_stop(struct quotes *q)
{
    if (q == NULL)
        return;
    uv_mutex_lock(&q->lock);
    assert(q->ports == 0); /* so nothing is queued */
    q->stop = true;
    uv_cond_signal(&q->stirred);
    uv_mutex_unlock(&q->lock);
    uv_thread_join(&q->thread);
    uv_cond_destroy(&q->stirred);
    uv_mutex_destroy(&q->lock);
    free(q);
}

struct quotes_counters quotes_counters(struct quotes *q)
{
    struct quotes_counters c;

    uv_mutex_lock(&q->lock);
    c = q->counters;
    uv_mutex_unlock(&q->lock);
    return c;
}

void quote_result_release(struct quote_result *r)
{
    if (r == NULL || atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) != 1)
        return;
    quote_free(&r->quote);
    free(r);
}

/* --- ports --- */

static void ask_free(struct quote_ask *a)
{
    quote_result_release(a->result);
    free(a);
}

/* The ask is no longer the port's: free it before its callback, which may ask again. */
static void ask_answer(struct quote_ask *a)
{
    struct quote_answer answer = {.index = a->index, .size = a->size, .path.n = a->path_n};
    quotes_cb *cb = a->cb;
    void *cookie = a->cookie;
    enum err e = a->e;
    struct quote_result *result = a->result;

    a->result = NULL;
    for (size_t i = 0; i < a->path_n; i++)
        answer.path.hashes[i] = a->path[i];
    TAILQ_REMOVE(&a->port->waiting, a, mine);
    ask_free(a);
    if (e == ERR_NONE)
        answer.quote = &result->quote;
    cb(cookie, e, e == ERR_NONE ? &answer : NULL);
    quote_result_release(result);
}

/* One at a time: a callback may cancel others that are done. */
static struct quote_ask *done_take(struct quotes_port *p)
{
    struct quote_ask *a;

    uv_mutex_lock(&p->quotes->lock);
    a = TAILQ_FIRST(&p->done);
    if (a != NULL)
        TAILQ_REMOVE(&p->done, a, link);
    uv_mutex_unlock(&p->quotes->lock);
    return a;
}

static void port_async_cb(uv_async_t *async)
{
    struct quotes_port *p = async->data;
    struct quote_ask *a;

    while ((a = done_take(p)) != NULL)
        ask_answer(a);
}

enum err quotes_port_new(struct quotes *q, uv_loop_t *loop, struct quotes_port **out)
{
    struct quotes_port *p = calloc(1, sizeof *p);

    if (p == NULL)
        return ERR_MEMORY;
    if (uv_async_init(loop, &p->async, port_async_cb) != 0) {
        free(p);
        return ERR_IO;
    }
    p->async.data = p;
    p->quotes = q;
    TAILQ_INIT(&p->done);
    TAILQ_INIT(&p->waiting);
    uv_mutex_lock(&q->lock);
    q->ports++;
    uv_mutex_unlock(&q->lock);
    *out = p;
    return ERR_NONE;
}

static void port_close_cb(uv_handle_t *async)
{
    free(async->data);
}

void quotes_port_free(struct quotes_port *p)
{
    struct quote_ask *a;

    if (p == NULL)
        return;
    while ((a = TAILQ_FIRST(&p->waiting)) != NULL)
        quote_ask_cancel(a);
    /* No ask names this port any more but cancelled ones, and nobody asks those for it. */
    uv_mutex_lock(&p->quotes->lock);
    p->quotes->ports--;
    uv_mutex_unlock(&p->quotes->lock);
    uv_close((uv_handle_t *)&p->async, port_close_cb);
}

void quotes_port_tick(struct quotes_port *p, uint64_t now_ms, bool all)
{
    struct quote_ask *a;

    /* Waiting is in the order of asking. */
    while ((a = TAILQ_FIRST(&p->waiting)) != NULL &&
           (all || now_ms - a->asked_ms >= QUOTES_ASK_MS)) {
        quotes_cb *cb = a->cb;
        void *cookie = a->cookie;

        quote_ask_cancel(a);
        cb(cookie, ERR_ATTESTATION, NULL);
    }
}

/* --- asks --- */

static enum err ask_post(struct quotes_port *p, enum quote_kind kind, struct view wanted,
                         quotes_cb *cb, void *cookie, struct quote_ask **out)
{
    struct quotes *q = p->quotes;
    struct quote_ask *a = calloc(1, sizeof *a);
    bool full;

    if (a == NULL)
        return ERR_MEMORY;
    assert(wanted.len <= sizeof a->wanted);
    a->port = p;
    a->kind = kind;
    a->cb = cb;
    a->cookie = cookie;
    a->asked_ms = clock_mono_ms();
    memcpy(a->wanted, wanted.ptr, wanted.len);
    uv_mutex_lock(&q->lock);
    full = q->n_queued[kind] == queue_max[kind];
    if (full) {
        q->counters.refused++;
    } else {
        TAILQ_INSERT_TAIL(&q->queued[kind], a, link);
        q->n_queued[kind]++;
        uv_cond_signal(&q->stirred);
    }
    uv_mutex_unlock(&q->lock);
    if (full) {
        free(a);
        return ERR_OVERLOAD;
    }
    TAILQ_INSERT_TAIL(&p->waiting, a, mine);
    *out = a;
    return ERR_NONE;
}

enum err quotes_ask_leaf(struct quotes_port *p, const struct digest32 *leaf, quotes_cb *cb,
                         void *cookie, struct quote_ask **out)
{
    return ask_post(p, QUOTE_LEAF, view_of(leaf->b, sizeof leaf->b), cb, cookie, out);
}

enum err quotes_ask_exact(struct quotes_port *p, const uint8_t report_data[static 64],
                          quotes_cb *cb, void *cookie, struct quote_ask **out)
{
    return ask_post(p, QUOTE_EXACT, view_of(report_data, 64), cb, cookie, out);
}

void quote_ask_cancel(struct quote_ask *a)
{
    struct quotes_port *p = a->port;
    struct quotes *q = p->quotes;
    bool ours = true;

    TAILQ_REMOVE(&p->waiting, a, mine);
    uv_mutex_lock(&q->lock);
    switch (a->where) {
    case ASK_QUEUED:
        TAILQ_REMOVE(&q->queued[a->kind], a, link);
        q->n_queued[a->kind]--;
        break;
    case ASK_WORKING:
        a->cancelled = true;
        ours = false;
        break;
    case ASK_DONE:
        TAILQ_REMOVE(&p->done, a, link);
        break;
    }
    uv_mutex_unlock(&q->lock);
    if (ours)
        ask_free(a);
}
