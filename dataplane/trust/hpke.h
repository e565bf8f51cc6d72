/* HPKE (RFC 9180) as its receiver, in base mode, of one suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * AES-256-GCM. The private key stays with its owner, who gives the Diffie-Hellman value. */
#ifndef TR_DATAPLANE_TRUST_HPKE_H
#define TR_DATAPLANE_TRUST_HPKE_H

#include "gcm.h"

enum {
    HPKE_KEM = 0x0020,  /* DHKEM(X25519, HKDF-SHA256) */
    HPKE_KDF = 0x0001,  /* HKDF-SHA256 */
    HPKE_AEAD = 0x0002, /* AES-256-GCM */
    HPKE_KEY_BYTES = 32, /* of a public key, and of an encapsulated one */
};

struct hpke {
    struct gcm gcm;
    struct secret32 exporter;
};

/* dh: X25519 of the receiver's private key and enc; one that is all zeros is no key's, and the owner of the
 * private key has refused it. own: the receiver's public key. seals: make the sender's context of the same
 * values instead. ERR_CRYPTO, ERR_MEMORY; *h is empty then. */
must_check enum err hpke_begin(struct hpke *h, const struct secret32 *dh, const uint8_t enc[static HPKE_KEY_BYTES],
                               const uint8_t own[static HPKE_KEY_BYTES], struct view info, bool seals);
void hpke_free(struct hpke *h);
/* 32 bytes that both ends know. */
void hpke_export(const struct hpke *h, struct view context, struct secret32 *out);

#endif
