/* (G) What a request says about routing: "models" and "provider", read into numbers. */
#ifndef TR_DATAPLANE_API_WANT_H
#define TR_DATAPLANE_API_WANT_H

#include "errors.h"
#include "prompt.h"
#include "route.h"

/* Fills *want from a parsed request. Of a chat client also q->list, when a candidate's adapter reads from it. On failure *f says what to answer: a model that does not
 * exist, a member of the wrong type, or a constraint that cannot be honoured. A constraint is never
 * dropped silently; a mere preference that is not supported is. */
must_check enum err want_read(struct prompt *q, const struct snapshot *catalog,
                              const struct providers *providers, struct route_want *want,
                              struct api_failure *f);

/* A model by the id that clients write, which may end in a suffix of OpenRouter's that is a sort order: *sort
 * is set then, and untouched else. NULL: there is none. */
const struct route_model *want_find(const struct snapshot *catalog, struct view id,
                                    enum route_sort *sort);

#endif
