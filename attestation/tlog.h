/* RFC 6962 Merkle trees: hashes, roots, inclusion and consistency proofs. Pure functions over
 * hashes; the keeper of the log (a table, tiles on disk) hands in a reader of stored subtrees. */
#ifndef TR_ATTESTATION_TLOG_H
#define TR_ATTESTATION_TLOG_H

#include "err.h"
#include "secret.h"
#include "view.h"

#include <stdbool.h>

enum {
    TLOG_LEVELS = 63,           /* tree sizes stay below 2^63 */
    TLOG_PROOF_MAX = 2 * TLOG_LEVELS, /* hashes in a proof */
};

void tlog_leaf_hash(struct view entry, struct digest32 *out);
void tlog_node_hash(const struct digest32 *left, const struct digest32 *right,
                    struct digest32 *out);

/* The right edge of a growing tree: what is needed to append, and nothing else. All zero is the
 * empty tree. */
struct tlog_edge {
    uint64_t size;
    struct digest32 full[TLOG_LEVELS]; /* full[l]: the complete subtree of 2^l leaves, if size has bit l */
};
/* Append a leaf. completed (may be NULL) is called for each subtree this leaf completes, the leaf
 * itself included, lowest level first: exactly what a log has to store. */
void tlog_append(struct tlog_edge *t, const struct digest32 *leaf,
                 void (*completed)(void *cookie, unsigned level, uint64_t index,
                                   const struct digest32 *hash),
                 void *cookie);
void tlog_root(const struct tlog_edge *t, struct digest32 *out); /* empty: SHA-256 of nothing */

/* Gives the complete subtree hash (level, index): leaves [index << level, (index+1) << level). */
typedef enum err tlog_read_fn(void *cookie, unsigned level, uint64_t index, struct digest32 *out);

struct tlog_proof {
    struct digest32 hashes[TLOG_PROOF_MAX];
    size_t n;
};
/* ERR_RANGE: index >= size, or old > size, or old == 0; otherwise what read returned. */
must_check enum err tlog_prove_inclusion(uint64_t size, uint64_t index, tlog_read_fn *read,
                                         void *cookie, struct tlog_proof *out);
must_check enum err tlog_prove_consistency(uint64_t old, uint64_t size, tlog_read_fn *read,
                                           void *cookie, struct tlog_proof *out);

/* The root that leaf and proof lead to. False, *root untouched, unless the proof has exactly the
 * right length. */
bool tlog_inclusion_root(uint64_t size, uint64_t index, const struct digest32 *leaf,
                         const struct tlog_proof *p, struct digest32 *root);
/* False unless the proof has exactly the right length and leads to root. */
bool tlog_check_inclusion(uint64_t size, uint64_t index, const struct digest32 *leaf,
                          const struct tlog_proof *p, const struct digest32 *root);
bool tlog_check_consistency(uint64_t old, uint64_t size, const struct digest32 *old_root,
                            const struct digest32 *root, const struct tlog_proof *p);

#endif
