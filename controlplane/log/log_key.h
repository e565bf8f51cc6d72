/* The log's signing key and its memory of what it signed last, both files of state_dir. */
#ifndef TR_CONTROLPLANE_LOG_LOG_KEY_H
#define TR_CONTROLPLANE_LOG_LOG_KEY_H

#include "buf.h"
#include "note.h"

struct log_key {
    struct note_key public;
    uint8_t *secret; /* 64 bytes of sodium_malloc, read-only */
};
/* Load dir/log.key (0600, the seed in hex), or make it. origin is the name in the key and in every
 * checkpoint. ERR_CONFIG: others may read the file; ERR_FORMAT: no key, or an impossible origin. */
must_check enum err log_key_open(const char *dir, const char *origin, struct log_key *out);
bool log_key_exists(const char *dir);
void log_key_close(struct log_key *k);
must_check enum err log_key_sign(const struct log_key *k, const struct checkpoint *c,
                                 struct buf *note);

/* The last checkpoint this instance signed, in dir/log.head: a database that has less than that, or
 * something else, was rewound or replaced, and nothing more is signed for it. Size 0: none yet.
 * note (may be NULL) gets the signed checkpoint's bytes. */
must_check enum err log_head_load(const char *dir, const struct log_key *k, uint64_t *size,
                                  struct digest32 *root, struct buf *note);
must_check enum err log_head_save(const char *dir, struct view note);

#endif
