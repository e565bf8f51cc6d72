/* One row per issue, one rule per kind of processor; the first rule that speaks of this processor
 * decides. Levels are those of the bulletins as read on ISSUES_AS_OF. A version that contains a
 * later fix contains the earlier ones: AMD's firmware is cumulative. */
#include "issues.h"

#include <assert.h>

enum { MILAN = 1 << SNP_MILAN, GENOA = 1 << SNP_GENOA, TURIN = 1 << SNP_TURIN };
enum { ALL = MILAN | GENOA | TURIN, RULES_MAX = 5 };

enum answer {
    RULE_END, /* no further rule: unknown */
    NOT_AFFECTED,
    NEEDS,  /* fixed when everything named is there, else exposed */
    NO_FIX, /* exposed, whatever the report says */
    OPEN,   /* the report does not decide it */
};
struct rule {
    enum answer answer;
    uint8_t products;
    bool exact; /* this model and stepping only; nothing else matches before report version 3 */
    uint8_t model, stepping;
    struct snp_tcb tcb;
    uint32_t firmware; /* committed */
    uint64_t platform, guest_set, guest_clear;
    const char *why;
};
struct issue {
    const char *name, *ids;
    struct rule rules[RULES_MAX];
};

#define FIRMWARE(major, minor, build) ((major) << 16 | (minor) << 8 | (build))
#define TCB(snp, ucode)                                                                            \
    {                                                                                              \
        .part = { [SNP_SNP] = (snp), [SNP_MICROCODE] = (ucode) }                                   \
    }
#define GENOA_B1 .products = GENOA, .exact = true, .model = 0x11, .stepping = 0x01
#define GENOA_X .products = GENOA, .exact = true, .model = 0x11, .stepping = 0x02
#define TURIN_C1 .products = TURIN, .exact = true, .model = 0x02, .stepping = 0x01

static const struct issue issues[] = {
    {"CacheWarp",
     "CVE-2023-20592 AMD-SB-3005",
     {{NOT_AFFECTED, GENOA | TURIN, .why = "Milan and older only"},
      {OPEN, MILAN, .why = "the microcode level that fixes Milan is not in this table"}}},
    {"SNP firmware bugs of 2023 and 2024",
     "AMD-SB-3007 AMD-SB-3011",
     {{NEEDS, GENOA, .tcb = TCB(0x16, 0), .why = "snp SPL of a later fix (AMD-SB-3015)"},
      {NEEDS, MILAN, .tcb = TCB(0x17, 0), .why = "snp SPL of a later fix (AMD-SB-3015)"},
      {OPEN, TURIN, .why = "no level for Turin is in this table"}}},
    {"Heckler, WeSee",
     "CVE-2024-25742 CVE-2024-25743 CVE-2024-25744",
     {{OPEN, ALL, .why = "fixed in the guest kernel: the measurement decides"}}},
    {"BadRAM",
     "CVE-2024-21944 AMD-SB-3015",
     {{NEEDS, GENOA, .tcb = TCB(0x16, 0), .platform = SNP_PLATFORM_ALIAS_CHECK,
       .why = "snp SPL 22 and the alias check complete"},
      {NEEDS, MILAN, .tcb = TCB(0x17, 0), .platform = SNP_PLATFORM_ALIAS_CHECK,
       .why = "snp SPL 23 and the alias check complete"},
      {NEEDS, TURIN, .platform = SNP_PLATFORM_ALIAS_CHECK, .why = "the alias check complete"}}},
    {"EntrySign",
     "CVE-2024-56161 AMD-SB-3019",
     {{NEEDS, GENOA_B1, .tcb = TCB(0x17, 0x54), .firmware = FIRMWARE(1, 55, 40),
       .why = "firmware 1.55.40, snp SPL 23, microcode SPL 84"},
      {NEEDS, GENOA_X, .tcb = TCB(0x17, 0x4f), .firmware = FIRMWARE(1, 55, 40),
       .why = "firmware 1.55.40, snp SPL 23, microcode SPL 79"},
      {OPEN, ALL, .why = "no level for this stepping is in this table"}}},
    {"IOMMU write after teardown",
     "CVE-2023-20585 AMD-SB-3016",
     {{OPEN, ALL, .why = "the bulletin's levels are not in this table"}}},
    {"RMPocalypse",
     "CVE-2025-0033 AMD-SB-3020",
     {{NEEDS, GENOA_B1, .tcb = TCB(0x1b, 0x56), .why = "snp SPL 27, microcode SPL 86"},
      {NEEDS, GENOA_X, .tcb = TCB(0x1b, 0x51), .why = "snp SPL 27, microcode SPL 81"},
      {NEEDS, TURIN_C1, .tcb = TCB(0x04, 0x50), .why = "snp SPL 4, microcode SPL 80"},
      {OPEN, ALL, .why = "no level for this stepping is in this table"}}},
    {"StackWarp",
     "CVE-2025-29943 AMD-SB-3027",
     {{NEEDS, GENOA_B1, .tcb = TCB(0, 0x56), .guest_clear = SNP_POLICY_SMT,
       .why = "microcode SPL 86 and SMT off"},
      {NEEDS, GENOA_X, .tcb = TCB(0, 0x51), .guest_clear = SNP_POLICY_SMT,
       .why = "microcode SPL 81 and SMT off"},
      {NEEDS, TURIN_C1, .tcb = TCB(0, 0x51), .guest_clear = SNP_POLICY_SMT,
       .why = "microcode SPL 81 and SMT off"},
      {OPEN, ALL, .why = "no level for this stepping is in this table"}}},
    {"Heracles, CipherLeaks",
     "AMD-SB-3021",
     {{NEEDS, TURIN, .firmware = FIRMWARE(1, 58, 0), .platform = SNP_PLATFORM_CIPHERTEXT_HIDING,
       .guest_set = SNP_POLICY_CIPHERTEXT_HIDING | SNP_POLICY_PAGE_SWAP_DISABLED,
       .why = "firmware 1.58, ciphertext hiding, page swap disabled"},
      {NO_FIX, MILAN | GENOA, .why = "this processor cannot hide ciphertext from the host"}}},
    {"Fabricked",
     "CVE-2025-54510 AMD-SB-3034",
     {{OPEN, ALL, .why = "AMD withdrew the published fixed versions on 2026-09-24"}}},
    {"BreakFAST, Staleus",
     "CVE-2025-61971 CVE-2025-61972 CVE-2025-54509 AMD-SB-3030",
     {{OPEN, ALL, .why = "the bulletin's levels are not in this table"}}},
    {"MilanLaunchy, BadFuse: chip key extraction by software",
     "arXiv 2605.12990",
     {{NOT_AFFECTED, GENOA | TURIN, .why = "Milan only"},
      {NO_FIX, MILAN, .why = "no firmware fixes it: evidence of a Milan proves nothing"}}},
    {"OVMF cache eviction",
     "CVE-2024-36331",
     {{OPEN, ALL, .why = "fixed in the guest's firmware: the measurement decides"}}},
    {"SEV-ES",
     "CVE-2025-48514",
     {{OPEN, ALL, .why = "the bulletin's levels are not in this table"}}},
    {"RDSEED of Zen 5",
     "AMD-SB-7055",
     {{NOT_AFFECTED, MILAN | GENOA, .why = "Zen 5 only"},
      {OPEN, TURIN,
       .why = "the guest must not draw keys from RDSEED alone: the measurement decides"}}},
    {"BadAML",
     "-",
     {{OPEN, ALL, .why = "whether the guest runs ACPI code of the host: the measurement decides"}}},
    {"PwrLeak",
     "-",
     {{NEEDS, ALL, .guest_set = SNP_POLICY_RAPL_DISABLED, .why = "guest policy RAPL_DIS"}}},
    {"SEV-Step, CounterSEVeillance, TsCupid",
     "-",
     {{NO_FIX, ALL, .why = "the host sees steps and counters: residual, narrowed by SMT off"}}},
    {"TEE.fail, WireTap, Battering RAM, DDRop: memory-bus interposers",
     "-",
     {{NO_FIX, ALL, .why = "physical access: not visible in a report, no firmware fixes it"}}},
    {"Relay of a handshake",
     "CVE-2026-33697 GHSA-hjgc-jc5v-fw7h",
     {{OPEN, ALL, .why = "not in a report: `tr-verify gateway` checks the connection's exporter"}}},
};

