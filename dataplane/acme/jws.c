/* JWS, JWK and thumbprints over OpenSSL. */
#include "jws.h"

#include "base64.h"
#include "secret.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

enum {
    JWS_COORDINATE = 32, /* bytes of a P-256 number */
    JWS_JWK_MAX = 256,
    JWS_PROTECTED_MAX = 4096,
};

static enum err append_coordinate(EVP_PKEY *key, const char *which, struct buf *out)
{
    uint8_t bytes[JWS_COORDINATE];
    BIGNUM *n = NULL;
    enum err e = ERR_CRYPTO;

    if (EVP_PKEY_get_bn_param(key, which, &n) == 1 && BN_bn2binpad(n, bytes, sizeof bytes) == sizeof bytes)
        e = base64url_append(view_of(bytes, sizeof bytes), out);
    BN_free(n);
    ERR_clear_error();
    return e;
}

enum err jws_jwk(EVP_PKEY *key, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""));

    if (e == ERR_NONE)
        e = append_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\",\"y\":\""));
    if (e == ERR_NONE)
        e = append_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, out);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("\"}")) : e;
}

enum err jws_thumbprint(EVP_PKEY *key, struct buf *out)
{
    struct digest32 digest;
    struct buf jwk;
    enum err e;

    buf_init(&jwk, JWS_JWK_MAX);
    e = jws_jwk(key, &jwk);
    if (e == ERR_NONE) {
        digest_sha256(buf_view(&jwk), &digest);
        e = base64url_append(view_of(digest.b, sizeof digest.b), out);
    }
    buf_free(&jwk);
    return e;
}

static enum err append_protected(EVP_PKEY *key, const struct jws_header *h, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"alg\":\"ES256\",\"nonce\":"));

    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(h->nonce));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"url\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(h->url));
    if (e == ERR_NONE)
        e = buf_append(out, h->kid != NULL ? VIEW_LIT(",\"kid\":") : VIEW_LIT(",\"jwk\":"));
    if (e == ERR_NONE)
        e = h->kid != NULL ? buf_append_json_string(out, view_str(h->kid)) : jws_jwk(key, out);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

/* The two numbers of the signature, 32 bytes each (RFC 7518 3.4), from OpenSSL's DER. */
static bool numbers_of(const uint8_t *der, size_t len, uint8_t out[static 2 * JWS_COORDINATE])
{
    const uint8_t *at = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    bool ok = sig != NULL &&
              BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, JWS_COORDINATE) == JWS_COORDINATE &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + JWS_COORDINATE, JWS_COORDINATE) == JWS_COORDINATE;

    ECDSA_SIG_free(sig);
    return ok;
}

static enum err append_signature(EVP_PKEY *key, struct view text, struct buf *out)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint8_t der[128], numbers[2 * JWS_COORDINATE];
    size_t len = sizeof der;
    enum err e = ERR_CRYPTO;

    if (md != NULL && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(md, der, &len, text.ptr, text.len) == 1 && numbers_of(der, len, numbers))
        e = base64url_append(view_of(numbers, sizeof numbers), out);
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return e;
}

enum err jws_sign(EVP_PKEY *key, const struct jws_header *h, struct view payload, struct buf *out)
{
    struct buf header, text;
    size_t dot = 0;
    enum err e;

    buf_init(&header, JWS_PROTECTED_MAX);
    buf_init(&text, 2 * JWS_PROTECTED_MAX + 2 * payload.len);
    e = append_protected(key, h, &header);
    if (e == ERR_NONE)
        e = base64url_append(buf_view(&header), &text);
    dot = text.len;
    if (e == ERR_NONE)
        e = buf_append_byte(&text, '.');
    if (e == ERR_NONE)
        e = base64url_append(payload, &text);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("{\"protected\":\""));
    if (e == ERR_NONE)
        e = buf_append(out, view_of(text.ptr, dot));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\",\"payload\":\""));
    if (e == ERR_NONE)
        e = buf_append(out, view_from(buf_view(&text), dot + 1));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\",\"signature\":\""));
    if (e == ERR_NONE)
        e = append_signature(key, buf_view(&text), out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\"}"));
    buf_free(&header);
    buf_free(&text);
    return e;
}
