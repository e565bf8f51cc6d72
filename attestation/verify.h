/* Decides whether evidence is acceptable: ordered checks, one verdict each. Pure: no I/O, no clock
 * but the one handed in. */
#ifndef TR_ATTESTATION_VERIFY_H
#define TR_ATTESTATION_VERIFY_H

#include "err.h"
#include "evidence.h"
#include "message.h"
#include "report.h"
#include "secret.h"
#include "verdict.h"

enum {
    POLICY_MEASUREMENTS_MAX = 32, /* releases that may run at once */
    POLICY_CHIPS_MAX = 256,       /* processors of one operator */
    POLICY_ROOTS_MAX = 8,         /* AMD has three; the rest are files */
    POLICY_FLOORS_MAX = 16,       /* one per stepping in service */
    POLICY_FILE_MAX = 128 << 10,  /* bytes; 256 chips take 45 KB */
    POLICY_NAME_MAX = 64,
    POLICY_BULLETIN_MAX = 96,
};

struct attest_policy; /* a parsed policy: policy.h */

/* path: the policy file (see deploy/examples/attestation.conf); why: one printable sentence.
 * Roots are PEM files it names, or the compiled-in AMD roots ("roots = amd"). ERR_CONFIG also when
 * the policy would let in anything it does not name: no measurement, no root, no TCB floor for a
 * product, a simulator's root without allow_simulated, under a real root no chip list or no
 * `expires`. */
must_check enum err attest_policy_load(const char *path, struct attest_policy **out,
                                       struct buf *why);
/* The same of a text. */
must_check enum err attest_policy_parse_link(struct view text, struct attest_policy **out, struct buf *why);
void attest_policy_free(struct attest_policy *p);
/* What the log knows a policy by: the SHA-256 of its text, and the version it gives itself ("" when
 * it gives none). */
struct digest32 attest_policy_digest(const struct attest_policy *p);
const char *attest_policy_version(const struct attest_policy *p);
bool attest_policy_simulated(const struct attest_policy *p); /* it lets simulators in */

/* A policy for a single look at somebody's evidence (tr-verify): measurements, chips and audience
 * are checked when it names them, the roots are AMD's unless it says otherwise. name: how `why`
 * calls the text. */
must_check enum err attest_policy_parse(struct view text, const char *name,
                                        struct attest_policy **out, struct buf *why);
/* The text of attestation/policy/tcb-policy.conf, compiled in: the strict default. */
struct view attest_policy_builtin(void);
/* Trust this certificate as a root in place of, or (add) beside, those of the policy; or take it as
 * the known ASK or ASVK of a root that is already there. DER. ERR_FORMAT: neither; ERR_LIMIT. A
 * simulator's root counts as allowed: whoever calls this has named it. */
must_check enum err attest_policy_trust(struct attest_policy *p, struct view der);
void attest_policy_distrust(struct attest_policy *p); /* forget every root */

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

/* --- the report by itself, every check listed */

struct attest_subject {
    struct view report, vek;    /* vek: a VCEK or a VLEK, DER; empty: none was given */
    struct view ask, crl;       /* DER; may be empty */
    const uint8_t *report_data; /* the 64 bytes that must be in it; NULL: not asked */
};

enum finding_outcome {
    FINDING_OK,
    FINDING_FAILED,
    FINDING_NOT_ASKED,   /* the policy or the caller asks nothing here */
    FINDING_NOT_REACHED, /* what it needs failed above */
};
enum { FINDING_DETAIL_MAX = 192, FINDINGS_ADDED_MAX = 20, FINDINGS_MAX = 64 };
struct finding {
    enum verdict code;
    enum finding_outcome outcome;
    char detail[FINDING_DETAIL_MAX]; /* one line of ours, printable; may be empty */
};

/* What was found. The verdict is that of the first finding that failed. */
struct examination {
    enum verdict verdict;
    bool have_report, have_vek; /* they parse */
    bool simulated;             /* the root that vouches is a simulator's */
    struct snp_report report;   /* borrows the subject's bytes */
    enum snp_product product;   /* of the certificate, else of the report */
    bool vlek;
    uint8_t hwid[64];
    char csp_id[128];
    size_t n;
    struct finding findings[FINDINGS_MAX];
};
void attest_examine(const struct attest_subject *s, const struct attest_policy *p, uint64_t now_s,
                    struct examination *out);
/* One more finding after the report's; keeps the verdict right. At most FINDINGS_ADDED_MAX of them.
 */
void examination_add(struct examination *x, enum verdict code, enum finding_outcome outcome,
                     const char *detail);

#endif
