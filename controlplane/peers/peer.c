/* How a data plane becomes trusted, stays trusted and stops being it. */
#include "peer.h"

#include "boots.h"
#include "clock.h"
#include "log.h"
#include "tls.h"

#include <assert.h>
#include <stdlib.h>

static void peer_free(struct peer *p)
{
    peer_orders_free(p);
    EVP_PKEY_free(p->tls_key);
    buf_free(&p->in);
    buf_free(&p->seal_ask);
    buf_free(&p->said);
    known_free(&p->known);
    free(p->checking);
    free(p);
}

bool peer_call_done(struct peer *p)
{
    assert(p->calls > 0);
    p->calls--;
    if (p->state != PEER_GONE)
        return true;
    if (p->calls == 0)
        peer_free(p);
    return false;
}

void peer_send(struct peer *p, struct view frame)
{
    enum err e = conn_open(p->conn) ? conn_send(p->conn, frame) : ERR_NONE;

    if (e != ERR_NONE) /* conn has closed itself */
        LOG("peer_dropped", KV("session", p->session), KV("error", log_err(e)));
}

void peer_refuse(struct peer *p, enum refusal why)
{
    struct msg_refuse m = {.reason = (uint16_t)why};
    struct buf out;

    p->owner->counters.refused_total++;
    p->owner->counters.refused[why]++;
    LOG("peer_refused", KV("reason", ((struct static_name){refusal_name(why)})));
    if (p->linked)
        steer_happened(p, "refused", refusal_name(why));
    buf_init(&out, 64);
    if (msg_refuse_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
    conn_finish(p->conn);
}

static void challenge(struct peer *p)
{
    struct msg_challenge m;
    struct buf out;

    p->has_previous = p->challenged_ms != 0;
    memcpy(p->previous_nonce, p->nonce, sizeof p->nonce);
    secret_random(p->nonce, sizeof p->nonce);
    memcpy(m.nonce, p->nonce, sizeof m.nonce);
    p->challenge_open = true;
    p->challenged_ms = clock_mono_ms();
    buf_init(&out, 64);
    if (msg_challenge_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

/* What evidence on this connection will be compared with: its exporter and the client's key. */
static enum err channel_facts(struct peer *p)
{
    X509 *cert = SSL_get1_peer_certificate(conn_ssl(p->conn));
    enum err e = ERR_TLS;

    if (cert == NULL)
        return ERR_TLS;
    p->tls_key = X509_get_pubkey(cert);
    if (p->tls_key != NULL)
        e = tls_cert_spki_sha256(cert, &p->tls_spki);
    if (e == ERR_NONE)
        e = tls_exporter(conn_ssl(p->conn), p->exporter);
    X509_free(cert);
    return e;
}

static void peer_ready(void *cookie)
{
    struct peer *p = cookie;

    if (channel_facts(p) != ERR_NONE) {
        conn_close(p->conn, ERR_TLS);
        return;
    }
    p->state = PEER_CHALLENGED;
    places_advance(p->owner->places, p->place, PLACE_CHALLENGED);
    challenge(p);
}

void peer_usage_from(struct peer *p, uint64_t seq, bool lapse)
{
    const struct msg_usage_from m = {.seq = seq, .lapse = lapse};
    struct buf out;

    buf_init(&out, 64);
    if (msg_usage_from_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static void accepted(struct peer *p, bool first)
{
    struct msg_accept m = {.session = p->session,
                           .reattest_after_ms = p->owner->config.reattest_ms,
                           .unix_ms = clock_unix_ms()};
    struct buf out;

    p->state = PEER_ACCEPTED;
    p->accepted_ms = clock_mono_ms();
    p->owner->counters.accepted_total++;
    buf_init(&out, 64);
    if (msg_accept_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
    if (first)
        peer_usage_from(p, p->acked_seq, p->lapse);
    LOG("peer_accepted", KV("session", p->session), KV("boot", p->identity.boot),
        KV("again", !first), KV("simulated", p->identity.simulated));
    places_know(p->owner->places, p->address);
    steer_happened(p, "accepted", first ? "first" : "again");
    if (first) {
        publish_welcome(p);
        sealing_accepted(p);
    }
}

/* Evidence that was good under other rules. */
static bool outdated(const struct peer *p)
{
    struct digest32 now = attest_policy_digest(p->owner->config.policy);

    return memcmp(now.b, p->policy_sha256.b, sizeof now.b) != 0;
}

void peer_policy_changed(struct peer *p)
{
    if (p->state == PEER_ACCEPTED && conn_open(p->conn) && !p->challenge_open && outdated(p))
        challenge(p);
}

/* Known and written down. Rules that changed meanwhile have not seen it: it comes again, and gets no
 * provider's key before they have. */
static void registered(struct peer *p)
{
    if (outdated(p)) {
        LOG("peer_outdated", KV("boot", p->identity.boot));
        conn_close(p->conn, ERR_STALE);
    } else {
        accepted(p, true);
    }
}

static void not_registered(struct peer *p, enum err e)
{
    LOG("peer_not_registered", KV("error", log_err(e)));
    conn_close(p->conn, e); /* the database is away: the data plane comes again */
}

static void peer_logged_cb(void *cookie, enum err e, struct view statement, struct view proof)
{
    struct peer *p = cookie;

    if (!peer_call_done(p))
        return;
    if (p->state == PEER_REGISTERING && e != ERR_NONE) {
        not_registered(p, e);
        return;
    }
    if (p->state == PEER_REGISTERING)
        registered(p);
    if (e == ERR_NONE && conn_open(p->conn)) /* accepted again without one: it keeps the last */
        publish_log_proof(p, statement, proof);
}

/* What is not in the log is not accepted; who is accepted again gets a proof to a newer head. */
static void log_boot(struct peer *p)
{
    struct boots_entry entry = {.identity = p->identity,
                                .identity_sha256 = p->identity_sha256,
                                .policy_sha256 = p->policy_sha256};

    memcpy(entry.measurement, p->measurement, sizeof entry.measurement);
    p->calls++;
    boots_log(p->owner->config.log, &entry, peer_logged_cb, p);
}

static void peer_boot_cb(void *cookie, enum err e, uint64_t acked_seq, bool lapse)
{
    struct peer *p = cookie;

    if (!peer_call_done(p))
        return;
    if (e == ERR_NONE) {
        p->linked = true;
        p->acked_seq = acked_seq;
        p->lapse = lapse;
    }
    if (e == ERR_FORBIDDEN)
        peer_refuse(p, REFUSAL_EVICTED);
    else if (e == ERR_STALE) /* shut out, and of a release that does not know that reason */
        peer_refuse(p, REFUSAL_POLICY);
    else if (e != ERR_NONE)
        not_registered(p, e);
    else if (p->owner->config.log != NULL)
        log_boot(p);
    else
        registered(p);
}

static void evidence(struct peer *p, struct view payload)
{
    struct msg_evidence m;
    struct attest_expect x = {.purpose = EVIDENCE_LINK, .peer_tls_spki = p->tls_spki};
    struct identity who;
    enum refusal why;

    if (msg_evidence_decode(payload, &m) != ERR_NONE) {
        peer_refuse(p, REFUSAL_MALFORMED);
        return;
    }
    memcpy(x.nonce, p->nonce, sizeof x.nonce);
    memcpy(x.cb, p->exporter, sizeof x.cb);
    x.now_s = clock_unix_ms() / 1000;
    x.previous_nonce = p->has_previous ? p->previous_nonce : NULL;
    why = attest_verify(&m, p->owner->config.policy, &x, &who);
    if (why == REFUSAL_NONE && p->state == PEER_ACCEPTED && !id_eq(&who.boot, &p->identity.boot))
        why = REFUSAL_PEER_KEY; /* another boot behind the same connection */
    /* Provider keys are sent by position in providers.conf: with another file one would reach
     * another host. */
    if (why == REFUSAL_NONE &&
        !secret_equal(who.config_sha256.b, p->owner->config.providers->digest.b, 32))
        why = REFUSAL_CONFIG;
    if (why != REFUSAL_NONE) {
        peer_refuse(p, why);
        return;
    }
    p->challenge_open = false;
    p->policy_sha256 = attest_policy_digest(p->owner->config.policy);
    if (p->state == PEER_ACCEPTED) {
        accepted(p, false);
        if (p->owner->config.log != NULL)
            log_boot(p);
        return;
    }
    if (!peers_prove(p)) {
        conn_close(p->conn, ERR_OVERLOAD);
        return;
    }
    p->identity = who;
    digest_sha256(m.identity, &p->identity_sha256);
    memcpy(p->measurement, m.report.ptr + SNP_AT_MEASUREMENT, sizeof p->measurement);
    p->session = id_new();
    sealing_keep(p, &m);
    p->state = PEER_REGISTERING;
    p->calls++;
    ledger_boot(p->owner->config.ledger, &p->identity.boot, &p->session,
                view_of(p->measurement, sizeof p->measurement), p->identity.simulated, peer_boot_cb,
                p);
}

static void illegal(struct peer *p, const struct frame *f)
{
    LOG("peer_illegal", KV("type", (uint32_t)f->type), KV("state", (uint32_t)p->state));
    conn_close(p->conn, ERR_FORMAT);
}

static void frame_handle(struct peer *p, const struct frame *f)
{
    if (f->type == MSG_EVIDENCE && p->challenge_open &&
        (p->state == PEER_CHALLENGED || p->state == PEER_ACCEPTED))
        evidence(p, f->payload);
    else if (p->state != PEER_ACCEPTED || !peer_dispatch(p, f))
        illegal(p, f);
}

/* Whole frames out of what has come; the rest waits in p->in. */
static void frames_handle(struct peer *p, struct view *v)
{
    struct frame f;
    enum err e = ERR_NONE;

    while (conn_open(p->conn) && (e = frame_take(v, &f)) == ERR_NONE)
        frame_handle(p, &f);
    if (e != ERR_NONE && e != ERR_SHORT) {
        LOG("peer_malformed", KV("error", log_err(e)));
        conn_close(p->conn, e);
    }
}

static void peer_bytes(void *cookie, struct view bytes)
{
    struct peer *p = cookie;
    struct view rest;

    p->heard_ms = clock_mono_ms();
    if (p->in.len != 0) {
        if (buf_append(&p->in, bytes) != ERR_NONE) {
            conn_close(p->conn, ERR_LIMIT);
            return;
        }
        rest = buf_view(&p->in);
        frames_handle(p, &rest);
        buf_consume(&p->in, p->in.len - rest.len);
    } else {
        rest = bytes;
        frames_handle(p, &rest);
        if (rest.len != 0 && conn_open(p->conn) && buf_append(&p->in, rest) != ERR_NONE)
            conn_close(p->conn, ERR_LIMIT);
    }
    if (p->in.len == 0)
        buf_free(&p->in);
}

static void peer_closed(void *cookie, enum err e)
{
    struct peer *p = cookie;

    /* Anybody can open connections and close them: those that did not get through TLS are counted, not
     * logged one by one. */
    if (p->state != PEER_HANDSHAKE)
        LOG("peer_closed", KV("session", p->session), KV("error", log_err(e)));
    if (p->linked) {
        steer_write(p, clock_mono_ms());
        steer_happened(p, "closed", err_name(e));
        ledger_unlink(p->owner->config.ledger, &p->identity.boot, &p->session);
    }
    p->conn = NULL;
    relay_closed(p);
    peers_left(p);
    p->state = PEER_GONE;
    if (p->calls == 0)
        peer_free(p);
}

const struct conn_events peer_conn_events = {peer_ready, peer_bytes, peer_closed};

void peer_tick(struct peer *p, uint64_t now_ms)
{
    uint32_t reattest_ms = p->owner->config.reattest_ms;

    if (!conn_open(p->conn)) { /* refused, and does not read why */
        if (now_ms - p->heard_ms > PEER_SILENCE_MS)
            conn_close(p->conn, ERR_CLIENT_SLOW);
        return;
    }
    if (p->state != PEER_ACCEPTED) {
        if (now_ms - p->opened_ms >
            (p->state == PEER_HANDSHAKE ? PEER_TLS_MS : PEER_HANDSHAKE_MS))
            conn_close(p->conn, ERR_TLS_TIMEOUT);
        return;
    }
    if (now_ms - p->heard_ms > PEER_SILENCE_MS && !p->paused) {
        conn_close(p->conn, ERR_IDLE_TIMEOUT);
        return;
    }
    steer_tick(p, now_ms);
    if (!p->heard && now_ms - p->accepted_ms >= PEER_HEAR_MS) {
        p->heard = true;
        publish_catalog(p);
    }
    if (now_ms - p->accepted_ms > reattest_ms) {
        peer_refuse(p, REFUSAL_EXPIRED);
        return;
    }
    if (p->challenge_open && outdated(p) && now_ms - p->challenged_ms > PEER_HANDSHAKE_MS) {
        peer_refuse(p, REFUSAL_EXPIRED); /* it will not be seen under the new rules */
        return;
    }
    /* The next challenge goes out early enough for a slow firmware to answer; at once to whom the
     * rules in force have not seen. */
    if (!p->challenge_open && (now_ms - p->accepted_ms > reattest_ms / 4 * 3 || outdated(p)))
        challenge(p);
    if (now_ms > p->cert_renew_ms)
        publish_cert(p);
    peer_orders_tick(p, now_ms);
    relay_tick(p, now_ms);
    peer_resync_tick(p);
}
