/* host.conf, read with suspicion. */
#include "host_config.h"

#include "conf.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The fields as they stand there. */
struct host_text {
    char address[32], gateway[32], dns[64], place[65], control_host[1024];
    uint64_t mtu;
};
#define TEXT(field, needed)                                                                        \
    {                                                                                              \
        .name = #field, .type = CONF_TEXT, .offset = offsetof(struct host_text, field),            \
        .size = sizeof(((struct host_text *)0)->field), .required = (needed)                       \
    }
static const struct conf_field fields[] = {
    TEXT(address, true),
    TEXT(gateway, false),
    TEXT(dns, false),
    /* 1280: what every IPv6 link carries, and more than a TLS record's overhead; 9216: jumbo frames */
    {.name = "mtu", .type = CONF_U64, .offset = offsetof(struct host_text, mtu), .size = 8, .min = 1280, .max = 9216},
    TEXT(place, false),
    TEXT(control_host, true),
};

static struct conf_target host_section(void *cookie, struct view kind, struct view name)
{
    (void)name;
    if (kind.len != 0)
        return (struct conf_target){NULL, 0, NULL};
    return (struct conf_target){fields, sizeof fields / sizeof fields[0], cookie};
}

static enum err bad(struct buf *why, const char *sentence)
{
    buf_reset(why);
    if (buf_appendf(why, "host.conf: %s", sentence) != ERR_NONE)
        buf_reset(why);
    return ERR_CONFIG;
}

bool net_is_host(struct in_addr a, bool link_local)
{
    uint32_t v = ntohl(a.s_addr);

    if (v >> 24 == 0 || v >> 24 == 127 || v >> 28 >= 14)
        return false;
    return link_local || v >> 16 != 0xa9fe;
}

static bool in_network(const struct net_address *a, struct in_addr other)
{
    uint32_t mask = UINT32_MAX << (32 - a->prefix), v = ntohl(other.s_addr);

    return (v & mask) == (ntohl(a->address.s_addr) & mask) && (v & ~mask) != 0 && (v | mask) != UINT32_MAX;
}

enum err net_address_check(const struct net_address *a)
{
    if (a->prefix < 1 || a->prefix > 30 || !net_is_host(a->address, false) || !in_network(a, a->address))
        return ERR_RANGE;
    if (a->gateway.s_addr != 0 && (!net_is_host(a->gateway, false) || !in_network(a, a->gateway) ||
                                   a->gateway.s_addr == a->address.s_addr))
        return ERR_RANGE;
    for (size_t i = 0; i < a->n_dns; i++) {
        if (!net_is_host(a->dns[i], true) || a->dns[i].s_addr == a->address.s_addr)
            return ERR_RANGE;
    }
    return ERR_NONE;
}

/* "10.0.2.15/24" */
static bool parse_address(char *text, struct net_address *out)
{
    char *slash = strchr(text, '/'), *end;
    unsigned long prefix;

    if (slash == NULL || slash[1] < '0' || slash[1] > '9')
        return false;
    prefix = strtoul(slash + 1, &end, 10);
    if (*end != '\0' || prefix < 1 || prefix > 30)
        return false;
    *slash = '\0';
    out->prefix = (unsigned)prefix;
    return inet_pton(AF_INET, text, &out->address) == 1;
}

/* "10.0.2.3" or several with commas or blanks between them. */
static bool parse_dns(char *text, struct net_address *out)
{
    char *rest = text, *word;

    while ((word = strtok_r(rest, ", ", &rest)) != NULL) {
        if (out->n_dns == HOST_DNS_MAX || inet_pton(AF_INET, word, &out->dns[out->n_dns]) != 1 ||
            !net_is_host(out->dns[out->n_dns], true))
            return false;
        out->n_dns++;
    }
    return true;
}

static enum err fill(struct host_text *t, struct host_config *out, struct buf *why)
{
    out->dhcp = strcmp(t->address, "dhcp") == 0;
    out->mtu = t->mtu;
    memcpy(out->place, t->place, sizeof out->place);
    memcpy(out->control_host, t->control_host, sizeof out->control_host);
    if (!parse_dns(t->dns, &out->net))
        return bad(why, "dns takes up to 3 IPv4 addresses of name servers");
    if (out->dhcp)
        return t->gateway[0] == '\0' ? ERR_NONE : bad(why, "gateway goes with an address, not with dhcp");
    if (!parse_address(t->address, &out->net))
        return bad(why, "address must be dhcp or IPv4/PREFIX, for example 10.0.2.15/24");
    if (t->gateway[0] != '\0' &&
        (inet_pton(AF_INET, t->gateway, &out->net.gateway) != 1 || out->net.gateway.s_addr == 0))
        return bad(why, "gateway must be an IPv4 address");
    if (net_address_check(&out->net) != ERR_NONE)
        return bad(why, "address, gateway and dns must be of hosts, the gateway in the address's network");
    return ERR_NONE;
}

enum err host_config_parse(struct view text, struct host_config *out, struct buf *why)
{
    struct host_text t = {0};
    enum err e = ERR_NONE;

    memset(out, 0, sizeof *out);
    if (text.len > HOST_CONFIG_MAX)
        return bad(why, "it is larger than 16 KiB");
    if (text.len != 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return bad(why, "it has a NUL byte");
    e = conf_parse(text, "host.conf", host_section, &t, why);
    return e == ERR_NONE ? fill(&t, out, why) : e;
}

enum err host_config_for_dataplane(const struct host_config *c, struct buf *out)
{
    enum err e = buf_appendf(out, "control_host = %s\n", c->control_host);

    if (e == ERR_NONE && c->place[0] != '\0')
        e = buf_appendf(out, "place = %s\n", c->place);
    return e;
}
