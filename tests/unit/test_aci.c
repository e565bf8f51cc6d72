/* ACI's digests and signatures are where independent implementations drift apart: the values below
 * are the ones its specification publishes (test vectors of aci/1). */
#include "aci.c"

#include "check.h"
#include "jcs.h"

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

static const char keyset[] =
    "{ \"subject\": \"dstack-app://example-app\", \"not_after\": 1800000000,\n"
    "  \"tls_public_keys\": [ {\"spki_sha256\":"
    "\"c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0\","
    "\"domain\":\"api.example.com\"} ],\n"
    "  \"receipt_signing_keys\": [{\"key_id\":\"receipt-1\",\"algo\":\"ed25519\",\"public_key\":"
    "\"8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394\"}],\n"
    "  \"e2ee_public_keys\": [{\"public_key\":"
    "\"5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22\",\"key_id\":\"e2ee-1\","
    "\"algo\":\"x25519-aes-256-gcm-hkdf-sha256\"}] }";
static const char receipt[] =
    "{\"api_version\":\"aci/1\",\"chat_id\":\"chatcmpl-123\",\"endpoint\":\"/v1/chat/completions\","
    "\"event_log\":[{\"body_hash\":\"sha256:"
    "94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b\",\"type\":"
    "\"request.received\"},{\"body_hash\":\"sha256:"
    "94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b\",\"type\":"
    "\"request.forwarded\"},{\"model_id\":\"demo-model\",\"required\":true,\"result\":\"verified\","
    "\"session_id\":\"95ad1cb4dd25445808c2e9d116caf420b05703730b506395e8fc1ca6faeae28f\","
    "\"type\":\"upstream.verified\"},{\"body_hash\":\"sha256:"
    "dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61\",\"type\":"
    "\"response.returned\"}],\"key_id\":\"receipt-1\",\"method\":\"POST\",\"model\":"
    "\"demo-model\",\"receipt_id\":\"rcpt-0001\",\"served_at\":1750000000,";
static const char receipt_signature[] =
    "\"signature\":\"d5b005e093bde3b577faf270b7184b09e169cacb0ecb206b103bd2581f997db03da616175454b063"
    "323a23ac1dc68f1ce506c2a6eba8aa0561d5e724f0b80c03\",";
static const char receipt_end[] =
    "\"workload_keyset_digest\":\"sha256:"
    "53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371\"}";

static void public_key(uint8_t public[static 32], uint8_t secret[static 64])
{
    uint8_t seed[32];

    memset(seed, 2, sizeof seed);
    CHECK_INT(crypto_sign_seed_keypair(public, secret, seed), 0);
}

static void published_keyset_and_statement(void)
{
    struct digest32 d;
    uint8_t nonce[32], report_data[64];
    char hex[129];

    CHECK_INT(aci_keyset_digest(view_str(keyset), &d), ERR_NONE);
    hex_encode(d.b, 32, hex);
    CHECK_BYTES(hex, 64, "53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371", 64);
    for (unsigned i = 0; i < 32; i++)
        nonce[i] = (uint8_t)i;
    CHECK_INT(aci_report_data(&d, nonce, report_data), ERR_NONE);
    hex_encode(report_data, 64, hex);
    CHECK_BYTES(hex, 128,
                "df2174d28130852b413646a3786927b93e94c11d770268b65def8bdba45cb49e"
                "0000000000000000000000000000000000000000000000000000000000000000",
                128);
    CHECK_INT(aci_report_data(&d, NULL, report_data), ERR_NONE);
    hex_encode(report_data, 32, hex);
    CHECK_BYTES(hex, 64, "0633919ca3f00e97bafaa3304278eb22420cc3ff0d19f87dfca2d3f7508150bc", 64);
}

static void published_receipt(void)
{
    uint8_t public[32], secret[64];
    struct aci_receipt r;
    struct buf unsigned_text, text, want;

    public_key(public, secret);
    buf_init(&unsigned_text, 8192);
    buf_init(&text, 8192);
    buf_init(&want, 8192);
    CHECK_INT(buf_appendf(&unsigned_text, "%s%s", receipt, receipt_end), ERR_NONE);
    CHECK_INT(buf_appendf(&want, "%s%s%s", receipt, receipt_signature, receipt_end), ERR_NONE);
    CHECK_INT(aci_receipt_sign(buf_view(&unsigned_text), secret, &text), ERR_NONE);
    CHECK_BYTES(text.ptr, text.len, want.ptr, want.len);
    CHECK_INT(aci_receipt_open(buf_view(&want), public, &r), ERR_NONE);
    CHECK(view_eq(r.receipt_id, VIEW_LIT("rcpt-0001")));
    CHECK(r.has_received && r.has_forwarded && r.has_returned);
    CHECK_INT(r.served_at, 1750000000);
    buf_free(&unsigned_text);
    buf_free(&text);
    buf_free(&want);
}

