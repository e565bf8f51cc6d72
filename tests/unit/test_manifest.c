/* A release manifest decides what may run, so there is one way to write it and no way to say a
 * thing twice; and its signature is minisign's: the vectors below were made with another
 * implementation (Python's hashlib.blake2b and OpenSSL's Ed25519, laid out as minisign's manual
 * says). */
#include "manifest.h"
#include "minisign.h"

#include "check.h"

#include <stdlib.h>

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

#define HEX32(d) d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d
#define SHA(d) HEX32(d) HEX32(d)
#define MEASURED(d) SHA(d) HEX32(d)
/* clang-format off */
#define DOC                                                                                        \
    "{\"catalog_sha256\":\"" SHA("1") "\",\"cmdline\":\"console=ttyS0\","                            \
    "\"digests\":{\"dataplane\":\"" SHA("2") "\",\"kernel\":\"" SHA("3") "\"},"                     \
    "\"image_sha256\":\"" SHA("8") "\","                                                           \
    "\"measurements\":["                                                                           \
    "{\"cpu\":\"EPYC-v4\",\"features\":1,\"measurement\":\"" MEASURED("4") "\",\"vcpus\":2},"       \
    "{\"cpu\":\"EPYC-v4\",\"features\":1,\"measurement\":\"" MEASURED("5") "\",\"vcpus\":4}],"      \
    "\"min_svn\":2,\"not_after\":1900000000,\"not_before\":1790000000,"                              \
    "\"policy_sha256\":\"" SHA("6") "\",\"previous\":null,"                                        \
    "\"providers_sha256\":\"" SHA("7") "\",\"purpose\":\"tr.release.v1\","                         \
    "\"sbom_sha256\":\"" SHA("9") "\",\"simulated\":false,"                                        \
    "\"source\":{\"commit\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","                         \
    "\"repo\":\"https://example.com/tr\"},\"svn\":3,\"version\":\"0.2.0\"}"
/* clang-format on */

static void test_parse(void)
{
    static struct manifest m;
    uint8_t four[48], six[48];

    memset(four, 0x44, sizeof four);
    memset(six, 0x66, sizeof six);
    CHECK_INT(manifest_parse(VIEW_LIT(DOC), &m), ERR_NONE);
    CHECK(view_eq(m.version, VIEW_LIT("0.2.0")));
    CHECK(view_eq(m.cmdline, VIEW_LIT("console=ttyS0")));
    CHECK(view_eq(m.repo, VIEW_LIT("https://example.com/tr")));
    CHECK_INT(m.commit.len, 40);
    CHECK_INT(m.svn, 3);
    CHECK_INT(m.min_svn, 2);
    CHECK(m.has_image && m.image.b[0] == 0x88 && m.sbom.b[31] == 0x99);
    CHECK_INT(m.not_before_s, 1790000000);
    CHECK_INT(m.not_after_s, 1900000000);
    CHECK(!m.simulated && !m.has_previous);
    CHECK_INT(m.catalog.b[31], 0x11);
    CHECK_INT(m.policy.b[0], 0x66);
    CHECK_INT(m.providers.b[5], 0x77);
    CHECK_INT(m.n_digests, 2);
    CHECK(view_eq(m.digests[1].name, VIEW_LIT("kernel")) && m.digests[1].sha256.b[0] == 0x33);
    CHECK(manifest_digest(&m, "kernel") == &m.digests[1].sha256);
    CHECK(manifest_digest(&m, "kerne") == NULL && manifest_digest(&m, "initrd") == NULL);
    CHECK_INT(m.n_measurements, 2);
    CHECK(view_eq(m.measurements[1].cpu, VIEW_LIT("EPYC-v4")) && m.measurements[1].vcpus == 4);
    CHECK(manifest_has(&m, four) && !manifest_has(&m, six));
    four[47] ^= 1;
    CHECK(!manifest_has(&m, four));
}

