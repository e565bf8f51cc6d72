/* Idempotency-Key on every POST: of any number of requests with one key, at any control planes, one is carried out,
 * and all others read its answer (sql/028). A control plane that ends at any point leaves either nothing done,
 * and the next request does it, or something done, and no request does it again.
 *
 * Of the request there is a digest, made with the idempotency key, so that nothing in it can be guessed there.
 * What is kept of the answer is sealed (XChaCha20-Poly1305) with a key that is made from the idempotency key and the
 * caller's credential. The database has digests of both, from which it cannot be made: a new API key that is in
 * the answer is safe there.
 * What tells a repeated request from another one is a MAC (BLAKE2b) of the whole request, with a key that is made of
 * that one: without it nobody can try guesses of a body. So the same idempotency key with another credential of the same
 * caller (another session, a rotated key's new text) is another request: it is refused, not carried out. */
#ifndef TR_CONTROLPLANE_API_IDEMPOTENT_H
#define TR_CONTROLPLANE_API_IDEMPOTENT_H

#include "call.h"

struct once;

enum {
    IDEMPOTENT_KEY_MAX = 255, /* visible ASCII */
    /* A claim older than this that has written nothing is given to the next request. No statement takes
     * longer than two times five seconds. */
    IDEMPOTENT_CLAIM_MS = 30000,
};

/* Run it, unless the key that came along says otherwise; then the call is answered. Without a key, on a path that
 * needs no credential, is below /auth (passwords) or has keys of its own (R_OWN_IDEMPOTENCY), and for a call that a
 * data plane handed on, it runs at once. */
void idempotent_begin(struct call *c, void (*run)(struct call *c));
/* What the call writes carries its claim. */
void idempotent_name(const struct call *c, struct db_who *who);
/* c->once is set and the call is to be answered: true, and the answer leaves once it is kept. */
must_check bool idempotent_keep(struct call *c, int status, struct view json);
void idempotent_free(struct once *o);

#endif
