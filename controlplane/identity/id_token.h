/* Identity tokens of OpenID Connect: the compact form (RFC 7515), its signature, and the claims that say who has signed in,
 * at which issuer, for whom and when (OpenID Connect Core 3.1.3.7). */
#ifndef TR_CONTROLPLANE_IDENTITY_ID_TOKEN_H
#define TR_CONTROLPLANE_IDENTITY_ID_TOKEN_H

#include "buf.h"
#include "json.h"
#include "jwks.h"

enum {
    ID_TOKEN_MAX = 16 << 10,      /* characters */
    ID_TOKEN_SIGNATURE_MAX = 1024,/* of an RSA key of 8192 bits */
    ID_TOKEN_SKEW_S = 60,         /* an issuer's clock may differ so much */
    ID_TOKEN_AGE_S = 600,         /* it was made while we waited: an older one is somebody's copy */
    ID_SUBJECT_MAX = 255,         /* by the standard */
    ID_EMAIL_MAX = 254,
    ID_NAME_MAX = 128,
};

struct id_token {
    enum jws_alg alg;
    char kid[JWK_KID_MAX + 1]; /* empty: it names no key */
    struct view signed_part;   /* borrowed from the token's text */
    uint8_t signature[ID_TOKEN_SIGNATURE_MAX];
    size_t signature_len;
    struct buf claims; /* JSON, not looked at yet */
};

/* Who has signed in. Texts are NUL-terminated; empty: absent. */
struct id_person {
    char subject[ID_SUBJECT_MAX + 1];
    char email[ID_EMAIL_MAX + 1];
    bool email_verified;
    char name[ID_NAME_MAX + 1];
};

/* Takes a token apart; text outlives *out, which the caller ends with id_token_free(). ERR_FORMAT: it is none;
 * ERR_UNSUPPORTED: an algorithm that is not taken ("none" and HS256 among them), or critical extensions. */
must_check enum err id_token_split(struct view text, struct id_token *out);
void id_token_free(struct id_token *t);
/* ERR_AUTH: not by this key, or the key is for another algorithm. */
must_check enum err id_token_verify(const struct id_token *t, const struct jwk *key);

struct id_claims_want {
    const char *issuer, *client_id;
    struct view nonce;
    int64_t now_s; /* unix */
};
/* ERR_FORMAT: no such claims; ERR_AUTH: another issuer, another client, another sign-in (nonce); ERR_RANGE: it has ended,
 * or is of another time. */
must_check enum err id_claims_check(struct view claims, const struct id_claims_want *want, struct id_person *out);

/* The members of a userinfo answer or of claims that say who it is, without any check of where they come from: sub, email,
 * email_verified, name. ERR_FORMAT: no usable subject, or a member of another type. */
must_check enum err id_person_read(struct json_value claims, struct id_person *out);

#endif
