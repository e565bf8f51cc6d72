/* The server: its listener, its connections, its start and its end. */
#include "web.h"
#include "address.h"
#include "secret.h"
#include "web_inside.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_once_t web_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t web_tls_lock = PTHREAD_MUTEX_INITIALIZER;

/* Whole-process settings. h2o would write bodies of 16 MiB and more to /tmp, in clear. And libuv
 * writes without MSG_NOSIGNAL: a client that left must be an error, not the end of the process. */
static void web_setup_process(void)
{
    struct sigaction now;

    h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

/* Per thread: 8 KiB input buffers go through free(), which wipes, not through a recycler. */
static void web_setup_thread(void)
{
    h2o_socket_buffer_prototype.allocator.max = 0;
}

static void web_check_drained(struct web_server *s)
{
    void (*drained)(void *) = s->drained;

    if (!s->stopping || s->listening || s->counters.connections_open != 0 || drained == NULL)
        return;
    s->drained = NULL;
    drained(s->drained_cookie);
}

/* --- connections */

struct web_conn *web_conn_of(const h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

struct web_find {
    struct web_conn *conn;
    h2o_req_t *found;
};

static int web_conn_request_cb(h2o_req_t *req, void *cookie)
{
    struct web_find *f = cookie;

    if (req->conn->callbacks->get_socket(req->conn) != f->conn->sock)
        return 0;
    f->found = req;
    return 1;
}

/* h2o keeps the request inside its connection, so one search per connection is enough, and only
 * connections that misbehave before their first request need it. */
h2o_req_t *web_conn_request(struct web_conn *c)
{
    struct web_find f = {c, NULL};

    if (c->h2o_req == NULL && c->sock != NULL) {
        c->server->globalconf.http1.callbacks.foreach_request(&c->server->context,
                                                              web_conn_request_cb, &f);
        c->h2o_req = f.found;
    }
    return c->h2o_req;
}

/* End both directions; h2o then closes as if the peer had, and pending writes fail. */
void web_conn_shutdown(struct web_conn *c)
{
    uv_os_fd_t fd;

    c->cut = true;
    web_body_forget(c); /* which reads on: else nobody would see the end */
    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
        shutdown(fd, SHUT_RDWR);
}

static void web_conn_after_read(struct uv_shim *w)
{
    struct web_conn *c = H2O_STRUCT_FROM_MEMBER(struct web_conn, shim, w);
    bool room;
    h2o_req_t *req;

    if (c->sock == NULL || c->request.state != WEB_IDLE)
        return;
    if (c->place == WEB_PLACE_SILENT || c->place == WEB_PLACE_SERVED)
        web_place_move(c, WEB_PLACE_SPEAKING);
    room = web_body_charge(c);
    if (c->sock->input->size == 0)
        return;
    if (c->reading_ms == 0)
        web_sweep_begin(c, uv_now(c->server->config.loop));
    if (room && c->held == 0)
        return; /* less than WEB_INPUT_BYTES, which any rate has time for */
    req = web_conn_request(c);
    if (req == NULL) {
        web_conn_shutdown(c);
    } else if (req->version != 0) {
        web_sweep_progress(c);
        web_body_arriving(c, req, room);
    } else if (!room) {
        web_request_refuse(c, req, 503);
    } else if (c->sock->input->size > WEB_HEAD_MAX) {
        web_request_refuse(c, req, 431); /* still in its head */
    }
}

/* Something arrived during a request: more requests, or the end of the client. */
static void web_conn_stirred(struct uv_shim *w)
{
    struct web_conn *c = H2O_STRUCT_FROM_MEMBER(struct web_conn, shim, w);
    uint64_t acked;

    if (c->sock != NULL && c->request.state != WEB_IDLE && web_sweep_departed(&c->request, &acked))
        web_stream_cut(&c->request);
}

/* h2o has closed the socket; the handle follows. */
static void web_conn_closed_cb(void *cookie)
{
    struct web_conn *c = cookie;

    c->sock = NULL;
    c->ssl = NULL;
    c->h2o_req = NULL;
    web_body_forget(c);
    (void)web_body_charge(c); /* only gives back */
    assert(c->request.state == WEB_IDLE); /* every way h2o closes ends the request first */
}

static void web_conn_free_cb(uv_handle_t *h)
{
    struct web_conn *c = H2O_STRUCT_FROM_MEMBER(struct web_conn, tcp, h);
    struct web_server *s = c->server;

    h2o_linklist_unlink(&c->link);
    s->leaving -= c->place == WEB_PLACE_LEAVING;
    web_peers_leave(s, c);
    s->counters.connections_open--;
    free(c);
    web_check_drained(s);
}

static void web_refused_free_cb(uv_handle_t *h)
{
    free(H2O_STRUCT_FROM_MEMBER(struct web_conn, tcp, h));
}

static void web_accept_cb(uv_stream_t *listener, int status)
{
    struct web_server *s = H2O_STRUCT_FROM_MEMBER(struct web_server, listener, listener);
    struct web_conn *c = status == 0 ? calloc(1, sizeof *c) : NULL;

    if (c == NULL)
        return;
    web_setup_thread();
    c->server = s;
    uv_tcp_init(s->config.loop, &c->tcp); /* cannot fail: makes no socket */
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0)
        goto refuse;
    address_of_peer(&c->tcp, c->address);
    if (s->stopping || !web_peers_enter(s, c))
        goto refuse;
    if (s->counters.connections_open - s->leaving >= s->config.limits.connections_max &&
        !web_place_make_room(s, NULL)) {
        web_peers_leave(s, c);
        goto refuse;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    s->counters.connections_open++;
    s->counters.connections_total++;
    c->idle_ms = uv_now(s->config.loop);
    web_place_move(c, WEB_PLACE_SILENT);
    c->sock = h2o_uv_socket_create((uv_stream_t *)&c->tcp, web_conn_free_cb);
    c->sock->on_close.cb = web_conn_closed_cb;
    c->sock->on_close.data = c;
    web_wire_setup(c->sock);
    c->shim.after_read = web_conn_after_read;
    c->shim.stirred = web_conn_stirred;
    c->shim.closing = web_linger_begin;
    uv_shim_watch(&c->shim, &s->shim, (uv_stream_t *)&c->tcp);
    h2o_accept(&s->accept, c->sock);
    return;
refuse:
    uv_close((uv_handle_t *)&c->tcp, web_refused_free_cb);
}

/* --- TLS: h2o keeps to itself which SSL belongs to which connection, and why a handshake failed */

/* h2o drops what OpenSSL has written when a handshake fails, and with it the alert that says why. Until our hello
 * leaves, alerts are plain text: a client with another version of TLS, or for another protocol, is told so. */
static void web_tls_refused(struct web_conn *c, const SSL *ssl, int alert)
{
    char record[] = {SSL3_RT_ALERT, 3, 3, 0, 2, (char)(alert >> 8), (char)(alert & 0xff)};
    uv_buf_t bytes = uv_buf_init(record, sizeof record);
    OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);

    if (state == TLS_ST_BEFORE || state == TLS_ST_SR_CLNT_HELLO)
        (void)uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1); /* the connection ends either way */
}

