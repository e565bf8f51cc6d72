/* Strict mode: members that the real API does not know are refused, as it refuses them. */
#ifndef TR_MOCK_STRICT_H
#define TR_MOCK_STRICT_H

#include "wire.h"

/* False with the reason in why. */
bool strict_takes(const struct wire *wire, const struct json_member *m, size_t n, char *why,
                  size_t why_len);
/* The first member of object whose name is not in the list, which NULL ends; false: all are. */
bool strict_unknown(struct json_value object, const char *const *known, struct view *name);

#endif
