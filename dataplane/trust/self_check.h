/* Before it listens, a data plane asks its platform for a report and verifies it as a stranger
 * would: one that nobody can verify is not worth starting with. */
#ifndef TR_DATAPLANE_TRUST_SELF_CHECK_H
#define TR_DATAPLANE_TRUST_SELF_CHECK_H

#include "buf.h"
#include "err.h"
#include "message.h"
#include "quote.h"
#include "report.h"
#include "view.h"

struct self_check {
    struct quote_source *source;
    enum err (*get)(struct quote_source *s, const uint8_t report_data[static 64],
                    struct quote *out);
    struct view identity; /* the identity document */
    bool simulated;       /* what the identity document says */
    struct view root;     /* that must vouch for it, DER; empty: AMD's roots */
    uint64_t now_s;       /* unix */
    uint8_t *report;      /* gets SNP_REPORT_BYTES: the report; NULL: not wanted */
};

/* Asks for evidence as GET /attestation would and checks that the report parses, is for what was
 * asked, and, when the platform hands over certificates, that they chain to the root, are this
 * chip's, and sign it. Which versions, chips and policies are acceptable is for others to decide.
 * ERR_ATTESTATION, ERR_CONFIG (root), ERR_MEMORY; why: one sentence. */
must_check enum err self_check_run(const struct self_check *c, struct buf *why);

/* Does the platform vouch for this evidence of another boot: certificates that chain to `root` (empty: AMD's),
 * a report over report_data that a chip's own key (VCEK) signs, simulated or not as said? A cloud's key (VLEK) names
 * no chip, and the link takes none. *product: what the certificate says. Which program it is, and whether the
 * report names the same processor, is for the caller to compare. */
bool self_check_genuine(const struct msg_evidence *m, const uint8_t report_data[static 64],
                        struct view root, bool simulated, uint64_t now_s, enum snp_product *product);

#endif
