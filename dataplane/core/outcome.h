/* What an attempt that failed before any of its answer left means: for the endpoint's health, for
 * the next candidate, and for what the client is told when nobody answers. Called by request.c. */
#ifndef TR_DATAPLANE_CORE_OUTCOME_H
#define TR_DATAPLANE_CORE_OUTCOME_H

#include "health.h"
#include "request.h"

/* Remember how the attempt at r->candidate failed. */
void outcome_note(struct request *r, const struct attempt_result *x);
/* Could another request have fared better there? Once a request is sent, nearly everything may be its own
 * doing: a reset by a server that it crashed, an answer over our limits, a time-out. */
enum health_fault outcome_fault(const struct attempt_result *x);
/* The provider has done the work, so that asking another candidate would buy the answer twice: a whole
 * answer that is over a limit of ours or did not arrive in its time. */
bool outcome_is_final(const struct request *r, const struct attempt_result *x);

/* Trouble of our own (memory, the budget): it says nothing about the endpoint, and the next one would meet
 * it too. */
bool outcome_is_ours(enum err e);

#endif
