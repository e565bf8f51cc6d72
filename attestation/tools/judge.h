/* What `report`, `bundle` and `gateway` share: gathering policy and certificates from options, and
 * saying what was found, for people and for programs. */
#ifndef TR_ATTESTATION_TOOLS_JUDGE_H
#define TR_ATTESTATION_TOOLS_JUDGE_H

#include "command.h"
#include "verify.h"

/* Options they have in common. */
struct judge_options {
    const char *roots, *policy, *at; /* --roots DIR, --policy FILE, --at RFC3339 */
    bool json, explain;
};
#define JUDGE_OPTIONS(o)                                                                           \
    {"--roots", &(o)->roots, NULL}, {"--policy", &(o)->policy, NULL}, {"--at", &(o)->at, NULL},    \
        {"--json", NULL, &(o)->json},                                                              \
    {                                                                                              \
        "--explain", NULL, &(o)->explain                                                           \
    }
#define JUDGE_USAGE "[--roots DIR] [--policy FILE] [--at RFC3339] [--explain] [--json]"

/* The policy (the compiled-in one without --policy) with its roots (those of DIR in place of the
 * policy's), and the time that counts. EXIT_ACCEPT, else a complaint was made. The caller frees
 * *policy. */
enum exit_code judge_prepare(const struct judge_options *o, struct attest_policy **policy,
                             uint64_t *now_s);

/* Print the whole examination in the form that was asked and return the exit code of its verdict.
 * identity (may be NULL): what an identity document said; extra (may be NULL): more for people. */
enum exit_code judge_print(const struct judge_options *o, const struct attest_policy *policy,
                           uint64_t now_s, const struct examination *x,
                           const struct identity *identity, const char *extra);

/* A certificate, DER or PEM, as DER; of several in one PEM the first. What is neither stays as it
 * is: the verdict about it is the examination's. */
must_check enum err certificate_der(struct view bytes, struct buf *out);
/* A file of one. False after a complaint. */
bool certificate_load(const char *path, struct buf *out);

#endif
