/* The verifier is the gate to every secret of the system. It is held against real processors'
 * reports, against 58 re-signed mutants that each break one rule, and against the simulator for the
 * rules about this connection. Every policy used is written out here, so no verdict depends on a
 * default nobody looked at; and every rule of the policy file has a file that breaks it. */
#include "check.h"

#include "chain.h"
#include "conf.h"
#include "evidence.h"
#include "json.h"
#include "policy.h"
#include "quote.h"
#include "sim/sim.h"
#include "verify.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

enum { FIXTURE_MAX = 64 << 10 };
static const uint64_t then_s = 1796000000; /* 2026-11-30, after the fixtures were made */
static char dir[] = "/tmp/test_verify.XXXXXX";
static char fixtures[256];
static char why_text[256];

/* --- files */

static void fixtures_find(void)
{
    const char *roots[] = {getenv("TR_FIXTURES"), "../shared/fixtures", "tests/fixtures"};

    for (size_t i = 0; i < 3; i++) {
        char probe[300];

        if (roots[i] == NULL)
            continue;
        snprintf(fixtures, sizeof fixtures, "%s/snp", roots[i]);
        snprintf(probe, sizeof probe, "%s/sim/genoa/expected.json", fixtures);
        if (access(probe, R_OK) == 0)
            break;
    }
    printf("# fixtures: %s\n", fixtures);
}

/* The caller frees. */
static struct buf fixture(const char *format, const char *name)
{
    char path[512], file[200];
    struct buf b;

    snprintf(file, sizeof file, "%s", name);
    snprintf(path, sizeof path, "%s/%s%s", fixtures, format, file);
    buf_init(&b, FIXTURE_MAX);
    if (conf_read_file(path, FIXTURE_MAX, &b) != ERR_NONE) {
        printf("# missing %s\n", path);
        check_fail(__FILE__, __LINE__, "fixture is there");
    }
    return b;
}

static struct attest_policy *policy_try(const char *text, enum err want)
{
    struct attest_policy *p = NULL;
    char path[300];
    struct buf why;
    FILE *f;
    enum err e;

    snprintf(path, sizeof path, "%s/policy.conf", dir);
    f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(text, 1, strlen(text), f) == strlen(text));
    if (f != NULL)
        fclose(f);
    buf_init(&why, 255);
    e = attest_policy_load(path, &p, &why);
    snprintf(why_text, sizeof why_text, "%.*s", (int)why.len, why.len ? (char *)why.ptr : "");
    if (e != want)
        printf("# policy: %s\n", why_text);
    CHECK_INT(e, want);
    CHECK((e == ERR_NONE) == (p != NULL));
    buf_free(&why);
    return p;
}

static struct attest_policy *policy(const char *text)
{
    return policy_try(text, ERR_NONE);
}

/* --- real processors */

static enum refusal judge(struct view report, struct view vek, struct view ask,
                          const struct attest_policy *p)
{
    struct msg_evidence e = {.report = report, .vek = vek, .ask = ask};
    bool simulated = true;
    enum refusal r = attest_verify_report(&e, p, then_s, &simulated);

    CHECK(r != REFUSAL_NONE || !simulated || p->allow_simulated);
    return r;
}

#define LENIENT "audience = x\nroots = amd\nexpires = 2099-01-01T00:00:00Z\n"
#define CHIP(id) "[chip a]\nid = " id "\n"
#define CHIP_GENOA                                                                                 \
    CHIP("9dc99962c063029e430b6f7b734075ec542f4f3ec639e657e14585d3fe559b38532bc42d037d618317694ad" \
         "6634d2507964e276c8eedeac4978c7006bf89f8e1")
#define CHIP_DEBUG                                                                                 \
    CHIP("3ac3fe21e13fb0990eb28a802e3fb6a29483a6b0753590c951bdd3b8e53786184ca39e359669a2b76a19367" \
         "76b564ea464cdce40c05f63c9b610c5068b006b5d")
#define CHIP_TRUSTEE                                                                               \
    CHIP("c38427a30d4c7af9d96f7a15b97269825a64cb76a2352ffd5d18115d89ad473f8e8c0bcd9a5d9286612bad4" \
         "aadfb4426205a3b9e4fea82301135a170e477524e")
#define CHIP_VIRTEE                                                                                \
    CHIP("d49554ec717f4e5b0fe6b143bcf0405bd7ae304727edf46603f2a76aef6a3abc15d7af38db757039029f0ef" \
         "acfd08e244324884738c72b082e2f87a44d541eb6")
#define MEASURED(hex) "[measurement a]\nsha384 = " hex "\n"
#define M_GENOA                                                                                    \
    MEASURED(                                                                                      \
        "b0f5d097b5c7addd4ee06a6f5fd04a745c5415d77363ca74857b44226a1bd7da50329549def0897c2346"     \
        "95e37b8c2793")
