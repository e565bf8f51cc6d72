/* HKDF over libsodium's HMAC, which needs no memory of its own. */
#include "hkdf.h"

#include <assert.h>
#include <sodium.h>

void hkdf_extract(struct view salt, const struct view *parts, size_t n, struct secret32 *out)
{
    crypto_auth_hmacsha256_state s;

    crypto_auth_hmacsha256_init(&s, salt.ptr, salt.len);
    for (size_t i = 0; i < n; i++)
        crypto_auth_hmacsha256_update(&s, parts[i].ptr, parts[i].len);
    crypto_auth_hmacsha256_final(&s, out->b);
    secret_wipe(&s, sizeof s);
}

void hkdf_expand(const struct secret32 *secret, const struct view *info, size_t n, uint8_t *out, size_t len)
{
    static const uint8_t first = 1;
    crypto_auth_hmacsha256_state s;
    struct secret32 block;

    assert(len <= HKDF_EXPAND_MAX);
    crypto_auth_hmacsha256_init(&s, secret->b, sizeof secret->b);
    for (size_t i = 0; i < n; i++)
        crypto_auth_hmacsha256_update(&s, info[i].ptr, info[i].len);
    crypto_auth_hmacsha256_update(&s, &first, 1);
    crypto_auth_hmacsha256_final(&s, block.b);
    memcpy(out, block.b, len);
    secret_wipe(&s, sizeof s);
    secret_wipe(&block, sizeof block);
}
