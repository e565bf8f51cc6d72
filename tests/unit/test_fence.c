/* The fence is bytes for the kernel: a rule that says less than it means lets prompts out. Here the bytes are
 * read back by a small nf_tables of our own, and packets are put to it: what passes is what the plan says,
 * port by port. tests/egress/run does it with a kernel. */
#include "fence.c"

#include "check.h"

#include <assert.h>
#include <linux/netfilter/nfnetlink.h>

/* --- a packet */

struct packet {
    bool v6;
    uint32_t interface, uid;
    uint8_t protocol;
    uint8_t network[40], transport[20];
    size_t transport_len;
};

static struct packet packet(const char *to, uint8_t protocol, uint16_t source, uint16_t target, uint8_t tcp_flags)
{
    struct packet p = {.interface = 2, .uid = 1000, .protocol = protocol, .transport_len = 20};
    uint16_t ports[2] = {htons(source), htons(target)};

    p.v6 = strchr(to, ':') != NULL;
    CHECK_INT(inet_pton(p.v6 ? AF_INET6 : AF_INET, to, p.network + (p.v6 ? 24 : 16)), 1);
    p.network[0] = p.v6 ? 0x60 : 0x45;
    p.network[p.v6 ? 6 : 9] = protocol;
    memcpy(p.transport, ports, 4);
    p.transport[13] = tcp_flags;
    return p;
}

/* The same for a packet that comes in. */
static struct packet arriving(const char *from, uint8_t protocol, uint16_t source, uint16_t target, uint8_t tcp_flags)
{
    struct packet p = packet(from, protocol, source, target, tcp_flags);

    if (p.v6)
        memcpy(p.network + 8, p.network + 24, 16);
    else
        memcpy(p.network + 12, p.network + 16, 4);
    return p;
}

/* --- attributes */

struct attributes {
    struct view of[16];
};

static struct attributes attributes(struct view v)
{
    struct attributes out = {0};

    while (v.len != 0) {
        struct nlattr a;
        struct view got;

        assert(v.len >= sizeof a);
        memcpy(&a, v.ptr, sizeof a);
        assert(a.nla_len >= sizeof a && a.nla_len <= v.len && (a.nla_type & NLA_TYPE_MASK) < 16);
        out.of[a.nla_type & NLA_TYPE_MASK] = view_of(v.ptr + sizeof a, a.nla_len - sizeof a);
        if (!view_take(&v, NLA_ALIGN(a.nla_len), &got)) /* whole, with its padding */
            assert(!"an attribute is cut off");
    }
    return out;
}

static uint32_t u32(struct view v)
{
    uint32_t n;

    assert(v.len == 4);
    memcpy(&n, v.ptr, 4);
    return ntohl(n);
}

static bool is(struct view v, const char *text)
{
    return v.len == strlen(text) + 1 && memcmp(v.ptr, text, v.len) == 0;
}

/* --- the machine: verdicts are the kernel's; CONTINUE: the next rule */

enum { CONTINUE = -100, RESET = -101 };

struct machine {
    uint8_t reg[16];
    const struct packet *p;
    struct view batch;
};

static int chain_run(struct machine *m, const char *chain);

static bool load_payload(struct machine *m, const struct attributes *a)
{
    size_t offset = u32(a->of[NFTA_PAYLOAD_OFFSET]), len = u32(a->of[NFTA_PAYLOAD_LEN]);
    bool network = u32(a->of[NFTA_PAYLOAD_BASE]) == NFT_PAYLOAD_NETWORK_HEADER;
    const uint8_t *from = network ? m->p->network : m->p->transport;
    size_t there = network ? (m->p->v6 ? 40 : 20) : m->p->transport_len;

    assert(len <= sizeof m->reg);
    if (offset + len > there)
        return false;
    memset(m->reg, 0, sizeof m->reg);
    memcpy(m->reg, from + offset, len);
    return true;
}