static void test_rejects(void)
{
    static const struct {
        const char *from, *to;
        enum err want;
    } edits[] = {
        {"tr.release.v1", "tr.release.v2", ERR_VERSION},
        {"tr.release.v1", "tr.boot.v1", ERR_VERSION},
        {"\"svn\":3", "\"svn\": 3", ERR_FORMAT}, /* not canonical */
        {"\"svn\":3", "\"svn\":-3", ERR_FORMAT},
        {"\"svn\":3", "\"svn\":3.0", ERR_FORMAT},
        {"\"svn\":3", "\"svn\":\"3\"", ERR_FORMAT},
        {"\"svn\":3", "\"svn\":3,\"svn\":3", ERR_FORMAT},
        {"\"svn\":3,", "", ERR_FORMAT},
        {"\"svn\":3", "\"svn\":3,\"tail\":1", ERR_FORMAT},
        {"\"min_svn\":2", "\"min_svn\":4", ERR_FORMAT}, /* withdraws itself */
        {"\"min_svn\":2,", "", ERR_FORMAT},
        {"\"image_sha256\":\"" SHA("8") "\",", "", ERR_FORMAT},
        {"\"image_sha256\":\"" SHA("8") "\"", "\"image_sha256\":null", ERR_FORMAT}, /* and real */
        {"\"image_sha256\":\"8", "\"image_sha256\":\"", ERR_FORMAT},
        {"\"sbom_sha256\":\"" SHA("9") "\",", "", ERR_FORMAT},
        {"\"sbom_sha256\":\"" SHA("9") "\"", "\"sbom_sha256\":null", ERR_FORMAT},
        {"\"previous\":null", "\"previous\":\"00\"", ERR_FORMAT},
        {"\"previous\":null", "\"previous\":false", ERR_FORMAT},
        {"simulated\":false", "simulated\":0", ERR_FORMAT},
        {"console=ttyS0", "console=\\u0074tyS0", ERR_FORMAT},     /* an escape */
        {"console=ttyS0", "\xc3\xa4", ERR_FORMAT},                /* not ASCII */
        {"\"dataplane\":\"22", "\"dataplane\":\"AA", ERR_FORMAT}, /* upper case */
        {"{\"dataplane\":\"", "{\"\":\"", ERR_FORMAT},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaa", ERR_FORMAT},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "zzaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         ERR_FORMAT},
        {"not_after\":1900000000", "not_after\":1790000000", ERR_FORMAT}, /* never valid */
        {"\"cpu\":\"EPYC-v4\",\"features\":1", "\"cpu\":\"EPYC-v4\"", ERR_FORMAT},
        {"\"vcpus\":2", "\"vcpus\":2,\"x\":1", ERR_FORMAT},
        {"\"version\":\"0.2.0\"", "\"version\":\"\"", ERR_FORMAT},
        {"\"version\":\"0.2.0\"}", "\"version\":\"0.2.0\"} ", ERR_FORMAT},
        {"\"version\":\"0.2.0\"}", "\"version\":\"0.2.0\"", ERR_FORMAT},
    };
    static struct manifest m;
    static char text[2 * sizeof DOC];

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        const char *at = strstr(DOC, edits[i].from);
        enum err e;

        CHECK(at != NULL);
        if (at == NULL)
            continue;
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - DOC), DOC, edits[i].to,
                 at + strlen(edits[i].from));
        e = manifest_parse(view_str(text), &m);
        if (e != edits[i].want)
            printf("# edit %zu (%s)\n", i, edits[i].to);
        CHECK_INT(e, edits[i].want);
    }
    for (size_t n = 0; n < sizeof DOC - 1; n++)
        CHECK(manifest_parse(view_of(DOC, n), &m) != ERR_NONE);
}

/* A simulated release is not of an image; one that is of an image has an SBOM as well. */
static void test_without_image(void)
{
    static const struct {
        const char *image, *sbom;
        bool simulated;
        enum err want;
    } rows[] = {
        {"null", "null", true, ERR_NONE},
        {"null", "null", false, ERR_FORMAT},
        {"\"" SHA("8") "\"", "null", true, ERR_FORMAT},
        {"null", "\"" SHA("9") "\"", true, ERR_FORMAT},
        {"\"" SHA("8") "\"", "\"" SHA("9") "\"", true, ERR_NONE},
        {"false", "null", true, ERR_FORMAT},
    };
    static struct manifest m;
    static char text[2 * sizeof DOC];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *image = strstr(DOC, "\"" SHA("8")), *sbom = strstr(DOC, "\"" SHA("9"));
        const char *kind = strstr(DOC, "false");

        snprintf(text, sizeof text, "%.*s%s%.*s%s%.*s%s%s", (int)(image - DOC), DOC, rows[i].image,
                 (int)(sbom - image) - 66, image + 66, rows[i].sbom, (int)(kind - sbom) - 66,
                 sbom + 66, rows[i].simulated ? "true" : "false", kind + 5);
        CHECK_INT(manifest_parse(view_str(text), &m), rows[i].want);
    }
}

static void test_limits(void)
{
    static struct manifest m;
    static char text[MANIFEST_MAX + 2];

    memset(text, ' ', sizeof text);
    memcpy(text, DOC, sizeof DOC - 1);
    CHECK_INT(manifest_parse(view_of(text, MANIFEST_MAX + 1), &m), ERR_LIMIT);
    CHECK_INT(manifest_parse(view_of(text, MANIFEST_MAX), &m), ERR_FORMAT);
}

/* --- signatures --- */

