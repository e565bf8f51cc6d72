/* AES-256-GCM under one key, with nonces that count: what HPKE and EHBP seal a sequence of messages with. */
#ifndef TR_DATAPLANE_TRUST_GCM_H
#define TR_DATAPLANE_TRUST_GCM_H

#include "err.h"
#include "secret.h"
#include "view.h"

#include <openssl/evp.h>

enum { GCM_TAG_BYTES = 16, GCM_NONCE_BYTES = 12 };

struct gcm {
    EVP_CIPHER_CTX *ctx; /* NULL before gcm_begin() and after gcm_free() */
    uint8_t base[GCM_NONCE_BYTES];
    uint64_t next; /* number of the next message; its nonce is base XOR this */
};

/* ERR_CRYPTO, ERR_MEMORY; *g is empty then. */
must_check enum err gcm_begin(struct gcm *g, const struct secret32 *key, const uint8_t base[static GCM_NONCE_BYTES],
                              bool seals);
/* Forgets the key. */
void gcm_free(struct gcm *g);

/* Writes plain.len bytes and the tag to out, which plain may be (the same address), and counts. ERR_CRYPTO. */
must_check enum err gcm_seal(struct gcm *g, struct view aad, struct view plain, uint8_t *out);
/* Writes sealed.len - GCM_TAG_BYTES bytes to out, which sealed may be, and counts. ERR_FORMAT: shorter than a
 * tag. ERR_CRYPTO: the message is not the next one of this key; nothing is counted, and what out holds must not
 * be used. */
must_check enum err gcm_open(struct gcm *g, struct view aad, struct view sealed, uint8_t *out);

#endif
