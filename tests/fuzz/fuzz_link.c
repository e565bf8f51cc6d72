/* The data plane's end of the link as a state machine under any sequence of frames, half frames, ticks,
 * asks, records and lost connections. Whatever the control plane says, in whatever order: nothing but a
 * CHALLENGE, an ACCEPT and a REFUSE is acted upon before an ACCEPT that answers our evidence; what we
 * send is well formed and never follows the end; every ask is answered once; what may be spent of a
 * lease is never more than it was told. */
#include "clock.h"
#include "evidence.h"
#include "identity.h"
#include "log.h"
#include "quote.h"
#include "tls.h"
#include "uplink_own.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- around the session: a processor that signs at once, a connection that goes nowhere */

static enum err quote_now(struct quote_source *s, const uint8_t report_data[static 64],
                          struct quote *out)
{
    (void)s;
    memcpy(out->report, report_data, 64);
    return ERR_NONE;
}
static const struct quote_backend instant = {.get = quote_now};

#define quote_backend instant
#undef LOG
#define LOG(event, ...)                                                                            \
    do {                                                                                           \
        const struct log_field f_[] = {__VA_ARGS__};                                               \
        (void)f_;                                                                                  \
    } while (0)
#include "../../dataplane/link/session.c"

static struct uplink u;
static struct {
    bool open, closing, challenged, accepted;
    unsigned evidence, pushes;
    unsigned asked, answered;
    unsigned inquired, told; /* inquiries; those answered or cancelled */
} now;

struct conn {
    int unused;
};
static struct conn the_conn;

enum err conn_accept(uv_stream_t *l, SSL_CTX *t, const struct conn_events *e, void *c,
                     struct conn **out)
{
    (void)l, (void)t, (void)e, (void)c, (void)out;
    abort();
}
enum err conn_connect(uv_loop_t *l, const struct sockaddr *a, SSL_CTX *t,
                      const struct conn_events *e, void *c, struct conn **out)
{
    (void)l, (void)a, (void)t, (void)e, (void)c, (void)out;
    abort();
}
SSL *conn_ssl(struct conn *c)
{
    (void)c;
    abort();
}
bool conn_open(const struct conn *c)
{
    (void)c;
    return now.open && !now.closing;
}
void conn_pause(struct conn *c)
{
    (void)c;
}
void conn_resume(struct conn *c)
{
    (void)c;
}
void conn_close(struct conn *c, enum err e)
{
    (void)e;
    assert(c == &the_conn && now.open);
    now.closing = true;
}
void conn_finish(struct conn *c)
{
    conn_close(c, ERR_NONE);
}
enum err conn_send(struct conn *c, struct view bytes)
{
    struct frame f;

    assert(c == &the_conn && now.open && !now.closing);
    while (frame_take(&bytes, &f) == ERR_NONE) {
        assert(f.type == MSG_EVIDENCE || f.type == MSG_KEY_LOOKUP || f.type == MSG_LEASE_MORE ||
               f.type == MSG_LEASE_RETURN || f.type == MSG_USAGE || f.type == MSG_PING ||
               f.type == MSG_BYE || f.type == MSG_KEYS || f.type == MSG_USAGE_LOST ||
               f.type == MSG_SETTLED || f.type == MSG_RELAY_ASK || f.type == MSG_RELAY_NEXT ||
               f.type == MSG_CLAIM || f.type == MSG_RELEASE || f.type == MSG_SEAL_GIVE ||
               f.type == MSG_RULES_KNOWN || f.type == MSG_USAGE_ATTEMPTS || f.type == MSG_USAGE_PARTS || f.type == MSG_STATE);
        assert(f.type == MSG_EVIDENCE ? now.challenged : now.accepted);
        now.evidence += f.type == MSG_EVIDENCE;
        now.challenged = now.challenged && f.type != MSG_EVIDENCE;
    }
    assert(bytes.len == 0);
    return ERR_NONE;
}

/* --- the data plane behind it */

static void push_allowed(void)
{
    assert(now.accepted);
    now.pushes++;
}
static void on_catalog(void *cookie, struct catalog *c)
{
    (void)cookie;
    push_allowed();
    catalog_free(c);
}
static void on_secret(void *cookie, uint16_t provider_no, uint8_t index, uint8_t total, struct view key)
{
    (void)cookie, (void)key;
    assert(provider_no < 2 && index < total && total <= PROVIDER_KEYS_MAX);
    push_allowed();
}
static void on_cert(void *cookie, struct view leaf, struct view ca)
{
    (void)cookie;
    assert(leaf.len != 0 && ca.len != 0);
    push_allowed();
}
static void ask_cb(void *cookie, const struct ask_answer *a)
{
    (void)cookie;
    assert((a->e == ERR_NONE) == (a->key != NULL));
    now.answered++;
    if (a->e == ERR_NONE) { /* served as the keyring would: to be ended once */
        key_settle(a->key, &a->lease, 10, now.answered % 11);
        key_release(a->key);
    }
}

