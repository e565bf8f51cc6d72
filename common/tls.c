/* Contexts, keys and exporters. Certificates are made in tls_cert.c, files are in tls_file.c. */
#include "tls.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* What a live context presents. Handshakes on other threads copy references out under the lock:
 * two reference counts and a mutex, against the 200 us of the handshake itself. */
struct tls_identity {
    pthread_mutex_t lock;
    EVP_PKEY *key;
    X509 *cert;
    STACK_OF(X509) * chain;
    struct tls_challenges challenges; /* answer NULL: none are answered */
    _Atomic bool closed;              /* to everything but challenges */
};

static pthread_once_t tls_once = PTHREAD_ONCE_INIT;
static int tls_identity_index = -1;
static int tls_challenge_index = -1; /* of an SSL: not NULL when it is a validation */
static char tls_challenge_mark;

static void tls_identity_drop(struct tls_identity *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
    sk_X509_pop_free(id->chain, X509_free);
}

static void tls_identity_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                              void *argp)
{
    struct tls_identity *id = ptr;

    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    if (id == NULL)
        return;
    tls_identity_drop(id);
    pthread_mutex_destroy(&id->lock);
    free(id);
}

static void tls_start(void)
{
    tls_identity_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, tls_identity_free);
    tls_challenge_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* --- validation by a certificate authority (RFC 8737) */

#define TLS_ACME_PROTOCOL "\x0a" "acme-tls/1"

bool tls_is_challenge(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, tls_challenge_index) != NULL;
}

/* A list of one protocol, acme-tls/1 (RFC 8737 section 3). */
static bool tls_offers_acme_alone(SSL *ssl)
{
    static const uint8_t wanted[] = "\0\x0b" TLS_ACME_PROTOCOL;
    const unsigned char *p;
    size_t n;

    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &n) == 1 &&
           n == sizeof wanted - 1 && memcmp(p, wanted, n) == 0;
}

/* The first that OpenSSL asks of us in a handshake. */
static int tls_hello_cb(SSL *ssl, int *alert, void *arg)
{
    struct tls_identity *id = arg;

    if (id->challenges.answer != NULL && tls_offers_acme_alone(ssl) &&
        SSL_set_ex_data(ssl, tls_challenge_index, &tls_challenge_mark) == 1 && SSL_set_num_tickets(ssl, 0) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    if (!atomic_load_explicit(&id->closed, memory_order_relaxed))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR; /* as a server without a certificate would say */
    return SSL_CLIENT_HELLO_ERROR;
}

static int tls_challenge_cert(SSL *ssl, const struct tls_identity *id)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    int ok = name != NULL && id->challenges.answer(id->challenges.cookie, view_str(name), &key, &cert) &&
             SSL_use_cert_and_key(ssl, cert, key, NULL, 1) == 1;

    EVP_PKEY_free(key);
    X509_free(cert);
    return ok;
}

void tls_ctx_set_challenges(SSL_CTX *ctx, struct tls_challenges c)
{
    struct tls_identity *id = SSL_CTX_get_ex_data(ctx, tls_identity_index);

    assert(id != NULL && c.answer != NULL);
    id->challenges = c;
}

void tls_ctx_set_closed(SSL_CTX *ctx, bool closed)
{
    struct tls_identity *id = SSL_CTX_get_ex_data(ctx, tls_identity_index);

    assert(id != NULL);
    atomic_store_explicit(&id->closed, closed, memory_order_relaxed);
}

/* --- what a context presents */

/* Called by OpenSSL in every handshake, before it looks for a certificate. */
static int tls_identity_cb(SSL *ssl, void *arg)
{
    struct tls_identity *id = arg;
    EVP_PKEY *key;
    X509 *cert;
    STACK_OF(X509) *chain = NULL;
    int ok;

    if (tls_is_challenge(ssl))
        return tls_challenge_cert(ssl, id);
    pthread_mutex_lock(&id->lock);
    key = id->key;
    cert = id->cert;
    EVP_PKEY_up_ref(key);
    X509_up_ref(cert);
    if (id->chain != NULL)
        chain = X509_chain_up_ref(id->chain);
    pthread_mutex_unlock(&id->lock);

    ok = SSL_use_cert_and_key(ssl, cert, key, chain, 1);
    EVP_PKEY_free(key);
    X509_free(cert);
    sk_X509_pop_free(chain, X509_free);
    return ok;
}

/* Only http/1.1. A client that offers other protocols and not this one is refused, as RFC 7301
 * asks; one that offers none is served. */
