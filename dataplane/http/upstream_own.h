/* The inside of a connection, shared by the upstream_*.c files only. */
#ifndef TR_DATAPLANE_HTTP_UPSTREAM_OWN_H
#define TR_DATAPLANE_HTTP_UPSTREAM_OWN_H

#include "upstream.h"

enum upstream_state {
    UPSTREAM_NAMING,     /* in site->waiting for a lookup */
    UPSTREAM_CONNECTING, /* tries are pending, each a uv_tcp_connect */
    UPSTREAM_SHAKING,    /* TLS handshake */
    UPSTREAM_READY,      /* the owner's */
    UPSTREAM_IDLE,       /* the pool's; has no owner */
    UPSTREAM_CLOSED,     /* only close callbacks are pending */
};

/* One address being tried; the one that answers first becomes the connection's socket. */
struct upstream_try {
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct upstream *c;
    struct upstream_try *next; /* in c->tries */
    union resolve_address to;
    uint64_t began_at;
};

struct upstream {
    uv_timer_t timer;
    struct upstream_try *tries; /* CONNECTING: those pending; then the one that answered */
    uv_stream_t *stream;        /* its socket; NULL before */
    union resolve_address to[RESOLVE_ADDRESSES_MAX]; /* CONNECTING: in the order of trying */
    unsigned n_to, next_to;
    bool starved;     /* an address could not be tried for want of something of ours */
    uint64_t step_ms; /* between two tries */
    uint64_t step_at; /* loop time, 0: never: NAMING: wait no longer; CONNECTING: the next try */
    struct upstream_site *site;
    struct upstream *next; /* in site->waiting or site->idle */
    enum upstream_state state;
    const struct upstream_owner *owner;
    void *cookie;
    SSL *ssl;
    struct digest32 peer_key; /* with ssl, once the handshake is over: SHA-256 of the certificate's key (SPKI) */
    struct view cipher; /* what the BIO may read; only during upstream_tls_feed() */
    struct view body;   /* plain text still to be encrypted */
    uint64_t deadline;  /* loop time, 0: none */
    uint64_t armed;     /* when the timer fires, 0: it does not */
    enum err failed;    /* to be reported by the timer */
    unsigned writes;    /* uv_write requests in flight */
    unsigned handles;   /* not yet closed */
    bool reading;
};

/* Close and tell the owner: now, or from the loop. */
void upstream_fail(struct upstream *c, enum err e);
void upstream_fail_later(struct upstream *c, enum err e);
/* Take c out of one of its site's lists. */
void upstream_unlink(struct upstream **list, struct upstream *c);
/* One handle of c is closed; the last one frees it. */
void upstream_released(struct upstream *c);
void upstream_read_start(struct upstream *c);
/* Loop time at which upstream_step() is due; 0: never. */
void upstream_step_at(struct upstream *c, uint64_t at);

/* --- upstream_dial.c --- */

/* In NAMING: a lookup ended (e), or was waited for long enough (ERR_NONE). */
void upstream_named(struct upstream *c, enum err e);
/* step_at has come. */
void upstream_step(struct upstream *c);
/* The connect deadline has passed: remember who did not answer. */
void upstream_unanswered(struct upstream *c);
/* Close what is being tried, or the connection's socket. */
void upstream_tries_close(struct upstream *c);

/* --- upstream.c --- */

/* The handshake is over. */
void upstream_ready(struct upstream *c);
/* Plain text arrived, in u->plain or u->in; false: the connection is closed now. */
bool upstream_deliver(struct upstream *c, uint8_t *bytes, size_t n);
/* Write out u->wire. */
void upstream_flush(struct upstream *c);

#endif
