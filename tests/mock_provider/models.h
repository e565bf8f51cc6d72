/* What tests say of one model, by the name that requests ask for: the words that apply to each request for it, behind its
 * listener's and before the request's own; and the last body that asked for it. So the members of a panel, whose
 * requests the router writes, can each be told what to do. */
#ifndef TR_MOCK_MODELS_H
#define TR_MOCK_MODELS_H

#include "bytes.h"

#include <stdbool.h>

enum { MODELS_MAX = 64, MODEL_NAME_MAX = 64 };

/* Empty words: back to normal. False when one is malformed, or there is no place for another model. */
bool models_set(struct view name, struct view words);
/* Empty when nothing was said. Valid until the next models_set() or models_reset(). */
struct view models_words(struct view name);
void models_remember(struct view name, struct view body);
/* The last body; empty: nobody has asked. */
struct view models_last(struct view name);
void models_reset(void);

#endif
