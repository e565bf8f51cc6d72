/* Passkeys of each algorithm, made and used by an authenticator that is written here with OpenSSL: what is accepted, and
 * its twins with another act, page, site, key, signature, with the user not verified, and with each byte altered. */
#include "../../controlplane/identity/passkey.c"
#include "../../controlplane/identity/site.c"

#include "check.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/core_names.h>

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define CLIENT(act, origin) "{\"type\":\"webauthn." act "\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" origin "\",\"crossOrigin\":false}"
#define ORIGIN "https://console.example.com"

static struct site site;
static const uint8_t credential_id[] = "sixteen bytes id";
enum { ID_BYTES = 16 };

static void begin(void)
{
    CHECK_INT(secret_init(), ERR_NONE);
    passkey_init();
    CHECK_INT(site_parse(ORIGIN, &site), ERR_NONE);
}

/* --- the authenticator */

static EVP_PKEY *key_of(int algorithm)
{
    return algorithm == COSE_ES256   ? EVP_EC_gen("P-256")
           : algorithm == COSE_EDDSA ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                     : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
}

static void put(struct buf *out, const void *p, size_t n)
{
    CHECK_INT(buf_append(out, view_of(p, n)), ERR_NONE);
}

/* The public key in COSE, the members in its canonical order. */
static void put_key(struct buf *out, int algorithm, EVP_PKEY *key)
{
    uint8_t bytes[300];
    size_t n = 0;

    if (algorithm == COSE_ES256) {
        CHECK_INT(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof bytes, &n), 1);
        put(out, "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", 10); /* {1: 2, 3: -7, -1: 1, -2: x */
        put(out, bytes + 1, 32);
        put(out, "\x22\x58\x20", 3); /* -3: y} */
        put(out, bytes + 33, 32);
    } else if (algorithm == COSE_EDDSA) {
        n = 32;
        CHECK_INT(EVP_PKEY_get_raw_public_key(key, bytes, &n), 1);
        put(out, "\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", 10); /* {1: 1, 3: -8, -1: 6, -2: x} */
        put(out, bytes, 32);
    } else {
        BIGNUM *modulus = NULL;

        CHECK_INT(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus), 1);
        CHECK_INT(BN_bn2binpad(modulus, bytes, 256), 256);
        BN_free(modulus);
        put(out, "\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00", 11); /* {1: 3, 3: -257, -1: n */
        put(out, bytes, 256);
        put(out, "\x21\x43\x01\x00\x01", 5); /* -2: 65537} */
    }
}

static void put_head(struct buf *out, const char *host, uint8_t flags, uint32_t count)
{
    uint8_t counter[4] = {(uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count};
    struct digest32 digest;

    digest_sha256(view_str(host), &digest);
    put(out, digest.b, sizeof digest.b);
    put(out, &flags, 1);
    put(out, counter, sizeof counter);
}

/* Authenticator data of a new passkey. */
static void made_data(struct buf *out, int algorithm, EVP_PKEY *key, const char *host, uint8_t flags)
{
    uint8_t make[16] = {0};

    buf_init(out, PASSKEY_DATA_MAX);
    put_head(out, host, flags, 0);
    put(out, make, sizeof make);
    put(out, "\x00\x10", 2);
    put(out, credential_id, ID_BYTES);
    put_key(out, algorithm, key);
}

static size_t sign(int algorithm, EVP_PKEY *key, struct view data, struct view client, uint8_t out[static 512])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct digest32 digest;
    struct buf text;
    size_t n = 512;

    buf_init(&text, PASSKEY_DATA_MAX + 32);
    digest_sha256(client, &digest);
    put(&text, data.ptr, data.len);
    put(&text, digest.b, sizeof digest.b);
    CHECK_INT(EVP_DigestSignInit(context, NULL, algorithm == COSE_EDDSA ? NULL : EVP_sha256(), NULL, key), 1);
    CHECK_INT(EVP_DigestSign(context, out, &n, text.ptr, text.len), 1);
    EVP_MD_CTX_free(context);
    buf_free(&text);
    return n;
}

enum { BOTH = FLAG_PRESENT | FLAG_VERIFIED, ATTESTED = 1 << 6 };
static const int all[] = {COSE_ES256, COSE_EDDSA, COSE_RS256};

/* --- cases */

