/* One DHCP message (RFC 2131, RFC 2132), both ways. Pure: no socket, no clock. */
#ifndef TR_DATAPLANE_GUEST_DHCP_MESSAGE_H
#define TR_DATAPLANE_GUEST_DHCP_MESSAGE_H

#include "host_config.h"

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER = 2, DHCP_REQUEST = 3, DHCP_ACK = 5, DHCP_NAK = 6 };

enum {
    DHCP_REQUEST_BYTES = 300, /* the least that every server and relay takes */
    DHCP_ANSWER_MAX = 1500,
    DHCP_LEASE_MIN_S = 60, /* a shorter lease would have us ask all the time: it is refused */
};

struct dhcp_answer {
    enum dhcp_type type; /* OFFER, ACK or NAK */
    struct in_addr server;
    struct net_address net; /* of OFFER and ACK: net_address_check() has passed it */
    uint32_t seconds;       /* of OFFER and ACK */
};

/* DISCOVER, or REQUEST of what an OFFER said. The answer is asked for by broadcast, because we have no address. */
void dhcp_write(enum dhcp_type type, uint32_t xid, const uint8_t mac[static 6], const struct dhcp_answer *offer,
                uint8_t out[static DHCP_REQUEST_BYTES]);
/* ERR_FORMAT: no answer of a server to this xid and mac, an option that is cut off or of a wrong length, no server
 * or no mask. ERR_RANGE: an address that net_address_check() refuses, a lease shorter than DHCP_LEASE_MIN_S. Name
 * servers that cannot be one are left out; options that we did not ask for count for nothing. */
must_check enum err dhcp_read(struct view message, uint32_t xid, const uint8_t mac[static 6], struct dhcp_answer *out);

#endif
