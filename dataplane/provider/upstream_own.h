/* The inside of a connection, shared by upstream.c and upstream_tls.c only. */
#ifndef TR_DATAPLANE_PROVIDER_UPSTREAM_OWN_H
#define TR_DATAPLANE_PROVIDER_UPSTREAM_OWN_H

#include "upstream.h"

enum upstream_state {
    UPSTREAM_NAMING,     /* in site->waiting for the lookup */
    UPSTREAM_CONNECTING, /* uv_tcp_connect is pending */
    UPSTREAM_NEXT,       /* an address failed; the socket is being closed, then the next is tried */
    UPSTREAM_SHAKING,    /* TLS handshake */
    UPSTREAM_READY,      /* the owner's */
    UPSTREAM_IDLE,       /* the pool's; has no owner */
    UPSTREAM_CLOSED,     /* only close callbacks are pending */
};

struct upstream {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    struct upstream_site *site;
    struct upstream *next; /* in site->waiting or site->idle */
    enum upstream_state state;
    const struct upstream_owner *owner;
    void *cookie;
    SSL *ssl;
    struct view cipher; /* what the BIO may read; only during upstream_tls_feed() */
    struct view body;   /* plain text still to be encrypted */
    uint64_t deadline;  /* loop time, 0: none */
    uint64_t armed;     /* when the timer fires, 0: it does not */
    enum err failed;    /* to be reported by the timer */
    unsigned tried;     /* addresses */
    unsigned writes;    /* uv_write requests in flight */
    unsigned handles;   /* not yet closed */
    bool reading;
};

/* Close and tell the owner: now, or from the loop. */
void upstream_fail(struct upstream *c, enum err e);
void upstream_fail_later(struct upstream *c, enum err e);
/* Take c out of one of its site's lists. */
void upstream_unlink(struct upstream **list, struct upstream *c);
void upstream_tcp_close_cb(uv_handle_t *h);
void upstream_read_start(struct upstream *c);
/* upstream_dial.c: try the next address. The name is known; the socket is fresh or, in
 * UPSTREAM_NEXT, just closed. */
void upstream_dial(struct upstream *c);
/* The handshake is over. */
void upstream_ready(struct upstream *c);
/* Plain text arrived, in u->plain or u->in; false: the connection is closed now. */
bool upstream_deliver(struct upstream *c, uint8_t *bytes, size_t n);
/* Write out u->wire. */
void upstream_flush(struct upstream *c);

#endif
