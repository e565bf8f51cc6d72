/* What is decided by a member of a token is decided by the only member of that name: another reader would take the other. */
#include "id_token.h"
#include "base64.h"

#include <assert.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <string.h>

enum { AUDIENCES_MAX = 16, HEADER_MAX = 2048 };

/* --- the compact form --- */

/* Up to the next dot, which is taken, too. */
static bool take_part(struct view *rest, struct view *out)
{
    const uint8_t *dot = rest->len == 0 ? NULL : memchr(rest->ptr, '.', rest->len);

    if (dot == NULL)
        return false;
    *out = view_of(rest->ptr, (size_t)(dot - rest->ptr));
    *rest = view_from(*rest, out->len + 1);
    return true;
}

static enum err read_header(struct view text, struct id_token *out)
{
    struct json_value root, v;
    struct view name, kid = VIEW_EMPTY;
    struct buf json;
    enum err e, has_kid;

    buf_init(&json, HEADER_MAX);
    e = base64url_decode(text, &json);
    if (e == ERR_NONE && json_check(buf_view(&json), &root, NULL) != ERR_NONE)
        e = ERR_FORMAT;
    if (e == ERR_NONE && (json_only(root, "alg", &v) != ERR_NONE || !json_string_plain(v, &name)))
        e = ERR_FORMAT;
    if (e == ERR_NONE && (!jws_alg_named(name, &out->alg) || json_get(root, "crit", &v)))
        e = ERR_UNSUPPORTED;
    if (e == ERR_NONE) {
        has_kid = json_only(root, "kid", &v);
        if (has_kid == ERR_DUPLICATE || (has_kid == ERR_NONE && (!json_string_plain(v, &kid) || kid.len > JWK_KID_MAX)))
            e = ERR_FORMAT;
    }
    if (e == ERR_NONE && kid.len > 0)
        memcpy(out->kid, kid.ptr, kid.len);
    out->kid[e == ERR_NONE ? kid.len : 0] = '\0';
    buf_free(&json);
    return e == ERR_NONE || e == ERR_UNSUPPORTED || e == ERR_MEMORY ? e : ERR_FORMAT;
}

enum err id_token_split(struct view text, struct id_token *out)
{
    struct view rest = text, header, claims;
    struct buf signature;
    enum err e;

    memset(out, 0, sizeof *out);
    buf_init(&out->claims, ID_TOKEN_MAX);
    if (text.len > ID_TOKEN_MAX || !take_part(&rest, &header) || !take_part(&rest, &claims))
        return ERR_FORMAT;
    buf_init(&signature, ID_TOKEN_SIGNATURE_MAX);
    e = read_header(header, out);
    if (e == ERR_NONE)
        e = base64url_decode(claims, &out->claims);
    if (e == ERR_NONE)
        e = base64url_decode(rest, &signature);
    if (e == ERR_NONE && signature.len == 0)
        e = ERR_FORMAT;
    if (e == ERR_NONE) {
        memcpy(out->signature, signature.ptr, out->signature_len = signature.len);
        out->signed_part = view_of(text.ptr, header.len + 1 + claims.len);
    }
    buf_free(&signature);
    return e == ERR_LIMIT ? ERR_FORMAT : e;
}

void id_token_free(struct id_token *t)
{
    buf_free(&t->claims);
}

/* --- the signature --- */

