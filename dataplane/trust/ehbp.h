/* EHBP (Encrypted HTTP Body Protocol): bodies of requests sealed with HPKE to the key of this boot that the
 * identity document names, and bodies of answers sealed to the client that sent it. docs/encrypted-bodies.md. */
#ifndef TR_DATAPLANE_TRUST_EHBP_H
#define TR_DATAPLANE_TRUST_EHBP_H

#include "hpke.h"

enum {
    EHBP_CONFIG_BYTES = 41,
    EHBP_NONCE_BYTES = 32,
    EHBP_LENGTH_BYTES = 4,       /* before each frame: its length, big endian */
    EHBP_GROWS = EHBP_LENGTH_BYTES + GCM_TAG_BYTES, /* a sealed frame is so many bytes longer than what is in it */
    EHBP_FRAME_MAX = 64 << 20,   /* bytes: the protocol's limit of one frame */
    EHBP_FRAMES_MAX = 1 << 16,   /* of one request that have bytes: opening so many takes 13 ms, in which the worker does
                                  * nothing else */
};

/* What GET /.well-known/hpke-keys answers: key 0, its suite, the key. */
void ehbp_config(const uint8_t key[static HPKE_KEY_BYTES], uint8_t out[static EHBP_CONFIG_BYTES]);

/* One request that is being opened. */
struct ehbp {
    struct hpke hpke;
    uint8_t enc[HPKE_KEY_BYTES];
};

/* dh, enc and own as hpke_begin() wants them. ERR_CRYPTO, ERR_MEMORY. */
must_check enum err ehbp_begin(struct ehbp *e, const struct secret32 *dh, const uint8_t enc[static HPKE_KEY_BYTES],
                               const uint8_t own[static HPKE_KEY_BYTES]);
void ehbp_free(struct ehbp *e);

/* Opens a whole body in place: *plain lies within it. Frames without bytes say nothing and are skipped.
 * ERR_SHORT    there is no frame in it
 * ERR_AUTH     the first frame does not open: it was sealed to another key, or is damaged
 * ERR_CRYPTO   a later frame does not
 * ERR_FORMAT   it is not made of frames, or of too many
 * On failure the bytes of the body are of no more use. */
must_check enum err ehbp_open(struct ehbp *e, uint8_t *body, size_t len, struct view *plain);

/* The keys of one answer. nonce: new random bytes, which the client is told. ERR_CRYPTO, ERR_MEMORY. */
must_check enum err ehbp_answer(const struct ehbp *e, const uint8_t nonce[static EHBP_NONCE_BYTES], struct gcm *out);
/* The next frame of the answer: plain.len + EHBP_GROWS bytes into out. ERR_LIMIT: longer than a frame. ERR_CRYPTO. */
must_check enum err ehbp_seal(struct gcm *g, struct view plain, uint8_t *out);

#endif
