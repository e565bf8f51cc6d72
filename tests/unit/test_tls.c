/* Why: every trust decision of the link and of clients ends in what this module signs, presents
 * and exports. A certificate without its names, a key file others can read, a swap that serves the
 * old certificate or an exporter that differs between the two ends would each break trust quietly.
 */
#include "tls.h"
#include "check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static EVP_PKEY *new_key(void)
{
    EVP_PKEY *key = NULL;

    CHECK_INT(tls_key_new(&key), ERR_NONE);
    return key;
}

/* Verify `cert` against `anchor` for a host name or an address. */
static int verify(X509 *cert, X509 *anchor, const char *host, const char *ip)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    int ok;

    X509_STORE_add_cert(store, anchor);
    X509_STORE_CTX_init(ctx, store, cert, NULL);
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    if (host != NULL)
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    if (ip != NULL)
        X509_VERIFY_PARAM_set1_ip_asc(param, ip);
    ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return ok;
}

static void self_signed(void)
{
    EVP_PKEY *key = new_key(), *other = new_key();
    X509 *cert = NULL, *foreign = NULL;

    CHECK_INT(tls_cert_self(key, "localhost, api.example.org,127.0.0.1,::1", 30, &cert), ERR_NONE);
    CHECK_INT(tls_cert_self(other, "localhost", 30, &foreign), ERR_NONE);
    CHECK_INT(verify(cert, cert, "localhost", NULL), 1);
    CHECK_INT(verify(cert, cert, "api.example.org", NULL), 1);
    CHECK_INT(verify(cert, cert, NULL, "127.0.0.1"), 1);
    CHECK_INT(verify(cert, cert, NULL, "::1"), 1);
    CHECK_INT(verify(cert, cert, "example.org", NULL), 0);
    CHECK_INT(verify(cert, cert, NULL, "127.0.0.2"), 0);
    CHECK_INT(verify(cert, foreign, "localhost", NULL), 0);
    X509_free(cert);
    X509_free(foreign);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void names_refused(void)
{
    static const char *const bad[] = {"",         "a,",        ",a",    "a,,b", "a b",
                                      "a/b",      "a\n",       "a:b",   " ",    "x*.example.org",
                                      "\xc3\xa4", "DNS=a;b=c", "1:2:3:"};
    EVP_PKEY *key = new_key();
    char many[64 * 3 + 8] = "a";
    X509 *cert = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(tls_cert_self(key, bad[i], 1, &cert), ERR_FORMAT);
        CHECK(cert == NULL);
    }
    for (size_t i = 0; i < 64; i++)
        strcat(many, ",b"); /* 65 names, one over the limit */
    CHECK_INT(tls_cert_self(key, many, 1, &cert), ERR_FORMAT);
    many[strlen(many) - 2] = '\0';
    CHECK_INT(tls_cert_self(key, many, 1, &cert), ERR_NONE);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void ca_signs(void)
{
    EVP_PKEY *ca_key = new_key(), *leaf_key = new_key();
    X509 *ca = NULL, *impostor = NULL, *leaf = NULL, *grandchild = NULL;

    CHECK_INT(tls_ca_new(ca_key, "Test CA", 10, &ca), ERR_NONE);
    CHECK_INT(tls_ca_new(leaf_key, "Test CA", 10, &impostor), ERR_NONE);
    CHECK_INT(tls_ca_sign(ca_key, ca, leaf_key, "dp.example.org", 60, &leaf), ERR_NONE);
    CHECK_INT(verify(leaf, ca, "dp.example.org", NULL), 1);
    CHECK_INT(verify(leaf, impostor, "dp.example.org", NULL), 0);
    CHECK_INT(verify(leaf, ca, "other.example.org", NULL), 0);
    /* A leaf is no CA. */
    CHECK_INT(tls_ca_sign(leaf_key, leaf, ca_key, "x.example.org", 60, &grandchild), ERR_NONE);
    CHECK_INT(verify(grandchild, leaf, "x.example.org", NULL), 0);
    X509_free(grandchild);
    X509_free(leaf);
    leaf = NULL;
    /* A leaf never outlives its CA: a year asked, ten days given. */
    CHECK_INT(tls_ca_sign(ca_key, ca, leaf_key, "dp.example.org", 525600, &leaf), ERR_NONE);
    CHECK_INT(ASN1_TIME_compare(X509_get0_notAfter(leaf), X509_get0_notAfter(ca)), 0);
    X509_free(leaf);
    X509_free(ca);
    X509_free(impostor);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(leaf_key);
}

static void bytes_round_trip(void)
{
    EVP_PKEY *key = new_key();
    X509 *cert = NULL, *back = NULL;
    char pem[4096];
    uint8_t der[2048], spki[512];
    unsigned char *p = spki;
    size_t len = 0;
    struct digest32 a, b;

    CHECK_INT(tls_cert_self(key, "localhost", 1, &cert), ERR_NONE);
    CHECK_INT(tls_cert_pem(cert, pem, sizeof pem, &len), ERR_NONE);
    CHECK_INT(tls_cert_from_pem(view_of(pem, len), &back), ERR_NONE);
    CHECK_INT(X509_cmp(cert, back), 0);
    X509_free(back);
    back = NULL;
    CHECK_INT(tls_cert_pem(cert, pem, len - 1, &len), ERR_LIMIT);
    CHECK_INT(tls_cert_from_pem(view_of(pem, len / 2), &back), ERR_FORMAT);

    CHECK_INT(tls_cert_der(cert, der, sizeof der - 1, &len), ERR_NONE);
    CHECK_INT(tls_cert_from_der(view_of(der, len), &back), ERR_NONE);
    CHECK_INT(X509_cmp(cert, back), 0);
    X509_free(back);
    back = NULL;
    CHECK_INT(tls_cert_from_der(view_of(der, len + 1), &back), ERR_FORMAT);
    CHECK_INT(tls_cert_from_der(view_of(der, len - 1), &back), ERR_FORMAT);
    CHECK_INT(tls_cert_from_der(VIEW_EMPTY, &back), ERR_FORMAT);

    CHECK_INT(i2d_PUBKEY(key, &p), 91);
    CHECK_INT(tls_spki_sha256(key, &a), ERR_NONE);
    CHECK_INT(tls_cert_spki_sha256(cert, &b), ERR_NONE);
    CHECK_BYTES(a.b, 32, b.b, 32);
    digest_sha256(view_of(spki, 91), &b);
    CHECK_BYTES(a.b, 32, b.b, 32);

    EVP_PKEY_free(key);
    X509_free(cert);
}

static void files(void)
{
    char dir[] = "/tmp/test_tls.XXXXXX", key_path[64], cert_path[64];
    EVP_PKEY *key = NULL, *again = NULL;
    X509 *cert = NULL, *back = NULL;
    struct stat st;
    FILE *f;

    CHECK(mkdtemp(dir) != NULL);
    snprintf(key_path, sizeof key_path, "%s/ca.key", dir);
    snprintf(cert_path, sizeof cert_path, "%s/ca.pem", dir);

    CHECK_INT(tls_key_load_or_create(key_path, &key), ERR_NONE);
    CHECK_INT(stat(key_path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(tls_key_load_or_create(key_path, &again), ERR_NONE);
    CHECK_INT(EVP_PKEY_eq(key, again), 1);
    EVP_PKEY_free(again);
    again = NULL;
    chmod(key_path, 0640);
    CHECK_INT(tls_key_load_or_create(key_path, &again), ERR_CONFIG);
    chmod(key_path, 0600);
    f = fopen(key_path, "w");
    fputs("not a key", f);
    fclose(f);
    CHECK_INT(tls_key_load_or_create(key_path, &again), ERR_FORMAT);
    CHECK(again == NULL);
    CHECK_INT(tls_key_load_or_create("/nonexistent/dir/key", &again), ERR_IO);

    CHECK_INT(tls_cert_load(cert_path, &back), ERR_NOT_FOUND);
    CHECK_INT(tls_ca_new(key, "Files CA", 1, &cert), ERR_NONE);
    CHECK_INT(tls_cert_save(cert_path, cert), ERR_NONE);
    CHECK_INT(tls_cert_load(cert_path, &back), ERR_NONE);
    CHECK_INT(X509_cmp(cert, back), 0);
    X509_free(back);
    CHECK_INT(tls_cert_save("/nonexistent/dir/cert", cert), ERR_IO);
    X509_free(cert);
    EVP_PKEY_free(key);
    unlink(key_path);
    unlink(cert_path);
    CHECK_INT(rmdir(dir), 0); /* nothing left aside */
}

/* One handshake in memory. min/max: the client's protocol versions; alpn may be NULL. */
struct pair {
    SSL_CTX *client_ctx;
    SSL *client, *server;
};

static bool connect_pair(struct pair *p, SSL_CTX *server_ctx, int max, const char *alpn,
                         SSL_SESSION *resume)
{
    BIO *a, *b;
    int rc = 0, rs = 0;

    p->client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(p->client_ctx, max);
    p->client = SSL_new(p->client_ctx);
    p->server = SSL_new(server_ctx);
    if (alpn != NULL)
        SSL_set_alpn_protos(p->client, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    if (resume != NULL)
        SSL_set_session(p->client, resume);
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(p->client, a, a);
    SSL_set_bio(p->server, b, b);
    SSL_set_connect_state(p->client);
    SSL_set_accept_state(p->server);
    for (int i = 0; i < 10 && (rc != 1 || rs != 1); i++) {
        rc = SSL_do_handshake(p->client);
        rs = SSL_do_handshake(p->server);
    }
    ERR_clear_error();
    return rc == 1 && rs == 1;
}

static void close_pair(struct pair *p)
{
    SSL_free(p->client);
    SSL_free(p->server);
    SSL_CTX_free(p->client_ctx);
}

static void handshakes(void)
{
    EVP_PKEY *key = new_key();
    X509 *cert = NULL;
    SSL_CTX *ctx = NULL;
    struct pair p, q;
    uint8_t ours[32], theirs[32];
    SSL_SESSION *session;
    char byte;

    CHECK_INT(tls_cert_self(key, "localhost", 1, &cert), ERR_NONE);
    CHECK_INT(tls_server_ctx(key, cert, &ctx), ERR_NONE);
    CHECK(!connect_pair(&p, ctx, TLS1_2_VERSION, NULL, NULL));
    CHECK_INT(tls_exporter(p.server, ours), ERR_TLS);
    close_pair(&p);
    CHECK(!connect_pair(&p, ctx, TLS1_3_VERSION, "\x02h2", NULL));
    close_pair(&p);
    CHECK(connect_pair(&p, ctx, TLS1_3_VERSION, "\x02h2\x08http/1.1", NULL));
    CHECK_INT(tls_exporter(p.server, ours), ERR_NONE);
    CHECK_INT(tls_exporter(p.client, theirs), ERR_NONE);
    CHECK_BYTES(ours, 32, theirs, 32);
    CHECK_INT(SSL_read(p.client, &byte, 1), -1); /* takes the ticket in */
    session = SSL_get1_session(p.client);
    CHECK(SSL_SESSION_is_resumable(session));
    CHECK_INT(SSL_SESSION_get_max_early_data(session), 0);
    CHECK(connect_pair(&q, ctx, TLS1_3_VERSION, NULL, session));
    CHECK_INT(SSL_session_reused(q.client), 1);
    CHECK_INT(tls_exporter(q.server, theirs), ERR_NONE);
    CHECK(memcmp(ours, theirs, 32) != 0); /* another connection, another exporter */
    close_pair(&q);
    SSL_SESSION_free(session);
    close_pair(&p);
    SSL_CTX_free(ctx);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* Which certificate a fresh client is shown. */
static bool shows(SSL_CTX *ctx, X509 *cert, int chain_len)
{
    struct pair p;
    bool same = connect_pair(&p, ctx, TLS1_3_VERSION, NULL, NULL);
    X509 *seen = same ? SSL_get1_peer_certificate(p.client) : NULL;

    same = seen != NULL && X509_cmp(seen, cert) == 0 &&
           sk_X509_num(SSL_get_peer_cert_chain(p.client)) == chain_len;
    X509_free(seen);
    close_pair(&p);
    return same;
}

struct swap {
    SSL_CTX *ctx;
    EVP_PKEY *key;
    X509 *ca, *leaf[2];
    atomic_bool stop;
};

static void *swap_thread(void *arg)
{
    struct swap *s = arg;

    for (unsigned i = 0; !atomic_load(&s->stop); i++)
        if (tls_ctx_set_cert(s->ctx, s->key, s->leaf[i & 1], i & 1 ? s->ca : NULL) != ERR_NONE)
            return s;
    return NULL;
}

static void live_swap(void)
{
    EVP_PKEY *ca_key = new_key(), *key = new_key();
    X509 *self = NULL;
    struct swap s = {.key = key};
    pthread_t t;
    void *failed;
    struct pair p;

    CHECK_INT(tls_cert_self(key, "localhost", 1, &self), ERR_NONE);
    CHECK_INT(tls_ca_new(ca_key, "Swap CA", 1, &s.ca), ERR_NONE);
    CHECK_INT(tls_ca_sign(ca_key, s.ca, key, "a.example.org", 60, &s.leaf[0]), ERR_NONE);
    CHECK_INT(tls_ca_sign(ca_key, s.ca, key, "b.example.org", 60, &s.leaf[1]), ERR_NONE);
    CHECK_INT(tls_server_ctx(key, self, &s.ctx), ERR_NONE);
    CHECK(shows(s.ctx, self, 1));
    CHECK_INT(tls_ctx_set_cert(s.ctx, key, s.leaf[0], s.ca), ERR_NONE);
    CHECK(shows(s.ctx, s.leaf[0], 2));
    CHECK(!shows(s.ctx, self, 1));
    /* Another key's certificate is refused and changes nothing. */
    CHECK_INT(tls_ctx_set_cert(s.ctx, key, s.ca, NULL), ERR_CRYPTO);
    CHECK(shows(s.ctx, s.leaf[0], 2));
    CHECK_INT(pthread_create(&t, NULL, swap_thread, &s), 0);
    for (int i = 0; i < 50; i++) {
        CHECK(connect_pair(&p, s.ctx, TLS1_3_VERSION, NULL, NULL));
        close_pair(&p);
    }
    atomic_store(&s.stop, true);
    CHECK_INT(pthread_join(t, &failed), 0);
    CHECK(failed == NULL);
    SSL_CTX_free(s.ctx);
    X509_free(self);
    X509_free(s.ca);
    X509_free(s.leaf[0]);
    X509_free(s.leaf[1]);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

static const struct check_case cases[] = {
    {"tls_self_signed", self_signed},
    {"tls_names_refused", names_refused},
    {"tls_ca_signs", ca_signs},
    {"tls_bytes_round_trip", bytes_round_trip},
    {"tls_files", files},
    {"tls_handshakes", handshakes},
    {"tls_live_swap", live_swap},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
