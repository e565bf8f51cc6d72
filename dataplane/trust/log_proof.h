/* The proof that this boot is in the transparency log, as the link last brought it: written by the
 * link's thread, read by any worker that staples it to evidence. */
#ifndef TR_DATAPLANE_TRUST_LOG_PROOF_H
#define TR_DATAPLANE_TRUST_LOG_PROOF_H

#include "buf.h"
#include "err.h"

struct log_proof;
must_check enum err log_proof_new(struct log_proof **out);
void log_proof_free(struct log_proof *p);
/* Any thread. Replaces what was there. On failure the old one stays. */
must_check enum err log_proof_set(struct log_proof *p, struct view statement, struct view proof);
/* Any thread. Append copies: the logged statement's exact bytes and the text of its proof
 * (c2sp.org/tlog-proof@v1). ERR_NOT_FOUND: none has come yet; nothing is appended then. */
must_check enum err log_proof_get(struct log_proof *p, struct buf *statement, struct buf *proof);

#endif
