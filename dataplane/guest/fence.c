/* The plan, and the socket to the kernel. */
#include "fence.h"

#include "fence_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    DNS_PORT = 53,
    ANSWER_MAX = 8 << 10, /* of the kernel: an error repeats the message that it is about */
    ANSWER_S = 10,        /* it has done all before the send returns; this ends a wait for what was lost */
};

/* --- the plan */

static enum err port_add(uint16_t *list, size_t *n, size_t max, uint16_t port)
{
    if (port == 0)
        return ERR_RANGE;
    for (size_t i = 0; i < *n; i++) {
        if (list[i] == port)
            return ERR_NONE;
    }
    if (*n >= max)
        return ERR_LIMIT;
    list[(*n)++] = port;
    return ERR_NONE;
}

enum err fence_add_egress(struct fence_plan *plan, uint16_t port)
{
    if (port == DNS_PORT)
        return ERR_RANGE;
    return port_add(plan->egress, &plan->n_egress, FENCE_EGRESS_MAX, port);
}

enum err fence_add_listen(struct fence_plan *plan, uint16_t port)
{
    return port_add(plan->listen, &plan->n_listen, FENCE_LISTEN_MAX, port);
}

static bool resolver_possible(const struct fence_address *a)
{
    static const uint8_t zero[8];

    if (a->v6)
        return memcmp(a->b, zero, sizeof zero) != 0 /* ::/64: unspecified, loopback, IPv4 mapped */ &&
               a->b[0] != 0xff && !(a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80);
    return a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224;
}

enum err fence_add_resolver(struct fence_plan *plan, const char *text)
{
    struct fence_address a = {0};

    a.v6 = inet_pton(AF_INET6, text, a.b) == 1;
    if (!a.v6 && inet_pton(AF_INET, text, a.b) != 1)
        return ERR_FORMAT;
    if (!resolver_possible(&a))
        return ERR_RANGE;
    for (size_t i = 0; i < plan->n_resolvers; i++) {
        if (plan->resolvers[i].v6 == a.v6 && memcmp(plan->resolvers[i].b, a.b, sizeof a.b) == 0)
            return ERR_NONE;
    }
    if (plan->n_resolvers >= FENCE_RESOLVERS_MAX)
        return ERR_LIMIT;
    plan->resolvers[plan->n_resolvers++] = a;
    return ERR_NONE;
}

static bool plan_possible(const struct fence_plan *p)
{
    bool ok = p->n_egress <= FENCE_EGRESS_MAX && p->n_listen <= FENCE_LISTEN_MAX &&
              p->n_resolvers <= FENCE_RESOLVERS_MAX;

    for (size_t i = 0; ok && i < p->n_egress; i++)
        ok = p->egress[i] != 0 && p->egress[i] != DNS_PORT;
    for (size_t i = 0; ok && i < p->n_listen; i++)
        ok = p->listen[i] != 0;
    for (size_t i = 0; ok && i < p->n_resolvers; i++)
        ok = resolver_possible(&p->resolvers[i]);
    return ok;
}

/* --- the kernel */

static enum err of_errno(int e)
{
    switch (e) {
    case 0:
        return ERR_NONE;
    case EPERM:
    case EACCES:
        return ERR_FORBIDDEN;
    case ENOMEM:
    case ENOBUFS:
        return ERR_MEMORY;
    case ENOENT: /* an expression or a type of chain that this kernel does not have */
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
        return ERR_UNSUPPORTED;
    default:
        return ERR_IO;
    }
}

/* One datagram of answers. The first error counts; *done when the batch was carried out. */
static enum err answer_read(const uint8_t *bytes, size_t len, uint32_t ack, bool *done)
{
    while (len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
        struct nlmsghdr h;
        struct nlmsgerr r;

        memcpy(&h, bytes, sizeof h);
        if (h.nlmsg_len < NLMSG_LENGTH(sizeof r) || h.nlmsg_len > len || h.nlmsg_type != NLMSG_ERROR)
            return ERR_IO;
        memcpy(&r, bytes + NLMSG_HDRLEN, sizeof r);
        if (r.error != 0)
            return of_errno(-r.error);
        *done = *done || h.nlmsg_seq == ack;
        if (NLMSG_ALIGN(h.nlmsg_len) >= len)
            break;
        bytes += NLMSG_ALIGN(h.nlmsg_len);
        len -= NLMSG_ALIGN(h.nlmsg_len);
    }
    return ERR_NONE;
}

static enum err answers_wait(int fd, uint32_t ack)
{
    uint8_t bytes[ANSWER_MAX];
    enum err e = ERR_NONE;
    bool done = false;

    while (e == ERR_NONE && !done) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);

        if (n < 0 && errno == EINTR)
            continue;
        e = n < 0 ? of_errno(errno) : answer_read(bytes, (size_t)n, ack, &done);
        if (e == ERR_NONE && !done && (size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
            e = ERR_IO;
    }
    return e;
}

static enum err batch_send(const struct nft_batch *b, uint32_t ack)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    const struct timeval patience = {.tv_sec = ANSWER_S};
    enum err e = ERR_NONE;
    ssize_t n;
    int fd;

    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
        e = of_errno(errno);
        goto done;
    }
    n = sendto(fd, b->out.ptr, b->out.len, 0, (const struct sockaddr *)&kernel, sizeof kernel);
    if (n < 0)
        e = of_errno(errno);
    else if ((size_t)n != b->out.len)
        e = ERR_IO;
    else
        e = answers_wait(fd, ack);
done:
    if (fd >= 0)
        close(fd);
    return e;
}

enum err fence_load(const struct fence_plan *plan)
{
    struct nft_batch b;
    uint32_t ack = 0;
    enum err e;

    if (!plan_possible(plan))
        return ERR_RANGE;
    fence_rules(&b, plan);
    e = nft_end(&b, &ack);
    if (e == ERR_NONE)
        e = batch_send(&b, ack);
    nft_free(&b);
    return e;
}
