/* The pool behind db.h: which connection gets which query, how long it may wait, when to try again.
 */
#include "db.h"
#include "clock.h"
#include "conninfo.h"
#include "db_conn.h"
#include "log.h"
#include "query.h"

#include <assert.h>
#include <stdlib.h>

enum {
    POOL_MAX = 32,
    SWEEP_MS = 100, /* how exactly timeouts are kept */
    CONNECT_TIMEOUT_MS = 5000,
    CONNECT_TIMEOUT_SEVERAL_MS = 2000, /* with another host to try */
    BACKOFF_MIN_MS = 100, /* doubles up to the maximum, so a restart of the server is met soon */
    BACKOFF_MAX_MS = 2000,
    PING_MS = 1000,
};

enum slot_state {
    SLOT_WAITING,    /* no connection; the next attempt is at retry_ms */
    SLOT_CONNECTING, /* db_conn_open was called; `ready` or `down` comes before retry_ms */
    SLOT_READY       /* takes queries */
};

struct pool;
struct db { /* what db.h hands out: the pool, and in whose name it is asked */
    struct pool *pool;
    bool named;
    struct db_who who;
};

struct slot {
    struct pool *db;
    struct db_conn *conn;
    enum slot_state state;
    uint64_t retry_ms, ping_ms;
    uint32_t backoff_ms;
    unsigned turn;        /* with which of several hosts the next attempt begins */
    struct fifo lane;     /* waiting for this very connection */
    struct fifo inflight; /* sent, in order */
};

struct pool {
    struct db self; /* in nobody's name */
    uv_loop_t *loop;
    uv_timer_t sweep, soon; /* soon: work that must not happen inside a caller */
    char *url;
    uint32_t connect_ms;
    struct slot slots[POOL_MAX + 1]; /* the last is the listener */
    unsigned n;
    struct fifo waiting; /* for any connection */
    struct fifo failed;  /* callbacks to be made from `soon` */
    size_t queued;
    bool closing;
    struct db_watch watch;
    void (*closed)(void *cookie);
    void *closed_cookie;
    unsigned handles; /* still open, while closing */
};

static void soon_cb(uv_timer_t *t);

/* While closing, close_cb takes care of what fails. */
static void db_soon(struct pool *d)
{
    if (!d->closing)
        uv_timer_start(&d->soon, soon_cb, 0, 0);
}

/* The callback follows from `soon`. */
static void query_fail(struct pool *d, struct query *q, enum err e)
{
    q->failed = e;
    fifo_push(&d->failed, q);
    db_soon(d);
}

static void query_finish(struct query *q, enum err e, const struct db_result *r)
{
    if (e != ERR_NONE)
        LOG("db_query_failed", KV("stmt", stmt_log_name(q->stmt)), KV("err", log_err(e)));
    q->cb(q->cookie, e, r);
    free(q);
}

static void fifo_fail(struct pool *d, struct fifo *f, enum err e)
{
    for (struct query *q; (q = fifo_pop(f)) != NULL;)
        query_fail(d, q, e);
}

/* --- sending --- */

static void slot_send(struct slot *s, struct query *q)
{
    s->db->queued--;
    q->deadline_ms = clock_mono_ms() + DB_QUERY_TIMEOUT_MS; /* from now on it may be executing */
    if (db_conn_send(s->conn, q->stmt, q->params, q->n, q->named ? &q->who : NULL) == ERR_NONE)
        fifo_push(&s->inflight, q);
    else
        query_fail(s->db, q, ERR_DB);
}

static bool slot_has_room(const struct slot *s)
{
    return s->state == SLOT_READY && s->inflight.n < DB_PIPELINE_DEPTH;
}

/* --- lanes: the first connections are kept for leases, the next for look-ups */

#define LANE_LEASES (UINT32_C(1) << 30)
#define LANE_LOOKUPS (UINT32_C(2) << 30)

uint32_t db_lane(uint32_t hash)
{
    return (hash & ~(LANE_LEASES | LANE_LOOKUPS)) | 1;
}

uint32_t db_lane_leases(uint32_t hash)
{
    return (hash & ~(LANE_LEASES | LANE_LOOKUPS)) | LANE_LEASES;
}

