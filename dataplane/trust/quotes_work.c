/* The quote thread: takes what waits, makes a report, hands it out. A lone nonce is answered at
 * once; while a report is made, and for the rest of the window, further nonces gather. */
#include "quotes_own.h"

#include "clock.h"
#include "evidence.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

/* --- a batch's tree --- */

static void node_store_cb(void *cookie, unsigned level, uint64_t index, const struct digest32 *hash)
{
    struct quotes *q = cookie;

    q->nodes[level][index] = *hash;
}

static enum err node_read(void *cookie, unsigned level, uint64_t index, struct digest32 *out)
{
    const struct quotes *q = cookie;

    *out = q->nodes[level][index];
    return ERR_NONE;
}

/* REPORT_DATA of the asks' leaves, and to each its place and its path. */
static enum err batch_build(struct quotes *q, struct quote_list *asks, uint64_t size,
                            uint8_t report_data[static 64])
{
    struct tlog_edge tree = {.size = 0};
    struct tlog_proof path;
    struct digest32 leaf, root;
    struct quote_ask *a;
    enum err e = ERR_NONE;

    TAILQ_FOREACH(a, asks, link)
    {
        memcpy(leaf.b, a->wanted, sizeof leaf.b);
        a->index = tree.size;
        tlog_append(&tree, &leaf, node_store_cb, q);
    }
    assert(tree.size == size);
    tlog_root(&tree, &root);
    evidence_report_data(q->config.identity, &root, report_data);
    TAILQ_FOREACH(a, asks, link)
    {
        e = tlog_prove_inclusion(size, a->index, node_read, q, &path);
        if (e != ERR_NONE)
            break;
        assert(path.n <= BATCH_LEVELS);
        a->size = size;
        a->path_n = path.n;
        for (size_t i = 0; i < path.n; i++)
            a->path[i] = path.hashes[i];
    }
    return e;
}

/* --- a report --- */

static struct quote_result *report_make(struct quotes *q, const uint8_t report_data[static 64],
                                        enum err *e)
{
    struct quote_result *r = calloc(1, sizeof *r);

    *e = ERR_MEMORY;
    if (r == NULL)
        return NULL;
    atomic_init(&r->references, 1); /* this function's caller */
    quote_init(&r->quote);
    *e = q->config.get(q->config.source, report_data, &r->quote);
    /* What a device hands over by mistake must not be shown as an answer. */
    if (*e == ERR_NONE && memcmp(r->quote.report + SNP_AT_REPORT_DATA, report_data, 64) != 0)
        *e = ERR_ATTESTATION;
    if (*e == ERR_NONE)
        return r;
    quote_result_release(r);
    return NULL;
}

static void report_log(struct quotes *q, enum err e)
{
    bool failed = e != ERR_NONE;

    if (failed != q->failing)
        LOG("quotes", KV("working", !failed), KV("error", log_err((int)e)));
    q->failing = failed;
}

/* Under the lock: to its port, or, when nobody waits any more, away. */
static void ask_deliver(struct quote_ask *a, enum err e, struct quote_result *r)
{
    if (a->cancelled) {
        free(a);
        return;
    }
    a->e = e;
    if (r != NULL) {
        atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
        a->result = r;
    }
    a->where = ASK_DONE;
    TAILQ_INSERT_TAIL(&a->port->done, a, link);
    uv_async_send(&a->port->async);
}

static void asks_serve(struct quotes *q, enum quote_kind kind, struct quote_list *asks, size_t n)
{
    struct quote_result *r = NULL;
    uint8_t report_data[64];
    struct quote_ask *a;
    enum err e = ERR_NONE;

    if (kind == QUOTE_LEAF) {
        e = batch_build(q, asks, n, report_data);
    } else {
        a = TAILQ_FIRST(asks);
        memcpy(report_data, a->wanted, sizeof report_data);
        a->size = 1;
    }
    if (e == ERR_NONE)
        r = report_make(q, report_data, &e);
    report_log(q, e);
    uv_mutex_lock(&q->lock);
    q->counters.reports += e == ERR_NONE;
    q->counters.failures += e != ERR_NONE;
    q->counters.asks += n;
    while ((a = TAILQ_FIRST(asks)) != NULL) {
        TAILQ_REMOVE(asks, a, link);
        ask_deliver(a, e, r);
    }
    uv_mutex_unlock(&q->lock);
    quote_result_release(r);
}

/* --- what is next: under the lock --- */

static size_t asks_take(struct quotes *q, enum quote_kind kind, struct quote_list *out)
{
    size_t n = 0, most = kind == QUOTE_LEAF ? ATTEST_BATCH_MAX : 1;
    struct quote_ask *a;

    while (n < most && (a = TAILQ_FIRST(&q->queued[kind])) != NULL) {
        TAILQ_REMOVE(&q->queued[kind], a, link);
        TAILQ_INSERT_TAIL(out, a, link);
        a->where = ASK_WORKING;
        n++;
    }
    q->n_queued[kind] -= n;
    return n;
}

/* The kind to serve now; QUOTE_KINDS: none, and *wait_ms says for how long at most (0: until
 * something is queued). */
static enum quote_kind kind_next(const struct quotes *q, uint64_t *wait_ms)
{
    uint64_t now_ms = clock_mono_ms();
    bool exact = q->n_queued[QUOTE_EXACT] != 0;
    bool early = now_ms < q->next_batch_ms && q->n_queued[QUOTE_LEAF] < ATTEST_BATCH_MAX;
    bool leaf = q->n_queued[QUOTE_LEAF] != 0 && !early;

    *wait_ms = q->n_queued[QUOTE_LEAF] != 0 && early ? q->next_batch_ms - now_ms : 0;
    if (exact && leaf)
        return q->last == QUOTE_LEAF ? QUOTE_EXACT : QUOTE_LEAF;
    return exact ? QUOTE_EXACT : leaf ? QUOTE_LEAF : QUOTE_KINDS;
}

void quotes_main(void *cookie)
{
    struct quotes *q = cookie;
    struct quote_list asks;
    uint64_t wait_ms;

    uv_mutex_lock(&q->lock);
    while (!q->stop) {
        enum quote_kind kind = kind_next(q, &wait_ms);
        size_t n;

        if (kind == QUOTE_KINDS && wait_ms == 0) {
            uv_cond_wait(&q->stirred, &q->lock);
            continue;
        }
        if (kind == QUOTE_KINDS) {
            uv_cond_timedwait(&q->stirred, &q->lock, wait_ms * 1000000);
            continue;
        }
        TAILQ_INIT(&asks);
        n = asks_take(q, kind, &asks);
        q->last = kind;
        if (kind == QUOTE_LEAF)
            q->next_batch_ms = clock_mono_ms() + q->config.window_ms;
        uv_mutex_unlock(&q->lock);
        asks_serve(q, kind, &asks, n);
        uv_mutex_lock(&q->lock);
    }
    uv_mutex_unlock(&q->lock);
}