static void load_meta(struct machine *m, const struct attributes *a)
{
    uint32_t key = u32(a->of[NFTA_META_KEY]), value;

    memset(m->reg, 0, sizeof m->reg);
    if (key == NFT_META_NFPROTO)
        m->reg[0] = m->p->v6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
    else if (key == NFT_META_L4PROTO)
        m->reg[0] = m->p->protocol;
    else {
        assert(key == NFT_META_OIF || key == NFT_META_IIF || key == NFT_META_SKUID);
        value = key == NFT_META_SKUID ? m->p->uid : m->p->interface;
        memcpy(m->reg, &value, 4);
    }
}

static void bitwise(struct machine *m, const struct attributes *a)
{
    struct view mask = attributes(a->of[NFTA_BITWISE_MASK]).of[NFTA_DATA_VALUE];

    assert(mask.len == u32(a->of[NFTA_BITWISE_LEN]) && mask.len <= sizeof m->reg);
    for (size_t i = 0; i < mask.len; i++)
        m->reg[i] &= mask.ptr[i];
}

static bool compare(const struct machine *m, const struct attributes *a)
{
    struct view with = attributes(a->of[NFTA_CMP_DATA]).of[NFTA_DATA_VALUE];
    bool same;

    assert(with.len != 0 && with.len <= sizeof m->reg);
    same = memcmp(m->reg, with.ptr, with.len) == 0;
    return same == (u32(a->of[NFTA_CMP_OP]) == NFT_CMP_EQ);
}

static int decide(struct machine *m, const struct attributes *a)
{
    struct attributes v = attributes(attributes(a->of[NFTA_IMMEDIATE_DATA]).of[NFTA_DATA_VERDICT]);
    int code = (int)u32(v.of[NFTA_VERDICT_CODE]);

    if (code != NFT_GOTO)
        return code;
    assert(v.of[NFTA_VERDICT_CHAIN].len != 0);
    return chain_run(m, (const char *)v.of[NFTA_VERDICT_CHAIN].ptr);
}

static int rule_run(struct machine *m, struct view expressions)
{
    while (expressions.len != 0) {
        struct nlattr head;
        struct view one;
        struct attributes e, a;

        memcpy(&head, expressions.ptr, sizeof head);
        if (!view_take(&expressions, NLA_ALIGN(head.nla_len), &one))
            assert(!"an expression is cut off");
        e = attributes(view_from(one, sizeof head));
        a = attributes(e.of[NFTA_EXPR_DATA]);
        if (is(e.of[NFTA_EXPR_NAME], "payload")) {
            if (!load_payload(m, &a))
                return CONTINUE;
        } else if (is(e.of[NFTA_EXPR_NAME], "meta"))
            load_meta(m, &a);
        else if (is(e.of[NFTA_EXPR_NAME], "bitwise"))
            bitwise(m, &a);
        else if (is(e.of[NFTA_EXPR_NAME], "cmp")) {
            if (!compare(m, &a))
                return CONTINUE;
        } else if (is(e.of[NFTA_EXPR_NAME], "reject"))
            return RESET;
        else {
            assert(is(e.of[NFTA_EXPR_NAME], "immediate"));
            return decide(m, &a);
        }
    }
    return CONTINUE;
}

/* The next message of the batch; its attributes are what follows both headers. */
static bool message(struct view *batch, struct nlmsghdr *h, struct attributes *a)
{
    struct view one;

    if (batch->len == 0)
        return false;
    assert(batch->len >= NLMSG_HDRLEN + sizeof(struct nfgenmsg));
    memcpy(h, batch->ptr, sizeof *h);
    assert(h->nlmsg_len % NLMSG_ALIGNTO == 0);
    if (!view_take(batch, h->nlmsg_len, &one))
        assert(!"a message is cut off");
    *a = attributes(view_from(one, NLMSG_HDRLEN + sizeof(struct nfgenmsg)));
    return true;
}

