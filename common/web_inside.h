/* What the web*.c files share and nobody else sees: h2o's types live here and in them only. */
#ifndef TR_COMMON_WEB_INSIDE_H
#define TR_COMMON_WEB_INSIDE_H

#include "tls.h"
#include "uv_shim.h"
#include "web.h"

#include <h2o.h>
#include <h2o/http1.h>

enum {
    WEB_INPUT_BYTES = 8 << 10, /* of the buffer every connection has; a larger one is charged */
    WEB_HEAD_MAX = WEB_BODY_SMALL_BYTES,  /* bytes of request line and headers; h2o itself takes 408 KiB */
    WEB_RECORD_MAX = 16384,    /* plaintext bytes of one TLS record of a long write */
    WEB_PIECE_BYTES = WEB_SEAL_PIECE_BYTES, /* of a whole answer handed to TLS at once: 64 KiB of cipher text wait
                                 * in memory beside it at most */
    WEB_BACKLOG = 4096,        /* connections the kernel holds for us while a loop is busy */
    WEB_PEER_BUCKETS = 1024,   /* hash buckets of peer addresses: a power of two */
    WEB_LINGER_MS = 2000,      /* a refused upload is read and dropped for this long at most */
    WEB_LINGER_MAX = 64 << 20, /* and up to this many bytes */
};

enum web_state {
    WEB_IDLE,    /* no request; the struct is only storage */
    WEB_OPEN,    /* given to the handler, nothing answered; nothing pending */
    WEB_STREAM,  /* stream begun, no write in flight */
    WEB_WRITING, /* one write in flight; `writable` is owed */
    WEB_LAST,    /* the last write is in flight; the caller has let go, `released` may be owed */
};

/* What a connection has shown (web_places.c). */
enum web_place {
    WEB_PLACE_SILENT,   /* nothing */
    WEB_PLACE_SPEAKING, /* bytes: a handshake or a request is arriving */
    WEB_PLACE_SERVED,   /* idle, after an answer */
    WEB_PLACE_BUSY,     /* a request runs, or is uploaded by a known sender */
    WEB_PLACE_TAKING,   /* the answer is complete here; the client has not taken all of it */
    WEB_PLACE_LEAVING,  /* it had to give way and is being closed */
    WEB_PLACES,
};

/* HTTP/1.1 has one request at a time on a connection, so it lives inside the connection. */
struct web_request {
    enum web_state state;
    h2o_req_t *req; /* NULL when WEB_IDLE, but while the owner is asked, or decides, about its body */
    h2o_generator_t generator;
    h2o_linklist_t link; /* in the server's running list */
    void (*gone)(void *cookie);
    void *gone_cookie;
    void (*writable)(void *cookie);
    void *writable_cookie;
    void (*released)(void *cookie);
    void *released_cookie;
    void (*trailer)(void *cookie, struct buf *lines);
    void *trailer_cookie;
    struct view narrowed; /* what the handler has made of the body; its pointer is NULL: nothing */
    struct web_seal *seal; /* NULL: the answer leaves as it is */
    struct buf sealed;     /* with it: the piece in flight */
    struct view last; /* an end that waits for the write in flight */
    struct buf whole;  /* a full body, or a trailer, that the kernel has not taken yet */
    struct view lent;  /* or a full body that is not ours */
    size_t whole_sent; /* how much of either h2o was given */
    bool chunked;         /* we frame the body; otherwise it ends with the connection */
    bool ending;          /* `last` is to be sent */
    bool unclean;         /* close without the final chunk */
    char frame[24];       /* "hex\r\n" of the chunk in flight */
    uint64_t write_until_ms; /* by then the peer must have taken more of the write in flight */
    uint64_t acked_bytes; /* TCP's count at that time */
};

struct web_peer {
    struct web_peer *next;
    uint8_t address[16]; /* its site: address.h */
    unsigned connections;
    size_t unknown_bytes; /* of requests whose sender is not known yet */
};

struct web_conn {
    struct web_server *server;
    uv_tcp_t tcp;
    struct uv_shim shim;
    h2o_socket_t *sock; /* NULL once h2o has closed it */
    h2o_req_t *h2o_req; /* h2o's one request of this connection, once known */
    SSL *ssl;           /* NULL for plain text and before the end of the handshake */
    h2o_linklist_t link; /* in the server's list of its place */
    enum web_place place;
    uint64_t place_ms; /* since when */
    struct web_peer *peer;
    uint8_t address[16];
    struct budget *share;  /* pays while the sender is known; NULL: the server's budget does */
    size_t held;           /* bytes charged to the budget for a request that is arriving */
    bool looked;           /* the owner was asked about the request that is arriving */
    bool known;            /* and said that its sender is known */
    bool waiting;          /* or that it will say so later; reading has stopped */
    bool asking;           /* it is being asked right now */
    uint64_t idle_ms;      /* since when nothing has arrived and nothing runs */
    uint64_t reading_ms;   /* since when a request has been arriving; 0: none is */
    uint64_t reading_until_ms; /* by then it must be here, or more of its body */
    size_t reading_bytes;      /* how much of it was here when that was set */
    unsigned record_max;   /* plaintext bytes of one TLS record at present; 0: not set yet */
    unsigned half_asks;    /* of a client that sends no more: how often it was asked whether it reads, */
    uint64_t half_ms;      /* when last, */
    uint64_t half_acked;   /* and what it had acknowledged then */
    bool dead;             /* write nothing more; every write fails */
    bool cut;              /* shut down by us: a request that was already in the kernel's buffer is not begun */
    bool refused;          /* answered before all was read: linger at the end */
    uv_close_cb linger_cb; /* h2o's, while lingering; NULL otherwise */
    uint64_t linger_ms;    /* since when */
    size_t lingered;       /* bytes dropped so far */
    struct web_request request;
};

