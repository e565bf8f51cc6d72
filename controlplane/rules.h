/* The rules in force: attestation.conf as it was read, in the transparency log before it counts,
 * and replaced as a whole when the operator asks (SIGHUP). */
#ifndef TR_CONTROLPLANE_RULES_H
#define TR_CONTROLPLANE_RULES_H

#include "translog.h"
#include "verify.h"

struct rules;

/* Read path. ERR_IO, ERR_CONFIG: why gets one sentence. path is borrowed for the rules' life. */
must_check enum err rules_new(const char *path, struct rules **out, struct buf *why);
/* After every callback of the log has come. NULL is fine. */
void rules_free(struct rules *r);
const struct attest_policy *rules_policy(const struct rules *r);

struct rules_watch {
    struct translog *log;
    struct digest32 providers_sha256; /* goes into the statement */
    /* The rules at start are logged, or e says why not: they count all the same, because nobody is
     * accepted whose boot cannot be logged. Fires once. */
    void (*started)(void *cookie, enum err e, uint64_t index);
    /* Other rules are in force, and logged; the former ones end with this call. */
    void (*changed)(void *cookie, const struct attest_policy *now);
    void *cookie;
};
void rules_start(struct rules *r, const struct rules_watch *w);
/* Read the file again. Whatever is wrong with it, or with the log, the rules stay as they are and
 * the program's log has the code. Asked while one is under way: once more after it. */
void rules_reload(struct rules *r);

#endif
