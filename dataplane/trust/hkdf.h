/* HKDF with SHA-256 (RFC 5869): one secret into many. */
#ifndef TR_DATAPLANE_TRUST_HKDF_H
#define TR_DATAPLANE_TRUST_HKDF_H

#include "secret.h"
#include "view.h"

enum { HKDF_EXPAND_MAX = 32 }; /* bytes: one block of output is all that anybody here needs */

/* The secret is of n parts, one behind the other. */
void hkdf_extract(struct view salt, const struct view *parts, size_t n, struct secret32 *out);
/* len <= HKDF_EXPAND_MAX bytes; info is of n parts. */
void hkdf_expand(const struct secret32 *secret, const struct view *info, size_t n, uint8_t *out, size_t len);

#endif
