/* What a client may hand to the control plane under /byok: sealed keys and what is said about them. A body that may
 * hold a key in clear stays here. */
#ifndef TR_DATAPLANE_API_OWN_KEY_BODY_H
#define TR_DATAPLANE_API_OWN_KEY_BODY_H

#include "errors.h"
#include "view.h"

/* False: *f says why it is not handed on. An empty body is fine. */
bool own_key_body_ok(struct view body, struct api_failure *f);

#endif
