#include "audit_hash.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(crypto_auth_hmacsha256_KEYBYTES == 32, "a salt is the key");

void audit_hash_commit(enum audit_side side, const uint8_t salt[static 32],
                       const struct digest32 *body, struct digest32 *out)
{
    static const char request[] = "tr.commitment.request.v1"; /* with its NUL, as the others here */
    static const char response[] = "tr.commitment.response.v1";
    uint8_t text[sizeof response + 32];
    size_t n = side == AUDIT_REQUEST ? sizeof request : sizeof response;

    memcpy(text, side == AUDIT_REQUEST ? request : response, n);
    memcpy(text + n, body->b, 32);
    crypto_auth_hmacsha256(out->b, text, n + 32, salt);
}

void audit_hash_genesis(const struct id *boot, const uint8_t receipt_key[static 32],
                        const struct digest32 *anchor, struct digest32 *out)
{
    static const char purpose[] = "tr.audit.genesis.v1";
    uint8_t text[sizeof purpose + 16 + 32 + 32];
    uint8_t *at = text + sizeof purpose;

    memcpy(text, purpose, sizeof purpose);
    memcpy(at, boot->b, 16);
    memcpy(at + 16, receipt_key, 32);
    memcpy(at + 48, anchor->b, 32);
    digest_sha256(view_of(text, sizeof text), out);
}

void audit_hash_link(const struct digest32 *chain, const struct digest32 *leaf,
                     struct digest32 *out)
{
    static const char purpose[] = "tr.audit.link.v1";
    uint8_t text[sizeof purpose + 64];

    memcpy(text, purpose, sizeof purpose);
    memcpy(text + sizeof purpose, chain->b, 32);
    memcpy(text + sizeof purpose + 32, leaf->b, 32);
    digest_sha256(view_of(text, sizeof text), out);
}

void audit_hash_back(const struct digest32 *secret, struct digest32 *out)
{
    digest_sha256_2(VIEW_LIT("tr.audit.epoch.v1\0"), view_of(secret->b, 32), out);
}

uint64_t audit_hash_epoch(const struct id *request, uint64_t since_ms)
{
    uint64_t ms = 0, epoch;

    for (unsigned k = 0; k < 6; k++)
        ms = ms << 8 | request->b[k];
    epoch = ms < since_ms ? 0 : (ms - since_ms) / AUDIT_EPOCH_MS;
    return epoch < AUDIT_EPOCHS ? epoch : AUDIT_EPOCHS - 1;
}

bool audit_hash_pick(const struct digest32 *secret, const struct id *request, uint64_t rate_ppm)
{
    static const char purpose[] = "tr.audit.pick.v1";
    uint8_t text[sizeof purpose + 32 + 16];
    struct digest32 d;
    uint64_t p = 0;

    assert(rate_ppm <= AUDIT_PPM);
    memcpy(text, purpose, sizeof purpose);
    memcpy(text + sizeof purpose, secret->b, 32);
    memcpy(text + sizeof purpose + 32, request->b, 16);
    digest_sha256(view_of(text, sizeof text), &d);
    secret_wipe(text, sizeof text);
    for (unsigned k = 0; k < 8; k++)
        p = p << 8 | d.b[k];
    return (uint64_t)((unsigned __int128)p * AUDIT_PPM >> 64) < rate_ppm;
}