static uv_loop_t loop;
static struct uplink_port *port;
static uint64_t mono_ms, unix_ms;

static struct digest32 digest_of(uint8_t n)
{
    return (struct digest32){{n % 8, 7}};
}

static void time_passes(uint64_t ms, int64_t unix_turned_ms)
{
    mono_ms += ms;
    unix_ms += ms + (uint64_t)unix_turned_ms;
    clock_freeze(mono_ms * 1000, unix_ms);
}

static const struct providers providers = {.n = 2, .list = {{.no = 0, .id = "demo-a"}, {.no = 1, .id = "demo-b"}}};
static struct identity own_identity;
static uint8_t own_report[SNP_REPORT_BYTES];

static void begin_once(void)
{
    static const struct identity_config who = {.audience = "fuzz", .simulated = true};

    if (secret_init() != ERR_NONE || uv_loop_init(&loop) != 0 || uv_mutex_init(&u.lock) != 0 ||
        identity_keys_new(&who, &u.config.keys) != ERR_NONE || ship_init(&u) != ERR_NONE ||
        targets_parse("127.0.0.1,127.0.0.2", 1, &u.targets) != ERR_NONE ||
        own_store_new(&u.config.own) != ERR_NONE || seal_ring_new(u.config.keys, &u.config.ring) != ERR_NONE)
        abort();
    u.config.n_providers = providers.n;
    u.config.providers = &providers;
    u.config.seal = (struct seal_own){.identity = &own_identity, .report = own_report};
    u.config.on_catalog = on_catalog;
    u.config.on_secret = on_secret;
    u.config.on_cert = on_cert;
}

