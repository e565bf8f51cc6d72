/* Proofs out of the log, for the public pages: an entry with its way to the current head, and that one
 * head continues another. */
#ifndef TR_CONTROLPLANE_LOG_PROVE_H
#define TR_CONTROLPLANE_LOG_PROVE_H

#include "tlog.h"
#include "translog.h"

/* What a proof is about; lives during the callback. */
struct proved {
    uint64_t size; /* of the current head */
    struct digest32 root;
    struct view note;                     /* the head, signed */
    uint64_t index;                       /* inclusion: the entry; consistency: the older size */
    struct view kind, statement, created; /* inclusion only */
    struct digest32 leaf;
    struct tlog_proof path;
};
/* cb fires once, later. ERR_NOT_FOUND: no signed tree has this entry; ERR_DB and what db_query
 * says. */
typedef void prove_cb(void *cookie, enum err e, const struct proved *p);
void prove_inclusion(struct translog *t, uint64_t index, prove_cb *cb, void *cookie);
/* From the tree of old_size leaves to the current head. ERR_NOT_FOUND: old_size is 0 or more than
 * it has. */
void prove_consistency(struct translog *t, uint64_t old_size, prove_cb *cb, void *cookie);

#endif
