/* A proof that stands alone, as text (c2sp.org/tlog-proof@v1): where a statement is in a log, the
 * way from it to a root, and the signed checkpoint that has this root. What a data plane staples to
 * its evidence, and what anyone checks offline. "c2sp.org/tlog-proof@v1\n" ["extra " base64 "\n"]
 * "index " N "\n" {base64(hash) "\n"} "\n" note */
#ifndef TR_ATTESTATION_TLOG_PROOF_H
#define TR_ATTESTATION_TLOG_PROOF_H

#include "note.h"
#include "tlog.h"

enum { TLOG_PROOF_TEXT_MAX = 16 << 10 }; /* bytes; 63 hashes and a checkpoint take 4 KB */

struct tlog_proof_text {
    uint64_t index;
    struct tlog_proof path;
    struct view note; /* the signed checkpoint, borrowed */
};
must_check enum err tlog_proof_encode(const struct tlog_proof_text *p, struct buf *out);
/* Strict; an extra line is allowed and ignored. ERR_FORMAT, ERR_LIMIT. */
must_check enum err tlog_proof_decode(struct view text, struct tlog_proof_text *out);
/* That statement is in the log of this key, whose name is the origin. *checkpoint (may be NULL)
 * borrows from text. ERR_AUTH: the checkpoint is not signed by the key, or is another origin's;
 * ERR_NOT_FOUND: the statement is not what the proof is about; ERR_FORMAT. */
must_check enum err tlog_proof_check(struct view text, struct view statement,
                                     const struct note_key *key, uint64_t *index,
                                     struct checkpoint *checkpoint);

#endif
