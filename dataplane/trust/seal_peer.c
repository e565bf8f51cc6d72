/* The evidence of another boot, compared with our own. */
#include "seal_peer.h"

#include "policy.h"
#include "report.h"
#include "self_check.h"
#include "verify.h"

#include <string.h>

const char *seal_verdict_name(enum seal_verdict v)
{
    static const char *const names[SEAL_VERDICT_COUNT] = {
        [SEAL_GOOD] = "good",           [SEAL_MALFORMED] = "malformed", [SEAL_PLATFORM] = "platform",
        [SEAL_MEASUREMENT] = "measurement", [SEAL_PROCESSOR] = "processor", [SEAL_TCB] = "tcb",
        [SEAL_CONFIG] = "config",       [SEAL_EXPIRED] = "expired",
    };

    return names[v];
}

/* What says which program was launched how, in the report: equal or another launch. */
static const struct {
    uint16_t at, bytes;
} launch[] = {
    {SNP_AT_GUEST_SVN, 4},      {SNP_AT_POLICY, 8},         {SNP_AT_FAMILY_ID, 16},
    {SNP_AT_IMAGE_ID, 16},      {SNP_AT_VMPL, 4},           {SNP_AT_MEASUREMENT, 48},
    {SNP_AT_HOST_DATA, 32},     {SNP_AT_ID_KEY_DIGEST, 48}, {SNP_AT_AUTHOR_KEY_DIGEST, 48},
    {SNP_AT_KEY_INFO, 4},
};

static bool same_launch(const uint8_t *ours, const uint8_t *theirs)
{
    for (size_t i = 0; i < sizeof launch / sizeof launch[0]; i++)
        if (memcmp(ours + launch[i].at, theirs + launch[i].at, launch[i].bytes) != 0)
            return false;
    return true;
}

/* A report says which processor made it from version 3 on. */
static bool is_of(enum snp_product product, const uint8_t *report)
{
    return snp_load32(report + SNP_AT_VERSION) >= 3 &&
           snp_product_of_cpuid(report[SNP_AT_CPUID_FAMILY], report[SNP_AT_CPUID_MODEL]) == product;
}

/* Both of the product that their certificate names, and theirs with each protection that ours has. */
static bool same_processor(enum snp_product product, const uint8_t *ours, const uint8_t *theirs)
{
    const uint64_t wanted = SNP_PLATFORM_ECC | SNP_PLATFORM_RAPL_DISABLED | SNP_PLATFORM_CIPHERTEXT_HIDING |
                            SNP_PLATFORM_ALIAS_CHECK;
    const uint64_t missing =
        snp_load64(ours + SNP_AT_PLATFORM_INFO) & ~snp_load64(theirs + SNP_AT_PLATFORM_INFO);

    return is_of(product, ours) && is_of(product, theirs) && (missing & wanted) == 0;
}

/* Part by part, in the layout of the product that both are of. */
static bool tcb_covers(enum snp_product product, const uint8_t *ours, const uint8_t *theirs)
{
    struct snp_tcb own, other;

    return snp_tcb_parse(product, ours + SNP_AT_REPORTED_TCB, &own) &&
           snp_tcb_parse(product, theirs + SNP_AT_REPORTED_TCB, &other) && snp_tcb_covers(&other, &own);
}

static bool same_config(const struct identity *ours, const struct identity *theirs)
{
    return strcmp(ours->audience, theirs->audience) == 0 &&
           secret_equal(&ours->config_sha256, &theirs->config_sha256, sizeof ours->config_sha256) &&
           secret_equal(&ours->cp_spki_sha256, &theirs->cp_spki_sha256, sizeof ours->cp_spki_sha256) &&
           ours->simulated == theirs->simulated &&
           (ours->unlocked_memory || !theirs->unlocked_memory);
}

enum seal_verdict seal_peer_judge(const struct seal_own *own, const struct msg_seal_ask *ask,
                                  uint64_t now_s, struct identity *who)
{
    const struct msg_evidence *m = &ask->evidence;
    uint8_t report_data[64];
    enum snp_product product;

    if (m->report.len != SNP_REPORT_BYTES || identity_decode(m->identity, who) != ERR_NONE)
        return SEAL_MALFORMED;
    evidence_report_data(m->identity, &ask->leaf, report_data);
    if (!self_check_genuine(m, report_data, own->root, who->simulated, now_s, &product))
        return SEAL_PLATFORM;
    if (!same_launch(own->report, m->report.ptr))
        return SEAL_MEASUREMENT;
    if (!same_processor(product, own->report, m->report.ptr))
        return SEAL_PROCESSOR;
    if (!tcb_covers(product, own->report, m->report.ptr))
        return SEAL_TCB;
    if (!same_config(own->identity, who))
        return SEAL_CONFIG;
    return identity_current(who, now_s) ? SEAL_GOOD : SEAL_EXPIRED;
}
