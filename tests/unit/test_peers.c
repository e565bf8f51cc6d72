/* The control plane's end of the link is what stands between any computer on the network and our
 * keys, leases and provider credentials. A real TLS client with the simulator's reports walks in the
 * right way once, and in every wrong way we know: each is refused with its own reason. The ledger
 * here is a fake of this file's, so that what reaches it can be counted. The last cases put the data
 * plane's own uplink on the other end. */
#include "peer.h"
#include "peers.h"

#include "api.h"
#include "boots.h"
#include "check.h"
#include "clock.h"
#include "identity.h"
#include "inquiry.h"
#include "sim/sim.h"
#include "tls.h"
#include "uplink.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the fake ledger: answers at once, on the server's loop --- */

static atomic_uint boots, lookups, returns, batches, records, ingest_failures;
static struct ledger_watch watch;
static atomic_bool revoke_now, resync_now;
static atomic_int troubles_now = -1; /* to be told by the server's thread; -1: nothing */
static atomic_uint waiting_now;      /* batches, as its thread sees them */
static _Atomic int64_t returned_nusd;
static atomic_uint records_at_return;
static const struct digest32 good_key = {{1}}, bad_key = {{2}};
static atomic_uint checks, checked, check_failures; /* statements, keys in them, of which so many fail */
static atomic_bool grant_slow; /* the look-up has read the key, and answers when this is over */
static atomic_bool grant_held;
static struct {
    void (*cb)(void *cookie, enum err e, const struct msg_grant *grant, const struct msg_no_key *no);
    void *cookie;
    struct msg_grant grant;
} held;
static uint64_t key_version = 1;

struct changes_held {
    struct ledger_key keys[LEDGER_KEYS_MAX];
    size_t n;
    void (*cb)(void *cookie, enum err e, const struct msg_revoke *changes, size_t n);
    void *cookie;
};

static _Atomic uint64_t booked_seq; /* what the database has */
static atomic_uint unlinks, marks, set_aside, lost_records;
static _Atomic uint64_t refused_seq; /* a record that the database refuses */
static atomic_bool forgotten;        /* the database does not know the boot */

void ledger_boot(struct ledger *l, const struct id *boot, const struct id *session,
                 struct view measurement, bool simulated, ledger_boot_cb *cb, void *cookie)
{
    (void)l;
    CHECK(!id_is_zero(boot) && !id_is_zero(session) && measurement.len == 48 && simulated);
    boots++;
    forgotten = false;
    cb(cookie, ERR_NONE, booked_seq, false);
}

void ledger_unlink(struct ledger *l, const struct id *boot, const struct id *session)
{
    (void)l;
    CHECK(!id_is_zero(boot) && !id_is_zero(session));
    unlinks++;
}

void ledger_place(struct ledger *l, const struct id *boot, struct view place)
{
    (void)l;
    (void)boot;
    CHECK(view_eq(place, VIEW_LIT("here")));
}

void ledger_settled(struct ledger *l, const struct id *boot, const struct id *session, uint64_t seq,
                    uint64_t at_ms, void (*cb)(void *cookie, enum err e, uint64_t db_ms),
                    void *cookie)
{
    (void)l;
    (void)boot;
    (void)session;
    CHECK(at_ms == 0 || at_ms == 1000 + marks); /* a peer's first, or what the last answer said */
    CHECK(forgotten || seq <= booked_seq);     /* what it speaks of came before it */
    marks++;
    cb(cookie, forgotten ? ERR_NOT_FOUND : ERR_NONE, 1000 + marks);
}

/* --- the REST API: "/N" is answered with N bytes, "/slow" when the test says so --- */

static atomic_uint relayed;
static atomic_bool relay_held;
static struct {
    api_answer_cb *cb;
    void *cookie;
    struct msg_relay_ask ask;
} relay;

/* Of a body whose every byte says where it stands. */
static uint8_t relay_byte(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static void relay_say(api_answer_cb *cb, void *cookie, size_t n)
{
    struct api_answer a = {.status = n == 7 ? 404 : 200, .retry_ms = 3};
    uint8_t *bytes = malloc(n + 1);

    for (size_t i = 0; i < n; i++)
        bytes[i] = relay_byte(i);
    a.body = view_of(bytes, n);
    cb(cookie, &a);
    free(bytes);
}

void api_relay(struct api *a, const struct msg_relay_ask *ask, const uint8_t address[static 16],
               api_answer_cb *cb, void *cookie)
{
    uint64_t n = 0;

    CHECK(a != NULL && address[15] == 1);
    relayed++;
    if (view_eq(ask->path, VIEW_LIT("/slow"))) {
        CHECK(relay.cb == NULL);
        relay.cb = cb;
        relay.cookie = cookie;
        relay_held = true;
        return;
    }
    CHECK(view_u64(view_from(ask->path, 1), &n));
    relay_say(cb, cookie, (size_t)n);
}

static atomic_uint claims, releases;
static atomic_bool claims_stand_still;

void ledger_claim(struct ledger *l, const struct id *boot, const struct msg_claim *claim,
                  void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer),
                  void *cookie)
{
    struct msg_claimed answer = {.request = claim->request, .status = CLAIM_GRANTED};

    (void)l;
    CHECK(!id_is_zero(boot));
    claims++;
    if (claims_stand_still) {
        cb(cookie, ERR_DB, &answer); /* not answered */
        return;
    }
    answer.first = claim->request;
    cb(cookie, ERR_NONE, &answer);
}

void ledger_release(struct ledger *l, const struct id *boot, const struct id *request,
                    void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer),
                    void *cookie)
{
    const struct msg_claimed answer = {.request = *request, .status = CLAIM_NONE};

    (void)l;
    CHECK(!id_is_zero(boot));
    releases++;
    cb(cookie, ERR_NONE, &answer);
}

static const struct msg_own_key own_row = {
    .id = {{8}}, .flags = OWN_KEY_ALWAYS, .seal_id = {1}, .sealed = {(const uint8_t *)"0123456789012345678901234567890123456789012345678", 49}};
static atomic_bool own_fails;

void ledger_own_keys(struct ledger *l, const struct id *account, const struct providers *providers,
                     void (*cb)(void *cookie, enum err e, const struct msg_own_keys *keys), void *cookie)
{
    struct msg_own_keys m = {.account = *account, .version = 5, .fee_ppm = LEDGER_FEE_CONFIGURED, .count = 1};
    struct buf keys;

    (void)l;
    CHECK(providers != NULL);
    buf_init(&keys, 256);
    CHECK_INT(msg_own_key_put(&keys, &own_row), ERR_NONE);
    m.keys = buf_view(&keys);
    if (own_fails)
        cb(cookie, ERR_DB, NULL);
    else
        cb(cookie, ERR_NONE, &m);
    buf_free(&keys);
}

static bool revoked;

void ledger_grant(struct ledger *l, const struct id *boot, const struct msg_key_lookup *ask,
                  void (*cb)(void *cookie, enum err e, const struct msg_grant *grant,
                             const struct msg_no_key *no),
                  void *cookie)
{
    struct msg_grant g = {.key_digest = ask->key_digest,
                          .granted_nusd = 1000,
                          .lease_ms = 60000,
                          .version = key_version};
    struct msg_no_key no = {.key_digest = ask->key_digest, .version = revoked ? 9 : 0};

    (void)l;
    (void)boot;
    lookups++;
    no.reason = revoked ? NO_KEY_DISABLED : NO_KEY_UNKNOWN;
    if (ask->key_digest.b[0] == good_key.b[0] && !revoked && grant_slow) {
        held.cb = cb;
        held.cookie = cookie;
        held.grant = g;
        grant_held = true;
    } else if (ask->key_digest.b[0] == good_key.b[0] && !revoked)
        cb(cookie, ERR_NONE, &g, NULL);
    else
        cb(cookie, ERR_NONE, NULL, &no);
}

static void changes_say(const struct changes_held *h)
{
    struct msg_revoke changes[LEDGER_KEYS_MAX];

    for (size_t i = 0; i < h->n; i++)
        changes[i] = (struct msg_revoke){h->keys[i].digest, NO_KEY_DISABLED, 9};
    h->cb(h->cookie, ERR_NONE, changes, revoked ? h->n : 0);
}

void ledger_changes(struct ledger *l, const struct ledger_key *keys, size_t n,
                    void (*cb)(void *cookie, enum err e, const struct msg_revoke *changes, size_t n),
                    void *cookie)
{
    struct changes_held h = {.n = n, .cb = cb, .cookie = cookie};

    (void)l;
    CHECK(n >= 1 && n <= LEDGER_KEYS_MAX);
    memcpy(h.keys, keys, n * sizeof *keys);
    checks++;
    checked += (unsigned)n;
    if (check_failures > 0) {
        check_failures--;
        cb(cookie, ERR_DB, NULL, 0);
    } else {
        changes_say(&h);
    }
}

void ledger_lease_more(struct ledger *l, const struct id *boot, const struct msg_lease_more *ask,
                       void (*cb)(void *cookie, enum err e, const struct msg_lease *lease),
                       void *cookie)
{
    struct msg_lease m = {.key = ask->key,
                          .lease = ask->lease,
                          .granted_nusd = 2000,
                          .lease_ms = 60000,
                          .status = LEASE_OK};

    (void)l;
    (void)boot;
    cb(cookie, ERR_NONE, &m);
}

void ledger_lease_return(struct ledger *l, const struct id *boot, const struct msg_lease_return *ret,
                         void (*cb)(void *cookie, enum err e), void *cookie)
{
    (void)l;
    (void)boot;
    returned_nusd += ret->total_nusd;
    records_at_return = records;
    returns++;
    cb(cookie, ERR_NONE);
}

static size_t attempts, parts_booked; /* that came with batches */
static size_t parts_aside;     /* with a record that was set aside */

