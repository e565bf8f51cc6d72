/* One report under examination: what verify.c prepared and the checks of examine.c look at. */
#ifndef TR_ATTESTATION_EXAMINE_H
#define TR_ATTESTATION_EXAMINE_H

#include "chain.h"
#include "policy.h"
#include "verify.h"

struct examiner {
    const struct attest_subject *s;
    const struct attest_policy *p;
    uint64_t now_s;
    bool have_report, have_vek, have_ask; /* they parse; ask: the evidence's own */
    struct snp_report r;
    struct vek vek;
    struct chain_cert own_ask;
    const struct policy_root *root; /* that vouches for ask, or NULL */
    const struct chain_cert *ask;   /* the evidence's, else the root's own; NULL: neither */
    struct snp_tcb current, reported, committed, launch;
    bool tcbs_zero;                  /* reserved bytes of all four are zero */
    char detail[FINDING_DETAIL_MAX]; /* of the check that is being made */
};

/* Make every check, add each finding to out; returns how many there are. */
unsigned examiner_run(struct examiner *v, struct examination *out);

#endif
