/* The guest's one network interface. IPv4 only: IPv6 is switched off (mounts.c). */
#ifndef TR_DATAPLANE_GUEST_NET_H
#define TR_DATAPLANE_GUEST_NET_H

#include "host_config.h"

#include <net/if.h>

struct net_device {
    char name[IF_NAMESIZE];
    uint8_t mac[6];
};

/* ERR_NOT_FOUND: there is none, or ERR_DUPLICATE: more than one Ethernet interface. ERR_IO. */
must_check enum err net_find(struct net_device *out);
/* Loopback and the interface are up, without an address. mtu 0: as it is. ERR_IO. */
must_check enum err net_up(const struct net_device *d, uint64_t mtu);
/* Give it this address and the route by its gateway; replaces the former ones. ERR_IO. */
must_check enum err net_configure(const struct net_device *d, const struct net_address *a);
/* The text of resolv.conf. Answers come over UDP, and over TCP when they are long. */
must_check enum err net_resolv_conf(const struct net_address *a, struct buf *out);

#endif
