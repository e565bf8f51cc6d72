/* nf_tables messages as bytes. */
#include "nft.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

/* --- bytes */

static void put(struct nft_batch *b, const void *bytes, size_t len)
{
    static const uint8_t zero[NLA_ALIGNTO];

    if (b->e == ERR_NONE)
        b->e = buf_append(&b->out, view_of(bytes, len));
    if (b->e == ERR_NONE)
        b->e = buf_append(&b->out, view_of(zero, NLA_ALIGN(len) - len));
}

static void message_begin(struct nft_batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
    struct nlmsghdr h = {
        .nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags), .nlmsg_seq = ++b->sequence};
    struct nfgenmsg g = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};

    b->message = b->out.len;
    put(b, &h, sizeof h);
    put(b, &g, sizeof g);
}

static void message_end(struct nft_batch *b)
{
    struct nlmsghdr h;

    if (b->e != ERR_NONE)
        return;
    memcpy(&h, b->out.ptr + b->message, sizeof h);
    h.nlmsg_len = (uint32_t)(b->out.len - b->message);
    memcpy(b->out.ptr + b->message, &h, sizeof h);
}

static void table_message(struct nft_batch *b, unsigned type, uint16_t flags)
{
    message_begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, NFPROTO_INET, 0);
}

static void attribute(struct nft_batch *b, unsigned type, const void *bytes, size_t len)
{
    struct nlattr a = {.nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = (uint16_t)type};

    put(b, &a, sizeof a);
    put(b, bytes, len);
}

static void attribute_text(struct nft_batch *b, unsigned type, const char *text)
{
    attribute(b, type, text, strlen(text) + 1);
}

static void attribute_u32(struct nft_batch *b, unsigned type, uint32_t value)
{
    uint32_t network = htonl(value);

    attribute(b, type, &network, sizeof network);
}

/* Attributes inside of one: open() says where it begins, close() writes how long it became. */
static size_t open_nest(struct nft_batch *b, unsigned type)
{
    size_t at = b->out.len;

    attribute(b, type | NLA_F_NESTED, NULL, 0);
    return at;
}

static void close_nest(struct nft_batch *b, size_t at)
{
    struct nlattr a;

    if (b->e != ERR_NONE)
        return;
    memcpy(&a, b->out.ptr + at, sizeof a);
    assert(b->out.len - at <= UINT16_MAX);
    a.nla_len = (uint16_t)(b->out.len - at);
    memcpy(b->out.ptr + at, &a, sizeof a);
}

/* --- batch */

