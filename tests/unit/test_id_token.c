/* Who is let in by a token of another service: keys, signatures and claims, each accepted form with rejected twins. Keys are
 * made here; signatures with OpenSSL's one-shot functions, not with what is tested. */
#include "check.h"
#include "controlplane/identity/id_token.c"
#include "controlplane/identity/issuer.c"
#include "controlplane/identity/jwks.c"

#include <openssl/ec.h>
#include <openssl/rsa.h>

static EVP_PKEY *rsa, *other, *p256, *ed;

static void make_keys(void)
{
    if (rsa != NULL)
        return;
    rsa = EVP_RSA_gen(2048);
    other = EVP_RSA_gen(2048);
    p256 = EVP_EC_gen("P-256");
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CHECK(rsa != NULL && other != NULL && p256 != NULL && ed != NULL);
}

/* --- building --- */

static char text_of_bytes[8][2048];

/* base64url of bytes, in one of eight slots. */
static const char *b64(unsigned slot, const uint8_t *bytes, size_t n)
{
    struct buf out;

    buf_init(&out, sizeof text_of_bytes[0]);
    CHECK_INT(base64url_append(view_of(bytes, n), &out), ERR_NONE);
    if (out.len != 0) /* memcpy() takes no NULL, not even for nothing */
        memcpy(text_of_bytes[slot], out.ptr, out.len);
    text_of_bytes[slot][out.len] = '\0';
    buf_free(&out);
    return text_of_bytes[slot];
}

static const char *number(unsigned slot, EVP_PKEY *key, const char *name, size_t pad)
{
    uint8_t bytes[1100];
    BIGNUM *n = NULL;
    int len;

    CHECK(EVP_PKEY_get_bn_param(key, name, &n) == 1);
    len = pad == 0 ? BN_num_bytes(n) : (int)pad;
    CHECK(BN_bn2binpad(n, bytes, len) == len);
    BN_free(n);
    return b64(slot, bytes, (size_t)len);
}

static char jwk_text[4][4096];

static const char *rsa_jwk(unsigned slot, EVP_PKEY *key, const char *more)
{
    snprintf(jwk_text[slot], sizeof jwk_text[slot], "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
             number(0, key, OSSL_PKEY_PARAM_RSA_N, 0), number(1, key, OSSL_PKEY_PARAM_RSA_E, 0), more);
    return jwk_text[slot];
}

static const char *ec_jwk(unsigned slot, const char *more)
{
    snprintf(jwk_text[slot], sizeof jwk_text[slot], "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}",
             number(0, p256, OSSL_PKEY_PARAM_EC_PUB_X, 32), number(1, p256, OSSL_PKEY_PARAM_EC_PUB_Y, 32), more);
    return jwk_text[slot];
}

static const char *ed_jwk(unsigned slot, const char *more)
{
    uint8_t raw[32];
    size_t n = sizeof raw;

    CHECK(EVP_PKEY_get_raw_public_key(ed, raw, &n) == 1);
    snprintf(jwk_text[slot], sizeof jwk_text[slot], "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}", b64(0, raw, n),
             more);
    return jwk_text[slot];
}

/* How many keys a set of these has; *out is the caller's. */
static size_t parsed(struct jwks *out, const char *a, const char *b)
{
    static char set[16384];

    snprintf(set, sizeof set, "{\"keys\":[%s%s%s]}", a, b[0] == '\0' ? "" : ",", b);
    CHECK_INT(jwks_parse(view_str(set), out), ERR_NONE);
    return out->n;
}

static size_t count_of(const char *one)
{
    struct jwks k;
    size_t n = parsed(&k, one, "");

    jwks_free(&k);
    return n;
}

/* --- keys --- */

