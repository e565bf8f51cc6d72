/* (G) A neutral prompt as a request of Anthropic's Messages API (version 2023-06-01, which every model takes). What a
 * model takes of it is said by its gates in the catalog. */
#ifndef TR_DATAPLANE_PROVIDER_ANTHROPIC_RENDER_H
#define TR_DATAPLANE_PROVIDER_ANTHROPIC_RENDER_H

#include "buf.h"
#include "destination.h"
#include "err.h"
#include "prompt.h"

/* As struct adapter has them (adapter.h), of prompts that have a list. */
bool anthropic_fits(const struct prompt *p, const struct destination *d, struct view *refused);
bool anthropic_omits(const struct prompt *p, const struct destination *d);
size_t anthropic_room(const struct prompt *p);
must_check enum err anthropic_render(const struct prompt *p, const struct destination *d, uint32_t max_output,
                                     struct buf *out);

#endif