uint32_t db_lane_lookups(uint32_t hash)
{
    return (hash & ~(LANE_LEASES | LANE_LOOKUPS)) | LANE_LOOKUPS;
}

/* How many are kept for look-ups: each is a transaction of its own, and the server flushes those of several
 * connections together. */
static unsigned db_kept_lookups(const struct pool *d)
{
    return d->n >= 2 * DB_LOOKUPS_PART ? d->n / DB_LOOKUPS_PART : 1;
}

/* How many are kept: the first that anything may use. */
static unsigned db_kept(const struct pool *d)
{
    return d->n >= DB_KEPT_MIN ? DB_KEPT_LEASES + db_kept_lookups(d) : 0;
}

static struct slot *db_slot_of(struct pool *d, uint32_t lane)
{
    unsigned kept = db_kept(d);

    if (kept != 0 && (lane & LANE_LEASES))
        return &d->slots[(lane & ~LANE_LEASES) % DB_KEPT_LEASES];
    if (kept != 0 && (lane & LANE_LOOKUPS))
        return &d->slots[DB_KEPT_LEASES + (lane & ~LANE_LOOKUPS) % db_kept_lookups(d)];
    return &d->slots[kept + (lane & ~(LANE_LEASES | LANE_LOOKUPS)) % (d->n - kept)];
}

/* A kept connection's queue has its own bound: a crowd at one does not fill another. */
static bool db_crowded(const struct pool *d, const struct slot *s)
{
    size_t others = d->queued;

    if (s != NULL && s < &d->slots[db_kept(d)])
        return s->lane.n >= DB_QUEUE_MAX;
    for (unsigned i = 0; i < db_kept(d); i++)
        others -= d->slots[i].lane.n;
    return others >= DB_QUEUE_MAX;
}

static struct slot *db_least_busy(struct pool *d)
{
    struct slot *best = NULL;

    for (unsigned i = db_kept(d); i < d->n; i++)
        if (slot_has_room(&d->slots[i]) &&
            (best == NULL || d->slots[i].inflight.n < best->inflight.n))
            best = &d->slots[i];
    return best;
}

static void db_dispatch(struct pool *d)
{
    struct slot *s;

    if (d->closing)
        return;
    for (unsigned i = 0; i < d->n; i++)
        while (slot_has_room(&d->slots[i]) && d->slots[i].lane.head != NULL)
            slot_send(&d->slots[i], fifo_pop(&d->slots[i].lane));
    while (d->waiting.head != NULL && (s = db_least_busy(d)) != NULL)
        slot_send(s, fifo_pop(&d->waiting));
}

void db_query(struct db *handle, enum stmt stmt, const struct db_param *params, size_t n,
              uint32_t lane, db_cb *cb, void *cookie)
{
    struct pool *d = handle->pool;
    struct query *q = query_new(stmt, params, n);
    struct slot *s = lane == 0 ? NULL : db_slot_of(d, lane);

    assert(n == stmt_params(stmt) && stmt_pooled(stmt));
    /* Without memory for a query there is none to say so later either. */
    assert(q != NULL);
    q->cb = cb;
    q->cookie = cookie;
    q->named = handle->named;
    q->who = handle->who;
    q->deadline_ms = clock_mono_ms() + DB_QUERY_TIMEOUT_MS;
    if (d->closing || db_crowded(d, s)) {
        query_fail(d, q, d->closing ? ERR_CANCELLED : ERR_OVERLOAD);
        return;
    }
    d->queued++;
    fifo_push(s == NULL ? &d->waiting : &s->lane, q);
    db_dispatch(d);
}

void db_fail(struct db *handle, enum stmt s, enum err e, db_cb *cb, void *cookie)
{
    struct query *q = query_new(s, NULL, 0);

    assert(q != NULL && e != ERR_NONE);
    q->cb = cb;
    q->cookie = cookie;
    query_fail(handle->pool, q, e);
}

/* --- connections --- */