static void keys_of_each_kind(void)
{
    struct jwks k;

    make_keys();
    CHECK_INT(parsed(&k, rsa_jwk(0, rsa, ",\"kid\":\"a\",\"alg\":\"RS256\",\"use\":\"sig\""), ec_jwk(1, ",\"kid\":\"b\"")), 2);
    CHECK(jwks_find(&k, "a", JWS_RS256) == &k.keys[0] && jwks_find(&k, "b", JWS_ES256) == &k.keys[1]);
    CHECK(jwks_find(&k, "", JWS_RS256) == &k.keys[0]);
    CHECK(jwks_find(&k, "b", JWS_RS256) == NULL && jwks_find(&k, "c", JWS_RS256) == NULL && jwks_find(&k, "", JWS_EDDSA) == NULL);
    CHECK(EVP_PKEY_eq(k.keys[0].key, rsa) == 1 && EVP_PKEY_eq(k.keys[1].key, p256) == 1);
    jwks_free(&k);
    CHECK_INT(parsed(&k, ed_jwk(0, ""), ""), 1);
    CHECK(EVP_PKEY_eq(k.keys[0].key, ed) == 1);
    jwks_free(&k);
    /* Two for one algorithm: without an id nobody knows which, and an id twice is none. */
    CHECK_INT(parsed(&k, rsa_jwk(0, rsa, ",\"kid\":\"a\""), rsa_jwk(1, other, ",\"kid\":\"a\"")), 2);
    CHECK(jwks_find(&k, "", JWS_RS256) == NULL && jwks_find(&k, "a", JWS_RS256) == NULL);
    jwks_free(&k);
}

static void keys_that_are_left_out(void)
{
    static const char *const wrong[] = {
        ",\"use\":\"enc\"",   ",\"alg\":\"HS256\"", ",\"alg\":\"RS512\"", ",\"alg\":null",
        ",\"kid\":5",         ",\"kid\":\"a\",\"kid\":\"b\"", ",\"kty\":\"oct\"", ",\"n\":\"AQAB\"", ",\"use\":[\"sig\"]",
    };
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    char kid[400];

    make_keys();
    CHECK_INT(count_of(rsa_jwk(0, rsa, "")), 1);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_INT(count_of(rsa_jwk(0, rsa, wrong[i])), 0);
    CHECK_INT(count_of(rsa_jwk(0, weak, "")), 0);
    memset(kid, 'k', sizeof kid);
    memcpy(kid, ",\"kid\":\"", 8);
    memcpy(kid + sizeof kid - 2, "\"", 2);
    CHECK_INT(count_of(rsa_jwk(0, rsa, kid)), 0);
    /* not on the curve; another curve; a coordinate that is cut */
    snprintf(jwk_text[2], sizeof jwk_text[2], "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
             number(0, p256, OSSL_PKEY_PARAM_EC_PUB_X, 32), number(1, p256, OSSL_PKEY_PARAM_EC_PUB_X, 32));
    CHECK_INT(count_of(jwk_text[2]), 0);
    CHECK_INT(count_of("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}"), 0);
    CHECK_INT(count_of("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}"), 0);
    CHECK_INT(count_of("{\"kty\":\"oct\",\"k\":\"AAAA\"}"), 0);
    CHECK_INT(count_of("5"), 0);
    EVP_PKEY_free(weak);
}

static void sets_that_are_none(void)
{
    static const char *const wrong[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]", "{\"keys\":[],\"keys\":[]}"};
    struct jwks k = {.n = 7};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_INT(jwks_parse(view_str(wrong[i]), &k), ERR_FORMAT);
        CHECK_INT(k.n, 0);
    }
    CHECK_INT(jwks_parse(VIEW_LIT("{\"keys\":[]}"), &k), ERR_NONE);
}

/* --- tokens --- */

static char token[8192];
static size_t extra; /* bytes behind the signature */

static const char *sealed(const char *header, const char *claims, EVP_PKEY *key, bool raw)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sig[600] = {0};
    size_t n = sizeof sig;

    snprintf(token, sizeof token, "%s.%s", b64(2, (const uint8_t *)header, strlen(header)),
             b64(3, (const uint8_t *)claims, strlen(claims)));
    CHECK(EVP_DigestSignInit(ctx, NULL, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(), NULL, key) == 1);
    CHECK(EVP_DigestSign(ctx, sig, &n, (const uint8_t *)token, strlen(token)) == 1);
    EVP_MD_CTX_free(ctx);
    if (raw) {
        const uint8_t *at = sig;
        ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)n);

        CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32);
        ECDSA_SIG_free(s);
        n = 64;
    }
    snprintf(token + strlen(token), sizeof token - strlen(token), ".%s", b64(4, sig, n + extra));
    return token;
}

