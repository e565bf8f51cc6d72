/* Reading a transparency log whole: every entry is read, the tree is built again from them, and the
 * result is compared with the signed checkpoint, with the tiles that others are served, and with a
 * checkpoint that is known from elsewhere (kept from an earlier day, or stapled to evidence): a log
 * that forgot or changed something is found. */
#ifndef TR_ATTESTATION_TOOLS_LOG_READ_H
#define TR_ATTESTATION_TOOLS_LOG_READ_H

#include "fetch.h"
#include "note.h"

enum { LOG_NOTE_MAX = 64 << 10 }; /* bytes of a signed checkpoint */

enum log_fault {
    LOG_SOUND,
    LOG_UNREACHABLE, /* its checkpoint cannot be read at all */
    LOG_SERVER,      /* the CA file does not vouch for the server */
    LOG_ASKED,       /* what the user named cannot be used: a CA file that is none */
    LOG_CHECKPOINT,  /* the checkpoint is no signed checkpoint */
    LOG_SIGNATURE,
    LOG_REWIND,
    LOG_FORK,
    LOG_ENTRIES,
    LOG_ROOT,
    LOG_TILES,
    LOG_FAULT_COUNT,
};
const char *log_fault_code(enum log_fault f); /* "FORK" */
const char *log_fault_text(enum log_fault f); /* one sentence */

/* Called for each entry in order; all is borrowed. What it sees is proved only when log_read() says
 * LOG_SOUND. */
typedef void log_entry_fn(void *cookie, uint64_t index, const struct digest32 *leaf,
                          struct view statement);

struct log_ask {
    struct fetch *from;
    const struct note_key *key;
    const struct checkpoint *known; /* that the log must continue; NULL: none */
    log_entry_fn *entry;            /* may be NULL */
    void *cookie;
};
/* The log's head and, appended to note, the signed text that has it (*head borrows from it). Both
 * are good only for LOG_SOUND. */
enum log_fault log_read(const struct log_ask *ask, struct buf *note, struct checkpoint *head);

/* A signed checkpoint of this log: LOG_SOUND, LOG_CHECKPOINT or LOG_SIGNATURE. *out borrows. */
enum log_fault log_checkpoint_open(struct view note, const struct note_key *key,
                                   struct checkpoint *out);

#endif
