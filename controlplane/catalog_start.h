/* Which catalog is in force after a start: catalog.conf when that file has never been published, or when this instance goes
 * back to it, and otherwise what is in force in the database (docs/operations.md). */
#ifndef TR_CONTROLPLANE_CATALOG_START_H
#define TR_CONTROLPLANE_CATALOG_START_H

#include "catalog_file.h"
#include "db.h"

/* text: catalog.conf, which has been parsed, so that it is known to be good. Both are borrowed until cb, which fires
 * once, later: ERR_NONE with the version in force. from_file: it is the file's. */
typedef void catalog_start_cb(void *cookie, enum err e, int64_t version, bool from_file);
void catalog_start(struct db *db, const struct providers *providers, struct view text, const char *state_dir,
                   catalog_start_cb *cb, void *cookie);

#endif
