/* Which share of the content budget pays for a key's requests. */
#include "share.h"

#include "clock.h"

#include <sodium.h>

_Static_assert(crypto_shorthash_KEYBYTES == sizeof(((struct shares *)0)->key), "the hash's key");

enum err shares_init(struct shares *s, struct budget *content, struct keyring *keyring)
{
    enum err e = ERR_NONE;

    *s = (struct shares){.keyring = keyring};
    secret_random(s->key, sizeof s->key);
    for (unsigned i = 0; i < SHARES && e == ERR_NONE; i++)
        e = budget_share_new(content, &s->budget[i]);
    return e;
}

struct budget *share_of(const struct shares *s, const struct digest32 *who)
{
    uint64_t hash = 0;
    struct id account;
    struct key *key;

    if (keyring_find(s->keyring, who, clock_mono_ms(), &key) != ERR_NONE)
        return s->budget[0];
    account = key_account(key);
    key_release(key);
    crypto_shorthash((uint8_t *)&hash, account.b, sizeof account.b, s->key);
    return s->budget[1 + hash % (SHARES - 1)];
}
