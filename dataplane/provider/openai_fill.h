/* (G) Filling in the middle: OpenAI's legacy /completions with a suffix, which some providers serve for code
 * models. The answer is made canonical chat, so that everything behind reads one form. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_FILL_H
#define TR_DATAPLANE_PROVIDER_OPENAI_FILL_H

#include "chat_canon.h"
#include "prompt.h"

/* As struct adapter has them (adapter.h), for prompts of kind PROMPT_FILL. */
bool openai_fill_fits(const struct prompt *p, const struct provider *provider, struct view *refused);
must_check enum err openai_fill_render(const struct prompt *p, const struct provider *provider,
                                       const char *upstream_model, uint32_t max_output, struct buf *out);
must_check enum err openai_fill_chunk(struct chat_canon *c, struct view data, struct buf *out,
                                      enum chat_kind *kind, struct chat_error *error);
must_check enum err openai_fill_whole(struct chat_canon *c, struct view body, struct buf *out,
                                      enum chat_kind *kind, struct chat_error *error);

#endif