static int chain_run(struct machine *m, const char *chain)
{
    struct view batch = m->batch;
    struct attributes a;
    struct nlmsghdr h;
    int v = CONTINUE;

    while (v == CONTINUE && message(&batch, &h, &a)) {
        if (h.nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE) && is(a.of[NFTA_RULE_CHAIN], chain))
            v = rule_run(m, a.of[NFTA_RULE_EXPRESSIONS]);
    }
    return v == CONTINUE ? NF_DROP : v; /* the policy; batch_frame checks that it is this one */
}

/* --- the plan under test */

static struct nft_batch batch_of(const struct fence_plan *plan)
{
    struct nft_batch b;
    uint32_t ack;

    fence_rules(&b, plan);
    CHECK_INT(nft_end(&b, &ack), ERR_NONE);
    return b;
}

static int put_to(const struct nft_batch *b, const char *chain, struct packet p)
{
    struct machine m = {.p = &p, .batch = buf_view(&b->out)};

    return chain_run(&m, chain);
}

static struct fence_plan usual(void)
{
    struct fence_plan plan = {.dhcp = true};

    CHECK_INT(fence_add_egress(&plan, 443), ERR_NONE);
    CHECK_INT(fence_add_egress(&plan, 7443), ERR_NONE);
    CHECK_INT(fence_add_listen(&plan, 8443), ERR_NONE);
    CHECK_INT(fence_add_resolver(&plan, "10.0.0.2"), ERR_NONE);
    CHECK_INT(fence_add_resolver(&plan, "169.254.169.254"), ERR_NONE);
    CHECK_INT(fence_add_resolver(&plan, "2001:db8::53"), ERR_NONE);
    return plan;
}

enum { TCP = IPPROTO_TCP, UDP = IPPROTO_UDP, SYN = 0x02, SYNACK = 0x12, ACKED = 0x10, RST = 0x04, ECN = 0xc2 };

/* Every port, both families, TCP and UDP. */
static void exactly_the_plan(void)
{
    static const char *const to[] = {"192.0.2.1", "2001:db8::1"};
    struct fence_plan plan = usual();
    struct nft_batch b = batch_of(&plan);
    unsigned tcp = 0, udp = 0, in = 0;

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned port = 0; port <= UINT16_MAX; port += port < 1100 || port > 7400 ? 1 : 97) {
            if (port > 8500 && port < 65000)
                continue; /* as the others; the program would take long under ASan */
            tcp += put_to(&b, "output", packet(to[i], TCP, 40000, (uint16_t)port, SYN)) == NF_ACCEPT;
            udp += put_to(&b, "output", packet(to[i], UDP, 40000, (uint16_t)port, 0)) == NF_ACCEPT;
            in += put_to(&b, "input", arriving(to[i], TCP, 40000, (uint16_t)port, SYN)) == NF_ACCEPT;
            in += put_to(&b, "input", arriving(to[i], UDP, 40000, (uint16_t)port, 0)) == NF_ACCEPT;
        }
    }
    CHECK_INT(tcp, 2 * 2); /* 443 and 7443 */
    CHECK_INT(udp, 0);
    CHECK_INT(in, 2); /* 8443 */
    nft_free(&b);
}

struct passing {
    const char *chain, *peer;
    uint8_t protocol;
    uint16_t source, target;
    uint8_t flags;
    int verdict;
};

