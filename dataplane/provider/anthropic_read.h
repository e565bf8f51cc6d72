/* (G) What Anthropic's Messages API answers, as canonical chat: each event of its stream becomes at most one chunk, a
 * message one completion. A stream is over at message_stop and not before: what is cut in front of it has no
 * finish reason. Figures of the prompt are known from message_start on. */
#ifndef TR_DATAPLANE_PROVIDER_ANTHROPIC_READ_H
#define TR_DATAPLANE_PROVIDER_ANTHROPIC_READ_H

#include "chat_canon.h"

/* As struct adapter has them (adapter.h). */
must_check enum err anthropic_chunk(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                                    struct chat_error *error);
must_check enum err anthropic_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                                    struct chat_error *error);
void anthropic_error(int status, struct view body, struct chat_error *error);

#endif
