/* (G) One vector of an answer, in the form that the client asked for: a JSON array of numbers, or the base64 of
 * its float32s, little-endian. */
#ifndef TR_DATAPLANE_PROVIDER_VECTOR_H
#define TR_DATAPLANE_PROVIDER_VECTOR_H

#include "buf.h"
#include "json.h"

/* Appends v, of either form, as base64 or as numbers. What has the right form already stays byte for byte;
 * numbers made of float32s have nine digits, which read back to the same float32. *count: of its elements.
 * scratch: reset and used. ERR_PROVIDER_PROTOCOL: neither form, no element, or one that is no finite float32;
 * ERR_MEMORY, ERR_LIMIT, ERR_OVERLOAD. On failure out is undefined. */
must_check enum err vector_write(struct json_value v, bool base64, struct buf *scratch, struct buf *out,
                                 size_t *count);

#endif
