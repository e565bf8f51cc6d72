/* TLS pieces both planes share: contexts, keys born in memory, certificates, exporters.
 * Every X509 and EVP_PKEY given out is the caller's (X509_free, EVP_PKEY_free); every one taken as
 * an argument is borrowed, and where a context keeps it OpenSSL's own reference count does. On
 * failure the output is untouched. */
#ifndef TR_COMMON_TLS_H
#define TR_COMMON_TLS_H

#include "err.h"
#include "secret.h"
#include "view.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* A new P-256 key in memory. Caller owns (EVP_PKEY_free). */
must_check enum err tls_key_new(EVP_PKEY **out);

/* Self-signed certificate for `names` (comma-separated DNS names and IPs), valid `days`.
 * ERR_FORMAT when a name is empty or has a character no host name has. */
must_check enum err tls_cert_self(EVP_PKEY *key, const char *names, unsigned days, X509 **out);
/* A CA certificate, and a leaf for `leaf_key` (public half suffices) signed by it. The leaf never
 * outlives its CA. */
must_check enum err tls_ca_new(EVP_PKEY *key, const char *common_name, unsigned days, X509 **out);
must_check enum err tls_ca_sign(EVP_PKEY *ca_key, X509 *ca, EVP_PKEY *leaf_key, const char *names,
                                unsigned minutes, X509 **out);
/* SHA-256 of the DER SubjectPublicKeyInfo. */
must_check enum err tls_spki_sha256(EVP_PKEY *key, struct digest32 *out);
must_check enum err tls_cert_spki_sha256(X509 *cert, struct digest32 *out);

/* Plaintext bytes of a record that a server sends, unless told otherwise by
 * SSL_set_max_send_fragment(). OpenSSL allocates its write buffer by this for every burst of writes,
 * and free() wipes all of it: with 16 KiB that cost more than the sealing of a stream's chunk. */
enum { TLS_RECORD_BYTES = 4096 };
/* TLS 1.3 only, ALPN http/1.1, quiet shutdown, released buffers, no renegotiation, no early data.
 * Stateless tickets let clients resume; sessions never cross contexts. */
must_check enum err tls_server_ctx(EVP_PKEY *key, X509 *cert, SSL_CTX **out);
/* Replace the certificate of a live context (new handshakes see it); chain may be NULL. Safe from
 * any thread while others accept: each handshake copies the triple out under a lock. */
must_check enum err tls_ctx_set_cert(SSL_CTX *ctx, EVP_PKEY *key, X509 *cert, X509 *chain);
/* The same with a chain of any length, sent in its order. */
must_check enum err tls_ctx_set_chain(SSL_CTX *ctx, EVP_PKEY *key, X509 *cert, STACK_OF(X509) *chain);

/* Validation by a certificate authority (RFC 8737). A handshake that offers acme-tls/1 alone, for one name,
 * gets the certificate that this function gives for it (both its own references), or an alert when there is
 * none; it carries no data and issues no ticket, and web.c ends the connection behind it. Any thread. Set
 * once, before the first handshake. Without it such handshakes are refused like any unknown protocol. */
struct tls_challenges {
    bool (*answer)(void *cookie, struct view name, EVP_PKEY **key, X509 **cert);
    void *cookie;
};
void tls_ctx_set_challenges(SSL_CTX *ctx, struct tls_challenges c);
/* true: all other handshakes are refused, because there is no certificate to show them yet. Any thread. */
void tls_ctx_set_closed(SSL_CTX *ctx, bool closed);
/* This finished handshake was such a validation. */
bool tls_is_challenge(const SSL *ssl);

/* RFC 9266 tls-exporter of a finished TLS 1.3 connection. ERR_TLS before that. */
must_check enum err tls_exporter(SSL *ssl, uint8_t out[static 32]);

/* Certificates as bytes. ERR_LIMIT when cap is too small, ERR_FORMAT when in does not parse or
 * something follows it (DER). */
must_check enum err tls_cert_pem(X509 *cert, char *out, size_t cap, size_t *len);
must_check enum err tls_cert_from_pem(struct view in, X509 **out);
must_check enum err tls_cert_der(X509 *cert, uint8_t *out, size_t cap, size_t *len);
must_check enum err tls_cert_from_der(struct view in, X509 **out);

/* On disk (the control plane's CA; never the data plane's keys). Files appear whole or not at all:
 * written aside, synced, renamed. A key file is 0600 and refused (ERR_CONFIG) when others may read
 * it. tls_cert_load: ERR_NOT_FOUND when there is no such file. */
must_check enum err tls_key_load_or_create(const char *path, EVP_PKEY **out);
must_check enum err tls_cert_load(const char *path, X509 **out);
must_check enum err tls_cert_save(const char *path, X509 *cert);

#endif
