/* The uplink carries every key, lease and record of a data plane, over connections that break at
 * any moment, from a control plane that may lie. Here the control plane is this file: it speaks the
 * real protocol over real TLS, and does one thing wrong at a time. */
#include "inquiry.h"
#include "uplink.h"

#include "check.h"
#include "clock.h"
#include "conn.h"
#include "evidence.h"
#include "identity.h"
#include "quote.h"
#include "sim/sim.h"
#include "tls.h"
#include "uplink_own.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

/* --- a control plane in a few lines --- */

enum { FRAMES_MAX = 512 };

static struct {
    uv_loop_t loop; /* also the worker's */
    uv_tcp_t listener;
    uint16_t port;
    SSL_CTX *tls;
    EVP_PKEY *key;
    struct conn *conn; /* the newest; NULL when closed */
    unsigned accepted, ready, closed;
    struct buf in;
    struct {
        enum message_type type;
        struct buf payload;
    } frames[FRAMES_MAX]; /* what the uplink has said, over all connections */
    size_t n_frames, n_read;
    unsigned rules_known;
} cp;

static struct {
    struct identity_keys *keys;
    struct quote_source *quotes;
    struct keyring *keyring;
    struct meter *meter;
    struct uplink *uplink;
    struct uplink_port *port;
    struct own_store *own;
    struct seal_ring *ring;
    unsigned catalogs, secrets, certs, proofs;
    char secret[64];
} dp;
static const struct providers two_providers = {
    .list = {{.id = "first", .no = 0}, {.id = "second", .no = 1}}, .n = 2};

static char platform_dir[64] = "/tmp/test_uplink.XXXXXX"; /* RSA keys take seconds: made once */

static void cp_ready(void *cookie)
{
    (void)cookie;
    cp.ready++;
}

static void cp_bytes(void *cookie, struct view bytes)
{
    struct view rest;
    struct frame f;

    (void)cookie;
    CHECK_INT(buf_append(&cp.in, bytes), ERR_NONE);
    rest = buf_view(&cp.in);
    while (cp.n_frames < FRAMES_MAX && frame_take(&rest, &f) == ERR_NONE) {
        if (f.type == MSG_RULES_KNOWN) { /* after each ACCEPT, of which tests say more */
            cp.rules_known++;
            continue;
        }
        if (f.type == MSG_PING)
            continue;
        buf_init(&cp.frames[cp.n_frames].payload, LIMIT_FRAME_BYTES);
        CHECK_INT(buf_append(&cp.frames[cp.n_frames].payload, f.payload), ERR_NONE);
        cp.frames[cp.n_frames++].type = f.type;
    }
    buf_consume(&cp.in, cp.in.len - rest.len);
}

static void cp_closed(void *cookie, enum err e)
{
    (void)cookie;
    (void)e;
    cp.closed++;
    cp.conn = NULL;
    buf_reset(&cp.in);
}

static const struct conn_events cp_events = {cp_ready, cp_bytes, cp_closed};

static void cp_connection_cb(uv_stream_t *listener, int status)
{
    CHECK_INT(status, 0);
    CHECK_INT(conn_accept(listener, cp.tls, &cp_events, NULL, &cp.conn), ERR_NONE);
    cp.accepted++;
}

