/* Which certificate clients are shown: a public authority's while it is valid, else the control plane's, else the
 * self-signed one of the start. All are for the same key, the identity document's. Any thread. */
#ifndef TR_DATAPLANE_ACME_SERVED_H
#define TR_DATAPLANE_ACME_SERVED_H

#include "err.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum served_source { SERVED_SELF_SIGNED, SERVED_CONTROL_PLANE, SERVED_PUBLIC };
const char *served_source_name(enum served_source s); /* "public", ... */

struct served;
/* Both are borrowed and outlive it. ERR_MEMORY. */
must_check enum err served_new(SSL_CTX *ctx, EVP_PKEY *key, struct served **out);
void served_free(struct served *s);

/* The control plane's, with its CA's. ERR_CRYPTO: it is for another key; then nothing changes. */
must_check enum err served_control(struct served *s, X509 *leaf, X509 *ca);
/* A public authority's. ERR_CRYPTO likewise. */
must_check enum err served_public(struct served *s, X509 *leaf, STACK_OF(X509) *chain, uint64_t not_after_s);
/* From time to time: true when the public one is over and the control plane's is shown from now on. */
bool served_look(struct served *s, uint64_t now_s);

struct served_now {
    enum served_source source;
    uint64_t not_after_s; /* unix; 0: of the self-signed one, which nobody should trust */
};
/* NULL: the self-signed one. */
struct served_now served_now(struct served *s);

#endif
