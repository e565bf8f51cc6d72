/* The plain-text listener on which HTTP-01 validations are answered (RFC 8555 8.3), and nothing else. */
#ifndef TR_DATAPLANE_ACME_HTTP01_H
#define TR_DATAPLANE_ACME_HTTP01_H

#include "challenge.h"
#include "web.h"

/* A web_config's handler and error; the cookie is a struct challenges. */
void http01_handle(void *cookie, struct web_request *r);
void http01_error(void *cookie, struct web_request *r, int status);

#endif
