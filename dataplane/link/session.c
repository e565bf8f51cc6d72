/* One connection's life: prove who we are, then do what an accepted data plane may. */
#include "clock.h"
#include "evidence.h"
#include "identity.h"
#include "log.h"
#include "quote.h"
#include "tls.h"
#include "uplink_own.h"

#include <assert.h>

/* --- trust --- */

/* A clock of this machine moved, or the machine itself stood still (paused, restored) while the control
 * plane went on: what is left of our leases' time cannot be told any more. Each is asked about again
 * before it pays for another request. */
static void clocks_doubted(struct uplink *u, int64_t by_ms)
{
    LOG("clock_jumped", KV("by_ms", by_ms));
    keyring_lapse(u->config.keyring, clock_mono_ms());
    u->doubted = true;
}

/* Before the new acceptance makes the present time the right one. */
static void clocks_compared(struct uplink *u, uint64_t cp_unix_ms)
{
    int64_t offset_ms = (int64_t)(cp_unix_ms - clock_mono_ms());
    int64_t by_ms = u->cp_offset_ms == 0 ? 0 : offset_ms - u->cp_offset_ms;
    int64_t jump_ms = standing_jump_ms(&u->standing);

    if (jump_ms == 0 && (by_ms > LIMIT_CLOCK_SKEW_MS || by_ms < -LIMIT_CLOCK_SKEW_MS))
        jump_ms = by_ms;
    if (jump_ms != 0 && !u->doubted) /* else the tick has seen it, and no lease has come since */
        clocks_doubted(u, jump_ms);
    u->cp_offset_ms = offset_ms;
    u->doubted = false;
}

/* Evidence for this nonce and this very connection. The processor answers in milliseconds, and
 * while it does, warm keys need nobody here. */
static enum err session_prove(struct uplink *u, const struct msg_challenge *m)
{
    struct msg_evidence evidence;
    uint8_t report_data[64];
    struct digest32 leaf;
    struct quote q;
    struct buf out;
    enum err e;

    quote_init(&q);
    buf_init(&out, LIMIT_FRAME_BYTES);
    evidence.identity = identity_text(u->config.keys);
    evidence_leaf(EVIDENCE_LINK, m->nonce, u->exporter, &leaf);
    evidence_report_data(evidence.identity, &leaf, report_data);
    e = quote_backend.get(u->config.quotes, report_data, &q);
    if (e != ERR_NONE)
        goto done;
    evidence.report = view_of(q.report, sizeof q.report);
    evidence.vek = buf_view(&q.vek);
    evidence.ask = buf_view(&q.ask);
    e = msg_evidence_encode(&evidence, &out);
    if (e != ERR_NONE)
        goto done;
    u->evidence_sent = true;
    uplink_send(u, &out);
done:
    if (e != ERR_NONE)
        LOG("evidence_failed", KV("error", log_err((int)e)));
    quote_free(&q);
    buf_free(&out);
    return e;
}

static bool handle_challenge(struct uplink *u, struct view payload)
{
    struct msg_challenge m;

    return !u->evidence_sent && msg_challenge_decode(payload, &m) == ERR_NONE &&
           session_prove(u, &m) == ERR_NONE;
}