static void packets(void)
{
    static const struct passing cases[] = {
        {"output", "192.0.2.1", TCP, 40000, 443, SYN, NF_ACCEPT},
        {"output", "192.0.2.1", TCP, 40000, 443, ACKED, NF_ACCEPT},
        {"output", "192.0.2.1", TCP, 40000, 80, SYN, RESET},
        {"output", "192.0.2.1", TCP, 40000, 53, SYN, RESET},
        {"output", "192.0.2.1", UDP, 40000, 443, 0, NF_DROP},
        {"output", "192.0.2.1", 132, 40000, 443, 0, NF_DROP}, /* SCTP */
        {"output", "192.0.2.1", 136, 40000, 443, 0, NF_DROP}, /* UDP-Lite */
        {"output", "192.0.2.1", IPPROTO_ICMP, 0x0800, 0, 0, NF_DROP},
        /* what answers an accepted connection, and what would open one from its port */
        {"output", "192.0.2.1", TCP, 8443, 40000, SYNACK, NF_ACCEPT},
        {"output", "192.0.2.1", TCP, 8443, 40000, ACKED, NF_ACCEPT},
        {"output", "192.0.2.1", TCP, 8443, 40000, RST, NF_ACCEPT},
        {"output", "192.0.2.1", TCP, 8443, 40000, SYN, RESET},
        {"output", "192.0.2.1", TCP, 8443, 40000, ECN, RESET},
        {"output", "192.0.2.1", TCP, 8444, 40000, ACKED, RESET},
        /* name servers */
        {"output", "10.0.0.2", UDP, 40000, 53, 0, NF_ACCEPT},
        {"output", "10.0.0.2", TCP, 40000, 53, SYN, NF_ACCEPT},
        {"output", "10.0.0.2", UDP, 40000, 54, 0, NF_DROP},
        {"output", "10.0.0.3", UDP, 40000, 53, 0, NF_DROP},
        {"output", "2001:db8::53", UDP, 40000, 53, 0, NF_ACCEPT},
        {"output", "2001:db8::54", UDP, 40000, 53, 0, NF_DROP},
        {"output", "169.254.169.254", UDP, 40000, 53, 0, NF_ACCEPT},
        {"output", "169.254.169.254", TCP, 40000, 80, SYN, RESET},
        {"output", "169.254.169.254", TCP, 40000, 443, SYN, RESET},
        {"output", "169.254.169.253", UDP, 40000, 53, 0, NF_DROP},
        /* destinations that are refused with an allowed port, and their neighbours */
        {"output", "169.254.0.1", TCP, 40000, 443, SYN, RESET},
        {"output", "169.253.0.1", TCP, 40000, 443, SYN, NF_ACCEPT},
        {"output", "0.0.0.0", TCP, 40000, 443, SYN, RESET},
        {"output", "127.0.0.1", TCP, 40000, 443, SYN, RESET},
        {"output", "126.0.0.1", TCP, 40000, 443, SYN, NF_ACCEPT},
        {"output", "168.63.129.16", TCP, 40000, 443, SYN, RESET},
        {"output", "168.63.129.17", TCP, 40000, 443, SYN, NF_ACCEPT},
        {"output", "223.255.255.255", TCP, 40000, 443, SYN, NF_ACCEPT},
        {"output", "224.0.0.1", TCP, 40000, 443, SYN, RESET},
        {"output", "255.255.255.255", TCP, 40000, 443, SYN, RESET},
        {"output", "fe80::1", TCP, 40000, 443, SYN, RESET},
        {"output", "febf::1", TCP, 40000, 443, SYN, RESET},
        {"output", "fec0::1", TCP, 40000, 443, SYN, NF_ACCEPT},
        {"output", "ff02::1", TCP, 40000, 443, SYN, RESET},
        {"output", "::1", TCP, 40000, 443, SYN, RESET},
        {"output", "::ffff:169.254.169.254", TCP, 40000, 443, SYN, RESET},
        {"output", "fd00:ec2::254", TCP, 40000, 443, SYN, RESET},
        {"output", "fd20:ce::254", TCP, 40000, 443, SYN, RESET},
        {"output", "fd00:ec3::254", TCP, 40000, 443, SYN, NF_ACCEPT},
        {"output", "64:ff9b::169.254.169.254", TCP, 40000, 443, SYN, RESET},
        {"output", "64:ff9b::8.8.8.8", TCP, 40000, 443, SYN, NF_ACCEPT},
        /* what comes in */
        {"input", "192.0.2.1", TCP, 443, 40000, SYNACK, NF_ACCEPT},
        {"input", "192.0.2.1", TCP, 443, 40000, SYN, NF_DROP},
        {"input", "192.0.2.1", TCP, 80, 40000, SYNACK, NF_DROP},
        {"input", "192.0.2.1", TCP, 40000, 8443, SYN, NF_ACCEPT},
        {"input", "192.0.2.1", TCP, 40000, 443, SYN, NF_DROP},
        {"input", "10.0.0.2", UDP, 53, 40000, 0, NF_ACCEPT},
        {"input", "10.0.0.3", UDP, 53, 40000, 0, NF_DROP},
        {"input", "10.0.0.2", TCP, 53, 40000, SYNACK, NF_ACCEPT},
        {"input", "10.0.0.2", TCP, 53, 40000, SYN, NF_DROP},
        {"input", "192.0.2.1", IPPROTO_ICMP, 0x0304, 0, 0, NF_ACCEPT}, /* fragmentation needed */
        {"input", "192.0.2.1", IPPROTO_ICMP, 0x0800, 0, 0, NF_DROP},   /* echo */
        {"input", "192.0.2.1", IPPROTO_ICMP, 0x0500, 0, 0, NF_DROP},   /* redirect */
        {"input", "2001:db8::1", IPPROTO_ICMPV6, 0x0200, 0, 0, NF_ACCEPT}, /* packet too big */
        {"input", "2001:db8::1", IPPROTO_ICMPV6, 0x8000, 0, 0, NF_DROP},   /* echo */
        {"input", "192.0.2.1", IPPROTO_ICMPV6, 0x0200, 0, 0, NF_DROP},
        {"input", "192.0.2.1", UDP, 67, 68, 0, NF_ACCEPT},
        {"input", "192.0.2.1", UDP, 68, 67, 0, NF_DROP},
    };
    struct fence_plan plan = usual();
    struct nft_batch b = batch_of(&plan);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct passing *c = &cases[i];
        struct packet p = (*c->chain == 'o' ? packet : arriving)(c->peer, c->protocol, c->source, c->target, c->flags);
        int v = put_to(&b, c->chain, p);

        if (v != c->verdict)
            printf("# case %zu: %s %s protocol %u, %u to %u, flags %02x\n", i, c->chain, c->peer, c->protocol,
                   c->source, c->target, c->flags);
        CHECK_INT(v, c->verdict);
    }
    nft_free(&b);
}

