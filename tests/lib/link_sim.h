/* Both planes in one thread under a simulated clock: the data plane's own admission, keyring and uplink,
 * the control plane's own peers and ledger, real SQL in a real PostgreSQL, and between them a network
 * and a database connection that are slow, lose answers and break when a test says so. Only TLS, the
 * attestation verdict and the pool of database connections are replaced. */
#ifndef TR_TESTS_LIB_LINK_SIM_H
#define TR_TESTS_LIB_LINK_SIM_H

#include "admit.h"
#include "check.h"
#include "clock.h"
#include "db/query.h"
#include "identity.h"
#include "lib/pg.h"
#include "money/ledger_state.h"
#include "policy.h"
#include "peers/peer.h"
#include "quote.h"
#include "sim/sim.h"
#include "tls.h"
#include "uplink_own.h"

#include <assert.h>
#include <postgresql/libpq-fe.h>
#include <sodium.h>
#include <stdlib.h>

enum { SIM_TICK_MS = 20, SIM_PLANES = 2, SIM_DB_TIMEOUT_MS = 5000 };

static uint64_t sim_ms;      /* clock_mono_ms() of the simulation */
static uint64_t sim_unix_ms; /* and its unix time */
static uint64_t sim_random_state;
static uv_loop_t *sim_loop;

static uint64_t sim_random(uint64_t below)
{
    sim_random_state ^= sim_random_state << 13;
    sim_random_state ^= sim_random_state >> 7;
    sim_random_state ^= sim_random_state << 17;
    return sim_random_state % below;
}

/* Ids, pauses before connecting again and the like are part of a history, too. */
static void sim_random_bytes(void *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = (uint8_t)sim_random(256);
}

static uint32_t sim_random_word(void)
{
    return (uint32_t)sim_random(UINT64_C(1) << 32);
}

static const char *sim_random_name(void)
{
    return "history";
}

static struct randombytes_implementation sim_randombytes = {
    .implementation_name = sim_random_name,
    .random = sim_random_word,
    .buf = sim_random_bytes,
};

/* One in n. */
static bool sim_chance(uint64_t n)
{
    return sim_random(n) == 0;
}

/* --- the database: one connection, statements that take time and whose answers may be lost --- */

struct sim_query {
    struct sim_query *next;
    struct query *q;
    uint32_t lane;
    uint64_t born_ms, due_ms, answer_ms;
    bool executed, orphan; /* orphan: the caller has given up, the server has not */
    PGresult *result;
    enum err e;
};

static struct {
    PGconn *pg;
    struct sim_query *first, **end;
    uint64_t paused_until_ms, told_ms;
    struct db_watch watch;
    bool watching, deaf; /* deaf: the LISTEN connection is lost */
    uint64_t lost_in;    /* one answer in so many is lost after its commit; 0: none */
    uint64_t statements;
} sim_db;

struct db {
    int unused;
};
static struct db the_db;

static void sim_sql(const char *sql)
{
    PGresult *r = PQexec(sim_db.pg, sql);

    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
        printf("# %s: %s\n", sql, PQerrorMessage(sim_db.pg));
        check_failed_++;
    }
    PQclear(r);
}

static int64_t sim_sql_number(const char *sql)
{
    PGresult *r = PQexec(sim_db.pg, sql);
    int64_t n = -1;

    if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0)
        n = atoll(PQgetvalue(r, 0, 0));
    else
        CHECK(PQresultStatus(r) == PGRES_TUPLES_OK);
    PQclear(r);
    return n;
}

static void sim_tell_time(void)
{
    char sql[96];

    if (sim_db.told_ms == sim_unix_ms)
        return;
    sim_db.told_ms = sim_unix_ms;
    snprintf(sql, sizeof sql, "SET sim.now = '%llu'", (unsigned long long)sim_unix_ms);
    sim_sql(sql);
}

static bool sim_db_paused(void)
{
    return sim_ms < sim_db.paused_until_ms;
}

static enum err sim_result_err(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

    if (PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK)
        return ERR_NONE;
    printf("# %s\n", PQresultErrorMessage(r));
    check_failed_++; /* no statement of ours is wrong, whatever the order of things */
    return state != NULL && strcmp(state, "23505") == 0 ? ERR_CONFLICT : ERR_DB;
}

