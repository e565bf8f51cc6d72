/* What a decision was made of, as bytes: constraints, wishes and the used part of the endpoints' health. With the
 * catalog, providers.conf and the seed it gives the same candidates again: route_rank(). A receipt has these
 * bytes, signed. One form for one decision: a reader accepts exactly what the writer makes. */
#ifndef TR_PROTO_ROUTE_INPUTS_H
#define TR_PROTO_ROUTE_INPUTS_H

#include "route_decide.h"

/* A request that names no more than a few providers takes about 40 bytes and one for each endpoint, or five where
 * the order depends on a figure: so 60 to 400 endpoints fit. */
enum { ROUTE_INPUTS_MAX = 512, ROUTE_INPUTS_VERSION = 1 };

/* Returns the length; 0: it does not fit. */
size_t route_inputs_write(const struct route_want *w, const struct route_judged *judged,
                          uint8_t out[static ROUTE_INPUTS_MAX]);

/* What the numbers of models mean. */
struct route_catalog {
    const struct route_model *(*model)(const void *cookie, uint32_t no); /* NULL: there is none */
    const void *cookie;
};
/* ERR_VERSION, ERR_FORMAT, ERR_RANGE: these are no inputs of a decision. ERR_NOT_FOUND: they name a model that the
 * catalog does not have, or another number of endpoints. On failure *w and judged are undefined. */
must_check enum err route_inputs_read(struct view bytes, const struct route_catalog *catalog,
                                      struct route_want *w,
                                      struct route_judged judged[static ROUTE_ENDPOINTS_MAX]);
/* The constraints in words, one line each, for a person. */
must_check enum err route_inputs_tell(const struct route_want *w, const struct providers *providers,
                                      struct buf *out);

#endif