/* split and verified by this key. */
static enum err verified(const char *text, enum jws_alg alg, EVP_PKEY *key)
{
    const struct jwk k = {"", alg, key};
    struct id_token t;
    enum err e = id_token_split(view_str(text), &t);

    if (e == ERR_NONE)
        e = id_token_verify(&t, &k);
    id_token_free(&t);
    return e;
}

static void signatures(void)
{
    make_keys();
    CHECK_INT(verified(sealed("{\"alg\":\"RS256\"}", "{}", rsa, false), JWS_RS256, rsa), ERR_NONE);
    CHECK_INT(verified(token, JWS_RS256, other), ERR_AUTH);
    CHECK_INT(verified(token, JWS_ES256, p256), ERR_AUTH); /* the key is for another algorithm */
    CHECK_INT(verified(token, JWS_ES256, rsa), ERR_AUTH);
    token[strlen(token) - 8] ^= 1;
    CHECK(verified(token, JWS_RS256, rsa) != ERR_NONE);
    CHECK_INT(verified(sealed("{\"alg\":\"ES256\"}", "{}", p256, true), JWS_ES256, p256), ERR_NONE);
    CHECK_INT(verified(sealed("{\"alg\":\"ES256\"}", "{}", p256, false), JWS_ES256, p256), ERR_AUTH); /* DER */
    extra = 1;
    CHECK_INT(verified(sealed("{\"alg\":\"ES256\"}", "{}", p256, true), JWS_ES256, p256), ERR_AUTH);
    extra = 0;
    CHECK_INT(verified(sealed("{\"alg\":\"EdDSA\"}", "{}", ed, false), JWS_EDDSA, ed), ERR_NONE);
    CHECK_INT(verified(sealed("{\"alg\":\"EdDSA\"}", "{\"a\":1}", ed, false), JWS_RS256, rsa), ERR_AUTH);
}

static void tokens_that_are_none(void)
{
    static const struct {
        const char *header;
        enum err want;
    } heads[] = {
        {"{\"alg\":\"RS256\"}", ERR_NONE},
        {"{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"JWT\"}", ERR_NONE},
        {"{\"alg\":\"none\"}", ERR_UNSUPPORTED},
        {"{\"alg\":\"HS256\"}", ERR_UNSUPPORTED},
        {"{\"alg\":\"rs256\"}", ERR_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"crit\":[\"x\"]}", ERR_UNSUPPORTED},
        {"{\"alg\":\"RS256\",\"alg\":\"none\"}", ERR_FORMAT},
        {"{\"alg\":\"RS256\",\"kid\":5}", ERR_FORMAT},
        {"{\"alg\":5}", ERR_FORMAT},
        {"{}", ERR_FORMAT},
        {"[]", ERR_FORMAT},
        {"", ERR_FORMAT},
    };
    static const char *const texts[] = {"", ".", "..", "a.b", "e30.e30", "e30.e30.", "e30.e30.A", "e30=.e30.AAAA", "e3 0.e30.AAAA"};
    struct id_token t;

    make_keys();
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        CHECK_INT(id_token_split(view_str(sealed(heads[i].header, "{}", rsa, false)), &t), heads[i].want);
        id_token_free(&t);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(id_token_split(view_str(texts[i]), &t) != ERR_NONE);
        id_token_free(&t);
    }
}

/* --- claims --- */

enum { NOW = 1700000000 };
#define GOOD_HEAD "{\"iss\":\"https://i.example\",\"sub\":\"s\",\"aud\":\"c\",\"nonce\":\"n\""
#define TIMES ",\"exp\":1700000300,\"iat\":1700000000"

static enum err claims(const char *text, struct id_person *who)
{
    const struct id_claims_want want = {"https://i.example", "c", VIEW_LIT("n"), NOW};

    return id_claims_check(view_str(text), &want, who);
}

