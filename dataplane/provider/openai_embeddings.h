/* (G) Embeddings as OpenAI's API has them: the request for one provider, and its answer made canonical. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_EMBEDDINGS_H
#define TR_DATAPLANE_PROVIDER_OPENAI_EMBEDDINGS_H

#include "chat_canon.h"
#include "prompt.h"

/* May this provider be sent the prompt? False: *refused is the client's name of the first member that its row
 * does not allow. */
bool openai_embeddings_fits(const struct prompt *p, const struct provider *provider, struct view *refused);
/* The most bytes that a rendered body has. */
size_t openai_embeddings_room(const struct prompt *p);
/* Appends the body. base64 is asked of the provider where the client wants it, unless the provider is strict
 * and may not know the member; numbers are what its absence means. max_output: 0. ERR_MEMORY, ERR_LIMIT,
 * ERR_OVERLOAD; on failure out is undefined. */
must_check enum err openai_embeddings_render(const struct prompt *p, const struct provider *provider,
                                             const char *upstream_model, uint32_t max_output, struct buf *out);

/* A whole response body: appends {"object":"list","data":[...],"model":...}, the vectors in the order of their
 * inputs and in the form of c->embeddings, the model ours; the figures go to c->usage (prompt tokens alone).
 * *kind: CHAT_EMIT, or CHAT_ERROR with *error. ERR_PROVIDER_PROTOCOL: no such answer, or one that has not a
 * vector for each input, all as long as each other and as was asked. On failure nothing is appended. */
must_check enum err openai_embeddings_whole(struct chat_canon *c, struct view body, struct buf *out,
                                            enum chat_kind *kind, struct chat_error *error);

#endif
