#include "conn.h"

#include "address.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>

enum { READ_BYTES = 64 << 10, PLAIN_BYTES = 16 << 10 };

struct conn {
    uv_tcp_t tcp;
    uv_connect_t connect;
    SSL *ssl; /* owns both memory BIOs */
    const struct conn_events *events;
    void *cookie;
    enum err error;  /* told by closed() */
    size_t waiting;  /* bytes handed to uv_write and not yet written */
    bool ready, paused, finishing, closing;
    bool spoken; /* the peer has sent something */
    uint8_t plain[PLAIN_BYTES];
};

struct out {
    uv_write_t req;
    struct conn *conn;
    size_t len;
    uint8_t bytes[];
};

static void conn_closed_cb(uv_handle_t *h)
{
    struct conn *c = h->data;

    c->events->closed(c->cookie, c->error);
    SSL_free(c->ssl);
    OPENSSL_cleanse(c->plain, sizeof c->plain);
    free(c);
}

void conn_close(struct conn *c, enum err e)
{
    if (c->closing)
        return;
    c->closing = true;
    c->error = e;
    uv_close((uv_handle_t *)&c->tcp, conn_closed_cb);
}

void conn_finish(struct conn *c)
{
    c->finishing = true;
    if (c->waiting == 0)
        conn_close(c, ERR_NONE);
    else
        uv_read_stop((uv_stream_t *)&c->tcp);
}

static void conn_write_cb(uv_write_t *req, int status)
{
    struct out *o = (struct out *)req;
    struct conn *c = o->conn;

    c->waiting -= o->len;
    free(o);
    if (status < 0 && !c->closing)
        conn_close(c, ERR_IO);
    else if (c->finishing && c->waiting == 0)
        conn_close(c, ERR_NONE);
}

/* Whatever OpenSSL has put into the write BIO goes to the socket. */
static enum err conn_flush(struct conn *c)
{
    char *bytes;
    long len = BIO_get_mem_data(SSL_get_wbio(c->ssl), &bytes);
    struct out *o;
    uv_buf_t b;

    if (len <= 0)
        return ERR_NONE;
    if ((size_t)len > CONN_WAITING_MAX - c->waiting)
        return ERR_LIMIT;
    o = malloc(sizeof *o + (size_t)len);
    if (o == NULL)
        return ERR_MEMORY;
    o->conn = c;
    o->len = (size_t)len;
    memcpy(o->bytes, bytes, (size_t)len);
    (void)BIO_reset(SSL_get_wbio(c->ssl));
    b = uv_buf_init((char *)o->bytes, (unsigned)len);
    if (uv_write(&o->req, (uv_stream_t *)&c->tcp, &b, 1, conn_write_cb) != 0) {
        free(o);
        return ERR_IO;
    }
    c->waiting += (size_t)len;
    return ERR_NONE;
}

enum err conn_send(struct conn *c, struct view bytes)
{
    enum err e = ERR_NONE;
    size_t written;

    assert(c->ready);
    if (!conn_open(c))
        return ERR_CANCELLED;
    if (bytes.len > CONN_WAITING_MAX - c->waiting)
        e = ERR_LIMIT;
    else if (SSL_write_ex(c->ssl, bytes.ptr, bytes.len, &written) != 1)
        e = ERR_TLS; /* a memory BIO never asks to wait */
    else
        e = conn_flush(c);
    if (e != ERR_NONE)
        conn_close(c, e);
    return e;
}

/* True when OpenSSL only wants more bytes. */
static bool wants_more(struct conn *c, int result)
{
    int why = SSL_get_error(c->ssl, result);

    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ;
}

static void conn_handshake(struct conn *c)
{
    int r = SSL_do_handshake(c->ssl);
    bool more = r != 1 && wants_more(c, r);
    enum err e = conn_flush(c); /* an alert, too, should leave */

    if (e != ERR_NONE || (r != 1 && !more)) {
        conn_close(c, e != ERR_NONE ? e : ERR_TLS);
        return;
    }
    if (r == 1) {
        c->ready = true;
        c->events->ready(c->cookie);
    }
}

static void conn_decrypt(struct conn *c)
{
    while (conn_open(c) && !c->paused) {
        size_t n;
        int r = SSL_read_ex(c->ssl, c->plain, sizeof c->plain, &n);

        if (r != 1) {
            if (SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN)
                conn_close(c, ERR_NONE);
            else if (!wants_more(c, r))
                conn_close(c, ERR_TLS);
            break;
        }
        c->events->bytes(c->cookie, view_of(c->plain, n));
    }
    if (!c->closing && conn_flush(c) != ERR_NONE) /* key updates */
        conn_close(c, ERR_IO);
}

