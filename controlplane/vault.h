/* Encrypts the operator's provider keys for the database: XChaCha20-Poly1305 under a master key that comes from a file or
 * from a command (of a KMS, say) and stays in guarded memory. Former master keys only open. */
#ifndef TR_CONTROLPLANE_VAULT_H
#define TR_CONTROLPLANE_VAULT_H

#include "config.h"
#include "id.h"

enum {
    VAULT_ID_BYTES = 8,
    VAULT_OVERHEAD_BYTES = 24 + 16, /* nonce, tag */
    VAULT_KEYS_MAX = 8,
};

struct vault;

/* Lines of 64 hex digits: the first is in use, the others are former ones. ERR_CONFIG with a sentence: the file is
 * readable by others, the command fails, a line is no key. Neither is configured: a vault that seals and opens nothing. */
must_check enum err vault_new(const struct controlplane_config *c, struct vault **out, struct buf *why);
void vault_free(struct vault *v);
/* The id of the master key in use: the first bytes of its SHA-256 behind a prefix. NULL: there is none. */
const uint8_t *vault_id(const struct vault *v);
/* What is bound to the sealed bytes: whose key it is cannot be exchanged in the database. */
struct vault_bound {
    struct id key;
    struct view provider;
};
/* Appends nonce, ciphertext and tag. ERR_CONFIG: there is no master key. */
must_check enum err vault_seal(const struct vault *v, const struct vault_bound *bound, struct view plain, struct buf *out);
/* ERR_CONFIG: the master key of this id is not here; ERR_CRYPTO: these bytes are not what was sealed. */
must_check enum err vault_open(const struct vault *v, struct view master_id, const struct vault_bound *bound,
                               struct view sealed, struct buf *out);

#endif