static void begin(void)
{
    memset(&now, 0, sizeof now);
    mono_ms = 1000000;
    unix_ms = UINT64_C(1795000000000);
    time_passes(0, 0);
    if (keyring_new(6, &u.config.keyring) != ERR_NONE || meter_new(1, &u.config.meter) != ERR_NONE ||
        uv_async_init(&loop, &u.wake, NULL) != 0 || uplink_port_new(&u, &loop, &port) != ERR_NONE)
        abort();
    buf_init(&u.in, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    memset(&u.standing, 0, sizeof u.standing);
    u.backoff_ms = UPLINK_RETRY_MIN_MS;
    u.acked_seq = u.sent_seq = u.last_seq = u.top_seq = u.shipped_ms = 0;
    u.oldest_seq = 1;
    u.told_from = u.settle_open = false;
    u.relay_calls = 0;
    u.n_batches = 0;
    u.ping = 0;
    u.cp_offset_ms = 0;
    u.doubted = false;
    u.lost_ms = 0;
    u.refused = false;
    targets_served(&u.targets);
    u.state = UPLINK_DOWN;
}

/* What TLS would have done. */
static void connected(void)
{
    if (now.open)
        return;
    now.open = true;
    now.closing = now.challenged = now.accepted = false;
    now.evidence = 0;
    u.conn = &the_conn;
    u.opened_ms = u.heard_ms = mono_ms;
    u.state = UPLINK_PROVING;
}

static void lost(void)
{
    if (!now.open)
        return;
    now.open = now.accepted = false;
    session_events.closed(&u, ERR_NONE);
    assert(u.conn == NULL && u.state == UPLINK_DOWN && !u.evidence_sent);
}

/* --- what the control plane says */

/* In what state would a frame of this type be acted upon? Kept apart from the session's own book. */
static void expect(enum message_type type, struct view payload)
{
    struct msg_challenge challenge;
    struct msg_accept accept;

    if (type == MSG_CHALLENGE && msg_challenge_decode(payload, &challenge) == ERR_NONE)
        now.challenged = true;
    if (type == MSG_ACCEPT && msg_accept_decode(payload, &accept) == ERR_NONE && now.evidence > 0) {
        now.accepted = true; /* it answers what we said */
        now.evidence = 0;
    }
}

static void hear_part(struct view bytes)
{
    enum standing before = standing_now(&u.standing);

    if (!now.open || now.closing)
        return;
    session_events.bytes(&u, bytes);
    if (standing_now(&u.standing) == STANDING_ACCEPTED && before != STANDING_ACCEPTED)
        assert(now.accepted);
    assert(u.state != UPLINK_ACCEPTED || now.accepted);
}

/* Bytes up to the end of each frame they complete, so that expect() sees it first. */
static void hear(struct view bytes)
{
    struct buf all;

    buf_init(&all, 2 * LIMIT_FRAME_BYTES);
    while (bytes.len != 0 && now.open && !now.closing) {
        size_t had = u.in.len, used = bytes.len;
        struct frame f;
        struct view v;

        buf_reset(&all);
        if (buf_append(&all, buf_view(&u.in)) != ERR_NONE || buf_append(&all, bytes) != ERR_NONE)
            abort();
        v = buf_view(&all);
        if (frame_take(&v, &f) == ERR_NONE) {
            used = all.len - v.len - had;
            expect(f.type, f.payload);
        }
        hear_part(view_of(bytes.ptr, used));
        bytes = view_from(bytes, used);
    }
    buf_free(&all);
}

static void hear_frame(uint8_t type, struct view payload)
{
    struct buf out;

    buf_init(&out, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    const uint8_t head[FRAME_HEADER_BYTES] = {(uint8_t)(payload.len >> 24),
                                              (uint8_t)(payload.len >> 16),
                                              (uint8_t)(payload.len >> 8),
                                              (uint8_t)payload.len,
                                              type,
                                              1};
    if (buf_append(&out, view_of(head, sizeof head)) != ERR_NONE ||
        buf_append(&out, payload) != ERR_NONE)
        abort();
    hear(buf_view(&out));
    buf_free(&out);
}

#define SAY(m, type, ...)                                                                          \
    do {                                                                                           \
        struct msg_##m m_ = {__VA_ARGS__};                                                         \
        struct buf b_;                                                                             \
        buf_init(&b_, 1024);                                                                       \
        if (msg_##m##_encode(&m_, &b_) == ERR_NONE)                                                \
            hear_frame(type, view_from(buf_view(&b_), FRAME_HEADER_BYTES));                        \
        buf_free(&b_);                                                                             \
    } while (0)

/* Well-formed messages about few keys and leases, so that they meet. */
static void say_something(uint8_t what, uint8_t k, uint8_t l)
{
    struct id key = {{(uint8_t)(k % 8 + 1)}}, lease = {{l, k}};

    switch (what % 16) {
    case 0:
        SAY(challenge, MSG_CHALLENGE, .nonce = {k, l});
        break;
    case 1:
        SAY(accept, MSG_ACCEPT, .session = {{1}}, .reattest_after_ms = 1u + k * 250u,
            .unix_ms = unix_ms + l * 1000u);
        break;
    case 2:
        SAY(grant, MSG_GRANT, .key_digest = digest_of(k), .key = key, .account = {{3}},
            .lease = lease, .granted_nusd = 1000, .lease_ms = 60000, .version = l % 4);
        break;
    case 3:
        SAY(lease, MSG_LEASE, .key = key, .lease = lease, .granted_nusd = 1000 + l,
            .lease_ms = l % 5 == 0 ? 0 : 60000, .status = l % LEASE_STATUS_COUNT,
            .version = l % 4, .most_nusd = l);
        break;
    case 4:
        SAY(no_key, MSG_NO_KEY, .key_digest = digest_of(k), .reason = l % NO_KEY_CHANGED,
            .version = l % 4, .most_nusd = l);
        break;
    case 5:
        if (l % 8 == 7)
            SAY(recall, MSG_RECALL, .key = key, .lease = lease);
        else
            SAY(revoke, MSG_REVOKE, .key_digest = digest_of(k), .reason = l % NO_KEY_COUNT,
                .version = l % 4);
        break;
    case 6:
        SAY(usage_ack, MSG_USAGE_ACK, .seq = l);
        break;
    case 7:
        SAY(refuse, MSG_REFUSE, .reason = (uint16_t)(l % REFUSAL_COUNT));
        break;
    case 8:
        SAY(health, MSG_HEALTH, .troubles = l % (TROUBLE_ALL + 1));
        break;
    case 9:
        SAY(usage_from, MSG_USAGE_FROM, .seq = l, .lapse = k % 2);
        break;
    case 10:
        SAY(settle_ask, MSG_SETTLE_ASK, .token = l);
        break;
    case 11: /* of the latest questions, or of others */
        SAY(relay_answer, MSG_RELAY_ANSWER, .call = u.relay_calls - k % 4, .status = 200,
            .last = l % 2, .body = view_of(&key, l % 16));
        break;
    case 12:
        key = (struct id){{(uint8_t)(k % 8 + 1)}};
        SAY(claimed, MSG_CLAIMED, .request = key, .status = l % CLAIM_STATUS_COUNT,
            .first = l % CLAIM_STATUS_COUNT == CLAIM_NONE ? (struct id){{0}} : key);
        break;
    case 13:
        SAY(ruled, MSG_RULED, .kind = RULED_GRANT,
            .grant = {.key_digest = digest_of(k), .key = key, .account = {{3}}, .lease = lease, .granted_nusd = 1000,
                      .lease_ms = 60000, .version = l % 4},
            .terms = {.parts = (uint16_t)(1 + l % 3), .parts_version = k, .rules = {.privacy = l % 2}});
        break;
    case 14:
        SAY(key_parts, MSG_KEY_PARTS, .key = key, .parts = (uint16_t)(1 + l % 3), .version = l);
        break;
    case 15:
        SAY(orders, MSG_ORDERS, .drain = l % 2, .n = 1, .weights = {{k, {1, 2, 3, 4, 5, 6, 7, 100}}}, .keyed = {l});
        break;
    }
}

/* --- what the data plane does meanwhile */

static void ask(uint8_t k, uint8_t kind)
{
    struct digest32 d = digest_of(k);
    struct key *key = NULL;
    struct ask *a;
    enum err e = keyring_find(u.config.keyring, &d, mono_ms, &key);

    if (e == ERR_NONE) {
        assert(key_available(key) <= 1000 + 255);
        if (kind % 3 == 0)
            uplink_hint_lease(port, key);
        else if (uplink_ask(port, &d, 10, ask_cb, NULL, &a) == ERR_NONE)
            now.asked++;
        key_release(key);
    } else if (uplink_ask(port, &d, 10, ask_cb, NULL, &a) == ERR_NONE) {
        now.asked++;
    }
    asks_take(&u);
}

static void inquiry_done(void *cookie, struct inquiry_answer *a)
{
    (void)cookie;
    assert(a->e == ERR_NONE || a->e == ERR_CONTROL_PLANE || a->e == ERR_LIMIT);
    assert(a->e != ERR_NONE || a->status != 0 || a->claim.status < CLAIM_STATUS_COUNT);
    now.told++;
}

/* A question or a claim; some of those that ask leave at once. */
static void inquire(uint8_t k, uint8_t kind)
{
    const struct msg_relay_ask question = {.path = VIEW_LIT("/key")};
    const struct msg_claim claim = {.request = {{(uint8_t)(k % 8 + 1)}}};
    struct inquiry *q;
    enum err e = kind % 2 == 0 ? inquiry_relay(port, &question, inquiry_done, NULL, &q)
                               : inquiry_claim(port, &claim, inquiry_done, NULL, &q);

    if (e != ERR_NONE)
        return;
    now.inquired++;
    if (kind % 16 > 12) {
        inquiry_cancel(q);
        now.told++;
    }
    if (kind % 3 != 0)
        inquiries_take(&u);
}

static void meter_one(void)
{
    struct usage_record r = {.request = {{1}}};

    if (meter_reserve(u.config.meter, 0))
        meter_push(u.config.meter, 0, &r);
}

static void tick(void)
{
    session_tick(&u, mono_ms);
    ship_tick(&u, mono_ms);
    asks_tick(&u);
    inquiries_tick(&u);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void end(void)
{
    lost();
    uplink_port_free(port);
    inquiries_free(&u);
    asks_free(&u);
    uv_close((uv_handle_t *)&u.wake, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    buf_free(&u.in);
    keyring_free(u.config.keyring);
    meter_free(u.config.meter);
    assert(now.answered <= now.asked);
    assert(now.told <= now.inquired && u.relays_open == 0 && u.n_releases == 0);
}

static bool take_byte(struct view *in, uint8_t *out)
{
    struct view one;

    if (!view_take(in, 1, &one))
        return false;
    *out = one.ptr[0];
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct view in = view_of(data, size), bytes;
    uint8_t op, a, b;

    if (!started)
        begin_once();
    started = true;
    begin();
    connected();
    while (take_byte(&in, &op) && take_byte(&in, &a) && take_byte(&in, &b)) {
        switch (op % 10) {
        case 0: /* any payload under any type */
            if (view_take(&in, b, &bytes))
                hear_frame(a, bytes);
            break;
        case 1: /* the beginning of a frame and no more */
            if (b < FRAME_HEADER_BYTES && view_take(&in, b, &bytes))
                hear(bytes);
            break;
        case 2:
            time_passes(a * UINT64_C(20), b < 250 ? 0 : (b - 252) * INT64_C(3000));
            tick();
            break;
        case 3:
            ask(a, b);
            break;
        case 4:
            if (b % 2 == 0)
                meter_one();
            else
                inquire(a, b / 2);
            break;
        case 5:
            lost();
            break;
        default:
            say_something(op / 10, a, b);
        }
        if (now.closing)
            lost();
        connected();
    }
    end();
    return 0;
}
