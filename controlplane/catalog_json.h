/* A catalog as the JSON that the SQL functions of sql/022, sql/041 and sql/047 take: models, endpoints, aliases, orchestrations. */
#ifndef TR_CONTROLPLANE_CATALOG_JSON_H
#define TR_CONTROLPLANE_CATALOG_JSON_H

#include "catalog_file.h"

enum { CATALOG_JSON_MODELS, CATALOG_JSON_ENDPOINTS, CATALOG_JSON_ALIASES, CATALOG_JSON_SYNTHS, CATALOG_JSON_PARTS };

/* Fills out, which it initialises; the caller frees each part in every case. ERR_LIMIT, ERR_MEMORY. */
must_check enum err catalog_json(const struct catalog_file *f, struct buf out[static CATALOG_JSON_PARTS]);

#endif
