/* OpenAI's Responses as a provider speaks it: a neutral prompt as its request, and its events and whole answers as
 * canonical chat (errors have chat's shape). Source: OpenAI's specification 2.3.0, recorded answers of OpenAI, xAI, DeepSeek and LM Studio. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_RESPONSES_H
#define TR_DATAPLANE_PROVIDER_OPENAI_RESPONSES_H

#include "chat_canon.h"
#include "destination.h"
#include "prompt.h"

/* As the adapter's of these names. Nothing is kept there: "store" is false, and thoughts travel sealed, in elements of
 * reasoning_details, from one turn to the next. */
must_check enum err openai_responses_path(const struct prompt *p, const struct destination *d, struct buf *out);
bool openai_responses_fits(const struct prompt *p, const struct destination *d, struct view *refused);
bool openai_responses_omits(const struct prompt *p, const struct destination *d);
size_t openai_responses_room(const struct prompt *p);
must_check enum err openai_responses_render(const struct prompt *p, const struct destination *d, uint32_t max_output,
                                            struct buf *out);
must_check enum err openai_responses_chunk(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                                           struct chat_error *error);
must_check enum err openai_responses_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                                           struct chat_error *error);

#endif
