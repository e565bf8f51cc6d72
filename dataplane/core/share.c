/* Which share of the content budget pays for a key's requests. */
#include "share.h"

#include "clock.h"

#include <sodium.h>

_Static_assert(crypto_shorthash_KEYBYTES == sizeof(((struct shared *)0)->user_key), "the hash's key");

enum err shares_new(struct shared *s)
{
    enum err e = ERR_NONE;

    for (unsigned i = 0; i < WORKER_SHARES && e == ERR_NONE; i++)
        e = budget_share_new(s->content, &s->shares[i]);
    return e;
}

struct budget *share_of(const struct shared *s, const struct digest32 *who)
{
    uint64_t hash = 0;
    struct id account;
    struct key *key;

    if (keyring_find(s->keyring, who, clock_mono_ms(), &key) != ERR_NONE)
        return s->shares[0];
    account = key_account(key);
    key_release(key);
    crypto_shorthash((uint8_t *)&hash, account.b, sizeof account.b, s->user_key);
    return s->shares[1 + hash % (WORKER_SHARES - 1)];
}
