/* The addresses of a host, looked up on a thread of their own, so that a name server that does not
 * answer delays nobody else: not the caller's loop and not libuv's thread pool. */
#ifndef TR_COMMON_RESOLVE_H
#define TR_COMMON_RESOLVE_H

#include "err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { RESOLVE_ADDRESSES_MAX = 8 }; /* of one name; further ones are not tried */

struct resolve;

union resolve_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The address families alternate, beginning with the one the system prefers (RFC 8305, section 4). */
struct resolve_answer {
    union resolve_address list[RESOLVE_ADDRESSES_MAX];
    unsigned n;
};

/* notify may be NULL. Else it is called once, on the lookup's thread, when resolve_poll() has an
 * answer; never after resolve_free() has returned. ERR_MEMORY: no thread could be had. */
must_check enum err resolve_start(const char *host, uint16_t port, void (*notify)(void *cookie),
                                  void *cookie, struct resolve **out);
/* ERR_SHORT: not yet. ERR_NONE: *out has at least one address. ERR_DNS: there is none. */
must_check enum err resolve_poll(struct resolve *r, struct resolve_answer *out);
/* At any time. A thread that is still waiting frees what it needs when it is done. NULL: nothing. */
void resolve_free(struct resolve *r);

/* An address in text form (no lookup needed); false when host is a name. */
bool resolve_literal(const char *host, uint16_t port, union resolve_address *out);
bool resolve_same(const union resolve_address *a, const union resolve_address *b);

#endif