void ledger_ingest_batch(struct ledger *l, const struct id *boot, const struct ledger_batch *b, ledger_acked_cb *cb,
                         void *cookie)
{
    const struct usage_record *r = b->records;
    size_t n = b->n;

    (void)l;
    (void)boot;
    batches++;
    if (forgotten) {
        cb(cookie, ERR_NOT_FOUND, 0);
        return;
    }
    if (ingest_failures > 0) {
        ingest_failures--;
        cb(cookie, ERR_DB, 0);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (r[i].seq == refused_seq) {
            cb(cookie, ERR_RANGE, 0);
            return;
        }
    records += n;
    attempts += b->n_attempts;
    parts_booked += b->n_parts;
    if (r[0].seq <= booked_seq + 1 && r[n - 1].seq > booked_seq)
        booked_seq = r[n - 1].seq;
    cb(cookie, ERR_NONE, booked_seq);
}

void ledger_set_aside(struct ledger *l, const struct id *boot, const struct ledger_batch *b, ledger_acked_cb *cb,
                      void *cookie)
{
    const struct usage_record *r = b->records;

    (void)l;
    (void)boot;
    CHECK_INT(b->n, 1);
    parts_aside += b->n_parts;
    CHECK_INT(r[0].seq, refused_seq);
    set_aside++;
    CHECK_INT(booked_seq + 1, refused_seq); /* all before it are booked first */
    booked_seq = refused_seq;
    cb(cookie, ERR_NONE, booked_seq);
}

void ledger_lost(struct ledger *l, const struct id *boot, uint64_t lo, uint64_t hi,
                 ledger_acked_cb *cb, void *cookie)
{
    (void)l;
    (void)boot;
    CHECK_INT(lo, booked_seq + 1);
    lost_records += (unsigned)(hi - lo + 1);
    booked_seq = hi;
    cb(cookie, ERR_NONE, booked_seq);
}

enum err ledger_watch(struct ledger *l, const struct ledger_watch *w)
{
    (void)l;
    watch = *w;
    return ERR_NONE;
}

static atomic_bool made;

void ledger_catalog(struct ledger *l, void (*cb)(void *cookie, enum err e, struct catalog *c),
                    void *cookie)
{
    struct catalog c = {.version = 7};

    (void)l;
    c.models = calloc(2, sizeof *c.models);
    c.n_models = 1;
    if (atomic_load(&made)) { /* an orchestration and an alias of it */
        c.n_models = 2;
        c.models[1].no = 2;
        c.models[1].kind = KIND_SYNTH;
        strcpy(c.models[1].id, "demo/synth");
        c.synths = calloc(1, sizeof *c.synths);
        c.n_synths = 1;
        c.synths[0] = (struct catalog_synth){.model_no = 2, .panel_tokens = 1, .judge_tokens = 1, .final_tokens = 1,
                                             .n_panel = 1, .panel = {"demo/echo"}, .n_judges = 1,
                                             .judges = {"demo/echo"}, .n_finals = 1, .finals = {"demo/echo"}};
        c.aliases = calloc(2, sizeof *c.aliases);
        c.n_aliases = 2;
        c.aliases[0] = (struct catalog_alias){.id = "synth", .model = {2}, .n_models = 1};
        c.aliases[1] = (struct catalog_alias){.id = "echo", .model = {1}, .n_models = 1};
    }
    c.models[0].no = 1;
    strcpy(c.models[0].id, "demo/echo");
    strcpy(c.models[0].name, "Echo");
    c.models[0].context_length = 1000;
    c.models[0].max_output = 100;
    cb(cookie, ERR_NONE, &c);
}

/* --- the fake log --- */

static atomic_uint logged;
static atomic_int log_answer; /* an enum err */
static struct boots_entry logged_entry;
static atomic_bool log_slow; /* it answers when this is over */
static struct {
    boots_cb *cb;
    void *cookie;
} log_held;

static void log_say(boots_cb *cb, void *cookie)
{
    cb(cookie, (enum err)log_answer, VIEW_LIT("{\"boot\":1}"), VIEW_LIT("proof\n"));
}

void boots_log(struct translog *t, const struct boots_entry *entry, boots_cb *cb, void *cookie)
{
    (void)t;
    logged_entry = *entry;
    log_held.cb = log_slow ? cb : NULL;
    log_held.cookie = cookie;
    logged++;
    if (!log_slow)
        log_say(cb, cookie);
}

/* --- the server, on a thread of its own --- */

static struct {
    uv_loop_t loop;
    uv_timer_t poke;
    pthread_t thread;
    struct peers *peers;
    struct peers_config config;
    struct attest_policy *policy;
    struct attest_policy *_Atomic next_policy; /* the server's thread puts it in force */
    struct providers providers;
    uint16_t port;
    uint64_t reattest_ms;
    atomic_bool stop, stopped;
} server;

static size_t provider_keys(void *cookie, uint16_t no)
{
    (void)cookie;
    return no == 0 ? 1 : 0;
}

static bool provider_key(void *cookie, uint16_t no, size_t index, struct view *key)
{
    (void)cookie;
    *key = VIEW_LIT("sk-provider-secret");
    return no == 0 && index == 0;
}

static void stopped_cb(void *cookie)
{
    (void)cookie;
    server.stopped = true;
}

static void poke_cb(uv_timer_t *t)
{
    int troubles = atomic_exchange(&troubles_now, -1);

    waiting_now = (unsigned)peers_waiting(server.peers, clock_mono_ms()).batches;
    if (troubles >= 0)
        peers_set_troubles(server.peers, (uint8_t)troubles);
    if (revoke_now) {
        revoke_now = false;
        watch.revoked(watch.cookie, &(struct msg_revoke){good_key, NO_KEY_DISABLED, 2});
    }
    if (resync_now) {
        resync_now = false;
        revoked = true;
        watch.resync(watch.cookie);
    }
    if (server.next_policy != NULL) {
        struct attest_policy *former = server.policy;

        server.policy = server.next_policy;
        peers_set_policy(server.peers, server.policy);
        attest_policy_free(former);
        server.next_policy = NULL;
    }
    if (grant_held && !grant_slow) {
        grant_held = false;
        held.cb(held.cookie, ERR_NONE, &held.grant, NULL);
    }
    if (relay.cb != NULL && !relay_held) {
        api_answer_cb *cb = relay.cb;

        relay.cb = NULL;
        relay_say(cb, relay.cookie, 5);
    }
    if (log_held.cb != NULL && !log_slow) {
        boots_cb *cb = log_held.cb;

        log_held.cb = NULL;
        log_say(cb, log_held.cookie);
    }
    if (server.stop) {
        uv_close((uv_handle_t *)t, NULL);
        peers_stop(server.peers, stopped_cb, NULL);
    }
}

static void *server_run(void *arg)
{
    (void)arg;
    uv_run(&server.loop, UV_RUN_DEFAULT);
    return NULL;
}

static char dir[64], policy_path[96];
static struct quote_source *quotes;
static struct digest48 measurement = {{0xaa}};

static void policy_write(const char *audience, const char *measured, const char *root,
                         const char *floor_microcode, bool simulated)
{
    FILE *f = fopen(policy_path, "w");

    fprintf(f,
            "audience = %s\nroots = none\nallow_simulated = %s\nproducts = genoa\n"
            "guest_allow = smt\n[floor genoa]\nmicrocode = %s\n[measurement test]\nsha384 = %s\n"
            "[root sim]\nfile = %s/ark.pem\n",
            audience, simulated ? "on" : "off", floor_microcode, measured, root);
    fclose(f);
}

static void server_start(uint32_t reattest_ms)
{
    struct buf why;

    booked_seq = refused_seq = 0;
    batches = records = set_aside = lost_records = unlinks = 0;
    forgotten = false;
    buf_init(&why, 512);
    uv_loop_init(&server.loop);
    CHECK_INT(attest_policy_load(policy_path, &server.policy, &why), ERR_NONE);
    if (why.len != 0)
        printf("# %.*s\n", (int)why.len, why.ptr);
    buf_free(&why);
    server.providers.n = 1;
    server.config.loop = &server.loop;
    server.config.host = "127.0.0.1";
    server.config.dataplane_names = "localhost,127.0.0.1";
    server.config.reattest_ms = reattest_ms;
    server.config.policy = server.policy;
    server.config.providers = &server.providers;
    server.config.provider_keys = provider_keys;
    server.config.provider_key = provider_key;
    CHECK_INT(tls_key_new(&server.config.link_key), ERR_NONE);
    CHECK_INT(tls_cert_self(server.config.link_key, "link", 30, &server.config.link_cert), ERR_NONE);
    CHECK_INT(tls_key_new(&server.config.ca_key), ERR_NONE);
    CHECK_INT(tls_ca_new(server.config.ca_key, "test CA", 30, &server.config.ca_cert), ERR_NONE);
    CHECK_INT(peers_start(&server.config, &server.peers), ERR_NONE);
    server.port = peers_port(server.peers);
    uv_timer_init(&server.loop, &server.poke);
    uv_timer_start(&server.poke, poke_cb, 5, 5);
    server.stop = server.stopped = false;
    pthread_create(&server.thread, NULL, server_run, NULL);
}

static struct peers_counters server_stop(void)
{
    struct peers_counters c;

    server.stop = true;
    pthread_join(server.thread, NULL);
    CHECK(server.stopped);
    c = peers_counters(server.peers);
    peers_free(server.peers);
    CHECK_INT(uv_loop_close(&server.loop), 0);
    attest_policy_free(server.policy);
    EVP_PKEY_free(server.config.link_key);
    X509_free(server.config.link_cert);
    EVP_PKEY_free(server.config.ca_key);
    X509_free(server.config.ca_cert);
    boots = lookups = returns = batches = records = 0;
    returned_nusd = 0;
    checks = checked = 0;
    revoked = false;
    return c;
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        uint64_t until_ = clock_mono_ms() + 5000;                                                  \
        while (!(condition) && clock_mono_ms() < until_)                                           \
            usleep(1000);                                                                          \
        CHECK(condition);                                                                          \
    } while (0)

/* --- a data plane, blocking --- */

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    EVP_PKEY *key;
    uint8_t box_public[32], box_secret[32];
    uint8_t exporter[32];
    struct buf in;
    size_t consumed; /* of in, by the frame given out last */
    struct identity who;
};

