/* The end of a request in numbers: its bill, its lease, its usage record, its line in the log.
 * Called by request.c, which knows when. */
#ifndef TR_DATAPLANE_CORE_SETTLE_H
#define TR_DATAPLANE_CORE_SETTLE_H

#include "request.h"

enum settle_bill {
    SETTLE_FREE,   /* no provider did anything the customer pays for */
    SETTLE_OUTPUT, /* one may have: its figures, else an estimate of what was delivered, if anything */
    SETTLE_PROMPT, /* the same, but the prompt is owed even if nothing was delivered */
};

/* Money moves and, if anything was reserved, the record is written. Call once, before the request
 * enters SETTLING. */
void settle(struct request *r, enum err outcome, enum api_error answer, enum settle_bill what);
/* A whole's attempt is over and another one follows: its bill is a line (part.h), and nothing of it is left in r. outcome:
 * ERR_NONE when it is complete and no answer. */
void settle_attempt(struct request *r, enum err outcome);
/* The HTTP status the request counts as: 499 for a client that left. */
int settle_status(const struct request *r);
/* The only line a request logs. */
void settle_log(const struct request *r);

#endif
