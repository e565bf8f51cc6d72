/* The link thread: its loop, its tick, and how it connects. */
#include "uplink.h"

#include "clock.h"
#include "identity.h"
#include "log.h"
#include "secret.h"
#include "tls.h"
#include "uplink_own.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>

enum { CLIENT_CERT_DAYS = 90 }; /* of the identity document; its names mean nothing */

/* --- TLS: we accept one peer, by its key --- */

static int verify_pinned(X509_STORE_CTX *store, void *cookie)
{
    const struct uplink *u = cookie;
    X509 *cert = X509_STORE_CTX_get0_cert(store);
    struct digest32 spki;

    if (cert != NULL && tls_cert_spki_sha256(cert, &spki) == ERR_NONE &&
        secret_equal(spki.b, u->config.cp_spki.b, sizeof spki.b))
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    return 0;
}

static enum err uplink_tls(struct uplink *u)
{
    EVP_PKEY *key = identity_tls_key(u->config.keys);
    X509 *cert = NULL;
    enum err e = tls_cert_self(key, "dataplane", CLIENT_CERT_DAYS, &cert);

    if (e != ERR_NONE)
        return e;
    e = ERR_TLS;
    u->tls = SSL_CTX_new(TLS_client_method());
    if (u->tls == NULL)
        goto done;
    SSL_CTX_set_options(u->tls, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(u->tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(u->tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(u->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(u->tls, verify_pinned, u);
    if (SSL_CTX_set_min_proto_version(u->tls, TLS1_3_VERSION) == 1 &&
        SSL_CTX_use_certificate(u->tls, cert) == 1 && SSL_CTX_use_PrivateKey(u->tls, key) == 1)
        e = ERR_NONE;
done:
    X509_free(cert);
    return e;
}

/* --- connecting --- */

void uplink_send(struct uplink *u, struct buf *frame)
{
    if (u->conn == NULL || u->state == UPLINK_CLOSING)
        return;
    if (conn_send(u->conn, buf_view(frame)) != ERR_NONE) /* it has closed itself */
        u->state = UPLINK_CLOSING;
}

/* Between half of it and all of it, at random: data planes that lost one control plane together do not
 * come back together. */
void uplink_retry(struct uplink *u)
{
    uint32_t r;

    secret_random(&r, sizeof r);
    u->state = UPLINK_DOWN;
    u->retry_ms = clock_mono_ms() + u->backoff_ms - r % (u->backoff_ms / 2);
    u->backoff_ms =
        u->backoff_ms * 2 < UPLINK_RETRY_MAX_MS ? u->backoff_ms * 2 : UPLINK_RETRY_MAX_MS;
}

void uplink_lost(struct uplink *u, bool accepted)
{
    bool at_once = false;

    if (accepted)
        targets_served(&u->targets);
    else
        at_once = targets_failed(&u->targets) && !u->refused;
    u->refused = false;
    if (!at_once) {
        uplink_retry(u);
        return;
    }
    u->state = UPLINK_DOWN;
    u->retry_ms = clock_mono_ms();
}

static void connect_to(struct uplink *u, const struct sockaddr *address)
{
    enum err e = conn_connect(&u->loop, address, u->tls, &session_events, u, &u->conn);

    if (e != ERR_NONE) {
        u->conn = NULL;
        uplink_lost(u, false);
        return;
    }
    atomic_fetch_add_explicit(&u->connects, 1, memory_order_relaxed);
    u->state = UPLINK_CONNECTING;
    u->opened_ms = u->heard_ms = clock_mono_ms();
}

static void connect_begin(struct uplink *u)
{
    const struct sockaddr *address = targets_next(&u->targets);
    const struct target *t = targets_current(&u->targets);

    if (address != NULL)
        connect_to(u, address);
    else if (resolve_start(t->host, t->port, NULL, NULL, &u->resolve) == ERR_NONE) {
        u->state = UPLINK_RESOLVING;
        u->opened_ms = clock_mono_ms();
    } else
        uplink_lost(u, false);
}

/* A name server that does not answer is waited for without an end when there is no other control
 * plane to turn to. */
static void connect_resolved(struct uplink *u)
{
    struct resolve_answer answer;
    enum err e = resolve_poll(u->resolve, &answer);

    if (e == ERR_SHORT && (u->targets.n == 1 || clock_mono_ms() - u->opened_ms < UPLINK_CONNECT_MS))
        return;
    resolve_free(u->resolve);
    u->resolve = NULL;
    if (e == ERR_NONE) {
        targets_found(&u->targets, &answer);
        connect_to(u, targets_next(&u->targets));
        return;
    }
    LOG("link_unresolved", KV("control_plane", (uint32_t)u->targets.current),
        KV("error", log_err((int)(e == ERR_SHORT ? ERR_DNS : e))));
    uplink_lost(u, false);
}

/* --- the loop --- */

static void uplink_close_handles(struct uplink *u)
{
    uv_timer_stop(&u->tick);
    uv_close((uv_handle_t *)&u->tick, NULL);
    uv_close((uv_handle_t *)&u->wake, NULL);
}

static void uplink_tick_cb(uv_timer_t *tick)
{
    struct uplink *u = tick->data;
    uint64_t now_ms = clock_mono_ms();

    if (!u->stopping && atomic_load_explicit(&u->stop, memory_order_acquire)) {
        u->stopping = true;
        u->stop_ms = now_ms;
    }
    if (u->state == UPLINK_DOWN && now_ms >= u->retry_ms && !u->said_bye)
        connect_begin(u);
    else if (u->state == UPLINK_RESOLVING)
        connect_resolved(u);
    else /* a connection begun in this tick has seen no time pass */
        session_tick(u, now_ms);
    ship_tick(u, now_ms);
    asks_tick(u);
    inquiries_tick(u);
    if (u->stopping && session_leave(u, now_ms))
        uplink_close_handles(u);
}

/* --- frames of other threads */

bool uplink_tell(struct uplink *u, struct view frame)
{
    bool taken;

    uv_mutex_lock(&u->lock);
    taken = uplink_connected(u) && buf_append(&u->tell, frame) == ERR_NONE;
    uv_mutex_unlock(&u->lock);
    if (taken)
        uv_async_send(&u->wake);
    return taken;
}

static void uplink_tell_send(struct uplink *u)
{
    struct buf out;

    uv_mutex_lock(&u->lock);
    out = u->tell;
    buf_init(&u->tell, UPLINK_TELL_BYTES);
    uv_mutex_unlock(&u->lock);
    if (out.len != 0 && u->state == UPLINK_ACCEPTED)
        uplink_send(u, &out);
    buf_free(&out);
}

static void uplink_wake_cb(uv_async_t *wake)
{
    uplink_tell_send(wake->data);
    asks_take(wake->data);
    inquiries_take(wake->data);
}

static void uplink_main(void *cookie)
{
    struct uplink *u = cookie;

    uv_run(&u->loop, UV_RUN_DEFAULT);
}

static void uplink_free(struct uplink *u)
{
    if (u == NULL)
        return;
    inquiries_free(u); /* first: asks_free() frees the ports */
    asks_free(u);
    ship_free(u);
    resolve_free(u->resolve);
    buf_free(&u->in);
    buf_free(&u->tell);
    buf_free(&u->state_told);
    catalog_parts_drop(&u->catalog);
    SSL_CTX_free(u->tls);
    uv_mutex_destroy(&u->lock);
    free(u);
}

static enum err uplink_loop(struct uplink *u)
{
    if (uv_loop_init(&u->loop) != 0)
        return ERR_IO;
    if (uv_async_init(&u->loop, &u->wake, uplink_wake_cb) != 0 ||
        uv_timer_init(&u->loop, &u->tick) != 0 ||
        uv_timer_start(&u->tick, uplink_tick_cb, 0, UPLINK_TICK_MS) != 0)
        return ERR_IO; /* at start-up: the process ends */
    u->wake.data = u->tick.data = u;
    return uv_thread_create(&u->thread, uplink_main, u) == 0 ? ERR_NONE : ERR_IO;
}

enum err uplink_start(const struct uplink_config *c, struct uplink **out)
{
    struct uplink *u = calloc(1, sizeof *u);
    enum err e;

    if (u == NULL)
        return ERR_MEMORY;
    u->config = *c;
    u->targets = c->targets;
    u->backoff_ms = UPLINK_RETRY_MIN_MS;
    buf_init(&u->in, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    buf_init(&u->state_told, 512);
    buf_init(&u->tell, UPLINK_TELL_BYTES);
    if (uv_mutex_init(&u->lock) != 0) {
        free(u);
        return ERR_IO;
    }
    e = ship_init(u);
    if (e == ERR_NONE)
        e = uplink_tls(u);
    if (e == ERR_NONE)
        e = uplink_loop(u);
    if (e != ERR_NONE) {
        uplink_free(u);
        return e;
    }
    *out = u;
    return ERR_NONE;
}

void uplink_stop(struct uplink *u)
{
    int open;

    if (u == NULL)
        return;
    atomic_store_explicit(&u->stop, true, memory_order_release);
    uv_thread_join(&u->thread);
    open = uv_loop_close(&u->loop);
    assert(open == 0);
    (void)open;
    LOG("link_stopped", KV("unshipped", u->last_seq - u->acked_seq));
    uplink_free(u);
}

/* --- what everybody may ask --- */

enum err uplink_trust(const struct uplink *u)
{
    return standing_now(&u->standing) == STANDING_ACCEPTED ? ERR_NONE : ERR_ATTESTATION;
}

enum standing uplink_standing(const struct uplink *u)
{
    return standing_now(&u->standing);
}

bool uplink_connected(const struct uplink *u)
{
    return atomic_load_explicit(&u->connected, memory_order_acquire);
}

enum refusal uplink_refusal(const struct uplink *u)
{
    return (enum refusal)atomic_load_explicit(&u->refusal, memory_order_relaxed);
}

unsigned uplink_troubles(const struct uplink *u)
{
    return atomic_load_explicit(&u->troubles, memory_order_relaxed);
}

struct uplink_counters uplink_counters(const struct uplink *u)
{
    return (struct uplink_counters){
        .connects = atomic_load_explicit(&u->connects, memory_order_relaxed),
        .refusals = atomic_load_explicit(&u->refusals, memory_order_relaxed),
        .records_sent = atomic_load_explicit(&u->records_sent, memory_order_relaxed),
        .parts_sent = atomic_load_explicit(&u->parts_sent, memory_order_relaxed),
        .parts_lost = atomic_load_explicit(&u->parts_lost, memory_order_relaxed),
        .records_acked = atomic_load_explicit(&u->records_acked, memory_order_relaxed),
        .backlog = atomic_load_explicit(&u->backlog, memory_order_relaxed),
        .unknown_provider_pushes =
            atomic_load_explicit(&u->unknown_provider_pushes, memory_order_relaxed),
        .oldest_unix_ms = atomic_load_explicit(&u->oldest_unix_ms, memory_order_relaxed),
    };
}
