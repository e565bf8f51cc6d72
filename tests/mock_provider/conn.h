/* One connection of a caller: reads requests, plays answers, one at a time, with whatever timing
 * and misbehaviour they asked for. */
#ifndef TR_MOCK_CONN_H
#define TR_MOCK_CONN_H

#include "bytes.h"
#include "counters.h"
#include "job.h"
#include "loop.h"

#include <openssl/ssl.h>

struct listener {
    struct watch watch;
    struct timer timer; /* slow accept */
    unsigned no;
    char *name;
    int fd;
    uint16_t port;
    SSL_CTX *tls;       /* NULL: plain */
    struct spec spec;   /* what applies before a request's own command */
    struct bytes words; /* backs the views in spec */
    uint32_t accept_us; /* how late connections are accepted */
    struct bytes last_head, last_body;
};

enum conn_state {
    CONN_HANDSHAKE, /* TLS */
    CONN_READING,   /* waiting for a whole request */
    CONN_DELAY,     /* a request is in, its answer begins when the timer fires */
    CONN_PLAYING,   /* events are being sent */
    CONN_DRAINING,  /* everything is rendered; the rest is on its way out */
    CONN_STALLED,   /* says nothing more until the caller closes */
};

/* What happens once `out` has left. */
enum conn_after { AFTER_KEEP, AFTER_CLOSE, AFTER_RESET, AFTER_STALL };

struct conn {
    struct watch watch;
    struct timer timer;
    struct listener *listener;
    int fd;
    SSL *ssl;
    enum conn_state state;
    enum conn_after after;
    bool want_write, recorded, faulted;
    struct bytes in, out;
    size_t sent;            /* of out */
    size_t limit;           /* bytes of out that may leave now */
    size_t request_len;     /* bytes of in that the current request takes */
    struct view head, body; /* of the current request, in `in` or `joined` */
    struct bytes joined;    /* a chunked request body, put together */
    struct bytes event;     /* scratch */
    struct job job;
    unsigned events_sent;
    uint64_t number; /* of its record */
    struct conn *next_free;
};

void conn_accept(struct listener *l);

/* For answer.c and control.c. */
void conn_pump(struct conn *c); /* send what may be sent, then go on playing */
void conn_close(struct conn *c, bool reset);
void conn_head(struct conn *c, unsigned status, const char *type); /* status line, type */
void conn_whole(struct conn *c, unsigned status, const char *type, const void *p, size_t n);
/* A header's value in the current request; empty when absent. */
struct view conn_header(const struct conn *c, const char *lower_name);

#endif
