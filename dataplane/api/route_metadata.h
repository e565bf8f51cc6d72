/* What OpenRouter's clients may ask to be told of how their request was routed: the member openrouter_metadata
 * of a chat answer or a response, for requests with the header X-OpenRouter-Metadata: enabled. */
#ifndef TR_DATAPLANE_API_ROUTE_METADATA_H
#define TR_DATAPLANE_API_ROUTE_METADATA_H

#include "request.h"
#include "web.h"

/* Does the request ask for it? Its older name X-OpenRouter-Experimental-Metadata counts, too. */
bool route_metadata_wanted(const struct web_request *r);
/* Append its value, a JSON object: names of the catalog and of the measured providers only. r has an answer.
 * region: where this data plane runs; "": not known. ERR_MEMORY, ERR_LIMIT. */
must_check enum err route_metadata_object(const struct request *r, const char *region, struct buf *out);
/* Add the member to a complete JSON object. On failure it is as it was. */
must_check enum err route_metadata_add(const struct request *r, const char *region, struct buf *object);

#endif
