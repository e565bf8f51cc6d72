/* The models as Anthropic's API lists them, for its SDKs and what is built on them: requests that carry the
 * header anthropic-version. */
#ifndef TR_DATAPLANE_API_MODELS_ANTHROPIC_H
#define TR_DATAPLANE_API_MODELS_ANTHROPIC_H

#include "catalog_store.h"
#include "web.h"

/* Both answer and return the HTTP status. The list is the newest first, with before_id, after_id and limit
 * (20; at most 1000). */
int models_anthropic_list(const struct snapshot *s, struct web_request *r);
int models_anthropic_one(const struct snapshot *s, const struct route_model *m, struct web_request *r);

#endif