#define M_DEBUG                                                                                    \
    MEASURED(                                                                                      \
        "b07af9620f3b839b47996422ddec6058338951d984e312115131ea82705eaf5b6bdf8a9ece31a5a608eb"     \
        "0cf2e4872b01")
#define M_TRUSTEE                                                                                  \
    MEASURED(                                                                                      \
        "a1f3930413247bb38cfc171579ea3c12d5fe4901f0c792f63fd75d98f1ef827c23500644e0e692e6be91"     \
        "7f9050d3d38c")
#define M_VIRTEE                                                                                   \
    MEASURED(                                                                                      \
        "7a1e5c266c0108dbc9bb94fa926951320940915d0aafb42464bd88b579ea158d3e1a0dc39b2c60bd95b9"     \
        "c480cd81841f")
#define M_TURIN                                                                                    \
    MEASURED(                                                                                      \
        "f924dd18f168df60fbea937f0b086284d51b1b376de872bac43694f61134d57967c318018de733550302"     \
        "3dbb50dee624")
#define GENOA "products = genoa\nguest_allow = smt\n"
#define TURIN "products = turin\nguest_allow = smt\n"
#define MILAN "products = milan\nreport_versions = 2\nplatform_require =\nguest_allow = smt"
#define FLOOR_GENOA "[floor genoa]\nbootloader = 9\nsnp = 23\nmicrocode = 72\n"
#define FLOOR_TURIN "[floor 1a-02-01]\nbootloader = 1\nsnp = 2\nmicrocode = 71\n"
#define FLOOR_MILAN "[floor milan]\nbootloader = 2\nsnp = 5\nmicrocode = 68\n"
#define ID_TRUSTEE                                                                                 \
    "id_key_sha384 = "                                                                             \
    "0356215882a825279a85b300b0b742931d113bf7e32dde2e50ffde7ec743ca491ecdd7f336dc2"                \
    "8a6e0b2bb57af7a44a3\n"

