/* (G) Embeddings as the Gemini API has them: each input is a request of a batch, and the vectors come in their order.
 * Vertex has another call. */
#ifndef TR_DATAPLANE_PROVIDER_GEMINI_EMBEDDINGS_H
#define TR_DATAPLANE_PROVIDER_GEMINI_EMBEDDINGS_H

#include "chat_canon.h"
#include "destination.h"
#include "prompt.h"

/* As the adapter's of these names. Inputs that are tokens, and members that only some providers know, are not for it. */
must_check enum err gemini_embeddings_path(const struct prompt *p, const struct destination *d, struct buf *out);
bool gemini_embeddings_fits(const struct prompt *p, const struct destination *d, struct view *refused);
size_t gemini_embeddings_room(const struct prompt *p);
must_check enum err gemini_embeddings_render(const struct prompt *p, const struct destination *d, uint32_t max_output,
                                             struct buf *out);
/* As openai_embeddings_whole(). Most answers have no figures: then they are estimated as everywhere. */
must_check enum err gemini_embeddings_whole(struct chat_canon *c, struct view body, struct buf *out,
                                            enum chat_kind *kind, struct chat_error *error);

#endif
