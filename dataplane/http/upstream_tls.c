/* (G) TLS to a provider. OpenSSL reads from the bytes just received and writes into the loop's own
 * buffer, so a connection that waits holds no buffers; the name is checked by OpenSSL itself. */
#include "upstream.h"

#include "content_view.h"
#include "secret.h"
#include "tls.h"
#include "upstream_own.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

/* --- the BIO --- */

static int bio_read(BIO *b, char *to, int n)
{
    struct upstream *c = BIO_get_data(b);
    struct view got;

    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    if (c->cipher.len == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    if (!view_take(&c->cipher, (size_t)n, &got)) {
        got = c->cipher;
        c->cipher = VIEW_EMPTY;
    }
    memcpy(to, got.ptr, got.len);
    return (int)got.len;
}

/* The wire buffer holds whatever one call of ours can produce; a peer that makes OpenSSL write more
 * than that (key updates without end) loses the connection. */
static int bio_send(BIO *b, const char *from, int n)
{
    struct upstreams *u = ((struct upstream *)BIO_get_data(b))->site->u;

    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    if ((size_t)n > sizeof u->wire - u->wire_len)
        return -1;
    memcpy(u->wire + u->wire_len, from, (size_t)n);
    u->wire_len += (size_t)n;
    return n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

static BIO_METHOD *bio_method;
static CRYPTO_ONCE bio_once = CRYPTO_ONCE_STATIC_INIT;

static void bio_method_make(void)
{
    bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "upstream");
    if (bio_method == NULL)
        return;
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_send);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
    BIO_meth_set_create(bio_method, bio_create);
}

/* --- the site --- */

static int session_cb(SSL *ssl, SSL_SESSION *session)
{
    struct upstream *c = SSL_get_app_data(ssl);
    struct upstream_site *s = c->site;

    if (s->n_sessions == UPSTREAM_SESSIONS_MAX) { /* the oldest goes */
        SSL_SESSION_free(s->sessions[0]);
        memmove(s->sessions, s->sessions + 1, (UPSTREAM_SESSIONS_MAX - 1) * sizeof s->sessions[0]);
        s->n_sessions--;
    }
    s->sessions[s->n_sessions++] = session;
    return 1; /* keeps the reference */
}

static enum err store_of(struct upstream_site *s, const struct upstream_site *share, size_t n_share)
{
    const char *file = s->provider->ca[0] != '\0' ? s->provider->ca : SYSTEM_CA_FILE;
    X509_STORE *store;

    for (size_t i = 0; i < n_share; i++) {
        if (share[i].tls != NULL && strcmp(share[i].provider->ca, s->provider->ca) == 0) {
            SSL_CTX_set1_cert_store(s->tls, SSL_CTX_get_cert_store(share[i].tls));
            return ERR_NONE;
        }
    }
    store = X509_STORE_new();
    if (store == NULL)
        return ERR_MEMORY;
    if (X509_STORE_load_file(store, file) != 1) {
        X509_STORE_free(store);
        ERR_clear_error();
        return ERR_IO;
    }
    SSL_CTX_set_cert_store(s->tls, store); /* takes it */
    return ERR_NONE;
}

