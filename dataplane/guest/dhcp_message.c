/* The fixed part, the magic cookie, and options until the end. */
#include "dhcp_message.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    AT_XID = 4,
    AT_FLAGS = 10,
    AT_YOUR_ADDRESS = 16,
    AT_MAC = 28,
    AT_COOKIE = 236,
    AT_OPTIONS = 240,
    IS_REQUEST = 1,
    IS_REPLY = 2,
    ETHERNET = 1,
};
enum option {
    PAD = 0,
    MASK = 1,
    ROUTER = 3,
    DNS = 6,
    WANTED_ADDRESS = 50,
    LEASE = 51,
    TYPE = 53,
    SERVER = 54,
    PARAMETERS = 55,
    END = 255,
};
static const uint8_t cookie[4] = {99, 130, 83, 99};

/* --- writing */

static uint8_t *put(uint8_t *at, enum option o, const void *value, uint8_t n)
{
    *at++ = (uint8_t)o;
    *at++ = n;
    memcpy(at, value, n);
    return at + n;
}

void dhcp_write(enum dhcp_type type, uint32_t xid, const uint8_t mac[static 6], const struct dhcp_answer *offer,
                uint8_t out[static DHCP_REQUEST_BYTES])
{
    static const uint8_t parameters[] = {MASK, ROUTER, DNS, LEASE};
    uint8_t *at = out + AT_OPTIONS, kind = (uint8_t)type;

    memset(out, 0, DHCP_REQUEST_BYTES);
    out[0] = IS_REQUEST;
    out[1] = ETHERNET;
    out[2] = 6;
    memcpy(out + AT_XID, &xid, 4);
    out[AT_FLAGS] = 0x80; /* answer by broadcast */
    memcpy(out + AT_MAC, mac, 6);
    memcpy(out + AT_COOKIE, cookie, sizeof cookie);
    at = put(at, TYPE, &kind, 1);
    at = put(at, PARAMETERS, parameters, sizeof parameters);
    if (type == DHCP_REQUEST) {
        at = put(at, WANTED_ADDRESS, &offer->net.address.s_addr, 4);
        at = put(at, SERVER, &offer->server.s_addr, 4);
    }
    *at = END;
}

/* --- reading */

static unsigned prefix_of(uint32_t mask)
{
    unsigned n = 0;

    while (n < 32 && (mask >> (31 - n) & 1) != 0)
        n++;
    return n < 32 && mask << n != 0 ? 0 : n; /* ones behind a zero: no mask */
}

static void take_dns(struct view v, struct net_address *net)
{
    for (; v.len >= 4 && net->n_dns < HOST_DNS_MAX; v = view_of(v.ptr + 4, v.len - 4)) {
        struct in_addr a;

        memcpy(&a.s_addr, v.ptr, 4);
        if (net_is_host(a, true) && a.s_addr != net->address.s_addr)
            net->dns[net->n_dns++] = a;
    }
}

/* An option of ours that has a wrong length is a false message. */
static enum err take_option(enum option o, struct view v, struct dhcp_answer *out)
{
    uint32_t word;

    switch ((int)o) {
    case TYPE:
        if (v.len != 1)
            return ERR_FORMAT;
        out->type = (enum dhcp_type)v.ptr[0];
        return ERR_NONE;
    case DNS:
        if (v.len < 4 || v.len % 4 != 0)
            return ERR_FORMAT;
        out->net.n_dns = 0;
        take_dns(v, &out->net);
        return ERR_NONE;
    case ROUTER: /* the first of them */
        if (v.len < 4 || v.len % 4 != 0)
            return ERR_FORMAT;
        memcpy(&out->net.gateway.s_addr, v.ptr, 4);
        return ERR_NONE;
    case MASK:
    case LEASE:
    case SERVER:
        if (v.len != 4)
            return ERR_FORMAT;
        memcpy(&word, v.ptr, 4);
        if (o == MASK)
            out->net.prefix = prefix_of(ntohl(word));
        else if (o == LEASE)
            out->seconds = ntohl(word);
        else
            out->server.s_addr = word;
        return ERR_NONE;
    default:
        return ERR_NONE;
    }
}

static enum err take_options(struct view v, struct dhcp_answer *out)
{
    while (v.len != 0 && v.ptr[0] != END) {
        size_t n;
        enum err e;

        if (v.ptr[0] == PAD) {
            v = view_of(v.ptr + 1, v.len - 1);
            continue;
        }
        if (v.len < 2 || v.len - 2 < v.ptr[1])
            return ERR_FORMAT;
        n = v.ptr[1];
        e = take_option((enum option)v.ptr[0], view_of(v.ptr + 2, n), out);
        if (e != ERR_NONE)
            return e;
        v = view_of(v.ptr + 2 + n, v.len - 2 - n);
    }
    return ERR_NONE;
}

enum err dhcp_read(struct view m, uint32_t xid, const uint8_t mac[static 6], struct dhcp_answer *out)
{
    enum err e;

    memset(out, 0, sizeof *out);
    if (m.len < AT_OPTIONS || m.len > DHCP_ANSWER_MAX || m.ptr[0] != IS_REPLY || m.ptr[1] != ETHERNET || m.ptr[2] != 6 ||
        memcmp(m.ptr + AT_XID, &xid, 4) != 0 || memcmp(m.ptr + AT_MAC, mac, 6) != 0 ||
        memcmp(m.ptr + AT_COOKIE, cookie, sizeof cookie) != 0)
        return ERR_FORMAT;
    memcpy(&out->net.address.s_addr, m.ptr + AT_YOUR_ADDRESS, 4);
    e = take_options(view_of(m.ptr + AT_OPTIONS, m.len - AT_OPTIONS), out);
    if (e != ERR_NONE)
        return e;
    if (out->server.s_addr == 0 || (out->type != DHCP_OFFER && out->type != DHCP_ACK && out->type != DHCP_NAK))
        return ERR_FORMAT;
    if (out->type == DHCP_NAK)
        return ERR_NONE;
    if (out->seconds < DHCP_LEASE_MIN_S)
        return ERR_RANGE;
    return net_address_check(&out->net);
}
