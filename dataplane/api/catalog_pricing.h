/* What an endpoint charges and of which day that is, as JSON in OpenRouter's words. */
#ifndef TR_DATAPLANE_API_CATALOG_PRICING_H
#define TR_DATAPLANE_API_CATALOG_PRICING_H

#include "buf.h"
#include "message.h"

/* ,"pricing":{...}: dollars per token or unit, as strings. Classes that cost as another are left out, but for those that
 * readers expect always; tiers are "overrides". */
must_check enum err catalog_json_pricing(const struct catalog_endpoint *e, struct buf *out);
/* ,"price_date":"2026-11-20","price_source":"...": null where it is not known. */
must_check enum err catalog_json_source(const struct catalog_endpoint *e, struct buf *out);
/* ,"NAME":"2026-11-20", or null for day 0. */
must_check enum err catalog_json_day(const char *name, uint32_t day, struct buf *out);

#endif
