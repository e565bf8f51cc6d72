/* How a request comes to its account's own keys: from the store, or asked of the control plane once. */
#include "own.h"

#include "clock.h"

#include <assert.h>

/* 0: the key is not known here, or its account has none. */
static uint64_t version_now(const struct admit_context *x, const struct digest32 *digest, struct id *account)
{
    uint64_t version;
    struct key *key;

    if (keyring_find(x->keyring, digest, clock_mono_ms(), &key) != ERR_NONE)
        return 0;
    version = key_own_version(key);
    *account = key_account(key);
    key_release(key);
    return version;
}

static void own_cb(void *cookie, struct inquiry_answer *answer)
{
    struct own *o = cookie;

    o->inquiry = NULL;
    o->failed = answer->e != ERR_NONE;
    o->ready(o->cookie);
}

static enum own_answer own_ask(struct own *o, const struct admit_context *x, const struct id *account,
                               void (*ready)(void *cookie), void *cookie)
{
    if (o->asked) /* and what came is not it, or nothing came */
        return OWN_UNREACHABLE;
    o->asked = true;
    o->ready = ready;
    o->cookie = cookie;
    return inquiry_own(x->port, account, own_cb, o, &o->inquiry) == ERR_NONE ? OWN_WAIT : OWN_UNREACHABLE;
}

enum own_answer own_step(struct own *o, struct own_store *store, const struct admit_context *x,
                         const struct digest32 *digest, void (*ready)(void *cookie), void *cookie)
{
    struct id account;

    assert(o->inquiry == NULL);
    o->store = store;
    own_keys_release(store, o->keys);
    o->keys = NULL;
    o->version = version_now(x, digest, &account);
    if (o->version == 0)
        return OWN_KNOWN;
    o->keys = own_store_find(store, &account, o->version);
    if (o->keys != NULL)
        return OWN_KNOWN;
    return o->failed ? OWN_UNREACHABLE : own_ask(o, x, &account, ready, cookie);
}

bool own_outdated(const struct own *o, const struct admit_context *x, const struct digest32 *digest)
{
    struct id account;
    uint64_t now = version_now(x, digest, &account);

    return o->store != NULL && now != 0 && now != o->version &&
           (o->keys == NULL || o->keys->version < now);
}

void own_drop(struct own *o)
{
    if (o->inquiry != NULL)
        inquiry_cancel(o->inquiry);
    o->inquiry = NULL;
    own_keys_release(o->store, o->keys);
    o->keys = NULL;
}