static int any_certificate(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static void cp_start(void)
{
    struct sockaddr_in a;
    int len = sizeof a;
    X509 *cert;

    memset(&cp, 0, sizeof cp);
    buf_init(&cp.in, 2 * LIMIT_FRAME_BYTES);
    CHECK_INT(uv_loop_init(&cp.loop), 0);
    CHECK_INT(tls_key_new(&cp.key), ERR_NONE);
    CHECK_INT(tls_cert_self(cp.key, "control", 1, &cert), ERR_NONE);
    cp.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_num_tickets(cp.tls, 0);
    SSL_CTX_set_verify(cp.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, any_certificate);
    CHECK_INT(SSL_CTX_use_certificate(cp.tls, cert), 1);
    CHECK_INT(SSL_CTX_use_PrivateKey(cp.tls, cp.key), 1);
    X509_free(cert);
    CHECK_INT(uv_tcp_init(&cp.loop, &cp.listener), 0);
    CHECK_INT(uv_ip4_addr("127.0.0.1", 0, &a), 0);
    CHECK_INT(uv_tcp_bind(&cp.listener, (struct sockaddr *)&a, 0), 0);
    CHECK_INT(uv_listen((uv_stream_t *)&cp.listener, 8, cp_connection_cb), 0);
    CHECK_INT(uv_tcp_getsockname(&cp.listener, (struct sockaddr *)&a, &len), 0);
    cp.port = ntohs(a.sin_port);
}

/* The machine's unix time can be turned, its monotonic clock goes on. */
static int64_t unix_turned_ms;

static void clocks(void)
{
    uint64_t mono_us, unix_ms;

    if (unix_turned_ms == 0)
        return;
    clock_thaw();
    mono_us = clock_mono_us();
    unix_ms = clock_unix_ms();
    clock_freeze(mono_us, unix_ms + (uint64_t)unix_turned_ms);
}

/* Run both ends until it holds, at most ms. */
#define UNTIL(condition, ms)                                                                       \
    do {                                                                                           \
        uint64_t end_ = clock_mono_ms() + (ms);                                                    \
        while (!(condition) && clock_mono_ms() < end_) {                                           \
            uv_run(&cp.loop, UV_RUN_NOWAIT);                                                       \
            usleep(1000);                                                                          \
            clocks();                                                                              \
        }                                                                                          \
        CHECK(condition);                                                                          \
    } while (0)
#define FOR_MS(ms)                                                                                 \
    for (uint64_t end_ = clock_mono_ms() + (ms); clock_mono_ms() < end_; usleep(1000), clocks())   \
    uv_run(&cp.loop, UV_RUN_NOWAIT)

/* The next thing the uplink says, which must be of this type. */
static struct view next_frame(enum message_type type)
{
    UNTIL(cp.n_read < cp.n_frames, 4000);
    if (cp.n_read == cp.n_frames)
        return VIEW_EMPTY;
    CHECK_INT(cp.frames[cp.n_read].type, type);
    return buf_view(&cp.frames[cp.n_read++].payload);
}

#define SAY(m, ...)                                                                                \
    do {                                                                                           \
        struct msg_##m m_ = {__VA_ARGS__};                                                         \
        struct buf b_;                                                                             \
        buf_init(&b_, LIMIT_FRAME_BYTES);                                                          \
        CHECK_INT(msg_##m##_encode(&m_, &b_), ERR_NONE);                                           \
        if (cp.conn != NULL)                                                                       \
            CHECK_INT(conn_send(cp.conn, buf_view(&b_)), ERR_NONE);                                \
        buf_free(&b_);                                                                             \
    } while (0)

static void say_challenge(uint8_t first)
{
    UNTIL(cp.conn != NULL && cp.ready == cp.accepted, 4000);
    SAY(challenge, .nonce = {first, 2, 3});
}

static uint64_t booked_seq; /* what this control plane says to have when it accepts */

static void say_accept(uint32_t reattest_ms)
{
    SAY(accept, .session = {{9}}, .reattest_after_ms = reattest_ms, .unix_ms = 1);
}

/* --- a name server that can hang: the program's own takes the place of libc's --- */

static _Atomic bool names_hang;
static _Atomic unsigned names_asked;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    struct sockaddr_in *a = calloc(1, sizeof *a);
    struct addrinfo *list = calloc(1, sizeof *list);

    (void)hints;
    names_asked++;
    while (names_hang)
        usleep(1000);
    if (a == NULL || list == NULL || strcmp(host, "control.test") != 0) {
        free(a);
        free(list);
        return EAI_NONAME;
    }
    uv_ip4_addr("127.0.0.1", atoi(service), a);
    list->ai_family = AF_INET;
    list->ai_addr = (struct sockaddr *)a;
    list->ai_addrlen = sizeof *a;
    *out = list;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    free(list->ai_addr);
    free(list);
}

/* --- the data plane around it --- */

static const char *cp_host = "127.0.0.1";

static void on_catalog(void *cookie, struct catalog *c)
{
    (void)cookie;
    dp.catalogs++;
    catalog_free(c);
}

static void on_secret(void *cookie, uint16_t provider_no, uint8_t index, uint8_t total, struct view key)
{
    (void)cookie;
    CHECK(provider_no < 2 && index < total && key.len < sizeof dp.secret);
    memcpy(dp.secret, key.ptr, key.len);
    dp.secrets++;
}

static void on_cert(void *cookie, struct view leaf, struct view ca)
{
    (void)cookie;
    CHECK(leaf.len == 3 && ca.len == 2);
    dp.certs++;
}

static void on_log_proof(void *cookie, struct view statement, struct view proof)
{
    (void)cookie;
    CHECK(statement.len > 0 && proof.len > 0);
    dp.proofs++;
}

static void dp_start(const struct digest32 *pin)
{
    struct identity_config who = {
        .audience = "api.test", .cp_spki_sha256 = *pin, .simulated = true};
    struct uplink_config c = {.cp_spki = *pin,
                              .n_providers = 2,
                              .on_catalog = on_catalog,
                              .on_secret = on_secret,
                              .on_cert = on_cert,
                              .on_log_proof = on_log_proof};
    struct digest48 measurement = {{7}};
    struct buf why;

    memset(&dp, 0, sizeof dp);
    buf_init(&why, 500);
    CHECK_INT(quote_backend.open(platform_dir, &measurement, &dp.quotes, &why), ERR_NONE);
    buf_free(&why);
    CHECK_INT(identity_keys_new(&who, &dp.keys), ERR_NONE);
    CHECK_INT(keyring_new(64, &dp.keyring), ERR_NONE);
    CHECK_INT(meter_new(1, &dp.meter), ERR_NONE);
    CHECK_INT(targets_parse(cp_host, cp.port, &c.targets), ERR_NONE);
    CHECK_INT(own_store_new(&dp.own), ERR_NONE);
    CHECK_INT(seal_ring_new(dp.keys, &dp.ring), ERR_NONE);
    c.providers = &two_providers;
    c.own = dp.own;
    c.ring = dp.ring;
    c.keys = dp.keys;
    c.quotes = dp.quotes;
    c.keyring = dp.keyring;
    c.meter = dp.meter;
    CHECK_INT(uplink_start(&c, &dp.uplink), ERR_NONE);
    CHECK_INT(uplink_port_new(dp.uplink, &cp.loop, &dp.port), ERR_NONE);
}

static void start(void)
{
    struct digest32 pin;

    cp_start();
    booked_seq = 0;
    CHECK_INT(tls_spki_sha256(cp.key, &pin), ERR_NONE);
    dp_start(&pin);
}

static void accepted(uint32_t reattest_ms)
{
    say_challenge(1);
    next_frame(MSG_EVIDENCE);
    say_accept(reattest_ms);
    SAY(usage_from, .seq = booked_seq);
    UNTIL(uplink_connected(dp.uplink), 2000);
}

static void *stop_main(void *cookie)
{
    uplink_stop(cookie);
    return NULL;
}

static void close_cb(uv_handle_t *h, void *cookie)
{
    (void)cookie;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* uplink_stop() waits for the other end, which is this thread: so it is called from another. */
static void stop(void)
{
    pthread_t t;

    uplink_port_free(dp.port);
    CHECK_INT(pthread_create(&t, NULL, stop_main, dp.uplink), 0);
    while (pthread_tryjoin_np(t, NULL) != 0) {
        uv_run(&cp.loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    if (cp.conn != NULL)
        conn_close(cp.conn, ERR_NONE);
    uv_run(&cp.loop, UV_RUN_NOWAIT);
    uv_walk(&cp.loop, close_cb, NULL);
    uv_run(&cp.loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&cp.loop), 0);
    SSL_CTX_free(cp.tls);
    EVP_PKEY_free(cp.key);
    for (size_t i = 0; i < cp.n_frames; i++)
        buf_free(&cp.frames[i].payload);
    buf_free(&cp.in);
    meter_free(dp.meter);
    keyring_free(dp.keyring);
    own_store_free(dp.own);
    seal_ring_free(dp.ring);
    identity_keys_free(dp.keys);
    quote_backend.close(dp.quotes);
}

/* --- asking --- */

static unsigned answers, failures;
static struct ask_answer last; /* what it reserved is the caller's to end */
static unsigned order[8], n_order; /* cookies in the order of their answers */

static void ask_cb(void *cookie, const struct ask_answer *a)
{
    answers++;
    failures += a->e != ERR_NONE;
    last = *a;
    if (cookie != NULL && n_order < 8)
        order[n_order++] = *(unsigned *)cookie;
}

/* What is asked for a request that then costs nothing. */
static void give_up(int64_t amount)
{
    key_settle(last.key, &last.lease, amount, 0);
    key_release(last.key);
}

static struct ask *ask_for(const struct digest32 *digest, int64_t amount)
{
    struct ask *a = NULL;

    CHECK_INT(uplink_ask(dp.port, digest, amount, ask_cb, NULL, &a), ERR_NONE);
    return a;
}

static const struct digest32 one = {{1}}, two = {{2}};

static void grant(const struct digest32 *digest, uint8_t lease, int64_t nusd)
{
    SAY(grant, .key_digest = *digest, .key = {{digest->b[0]}}, .account = {{3}}, .lease = {{lease}},
        .granted_nusd = nusd, .lease_ms = 60000);
}

static void meter_some(unsigned n, uint8_t first)
{
    for (unsigned i = 0; i < n; i++) {
        struct usage_record r = {.request = {{first, (uint8_t)(i >> 8), (uint8_t)i}}};

        CHECK(meter_reserve(dp.meter, 0));
        meter_push(dp.meter, 0, &r);
    }
}

/* Reads USAGE frames until seq `to`; checks that numbers follow each other from `from`. */
static void expect_usage(uint64_t from, uint64_t to)
{
    uint64_t seq = from;

    while (seq <= to) {
        struct view wire, payload = next_frame(MSG_USAGE);
        struct usage_record r;
        struct msg_usage m;

        if (payload.len == 0 || msg_usage_decode(payload, &m) != ERR_NONE) {
            CHECK(!"a USAGE frame");
            return;
        }
        CHECK(m.count <= LIMIT_USAGE_BATCH);
        for (unsigned i = 0; i < m.count; i++, seq++) {
            CHECK(view_take(&m.records, USAGE_WIRE_BYTES, &wire));
            CHECK_INT(usage_decode(wire, &r), ERR_NONE);
            CHECK_INT(r.seq, seq);
        }
    }
    CHECK_INT(seq, to + 1);
}

/* --- trust --- */

static void evidence_is_bound(void)
{
    struct msg_evidence m;
    uint8_t exporter[32], want[64];
    const uint8_t nonce[32] = {1, 2, 3};
    struct digest32 leaf;

    start();
    CHECK_INT(uplink_trust(dp.uplink), ERR_ATTESTATION);
    CHECK_INT(uplink_standing(dp.uplink), STANDING_NEVER_ATTESTED);
    say_challenge(1);
    CHECK_INT(msg_evidence_decode(next_frame(MSG_EVIDENCE), &m), ERR_NONE);
    CHECK_BYTES(m.identity.ptr, m.identity.len, identity_text(dp.keys).ptr,
                identity_text(dp.keys).len);
    CHECK_INT(tls_exporter(conn_ssl(cp.conn), exporter), ERR_NONE);
    evidence_leaf(EVIDENCE_LINK, nonce, exporter, &leaf);
    evidence_report_data(m.identity, &leaf, want);
    CHECK_BYTES(m.report.ptr + SNP_AT_REPORT_DATA, 64, want, 64);
    CHECK_INT(uplink_trust(dp.uplink), ERR_ATTESTATION); /* not before ACCEPT */
    CHECK(!uplink_connected(dp.uplink));
    say_accept(60000);
    UNTIL(uplink_trust(dp.uplink) == ERR_NONE && uplink_connected(dp.uplink), 2000);
    stop();
}

static void nothing_before_accept(void)
{
    static const struct digest32 digest = {{1}};

    start();
    say_challenge(1);
    next_frame(MSG_EVIDENCE);
    SAY(grant, .key_digest = digest, .granted_nusd = 1000, .lease_ms = 60000);
    UNTIL(cp.closed == 1, 2000);
    CHECK_INT(uplink_trust(dp.uplink), ERR_ATTESTATION);
    UNTIL(cp.ready == 2, 4000);
    say_accept(60000); /* without a challenge, an ACCEPT proves nothing */
    UNTIL(cp.closed == 2, 4000);
    CHECK_INT(uplink_trust(dp.uplink), ERR_ATTESTATION);
    stop();
}

static void refused_says_why(void)
{
    start();
    accepted(60000);
    SAY(refuse, .reason = REFUSAL_MEASUREMENT);
    UNTIL(uplink_trust(dp.uplink) == ERR_ATTESTATION, 2000);
    CHECK_INT(uplink_refusal(dp.uplink), REFUSAL_MEASUREMENT);
    CHECK_INT(uplink_standing(dp.uplink), STANDING_REFUSED);
    CHECK_INT(uplink_counters(dp.uplink).refusals, 1);
    UNTIL(cp.closed == 1, 2000);
    accepted(60000); /* it comes again, and may be accepted then */
    CHECK_INT(uplink_refusal(dp.uplink), REFUSAL_NONE);
    stop();
}

static void trust_has_a_deadline(void)
{
    start();
    accepted(400);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(!uplink_connected(dp.uplink), 2000);
    CHECK_INT(uplink_trust(dp.uplink), ERR_NONE); /* a lost connection is no lost trust */
    UNTIL(uplink_trust(dp.uplink) == ERR_ATTESTATION, 1000);
    CHECK_INT(uplink_standing(dp.uplink), STANDING_EVIDENCE_EXPIRED);
    stop();
}

static void attests_again(void)
{
    start();
    accepted(400);
    say_challenge(2);
    next_frame(MSG_EVIDENCE);
    say_accept(60000);
    FOR_MS(600);
    CHECK_INT(uplink_trust(dp.uplink), ERR_NONE);
    CHECK_INT(cp.accepted, 1);
    stop();
}

/* Trust is lost in the moment in which the clock is turned, comes back by new evidence without anybody's
 * doing, and leases from before are asked about before they pay again. */
static void a_turned_clock_costs_trust(void)
{
    static const int64_t turns[] = {LIMIT_CLOCK_SKEW_MS + 2000, -INT64_C(86400000)};

    start();
    accepted(60000);
    for (unsigned i = 0; i < 2; i++) {
        struct key *key;

        ask_for(&one, 0);
        next_frame(MSG_KEY_LOOKUP);
        answers = 0;
        grant(&one, (uint8_t)(i + 1), 1000);
        UNTIL(answers == 1, 2000);
        give_up(0);
        unix_turned_ms += turns[i] < 0 ? -4000 : 4000; /* a little: nothing happens */
        FOR_MS(100);
        CHECK_INT(uplink_standing(dp.uplink), STANDING_ACCEPTED);
        CHECK_INT(cp.closed, i);
        unix_turned_ms += turns[i];
        clocks();
        CHECK_INT(uplink_standing(dp.uplink), STANDING_CLOCK_JUMPED);
        CHECK_INT(uplink_trust(dp.uplink), ERR_ATTESTATION);
        UNTIL(cp.closed == i + 1, 2000);
        CHECK_INT(keyring_find(dp.keyring, &one, clock_mono_ms(), &key), ERR_NOT_FOUND);
        CHECK_INT(uplink_standing(dp.uplink), STANDING_CLOCK_JUMPED); /* lost, whatever is connected */
        accepted(60000);
        next_frame(MSG_KEYS);
        next_frame(MSG_LEASE_RETURN);
        CHECK_INT(uplink_standing(dp.uplink), STANDING_ACCEPTED);
    }
    FOR_MS(300);
    CHECK_INT(cp.closed, 2);
    unix_turned_ms = 0;
    clock_thaw();
    stop();
}

static void another_key_is_nobody(void)
{
    static const struct digest32 pin = {{0x55}};

    cp_start();
    dp_start(&pin);
    UNTIL(cp.closed >= 1, 4000);
    CHECK_INT(cp.ready, 0);
    CHECK_INT(cp.n_frames, 0);
    stop();
}

static void one_challenge_at_a_time(void)
{
    start();
    say_challenge(1);
    say_challenge(2);
    next_frame(MSG_EVIDENCE);
    UNTIL(cp.closed == 1, 2000);
    CHECK_INT(uplink_trust(dp.uplink), ERR_ATTESTATION);
    accepted(60000); /* the connection after it is a new beginning */
    say_challenge(3);
    next_frame(MSG_EVIDENCE);
    say_challenge(4);
    UNTIL(cp.closed == 2, 2000);
    stop();
}

static void illegal_frames_close(void)
{
    static const uint8_t unknown[] = {0, 0, 0, 0, 99, 1, 0, 0};
    static const uint8_t version[] = {0, 0, 0, 0, MSG_PONG, 2, 0, 0};
    static const struct {
        const uint8_t *bytes;
        size_t len;
    } cases[] = {{unknown, sizeof unknown}, {version, sizeof version}};

    start();
    for (unsigned i = 0; i < 2; i++) {
        accepted(60000);
        CHECK_INT(conn_send(cp.conn, view_of(cases[i].bytes, cases[i].len)), ERR_NONE);
        UNTIL(cp.closed == i + 1, 2000);
    }
    accepted(60000);
    SAY(key_lookup, .key_digest = {{1}}); /* the other direction's */
    UNTIL(cp.closed == 3, 2000);
    stop();
}

/* --- reaching it --- */

static void found_by_name(void)
{
    cp_host = "nobody.test";
    names_asked = 0;
    start();
    UNTIL(names_asked >= 2, 4000); /* no such name: asked again */
    CHECK_INT(cp.accepted, 0);
    stop();

    cp_host = "control.test";
    start();
    accepted(60000);
    meter_some(3, 1);
    expect_usage(1, 3);
    /* The connection is lost while the end waits for an acknowledgement: there is another. */
    uplink_port_free(dp.port);
    dp.port = NULL;
    pthread_t t;
    CHECK_INT(pthread_create(&t, NULL, stop_main, dp.uplink), 0);
    FOR_MS(50);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 1, 2000);
    say_challenge(1);
    next_frame(MSG_EVIDENCE);
    say_accept(60000);
    SAY(usage_from, .seq = 0);
    expect_usage(1, 3);
    SAY(usage_ack, .seq = 3);
    next_frame(MSG_BYE);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 2, 2000);
    pthread_join(t, NULL);
    dp.uplink = NULL;
    stop();
    cp_host = "127.0.0.1";
}

static void a_name_server_that_hangs(void)
{
    uint64_t began;

    cp_host = "control.test";
    names_asked = 0;
    names_hang = true;
    start();
    UNTIL(names_asked == 1, 2000);
    began = clock_mono_ms();
    stop(); /* nothing to ship, nobody to wait for */
    CHECK(clock_mono_ms() - began < 1000);

    start();
    meter_some(1, 1);
    UNTIL(names_asked == 2, 2000);
    began = clock_mono_ms();
    stop(); /* a record is lost with the process; that took as long as it may */
    CHECK(clock_mono_ms() - began >= 2900 && clock_mono_ms() - began < 5000);

    start();
    UNTIL(names_asked == 3, 2000);
    names_hang = false; /* and all three come back, two of them to nobody */
    accepted(60000);
    stop();
    cp_host = "127.0.0.1";
}

/* Nobody listens at the first address: the second is tried at once, and kept. */
static void another_control_plane(void)
{
    uint64_t began = clock_mono_ms();

    cp_host = "127.0.0.1:1,127.0.0.1";
    start();
    accepted(60000);
    CHECK(clock_mono_ms() - began < UPLINK_CONNECT_MS);
    CHECK_INT(uplink_counters(dp.uplink).connects, 2);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 1, 2000);
    say_challenge(1);
    next_frame(MSG_EVIDENCE);
    CHECK_INT(uplink_counters(dp.uplink).connects, 3); /* the first was not asked again */
    stop();
    cp_host = "127.0.0.1";
}

