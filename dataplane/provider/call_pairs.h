/* (G) Which result answers which call of a conversation: they find each other by id. */
#ifndef TR_DATAPLANE_PROVIDER_CALL_PAIRS_H
#define TR_DATAPLANE_PROVIDER_CALL_PAIRS_H

#include "err.h"
#include "prompt.h"

/* Gives an array of n + 1 numbers, freed with free(): for a call, which item is its result; for a result, the call that it
 * answers, the latest before it with its id; 0: none (the first item is a message). ERR_MEMORY, and *out is NULL. */
must_check enum err call_pairs(const struct prompt_item *item, size_t n, uint32_t **out);

#endif