static void sim_execute(struct sim_query *s)
{
    const struct query *q = s->q;
    const char *values[64];
    int lengths[64], formats[64];

    assert(q->n <= 64);
    for (size_t i = 0; i < q->n; i++) {
        const struct db_param *p = &q->params[i];

        values[i] = p->kind == DB_PARAM_NULL    ? NULL
                    : p->kind == DB_PARAM_SMALL ? (const char *)p->small
                    : p->bytes.ptr != NULL      ? (const char *)p->bytes.ptr
                                                : "";
        lengths[i] = (int)p->bytes.len;
        formats[i] = 1;
    }
    sim_tell_time();
    s->result = PQexecPrepared(sim_db.pg, stmt_name(q->stmt), (int)q->n, values, lengths, formats, 1);
    s->e = sim_result_err(s->result);
    s->executed = true;
    sim_db.statements++;
    s->answer_ms = sim_ms + sim_random(20);
    if (sim_db.lost_in != 0 && sim_chance(sim_db.lost_in))
        s->e = ERR_DB;
}

static bool sim_lane_busy(const struct sim_query *s)
{
    for (const struct sim_query *x = sim_db.first; x != s; x = x->next)
        if (s->lane != 0 && x->lane == s->lane && !x->orphan)
            return true;
    return false;
}

static void sim_answer(struct sim_query *s)
{
    db_cb *cb = s->q->cb;
    void *cookie = s->q->cookie;

    cb(cookie, s->e, s->e == ERR_NONE ? (const struct db_result *)s->result : NULL);
}

static void sim_notifications(void)
{
    PGnotify *n;

    PQconsumeInput(sim_db.pg);
    while ((n = PQnotifies(sim_db.pg)) != NULL) {
        if (sim_db.watching && !sim_db.deaf)
            sim_db.watch.notified(sim_db.watch.cookie, view_str(n->relname), view_str(n->extra));
        PQfreemem(n);
    }
}

/* True: it is over and out of the list. */
static bool sim_db_step(struct sim_query **at)
{
    struct sim_query *s = *at;

    if (!s->executed && !sim_db_paused() && sim_ms >= s->due_ms && (s->orphan || !sim_lane_busy(s)))
        sim_execute(s);
    if (!s->executed && !s->orphan && sim_ms - s->born_ms >= SIM_DB_TIMEOUT_MS) {
        /* The caller gives up; what has reached the server may still run when it wakes. */
        s->e = ERR_DB;
        s->orphan = true;
        sim_answer(s);
        if (sim_chance(2))
            return false;
    } else if (!s->executed || (!s->orphan && sim_ms < s->answer_ms)) {
        return false;
    }
    for (at = &sim_db.first; *at != s; at = &(*at)->next) /* a callback may have added some */
        ;
    *at = s->next;
    if (s->next == NULL)
        sim_db.end = at;
    if (!s->orphan)
        sim_answer(s);
    PQclear(s->result);
    free(s->q);
    free(s);
    return true;
}

static void sim_db_tick(void)
{
    struct sim_query **at = &sim_db.first;

    while (*at != NULL) {
        struct sim_query *s = *at;

        if (sim_db_step(at))
            at = &sim_db.first; /* the list is another one */
        else
            at = &s->next;
    }
    sim_notifications();
}

void db_query(struct db *d, enum stmt stmt, const struct db_param *params, size_t n, uint32_t lane,
              db_cb *cb, void *cookie)
{
    struct sim_query *s = calloc(1, sizeof *s);

    assert(d == &the_db && s != NULL && n == stmt_params(stmt));
    s->q = query_new(stmt, params, n);
    assert(s->q != NULL);
    s->q->cb = cb;
    s->q->cookie = cookie;
    s->lane = lane;
    s->born_ms = sim_ms;
    s->due_ms = sim_ms + sim_random(sim_chance(50) ? 800 : 15);
    *sim_db.end = s;
    sim_db.end = &s->next;
}

struct db *db_as(struct db *d, const struct db_who *who)
{
    (void)who;
    return d;
}
void db_as_free(struct db *d)
{
    (void)d;
}
void db_fail(struct db *d, enum stmt stmt, enum err e, db_cb *cb, void *cookie)
{
    (void)d, (void)stmt, (void)e, (void)cb, (void)cookie;
    abort(); /* only when memory is out */
}

uint32_t db_lane(uint32_t hash)
{
    return hash != 0 ? hash : 1;
}

uint32_t db_lane_leases(uint32_t hash)
{
    return db_lane(hash);
}

uint32_t db_lane_lookups(uint32_t hash)
{
    return hash | 1;
}