/* A REFUSE is about this control plane's policy: the next one is asked, but not at once. */
static void refused_by_one_of_two(void)
{
    char hosts[64];

    cp_host = hosts;
    cp_start();
    snprintf(hosts, sizeof hosts, "127.0.0.1:%u,127.0.0.1:1", cp.port);
    {
        struct digest32 pin;

        CHECK_INT(tls_spki_sha256(cp.key, &pin), ERR_NONE);
        dp_start(&pin);
    }
    say_challenge(1);
    next_frame(MSG_EVIDENCE);
    SAY(refuse, .reason = REFUSAL_MEASUREMENT);
    UNTIL(uplink_counters(dp.uplink).connects >= 2, 4000);
    CHECK_INT(uplink_refusal(dp.uplink), REFUSAL_MEASUREMENT);
    stop();
    cp_host = "127.0.0.1";
}

/* The time between two attempts is not the same for all who lost the same control plane. */
static void reconnects_are_spread(void)
{
    static const uint32_t waits[] = {100, 200, 400, 800, 1600, 2000, 2000};
    static struct uplink u;

    clock_freeze(5000000, 1);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        uint64_t low = UINT64_MAX, high = 0;

        for (unsigned n = 0; n < 200; n++) {
            uint64_t wait;

            u.backoff_ms = i == 0 ? UPLINK_RETRY_MIN_MS : waits[i - 1];
            if (i != 0)
                uplink_retry(&u); /* doubles it */
            CHECK_INT(u.backoff_ms, waits[i]);
            uplink_retry(&u);
            wait = u.retry_ms - 5000;
            low = wait < low ? wait : low;
            high = wait > high ? wait : high;
        }
        CHECK(low > waits[i] / 2 && low < waits[i] * 3 / 4);
        CHECK(high <= waits[i] && high > waits[i] * 3 / 4);
    }
    clock_thaw();
}

