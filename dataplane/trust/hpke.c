/* The key schedule of RFC 9180, sections 4 and 5. */
#include "hpke.h"

#include "hkdf.h"

#include <string.h>

enum { HPKE_PARTS_MAX = 6 };

/* suite_id of the KEM, and of the whole. */
static const uint8_t kem_id[] = {'K', 'E', 'M', HPKE_KEM >> 8, HPKE_KEM & 0xff};
static const uint8_t suite_id[] = {'H',           'P',           'K',
                                   'E',           HPKE_KEM >> 8, HPKE_KEM & 0xff,
                                   HPKE_KDF >> 8, HPKE_KDF & 0xff, HPKE_AEAD >> 8,
                                   HPKE_AEAD & 0xff};
static const struct view kem = {kem_id, sizeof kem_id}, suite = {suite_id, sizeof suite_id};

/* LabeledExtract(): the label says which protocol and which step the secret is for. */
static void hpke_extract(struct view salt, struct view id, const char *label, struct view ikm,
                         struct secret32 *out)
{
    const struct view parts[] = {VIEW_LIT("HPKE-v1"), id, view_str(label), ikm};

    hkdf_extract(salt, parts, sizeof parts / sizeof parts[0], out);
}

/* LabeledExpand(). */
static void hpke_expand(const struct secret32 *secret, struct view id, const char *label, struct view info,
                        struct view more, uint8_t *out, size_t len)
{
    const uint8_t length[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    const struct view parts[HPKE_PARTS_MAX] = {view_of(length, sizeof length), VIEW_LIT("HPKE-v1"), id,
                                               view_str(label), info, more};

    hkdf_expand(secret, parts, HPKE_PARTS_MAX, out, len);
}

enum err hpke_begin(struct hpke *h, const struct secret32 *dh, const uint8_t enc[static HPKE_KEY_BYTES],
                    const uint8_t own[static HPKE_KEY_BYTES], struct view info, bool seals)
{
    struct secret32 prk, shared, secret, key, psk_id_hash, info_hash;
    uint8_t nonce[GCM_NONCE_BYTES];
    uint8_t context[1 + 2 * sizeof info_hash.b] = {0}; /* mode base */
    enum err e;

    memset(h, 0, sizeof *h);
    hpke_extract(VIEW_EMPTY, kem, "eae_prk", view_of(dh->b, sizeof dh->b), &prk);
    hpke_expand(&prk, kem, "shared_secret", view_of(enc, HPKE_KEY_BYTES), view_of(own, HPKE_KEY_BYTES), shared.b,
                sizeof shared.b);

    hpke_extract(VIEW_EMPTY, suite, "psk_id_hash", VIEW_EMPTY, &psk_id_hash);
    hpke_extract(VIEW_EMPTY, suite, "info_hash", info, &info_hash);
    memcpy(context + 1, psk_id_hash.b, sizeof psk_id_hash.b);
    memcpy(context + 1 + sizeof psk_id_hash.b, info_hash.b, sizeof info_hash.b);
    hpke_extract(view_of(shared.b, sizeof shared.b), suite, "secret", VIEW_EMPTY, &secret);
    hpke_expand(&secret, suite, "key", view_of(context, sizeof context), VIEW_EMPTY, key.b, sizeof key.b);
    hpke_expand(&secret, suite, "base_nonce", view_of(context, sizeof context), VIEW_EMPTY, nonce, sizeof nonce);
    hpke_expand(&secret, suite, "exp", view_of(context, sizeof context), VIEW_EMPTY, h->exporter.b,
                sizeof h->exporter.b);
    e = gcm_begin(&h->gcm, &key, nonce, seals);
    if (e != ERR_NONE)
        secret_wipe(h, sizeof *h);

    secret_wipe(&prk, sizeof prk);
    secret_wipe(&shared, sizeof shared);
    secret_wipe(&secret, sizeof secret);
    secret_wipe(&key, sizeof key);
    secret_wipe(nonce, sizeof nonce);
    return e;
}

void hpke_free(struct hpke *h)
{
    gcm_free(&h->gcm);
    secret_wipe(&h->exporter, sizeof h->exporter);
}

void hpke_export(const struct hpke *h, struct view context, struct secret32 *out)
{
    hpke_expand(&h->exporter, suite, "sec", context, VIEW_EMPTY, out->b, sizeof out->b);
}
