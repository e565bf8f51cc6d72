/* Whom one attempt asks. All borrowed from the request's catalog snapshot and the measured providers. */
#ifndef TR_DATAPLANE_PROVIDER_DESTINATION_H
#define TR_DATAPLANE_PROVIDER_DESTINATION_H

#include "message.h"
#include "providers.h"

struct destination {
    const struct provider *provider;          /* host, path, dialect, quirks */
    const struct catalog_model *model;        /* gates, limits */
    const struct catalog_endpoint *endpoint;  /* the model's name there, limits, price */
};

/* Has it a price of its own for what is written to a cache for an hour or longer? */
static inline bool destination_prices_long_cache(const struct destination *d)
{
    return d->endpoint->price.cache_write_long_pusd > d->endpoint->price.cache_write_pusd;
}

/* Tokens that the endpoint writes at most, 0: not known; and reads and writes together. */
static inline uint32_t destination_max_output(const struct destination *d)
{
    return d->endpoint->max_output != 0 ? d->endpoint->max_output : d->model->max_output;
}

#endif
