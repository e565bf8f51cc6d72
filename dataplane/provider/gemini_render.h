/* The request side of Google's generateContent, as the Gemini API (AI Studio) and Vertex have it: a neutral prompt's list as
 * path and body for one endpoint. Source: Google's discovery document of v1beta and recorded requests. */
#ifndef TR_DATAPLANE_PROVIDER_GEMINI_RENDER_H
#define TR_DATAPLANE_PROVIDER_GEMINI_RENDER_H

#include "buf.h"
#include "destination.h"
#include "err.h"
#include "prompt.h"

/* As the adapter's of these names. Names of settings are chat's. */
must_check enum err gemini_path(const struct prompt *p, const struct destination *d, struct buf *out);
bool gemini_fits(const struct prompt *p, const struct destination *d, struct view *refused);
bool gemini_omits(const struct prompt *p, const struct destination *d);
size_t gemini_room(const struct prompt *p);
must_check enum err gemini_render(const struct prompt *p, const struct destination *d, uint32_t max_output,
                                  struct buf *out);

/* For other calls of the same API: is it Vertex's? The model's name there, without "models/", and with "/models/" before it as
 * a part of a path. */
bool gemini_is_vertex(const struct provider *p);
struct view gemini_model(const struct destination *d);
must_check enum err gemini_put_model(const struct destination *d, struct buf *out);

#endif