enum err upstream_tls_site(struct upstream_site *s, const struct upstream_site *share,
                           size_t n_share)
{
    static const uint8_t alpn[] = "\x08http/1.1";

    if (!CRYPTO_THREAD_run_once(&bio_once, bio_method_make) || bio_method == NULL)
        return ERR_CRYPTO;
    s->tls = SSL_CTX_new(TLS_client_method());
    if (s->tls == NULL)
        return ERR_CRYPTO;
    if (SSL_CTX_set_min_proto_version(s->tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(s->tls, alpn, sizeof alpn - 1) != 0)
        return ERR_CRYPTO;
    SSL_CTX_set_verify(s->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(s->tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(s->tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_quiet_shutdown(s->tls, 1);
    SSL_CTX_set_session_cache_mode(s->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(s->tls, session_cb);
    return store_of(s, share, n_share);
}

void upstream_tls_site_free(struct upstream_site *s)
{
    while (s->n_sessions != 0)
        SSL_SESSION_free(s->sessions[--s->n_sessions]);
    SSL_CTX_free(s->tls);
    s->tls = NULL;
}

/* --- the connection --- */

/* The newest session. TLS 1.3 tickets are used once (so that nobody can link connections by them).
 */
static void session_use(struct upstream *c)
{
    struct upstream_site *s = c->site;
    SSL_SESSION *session;

    if (s->n_sessions == 0)
        return;
    session = s->sessions[s->n_sessions - 1];
    (void)SSL_set_session(c->ssl, session);
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
        s->n_sessions--;
        SSL_SESSION_free(session);
    }
}

/* Whose certificate we accept: this name, or this address. */
static bool peer_name_set(SSL *ssl, const char *host)
{
    uint8_t address[16];

    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

enum err upstream_tls_start(struct upstream *c)
{
    BIO *bio = NULL;

    c->ssl = SSL_new(c->site->tls);
    if (c->ssl == NULL)
        return ERR_CRYPTO;
    SSL_set_app_data(c->ssl, c);
    bio = BIO_new(bio_method);
    if (bio == NULL)
        return ERR_CRYPTO;
    BIO_set_data(bio, c);
    SSL_set_bio(c->ssl, bio, bio); /* takes it */
    if (!peer_name_set(c->ssl, c->site->provider->host))
        return ERR_CRYPTO;
    session_use(c);
    SSL_set_connect_state(c->ssl);
    return ERR_NONE;
}

static enum err shake(struct upstream *c)
{
    int r, why;

    ERR_clear_error();
    r = SSL_do_handshake(c->ssl);
    why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r);
    ERR_clear_error();
    upstream_flush(c); /* an alert of ours says why, too */
    if (why == SSL_ERROR_WANT_READ)
        return ERR_NONE;
    if (why != SSL_ERROR_NONE || SSL_get_verify_result(c->ssl) != X509_V_OK)
        return ERR_TLS;
    /* a resumed session has the certificate of the handshake that it was made in */
    if (tls_cert_spki_sha256(SSL_get0_peer_certificate(c->ssl), &c->peer_key) != ERR_NONE)
        return ERR_TLS;
    if (SSL_session_reused(c->ssl))
        c->site->u->counters.resumptions++;
    upstream_ready(c);
    return ERR_NONE;
}

/* As much plain text as is there, up to one delivery. *why: SSL_ERROR_NONE when there may be more.
 */
static size_t unseal(struct upstream *c, int *why)
{
    struct upstreams *u = c->site->u;
    size_t total = 0, n;

    *why = SSL_ERROR_NONE;
    while (total < sizeof u->plain) {
        ERR_clear_error();
        if (SSL_read_ex(c->ssl, u->plain + total, sizeof u->plain - total, &n) != 1) {
            *why = SSL_get_error(c->ssl, 0);
            break;
        }
        total += n;
    }
    ERR_clear_error();
    upstream_flush(c);
    return total;
}

enum err upstream_tls_feed(struct upstream *c, struct view cipher)
{
    struct upstreams *u = c->site->u;
    enum err e = ERR_NONE;
    int why = SSL_ERROR_NONE;

    c->cipher = cipher;
    if (c->state == UPSTREAM_SHAKING)
        e = shake(c);
    while (e == ERR_NONE && why == SSL_ERROR_NONE &&
           (c->state == UPSTREAM_READY || c->state == UPSTREAM_IDLE)) {
        size_t n = unseal(c, &why);

        if (n != 0 && !upstream_deliver(c, u->plain, n))
            break;
        if (why == SSL_ERROR_ZERO_RETURN && c->state != UPSTREAM_CLOSED) {
            if (c->state == UPSTREAM_IDLE)
                upstream_close(c);
            else
                upstream_fail(c, ERR_NONE);
        } else if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ)
            e = ERR_TLS;
    }
    c->cipher = VIEW_EMPTY;
    return e;
}

enum err upstream_tls_seal(struct upstream *c, size_t n)
{
    struct upstreams *u = c->site->u;
    size_t done = 0;
    int r;

    assert(n != 0 && n <= sizeof u->stage && u->wire_len == 0);
    ERR_clear_error();
    r = SSL_write_ex(c->ssl, u->stage, n, &done);
    ERR_clear_error();
    secret_wipe(u->stage, n);
    return r == 1 && done == n ? ERR_NONE : ERR_TLS;
}
