/* A data plane that is not in the release it was given must not serve: each way of not being in it
 * has its own sentence. Manifests are written and signed by deploy/release, as an operator does it.
 * The proof store is here because it is the other half of what a boot shows about itself. */
#include "log_proof.h"
#include "own_release.h"

#include "bounds.h"
#include "check.h"
#include "manifest.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64], manifest[96], key[96], other_key[96];

#define MEASURED                                                                                   \
    "abababababababababababababababababababababababababababababababababababababababababababababab" \
    "abab"

static void shell(const char *command, char *out, size_t cap)
{
    FILE *f = popen(command, "r");
    size_t n = fread(out, 1, cap - 1, f);

    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    CHECK_INT(pclose(f), 0);
}

static void release_make(const char *providers, const char *how)
{
    char command[1024], said[64];

    snprintf(command, sizeof command,
             "SOURCE_DATE_EPOCH=1790000000 deploy/release/make --version 1.0 --svn 1 --days 10"
             " --providers %s --catalog deploy/examples/catalog.conf"
             " --policy deploy/examples/attestation.conf --digest makefile=Makefile --out %s %s"
             " --commit 0123456789012345678901234567890123456789 --repo https://example.com"
             " && deploy/release/sign %s/key.pem %s",
             providers, manifest, how, dir, manifest);
    shell(command, said, sizeof said);
}

static struct own_release_facts facts(void)
{
    struct own_release_facts f = {.simulated = true, .now_s = 1790000000};
    char hex[128];

    memset(f.measurement, 0xab, sizeof f.measurement);
    shell("sha256sum <deploy/examples/providers.conf | cut -c1-64", hex, sizeof hex);
    CHECK_INT(hex_decode(view_str(hex), f.providers.b, 32), ERR_NONE);
    return f;
}

static void setup(void)
{
    char command[128];

    snprintf(dir, sizeof dir, "/tmp/tr-test-release.%d", (int)getpid());
    snprintf(command, sizeof command, "mkdir %s", dir);
    CHECK_INT(system(command), 0);
    snprintf(manifest, sizeof manifest, "%s/release.json", dir);
    snprintf(command, sizeof command, "deploy/release/sign --new-key %s/key.pem", dir);
    shell(command, key, sizeof key);
    snprintf(command, sizeof command, "deploy/release/sign --new-key %s/other.pem", dir);
    shell(command, other_key, sizeof other_key);
    release_make("deploy/examples/providers.conf", "--simulated " MEASURED);
}

static void expect(const struct own_release_facts *f, const char *by, enum err want,
                   const char *sentence)
{
    struct buf why, taken;
    char text[256];
    enum err e;

    buf_init(&why, 200);
    buf_init(&taken, MANIFEST_MAX);
    e = own_release_check(manifest, by, f, &taken, &why);
    CHECK((taken.len != 0) == (e == ERR_NONE));
    buf_free(&taken);
    snprintf(text, sizeof text, "%.*s", (int)why.len, why.len != 0 ? (const char *)why.ptr : "");
    if (e != want || strstr(text, sentence) == NULL)
        printf("# %s: %s, want %s: %s\n", err_name(e), text, err_name(want), sentence);
    CHECK_INT(e, want);
    CHECK(strstr(text, sentence) != NULL && (want == ERR_NONE) == (why.len == 0));
    buf_free(&why);
}

static void test_in_it(void)
{
    struct own_release_facts f = facts();

    expect(&f, key, ERR_NONE, "");
    f.now_s += 10 * 86400 - 1;
    expect(&f, key, ERR_NONE, "");
}

static void test_not_in_it(void)
{
    struct own_release_facts f = facts();

    f.measurement[47] ^= 1;
    expect(&f, key, ERR_ATTESTATION, "our measurement");
    f = facts();
    f.providers.b[0] ^= 1;
    expect(&f, key, ERR_ATTESTATION, "another providers.conf");
    f = facts();
    f.simulated = false;
    expect(&f, key, ERR_ATTESTATION, "another kind of platform");
    f = facts();
    f.now_s--;
    expect(&f, key, ERR_ATTESTATION, "not valid yet");
    f.now_s += 1 + 10 * 86400;
    expect(&f, key, ERR_ATTESTATION, "expired");
}

