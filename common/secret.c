#include "secret.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

/* Fetched once: an implicit fetch per digest costs more than hashing an API key does. */
static EVP_MD *sha256, *sha384, *sha512;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key; /* frees a thread's context when the thread ends */

/* Each thread's SHA-256 context, already set up and reused for every digest. OpenSSL's SHA-256
 * wipes its block buffer when it finishes, so no hashed byte stays behind in it. */
static _Thread_local EVP_MD_CTX *context;

static void context_free(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void init_once(void)
{
    if (sodium_init() < 0)
        return;
    if (pthread_key_create(&context_key, context_free) != 0)
        return;
    sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL);
    sha512 = EVP_MD_fetch(NULL, "SHA2-512", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
}

enum err secret_init(void)
{
    pthread_once(&once, init_once);
    return sha256 != NULL && sha384 != NULL && sha512 != NULL ? ERR_NONE : ERR_CRYPTO;
}

static void need_init(void)
{
    enum err e = secret_init();

    if (e != ERR_NONE)
        abort(); /* callers that skipped secret_init() must not go on with digests of nothing */
}

void secret_wipe(void *p, size_t n)
{
    if (n != 0)
        sodium_memzero(p, n);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

void secret_random(void *p, size_t n)
{
    need_init(); /* libsodium's generator is safe between threads only once it is set up */
    randombytes_buf(p, n);
}

static EVP_MD_CTX *thread_context(void)
{
    if (context == NULL) {
        int ok;

        need_init();
        context = EVP_MD_CTX_new();
        if (context == NULL || pthread_setspecific(context_key, context) != 0)
            abort(); /* a few hundred bytes, once per thread */
        ok = EVP_DigestInit_ex2(context, sha256, NULL);
        assert(ok == 1);
    }
    return context;
}

void digest_sha256_2(struct view a, struct view b, struct digest32 *out)
{
    EVP_MD_CTX *ctx = thread_context();
    int ok = EVP_DigestInit_ex2(ctx, NULL, NULL); /* the same digest again: no lookup, no malloc */

    ok &= EVP_DigestUpdate(ctx, a.ptr, a.len);
    ok &= EVP_DigestUpdate(ctx, b.ptr, b.len);
    ok &= EVP_DigestFinal_ex(ctx, out->b, NULL);
    assert(ok == 1);
}

void digest_sha256(struct view v, struct digest32 *out)
{
    digest_sha256_2(v, VIEW_EMPTY, out);
}

/* A context of its own: OpenSSL's SHA-512 family leaves its last block in the context, and only
 * freeing the context wipes it. These digests are for reports and signatures, not for each request.
 */
static void digest_once(const EVP_MD *md, struct view v, uint8_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok;

    if (ctx == NULL)
        abort();
    ok = EVP_DigestInit_ex2(ctx, md, NULL);
    ok &= EVP_DigestUpdate(ctx, v.ptr, v.len);
    ok &= EVP_DigestFinal_ex(ctx, out, NULL);
    assert(ok == 1);
    EVP_MD_CTX_free(ctx);
}

void digest_sha384(struct view v, struct digest48 *out)
{
    need_init();
    digest_once(sha384, v, out->b);
}

void digest_sha512(struct view v, uint8_t out[static 64])
{
    need_init();
    digest_once(sha512, v, out);
}

void hex_encode(const void *p, size_t n, char *out)
{
    sodium_bin2hex(out, n * 2 + 1, p, n);
}

enum err hex_decode(struct view text, uint8_t *out, size_t n)
{
    size_t written;

    if (text.len % 2 != 0 || text.len / 2 != n)
        return ERR_FORMAT;
    if (n == 0)
        return ERR_NONE;
    if (sodium_hex2bin(out, n, (const char *)text.ptr, text.len, NULL, &written, NULL) != 0)
        return ERR_FORMAT;
    return written == n ? ERR_NONE : ERR_FORMAT;
}
