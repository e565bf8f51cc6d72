/* A proof needs subtree hashes from the database, which answers later. So a proof is made twice:
 * once over a reader that only notes what is wanted, then, when all of it has come, over what came.
 */
#ifndef TR_CONTROLPLANE_LOG_NODES_H
#define TR_CONTROLPLANE_LOG_NODES_H

#include "db.h"
#include "tlog.h"

/* A path has at most 63 siblings, of which at most one, at the right edge, is put together from at
 * most 63 subtrees; a consistency proof has one more such hash. */
enum { NODES_MAX = 3 * TLOG_LEVELS };

struct nodes {
    size_t n, come;
    struct {
        unsigned level;
        uint64_t index;
        bool here;
        struct digest32 hash;
    } at[NODES_MAX];
};

tlog_read_fn nodes_want; /* cookie: struct nodes *, zeroed; gives zero hashes */
tlog_read_fn nodes_have; /* ERR_NOT_FOUND: it did not come */

/* Ask for what is wanted: cb(cookie, e, r) as db_query says. */
void nodes_query(const struct nodes *n, struct db *db, db_cb *cb, void *cookie);
/* What came. ERR_NOT_FOUND: not all. */
must_check enum err nodes_read(struct nodes *n, const struct db_result *r);

#endif
