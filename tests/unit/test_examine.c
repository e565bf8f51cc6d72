/* What no fixture from the field shows, with a synthetic chain of AMD's shape: cloud keys (VLEK),
 * revocation lists, Turin's layout byte by byte, opt-in report versions, the policy's dated floors,
 * its end, and every pin it can set. And: no single changed byte of a report or a certificate is
 * accepted. */
#include "check.h"

#include "chain.h"
#include "issues.h"
#include "policy.h"
#include "synthetic_amd.h"

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

static const uint64_t now_s = 1796000000;
static struct buf ark_genoa, ask_genoa, asvk_genoa, ark_turin, ask_turin;
static const struct amd_vek genoa = {.product = "Genoa",
                                     .tcb = {{[SNP_BOOTLOADER] = 10, 0, 27, 88}}};
static const struct amd_vek turin = {.product = "Turin", .tcb = {{1, 1, 1, 4, 200}}};
static const struct amd_vek cloud = {.vlek = true,
                                     .product = "Genoa",
                                     .csp_id = "CN=cc-us-east-2.amazonaws.com",
                                     .tcb = {{[SNP_BOOTLOADER] = 10, 0, 27, 88}}};

#define FLOORS                                                                                     \
    "[floor 19-11-01]\nbootloader = 10\nsnp = 27\nmicrocode = 88\n"                                \
    "[floor 1a-02-01]\nfmc = 1\nbootloader = 1\ntee = 1\nsnp = 4\nmicrocode = 200\n"

static struct attest_policy *policy(const char *top)
{
    struct attest_policy *p = NULL;
    char text[2048];
    struct buf why;

    snprintf(text, sizeof text, "roots = none\n%s\n" FLOORS, top);
    buf_init(&why, 300);
    if (attest_policy_parse(view_str(text), "policy", &p, &why) != ERR_NONE) {
        printf("# %.*s\n", (int)why.len, (const char *)why.ptr);
        check_fail(__FILE__, __LINE__, top);
    } else {
        CHECK_INT(attest_policy_trust(p, buf_view(&ark_genoa)), ERR_NONE);
        CHECK_INT(attest_policy_trust(p, buf_view(&ask_genoa)), ERR_NONE);
        CHECK_INT(attest_policy_trust(p, buf_view(&asvk_genoa)), ERR_NONE);
        CHECK_INT(attest_policy_trust(p, buf_view(&ark_turin)), ERR_NONE);
        CHECK_INT(attest_policy_trust(p, buf_view(&ask_turin)), ERR_NONE);
    }
    buf_free(&why);
    return p;
}

static const char *judge(const uint8_t *report, struct view vek, struct view ask, struct view crl,
                         const struct attest_policy *p)
{
    const struct attest_subject s = {
        .report = view_of(report, SNP_REPORT_BYTES), .vek = vek, .ask = ask, .crl = crl};
    static struct examination x;

    attest_examine(&s, p, now_s, &x);
    return verdict_name(x.verdict);
}

static void check_word(int line, const char *what, const char *got, const char *want)
{
    if (strcmp(got, want) != 0) {
        printf("# %s: %s, want %s\n", what, got, want);
        check_fail(__FILE__, line, "the verdict");
    }
}
#define CHECK_WORD(what, got, want) check_word(__LINE__, what, got, want)

static void setup(void)
{
    CHECK(amd_keys_make());
    amd_authority("ARK-", "Genoa", 0x10000, now_s, &ark_genoa);
    amd_authority("SEV-", "Genoa", 0x10001, now_s, &ask_genoa);
    amd_authority("SEV-VLEK-", "Genoa", 0x20101, now_s, &asvk_genoa);
    amd_authority("ARK-", "Turin", 0x10000, now_s, &ark_turin);
    amd_authority("SEV-", "Turin", 0x10001, now_s, &ask_turin);
}

/* --- one change to a signed report */

struct edit {
    const char *what, *policy;
    uint16_t at;
    uint8_t n; /* bytes */
    uint64_t value;
    const char *want;
};