static void run_real(void)
{
    static const struct {
        const char *report, *policy;
        enum refusal want;
    } cases[] = {
        {"genoa_v3_yaxi", LENIENT GENOA CHIP_GENOA M_GENOA FLOOR_GENOA, REFUSAL_NONE},
        {"genoa_v3_yaxi", LENIENT GENOA CHIP_DEBUG M_GENOA FLOOR_GENOA, REFUSAL_CHIP},
        {"genoa_v3_yaxi", LENIENT GENOA CHIP_GENOA M_DEBUG FLOOR_GENOA, REFUSAL_MEASUREMENT},
        {"genoa_v3_yaxi", LENIENT GENOA CHIP_GENOA M_GENOA "[floor genoa]\nsnp = 24\n",
         REFUSAL_TCB_FLOOR},
        {"genoa_v3_yaxi", LENIENT GENOA CHIP_GENOA M_GENOA "[floor 19-11-01]\nmicrocode = 73\n",
         REFUSAL_TCB_FLOOR},
        /* a floor for another stepping is no floor for this one */
        {"genoa_v3_yaxi", LENIENT GENOA CHIP_GENOA M_GENOA "[floor 19-11-02]\nsnp = 1\n",
         REFUSAL_TCB_FLOOR},
        {"genoa_v3_yaxi", LENIENT "min_firmware = 1.55.39\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA,
         REFUSAL_NONE},
        {"genoa_v3_yaxi", LENIENT "min_firmware = 1.55.40\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA,
         REFUSAL_TCB_FLOOR},
        {"genoa_v3_yaxi", LENIENT "products = genoa\n" CHIP_GENOA M_GENOA FLOOR_GENOA,
         REFUSAL_POLICY}, /* SMT is a permission that was not given */
        {"genoa_v3_yaxi",
         LENIENT "guest_require = single_socket\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA,
         REFUSAL_POLICY},
        {"genoa_v3_yaxi", LENIENT "platform_forbid = smt\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA,
         REFUSAL_PLATFORM},
        {"genoa_v3_yaxi", LENIENT "min_guest_svn = 1\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA,
         REFUSAL_GUEST_SVN},
        {"genoa_v3_yaxi", LENIENT "report_versions = 5\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA,
         REFUSAL_VERSION},
        {"genoa_v3_yaxi",
         LENIENT "host_data = 000000000000000000000000000000000000000000000000000000000000000"
                 "1\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA,
         REFUSAL_HOST_DATA},
        {"genoa_v3_yaxi", LENIENT ID_TRUSTEE GENOA CHIP_GENOA M_GENOA FLOOR_GENOA, REFUSAL_ID_KEY},
        {"turin_v5_oak", LENIENT TURIN CHIP("3b42092f69c656d3") M_TURIN FLOOR_TURIN, REFUSAL_NONE},
        {"turin_v5_oak", LENIENT TURIN CHIP("3b42092f69c656d4") M_TURIN FLOOR_TURIN, REFUSAL_CHIP},
        {"turin_v5_oak", LENIENT GENOA CHIP("3b42092f69c656d3") M_TURIN FLOOR_GENOA,
         REFUSAL_PRODUCT},
        {"turin_v5_oak", LENIENT TURIN CHIP("3b42092f69c656d3") M_TURIN "[floor turin]\nfmc = 1\n",
         REFUSAL_TCB_FLOOR},
        /* the product's name is a floor where the stepping has none */
        {"turin_v5_oak", LENIENT TURIN CHIP("3b42092f69c656d3") M_TURIN "[floor turin]\nsnp = 2\n",
         REFUSAL_NONE},
        {"milan_v2_gosevguest", LENIENT MILAN "\n" CHIP_DEBUG M_DEBUG FLOOR_MILAN, REFUSAL_DEBUG},
        {"milan_v2_gosevguest", LENIENT MILAN " debug\n" CHIP_DEBUG M_DEBUG FLOOR_MILAN,
         REFUSAL_NONE},
        {"milan_v2_trustee", LENIENT ID_TRUSTEE MILAN "\n" CHIP_TRUSTEE M_TRUSTEE FLOOR_MILAN,
         REFUSAL_TCB_ORDER},
        {"milan_v2_trustee",
         LENIENT ID_TRUSTEE "provisional_firmware = on\n" MILAN
                            "\n" CHIP_TRUSTEE M_TRUSTEE FLOOR_MILAN,
         REFUSAL_NONE},
        {"milan_v2_trustee",
         LENIENT "provisional_firmware = on\n" MILAN "\n" CHIP_TRUSTEE M_TRUSTEE FLOOR_MILAN,
         REFUSAL_ID_KEY},
        {"milan_v2_virtee", LENIENT MILAN "\n" CHIP_VIRTEE M_VIRTEE FLOOR_MILAN, REFUSAL_NONE},
        {"milan_v2_virtee", LENIENT GENOA CHIP_VIRTEE M_VIRTEE FLOOR_GENOA, REFUSAL_PRODUCT},
        /* the right product, but a version that the policy does not take */
        {"milan_v2_virtee",
         LENIENT "products = milan\nplatform_require =\nguest_allow = smt\n" CHIP_VIRTEE M_VIRTEE
             FLOOR_MILAN,
         REFUSAL_VERSION},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[128];
        struct attest_policy *p = policy(cases[i].policy);
        struct buf report, vcek;
        enum refusal got;

        snprintf(name, sizeof name, "%s/report.bin", cases[i].report);
        report = fixture("real/", name);
        snprintf(name, sizeof name, "%s/vcek.der", cases[i].report);
        vcek = fixture("real/", name);
        if (p != NULL) {
            got = judge(buf_view(&report), buf_view(&vcek), VIEW_EMPTY, p);
            if (got != cases[i].want)
                printf("# case %zu %s: %s\n", i, cases[i].report, refusal_name(got));
            CHECK_INT(got, cases[i].want);
        }
        attest_policy_free(p);
        buf_free(&report);
        buf_free(&vcek);
    }
    printf("# %zu verdicts on real reports\n", sizeof cases / sizeof cases[0]);
}

/* Certificates: the real ones parse, as one piece only. The two of trustee called invalid have a
 * HWID of the right length in both encodings, but overwritten: they parse and AMD never signed
 * them. */
static void run_vceks(void)
{
    static const struct {
        const char *file;
        bool signed_by_amd;
    } cases[] = {
        {"genoa_v3_yaxi/vcek.der", true},
        {"milan_v2_gosevguest/vcek.der", true},
        {"milan_v2_trustee/vcek.der", true},
        {"milan_v2_trustee/vcek_hwid_legacy_invalid.der", false},
        {"milan_v2_trustee/vcek_hwid_new_invalid.der", false},
        {"turin_v5_oak/vcek.der", true},
        {"turin_vcek_only_virtee/vcek.der", true},
    };
    size_t n;
    const struct amd_root *amd = amd_roots(&n);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf der = fixture("real/", cases[i].file);
        struct chain_cert as_ask;
        struct vek v;
        bool issued = false;

        CHECK_INT(vek_parse(buf_view(&der), &v), ERR_NONE);
        for (size_t k = 0; k < n && v.cert.x509 != NULL; k++) {
            struct chain_cert ask;

            CHECK_INT(chain_cert_parse(view_of(amd[k].ask, (size_t)(amd[k].ask_end - amd[k].ask)),
                                       CHAIN_ASK, &ask),
                      ERR_NONE);
            issued = issued || chain_issued(&ask, &v.cert);
            chain_cert_free(&ask);
        }
        CHECK_INT(issued, cases[i].signed_by_amd);
        vek_free(&v);
        CHECK_INT(chain_cert_parse(buf_view(&der), CHAIN_ASK, &as_ask), ERR_FORMAT);
        CHECK_INT(vek_parse(view_of(der.ptr, der.len - 1), &v), ERR_FORMAT);
        CHECK_INT(buf_append_byte(&der, 0), ERR_NONE);
        CHECK_INT(vek_parse(buf_view(&der), &v), ERR_FORMAT);
        buf_free(&der);
    }
}

