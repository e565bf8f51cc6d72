/* Who pays for the memory: each account out of its own share of the content budget, so that one customer's
 * large or slow requests never leave no room for the others'. Accounts meet in a share by chance only. */
#ifndef TR_DATAPLANE_CORE_SHARE_H
#define TR_DATAPLANE_CORE_SHARE_H

#include "worker.h"

/* Makes s->shares from s->content. They last as long as the program. ERR_MEMORY leaves some of them. */
must_check enum err shares_new(struct shared *s);
/* The share of this key's account; of all keys that are not known here, or have no money, one together.
 * Any thread. */
struct budget *share_of(const struct shared *s, const struct digest32 *who);

#endif
