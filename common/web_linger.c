/* A lingering close. A request refused before all of it was read (413 for a declared length) leaves
 * bytes in the socket; closing then makes the kernel send a reset, which takes the answer away from
 * a client that is still sending. So the connection says that it will send no more, drops what
 * arrives, and closes when the client has, within WEB_LINGER_MS and WEB_LINGER_MAX. */
#include "web_inside.h"

#include <sys/socket.h>

static __thread char web_linger_sink[65536]; /* what is dropped; nobody reads it */

static void web_linger_end(struct web_conn *c)
{
    uv_close_cb cb = c->linger_cb;

    explicit_bzero(web_linger_sink, sizeof web_linger_sink);
    c->linger_cb = NULL;
    c->shim.closing = NULL;
    uv_close((uv_handle_t *)&c->tcp, cb);
}

static void web_linger_alloc_cb(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    (void)h, (void)size;
    *buf = uv_buf_init(web_linger_sink, sizeof web_linger_sink);
}

static void web_linger_read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct web_conn *c = H2O_STRUCT_FROM_MEMBER(struct web_conn, tcp, s);

    (void)buf;
    if (n > 0)
        c->lingered += (size_t)n;
    if (n < 0 || c->lingered > WEB_LINGER_MAX)
        web_linger_end(c);
}

bool web_linger_begin(struct uv_shim *w, uv_close_cb cb)
{
    struct web_conn *c = H2O_STRUCT_FROM_MEMBER(struct web_conn, shim, w);
    uv_os_fd_t fd;

    if (!c->refused || c->dead || uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 ||
        shutdown(fd, SHUT_WR) != 0 ||
        uv_read_start(w->stream, web_linger_alloc_cb, web_linger_read_cb) != 0)
        return false;
    c->linger_cb = cb;
    c->linger_ms = uv_now(c->server->config.loop);
    return true;
}

void web_linger_check(struct web_conn *c, uint64_t now_ms)
{
    if (now_ms - c->linger_ms >= WEB_LINGER_MS)
        web_linger_end(c);
}