static void web_tls_info_cb(const SSL *ssl, int where, int ret)
{
    struct web_conn *c = ((h2o_socket_t *)BIO_get_data(SSL_get_rbio(ssl)))->on_close.data;

    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
        c->ssl = (SSL *)ssl;
        if (tls_is_challenge(ssl)) /* RFC 8737: it carries no data. What comes is the end for h2o */
            SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    else if (where == SSL_CB_WRITE_ALERT && ret >> 8 == SSL3_AL_FATAL)
        web_tls_refused(c, ssl, ret);
    else if ((where & SSL_CB_EXIT) != 0 && ret < 0)
        web_plain_answer(c);
}

/* Several servers share one context; only the first writes, before any handshake reads. */
static void web_tls_setup(SSL_CTX *ctx)
{
    pthread_mutex_lock(&web_tls_lock);
    if (SSL_CTX_get_info_callback(ctx) != web_tls_info_cb)
        SSL_CTX_set_info_callback(ctx, web_tls_info_cb);
    pthread_mutex_unlock(&web_tls_lock);
}

/* --- start */

/* A listening socket of our own making: libuv 1.44 has no flag for SO_REUSEPORT. */
static enum err web_bind(struct web_server *s)
{
    enum err e = ERR_IO;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;
    socklen_t len = sizeof a;
    int fd = -1, one = 1, saved;

    memset(&a, 0, sizeof a);
    if (uv_ip4_addr(s->config.host, s->config.port, &a.v4) != 0 &&
        uv_ip6_addr(s->config.host, s->config.port, &a.v6) != 0)
        return ERR_CONFIG;
    fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto done;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0 ||
        bind(fd, &a.any, a.any.sa_family == AF_INET ? sizeof a.v4 : sizeof a.v6) != 0 ||
        getsockname(fd, &a.any, &len) != 0)
        goto done;
    s->port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
    uv_tcp_init(s->config.loop, &s->listener);
    if (uv_tcp_open(&s->listener, fd) != 0)
        goto done;
    s->listener_fd = fd;
    fd = -1; /* the handle's now */
    s->listening = true;
    e = ERR_NONE;
done:
    saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return e;
}

