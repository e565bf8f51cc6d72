/* (G) What is said of a JSON Schema that a client sends for a tool. */
#ifndef TR_DATAPLANE_LLM_SCHEMA_H
#define TR_DATAPLANE_LLM_SCHEMA_H

#include "view.h"

#include <stdbool.h>

/* Whether a validated JSON value is a schema that OpenAI's strict mode takes as it is: an object of which each
 * property is required and others are not allowed, and so on inside, with none of the keywords that strict
 * mode refuses. Empty: false. */
bool schema_is_strict(struct view schema);

#endif
