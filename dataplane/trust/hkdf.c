/* HKDF over libsodium's HMAC, which needs no memory of its own. */
#include "hkdf.h"

#include <assert.h>
#include <sodium.h>

static void hmac_begin(crypto_auth_hmacsha256_state *s, struct view key)
{
    static const uint8_t none; /* libsodium wants an address for no bytes, too */

    crypto_auth_hmacsha256_init(s, key.len != 0 ? key.ptr : &none, key.len);
}

static void hmac_add(crypto_auth_hmacsha256_state *s, const struct view *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (parts[i].len != 0)
            crypto_auth_hmacsha256_update(s, parts[i].ptr, parts[i].len);
}

void hkdf_extract(struct view salt, const struct view *parts, size_t n, struct secret32 *out)
{
    crypto_auth_hmacsha256_state s;

    hmac_begin(&s, salt);
    hmac_add(&s, parts, n);
    crypto_auth_hmacsha256_final(&s, out->b);
    secret_wipe(&s, sizeof s);
}

void hkdf_expand(const struct secret32 *secret, const struct view *info, size_t n, uint8_t *out, size_t len)
{
    static const uint8_t first = 1;
    crypto_auth_hmacsha256_state s;
    struct secret32 block;

    assert(len <= HKDF_EXPAND_MAX);
    hmac_begin(&s, view_of(secret->b, sizeof secret->b));
    hmac_add(&s, info, n);
    crypto_auth_hmacsha256_update(&s, &first, 1);
    crypto_auth_hmacsha256_final(&s, block.b);
    memcpy(out, block.b, len);
    secret_wipe(&s, sizeof s);
    secret_wipe(&block, sizeof block);
}
