/* GET /attestation/catalog: the catalog that is routed with now, as the exact bytes whose digest receipts have, so that
 * whoever has a receipt can make its decision again (tr-verify receipt --catalog). Models, prices and the measured
 * providers' numbers; no key, no customer. */
#ifndef TR_DATAPLANE_API_CATALOG_BYTES_H
#define TR_DATAPLANE_API_CATALOG_BYTES_H

#include "models.h"

/* Returns the HTTP status. */
int catalog_bytes_answer(const struct models_context *x, struct web_request *r);

#endif
