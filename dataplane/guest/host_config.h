/* What the host tells the guest: addresses, and which control plane to connect to. It is not measured and
 * the host is hostile: nothing here can change where prompts go, what is pinned or what may be connected
 * to. A field that this table does not have is an error, so that nobody believes that it counts. */
#ifndef TR_DATAPLANE_GUEST_HOST_CONFIG_H
#define TR_DATAPLANE_GUEST_HOST_CONFIG_H

#include "buf.h"
#include "err.h"
#include "view.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    HOST_CONFIG_MAX = 16 << 10, /* bytes of host.conf */
    HOST_DNS_MAX = 3,           /* as many as resolv.conf may name */
};

/* An IPv4 address with what is needed to use it, from host.conf or from a DHCP server. */
struct net_address {
    struct in_addr address, gateway; /* gateway 0.0.0.0: none */
    unsigned prefix;                 /* 1 to 30 */
    struct in_addr dns[HOST_DNS_MAX];
    size_t n_dns;
};

struct host_config {
    bool dhcp; /* "address = dhcp": `net` is filled by a server, but for the name servers that stand here */
    struct net_address net;
    uint64_t mtu; /* bytes; 0: the interface's own */
    char place[65];          /* empty: none; see dataplane.conf */
    char control_host[1024]; /* as in dataplane.conf; its port is measured */
};

/* ERR_CONFIG; why gets one sentence that names the field, never its value. */
must_check enum err host_config_parse(struct view text, struct host_config *out, struct buf *why);
/* What tr-dataplane reads with --host: the fields that are for it. */
must_check enum err host_config_for_dataplane(const struct host_config *c, struct buf *out);

/* Can this be the address of a host on the network? Not 0/8, loopback, multicast, broadcast or reserved.
 * Link-local is a host's where `link_local` says so (name servers of AWS and GCP). */
bool net_is_host(struct in_addr a, bool link_local);
/* Are address, prefix, gateway and name servers of one piece? ERR_RANGE: the address or the gateway is none that
 * a host can have, is the network's own or its broadcast address, or the gateway is not in the network;
 * a name server is this guest itself. */
must_check enum err net_address_check(const struct net_address *a);

#endif
