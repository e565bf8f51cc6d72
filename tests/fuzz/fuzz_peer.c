/* The control plane's end of the link as a state machine under any sequence of frames, half frames, ticks,
 * answers of the ledger (early, late, failed, out of their order) and lost connections. Whatever a data
 * plane says: the ledger hears nothing of it before its evidence was found good and written down, records
 * and the ends of leases are booked one at a time in their order, and nothing outlives its peer. */
#include "api.h"
#include "boots.h"
#include "clock.h"
#include "log.h"
#include "tls.h"

#undef LOG
#define LOG(event, ...)                                                                            \
    do {                                                                                           \
        const struct log_field f_[] = {__VA_ARGS__};                                               \
        (void)f_;                                                                                  \
    } while (0)
#define attest_verify verdict
#define attest_policy_digest rules_digest
#include "verify.h"

#include "../../controlplane/peers/known.c"
#include "../../controlplane/peers/places.c"
#include "../../controlplane/peers/dispatch.c"
#include "../../controlplane/peers/orders.c"
#include "../../controlplane/peers/relay.c"
#include "../../controlplane/peers/resync.c"
#include "../../controlplane/peers/sealing.c"
#include "../../controlplane/peers/peer.c"
#include "../../controlplane/peers/steer.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- the book this test keeps of what may happen */

static struct {
    bool open, closing, good, registered, accepted;
    uint64_t verdicts, booked_seq;
    unsigned orders;
} now;
static struct peers owner;
static struct peer *peer; /* NULL once it may be gone */
static uint64_t mono_ms;
static uint8_t rules;

/* --- answers that come when the input says so */

enum call_kind {
    CALL_BOOT,
    CALL_LOG,
    CALL_GRANT,
    CALL_CHANGES,
    CALL_MORE,
    CALL_RETURN,
    CALL_CLAIM, /* or release */
    CALL_RELAY,
    CALL_OWN, /* the account's own provider keys */
    CALL_INGEST, /* or set aside, lost, settled: answered by a number */
};

struct pending_call {
    enum call_kind kind;
    bool order; /* one of those that must not overtake each other */
    void *cookie;
    void (*plain)(void *cookie, enum err e);
    ledger_boot_cb *boot;
    boots_cb *logged;
    void (*grant)(void *cookie, enum err e, const struct msg_grant *g, const struct msg_no_key *n);
    void (*changes)(void *cookie, enum err e, const struct msg_revoke *r, size_t n);
    void (*lease)(void *cookie, enum err e, const struct msg_lease *l);
    void (*claim)(void *cookie, enum err e, const struct msg_claimed *answer);
    api_answer_cb *relay;
    void (*own)(void *cookie, enum err e, const struct msg_own_keys *keys);
    ledger_acked_cb *ingest;
    struct digest32 digest;
    uint64_t seq;
};
enum { CALLS_MAX = 4096 };
static struct pending_call calls[CALLS_MAX];
static size_t n_calls;

static struct pending_call *call_new(enum call_kind kind, void *cookie)
{
    struct pending_call *c = &calls[n_calls++];

    assert(n_calls <= CALLS_MAX);
    assert(now.good);
    assert(kind == CALL_BOOT || now.registered);
    assert(kind <= CALL_LOG || now.accepted);
    *c = (struct pending_call){.kind = kind, .cookie = cookie};
    return c;
}

