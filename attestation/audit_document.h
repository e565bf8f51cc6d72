/* What the audit endpoints of a data plane answer, read and judged: a head by itself, or a head
 * with a window of samples. No I/O, no clock, no allocation but of the struct itself. */
#ifndef TR_ATTESTATION_AUDIT_DOCUMENT_H
#define TR_ATTESTATION_AUDIT_DOCUMENT_H

#include "audit_text.h"

/* X(symbol, "CODE", "sentence"): the first failed check. */
#define AUDIT_VERDICT_LIST(X)                                                                      \
    X(AUDIT_ACCEPT, "ACCEPT", "accepted")                                                          \
    X(AUDIT_SIGNATURE, "SIGNATURE", "not signed by this key")                                      \
    X(AUDIT_NUMBERS, "NUMBERS", "its numbers contradict each other")                               \
    X(AUDIT_REVEAL, "REVEAL", "the revealed secret does not lead back to the anchor")              \
    X(AUDIT_CHAIN, "CHAIN", "the samples do not lead from one signed place to the other")          \
    X(AUDIT_SAMPLE, "SAMPLE", "a sample is not the one at its place in the chain")                 \
    X(AUDIT_COMMITMENT, "COMMITMENT", "a salt and digest do not open their commitment")            \
    X(AUDIT_PICK, "PICK", "a sample that its secret did not pick: chosen afterwards")              \
    X(AUDIT_REWOUND, "REWOUND", "it contradicts the head remembered from earlier")                 \
    X(AUDIT_APART, "APART",                                                                        \
      "the remembered head is outside of these samples: ask for those "                            \
      "from its count on")                                                                         \
    X(AUDIT_BODY, "BODY", "no sample here is of this request and response")                        \
    X(AUDIT_MISSING, "MISSING",                                                                    \
      "this request was picked, and the whole chain does not "                                     \
      "show it: it was never served, or it is kept back")

#define AUDIT_VERDICT_ENUM(symbol, code, text) symbol,
enum audit_verdict { AUDIT_VERDICT_LIST(AUDIT_VERDICT_ENUM) AUDIT_VERDICTS };
#undef AUDIT_VERDICT_ENUM
const char *audit_verdict_code(enum audit_verdict v);
const char *audit_verdict_text(enum audit_verdict v);

/* Some 140 KB: not for the stack. */
struct audit_document {
    struct audit_head head;
    bool has_window; /* what follows is there */
    struct audit_window window;
    size_t n_leaves; /* == window.to - window.from, once checked */
    struct digest32 leaves[AUDIT_WINDOW_MAX];
    size_t n_samples;
    struct audit_opening samples[AUDIT_OPENINGS_MAX];
    struct digest32 secrets[AUDIT_EPOCHS + 1]; /* up to head.revealed_epochs, once checked */
};

/* ERR_FORMAT: neither of the two documents in its one spelling. */
must_check enum err audit_document_parse(struct view text, struct audit_document *out);
/* Signatures, the chain, every commitment, every pick that can be checked already.
 * key: the attested receipt key. The functions below want a document that this has accepted. */
enum audit_verdict audit_document_check(struct audit_document *d, const uint8_t key[static 32]);

/* Does it continue what was remembered? AUDIT_APART when neither its counts nor its window reach
 * it. earlier: parsed; its signature is checked here. */
enum audit_verdict audit_document_follows(const struct audit_document *d,
                                          const struct audit_head *earlier,
                                          const uint8_t key[static 32]);
/* The first sample for which all that is not NULL matches; n_samples when there is none. */
size_t audit_document_find(const struct audit_document *d, const struct id *request,
                           const struct digest32 *request_body,
                           const struct digest32 *response_body);

enum audit_expected { AUDIT_NOT_YET, AUDIT_PICKED, AUDIT_NOT_PICKED };
/* Had the answer to this request to be sampled, if it was served? NOT_YET: its epoch's secret is
 * still one. */
enum audit_expected audit_document_expects(const struct audit_document *d,
                                           const struct id *request);
/* The window holds every sample there ever was, and none was missed. */
bool audit_document_whole(const struct audit_document *d);

#endif
