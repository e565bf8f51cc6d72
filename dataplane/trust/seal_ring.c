/* Sealing keys in one block of guarded memory: found by id, given away as a list of secret halves. */
#include "seal_ring.h"

#include "evidence.h"
#include "identity.h"
#include "secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

struct seal_key {
    uint8_t public_key[crypto_box_PUBLICKEYBYTES];
    uint8_t secret_key[crypto_box_SECRETKEYBYTES];
};

struct seal_ring {
    struct seal_key *keys; /* LIMIT_SEAL_KEYS of them, from sodium_malloc; the first is our own */
    size_t n;
};

_Static_assert(crypto_box_SECRETKEYBYTES == 32 && crypto_box_PUBLICKEYBYTES == 32, "as on the wire");
_Static_assert(LIMIT_SEAL_KEYS * 32 + crypto_box_SEALBYTES <= LIMIT_SEAL_GIVE_BYTES, "all of them fit");

void seal_id(const uint8_t public_key[static 32], uint8_t out[static SEAL_ID_BYTES])
{
    struct digest32 d;

    digest_sha256(view_of(public_key, 32), &d);
    memcpy(out, d.b, SEAL_ID_BYTES);
}

enum err seal_ring_new(const struct identity_keys *keys, struct seal_ring **out)
{
    struct seal_ring *r = calloc(1, sizeof *r);
    struct secret32 own;

    if (r == NULL)
        return ERR_MEMORY;
    r->keys = sodium_malloc(LIMIT_SEAL_KEYS * sizeof *r->keys);
    if (r->keys == NULL) {
        free(r);
        return ERR_MEMORY;
    }
    memset(r->keys, 0, LIMIT_SEAL_KEYS * sizeof *r->keys);
    identity_sealing_key(keys, r->keys[0].public_key, &own);
    memcpy(r->keys[0].secret_key, own.b, sizeof own.b);
    secret_wipe(&own, sizeof own);
    r->n = 1;
    *out = r;
    return ERR_NONE;
}

void seal_ring_free(struct seal_ring *r)
{
    if (r == NULL)
        return;
    sodium_free(r->keys); /* wipes */
    free(r);
}

size_t seal_ring_count(const struct seal_ring *r)
{
    return r->n;
}

static const struct seal_key *ring_find(const struct seal_ring *r, const uint8_t id[static SEAL_ID_BYTES])
{
    uint8_t here[SEAL_ID_BYTES];

    for (size_t i = 0; i < r->n; i++) {
        seal_id(r->keys[i].public_key, here);
        if (memcmp(here, id, sizeof here) == 0)
            return &r->keys[i];
    }
    return NULL;
}

enum err seal_ring_open(const struct seal_ring *r, const uint8_t id[static SEAL_ID_BYTES],
                        struct view sealed, struct buf *out)
{
    const struct seal_key *k = ring_find(r, id);
    size_t len;
    enum err e;

    if (k == NULL)
        return ERR_NOT_FOUND;
    if (sealed.len <= crypto_box_SEALBYTES)
        return ERR_CRYPTO;
    len = sealed.len - crypto_box_SEALBYTES;
    if ((e = buf_reserve(out, len)) != ERR_NONE)
        return e;
    if (crypto_box_seal_open(out->ptr + out->len, sealed.ptr, sealed.len, k->public_key,
                             k->secret_key) != 0)
        return ERR_CRYPTO;
    out->len += len;
    return ERR_NONE;
}

/* --- from boot to boot: the secret halves, one behind the other; the public ones follow from them. The others' come
 * first, the oldest of all in front, and our own last: a ring that has no room for all keeps the last ones. */

enum err seal_ring_give(const struct seal_ring *r, const uint8_t to_hpke[static 32], struct buf *out)
{
    size_t len = r->n * crypto_box_SECRETKEYBYTES;
    uint8_t *list = sodium_malloc(len);
    enum err e;

    if (list == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < r->n; i++)
        memcpy(list + i * crypto_box_SECRETKEYBYTES, r->keys[(i + 1) % r->n].secret_key,
               crypto_box_SECRETKEYBYTES);
    e = buf_reserve(out, len + crypto_box_SEALBYTES);
    if (e == ERR_NONE && crypto_box_seal(out->ptr + out->len, list, len, to_hpke) != 0)
        e = ERR_CRYPTO;
    if (e == ERR_NONE)
        out->len += len + crypto_box_SEALBYTES;
    sodium_free(list); /* wipes */
    return e;
}

/* A key made from this secret half; one that is here already is left alone, another one sets *more. */
static enum err ring_add(struct seal_ring *r, const uint8_t *secret, bool *more)
{
    struct seal_key k;
    uint8_t id[SEAL_ID_BYTES];
    enum err e = ERR_NONE;

    memcpy(k.secret_key, secret, sizeof k.secret_key);
    if (crypto_scalarmult_base(k.public_key, k.secret_key) != 0) {
        e = ERR_CRYPTO;
        goto done;
    }
    seal_id(k.public_key, id);
    if (ring_find(r, id) != NULL)
        goto done;
    if (r->n == LIMIT_SEAL_KEYS) {
        memmove(&r->keys[1], &r->keys[2], (LIMIT_SEAL_KEYS - 2) * sizeof k);
        r->n--;
    }
    r->keys[r->n++] = k;
    *more = true;
done:
    secret_wipe(&k, sizeof k);
    return e;
}

enum err seal_ring_take(struct seal_ring *r, const struct identity_keys *keys, struct view sealed, bool *more)
{
    struct buf list;
    enum err e;

    *more = false;
    buf_init(&list, LIMIT_SEAL_GIVE_BYTES);
    e = identity_open_sealed(keys, sealed, &list);
    if (e == ERR_NONE && list.len % crypto_box_SECRETKEYBYTES != 0)
        e = ERR_CRYPTO;
    for (size_t at = 0; e == ERR_NONE && at < list.len; at += crypto_box_SECRETKEYBYTES)
        e = ring_add(r, list.ptr + at, more);
    buf_free(&list); /* wipes */
    return e;
}
