/* What the log's own statements say, in canonical JSON (JCS): bytes that are hashed, so each has
 * one spelling and begins its life here and nowhere else. */
#ifndef TR_CONTROLPLANE_LOG_STATEMENT_H
#define TR_CONTROLPLANE_LOG_STATEMENT_H

#include "buf.h"
#include "evidence.h"
#include "secret.h"
#include "translog.h"

/* A data plane that was accepted: tr.boot.v1. */
struct boot_statement {
    const struct identity *identity;
    struct digest32 identity_sha256; /* of the exact identity document */
    uint8_t measurement[48];
    struct digest32 policy_sha256; /* the attestation.conf under which it was accepted */
    uint64_t logged_at_s;          /* unix seconds, the control plane's clock */
    /* The logged release that has this measurement; has_release false: there is none. */
    bool has_release;
    struct digest32 release_leaf;
    struct view version;
};
must_check enum err statement_boot(const struct boot_statement *s, struct buf *out);
/* The same boot under the same policy is one subject. */
void statement_boot_subject(const struct boot_statement *s, struct digest32 *out);

/* The rules from now on: tr.policy.v1. Digests of attestation.conf and providers.conf as read. */
struct policy_statement {
    struct digest32 policy_sha256, providers_sha256;
    struct view version; /* what attestation.conf calls itself; may be empty */
    const char *trigger; /* ours: "start" or "reload" */
    uint64_t logged_at_s;
};
must_check enum err statement_policy(const struct policy_statement *s, struct buf *out);

/* What the log's table keeps beside a statement, read back from its bytes: whose kind of subject it
 * is, and when it says that it was logged (unix seconds; 0: a release does not say). ERR_FORMAT: no
 * statement of ours. */
struct statement_facts {
    enum translog_kind kind;
    struct digest32 subject;
    uint64_t logged_at_s;
};
must_check enum err statement_facts(struct view statement, struct statement_facts *out);

#endif
