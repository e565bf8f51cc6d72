/* What a client is told when its request gets no answer: sentences of ours, with numbers of ours.
 */
#ifndef TR_DATAPLANE_CORE_REFUSAL_H
#define TR_DATAPLANE_CORE_REFUSAL_H

#include "request.h"

/* The route is empty: why, and which constraint removed which endpoint, with names of the catalog and of the
 * measured providers; or that an own provider key that is always to be used leaves none. *f borrows r's route. */
void refusal_of_route(const struct request *r, struct api_failure *f);
/* After ADMIT_NO. */
void refusal_of_admission(const struct request *r, struct api_failure *f);
/* No candidate answered. What the first of them said that blamed the request; else a class of
 * failures, named only when all attempts agree on it. */
void refusal_of_attempts(const struct attempts *a, struct api_failure *f);

#endif
