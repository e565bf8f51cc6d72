/* What the kernel knows about a TCP connection. Apart from the rest of web because <linux/tcp.h>,
 * which has tcpi_bytes_acked, and <netinet/tcp.h>, which h2o includes, exclude each other. */
#ifndef TR_COMMON_WEB_TCP_H
#define TR_COMMON_WEB_TCP_H

#include <stdbool.h>
#include <stdint.h>

/* Both directions open? Also how many bytes the peer has acknowledged so far. One system call. */
bool web_tcp_open(int fd, uint64_t *acked_bytes);

#endif
