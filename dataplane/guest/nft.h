/* Writes one batch of nf_tables netlink messages: tables, chains, and rules made of expressions. Bytes only;
 * who sends them is the caller. Layout: include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h; nft(8)
 * is not needed. */
#ifndef TR_DATAPLANE_GUEST_NFT_H
#define TR_DATAPLANE_GUEST_NFT_H

#include "buf.h"

#include <netinet/in.h> /* before the kernel's headers, which then leave out what it defines */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

enum {
    NFT_BATCH_MAX = 128 << 10, /* bytes; the kernel takes a batch in one datagram, of 208 KiB at most */
    NFT_COMPARE_MAX = 16,      /* bytes that one expression loads: an IPv6 address */
};

/* Appends stop at the first error, which nft_end() reports. */
struct nft_batch {
    struct buf out;
    enum err e;
    const char *table; /* borrowed; the table of every message */
    uint32_t sequence; /* of the last message; each message has its own, the first is 1 */
    size_t message, attributes, expression, rule; /* where what is open begins */
};

/* Begin a batch for one table of family inet. */
void nft_begin(struct nft_batch *b, const char *table);
/* Close the batch. b->out has the bytes; the kernel answers message *ack when it has done all of them. On
 * failure nothing is to be sent. ERR_LIMIT, ERR_MEMORY. */
must_check enum err nft_end(struct nft_batch *b, uint32_t *ack);
void nft_free(struct nft_batch *b);

/* Make the table if it is not there, delete it with all that is in it, and make it anew. */
void nft_table_anew(struct nft_batch *b);
/* A chain of type filter on a hook (enum nf_inet_hooks), priority 0, policy drop. */
void nft_chain_base(struct nft_batch *b, const char *chain, enum nf_inet_hooks hook);
/* A chain that others go to. */
void nft_chain(struct nft_batch *b, const char *chain);

/* A rule at the end of a chain: expressions, each of which must hold, then a verdict. */
void nft_rule_begin(struct nft_batch *b, const char *chain);
void nft_rule_end(struct nft_batch *b);

/* Expressions. op: enum nft_cmp_ops. */
/* Metadata of one byte (NFT_META_NFPROTO, NFT_META_L4PROTO) or of four (the others). */
void nft_meta(struct nft_batch *b, enum nft_meta_keys key, enum nft_cmp_ops op, uint32_t value);
/* len bytes at `offset` of a header (enum nft_payload_bases). A packet that has not so many does not match, whatever
 * op says. In a fragment that is not the first, kernels compare what is no transport header (seen with 6.18). */
void nft_payload(struct nft_batch *b, enum nft_payload_bases base, unsigned offset, enum nft_cmp_ops op,
                 const void *bytes, size_t len);
/* The same of the bits that mask has; mask as long as bytes. */
void nft_masked(struct nft_batch *b, enum nft_payload_bases base, unsigned offset, const void *mask,
                enum nft_cmp_ops op, const void *bytes, size_t len);
/* One more comparison of what the last nft_payload() or nft_masked() has loaded. */
void nft_compare(struct nft_batch *b, enum nft_cmp_ops op, const void *bytes, size_t len);

/* Verdicts. */
void nft_verdict(struct nft_batch *b, int code); /* NF_ACCEPT, NF_DROP */
void nft_goto(struct nft_batch *b, const char *chain);
/* Of a rule that matches TCP: drop it, and reset the connection at the side that it came from. */
void nft_reset(struct nft_batch *b);

#endif
