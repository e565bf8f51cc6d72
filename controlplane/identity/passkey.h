/* Passkeys (WebAuthn level 3): what a browser answers when a passkey is made and when one signs in, checked with libfido2.
 * Own work here is only the client data, which is JSON. The bytes that an authenticator wrote are read by libfido2 alone. */
#ifndef TR_CONTROLPLANE_IDENTITY_PASSKEY_H
#define TR_CONTROLPLANE_IDENTITY_PASSKEY_H

#include "buf.h"
#include "secret.h"
#include "site.h"

enum {
    PASSKEY_ID_MAX = 1023,         /* bytes, by the standard */
    PASSKEY_KEY_MAX = 260,         /* RS256: 256 bytes of modulus, 3 of exponent; ES256 64, EdDSA 32 */
    PASSKEY_CLIENT_DATA_MAX = 2048,
    PASSKEY_DATA_MAX = 4096,       /* of what an authenticator wrote */
    PASSKEY_SIGNATURE_MAX = 1024,
    PASSKEY_CHALLENGE_BYTES = 32,
    PASSKEY_CHALLENGE_TEXT = 43,   /* in base64url */
};

/* COSE's numbers, in the order in which we would like them. RS256 is what Windows Hello has on older machines. */
#define PASSKEY_ALGORITHMS(X) X(-8) X(-7) X(-257)

struct passkey {
    int algorithm; /* one of these */
    uint8_t id[PASSKEY_ID_MAX];
    size_t id_len;
    uint8_t key[PASSKEY_KEY_MAX];
    size_t key_len;
    uint32_t count; /* of its signatures; authenticators that do not count say 0 */
    bool synced;    /* a service that synchronises the user's devices keeps a copy */
};

/* Once per process. */
void passkey_init(void);

/* What the browser says it did, and for whom. */
enum passkey_act { PASSKEY_CREATE, PASSKEY_GET };
/* The client data of such an act on a page of this site itself, not within another site's. *challenge: the digest of its
 * challenge's text, by which it is known (borrows nothing). ERR_FORMAT: no such JSON. ERR_AUTH: another act, another
 * origin, a page within another one's. */
must_check enum err passkey_client_data(struct view json, enum passkey_act act, const struct site *site,
                                        struct digest32 *challenge);

/* A new passkey, from the authenticator data that came with it. Its attestation is not asked for and not looked at
 * ("none"): it would say which make the authenticator is, we have no list of makes that we trust more, and it tells sites
 * more of a person than they need. So nobody vouches for these bytes but the user whose session sends them: a passkey signs
 * in that user alone. ERR_FORMAT: it cannot be read, or has an algorithm that we do not take. ERR_AUTH: another site's, or the user was not verified. */
must_check enum err passkey_made(struct view data, const struct site *site, struct passkey *out);

/* One sign-in: the passkey's own fields are as they were kept. *count: what its counter says now; whether that is
 * more than before is the caller's to ask. ERR_AUTH: the signature is not of this key over these bytes, another site's,
 * the user was not present or not verified. ERR_FORMAT: it cannot be read. */
must_check enum err passkey_signed(const struct passkey *kept, struct view client_data, struct view data,
                                   struct view signature, const struct site *site, uint32_t *count);
/* Of data that passkey_signed() has verified. */
bool passkey_is_synced(struct view data);

#endif
