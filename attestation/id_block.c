#include "id_block.h"

#include "report.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

enum {
    /* ID block */
    AT_FAMILY_ID = 48,
    AT_IMAGE_ID = 64,
    AT_VERSION = 80,
    AT_GUEST_SVN = 84,
    AT_POLICY = 88,
    ID_BLOCK_VERSION = 1,
    /* a key: u32 curve, X, Y, each 72 bytes little-endian, then zeros */
    CURVE_P384 = 2,
    KEY_AT_X = 4,
    KEY_AT_Y = KEY_AT_X + SNP_COMPONENT_BYTES,
    KEY_AT_RESERVED = KEY_AT_Y + SNP_COMPONENT_BYTES,
    POINT_BYTES = 1 + 2 * SNP_SCALAR_BYTES, /* uncompressed */
    /* ID_AUTH */
    AUTH_AT_ID_ALGO = 0,
    AUTH_AT_AUTHOR_ALGO = 4,
    AUTH_AT_BLOCK_SIG = 0x40,
    AUTH_AT_ID_KEY = 0x240,
    AUTH_AT_KEY_SIG = 0x680,
    AUTH_AT_AUTHOR_KEY = 0x880,
    AUTH_AT_END = AUTH_AT_AUTHOR_KEY + ID_KEY_BYTES,
    ALGO_ECDSA_P384_SHA384 = 1,
    SIG_BYTES = 512, /* R, S, then zeros */
    DER_MAX = 112,
};

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

void id_block_encode(const struct id_block *b, uint8_t out[static ID_BLOCK_BYTES])
{
    memcpy(out, b->launch.b, sizeof b->launch.b);
    memcpy(out + AT_FAMILY_ID, b->family_id, sizeof b->family_id);
    memcpy(out + AT_IMAGE_ID, b->image_id, sizeof b->image_id);
    put_le(out + AT_VERSION, ID_BLOCK_VERSION, 4);
    put_le(out + AT_GUEST_SVN, b->guest_svn, 4);
    put_le(out + AT_POLICY, b->policy, 8);
}

bool id_block_policy_valid(uint64_t policy)
{
    return (policy & SNP_POLICY_MUST_BE_ONE) != 0 && policy >> SNP_POLICY_KNOWN_BITS == 0;
}

/* --- keys */

static void reverse(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[n - 1 - i];
}

static int no_passphrase(char *buf, int size, int writing, void *cookie)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)cookie;
    return -1; /* the default would ask the terminal */
}

static EVP_PKEY *pem_key(struct view pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = NULL;

    if (bio != NULL)
        key = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    if (key == NULL && bio != NULL && BIO_reset(bio) == 1)
        key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    return key;
}

enum err id_key_from_pem(struct view pem, uint8_t out[static ID_KEY_BYTES])
{
    EVP_PKEY *key = pem.len <= 64 << 10 ? pem_key(pem) : NULL;
    uint8_t point[POINT_BYTES];
    char group[32] = "";
    size_t n = 0;
    enum err e = ERR_FORMAT;

    if (key != NULL && EVP_PKEY_is_a(key, "EC") == 1 &&
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                       NULL) == 1 &&
        strcmp(group, "secp384r1") == 0 &&
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n) ==
            1 &&
        n == sizeof point && point[0] == 4) {
        memset(out, 0, ID_KEY_BYTES);
        put_le(out, CURVE_P384, 4);
        reverse(out + KEY_AT_X, point + 1, SNP_SCALAR_BYTES);
        reverse(out + KEY_AT_Y, point + 1 + SNP_SCALAR_BYTES, SNP_SCALAR_BYTES);
        e = ERR_NONE;
    }
    EVP_PKEY_free(key);
    return e;
}

void id_key_digest(const uint8_t key[static ID_KEY_BYTES], struct digest48 *out)
{
    digest_sha384(view_of(key, ID_KEY_BYTES), out);
}

static bool zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* R, S and coordinates have 48 bytes that count, of 72. */
static bool high_bytes_zero(const uint8_t *component)
{
    return zero(component + SNP_SCALAR_BYTES, SNP_COMPONENT_BYTES - SNP_SCALAR_BYTES);
}

