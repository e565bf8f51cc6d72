/* The query string, strictly: parameters are compared as they were sent, not percent-decoded, so
 * that what is signed or hashed has one spelling. Values that people write are decoded by query_decode(). */
#ifndef TR_DATAPLANE_API_QUERY_H
#define TR_DATAPLANE_API_QUERY_H

#include "view.h"

#include <stdint.h>

enum query_found {
    QUERY_ABSENT,
    QUERY_ONE,
    QUERY_TWICE, /* two readers could take different ones: a 400 */
};
/* The value of name=value; empty when there is no '='. */
enum query_found query_find(struct view query, const char *name, struct view *value);
/* A value of query_find() as its sender meant it: percent-decoded, '+' as a space. As path_decode(). */
bool query_decode(struct view value, char *out, size_t max, size_t *len);
/* Is every parameter one of these n names? */
bool query_only(struct view query, const char *const *names, size_t n);
/* No signing_algo=, or "ed25519", once: the only one there is. Older verifiers ask for ecdsa; another
 * key's signature would not be an answer to that. */
bool query_ed25519(struct view query);
/* Exactly 64 lower-case hex digits. */
bool query_nonce(struct view text, uint8_t out[static 32]);

#endif