void ledger_boot(struct ledger *l, const struct id *boot, const struct id *session,
                 struct view measurement, bool simulated, ledger_boot_cb *cb, void *cookie)
{
    (void)l, (void)boot, (void)session, (void)simulated;
    assert(measurement.len == 48);
    call_new(CALL_BOOT, cookie)->boot = cb;
}
void ledger_unlink(struct ledger *l, const struct id *boot, const struct id *session)
{
    (void)l, (void)boot, (void)session;
    assert(now.registered);
}
void ledger_place(struct ledger *l, const struct id *boot, struct view place)
{
    (void)l, (void)boot;
    assert(now.accepted && place_name_ok(place));
}
void boots_log(struct translog *t, const struct boots_entry *entry, boots_cb *cb, void *cookie)
{
    (void)t, (void)entry;
    call_new(CALL_LOG, cookie)->logged = cb;
}
void ledger_grant(struct ledger *l, const struct id *boot, const struct msg_key_lookup *ask,
                  void (*cb)(void *cookie, enum err e, const struct msg_grant *grant,
                             const struct msg_no_key *no),
                  void *cookie)
{
    struct pending_call *c = call_new(CALL_GRANT, cookie);

    (void)l, (void)boot;
    c->grant = cb;
    c->digest = ask->key_digest;
}
void ledger_changes(struct ledger *l, const struct ledger_key *keys, size_t n,
                    void (*cb)(void *cookie, enum err e, const struct msg_revoke *changes, size_t n),
                    void *cookie)
{
    struct pending_call *c = call_new(CALL_CHANGES, cookie);

    (void)l;
    assert(n >= 1 && n <= LEDGER_KEYS_MAX);
    c->changes = cb;
    c->digest = keys[n - 1].digest;
}
void ledger_lease_more(struct ledger *l, const struct id *boot, const struct msg_lease_more *ask,
                       void (*cb)(void *cookie, enum err e, const struct msg_lease *lease),
                       void *cookie)
{
    (void)l, (void)boot;
    assert(ask->need_nusd >= 0 && ask->want_nusd >= 0);
    call_new(CALL_MORE, cookie)->lease = cb;
}
void ledger_claim(struct ledger *l, const struct id *boot, const struct msg_claim *claim,
                  void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer),
                  void *cookie)
{
    (void)l, (void)boot, (void)claim;
    call_new(CALL_CLAIM, cookie)->claim = cb;
}
void ledger_release(struct ledger *l, const struct id *boot, const struct id *request,
                    void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer),
                    void *cookie)
{
    (void)l, (void)boot, (void)request;
    call_new(CALL_CLAIM, cookie)->claim = cb;
}
void ledger_own_keys(struct ledger *l, const struct id *account, const struct providers *providers,
                     void (*cb)(void *cookie, enum err e, const struct msg_own_keys *keys), void *cookie)
{
    (void)l, (void)account, (void)providers;
    call_new(CALL_OWN, cookie)->own = cb;
}
void api_relay(struct api *a, const struct msg_relay_ask *ask, const uint8_t address[static 16],
               api_answer_cb *cb, void *cookie)
{
    const struct api_answer missing = {.status = 404, .body = VIEW_LIT("{}")};

    (void)address;
    assert(a != NULL && ask->call != 0 && now.accepted);
    if (ask->method == RELAY_POST) /* some answers come at once */
        cb(cookie, &missing);
    else
        call_new(CALL_RELAY, cookie)->relay = cb;
}
static void order_begins(struct pending_call *c)
{
    c->order = true;
    assert(now.orders++ == 0);
}
void ledger_lease_return(struct ledger *l, const struct id *boot,
                         const struct msg_lease_return *ret, void (*cb)(void *cookie, enum err e),
                         void *cookie)
{
    struct pending_call *c = call_new(CALL_RETURN, cookie);

    (void)l, (void)boot;
    assert(ret->total_nusd >= 0);
    c->plain = cb;
    if (ret->final)
        order_begins(c);
}
void ledger_ingest_batch(struct ledger *l, const struct id *boot, const struct ledger_batch *b, ledger_acked_cb *cb,
                         void *cookie)
{
    struct pending_call *c = call_new(CALL_INGEST, cookie);

    (void)l, (void)boot;
    assert(b->n > 0 && b->n <= LEDGER_BOOK_MAX && b->n_attempts <= LEDGER_ATTEMPTS_MAX &&
           b->n_parts <= LEDGER_PARTS_MAX);
    for (size_t i = 0; i < b->n; i++)
        assert(b->records[i].seq != 0);
    for (size_t i = 0; i < b->n_attempts; i++)
        assert(b->attempts[i].seq != 0 && b->attempts[i].attempt != 0);
    for (size_t i = 0; i < b->n_parts; i++)
        assert(b->parts[i].seq != 0 && b->parts[i].cost_nusd >= 0 && b->parts[i].role < USAGE_PART_ROLES);
    order_begins(c);
    c->ingest = cb;
    c->seq = b->records[b->n - 1].seq;
}
void ledger_set_aside(struct ledger *l, const struct id *boot, const struct ledger_batch *b, ledger_acked_cb *cb,
                      void *cookie)
{
    assert(b->n == 1);
    ledger_ingest_batch(l, boot, b, cb, cookie);
}
static void number_asked(uint64_t answer, ledger_acked_cb *cb, void *cookie)
{
    struct pending_call *c = call_new(CALL_INGEST, cookie);

    order_begins(c);
    c->ingest = cb;
    c->seq = answer;
}
void ledger_lost(struct ledger *l, const struct id *boot, uint64_t lo, uint64_t hi,
                 ledger_acked_cb *cb, void *cookie)
{
    (void)l, (void)boot;
    assert(lo > 0 && lo <= hi && hi <= INT64_MAX);
    number_asked(hi, cb, cookie);
}
void ledger_settled(struct ledger *l, const struct id *boot, const struct id *session, uint64_t seq,
                    uint64_t at_ms, void (*cb)(void *cookie, enum err e, uint64_t db_ms),
                    void *cookie)
{
    (void)l, (void)boot, (void)session;
    assert(seq <= INT64_MAX && at_ms <= mono_ms);
    number_asked(mono_ms, cb, cookie);
}