/* One byte of a good certificate is changed where it matters for parsing; offsets by search. */
static void run_vcek_edits(void)
{
    static const struct {
        const char *what, *find;
        size_t find_len, at;
        uint8_t byte;
    } edits[] = {
        {"HWID of another length", "\x04\x42\x04\x40", 4, 3, 0x41},
        {"HWID of another type", "\x04\x42\x04\x40", 4, 2, 0x05},
        {"extension nobody knows", "\x9c\x78\x01\x04", 4, 3, 0x06},
        {"extension twice", "\x9c\x78\x01\x03\x02", 5, 4, 0x01},
        {"reserved part set", "\x9c\x78\x01\x03\x05\x04\x03\x02\x01", 10, 9, 1},
        {"part that is negative", "\x9c\x78\x01\x03\x02\x04\x03\x02\x01", 10, 9, 0x80},
        {"struct version of Turin", "\x9c\x78\x01\x01\x04\x03\x02\x01", 9, 8, 1},
        {"another product", "Milan-B0", 8, 0, 'N'},
        {"another common name", "SEV-VCEK", 8, 4, 'W'},
        {"another issuer", "SEV-Milan", 9, 4, 'N'},
        {"another country", "\x06\x03\x55\x04\x06\x13\x02US", 9, 8, 'A'},
        {"another curve", "\x2b\x81\x04\x00\x22", 5, 4, 0x23},
        {"salt of 49", "\xa2\x03\x02\x01\x30", 5, 4, 0x31},
        {"version 2", "\xa0\x03\x02\x01\x02", 5, 4, 1},
        {"serial 1", "\xa0\x03\x02\x01\x02\x02\x01", 8, 7, 1},
    };
    struct buf der = fixture("real/", "milan_v2_trustee/vcek_hwid_new_invalid.der");

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        uint8_t *at = memmem(der.ptr, der.len, edits[i].find, edits[i].find_len);
        struct vek v;
        uint8_t before;

        if (at == NULL) {
            check_fail(__FILE__, __LINE__, edits[i].what);
            continue;
        }
        before = at[edits[i].at];
        CHECK(before != edits[i].byte);
        at[edits[i].at] = edits[i].byte;
        if (vek_parse(buf_view(&der), &v) != ERR_FORMAT)
            check_fail(__FILE__, __LINE__, edits[i].what);
        vek_free(&v);
        at[edits[i].at] = before;
        CHECK_INT(vek_parse(buf_view(&der), &v), ERR_NONE);
        vek_free(&v);
    }
    buf_free(&der);
}

static void run_roots(void)
{
    size_t n;
    const struct amd_root *roots = amd_roots(&n);

    CHECK_INT(n, 3);
    for (size_t i = 0; i < n; i++) {
        struct chain_cert ark, ask, other;
        struct digest32 d;
        char hex[65];

        digest_sha256(view_of(roots[i].ark, (size_t)(roots[i].ark_end - roots[i].ark)), &d);
        hex_encode(d.b, 32, hex);
        CHECK(strcmp(hex, roots[i].ark_sha256) == 0);
        CHECK_INT(chain_cert_parse(view_of(roots[i].ark, (size_t)(roots[i].ark_end - roots[i].ark)),
                                   CHAIN_ARK, &ark),
                  ERR_NONE);
        CHECK_INT(chain_cert_parse(view_of(roots[i].ask, (size_t)(roots[i].ask_end - roots[i].ask)),
                                   CHAIN_ASK, &ask),
                  ERR_NONE);
        CHECK_INT(chain_cert_parse(view_of(roots[i].ask, (size_t)(roots[i].ask_end - roots[i].ask)),
                                   CHAIN_ARK, &other),
                  ERR_FORMAT);
        CHECK(chain_issued(&ark, &ask) && !chain_issued(&ask, &ark));
        CHECK(chain_valid_at(&ark, then_s) && !chain_valid_at(&ark, 1000000000));
        CHECK(!chain_valid_at(&ark, 4000000000));
        chain_cert_free(&ark);
        chain_cert_free(&ask);
    }
}

/* --- the synthetic mutants */

/* The verdict's word. Every finding is listed once, in order, and the verdict is the first failure.
 */
static const char *word(struct view report, struct view vek, struct view ask,
                        const struct attest_policy *p)
{
    const struct attest_subject s = {.report = report, .vek = vek, .ask = ask};
    enum verdict first = VERDICT_ACCEPT;
    struct examination x;

    attest_examine(&s, p, then_s, &x);
    for (size_t i = x.n; i > 0; i--)
        if (x.findings[i - 1].outcome == FINDING_FAILED)
            first = x.findings[i - 1].code;
    CHECK_INT(x.verdict, first);
    return verdict_name(x.verdict);
}

