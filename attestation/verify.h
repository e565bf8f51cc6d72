/* Decides whether evidence is acceptable: the ordered checks of facts/snp.md 1.11, one refusal code
 * each. Pure: no I/O, no clock but the one handed in. */
#ifndef TR_ATTESTATION_VERIFY_H
#define TR_ATTESTATION_VERIFY_H

#include "err.h"
#include "evidence.h"
#include "message.h"
#include "report.h"
#include "secret.h"

enum { POLICY_MEASUREMENTS_MAX = 32, POLICY_CHIPS_MAX = 256, POLICY_ROOTS_MAX = 8 };

struct attest_policy; /* parsed attestation.conf */

/* text: the policy file (see deploy/examples/attestation.conf); why: one printable sentence.
 * Roots are PEM/DER files it names, or the compiled-in AMD roots ("roots = amd"). */
must_check enum err attest_policy_load(const char *path, struct attest_policy **out, struct buf *why);
void attest_policy_free(struct attest_policy *p);

struct attest_expect {
    enum evidence_purpose purpose;
    uint8_t nonce[32];
    uint8_t cb[32];                 /* this connection's exporter */
    struct digest32 peer_tls_spki;  /* of the client certificate */
    uint64_t now_s;                 /* unix seconds */
};

/* REFUSAL_NONE: accepted, *identity filled. Otherwise the first failed check in order. */
enum refusal attest_verify(const struct msg_evidence *e, const struct attest_policy *p,
                           const struct attest_expect *x, struct identity *identity);

#endif
