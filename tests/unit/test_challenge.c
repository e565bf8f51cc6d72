/* A challenge that is answered gives somebody a certificate for our names. Here another boot's is answered, and each
 * thing that could be wrong with it, the control plane's own included, is refused; one handshake in memory shows
 * what an authority sees; the schedule keeps its bounds. */
#include "check.h"

#include "dataplane/acme/challenge.c"
#include "dataplane/acme/challenge_peer.c"

#include "schedule.h"

#include "evidence.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static const char thumb[] = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U";
static const uint64_t NOW_MS = 1796021728742;

static struct boot {
    struct identity_keys *keys;
    struct acme_names names;
    struct challenges *c;
} a, b;

static void boot_start(struct boot *x, const char *names)
{
    const struct identity_config config = {.audience = "api.example.com", .simulated = true};

    CHECK_INT(identity_keys_new(&config, &x->keys), ERR_NONE);
    CHECK_INT(acme_names_parse(names, &x->names), ERR_NONE);
    CHECK_INT(challenges_new(x->keys, &x->names, &x->c), ERR_NONE);
}

static void start(void)
{
    clock_freeze(1000000, NOW_MS);
    boot_start(&a, "api.example.com,b.example.com");
    boot_start(&b, "api.example.com,b.example.com");
}

static void stop(void)
{
    challenges_free(a.c);
    challenges_free(b.c);
    identity_keys_free(a.keys);
    identity_keys_free(b.keys);
    clock_thaw();
}

static struct buf frame;

/* The message in the frame that the last call made. */
static struct msg_acme_challenge told(void)
{
    struct msg_acme_challenge m = {.lifetime_s = 0};
    struct view v = buf_view(&frame);
    struct frame f;

    CHECK_INT(frame_take(&v, &f), ERR_NONE);
    CHECK_INT(f.type, MSG_ACME_CHALLENGE);
    CHECK_INT(msg_acme_challenge_decode(f.payload, &m), ERR_NONE);
    CHECK_INT((int)v.len, 0);
    return m;
}

static struct msg_acme_challenge opened(struct boot *x, enum acme_method method, const char *token, uint64_t now_ms)
{
    char text[128];

    snprintf(text, sizeof text, "%s.%s", token, thumb);
    buf_free(&frame);
    buf_init(&frame, 4096);
    CHECK_INT(challenges_open(x->c, method, "api.example.com", view_str(text), now_ms, &frame), ERR_NONE);
    return told();
}

static bool answers(struct boot *x, const char *token)
{
    struct buf out;
    enum err e;

    buf_init(&out, 256);
    e = challenges_authorization(x->c, view_str(token), NOW_MS, &out);
    CHECK(e == ERR_NOT_FOUND || (e == ERR_NONE && out.len == strlen(token) + 44));
    buf_free(&out);
    return e == ERR_NONE;
}

static void another_boots(void)
{
    struct msg_acme_challenge m;

    start();
    m = opened(&a, ACME_HTTP_01, "token-1", NOW_MS);
    CHECK(answers(&a, "token-1") && !answers(&a, "token") && !answers(&a, "token-1.") && !answers(&a, ""));
    CHECK_INT(challenges_take(b.c, &m, NOW_MS), CHALLENGE_UNKNOWN);
    CHECK(!answers(&b, "token-1"));
    challenges_know(b.c, identity_document(a.keys));
    CHECK_INT(challenges_take(b.c, &m, NOW_MS), CHALLENGE_GOOD);
    CHECK_INT(challenges_take(b.c, &m, NOW_MS), CHALLENGE_GOOD); /* told again */
    CHECK(answers(&b, "token-1"));
    buf_free(&frame);
    buf_init(&frame, 4096);
    CHECK_INT(challenges_close(a.c, ACME_HTTP_01, "api.example.com", NOW_MS + 5, &frame), ERR_NONE);
    CHECK(!answers(&a, "token-1"));
    CHECK_INT(challenges_take(b.c, &(struct msg_acme_challenge){0}, NOW_MS), CHALLENGE_UNKNOWN);
    {
        struct msg_acme_challenge over = told();

        CHECK_INT(over.lifetime_s, 0);
        CHECK_INT(challenges_take(b.c, &over, NOW_MS), CHALLENGE_GOOD);
    }
    CHECK(!answers(&b, "token-1"));
    CHECK_INT(challenges_close(a.c, ACME_HTTP_01, "api.example.com", NOW_MS, &frame), ERR_NOT_FOUND);
    stop();
}

