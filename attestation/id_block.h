/* The ID block: what a guest's owner signs so that the firmware launches this image under this
 * policy and no other, and puts names and a version into the report (SNP firmware ABI,
 * LAUNCH_FINISH). From published values alone, so that ID_KEY_DIGEST and AUTHOR_KEY_DIGEST of a
 * report can be recomputed. */
#ifndef TR_ATTESTATION_ID_BLOCK_H
#define TR_ATTESTATION_ID_BLOCK_H

#include "err.h"
#include "secret.h"
#include "view.h"

enum {
    ID_BLOCK_BYTES = 96,
    ID_KEY_BYTES = 0x404, /* a public key as the firmware hashes it */
    ID_AUTH_BYTES = 4096, /* the signatures and keys beside an ID block */
};
#define ID_BLOCK_POLICY_DEFAULT UINT64_C(0x30000) /* QEMU's: SMT allowed, ABI 0.0 */

struct id_block {
    struct digest48 launch; /* the launch digest */
    uint8_t family_id[16], image_id[16];
    uint32_t guest_svn;
    uint64_t policy;
};
void id_block_encode(const struct id_block *b, uint8_t out[static ID_BLOCK_BYTES]);
/* The bits that must be one are, those that must be zero are. */
bool id_block_policy_valid(uint64_t policy);

/* pem: a P-384 key, public or private; of a private one only its public half is used. ERR_FORMAT.
 */
must_check enum err id_key_from_pem(struct view pem, uint8_t out[static ID_KEY_BYTES]);
/* As in ID_KEY_DIGEST and AUTHOR_KEY_DIGEST. */
void id_key_digest(const uint8_t key[static ID_KEY_BYTES], struct digest48 *out);

/* Judge an ID_AUTH: its ID key signed block, and its author key, if there is one, signed the ID
 * key. ERR_FORMAT: not of the ABI's shape; ERR_ATTESTATION: a signature is not of these bytes. */
struct id_auth {
    struct digest48 id_key, author_key; /* digests; author_key is zero without an author */
    bool has_author;
};
must_check enum err id_auth_verify(struct view auth, const uint8_t block[static ID_BLOCK_BYTES],
                                   struct id_auth *out);

#endif
