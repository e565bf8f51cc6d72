#include "address.h"

#include <string.h>
#include <sys/ioctl.h>

enum { SITE6_BYTES = 8 }; /* bytes of an IPv6 address that name one customer */

void address_of_peer(const uv_tcp_t *tcp, uint8_t out[static ADDRESS_BYTES])
{
    struct sockaddr_storage a = {0};
    int len = sizeof a;

    memset(out, 0, ADDRESS_BYTES);
    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&a, &len) != 0)
        return;
    if (a.ss_family == AF_INET6) {
        memcpy(out, &((struct sockaddr_in6 *)&a)->sin6_addr, ADDRESS_BYTES);
    } else if (a.ss_family == AF_INET) {
        out[10] = out[11] = 0xff;
        memcpy(out + 12, &((struct sockaddr_in *)&a)->sin_addr, 4);
    }
}

void address_site(const uint8_t address[static ADDRESS_BYTES], uint8_t out[static ADDRESS_BYTES])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    memcpy(out, address, ADDRESS_BYTES);
    if (memcmp(address, mapped, sizeof mapped) != 0)
        memset(out + SITE6_BYTES, 0, ADDRESS_BYTES - SITE6_BYTES);
}

bool address_has_spoken(const uv_tcp_t *tcp)
{
    uv_os_fd_t fd;
    int waiting = 0;

    return uv_fileno((const uv_handle_t *)tcp, &fd) == 0 && ioctl(fd, FIONREAD, &waiting) == 0 &&
           waiting > 0;
}
