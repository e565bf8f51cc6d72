/* The request side of translation: a neutral prompt of any client's dialect as the chat/completions body
 * for one provider. A chat client's own bytes are spliced instead (chat_request_render). */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_RENDER_H
#define TR_DATAPLANE_PROVIDER_OPENAI_RENDER_H

#include "buf.h"
#include "err.h"
#include "prompt.h"
#include "providers.h"

/* What a rendered body may be longer than the client's, at most: a value that becomes a text is escaped
 * (twice its length), a call without a result gets one. The buffer given to openai_render should have a
 * maximum of OPENAI_RENDER_GROWTH * (body + what prompt_keep() has copied) + OPENAI_RENDER_SLACK. */
enum { OPENAI_RENDER_GROWTH = 4, OPENAI_RENDER_SLACK = 4096 };

/* May this provider be sent the prompt? False: *refused is chat's name for the first setting that it cannot
 * be sent (static text): "service_tier" beyond the standard, "tools" for a tool that the provider would run
 * or a name longer than it takes, "stop" for more sequences than it takes. */
bool openai_fits(const struct prompt *p, const struct provider *provider, struct view *refused);

/* Chat's name for a setting. */
struct view openai_setting_name(enum prompt_setting s);
/* Would openai_render() leave out a setting that changes the answer, because this provider does not know it? */
bool openai_omits(const struct prompt *p, const struct provider *provider);

/* Append the body for this provider to out. p->chat is NULL. max_output: 0 leaves the client's limit.
 * ERR_FORMAT when upstream_model is no model id; ERR_MEMORY; ERR_OVERLOAD; ERR_LIMIT when out may not hold
 * it. On failure nothing is appended. */
must_check enum err openai_render(const struct prompt *p, const struct provider *provider,
                                  const char *upstream_model, uint32_t max_output, struct buf *out);

#endif
