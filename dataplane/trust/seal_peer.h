/* May another boot be given our sealing keys? Decided by this program from that boot's evidence, not by the
 * control plane, which only carries it: it must be the same program under the same configuration, on a
 * processor of the same product that is at least as good as ours. The keys are then sealed to a key that this
 * evidence names, so evidence that is old or of another connection gives nobody else anything. */
#ifndef TR_DATAPLANE_TRUST_SEAL_PEER_H
#define TR_DATAPLANE_TRUST_SEAL_PEER_H

#include "err.h"
#include "evidence.h"
#include "message.h"

enum seal_verdict {
    SEAL_GOOD,
    SEAL_MALFORMED,   /* the identity document or the report does not parse */
    SEAL_PLATFORM,    /* the report is not of that document, not signed by a chip's own key, or its chain does not
                         end in our root */
    SEAL_MEASUREMENT, /* another program, or another launch of it: policy, security version, ID block, host data,
                         kind of signing key */
    SEAL_PROCESSOR,   /* another product (Milan, Genoa, Turin) than ours, or a protection of its memory is off that is
                         on here; or one of the reports is of version 2 and does not say */
    SEAL_TCB,         /* its processor's firmware is older than ours */
    SEAL_CONFIG,      /* other providers, another control plane or audience, simulated and we are not ... */
    SEAL_EXPIRED,
    SEAL_VERDICT_COUNT
};
const char *seal_verdict_name(enum seal_verdict v); /* "measurement", ... */

struct seal_own {
    const struct identity *identity; /* ours */
    const uint8_t *report;           /* SNP_REPORT_BYTES: one of ours */
    struct view root;                /* that vouches for it, DER; empty: AMD's */
};

/* SEAL_GOOD: *who is filled in. now_s: unix. */
enum seal_verdict seal_peer_judge(const struct seal_own *own, const struct msg_seal_ask *ask,
                                  uint64_t now_s, struct identity *who);

#endif