bool db_ready(const struct db *d)
{
    (void)d;
    return !sim_db_paused();
}

uv_loop_t *db_loop(const struct db *d)
{
    (void)d;
    return sim_loop;
}

enum err db_listen(struct db *d, const struct db_watch *w)
{
    (void)d;
    sim_db.watch = *w;
    sim_db.watching = true;
    return ERR_NONE;
}

void db_unlisten(struct db *d)
{
    (void)d;
    sim_db.watching = false;
}

/* Once: the schema, in a database of its own that the next ones are copied from. */
static void sim_db_begin(void)
{
    struct buf why;

    buf_init(&why, 512);
    if (db_migrate(pg_url(), "sql", &why) != ERR_NONE) {
        printf("not ok migrate %.*s\n", (int)why.len, why.ptr);
        exit(1);
    }
    buf_free(&why);
    sim_db.end = &sim_db.first;
}

/* A new and empty database; nothing may be on its way to the last one. */
static void sim_db_fresh(void)
{
    static unsigned n;
    char sql[96], url[320];
    PGconn *maker;

    assert(sim_db.first == NULL);
    if (sim_db.pg != NULL)
        PQfinish(sim_db.pg);
    snprintf(url, sizeof url, "%s dbname=template1", pg_url());
    maker = PQconnectdb(url);
    snprintf(sql, sizeof sql, "CREATE DATABASE sim%u TEMPLATE postgres", ++n);
    PQclear(PQexec(maker, sql));
    PQfinish(maker);
    snprintf(url, sizeof url, "%s dbname=sim%u", pg_url(), n);
    sim_db.pg = PQconnectdb(url);
    sim_db.told_ms = 0;
    sim_sql("SET synchronous_commit = off; SET client_min_messages = error; SET sim.now = '0'");
    sim_sql("CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS "
            "$$ SELECT to_timestamp(current_setting('sim.now')::numeric / 1000) $$");
    for (int i = 0; i < STMT_COUNT; i++)
        if (stmt_pooled((enum stmt)i))
            PQclear(PQprepare(sim_db.pg, stmt_name((enum stmt)i), stmt_sql((enum stmt)i), 0, NULL));
    sim_sql("LISTEN tr_key");
}

/* --- the network: pipes of byte chunks, each with a time at which it arrives --- */

struct chunk {
    struct chunk *next;
    uint64_t due_ms;
    size_t len;
    uint8_t bytes[];
};

struct conn {
    struct pipe *pipe;
    const struct conn_events *events;
    void *cookie;
    struct chunk *in, **in_end; /* on their way to this end */
    uint64_t last_due_ms;
    bool paused, closing, finishing, over; /* over: closed() was called */
    uint64_t hears_end_ms;                 /* when the other end's close arrives; 0: it has not closed */
};

struct pipe {
    struct conn end[2]; /* data plane, control plane */
    bool cut;           /* nothing arrives any more, not even an end */
    bool ready;
    uint64_t ready_ms;
};

static SSL *sim_tls[2]; /* one handshake, for its exporter and certificates */

static struct conn *conn_other(struct conn *c)
{
    return &c->pipe->end[c == &c->pipe->end[0]];
}

SSL *conn_ssl(struct conn *c)
{
    return sim_tls[c != &c->pipe->end[0]];
}

void conn_address(const struct conn *c, uint8_t out[static 16])
{
    (void)c;
    memset(out, 0, 16);
}

bool conn_has_spoken(const struct conn *c)
{
    (void)c;
    return true;
}

bool conn_open(const struct conn *c)
{
    return !c->closing && !c->finishing;
}

enum err conn_send(struct conn *c, struct view bytes)
{
    struct conn *to = conn_other(c);
    struct chunk *k = malloc(sizeof *k + bytes.len);

    assert(!c->over && k != NULL);
    *k = (struct chunk){.len = bytes.len, .due_ms = sim_ms + sim_random(sim_chance(100) ? 400 : 10)};
    if (k->due_ms < to->last_due_ms)
        k->due_ms = to->last_due_ms; /* TCP keeps the order */
    to->last_due_ms = k->due_ms;
    memcpy(k->bytes, bytes.ptr, bytes.len);
    *to->in_end = k;
    to->in_end = &k->next;
    return ERR_NONE;
}

void conn_pause(struct conn *c)
{
    c->paused = true;
}

void conn_resume(struct conn *c)
{
    c->paused = false;
}