static void claims_and_their_twins(void)
{
    static const struct {
        const char *text;
        enum err want;
    } table[] = {
        {GOOD_HEAD TIMES "}", ERR_NONE},
        {GOOD_HEAD TIMES ",\"azp\":\"c\"}", ERR_NONE},
        {GOOD_HEAD TIMES ",\"azp\":\"d\"}", ERR_AUTH},
        {GOOD_HEAD TIMES ",\"iss\":\"https://i.example\"}", ERR_AUTH},
        {GOOD_HEAD TIMES ",\"nonce\":\"n\"}", ERR_AUTH},
        {GOOD_HEAD TIMES ",\"exp\":9999999999}", ERR_FORMAT},
        {GOOD_HEAD ",\"exp\":1699999941,\"iat\":1699999900}", ERR_NONE}, /* 59 s ago */
        {GOOD_HEAD ",\"exp\":1699999940,\"iat\":1699999900}", ERR_RANGE},
        {GOOD_HEAD ",\"exp\":1700009999,\"iat\":1700000060}", ERR_NONE},
        {GOOD_HEAD ",\"exp\":1700009999,\"iat\":1700000061}", ERR_RANGE},
        {GOOD_HEAD ",\"exp\":1700009999,\"iat\":1699999400}", ERR_NONE},
        {GOOD_HEAD ",\"exp\":1700009999,\"iat\":1699999399}", ERR_RANGE},
        {GOOD_HEAD ",\"exp\":1.7000003e9,\"iat\":1700000000.0}", ERR_NONE},
        {GOOD_HEAD ",\"exp\":\"1700000300\",\"iat\":1700000000}", ERR_FORMAT},
        {GOOD_HEAD ",\"exp\":-1,\"iat\":1700000000}", ERR_FORMAT},
        {"{\"iss\":\"https://i.example\",\"sub\":\"s\",\"aud\":[\"d\",\"c\"],\"azp\":\"c\",\"nonce\":\"n\"" TIMES "}", ERR_NONE},
        {"{\"iss\":\"https://i.example\",\"sub\":\"s\",\"aud\":[\"c\"],\"nonce\":\"n\"" TIMES "}", ERR_NONE},
        {"{\"iss\":\"https://i.example\",\"sub\":\"s\",\"aud\":[\"d\",\"c\"],\"nonce\":\"n\"" TIMES "}", ERR_AUTH},
        {"{\"iss\":\"https://i.example\",\"sub\":\"s\",\"aud\":[],\"nonce\":\"n\"" TIMES "}", ERR_AUTH},
        {"{\"iss\":\"https://i.example\",\"sub\":\"s\",\"aud\":[1,2],\"nonce\":\"n\",\"azp\":\"c\"" TIMES "}", ERR_AUTH},
        {"{\"iss\":\"https://i.example/\",\"sub\":\"s\",\"aud\":\"c\",\"nonce\":\"n\"" TIMES "}", ERR_AUTH},
        {"{\"iss\":\"https://i.example\",\"sub\":\"s\",\"aud\":\"c\",\"nonce\":\"N\"" TIMES "}", ERR_AUTH},
        {"{\"iss\":\"https://i.example\",\"sub\":\"\",\"aud\":\"c\",\"nonce\":\"n\"" TIMES "}", ERR_FORMAT},
        {"{\"iss\":\"https://i.example\",\"sub\":\"a\\nb\",\"aud\":\"c\",\"nonce\":\"n\"" TIMES "}", ERR_FORMAT},
        {"{\"iss\":\"https:\\/\\/i.example\",\"sub\":\"s\",\"aud\":\"c\",\"nonce\":\"n\"" TIMES "}", ERR_NONE},
        {"[]", ERR_FORMAT},
        {"", ERR_FORMAT},
    };
    struct id_person who;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        CHECK_INT(claims(table[i].text, &who), table[i].want);
}

