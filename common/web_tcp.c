#include "web_tcp.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { WEB_TCP_ESTABLISHED = 1, WEB_TCP_CLOSE_WAIT = 8 }; /* include/net/tcp_states.h; not in any user header */

enum web_tcp web_tcp_look(int fd, uint64_t *acked_bytes)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return WEB_TCP_GONE;
    *acked_bytes = info.tcpi_bytes_acked;
    if (info.tcpi_state == WEB_TCP_ESTABLISHED)
        return WEB_TCP_OPEN;
    return info.tcpi_state == WEB_TCP_CLOSE_WAIT ? WEB_TCP_HALF : WEB_TCP_GONE;
}
