/* The words of the attestation answers, one function per format. Each appends a whole JSON body.
 * ERR_FORMAT: the platform gave what the format cannot do without; ERR_LIMIT, ERR_MEMORY. */
#ifndef TR_DATAPLANE_API_ATTEST_BODY_H
#define TR_DATAPLANE_API_ATTEST_BODY_H

#include "buf.h"
#include "quotes.h"

struct identity_keys;
struct keyset;
struct log_proof;
struct provenance;

/* What this boot can show of itself. Outlives every answer. */
struct attest_facts {
    const struct identity_keys *keys;
    const struct keyset *keyset;
    const struct provenance *provenance;
    struct log_proof *log_proof;
    bool simulated;
};

struct attest_question {
    bool has_nonce;
    uint8_t nonce[32];
    enum attest_binding binding; /* of attest_body_document */
};

/* A report on its own is the answer of index 0 of 1. */
must_check enum err attest_body_document(const struct attest_facts *s, const struct attest_question *q,
                                         const struct quote_answer *a, struct buf *out);
must_check enum err attest_body_aci(const struct attest_facts *s, const struct attest_question *q,
                                    const struct quote_answer *a, struct buf *out);
must_check enum err attest_body_report(const struct attest_facts *s, const struct attest_question *q,
                                       const struct quote_answer *a, struct buf *out);
must_check enum err attest_body_key(const struct attest_facts *s, struct buf *out);
must_check enum err attest_body_sealing_key(const struct attest_facts *s, struct buf *out);

#endif