static void client_open(struct client *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(server.port)};
    struct timeval patience = {5, 0};
    X509 *cert;

    memset(c, 0, sizeof *c);
    buf_init(&c->in, 4 << 20);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    CHECK_INT(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
    c->ctx = SSL_CTX_new(TLS_client_method());
    CHECK_INT(tls_key_new(&c->key), ERR_NONE);
    CHECK_INT(tls_cert_self(c->key, "dataplane", 1, &cert), ERR_NONE);
    SSL_CTX_use_certificate(c->ctx, cert);
    SSL_CTX_use_PrivateKey(c->ctx, c->key);
    X509_free(cert);
    c->ssl = SSL_new(c->ctx);
    SSL_set_fd(c->ssl, c->fd);
    CHECK_INT(SSL_connect(c->ssl), 1);
    CHECK_INT(tls_exporter(c->ssl, c->exporter), ERR_NONE);
    crypto_box_keypair(c->box_public, c->box_secret);
    strcpy(c->who.audience, "api.example");
    c->who.boot = id_new();
    memcpy(c->who.hpke_x25519, c->box_public, 32);
    c->who.not_after_s = clock_unix_ms() / 1000 + 3600;
    c->who.simulated = true;
    CHECK_INT(tls_spki_sha256(c->key, &c->who.tls_spki_sha256), ERR_NONE);
}

static void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    EVP_PKEY_free(c->key);
    close(c->fd);
    buf_free(&c->in);
}

/* The next frame, or type 0 when the server closed. */
static struct frame client_next(struct client *c)
{
    struct frame f;

    buf_consume(&c->in, c->consumed);
    c->consumed = 0;
    for (;;) {
        struct view v = buf_view(&c->in);
        uint8_t bytes[16384];
        int n;

        f = (struct frame){0};
        if (frame_take(&v, &f) == ERR_NONE && f.type == MSG_SETTLE_ASK) {
            buf_consume(&c->in, c->in.len - v.len); /* once a second, whenever that is */
            continue;
        }
        if (f.type != 0) {
            c->consumed = c->in.len - v.len;
            return f;
        }
        n = SSL_read(c->ssl, bytes, sizeof bytes);
        if (n <= 0) {
            ERR_clear_error();
            return (struct frame){0};
        }
        CHECK_INT(buf_append(&c->in, view_of(bytes, (size_t)n)), ERR_NONE);
    }
}

static void client_send(struct client *c, struct buf *b)
{
    CHECK_INT(SSL_write(c->ssl, b->ptr, (int)b->len), (int)b->len);
    buf_free(b);
}

/* What a case changes in otherwise good evidence. */
struct twist {
    const char *name;
    enum refusal want;
    const char *audience;             /* of the policy */
    const char *measured, *floor_microcode;
    bool other_root, forbid_simulated;
    bool stale_nonce, other_connection, other_key, other_audience, expired_document, other_config;
    uint64_t guest_policy;            /* bits added */
    uint32_t vmpl;
    size_t flip_report, flip_identity; /* offset + 1 of a byte to flip */
    size_t cut_report;                 /* bytes */
};

static void evidence_send(struct client *c, const uint8_t nonce[static 32], const struct twist *t)
{
    struct sim_knobs k = sim_knobs();
    struct digest32 leaf;
    uint8_t report_data[64], used_nonce[32], cb[32];
    struct quote q;
    struct buf text, out;
    struct identity who = c->who;

    memcpy(used_nonce, nonce, 32);
    memcpy(cb, c->exporter, 32);
    used_nonce[0] ^= t->stale_nonce;
    cb[0] ^= t->other_connection;
    who.tls_spki_sha256.b[0] ^= t->other_key;
    if (t->other_audience)
        strcpy(who.audience, "evil.example");
    who.config_sha256.b[31] ^= t->other_config;
    if (t->expired_document)
        who.not_after_s = 1000;
    k.guest_policy |= t->guest_policy;
    k.vmpl = t->vmpl;
    sim_set_knobs(quotes, &k);
    buf_init(&text, IDENTITY_MAX_BYTES);
    buf_init(&out, 32768);
    CHECK_INT(identity_encode(&who, &text), ERR_NONE);
    evidence_leaf(EVIDENCE_LINK, used_nonce, cb, &leaf);
    evidence_report_data(buf_view(&text), &leaf, report_data);
    quote_init(&q);
    CHECK_INT(quote_backend.get(quotes, report_data, &q), ERR_NONE);
    if (t->flip_report != 0)
        q.report[t->flip_report - 1] ^= 1;
    if (t->flip_identity != 0)
        text.ptr[t->flip_identity - 1] ^= 1;
    CHECK_INT(msg_evidence_encode(&(struct msg_evidence){buf_view(&text),
                                                         view_of(q.report, sizeof q.report -
                                                                               t->cut_report),
                                                         buf_view(&q.vek), buf_view(&q.ask)},
                                  &out),
              ERR_NONE);
    client_send(c, &out);
    quote_free(&q);
    buf_free(&text);
}

static void challenge_answer(struct client *c, const struct twist *t)
{
    struct frame f;
    struct msg_challenge m;

    do /* the catalog comes when it is there to be told */
        f = client_next(c);
    while (f.type == MSG_CATALOG);
    CHECK_INT(f.type, MSG_CHALLENGE);
    CHECK_INT(msg_challenge_decode(f.payload, &m), ERR_NONE);
    evidence_send(c, m.nonce, t);
}

static const struct twist honest = {.name = "honest"};
static const char measured_hex[] = "aa0000000000000000000000000000000000000000000000000000000000000000"
                                   "000000000000000000000000000000";
static const char other_hex[] = "bb0000000000000000000000000000000000000000000000000000000000000000"
                                "000000000000000000000000000000";

static void client_enter(struct client *c)
{
    struct frame f;

    client_open(c);
    challenge_answer(c, &honest);
    f = client_next(c);
    CHECK_INT(f.type, MSG_ACCEPT);
    f = client_next(c);
    CHECK_INT(f.type, MSG_USAGE_FROM);
}

static const struct twist twists[] = {
    {.name = "wrong measurement", .want = REFUSAL_MEASUREMENT, .measured = other_hex},
    {.name = "debug guest", .want = REFUSAL_DEBUG, .guest_policy = SNP_POLICY_DEBUG},
    {.name = "stale nonce", .want = REFUSAL_CHANNEL, .stale_nonce = true},
    {.name = "evidence of another connection", .want = REFUSAL_CHANNEL, .other_connection = true},
    {.name = "unknown root", .want = REFUSAL_ROOT, .other_root = true},
    {.name = "TCB below the floor", .want = REFUSAL_TCB_FLOOR, .floor_microcode = "255"},
    {.name = "key of another client", .want = REFUSAL_PEER_KEY, .other_key = true},
    {.name = "another audience", .want = REFUSAL_AUDIENCE, .other_audience = true},
    {.name = "an expired document", .want = REFUSAL_EXPIRED, .expired_document = true},
    {.name = "another providers.conf", .want = REFUSAL_CONFIG, .other_config = true},
    {.name = "not VMPL 0", .want = REFUSAL_VMPL, .vmpl = 1},
    {.name = "a flipped bit in the report", .want = REFUSAL_SIGNATURE, .flip_report = 0x91},
    {.name = "a flipped bit in the document", .want = REFUSAL_MALFORMED, .flip_identity = 1},
    {.name = "a short report", .want = REFUSAL_LENGTH, .cut_report = 1},
};

static void policy_for(const struct twist *t)
{
    char other[96];

    snprintf(other, sizeof other, "%s-other", dir);
    policy_write("api.example", t->measured != NULL ? t->measured : measured_hex,
                 t->other_root ? other : dir, t->floor_microcode != NULL ? t->floor_microcode : "1",
                 true);
}

static void each_wrong_evidence_has_its_reason(void)
{
    for (size_t i = 0; i < sizeof twists / sizeof twists[0]; i++) {
        const struct twist *t = &twists[i];
        struct client c;
        struct frame f;
        struct msg_refuse r = {0};
        struct peers_counters n;

        policy_for(t);
        server_start(60000);
        client_open(&c);
        challenge_answer(&c, t);
        f = client_next(&c);
        CHECK_INT(f.type, MSG_REFUSE);
        if (f.type == MSG_REFUSE)
            CHECK_INT(msg_refuse_decode(f.payload, &r), ERR_NONE);
        if (r.reason != t->want)
            printf("# %s: %s, want %s\n", t->name, refusal_name(r.reason), refusal_name(t->want));
        CHECK_INT(r.reason, t->want);
        CHECK_INT(client_next(&c).type, 0); /* closed */
        client_close(&c);
        CHECK_INT(boots, 0);
        n = server_stop();
        CHECK_INT(n.refused[t->want], 1);
        CHECK_INT(n.accepted_total, 0);
    }
}

