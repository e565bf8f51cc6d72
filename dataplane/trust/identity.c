#include "identity.h"

#include "aci.h"
#include "clock.h"
#include "evidence.h"
#include "tls.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

/* What must never leave: in sodium_malloc memory (guard pages, locked where the limit allows),
 * read-only once made. The TLS key is not here because OpenSSL keeps it in its own heap: locked
 * with the rest of the process, wiped when freed, but without guard pages. */
struct identity_secrets {
    uint8_t x25519[crypto_box_SECRETKEYBYTES];
    uint8_t seal[crypto_box_SECRETKEYBYTES];
    uint8_t ed25519[crypto_sign_SECRETKEYBYTES];
};

struct identity_keys {
    struct identity_secrets *secrets;
    EVP_PKEY *tls;
    struct identity document;
    struct buf text;
};

_Static_assert(crypto_box_PUBLICKEYBYTES == sizeof(((struct identity *)0)->hpke_x25519), "x25519");
_Static_assert(crypto_sign_PUBLICKEYBYTES == sizeof(((struct identity *)0)->receipt_ed25519),
               "ed25519");

/* The document is canonical JSON; an audience that would need escaping has no business there. */
static bool identity_audience_ok(const char *audience)
{
    size_t n = audience == NULL ? 0 : strlen(audience);

    if (n == 0 || n >= sizeof(((struct identity *)0)->audience))
        return false;
    for (size_t i = 0; i < n; i++)
        if (audience[i] <= ' ' || audience[i] > '~' || audience[i] == '"' || audience[i] == '\\')
            return false;
    return true;
}

static enum err identity_make_secrets(struct identity_keys *k)
{
    struct identity *d = &k->document;

    k->secrets = sodium_malloc(sizeof *k->secrets);
    if (k->secrets == NULL)
        return ERR_MEMORY;
    if (crypto_box_keypair(d->hpke_x25519, k->secrets->x25519) != 0 ||
        crypto_box_keypair(d->seal_x25519, k->secrets->seal) != 0 ||
        crypto_sign_keypair(d->receipt_ed25519, k->secrets->ed25519) != 0)
        return ERR_CRYPTO;
    return sodium_mprotect_readonly(k->secrets) == 0 ? ERR_NONE : ERR_CRYPTO;
}

enum err identity_keys_new(const struct identity_config *c, struct identity_keys **out)
{
    struct identity_keys *k = NULL;
    enum err e;

    if (!identity_audience_ok(c->audience))
        return ERR_CONFIG;
    if ((e = secret_init()) != ERR_NONE)
        return e;
    k = calloc(1, sizeof *k);
    if (k == NULL)
        return ERR_MEMORY;
    buf_init(&k->text, IDENTITY_MAX_BYTES);

    if ((e = identity_make_secrets(k)) != ERR_NONE || (e = tls_key_new(&k->tls)) != ERR_NONE)
        goto done;
    memcpy(k->document.audience, c->audience, strlen(c->audience) + 1);
    k->document.boot = id_new();
    k->document.config_sha256 = c->config_sha256;
    k->document.cp_spki_sha256 = c->cp_spki_sha256;
    k->document.not_after_s = clock_unix_ms() / 1000 + UINT64_C(86400) * IDENTITY_VALID_DAYS;
    k->document.simulated = c->simulated;
    k->document.unlocked_memory = c->unlocked_memory;
    if ((e = tls_spki_sha256(k->tls, &k->document.tls_spki_sha256)) != ERR_NONE ||
        (e = identity_encode(&k->document, &k->text)) != ERR_NONE)
        goto done;
    *out = k;
    k = NULL;
done:
    identity_keys_free(k);
    return e;
}

void identity_keys_free(struct identity_keys *k)
{
    if (k == NULL)
        return;
    sodium_free(k->secrets); /* makes it writable again, wipes it */
    EVP_PKEY_free(k->tls);
    buf_free(&k->text);
    free(k);
}

EVP_PKEY *identity_tls_key(const struct identity_keys *k)
{
    return k->tls;
}

struct id identity_boot(const struct identity_keys *k)
{
    return k->document.boot;
}

struct view identity_text(const struct identity_keys *k)
{
    return buf_view(&k->text);
}

void identity_tls_spki(const struct identity_keys *k, struct digest32 *out)
{
    *out = k->document.tls_spki_sha256;
}

void identity_receipt_key(const struct identity_keys *k, uint8_t out[static 32])
{
    memcpy(out, k->document.receipt_ed25519, sizeof k->document.receipt_ed25519);
}

enum err identity_sign_receipt(const struct identity_keys *k, struct view document, struct buf *out)
{
    return aci_receipt_sign(document, k->secrets->ed25519, out);
}

enum err identity_sign_text(const struct identity_keys *k, struct view text,
                            uint8_t out[static 64])
{
    return crypto_sign_detached(out, NULL, text.ptr, text.len, k->secrets->ed25519) == 0
               ? ERR_NONE
               : ERR_CRYPTO;
}

void identity_sealing_key(const struct identity_keys *k, uint8_t public_out[static 32],
                          struct secret32 *out)
{
    memcpy(public_out, k->document.seal_x25519, sizeof k->document.seal_x25519);
    memcpy(out->b, k->secrets->seal, sizeof k->secrets->seal);
}

const struct identity *identity_document(const struct identity_keys *k)
{
    return &k->document;
}

enum err identity_agree(const struct identity_keys *k, const uint8_t theirs[static 32], struct secret32 *out)
{
    return crypto_scalarmult(out->b, k->secrets->x25519, theirs) == 0 ? ERR_NONE : ERR_CRYPTO;
}

enum err identity_open_sealed(const struct identity_keys *k, struct view sealed, struct buf *out)
{
    size_t plain_len;
    enum err e;

    if (sealed.len < crypto_box_SEALBYTES)
        return ERR_CRYPTO;
    plain_len = sealed.len - crypto_box_SEALBYTES;
    if ((e = buf_reserve(out, plain_len)) != ERR_NONE)
        return e;
    if (plain_len == 0) /* an empty buffer may have no memory to decrypt into */
        return ERR_CRYPTO;
    if (crypto_box_seal_open(out->ptr + out->len, sealed.ptr, sealed.len,
                             k->document.hpke_x25519, k->secrets->x25519) != 0)
        return ERR_CRYPTO;
    out->len += plain_len;
    assert(out->len <= out->cap);
    return ERR_NONE;
}