static void client_data(void)
{
    static const struct {
        const char *json;
        enum err made, signed_;
    } rows[] = {
        {CLIENT("create", ORIGIN), ERR_NONE, ERR_AUTH},
        {CLIENT("get", ORIGIN), ERR_AUTH, ERR_NONE},
        {CLIENT("other", ORIGIN), ERR_AUTH, ERR_AUTH},
        {CLIENT("get", "https://console.example.com:8444"), ERR_AUTH, ERR_AUTH},
        {CLIENT("get", "http://console.example.com"), ERR_AUTH, ERR_AUTH},
        {CLIENT("get", "https://example.com"), ERR_AUTH, ERR_AUTH},
        {CLIENT("get", ORIGIN "/"), ERR_AUTH, ERR_AUTH},
        {"{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\"}", ERR_AUTH, ERR_NONE},
        {"{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\",\"crossOrigin\":true}", ERR_AUTH, ERR_AUTH},
        {"{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\",\"topOrigin\":\"" ORIGIN "\"}", ERR_AUTH, ERR_AUTH},
        {"{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\",\"origin\":\"" ORIGIN "\"}", ERR_FORMAT, ERR_FORMAT},
        {"{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "A\",\"origin\":\"" ORIGIN "\"}", ERR_FORMAT, ERR_FORMAT},
        {"{\"type\":\"webauthn.get\",\"origin\":\"" ORIGIN "\"}", ERR_FORMAT, ERR_FORMAT},
        {"{\"type\":1,\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\"}", ERR_FORMAT, ERR_FORMAT},
        {"[]", ERR_FORMAT, ERR_FORMAT},
        {"", ERR_FORMAT, ERR_FORMAT},
        {CLIENT("get", ORIGIN) "x", ERR_FORMAT, ERR_FORMAT},
    };
    struct digest32 got, want;

    begin();
    digest_sha256(VIEW_LIT(CHALLENGE), &want);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_INT(passkey_client_data(view_str(rows[i].json), PASSKEY_CREATE, &site, &got), rows[i].made);
        CHECK_INT(passkey_client_data(view_str(rows[i].json), PASSKEY_GET, &site, &got), rows[i].signed_);
        if (rows[i].signed_ == ERR_NONE)
            CHECK_BYTES(got.b, sizeof got.b, want.b, sizeof want.b);
    }
}

static void making(void)
{
    struct passkey p;
    struct buf data;

    begin();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        EVP_PKEY *key = key_of(all[i]);

        made_data(&data, all[i], key, "console.example.com", BOTH | ATTESTED);
        CHECK_INT(passkey_made(buf_view(&data), &site, &p), ERR_NONE);
        CHECK_INT(p.algorithm, all[i]);
        CHECK_BYTES(p.id, p.id_len, credential_id, ID_BYTES);
        CHECK(!p.synced);
        for (size_t n = 0; n < data.len; n += n < 60 ? 1 : 7) /* no beginning of it is one */
            CHECK(passkey_made(view_of(data.ptr, n), &site, &p) != ERR_NONE);
        for (size_t n = 0; n < 32; n++) { /* the site's digest */
            data.ptr[n] ^= 0x10;
            CHECK_INT(passkey_made(buf_view(&data), &site, &p), ERR_AUTH);
            data.ptr[n] ^= 0x10;
        }
        buf_free(&data);
        for (unsigned flags = 0; flags < 32; flags++) {
            made_data(&data, all[i], key, "console.example.com", (uint8_t)(flags | ATTESTED));
            CHECK_INT(passkey_made(buf_view(&data), &site, &p), (flags & BOTH) == BOTH ? ERR_NONE : ERR_AUTH);
            buf_free(&data);
        }
        made_data(&data, all[i], key, "example.com", BOTH | ATTESTED);
        CHECK_INT(passkey_made(buf_view(&data), &site, &p), ERR_AUTH);
        buf_free(&data);
        made_data(&data, all[i], key, "console.example.com", BOTH); /* says that there is no key */
        CHECK_INT(passkey_made(buf_view(&data), &site, &p), ERR_FORMAT);
        buf_free(&data);
        EVP_PKEY_free(key);
    }
}

/* A point that is not on the curve, and an algorithm that nobody asked for. */
static void keys_that_are_none(void)
{
    EVP_PKEY *key = key_of(COSE_ES256);
    struct passkey p;
    struct buf data;

    begin();
    made_data(&data, COSE_ES256, key, "console.example.com", BOTH | ATTESTED);
    data.ptr[data.len - 1] ^= 1;
    CHECK_INT(passkey_made(buf_view(&data), &site, &p), ERR_FORMAT);
    data.ptr[data.len - 1] ^= 1;
    CHECK_INT(passkey_made(buf_view(&data), &site, &p), ERR_NONE);
    data.ptr[data.len - 73] ^= 0x02; /* -7 becomes -5 */
    CHECK_INT(passkey_made(buf_view(&data), &site, &p), ERR_FORMAT);
    buf_free(&data);
    EVP_PKEY_free(key);
}

