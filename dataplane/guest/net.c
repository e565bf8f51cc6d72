/* Interface, address and route, by the ioctls of netdevice(7). */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int net_socket(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void request(struct ifreq *r, const char *name)
{
    memset(r, 0, sizeof *r);
    memcpy(r->ifr_name, name, strnlen(name, IF_NAMESIZE - 1));
}

static bool is_ethernet(int s, const char *name, uint8_t mac[static 6])
{
    struct ifreq r;

    request(&r, name);
    if (ioctl(s, SIOCGIFHWADDR, &r) != 0 || r.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return false;
    memcpy(mac, r.ifr_hwaddr.sa_data, 6);
    return true;
}

enum err net_find(struct net_device *out)
{
    struct if_nameindex *all = if_nameindex();
    int s = net_socket();
    unsigned found = 0;
    enum err e = ERR_IO;

    if (all == NULL || s < 0)
        goto done;
    for (const struct if_nameindex *i = all; i->if_index != 0; i++) {
        uint8_t mac[6];

        if (!is_ethernet(s, i->if_name, mac) || found++ != 0)
            continue;
        snprintf(out->name, sizeof out->name, "%s", i->if_name);
        memcpy(out->mac, mac, sizeof mac);
    }
    e = found == 0 ? ERR_NOT_FOUND : found == 1 ? ERR_NONE : ERR_DUPLICATE;
done:
    if (s >= 0)
        close(s);
    if (all != NULL)
        if_freenameindex(all);
    return e;
}

static bool flags_up(int s, const char *name)
{
    struct ifreq r;

    request(&r, name);
    if (ioctl(s, SIOCGIFFLAGS, &r) != 0)
        return false;
    r.ifr_flags |= IFF_UP;
    return ioctl(s, SIOCSIFFLAGS, &r) == 0;
}

enum err net_up(const struct net_device *d, uint64_t mtu)
{
    struct ifreq r;
    int s = net_socket();
    bool ok = s >= 0;

    request(&r, d->name);
    r.ifr_mtu = (int)mtu;
    ok = ok && (mtu == 0 || ioctl(s, SIOCSIFMTU, &r) == 0) && flags_up(s, "lo") && flags_up(s, d->name);
    if (s >= 0)
        close(s);
    return ok ? ERR_NONE : ERR_IO;
}

static struct sockaddr_in inet(uint32_t address)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = address};
}

static bool set_address(int s, const struct net_device *d, unsigned long what, uint32_t address)
{
    struct sockaddr_in a = inet(address);
    struct ifreq r;

    request(&r, d->name);
    memcpy(&r.ifr_addr, &a, sizeof a);
    return ioctl(s, what, &r) == 0;
}

/* A new address takes the routes of the old one with it. */
static bool set_route(int s, const struct net_device *d, struct in_addr gateway)
{
    struct sockaddr_in any = inet(0), by = inet(gateway.s_addr);
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    char name[IF_NAMESIZE];

    if (gateway.s_addr == 0)
        return true;
    memcpy(name, d->name, sizeof name);
    route.rt_dev = name;
    memcpy(&route.rt_dst, &any, sizeof any);
    memcpy(&route.rt_genmask, &any, sizeof any);
    memcpy(&route.rt_gateway, &by, sizeof by);
    return ioctl(s, SIOCADDRT, &route) == 0 || errno == EEXIST;
}

enum err net_configure(const struct net_device *d, const struct net_address *a)
{
    int s = net_socket();
    bool ok = s >= 0 && set_address(s, d, SIOCSIFADDR, a->address.s_addr) &&
              set_address(s, d, SIOCSIFNETMASK, htonl(UINT32_MAX << (32 - a->prefix))) &&
              set_route(s, d, a->gateway);

    if (s >= 0)
        close(s);
    return ok ? ERR_NONE : ERR_IO;
}

enum err net_resolv_conf(const struct net_address *a, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("options timeout:2 attempts:2\n"));

    for (size_t i = 0; e == ERR_NONE && i < a->n_dns; i++) {
        char text[INET_ADDRSTRLEN];

        inet_ntop(AF_INET, &a->dns[i], text, sizeof text);
        e = buf_appendf(out, "nameserver %s\n", text);
    }
    return e;
}
