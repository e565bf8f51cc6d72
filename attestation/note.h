/* C2SP signed notes and checkpoints: how a log states its size and root so that existing tools
 * (golang.org/x/mod/sumdb/note and its kin) can check the signature. Ed25519 only.
 *   checkpoint   origin "\n" size "\n" base64(root) "\n"
 *   note         text "\n" "— " name " " base64(key id[4] || signature[64]) "\n"
 *   vkey         name "+" 8 hex digits of the key id "+" base64(0x01 || public key[32]) */
#ifndef TR_ATTESTATION_NOTE_H
#define TR_ATTESTATION_NOTE_H

#include "buf.h"
#include "err.h"
#include "secret.h"
#include "view.h"

enum { NOTE_NAME_MAX = 128, NOTE_TEXT_MAX = 64 << 10, NOTE_SIGNATURES_MAX = 16 };

struct note_key {
    char name[NOTE_NAME_MAX + 1];
    uint8_t id[4];
    uint8_t public[32];
};
/* ERR_FORMAT: the name is empty, too long, or holds white space or '+'. */
must_check enum err note_key_make(struct view name, const uint8_t public[static 32],
                                  struct note_key *out);
must_check enum err note_key_parse(struct view vkey, struct note_key *out);
must_check enum err note_key_text(const struct note_key *k, struct buf *out);

/* Append text (which must end in a newline) and its signature. secret: libsodium's 64 bytes. */
must_check enum err note_sign(struct view text, const struct note_key *k,
                              const uint8_t secret[static 64], struct buf *out);
/* ERR_AUTH: no valid signature by k; ERR_FORMAT: no note. *text is the signed part of note. */
must_check enum err note_open(struct view note, const struct note_key *k, struct view *text);

struct checkpoint {
    struct view origin; /* borrowed */
    uint64_t size;
    struct digest32 root;
};
must_check enum err checkpoint_encode(const struct checkpoint *c, struct buf *out);
/* Extension lines after the root are allowed and ignored. */
must_check enum err checkpoint_decode(struct view text, struct checkpoint *out);

#endif
