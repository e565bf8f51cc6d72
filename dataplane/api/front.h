/* The front door: which path and method belongs to whom, who may ask, and what everybody gets. */
#ifndef TR_DATAPLANE_API_FRONT_H
#define TR_DATAPLANE_API_FRONT_H

#include "web.h"

/* Handlers for web_config of the public listener; cookie is the struct worker. */
void front_handle(void *cookie, struct web_request *r);
void front_error(void *cookie, struct web_request *r, int status);

/* What may arrive of a request's body, by its head, and the answer when nothing may (web.h). */
enum web_verdict front_arriving(void *cookie, struct web_request *r, bool more, int *why);
void front_refused(void *cookie, struct web_request *r, int why);

/* The same for the private listener, which serves /metrics, /health, /readyz and /healthz; cookie is the struct
 * shared. */
void front_private_handle(void *cookie, struct web_request *r);
void front_private_error(void *cookie, struct web_request *r, int status);

#endif
