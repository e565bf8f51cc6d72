/* DISCOVER, OFFER, REQUEST, ACK, by a UDP socket on the interface: the kernel of the guest has no packet sockets. */
#include "dhcp.h"

#include "clock.h"
#include "dhcp_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CLIENT_PORT = 68,
    SERVER_PORT = 67,
    FIRST_WAIT_MS = 1000, /* for an answer; doubles up to the next */
    LONGEST_WAIT_MS = 8000,
};

static int dhcp_socket(const struct net_device *d)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(CLIENT_PORT)};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    if (s >= 0 && setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, d->name, (socklen_t)strlen(d->name)) == 0 &&
        setsockopt(s, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0 &&
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(s, (const struct sockaddr *)&any, sizeof any) == 0)
        return s;
    if (s >= 0)
        close(s);
    return -1;
}

static bool dhcp_send(int s, const uint8_t message[static DHCP_REQUEST_BYTES])
{
    const struct sockaddr_in all = {.sin_family = AF_INET,
                                    .sin_port = htons(SERVER_PORT),
                                    .sin_addr.s_addr = htonl(INADDR_BROADCAST)};

    return sendto(s, message, DHCP_REQUEST_BYTES, 0, (const struct sockaddr *)&all, sizeof all) == DHCP_REQUEST_BYTES;
}

/* The first right answer of one of these types until then; others are passed over. */
static bool dhcp_await(int s, uint64_t until_ms, uint32_t xid, const struct net_device *d, enum dhcp_type wanted,
                       struct dhcp_answer *out)
{
    for (;;) {
        struct pollfd p = {s, POLLIN, 0};
        uint8_t bytes[DHCP_ANSWER_MAX];
        uint64_t now = clock_mono_ms();
        ssize_t n;

        if (now >= until_ms)
            return false;
        if (poll(&p, 1, (int)(until_ms - now)) <= 0)
            continue;
        n = recv(s, bytes, sizeof bytes, 0);
        if (n > 0 && dhcp_read(view_of(bytes, (size_t)n), xid, d->mac, out) == ERR_NONE && out->type == wanted)
            return true;
    }
}

/* So long from now, and not beyond until_ms, whatever the server does. */
static uint64_t dhcp_until(uint64_t wait_ms, uint64_t until_ms)
{
    uint64_t at = clock_mono_ms() + wait_ms;

    return at < until_ms ? at : until_ms;
}

static bool dhcp_ask(int s, const struct net_device *d, uint64_t wait_ms, uint64_t until_ms, struct dhcp_answer *lease)
{
    uint8_t message[DHCP_REQUEST_BYTES];
    struct dhcp_answer offer;
    uint32_t xid;

    if (getrandom(&xid, sizeof xid, 0) != (ssize_t)sizeof xid)
        return false;
    dhcp_write(DHCP_DISCOVER, xid, d->mac, NULL, message);
    if (!dhcp_send(s, message) || !dhcp_await(s, dhcp_until(wait_ms, until_ms), xid, d, DHCP_OFFER, &offer))
        return false;
    dhcp_write(DHCP_REQUEST, xid, d->mac, &offer, message);
    return dhcp_send(s, message) && dhcp_await(s, dhcp_until(wait_ms, until_ms), xid, d, DHCP_ACK, lease);
}

enum err dhcp_get(const struct net_device *d, unsigned timeout_s, struct dhcp_lease *out)
{
    uint64_t until = clock_mono_ms() + (uint64_t)timeout_s * 1000, wait_ms = FIRST_WAIT_MS;
    int s = dhcp_socket(d);
    enum err e = s < 0 ? ERR_IO : ERR_TOTAL_TIMEOUT;
    struct dhcp_answer lease;

    while (e == ERR_TOTAL_TIMEOUT && clock_mono_ms() < until) {
        uint64_t began = clock_mono_ms(), waited;

        if (dhcp_ask(s, d, wait_ms, until, &lease)) {
            *out = (struct dhcp_lease){lease.net, lease.seconds};
            e = ERR_NONE;
            break;
        }
        waited = clock_mono_ms() - began; /* a send that fails does so at once */
        if (waited < wait_ms && clock_mono_ms() < until)
            (void)!poll(NULL, 0, (int)(wait_ms - waited));
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
    }
    if (s >= 0)
        close(s);
    return e;
}