void conn_close(struct conn *c, enum err e)
{
    (void)e;
    c->closing = true;
}

void conn_finish(struct conn *c)
{
    c->finishing = true;
}

enum err conn_accept(uv_stream_t *l, SSL_CTX *t, const struct conn_events *e, void *c, struct conn **out)
{
    (void)l, (void)t, (void)e, (void)c, (void)out;
    abort();
}

enum err conn_connect(uv_loop_t *l, const struct sockaddr *a, SSL_CTX *t, const struct conn_events *e,
                      void *c, struct conn **out)
{
    (void)l, (void)a, (void)t, (void)e, (void)c, (void)out;
    abort();
}

static void conn_over(struct conn *c)
{
    c->over = true;
    if (conn_other(c)->hears_end_ms == 0)
        conn_other(c)->hears_end_ms = sim_ms + 1 + sim_random(10);
    c->events->closed(c->cookie, ERR_NONE);
}

static void conn_deliver(struct conn *c)
{
    struct chunk *k;

    while ((k = c->in) != NULL && !c->over && conn_open(c) && !c->paused && !c->pipe->cut &&
           k->due_ms <= sim_ms) {
        c->in = k->next;
        if (c->in == NULL)
            c->in_end = &c->in;
        c->events->bytes(c->cookie, view_of(k->bytes, k->len));
        free(k);
    }
}

static void conn_step(struct conn *c)
{
    if (c->over)
        return;
    conn_deliver(c);
    if (!conn_open(c))
        conn_over(c);
    else if (c->hears_end_ms != 0 && sim_ms >= c->hears_end_ms && c->in == NULL && !c->pipe->cut)
        conn_over(c);
}

static void conn_forget(struct conn *c)
{
    struct chunk *k;

    while ((k = c->in) != NULL) {
        c->in = k->next;
        free(k);
    }
    c->in_end = &c->in;
}

/* --- the control plane --- */

static struct peers sim_peers;
static struct ledger *sim_ledger;
static struct providers sim_providers;
static uint64_t sim_cp_down_until_ms;

static bool sim_has_spoken(void *holder)
{
    (void)holder;
    return true;
}

/* The verdict is not what is tried here: whoever comes is who it says. */
enum refusal attest_verify(const struct msg_evidence *e, const struct attest_policy *p,
                           const struct attest_expect *x, struct identity *out);

static void sim_peers_begin(uint32_t lease_ms, uint32_t grace_ms, const struct attest_policy *policy)
{
    const struct ledger_config config = {.db = &the_db,
                                         .lease_ms = lease_ms,
                                         .reclaim_grace_ms = grace_ms};
    const struct ledger_watch watch = {.revoked = publish_revoked,
                                       .recalled = publish_recalled,
                                       .catalog_changed = publish_catalog_changed,
                                       .parts = publish_parts,
                                       .fleet_changed = publish_fleet_changed,
                                       .resync = publish_resync,
                                       .cookie = &sim_peers};

    memset(&sim_peers, 0, sizeof sim_peers);
    CHECK_INT(places_new(sim_has_spoken, &sim_peers.places), ERR_NONE);
    CHECK_INT(ledger_new(&config, &sim_ledger), ERR_NONE);
    uv_timer_stop(sim_ledger->reclaim); /* sim_peers_tick() calls it */
    sim_peers.config.loop = sim_loop;
    sim_peers.config.reattest_ms = 20000;
    sim_peers.config.providers = &sim_providers;
    sim_peers.config.ledger = sim_ledger;
    sim_peers.config.policy = policy;
    sim_peers.config.dataplane_names = "localhost";
    CHECK_INT(tls_key_new(&sim_peers.config.ca_key), ERR_NONE);
    CHECK_INT(tls_ca_new(sim_peers.config.ca_key, "test CA", 30, &sim_peers.config.ca_cert), ERR_NONE);
    CHECK_INT(ledger_watch(sim_ledger, &watch), ERR_NONE);
}

static void sim_peer_accept(struct conn *c)
{
    struct peer *p = calloc(1, sizeof *p);
    void *nobody;

    assert(p != NULL);
    p->owner = &sim_peers;
    p->place = places_enter(sim_peers.places, p->address, p, &nobody);
    assert(nobody == NULL); /* there are more places than planes */
    p->orders_end = &p->orders;
    p->opened_ms = p->heard_ms = sim_ms;
    buf_init(&p->in, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES + (64 << 10));
    p->conn = c;
    p->next = sim_peers.list;
    sim_peers.list = p;
    sim_peers.counters.connected++;
    c->events = &peer_conn_events;
    c->cookie = p;
}

