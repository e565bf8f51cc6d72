/* Signed messages of wallets: for whom they are, and who has signed them. */
#include "wallet.h"

#include "keccak.h"
#include "secret.h"

#include <assert.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>

enum { POINT_BYTES = 65 }; /* 4, x, y */

/* --- what was signed */

struct view wallet_statement(enum wallet_purpose purpose)
{
    static const struct view statements[WALLET_PURPOSES] = {
        [WALLET_SIGN_IN] = VIEW_LIT("Sign in to TrustedRouter."),
        [WALLET_ADD] = VIEW_LIT("Add this wallet to my TrustedRouter account. It will sign me in."),
    };

    assert(purpose < WALLET_PURPOSES);
    return statements[purpose];
}

/* The site itself, or a page of it. */
static bool uri_is_ours(struct view uri, const struct site *site)
{
    struct view path = view_from(uri, site->origin.len);

    return view_starts(uri, site->origin) && (path.len == 0 || path.ptr[0] == '/');
}

const char *wallet_message_fault(const struct wallet_message *m, const struct site *site, enum wallet_purpose purpose,
                                 uint64_t now_s)
{
    if (!view_eq(m->domain, site->domain) || (m->scheme.len != 0 && !view_eq(m->scheme, VIEW_LIT("https"))))
        return "The message is for another site.";
    if (!uri_is_ours(m->uri, site))
        return "The message's URI is of another site.";
    if (!view_eq(m->statement, wallet_statement(purpose)))
        return "The message does not say what was asked to be signed.";
    if (m->resources != 0)
        return "The message names resources: nothing of the kind was asked for.";
    if (m->issued_s > now_s + WALLET_SKEW_S)
        return "The message was issued in the future.";
    if (m->expires_s != 0 && m->expires_s <= now_s)
        return "The message has expired.";
    if (m->not_before_s > now_s)
        return "The message is not valid yet.";
    return NULL;
}

/* --- by whom */

/* EIP-191, version 0x45: what a wallet hashes when a page asks it to sign a text. */
static void message_digest(struct view text, uint8_t out[static KECCAK_BYTES])
{
    char head[64];
    int len = snprintf(head, sizeof head, "\x19" "Ethereum Signed Message:\n%zu", text.len);

    assert(len > 0 && (size_t)len < sizeof head);
    keccak256(view_of(head, (size_t)len), text, out);
}

static bool recovery_id(uint8_t v, int *out)
{
    *out = v >= 27 ? v - 27 : v;
    return *out == 0 || *out == 1;
}

/* The one with the smaller s: with the other one, -s, the same message would have two signatures (EIP-2). */
static bool is_low(const secp256k1_context *context, const secp256k1_ecdsa_recoverable_signature *signature)
{
    secp256k1_ecdsa_signature plain;

    return secp256k1_ecdsa_recoverable_signature_convert(context, &plain, signature) == 1 &&
           secp256k1_ecdsa_signature_normalize(context, NULL, &plain) == 0;
}

/* The address of a public key: the last 20 bytes of its digest. */
static bool address_of(const secp256k1_context *context, const secp256k1_pubkey *key,
                       uint8_t out[static WALLET_ADDRESS_BYTES])
{
    uint8_t point[POINT_BYTES], digest[KECCAK_BYTES];
    size_t len = sizeof point;

    if (secp256k1_ec_pubkey_serialize(context, point, &len, key, SECP256K1_EC_UNCOMPRESSED) != 1 || len != sizeof point)
        return false;
    keccak256(view_of(point + 1, sizeof point - 1), VIEW_EMPTY, digest);
    memcpy(out, digest + KECCAK_BYTES - WALLET_ADDRESS_BYTES, WALLET_ADDRESS_BYTES);
    return true;
}

enum err wallet_verify(struct view text, const uint8_t signature[static WALLET_SIGNATURE_BYTES],
                       const uint8_t address[static WALLET_ADDRESS_BYTES])
{
    const secp256k1_context *context = secp256k1_context_static; /* enough for recovery */
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    uint8_t digest[KECCAK_BYTES], signer[WALLET_ADDRESS_BYTES];
    int id;

    if (!recovery_id(signature[WALLET_SIGNATURE_BYTES - 1], &id) ||
        secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, signature, id) != 1 ||
        !is_low(context, &parsed))
        return ERR_AUTH;
    message_digest(text, digest);
    if (secp256k1_ecdsa_recover(context, &key, &parsed, digest) != 1 || !address_of(context, &key, signer))
        return ERR_AUTH;
    return memcmp(signer, address, sizeof signer) == 0 ? ERR_NONE : ERR_AUTH;
}
