/* (G) Where the arguments of a tool call stand. They are JSON that arrives in pieces, each piece the inside of
 * a JSON string; nothing is kept of them. */
#ifndef TR_DATAPLANE_LLM_ARGUMENTS_H
#define TR_DATAPLANE_LLM_ARGUMENTS_H

#include "view.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed before the first piece. */
struct arguments {
    uint16_t depth; /* open braces and brackets */
    bool begun, in_string, escaped;
    bool object; /* what has begun is an object */
};

/* text: the next piece; escapes are whole. */
void arguments_take(struct arguments *a, struct view text);
/* They have begun and ended. */
bool arguments_over(const struct arguments *a);

#endif