static void edits_run(const struct amd_vek *kind, const struct edit *edits, size_t n)
{
    uint8_t good[SNP_REPORT_BYTES], r[SNP_REPORT_BYTES];
    struct buf vek;

    amd_vek_make(kind, now_s, &vek);
    amd_report_make(kind, good);
    for (size_t i = 0; i < n; i++) {
        struct attest_policy *p = policy(edits[i].policy);

        memcpy(r, good, sizeof r);
        if (edits[i].n != 0) {
            amd_store(r + edits[i].at, edits[i].value, edits[i].n);
            amd_report_sign(r);
        }
        if (p != NULL)
            CHECK_WORD(edits[i].what, judge(r, buf_view(&vek), VIEW_EMPTY, VIEW_EMPTY, p),
                       edits[i].want);
        attest_policy_free(p);
    }
    buf_free(&vek);
}

static void genoa_edits(void)
{
#define AT(field) SNP_AT_##field
    static const struct edit edits[] = {
        {"good", "", 0, 0, 0, "ACCEPT"},
        {"version 2 without processor", "report_versions = 2 3", AT(VERSION), 4, 2, "MBZ"},
        {"version 4", "", AT(VERSION), 4, 4, "VERSION"},
        {"version 4 opted in", "report_versions = 3 4", AT(VERSION), 4, 4, "ACCEPT"},
        {"version 6", "", AT(VERSION), 4, 6, "VERSION_UNKNOWN"},
        {"version 1", "", AT(VERSION), 4, 1, "VERSION"},
        {"stepping without a floor", "", AT(CPUID_STEPPING), 1, 9, "TCB_MIN"},
        {"Bergamo", "", AT(CPUID_MODEL), 1, 0xa0, "TCB_MIN"},
        {"Milan's model", "", AT(CPUID_MODEL), 1, 1, "PRODUCT"},
        {"model of nobody", "", AT(CPUID_MODEL), 1, 0x50, "PRODUCT"},
        {"measurement named",
         "[measurement a]\nsha384 = "
         "2222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
         "22222222",
         0, 0, 0, "ACCEPT"},
        {"measurement not named",
         "[measurement a]\nsha384 = "
         "3222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
         "22222222",
         0, 0, 0, "MEASUREMENT"},
        {"chip not listed", "[chip a]\nid = 3b42092f69c656d3", 0, 0, 0, "CHIP"},
        {"policy's last second", "expires = 2026-11-30T00:53:21Z", 0, 0, 0, "ACCEPT"},
        {"policy expired", "expires = 2026-11-30T00:53:20Z", 0, 0, 0, "POLICY_EXPIRED"},
        {"firmware floor", "min_firmware = 1.58.60", 0, 0, 0, "ACCEPT"},
        {"firmware below", "min_firmware = 1.58.61", 0, 0, 0, "FW_MIN"},
        {"firmware provisional", "", AT(COMMITTED_FIRMWARE), 1, 59, "TCB_PROVISIONAL"},
        {"firmware committed above", "", AT(COMMITTED_FIRMWARE), 1, 61, "FW_ORDER"},
        {"guest abi", "min_guest_abi = 1.55", AT(POLICY), 8, 0x920137, "ACCEPT"},
        {"guest abi below", "min_guest_abi = 1.55", AT(POLICY), 8, 0x920136, "POLICY_ABI"},
        {"smt", "", AT(POLICY), 8, 0x930000, "POLICY_SMT"},
        {"smt allowed", "guest_allow = smt", AT(POLICY), 8, 0x930000, "ACCEPT"},
        {"migration", "", AT(POLICY), 8, 0x960000, "POLICY_MIGRATE"},
        {"debug", "", AT(POLICY), 8, 0x9a0000, "POLICY_DEBUG"},
        {"cxl", "", AT(POLICY), 8, 0xb20000, "POLICY_CXL"},
        {"rapl not disabled", "guest_require = rapl_disabled", AT(POLICY), 8, 0x120000,
         "POLICY_REQUIRED"},
        {"family id", "family_id = 00000000000000000000000000000001", AT(FAMILY_ID), 16, 0,
         "FAMILY_ID"},
        {"image id", "image_id = 07000000000000000000000000000000", AT(IMAGE_ID), 1, 7, "ACCEPT"},
        {"other image id", "image_id = 07000000000000000000000000000000", AT(IMAGE_ID), 1, 8,
         "IMAGE_ID"},
        {"id key nobody named", "", AT(ID_KEY_DIGEST), 1, 7, "ID_KEY"},
        {"author key without id key", "", AT(AUTHOR_KEY_DIGEST), 1, 7, "AUTHOR"},
        {"author bit alone", "", AT(KEY_INFO), 4, 1, "AUTHOR"},
        {"author pinned, absent",
         "author_key_sha384 = "
         "2222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
         "22222222",
         0, 0, 0, "AUTHOR"},
        {"guest svn", "min_guest_svn = 3", AT(GUEST_SVN), 4, 3, "ACCEPT"},
        {"guest svn below", "min_guest_svn = 3", AT(GUEST_SVN), 4, 2, "GUEST_SVN"},
        {"host data", "", AT(HOST_DATA), 1, 1, "HOST_DATA"},
        {"mitigations without version 5", "mitigations_require = 0000000000000001", 0, 0, 0,
         "MITIGATIONS"},
        {"masked chip key", "", AT(KEY_INFO), 4, 2, "KEY_KIND"},
        {"no revocation list", "require_crl = on", 0, 0, 0, "CRL"},
        {"claims a cloud's key", "allow_vlek = on\ncsp_id = x", AT(KEY_INFO), 4, 4, "KEY_KIND"},
    };

    edits_run(&genoa, edits, sizeof edits / sizeof edits[0]);
}