static void nothing_else_before_acceptance(void)
{
    struct client c;
    struct buf out;

    policy_for(&honest);
    server_start(60000);
    client_open(&c);
    CHECK_INT(client_next(&c).type, MSG_CHALLENGE);
    buf_init(&out, 128);
    CHECK_INT(msg_key_lookup_encode(&(struct msg_key_lookup){good_key, 0, 0, false}, &out), ERR_NONE);
    client_send(&c, &out);
    CHECK_INT(client_next(&c).type, 0);
    client_close(&c);
    CHECK_INT(lookups, 0);
    client_open(&c); /* nonsense instead of a frame */
    CHECK_INT(client_next(&c).type, MSG_CHALLENGE);
    CHECK_INT(SSL_write(c.ssl, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    CHECK_INT(client_next(&c).type, 0);
    client_close(&c);
    server_stop();
}

static void welcome_has_certificate_secret_and_catalog(void)
{
    struct client c;
    struct frame f;
    struct msg_cert cert;
    struct msg_secret secret;
    struct catalog catalog;
    X509 *leaf;
    struct digest32 spki;
    uint8_t key[64];
    struct catalog_parts parts = {0};
    bool whole;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    f = client_next(&c);
    CHECK_INT(f.type, MSG_CERT);
    CHECK_INT(msg_cert_decode(f.payload, &cert), ERR_NONE);
    CHECK_INT(tls_cert_from_der(cert.leaf, &leaf), ERR_NONE);
    CHECK_INT(tls_cert_spki_sha256(leaf, &spki), ERR_NONE);
    CHECK(memcmp(spki.b, c.who.tls_spki_sha256.b, 32) == 0); /* our key, their signature */
    CHECK_INT(X509_verify(leaf, server.config.ca_key), 1);
    X509_free(leaf);
    f = client_next(&c);
    CHECK_INT(f.type, MSG_SECRET);
    CHECK_INT(msg_secret_decode(f.payload, &secret), ERR_NONE);
    CHECK_INT(secret.provider_no, 0);
    CHECK_INT(crypto_box_seal_open(key, secret.sealed.ptr, secret.sealed.len, c.box_public,
                                   c.box_secret),
              0);
    CHECK_BYTES(key, secret.sealed.len - crypto_box_SEALBYTES, "sk-provider-secret", 18);
    f = client_next(&c);
    CHECK_INT(f.type, MSG_CATALOG);
    CHECK_INT(catalog_parts_take(&parts, f.payload, &catalog, &whole), ERR_NONE);
    CHECK(whole);
    CHECK_INT(catalog.version, 7);
    catalog_free(&catalog);
    client_close(&c);
    server_stop();
}

/* RULES_KNOWN of this version; 0: it says nothing. */
static void client_knows(struct client *c, uint32_t version)
{
    struct buf out;

    if (version == 0)
        return;
    buf_init(&out, 64);
    CHECK_INT(msg_rules_known_encode(&(struct msg_rules_known){version}, &out), ERR_NONE);
    client_send(c, &out);
}

/* What a data plane does not say that it reads, it is not sent: it would close the connection. One that says so gets
 * no catalog without it before. */
static void catalog_is_what_its_reader_reads(void)
{
    static const struct {
        uint32_t knows;
        size_t synths, models, aliases;
    } cases[] = {{0, 0, 1, 1}, {RULES_VERSION, 0, 1, 1}, {RULES_SYNTHS, 1, 2, 2}, {RULES_SYNTHS + 7, 1, 2, 2}};

    atomic_store(&made, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct catalog_parts parts = {0};
        struct catalog catalog = {0};
        struct client c;
        struct frame f;
        bool whole;

        policy_for(&honest);
        server_start(60000);
        client_enter(&c);
        client_knows(&c, cases[i].knows);
        do
            f = client_next(&c);
        while (f.type == MSG_CERT || f.type == MSG_SECRET);
        CHECK_INT(f.type, MSG_CATALOG);
        CHECK_INT(catalog_parts_take(&parts, f.payload, &catalog, &whole), ERR_NONE);
        CHECK_INT(catalog.n_synths, cases[i].synths);
        CHECK_INT(catalog.n_models, cases[i].models);
        CHECK_INT(catalog.n_aliases, cases[i].aliases);
        CHECK(catalog.n_aliases != 0 && strcmp(catalog.aliases[catalog.n_aliases - 1].id, "echo") == 0);
        catalog_free(&catalog);
        client_close(&c);
        server_stop();
    }
    atomic_store(&made, false);
}

/* What ran is written down first: without an entry there is no acceptance, and with one its proof is
 * handed over, again at every re-attestation. */
static void a_boot_is_logged_before_it_is_accepted(void)
{
    struct client c;
    struct frame f;
    struct msg_log_proof m;
    struct digest32 identity, policy;
    struct buf text;

    policy_for(&honest);
    server.config.log = (struct translog *)&logged; /* the fake never looks at it */
    log_answer = ERR_DB;
    server_start(1000);
    client_open(&c);
    challenge_answer(&c, &honest);
    CHECK_INT(client_next(&c).type, 0);
    client_close(&c);
    CHECK_INT(logged, 1);
    CHECK_INT(boots, 1); /* the boot is known, and was not let in */

    log_answer = ERR_NONE;
    client_enter(&c);
    while ((f = client_next(&c)).type != 0 && f.type != MSG_LOG_PROOF)
        ;
    CHECK_INT(f.type, MSG_LOG_PROOF);
    CHECK_INT(msg_log_proof_decode(f.payload, &m), ERR_NONE);
    CHECK(view_eq(m.statement, VIEW_LIT("{\"boot\":1}")) && view_eq(m.proof, VIEW_LIT("proof\n")));
    buf_init(&text, IDENTITY_MAX_BYTES);
    CHECK_INT(identity_encode(&c.who, &text), ERR_NONE);
    digest_sha256(buf_view(&text), &identity);
    buf_free(&text);
    CHECK(memcmp(&logged_entry.identity_sha256, &identity, 32) == 0);
    CHECK(memcmp(logged_entry.measurement, measurement.b, 48) == 0);
    policy = attest_policy_digest(server.policy);
    CHECK(memcmp(logged_entry.policy_sha256.b, policy.b, 32) == 0);
    challenge_answer(&c, &honest);
    while ((f = client_next(&c)).type != 0 && f.type != MSG_LOG_PROOF)
        ;
    CHECK_INT(f.type, MSG_LOG_PROOF);
    CHECK_INT(logged, 3);
    /* Accepted again, and this time the log is away: it keeps the proof it has. */
    log_answer = ERR_DB;
    challenge_answer(&c, &honest);
    while ((f = client_next(&c)).type != 0 && f.type != MSG_ACCEPT)
        CHECK(f.type != MSG_LOG_PROOF);
    CHECK_INT(f.type, MSG_ACCEPT);
    client_close(&c);
    server_stop();
    server.config.log = NULL;
}

static void policy_change(const struct twist *t)
{
    struct attest_policy *p = NULL;
    struct buf why;

    buf_init(&why, 512);
    policy_for(t);
    CHECK_INT(attest_policy_load(policy_path, &p, &why), ERR_NONE);
    buf_free(&why);
    server.next_policy = p;
}

static struct frame next_of_type(struct client *c, enum message_type type)
{
    struct frame f;

    do {
        f = client_next(c);
    } while (f.type != 0 && f.type != type);
    CHECK_INT(f.type, type);
    return f;
}

static void lookup_send(struct client *c, const struct digest32 *key)
{
    struct buf out;

    buf_init(&out, 128);
    CHECK_INT(msg_key_lookup_encode(&(struct msg_key_lookup){*key, 0, 0, false}, &out), ERR_NONE);
    client_send(c, &out);
}

static void asked_again(struct client *c)
{
    struct msg_challenge m;

    CHECK_INT(msg_challenge_decode(next_of_type(c, MSG_CHALLENGE).payload, &m), ERR_NONE);
    evidence_send(c, m.nonce, &honest);
}

/* Other rules hold from the moment they are in force: who was accepted under the former ones is asked
 * at once, long before its time, and is refused when it is no longer good. */
static void a_changed_policy_is_asked_about_at_once(void)
{
    static const struct twist another_floor = {.floor_microcode = "2"};
    struct msg_refuse r = {0};
    struct digest32 digest;
    struct client c;

    policy_for(&honest);
    server.config.log = (struct translog *)&logged;
    log_answer = ERR_NONE;
    server_start(600000);
    client_enter(&c);
    next_of_type(&c, MSG_LOG_PROOF);
    logged = 0;
    policy_change(&honest); /* the same text: nobody is asked */
    WAIT_FOR(server.next_policy == NULL);
    policy_change(&another_floor); /* still good; its boot is logged under these rules too */
    asked_again(&c);
    next_of_type(&c, MSG_ACCEPT);
    next_of_type(&c, MSG_LOG_PROOF);
    CHECK_INT(logged, 1);
    digest = attest_policy_digest(server.policy);
    CHECK(memcmp(logged_entry.policy_sha256.b, digest.b, 32) == 0);
    policy_change(&twists[0]); /* its measurement is no longer allowed */
    asked_again(&c);
    CHECK_INT(msg_refuse_decode(next_of_type(&c, MSG_REFUSE).payload, &r), ERR_NONE);
    CHECK_INT(r.reason, REFUSAL_MEASUREMENT);
    CHECK_INT(client_next(&c).type, 0);
    client_close(&c);
    CHECK_INT(server_stop().refused[REFUSAL_MEASUREMENT], 1);
    server.config.log = NULL;
}

/* Evidence was good, and while the boot was being written down the rules changed: nothing is handed to
 * whoever the rules in force have not seen. */
static void rules_that_change_before_acceptance(void)
{
    struct msg_refuse r = {0};
    struct client c;

    policy_for(&honest);
    server.config.log = (struct translog *)&logged;
    log_answer = ERR_NONE;
    logged = 0;
    log_slow = true;
    server_start(600000);
    client_open(&c);
    challenge_answer(&c, &honest);
    WAIT_FOR(logged == 1);
    policy_change(&twists[0]); /* its measurement is no longer allowed */
    WAIT_FOR(server.next_policy == NULL);
    log_slow = false;
    CHECK_INT(client_next(&c).type, 0); /* no ACCEPT, no provider's key */
    client_close(&c);
    client_open(&c);
    challenge_answer(&c, &honest);
    CHECK_INT(msg_refuse_decode(next_of_type(&c, MSG_REFUSE).payload, &r), ERR_NONE);
    CHECK_INT(r.reason, REFUSAL_MEASUREMENT);
    client_close(&c);
    CHECK_INT(server_stop().accepted_total, 0);
    server.config.log = NULL;
}

static void ping(struct client *c)
{
    struct buf out;

    buf_init(&out, 64);
    CHECK_INT(msg_ping_encode(&(struct msg_ping){1}, &out), ERR_NONE);
    client_send(c, &out);
    next_of_type(c, MSG_PONG);
}

/* Who lives on but does not show itself under the new rules goes after ten seconds. */
/* --- what clients ask about their accounts --- */

static void relay_ask(struct client *c, uint64_t call, const char *path)
{
    const struct msg_relay_ask m = {.call = call, .path = view_str(path)};
    struct buf out;

    buf_init(&out, 512);
    CHECK_INT(msg_relay_ask_encode(&m, &out), ERR_NONE);
    client_send(c, &out);
}

static void relay_want(struct client *c, uint64_t call, uint8_t more)
{
    const struct msg_relay_next m = {.call = call, .more = more};
    struct buf out;

    buf_init(&out, 64);
    CHECK_INT(msg_relay_next_encode(&m, &out), ERR_NONE);
    client_send(c, &out);
}

static struct msg_relay_answer relay_next_piece(struct client *c)
{
    struct msg_relay_answer m = {0};

    CHECK_INT(msg_relay_answer_decode(next_of_type(c, MSG_RELAY_ANSWER).payload, &m), ERR_NONE);
    return m;
}

static void server_start_with_api(void)
{
    policy_for(&honest);
    server.config.api = (struct api *)&relay;
    server_start(60000);
    server.config.api = NULL;
}

static void questions_are_handed_on(void)
{
    static const size_t sizes[] = {0, 7, LIMIT_RELAY_PIECE_BYTES, LIMIT_RELAY_PIECE_BYTES + 1, 100000};
    struct msg_relay_answer m;
    struct client c;
    char path[32];

    server_start_with_api();
    client_enter(&c);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t got = 0;

        snprintf(path, sizeof path, "/%zu", sizes[i]);
        relay_ask(&c, i + 1, path);
        for (;;) {
            m = relay_next_piece(&c);
            CHECK_INT(m.call, i + 1);
            CHECK_INT(m.status, sizes[i] == 7 ? 404 : 200);
            CHECK_INT(m.retry_ms, 3);
            CHECK(m.last || m.body.len == LIMIT_RELAY_PIECE_BYTES);
            for (size_t at = 0; at < m.body.len; at++)
                check_failed_ += m.body.ptr[at] != relay_byte(got + at);
            got += m.body.len;
            if (m.last)
                break;
            relay_want(&c, i + 1, 1);
        }
        CHECK_INT(got, sizes[i]);
    }
    /* The rest is not wanted: the number may be used again. */
    relay_ask(&c, 9, "/100000");
    CHECK_INT(relay_next_piece(&c).last, 0);
    relay_want(&c, 9, 0);
    relay_want(&c, 9, 1); /* over: not known any more */
    relay_ask(&c, 9, "/1");
    CHECK_INT(relay_next_piece(&c).last, 1);
    /* Larger than an answer may be. */
    snprintf(path, sizeof path, "/%d", LIMIT_RELAY_ANSWER_BYTES + 1);
    relay_ask(&c, 10, path);
    m = relay_next_piece(&c);
    CHECK(m.status == 502 && m.last && m.body.len == 0);
    client_close(&c);
    server_stop();
}

static void questions_have_bounds(void)
{
    struct msg_relay_answer m;
    struct client c;
    unsigned refused = 0;

    server_start_with_api();
    client_enter(&c);
    for (uint64_t call = 1; call <= LIMIT_RELAY_CALLS; call++) {
        relay_ask(&c, call, "/100000");
        CHECK_INT(relay_next_piece(&c).last, 0);
    }
    relay_ask(&c, 1000, "/1"); /* all places are taken by answers that nobody goes on with */
    m = relay_next_piece(&c);
    CHECK(m.call == 1000 && m.status == 503 && m.last && m.retry_ms > 0);
    relay_want(&c, 1, 0);
    relay_ask(&c, 1000, "/1");
    CHECK_INT(relay_next_piece(&c).status, 200);
    relayed = 0;
    for (uint64_t call = 2000; call < 2600; call++) { /* and there is a rate */
        relay_ask(&c, call, "/1");
        m = relay_next_piece(&c);
        CHECK(m.status == 200 || (m.status == 429 && m.retry_ms > 0 && m.body.len == 0));
        refused += m.status == 429;
    }
    CHECK(refused > 0);
    CHECK_INT(relayed, 600 - refused);
    client_close(&c);
    server_stop();
}

/* Nobody is served who breaks the rules; and an answer may find that its data plane has gone. */
static void questions_out_of_turn(void)
{
    struct client c;

    for (int wrong = 0; wrong < 4; wrong++) {
        server_start_with_api();
        client_enter(&c);
        relay_ask(&c, 5, "/slow");
        WAIT_FOR(relay_held);
        if (wrong == 0)
            relay_want(&c, 5, 1); /* of an answer that is not there */
        else if (wrong == 1)
            relay_ask(&c, 5, "/1"); /* a number in use */
        else if (wrong == 2)
            CHECK(SSL_write(c.ssl, "\0\0\0\1\40\1\0\0x", 9) == 9);
        while (wrong < 3 && client_next(&c).type != 0)
            ; /* what every data plane is told, and then the end */
        client_close(&c);
        WAIT_FOR(unlinks > 0);
        relay_held = false; /* the answer comes now */
        WAIT_FOR(relay.cb == NULL);
        server_stop();
    }
    policy_for(&honest); /* a control plane without the API */
    server_start(60000);
    client_enter(&c);
    relay_ask(&c, 5, "/1");
    CHECK_INT(relay_next_piece(&c).status, 503);
    client_close(&c);
    server_stop();
}

static void claims_are_answered(void)
{
    const struct msg_claim m = {.request = {{1}}, .account = {{2}}, .lease = {{3}}, .key = {{4}}};
    struct msg_claimed answer;
    struct client c;
    struct buf out;

    policy_for(&honest);
    server_start(60000);
    claims = releases = 0;
    client_enter(&c);
    buf_init(&out, 256);
    CHECK_INT(msg_claim_encode(&m, &out), ERR_NONE);
    client_send(&c, &out);
    CHECK_INT(msg_claimed_decode(next_of_type(&c, MSG_CLAIMED).payload, &answer), ERR_NONE);
    CHECK(answer.status == CLAIM_GRANTED && id_eq(&answer.request, &m.request));
    buf_init(&out, 64);
    CHECK_INT(msg_release_encode(&(struct msg_release){m.request}, &out), ERR_NONE);
    client_send(&c, &out);
    CHECK_INT(msg_claimed_decode(next_of_type(&c, MSG_CLAIMED).payload, &answer), ERR_NONE);
    CHECK(answer.status == CLAIM_NONE && id_eq(&answer.request, &m.request));
    CHECK_INT(claims, 1);
    CHECK_INT(releases, 1);
    client_close(&c);
    server_stop();
}

static void own_ask(struct client *c)
{
    struct buf out;

    buf_init(&out, 64);
    CHECK_INT(msg_own_ask_encode(&(struct msg_own_ask){.account = {{4}}}, &out), ERR_NONE);
    client_send(c, &out);
}

/* With the fee; what the database does not answer is not answered. */
static void own_keys_are_told(void)
{
    struct msg_own_keys m;
    struct msg_own_key k;
    struct client c;

    policy_for(&honest);
    server.config.own_fee_ppm = 50000;
    server_start(60000);
    client_enter(&c);
    own_fails = true;
    own_ask(&c);
    ping(&c); /* and its answer */
    own_fails = false;
    own_ask(&c);
    CHECK_INT(msg_own_keys_decode(next_of_type(&c, MSG_OWN_KEYS).payload, &m), ERR_NONE);
    CHECK(m.account.b[0] == 4 && m.version == 5 && m.fee_ppm == 50000 && m.count == 1);
    CHECK_INT(msg_own_key_take(&m, &k), ERR_NONE);
    CHECK(id_eq(&k.id, &own_row.id) && k.flags == OWN_KEY_ALWAYS && view_eq(k.sealed, own_row.sealed));
    client_close(&c);
    server_stop();
}

/* Two data planes: each is shown the evidence of the other, byte for byte, and what one gives reaches the other. */
static void sealing_keys_are_carried(void)
{
    struct msg_seal_give give = {.sealed = own_row.sealed}, got;
    struct msg_seal_ask ask;
    struct client a, b;
    struct identity who;
    struct buf out;

    policy_for(&honest);
    server_start(60000);
    client_enter(&a);
    client_enter(&b);
    CHECK_INT(msg_seal_ask_decode(next_of_type(&a, MSG_SEAL_ASK).payload, &ask), ERR_NONE);
    CHECK_INT(identity_decode(ask.evidence.identity, &who), ERR_NONE);
    CHECK(id_eq(&who.boot, &b.who.boot));
    CHECK_INT(msg_seal_ask_decode(next_of_type(&b, MSG_SEAL_ASK).payload, &ask), ERR_NONE);
    CHECK_INT(identity_decode(ask.evidence.identity, &who), ERR_NONE);
    CHECK(id_eq(&who.boot, &a.who.boot));
    give.boot = b.who.boot;
    buf_init(&out, 256);
    CHECK_INT(msg_seal_give_encode(&give, &out), ERR_NONE);
    client_send(&a, &out);
    CHECK_INT(msg_seal_give_decode(next_of_type(&b, MSG_SEAL_GIVE).payload, &got), ERR_NONE);
    CHECK(id_eq(&got.boot, &a.who.boot) && view_eq(got.sealed, give.sealed));
    client_close(&a);
    client_close(&b);
    server_stop();
}

/* A challenge goes to all others as it is, never back. */
static void acme_challenges_are_carried(void)
{
    struct msg_acme_challenge m = {.created_ms = 9, .lifetime_s = 60, .name = VIEW_LIT("a.example"),
                                   .authorization = VIEW_LIT("token.thumb"), .signature = {3}}, got;
    struct client a, b;
    struct buf out;

    policy_for(&honest);
    server_start(60000);
    client_enter(&a);
    client_enter(&b);
    (void)next_of_type(&b, MSG_SEAL_ASK);
    m.boot = a.who.boot;
    buf_init(&out, 1024);
    CHECK_INT(msg_acme_challenge_encode(&m, &out), ERR_NONE);
    client_send(&a, &out);
    CHECK_INT(msg_acme_challenge_decode(next_of_type(&b, MSG_ACME_CHALLENGE).payload, &got), ERR_NONE);
    CHECK(id_eq(&got.boot, &a.who.boot) && view_eq(got.name, m.name) && got.created_ms == 9 &&
          view_eq(got.authorization, m.authorization) && memcmp(got.signature, m.signature, 64) == 0);
    client_close(&a);
    client_close(&b);
    server_stop();
}

static void silence_about_a_changed_policy_is_a_refusal(void)
{
    static const struct twist another_floor = {.floor_microcode = "2"};
    uint64_t mono_us = clock_mono_us(), unix_ms = clock_unix_ms();
    struct msg_refuse r = {0};
    struct client c;

    clock_freeze(mono_us, unix_ms);
    policy_for(&honest);
    server_start(600000);
    client_enter(&c);
    policy_change(&another_floor);
    next_of_type(&c, MSG_CHALLENGE);
    clock_freeze(mono_us + 9500000, unix_ms);
    ping(&c);
    clock_freeze(mono_us + 10500000, unix_ms);
    CHECK_INT(msg_refuse_decode(next_of_type(&c, MSG_REFUSE).payload, &r), ERR_NONE);
    CHECK_INT(r.reason, REFUSAL_EXPIRED);
    client_close(&c);
    clock_thaw();
    server_stop();
}

static void keys_are_granted_refused_and_revoked(void)
{
    struct client c;
    struct msg_revoke r;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    lookup_send(&c, &good_key);
    next_of_type(&c, MSG_GRANT);
    lookup_send(&c, &bad_key);
    next_of_type(&c, MSG_NO_KEY);
    revoke_now = true;
    CHECK_INT(msg_revoke_decode(next_of_type(&c, MSG_REVOKE).payload, &r), ERR_NONE);
    CHECK(memcmp(r.key_digest.b, good_key.b, 32) == 0);
    /* A notification was missed: the key is asked about again and found disabled. */
    lookup_send(&c, &good_key);
    next_of_type(&c, MSG_GRANT);
    resync_now = true;
    CHECK_INT(msg_revoke_decode(next_of_type(&c, MSG_REVOKE).payload, &r), ERR_NONE);
    CHECK_INT(r.reason, NO_KEY_DISABLED);
    client_close(&c);
    server_stop();
}

/* Far more keys than fit in a statement, the database away for a moment: every one is asked about again. */
static void a_resync_asks_about_every_key(void)
{
    enum { KEYS = 5000 };
    struct digest32 key = good_key;
    bool seen[KEYS] = {false};
    unsigned left = KEYS;
    struct msg_revoke r;
    struct client c;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    for (uint32_t i = 0; i < KEYS; i++) {
        memcpy(key.b + 8, &i, sizeof i);
        lookup_send(&c, &key);
        next_of_type(&c, MSG_GRANT);
    }
    check_failures = 3;
    resync_now = true;
    while (left > 0) {
        struct frame f = next_of_type(&c, MSG_REVOKE);
        uint32_t i;

        if (f.type != MSG_REVOKE || msg_revoke_decode(f.payload, &r) != ERR_NONE)
            break;
        memcpy(&i, r.key_digest.b + 8, sizeof i);
        CHECK(i < KEYS && !seen[i]);
        seen[i] = true;
        left--;
    }
    CHECK_INT(left, 0);
    CHECK_INT(check_failures, 0);
    CHECK_INT(checked, KEYS + 3 * LEDGER_KEYS_MAX);
    CHECK_INT(checks, (KEYS + LEDGER_KEYS_MAX - 1) / LEDGER_KEYS_MAX + 3);
    client_close(&c);
    server_stop();
}

/* A look-up was on its way while notifications were missed: what it says may be older than that. */
static void a_late_grant_is_asked_about_again(void)
{
    struct msg_revoke r;
    struct client c;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    grant_slow = true;
    lookup_send(&c, &good_key);
    WAIT_FOR(grant_held);
    resync_now = true;
    WAIT_FOR(!resync_now);
    grant_slow = false;
    next_of_type(&c, MSG_GRANT);
    CHECK_INT(msg_revoke_decode(next_of_type(&c, MSG_REVOKE).payload, &r), ERR_NONE);
    CHECK(memcmp(r.key_digest.b, good_key.b, 32) == 0);
    CHECK_INT(r.version, 9);
    client_close(&c);
    server_stop();
}

/* The link was away while a key was revoked: the data plane names its keys, and hears of it. */
static void keys_of_an_earlier_link_are_asked_about(void)
{
    struct msg_revoke r;
    struct client c;
    struct buf keys, out;
    struct msg_keys m;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    buf_init(&keys, 4096);
    buf_init(&out, 4096);
    CHECK_INT(msg_keys_put(&keys, &bad_key, 1), ERR_NONE);
    CHECK_INT(msg_keys_put(&keys, &good_key, 1), ERR_NONE);
    m = (struct msg_keys){2, buf_view(&keys)};
    CHECK_INT(msg_keys_encode(&m, &out), ERR_NONE);
    revoked = true;
    client_send(&c, &out);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(msg_revoke_decode(next_of_type(&c, MSG_REVOKE).payload, &r), ERR_NONE);
        CHECK_INT(r.version, 9);
    }
    CHECK_INT(checks, 1);
    buf_free(&keys);
    client_close(&c);
    server_stop();
}

