/* The certificate by which a TLS-ALPN-01 validation is answered (RFC 8737 section 3). */
#ifndef TR_DATAPLANE_ACME_CHALLENGE_CERT_H
#define TR_DATAPLANE_ACME_CHALLENGE_CERT_H

#include "err.h"
#include "secret.h"
#include "view.h"

#include <openssl/x509.h>

/* Self-signed for `name` alone, with the critical extension acmeIdentifier: the SHA-256 of the key
 * authorization. key: any, given away with it; not the identity's. ERR_CRYPTO. */
must_check enum err challenge_cert_make(EVP_PKEY *key, const char *name, struct view authorization, X509 **out);

#endif
