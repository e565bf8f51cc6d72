/* Entity tags (RFC 9110 8.8.3): what an answer to a GET is, so that a client that has it is told so in 304. */
#ifndef TR_CONTROLPLANE_API_ETAG_H
#define TR_CONTROLPLANE_API_ETAG_H

#include "view.h"

enum { ETAG_LEN = 32 }; /* hex digits: half of a SHA-256 */

/* "...", quotes and NUL included. */
void etag_text(struct view body, char out[static ETAG_LEN + 3]);
/* list: of If-None-Match, "*" or tags by commas, weak ones too. */
bool etag_listed(struct view list, struct view etag);

#endif
