/* Keccak-256 with the padding of 2011, as Ethereum uses it: not SHA3-256, whose padding has another byte. */
#ifndef TR_CONTROLPLANE_IDENTITY_KECCAK_H
#define TR_CONTROLPLANE_IDENTITY_KECCAK_H

#include "view.h"

enum { KECCAK_BYTES = 32 };

/* The digest of a and b, one behind the other. What is hashed here is public: nothing is wiped. */
void keccak256(struct view a, struct view b, uint8_t out[static KECCAK_BYTES]);

#endif