static void usage_send(struct client *c, uint64_t first, size_t n)
{
    uint8_t wire[8 * USAGE_WIRE_BYTES];
    struct buf out;

    for (size_t i = 0; i < n; i++) {
        struct usage_record r = {.seq = first + i};

        usage_encode(&r, wire + i * USAGE_WIRE_BYTES);
    }
    buf_init(&out, 4096);
    CHECK_INT(msg_usage_encode(&(struct msg_usage){(uint16_t)n,
                                                   view_of(wire, n * USAGE_WIRE_BYTES)},
                               &out),
              ERR_NONE);
    client_send(c, &out);
}

/* One failed attempt of the request of this record. */
static void attempts_send(struct client *c, uint64_t seq)
{
    uint8_t wire[USAGE_ATTEMPT_WIRE_BYTES];
    struct buf out;

    usage_attempt_encode(&(struct usage_attempt){.seq = seq, .attempt = 1, .error_class = ERR_CONNECT}, wire);
    buf_init(&out, 128);
    CHECK_INT(msg_usage_attempts_encode(&(struct msg_usage_attempts){1, view_of(wire, sizeof wire)}, &out),
              ERR_NONE);
    client_send(c, &out);
}

/* One part of the request of this record. */
static void part_send(struct client *c, uint64_t seq)
{
    uint8_t wire[USAGE_PART_WIRE_BYTES];
    struct buf out;

    usage_part_encode(&(struct usage_part){.seq = seq, .role = 1, .cost_nusd = 5}, wire);
    buf_init(&out, 256);
    CHECK_INT(msg_usage_parts_encode(&(struct msg_usage_parts){1, view_of(wire, sizeof wire)}, &out), ERR_NONE);
    client_send(c, &out);
}

