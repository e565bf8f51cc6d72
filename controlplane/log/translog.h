/* The transparency log: appends statements, signs checkpoints. The tree is in PostgreSQL (sql/009),
 * so any instance may append; what an instance has signed it also remembers in state_dir, and it
 * never signs a tree that is not a continuation of that one. */
#ifndef TR_CONTROLPLANE_LOG_TRANSLOG_H
#define TR_CONTROLPLANE_LOG_TRANSLOG_H

#include "db.h"
#include "note.h"
#include "tlog.h"

enum {
    TRANSLOG_STATEMENT_MAX = 32 << 10, /* bytes; a release of 100 measurements has 17 KB */
    TRANSLOG_NOTE_MAX = 4096,          /* bytes of a signed checkpoint */
    TRANSLOG_QUEUE_MAX = 4096,         /* statements waiting: every peer there can be, four times */
};

struct translog;
struct translog_config {
    struct db *db;
    const char *state_dir; /* log.key, log.head; made already */
    const char *origin;    /* the log's name: a schema-less URL, "example.com/log" */
};
must_check enum err translog_new(const struct translog_config *c, struct translog **out,
                                 struct buf *why);
/* When the database is closed and so every callback has come. */
void translog_free(struct translog *t);
const struct note_key *translog_key(const struct translog *t);
struct db *translog_db(const struct translog *t);

enum translog_kind { TRANSLOG_RELEASE, TRANSLOG_BOOT, TRANSLOG_POLICY };
const char *translog_kind_name(enum translog_kind kind); /* as the database has it */
/* Append a statement about subject, if the log does not have it (a policy: if the latest policy is
 * another one). cb fires once, later: ERR_NONE: it is entry `index`, a signed checkpoint covers it.
 * ERR_CONFLICT: the database is not the log that was signed; ERR_DB: it may or may not be there,
 * and asking again is harmless; ERR_LIMIT, ERR_OVERLOAD. statement is copied. */
typedef void translog_append_cb(void *cookie, enum err e, uint64_t index);
void translog_append(struct translog *t, enum translog_kind kind, const struct digest32 *subject,
                     struct view statement, translog_append_cb *cb, void *cookie);

/* Look whether the database is still the log that was signed, when nothing is being appended. */
void translog_check(struct translog *t);
/* The database is not the log that was signed, as the last append or check found: nothing is
 * appended. */
bool translog_refuses(const struct translog *t);
/* Entries under the last checkpoint of ours; 0: none yet. */
uint64_t translog_signed_size(const struct translog *t);

#endif
