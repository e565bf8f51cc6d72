/* Reads an answer for what it is, whatever its label says: JSON or an event stream, by its first bytes.
 * Where a whole answer was asked for and a stream came, the stream's chunks are gathered into one
 * completion. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_GATHER_H
#define TR_DATAPLANE_PROVIDER_CHAT_GATHER_H

#include "chat_canon.h"

enum chat_shape {
    CHAT_SHAPE_UNKNOWN, /* only white space or part of a byte order mark so far */
    CHAT_SHAPE_JSON,
    CHAT_SHAPE_EVENTS, /* or what is neither */
};
enum chat_shape chat_shape_of(struct view bytes);

/* Does a body that began as an event stream end with its "[DONE]"? Nothing more need be awaited. */
bool chat_gather_over(struct view body);

/* A whole answer of either shape, as chat_canon_whole(). Of a stream the figures and the finish of c are
 * those of all its chunks. ERR_PROVIDER_TRUNCATED: a stream without a known good end. ERR_LIMIT: more
 * members or calls than an answer has. */
must_check enum err chat_gather(struct chat_canon *c, struct view body, struct buf *out,
                                enum chat_kind *kind, struct chat_error *error);

/* The same of an event stream whose events this function makes chunks of. */
typedef enum err (*chat_chunk_fn)(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                                  struct chat_error *error);
must_check enum err chat_gather_events(struct chat_canon *c, struct view body, chat_chunk_fn read, struct buf *out,
                                       enum chat_kind *kind, struct chat_error *error);

#endif