/* --- keys and leases --- */

static void lookups_are_merged(void)
{
    struct msg_key_lookup m;
    struct key *key;

    start();
    accepted(60000);
    answers = failures = 0;
    for (unsigned i = 0; i < 3; i++) {
        ask_for(&one, 5);
        FOR_MS(20);
    }
    CHECK_INT(msg_key_lookup_decode(next_frame(MSG_KEY_LOOKUP), &m), ERR_NONE);
    CHECK(secret_equal(&m.key_digest, &one, sizeof one));
    CHECK_INT(m.need_nusd, 5); /* what the first needed when it was sent */
    FOR_MS(50);
    CHECK_INT(cp.n_frames - cp.n_read, 0); /* one message for all */
    grant(&one, 1, 1000);
    UNTIL(answers == 3, 2000);
    CHECK_INT(failures, 0);
    CHECK_INT(keyring_find(dp.keyring, &one, clock_mono_ms(), &key), ERR_NONE);
    CHECK_INT(key_available(key), 985); /* served by the link, each once */
    key_release(key);
    /* The refused twin. */
    ask_for(&two, 0);
    next_frame(MSG_KEY_LOOKUP);
    SAY(no_key, .key_digest = two, .reason = NO_KEY_UNKNOWN);
    UNTIL(answers == 4, 2000);
    CHECK_INT(last.e, ERR_AUTH);
    stop();
}

/* The worker is told nothing, and what was reserved for it goes back. */
static void cancelled_asks_are_silent(void)
{
    struct ask *a[2];
    struct key *key;

    start();
    accepted(60000);
    answers = 0;
    a[0] = ask_for(&one, 10);
    a[1] = ask_for(&one, 20);
    next_frame(MSG_KEY_LOOKUP);
    ask_cancel(a[0]);
    grant(&one, 1, 1000);
    UNTIL(answers == 1, 2000);
    FOR_MS(100);
    CHECK_INT(answers, 1);
    CHECK_INT(keyring_find(dp.keyring, &one, clock_mono_ms(), &key), ERR_NONE);
    CHECK_INT(key_available(key), 980);
    give_up(20);
    /* Answered already, and cancelled before the worker looks. */
    a[0] = ask_for(&one, 30);
    usleep(100000); /* the link's thread serves it; ours does not run */
    CHECK_INT(key_available(key), 970);
    ask_cancel(a[0]);
    FOR_MS(50);
    CHECK_INT(answers, 1);
    CHECK_INT(key_available(key), 1000);
    key_release(key);
    stop();
}

static void asks_time_out(void)
{
    uint64_t began;

    start();
    accepted(60000);
    answers = failures = 0;
    began = clock_mono_ms();
    ask_for(&one, 0);
    next_frame(MSG_KEY_LOOKUP);
    UNTIL(answers == 1, 5000);
    CHECK_INT(last.e, ERR_CONTROL_PLANE);
    CHECK(clock_mono_ms() - began >= 2900);
    /* Without a connection nobody waits as long. */
    uv_close((uv_handle_t *)&cp.listener, NULL);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(!uplink_connected(dp.uplink), 2000);
    began = clock_mono_ms();
    ask_for(&two, 0);
    UNTIL(answers == 2, 5000);
    CHECK_INT(last.e, ERR_CONTROL_PLANE);
    CHECK(clock_mono_ms() - began < 2000);
    stop();
}

static void asks_survive_a_short_break(void)
{
    start();
    accepted(60000);
    answers = failures = 0;
    ask_for(&one, 0);
    next_frame(MSG_KEY_LOOKUP);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 1, 2000);
    accepted(60000);
    next_frame(MSG_KEY_LOOKUP); /* asked again, unasked */
    grant(&one, 1, 1000);
    UNTIL(answers == 1, 2000);
    CHECK_INT(failures, 0);
    give_up(0);
    stop();
}

static const struct id key_one = {{1}}, lease_one = {{1}};

static unsigned inquired, unanswered;
static uint8_t inquired_status;

static void inquiry_done(void *cookie, struct inquiry_answer *a)
{
    (void)cookie;
    inquired++;
    unanswered += a->e == ERR_CONTROL_PLANE;
    CHECK(a->e == ERR_NONE || a->e == ERR_CONTROL_PLANE);
    inquired_status = a->claim.status;
}

static struct inquiry *claim_for(uint8_t request)
{
    const struct msg_claim m = {.request = {{request}}, .account = {{2}}, .lease = {{3}}};
    struct inquiry *q = NULL;

    CHECK_INT(inquiry_claim(dp.port, &m, inquiry_done, NULL, &q), ERR_NONE);
    return q;
}

static struct inquiry *question(void)
{
    const struct msg_relay_ask m = {.path = VIEW_LIT("/key")};
    struct inquiry *q = NULL;

    CHECK_INT(inquiry_relay(dp.port, &m, inquiry_done, NULL, &q), ERR_NONE);
    return q;
}

/* Over a lost link a claim is asked for again; a question may have been answered, so its client is told. */
static void inquiries_and_a_lost_link(void)
{
    start();
    accepted(60000);
    inquired = unanswered = 0;
    claim_for(1);
    next_frame(MSG_CLAIM);
    question();
    next_frame(MSG_RELAY_ASK);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(unanswered == 1, 2000);
    CHECK_INT(inquired, 1);
    accepted(60000);
    next_frame(MSG_CLAIM);
    SAY(claimed, .request = {{1}}, .status = CLAIM_USED, .first = {{9}});
    UNTIL(inquired == 2, 2000);
    CHECK_INT(unanswered, 1);
    CHECK_INT(inquired_status, CLAIM_USED);

    conn_close(cp.conn, ERR_NONE); /* what is asked now waits a second for the link */
    UNTIL(cp.closed == 2, 2000);
    question();
    claim_for(2);
    UNTIL(unanswered == 3, 3000);
    CHECK_INT(inquired, 4);
    accepted(60000); /* and nothing of it is said later */
    FOR_MS(100);
    CHECK_INT(cp.n_read, cp.n_frames);
    stop();
}