static void test_not_signed(void)
{
    struct own_release_facts f = facts();
    char command[512];

    expect(&f, other_key, ERR_AUTH, "not signed");
    expect(&f, "RWQ", ERR_CONFIG, "release_key");
    snprintf(command, sizeof command, "sed -i 's/\"svn\":1/\"svn\":2/' %s", manifest);
    CHECK_INT(system(command), 0);
    expect(&f, key, ERR_AUTH, "not signed");
    /* Signed, but not canonical. */
    snprintf(command, sizeof command,
             "sed -i 's/\"svn\":2/\"svn\": 2/' %s && deploy/release/sign %s/key.pem %s", manifest,
             dir, manifest);
    CHECK_INT(system(command), 0);
    expect(&f, key, ERR_CONFIG, "canonical");
    snprintf(command, sizeof command, "rm %s.minisig", manifest);
    CHECK_INT(system(command), 0);
    expect(&f, key, ERR_CONFIG, "no signature");
    snprintf(command, sizeof command, "rm %s", manifest);
    CHECK_INT(system(command), 0);
    expect(&f, key, ERR_CONFIG, "cannot be read");
}

/* What we sign, minisign takes; and it refuses what we refuse. */
static void test_debian_minisign(void)
{
    char command[512];

    if (system("command -v minisign >/dev/null") != 0) {
        check_skip("minisign is not installed");
        return;
    }
    release_make("deploy/examples/providers.conf", "--simulated " MEASURED);
    snprintf(command, sizeof command, "minisign -V -q -P %s -m %s >/dev/null", key, manifest);
    CHECK_INT(system(command), 0);
    snprintf(command, sizeof command, "minisign -V -q -P %s -m %s >/dev/null 2>&1", other_key,
             manifest);
    CHECK(system(command) != 0);
    snprintf(command, sizeof command,
             "cd %s && minisign -G -W -f -p m.pub -s m.key >/dev/null && minisign -S -s m.key -m "
             "release.json >/dev/null && tail -n 1 m.pub",
             dir);
    shell(command, key, sizeof key);
    struct own_release_facts f = facts();

    expect(&f, key, ERR_NONE, "");
    expect(&f, other_key, ERR_AUTH, "not signed");
}

/* --- the proof store --- */

static struct log_proof *store;

static void *write_proofs(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t text[64];

        memset(text, 'a' + (int)(i % 26), sizeof text);
        CHECK_INT(log_proof_set(store, view_of(text, 1 + i % 64), view_of(text, 1 + i % 64)),
                  ERR_NONE);
    }
    return NULL;
}

/* A reader sees a statement and the proof of that statement, whole, or nothing. */
static void test_log_proof(void)
{
    static const uint8_t big[LIMIT_LOG_PROOF_BYTES + 1];
    struct buf s, p;
    pthread_t writer;
    unsigned torn = 0, seen = 0;

    buf_init(&s, LIMIT_LOG_STATEMENT_BYTES);
    buf_init(&p, LIMIT_LOG_PROOF_BYTES);
    CHECK_INT(log_proof_new(&store), ERR_NONE);
    CHECK_INT(log_proof_get(store, &s, &p), ERR_NOT_FOUND);
    CHECK_INT(log_proof_set(store, VIEW_LIT("s"), VIEW_LIT("p")), ERR_NONE);
    CHECK_INT(log_proof_set(store, VIEW_LIT("x"), view_of(big, sizeof big)), ERR_LIMIT);
    CHECK_INT(log_proof_get(store, &s, &p), ERR_NONE);
    CHECK(view_eq(buf_view(&s), VIEW_LIT("s")) && view_eq(buf_view(&p), VIEW_LIT("p")));
    CHECK_INT(log_proof_set(store, VIEW_LIT("a"), VIEW_LIT("a")), ERR_NONE);
    pthread_create(&writer, NULL, write_proofs, NULL);
    for (unsigned i = 0; i < 20000; i++) {
        buf_reset(&s);
        buf_reset(&p);
        CHECK_INT(log_proof_get(store, &s, &p), ERR_NONE);
        seen++;
        torn += !view_eq(buf_view(&s), buf_view(&p)) || s.ptr[0] != s.ptr[s.len - 1];
    }
    pthread_join(writer, NULL);
    CHECK_INT(seen, 20000);
    CHECK_INT(torn, 0);
    log_proof_free(store);
    buf_free(&s);
    buf_free(&p);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"own_release_in_it", test_in_it},
        {"own_release_not_in_it", test_not_in_it},
        {"own_release_not_signed", test_not_signed},
        {"own_release_debian_minisign", test_debian_minisign},
        {"log_proof", test_log_proof},
    };
    char command[96];
    int code;

    if (secret_init() != ERR_NONE)
        return 1;
    setup();
    code = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? code : 1;
}