/* Each part of Turin's TCB, at its own byte, one below its floor in launch: N05. */
static void turin_edits(void)
{
    static const struct edit edits[] = {
        {"good", "", 0, 0, 0, "ACCEPT"},
        {"fmc below", "", AT(LAUNCH_TCB) + 0, 1, 0, "TCB_MIN"},
        {"bootloader below", "", AT(LAUNCH_TCB) + 1, 1, 0, "TCB_MIN"},
        {"tee below", "", AT(LAUNCH_TCB) + 2, 1, 0, "TCB_MIN"},
        {"snp below", "", AT(LAUNCH_TCB) + 3, 1, 3, "TCB_MIN"},
        {"microcode below", "", AT(LAUNCH_TCB) + 7, 1, 199, "TCB_MIN"},
        {"reported fmc is not the certificate's", "", AT(REPORTED_TCB), 1, 0, "TCB_CERT"},
        {"launch above current", "", AT(LAUNCH_TCB) + 3, 1, 5, "TCB_ORDER"},
        {"committed below", "", AT(COMMITTED_TCB) + 3, 1, 3, "TCB_PROVISIONAL"},
        {"reserved byte of a TCB", "", AT(LAUNCH_TCB) + 4, 1, 1, "MBZ"},
        {"chip id's tail", "", AT(CHIP_ID) + 8, 1, 1, "HWID"},
        {"another chip", "", AT(CHIP_ID), 1, 1, "HWID"},
        {"no chip", "", AT(CHIP_ID), 8, 0, "HWID"},
        {"Genoa's family", "", AT(CPUID_FAMILY), 1, 0x19, "PRODUCT"},
        {"mitigations", "mitigations_require = 0000000000000002", AT(LAUNCH_MITIGATIONS), 16, 3,
         "MITIGATIONS"},
        {"mitigation vectors are no reserved bytes", "", AT(CURRENT_MITIGATIONS), 8, 3, "ACCEPT"},
        {"behind the vectors", "", AT(RESERVED_208), 1, 1, "MBZ"},
        {"version 3 has no vectors", "", AT(VERSION), 4, 3, "ACCEPT"},
    };

    edits_run(&turin, edits, sizeof edits / sizeof edits[0]);
}

/* --- clouds' keys */

