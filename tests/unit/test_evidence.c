/* The identity document and the hash that binds it to a report are what every verifier, ours or
 * not, recomputes: the vectors below were made with another implementation (Python's hashlib and
 * json). Decoding is strict: exactly the canonical bytes, anything else is refused. */
#include "check.h"

#include "evidence.h"

#include <stdlib.h>

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

#define X8(s) s s s s s s s s
#define HEX32(digit) X8(digit digit digit digit) X8(digit digit digit digit)
#define DOC                                                                                        \
    "{\"audience\":\"api.example.com\",\"boot\":\"0102030405060708090a0b0c0d0e0f10\","             \
    "\"config_sha256\":\"" HEX32("1") "\",\"cp_spki_sha256\":[\"" HEX32(                           \
        "2") "\"],"                                                                                \
             "\"hpke_x25519\":\"" HEX32(                                                           \
                 "3") "\",\"not_after\":1790000000,"                                               \
                      "\"purpose\":\"tr.identity.v1\",\"receipt_ed25519\":\"" HEX32(               \
                          "4") "\","                                                               \
                               "\"role\":\"dataplane\",\"seal_x25519\":\"" HEX32("6")   \
                               "\",\"simulated\":true,\"tls_spki_sha256\":\"" HEX32("5") "\"}"

static const char unlocked_doc[] =
    "{\"audience\":\"api.example.com\",\"boot\":\"0102030405060708090a0b0c0d0e0f10\","
    "\"config_sha256\":\"" HEX32("1") "\",\"cp_spki_sha256\":[\"" HEX32("2")
    "\"],\"hpke_x25519\":\"" HEX32("3") "\",\"not_after\":1790000000,"
    "\"purpose\":\"tr.identity.v1\",\"receipt_ed25519\":\"" HEX32("4")
    "\",\"role\":\"dataplane\",\"seal_x25519\":\"" HEX32("6")
    "\",\"simulated\":true,\"tls_spki_sha256\":\"" HEX32("5")
    "\",\"unlocked_memory\":true}";

static struct identity sample(void)
{
    struct identity i = {
        .audience = "api.example.com", .not_after_s = 1790000000, .simulated = true};

    for (unsigned k = 0; k < 16; k++)
        i.boot.b[k] = (uint8_t)(k + 1);
    memset(i.config_sha256.b, 0x11, 32);
    memset(i.cp_spki_sha256.b, 0x22, 32);
    memset(i.hpke_x25519, 0x33, 32);
    memset(i.receipt_ed25519, 0x44, 32);
    memset(i.tls_spki_sha256.b, 0x55, 32);
    memset(i.seal_x25519, 0x66, 32);
    return i;
}

