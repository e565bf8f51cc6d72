/* (G) AES-256-GCM with nonces that count, over OpenSSL. */
#include "gcm.h"

#include "content_view.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>

/* Looked up once: a look-up for each message would cost a lock. */
static EVP_CIPHER *aes;
static pthread_once_t aes_once = PTHREAD_ONCE_INIT;

static void gcm_fetch(void)
{
    aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

enum err gcm_begin(struct gcm *g, const struct secret32 *key, const uint8_t base[static GCM_NONCE_BYTES],
                   bool seals)
{
    *g = (struct gcm){.ctx = EVP_CIPHER_CTX_new()};
    if (g->ctx == NULL)
        return ERR_MEMORY;
    memcpy(g->base, base, sizeof g->base);
    pthread_once(&aes_once, gcm_fetch);
    if (aes != NULL && EVP_CipherInit_ex2(g->ctx, aes, key->b, NULL, seals, NULL) == 1)
        return ERR_NONE;
    gcm_free(g);
    return ERR_CRYPTO;
}

void gcm_free(struct gcm *g)
{
    EVP_CIPHER_CTX_free(g->ctx); /* wipes */
    secret_wipe(g, sizeof *g);
}

/* The nonce of the next message and its additional data. */
static bool gcm_next(struct gcm *g, struct view aad, int seals)
{
    uint8_t nonce[GCM_NONCE_BYTES];
    int n;

    assert(g->ctx != NULL && g->next != UINT64_MAX && aad.len <= INT_MAX);
    memcpy(nonce, g->base, sizeof nonce);
    for (unsigned i = 0; i < 8; i++)
        nonce[GCM_NONCE_BYTES - 1 - i] ^= (uint8_t)(g->next >> (8 * i));
    return EVP_CipherInit_ex2(g->ctx, NULL, NULL, nonce, seals, NULL) == 1 &&
           (aad.len == 0 || EVP_CipherUpdate(g->ctx, NULL, &n, aad.ptr, (int)aad.len) == 1);
}

enum err gcm_seal(struct gcm *g, struct view aad, struct view plain, uint8_t *out)
{
    int n, end;

    if (plain.len > INT_MAX || !gcm_next(g, aad, 1) ||
        (plain.len != 0 && EVP_EncryptUpdate(g->ctx, out, &n, plain.ptr, (int)plain.len) != 1) ||
        EVP_EncryptFinal_ex(g->ctx, out + plain.len, &end) != 1 ||
        EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, out + plain.len) != 1)
        return ERR_CRYPTO;
    g->next++;
    return ERR_NONE;
}

enum err gcm_open(struct gcm *g, struct view aad, struct view sealed, uint8_t *out)
{
    uint8_t tag[GCM_TAG_BYTES];
    size_t len;
    int n, end;

    if (sealed.len < sizeof tag)
        return ERR_FORMAT;
    len = sealed.len - sizeof tag;
    memcpy(tag, sealed.ptr + len, sizeof tag);
    if (len > INT_MAX || !gcm_next(g, aad, 0) ||
        (len != 0 && EVP_DecryptUpdate(g->ctx, out, &n, sealed.ptr, (int)len) != 1) ||
        EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1 ||
        EVP_DecryptFinal_ex(g->ctx, out + len, &end) != 1)
        return ERR_CRYPTO;
    g->next++;
    return ERR_NONE;
}
