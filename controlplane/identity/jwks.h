/* The public keys by which an issuer signs identity tokens (RFC 7517), as OpenSSL's. */
#ifndef TR_CONTROLPLANE_IDENTITY_JWKS_H
#define TR_CONTROLPLANE_IDENTITY_JWKS_H

#include "err.h"
#include "view.h"

#include <openssl/evp.h>
#include <stdbool.h>

/* The algorithms that are taken. There is no "none" and no HS*: a key is public here, so whatever it could be taken for
 * besides would be a forger's, too. */
enum jws_alg { JWS_RS256, JWS_ES256, JWS_EDDSA, JWS_ALGS };

enum {
    JWKS_MAX = 32,           /* keys of one issuer; Microsoft's have about ten */
    JWKS_TEXT_MAX = 256 << 10,
    JWK_KID_MAX = 255,
    JWK_RSA_BITS_MIN = 2048,
    JWK_RSA_BITS_MAX = 8192, /* a signature is checked on the loop: larger keys take too long */
};

struct jwk {
    char kid[JWK_KID_MAX + 1]; /* empty: it has none */
    enum jws_alg alg;
    EVP_PKEY *key;
};
struct jwks {
    struct jwk keys[JWKS_MAX];
    size_t n;
};

/* Keys of other kinds, for other uses or malformed are left out. ERR_FORMAT: no such set; *out is then empty. The caller
 * ends it with jwks_free(). */
must_check enum err jwks_parse(struct view json, struct jwks *out);
void jwks_free(struct jwks *k);
/* The key with this id for this algorithm; kid empty: the only one for it. NULL: none. Borrowed. */
const struct jwk *jwks_find(const struct jwks *k, const char *kid, enum jws_alg alg);

/* false: a name that is not taken. */
bool jws_alg_named(struct view name, enum jws_alg *out);

#endif
