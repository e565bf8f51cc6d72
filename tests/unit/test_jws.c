/* What an authority computes from our requests must be what we computed: the examples of RFC 7515, 7638 and
 * 8555, and OpenSSL's own verification of what we sign. */
#include "check.h"

#include "dataplane/acme/jws.c"

#include "base64.h"
#include "csr.h"
#include "tls.h"

#include <openssl/param_build.h>
#include <openssl/x509v3.h>

/* Standard base64 of base64url text. */
static void url_decode(struct view text, struct buf *out)
{
    struct buf std;

    buf_init(&std, 65536);
    CHECK_INT(buf_append(&std, text), ERR_NONE);
    for (size_t i = 0; i < std.len; i++)
        std.ptr[i] = std.ptr[i] == '-' ? '+' : std.ptr[i] == '_' ? '/' : std.ptr[i];
    while (std.len % 4 != 0)
        CHECK_INT(buf_append_byte(&std, '='), ERR_NONE);
    buf_reset(out);
    CHECK_INT(base64_decode(buf_view(&std), out), ERR_NONE);
    buf_free(&std);
}

/* The P-256 key of RFC 7515 appendix A.3. */
static EVP_PKEY *rfc_key(void)
{
    static const char *const numbers[] = {"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                                          "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                                          "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"};
    uint8_t point[65] = {4};
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;
    BIGNUM *d;
    struct buf raw;

    buf_init(&raw, 64);
    for (int i = 0; i < 2; i++) {
        url_decode(view_str(numbers[i]), &raw);
        memcpy(point + 1 + 32 * i, raw.ptr, 32);
    }
    url_decode(view_str(numbers[2]), &raw);
    d = BN_bin2bn(raw.ptr, (int)raw.len, NULL);
    OSSL_PARAM_BLD_push_utf8_string(b, "group", "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(b, "pub", point, sizeof point);
    OSSL_PARAM_BLD_push_BN(b, "priv", d);
    params = OSSL_PARAM_BLD_to_param(b);
    CHECK(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_free(d);
    buf_free(&raw);
    return key;
}

static void base64url(void)
{
    static const uint8_t bytes[] = {3, 236, 255, 224, 193}; /* RFC 7515 appendix C */
    struct buf out;

    buf_init(&out, 64);
    CHECK_INT(base64url_append(view_of(bytes, 5), &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "A-z_4ME", 7);
    CHECK_INT(base64url_append(VIEW_EMPTY, &out), ERR_NONE);
    CHECK_INT((int)out.len, 7);
    buf_free(&out);
}

static void jwk_and_thumbprint(void)
{
    static const char want[] = "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
    EVP_PKEY *key = rfc_key();
    struct buf out;

    buf_init(&out, 512);
    CHECK_INT(jws_jwk(key, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, want, sizeof want - 1);
    buf_reset(&out);
    CHECK_INT(jws_thumbprint(key, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", 43);
    buf_free(&out);
    EVP_PKEY_free(key);
}

/* One member's text of the flat object that jws_sign() writes. */
static struct view member(const struct buf *jws, const char *name)
{
    char head[32];
    const uint8_t *at, *end;
    int n = snprintf(head, sizeof head, "\"%s\":\"", name);

    at = memmem(jws->ptr, jws->len, head, (size_t)n);
    CHECK(at != NULL);
    at += n;
    end = memchr(at, '"', (size_t)(jws->ptr + jws->len - at));
    return view_of(at, (size_t)(end - at));
}

static bool verifies(EVP_PKEY *key, struct view protected, struct view payload, struct view signature)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    ECDSA_SIG *sig = ECDSA_SIG_new();
    unsigned char *der = NULL;
    struct buf raw, text;
    int n;
    bool ok;

    buf_init(&raw, 128);
    buf_init(&text, 65536);
    url_decode(signature, &raw);
    CHECK_INT((int)raw.len, 64);
    ECDSA_SIG_set0(sig, BN_bin2bn(raw.ptr, 32, NULL), BN_bin2bn(raw.ptr + 32, 32, NULL));
    n = i2d_ECDSA_SIG(sig, &der);
    CHECK_INT(buf_append(&text, protected), ERR_NONE);
    CHECK_INT(buf_append_byte(&text, '.'), ERR_NONE);
    CHECK_INT(buf_append(&text, payload), ERR_NONE);
    ok = EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
         EVP_DigestVerify(md, der, (size_t)n, text.ptr, text.len) == 1;
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(md);
    buf_free(&raw);
    buf_free(&text);
    return ok;
}

/* RFC 7515 appendix A.3: its signature is good by our verification, so what that says of ours counts. */
static void known_signature(void)
{
    EVP_PKEY *key = rfc_key();
    const struct view protected = VIEW_LIT("eyJhbGciOiJFUzI1NiJ9"),
                      payload = VIEW_LIT("eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9"
                                         "pc19yb290Ijp0cnVlfQ"),
                      signature = VIEW_LIT("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqP"
                                           "P3-Kg6NU1Q");

    CHECK(verifies(key, protected, payload, signature));
    CHECK(!verifies(key, protected, VIEW_LIT("eyJpc3MiOiJqb2UifQ"), signature));
    EVP_PKEY_free(key);
}

static void requests(void)
{
    static const struct {
        const char *kid, *want;
    } cases[] = {
        {NULL, "{\"alg\":\"ES256\",\"nonce\":\"n-1\",\"url\":\"https://a/new\",\"jwk\":{\"crv\":\"P-256\",\"kty\":\"EC\","
               "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}}"},
        {"https://a/acct/1", "{\"alg\":\"ES256\",\"nonce\":\"n-1\",\"url\":\"https://a/new\",\"kid\":\"https://a/acct/1\"}"},
    };
    EVP_PKEY *key = rfc_key();
    struct buf jws, raw;

    buf_init(&jws, 65536);
    buf_init(&raw, 65536);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct jws_header h = {cases[i].kid, "n-1", "https://a/new"};

        buf_reset(&jws);
        CHECK_INT(jws_sign(key, &h, i == 0 ? VIEW_LIT("{\"a\":1}") : VIEW_EMPTY, &jws), ERR_NONE);
        url_decode(member(&jws, "protected"), &raw);
        CHECK_BYTES(raw.ptr, raw.len, cases[i].want, strlen(cases[i].want));
        CHECK(verifies(key, member(&jws, "protected"), member(&jws, "payload"), member(&jws, "signature")));
        CHECK_INT((int)member(&jws, "payload").len, i == 0 ? 10 : 0);
    }
    buf_free(&jws);
    buf_free(&raw);
    EVP_PKEY_free(key);
}

/* The names are asked for, all of them and nothing else, under the key that was given. */
static void certificate_request(void)
{
    EVP_PKEY *key = rfc_key();
    struct acme_names names;
    STACK_OF(X509_EXTENSION) *ext;
    GENERAL_NAMES *list;
    const unsigned char *at;
    X509_REQ *csr;
    struct buf der;

    buf_init(&der, 8192);
    CHECK_INT(acme_names_parse("API.example.com, b.example", &names), ERR_NONE);
    CHECK_INT(csr_make(key, &names, &der), ERR_NONE);
    at = der.ptr;
    csr = d2i_X509_REQ(NULL, &at, (long)der.len);
    CHECK(csr != NULL && X509_REQ_verify(csr, key) == 1);
    CHECK(EVP_PKEY_eq(X509_REQ_get0_pubkey(csr), key) == 1);
    CHECK_INT(X509_NAME_entry_count(X509_REQ_get_subject_name(csr)), 0);
    ext = X509_REQ_get_extensions(csr);
    CHECK_INT(sk_X509_EXTENSION_num(ext), 1);
    list = X509V3_get_d2i(ext, NID_subject_alt_name, NULL, NULL);
    CHECK_INT(sk_GENERAL_NAME_num(list), 2);
    for (int i = 0; i < 2; i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(list, i);

        CHECK_INT(n->type, GEN_DNS);
        CHECK_BYTES(ASN1_STRING_get0_data(n->d.dNSName), (size_t)ASN1_STRING_length(n->d.dNSName),
                    i == 0 ? "api.example.com" : "b.example", i == 0 ? 15 : 9);
    }
    GENERAL_NAMES_free(list);
    sk_X509_EXTENSION_pop_free(ext, X509_EXTENSION_free);
    X509_REQ_free(csr);
    buf_free(&der);
    EVP_PKEY_free(key);
}

static void names_of_the_configuration(void)
{
    static const char *const bad[] = {"", "a,", ",a", "127.0.0.1", "*.example.com", "a b", "a..b", ".a", "a.",
                                      "::1", "a.1", "a/b", "b\xc3\xbc.example"};
    char many[64] = "a", longest[300], label[70];
    struct acme_names n;

    CHECK_INT(acme_names_parse(" a.example ,\tlocalhost", &n), ERR_NONE);
    CHECK(n.n == 2 && acme_names_have(&n, VIEW_LIT("A.Example")) && acme_names_have(&n, VIEW_LIT("localhost")) &&
          !acme_names_have(&n, VIEW_LIT("example")) && !acme_names_have(&n, VIEW_EMPTY));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (acme_names_parse(bad[i], &n) != ERR_FORMAT) {
            printf("# %s\n", bad[i]);
            CHECK(!"refused");
        }
    for (int i = 1; i < LIMIT_ACME_CHALLENGES; i++)
        strcat(many, ",a");
    CHECK_INT(acme_names_parse(many, &n), ERR_NONE);
    strcat(many, ",a");
    CHECK_INT(acme_names_parse(many, &n), ERR_LIMIT);
    memset(label, 'a', sizeof label);
    label[63] = '\0';
    CHECK_INT(acme_names_parse(label, &n), ERR_NONE);
    label[63] = 'a', label[64] = '\0';
    CHECK_INT(acme_names_parse(label, &n), ERR_FORMAT);
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = i % 50 == 49 ? '.' : 'a';
    longest[253] = '\0';
    CHECK_INT(acme_names_parse(longest, &n), ERR_NONE);
    longest[253] = 'a', longest[254] = '\0';
    CHECK_INT(acme_names_parse(longest, &n), ERR_FORMAT);
}

static const struct check_case cases[] = {
    {"jws_base64url", base64url},           {"jws_jwk_and_thumbprint", jwk_and_thumbprint},
    {"jws_known_signature", known_signature}, {"jws_requests", requests},
    {"jws_certificate_request", certificate_request}, {"jws_names", names_of_the_configuration},
};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
