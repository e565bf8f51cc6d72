/* The egress fence of the guest: an nf_tables ruleset that lets out what the plan names and nothing
 * else, and lets in the answers and what is served. tr-init loads it before the data plane starts;
 * the data plane has no CAP_NET_ADMIN and cannot change it. No connection tracking: each packet is
 * judged by its own headers. What the rules are, and why: docs/egress.md. */
#ifndef TR_DATAPLANE_GUEST_FENCE_H
#define TR_DATAPLANE_GUEST_FENCE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FENCE_EGRESS_MAX = 64,   /* distinct TCP ports of measured providers, control plane, ACME server */
    FENCE_LISTEN_MAX = 4,    /* listen_port, HTTP-01; room for two more */
    FENCE_RESOLVERS_MAX = 3, /* as many as resolv.conf may name (MAXNS) */
};

/* In network order; v4: the first four bytes, the others are zero. */
struct fence_address {
    bool v6;
    uint8_t b[16];
};

/* All zero is the empty plan: loopback and neighbour discovery only. */
struct fence_plan {
    uint16_t egress[FENCE_EGRESS_MAX]; /* TCP ports that may be connected to, at any public address */
    size_t n_egress;
    uint16_t listen[FENCE_LISTEN_MAX]; /* TCP ports that may be connected to from outside */
    size_t n_listen;
    struct fence_address resolvers[FENCE_RESOLVERS_MAX]; /* UDP and TCP port 53 of these and of no other */
    size_t n_resolvers;
    bool dhcp; /* UDP 68 to 255.255.255.255:67, by processes of user 0 only, and the answers */
};

/* Add to a plan; what is there already is not added again. ERR_RANGE: port 0; port 53, which is the
 * resolvers' alone (egress). ERR_LIMIT: the plan is full. On failure it is unchanged. */
must_check enum err fence_add_egress(struct fence_plan *plan, uint16_t port);
must_check enum err fence_add_listen(struct fence_plan *plan, uint16_t port);
/* text: an IPv4 or IPv6 address. ERR_FORMAT: it is none. ERR_RANGE: no host can have it as a name server
 * of ours (unspecified, loopback, multicast, broadcast, IPv4 mapped into IPv6, IPv6 link-local). IPv4
 * link-local is accepted: 169.254.169.253 is the name server on AWS, 169.254.169.254 on GCP. */
must_check enum err fence_add_resolver(struct fence_plan *plan, const char *text);

/* Replace the whole ruleset of this network namespace's table "trustedrouter" by that of the plan, in one
 * transaction of the kernel: before it the old rules hold, after it the new ones, and on failure the old
 * ones still. Needs CAP_NET_ADMIN. ERR_RANGE: a port of the plan is one that fence_add_* refuses, or a
 * count is over its maximum. ERR_UNSUPPORTED: the kernel has no nf_tables, or lacks a part of it.
 * ERR_FORBIDDEN: no CAP_NET_ADMIN. ERR_MEMORY, ERR_IO. */
must_check enum err fence_load(const struct fence_plan *plan);

#endif