/* The control plane keeps a good one back, and says it after it was withdrawn. */
static void replayed(void)
{
    struct msg_acme_challenge m, over, newer;
    struct buf old;

    start();
    challenges_know(b.c, identity_document(a.keys));
    m = opened(&a, ACME_HTTP_01, "token-1", NOW_MS);
    buf_init(&old, 4096);
    CHECK_INT(msg_acme_challenge_encode(&m, &old), ERR_NONE);
    CHECK_INT(challenges_take(b.c, &m, NOW_MS), CHALLENGE_GOOD);
    buf_free(&frame);
    buf_init(&frame, 4096);
    CHECK_INT(challenges_close(a.c, ACME_HTTP_01, "api.example.com", NOW_MS, &frame), ERR_NONE);
    over = told();
    CHECK_INT(challenges_take(b.c, &over, NOW_MS), CHALLENGE_GOOD);
    CHECK_INT(msg_acme_challenge_decode(view_from(buf_view(&old), FRAME_HEADER_BYTES), &m), ERR_NONE);
    CHECK_INT(challenges_take(b.c, &m, NOW_MS + 1000), CHALLENGE_OLD);
    CHECK(!answers(&b, "token-1"));
    newer = opened(&a, ACME_HTTP_01, "token-2", NOW_MS); /* in the same millisecond */
    CHECK_INT(challenges_take(b.c, &newer, NOW_MS + 1000), CHALLENGE_GOOD);
    CHECK(answers(&b, "token-2"));
    buf_free(&old);
    stop();
}

/* Each change of a good one, by somebody without the boot's key; and what the boot itself may not have answered. */
static void forged(void)
{
    static const uint8_t changed[] = "Aapi.example.com";
    struct msg_acme_challenge good, m;
    struct identity other;

    start();
    challenges_know(b.c, identity_document(a.keys));
    good = opened(&a, ACME_HTTP_01, "token-1", NOW_MS);
    for (int i = 0; i < 7; i++) {
        m = good;
        switch (i) {
        case 0: m.created_ms++; break;
        case 1: m.lifetime_s--; break;
        case 2: m.method = ACME_TLS_ALPN_01; break;
        case 3: m.name = VIEW_LIT("b.example.com"); break;
        case 4: m.authorization = VIEW_LIT("control-planes-token.its-thumbprint"); break;
        case 5: m.signature[0] ^= 1; break;
        default: m.lifetime_s = 0; break;
        }
        CHECK_INT(challenges_take(b.c, &m, NOW_MS), CHALLENGE_SIGNATURE);
    }
    m = good;
    m.boot.b[0] ^= 1;
    CHECK_INT(challenges_take(b.c, &m, NOW_MS), CHALLENGE_UNKNOWN);
    CHECK(!answers(&b, "token-1"));
    CHECK_INT(challenges_take(b.c, &good, NOW_MS - CHALLENGE_EARLY_MS), CHALLENGE_GOOD);
    CHECK_INT(challenges_take(b.c, &good, NOW_MS - CHALLENGE_EARLY_MS - 1), CHALLENGE_TIME);
    CHECK_INT(challenges_take(b.c, &good, NOW_MS + LIMIT_ACME_CHALLENGE_S * 1000 - 1), CHALLENGE_GOOD);
    CHECK_INT(challenges_take(b.c, &good, NOW_MS + LIMIT_ACME_CHALLENGE_S * 1000), CHALLENGE_TIME);
    /* The document of that boot is over. */
    other = *identity_document(a.keys);
    other.not_after_s = NOW_MS / 1000;
    challenges_know(b.c, &other);
    CHECK_INT(challenges_take(b.c, &good, NOW_MS), CHALLENGE_UNKNOWN);
    /* A name that is not ours, well signed. */
    challenges_know(b.c, identity_document(a.keys));
    memcpy(b.names.list[0], changed, 2);
    CHECK_INT(challenges_take(b.c, &good, NOW_MS), CHALLENGE_NAME);
    stop();
}

