/* An address from a DHCP server (RFC 2131), which is the host's and may answer anything. */
#ifndef TR_DATAPLANE_GUEST_DHCP_H
#define TR_DATAPLANE_GUEST_DHCP_H

#include "net.h"

struct dhcp_lease {
    struct net_address net; /* checked by net_address_check() */
    uint32_t seconds;
};

/* Ask on this interface, which is up, and wait for a lease at most timeout_s seconds; a renewal is the same question.
 * ERR_TOTAL_TIMEOUT: no server gave one that can be used. ERR_IO. */
must_check enum err dhcp_get(const struct net_device *d, unsigned timeout_s, struct dhcp_lease *out);

#endif
