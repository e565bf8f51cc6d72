/* Which result of a tool answers which call, in a neutral prompt's list: by their ids. */
#ifndef TR_DATAPLANE_PROVIDER_CALL_PAIRS_H
#define TR_DATAPLANE_PROVIDER_CALL_PAIRS_H

#include "prompt.h"

/* Gives an array with a number for each item, to be freed by the caller: of a call the item that is its result,
 * of a result the call that it answers, else 0 (the first item is a message, so no result and no call of a pair
 * has that number). A result answers the latest call before it that has its id, because some providers use an id
 * again in a later turn. ERR_MEMORY; *out is then NULL. */
must_check enum err call_pairs(const struct prompt_item *item, size_t n, uint32_t **out);

#endif