static void usage_is_booked_in_order_and_again_after_a_failure(void)
{
    struct client c;
    struct buf out;
    struct msg_usage_ack ack;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    ingest_failures = 1; /* the database is away for a moment */
    attempts = parts_booked = 0;
    attempts_send(&c, 1);
    part_send(&c, 2);
    usage_send(&c, 1, 2);
    attempts_send(&c, 3);
    part_send(&c, 3);
    usage_send(&c, 3, 1);
    buf_init(&out, 128);
    CHECK_INT(msg_lease_return_encode(&(struct msg_lease_return){.total_nusd = 700, .final = 1},
                                      &out),
              ERR_NONE);
    client_send(&c, &out);
    CHECK_INT(msg_usage_ack_decode(next_of_type(&c, MSG_USAGE_ACK).payload, &ack), ERR_NONE);
    CHECK_INT(ack.seq, 3); /* the second batch came meanwhile, and was booked with the first */
    buf_init(&out, 64);
    CHECK_INT(msg_ping_encode(&(struct msg_ping){42}, &out), ERR_NONE);
    client_send(&c, &out);
    next_of_type(&c, MSG_PONG);
    CHECK_INT(batches, 2);
    CHECK_INT(records, 3);
    CHECK_INT(attempts, 2);
    CHECK_INT(parts_booked, 2);
    CHECK_INT(returns, 1);
    CHECK_INT(returned_nusd, 700);
    CHECK_INT(records_at_return, 3); /* what came before it has been booked before it */
    client_close(&c);
    server_stop();
}

static void waits_for(atomic_uint *what, unsigned value)
{
    for (unsigned i = 0; i < 3000 && *what != value; i++)
        usleep(1000);
    CHECK_INT(*what, value);
}

/* A data plane that ends has said so behind its records and what it gives back: that is booked, and then its connection is
 * closed, although the database was away for a moment. */
static void what_is_given_back_is_booked_before_the_end(void)
{
    struct client c;
    struct buf out;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    returns = 0;
    ingest_failures = 1;
    usage_send(&c, 1, 2);
    for (unsigned i = 0; i < 3; i++) {
        buf_init(&out, 128);
        CHECK_INT(msg_lease_return_encode(&(struct msg_lease_return){.total_nusd = 7, .final = 1}, &out),
                  ERR_NONE);
        client_send(&c, &out);
    }
    buf_init(&out, 64);
    CHECK_INT(msg_bye_encode(&out), ERR_NONE);
    client_send(&c, &out);
    waits_for(&returns, 3);
    client_close(&c);
    server_stop();
}

/* What is wrong with the control plane reaches who is connected at once, who connects later with
 * the welcome, and nobody when there is nothing to say. */
static void troubles_are_told(void)
{
    struct msg_health m;
    struct client one, two;

    policy_for(&honest);
    server_start(60000);
    client_enter(&one);
    for (unsigned t = TROUBLE_ALL;; t >>= 1) {
        troubles_now = (int)t;
        CHECK_INT(msg_health_decode(next_of_type(&one, MSG_HEALTH).payload, &m), ERR_NONE);
        CHECK_INT(m.troubles, t);
        if (t == TROUBLE_DATABASE)
            break;
    }
    client_enter(&two);
    CHECK_INT(msg_health_decode(next_of_type(&two, MSG_HEALTH).payload, &m), ERR_NONE);
    CHECK_INT(m.troubles, TROUBLE_DATABASE);
    troubles_now = 0;
    CHECK_INT(msg_health_decode(next_of_type(&one, MSG_HEALTH).payload, &m), ERR_NONE);
    CHECK_INT(m.troubles, 0);
    CHECK_INT(msg_health_decode(next_of_type(&two, MSG_HEALTH).payload, &m), ERR_NONE);
    CHECK_INT(m.troubles, 0);
    /* Batches that cannot be booked are counted until they are; returns are none. */
    ingest_failures = 2;
    usage_send(&one, 1, 2);
    usage_send(&one, 3, 1);
    waits_for(&waiting_now, 2);
    waits_for(&waiting_now, 0);
    client_close(&one);
    client_close(&two);
    server_stop();
}

static uint64_t acked_next(struct client *c)
{
    struct msg_usage_ack ack = {0};

    CHECK_INT(msg_usage_ack_decode(next_of_type(c, MSG_USAGE_ACK).payload, &ack), ERR_NONE);
    return ack.seq;
}

/* One record that the database refuses stops nobody: it is found, set aside, and those before, beside and
 * behind it are booked. */
