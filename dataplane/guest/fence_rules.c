/* The rules of the fence, in the order in which a packet meets them. */
#include "fence_rules.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define OUTPUT "output"
#define INPUT "input"
#define FORWARD "forward"
#define REFUSE "refuse" /* of what a process of ours sends: it is told at once */

enum {
    LOOPBACK = 1, /* the kernel gives this number to "lo" in every network namespace */
    DNS_PORT = 53,
    DHCP_SERVER_PORT = 67,
    DHCP_CLIENT_PORT = 68,
    HOP_LIMIT_OF_LINK = 255, /* nothing that was forwarded has it (RFC 4861) */
    TCP_SYN = 0x02,
    TCP_ACK = 0x10,
};

/* Where things stand in the headers. */
enum { V4_FRAGMENT = 6, V4_SOURCE = 12, V4_TARGET = 16, V6_NEXT = 6, V6_HOPS = 7, V6_SOURCE = 8, V6_TARGET = 24 };
enum { PORT_SOURCE = 0, PORT_TARGET = 2, TCP_FLAGS = 13, ICMP_TYPE = 0 };

/* Destinations that no packet goes to on the network, whatever its port: no provider has such an address,
 * and what has one is the host's, the cloud's or the link's. */
static const struct refused {
    const char *prefix;
    unsigned len; /* bits */
} refused[] = {
    {"0.0.0.0", 8},
    {"127.0.0.0", 8},
    {"169.254.0.0", 16},        /* link-local; metadata on AWS, GCP and Azure */
    {"168.63.129.16", 32},      /* Azure's agent of the host */
    {"224.0.0.0", 3},           /* multicast, reserved, broadcast */
    {"::", 64},                 /* unspecified, loopback, IPv4 mapped */
    {"fe80::", 10},             /* link-local */
    {"ff00::", 8},              /* multicast */
    {"fd00:ec2::", 32},         /* metadata on AWS */
    {"fd20:ce::", 32},          /* metadata on GCP */
    {"64:ff9b::a9fe:0", 112},   /* 169.254.0.0/16 behind a translator (RFC 6052) */
};

/* --- parts of rules */

static void of_family(struct nft_batch *b, bool v6)
{
    nft_meta(b, NFT_META_NFPROTO, NFT_CMP_EQ, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
}

static void of_protocol(struct nft_batch *b, uint8_t protocol)
{
    nft_meta(b, NFT_META_L4PROTO, NFT_CMP_EQ, protocol);
}

static void of_port(struct nft_batch *b, unsigned which, uint16_t port)
{
    uint16_t network = htons(port);

    nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, which, NFT_CMP_EQ, &network, sizeof network);
}

/* TCP, but not what opens a connection: SYN without ACK. */
static void not_opening(struct nft_batch *b)
{
    static const uint8_t mask = TCP_SYN | TCP_ACK, syn = TCP_SYN;

    nft_masked(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, &mask, NFT_CMP_NEQ, &syn, 1);
}

static void of_icmp(struct nft_batch *b, uint8_t protocol, uint8_t type)
{
    of_family(b, protocol == IPPROTO_ICMPV6);
    of_protocol(b, protocol);
    nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP_TYPE, NFT_CMP_EQ, &type, 1);
}

static void verdict(struct nft_batch *b, int code)
{
    nft_verdict(b, code);
    nft_rule_end(b);
}

static void refuse(struct nft_batch *b)
{
    nft_goto(b, REFUSE);
    nft_rule_end(b);
}

/* --- rules of both directions */

/* Whole packets only, with headers without options and extensions. A routing header, which a process may ask for
 * without any privilege, has the packet's destination say the first hop: a resolver that passes it on. What is
 * behind the IP header of a later fragment is no port, and the kernel compares it all the same. The kernel makes
 * fragments of what we send behind these rules, and puts together what arrives for us (of IPv4) before them. */
