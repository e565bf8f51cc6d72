/* SHA-256 of bytes that come in pieces: plain memory inside its owner, nothing to allocate, at the
 * speed of the processor's own instructions. */
#ifndef TR_COMMON_DIGEST_STREAM_H
#define TR_COMMON_DIGEST_STREAM_H

#include "secret.h"
#include "view.h"

/* Holds up to one block of what was added until digest_stream_end(): wipe it if that never comes.
 */
struct digest_stream {
    uint64_t state[14];
};

void digest_stream_begin(struct digest_stream *s);
void digest_stream_add(struct digest_stream *s, struct view v);
/* Wipes what is left of the bytes; begin anew before the next use. */
void digest_stream_end(struct digest_stream *s, struct digest32 *out);

#endif
