/* Whether a message that a wallet signed signs its owner in here: that it is meant for this site and says what we asked to
 * be signed, and that the address in it has signed it (EIP-191, secp256k1). Wallets that are contracts (EIP-1271) sign by a
 * program on a chain, which nobody here can ask: their signatures are refused. */
#ifndef TR_CONTROLPLANE_IDENTITY_WALLET_H
#define TR_CONTROLPLANE_IDENTITY_WALLET_H

#include "site.h"
#include "wallet_message.h"

enum {
    WALLET_SIGNATURE_BYTES = 65, /* r, s, v */
    WALLET_SKEW_S = 300,         /* a wallet's clock may be so far ahead */
};

/* What a message is for; each has a statement of its own, so that a signature for signing in adds no wallet to an account, or the
 * other way round. */
enum wallet_purpose { WALLET_SIGN_IN, WALLET_ADD, WALLET_PURPOSES };
struct view wallet_statement(enum wallet_purpose purpose);

/* now_s: unix seconds. NULL: it may be used, if its nonce is one of ours. Otherwise a literal sentence. */
const char *wallet_message_fault(const struct wallet_message *m, const struct site *site, enum wallet_purpose purpose,
                                 uint64_t now_s);

/* Whether this address has signed text. ERR_AUTH: not; also a signature whose s is in the upper half of the order or whose
 * v is none of 27, 28, 0, 1: of each signature there is one form. */
must_check enum err wallet_verify(struct view text, const uint8_t signature[static WALLET_SIGNATURE_BYTES],
                                  const uint8_t address[static WALLET_ADDRESS_BYTES]);

#endif
