/* The HTTPS server both planes share: h2o (libuv build) behind one thin file, HTTP/1.1 only.
 * h2o's types never leave common/web*.c. One web_server per loop and thread.
 *
 * A request arrives complete (head and body). The handler answers at once or later, once:
 * either web_respond(), or web_stream_start() + web_stream_write()* + web_stream_end/abort().
 * After the answer is complete, or when the client is gone, the handler's `gone` callback (if set)
 * has fired exactly once or never will, as documented below, and the pointer is dead. */
#ifndef TR_COMMON_WEB_H
#define TR_COMMON_WEB_H

#include "budget.h"
#include "buf.h"
#include "err.h"
#include "view.h"

#include <stdbool.h>
#include <openssl/ssl.h>
#include <uv.h>

struct web_server;
struct web_request;

struct web_header {
    struct view name; /* lower case */
    struct view value;
};

/* What may still arrive of a request whose head is here. */
enum web_verdict {
    WEB_BODY_SMALL,   /* up to WEB_BODY_SMALL_BYTES of request; then the owner is asked again */
    WEB_BODY_ALL,     /* up to body_max: its sender is known */
    WEB_BODY_WAIT,    /* nothing, until web_body_decide() */
    WEB_BODY_REFUSED, /* nothing: `refused` answers, and the connection closes */
};
enum { WEB_BODY_SMALL_BYTES = 64 << 10 };

struct web_limits {
    size_t body_max;       /* bytes; a longer body is answered 413 by the error hook */
    size_t unknown_per_ip; /* bytes of requests of unknown senders, of one address; 0: unlimited */
    unsigned connections_max;    /* per server. For a further one the connection without a running request
                                  * that has shown least is closed; only if there is none, the new one */
    unsigned connections_per_ip; /* the same for one IPv4 address or IPv6 /64; 0: unlimited */
    unsigned request_timeout_ms; /* a request must arrive within it (408), and a connection may
                                  * idle as long between two (closed) */
    unsigned write_stall_ms;     /* a reader that takes nothing for this long is cut off */
    /* Those two are for stalls: what a body brings, or a reader takes, adds to what is left of them the time
     * that it needs at this rate, up to all of them again. 0: any byte that is taken is worth all of it, and a
     * body has no more than request_timeout_ms. */
    unsigned slowest_bytes_per_s;
    unsigned upload_ms; /* but no request may take longer to arrive (408); with a rate */
    unsigned sweep_ms; /* how often writes in flight and deadlines are looked at */
};

struct web_config {
    uv_loop_t *loop;
    const char *host; /* address to bind, "127.0.0.1" */
    uint16_t port;    /* 0: any; see web_port() */
    SSL_CTX *tls;     /* borrowed, outlives the server; NULL: plain text (private listeners only) */
    struct web_limits limits;
    bool quiet; /* bind only: connections are refused until web_listen() */
    /* Requests that arrive and answers that leave are charged here; at the bound large ones are
     * answered 503. Borrowed, outlives the server; servers of several loops may share one. NULL: nothing
     * is charged. */
    struct budget *budget;
    /* The same for requests whose sender is not known yet; NULL: `budget` is. */
    struct budget *budget_unknown;
    /* Asked when the head of a request is complete and its body is larger than what came with it, and
     * `more`: again when more than WEB_BODY_SMALL_BYTES have come. A body that came at once is not asked
     * about. r is good for the head's parts and for web_set_gone(), which is for WEB_BODY_WAIT: it fires
     * when the request ends before web_body_decide(). *why is given to `refused`, which answers with
     * web_respond() before it returns. Both NULL: everything is WEB_BODY_ALL. */
    enum web_verdict (*arriving)(void *cookie, struct web_request *r, bool more, int *why);
    void (*refused)(void *cookie, struct web_request *r, int why);
    /* Called with a complete request. Borrowed views stay valid until the handler returns, except
     * that method, path, query and headers stay valid until the answer is complete. */
    void (*handler)(void *cookie, struct web_request *r);
    /* Called to word an error that the server itself must answer (400, 408, 413, 417, 431, 503),
     * with web_respond() before it returns. The connection closes after it. Method, path and
     * headers are what had arrived: maybe nothing. NULL: an empty body. */
    void (*error)(void *cookie, struct web_request *r, int status);
    void *cookie;
    /* In every answer, the server's own errors included. Borrowed, not copied: they outlive the server. */
    const struct web_header *always;
    size_t n_always;
};

/* Bind and listen (SO_REUSEPORT). ERR_IO with errno set when the address is taken. */
must_check enum err web_start(const struct web_config *config, struct web_server **out);
/* Of a quiet server. web_listen(): on any thread, before web_stop(); from its return on the kernel takes
 * connections, which wait until web_accept(), on the server's thread, begins to serve them. ERR_IO. */
must_check enum err web_listen(struct web_server *s);
must_check enum err web_accept(struct web_server *s);
uint16_t web_port(const struct web_server *s);
/* Stop accepting; running requests finish; then drained(cookie) fires once. */
void web_stop(struct web_server *s, void (*drained)(void *cookie), void *cookie);
void web_free(struct web_server *s); /* after drained, loop no longer running it */

struct web_counters {
    uint64_t connections_open, connections_total, requests_total, write_stalls, clients_gone;
    uint64_t crowded_out; /* connections closed to make room for others */
    uint64_t tcp_looks; /* times the sweep asked the kernel about a connection: a system call each */
};
struct web_counters web_counters(const struct web_server *s);

