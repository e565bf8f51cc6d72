/* Repairing the transparency log of a database that was restored to an older state, or has lost its
 * subtrees: every entry again in order, from the database itself or from a mirror, and nothing is
 * kept unless it leads to every checkpoint that is known to be signed. Append-only: no entry is
 * ever changed or removed. */
#ifndef TR_CONTROLPLANE_LOG_REBUILD_H
#define TR_CONTROLPLANE_LOG_REBUILD_H

#include "buf.h"
#include "err.h"
#include "secret.h"

struct rebuild_config {
    const char *database;  /* libpq conninfo or URI; its schema is up to date */
    const char *state_dir; /* log.key, log.head */
    const char *origin;
    const char *mirror; /* a directory; NULL: the database has all entries */
};
struct rebuilt {
    uint64_t entries, added;
    struct digest32 root;
};
/* Synchronous, in one transaction, while no other program can append. The tree that comes out has
 * the root of the last checkpoint that this instance signed (log.head), of the mirror's and of the
 * database's, each where it has that many entries. On success those checkpoints are in the
 * database, and log.head is the largest of them. Otherwise database and state_dir are as before,
 * and why has one sentence. ERR_CONFLICT: a fork, or entries are missing; ERR_NOT_FOUND: no signed
 * checkpoint is known; ERR_AUTH: the mirror's checkpoint is not signed by this log's key;
 * ERR_FORMAT, ERR_IO, ERR_DB. */
must_check enum err log_rebuild(const struct rebuild_config *c, struct rebuilt *out,
                                struct buf *why);

#endif