#define SIGNED "the release"
static const char key_file[] = "untrusted comment: minisign public "
                               "key\nRWTCoy7VxHY0d2lqA4RBgKOs8GeRKqDXA4XOByMQQGZg8ypu3F4Ws13I\n";
static const char signature_hashed[] =
    "untrusted comment: signature\n"
    "RUTCoy7VxHY0d6mkpgQ1xyjwiKbpq8Wa5yTSqfYBJul2OTKi5CO3pAFrI4F6i6jj7tFUDYSMWuOWwbCYKE9IVoFHDc3qAP"
    "56Owg=\n"
    "trusted comment: timestamp:1790000000 file:release.json\n"
    "p+UzJkMrbIMKvCbinddG3GcxBphYHs55pD1fjscpdZFym8fcw7Nr5BF4ZKy3ki2LKamaWHbwk0fK2rLYpIBfAw==\n";
static const char signature_plain[] =
    "untrusted comment: signature\n"
    "RWTCoy7VxHY0d5ihWjiEYsen69yDDfQ1t5Ik3wnjBb9ZxEk1Vkfx7fkaTY1YE7wqHAap0m+ut53T+"
    "ls7YgIvLd1KaQpQLm9O2AI=\n"
    "trusted comment: timestamp:1790000000 file:release.json\n"
    "yYCcVyqUByTUhsWK0/wrevROy1rAov/Xco6qewhT/5dWK/QLwCvFT6xR5OyxcYEQl2Dmbn7NRW6DcOnqE9plDg==\n";

static const struct {
    const char *name, *signature;
} signatures[] = {{"prehashed", signature_hashed}, {"legacy", signature_plain}};

static void test_minisign(void)
{
    struct minisign_key key, bare;
    struct view comment;

    CHECK_INT(minisign_key_parse(view_str(key_file), &key), ERR_NONE);
    CHECK_INT(
        minisign_key_parse(
            view_from(view_str(key_file), (size_t)(strchr(key_file, '\n') + 1 - key_file)), &bare),
        ERR_NONE);
    CHECK(memcmp(&key, &bare, sizeof key) == 0);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(
            minisign_check(VIEW_LIT(SIGNED), view_str(signatures[i].signature), &key, &comment),
            ERR_NONE);
        CHECK(view_eq(comment, VIEW_LIT("timestamp:1790000000 file:release.json")));
        CHECK_INT(
            minisign_check(VIEW_LIT(SIGNED "x"), view_str(signatures[i].signature), &key, NULL),
            ERR_AUTH);
    }
}

/* Every byte of key and signature counts, but for the comment that says of itself that it does not.
 */
static void test_minisign_mutants(void)
{
    struct minisign_key key;
    unsigned accepted = 0;

    CHECK_INT(minisign_key_parse(view_str(key_file), &key), ERR_NONE);
    for (size_t s = 0; s < 2; s++) {
        char text[1024];
        size_t n = strlen(signatures[s].signature);
        size_t from = (size_t)(strchr(signatures[s].signature, '\n') - signatures[s].signature);

        memcpy(text, signatures[s].signature, n);
        for (size_t i = from; i + 1 < n; i++) /* the last newline may be missing or not be one */
            for (unsigned bit = 0; bit < 8; bit++) {
                text[i] ^= (char)(1 << bit);
                if (minisign_check(VIEW_LIT(SIGNED), view_of(text, n), &key, NULL) == ERR_NONE) {
                    printf("# byte %zu bit %u\n", i, bit);
                    accepted++;
                }
                text[i] ^= (char)(1 << bit);
            }
        for (size_t i = 0; i + 1 < n; i++)
            accepted += minisign_check(VIEW_LIT(SIGNED), view_of(text, i), &key, NULL) == ERR_NONE;
    }
    CHECK_INT(accepted, 0);
}

static void test_minisign_key_rejects(void)
{
    static const char *const bad[] = {
        "",
        "untrusted comment: x\n",
        "untrusted comment: x",
        "AAAA",
        "RWQ=",
        "UldRf8h2ZG9lcyBub3QgbWF0dGVyIHdoYXQgaXMgaGVyZSBidXQgbGVuZ3Ro",
    };
    struct minisign_key key;
    char text[256];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(minisign_key_parse(view_str(bad[i]), &key), ERR_FORMAT);
    snprintf(text, sizeof text, "%sRWQ", key_file);
    CHECK_INT(minisign_key_parse(view_str(text), &key), ERR_FORMAT);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"manifest_parse", test_parse},
        {"manifest_rejects", test_rejects},
        {"manifest_without_image", test_without_image},
        {"manifest_limits", test_limits},
        {"minisign", test_minisign},
        {"minisign_mutants", test_minisign_mutants},
        {"minisign_key_rejects", test_minisign_key_rejects},
    };

    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