static void conn_alloc_cb(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    static _Thread_local char scratch[READ_BYTES]; /* ciphertext, used up before the next read */

    (void)h;
    (void)suggested;
    *out = uv_buf_init(scratch, sizeof scratch);
}

static void conn_read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = s->data;

    if (n == 0)
        return;
    if (n < 0) {
        conn_close(c, n == UV_EOF ? ERR_NONE : ERR_IO);
        return;
    }
    c->spoken = true;
    if (BIO_write(SSL_get_rbio(c->ssl), b->base, (int)n) != (int)n) {
        conn_close(c, ERR_MEMORY);
        return;
    }
    if (!c->ready)
        conn_handshake(c);
    if (c->ready)
        conn_decrypt(c);
}

void conn_pause(struct conn *c)
{
    c->paused = true;
    uv_read_stop((uv_stream_t *)&c->tcp);
}

void conn_resume(struct conn *c)
{
    if (!c->paused || !conn_open(c))
        return;
    c->paused = false;
    if (uv_read_start((uv_stream_t *)&c->tcp, conn_alloc_cb, conn_read_cb) != 0) {
        conn_close(c, ERR_IO);
        return;
    }
    conn_decrypt(c); /* records that were already here */
}

static enum err conn_tls(struct conn *c, SSL_CTX *tls)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    c->ssl = SSL_new(tls);
    if (c->ssl == NULL || in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        return ERR_MEMORY; /* c->ssl is freed with c */
    }
    SSL_set_bio(c->ssl, in, out);
    return ERR_NONE;
}

static enum err conn_begin(struct conn *c)
{
    if (uv_tcp_nodelay(&c->tcp, 1) != 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, conn_alloc_cb, conn_read_cb) != 0)
        return ERR_IO;
    return ERR_NONE;
}

static void conn_refused_cb(uv_handle_t *h)
{
    struct conn *c = h->data;

    SSL_free(c->ssl);
    free(c);
}

static struct conn *conn_new(uv_loop_t *loop, const struct conn_events *events, void *cookie)
{
    struct conn *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    if (uv_tcp_init(loop, &c->tcp) != 0) {
        free(c);
        return NULL;
    }
    c->tcp.data = c;
    c->events = events;
    c->cookie = cookie;
    return c;
}

/* What failed was never announced to anybody: it goes without closed(). */
static enum err conn_give(struct conn *c, enum err e, struct conn **out)
{
    if (e == ERR_NONE)
        *out = c;
    else
        uv_close((uv_handle_t *)&c->tcp, conn_refused_cb);
    return e;
}

enum err conn_accept(uv_stream_t *listener, SSL_CTX *tls, const struct conn_events *events,
                     void *cookie, struct conn **out)
{
    struct conn *c = conn_new(listener->loop, events, cookie);
    enum err e;

    if (c == NULL)
        return ERR_MEMORY;
    e = uv_accept(listener, (uv_stream_t *)&c->tcp) == 0 ? conn_tls(c, tls) : ERR_IO;
    if (e == ERR_NONE) {
        SSL_set_accept_state(c->ssl);
        e = conn_begin(c);
    }
    return conn_give(c, e, out);
}

static void conn_connect_cb(uv_connect_t *req, int status)
{
    struct conn *c = req->data;

    if (c->closing)
        return;
    if (status < 0 || conn_begin(c) != ERR_NONE)
        conn_close(c, ERR_CONNECT);
    else
        conn_handshake(c);
}

enum err conn_connect(uv_loop_t *loop, const struct sockaddr *address, SSL_CTX *tls,
                      const struct conn_events *events, void *cookie, struct conn **out)
{
    struct conn *c = conn_new(loop, events, cookie);
    enum err e;

    if (c == NULL)
        return ERR_MEMORY;
    e = conn_tls(c, tls);
    if (e == ERR_NONE) {
        SSL_set_connect_state(c->ssl);
        c->connect.data = c;
        if (uv_tcp_connect(&c->connect, &c->tcp, address, conn_connect_cb) != 0)
            e = ERR_CONNECT;
    }
    return conn_give(c, e, out);
}

SSL *conn_ssl(struct conn *c)
{
    return c->ssl;
}

void conn_address(const struct conn *c, uint8_t out[static 16])
{
    address_of_peer(&c->tcp, out);
}

bool conn_has_spoken(const struct conn *c)
{
    return c->spoken || address_has_spoken(&c->tcp);
}

bool conn_open(const struct conn *c)
{
    return !c->closing && !c->finishing;
}