/* A claim that was given up may have been granted: it is released, again and again until that was heard. */
static void claims_given_up_are_released(void)
{
    struct msg_release r;

    start();
    accepted(60000);
    inquired = unanswered = 0;
    claim_for(1);
    next_frame(MSG_CLAIM);
    UNTIL(unanswered == 1, 4000); /* 3 s */
    CHECK_INT(msg_release_decode(next_frame(MSG_RELEASE), &r), ERR_NONE);
    CHECK_INT(r.request.b[0], 1);
    SAY(claimed, .request = {{1}}, .status = CLAIM_GRANTED, .first = {{1}}); /* too late */
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 1, 2000);
    accepted(60000);
    next_frame(MSG_RELEASE);
    SAY(claimed, .request = {{1}}, .status = CLAIM_NONE);
    FOR_MS(3500);
    while (cp.n_read < cp.n_frames)
        CHECK(cp.frames[cp.n_read++].type != MSG_RELEASE);
    CHECK_INT(inquired, 1);
    stop();
}

/* Answers in pieces, of questions that are known and of others. */
static void pieces_are_asked_for(void)
{
    struct msg_relay_ask ask;
    struct msg_relay_next next;

    start();
    accepted(60000);
    inquired = unanswered = 0;
    question();
    CHECK_INT(msg_relay_ask_decode(next_frame(MSG_RELAY_ASK), &ask), ERR_NONE);
    SAY(relay_answer, .call = ask.call, .status = 200, .body = VIEW_LIT("a"));
    CHECK_INT(msg_relay_next_decode(next_frame(MSG_RELAY_NEXT), &next), ERR_NONE);
    CHECK(next.call == ask.call && next.more == 1);
    SAY(relay_answer, .call = ask.call + 1, .status = 200, .body = VIEW_LIT("b"));
    CHECK_INT(msg_relay_next_decode(next_frame(MSG_RELAY_NEXT), &next), ERR_NONE);
    CHECK(next.call == ask.call + 1 && next.more == 0);
    SAY(relay_answer, .call = ask.call, .status = 200, .last = 1, .body = VIEW_LIT("c"));
    UNTIL(inquired == 1, 2000);
    CHECK_INT(unanswered, 0);
    inquiry_cancel(question());
    FOR_MS(100); /* one that was told keeps its place until it is answered */
    if (cp.n_read < cp.n_frames) {
        CHECK_INT(msg_relay_ask_decode(next_frame(MSG_RELAY_ASK), &ask), ERR_NONE);
        SAY(relay_answer, .call = ask.call, .status = 200, .body = VIEW_LIT("d"));
        CHECK_INT(msg_relay_next_decode(next_frame(MSG_RELAY_NEXT), &next), ERR_NONE);
        CHECK_INT(next.more, 0);
    }
    stop();
    CHECK_INT(inquired, 1);
}

static void lease(uint8_t no, int64_t granted, uint8_t status, int64_t most)
{
    SAY(lease, .key = key_one, .lease = {{no}}, .granted_nusd = granted,
        .lease_ms = status == LEASE_GONE ? 0 : 60000, .status = status, .most_nusd = most);
}

/* A key of which 1000 are granted and reserved. */
static struct key *spent_key(void)
{
    answers = failures = n_order = 0;
    ask_for(&one, 1000);
    next_frame(MSG_KEY_LOOKUP);
    grant(&one, 1, 1000);
    UNTIL(answers == 1 && last.e == ERR_NONE, 2000);
    answers = 0;
    return last.key;
}

static void leases_are_extended(void)
{
    struct msg_lease_more m;
    struct key *key;

    start();
    accepted(60000);
    key = spent_key();
    ask_for(&one, 10);
    CHECK_INT(msg_lease_more_decode(next_frame(MSG_LEASE_MORE), &m), ERR_NONE);
    CHECK(id_eq(&m.lease, &lease_one) && m.need_nusd == 10);
    /* Two more meanwhile share the next message, which needs their sum. */
    ask_for(&one, 20);
    ask_for(&one, 30);
    FOR_MS(60);
    lease(1, 1010, LEASE_OK, 0);
    UNTIL(answers == 1, 2000);
    CHECK_INT(msg_lease_more_decode(next_frame(MSG_LEASE_MORE), &m), ERR_NONE);
    CHECK_INT(m.need_nusd, 50);
    lease(1, 1010, LEASE_NO_CREDIT, 19);
    UNTIL(answers == 3, 2000);
    CHECK_INT(last.e, ERR_CREDIT);
    CHECK_INT(last.most_nusd, 19);
    /* A lease that is gone is replaced within the same ask. */
    ask_for(&one, 40);
    next_frame(MSG_LEASE_MORE);
    lease(1, 0, LEASE_GONE, 0);
    next_frame(MSG_KEY_LOOKUP);
    grant(&one, 2, 500);
    UNTIL(answers == 4, 2000);
    CHECK_INT(last.e, ERR_NONE);
    CHECK_INT(last.lease.b[0], 2);
    CHECK_INT(key_available(key), 460);
    /* And revoked: the ask ends, the keyring knows. A late word about the first lease is none about
     * the second. */
    ask_for(&one, 470);
    next_frame(MSG_LEASE_MORE);
    lease(1, 0, LEASE_GONE, 0);
    lease(1, 9000, LEASE_OK, 0);
    FOR_MS(60);
    CHECK_INT(answers, 4);
    CHECK_INT(cp.n_frames - cp.n_read, 0);
    CHECK_INT(key_available(key), 460);
    lease(2, 0, LEASE_GONE, 0);
    next_frame(MSG_KEY_LOOKUP);
    SAY(revoke, .key_digest = one, .reason = NO_KEY_DISABLED);
    UNTIL(answers == 5, 2000);
    CHECK_INT(last.e, ERR_FORBIDDEN);
    stop();
}

/* Money is handed out in the order of asking, whoever it comes from, and a large request is not passed by
 * small ones behind it. */
static void the_waiting_are_served_in_order(void)
{
    static unsigned names[4] = {1, 2, 3, 4};
    static const int64_t amounts[4] = {600, 1, 500, 2};
    struct id from = lease_one;
    struct ask *a;
    struct key *key;
    struct id paid;
    uint32_t retry_ms;

    start();
    accepted(60000);
    key = spent_key();
    for (unsigned i = 0; i < 4; i++)
        CHECK_INT(uplink_ask(dp.port, &one, amounts[i], ask_cb, &names[i], &a), ERR_NONE);
    next_frame(MSG_LEASE_MORE);
    key_settle(key, &from, 1000, 700); /* 300: not enough for the first */
    CHECK_INT(key_reserve(key, 1, clock_mono_ms(), &paid, &retry_ms), ERR_CREDIT);
    FOR_MS(60);
    CHECK_INT(answers, 0);
    lease(1, 1300, LEASE_OK, 0); /* 600 now */
    UNTIL(answers == 1, 2000);
    next_frame(MSG_LEASE_MORE); /* asked again at once: progress was made */
    FOR_MS(60);
    CHECK_INT(answers, 1);
    lease(1, 1803, LEASE_OK, 0);
    UNTIL(answers == 4, 2000);
    CHECK_INT(failures, 0);
    for (unsigned i = 0; i < 4; i++)
        CHECK_INT(order[i], i + 1);
    CHECK_INT(key_available(key), 0);
    stop();
}

/* Reserved is not gone: a request waits for what may come back, is told 429 when it does not, and 402
 * when even all of it would not be enough. */
static void lent_money_is_waited_for(void)
{
    struct id from = lease_one;
    uint64_t began;
    struct key *key;

    start();
    accepted(60000);
    key = spent_key();
    began = clock_mono_ms();
    ask_for(&one, 200);
    next_frame(MSG_LEASE_MORE);
    ask_for(&one, 1001);
    FOR_MS(20);
    lease(1, 1000, LEASE_NO_CREDIT, 1000);
    UNTIL(answers == 1, 2000);
    CHECK_INT(last.e, ERR_CREDIT); /* the second, at once */
    CHECK_INT(last.most_nusd, 1000);
    next_frame(MSG_LEASE_MORE); /* the first: asked for again a little later */
    lease(1, 1000, LEASE_NO_CREDIT, 1000);
    key_settle(key, &from, 1000, 500); /* and a settlement brings it */
    UNTIL(answers == 2, 2000);
    CHECK_INT(last.e, ERR_NONE);
    CHECK(clock_mono_ms() - began < ASK_LENT_MS);
    began = clock_mono_ms();
    ask_for(&one, 400); /* 300 are there, 200 reserved, and nothing comes */
    while (answers == 2 && clock_mono_ms() - began < 4000) {
        FOR_MS(10);
        while (cp.n_read < cp.n_frames) {
            next_frame(MSG_LEASE_MORE);
            lease(1, 1000, LEASE_NO_CREDIT, 500);
        }
    }
    CHECK_INT(last.e, ERR_LENT);
    CHECK(clock_mono_ms() - began >= ASK_LENT_MS - 100);
    /* A small one behind large ones that do not fit is late, and not refused. */
    answers = 0;
    began = clock_mono_ms();
    ask_for(&one, 400);
    FOR_MS(30);
    ask_for(&one, 300);
    while (answers < 2 && clock_mono_ms() - began < 5000) {
        FOR_MS(10);
        while (cp.n_read < cp.n_frames) {
            next_frame(MSG_LEASE_MORE);
            lease(1, 1000, LEASE_NO_CREDIT, 500);
        }
    }
    CHECK_INT(answers, 2);
    CHECK_INT(last.e, ERR_NONE);
    stop();
}

