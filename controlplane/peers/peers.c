/* The listener: accepts data planes, keeps their list, drives their timers. */
#include "peers.h"

#include "clock.h"
#include "peer.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    LISTEN_BACKLOG = 4096,  /* connections the kernel holds for us: a flood must not fill it */
    CROWD_LOG_MS = 1000,    /* how often is told what was closed without a line of its own */
};

/* Any certificate will do: the client's key is what the evidence has to name. */
static int any_certificate(int preverified, X509_STORE_CTX *x)
{
    (void)preverified;
    (void)x;
    return 1;
}

static enum err link_ctx(const struct peers_config *c, SSL_CTX **out)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (tls == NULL)
        return ERR_MEMORY;
    SSL_CTX_set_options(tls, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, any_certificate);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(tls, 0) != 1 ||
        SSL_CTX_use_certificate(tls, c->link_cert) != 1 ||
        SSL_CTX_use_PrivateKey(tls, c->link_key) != 1) {
        SSL_CTX_free(tls);
        return ERR_CRYPTO;
    }
    *out = tls;
    return ERR_NONE;
}

static void peers_check_stopped(struct peers *s)
{
    void (*stopped)(void *cookie) = s->stopped;

    if (s->handles != 0 || s->list != NULL || stopped == NULL)
        return;
    s->stopped = NULL;
    stopped(s->stopped_cookie); /* may free s */
}

/* --- connections and their places */

static bool peers_has_spoken(void *holder)
{
    const struct peer *p = holder;

    return conn_has_spoken(p->conn);
}

/* One more without a proof: maybe another has to go. */
static void peers_place(struct peer *p)
{
    struct peer *victim;
    void *holder;

    conn_address(p->conn, p->address);
    p->place = places_enter(p->owner->places, p->address, p, &holder);
    if (holder == NULL)
        return;
    victim = holder;
    victim->place = PLACE_NONE;
    victim->owner->counters.crowded_out++;
    conn_close(victim->conn, ERR_OVERLOAD);
}

static void peers_leave_place(struct peer *p)
{
    if (p->place != PLACE_NONE)
        places_leave(p->owner->places, p->place);
    p->place = PLACE_NONE;
}

bool peers_prove(struct peer *p)
{
    assert(!p->proven);
    if (p->owner->n_proven == PEERS_MAX)
        return false;
    peers_leave_place(p);
    p->proven = true;
    p->owner->n_proven++;
    return true;
}

void peers_left(struct peer *p)
{
    struct peers *s = p->owner;
    struct peer **at = &s->list;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    s->counters.connected--;
    s->counters.unfinished += p->state == PEER_HANDSHAKE;
    s->n_proven -= p->proven;
    peers_leave_place(p);
    peers_check_stopped(s);
}

static void peers_connection_cb(uv_stream_t *listener, int status)
{
    struct peers *s = listener->data;
    struct peer *p;

    if (status < 0 || s->stopping)
        return;
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return;
    p->owner = s;
    p->place = PLACE_NONE;
    p->orders_end = &p->orders;
    p->opened_ms = p->heard_ms = clock_mono_ms();
    buf_init(&p->in, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES + (64 << 10));
    buf_init(&p->seal_ask, LIMIT_FRAME_BYTES);
    buf_init(&p->said, LIMIT_FRAME_BYTES);
    if (conn_accept(listener, s->tls, &peer_conn_events, p, &p->conn) != ERR_NONE) {
        free(p);
        return;
    }
    p->next = s->list;
    s->list = p;
    s->counters.connected++;
    peers_place(p);
}

/* --- counts that anybody can drive up, told together */

static void peers_log_crowd(struct peers *s, uint64_t now_ms)
{
    const struct peers_counters *c = &s->counters, *told = &s->told;

    if (now_ms - s->told_ms < CROWD_LOG_MS ||
        (c->crowded_out == told->crowded_out && c->unfinished == told->unfinished))
        return;
    LOG("peers_unproven_closed", KV("crowded_out", c->crowded_out - told->crowded_out),
        KV("tls_unfinished", c->unfinished - told->unfinished), KV("connected", c->connected));
    s->told = *c;
    s->told_ms = now_ms;
}

static void peers_timer_cb(uv_timer_t *t)
{
    struct peers *s = t->data;
    uint64_t now_ms = clock_mono_ms();

    peers_log_crowd(s, now_ms);
    if (s->catalog_stale && !s->catalog_loading)
        publish_catalog_load(s);
    for (struct peer *p = s->list, *next; p != NULL; p = next) {
        next = p->next;
        peer_tick(p, now_ms);
    }
}

