/* One TLS connection of the link between the planes, either end, over uv_tcp and OpenSSL's memory
 * BIOs: bytes in, bytes out, bounded both ways. Knows nothing of messages. */
#ifndef TR_COMMON_CONN_H
#define TR_COMMON_CONN_H

#include "err.h"
#include "view.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <uv.h>

struct conn;

enum { CONN_WAITING_MAX = 4 << 20 }; /* bytes a peer may leave unread before it is dropped */

struct conn_events {
    /* The handshake is done. */
    void (*ready)(void *cookie);
    /* Plain bytes, borrowed for the call. */
    void (*bytes)(void *cookie, struct view bytes);
    /* Exactly once, last; the connection is gone when it returns. ERR_NONE: the peer ended it, or
     * conn_close()/conn_finish() did. */
    void (*closed)(void *cookie, enum err e);
};

/* Accept the connection that is waiting on listener. No callback before it returns. On failure the
 * waiting connection has been taken and closed, so that the listener goes on. */
must_check enum err conn_accept(uv_stream_t *listener, SSL_CTX *tls,
                                const struct conn_events *events, void *cookie, struct conn **out);
/* Connect to address and shake hands as a client. No callback before it returns. */
must_check enum err conn_connect(uv_loop_t *loop, const struct sockaddr *address, SSL_CTX *tls,
                                 const struct conn_events *events, void *cookie,
                                 struct conn **out);
SSL *conn_ssl(struct conn *c);
/* The address of an accepted connection's peer (address.h). */
void conn_address(const struct conn *c, uint8_t out[static 16]);
/* Has the peer sent anything yet, read or still waiting? At most one system call. */
bool conn_has_spoken(const struct conn *c);
/* False once it is closing: what is still in hand must not be acted upon. */
bool conn_open(const struct conn *c);
/* Encrypts and queues a copy. ERR_LIMIT: too much is waiting, the connection is being closed. */
must_check enum err conn_send(struct conn *c, struct view bytes);
/* Stop and resume reading: backpressure. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/* Close now; what was queued is lost. Close after what was queued has left. Idempotent. */
void conn_close(struct conn *c, enum err e);
void conn_finish(struct conn *c);

#endif