static void vlek(void)
{
    static const char taken[] = "allow_vlek = on\ncsp_id = CN=cc-us-east-2.amazonaws.com";
    static const struct edit edits[] = {
        {"not opted in", "", 0, 0, 0, "KEY_KIND"},
        {"opted in", taken, 0, 0, 0, "ACCEPT"},
        {"another cloud", "allow_vlek = on\ncsp_id = CN=cc-us-east-1.amazonaws.com", 0, 0, 0,
         "CSP_ID"},
        {"names a chip", taken, AT(CHIP_ID), 1, 1, "HWID"},
        {"claims a chip's key", taken, AT(KEY_INFO), 4, 0, "KEY_KIND"},
        {"no kind of key", taken, AT(KEY_INFO), 4, 7 << 2, "KEY_KIND"},
        {"on a list of chips",
         "allow_vlek = on\ncsp_id = CN=cc-us-east-2.amazonaws.com\n"
         "[chip a]\nid = 3b42092f69c656d3",
         0, 0, 0, "CHIP"},
    };
    struct attest_policy *p = policy(taken);
    struct amd_vek wrong[] = {cloud, cloud, cloud};
    uint8_t r[SNP_REPORT_BYTES];
    struct buf vek;

    edits_run(&cloud, edits, sizeof edits / sizeof edits[0]);
    wrong[0].with_hwid = true;
    wrong[1].without_csp = true;
    wrong[2].issuer = "SEV-"; /* a VLEK from an ASK */
    for (size_t i = 0; i < 3 && p != NULL; i++) {
        amd_vek_make(&wrong[i], now_s, &vek);
        amd_report_make(&wrong[i], r);
        CHECK_WORD("shape", judge(r, buf_view(&vek), VIEW_EMPTY, VIEW_EMPTY, p), "CERT");
        buf_free(&vek);
    }
    /* the other chain's intermediate beside a good certificate */
    amd_vek_make(&cloud, now_s, &vek);
    amd_report_make(&cloud, r);
    CHECK_WORD("own ASVK", judge(r, buf_view(&vek), buf_view(&asvk_genoa), VIEW_EMPTY, p),
               "ACCEPT");
    CHECK_WORD("ASK for ASVK", judge(r, buf_view(&vek), buf_view(&ask_genoa), VIEW_EMPTY, p),
               "CERT");
    buf_free(&vek);
    attest_policy_free(p);
}

/* --- revocation */

static void revocation(void)
{
    static const struct {
        const char *what;
        struct amd_crl crl;
        const char *want;
    } cases[] = {
        {"empty list", {"Genoa", 0, -60, 60, 0, 0, 0}, "ACCEPT"},
        {"another serial", {"Genoa", 0x10002, -60, 60, 0, 0, 0}, "ACCEPT"},
        {"the cloud's intermediate", {"Genoa", 0x20101, -60, 60, 0, 0, 0}, "ACCEPT"},
        {"our intermediate", {"Genoa", 0x10001, -60, 60, 0, 0, 0}, "CRL"},
        {"outdated", {"Genoa", 0, -60, 0, 0, 0, 0}, "CRL"},
        {"not yet valid", {"Genoa", 0, 1, 60, 0, 0, 0}, "CRL"},
        {"of another root", {"Turin", 0, -60, 60, 0, 0, 0}, "CRL"},
        {"signed by another", {"Genoa", 0, -60, 60, true, 0, 0}, "CRL"},
        {"signed in another way", {"Genoa", 0, -60, 60, 0, true, 0}, "CRL"},
        {"partial", {"Genoa", 0, -60, 60, 0, 0, true}, "CRL"},
    };
    struct attest_policy *p = policy("require_crl = on");
    uint8_t r[SNP_REPORT_BYTES];
    struct buf vek, crl;

    amd_vek_make(&genoa, now_s, &vek);
    amd_report_make(&genoa, r);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] && p != NULL; i++) {
        amd_crl_make(&cases[i].crl, now_s, &crl);
        CHECK_WORD(cases[i].what, judge(r, buf_view(&vek), VIEW_EMPTY, buf_view(&crl), p),
                   cases[i].want);
        buf_free(&crl);
    }
    /* every byte of a good list counts, and nothing may follow it */
    amd_crl_make(&cases[0].crl, now_s, &crl);
    for (size_t i = 0; i < crl.len; i++) {
        crl.ptr[i] ^= (uint8_t)(1 << i % 8);
        CHECK_WORD("flipped list", judge(r, buf_view(&vek), VIEW_EMPTY, buf_view(&crl), p), "CRL");
        crl.ptr[i] ^= (uint8_t)(1 << i % 8);
    }
    CHECK_INT(buf_append_byte(&crl, 0), ERR_NONE);
    CHECK_WORD("longer list", judge(r, buf_view(&vek), VIEW_EMPTY, buf_view(&crl), p), "CRL");
    buf_free(&crl);
    buf_free(&vek);
    attest_policy_free(p);
}