/* Who pays for what arrives of this request once its sender is known, instead of `budget` (a share of it).
 * Before WEB_BODY_ALL is said; borrowed, outlives the server. */
void web_body_share(struct web_request *r, struct budget *share);
/* After WEB_BODY_WAIT, once: WEB_BODY_ALL or WEB_BODY_REFUSED. The pointer is dead on return. */
void web_body_decide(struct web_request *r, enum web_verdict verdict, int why);

struct view web_method(const struct web_request *r);
struct view web_path(const struct web_request *r);  /* up to '?', raw (not percent-decoded) */
struct view web_query(const struct web_request *r); /* after '?', may be empty */
/* Value of a header by lower-case name; false when absent. First one when repeated. */
bool web_header(const struct web_request *r, struct view name, struct view *out);
/* The body. Valid until the handler returns; the server wipes it then (copy what you keep). */
struct view web_body(const struct web_request *r);
/* The same, for a handler that decodes it where it lies: it may write to the bytes of web_body(), and then says
 * which part of them is the body from now on. */
uint8_t *web_body_bytes(struct web_request *r);
void web_body_narrow(struct web_request *r, struct view part);
/* Peer address: 16 bytes, IPv4 mapped. */
void web_peer(const struct web_request *r, uint8_t out[static 16]);
/* RFC 9266 exporter "EXPORTER-Channel-Binding" of this connection; false without TLS. */
bool web_exporter(const struct web_request *r, uint8_t out[static 32]);

/* cookie of this request; `gone` fires at most once, when the client left or the write failed
 * before the answer was complete; the request pointer is dead when it returns. It never fires
 * after web_respond/web_stream_end/web_stream_abort was called. */
void web_set_gone(struct web_request *r, void (*gone)(void *cookie), void *cookie);

/* How the body of an answer is sealed on its way out. The owner's struct begins with this one. */
struct web_seal {
    struct web_header header; /* of the answer's head; its bytes live as long as the struct */
    size_t grows;             /* a sealed piece is so many bytes longer */
    /* piece.len + grows bytes into out. On failure nothing more is sent and the connection breaks. */
    enum err (*seal)(struct web_seal *s, struct view piece, uint8_t *out);
    void (*free)(struct web_seal *s);
};
/* Before the answer begins; takes s, which is freed with the request. Each write of a stream is one piece, the bytes
 * of a whole body one for each WEB_SEAL_PIECE_BYTES; trailers are not sealed. */
enum { WEB_SEAL_PIECE_BYTES = 64 << 10 };
void web_seal_answer(struct web_request *r, struct web_seal *s);

/* Answer with a full body (copied) and Content-Length. The pointer is dead on return.
 * Connection stays open. content-type is one of the headers. A body that the budget has no room for is
 * not sent: the client gets an empty 503 with retry-after instead. */
void web_respond(struct web_request *r, int status, const struct web_header *headers, size_t n,
                 struct view body);
/* The same, and takes the body, which is left empty: for large ones. It goes out in pieces as the client
 * reads, and is freed with its last byte; nothing is copied, so that it cannot fail. */
void web_respond_taking(struct web_request *r, int status, const struct web_header *headers,
                        size_t n, struct buf *body);

/* The same with bytes that outlive the server: lent, so that a client that reads slowly holds no copy. */
void web_respond_lending(struct web_request *r, int status, const struct web_header *headers, size_t n,
                         struct view body);

/* Start a chunked answer (not to HEAD). Nothing leaves before the first web_stream_write.
 * `writable` fires once per accepted write, when the bytes were handed to the kernel: the next
 * write is allowed from then on (also from inside the callback). */
void web_stream_start(struct web_request *r, int status, const struct web_header *headers, size_t n,
                      void (*writable)(void *cookie), void *cookie);
/* Send bytes (len > 0): one TLS record chain, one write. bytes are borrowed until `writable`.
 * Must not be called while a write is in flight (assert). */
void web_stream_write(struct web_request *r, struct view bytes);
bool web_stream_busy(const struct web_request *r);
/* Can a stream to this client end in a trailer? False: it speaks HTTP/1.0, which has no chunks to put
 * one behind. Before start, because the head announces it. */
bool web_may_trail(const struct web_request *r);
/* A trailer section (RFC 9110 6.5) for the end of a stream. Between start and end: `fill` is called
 * once, from the loop, when the last bytes of a clean end were handed to the kernel; it appends
 * complete field lines ("name: value\r\n") to an empty buffer of WEB_TRAILER_MAX bytes. It is not
 * called when the stream is aborted or the client leaves first. `released` comes after it.
 * False, and nothing happens: web_may_trail() said so. */
enum { WEB_TRAILER_MAX = 64 << 10 };
bool web_stream_trailer(struct web_request *r, void (*fill)(void *cookie, struct buf *lines),
                        void *cookie);
/* Last bytes (may be empty) and a clean end; allowed while a write is in flight, whose bytes then
 * stay borrowed too and whose `writable` never fires. The pointer is dead on return; the bytes are
 * borrowed until `released(cookie)` fires (may be NULL when bytes is empty or static). */
void web_stream_end(struct web_request *r, struct view bytes, void (*released)(void *),
                    void *cookie);
/* An unclean end: last bytes (may be empty) leave, then the connection is closed without the final
 * chunk, so no client can take the answer for complete. Same lifetime rules as web_stream_end. */
void web_stream_abort(struct web_request *r, struct view bytes, void (*released)(void *),
                      void *cookie);

#endif