struct web_server {
    struct web_config config;
    h2o_globalconf_t globalconf;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    struct uv_shim_loop shim;
    uv_tcp_t listener;
    uv_timer_t sweep;
    h2o_linklist_t conns[WEB_PLACES]; /* the longest there is the first */
    uint64_t leaving;                 /* connections in WEB_PLACE_LEAVING */
    h2o_linklist_t running; /* requests between handler and end of answer */
    struct web_peer *peers[WEB_PEER_BUCKETS];
    uint64_t peer_seed;
    uint16_t port;
    int listener_fd;          /* the listener's, for web_listen() */
    bool listening, stopping; /* listening: the listener is bound and open */
    void (*drained)(void *cookie);
    void *drained_cookie;
    struct web_counters counters;
};

/* web.c */
struct web_conn *web_conn_of(const h2o_req_t *req);
h2o_req_t *web_conn_request(struct web_conn *c); /* NULL before the handshake ends */
void web_conn_shutdown(struct web_conn *c);

/* web_request.c */
struct web_request *web_request_begin(struct web_conn *c, h2o_req_t *req);
void web_request_end(struct web_request *r); /* wipes what is left of it; WEB_IDLE after */
void web_request_release_body(struct web_request *r);
int web_request_handle(h2o_handler_t *self, h2o_req_t *req);
/* Answer an error of the server's own and close. Stops reading. */
void web_request_refuse(struct web_conn *c, h2o_req_t *req, int status);
static inline struct web_conn *web_request_conn(const struct web_request *r)
{
    return H2O_STRUCT_FROM_MEMBER(struct web_conn, request, r);
}

/* The same for the owner to answer: the request has begun. */
struct web_request *web_request_refuse_begin(struct web_conn *c, h2o_req_t *req);

/* web_plain.c: when the handshake has just failed because the client speaks plain HTTP, tell it in plain
 * HTTP. Called from inside the handshake. */
void web_plain_answer(struct web_conn *c);

/* web_body.c */
/* Charge for what the connection's input buffer has allocated now. False: no room, and only as much is
 * charged as was before. */
bool web_body_charge(struct web_conn *c);
void web_body_give(struct web_conn *c, size_t n);
/* Bytes of a request with a complete head have come, and their budget has room for them or has not: ask the
 * owner, if it is time to. */
void web_body_arriving(struct web_conn *c, h2o_req_t *req, bool room);
/* The request ends otherwise: an owner that was to decide is told. */
void web_body_forget(struct web_conn *c);
/* The handler has had its look. */
void web_body_over(struct web_conn *c);

/* web_stream.c */
void web_stream_proceed(h2o_generator_t *g, h2o_req_t *req);
void web_stream_stop(h2o_generator_t *g, h2o_req_t *req);
/* The client has left: tell the handler's owner and close. May close synchronously. */
void web_stream_cut(struct web_request *r);

/* web_sweep.c */
void web_sweep_cb(uv_timer_t *t);
/* A request began to arrive at since_ms; and: more of its body may have come. */
void web_sweep_begin(struct web_conn *c, uint64_t since_ms);
void web_sweep_progress(struct web_conn *c);
/* Has the peer's end of this connection ended? One system call. */
bool web_sweep_departed(struct web_request *r, uint64_t *acked_bytes);

/* web_half.c */
/* The peer of a running request sends no more: does it still read? May send something that TLS alone
 * sees; then *acked_bytes is counted again. */
bool web_half_reads(struct web_conn *c, int fd, uint64_t *acked_bytes);

/* web_linger.c */
bool web_linger_begin(struct uv_shim *w, uv_close_cb cb);
void web_linger_check(struct web_conn *c, uint64_t now_ms);

/* web_places.c */
void web_place_move(struct web_conn *c, enum web_place place);
/* Close the connection, of this address or of any, that has shown least. False: none may give way. */
bool web_place_make_room(struct web_server *s, const struct web_peer *only);

/* web_peers.c: connections per address. Closes another one of this address where it has to. False: one
 * too many, nothing counted. */
bool web_peers_enter(struct web_server *s, struct web_conn *c);
void web_peers_leave(struct web_server *s, struct web_conn *c);
void web_peers_free(struct web_server *s);

/* web_wire.c defines h2o_socket_write and h2o_send_error_generic; this pulls it in. */
void web_wire_setup(h2o_socket_t *sock);

#endif