static void a_refused_record_is_set_aside(void)
{
    struct client c;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    refused_seq = 6;
    parts_aside = 0;
    part_send(&c, 6);
    usage_send(&c, 1, 8);
    usage_send(&c, 9, 2);
    while (acked_next(&c) != 10)
        ;
    CHECK_INT(records, 9);
    CHECK_INT(set_aside, 1);
    CHECK_INT(parts_aside, 1); /* what explains its cost is not lost on the way */
    /* 1..8 three times, 1..4, 5..8, 5..6, 5, 6, 7..8, 9..10 */
    CHECK_INT(batches, PEER_BOOK_ATTEMPTS + 7);
    client_close(&c);
    CHECK_INT(server_stop().usage_set_aside, 1);
}

static uint64_t told_from(struct client *c)
{
    struct msg_usage_from from = {0};

    CHECK_INT(msg_usage_from_decode(next_of_type(c, MSG_USAGE_FROM).payload, &from), ERR_NONE);
    return from.seq;
}

/* A restored database has less than it acknowledged: the boot is told once, whatever it had on its way. */
static void a_gap_is_asked_for_once(void)
{
    struct client c;
    struct buf out;
    struct peers_counters n;

    policy_for(&honest);
    server_start(60000);
    client_open(&c);
    booked_seq = 4;
    challenge_answer(&c, &honest);
    CHECK_INT(told_from(&c), 4);
    usage_send(&c, 5, 3);
    CHECK_INT(acked_next(&c), 7);
    booked_seq = 2; /* a copy of yesterday */
    usage_send(&c, 8, 1);
    usage_send(&c, 9, 1);
    CHECK_INT(acked_next(&c), 2);
    CHECK_INT(told_from(&c), 2);
    CHECK_INT(acked_next(&c), 2);
    buf_init(&out, 64);
    CHECK_INT(msg_usage_lost_encode(&(struct msg_usage_lost){3, 5}, &out), ERR_NONE);
    client_send(&c, &out);
    CHECK_INT(acked_next(&c), 5);
    usage_send(&c, 6, 4);
    CHECK_INT(acked_next(&c), 9);
    CHECK_INT(lost_records, 3);
    client_close(&c);
    n = server_stop();
    CHECK_INT(n.usage_gaps, 1);
    CHECK_INT(n.usage_lost, 3);
    CHECK_INT(unlinks, 1);
}

/* A part of a lease that was given back is there for the next look-up, though the records that came
 * before it wait for the database. */
static void what_was_given_back_waits_for_no_record(void)
{
    struct client c;
    struct buf out;

    policy_for(&honest);
    server_start(60000);
    client_enter(&c);
    ingest_failures = 1;
    usage_send(&c, 1, 2);
    buf_init(&out, 128);
    CHECK_INT(msg_lease_return_encode(&(struct msg_lease_return){.total_nusd = 700}, &out),
              ERR_NONE);
    client_send(&c, &out);
    lookup_send(&c, &good_key);
    next_of_type(&c, MSG_GRANT);
    CHECK_INT(returned_nusd, 700);
    CHECK_INT(records_at_return, 0);
    next_of_type(&c, MSG_USAGE_ACK);
    CHECK_INT(records, 2);
    client_close(&c);
    server_stop();
}

static void trust_ends_without_new_evidence(void)
{
    struct client c;
    struct frame f;
    struct msg_refuse r = {0};
    struct peers_counters n;

    policy_for(&honest);
    server_start(400);
    client_enter(&c);
    f = next_of_type(&c, MSG_CHALLENGE);
    { /* once more in time */
        struct msg_challenge m;

        CHECK_INT(msg_challenge_decode(f.payload, &m), ERR_NONE);
        evidence_send(&c, m.nonce, &honest);
    }
    next_of_type(&c, MSG_ACCEPT);
    next_of_type(&c, MSG_CHALLENGE); /* and then no more */
    f = next_of_type(&c, MSG_REFUSE);
    if (f.type == MSG_REFUSE)
        CHECK_INT(msg_refuse_decode(f.payload, &r), ERR_NONE);
    CHECK_INT(r.reason, REFUSAL_EXPIRED);
    CHECK_INT(client_next(&c).type, 0);
    client_close(&c);
    n = server_stop();
    CHECK_INT(n.accepted_total, 2);
}

static void simulated_evidence_needs_a_policy_that_says_so(void)
{
    struct attest_policy *p = NULL;
    struct buf why;

    policy_write("api.example", measured_hex, dir, "1", false);
    buf_init(&why, 512);
    CHECK_INT(attest_policy_load(policy_path, &p, &why), ERR_CONFIG);
    CHECK(why.len != 0 && p == NULL);
    buf_free(&why);
}

/* --- both ends: the data plane's uplink in place of the client --- */

static atomic_uint catalogs, secrets, certs;

static void up_catalog(void *cookie, struct catalog *c)
{
    (void)cookie;
    CHECK_INT(c->version, 7);
    catalogs++;
    catalog_free(c);
}

static void up_secret(void *cookie, uint16_t no, uint8_t index, uint8_t total, struct view key)
{
    (void)cookie;
    CHECK(no == 0 && index == 0 && total == 1 && view_eq(key, VIEW_LIT("sk-provider-secret")));
    secrets++;
}

static void up_cert(void *cookie, struct view leaf, struct view ca)
{
    (void)cookie;
    CHECK(leaf.len != 0 && ca.len != 0);
    certs++;
}

static struct {
    struct identity_keys *keys;
    struct keyring *keyring;
    struct meter *meter;
    struct uplink *link;
    struct uplink_port *port;
    struct own_store *own;
    struct seal_ring *ring;
    uv_loop_t loop; /* a worker's */
} up;

static void up_start(void)
{
    struct identity_config who = {.audience = "api.example", .simulated = true};
    struct uplink_config c = {.quotes = quotes,
                              .n_providers = 1,
                              .on_catalog = up_catalog,
                              .on_secret = up_secret,
                              .on_cert = up_cert};
    struct sim_knobs k = sim_knobs();

    catalogs = secrets = certs = 0;
    sim_set_knobs(quotes, &k);
    CHECK_INT(tls_spki_sha256(server.config.link_key, &c.cp_spki), ERR_NONE);
    CHECK_INT(identity_keys_new(&who, &up.keys), ERR_NONE);
    CHECK_INT(keyring_new(64, &up.keyring), ERR_NONE);
    CHECK_INT(meter_new(1, &up.meter), ERR_NONE);
    CHECK_INT(targets_parse("127.0.0.1", server.port, &c.targets), ERR_NONE);
    CHECK_INT(own_store_new(&up.own), ERR_NONE);
    CHECK_INT(seal_ring_new(up.keys, &up.ring), ERR_NONE);
    c.providers = server.config.providers;
    c.own = up.own;
    c.ring = up.ring;
    c.keys = up.keys;
    c.keyring = up.keyring;
    c.meter = up.meter;
    uv_loop_init(&up.loop);
    CHECK_INT(uplink_start(&c, &up.link), ERR_NONE);
    CHECK_INT(uplink_port_new(up.link, &up.loop, &up.port), ERR_NONE);
}

static void up_stop(void)
{
    uplink_port_free(up.port);
    uv_run(&up.loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&up.loop), 0);
    uplink_stop(up.link);
    keyring_free(up.keyring);
    meter_free(up.meter);
    own_store_free(up.own);
    seal_ring_free(up.ring);
    identity_keys_free(up.keys);
}

/* Waits until the condition holds, at most five seconds. */

static enum err asked;
static bool answered;

static void up_asked(void *cookie, const struct ask_answer *a)
{
    (void)cookie;
    asked = a->e;
    answered = true;
    if (a->e == ERR_NONE) {
        key_settle(a->key, &a->lease, 100, 0);
        key_release(a->key);
    }
}

static void up_ask_begin(const struct digest32 *digest)
{
    struct ask *a;

    answered = false;
    CHECK_INT(uplink_ask(up.port, digest, 100, up_asked, NULL, &a), ERR_NONE);
}

static enum err up_ask(const struct digest32 *digest)
{
    up_ask_begin(digest);
    while (!answered)
        uv_run(&up.loop, UV_RUN_ONCE);
    return asked;
}

static enum err up_find(const struct digest32 *digest)
{
    struct key *key = NULL;
    enum err e = keyring_find(up.keyring, digest, clock_mono_ms(), &key);

    if (key != NULL)
        key_release(key);
    return e;
}

static void both_ends_work_together(void)
{
    struct usage_record r = {.request = id_new()};

    policy_for(&honest);
    server_start(60000);
    up_start();
    WAIT_FOR(uplink_trust(up.link) == ERR_NONE);
    WAIT_FOR(catalogs == 1 && secrets == 1 && certs == 1);
    CHECK_INT(up_find(&good_key), ERR_NOT_FOUND);
    CHECK_INT(up_ask(&good_key), ERR_NONE);
    CHECK_INT(up_find(&good_key), ERR_NONE);
    CHECK_INT(up_ask(&bad_key), ERR_AUTH);
    CHECK_INT(up_find(&bad_key), ERR_AUTH);
    ingest_failures = 1; /* and once more when the database is back */
    for (unsigned i = 0; i < 3; i++) {
        CHECK(meter_reserve(up.meter, 0));
        meter_push(up.meter, 0, &r);
    }
    WAIT_FOR(uplink_counters(up.link).records_acked == 3);
    CHECK_INT(records, 3);
    up_stop();
    CHECK_INT(returned_nusd, 1000); /* the whole lease, when the data plane leaves */
    server_stop();
}

/* The database goes back behind what it acknowledged, and then does not even know the boot: every record
 * comes again, once, over the same uplink. */
static struct {
    struct inquiry_answer answer;
    struct buf body;
    unsigned fired;
} inquired;

static void inquired_cb(void *cookie, struct inquiry_answer *a)
{
    CHECK(cookie == &up);
    inquired.answer = *a;
    buf_free(&inquired.body);
    inquired.body = a->body;
    buf_init(&a->body, 1);
    inquired.fired++;
}

