/* What the kernel knows about a TCP connection. Apart from the rest of web because <linux/tcp.h>,
 * which has tcpi_bytes_acked, and <netinet/tcp.h>, which h2o includes, exclude each other. */
#ifndef TR_COMMON_WEB_TCP_H
#define TR_COMMON_WEB_TCP_H

#include <stdint.h>

enum web_tcp {
    WEB_TCP_OPEN, /* both directions */
    WEB_TCP_HALF, /* the peer has said that it sends no more */
    WEB_TCP_GONE, /* reset, or ended by us */
};
/* Also how many bytes the peer has acknowledged so far. One system call. */
enum web_tcp web_tcp_look(int fd, uint64_t *acked_bytes);

#endif
