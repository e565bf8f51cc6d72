/* What an accepted connection means, for people: who proved what, what the policy allowed, and what
 * is only said. */
#ifndef TR_ATTESTATION_TOOLS_SUMMARY_H
#define TR_ATTESTATION_TOOLS_SUMMARY_H

#include "evidence.h"
#include "policy.h"
#include "verify.h"

enum { SUMMARY_MAX = 8192 }; /* bytes */

struct summary_facts {
    const struct examination *x;
    const struct attest_policy *policy;
    const struct identity *identity;
    bool recorded;   /* judged offline, from a bundle */
    bool ca_vouched; /* a certificate authority vouched for the server's name */
};
/* A text that ends in NUL, or nothing when the verdict is not ACCEPT. */
void summary(const struct summary_facts *f, struct buf *out);

#endif