void nft_begin(struct nft_batch *b, const char *table)
{
    *b = (struct nft_batch){.table = table};
    buf_init(&b->out, NFT_BATCH_MAX);
    message_begin(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    message_end(b);
}

enum err nft_end(struct nft_batch *b, uint32_t *ack)
{
    struct nlmsghdr h;

    if (b->e == ERR_NONE) { /* the last message asks for an answer, which comes when all were done */
        memcpy(&h, b->out.ptr + b->message, sizeof h);
        h.nlmsg_flags |= NLM_F_ACK;
        memcpy(b->out.ptr + b->message, &h, sizeof h);
        *ack = h.nlmsg_seq;
    }
    message_begin(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    message_end(b);
    return b->e;
}

void nft_free(struct nft_batch *b)
{
    buf_free(&b->out);
}

/* --- table and chains */

void nft_table_anew(struct nft_batch *b)
{
    static const struct {
        unsigned type;
        uint16_t flags;
    } steps[] = {{NFT_MSG_NEWTABLE, NLM_F_CREATE}, {NFT_MSG_DELTABLE, 0}, {NFT_MSG_NEWTABLE, NLM_F_CREATE}};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        table_message(b, steps[i].type, steps[i].flags);
        attribute_text(b, NFTA_TABLE_NAME, b->table);
        message_end(b);
    }
}

static void chain_begin(struct nft_batch *b, const char *chain)
{
    table_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    attribute_text(b, NFTA_CHAIN_TABLE, b->table);
    attribute_text(b, NFTA_CHAIN_NAME, chain);
}

void nft_chain_base(struct nft_batch *b, const char *chain, enum nf_inet_hooks hook)
{
    size_t nest;

    chain_begin(b, chain);
    nest = open_nest(b, NFTA_CHAIN_HOOK);
    attribute_u32(b, NFTA_HOOK_HOOKNUM, (uint32_t)hook);
    attribute_u32(b, NFTA_HOOK_PRIORITY, 0);
    close_nest(b, nest);
    attribute_u32(b, NFTA_CHAIN_POLICY, NF_DROP);
    attribute_text(b, NFTA_CHAIN_TYPE, "filter");
    message_end(b);
}

void nft_chain(struct nft_batch *b, const char *chain)
{
    chain_begin(b, chain);
    message_end(b);
}

/* --- rules */

void nft_rule_begin(struct nft_batch *b, const char *chain)
{
    table_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    attribute_text(b, NFTA_RULE_TABLE, b->table);
    attribute_text(b, NFTA_RULE_CHAIN, chain);
    b->rule = open_nest(b, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nft_batch *b)
{
    close_nest(b, b->rule);
    message_end(b);
}

static void expression_begin(struct nft_batch *b, const char *name)
{
    b->expression = open_nest(b, NFTA_LIST_ELEM);
    attribute_text(b, NFTA_EXPR_NAME, name);
    b->attributes = open_nest(b, NFTA_EXPR_DATA);
}

static void expression_end(struct nft_batch *b)
{
    close_nest(b, b->attributes);
    close_nest(b, b->expression);
}

static void data(struct nft_batch *b, unsigned type, const void *bytes, size_t len)
{
    size_t nest = open_nest(b, type);

    attribute(b, NFTA_DATA_VALUE, bytes, len);
    close_nest(b, nest);
}

void nft_compare(struct nft_batch *b, enum nft_cmp_ops op, const void *bytes, size_t len)
{
    assert(len != 0 && len <= NFT_COMPARE_MAX);
    expression_begin(b, "cmp");
    attribute_u32(b, NFTA_CMP_SREG, NFT_REG_1);
    attribute_u32(b, NFTA_CMP_OP, (uint32_t)op);
    data(b, NFTA_CMP_DATA, bytes, len);
    expression_end(b);
}

void nft_meta(struct nft_batch *b, enum nft_meta_keys key, enum nft_cmp_ops op, uint32_t value)
{
    bool byte = key == NFT_META_NFPROTO || key == NFT_META_L4PROTO;
    uint8_t one = (uint8_t)value;

    expression_begin(b, "meta");
    attribute_u32(b, NFTA_META_DREG, NFT_REG_1);
    attribute_u32(b, NFTA_META_KEY, (uint32_t)key);
    expression_end(b);
    if (byte) {
        nft_compare(b, op, &one, sizeof one);
    } else { /* in the kernel's own byte order */
        nft_compare(b, op, &value, sizeof value);
    }
}

static void load(struct nft_batch *b, enum nft_payload_bases base, unsigned offset, size_t len)
{
    expression_begin(b, "payload");
    attribute_u32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
    attribute_u32(b, NFTA_PAYLOAD_BASE, (uint32_t)base);
    attribute_u32(b, NFTA_PAYLOAD_OFFSET, offset);
    attribute_u32(b, NFTA_PAYLOAD_LEN, (uint32_t)len);
    expression_end(b);
}

void nft_payload(struct nft_batch *b, enum nft_payload_bases base, unsigned offset, enum nft_cmp_ops op,
                 const void *bytes, size_t len)
{
    load(b, base, offset, len);
    nft_compare(b, op, bytes, len);
}

void nft_masked(struct nft_batch *b, enum nft_payload_bases base, unsigned offset, const void *mask,
                enum nft_cmp_ops op, const void *bytes, size_t len)
{
    static const uint8_t zero[NFT_COMPARE_MAX];

    assert(len <= sizeof zero);
    load(b, base, offset, len);
    expression_begin(b, "bitwise"); /* (register & mask) ^ zero */
    attribute_u32(b, NFTA_BITWISE_SREG, NFT_REG_1);
    attribute_u32(b, NFTA_BITWISE_DREG, NFT_REG_1);
    attribute_u32(b, NFTA_BITWISE_LEN, (uint32_t)len);
    data(b, NFTA_BITWISE_MASK, mask, len);
    data(b, NFTA_BITWISE_XOR, zero, len);
    expression_end(b);
    nft_compare(b, op, bytes, len);
}

static void verdict(struct nft_batch *b, int code, const char *chain)
{
    size_t value, nest;

    expression_begin(b, "immediate");
    attribute_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    value = open_nest(b, NFTA_IMMEDIATE_DATA);
    nest = open_nest(b, NFTA_DATA_VERDICT);
    attribute_u32(b, NFTA_VERDICT_CODE, (uint32_t)code);
    if (chain != NULL)
        attribute_text(b, NFTA_VERDICT_CHAIN, chain);
    close_nest(b, nest);
    close_nest(b, value);
    expression_end(b);
}

void nft_verdict(struct nft_batch *b, int code)
{
    verdict(b, code, NULL);
}

void nft_goto(struct nft_batch *b, const char *chain)
{
    verdict(b, NFT_GOTO, chain);
}

void nft_reset(struct nft_batch *b)
{
    expression_begin(b, "reject");
    attribute_u32(b, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
    expression_end(b);
}
