/* tr-controlplane --check-catalog: what catalog_lint() says of a file, one line a finding. */
#ifndef TR_CONTROLPLANE_CHECK_CATALOG_H
#define TR_CONTROLPLANE_CHECK_CATALOG_H

#include "buf.h"
#include "err.h"

/* Prints findings and a summary on standard output. ERR_CONFIG when one is an error; then, and when a file cannot be
 * read or parsed, why has one sentence. */
must_check enum err check_catalog(const char *catalog, const char *providers, struct buf *why);

#endif
