/* The rules in force: which evidence is accepted. attestation.conf at first, then what operators have put in its place by
 * REST; always in the transparency log before it counts, and replaced as a whole. */
#ifndef TR_CONTROLPLANE_RULES_H
#define TR_CONTROLPLANE_RULES_H

#include "translog.h"
#include "verify.h"

struct rules;

/* Read path. ERR_IO, ERR_CONFIG: why gets one sentence. path is borrowed for the rules' life. */
must_check enum err rules_new(const char *path, struct rules **out, struct buf *why);
/* After every callback of the log and the database has come. NULL is fine. */
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
    struct db *db; /* keeps policies, for every control plane; NULL: the file alone counts */
    const char *state_dir; /* file_mark.h; borrowed for the rules' life */
};
/* The file counts when it has never counted before, on any control plane, or when it is another than at this instance's
 * last start; otherwise the policy that is in force in the database: the file may be older than that. */
void rules_start(struct rules *r, const struct rules_watch *w);
/* Read the file again. Whatever is wrong with it, or with the log, the rules stay as they are and
 * the program's log has the code; so they do when the file is the one that has counted last. Asked while
 * one is under way: once more after it. */
void rules_reload(struct rules *r);
/* Another control plane may have put rules in force. */
void rules_sync(struct rules *r);

/* Other rules, by an operator. cb fires once, later, if this returns ERR_NONE: ERR_NONE with their version (also when they
 * were in force already); ERR_CONFLICT: others are being logged, or the log refuses entries; ERR_VERSION: other
 * rules than `base` are in force; ERR_DB.
 * ERR_CONFIG: why gets one sentence. ERR_OVERLOAD: a change is under way. */
struct rules_proposal {
    struct view text, author, note; /* author and note: UTF-8; borrowed for the call */
    int64_t base; /* the version that has to be in force still; 0: any */
};
typedef void rules_cb(void *cookie, enum err e, int64_t version);
must_check enum err rules_propose(struct rules *r, const struct rules_proposal *proposal, rules_cb *cb, void *cookie,
                                  struct buf *why);

#endif