static void plain_packets(struct nft_batch *b, const char *chain)
{
    static const uint8_t length = 0x0f, words = 5, fragment[2] = {0x3f, 0xff}, whole[2] = {0};
    static const uint8_t udp = IPPROTO_UDP, icmp = IPPROTO_ICMPV6, tcp = IPPROTO_TCP;

    nft_rule_begin(b, chain);
    of_family(b, false);
    nft_masked(b, NFT_PAYLOAD_NETWORK_HEADER, 0, &length, NFT_CMP_NEQ, &words, 1);
    verdict(b, NF_DROP);
    nft_rule_begin(b, chain);
    of_family(b, false);
    nft_masked(b, NFT_PAYLOAD_NETWORK_HEADER, V4_FRAGMENT, fragment, NFT_CMP_NEQ, whole, sizeof whole);
    verdict(b, NF_DROP);
    nft_rule_begin(b, chain);
    of_family(b, true);
    nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V6_NEXT, NFT_CMP_NEQ, &tcp, 1);
    nft_compare(b, NFT_CMP_NEQ, &udp, 1);
    nft_compare(b, NFT_CMP_NEQ, &icmp, 1);
    verdict(b, NF_DROP);
}

static void loopback(struct nft_batch *b, const char *chain, enum nft_meta_keys interface)
{
    nft_rule_begin(b, chain);
    nft_meta(b, interface, NFT_CMP_EQ, LOOPBACK);
    verdict(b, NF_ACCEPT);
}

static void neighbours(struct nft_batch *b, const char *chain, const uint8_t *types, size_t n)
{
    static const uint8_t hops = HOP_LIMIT_OF_LINK;

    for (size_t i = 0; i < n; i++) {
        nft_rule_begin(b, chain);
        of_icmp(b, IPPROTO_ICMPV6, types[i]);
        nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V6_HOPS, NFT_CMP_EQ, &hops, 1);
        verdict(b, NF_ACCEPT);
    }
}

static void resolver(struct nft_batch *b, const char *chain, const struct fence_address *a, bool out)
{
    static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
    unsigned at = out ? (a->v6 ? V6_TARGET : V4_TARGET) : (a->v6 ? V6_SOURCE : V4_SOURCE);

    for (size_t i = 0; i < sizeof protocols; i++) {
        nft_rule_begin(b, chain);
        of_family(b, a->v6);
        nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, at, NFT_CMP_EQ, a->b, a->v6 ? 16 : 4);
        of_protocol(b, protocols[i]);
        of_port(b, out ? PORT_TARGET : PORT_SOURCE, DNS_PORT);
        if (!out && protocols[i] == IPPROTO_TCP)
            not_opening(b);
        verdict(b, NF_ACCEPT);
    }
}

/* opening: connections may begin with these packets. */
static void tcp_ports(struct nft_batch *b, const char *chain, unsigned which, const uint16_t *ports, size_t n,
                      bool opening)
{
    for (size_t i = 0; i < n; i++) {
        nft_rule_begin(b, chain);
        of_protocol(b, IPPROTO_TCP);
        of_port(b, which, ports[i]);
        if (!opening)
            not_opening(b);
        verdict(b, NF_ACCEPT);
    }
}

static void dhcp(struct nft_batch *b, const char *chain, bool out)
{
    static const uint8_t everybody[4] = {255, 255, 255, 255};

    nft_rule_begin(b, chain);
    of_family(b, false);
    of_protocol(b, IPPROTO_UDP);
    of_port(b, PORT_SOURCE, out ? DHCP_CLIENT_PORT : DHCP_SERVER_PORT);
    of_port(b, PORT_TARGET, out ? DHCP_SERVER_PORT : DHCP_CLIENT_PORT);
    if (out) { /* only tr-init's, who is the only process of user 0 */
        nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, V4_TARGET, NFT_CMP_EQ, everybody, sizeof everybody);
        nft_meta(b, NFT_META_SKUID, NFT_CMP_EQ, 0);
    }
    verdict(b, NF_ACCEPT);
}

/* --- chains */