/* ES256 writes r and s one behind the other, OpenSSL wants them in DER. false: they are none. */
static bool ecdsa_der(const struct id_token *t, uint8_t out[static 80], size_t *len)
{
    ECDSA_SIG *sig = t->signature_len == 64 ? ECDSA_SIG_new() : NULL;
    BIGNUM *r = BN_bin2bn(t->signature, 32, NULL), *s = BN_bin2bn(t->signature + 32, 32, NULL);
    int n = -1;

    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* they are the signature's now */
        if (i2d_ECDSA_SIG(sig, NULL) <= 80)
            n = i2d_ECDSA_SIG(sig, &(uint8_t *){out});
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

enum err id_token_verify(const struct id_token *t, const struct jwk *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const uint8_t *signature = t->signature;
    size_t len = t->signature_len;
    uint8_t der[80];
    bool good = ctx != NULL && key->alg == t->alg;

    if (good && t->alg == JWS_ES256) {
        good = ecdsa_der(t, der, &len);
        signature = der;
    }
    good = good && EVP_DigestVerifyInit(ctx, NULL, t->alg == JWS_EDDSA ? NULL : EVP_sha256(), NULL, key->key) == 1 &&
           EVP_DigestVerify(ctx, signature, len, t->signed_part.ptr, t->signed_part.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good ? ERR_NONE : ERR_AUTH;
}

/* --- the claims --- */

/* The only member of this name, decoded into out (NUL-terminated). Absent: empty. ERR_FORMAT: no string, twice, with a
 * control character, or longer than out holds. */
static enum err take_text(struct json_value claims, const char *name, char *out, size_t size)
{
    struct json_value v;
    struct buf text;
    enum err e = json_only(claims, name, &v);

    out[0] = '\0';
    if (e == ERR_NOT_FOUND || (e == ERR_NONE && v.kind == JSON_NULL))
        return ERR_NONE;
    if (e != ERR_NONE || v.kind != JSON_STRING)
        return ERR_FORMAT;
    buf_init(&text, size - 1);
    e = json_string_decode(v, &text);
    for (size_t i = 0; i < text.len && e == ERR_NONE; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            e = ERR_FORMAT;
    if (e == ERR_NONE && text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[e == ERR_NONE ? text.len : 0] = '\0';
    buf_free(&text);
    return e == ERR_NONE ? ERR_NONE : ERR_FORMAT;
}

enum err id_person_read(struct json_value claims, struct id_person *out)
{
    struct json_value v;
    enum err e;

    memset(out, 0, sizeof *out);
    e = take_text(claims, "sub", out->subject, sizeof out->subject);
    if (e == ERR_NONE && out->subject[0] == '\0')
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        e = take_text(claims, "email", out->email, sizeof out->email);
    if (e == ERR_NONE && take_text(claims, "name", out->name, sizeof out->name) != ERR_NONE)
        out->name[0] = '\0'; /* nobody is kept out by a name that is too long */
    if (e == ERR_NONE && json_only(claims, "email_verified", &v) == ERR_NONE)
        out->email_verified = v.kind == JSON_TRUE;
    return e;
}

static bool is(struct json_value claims, const char *name, const char *want)
{
    struct json_value v;

    return json_only(claims, name, &v) == ERR_NONE && json_string_is(v, want);
}

/* The client is among those it is for; when it is for others, too, azp says that the client asked for it. */
static bool for_client(struct json_value claims, const char *client)
{
    struct json_value aud, azp;
    struct json_member one;
    struct json_iter it;
    bool among = false;
    size_t n = 0;
    enum err has_azp = json_only(claims, "azp", &azp);

    if (has_azp == ERR_DUPLICATE || (has_azp == ERR_NONE && !json_string_is(azp, client)) ||
        json_only(claims, "aud", &aud) != ERR_NONE)
        return false;
    if (aud.kind == JSON_STRING)
        return json_string_is(aud, client);
    if (aud.kind != JSON_ARRAY)
        return false;
    it = json_iter(aud);
    while (json_next(&it, &one) && ++n <= AUDIENCES_MAX)
        among = among || json_string_is(one.value, client);
    return among && n <= AUDIENCES_MAX && (n == 1 || has_azp == ERR_NONE);
}

static bool seconds(struct json_value claims, const char *name, int64_t *out)
{
    struct json_value v;

    return json_only(claims, name, &v) == ERR_NONE && json_whole(v, out) == ERR_NONE && *out >= 0;
}

enum err id_claims_check(struct view claims, const struct id_claims_want *want, struct id_person *out)
{
    struct json_value root, nonce;
    struct view text;
    int64_t expires_s, made_s;

    memset(out, 0, sizeof *out);
    if (json_check(claims, &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT ||
        !seconds(root, "exp", &expires_s) || !seconds(root, "iat", &made_s))
        return ERR_FORMAT;
    if (!is(root, "iss", want->issuer) || !for_client(root, want->client_id) ||
        json_only(root, "nonce", &nonce) != ERR_NONE || !json_string_plain(nonce, &text) || !view_eq(text, want->nonce))
        return ERR_AUTH;
    if (expires_s <= want->now_s - ID_TOKEN_SKEW_S || made_s > want->now_s + ID_TOKEN_SKEW_S ||
        made_s < want->now_s - ID_TOKEN_AGE_S)
        return ERR_RANGE;
    return id_person_read(root, out);
}
