/* What the files of a request share: request.c with part.c and whole.c, nobody else. */
#ifndef TR_DATAPLANE_CORE_REQUEST_INTERNAL_H
#define TR_DATAPLANE_CORE_REQUEST_INTERNAL_H

#include "request.h"
#include "settle.h"

/* The only writer of r->state. */
void request_enter(struct request *r, enum request_state state);
/* Into the context's list. */
void request_link(struct request *r);
/* Exactly once per request: the only way into SETTLING. A whole's parts are billed first. */
void request_settle(struct request *r, enum err outcome, enum api_error answer, enum settle_bill what);
/* Nothing useful came of it, or not all: settle and tell the client. */
void request_fail(struct request *r, enum err outcome, struct api_failure *f);
/* The client is gone: nobody is told, only the bill is made. */
void request_left(struct request *r, enum settle_bill what);
/* Start the next candidate that can be started, or give up. */
void request_connect(struct request *r);
void request_end_upstream(struct request *r);
/* The health counter of the account, and what the key may be used for, as far as the key is known here. False: *f. */
must_check bool request_rules(struct request *r, uint32_t *who, struct api_failure *f);

#endif
