/* What a client is told when its request gets no answer: sentences of ours, with numbers of ours.
 */
#ifndef TR_DATAPLANE_CORE_REFUSAL_H
#define TR_DATAPLANE_CORE_REFUSAL_H

#include "request.h"

/* Why the route is empty; "" for ROUTE_OK. */
/* No candidate: the route's reason, or that of an own provider key that is always to be used. f->error is
 * API_NO_PROVIDER before. */
void refusal_of_own_route(const struct attempts *a, struct api_failure *f);
const char *refusal_of_route(enum route_refusal why);
/* After ADMIT_NO. */
void refusal_of_admission(const struct request *r, struct api_failure *f);
/* No candidate answered. What the first of them said that blamed the request; else a class of
 * failures, named only when all attempts agree on it. */
void refusal_of_attempts(const struct attempts *a, struct api_failure *f);

#endif
