/* Whose reasoning is it? Signatures and encrypted thoughts are good only for models of the maker that made
 * them; others refuse the request. An element of reasoning_details names its maker by its "format"
 * ("anthropic-claude-v1"), a model by its name. What names nobody whom we know goes everywhere. */
#ifndef TR_DATAPLANE_PROVIDER_REASONING_MAKER_H
#define TR_DATAPLANE_PROVIDER_REASONING_MAKER_H

#include "view.h"

#include <stdbool.h>

enum maker {
    MAKER_UNKNOWN,
    MAKER_ANTHROPIC,
    MAKER_OPENAI,
    MAKER_GOOGLE,
    MAKER_XAI,
    MAKER_MINIMAX,
    MAKER_OTHER, /* one whose models sign nothing */
};

/* Of the provider's name of a model: "claude-sonnet-4-6", "anthropic/claude-sonnet-4.6". */
enum maker maker_of_model(struct view name);
/* Who made an element, a JSON object (validated), of a model by this maker: its format says so, else the thinker. */
enum maker reasoning_maker_of(struct view element, enum maker thinker);
/* May a model of this maker be sent this element, a JSON object (validated)? thinker: the maker of the model
 * that thought it, which counts when the element has no format that we know. */
bool reasoning_replays(enum maker of_model, struct view element, enum maker thinker);

#endif
