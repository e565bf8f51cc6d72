/* What a client pays that disconnects before its answer is complete. Called by request.c. */
#ifndef TR_DATAPLANE_CORE_LEAVE_H
#define TR_DATAPLANE_CORE_LEAVE_H

#include "settle.h"

/* The answer is as good as complete (a finish reason has come, or the body of a whole answer has
 * begun), so its figures are worth waiting for, for ATTEMPT_USAGE_MS: the provider has made the
 * answer and charges it whether or not anybody reads it. */
bool leave_waits(const struct request *r);
/* What is billed when the attempt is given up at once. */
enum settle_bill leave_bill(const struct request *r);

#endif
