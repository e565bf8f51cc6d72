/* The sealing keys of the fleet: X25519 keys to which customers seal provider keys of their own
 * (crypto_box_seal). Each boot makes one and names it in its identity document; boots of the same measurement
 * give theirs to each other (seal_peer.h says to whom), so that what was sealed to one opens in all of them,
 * also after that one has ended. Secrets lie in guarded memory and leave it sealed to another boot only.
 * One thread, the link's. */
#ifndef TR_DATAPLANE_TRUST_SEAL_RING_H
#define TR_DATAPLANE_TRUST_SEAL_RING_H

#include "bounds.h"
#include "buf.h"
#include "err.h"
#include "view.h"

struct identity_keys;
struct seal_ring;

enum { SEAL_ID_BYTES = 8 };
/* How a sealing key is called: the first bytes of the SHA-256 of its public half. */
void seal_id(const uint8_t public_key[static 32], uint8_t out[static SEAL_ID_BYTES]);

/* Begins with this boot's own key. ERR_MEMORY. Give to seal_ring_free(), which wipes. */
must_check enum err seal_ring_new(const struct identity_keys *keys, struct seal_ring **out);
void seal_ring_free(struct seal_ring *r);
size_t seal_ring_count(const struct seal_ring *r);

/* Append the plain text to out, which should be one that wipes. ERR_NOT_FOUND: no key of this id is here;
 * ERR_CRYPTO: it was not sealed to that key, or is damaged; ERR_LIMIT, ERR_MEMORY of out. On failure out is
 * unchanged. */
must_check enum err seal_ring_open(const struct seal_ring *r, const uint8_t id[static SEAL_ID_BYTES],
                                   struct view sealed, struct buf *out);

/* Append every key, our own as the last, sealed to this key of another boot, which the caller has found good.
 * ERR_CRYPTO; ERR_LIMIT, ERR_MEMORY of out. */
must_check enum err seal_ring_give(const struct seal_ring *r, const uint8_t to_hpke[static 32],
                                   struct buf *out);
/* Take in what another boot gave to us; keys that are here already stay as they are. When there is no room, the
 * one that came first makes way, never our own. *more, also on failure: a key has come that was not here.
 * ERR_CRYPTO: not sealed to this boot, or not pairs of keys. */
must_check enum err seal_ring_take(struct seal_ring *r, const struct identity_keys *keys, struct view sealed,
                                   bool *more);

#endif
