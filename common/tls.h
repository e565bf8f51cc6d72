/* TLS pieces both planes share: contexts, keys born in memory, certificates, exporters. */
#ifndef TR_COMMON_TLS_H
#define TR_COMMON_TLS_H

#include "err.h"
#include "secret.h"
#include "view.h"

#include <openssl/ssl.h>

/* A new P-256 key in memory. Caller owns (EVP_PKEY_free). */
must_check enum err tls_key_new(EVP_PKEY **out);
/* Self-signed certificate for `names` (comma-separated DNS names and IPs), valid `days`. */
must_check enum err tls_cert_self(EVP_PKEY *key, const char *names, unsigned days, X509 **out);
/* A CA certificate, and a leaf for `leaf_key` (public half suffices) signed by it. */
must_check enum err tls_ca_new(EVP_PKEY *key, const char *common_name, unsigned days, X509 **out);
must_check enum err tls_ca_sign(EVP_PKEY *ca_key, X509 *ca, EVP_PKEY *leaf_key, const char *names,
                                unsigned minutes, X509 **out);
/* SHA-256 of the DER SubjectPublicKeyInfo. */
must_check enum err tls_spki_sha256(EVP_PKEY *key, struct digest32 *out);
must_check enum err tls_cert_spki_sha256(X509 *cert, struct digest32 *out);

/* TLS 1.3 only, ALPN http/1.1, quiet shutdown, released buffers, no renegotiation, no early data.
 * key and cert are borrowed (reference-counted by OpenSSL). */
must_check enum err tls_server_ctx(EVP_PKEY *key, X509 *cert, SSL_CTX **out);
/* Replace the certificate of a live context (new connections see it); chain may be NULL. */
must_check enum err tls_ctx_set_cert(SSL_CTX *ctx, EVP_PKEY *key, X509 *cert, X509 *chain);

/* RFC 9266 tls-exporter of a finished TLS 1.3 connection. */
must_check enum err tls_exporter(SSL *ssl, uint8_t out[static 32]);

/* PEM in memory and on disk (the control plane's CA; never the data plane's keys). */
must_check enum err tls_cert_pem(X509 *cert, char *out, size_t cap, size_t *len);
must_check enum err tls_key_load_or_create(const char *path, EVP_PKEY **out); /* 0600 */

#endif