static void run_encode(void)
{
    struct identity i = sample();
    struct buf out;

    buf_init(&out, IDENTITY_MAX_BYTES);
    CHECK_INT(identity_encode(&i, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, DOC, sizeof DOC - 1);
    buf_reset(&out);
    strcpy(i.audience, "a\"b");
    CHECK_INT(identity_encode(&i, &out), ERR_FORMAT);
    strcpy(i.audience, "a\\b");
    CHECK_INT(identity_encode(&i, &out), ERR_FORMAT);
    strcpy(i.audience, "");
    CHECK_INT(identity_encode(&i, &out), ERR_FORMAT);
    memset(i.audience, 'a', sizeof i.audience); /* no NUL */
    CHECK_INT(identity_encode(&i, &out), ERR_FORMAT);
    CHECK_INT(out.len, 0);
    i.audience[sizeof i.audience - 1] = '\0';
    CHECK_INT(identity_encode(&i, &out), ERR_NONE);
    buf_reset(&out);
    i = sample();
    i.unlocked_memory = true;
    CHECK_INT(identity_encode(&i, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, unlocked_doc, sizeof unlocked_doc - 1);
    buf_free(&out);
}

static void run_decode(void)
{
    struct identity want = sample(), got;

    memset(&got, 0xee, sizeof got);
    CHECK_INT(identity_decode(VIEW_LIT(DOC), &got), ERR_NONE);
    CHECK(strcmp(got.audience, want.audience) == 0);
    CHECK(id_eq(&got.boot, &want.boot));
    CHECK(memcmp(&got.config_sha256, &want.config_sha256, 32) == 0);
    CHECK(memcmp(&got.cp_spki_sha256, &want.cp_spki_sha256, 32) == 0);
    CHECK(memcmp(got.hpke_x25519, want.hpke_x25519, 32) == 0);
    CHECK(memcmp(got.receipt_ed25519, want.receipt_ed25519, 32) == 0);
    CHECK(memcmp(&got.tls_spki_sha256, &want.tls_spki_sha256, 32) == 0);
    CHECK_INT(got.not_after_s, 1790000000);
    CHECK(got.simulated && !got.unlocked_memory);
    CHECK_INT(identity_decode(view_str(unlocked_doc), &got), ERR_NONE);
    CHECK(got.unlocked_memory && memcmp(&got.tls_spki_sha256, &want.tls_spki_sha256, 32) == 0);
}

/* Every prefix and every single-byte deletion or doubling of the document is refused, except where
 * the result is another canonical document (a longer or shorter name or number). */
static void run_decode_edits(void)
{
    static const char doc[] = DOC;
    char text[sizeof doc + 1];
    struct identity got;
    size_t n = sizeof doc - 1, accepted = 0;

    for (size_t cut = 0; cut < n; cut++) {
        CHECK_INT(identity_decode(view_of(doc, cut), &got), ERR_FORMAT);
        memcpy(text, doc, cut);
        memcpy(text + cut, &doc[cut + 1], n - cut - 1);
        accepted += identity_decode(view_of(text, n - 1), &got) == ERR_NONE;
        memcpy(text, doc, cut + 1);
        memcpy(text + cut + 1, &doc[cut], n - cut);
        accepted += identity_decode(view_of(text, n + 1), &got) == ERR_NONE;
    }
    /* 15 letters of the audience and 10 digits of not_after, both ways. */
    CHECK_INT(accepted, 2 * (15 + 10));
}

static void run_decode_rejects(void)
{
    static const struct {
        const char *from, *to;
    } edits[] = {
        {"0a0b0c", "0A0b0c"},                     /* upper-case hex */
        {":1790000000", ":01790000000"},          /* leading zero */
        {":1790000000", ":-1"},                   /* sign */
        {":1790000000", ":1790000000.0"},         /* fraction */
        {":1790000000", ":99999999999999999999"}, /* over 64 bits */
        {":1790000000", ": 1790000000"},          /* space */
        {"tr.identity.v1", "tr.identity.v2"},     /* another purpose */
        {"dataplane", "verifier"},                /* another role */
        {"simulated\":true", "simulated\":True"}, /* not JSON */
        {"simulated\":true", "simulated\":\"true\""},
        {"api.example.com", "api\\u002eexample"}, /* an escape */
        {"api.example.com", ""},
        {"\"audience\"", "\"boot\":\"\",\"audience\""}, /* a key twice */
        {"}", ",\"x\":1}"},                             /* a key more */
        {"}", ",\"unlocked_memory\":false}"},           /* said only when it is so */
        {"}", ",\"unlocked_memory\":true,\"unlocked_memory\":true}"},
        {"}", ",\"unlocked_memory\":1}"},
        {"}", "} "},
    };
    struct identity got;
    char text[2 * sizeof DOC];

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        const char *at = strstr(DOC, edits[i].from);

        CHECK(at != NULL);
        if (at == NULL)
            continue;
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - DOC), DOC, edits[i].to,
                 at + strlen(edits[i].from));
        CHECK_INT(identity_decode(view_str(text), &got), ERR_FORMAT);
    }
}

static void run_binding_vectors(void)
{
    uint8_t nonce[32], cb[32], data[64], want[64];
    struct digest32 leaf, other;

    for (unsigned k = 0; k < 32; k++) {
        nonce[k] = (uint8_t)k;
        cb[k] = (uint8_t)(100 + k);
    }
    evidence_leaf(EVIDENCE_LINK, nonce, cb, &leaf);
    CHECK_INT(hex_decode(VIEW_LIT("fc89ed8b9fd9773fb173b19d33a95f3edb90a42a29cd25d385c66ca0"
                                  "a3f00338"),
                         want, 32),
              ERR_NONE);
    CHECK(memcmp(leaf.b, want, 32) == 0);
    evidence_report_data(VIEW_LIT(DOC), &leaf, data);
    CHECK_INT(hex_decode(VIEW_LIT("b24c6c0a7b1cdffb151bf72503b3280b3d3c38e7b28c5dd8e1702c54"
                                  "d127eeac2de8e9492058c327b397a576d8c9c739a3b0efc2a0dddb5e"
                                  "e8412eab84103a5f"),
                         want, 64),
              ERR_NONE);
    CHECK(memcmp(data, want, 64) == 0);
    /* each input matters */
    evidence_leaf(EVIDENCE_PUBLIC, nonce, cb, &other);
    CHECK(memcmp(&other, &leaf, 32) != 0);
    nonce[31] ^= 1;
    evidence_leaf(EVIDENCE_LINK, nonce, cb, &other);
    CHECK(memcmp(&other, &leaf, 32) != 0);
    nonce[31] ^= 1;
    cb[0] ^= 1;
    evidence_leaf(EVIDENCE_LINK, nonce, cb, &other);
    CHECK(memcmp(&other, &leaf, 32) != 0);
}

static const struct check_case cases[] = {
    {"evidence_identity_encode", run_encode},
    {"evidence_identity_decode", run_decode},
    {"evidence_identity_decode_edits", run_decode_edits},
    {"evidence_identity_decode_rejects", run_decode_rejects},
    {"evidence_binding_vectors", run_binding_vectors},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