static void session_place(struct uplink *u)
{
    const struct msg_place m = {.name = u->config.place};
    struct buf out;

    if (m.name.len == 0)
        return;
    buf_init(&out, 256);
    if (msg_place_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

/* From now on the control plane may lend for keys that have rules, and tell of orchestrations. */
static void session_obeys(struct uplink *u)
{
    const struct msg_rules_known m = {.version = RULES_SYNTHS};
    struct buf out;

    buf_init(&out, 64);
    if (msg_rules_known_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

void session_state(struct uplink *u, uint64_t now_ms)
{
    struct msg_state m = {.catalog_version = 0};
    struct buf out;

    if (u->config.state == NULL)
        return;
    u->state_ms = now_ms;
    u->config.state(u->config.cookie, &m);
    buf_init(&out, 512);
    if (msg_state_encode(&m, &out) == ERR_NONE && !view_eq(buf_view(&out), buf_view(&u->state_told))) {
        buf_reset(&u->state_told);
        if (buf_append(&u->state_told, buf_view(&out)) != ERR_NONE)
            buf_reset(&u->state_told); /* told again at the next look */
        uplink_send(u, &out);
    }
    buf_free(&out);
}

static bool handle_accept(struct uplink *u, struct view payload)
{
    struct msg_accept m;
    uint64_t now_ms = clock_mono_ms();
    bool first = u->state != UPLINK_ACCEPTED;

    if (!u->evidence_sent || msg_accept_decode(payload, &m) != ERR_NONE)
        return false;
    u->evidence_sent = false;
    clocks_compared(u, m.unix_ms);
    standing_accepted(&u->standing, m.reattest_after_ms);
    atomic_store_explicit(&u->refusal, REFUSAL_NONE, memory_order_relaxed);
    if (!first)
        return true;
    u->state = UPLINK_ACCEPTED;
    u->backoff_ms = UPLINK_RETRY_MIN_MS;
    u->targets.failed = 0;
    u->pinged_ms = now_ms;
    u->told_keys = 0;
    u->tell_keys = keyring_used(u->config.keyring);
    atomic_store_explicit(&u->connected, true, memory_order_release);
    LOG("link_accepted", KV("session", m.session),
        KV("control_plane", (uint32_t)u->targets.current), KV("reattest_ms", m.reattest_after_ms),
        KV("backlog", u->last_seq - u->acked_seq));
    own_store_clear(u->config.own); /* a change may have been missed */
    ship_accepted(u);
    session_obeys(u); /* before anything is asked about a key */
    session_place(u);
    buf_reset(&u->state_told);
    session_state(u, now_ms);
    asks_accepted(u);
    inquiries_accepted(u);
    return true;
}

static bool handle_refuse(struct uplink *u, struct view payload)
{
    struct msg_refuse m;

    if (msg_refuse_decode(payload, &m) != ERR_NONE || m.reason >= REFUSAL_COUNT)
        return false;
    if (u->config.on_refused != NULL)
        u->config.on_refused(u->config.cookie);
    atomic_store_explicit(&u->refusal, m.reason, memory_order_relaxed); /* first: it says why */
    standing_refused(&u->standing);
    atomic_fetch_add_explicit(&u->refusals, 1, memory_order_relaxed);
    LOG("link_refused", KV("reason", ((struct static_name){refusal_name(m.reason)})));
    if (u->backoff_ms < UPLINK_REFUSED_MS)
        u->backoff_ms = UPLINK_REFUSED_MS;
    u->state = UPLINK_CLOSING;
    u->refused = true;
    conn_close(u->conn, ERR_ATTESTATION);
    return true;
}

/* --- keys, leases, usage --- */

static bool session_grant(struct uplink *u, const struct msg_grant *m)
{
    enum err e = keyring_grant(u->config.keyring, m, clock_mono_ms());

    if (e == ERR_FORMAT) /* one digest, two keys: not our control plane's doing */
        return false;
    asks_granted(u, &m->key_digest, e);
    return true;
}

static bool handle_grant(struct uplink *u, struct view payload)
{
    struct msg_grant m;

    return msg_grant_decode(payload, &m) == ERR_NONE && session_grant(u, &m);
}

static bool handle_no_key(struct uplink *u, struct view payload)
{
    struct msg_no_key m;

    if (msg_no_key_decode(payload, &m) != ERR_NONE)
        return false;
    keyring_no_key(u->config.keyring, &m, clock_mono_ms());
    asks_refused(u, &m);
    return true;
}

/* The account's own provider keys may be what has changed. */
static void session_forget_own(struct uplink *u, const struct digest32 *digest)
{
    struct id account;

    if (keyring_owner(u->config.keyring, digest, &account))
        own_store_forget(u->config.own, &account);
}

static bool handle_revoke(struct uplink *u, struct view payload)
{
    struct msg_revoke m;

    if (msg_revoke_decode(payload, &m) != ERR_NONE)
        return false;
    keyring_revoke(u->config.keyring, &m, clock_mono_ms());
    session_forget_own(u, &m.key_digest);
    session_give_back(u);
    asks_revoked(u, &m.key_digest);
    return true;
}

static bool handle_recall(struct uplink *u, struct view payload)
{
    struct msg_recall m;

    if (msg_recall_decode(payload, &m) != ERR_NONE)
        return false;
    keyring_recall(u->config.keyring, &m, clock_mono_ms());
    session_give_back(u);
    return true;
}

static void session_lease(struct uplink *u, const struct msg_lease *m)
{
    keyring_lease(u->config.keyring, m, clock_mono_ms());
    asks_leased(u, m);
}

static bool handle_lease(struct uplink *u, struct view payload)
{
    struct msg_lease m;

    if (msg_lease_decode(payload, &m) != ERR_NONE)
        return false;
    session_lease(u, &m);
    return true;
}

static bool handle_ruled(struct uplink *u, struct view payload)
{
    struct msg_ruled m;

    if (msg_ruled_decode(payload, &m) != ERR_NONE)
        return false;
    if (m.kind == RULED_GRANT)
        return session_grant(u, &m.grant);
    session_lease(u, &m.lease);
    return true;
}

static bool handle_key_parts(struct uplink *u, struct view payload)
{
    struct msg_key_parts m;

    if (msg_key_parts_decode(payload, &m) != ERR_NONE)
        return false;
    keyring_parts(u->config.keyring, &m, clock_mono_ms());
    return true;
}

static bool handle_usage_ack(struct uplink *u, struct view payload)
{
    struct msg_usage_ack m;

    return msg_usage_ack_decode(payload, &m) == ERR_NONE && ship_acked(u, m.seq);
}

static bool handle_usage_from(struct uplink *u, struct view payload)
{
    struct msg_usage_from m;

    return msg_usage_from_decode(payload, &m) == ERR_NONE && ship_from(u, &m);
}

static bool handle_settle_ask(struct uplink *u, struct view payload)
{
    struct msg_settle_ask m;

    return msg_settle_ask_decode(payload, &m) == ERR_NONE &&
           ship_settle_asked(u, m.token, clock_mono_ms());
}

static bool handle_pong(struct uplink *u, struct view payload)
{
    struct msg_ping m;

    return msg_ping_decode(payload, &m) == ERR_NONE && m.token <= u->ping;
}

/* --- frames --- */

static const struct {
    enum message_type type;
    bool before_accept; /* legal while proving; all are legal afterwards */
    bool (*handle)(struct uplink *u, struct view payload);
} handlers[] = {
    {MSG_CHALLENGE, true, handle_challenge}, {MSG_ACCEPT, true, handle_accept},
    {MSG_REFUSE, true, handle_refuse},       {MSG_GRANT, false, handle_grant},
    {MSG_NO_KEY, false, handle_no_key},      {MSG_LEASE, false, handle_lease},
    {MSG_REVOKE, false, handle_revoke},      {MSG_CATALOG, false, push_catalog},
    {MSG_SECRET, false, push_secret},        {MSG_USAGE_ACK, false, handle_usage_ack},
    {MSG_CERT, false, push_cert},            {MSG_LOG_PROOF, false, push_log_proof},
    {MSG_PONG, false, handle_pong},          {MSG_HEALTH, false, push_health},
    {MSG_USAGE_FROM, false, handle_usage_from},
    {MSG_SETTLE_ASK, false, handle_settle_ask},
    {MSG_RECALL, false, handle_recall},
    {MSG_RELAY_ANSWER, false, inquiries_relay_answer},
    {MSG_CLAIMED, false, inquiries_claimed},
    {MSG_OWN_KEYS, false, own_answered},
    {MSG_OWN_PRICED, false, own_priced},
    {MSG_SEAL_ASK, false, own_seal_asked},
    {MSG_SEAL_GIVE, false, own_seal_given},
    {MSG_ACME_CHALLENGE, false, own_acme_challenge},
    {MSG_RULED, false, handle_ruled},
    {MSG_KEY_PARTS, false, handle_key_parts},
    {MSG_ORDERS, false, push_orders},
};

static bool session_dispatch(struct uplink *u, const struct frame *f)
{
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].type != f->type)
            continue;
        return (handlers[i].before_accept || u->state == UPLINK_ACCEPTED) &&
               handlers[i].handle(u, f->payload);
    }
    return false;
}

static void session_fail(struct uplink *u, enum err e)
{
    u->state = UPLINK_CLOSING;
    conn_close(u->conn, e);
}

static void session_frames(struct uplink *u, struct view *v)
{
    enum err e = ERR_NONE;
    struct frame f;

    while (u->state != UPLINK_CLOSING && (e = frame_take(v, &f)) == ERR_NONE) {
        if (!session_dispatch(u, &f)) {
            LOG("link_illegal", KV("type", (uint32_t)f.type), KV("state", (uint32_t)u->state));
            session_fail(u, ERR_FORMAT);
        }
    }
    if (e != ERR_NONE && e != ERR_SHORT)
        session_fail(u, e);
}

static void session_bytes(void *cookie, struct view bytes)
{
    struct uplink *u = cookie;
    struct view rest = bytes;

    u->heard_ms = clock_mono_ms();
    if (u->in.len != 0) {
        if (buf_append(&u->in, bytes) != ERR_NONE) {
            session_fail(u, ERR_LIMIT);
            return;
        }
        rest = buf_view(&u->in);
        session_frames(u, &rest);
        buf_consume(&u->in, u->in.len - rest.len);
    } else {
        session_frames(u, &rest);
        if (rest.len != 0 && u->state != UPLINK_CLOSING && buf_append(&u->in, rest) != ERR_NONE)
            session_fail(u, ERR_LIMIT);
    }
    if (u->in.len == 0)
        buf_free(&u->in);
}

/* --- the connection --- */

static void session_ready(void *cookie)
{
    struct uplink *u = cookie;

    assert(u->state == UPLINK_CONNECTING);
    u->state = UPLINK_PROVING;
    if (tls_exporter(conn_ssl(u->conn), u->exporter) != ERR_NONE)
        session_fail(u, ERR_TLS);
}

static void session_closed(void *cookie, enum err e)
{
    struct uplink *u = cookie;
    bool was = atomic_exchange_explicit(&u->connected, false, memory_order_acq_rel);

    if (was) {
        u->lost_ms = clock_mono_ms();
        keyring_cap(u->config.keyring, u->heard_ms + LIMIT_LINKLESS_MS);
    }
    LOG("link_closed", KV("accepted", was), KV("error", log_err((int)e)));
    atomic_store_explicit(&u->troubles, 0, memory_order_relaxed);
    u->conn = NULL;
    u->evidence_sent = false;
    buf_free(&u->in);
    catalog_parts_drop(&u->catalog);
    uplink_lost(u, was);
    asks_lost(u);
    inquiries_lost(u);
}

const struct conn_events session_events = {session_ready, session_bytes, session_closed};

/* --- the tick --- */

static void session_ping(struct uplink *u, uint64_t now_ms)
{
    struct msg_ping m = {.token = ++u->ping};
    struct buf out;

    u->pinged_ms = now_ms;
    buf_init(&out, 64);
    if (msg_ping_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

static void session_return(struct uplink *u, const struct msg_lease_return *list, size_t n)
{
    struct buf out;

    buf_init(&out, 4096);
    for (size_t i = 0; i < n; i++)
        if (msg_lease_return_encode(&list[i], &out) != ERR_NONE)
            break; /* the next total, or LEASE_MORE, tells it */
    if (out.len != 0)
        uplink_send(u, &out);
    buf_free(&out);
}

void session_give_back(struct uplink *u)
{
    struct msg_lease_return back[UPLINK_MOVES_MAX];
    size_t n;

    while (u->state == UPLINK_ACCEPTED &&
           (n = keyring_returned(u->config.keyring, back, UPLINK_MOVES_MAX)) != 0)
        session_return(u, back, n);
}

static void session_leases(struct uplink *u, uint64_t now_ms)
{
    struct msg_lease_return back[UPLINK_MOVES_MAX];
    struct msg_lease_more renew[UPLINK_MOVES_MAX];
    size_t n = keyring_returns(u->config.keyring, now_ms, back, UPLINK_MOVES_MAX);
    struct buf out;

    session_return(u, back, n);
    n = keyring_renewals(u->config.keyring, now_ms, renew, UPLINK_MOVES_MAX);
    buf_init(&out, 4096);
    for (size_t i = 0; i < n; i++)
        if (msg_lease_more_encode(&renew[i], &out) != ERR_NONE)
            break;
    if (out.len != 0 && u->state == UPLINK_ACCEPTED)
        uplink_send(u, &out);
    buf_free(&out);
}

/* What we hold from before this connection: some of it may have been revoked meanwhile. */
static void session_tell_keys(struct uplink *u)
{
    struct msg_keys m;
    struct buf keys, out;

    if (u->told_keys == u->tell_keys)
        return;
    buf_init(&keys, LIMIT_KEYS_FRAME * KEYS_WIRE_BYTES);
    buf_init(&out, LIMIT_FRAME_BYTES);
    m.count = (uint16_t)keyring_keys(u->config.keyring, &u->told_keys, u->tell_keys,
                                     LIMIT_KEYS_FRAME, &keys);
    m.keys = buf_view(&keys);
    if (m.count != 0 && msg_keys_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&keys);
    buf_free(&out);
}

void session_tick(struct uplink *u, uint64_t now_ms)
{
    switch (u->state) {
    case UPLINK_CONNECTING:
        if (targets_alternative(&u->targets) && now_ms - u->opened_ms > UPLINK_CONNECT_MS) {
            session_fail(u, ERR_CONNECT_TIMEOUT);
            break;
        }
        /* fall through */
    case UPLINK_PROVING:
        if (now_ms - u->opened_ms > UPLINK_HANDSHAKE_MS)
            session_fail(u, ERR_TLS_TIMEOUT);
        break;
    case UPLINK_ACCEPTED:
        if (now_ms - u->heard_ms > UPLINK_SILENCE_MS) {
            session_fail(u, ERR_IDLE_TIMEOUT);
            break;
        }
        if (standing_now(&u->standing) == STANDING_CLOCK_JUMPED) {
            clocks_doubted(u, standing_jump_ms(&u->standing));
            session_fail(u, ERR_ATTESTATION); /* to prove ourselves anew, at once */
            break;
        }
        if (now_ms - u->pinged_ms >= UPLINK_PING_MS)
            session_ping(u, now_ms);
        if (u->state == UPLINK_ACCEPTED && now_ms - u->state_ms >= UPLINK_STATE_MS)
            session_state(u, now_ms);
        if (u->state == UPLINK_ACCEPTED)
            session_tell_keys(u);
        if (u->state == UPLINK_ACCEPTED && !u->stopping)
            session_leases(u, now_ms);
        break;
    case UPLINK_DOWN:
    case UPLINK_RESOLVING:
    case UPLINK_CLOSING:
        break;
    }
}

static void session_bye(struct uplink *u)
{
    struct msg_lease_return back[UPLINK_MOVES_MAX];
    struct buf out;
    size_t n;

    while (u->state == UPLINK_ACCEPTED &&
           (n = keyring_close(u->config.keyring, back, UPLINK_MOVES_MAX)) != 0)
        session_return(u, back, n);
    buf_init(&out, 64);
    if (u->state == UPLINK_ACCEPTED && msg_bye_encode(&out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
    u->said_bye = true;
    /* The control plane closes when it has read it. Closing here would reset the connection if anything of the
     * control plane's is still unread, and a reset takes what the other side has not read yet with it. */
    if (u->state == UPLINK_ACCEPTED)
        u->state = UPLINK_CLOSING;
}

bool session_leave(struct uplink *u, uint64_t now_ms)
{
    bool late = now_ms - u->stop_ms >= UPLINK_STOP_MS;

    if (u->conn == NULL)
        return late || u->said_bye || ship_empty(u);
    if (late)
        session_fail(u, ERR_CANCELLED); /* closed() follows, and then there is no connection */
    else if (u->state == UPLINK_ACCEPTED && ship_empty(u) && !u->said_bye)
        session_bye(u);
    else if (u->state != UPLINK_ACCEPTED && u->state != UPLINK_CLOSING && ship_empty(u))
        session_fail(u, ERR_CANCELLED);
    return false;
}