/* An answer that helps nobody (a database restored from a backup knows older versions) is no reason to ask
 * in a circle. */
static void stale_answers_are_not_asked_for_in_a_circle(void)
{
    size_t before;

    start();
    accepted(60000);
    SAY(revoke, .key_digest = one, .reason = NO_KEY_CHANGED, .version = 9);
    answers = 0;
    ask_for(&one, 10);
    before = cp.n_frames;
    for (unsigned i = 1; i < 100 && answers == 0; i++) {
        uint64_t end = clock_mono_ms() + 5000;

        while (cp.n_read == cp.n_frames && answers == 0 && clock_mono_ms() < end)
            FOR_MS(5);
        for (; cp.n_read < cp.n_frames; cp.n_read++)
            if (cp.frames[cp.n_read].type == MSG_KEY_LOOKUP)
                grant(&one, (uint8_t)i, 1000); /* version 0 */
    }
    CHECK_INT(answers, 1);
    CHECK_INT(last.e, ERR_CONTROL_PLANE);
    CHECK(cp.n_frames - before < 2 * (ASK_TIMEOUT_MS / ASK_AGAIN_MS + 3)); /* each look-up is given back */
    stop();
}

/* The control plane does not answer: what the lease could pay for is not held up by a request it cannot pay for. */
static void a_slow_control_plane_stops_no_small_request(void)
{
    struct id from = lease_one, paid;
    struct key *key;
    uint32_t retry_ms;

    start();
    accepted(60000);
    key = spent_key();
    ask_for(&one, 5000);
    next_frame(MSG_LEASE_MORE);
    key_settle(key, &from, 1000, 500);
    ask_for(&one, 100);
    UNTIL(answers == 1, 2000);
    CHECK_INT(last.e, ERR_NONE);
    CHECK_INT(key_reserve(key, 1, clock_mono_ms(), &paid, &retry_ms), ERR_NONE);
    UNTIL(answers == 2, 5000);
    CHECK_INT(last.e, ERR_CONTROL_PLANE);
    stop();
}

static void reservations_grow(void)
{
    struct id from = lease_one;
    struct ask *a;
    struct key *key;

    start();
    accepted(60000);
    key = spent_key();
    CHECK_INT(uplink_ask_more(dp.port, key, &from, 50, ask_cb, NULL, &a), ERR_NONE);
    next_frame(MSG_LEASE_MORE);
    lease(1, 1050, LEASE_OK, 0);
    UNTIL(answers == 1, 2000);
    CHECK(last.e == ERR_NONE && last.key == key && id_eq(&last.lease, &from));
    CHECK_INT(key_available(key), 0);
    CHECK_INT(uplink_ask_more(dp.port, key, &from, 70, ask_cb, NULL, &a), ERR_NONE);
    next_frame(MSG_LEASE_MORE);
    lease(1, 0, LEASE_GONE, 0); /* its lease is replaced: no growth from another */
    next_frame(MSG_KEY_LOOKUP);
    grant(&one, 2, 500);
    UNTIL(answers == 2, 2000);
    CHECK_INT(last.e, ERR_LENT);
    CHECK_INT(key_available(key), 500);
    stop();
}

/* A key that changed is asked about under its new rules; one that was revoked while the link was away is
 * named when it is back. */
static void changes_reach_keys_in_use(void)
{
    struct msg_lease_return back;
    struct msg_keys m;
    struct digest32 d;
    uint64_t version;
    struct key *key;

    start();
    accepted(60000);
    answers = 0;
    ask_for(&one, 100);
    next_frame(MSG_KEY_LOOKUP);
    grant(&one, 1, 1000);
    UNTIL(answers == 1, 2000);
    SAY(revoke, .key_digest = one, .reason = NO_KEY_CHANGED, .version = 5);
    CHECK_INT(msg_lease_return_decode(next_frame(MSG_LEASE_RETURN), &back), ERR_NONE);
    CHECK_INT(back.total_nusd, 900);
    CHECK_INT(keyring_find(dp.keyring, &one, clock_mono_ms(), &key), ERR_NOT_FOUND);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 1, 2000);
    accepted(60000);
    CHECK_INT(msg_keys_decode(next_frame(MSG_KEYS), &m), ERR_NONE);
    CHECK_INT(m.count, 1);
    CHECK_INT(msg_keys_take(&m, &d, &version), ERR_NONE);
    CHECK(secret_equal(&d, &one, sizeof d) && version == 5);
    stop();
}

/* --- usage --- */

static void usage_is_kept_until_acked(void)
{
    start();
    meter_some(300, 1); /* before there is a link */
    accepted(60000);
    expect_usage(1, 300);
    SAY(usage_ack, .seq = 256);
    UNTIL(uplink_counters(dp.uplink).backlog == 44, 2000);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 1, 2000);
    meter_some(10, 2);
    booked_seq = 256;
    accepted(60000);
    expect_usage(257, 310); /* the same numbers again, then the new ones */
    SAY(usage_ack, .seq = 300);
    SAY(usage_ack, .seq = 100); /* an old one says nothing */
    SAY(usage_ack, .seq = 310);
    UNTIL(uplink_counters(dp.uplink).backlog == 0, 2000);
    CHECK_INT(uplink_counters(dp.uplink).records_acked, 310);
    /* What was never sent cannot be acknowledged. */
    SAY(usage_ack, .seq = 311);
    UNTIL(cp.closed == 2, 2000);
    stop();
}

/* What the control plane says of itself, and how old the oldest record is, for whoever watches. */
static void it_can_be_watched(void)
{
    const struct usage_record r[] = {{.received_ms = 1000, .total_ms = 234},
                                     {.received_ms = 5000, .total_ms = 1}};

    start();
    accepted(60000);
    CHECK_INT(uplink_troubles(dp.uplink), 0);
    CHECK_INT(uplink_counters(dp.uplink).oldest_unix_ms, 0);
    SAY(health, .troubles = TROUBLE_DATABASE | TROUBLE_LOG);
    UNTIL(uplink_troubles(dp.uplink) == (TROUBLE_DATABASE | TROUBLE_LOG), 2000);
    SAY(health, .troubles = TROUBLE_LOG);
    UNTIL(uplink_troubles(dp.uplink) == TROUBLE_LOG, 2000);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(meter_reserve(dp.meter, 0));
        meter_push(dp.meter, 0, &r[i]);
    }
    UNTIL(uplink_counters(dp.uplink).oldest_unix_ms == 1234, 2000);
    CHECK_INT(meter_places(dp.meter), 2);
    expect_usage(1, 2);
    SAY(usage_ack, .seq = 1);
    UNTIL(uplink_counters(dp.uplink).oldest_unix_ms == 5001, 2000);
    SAY(usage_ack, .seq = 2);
    UNTIL(uplink_counters(dp.uplink).oldest_unix_ms == 0, 2000);
    CHECK_INT(meter_places(dp.meter), 0);
    /* Without a connection nobody says anything, and a new one begins well. */
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 1 && uplink_troubles(dp.uplink) == 0, 2000);
    accepted(60000);
    CHECK_INT(uplink_troubles(dp.uplink), 0);
    stop();
}