/* Every byte counts. */
static void every_mutant_is_refused(void)
{
    uint8_t public[32], secret[64];
    struct aci_receipt r;
    struct buf text;
    unsigned accepted = 0;

    public_key(public, secret);
    buf_init(&text, 8192);
    CHECK_INT(buf_appendf(&text, "%s%s%s", receipt, receipt_signature, receipt_end), ERR_NONE);
    for (size_t i = 0; i < text.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            text.ptr[i] ^= (uint8_t)(1 << bit);
            accepted += aci_receipt_open(buf_view(&text), public, &r) == ERR_NONE;
            text.ptr[i] ^= (uint8_t)(1 << bit);
        }
        CHECK(aci_receipt_open(view_of(text.ptr, i), public, &r) != ERR_NONE);
    }
    CHECK_INT(accepted, 0);
    public[0] ^= 1;
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_AUTH);
    buf_free(&text);
}

static const struct {
    const char *in, *want; /* want NULL: refused */
    enum err e;
} canonical[] = {
    {"{}", "{}", ERR_NONE},
    {"{ \"b\" : 1 , \"a\" : [ true , null ] }", "{\"a\":[true,null],\"b\":1}", ERR_NONE},
    {"{\"a\":\"\\u0041\\/\\n\\u001f\\u00e9\"}", "{\"a\":\"A/\\n\\u001f\xc3\xa9\"}", ERR_NONE},
    {"{\"aa\":1,\"a\":2,\"B\":3}", "{\"B\":3,\"a\":2,\"aa\":1}", ERR_NONE},
    {"{\"n\":-9007199254740992}", "{\"n\":-9007199254740992}", ERR_NONE},
    {"{\"n\":9007199254740993}", NULL, ERR_UNSUPPORTED},
    {"{\"n\":1.0}", NULL, ERR_UNSUPPORTED},
    {"{\"n\":1e2}", NULL, ERR_UNSUPPORTED},
    {"{\"n\":-0}", NULL, ERR_UNSUPPORTED},
    {"{\"a\":1,\"a\":2}", NULL, ERR_DUPLICATE},
    {"{\"\\u0061\":1}", NULL, ERR_UNSUPPORTED},
    {"{\"a\":\"\\ud800\"}", NULL, ERR_FORMAT},
    {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", NULL, ERR_LIMIT},
};

static void canonical_forms(void)
{
    for (size_t i = 0; i < sizeof canonical / sizeof canonical[0]; i++) {
        struct json_value v;
        struct buf out;

        buf_init(&out, 1024);
        CHECK_INT(json_check(view_str(canonical[i].in), &v, NULL), ERR_NONE);
        CHECK_INT(jcs_append(v, NULL, &out), canonical[i].e);
        if (canonical[i].want != NULL)
            CHECK_BYTES(out.ptr, out.len, canonical[i].want, strlen(canonical[i].want));
        buf_free(&out);
    }
}

static void events_out_of_order(void)
{
    static const char *const logs[] = {
        "[]",
        "[{\"type\":\"response.returned\",\"body_hash\":\"%s\"}]",
        "[{\"type\":\"request.forwarded\",\"body_hash\":\"%s\"},"
        "{\"type\":\"request.received\",\"body_hash\":\"%s\"}]",
        "[{\"type\":\"request.received\",\"body_hash\":\"%s\"},"
        "{\"type\":\"request.received\",\"body_hash\":\"%s\"}]",
        "[{\"type\":\"request.received\"}]",
    };
    static const char hash[] =
        "sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b";
    uint8_t public[32], secret[64];

    public_key(public, secret);
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        struct buf in, out;
        struct aci_receipt r;
        const char *p = logs[i];

        buf_init(&in, 4096);
        buf_init(&out, 4096);
        CHECK_INT(buf_appendf(&in,
                              "{\"api_version\":\"aci/1\",\"receipt_id\":\"r\",\"key_id\":\"k\","
                              "\"endpoint\":\"/v1\",\"served_at\":1,\"workload_keyset_digest\":"
                              "\"%s\",\"event_log\":",
                              hash),
                  ERR_NONE);
        for (; *p != '\0'; p++) { /* "%s" stands for a hash */
            if (p[0] == '%' && p[1] == 's') {
                CHECK_INT(buf_append(&in, view_str(hash)), ERR_NONE);
                p++;
            } else {
                CHECK_INT(buf_append_byte(&in, (uint8_t)*p), ERR_NONE);
            }
        }
        CHECK_INT(buf_append_byte(&in, '}'), ERR_NONE);
        CHECK_INT(aci_receipt_sign(buf_view(&in), secret, &out), ERR_NONE);
        CHECK_INT(aci_receipt_open(buf_view(&out), public, &r), ERR_FORMAT);
        buf_free(&in);
        buf_free(&out);
    }
}

