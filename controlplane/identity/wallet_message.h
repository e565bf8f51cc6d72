/* The message that a wallet signs to sign in (EIP-4361, "Sign-In with Ethereum"), read by its grammar: every line where it
 * belongs, nothing behind the last one. Whether it is meant for this service is the caller's to ask (wallet.h). */
#ifndef TR_CONTROLPLANE_IDENTITY_WALLET_MESSAGE_H
#define TR_CONTROLPLANE_IDENTITY_WALLET_MESSAGE_H

#include "err.h"
#include "view.h"

#include <stdbool.h>

enum {
    WALLET_MESSAGE_MAX = 2048,  /* bytes; a message of ours has about 400 */
    WALLET_NONCE_MIN = 8,       /* characters, by the grammar */
    WALLET_ADDRESS_BYTES = 20,
};

/* Everything is borrowed from the text. What an optional line lacks is empty. */
struct wallet_message {
    struct view scheme, domain;
    uint8_t address[WALLET_ADDRESS_BYTES];
    struct view statement;
    struct view uri;
    uint64_t chain_id;
    struct view nonce;
    uint64_t issued_s, expires_s, not_before_s; /* unix; of the two optional ones 0: none */
    struct view request_id;
    unsigned resources; /* how many are listed */
};

/* ERR_FORMAT: not such a message, another version than 1, an address without the capitals of EIP-55, a time that is none.
 * *out is then undefined. */
must_check enum err wallet_message_parse(struct view text, struct wallet_message *out);

/* "0x" and 40 hex digits with the capitals of EIP-55, NUL-terminated. */
enum { WALLET_ADDRESS_TEXT = 2 + 2 * WALLET_ADDRESS_BYTES };
void wallet_address_text(const uint8_t address[static WALLET_ADDRESS_BYTES], char out[static WALLET_ADDRESS_TEXT + 1]);
/* ERR_FORMAT: another form, or other capitals. */
must_check enum err wallet_address_parse(struct view text, uint8_t out[static WALLET_ADDRESS_BYTES]);

#endif
