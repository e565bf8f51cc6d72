/* One keep-alive HTTP/1.1 connection of the load generator: sends the same request again and again,
 * reads JSON answers and event streams, and reads the demo provider's time stamps out of them. */
#ifndef TR_BENCH_LOAD_CLIENT_H
#define TR_BENCH_LOAD_CLIENT_H

#include "load_stats.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>

enum client_state {
    CLIENT_CLOSED,
    CLIENT_CONNECTING, /* TCP, then TLS */
    CLIENT_IDLE,
    CLIENT_SENDING,
    CLIENT_HEAD,
    CLIENT_BODY,
};

struct load {
    int epoll_fd;
    struct sockaddr_in address;
    SSL_CTX *tls; /* NULL: plain */
    char *request;
    size_t request_len;
    /* Each request takes the next of these keys (texts of key_len bytes, one behind the other); NULL: all the same. */
    const char *keys;
    size_t key_len, keys_n, key_next, key_at; /* key_at: where it stands in request */
    bool stream;
    bool abort_streams; /* close at the first event */
    uint64_t requests, errors, chunks, bytes, connects;
    unsigned with_event; /* streams that have had an event */
    struct histogram total, first, added, transit;
};

struct client {
    struct load *load;
    int fd;
    SSL *ssl;
    enum client_state state;
    uint64_t due_ns, sent_ns; /* when the request should have left, and when it left */
    size_t sent, head_len, line_len;
    bool chunked, first_seen, want_write;
    int chunk_state;
    uint64_t left; /* of the body or the chunk */
    char head[8192], line[4096];
    struct client *next_idle;
};

uint64_t now_ns(void);
void client_open(struct client *c, struct load *l);
/* The connection became readable or writable. Afterwards c may be idle (ask client_idle) or closed.
 */
void client_ready(struct client *c, uint32_t events);
/* Begin a request that was due at due_ns. The client must be idle. */
void client_begin(struct client *c, uint64_t due_ns);
void client_close(struct client *c);

#endif