/* OpenSSL checks that the point is on the curve. */
static EVP_PKEY *key_parse(const uint8_t *raw)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    uint8_t point[POINT_BYTES] = {4};
    char group[] = "secp384r1";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;

    reverse(point + 1, raw + KEY_AT_X, SNP_SCALAR_BYTES);
    reverse(point + 1 + SNP_SCALAR_BYTES, raw + KEY_AT_Y, SNP_SCALAR_BYTES);
    if (ctx == NULL || snp_load32(raw) != CURVE_P384 || !high_bytes_zero(raw + KEY_AT_X) ||
        !high_bytes_zero(raw + KEY_AT_Y) ||
        !zero(raw + KEY_AT_RESERVED, ID_KEY_BYTES - KEY_AT_RESERVED) ||
        EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* --- signatures */

/* The ABI's R and S as the DER that OpenSSL verifies. 0: out of shape. */
static size_t signature_der(const uint8_t *raw, uint8_t der[static DER_MAX])
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_lebin2bn(raw, SNP_SCALAR_BYTES, NULL);
    BIGNUM *s = BN_lebin2bn(raw + SNP_COMPONENT_BYTES, SNP_SCALAR_BYTES, NULL);
    int n = 0;

    if (sig != NULL && high_bytes_zero(raw) && high_bytes_zero(raw + SNP_COMPONENT_BYTES) &&
        zero(raw + 2 * SNP_COMPONENT_BYTES, SIG_BYTES - 2 * SNP_COMPONENT_BYTES) &&
        ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* the signature's now */
        n = i2d_ECDSA_SIG(sig, NULL) <= DER_MAX ? i2d_ECDSA_SIG(sig, &der) : 0;
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return n > 0 ? (size_t)n : 0;
}

static enum err signature_check(const uint8_t *key_raw, const uint8_t *sig_raw,
                                struct view signed_bytes)
{
    EVP_PKEY *key = key_parse(key_raw);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[DER_MAX];
    size_t n = signature_der(sig_raw, der);
    enum err e = ERR_FORMAT;

    if (key != NULL && ctx != NULL && n != 0)
        e = EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, key) == 1 &&
                    EVP_DigestVerify(ctx, der, n, signed_bytes.ptr, signed_bytes.len) == 1
                ? ERR_NONE
                : ERR_ATTESTATION;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return e;
}

enum err id_auth_verify(struct view auth, const uint8_t block[static ID_BLOCK_BYTES],
                        struct id_auth *out)
{
    const uint8_t *a = auth.ptr;
    enum err e;

    *out = (struct id_auth){.has_author = false};
    if (auth.len != ID_AUTH_BYTES || snp_load32(a + AUTH_AT_ID_ALGO) != ALGO_ECDSA_P384_SHA384 ||
        !zero(a + 8, AUTH_AT_BLOCK_SIG - 8) ||
        !zero(a + AUTH_AT_ID_KEY + ID_KEY_BYTES, AUTH_AT_KEY_SIG - AUTH_AT_ID_KEY - ID_KEY_BYTES) ||
        !zero(a + AUTH_AT_END, ID_AUTH_BYTES - AUTH_AT_END))
        return ERR_FORMAT;
    e = signature_check(a + AUTH_AT_ID_KEY, a + AUTH_AT_BLOCK_SIG, view_of(block, ID_BLOCK_BYTES));
    if (e != ERR_NONE)
        return e;
    id_key_digest(a + AUTH_AT_ID_KEY, &out->id_key);
    out->has_author = !zero(a + AUTH_AT_AUTHOR_KEY, ID_KEY_BYTES);
    if (!out->has_author)
        return ERR_NONE;
    if (snp_load32(a + AUTH_AT_AUTHOR_ALGO) != ALGO_ECDSA_P384_SHA384)
        return ERR_FORMAT;
    e = signature_check(a + AUTH_AT_AUTHOR_KEY, a + AUTH_AT_KEY_SIG,
                        view_of(a + AUTH_AT_ID_KEY, ID_KEY_BYTES));
    id_key_digest(a + AUTH_AT_AUTHOR_KEY, &out->author_key);
    return e;
}
