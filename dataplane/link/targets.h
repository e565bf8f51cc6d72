/* The control planes a data plane may connect to, and which address is next: every address of the one
 * in use, then those of the others, in the order of the configuration. */
#ifndef TR_DATAPLANE_LINK_TARGETS_H
#define TR_DATAPLANE_LINK_TARGETS_H

#include "err.h"
#include "resolve.h"

enum {
    TARGETS_MAX = 8,
    TARGET_HOST_MAX = 256, /* bytes with the final NUL; a DNS name has 253 at most */
};

struct target {
    char host[TARGET_HOST_MAX];
    uint16_t port;
};

struct targets {
    struct target list[TARGETS_MAX];
    unsigned n;
    unsigned current;                /* the control plane in use, or being tried */
    struct resolve_answer addresses; /* of it; n is 0 before they are known */
    unsigned address;                /* the one in use, or being tried */
    unsigned failed; /* control planes that could not be used, since the last one that could */
};

/* text: "host[:port]" separated by commas or blanks, an IPv6 address with a port in brackets; port is
 * for those that name none. ERR_CONFIG: empty, too many, or not of this form. */
must_check enum err targets_parse(const char *text, uint16_t port, struct targets *out);

/* The address to connect to; NULL: target->host has to be looked up first (targets_found()). */
const struct sockaddr *targets_next(struct targets *t);
const struct target *targets_current(const struct targets *t);
void targets_found(struct targets *t, const struct resolve_answer *answer);
/* It served: it stays the current one, and its addresses are looked up anew before the next use. */
void targets_served(struct targets *t);
/* The address (or the lookup) failed. True: there is another to be tried at once. False: all were
 * tried in this round; wait before the next one. */
bool targets_failed(struct targets *t);
/* Is there anything but the address in use? */
bool targets_alternative(const struct targets *t);

#endif