static void sim_peers_tick(void)
{
    static uint64_t ticked_ms, reclaimed_ms;

    if (sim_ms - ticked_ms >= PEER_TICK_MS)
        for (struct peer *p = sim_peers.list, *next; p != NULL; p = next) {
            next = p->next;
            ticked_ms = sim_ms;
            peer_tick(p, sim_ms);
        }
    if (sim_ms - reclaimed_ms >= 1000 && sim_ms >= sim_cp_down_until_ms) {
        reclaimed_ms = sim_ms;
        sim_ledger->reclaim->timer_cb(sim_ledger->reclaim);
    }
}

/* kill -9 and a start down_ms later: connections end, statements on their way run or not, and what was
 * notified meanwhile was missed. */
static void sim_cp_crash(uint64_t down_ms)
{
    sim_cp_down_until_ms = sim_ms + down_ms;
    sim_db.deaf = true;
    for (struct peer *p = sim_peers.list, *next; p != NULL; p = next) {
        next = p->next;
        conn_close(p->conn, ERR_CANCELLED);
        conn_step(p->conn);
    }
}

static void sim_cp_hears_again(void)
{
    if (!sim_db.deaf || sim_ms < sim_cp_down_until_ms || sim_db_paused())
        return;
    sim_db.deaf = false;
    sim_db.watch.listening(sim_db.watch.cookie);
}

/* --- the data planes --- */

struct plane {
    bool alive;
    struct uplink u;
    struct uplink_port *port;
    struct admit_context admit;
    struct pipe *pipe;
    struct id boot;
    uint64_t down_until_ms; /* the process, or its network */
    uint64_t accepted_ms;   /* since when the link is accepted without a break; 0: it is not */
    bool cut;
};

static struct plane sim_planes[SIM_PLANES];
static struct quote_source *sim_quotes;

static void sim_on_cert(void *cookie, struct view leaf_der, struct view ca_der)
{
    (void)cookie, (void)leaf_der, (void)ca_der;
}