const char *issue_status_name(enum issue_status s)
{
    static const char *const names[] = {"fixed", "exposed", "unknown"};

    assert((unsigned)s < sizeof names / sizeof names[0]);
    return names[s];
}

size_t issues_count(void)
{
    return sizeof issues / sizeof issues[0];
}

static bool rule_matches(const struct rule *rule, const struct snp_report *r,
                         enum snp_product product)
{
    if ((rule->products >> product & 1) == 0)
        return false;
    return !rule->exact ||
           (r->version >= 3 && r->model == rule->model && r->stepping == rule->stepping);
}

static bool rule_satisfied(const struct rule *rule, const struct snp_report *r,
                           enum snp_product product)
{
    struct snp_tcb reported;

    snp_tcb_parse(product, r->reported_tcb, &reported);
    return snp_tcb_covers(&reported, &rule->tcb) && r->firmware_committed >= rule->firmware &&
           (rule->platform & ~r->platform) == 0 && (rule->guest_set & ~r->policy) == 0 &&
           (rule->guest_clear & r->policy) == 0;
}

void issue_judge(size_t i, const struct snp_report *r, enum snp_product product,
                 struct issue_answer *out)
{
    const struct rule *rule = issues[i].rules;

    assert(i < issues_count());
    *out = (struct issue_answer){issues[i].name, issues[i].ids, ISSUE_UNKNOWN,
                                 "nothing is known about this processor"};
    for (size_t k = 0; k < RULES_MAX && rule->answer != RULE_END; k++, rule++) {
        if (!rule_matches(rule, r, product))
            continue;
        out->why = rule->why;
        if (rule->answer == NOT_AFFECTED)
            out->status = ISSUE_FIXED;
        if (rule->answer == NO_FIX)
            out->status = ISSUE_EXPOSED;
        if (rule->answer == NEEDS)
            out->status = rule_satisfied(rule, r, product) ? ISSUE_FIXED : ISSUE_EXPOSED;
        return;
    }
}