static enum err use(const struct passkey *p, EVP_PKEY *key, const char *host, uint8_t flags, const char *client)
{
    uint8_t signature[512];
    struct buf data;
    uint32_t count = 0;
    size_t n;
    enum err e;

    buf_init(&data, PASSKEY_DATA_MAX);
    put_head(&data, host, flags, 7);
    n = sign(p->algorithm, key, buf_view(&data), view_str(client), signature);
    e = passkey_signed(p, view_str(client), buf_view(&data), view_of(signature, n), &site, &count);
    if (e == ERR_NONE)
        CHECK_INT(count, 7);
    buf_free(&data);
    return e;
}

static void every_byte_counts(const struct passkey *p, EVP_PKEY *key)
{
    static const char text[] = CLIENT("get", ORIGIN);
    uint8_t signature[512], client[sizeof text];
    struct buf data;
    uint32_t count;
    size_t n;

    buf_init(&data, PASSKEY_DATA_MAX);
    put_head(&data, "console.example.com", BOTH, 7);
    n = sign(p->algorithm, key, buf_view(&data), view_str(text), signature);
    memcpy(client, text, sizeof text);
    struct view parts[] = {view_of(client, sizeof text - 1), buf_view(&data), view_of(signature, n)};
    CHECK_INT(passkey_signed(p, parts[0], parts[1], parts[2], &site, &count), ERR_NONE);
    for (size_t i = 0; i < 3; i++)
        for (size_t at = 0; at < parts[i].len; at += 3) {
            uint8_t *byte = (uint8_t *)(uintptr_t)parts[i].ptr + at;

            *byte ^= 4;
            CHECK(passkey_signed(p, parts[0], parts[1], parts[2], &site, &count) != ERR_NONE);
            *byte ^= 4;
        }
    for (size_t i = 0; i < 3; i++) {
        struct view whole = parts[i];

        parts[i].len--;
        CHECK(passkey_signed(p, parts[0], parts[1], parts[2], &site, &count) != ERR_NONE);
        parts[i].len = 0;
        CHECK(passkey_signed(p, parts[0], parts[1], parts[2], &site, &count) != ERR_NONE);
        parts[i] = whole;
    }
    buf_free(&data);
}

static void signing(void)
{
    struct passkey p, other;
    struct buf data;

    begin();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        EVP_PKEY *key = key_of(all[i]), *another = key_of(all[i]);

        made_data(&data, all[i], key, "console.example.com", BOTH | ATTESTED);
        CHECK_INT(passkey_made(buf_view(&data), &site, &p), ERR_NONE);
        buf_free(&data);
        made_data(&data, all[i], another, "console.example.com", BOTH | ATTESTED);
        CHECK_INT(passkey_made(buf_view(&data), &site, &other), ERR_NONE);
        buf_free(&data);
        CHECK_INT(use(&p, key, "console.example.com", BOTH, CLIENT("get", ORIGIN)), ERR_NONE);
        CHECK_INT(use(&p, key, "console.example.com", BOTH | FLAG_SYNCED, CLIENT("get", ORIGIN)), ERR_NONE);
        CHECK_INT(use(&p, another, "console.example.com", BOTH, CLIENT("get", ORIGIN)), ERR_AUTH);
        CHECK_INT(use(&other, key, "console.example.com", BOTH, CLIENT("get", ORIGIN)), ERR_AUTH);
        CHECK_INT(use(&p, key, "example.com", BOTH, CLIENT("get", ORIGIN)), ERR_AUTH);
        CHECK_INT(use(&p, key, "console.example.com", FLAG_PRESENT, CLIENT("get", ORIGIN)), ERR_AUTH);
        CHECK_INT(use(&p, key, "console.example.com", FLAG_VERIFIED, CLIENT("get", ORIGIN)), ERR_AUTH);
        every_byte_counts(&p, key);
        EVP_PKEY_free(key);
        EVP_PKEY_free(another);
    }
    p.algorithm = -5;
    CHECK_INT(passkey_signed(&p, VIEW_LIT("{}"), VIEW_LIT("x"), VIEW_LIT("x"), &site, &(uint32_t){0}), ERR_FORMAT);
}

static const struct check_case cases[] = {
    {"passkey_client_data", client_data},
    {"passkey_making", making},
    {"passkey_keys_that_are_none", keys_that_are_none},
    {"passkey_signing", signing},
};
CHECK_MAIN(cases)
