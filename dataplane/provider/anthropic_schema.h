/* (G) The part of JSON Schema that Anthropic's strict tools and output formats take. */
#ifndef TR_DATAPLANE_PROVIDER_ANTHROPIC_SCHEMA_H
#define TR_DATAPLANE_PROVIDER_ANTHROPIC_SCHEMA_H

#include "buf.h"
#include "err.h"
#include "view.h"

/* Whether a validated schema can be written in that part without loss of anything but hints: the root is an object, no
 * object has other properties than those it names, nothing refers to itself, and none of the keywords that change what a
 * value may be. False also for one that is too large, or too deep, to be judged. */
bool anthropic_schema_fits(struct view schema);
/* Append one that fits: objects closed, oneOf as anyOf, a keyword that is not taken left out and told in the
 * description. ERR_MEMORY, ERR_OVERLOAD, ERR_LIMIT of out. */
must_check enum err anthropic_schema_put(struct view schema, struct buf *out);

#endif
