/* By whom a model is served, and with which privacy: what people choose by before they compare prices. */
#ifndef TR_DATAPLANE_API_CATALOG_SERVED_H
#define TR_DATAPLANE_API_CATALOG_SERVED_H

#include "catalog_store.h"

/* ,"privacy":"zdr": the strictest word of provider.min_privacy under which this endpoint is still asked. */
must_check enum err catalog_served_privacy(const struct route_endpoint *e, struct buf *out);

/* ,"privacy":"zdr","providers":["demo-a"]: of the enabled endpoints of a model, the strictest word that leaves one of them,
 * and whose they are, each provider once. null and [] for a model that is made of others. */
must_check enum err catalog_served_json(const struct route_model *m, struct buf *out);

#endif
