/* (G) The elements of OpenRouter's reasoning_details that one answer has, put together: a stream brings them in
 * pieces, and what is replayed must be whole. An element that came in one piece stays byte for byte. */
#ifndef TR_DATAPLANE_LLM_DETAILS_H
#define TR_DATAPLANE_LLM_DETAILS_H

#include "buf.h"
#include "err.h"
#include "json.h"
#include "view.h"

#include <stdbool.h>

enum {
    /* Members of an element that are put together with those of its next piece, each compared with each at each
     * piece; known ones have eight. */
    DETAILS_MEMBERS_MAX = 16,
    DETAILS_JOINED_MAX = 64 << 10, /* bytes of what is there already, without the text */
};

struct details {
    struct buf whole; /* elements that are over, separated by commas */
    struct buf last;  /* the one that may get more, as it came; or its members without the text */
    struct buf text;  /* its text, once it came in more than one piece */
    bool pieces;      /* it did */
};

/* Nothing is allocated before the first element. max: bytes of each of the three. */
void details_init(struct details *d, size_t max, struct budget *budget);
void details_free(struct details *d); /* wipes; usable again as after init */
/* An element, a JSON object. It goes on the last one when both have the same type, which has a text, and the
 * same index. ERR_MEMORY, ERR_OVERLOAD, ERR_LIMIT; then *d is good for details_free() only. */
must_check enum err details_add(struct details *d, struct view element);
/* Whether an element, a JSON object, has so few members. */
bool details_are_few(struct view element);
/* All elements, separated by commas: valid until the next call. */
must_check enum err details_end(struct details *d, struct view *out);
static inline bool details_empty(const struct details *d)
{
    return d->whole.len == 0 && d->last.len == 0;
}

#endif