static void full_tables(void)
{
    struct identity who;
    struct msg_acme_challenge m;

    start();
    challenges_know(b.c, identity_document(a.keys));
    who = *identity_document(a.keys);
    for (int i = 0; i < CHALLENGE_PEERS_MAX - 1; i++) {
        who.boot.b[0] = (uint8_t)(i + 1), who.boot.b[1] = 77;
        challenges_know(b.c, &who);
    }
    m = opened(&a, ACME_HTTP_01, "token-1", NOW_MS);
    for (int i = 0; i < CHALLENGES_MAX; i++)
        b.c->list[i] = (struct challenge){.boot = {{9}}, .until_ms = NOW_MS + 10};
    CHECK_INT(challenges_take(b.c, &m, NOW_MS), CHALLENGE_FULL);
    CHECK_INT(challenges_take(b.c, &m, NOW_MS + 10), CHALLENGE_GOOD); /* they are over */
    who.boot.b[1] = 78;
    challenges_know(b.c, &who); /* one too many: the first makes way */
    CHECK_INT(challenges_take(b.c, &m, NOW_MS + 10), CHALLENGE_UNKNOWN);
    stop();
}

/* Who made it first goes first, and both see it so. */
static void turns(void)
{
    struct msg_acme_challenge m;

    start();
    challenges_know(b.c, identity_document(a.keys));
    challenges_know(a.c, identity_document(b.keys));
    CHECK_INT(challenges_turn(a.c, "api.example.com", NOW_MS), CHALLENGE_NONE);
    m = opened(&a, ACME_TLS_ALPN_01, "token-a", NOW_MS);
    CHECK_INT(challenges_take(b.c, &m, NOW_MS), CHALLENGE_GOOD);
    CHECK_INT(challenges_turn(b.c, "api.example.com", NOW_MS), CHALLENGE_ANOTHERS);
    m = opened(&b, ACME_TLS_ALPN_01, "token-b", NOW_MS + 1);
    CHECK_INT(challenges_take(a.c, &m, NOW_MS), CHALLENGE_GOOD);
    CHECK_INT(challenges_turn(a.c, "api.example.com", NOW_MS + 2), CHALLENGE_OURS);
    CHECK_INT(challenges_turn(b.c, "api.example.com", NOW_MS + 2), CHALLENGE_ANOTHERS);
    CHECK_INT(challenges_turn(b.c, "b.example.com", NOW_MS + 2), CHALLENGE_NONE);
    buf_free(&frame);
    buf_init(&frame, 4096);
    CHECK_INT(challenges_retell(b.c, NOW_MS + 2, &frame), ERR_NONE);
    CHECK(view_starts(told().authorization, VIEW_LIT("token-b.")));
    CHECK_INT(challenges_turn(b.c, "api.example.com", NOW_MS + LIMIT_ACME_CHALLENGE_S * 1000), CHALLENGE_OURS);
    stop();
}

/* --- the handshake */

static SSL_CTX *server;

/* NULL: refused. Otherwise the certificate that the client saw; *alpn: the protocol. */
static X509 *shake(const char *protocols, const char *name, char alpn[32])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *c = SSL_new(ctx), *s = SSL_new(server);
    BIO *x, *y;
    X509 *cert = NULL;
    const unsigned char *got;
    unsigned n = 0;

    BIO_new_bio_pair(&x, 65536, &y, 65536);
    SSL_set_bio(c, x, x);
    SSL_set_bio(s, y, y);
    SSL_set_connect_state(c);
    SSL_set_accept_state(s);
    if (protocols != NULL)
        SSL_set_alpn_protos(c, (const unsigned char *)protocols, (unsigned)strlen(protocols));
    if (name != NULL)
        SSL_set_tlsext_host_name(c, name);
    for (int i = 0; i < 6; i++) {
        SSL_do_handshake(c);
        SSL_do_handshake(s);
    }
    if (SSL_is_init_finished(c) && SSL_is_init_finished(s)) {
        cert = SSL_get1_peer_certificate(c);
        SSL_get0_alpn_selected(c, &got, &n);
        snprintf(alpn, 32, "%.*s", (int)n, (const char *)got);
        CHECK(tls_is_challenge(s) == (strcmp(alpn, "acme-tls/1") == 0));
    }
    ERR_clear_error();
    SSL_free(c);
    SSL_free(s);
    SSL_CTX_free(ctx);
    return cert;
}

static bool refused(const char *protocols, const char *name)
{
    char alpn[32];
    X509 *cert = shake(protocols, name, alpn);

    X509_free(cert);
    return cert == NULL;
}

