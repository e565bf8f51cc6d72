/* The catalog as JSON text: a model in the keys that OpenAI's and OpenRouter's clients read, an endpoint and
 * a provider in OpenRouter's. What this router does not know or measure is null, or absent where the schema
 * has no null: no figure is made up. */
#ifndef TR_DATAPLANE_API_CATALOG_JSON_H
#define TR_DATAPLANE_API_CATALOG_JSON_H

#include "catalog_store.h"

/* The endpoint whose price stands for the model's: the cheapest that is enabled. NULL: none is. */
const struct catalog_endpoint *catalog_cheapest(const struct route_model *m);

/* The catalog_list of this data plane. An endpoint's text lacks its last '}': see catalog_json_endpoint(). */
must_check enum err catalog_json(const struct snapshot *s, struct catalog_listing *out);
/* An endpoint as the listing has it, and how it is doing now. Nothing where it is not enabled. */
must_check enum err catalog_json_endpoint(const struct snapshot *s, const struct route_endpoint *e,
                                          const struct health_report *now, struct buf *out);
must_check enum err catalog_json_architecture(const struct catalog_model *m, struct buf *out);
/* One sentence: which providers serve the model now. */
must_check enum err catalog_json_description(const struct route_model *m, struct buf *out);
must_check enum err catalog_json_provider(const struct provider *p, struct buf *out);

#endif
