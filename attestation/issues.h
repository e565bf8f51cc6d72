/* The publicly known weaknesses of SEV-SNP, and what a report lets one say about each of them: data
 * with dates, not a judgement. AMD publishes no list of versions that are free of them all. */
#ifndef TR_ATTESTATION_ISSUES_H
#define TR_ATTESTATION_ISSUES_H

#include "report.h"

enum issue_status {
    ISSUE_FIXED,   /* this processor is not affected, or runs a version with the fix */
    ISSUE_EXPOSED, /* affected and not fixed, or nothing fixes it */
    ISSUE_UNKNOWN, /* the report does not decide it */
};
const char *issue_status_name(enum issue_status s); /* "fixed" */

struct issue_answer {
    const char *name, *ids; /* "BadRAM", "CVE-2024-21944 AMD-SB-3015" */
    enum issue_status status;
    const char *why; /* one clause */
};
#define ISSUES_AS_OF "2026-11-21"
size_t issues_count(void);
/* i < issues_count(). product: of the certificate; the report's reported TCB is what counts. */
void issue_judge(size_t i, const struct snp_report *r, enum snp_product product,
                 struct issue_answer *out);

#endif