static void sim_plane_start(struct plane *p)
{
    static const struct identity_config who = {.audience = "sim", .simulated = true};
    struct uplink *u = &p->u;

    memset(p, 0, sizeof *p);
    p->alive = true;
    CHECK_INT(identity_keys_new(&who, &u->config.keys), ERR_NONE);
    p->boot = identity_boot(u->config.keys);
    CHECK_INT(keyring_new(64, &u->config.keyring), ERR_NONE);
    CHECK_INT(meter_new(1, &u->config.meter), ERR_NONE);
    CHECK_INT(own_store_new(&u->config.own), ERR_NONE);
    CHECK_INT(seal_ring_new(u->config.keys, &u->config.ring), ERR_NONE);
    u->config.providers = &sim_providers;
    CHECK_INT(ship_init(u), ERR_NONE);
    CHECK_INT(targets_parse("127.0.0.1", 1, &u->targets), ERR_NONE);
    u->config.quotes = sim_quotes;
    u->config.on_cert = sim_on_cert;
    uv_mutex_init(&u->lock);
    uv_async_init(sim_loop, &u->wake, NULL);
    buf_init(&u->in, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    u->backoff_ms = UPLINK_RETRY_MIN_MS;
    u->lost_ms = sim_ms;
    u->state = UPLINK_DOWN;
    CHECK_INT(uplink_port_new(u, sim_loop, &p->port), ERR_NONE);
    p->admit = (struct admit_context){.keyring = u->config.keyring,
                                      .meter = u->config.meter,
                                      .uplink = u,
                                      .port = p->port};
}

static void sim_pipe_free(struct plane *p)
{
    if (p->pipe == NULL || !p->pipe->end[0].over || !p->pipe->end[1].over)
        return;
    conn_forget(&p->pipe->end[0]);
    conn_forget(&p->pipe->end[1]);
    free(p->pipe);
    p->pipe = NULL;
}

/* The process is gone at once; the kernel ends its connection, unless the network is cut. */
static void sim_plane_kill(struct plane *p)
{
    struct uplink *u = &p->u;

    if (p->pipe != NULL && !p->pipe->end[0].over) {
        p->pipe->end[0].over = true;
        p->pipe->end[1].hears_end_ms = sim_ms + 1;
    }
    u->conn = NULL;
    p->alive = false;
    p->accepted_ms = 0;
    uplink_port_free(p->port);
    asks_free(u);
    uv_close((uv_handle_t *)&u->wake, NULL);
    uv_run(sim_loop, UV_RUN_NOWAIT);
    ship_free(u);
    buf_free(&u->in);
    keyring_free(u->config.keyring);
    own_store_free(u->config.own);
    seal_ring_free(u->config.ring);
    meter_free(u->config.meter);
    identity_keys_free(u->config.keys);
    uv_mutex_destroy(&u->lock);
}

static void sim_plane_connect(struct plane *p)
{
    struct pipe *pipe = calloc(1, sizeof *pipe);

    assert(pipe != NULL);
    for (int i = 0; i < 2; i++) {
        pipe->end[i].pipe = pipe;
        pipe->end[i].in_end = &pipe->end[i].in;
    }
    pipe->ready_ms = sim_ms + 1 + sim_random(20);
    pipe->end[0].events = &session_events;
    pipe->end[0].cookie = &p->u;
    sim_peer_accept(&pipe->end[1]);
    p->pipe = pipe;
    p->u.conn = &pipe->end[0];
    p->u.state = UPLINK_CONNECTING;
    p->u.opened_ms = p->u.heard_ms = sim_ms;
}

static void sim_pipe_step(struct pipe *pipe)
{
    if (!pipe->ready && sim_ms >= pipe->ready_ms && !pipe->cut && !pipe->end[0].over && !pipe->end[1].over &&
        conn_open(&pipe->end[0]) && conn_open(&pipe->end[1])) {
        pipe->ready = true;
        pipe->end[0].events->ready(pipe->end[0].cookie);
        pipe->end[1].events->ready(pipe->end[1].cookie);
    }
    conn_step(&pipe->end[1]);
    conn_step(&pipe->end[0]);
}

static void sim_plane_tick(struct plane *p)
{
    struct uplink *u = &p->u;

    if (p->pipe != NULL) {
        p->pipe->cut = p->cut;
        sim_pipe_step(p->pipe);
        sim_pipe_free(p);
    }
    if (!p->alive)
        return;
    asks_take(u);
    if (u->state == UPLINK_DOWN && sim_ms >= u->retry_ms && !p->cut && sim_ms >= sim_cp_down_until_ms &&
        p->pipe == NULL)
        sim_plane_connect(p);
    else
        session_tick(u, sim_ms);
    ship_tick(u, sim_ms);
    asks_tick(u);
    if (u->state != UPLINK_ACCEPTED)
        p->accepted_ms = 0;
    else if (p->accepted_ms == 0)
        p->accepted_ms = sim_ms;
}

static void sim_tick(void)
{
    sim_ms += SIM_TICK_MS;
    sim_unix_ms += SIM_TICK_MS;
    clock_freeze(sim_ms * 1000, sim_unix_ms);
    sim_db_tick();
    sim_cp_hears_again();
    for (int i = 0; i < SIM_PLANES; i++)
        sim_plane_tick(&sim_planes[i]);
    sim_peers_tick();
    uv_run(sim_loop, UV_RUN_NOWAIT);
}

/* --- what one handshake leaves --- */

static int sim_any_certificate(int preverified, X509_STORE_CTX *x)
{
    (void)preverified, (void)x;
    return 1;
}

static void sim_handshake(void)
{
    EVP_PKEY *key;
    X509 *cert;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    BIO *a, *b;

    CHECK_INT(tls_key_new(&key), ERR_NONE);
    CHECK_INT(tls_cert_self(key, "sim", 30, &cert), ERR_NONE);
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
    for (int i = 0; i < 2; i++)
        sim_tls[i] = SSL_new(ctx);
    SSL_set_verify(sim_tls[0], SSL_VERIFY_NONE, NULL);
    SSL_set_verify(sim_tls[1], SSL_VERIFY_PEER, sim_any_certificate);
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(sim_tls[0], a, a);
    SSL_set_bio(sim_tls[1], b, b);
    SSL_set_connect_state(sim_tls[0]);
    SSL_set_accept_state(sim_tls[1]);
    for (int i = 0; i < 20 && !(SSL_is_init_finished(sim_tls[0]) && SSL_is_init_finished(sim_tls[1])); i++) {
        SSL_do_handshake(sim_tls[0]);
        SSL_do_handshake(sim_tls[1]);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    SSL_CTX_free(ctx);
}

#endif
