/* A public attestation document held against the connection it came over: what a client does before
 * it sends a prompt, and what an auditor repeats offline. */
#ifndef TR_ATTESTATION_PRESENTED_H
#define TR_ATTESTATION_PRESENTED_H

#include "document.h"
#include "evidence.h"
#include "minisign.h"
#include "note.h"
#include "verify.h"

struct presented_expect {
    const uint8_t *nonce;            /* 32: the one that was asked for */
    const uint8_t *exporter;         /* 32: of the connection */
    const struct digest32 *tls_spki; /* of the certificate the connection presented */
    /* The release manifest's text; empty: not asked. Then its signature's text and the key that
     * must have made it, and the least security version (0: any). */
    struct view release, release_signature;
    const struct minisign_key *release_key;
    uint64_t min_svn;
    const char *audience; /* when the policy names none: the host that was asked; NULL: not asked */
    const struct note_key *log_key; /* NULL: log proofs are not asked for */
    struct view crl;                /* may be empty */
    uint64_t now_s;
};

/* Every check of the report, then of the document. *identity is filled when the document's decodes
 * (*has_identity). The verdict is ACCEPT only when the connection with that exporter and key ends
 * in a program that the policy or the release manifest names. */
void attest_presented(const struct attest_document *d, const struct presented_expect *e,
                      const struct attest_policy *p, struct examination *x,
                      struct identity *identity, bool *has_identity);

#endif