static void few_batches_are_on_their_way(void)
{
    start();
    accepted(60000);
    meter_some(5000, 1);
    FOR_MS(300);
    CHECK_INT(cp.n_frames - cp.n_read, UPLINK_BATCHES_MAX); /* the rest waits for an acknowledgement */
    expect_usage(1, 2048);
    SAY(usage_ack, .seq = 2048);
    expect_usage(2049, 4096);
    SAY(usage_ack, .seq = 4096);
    expect_usage(4097, 5000);
    SAY(usage_ack, .seq = 5000);
    UNTIL(uplink_counters(dp.uplink).backlog == 0, 2000);
    stop();
}

static bool spendable(uint64_t mono_ms)
{
    struct key *key = NULL;

    if (keyring_find(dp.keyring, &one, mono_ms, &key) != ERR_NONE)
        return false;
    key_release(key);
    return true;
}

/* A batch that is not full leaves by the clock, not on an acknowledgement. */
static void acknowledgements_ship_nothing_small(void)
{
    uint64_t began_ms, frames;

    start();
    accepted(60000);
    meter_some(1, 1);
    expect_usage(1, 1);
    began_ms = clock_mono_ms();
    frames = cp.n_frames;
    for (unsigned i = 2; i < 40; i++) { /* a request and an acknowledgement every 5 ms */
        meter_some(1, 1);
        SAY(usage_ack, .seq = 1);
        FOR_MS(5);
    }
    CHECK(cp.n_frames - frames <= 2 + (clock_mono_ms() - began_ms) / UPLINK_SHIP_MS);
    stop();
}

/* The control plane's database was restored: what it forgot goes again from where it is, as far as it is
 * still kept; the rest is reported as lost, and every lease is asked about again. */
static void a_forgetful_control_plane_gets_them_again(void)
{
    struct msg_usage_lost lost;
    uint64_t newest = 0;
    struct ask *a;

    start();
    accepted(60000);
    CHECK_INT(uplink_ask_key(dp.port, &one, ask_cb, NULL, &a), ERR_NONE);
    next_frame(MSG_KEY_LOOKUP);
    grant(&one, 1, 1000);
    UNTIL(spendable(clock_mono_ms()), 2000);
    while (newest < LIMIT_USAGE_KEPT + 2048) { /* all acknowledged */
        meter_some(1024, 1);
        expect_usage(newest + 1, newest + 1024);
        newest += 1024;
        SAY(usage_ack, .seq = newest);
    }
    UNTIL(uplink_counters(dp.uplink).backlog == 0, 2000);

    SAY(usage_from, .seq = newest - 3);
    expect_usage(newest - 2, newest);
    UNTIL(uplink_counters(dp.uplink).backlog == 3, 2000);
    CHECK(!spendable(clock_mono_ms()));
    next_frame(MSG_LEASE_RETURN); /* nobody uses it */
    SAY(usage_ack, .seq = newest - 2);
    SAY(usage_ack, .seq = newest);
    UNTIL(uplink_counters(dp.uplink).backlog == 0, 2000);

    SAY(usage_from, .seq = 5);
    CHECK_INT(msg_usage_lost_decode(next_frame(MSG_USAGE_LOST), &lost), ERR_NONE);
    CHECK_INT(lost.lo, 6);
    CHECK_INT(lost.hi, newest - LIMIT_USAGE_KEPT);
    expect_usage(lost.hi + 1, lost.hi + 2048);
    SAY(usage_ack, .seq = newest); /* it had the rest all the same */
    UNTIL(uplink_counters(dp.uplink).backlog == 0, 2000);
    meter_some(2, 1);
    expect_usage(newest + 1, newest + 2);
    SAY(usage_from, .seq = newest + 3); /* which was never made */
    UNTIL(cp.closed == 1, 2000);
    stop();
}

/* SETTLED comes behind every record it speaks of, and not at once. */
static void it_says_how_far_it_is(void)
{
    struct msg_settled m;
    uint64_t began_ms;

    start();
    accepted(60000);
    SAY(settle_ask, .token = 7);
    began_ms = clock_mono_ms();
    FOR_MS(100);
    meter_some(3000, 1);
    expect_usage(1, 2048);
    FOR_MS(UPLINK_SETTLE_MS + 200);
    CHECK_INT(cp.n_frames - cp.n_read, 0); /* 952 records wait for an acknowledgement, and it for them */
    SAY(usage_ack, .seq = 2048);
    expect_usage(2049, 3000);
    CHECK_INT(msg_settled_decode(next_frame(MSG_SETTLED), &m), ERR_NONE);
    CHECK(clock_mono_ms() - began_ms >= UPLINK_SETTLE_MS);
    CHECK_INT(m.token, 7);
    CHECK_INT(m.seq, 3000);
    SAY(settle_ask, .token = 8);
    SAY(settle_ask, .token = 9); /* before the answer */
    UNTIL(cp.closed == 1, 2000);
    stop();
}

/* Cut off from the control plane, no lease spends longer than was promised. */
static void a_lost_link_ends_leases(void)
{
    struct ask *a;

    start();
    accepted(60000);
    CHECK_INT(uplink_ask_key(dp.port, &one, ask_cb, NULL, &a), ERR_NONE);
    next_frame(MSG_KEY_LOOKUP);
    SAY(grant, .key_digest = one, .key = {{1}}, .account = {{3}}, .lease = {{1}},
        .granted_nusd = 1000, .lease_ms = 600000);
    UNTIL(spendable(clock_mono_ms()), 2000);
    CHECK(spendable(clock_mono_ms() + 500000));
    conn_close(cp.conn, ERR_NONE);
    UNTIL(!uplink_connected(dp.uplink), 2000);
    FOR_MS(20);
    CHECK(spendable(clock_mono_ms() + LIMIT_LINKLESS_MS - 2000));
    CHECK(!spendable(clock_mono_ms() + LIMIT_LINKLESS_MS));
    stop();
}

/* At the end: records, then leases, then BYE, then nothing; and the data plane does not close before the control plane
 * has, because a reset would take a BYE that it has not read with it. */
static void stop_ships_and_returns(void)
{
    struct msg_lease_return m;
    pthread_t t;

    start();
    accepted(60000);
    answers = 0;
    ask_for(&one, 0);
    next_frame(MSG_KEY_LOOKUP);
    grant(&one, 1, 1000);
    UNTIL(answers == 1, 2000);
    give_up(0);
    meter_some(5, 1);
    uplink_port_free(dp.port);
    dp.port = NULL;
    CHECK_INT(pthread_create(&t, NULL, stop_main, dp.uplink), 0);
    expect_usage(1, 5);
    FOR_MS(100);
    CHECK_INT(cp.n_frames - cp.n_read, 0); /* leases stay until the records are safe */
    SAY(usage_ack, .seq = 5);
    CHECK_INT(msg_lease_return_decode(next_frame(MSG_LEASE_RETURN), &m), ERR_NONE);
    CHECK_INT(m.total_nusd, 1000);
    CHECK_INT(m.final, 1);
    next_frame(MSG_BYE);
    FOR_MS(100);
    CHECK_INT(cp.closed, 0);
    conn_close(cp.conn, ERR_NONE);
    UNTIL(cp.closed == 1, 2000);
    pthread_join(t, NULL);
    dp.uplink = NULL;
    stop();
}

/* --- pushes --- */

