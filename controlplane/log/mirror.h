/* A copy of the log as anyone may have made it: a directory with checkpoint and tile/entries/...,
 * as they are served (C2SP tlog-tiles). Read in order; nothing in it is believed before its root is
 * compared. */
#ifndef TR_CONTROLPLANE_LOG_MIRROR_H
#define TR_CONTROLPLANE_LOG_MIRROR_H

#include "note.h"
#include "tlog_tile.h"

#include <limits.h>

struct mirror {
    char dir[PATH_MAX];
    struct checkpoint head; /* signed by the log's key */
    struct buf note;        /* the signed checkpoint, exact bytes */
    struct buf tile;        /* the bundle that is being read */
    struct view rest;       /* what is left of it */
    uint64_t next;          /* index of the entry that comes next */
};
/* ERR_NOT_FOUND, ERR_IO, ERR_LIMIT: no checkpoint can be read there; ERR_AUTH: it is not signed by
 * key, or is another log's; ERR_FORMAT. End with mirror_close(), also after a failure. */
must_check enum err mirror_open(const char *dir, const struct note_key *key, struct mirror *out);
/* The statement of entry m->next, until the next call. Not beyond m->head.size (asserted).
 * ERR_NOT_FOUND, ERR_IO, ERR_FORMAT, ERR_SHORT: the mirror does not have it. */
must_check enum err mirror_next(struct mirror *m, struct view *statement);
void mirror_close(struct mirror *m);

#endif
