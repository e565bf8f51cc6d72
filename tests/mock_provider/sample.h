/* A JSON value that satisfies a JSON schema, always the same one: what a model forced to structured
 * output or to a tool call would say. Knows type, properties, items, enum, const, anyOf, $ref. */
#ifndef TR_MOCK_SAMPLE_H
#define TR_MOCK_SAMPLE_H

#include "bytes.h"
#include "json.h"

void sample_json(struct bytes *out, struct json_value schema);

#endif
