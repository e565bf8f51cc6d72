/* Where a program may be called back with a code: what POST /auth/keys/code takes as callback_url. */
#ifndef TR_CONTROLPLANE_API_CALLBACK_H
#define TR_CONTROLPLANE_API_CALLBACK_H

#include "view.h"

enum { CALLBACK_MAX = 2048 }; /* bytes */

/* NULL: it may be, and *host is its host, borrowed. Otherwise a literal sentence. https anywhere; http on this machine's
 * loopback (localhost, 127.0.0.1) only; no other scheme, no user name, no fragment, visible ASCII without quotes and
 * brackets that browsers would change. */
const char *callback_fault(struct view url, struct view *host);

#endif
