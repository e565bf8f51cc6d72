/* The paths of OpenAI's and Anthropic's APIs behind which a service keeps what its users wrote. This router
 * keeps nothing, so their clients are told that, and what to do instead. */
#ifndef TR_DATAPLANE_API_NOT_STORED_H
#define TR_DATAPLANE_API_NOT_STORED_H

#include "view.h"

/* One sentence, when a path (as path_plain() gives it) that is served by nobody is one of them; else NULL. */
const char *not_stored(struct view path);

#endif
