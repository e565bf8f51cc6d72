/* Who pays for the memory: each account out of its own share of the content budget, so that one customer's
 * large or slow requests never leave no room for the others'. Accounts meet in a share by chance only. */
#ifndef TR_DATAPLANE_KEYS_SHARE_H
#define TR_DATAPLANE_KEYS_SHARE_H

#include "budget.h"
#include "keyring.h"

enum { SHARES = 256 }; /* of the content budget; two accounts seldom meet in one */

struct shares {
    struct budget *budget[SHARES];
    struct keyring *keyring; /* borrowed */
    uint8_t key[16];         /* of the hash of accounts; new at each boot */
};

/* Makes the shares of `content`. They last as long as the program. ERR_MEMORY leaves some of them. */
must_check enum err shares_init(struct shares *s, struct budget *content, struct keyring *keyring);
/* The share of this key's account; of all keys that are not known here, or have no money, one together.
 * Any thread. */
struct budget *share_of(const struct shares *s, const struct digest32 *who);

#endif