/* --- every byte */

static void flips(void)
{
    struct attest_policy *p = policy("");
    uint8_t r[SNP_REPORT_BYTES];
    struct buf vek, ask;
    size_t tried = 0;

    amd_vek_make(&genoa, now_s, &vek);
    amd_report_make(&genoa, r);
    buf_init(&ask, 8192);
    CHECK_INT(buf_append(&ask, buf_view(&ask_genoa)), ERR_NONE);
    CHECK_WORD("good", judge(r, buf_view(&vek), buf_view(&ask), VIEW_EMPTY, p), "ACCEPT");
    for (int part = 0; part < 3 && p != NULL; part++) {
        uint8_t *at = part == 0 ? r : part == 1 ? vek.ptr : ask.ptr;
        size_t n = part == 0 ? sizeof r : part == 1 ? vek.len : ask.len;

        for (size_t i = 0; i < n; i++, tried++) {
            uint8_t bit = (uint8_t)(1 << i % 8);

            at[i] ^= bit;
            if (strcmp(judge(r, buf_view(&vek), buf_view(&ask), VIEW_EMPTY, p), "ACCEPT") == 0) {
                printf("# part %d byte %zu\n", part, i);
                check_fail(__FILE__, __LINE__, "a flipped byte is refused");
            }
            at[i] ^= bit;
        }
    }
    printf("# %zu flipped bytes\n", tried);
    CHECK_WORD("good again", judge(r, buf_view(&vek), buf_view(&ask), VIEW_EMPTY, p), "ACCEPT");
    buf_free(&vek);
    buf_free(&ask);
    attest_policy_free(p);
}

/* --- the policy that is compiled in, and the known issues */

static void builtin_policy(void)
{
    static const char *const refused[] = {"allow_vlek = on",        "expires = tomorrow",
                                          "min_guest_abi = 1",      "mitigations_require = 1",
                                          "author_key_sha384 = 22", "family_id = 1",
                                          "[floor turin,genoa]",    "[floor milan,genoa]"};
    struct attest_policy *p = NULL;
    struct buf why;

    buf_init(&why, 300);
    CHECK_INT(attest_policy_parse(attest_policy_builtin(), "built-in", &p, &why), ERR_NONE);
    if (p == NULL)
        return;
    CHECK_INT(p->n_roots, 3);
    CHECK(p->expires_s > now_s && p->version[0] != '\0');
    CHECK((p->products & 1 << SNP_MILAN) == 0 && !p->allow_vlek && !p->allow_simulated);
    CHECK((p->platform_require & SNP_PLATFORM_ALIAS_CHECK) != 0 && p->guest_allow == 0);
    CHECK(p->n_floors > 0);
    for (size_t i = 0; i < p->n_floors; i++) {
        const struct policy_floor *f = &p->floors[i];
        uint8_t raw[SNP_REPORT_BYTES] = {3};
        struct snp_report r;

        /* A report that is exactly at the floor is exposed to none of the bulletins it cites, save
         * what a guest can switch on beyond what the policy requires. */
        CHECK(f->exact && strstr(f->bulletin, "AMD-SB-") != NULL);
        snp_tcb_store(f->product, &f->tcb, raw + SNP_AT_REPORTED_TCB);
        amd_store(raw + SNP_AT_POLICY,
                  p->guest_require | SNP_POLICY_CIPHERTEXT_HIDING | SNP_POLICY_PAGE_SWAP_DISABLED,
                  8);
        amd_store(raw + SNP_AT_PLATFORM_INFO, p->platform_require | SNP_PLATFORM_CIPHERTEXT_HIDING,
                  8);
        raw[SNP_AT_CPUID_FAMILY] = f->family;
        raw[SNP_AT_CPUID_MODEL] = f->model;
        raw[SNP_AT_CPUID_STEPPING] = f->stepping;
        CHECK_INT(snp_report_parse(view_of(raw, sizeof raw), &r), ERR_NONE);
        r.firmware_committed = f->firmware;
        for (size_t k = 0; k < issues_count(); k++) {
            struct issue_answer a;
            const char *id;

            issue_judge(k, &r, f->product, &a);
            id = strstr(a.ids, "AMD-SB-");
            if (id != NULL && memmem(f->bulletin, strlen(f->bulletin), id, 11) != NULL &&
                a.status != ISSUE_FIXED) {
                printf("# floor %zu, %s: %s\n", i, a.name, issue_status_name(a.status));
                check_fail(__FILE__, __LINE__, "the floor fixes what it cites");
            }
        }
    }
    attest_policy_free(p);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char text[1024];

        p = NULL;
        snprintf(text, sizeof text, "%s\n" FLOORS, refused[i]);
        CHECK_INT(attest_policy_parse(view_str(text), "policy", &p, &why), ERR_CONFIG);
        CHECK(p == NULL && why.len != 0);
    }
    buf_free(&why);
}