static void answer(size_t i, bool fail)
{
    struct pending_call c = calls[i];
    /* Records may also be refused for what they are. */
    const enum err e = !fail ? ERR_NONE : c.kind == CALL_INGEST && mono_ms % 3 == 0 ? ERR_RANGE : ERR_DB;
    struct msg_grant grant = {.key_digest = c.digest, .granted_nusd = 5, .lease_ms = 1};
    struct msg_no_key no = {.key_digest = c.digest, .reason = NO_KEY_DISABLED};
    struct msg_revoke revoke = {.key_digest = c.digest, .reason = NO_KEY_UNKNOWN};
    struct msg_lease lease = {.granted_nusd = 5};
    static const uint8_t page[3 * LIMIT_RELAY_PIECE_BYTES];
    const struct api_answer reply = {.status = 200, .body = view_of(page, mono_ms * 7919 % sizeof page)};
    const struct msg_own_keys own = {.account = {{1}}, .version = 1};
    const struct msg_claimed claimed = {.request = {{1}}, .status = CLAIM_GRANTED, .first = {{1}}};
    bool yes = c.digest.b[0] % 2 == 0;

    memmove(&calls[i], &calls[i + 1], (--n_calls - i) * sizeof calls[0]);
    now.orders -= c.order;
    if (!fail && c.kind == CALL_BOOT)
        now.registered = true;
    if (!fail && (c.kind == CALL_LOG || (c.kind == CALL_BOOT && owner.config.log == NULL)))
        now.accepted = true;
    switch (c.kind) {
    case CALL_BOOT:
        c.boot(c.cookie, e, mono_ms % 5, mono_ms % 2 == 0);
        break;
    case CALL_RETURN:
        c.plain(c.cookie, e);
        break;
    case CALL_LOG:
        c.logged(c.cookie, e, VIEW_LIT("{}"), VIEW_LIT("p"));
        break;
    case CALL_GRANT:
        c.grant(c.cookie, e, fail || !yes ? NULL : &grant, fail || yes ? NULL : &no);
        break;
    case CALL_CHANGES:
        c.changes(c.cookie, e, &revoke, fail || yes ? 0 : 1);
        break;
    case CALL_MORE:
        c.lease(c.cookie, e, fail ? NULL : &lease);
        break;
    case CALL_CLAIM:
        c.claim(c.cookie, e, &claimed);
        break;
    case CALL_RELAY:
        c.relay(c.cookie, &reply);
        break;
    case CALL_OWN:
        c.own(c.cookie, e, fail ? NULL : &own);
        break;
    case CALL_INGEST:
        c.ingest(c.cookie, e, fail ? 0 : c.seq);
        break;
    }
}