static void slot_ready_cb(void *cookie)
{
    struct slot *s = cookie;

    s->state = SLOT_READY;
    s->backoff_ms = BACKOFF_MIN_MS;
    s->turn = 0;
    s->ping_ms = clock_mono_ms() + PING_MS;
    if (s == &s->db->slots[POOL_MAX]) {
        LOG("db_listening", KV("connections", s->db->n));
        if (s->db->watch.listening != NULL)
            s->db->watch.listening(s->db->watch.cookie);
    }
    db_dispatch(s->db);
}

static void slot_answer_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct slot *s = cookie;
    struct query *q = fifo_pop(&s->inflight);

    assert(q != NULL);
    query_finish(q, e, r);
    db_dispatch(s->db);
}

static void slot_notified_cb(void *cookie, struct view channel, struct view payload)
{
    struct slot *s = cookie;

    if (s->db->watch.notified != NULL)
        s->db->watch.notified(s->db->watch.cookie, channel, payload);
}

/* What was sent has an unknown end; what only waited goes to the next connection. */
static void slot_down_cb(void *cookie)
{
    struct slot *s = cookie;

    if (s->state == SLOT_CONNECTING)
        s->turn++; /* a host that does not answer must not keep us from the next one */
    LOG("db_connection_lost", KV("was_ready", s->state == SLOT_READY),
        KV("queries", (uint64_t)s->inflight.n), KV("retry_ms", s->backoff_ms));
    fifo_fail(s->db, &s->inflight, ERR_DB);
    s->state = SLOT_WAITING;
    s->retry_ms = clock_mono_ms() + s->backoff_ms;
    s->backoff_ms = s->backoff_ms * 2 < BACKOFF_MAX_MS ? s->backoff_ms * 2 : BACKOFF_MAX_MS;
}

static void slot_connect(struct slot *s)
{
    const struct db_conn_events events = {slot_ready_cb, slot_answer_cb, slot_notified_cb,
                                          slot_down_cb, s};

    db_conn_free(s->conn);
    s->conn = NULL;
    s->state = SLOT_CONNECTING;
    s->retry_ms = clock_mono_ms() + s->db->connect_ms;
    if (db_conn_open(s->db->loop, s->db->url, s->turn, s == &s->db->slots[POOL_MAX], &events,
                     &s->conn) != ERR_NONE)
        slot_down_cb(s);
}

/* --- time --- */

static void ping_cb(void *cookie, enum err e, const struct db_result *r)
{
    (void)cookie;
    (void)e; /* a ping that fails took its connection down, which says it all */
    (void)r;
}

/* An idle listener hears nothing when its server is gone without a word: it asks. */
static void slot_ping(struct slot *s, uint64_t now)
{
    struct query *q;

    if (s->state != SLOT_READY || now < s->ping_ms || s->inflight.n > 0)
        return;
    q = query_new(STMT_PING, NULL, 0);
    if (q == NULL)
        return;
    q->cb = ping_cb;
    s->ping_ms = now + PING_MS;
    s->db->queued++;
    slot_send(s, q);
}

static void fifo_expire(struct pool *d, struct fifo *f, uint64_t now)
{
    while (f->head != NULL && f->head->deadline_ms <= now) {
        d->queued--;
        query_fail(d, fifo_pop(f), ERR_DB);
    }
}

static void slot_sweep(struct slot *s, uint64_t now)
{
    fifo_expire(s->db, &s->lane, now);
    /* The server has its own statement timeout a little below ours; an answer that is still late
     * means that it or the network is gone. */
    if (s->state == SLOT_READY && s->inflight.head != NULL &&
        s->inflight.head->deadline_ms <= now) {
        db_conn_free(s->conn);
        s->conn = NULL;
        slot_down_cb(s);
    }
    if (s->state == SLOT_CONNECTING && s->retry_ms <= now)
        s->turn++;
    if (s->state != SLOT_READY && s->retry_ms <= now)
        slot_connect(s);
}

static void sweep_cb(uv_timer_t *t)
{
    struct pool *d = t->data;
    uint64_t now = clock_mono_ms();

    for (unsigned i = 0; i < d->n; i++)
        slot_sweep(&d->slots[i], now);
    if (d->watch.notified != NULL) {
        slot_sweep(&d->slots[POOL_MAX], now);
        slot_ping(&d->slots[POOL_MAX], now);
    }
    fifo_expire(d, &d->waiting, now);
}