static void who_it_is(void)
{
    struct id_person who;

    CHECK_INT(claims(GOOD_HEAD TIMES ",\"email\":\"a@b.example\",\"email_verified\":true,\"name\":\"\\u00c4da\"}", &who), ERR_NONE);
    CHECK(strcmp(who.subject, "s") == 0 && strcmp(who.email, "a@b.example") == 0 && who.email_verified &&
          strcmp(who.name, "\xc3\x84""da") == 0);
    /* only the value true vouches, and only once */
    CHECK_INT(claims(GOOD_HEAD TIMES ",\"email\":\"a@b.example\",\"email_verified\":\"true\"}", &who), ERR_NONE);
    CHECK(!who.email_verified);
    CHECK_INT(claims(GOOD_HEAD TIMES ",\"email\":\"a@b.example\",\"email_verified\":true,\"email_verified\":false}", &who), ERR_NONE);
    CHECK(!who.email_verified);
    CHECK_INT(claims(GOOD_HEAD TIMES ",\"email\":\"a@b.example\",\"email\":\"c@d.example\"}", &who), ERR_FORMAT);
    CHECK_INT(claims(GOOD_HEAD TIMES ",\"email\":null}", &who), ERR_NONE);
    CHECK(who.email[0] == '\0' && !who.email_verified);
    CHECK_INT(claims(GOOD_HEAD TIMES ",\"name\":5}", &who), ERR_NONE);
    CHECK(who.name[0] == '\0');
}

/* --- what an issuer publishes --- */

#define DOCUMENT(iss, auth, token_at, jwks_at, more)                                                                     \
    "{\"issuer\":\"" iss "\",\"authorization_endpoint\":\"" auth "\",\"token_endpoint\":\"" token_at                     \
    "\",\"jwks_uri\":\"" jwks_at "\"" more "}"
#define I "https://i.example"

static void documents_of_issuers(void)
{
    static const struct {
        const char *text;
        enum err want;
    } table[] = {
        {DOCUMENT(I, I "/a", I "/t", I "/k", ""), ERR_NONE},
        {DOCUMENT(I, I "/a?x=1", "https://other.example/t", I "/k", ",\"userinfo_endpoint\":\"https://i.example/u\""), ERR_NONE},
        {DOCUMENT(I "/", I "/a", I "/t", I "/k", ""), ERR_FORMAT},
        {DOCUMENT("https://evil.example", I "/a", I "/t", I "/k", ""), ERR_FORMAT},
        {DOCUMENT(I, "http://i.example/a", I "/t", I "/k", ""), ERR_FORMAT},
        {DOCUMENT(I, I "/a", "file:///etc/passwd", I "/k", ""), ERR_FORMAT},
        {DOCUMENT(I, I "/a", I "/t", "https://u:p@i.example/k", ""), ERR_FORMAT},
        {DOCUMENT(I, I "/a#x", I "/t", I "/k", ""), ERR_FORMAT},
        {DOCUMENT(I, I "/a b", I "/t", I "/k", ""), ERR_FORMAT},
        {DOCUMENT(I, I "/a", I "/t", I "/k", ",\"userinfo_endpoint\":5"), ERR_FORMAT},
        {DOCUMENT(I, I "/a", I "/t", I "/k", ",\"issuer\":\"https://i.example\""), ERR_FORMAT},
        {"{}", ERR_FORMAT},
        {"", ERR_FORMAT},
    };
    struct issuer i;

    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++)
        CHECK_INT(issuer_read(view_str(table[k].text), I, &i), table[k].want);
    CHECK_INT(issuer_read(view_str(table[0].text), I, &i), ERR_NONE);
    CHECK(!i.secret_in_form && !i.tells_issuer && i.userinfo[0] == '\0');
    CHECK_INT(issuer_read(VIEW_LIT(DOCUMENT(I, I "/a", I "/t", I "/k",
                                            ",\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"],"
                                            "\"authorization_response_iss_parameter_supported\":true")),
                          I, &i),
              ERR_NONE);
    CHECK(i.secret_in_form && i.tells_issuer);
}

static const struct check_case cases[] = {
    {"id_token_keys_of_each_kind", keys_of_each_kind},
    {"id_token_keys_that_are_left_out", keys_that_are_left_out},
    {"id_token_sets_that_are_none", sets_that_are_none},
    {"id_token_signatures", signatures},
    {"id_token_tokens_that_are_none", tokens_that_are_none},
    {"id_token_claims_and_their_twins", claims_and_their_twins},
    {"id_token_who_it_is", who_it_is},
    {"id_token_documents_of_issuers", documents_of_issuers},
};
CHECK_MAIN(cases)