/* --- around the peer */

enum refusal verdict(const struct msg_evidence *e, const struct attest_policy *p,
                     const struct attest_expect *x, struct identity *out)
{
    (void)p, (void)x;
    assert(e->report.len != 0);
    memset(out, 0, sizeof *out);
    if (e->report.len != SNP_REPORT_BYTES || e->report.ptr[0] % 4 == 3)
        return REFUSAL_MEASUREMENT;
    out->boot.b[0] = 1 + e->report.ptr[0] % 4 / 2;
    now.good = true;
    return REFUSAL_NONE;
}
struct digest32 rules_digest(const struct attest_policy *p)
{
    (void)p;
    return (struct digest32){{rules}};
}
static bool has_spoken(void *holder)
{
    (void)holder;
    abort(); /* there is one connection: no other has to give way */
}
static void leave_place(struct peer *p)
{
    if (p->place != PLACE_NONE)
        places_leave(owner.places, p->place);
    p->place = PLACE_NONE;
}
bool peers_prove(struct peer *p)
{
    assert(p == peer && now.good && !p->proven);
    leave_place(p);
    p->proven = true;
    return true;
}
void peers_left(struct peer *p)
{
    assert(p == peer && p->conn == NULL && owner.list == p);
    owner.list = p->next;
    owner.counters.connected--;
    leave_place(p);
}
void publish_welcome(struct peer *p)
{
    assert(p == peer && now.accepted);
}
void publish_cert(struct peer *p)
{
    assert(p == peer && now.accepted);
    p->cert_renew_ms = mono_ms + 60000;
}
void publish_log_proof(struct peer *p, struct view statement, struct view proof)
{
    assert(p == peer && now.accepted && statement.len != 0 && proof.len != 0);
}
void publish_secrets(struct peer *p)
{
    assert(p == peer && now.accepted);
}
void publish_catalog(struct peer *p)
{
    assert(p == peer && now.accepted);
}
void publish_catalog_load(struct peers *s)
{
    assert(s == &owner);
}
static size_t keys_of(void *cookie, uint16_t provider_no)
{
    (void)cookie;
    return provider_no % 3;
}
static uint8_t weight_of(void *cookie, uint16_t provider_no, size_t index)
{
    (void)cookie;
    return (uint8_t)(1 + (provider_no + index) % 4);
}
static void fleet_said(void *cookie, const struct id *boot, const struct msg_state *m)
{
    (void)cookie, (void)boot;
    assert(now.accepted && m->n <= STATE_KEYS_MAX);
}
static void fleet_happened(void *cookie, const struct id *boot, const char *event, const char *detail,
                           const struct digest32 *policy)
{
    (void)cookie, (void)boot, (void)policy;
    assert(event[0] != '\0' && detail[0] != '\0');
}
static const struct peers_fleet fleet = {.said = fleet_said, .happened = fleet_happened};

struct conn {
    int unused;
};
static struct conn the_conn;

SSL *conn_ssl(struct conn *c)
{
    (void)c;
    abort();
}
bool conn_open(const struct conn *c)
{
    assert(c == &the_conn && now.open);
    return !now.closing;
}
void conn_pause(struct conn *c)
{
    assert(c == &the_conn);
}
void conn_resume(struct conn *c)
{
    assert(c == &the_conn);
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
    while (frame_take(&bytes, &f) == ERR_NONE)
        assert(f.type == MSG_CHALLENGE || f.type == MSG_REFUSE ||
               (now.accepted && (f.type == MSG_ACCEPT || f.type == MSG_GRANT ||
                                 f.type == MSG_NO_KEY || f.type == MSG_REVOKE ||
                                 f.type == MSG_LEASE || f.type == MSG_USAGE_ACK ||
                                 f.type == MSG_USAGE_FROM || f.type == MSG_SETTLE_ASK ||
                                 f.type == MSG_PONG || f.type == MSG_CLAIMED ||
                                 f.type == MSG_RELAY_ANSWER || f.type == MSG_OWN_KEYS ||
                                 f.type == MSG_SEAL_ASK || f.type == MSG_SEAL_GIVE ||
                                 (f.type == MSG_ORDERS && peer->tells))));
    assert(bytes.len == 0);
    return ERR_NONE;
}