/* What is in a packet beside address and port. */
static void odd_packets(void)
{
    struct fence_plan plan = usual();
    struct nft_batch b = batch_of(&plan);
    struct packet p = packet("10.0.0.2", UDP, 40000, 53, 0);

    p.network[0] = 0x48; /* a source route */
    CHECK_INT(put_to(&b, "output", p), NF_DROP);
    p = packet("2001:db8::53", UDP, 40000, 53, 0);
    p.network[6] = 43; /* a routing header before UDP */
    CHECK_INT(put_to(&b, "output", p), NF_DROP);
    CHECK_INT(put_to(&b, "input", p), NF_DROP);
    p = packet("192.0.2.1", TCP, 40000, 443, SYN);
    p.network[7] = 1; /* a later fragment, with the bytes of an allowed port */
    CHECK_INT(put_to(&b, "output", p), NF_DROP);
    p.network[7] = 0;
    p.network[6] = 0x20; /* a first one */
    CHECK_INT(put_to(&b, "output", p), NF_DROP);
    p.network[6] = 0x40; /* whole, and to stay so */
    CHECK_INT(put_to(&b, "output", p), NF_ACCEPT);
    p = packet("192.0.2.1", TCP, 8443, 40000, SYN);
    p.transport_len = 8; /* ports without flags */
    CHECK(put_to(&b, "output", p) != NF_ACCEPT);
    p = packet("192.0.2.1", TCP, 40000, 80, SYN);
    p.interface = 1 /* lo */;
    CHECK_INT(put_to(&b, "output", p), NF_ACCEPT);
    CHECK_INT(put_to(&b, "input", p), NF_ACCEPT);
    p = packet("255.255.255.255", UDP, 68, 67, 0);
    CHECK_INT(put_to(&b, "output", p), NF_DROP);
    p.uid = 0; /* DHCP by tr-init */
    CHECK_INT(put_to(&b, "output", p), NF_ACCEPT);
    p = packet("192.0.2.1", UDP, 68, 67, 0);
    p.uid = 0;
    CHECK_INT(put_to(&b, "output", p), NF_DROP);
    p = packet("ff02::1", IPPROTO_ICMPV6, 0x8700, 0, 0);
    p.network[7] = 255; /* neighbour solicitation */
    CHECK_INT(put_to(&b, "output", p), NF_ACCEPT);
    p.network[7] = 64;
    CHECK_INT(put_to(&b, "output", p), NF_DROP);
    nft_free(&b);
}

