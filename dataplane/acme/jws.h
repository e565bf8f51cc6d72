/* Signed requests as ACME wants them: JWS with ES256 (RFC 7515, 7518), the account's key as a JWK (RFC 7517)
 * and its thumbprint (RFC 7638). Keys are P-256 and borrowed. ERR_CRYPTO; ERR_LIMIT, ERR_MEMORY of out. */
#ifndef TR_DATAPLANE_ACME_JWS_H
#define TR_DATAPLANE_ACME_JWS_H

#include "buf.h"
#include "err.h"
#include "view.h"

#include <openssl/evp.h>

/* {"crv":"P-256","kty":"EC","x":"...","y":"..."}: in the order and the spelling that the thumbprint is over. */
must_check enum err jws_jwk(EVP_PKEY *key, struct buf *out);
/* The 43 characters of its SHA-256. */
must_check enum err jws_thumbprint(EVP_PKEY *key, struct buf *out);

struct jws_header {
    const char *kid; /* the account's URL; NULL: the key itself is in the header (a new account) */
    const char *nonce, *url;
};
/* {"protected":...,"payload":...,"signature":...}; an empty payload is a POST-as-GET (RFC 8555 6.3). */
must_check enum err jws_sign(EVP_PKEY *key, const struct jws_header *h, struct view payload, struct buf *out);

#endif
