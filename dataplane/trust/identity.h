/* Who this boot is: the keys born in its memory and the identity document that names them. The
 * document's digest is inside every attestation report, so a verifier that accepts the report knows that
 * these keys, and no others, belong to the measured program. Nothing here is ever written out;
 * a new boot is a new identity. */
#ifndef TR_DATAPLANE_TRUST_IDENTITY_H
#define TR_DATAPLANE_TRUST_IDENTITY_H

#include "buf.h"
#include "err.h"
#include "id.h"
#include "secret.h"
#include "view.h"

#include <openssl/evp.h>
#include <stdbool.h>

struct identity_keys;
struct identity; /* evidence.h */

struct identity_config {
    const char *audience;             /* the name clients connect to, at most 127 bytes */
    struct digest32 config_sha256;    /* the measured configuration: providers.digest */
    struct digest32 cp_spki_sha256;   /* the control plane this data plane pins */
    bool simulated;                   /* quote_backend.simulated */
    bool unlocked_memory;             /* the process could not lock it; said in the document */
};

/* Make the boot id and the four keys, each for one role: TLS (P-256), what the control plane and clients
 * seal to this boot (X25519), what customers seal to the fleet (X25519, seal_ring.h), receipts (Ed25519). Gives *out, to be freed when no thread uses it any more.
 * ERR_CONFIG: the audience is empty, too long, or not printable ASCII without quote or backslash.
 * ERR_CRYPTO, ERR_MEMORY. */
must_check enum err identity_keys_new(const struct identity_config *c, struct identity_keys **out);
/* Wipes every secret. */
void identity_keys_free(struct identity_keys *k);

/* The TLS key: the same one serves clients and proves this data plane on the link. Borrowed. */
EVP_PKEY *identity_tls_key(const struct identity_keys *k);
struct id identity_boot(const struct identity_keys *k);
/* The exact bytes of the identity document; live as long as k. */
struct view identity_text(const struct identity_keys *k);
/* SHA-256 of the TLS key's DER SubjectPublicKeyInfo. */
void identity_tls_spki(const struct identity_keys *k, struct digest32 *out);
/* The document's fields; live as long as k. */
const struct identity *identity_document(const struct identity_keys *k);
/* Both halves of the key that customers seal their own provider keys to. The caller wipes *out. */
void identity_sealing_key(const struct identity_keys *k, uint8_t public_out[static 32],
                          struct secret32 *out);
/* The public half of the receipt key (Ed25519). */
void identity_receipt_key(const struct identity_keys *k, uint8_t out[static 32]);

/* Append a receipt (an unsigned JSON document in any spelling) in canonical form with its signature.
 * The errors of aci_receipt_sign(). Any thread. */
must_check enum err identity_sign_receipt(const struct identity_keys *k, struct view document,
                                          struct buf *out);
/* Sign a text with the receipt key. It must be one that no receipt can be. ERR_CRYPTO. Any thread. */
must_check enum err identity_sign_text(const struct identity_keys *k, struct view text,
                                       uint8_t out[static 64]);

/* X25519 of this boot's hpke_x25519 and a sender's ephemeral key, of which HPKE derives its secrets; the caller
 * wipes *out. ERR_CRYPTO: it is not a key (the value would be all zeros). Any thread. */
must_check enum err identity_agree(const struct identity_keys *k, const uint8_t theirs[static 32],
                                   struct secret32 *out);

/* Open what was sealed to this boot's X25519 key (crypto_box_seal) and append the plain text to
 * out, which should be one that wipes (struct buf does). ERR_CRYPTO when it was not sealed to this
 * boot, ERR_LIMIT when out is too small; out is then unchanged. Any thread. */
must_check enum err identity_open_sealed(const struct identity_keys *k, struct view sealed,
                                         struct buf *out);

#endif