/* --- one input */

static void connected(void)
{
    void *victim;

    if (now.open || n_calls != 0) /* one peer at a time: the calls of the last one come back first */
        return;
    memset(&now, 0, sizeof now);
    peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        abort();
    now.open = true;
    peer->owner = &owner;
    peer->conn = &the_conn;
    peer->orders_end = &peer->orders;
    peer->opened_ms = peer->heard_ms = mono_ms;
    buf_init(&peer->in, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES + (64 << 10));
    owner.list = peer;
    owner.counters.connected++;
    peer->place = places_enter(owner.places, peer->address, peer, &victim);
    assert(victim == NULL);
    peer->state = PEER_CHALLENGED; /* as peer_ready() does when TLS is done */
    challenge(peer);
}

static void lost(void)
{
    struct peer *p = peer;

    if (!now.open)
        return;
    peer_conn_events.closed(p, ERR_NONE);
    now.open = false;
    peer = NULL;
    assert(owner.list == NULL);
}

static void hear(struct view bytes)
{
    if (now.open && !now.closing)
        peer_conn_events.bytes(peer, bytes);
}

static void hear_frame(uint8_t type, struct view payload)
{
    const uint8_t head[FRAME_HEADER_BYTES] = {(uint8_t)(payload.len >> 24),
                                              (uint8_t)(payload.len >> 16),
                                              (uint8_t)(payload.len >> 8),
                                              (uint8_t)payload.len,
                                              type,
                                              1};
    struct buf out;

    buf_init(&out, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    if (buf_append(&out, view_of(head, sizeof head)) != ERR_NONE ||
        buf_append(&out, payload) != ERR_NONE)
        abort();
    hear(buf_view(&out));
    buf_free(&out);
}

#define SAY(m, ...)                                                                                \
    do {                                                                                           \
        struct msg_##m m_ = {__VA_ARGS__};                                                         \
        struct buf b_;                                                                             \
        buf_init(&b_, LIMIT_FRAME_BYTES);                                                          \
        if (msg_##m##_encode(&m_, &b_) == ERR_NONE)                                                \
            hear(buf_view(&b_));                                                                   \
        buf_free(&b_);                                                                             \
    } while (0)

static void say_evidence(uint8_t who)
{
    uint8_t report[SNP_REPORT_BYTES] = {who};

    SAY(evidence, .identity = VIEW_LIT("identity"), .report = view_of(report, sizeof report));
}

static void say_usage(uint8_t first, uint8_t n)
{
    uint8_t wire[4 * USAGE_WIRE_BYTES];
    uint16_t count = n % 4 + 1u;

    for (uint16_t i = 0; i < count; i++) {
        struct usage_record r = {.seq = first + i + UINT64_C(1)};

        usage_encode(&r, wire + (size_t)i * USAGE_WIRE_BYTES);
    }
    SAY(usage, .count = count, .records = view_of(wire, (size_t)count * USAGE_WIRE_BYTES));
}

static void say_something(uint8_t what, uint8_t a, uint8_t b)
{
    switch (what % 16) {
    case 0:
        say_evidence(a);
        break;
    case 1:
        SAY(key_lookup, .key_digest = {{a}}, .want_nusd = b);
        break;
    case 2:
        SAY(lease_more, .key = {{a}}, .lease = {{b}}, .want_nusd = b);
        break;
    case 3:
        SAY(lease_return, .lease = {{a}}, .total_nusd = b, .final = b % 2);
        break;
    case 4:
        say_usage(a, b);
        break;
    case 5:
        SAY(ping, .token = a);
        break;
    case 6:
        SAY(usage_lost, .lo = a, .hi = (uint64_t)a + b);
        break;
    case 7:
        SAY(settled, .token = now.open && a % 4 != 0 ? peer->settle_token : a, .seq = b);
        break;
    case 8:
        SAY(place, .name = VIEW_LIT("here"));
        break;
    case 9:
        SAY(relay_ask, .call = a % 8 + 1u, .method = b % RELAY_METHODS, .path = VIEW_LIT("/key"));
        break;
    case 10:
        SAY(relay_next, .call = a % 8 + 1u, .more = b % 2);
        break;
    case 11:
        SAY(claim, .request = {{a}}, .lease = {{b}});
        break;
    case 12:
        SAY(release, .request = {{a}});
        break;
    case 13:
        SAY(own_ask, .account = {{a}});
        break;
    case 14:
        SAY(seal_give, .boot = {{a}}, .sealed = VIEW_LIT("some bytes that only the data plane it is for can open, 48+"));
        break;
    case 15:
        SAY(state, .catalog_version = a, .draining = b % 2, .region = VIEW_LIT("here"), .n = b % 3,
            .keys = {{a, b % 8, 1}, {a + 1u, 0, 1}});
        break;
    }
}

static bool take_byte(struct view *in, uint8_t *out)
{
    struct view one;

    if (!view_take(in, 1, &one))
        return false;
    *out = one.ptr[0];
    return true;
}

static void step(uint8_t op, uint8_t a, uint8_t b, struct view *in)
{
    struct view bytes;

    switch (op % 10) {
    case 0: /* any payload under any type */
        if (view_take(in, b, &bytes))
            hear_frame(a, bytes);
        break;
    case 1: /* any bytes */
        if (view_take(in, b, &bytes))
            hear(bytes);
        break;
    case 2:
        mono_ms += a * UINT64_C(50);
        clock_freeze(mono_ms * 1000, mono_ms);
        if (now.open)
            peer_tick(peer, mono_ms);
        break;
    case 3:
        if (n_calls != 0)
            answer(a % n_calls, b % 4 == 3);
        break;
    case 4:
        rules = b;
        if (now.open)
            peer_policy_changed(peer);
        break;
    case 5:
        if (!now.open || !now.accepted)
            break;
        if (b % 4 == 3)
            peers_order(&owner, &peer->identity.boot, a % 4u);
        else if (b % 4 == 2)
            peers_keys_changed(&owner);
        else
            peer_resync(peer);
        break;
    case 6:
        lost();
        break;
    default:
        say_something(op / 10, a, b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct providers providers;
    static bool started;
    struct view in = view_of(data, size);
    uint8_t op, a, b;

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    for (providers.n = 0; providers.n < 4; providers.n++)
        providers.list[providers.n].no = (uint16_t)(providers.n * 7 + 1);
    memset(&owner, 0, sizeof owner);
    if (places_new(has_spoken, &owner.places) != ERR_NONE)
        abort();
    owner.config.reattest_ms = 20000;
    owner.config.api = (struct api *)&owner; /* only handed on */
    owner.config.providers = &providers;
    owner.config.provider_keys = keys_of;
    owner.config.provider_weight = weight_of;
    owner.config.fleet = size % 3 == 0 ? NULL : &fleet;
    owner.config.log = size % 2 == 0 ? (struct translog *)&owner : NULL; /* only asked whether it is */
    mono_ms = 1000000;
    rules = 0;
    n_calls = 0;
    clock_freeze(mono_ms * 1000, mono_ms);
    connected();
    while (n_calls < CALLS_MAX / 2 && take_byte(&in, &op) && take_byte(&in, &a) && take_byte(&in, &b)) {
        step(op, a, b, &in);
        if (now.open && now.closing)
            lost();
        connected();
    }
    lost();
    while (n_calls != 0)
        answer(0, false); /* to a peer that is gone; the last of them frees it */
    assert(owner.relay_bytes == 0);
    places_free(owner.places);
    return 0;
}