/* Whole answers of any size through both ends, many at once; and one that its client has left. */
static void both_ends_hand_questions_on(void)
{
    static const struct msg_relay_ask slow = {.path = VIEW_LIT("/slow")};
    struct msg_relay_ask ask = {.path = VIEW_LIT("/300000")};
    struct inquiry *q, *left;

    server_start_with_api();
    up_start();
    WAIT_FOR(uplink_trust(up.link) == ERR_NONE);
    memset(&inquired, 0, sizeof inquired);
    relayed = 0;
    CHECK_INT(inquiry_relay(up.port, &slow, inquired_cb, &up, &left), ERR_NONE);
    WAIT_FOR(relay_held);
    inquiry_cancel(left);
    for (unsigned i = 0; i < 100; i++) /* more than may be open */
        CHECK_INT(inquiry_relay(up.port, &ask, inquired_cb, &up, &q), ERR_NONE);
    for (unsigned n = 1; n <= 100; n++) {
        while (inquired.fired < n)
            uv_run(&up.loop, UV_RUN_ONCE);
        CHECK_INT(inquired.answer.e, ERR_NONE);
        CHECK_INT(inquired.answer.status, 200);
        CHECK_INT(inquired.body.len, 300000);
        CHECK_INT(inquired.body.ptr[299999], relay_byte(299999));
    }
    relay_held = false;
    WAIT_FOR(relay.cb == NULL);
    ask.path = VIEW_LIT("/4194305");
    CHECK_INT(inquiry_relay(up.port, &ask, inquired_cb, &up, &q), ERR_NONE);
    while (inquired.fired < 101)
        uv_run(&up.loop, UV_RUN_ONCE);
    CHECK_INT(inquired.answer.status, 502);
    CHECK_INT(relayed, 102);
    ask.path = VIEW_EMPTY;
    CHECK_INT(inquiry_relay(up.port, &ask, inquired_cb, &up, &q), ERR_FORMAT);
    buf_free(&inquired.body);
    up_stop();
    CHECK_INT(inquired.fired, 101);
    server_stop();
}

/* A claim that nobody waits for is released: one that was cancelled before its answer, one whose answer was
 * on its way to the worker, and one that was not answered in time. */
static void both_ends_release_claims(void)
{
    const struct msg_claim m = {.request = {{1}}, .account = {{2}}, .lease = {{3}}, .key = {{4}}};
    struct inquiry *q;

    policy_for(&honest);
    server_start(60000);
    up_start();
    WAIT_FOR(uplink_trust(up.link) == ERR_NONE);
    memset(&inquired, 0, sizeof inquired);
    claims = releases = 0;
    CHECK_INT(inquiry_claim(up.port, &m, inquired_cb, &up, &q), ERR_NONE);
    while (inquired.fired < 1)
        uv_run(&up.loop, UV_RUN_ONCE);
    CHECK(inquired.answer.e == ERR_NONE && inquired.answer.claim.status == CLAIM_GRANTED);
    CHECK_INT(releases, 0);

    CHECK_INT(inquiry_claim(up.port, &m, inquired_cb, &up, &q), ERR_NONE);
    WAIT_FOR(claims == 2);
    usleep(50000); /* the answer waits in the port */
    inquiry_cancel(q);
    for (int i = 0; i < 5000 && releases < 1; i++) {
        uv_run(&up.loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    CHECK_INT(releases, 1);

    claims_stand_still = true;
    CHECK_INT(inquiry_claim(up.port, &m, inquired_cb, &up, &q), ERR_NONE);
    WAIT_FOR(claims == 3);
    inquiry_cancel(q);
    WAIT_FOR(releases == 2);
    CHECK_INT(inquiry_claim(up.port, &m, inquired_cb, &up, &q), ERR_NONE);
    while (inquired.fired < 2)
        uv_run(&up.loop, UV_RUN_ONCE);
    CHECK_INT(inquired.answer.e, ERR_CONTROL_PLANE);
    WAIT_FOR(releases == 3);
    claims_stand_still = false;
    buf_free(&inquired.body);
    up_stop();
    CHECK_INT(inquired.fired, 2);
    server_stop();
}

static void a_restored_database_gets_its_records_again(void)
{
    struct usage_record r = {.request = id_new()};

    policy_for(&honest);
    server_start(60000);
    up_start();
    WAIT_FOR(uplink_trust(up.link) == ERR_NONE);
    for (unsigned i = 0; i < 7; i++) {
        CHECK(meter_reserve(up.meter, 0));
        meter_push(up.meter, 0, &r);
        if (i == 2) {
            WAIT_FOR(uplink_counters(up.link).records_acked == 3);
            booked_seq = 1;
        }
        if (i == 4) {
            WAIT_FOR(booked_seq == 5);
            booked_seq = 0;
            forgotten = true;
            boots = 0;
        }
    }
    WAIT_FOR(booked_seq == 7);
    CHECK_INT(boots, 1); /* it was written down again */
    CHECK_INT(lost_records, 0);
    WAIT_FOR(uplink_counters(up.link).backlog == 0);
    marks = 0;
    WAIT_FOR(marks >= 2); /* every second it says how far it is */
    up_stop();
    server_stop();
}

static void revocation_reaches_the_keyring(void)
{
    uint64_t began;

    policy_for(&honest);
    server_start(60000);
    up_start();
    WAIT_FOR(uplink_trust(up.link) == ERR_NONE);
    CHECK_INT(up_ask(&good_key), ERR_NONE);
    CHECK_INT(up_find(&good_key), ERR_NONE);
    began = clock_mono_ms();
    revoke_now = true;
    WAIT_FOR(up_find(&good_key) != ERR_NONE);
    CHECK(clock_mono_ms() - began < 1000);
    up_stop();
    server_stop();
}

/* The look-up has read the key when it is disabled, and its GRANT arrives after the REVOKE. */
static void revocation_beats_a_grant_on_its_way(void)
{
    policy_for(&honest);
    server_start(60000);
    up_start();
    WAIT_FOR(uplink_trust(up.link) == ERR_NONE);
    grant_slow = true;
    up_ask_begin(&good_key);
    WAIT_FOR(grant_held);
    revoke_now = true; /* version 2; the grant has 1 */
    WAIT_FOR(up_find(&good_key) == ERR_FORBIDDEN);
    grant_slow = false;
    WAIT_FOR(!grant_held);
    while (!answered)
        uv_run(&up.loop, UV_RUN_ONCE);
    CHECK_INT(asked, ERR_FORBIDDEN);
    WAIT_FOR(returned_nusd == 1000); /* its lease goes back at once */
    CHECK_INT(up_find(&good_key), ERR_FORBIDDEN);
    up_stop();
    server_stop();
}

static void a_refused_data_plane_knows_why(void)
{
    policy_for(&twists[0]); /* wrong measurement */
    server_start(60000);
    up_start();
    WAIT_FOR(uplink_refusal(up.link) == REFUSAL_MEASUREMENT);
    CHECK_INT(uplink_trust(up.link), ERR_ATTESTATION);
    CHECK_INT(up_ask(&good_key), ERR_CONTROL_PLANE);
    up_stop();
    server_stop();
}

static const struct check_case cases[] = {
    {"peers: each wrong evidence has its reason", each_wrong_evidence_has_its_reason},
    {"peers: nothing else before acceptance", nothing_else_before_acceptance},
    {"peers: welcome has certificate, secret and catalog",
     welcome_has_certificate_secret_and_catalog},
    {"peers: the catalog is what its reader reads", catalog_is_what_its_reader_reads},
    {"peers: a boot is logged before it is accepted", a_boot_is_logged_before_it_is_accepted},
    {"peers: a changed policy is asked about at once", a_changed_policy_is_asked_about_at_once},
    {"peers: rules that change before acceptance", rules_that_change_before_acceptance},
    {"peers: silence about a changed policy is a refusal",
     silence_about_a_changed_policy_is_a_refusal},
    {"peers: keys are granted, refused and revoked", keys_are_granted_refused_and_revoked},
    {"peers: a resync asks about every key", a_resync_asks_about_every_key},
    {"peers: a late grant is asked about again", a_late_grant_is_asked_about_again},
    {"peers: keys of an earlier link are asked about", keys_of_an_earlier_link_are_asked_about},
    {"peers: questions are handed on", questions_are_handed_on},
    {"peers: questions have bounds", questions_have_bounds},
    {"peers: questions out of turn", questions_out_of_turn},
    {"peers: claims are answered", claims_are_answered},
    {"peers: own keys are told", own_keys_are_told},
    {"peers: sealing keys are carried", sealing_keys_are_carried},
    {"peers: ACME challenges are carried", acme_challenges_are_carried},
    {"peers: what is given back is booked before the end", what_is_given_back_is_booked_before_the_end},
    {"peers: usage is booked in order, and again after a failure",
     usage_is_booked_in_order_and_again_after_a_failure},
    {"peers: troubles are told", troubles_are_told},
    {"peers: a refused record is set aside", a_refused_record_is_set_aside},
    {"peers: a gap is asked for once", a_gap_is_asked_for_once},
    {"peers: what was given back waits for no record", what_was_given_back_waits_for_no_record},
    {"peers: trust ends without new evidence", trust_ends_without_new_evidence},
    {"peers: simulated evidence needs a policy that says so",
     simulated_evidence_needs_a_policy_that_says_so},
    {"link: both ends work together", both_ends_work_together},
    {"link: both ends hand questions on", both_ends_hand_questions_on},
    {"link: both ends release claims", both_ends_release_claims},
    {"link: a restored database gets its records again",
     a_restored_database_gets_its_records_again},
    {"link: a revocation reaches the keyring", revocation_reaches_the_keyring},
    {"link: a revocation beats a grant on its way", revocation_beats_a_grant_on_its_way},
    {"link: a refused data plane knows why", a_refused_data_plane_knows_why},
};

int main(int argc, char **argv)
{
    char other[96], command[512];
    struct buf why;
    int code;

    if (secret_init() != ERR_NONE || freopen("/dev/null", "w", stderr) == NULL)
        return 1;
    snprintf(dir, sizeof dir, "/tmp/tr-peers-%d", (int)getpid());
    snprintf(other, sizeof other, "%s-other", dir);
    snprintf(policy_path, sizeof policy_path, "%s.conf", dir);
    buf_init(&why, 512);
    if (sim_platform_make(dir, &why) != ERR_NONE || sim_platform_make(other, &why) != ERR_NONE ||
        quote_backend.open(dir, &measurement, &quotes, &why) != ERR_NONE) {
        printf("not ok peers: simulated platform: %.*s\n", (int)why.len, why.ptr);
        return 1;
    }
    code = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
    quote_backend.close(quotes);
    snprintf(command, sizeof command, "rm -rf %s %s %s", dir, other, policy_path);
    return system(command) == 0 ? code : 1;
}
