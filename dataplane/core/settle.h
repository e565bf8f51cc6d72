/* The end of a request in numbers: its bill, its lease, its usage record, its line in the log. Called
 * by request.c, which knows when. */
#ifndef TR_DATAPLANE_CORE_SETTLE_H
#define TR_DATAPLANE_CORE_SETTLE_H

#include "request.h"

/* Money moves and, if anything was reserved, the record is written. Call once, before the request
 * enters SETTLING. bill_it: a provider produced output that the customer pays for. */
void settle(struct request *r, enum err outcome, enum api_error answer, bool bill_it);
/* The HTTP status the request counts as: 499 for a client that left. */
int settle_status(const struct request *r);
/* The only line a request logs. */
void settle_log(const struct request *r);

#endif