enum err web_listen(struct web_server *s)
{
    assert(s->listening);
    return listen(s->listener_fd, WEB_BACKLOG) == 0 ? ERR_NONE : ERR_IO;
}

enum err web_accept(struct web_server *s)
{
    assert(s->listening);
    return uv_listen((uv_stream_t *)&s->listener, WEB_BACKLOG, web_accept_cb) == 0 ? ERR_NONE
                                                                                  : ERR_IO;
}

static void web_setup_h2o(struct web_server *s)
{
    h2o_hostconf_t *host;
    h2o_pathconf_t *path;

    h2o_config_init(&s->globalconf);
    s->globalconf.server_name = h2o_iovec_init(NULL, 0);
    s->globalconf.http1.upgrade_to_http2 = 0;
    /* h2o's timer runs from the end of the last answer and would cut a late upload short; ours
     * (web_sweep.c) tell idleness from slowness. */
    s->globalconf.http1.req_timeout = 24 * 3600 * 1000;
    /* h2o refuses a chunked body of exactly its limit; web_request.c draws the line itself. */
    s->globalconf.max_request_entity_size = s->config.limits.body_max + 1;
    host = h2o_config_register_host(&s->globalconf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = web_request_handle;
    h2o_context_init(&s->context, s->config.loop, &s->globalconf);
    s->accept.ctx = &s->context;
    s->accept.hosts = s->globalconf.hosts;
    s->accept.ssl_ctx = s->config.tls;
}

static void web_dispose(struct web_server *s)
{
    uv_close((uv_handle_t *)&s->sweep, NULL);
    uv_shim_stop(&s->shim);
    h2o_context_dispose(&s->context); /* runs the loop once, so the handles above end too */
    h2o_config_dispose(&s->globalconf);
    web_peers_free(s);
    free(s);
}

enum err web_start(const struct web_config *config, struct web_server **out)
{
    struct web_server *s = calloc(1, sizeof *s);
    enum err e;
    int saved;

    if (s == NULL)
        return ERR_MEMORY;
    assert(config->handler != NULL && config->limits.sweep_ms != 0);
    pthread_once(&web_once, web_setup_process);
    web_setup_thread();
    s->config = *config;
    for (int i = 0; i < WEB_PLACES; i++)
        h2o_linklist_init_anchor(&s->conns[i]);
    h2o_linklist_init_anchor(&s->running);
    secret_random(&s->peer_seed, sizeof s->peer_seed);
    if (config->tls != NULL)
        web_tls_setup(config->tls);
    uv_shim_start(&s->shim, config->loop); /* uv_timer_init cannot fail */
    uv_timer_init(config->loop, &s->sweep);
    s->sweep.data = s;
    uv_unref((uv_handle_t *)&s->sweep);
    web_setup_h2o(s);
    e = web_bind(s);
    if (e == ERR_NONE && !config->quiet)
        e = web_accept(s);
    if (e != ERR_NONE) {
        saved = errno;
        if (s->listening)
            uv_close((uv_handle_t *)&s->listener, NULL);
        web_dispose(s);
        errno = saved;
        return e;
    }
    uv_timer_start(&s->sweep, web_sweep_cb, config->limits.sweep_ms, config->limits.sweep_ms);
    *out = s;
    return ERR_NONE;
}

uint16_t web_port(const struct web_server *s)
{
    return s->port;
}

struct web_counters web_counters(const struct web_server *s)
{
    return s->counters;
}

/* --- end */

static void web_unlistened_cb(uv_handle_t *h)
{
    struct web_server *s = H2O_STRUCT_FROM_MEMBER(struct web_server, listener, h);

    s->listening = false;
    web_check_drained(s);
}

void web_stop(struct web_server *s, void (*drained)(void *cookie), void *cookie)
{
    assert(!s->stopping);
    s->stopping = true;
    s->drained = drained;
    s->drained_cookie = cookie;
    /* Not h2o_context_request_shutdown(): it arms a timer of HTTP/2 that outlives the context. */
    s->context.shutdown_requested = 1;
    uv_close((uv_handle_t *)&s->listener, web_unlistened_cb);
    /* A client between requests, or still shaking hands, has nothing to lose. */
    for (int i = 0; i < WEB_PLACES; i++)
        for (h2o_linklist_t *n = s->conns[i].next; n != &s->conns[i]; n = n->next) {
            struct web_conn *c = H2O_STRUCT_FROM_MEMBER(struct web_conn, link, n);

            if (c->request.state == WEB_IDLE && c->reading_ms == 0)
                web_conn_shutdown(c);
        }
}

void web_free(struct web_server *s)
{
    if (s == NULL)
        return;
    assert(s->stopping && !s->listening && s->counters.connections_open == 0);
    web_dispose(s);
}
