/* The stages of a request that has parts (part.h): what runs before its own attempts, and what becomes of these. Called by
 * request.c. */
#ifndef TR_DATAPLANE_CORE_WHOLE_H
#define TR_DATAPLANE_CORE_WHOLE_H

#include "request.h"

/* Before its route is decided: it asks as many models as there are lines for. Harmless for a request without parts. */
void whole_begin(struct request *r);
/* The route is decided: each of its models gets a share of the candidates. Harmless likewise. */
void whole_route(struct request *r);
/* The route is decided and *amount_nusd is what r's own attempts can cost: adds what its parts can. False: the request has
 * been answered. With r->unrouted set the parts could not be planned for a key that is not known here: once again when it is.
 * Harmless for a request without parts. */
must_check bool whole_plan(struct request *r, int64_t *amount_nusd);
/* It is admitted: does its account have as many of them on this worker as one may? The places of their lines (meter.h) and
 * their connections are also for other customers. */
enum { WHOLES_OF_ONE_MAX = 256 };
bool whole_is_one_too_many(const struct request *r);
/* It is admitted: its parts run. */
void whole_prepare(struct request *r);
/* PREPARING, and the client is gone. */
void whole_client_gone(struct request *r);
/* PREPARING: end the parts and tell the client. */
void whole_fail(struct request *r, enum err outcome, struct api_failure *f);
/* CONNECTING: its attempt is complete. True: it is no answer; it is billed, and the next model is asked. */
must_check bool whole_refuses(struct request *r);
/* CONNECTING: its attempt has failed before anything useful. The next candidate, or the last word. */
void whole_attempt_over(struct request *r, const struct attempt_result *x);
/* CONNECTING: nobody is left to ask. True: the client is given something else. */
must_check bool whole_rescues(struct request *r);
/* Nobody answered: says so of models that did, with nothing of use. */
void whole_refusal(const struct request *r, struct api_failure *f);
/* Has the pending attempt brought nothing that a client would see? Then its stream is not begun. */
bool whole_is_empty(const struct request *r);

#endif
