/* Two of libh2o's functions, replaced for the server's connections in the way uv_shim.c replaces
 * libuv's: libh2o.so calls them through its procedure linkage table, so the executable's win.
 *
 * h2o_socket_write        makes one TLS record of what would be one per piece (head, chunk size,
 *                         data, line end), and never writes to a client that is known to be gone.
 * h2o_send_error_generic  would answer in plain text; the owner's error hook words it instead. */
#include "web_inside.h"

#include <dlfcn.h>
#include <stdlib.h>

static void (*real_socket_write)(h2o_socket_t *, h2o_iovec_t *, size_t, h2o_socket_cb);

/* The pieces of one record are laid side by side here; wiped after each use. */
static __thread char web_record[WEB_RECORD_MAX];

__attribute__((constructor)) static void web_wire_resolve(void)
{
    *(void **)&real_socket_write = dlsym(RTLD_NEXT, "h2o_socket_write");
    if (real_socket_write == NULL)
        abort();
}

/* Without this h2o makes records of 1400 bytes for the first 200 KB of a connection: a guess at the
 * client's window that costs a record header, a seal and an allocation each. */
void web_wire_setup(h2o_socket_t *sock)
{
    sock->_latency_optimization.state = H2O_SOCKET_LATENCY_OPTIMIZATION_STATE_NEEDS_UPDATE;
    sock->_latency_optimization.suggested_tls_payload_size = WEB_RECORD_MAX;
    sock->_latency_optimization.suggested_write_size = SIZE_MAX;
}

/* h2o's parser refuses a request with this fixed text, outside every hook. */
static bool web_wire_is_refusal(const struct web_conn *c, const h2o_iovec_t *bufs, size_t n)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain";

    return n == 1 && c->request.state == WEB_IDLE && bufs[0].len >= sizeof text &&
           memcmp(bufs[0].base, text, sizeof text - 1) == 0;
}

/* The parser does not say why: a head that is malformed, or one with more lines than it has room for. */
static int web_wire_refusal_status(const struct web_conn *c)
{
    const char *p = c->sock->input->bytes, *end = p + c->sock->input->size, *line_end;
    unsigned lines = 0; /* the request line is one */

    while ((line_end = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        if (line_end == p || (line_end == p + 1 && *p == '\r'))
            break;
        lines++;
        p = line_end + 1;
    }
    return lines > H2O_MAX_HEADERS + 1 ? 431 : 400;
}

/* Take up to one record's worth from the front of bufs. */
static size_t web_wire_gather(h2o_iovec_t **bufs, size_t *n)
{
    size_t used = 0;

    while (*n != 0 && used < WEB_RECORD_MAX) {
        h2o_iovec_t *b = *bufs;
        size_t take = b->len < WEB_RECORD_MAX - used ? b->len : WEB_RECORD_MAX - used;

        memcpy(web_record + used, b->base, take);
        used += take;
        b->base += take;
        b->len -= take;
        if (b->len == 0)
            ++*bufs, --*n;
    }
    return used;
}

/* Short records for short writes (tls.h says why), long ones for what would take several. */
static void web_wire_record_max(struct web_conn *c, const h2o_iovec_t *bufs, size_t n)
{
    unsigned max = TLS_RECORD_BYTES;
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        len += bufs[i].len;
    if (len > TLS_RECORD_BYTES)
        max = WEB_RECORD_MAX;
    /* The second call because a lower maximum takes the split down and a higher one leaves it. */
    if (c->ssl != NULL && c->record_max != max && SSL_set_max_send_fragment(c->ssl, max) == 1 &&
        SSL_set_split_send_fragment(c->ssl, max) == 1)
        c->record_max = max;
}

void h2o_socket_write(h2o_socket_t *sock, h2o_iovec_t *bufs, size_t n, h2o_socket_cb cb)
{
    struct web_conn *c = sock->on_close.data; /* the program has no other h2o sockets */
    h2o_iovec_t rest[8];                      /* h2o passes at most head, size, data, end */
    size_t used;

    if (c->dead) {
        real_socket_write(sock, NULL, 0, cb); /* uv_shim.c makes it fail from the loop */
        return;
    }
    if (web_wire_is_refusal(c, bufs, n) && web_conn_request(c) != NULL) {
        web_request_refuse(c, c->h2o_req, web_wire_refusal_status(c));
        return;
    }
    web_wire_record_max(c, bufs, n);
    if (sock->ssl == NULL || n < 2 || n >= sizeof rest / sizeof rest[0]) {
        real_socket_write(sock, bufs, n, cb);
        return;
    }
    used = web_wire_gather(&bufs, &n);
    rest[0] = h2o_iovec_init(web_record, used);
    memcpy(rest + 1, bufs, n * sizeof *bufs);
    real_socket_write(sock, rest, n + 1, cb); /* seals everything before it returns */
    explicit_bzero(web_record, used);
}

void h2o_send_error_generic(h2o_req_t *req, int status, const char *reason, const char *body,
                            int flags)
{
    (void)reason, (void)body, (void)flags;
    web_request_refuse(web_conn_of(req), req, status);
}
