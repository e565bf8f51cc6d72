/* (G) What is said of a JSON Schema that a client sends for a tool. */
#ifndef TR_DATAPLANE_LLM_SCHEMA_H
#define TR_DATAPLANE_LLM_SCHEMA_H

#include "view.h"

#include <stdbool.h>

/* The most bytes that are judged. Judging takes time that grows faster than the schema, on a thread that serves
 * others, so what may be larger is the caller's to bound: all schemas of one request together. */
enum { SCHEMA_JUDGED_MAX = 256 << 10 };

/* Whether a validated JSON value is a schema that OpenAI's strict mode takes as it is: an object of which each
 * property is required and others are not allowed, and so on inside, with none of the keywords that strict
 * mode refuses. Empty, larger than SCHEMA_JUDGED_MAX, or one whose judgement takes too long: false. */
bool schema_is_strict(struct view schema);

#endif