/* Words of the table for one report each side of a fix. */
static void known_issues(void)
{
    static const struct {
        const char *name;
        const struct amd_vek *kind;
        uint16_t at;
        uint8_t n;
        uint64_t value;
        enum issue_status want;
    } cases[] = {
        {"RMPocalypse", &genoa, 0, 0, 0, ISSUE_FIXED},
        {"RMPocalypse", &genoa, AT(REPORTED_TCB) + 6, 1, 26, ISSUE_EXPOSED},
        {"RMPocalypse", &genoa, AT(CPUID_STEPPING), 1, 7, ISSUE_UNKNOWN},
        {"RMPocalypse", &genoa, AT(VERSION), 4, 2, ISSUE_UNKNOWN},
        {"RMPocalypse", &turin, 0, 0, 0, ISSUE_FIXED},
        {"RMPocalypse", &turin, AT(REPORTED_TCB) + 3, 1, 3, ISSUE_EXPOSED},
        {"StackWarp", &genoa, 0, 0, 0, ISSUE_FIXED},
        {"StackWarp", &genoa, AT(POLICY), 8, 0x930000, ISSUE_EXPOSED},
        {"BadRAM", &genoa, AT(PLATFORM_INFO), 8, 0x4, ISSUE_EXPOSED},
        {"Fabricked", &genoa, 0, 0, 0, ISSUE_UNKNOWN},
        {"PwrLeak", &genoa, AT(POLICY), 8, 0x120000, ISSUE_EXPOSED},
        {"PwrLeak", &genoa, 0, 0, 0, ISSUE_FIXED},
        {"CacheWarp", &genoa, 0, 0, 0, ISSUE_FIXED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t raw[SNP_REPORT_BYTES];
        struct snp_report r;
        bool found = false;

        amd_report_make(cases[i].kind, raw);
        amd_store(raw + cases[i].at, cases[i].value, cases[i].n);
        CHECK_INT(snp_report_parse(view_of(raw, sizeof raw), &r), ERR_NONE);
        for (size_t k = 0; k < issues_count(); k++) {
            struct issue_answer a;

            issue_judge(k, &r, cases[i].kind == &turin ? SNP_TURIN : SNP_GENOA, &a);
            if (strcmp(a.name, cases[i].name) != 0)
                continue;
            found = true;
            if (a.status != cases[i].want)
                printf("# case %zu %s: %s\n", i, a.name, issue_status_name(a.status));
            CHECK_INT(a.status, cases[i].want);
        }
        CHECK(found);
    }
}

static void cleanup(void)
{
    amd_keys_free();
    buf_free(&ark_genoa);
    buf_free(&ask_genoa);
    buf_free(&asvk_genoa);
    buf_free(&ark_turin);
    buf_free(&ask_turin);
}

static const struct check_case cases[] = {
    {"examine_setup", setup},
    {"examine_genoa", genoa_edits},
    {"examine_turin", turin_edits},
    {"examine_vlek", vlek},
    {"examine_crl", revocation},
    {"examine_flips", flips},
    {"examine_builtin", builtin_policy},
    {"examine_issues", known_issues},
    {"examine_cleanup", cleanup},
};

int main(int argc, char **argv)
{
    return secret_init() == ERR_NONE ? check_main(cases, sizeof cases / sizeof cases[0], argc, argv)
                                     : 1;
}