static void run_mutants(void)
{
    char text[1024];
    struct buf expected = fixture("sim/genoa/", "expected.json");
    struct buf ask = fixture("sim/genoa/", "ask.der"), vcek = fixture("sim/genoa/", "vcek.der");
    struct buf chip = fixture("sim/genoa/", "chip_id.hex");
    struct json_value root;
    struct json_member m;
    struct attest_policy *p;
    size_t count = 0;

    snprintf(text, sizeof text,
             "audience = x\nexpires = 2099-01-01T00:00:00Z\nguest_allow = smt\nproducts = genoa\n"
             "report_versions = 2 3 5\n"
             "[root a]\nfile = %s/sim/genoa/ark.pem\n[chip a]\nid = %.*s\n"
             "[measurement a]\nsha384 = %096d\n[floor genoa]\nsnp = 23\nmicrocode = 72\n",
             fixtures, 128, (const char *)chip.ptr, 0);
    memset(strstr(text, "sha384 = ") + 9, '2', 96);
    p = policy(text);
    CHECK_INT(json_check(buf_view(&expected), &root, NULL), ERR_NONE);
    for (struct json_iter it = json_iter(root); p != NULL && json_next(&it, &m);) {
        struct json_iter inner = json_iter(m.value);
        struct json_member expect;
        char name[100];
        struct buf report;
        struct view want = VIEW_EMPTY;
        const char *got;

        CHECK(json_next(&inner, &expect) && view_eq(expect.key, VIEW_LIT("expect")) &&
              json_string_plain(expect.value, &want));
        if (view_eq(want, VIEW_LIT("ACCEPT_OR_WARN")))
            want = VIEW_LIT("ACCEPT");
        snprintf(name, sizeof name, "%.*s", (int)m.key.len, (const char *)m.key.ptr);
        report = fixture("sim/genoa/", name);
        got = word(buf_view(&report), buf_view(&vcek), buf_view(&ask), p);
        if (!view_eq(view_str(got), want)) {
            printf("# %s: %s, want %.*s\n", name, got, (int)want.len, (const char *)want.ptr);
            check_fail(__FILE__, __LINE__, "the expected verdict");
        }
        count++;
        buf_free(&report);
    }
    CHECK_INT(count, 58);
    printf("# %zu mutants\n", count);
    attest_policy_free(p);
    buf_free(&expected);
    buf_free(&ask);
    buf_free(&vcek);
    buf_free(&chip);
}

/* --- the certificates of the evidence */

static void run_chain_mixups(void)
{
    struct buf report = fixture("real/", "genoa_v3_yaxi/report.bin");
    struct buf vcek = fixture("real/", "genoa_v3_yaxi/vcek.der");
    struct buf turin = fixture("real/", "turin_v5_oak/vcek.der");
    struct buf sim_ask = fixture("sim/genoa/", "ask.der");
    struct buf sim_vcek = fixture("sim/genoa/", "vcek.der");
    struct attest_policy *p = policy(LENIENT GENOA CHIP_GENOA M_GENOA FLOOR_GENOA);
    struct msg_evidence e = {.report = buf_view(&report), .vek = buf_view(&vcek)};
    size_t n;
    const struct amd_root *amd = amd_roots(&n);
    struct view real_ask = view_of(amd[1].ask, (size_t)(amd[1].ask_end - amd[1].ask));
    bool simulated;

    if (p == NULL)
        return;
    CHECK_INT(judge(e.report, e.vek, real_ask, p), REFUSAL_NONE);
    CHECK_INT(judge(e.report, e.vek, buf_view(&sim_ask), p), REFUSAL_ROOT);
    CHECK_INT(judge(e.report, e.vek, e.vek, p), REFUSAL_CERT); /* no ASK at all */
    CHECK_INT(judge(e.report, VIEW_EMPTY, real_ask, p), REFUSAL_CERT);
    CHECK_INT(judge(e.report, buf_view(&turin), real_ask, p), REFUSAL_PRODUCT); /* Turin's layout */
    CHECK_INT(judge(e.report, buf_view(&sim_vcek), real_ask, p), REFUSAL_CERT);
    CHECK_INT(attest_verify_report(&e, p, 1600000000, &simulated), REFUSAL_CERT); /* not yet */
    CHECK_INT(attest_verify_report(&e, p, 2600000000, &simulated), REFUSAL_CERT); /* no more */
    vcek.ptr[vcek.len - 1] ^= 1; /* its signature */
    CHECK_INT(judge(e.report, buf_view(&vcek), real_ask, p), REFUSAL_CERT);
    attest_policy_free(p);
    buf_free(&report);
    buf_free(&vcek);
    buf_free(&turin);
    buf_free(&sim_ask);
    buf_free(&sim_vcek);
}