static void empty_plan(void)
{
    struct fence_plan plan = {0};
    struct nft_batch b = batch_of(&plan);

    for (unsigned port = 0; port < 9000; port++) {
        CHECK(put_to(&b, "output", packet("192.0.2.1", TCP, 40000, (uint16_t)port, SYN)) != NF_ACCEPT);
        CHECK(put_to(&b, "input", arriving("192.0.2.1", TCP, 40000, (uint16_t)port, SYN)) != NF_ACCEPT);
    }
    CHECK(put_to(&b, "output", packet("10.0.0.2", UDP, 40000, 53, 0)) != NF_ACCEPT);
    CHECK(put_to(&b, "input", arriving("192.0.2.1", UDP, 67, 68, 0)) != NF_ACCEPT);
    nft_free(&b);
}

/* The frame of the batch: one transaction that begins with nothing of an earlier one. */
static void batch_frame(void)
{
    static const uint16_t begins[] = {NFNL_MSG_BATCH_BEGIN, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE,
                                      NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE,
                                      NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE};
    static const uint32_t hooks[] = {NF_INET_LOCAL_OUT, NF_INET_LOCAL_IN, NF_INET_FORWARD};
    struct fence_plan plan = usual();
    struct nft_batch b = batch_of(&plan);
    struct view v = buf_view(&b.out);
    struct attributes a;
    struct nlmsghdr h = {0};
    unsigned n = 0, n_hooks = 0, acks = 0;

    while (message(&v, &h, &a)) {
        if (n < 4)
            CHECK_INT(h.nlmsg_type, begins[n]);
        CHECK_INT(h.nlmsg_seq, ++n);
        acks += (h.nlmsg_flags & NLM_F_ACK) != 0;
        CHECK_INT((h.nlmsg_flags & NLM_F_ACK) != 0, v.len == NLMSG_HDRLEN + sizeof(struct nfgenmsg));
        if (h.nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) && a.of[NFTA_CHAIN_HOOK].len != 0) {
            CHECK_INT(u32(attributes(a.of[NFTA_CHAIN_HOOK]).of[NFTA_HOOK_HOOKNUM]), hooks[n_hooks++]);
            CHECK_INT(u32(a.of[NFTA_CHAIN_POLICY]), NF_DROP);
        }
    }
    CHECK_INT(h.nlmsg_type, NFNL_MSG_BATCH_END);
    CHECK_INT(acks, 1);
    CHECK_INT(n_hooks, 3);
    nft_free(&b);
}