static void pushes_arrive(void)
{
    uint8_t sealed[64 + crypto_box_SEALBYTES];
    struct identity who;
    struct buf frame;
    struct catalog_model model = {
        .no = 1, .id = "a/b", .name = "n", .context_length = 1, .max_output = 1};
    struct catalog_endpoint endpoints[2] = {
        {.no = 1, .model_no = 1, .provider_no = 1, .upstream_model = "u"},
        {.no = 2, .model_no = 1, .provider_no = 2, .upstream_model = "u"}};
    struct catalog c = {
        .version = 1, .models = &model, .n_models = 1, .endpoints = endpoints, .n_endpoints = 2};

    start();
    accepted(60000);
    CHECK_INT(identity_decode(identity_text(dp.keys), &who), ERR_NONE);
    crypto_box_seal(sealed, (const uint8_t *)"provider-key", 12, who.hpke_x25519);
    SAY(secret, .provider_no = 1, .total = 1, .sealed = view_of(sealed, 12 + crypto_box_SEALBYTES));
    UNTIL(dp.secrets == 1, 2000);
    CHECK_BYTES(dp.secret, 12, "provider-key", 12);
    /* A provider that is not measured, and a secret for somebody else. */
    SAY(secret, .provider_no = 2, .total = 1, .sealed = view_of(sealed, 12 + crypto_box_SEALBYTES));
    sealed[3] ^= 1;
    SAY(secret, .provider_no = 0, .total = 1, .sealed = view_of(sealed, 12 + crypto_box_SEALBYTES));
    buf_init(&frame, LIMIT_FRAME_BYTES);
    CHECK_INT(catalog_encode(&c, &frame), ERR_NONE);
    CHECK_INT(conn_send(cp.conn, buf_view(&frame)), ERR_NONE);
    buf_free(&frame);
    SAY(cert, .leaf = VIEW_LIT("lll"), .ca = VIEW_LIT("cc"));
    SAY(log_proof, .statement = VIEW_LIT("{}"), .proof = VIEW_LIT("p"));
    UNTIL(dp.catalogs == 1 && dp.certs == 1 && dp.proofs == 1, 2000);
    CHECK_INT(dp.secrets, 1);
    CHECK_INT(uplink_counters(dp.uplink).unknown_provider_pushes, 2);
    CHECK_INT(cp.closed, 0);
    stop();
}

/* --- customers' own keys, and sealing keys that come later --- */

static const struct id own_account = {{4}};

/* Sealing keys by their secret halves, as another boot gives them. */
static void say_sealing_keys(const uint8_t *secrets, size_t n)
{
    uint8_t sealed[LIMIT_SEAL_KEYS * crypto_box_SECRETKEYBYTES + crypto_box_SEALBYTES];
    size_t len = n * crypto_box_SECRETKEYBYTES;

    CHECK_INT(crypto_box_seal(sealed, secrets, len, identity_document(dp.keys)->hpke_x25519), 0);
    SAY(seal_give, .boot = {{9}}, .sealed = view_of(sealed, len + crypto_box_SEALBYTES));
}

/* One provider key of the account, sealed to this sealing key. */
static void say_own_key(const uint8_t public_key[static 32])
{
    static const char text[] = "{\"v\":1,\"account\":\"04000000000000000000000000000000\","
                               "\"provider\":\"first\",\"key\":\"sk-1\"}";
    uint8_t sealed[sizeof text - 1 + crypto_box_SEALBYTES];
    struct msg_own_key k = {.id = {{8}}, .sealed = view_of(sealed, sizeof sealed)};
    struct buf keys;

    CHECK_INT(crypto_box_seal(sealed, (const uint8_t *)text, sizeof text - 1, public_key), 0);
    seal_id(public_key, k.seal_id);
    buf_init(&keys, 1024);
    CHECK_INT(msg_own_key_put(&keys, &k), ERR_NONE);
    SAY(own_keys, .account = own_account, .version = 1, .count = 1, .keys = buf_view(&keys));
    buf_free(&keys);
}

/* -1: nothing is held of the account. */
static int own_state(void)
{
    struct own_keys *k = own_store_find(dp.own, &own_account, 1);
    int state = k != NULL && k->n == 1 ? k->list[0].state : -1;

    own_keys_release(dp.own, k);
    return state;
}

/* Also when a ring that is full takes it, whose number of keys stays as it is. */
static void a_sealing_key_comes_later(void)
{
    uint8_t secrets[LIMIT_SEAL_KEYS - 1][crypto_box_SECRETKEYBYTES];
    uint8_t public_key[crypto_box_PUBLICKEYBYTES], secret_key[crypto_box_SECRETKEYBYTES];

    start();
    accepted(60000);
    secret_random(secrets, sizeof secrets);
    crypto_box_keypair(public_key, secret_key);
    say_sealing_keys(secrets[0], LIMIT_SEAL_KEYS - 1);
    say_own_key(public_key);
    UNTIL(own_state() == OWN_KEY_RESEAL, 2000);
    say_sealing_keys(secrets[0], LIMIT_SEAL_KEYS - 1); /* nothing new: what is held is not asked for again */
    SAY(cert, .leaf = VIEW_LIT("lll"), .ca = VIEW_LIT("cc"));
    UNTIL(dp.certs == 1, 2000);
    CHECK_INT(own_state(), OWN_KEY_RESEAL);
    say_sealing_keys(secret_key, 1);
    UNTIL(own_state() == -1, 2000);
    say_own_key(public_key);
    UNTIL(own_state() == OWN_KEY_READY, 2000);
    CHECK_INT(cp.closed, 0);
    stop();
}

static const struct check_case cases[] = {
    {"uplink_evidence_is_bound", evidence_is_bound},
    {"uplink_nothing_before_accept", nothing_before_accept},
    {"uplink_refused_says_why", refused_says_why},
    {"uplink_trust_has_a_deadline", trust_has_a_deadline},
    {"uplink_attests_again", attests_again},
    {"uplink_a_turned_clock_costs_trust", a_turned_clock_costs_trust},
    {"uplink_another_key_is_nobody", another_key_is_nobody},
    {"uplink_one_challenge_at_a_time", one_challenge_at_a_time},
    {"uplink_found_by_name", found_by_name},
    {"uplink_a_name_server_that_hangs", a_name_server_that_hangs},
    {"uplink_another_control_plane", another_control_plane},
    {"uplink_refused_by_one_of_two", refused_by_one_of_two},
    {"uplink_reconnects_are_spread", reconnects_are_spread},
    {"uplink_illegal_frames_close", illegal_frames_close},
    {"uplink_lookups_are_merged", lookups_are_merged},
    {"uplink_cancelled_asks_are_silent", cancelled_asks_are_silent},
    {"uplink_asks_time_out", asks_time_out},
    {"uplink_asks_survive_a_short_break", asks_survive_a_short_break},
    {"uplink_inquiries_and_a_lost_link", inquiries_and_a_lost_link},
    {"uplink_claims_given_up_are_released", claims_given_up_are_released},
    {"uplink_pieces_are_asked_for", pieces_are_asked_for},
    {"uplink_leases_are_extended", leases_are_extended},
    {"uplink_the_waiting_are_served_in_order", the_waiting_are_served_in_order},
    {"uplink_lent_money_is_waited_for", lent_money_is_waited_for},
    {"uplink_a_slow_control_plane_stops_no_small_request",
     a_slow_control_plane_stops_no_small_request},
    {"uplink_stale_answers_are_not_asked_for_in_a_circle",
     stale_answers_are_not_asked_for_in_a_circle},
    {"uplink_reservations_grow", reservations_grow},
    {"uplink_changes_reach_keys_in_use", changes_reach_keys_in_use},
    {"uplink_usage_is_kept_until_acked", usage_is_kept_until_acked},
    {"uplink_it_can_be_watched", it_can_be_watched},
    {"uplink_few_batches_are_on_their_way", few_batches_are_on_their_way},
    {"uplink_acknowledgements_ship_nothing_small", acknowledgements_ship_nothing_small},
    {"uplink_a_forgetful_control_plane_gets_them_again", a_forgetful_control_plane_gets_them_again},
    {"uplink_it_says_how_far_it_is", it_says_how_far_it_is},
    {"uplink_a_lost_link_ends_leases", a_lost_link_ends_leases},
    {"uplink_stop_ships_and_returns", stop_ships_and_returns},
    {"uplink_pushes_arrive", pushes_arrive},
    {"uplink_a_sealing_key_comes_later", a_sealing_key_comes_later},
};

int main(int argc, char **argv)
{
    char path[80], command[128];
    struct buf why;
    int code;

    buf_init(&why, 500);
    if (secret_init() != ERR_NONE || mkdtemp(platform_dir) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/p", platform_dir);
    if (sim_platform_make(path, &why) != ERR_NONE)
        return 1;
    strcat(platform_dir, "/p");
    code = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
    *strrchr(platform_dir, '/') = '\0';
    snprintf(command, sizeof command, "rm -rf '%s'", platform_dir);
    if (system(command) != 0)
        code = 1;
    buf_free(&why);
    return code;
}