static void keys_of_a_keyset(void)
{
    static const struct {
        const char *keys, *name;
        enum err e;
    } cases[] = {
#define K(id, algo, hex) "{\"key_id\":\"" id "\",\"algo\":\"" algo "\",\"public_key\":\"" hex "\"}"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        {K("r", "ed25519", A64), "r", ERR_NONE},
        {K("q", "other", "") "," K("r", "ed25519", A64), "r", ERR_NONE},
        {K("r", "ed25519", A64), "s", ERR_NOT_FOUND},
        {"", "r", ERR_NOT_FOUND},
        {K("r", "ed25519", A64) "," K("r", "ed25519", A64), "r", ERR_DUPLICATE},
        {K("r", "ecdsa-secp256k1", A64), "r", ERR_UNSUPPORTED},
        {K("r", "ed25519", "aa"), "r", ERR_FORMAT},
        {K("r", "ed25519", A64 "aa"), "r", ERR_FORMAT},
        {"{\"key_id\":\"r\"}", "r", ERR_FORMAT},
        {"{\"algo\":\"ed25519\"}", "r", ERR_FORMAT},
        {"1", "r", ERR_FORMAT},
    };
    uint8_t public[32];
    char text[1024];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text, "{\"receipt_signing_keys\":[%s]}", cases[i].keys);
        CHECK_INT(aci_keyset_receipt_key(view_str(text), view_str(cases[i].name), public),
                  cases[i].e);
    }
    CHECK_INT(aci_keyset_receipt_key(view_str(keyset), VIEW_LIT("receipt-1"), public), ERR_NONE);
    CHECK_INT(public[0], 0x81);
    CHECK_INT(aci_keyset_receipt_key(view_str(keyset), VIEW_LIT("e2ee-1"), public), ERR_NOT_FOUND);
    CHECK_INT(aci_keyset_receipt_key(VIEW_LIT("{}"), VIEW_LIT("r"), public), ERR_FORMAT);
}

/* Wherever the signature's place is among the members, what is signed is canonical as a whole. */
static void signature_in_its_place(void)
{
    static const char *const documents[] = {
        "{\"a\":1}",
        "{\"z\":1}",
        "{\"signatur\":1}",
        "{\"signature2\":1}",
        "{\"signature\":\"an old one\",\"b\":{\"z\":1}}",
        "{\"zz\":[1,2],\"sign\":{},\"a\":null}",
    };
    static const char *const none[] = {"{}", "[]", "{\"signature\":\"x\"}"};
    uint8_t public[32], secret[64];
    struct json_value root;
    struct buf out, again;

    public_key(public, secret);
    buf_init(&out, ACI_RECEIPT_MAX);
    buf_init(&again, ACI_RECEIPT_MAX);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        buf_reset(&out);
        buf_reset(&again);
        CHECK_INT(aci_receipt_sign(view_str(documents[i]), secret, &out), ERR_NONE);
        CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
        CHECK_INT(jcs_append(root, NULL, &again), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, again.ptr, again.len);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        CHECK_INT(aci_receipt_sign(view_str(none[i]), secret, &out), ERR_FORMAT);
    buf_free(&out);
    buf_free(&again);
}

static const struct check_case cases[] = {
    {"aci: the published keyset digest and statements", published_keyset_and_statement},
    {"aci: the published receipt, signed and checked", published_receipt},
    {"aci: every mutant of a receipt is refused", every_mutant_is_refused},
    {"aci: keys of a keyset", keys_of_a_keyset},
    {"aci: the signature stands in its canonical place", signature_in_its_place},
    {"aci: canonical forms", canonical_forms},
    {"aci: events out of order are refused", events_out_of_order},
};
CHECK_MAIN(cases)
