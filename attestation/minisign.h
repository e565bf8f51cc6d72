/* Detached Ed25519 signatures of files, as minisign makes them (both its kinds: over the file, and
 * over its BLAKE2b-512): a release is signed offline and checked with Debian's minisign or with
 * this. key        [comment line] base64("Ed" || key id[8] || public key[32]) signature  comment
 * line, base64("Ed" or "ED" || key id[8] || signature[64]), "trusted comment: " text,
 * base64(signature over the first signature || text) */
#ifndef TR_ATTESTATION_MINISIGN_H
#define TR_ATTESTATION_MINISIGN_H

#include "err.h"
#include "view.h"

enum {
    MINISIGN_KEY_MAX = 2048, /* bytes of a key file */
    MINISIGN_SIGNATURE_MAX = 16 << 10,
    MINISIGN_COMMENT_MAX = 8192, /* bytes of the trusted comment, as in minisign */
};

struct minisign_key {
    uint8_t id[8];
    uint8_t public[32];
};
/* A key file, or its base64 line alone. ERR_FORMAT. */
must_check enum err minisign_key_parse(struct view text, struct minisign_key *out);
/* ERR_FORMAT: no signature; ERR_AUTH: not of this key, or not of this file, or its trusted comment
 * was changed. *comment (may be NULL): the trusted comment, borrowed from signature. */
must_check enum err minisign_check(struct view file, struct view signature,
                                   const struct minisign_key *key, struct view *comment);

#endif
