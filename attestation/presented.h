/* A public attestation document held against the connection it came over: what a client does before
 * it sends a prompt, and what an auditor repeats offline. */
#ifndef TR_ATTESTATION_PRESENTED_H
#define TR_ATTESTATION_PRESENTED_H

#include "document.h"
#include "evidence.h"
#include "note.h"
#include "verify.h"

struct presented_expect {
    const uint8_t *nonce;            /* 32: the one that was asked for */
    const uint8_t *exporter;         /* 32: of the connection */
    const struct digest32 *tls_spki; /* of the certificate the connection presented */
    struct view release;             /* manifest's text; empty: not asked */
    const struct note_key *log_key;  /* NULL: log proofs are not asked for */
    struct view crl;                 /* may be empty */
    uint64_t now_s;
};

/* Every check of the report, then of the document. *identity is filled when the document's decodes
 * (*has_identity). The verdict is ACCEPT only when the connection with that exporter and key ends
 * in the measured program. */
void attest_presented(const struct attest_document *d, const struct presented_expect *e,
                      const struct attest_policy *p, struct examination *x,
                      struct identity *identity, bool *has_identity);

#endif