/* --- this connection, with the simulator */

static struct digest48 measurement = {{7}};
static struct attest_policy *sim_policy;
static struct quote_source *source;
static struct identity identity;
static struct attest_expect expect;

static void sim_setup(void)
{
    char text[1024], sim[200], hex[97];
    struct buf why;

    snprintf(sim, sizeof sim, "%s/platform", dir);
    buf_init(&why, 200);
    CHECK_INT(quote_backend.make_platform(sim, &why), ERR_NONE);
    CHECK_INT(quote_backend.open(sim, &measurement, &source, &why), ERR_NONE);
    buf_free(&why);
    hex_encode(measurement.b, 48, hex);
    snprintf(text, sizeof text,
             "audience = api.test\nallow_simulated = on\nproducts = genoa\nguest_allow = smt\n"
             "[root a]\nfile = %s/ark.pem\n[measurement a]\nsha384 = %s\n"
             "[floor genoa]\nsnp = 27\nmicrocode = 86\n",
             sim, hex);
    sim_policy = policy(text);
    identity = (struct identity){
        .audience = "api.test", .simulated = true, .not_after_s = (uint64_t)time(NULL) + 1000};
    identity.tls_spki_sha256.b[0] = 5;
    expect = (struct attest_expect){.purpose = EVIDENCE_LINK, .now_s = (uint64_t)time(NULL)};
    expect.peer_tls_spki.b[0] = 5;
    expect.nonce[0] = 1;
    expect.cb[0] = 2;
}

/* Evidence for `for_nonce` and `for_cb` about `who`, judged as `expect` says. */
static enum refusal sim_judge(const struct identity *who, enum evidence_purpose purpose,
                              uint8_t for_nonce, uint8_t for_cb, const struct sim_knobs *knobs,
                              const struct attest_policy *p)
{
    uint8_t nonce[32] = {for_nonce}, cb[32] = {for_cb}, report_data[64];
    struct msg_evidence e;
    struct identity got;
    struct digest32 leaf;
    struct buf text;
    struct quote q;
    enum refusal r;

    buf_init(&text, IDENTITY_MAX_BYTES);
    quote_init(&q);
    sim_set_knobs(source, knobs);
    CHECK_INT(identity_encode(who, &text), ERR_NONE);
    evidence_leaf(purpose, nonce, cb, &leaf);
    evidence_report_data(buf_view(&text), &leaf, report_data);
    CHECK_INT(quote_backend.get(source, report_data, &q), ERR_NONE);
    e = (struct msg_evidence){buf_view(&text), view_of(q.report, sizeof q.report), buf_view(&q.vek),
                              buf_view(&q.ask)};
    r = attest_verify(&e, p, &expect, &got);
    CHECK(r != REFUSAL_NONE || got.tls_spki_sha256.b[0] == 5);
    /* one byte more of the identity and it is malformed, whatever else was wrong */
    CHECK_INT(buf_append_byte(&text, ' '), ERR_NONE);
    e.identity = buf_view(&text);
    CHECK_INT(attest_verify(&e, p, &expect, &got), REFUSAL_MALFORMED);
    quote_free(&q);
    buf_free(&text);
    return r;
}

static void run_connection(void)
{
    const struct sim_knobs honest = sim_knobs();
    const uint8_t previous[32] = {9};
    struct identity who;
    struct sim_knobs k;

    sim_setup();
    if (sim_policy == NULL || source == NULL)
        return;
#define JUDGE(purpose, nonce, cb) sim_judge(&who, purpose, nonce, cb, &k, sim_policy)
#define RESET (who = identity, k = honest)
    RESET;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_NONE);
    CHECK_INT(JUDGE(EVIDENCE_PUBLIC, 1, 2), REFUSAL_CHANNEL);
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 3), REFUSAL_CHANNEL);
    CHECK_INT(JUDGE(EVIDENCE_LINK, 9, 2), REFUSAL_CHANNEL);
    expect.previous_nonce = previous;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 9, 2), REFUSAL_NONCE);
    CHECK_INT(JUDGE(EVIDENCE_LINK, 9, 3), REFUSAL_CHANNEL);
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_NONE);
    who.tls_spki_sha256.b[0] = 6;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_PEER_KEY);
    RESET;
    strcpy(who.audience, "api.other");
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_AUDIENCE);
    RESET;
    who.not_after_s = expect.now_s;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_EXPIRED);
    RESET;
    who.not_after_s = expect.now_s + 86400 * 91;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_NONE);
    who.not_after_s++; /* a clock that is more than a day ahead */
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_EXPIRED);
    RESET;
    who.simulated = false; /* a simulator that does not say so */
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_SIMULATED);
    RESET;
    k.guest_policy |= SNP_POLICY_DEBUG;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_DEBUG);
    RESET;
    k.vmpl = 1;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_VMPL);
    RESET;
    k.reported.part[SNP_MICROCODE]--;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_TCB_CERT);
    RESET;
    k.launch.part[SNP_SNP]--;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_TCB_FLOOR);
    RESET;
    sim_policy->measurements[0].b[0] ^= 1;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_MEASUREMENT);
    sim_policy->measurements[0].b[0] ^= 1;
    CHECK_INT(JUDGE(EVIDENCE_LINK, 1, 2), REFUSAL_NONE);
}

