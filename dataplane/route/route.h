/* The candidates of a request: the decision is route_decide.h's; here is what a candidate may cost. */
#ifndef TR_DATAPLANE_ROUTE_ROUTE_H
#define TR_DATAPLANE_ROUTE_ROUTE_H

#include "catalog_store.h"
#include "route_decide.h"

/* The most one request can cost at an endpoint. ERR_RANGE on overflow. */
must_check enum err route_worst_case(const struct catalog_endpoint *e, uint64_t prompt_tokens,
                                     uint64_t output_tokens, int64_t *out_nusd);

#endif