static void handshakes(void)
{
    static const char acme[] = "\x0a" "acme-tls/1", http[] = "\x08" "http/1.1", both[] = "\x0a" "acme-tls/1\x08http/1.1";
    char alpn[32], want[128];
    struct digest32 digest;
    ASN1_OCTET_STRING *value;
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    X509_EXTENSION *ext;
    X509 *own = NULL, *cert;
    int at;

    start();
    CHECK_INT(tls_cert_self(identity_tls_key(a.keys), "api.example.com", 1, &own), ERR_NONE);
    CHECK_INT(tls_server_ctx(identity_tls_key(a.keys), own, &server), ERR_NONE);
    CHECK(refused(acme, "api.example.com")); /* no authority is asked at all */
    tls_ctx_set_challenges(server, (struct tls_challenges){challenges_answer, a.c});
    CHECK(refused(acme, "api.example.com")); /* nothing is open */
    (void)opened(&a, ACME_HTTP_01, "token-1", NOW_MS);
    CHECK(refused(acme, "api.example.com"));
    (void)opened(&a, ACME_TLS_ALPN_01, "token-2", NOW_MS);
    CHECK(refused(acme, "b.example.com") && refused(acme, NULL));
    tls_ctx_set_closed(server, true);
    CHECK(refused(http, "api.example.com") && refused(NULL, NULL) && refused(both, "api.example.com"));
    cert = shake(acme, "API.example.com", alpn);
    CHECK(cert != NULL && strcmp(alpn, "acme-tls/1") == 0);
    CHECK(X509_check_host(cert, "api.example.com", 0, 0, NULL) == 1 && X509_cmp(cert, own) != 0);
    CHECK(EVP_PKEY_eq(X509_get0_pubkey(cert), identity_tls_key(a.keys)) != 1);
    at = X509_get_ext_by_OBJ(cert, oid, -1);
    CHECK(at >= 0);
    ext = X509_get_ext(cert, at);
    value = X509_EXTENSION_get_data(ext);
    snprintf(want, sizeof want, "token-2.%s", thumb);
    digest_sha256(view_str(want), &digest);
    CHECK(X509_EXTENSION_get_critical(ext) == 1 && ASN1_STRING_length(value) == 34 &&
          memcmp(ASN1_STRING_get0_data(value), "\x04\x20", 2) == 0 &&
          memcmp(ASN1_STRING_get0_data(value) + 2, digest.b, 32) == 0);
    X509_free(cert);
    tls_ctx_set_closed(server, false);
    cert = shake(both, "api.example.com", alpn); /* whoever speaks HTTP as well is a client */
    CHECK(cert != NULL && strcmp(alpn, "http/1.1") == 0 && X509_cmp(cert, own) == 0);
    X509_free(cert);
    CHECK(refused("\x02h2", "api.example.com"));
    SSL_CTX_free(server);
    X509_free(own);
    ASN1_OBJECT_free(oid);
    stop();
}

/* --- the schedule */

static void schedule_bounds(void)
{
    struct schedule s = {.retry_ms = 60000, .orders_max = 3};
    uint64_t last = 0;

    CHECK_INT(schedule_renewal_s(1000, 1090), 1060);
    CHECK_INT(schedule_renewal_s(1000, 1000), 1000);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(schedule_order_wait_ms(&s, 5000 + i), 0);
        schedule_ordered(&s, 5000 + i);
    }
    CHECK_INT(schedule_order_wait_ms(&s, 5003), SCHEDULE_HOUR_MS - 3);
    CHECK_INT(schedule_order_wait_ms(&s, 5000 + SCHEDULE_HOUR_MS), 0);
    CHECK_INT(schedule_order_wait_ms(&s, 4999 + SCHEDULE_HOUR_MS), 1);
    CHECK_INT(schedule_failed_ms(&s, 0, 0), 45000);
    CHECK_INT(schedule_failed_ms(&s, 0, UINT32_MAX), 150000);
    CHECK_INT(schedule_failed_ms(&s, 86400, 0), 86400000); /* as the authority says */
    for (int i = 0; i < 100; i++)
        last = schedule_failed_ms(&s, 0, UINT32_MAX);
    CHECK_INT(last, SCHEDULE_RETRY_MAX_MS / 4 * 5);
    schedule_succeeded(&s);
    CHECK_INT(schedule_failed_ms(&s, 0, 0), 45000);
}

static const struct check_case cases[] = {
    {"challenge_of_another_boot", another_boots}, {"challenge_replayed", replayed}, {"challenge_forged", forged},
    {"challenge_full_tables", full_tables}, {"challenge_turns", turns}, {"challenge_handshakes", handshakes},
    {"acme_schedule", schedule_bounds},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
