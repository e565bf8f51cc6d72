/* A text of catalog.conf on its way into the database: parsed and judged as --check-catalog does, and what the parser
 * made of it as JSON. */
#ifndef TR_CONTROLPLANE_CATALOG_TEXT_H
#define TR_CONTROLPLANE_CATALOG_TEXT_H

#include "catalog_json.h"

enum { CATALOG_FINDINGS_MAX = 64 << 10 }; /* bytes of what is told about a text; further findings are only counted */

struct catalog_text {
    struct buf part[CATALOG_JSON_PARTS];
    struct buf findings; /* [{"line":12,"error":true,"message":"..."},...] */
    size_t errors, warnings;
};
/* ERR_CONFIG: out->findings says why, with line and sentence. Give back by catalog_text_free() in every case. */
must_check enum err catalog_text_read(struct view text, const struct providers *providers, struct catalog_text *out);
void catalog_text_free(struct catalog_text *t);

#endif
