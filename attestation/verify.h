/* Decides whether evidence is acceptable: the ordered checks of facts/snp.md 1.11, one refusal code
 * each. Pure: no I/O, no clock but the one handed in. */
#ifndef TR_ATTESTATION_VERIFY_H
#define TR_ATTESTATION_VERIFY_H

#include "err.h"
#include "evidence.h"
#include "message.h"
#include "report.h"
#include "secret.h"

enum {
    POLICY_MEASUREMENTS_MAX = 32, /* releases that may run at once */
    POLICY_CHIPS_MAX = 256,       /* processors of one operator */
    POLICY_ROOTS_MAX = 8,         /* AMD has three; the rest are files */
    POLICY_FLOORS_MAX = 16,       /* one per stepping in service */
    POLICY_FILE_MAX = 128 << 10,  /* bytes; 256 chips take 45 KB */
};

struct attest_policy; /* parsed attestation.conf */

/* path: the policy file (see deploy/examples/attestation.conf); why: one printable sentence.
 * Roots are PEM files it names, or the compiled-in AMD roots ("roots = amd"). ERR_CONFIG also when
 * the policy would let in anything it does not name: no measurement, no root, no TCB floor for a
 * product, no chip list under a real root, a simulator's root without allow_simulated. */
must_check enum err attest_policy_load(const char *path, struct attest_policy **out,
                                       struct buf *why);
void attest_policy_free(struct attest_policy *p);

struct attest_expect {
    enum evidence_purpose purpose;
    uint8_t nonce[32];
    uint8_t cb[32];                /* this connection's exporter */
    struct digest32 peer_tls_spki; /* of the client certificate */
    uint64_t now_s;                /* unix seconds */
    /* The challenge before this one on the same connection, if any: evidence for it is refused as
     * stale (nonce) rather than as another connection's (channel). */
    const uint8_t *previous_nonce; /* 32 bytes or NULL */
};

/* REFUSAL_NONE: accepted, *identity filled. Otherwise the first failed check in order. */
enum refusal attest_verify(const struct msg_evidence *e, const struct attest_policy *p,
                           const struct attest_expect *x, struct identity *identity);

/* The part about the platform alone: report and certificates against the policy, REPORT_DATA not
 * looked at. *simulated: the root that vouches for it is a simulator's. */
enum refusal attest_verify_report(const struct msg_evidence *e, const struct attest_policy *p,
                                  uint64_t now_s, bool *simulated);

#endif
