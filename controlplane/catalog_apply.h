/* Puts catalog.conf into the database, where every control plane and data plane reads it. */
#ifndef TR_CONTROLPLANE_CATALOG_APPLY_H
#define TR_CONTROLPLANE_CATALOG_APPLY_H

#include "catalog_file.h"
#include "db.h"

/* cb fires once, later: ERR_NONE with the version now in force, a new one only when f differs from
 * what was there. f is read before this returns. */
void catalog_apply(struct db *db, const struct catalog_file *f,
                   void (*cb)(void *cookie, enum err e, int64_t version), void *cookie);

#endif