static void plan_limits(void)
{
    static const char *const impossible[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
                                             "::ffff:10.0.0.1", "fe80::1", "ff02::1"};
    static const char *const no_address[] = {"", "10.0.0", "10.0.0.1 ", "localhost", "fe80::1%eth0", "10.0.0.1:53"};
    struct fence_plan plan = {0}, before;
    struct nft_batch b;
    uint32_t ack;

    CHECK_INT(fence_add_egress(&plan, 0), ERR_RANGE);
    CHECK_INT(fence_add_egress(&plan, 53), ERR_RANGE);
    CHECK_INT(fence_add_listen(&plan, 0), ERR_RANGE);
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++)
        CHECK_INT(fence_add_resolver(&plan, impossible[i]), ERR_RANGE);
    for (size_t i = 0; i < sizeof no_address / sizeof no_address[0]; i++)
        CHECK_INT(fence_add_resolver(&plan, no_address[i]), ERR_FORMAT);
    for (unsigned i = 0; i < FENCE_EGRESS_MAX; i++) {
        CHECK_INT(fence_add_egress(&plan, (uint16_t)(50000 + i)), ERR_NONE);
        CHECK_INT(fence_add_egress(&plan, 50000), ERR_NONE); /* there already */
    }
    for (unsigned i = 0; i < FENCE_LISTEN_MAX; i++)
        CHECK_INT(fence_add_listen(&plan, (uint16_t)(60000 + i)), ERR_NONE);
    for (unsigned i = 0; i < FENCE_RESOLVERS_MAX; i++) {
        char text[] = "2001:db8::1";

        text[10] = (char)('1' + i);
        CHECK_INT(fence_add_resolver(&plan, text), ERR_NONE);
        CHECK_INT(fence_add_resolver(&plan, text), ERR_NONE);
    }
    before = plan;
    CHECK_INT(fence_add_egress(&plan, 1), ERR_LIMIT);
    CHECK_INT(fence_add_listen(&plan, 1), ERR_LIMIT);
    CHECK_INT(fence_add_resolver(&plan, "10.0.0.1"), ERR_LIMIT);
    CHECK(memcmp(&before, &plan, sizeof plan) == 0);
    plan.dhcp = true; /* the fullest plan fits */
    fence_rules(&b, &plan);
    CHECK_INT(nft_end(&b, &ack), ERR_NONE);
    printf("# the fullest plan: %zu bytes in %u messages\n", b.out.len, b.sequence);
    nft_free(&b);
}

/* A plan that no fence_add_*() made is refused before a byte is sent. */
static void impossible_plans(void)
{
    struct fence_plan p = {.n_egress = FENCE_EGRESS_MAX + 1};

    CHECK_INT(fence_load(&p), ERR_RANGE);
    p = (struct fence_plan){.egress = {53}, .n_egress = 1};
    CHECK_INT(fence_load(&p), ERR_RANGE);
    p = (struct fence_plan){.listen = {0}, .n_listen = 1};
    CHECK_INT(fence_load(&p), ERR_RANGE);
    p = (struct fence_plan){.resolvers = {{false, {127, 0, 0, 1}}}, .n_resolvers = 1};
    CHECK_INT(fence_load(&p), ERR_RANGE);
}

/* --- what the kernel says */

static enum err answered(int error, uint32_t sequence, uint32_t len, bool *done)
{
    struct {
        struct nlmsghdr h;
        struct nlmsgerr r;
    } m = {.h = {.nlmsg_len = len, .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = sequence}, .r = {.error = error}};

    *done = false;
    return answer_read((const uint8_t *)&m, sizeof m, 7, done);
}

static void answers(void)
{
    const uint32_t whole = NLMSG_LENGTH(sizeof(struct nlmsgerr));
    bool done;

    CHECK_INT(answered(0, 7, whole, &done), ERR_NONE);
    CHECK(done);
    CHECK_INT(answered(0, 6, whole, &done), ERR_NONE); /* of another message */
    CHECK(!done);
    CHECK_INT(answered(-EPERM, 1, whole, &done), ERR_FORBIDDEN);
    CHECK_INT(answered(-ENOENT, 7, whole, &done), ERR_UNSUPPORTED);
    CHECK_INT(answered(-ENOMEM, 7, whole, &done), ERR_MEMORY);
    CHECK_INT(answered(-EINVAL, 7, whole, &done), ERR_IO);
    CHECK_INT(answered(0, 7, whole - 1, &done), ERR_IO);
    CHECK_INT(answered(0, 7, whole + 1, &done), ERR_IO);
    CHECK(!done);
}

static const struct check_case cases[] = {
    {"fence_exactly_the_plan", exactly_the_plan},
    {"fence_packets", packets},
    {"fence_odd_packets", odd_packets},
    {"fence_empty_plan", empty_plan},
    {"fence_batch_frame", batch_frame},
    {"fence_plan_limits", plan_limits},
    {"fence_impossible_plans", impossible_plans},
    {"fence_answers", answers},
};
CHECK_MAIN(cases)
