/* GET /openapi.json: what this data plane serves, as an OpenAPI 3.1 document (proto/openapi). */
#ifndef TR_DATAPLANE_API_OPENAPI_H
#define TR_DATAPLANE_API_OPENAPI_H

#include "web.h"

/* Returns the HTTP status. */
int openapi_answer(struct web_request *r);

#endif