/* The same evidence under policies that do not name this simulator. */
static void run_other_policies(void)
{
    struct sim_knobs k = sim_knobs();
    struct identity liar = identity;
    struct attest_policy *real = policy(LENIENT GENOA CHIP_GENOA M_GENOA FLOOR_GENOA);
    char text[1024], other[200];
    struct attest_policy *p;
    struct buf why;

    if (source == NULL || real == NULL)
        return;
    CHECK_INT(sim_judge(&identity, EVIDENCE_LINK, 1, 2, &k, real), REFUSAL_SIMULATED);
    liar.simulated = false;
    CHECK_INT(sim_judge(&liar, EVIDENCE_LINK, 1, 2, &k, real), REFUSAL_ROOT);
    attest_policy_free(real);
    /* another simulator's root */
    snprintf(other, sizeof other, "%s/other", dir);
    buf_init(&why, 200);
    CHECK_INT(quote_backend.make_platform(other, &why), ERR_NONE);
    buf_free(&why);
    snprintf(text, sizeof text,
             "audience = api.test\nallow_simulated = on\nproducts = genoa\nguest_allow = smt\n"
             "[root a]\nfile = %s/ark.pem\n[measurement a]\nsha384 = %096d\n[floor genoa]\n",
             other, 0);
    p = policy(text);
    if (p != NULL)
        CHECK_INT(sim_judge(&identity, EVIDENCE_LINK, 1, 2, &k, p), REFUSAL_ROOT);
    attest_policy_free(p);
    /* the same root, but the file forgets to allow simulators */
    snprintf(text, sizeof text,
             "audience = api.test\nproducts = genoa\n[root a]\nfile = %s/ark.pem\n" CHIP_GENOA
             "[measurement a]\nsha384 = %096d\n[floor genoa]\n",
             other, 0);
    CHECK(policy_try(text, ERR_CONFIG) == NULL);
    CHECK(strstr(why_text, "allow_simulated") != NULL);
}

/* --- the policy file */

