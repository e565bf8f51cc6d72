/* A host's address, looked up on a thread of its own, so that a name server that does not answer holds
 * nobody up: whoever does not want to wait any longer walks away. */
#ifndef TR_DATAPLANE_LINK_RESOLVE_H
#define TR_DATAPLANE_LINK_RESOLVE_H

#include "err.h"

#include <stdint.h>
#include <sys/socket.h>

struct resolve;

must_check enum err resolve_start(const char *host, uint16_t port, struct resolve **out);
/* ERR_SHORT: not yet. ERR_NONE: *out is the first address. ERR_DNS: there is none. */
must_check enum err resolve_poll(struct resolve *r, struct sockaddr_storage *out);
/* At any time. A thread that is still waiting frees what it needs when it is done. NULL: nothing. */
void resolve_free(struct resolve *r);

#endif
