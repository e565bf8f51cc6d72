#include "web_tcp.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { WEB_TCP_ESTABLISHED = 1 }; /* include/net/tcp_states.h; not in any user header */

bool web_tcp_open(int fd, uint64_t *acked_bytes)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    *acked_bytes = info.tcpi_bytes_acked;
    return info.tcpi_state == WEB_TCP_ESTABLISHED;
}