static enum err peers_listen(struct peers *s)
{
    struct sockaddr_in a;

    if (uv_ip4_addr(s->config.host, s->config.port, &a) != 0)
        return ERR_CONFIG;
    if (uv_tcp_bind(&s->listener, (const struct sockaddr *)&a, 0) != 0 ||
        uv_listen((uv_stream_t *)&s->listener, LISTEN_BACKLOG, peers_connection_cb) != 0)
        return ERR_IO;
    if (uv_timer_start(&s->timer, peers_timer_cb, PEER_TICK_MS, PEER_TICK_MS) != 0)
        return ERR_IO;
    return ERR_NONE;
}

static void peers_handle_closed_cb(uv_handle_t *h)
{
    struct peers *s = h->data;

    s->handles--;
    peers_check_stopped(s);
}

static void handles_close(struct peers *s)
{
    uv_close((uv_handle_t *)&s->timer, peers_handle_closed_cb);
    uv_close((uv_handle_t *)&s->listener, peers_handle_closed_cb);
}

void peers_free(struct peers *s)
{
    if (s == NULL)
        return;
    assert(s->handles == 0 && s->list == NULL);
    SSL_CTX_free(s->tls);
    places_free(s->places);
    buf_free(&s->catalog);
    buf_free(&s->catalog_own);
    buf_free(&s->catalog_all);
    free(s);
}

static void peers_start_failed(void *cookie)
{
    peers_free(cookie);
}

enum err peers_start(const struct peers_config *c, struct peers **out)
{
    struct peers *s = calloc(1, sizeof *s);
    const struct ledger_watch watch = {publish_revoked, publish_recalled, publish_catalog_changed,
                                       publish_parts, publish_fleet_changed, publish_resync, s};
    enum err e;

    if (s == NULL)
        return ERR_MEMORY;
    s->config = *c;
    buf_init(&s->catalog, CATALOG_FRAMES_MAX);
    buf_init(&s->catalog_own, CATALOG_FRAMES_MAX);
    buf_init(&s->catalog_all, CATALOG_FRAMES_MAX);
    e = link_ctx(c, &s->tls);
    if (e == ERR_NONE)
        e = places_new(peers_has_spoken, &s->places);
    if (e == ERR_NONE &&
        (uv_tcp_init(c->loop, &s->listener) != 0 || uv_timer_init(c->loop, &s->timer) != 0))
        e = ERR_IO;
    if (e != ERR_NONE) {
        SSL_CTX_free(s->tls);
        places_free(s->places);
        free(s);
        return e;
    }
    s->listener.data = s->timer.data = s;
    s->handles = 2;
    e = peers_listen(s);
    if (e == ERR_NONE)
        e = ledger_watch(c->ledger, &watch);
    if (e != ERR_NONE) {
        peers_stop(s, peers_start_failed, s); /* freed by the loop */
        return e;
    }
    publish_catalog_load(s);
    *out = s;
    return ERR_NONE;
}

uint16_t peers_port(const struct peers *s)
{
    struct sockaddr_in a;
    int len = sizeof a;

    if (uv_tcp_getsockname(&s->listener, (struct sockaddr *)&a, &len) != 0)
        return 0;
    return ntohs(a.sin_port);
}

void peers_stop(struct peers *s, void (*stopped)(void *cookie), void *cookie)
{
    assert(!s->stopping);
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_cookie = cookie;
    for (struct peer *p = s->list, *next; p != NULL; p = next) {
        next = p->next;
        conn_close(p->conn, ERR_CANCELLED);
    }
    handles_close(s);
}

void peers_set_policy(struct peers *s, const struct attest_policy *policy)
{
    s->config.policy = policy;
    for (struct peer *p = s->list, *next; p != NULL; p = next) {
        next = p->next;
        peer_policy_changed(p);
    }
}

struct peers_counters peers_counters(const struct peers *s)
{
    return s->counters;
}

struct peers_waiting peers_waiting(const struct peers *s, uint64_t now_ms)
{
    struct peers_waiting w = {0};

    for (const struct peer *p = s->list; p != NULL; p = p->next)
        for (const struct order *o = p->orders; o != NULL; o = o->next) {
            if (o->kind != ORDER_USAGE)
                continue;
            w.batches++;
            if (now_ms - o->queued_ms > w.oldest_ms)
                w.oldest_ms = now_ms - o->queued_ms;
        }
    return w;
}

void peers_set_troubles(struct peers *s, uint8_t troubles)
{
    s->troubles = troubles;
    for (struct peer *p = s->list, *next; p != NULL; p = next) {
        next = p->next;
        if (p->state == PEER_ACCEPTED)
            publish_health(p);
    }
}