static void destinations(struct nft_batch *b)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        bool v6 = strchr(refused[i].prefix, ':') != NULL;
        uint8_t address[16], mask[16] = {0};

        if (inet_pton(v6 ? AF_INET6 : AF_INET, refused[i].prefix, address) != 1)
            assert(!"the table has an address that is none");
        for (unsigned bit = 0; bit < refused[i].len; bit++)
            mask[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        nft_rule_begin(b, OUTPUT);
        of_family(b, v6);
        nft_masked(b, NFT_PAYLOAD_NETWORK_HEADER, v6 ? V6_TARGET : V4_TARGET, mask, NFT_CMP_EQ, address, v6 ? 16 : 4);
        refuse(b);
    }
}

static void output(struct nft_batch *b, const struct fence_plan *plan)
{
    static const uint8_t neighbour[] = {133, 135, 136}; /* router solicitation, neighbour solicitation, advertisement */

    nft_chain_base(b, OUTPUT, NF_INET_LOCAL_OUT);
    loopback(b, OUTPUT, NFT_META_OIF);
    plain_packets(b, OUTPUT);
    for (size_t i = 0; i < plan->n_resolvers; i++)
        resolver(b, OUTPUT, &plan->resolvers[i], true);
    if (plan->dhcp)
        dhcp(b, OUTPUT, true);
    neighbours(b, OUTPUT, neighbour, sizeof neighbour);
    destinations(b);
    tcp_ports(b, OUTPUT, PORT_TARGET, plan->egress, plan->n_egress, true);
    tcp_ports(b, OUTPUT, PORT_SOURCE, plan->listen, plan->n_listen, false);
    nft_rule_begin(b, OUTPUT);
    refuse(b);
}

static void input(struct nft_batch *b, const struct fence_plan *plan)
{
    static const uint8_t neighbour[] = {134, 135, 136}; /* router advertisement, and as above */
    static const uint8_t unreachable[][2] = {
        {IPPROTO_ICMP, 3}, {IPPROTO_ICMPV6, 1}, {IPPROTO_ICMPV6, 2}}; /* 3: also "fragmentation needed"; 2: too big */

    nft_chain_base(b, INPUT, NF_INET_LOCAL_IN);
    loopback(b, INPUT, NFT_META_IIF);
    plain_packets(b, INPUT);
    for (size_t i = 0; i < plan->n_resolvers; i++)
        resolver(b, INPUT, &plan->resolvers[i], false);
    if (plan->dhcp)
        dhcp(b, INPUT, false);
    neighbours(b, INPUT, neighbour, sizeof neighbour);
    for (size_t i = 0; i < sizeof unreachable / sizeof unreachable[0]; i++) {
        nft_rule_begin(b, INPUT);
        of_icmp(b, unreachable[i][0], unreachable[i][1]);
        verdict(b, NF_ACCEPT);
    }
    tcp_ports(b, INPUT, PORT_SOURCE, plan->egress, plan->n_egress, false);
    tcp_ports(b, INPUT, PORT_TARGET, plan->listen, plan->n_listen, true);
}

/* connect() to what is refused fails at once, with ECONNREFUSED; without this it would wait for its timeout. */
static void refusal(struct nft_batch *b)
{
    nft_chain(b, REFUSE);
    nft_rule_begin(b, REFUSE);
    of_protocol(b, IPPROTO_TCP);
    nft_reset(b);
    nft_rule_end(b);
    nft_rule_begin(b, REFUSE);
    verdict(b, NF_DROP);
}

void fence_rules(struct nft_batch *b, const struct fence_plan *plan)
{
    assert(plan->n_egress <= FENCE_EGRESS_MAX && plan->n_listen <= FENCE_LISTEN_MAX &&
           plan->n_resolvers <= FENCE_RESOLVERS_MAX);
    nft_begin(b, FENCE_TABLE);
    nft_table_anew(b);
    refusal(b);
    output(b, plan);
    input(b, plan);
    nft_chain_base(b, FORWARD, NF_INET_FORWARD);
}