static int tls_alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char http11[] = "\x08http/1.1";

    (void)arg;
    if (tls_is_challenge(ssl)) { /* it offers nothing else */
        *out = (const unsigned char *)TLS_ACME_PROTOCOL + 1;
        *out_len = sizeof TLS_ACME_PROTOCOL - 2;
        return SSL_TLSEXT_ERR_OK;
    }
    if (SSL_select_next_proto((unsigned char **)out, out_len, http11, sizeof http11 - 1, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

enum err tls_key_new(EVP_PKEY **out)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    if (key == NULL) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    *out = key;
    return ERR_NONE;
}

enum err tls_spki_sha256(EVP_PKEY *key, struct digest32 *out)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    if (n <= 0) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    digest_sha256(view_of(der, (size_t)n), out);
    OPENSSL_free(der);
    return ERR_NONE;
}

enum err tls_cert_spki_sha256(X509 *cert, struct digest32 *out)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);

    if (key == NULL) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    return tls_spki_sha256(key, out);
}

static bool tls_ctx_configure(SSL_CTX *ctx)
{
    static const unsigned char context[] = "trustedrouter";
    /* The cheapest first: a stream is sealed token by token. */
    static const char ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
                                  "TLS_AES_256_GCM_SHA384";

    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, ciphers) != 1 ||
        SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1) != 1 ||
        SSL_CTX_set_max_send_fragment(ctx, TLS_RECORD_BYTES) != 1 ||
        SSL_CTX_set_max_early_data(ctx, 0) != 1 || SSL_CTX_set_num_tickets(ctx, 1) != 1)
        return false;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* Buffers are freed as soon as they are empty, plaintext and all: free() wipes (zero_free.c).
     */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    /* h2o writes close_notify into sockets that are gone and then loses them. */
    SSL_CTX_set_quiet_shutdown(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, tls_alpn_cb, NULL);
    return true;
}

enum err tls_server_ctx(EVP_PKEY *key, X509 *cert, SSL_CTX **out)
{
    enum err e = ERR_CRYPTO;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct tls_identity *id = NULL;

    pthread_once(&tls_once, tls_start);
    if (ctx == NULL || tls_identity_index < 0 || !tls_ctx_configure(ctx))
        goto done;
    id = calloc(1, sizeof *id);
    if (id == NULL || SSL_CTX_set_ex_data(ctx, tls_identity_index, id) != 1) {
        free(id);
        e = ERR_MEMORY;
        goto done;
    }
    pthread_mutex_init(&id->lock, NULL);
    e = tls_ctx_set_cert(ctx, key, cert, NULL);
    if (e != ERR_NONE)
        goto done;
    SSL_CTX_set_cert_cb(ctx, tls_identity_cb, id);
    SSL_CTX_set_client_hello_cb(ctx, tls_hello_cb, id);
    *out = ctx;
    ctx = NULL;
done:
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return e;
}

enum err tls_ctx_set_chain(SSL_CTX *ctx, EVP_PKEY *key, X509 *cert, STACK_OF(X509) *chain)
{
    struct tls_identity *id = SSL_CTX_get_ex_data(ctx, tls_identity_index);
    struct tls_identity old = {0};
    STACK_OF(X509) *own = NULL;

    assert(id != NULL); /* only contexts of tls_server_ctx */
    if (X509_check_private_key(cert, key) != 1) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    if (chain != NULL) {
        own = X509_chain_up_ref(chain);
        if (own == NULL)
            return ERR_MEMORY;
    }
    EVP_PKEY_up_ref(key);
    X509_up_ref(cert);
    pthread_mutex_lock(&id->lock);
    old.key = id->key, old.cert = id->cert, old.chain = id->chain;
    id->key = key, id->cert = cert, id->chain = own;
    pthread_mutex_unlock(&id->lock);
    tls_identity_drop(&old);
    return ERR_NONE;
}

enum err tls_ctx_set_cert(SSL_CTX *ctx, EVP_PKEY *key, X509 *cert, X509 *chain)
{
    STACK_OF(X509) *one = chain != NULL ? sk_X509_new_reserve(NULL, 1) : NULL;
    enum err e;

    if (chain != NULL && one == NULL)
        return ERR_MEMORY;
    if (chain != NULL)
        sk_X509_push(one, chain); /* cannot fail: reserved */
    e = tls_ctx_set_chain(ctx, key, cert, one);
    sk_X509_free(one);
    return e;
}

enum err tls_exporter(SSL *ssl, uint8_t out[static 32])
{
    static const char label[] = "EXPORTER-Channel-Binding";

    if (SSL_version(ssl) != TLS1_3_VERSION || !SSL_is_init_finished(ssl))
        return ERR_TLS;
    /* RFC 9266 4.2: the context is empty; TLS 1.3 does not tell empty from absent. */
    if (SSL_export_keying_material(ssl, out, 32, label, sizeof label - 1, NULL, 0, 0) != 1) {
        ERR_clear_error();
        return ERR_TLS;
    }
    return ERR_NONE;
}
