/* JWK sets: what an issuer publishes, which is as untrusted as anything from outside until it is parsed. */
#include "jwks.h"
#include "base64.h"
#include "json.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

static const char *const alg_names[JWS_ALGS] = {
    [JWS_RS256] = "RS256",
    [JWS_ES256] = "ES256",
    [JWS_EDDSA] = "EdDSA",
};

bool jws_alg_named(struct view name, enum jws_alg *out)
{
    for (enum jws_alg a = 0; a < JWS_ALGS; a++)
        if (view_eq(name, view_str(alg_names[a]))) {
            *out = a;
            return true;
        }
    return false;
}

/* --- one key --- */

/* The only member of this name, a plain string of at most max characters. */
static bool text_of(struct json_value key, const char *name, size_t max, struct view *out)
{
    struct json_value v;

    return json_only(key, name, &v) == ERR_NONE && json_string_plain(v, out) && out->len <= max;
}

/* It is absent, or says this. */
static bool says(struct json_value key, const char *name, const char *what)
{
    struct json_value v;
    enum err e = json_only(key, name, &v);

    return e == ERR_NOT_FOUND || (e == ERR_NONE && json_string_is(v, what));
}

static bool bytes_of(struct json_value key, const char *name, size_t max, struct buf *out)
{
    struct view text;

    buf_init(out, max + 3);
    return text_of(key, name, 2 * max, &text) && base64url_decode(text, out) == ERR_NONE && out->len > 0 &&
           out->len <= max;
}

static EVP_PKEY *made(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key(struct json_value v)
{
    struct buf n = {0}, e = {0};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *bn_n = NULL, *bn_e = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (build == NULL || !bytes_of(v, "n", JWK_RSA_BITS_MAX / 8, &n) || !bytes_of(v, "e", 4, &e))
        goto done;
    bn_n = BN_bin2bn(n.ptr, (int)n.len, NULL);
    bn_e = BN_bin2bn(e.ptr, (int)e.len, NULL);
    if (bn_n == NULL || bn_e == NULL || BN_num_bits(bn_n) < JWK_RSA_BITS_MIN || !BN_is_odd(bn_n) || !BN_is_odd(bn_e) ||
        BN_num_bits(bn_e) < 2 || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn_n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, bn_e) != 1)
        goto done;
    params = OSSL_PARAM_BLD_to_param(build);
    key = made("RSA", params);
done:
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn_n);
    BN_free(bn_e);
    buf_free(&n);
    buf_free(&e);
    return key;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *p256_key(struct json_value v)
{
    char group[] = "P-256";
    uint8_t point[65] = {4};
    struct buf x = {0}, y = {0};
    EVP_PKEY *key = NULL;

    if (bytes_of(v, "x", 32, &x) && bytes_of(v, "y", 32, &y) && x.len == 32 && y.len == 32) {
        memcpy(point + 1, x.ptr, 32);
        memcpy(point + 33, y.ptr, 32);
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
            OSSL_PARAM_construct_end(),
        };
        key = made("EC", params);
    }
    buf_free(&x);
    buf_free(&y);
    return key;
}

static EVP_PKEY *ed25519_key(struct json_value v)
{
    struct buf x = {0};
    EVP_PKEY *key = NULL;

    if (bytes_of(v, "x", 32, &x) && x.len == 32)
        key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.ptr, x.len);
    buf_free(&x);
    return key;
}

static bool read_key(struct json_value v, struct jwk *out)
{
    static const struct {
        const char *kty, *crv; /* NULL: it has no curve */
        enum jws_alg alg;
        EVP_PKEY *(*key)(struct json_value v);
    } kinds[] = {
        {"RSA", NULL, JWS_RS256, rsa_key},
        {"EC", "P-256", JWS_ES256, p256_key},
        {"OKP", "Ed25519", JWS_EDDSA, ed25519_key},
    };
    struct json_value member;
    struct view kty, crv, kid = VIEW_EMPTY;
    enum err has_kid = json_only(v, "kid", &member);

    if (v.kind != JSON_OBJECT || !text_of(v, "kty", 16, &kty) || !says(v, "use", "sig") ||
        (has_kid == ERR_NONE && !json_string_plain(member, &kid)) || has_kid == ERR_DUPLICATE || kid.len > JWK_KID_MAX)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!view_eq(kty, view_str(kinds[i].kty)) || !says(v, "alg", alg_names[kinds[i].alg]) ||
            (kinds[i].crv != NULL && (!text_of(v, "crv", 16, &crv) || !view_eq(crv, view_str(kinds[i].crv)))))
            continue;
        out->alg = kinds[i].alg;
        out->key = kinds[i].key(v);
        if (kid.len > 0)
            memcpy(out->kid, kid.ptr, kid.len);
        out->kid[kid.len] = '\0';
        return out->key != NULL;
    }
    return false;
}

/* --- the set --- */

enum err jwks_parse(struct view json, struct jwks *out)
{
    struct json_value root, keys;
    struct json_member one;
    struct json_iter it;

    out->n = 0;
    if (json.len > JWKS_TEXT_MAX || json_check(json, &root, NULL) != ERR_NONE ||
        json_only(root, "keys", &keys) != ERR_NONE || keys.kind != JSON_ARRAY)
        return ERR_FORMAT;
    it = json_iter(keys);
    while (json_next(&it, &one) && out->n < JWKS_MAX)
        if (read_key(one.value, &out->keys[out->n]))
            out->n++;
    return ERR_NONE;
}

void jwks_free(struct jwks *k)
{
    for (size_t i = 0; i < k->n; i++)
        EVP_PKEY_free(k->keys[i].key);
    k->n = 0;
}

const struct jwk *jwks_find(const struct jwks *k, const char *kid, enum jws_alg alg)
{
    const struct jwk *found = NULL;

    for (size_t i = 0; i < k->n; i++) {
        const struct jwk *one = &k->keys[i];

        if (one->alg != alg || (kid[0] != '\0' && strcmp(one->kid, kid) != 0))
            continue;
        if (found != NULL)
            return NULL; /* which of them is meant? */
        found = one;
    }
    return found;
}