static void soon_cb(uv_timer_t *t)
{
    struct pool *d = t->data;
    size_t n = d->failed.n; /* a callback may queue and fail again: that waits for the next turn */

    for (; n > 0; n--) {
        struct query *q = fifo_pop(&d->failed);

        query_finish(q, q->failed, NULL);
    }
    if (d->failed.head != NULL)
        db_soon(d);
}

/* --- life --- */

enum err db_open(const struct db_config *config, struct db **out)
{
    struct pool *d = calloc(1, sizeof *d);
    char *url = strdup(config->url);

    assert(config->connections >= 1 && config->connections <= POOL_MAX);
    if (d == NULL || url == NULL) {
        free(d);
        free(url);
        return ERR_MEMORY;
    }
    d->self.pool = d;
    d->loop = config->loop;
    d->url = url;
    d->connect_ms = conninfo_hosts(url) > 1 ? CONNECT_TIMEOUT_SEVERAL_MS : CONNECT_TIMEOUT_MS;
    d->n = config->connections;
    fifo_init(&d->waiting);
    fifo_init(&d->failed);
    for (unsigned i = 0; i <= POOL_MAX; i++) {
        d->slots[i].db = d;
        d->slots[i].backoff_ms = BACKOFF_MIN_MS;
        fifo_init(&d->slots[i].lane);
        fifo_init(&d->slots[i].inflight);
    }
    uv_timer_init(d->loop, &d->sweep);
    uv_timer_init(d->loop, &d->soon);
    d->sweep.data = d->soon.data = d;
    uv_timer_start(&d->sweep, sweep_cb, 0, SWEEP_MS);
    *out = &d->self;
    return ERR_NONE;
}

struct db *db_as(struct db *handle, const struct db_who *who)
{
    struct db *d = malloc(sizeof *d);

    assert(d != NULL);
    *d = (struct db){handle->pool, true, *who};
    return d;
}

void db_as_free(struct db *handle)
{
    assert(handle == NULL || handle->named);
    free(handle);
}

enum err db_listen(struct db *handle, const struct db_watch *w)
{
    struct pool *d = handle->pool;

    if (d->watch.notified != NULL)
        return ERR_DUPLICATE;
    d->watch = *w;
    return ERR_NONE;
}

void db_unlisten(struct db *handle)
{
    handle->pool->watch = (struct db_watch){0};
}

uv_loop_t *db_loop(const struct db *handle)
{
    return handle->pool->loop;
}

bool db_ready(const struct db *handle)
{
    const struct pool *d = handle->pool;

    for (unsigned i = 0; i < d->n; i++)
        if (d->slots[i].state == SLOT_READY)
            return true;
    return false;
}

static void handle_closed_cb(uv_handle_t *h)
{
    struct pool *d = h->data;

    if (--d->handles > 0)
        return;
    assert(d->failed.head == NULL);
    d->closed(d->closed_cookie);
    free(d->url);
    free(d);
}

/* All that is left to do happens in one loop turn of its own, outside every other callback. */
static void close_cb(uv_timer_t *t)
{
    struct pool *d = t->data;

    for (unsigned i = 0; i <= POOL_MAX; i++) {
        db_conn_free(d->slots[i].conn);
        fifo_fail(d, &d->slots[i].inflight, ERR_CANCELLED);
        fifo_fail(d, &d->slots[i].lane, ERR_CANCELLED);
    }
    fifo_fail(d, &d->waiting, ERR_CANCELLED);
    /* Callbacks may ask again: that fails too, in this loop, until nobody asks any more. */
    for (struct query *q; (q = fifo_pop(&d->failed)) != NULL;)
        query_finish(q, q->failed, NULL);
    d->handles = 2;
    uv_close((uv_handle_t *)&d->sweep, handle_closed_cb);
    uv_close((uv_handle_t *)&d->soon, handle_closed_cb);
}

void db_close(struct db *handle, void (*closed)(void *cookie), void *cookie)
{
    struct pool *d = handle->pool;

    assert(!d->closing);
    d->closing = true;
    d->closed = closed;
    d->closed_cookie = cookie;
    uv_timer_stop(&d->sweep);
    uv_timer_start(&d->soon, close_cb, 0, 0);
}