static void run_policy_files(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"roots = amd\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA, "audience"},
        {LENIENT GENOA CHIP_GENOA FLOOR_GENOA, "measurement"},
        {LENIENT GENOA M_GENOA FLOOR_GENOA, "chips"},
        {LENIENT GENOA CHIP_GENOA M_GENOA, "floor"},
        {LENIENT CHIP_GENOA M_GENOA FLOOR_GENOA, "floor"}, /* Turin is allowed too, without one */
        {"audience = x\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA, "no root"},
        {LENIENT "products = rome\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "products"},
        {LENIENT "products =\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "products"},
        {LENIENT "report_versions = 6\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "report_versions"},
        {LENIENT "guest_allow = everything\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "guest_allow"},
        {LENIENT "guest_require = smt\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "guest_require"},
        {LENIENT "platform_require = x\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "platform_require"},
        {LENIENT "platform_forbid = x\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "platform_forbid"},
        {LENIENT "min_firmware = 1.55\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "min_firmware"},
        {LENIENT "min_firmware = 1.55.300\n" CHIP_GENOA M_GENOA FLOOR_GENOA, "min_firmware"},
        {LENIENT GENOA CHIP("abcd") M_GENOA FLOOR_GENOA, "chip"},
        {LENIENT GENOA CHIP_GENOA MEASURED("22") FLOOR_GENOA, "sha384"},
        {LENIENT GENOA CHIP_GENOA M_GENOA "[floor rome]\n", "floor"},
        {LENIENT GENOA CHIP_GENOA M_GENOA "[floor 17-31-00]\n", "floor"},
        {LENIENT GENOA CHIP_GENOA M_GENOA "[floor genoa]\nsnp = 256\n", "snp"},
        {LENIENT GENOA CHIP_GENOA M_GENOA FLOOR_GENOA "[root a]\nfile = /nonexistent\n", "root"},
        {LENIENT GENOA CHIP_GENOA M_GENOA FLOOR_GENOA "[root a]\nfile = Makefile\n", "root"},
        {LENIENT GENOA CHIP_GENOA M_GENOA FLOOR_GENOA "[secret a]\n", "section"},
        {LENIENT "chips = any\n" GENOA M_GENOA FLOOR_GENOA, "chips"},
        /* of two sections of one name, only one would count */
        {LENIENT GENOA CHIP_GENOA M_GENOA M_GENOA FLOOR_GENOA, "repeated section"},
        {LENIENT GENOA CHIP_GENOA CHIP_GENOA M_GENOA FLOOR_GENOA, "repeated section"},
        {LENIENT GENOA CHIP_GENOA M_GENOA FLOOR_GENOA "[floor genoa]\nsnp = 27\n", "repeated"},
        {LENIENT GENOA CHIP_GENOA M_GENOA FLOOR_GENOA "[floor 19-1a-02]\n[floor 19-1A-02]\n",
         "twice"},
        {"audience = a\nroots = amd\n" GENOA CHIP_GENOA M_GENOA FLOOR_GENOA, "expires"},
    };
    struct attest_policy *p = NULL;
    struct buf why;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(policy_try(cases[i].text, ERR_CONFIG) == NULL);
        if (strstr(why_text, cases[i].why) == NULL) {
            printf("# case %zu says: %s\n", i, why_text);
            check_fail(__FILE__, __LINE__, "the reason names the rule");
        }
    }
    buf_init(&why, 200);
    CHECK_INT(attest_policy_load("/nonexistent", &p, &why), ERR_IO);
    CHECK(why.len > 0);
    buf_free(&why);
}

/* Whatever p lets in, q lets in: point by point. */
static void as_strict(const struct attest_policy *p, const struct attest_policy *q)
{
    CHECK(p->expires_s != 0 && p->expires_s <= q->expires_s);
    CHECK_INT(p->guest_allow & ~q->guest_allow, 0);
    CHECK_INT(q->guest_require & ~p->guest_require, 0);
    CHECK_INT(q->platform_require & ~p->platform_require, 0);
    CHECK_INT(q->platform_forbid & ~p->platform_forbid, 0);
    CHECK_INT(q->mitigations_require & ~p->mitigations_require, 0);
    CHECK_INT(p->versions & ~q->versions, 0);
    CHECK_INT(p->products & ~q->products, 0);
    CHECK(!p->allow_simulated && (!p->allow_vlek || q->allow_vlek));
    CHECK(!p->provisional_firmware || q->provisional_firmware);
    CHECK(!p->allow_unlocked_memory || q->allow_unlocked_memory);
    CHECK(p->require_crl || !q->require_crl);
    CHECK(p->min_firmware >= q->min_firmware && p->min_guest_abi >= q->min_guest_abi);
    CHECK(p->min_guest_svn >= q->min_guest_svn);
    for (size_t i = 0; i < p->n_floors; i++) {
        const struct policy_floor *mine = &p->floors[i], *other = NULL;

        for (size_t j = 0; j < q->n_floors; j++)
            if (q->floors[j].exact == mine->exact && q->floors[j].product == mine->product &&
                q->floors[j].model == mine->model && q->floors[j].stepping == mine->stepping)
                other = &q->floors[j];
        CHECK(other != NULL); /* no stepping that the other does not take */
        for (size_t part = 0; other != NULL && part < SNP_PART_COUNT; part++)
            CHECK(mine->tcb.part[part] >= other->tcb.part[part]);
        CHECK(other == NULL || mine->firmware >= other->firmware);
    }
}

/* The example we ship is as strict as the policy that is compiled in, and loads as soon as it names a measurement and a chip. */
static void run_example(void)
{
    struct buf text, why;
    struct attest_policy *p = NULL, *builtin = NULL;

    buf_init(&text, POLICY_FILE_MAX);
    buf_init(&why, 200);
    CHECK_INT(conf_read_file("deploy/examples/attestation.conf", POLICY_FILE_MAX, &text), ERR_NONE);
    CHECK_INT(attest_policy_load("deploy/examples/attestation.conf", &p, &why), ERR_CONFIG);
    CHECK_INT(buf_append(&text, VIEW_LIT(M_GENOA CHIP_GENOA)), ERR_NONE);
    CHECK_INT(buf_append_byte(&text, '\0'), ERR_NONE);
    p = policy((const char *)text.ptr);
    CHECK_INT(attest_policy_parse(attest_policy_builtin(), "builtin", &builtin, &why), ERR_NONE);
    if (p != NULL && builtin != NULL)
        as_strict(p, builtin);
    attest_policy_free(p);
    attest_policy_free(builtin);
    buf_free(&text);
    buf_free(&why);
}

static void run_cleanup(void)
{
    char cmd[64];

    quote_backend.close(source);
    attest_policy_free(sim_policy);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    CHECK_INT(system(cmd), 0);
}

static const struct check_case cases[] = {
    {"verify_real_reports", run_real},         {"verify_vcek_certificates", run_vceks},
    {"verify_vcek_edits", run_vcek_edits},     {"verify_amd_roots", run_roots},
    {"verify_mutants", run_mutants},           {"verify_chain_mixups", run_chain_mixups},
    {"verify_connection", run_connection},     {"verify_other_policies", run_other_policies},
    {"verify_policy_files", run_policy_files}, {"verify_example_policy", run_example},
    {"verify_cleanup", run_cleanup},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    fixtures_find();
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
