/* The answer side of Google's generateContent: events, whole answers and errors as canonical chat. An answer ends well when
 * each candidate has given its finishReason; there is no last word behind it. Source: Google's discovery document of
 * v1beta, recorded answers of both hosts. */
#ifndef TR_DATAPLANE_PROVIDER_GEMINI_READ_H
#define TR_DATAPLANE_PROVIDER_GEMINI_READ_H

#include "chat_canon.h"

/* As the adapter's of these names. An event may also be an array of answers, as a stream without "alt=sse" is. */
must_check enum err gemini_chunk(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                                 struct chat_error *error);
must_check enum err gemini_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                                 struct chat_error *error);
void gemini_error(int status, struct view body, struct chat_error *error);

#endif
