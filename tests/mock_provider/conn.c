#include "conn.h"

#include "answer.h"
#include "control.h"
#include "wire.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 << 10,
    REQUEST_MAX = 128 << 20,
    CUT_PAUSE_NS = 3000000,
    STEP_PAUSE_NS = 50000
};

static struct conn *free_list; /* their buffers are kept, so a warm connection allocates nothing */

void conn_close(struct conn *c, bool reset)
{
    struct linger now = {1, 0};

    answer_end(c, c->faulted ? OUTCOME_FAULT : OUTCOME_ABORTED);
    loop_timer_stop(&c->timer);
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (c->ssl != NULL)
        SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->fd = -1;
    counters_of(c->listener->no)->open--;
    c->next_free = free_list;
    free_list = c;
}

static void conn_want(struct conn *c, bool write)
{
    if (c->want_write == write)
        return;
    c->want_write = write;
    loop_change(c->fd, EPOLLIN | EPOLLRDHUP | (write ? EPOLLOUT : 0), &c->watch);
}

/* Bytes read, 0 when there are none now, -1 when the caller is gone. */
static ssize_t conn_recv(struct conn *c, void *p, size_t n)
{
    if (c->ssl != NULL) {
        int r = SSL_read(c->ssl, p, (int)n);
        if (r > 0)
            return r;
        int e = SSL_get_error(c->ssl, r);
        ERR_clear_error();
        return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    ssize_t r = read(c->fd, p, n);
    if (r > 0)
        return r;
    return r < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t conn_send(struct conn *c, const void *p, size_t n)
{
    if (c->ssl != NULL) {
        int r = SSL_write(c->ssl, p, n > READ_BYTES ? READ_BYTES : (int)n);
        if (r > 0)
            return r;
        int e = SSL_get_error(c->ssl, r);
        ERR_clear_error();
        return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL);
    if (r > 0)
        return r;
    return r < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

void conn_head(struct conn *c, unsigned status, const char *type)
{
    BYTES_LIT(&c->out, "HTTP/1.1 ");
    bytes_u64(&c->out, status);
    bytes_str(&c->out, status == 200 ? " OK\r\n" : " Error\r\n");
    BYTES_LIT(&c->out, "Content-Type: ");
    bytes_str(&c->out, type);
    BYTES_LIT(&c->out, "\r\n");
    if (c->job.spec.connection_close)
        BYTES_LIT(&c->out, "Connection: close\r\n");
}

void conn_whole(struct conn *c, unsigned status, const char *type, const void *p, size_t n)
{
    conn_head(c, status, type);
    BYTES_LIT(&c->out, "Content-Length: ");
    bytes_u64(&c->out, n);
    BYTES_LIT(&c->out, "\r\n\r\n");
    bytes_put(&c->out, p, n);
    c->limit = c->out.len;
    c->state = CONN_DRAINING;
    c->after = c->job.spec.connection_close ? AFTER_CLOSE : AFTER_KEEP;
}

struct view conn_header(const struct conn *c, const char *lower_name)
{
    size_t len = strlen(lower_name);
    struct view rest = c->head;

    for (;;) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        if (end == NULL)
            return VIEW_EMPTY;
        rest = view_from(rest, (size_t)(end - rest.ptr) + 1);
        if (rest.len <= len || rest.ptr[len] != ':' ||
            strncasecmp((const char *)rest.ptr, lower_name, len) != 0)
            continue;
        struct view v = view_from(rest, len + 1);
        while (v.len != 0 && *v.ptr == ' ')
            v = view_from(v, 1);
        const uint8_t *cr = memchr(v.ptr, '\r', v.len);
        if (cr != NULL)
            v.len = (size_t)(cr - v.ptr);
        return v;
    }
}

/* Joins a chunked request body. 1: complete, request_len set; 0: more to come; -1: malformed. */
static int conn_unchunk(struct conn *c, size_t from)
{
    size_t at = from;

    c->joined.len = 0;
    for (;;) {
        const char *p = c->in.ptr + at;
        const char *end = memchr(p, '\n', c->in.len - at);
        if (end == NULL)
            return 0;
        size_t size = strtoul(p, NULL, 16);
        at = (size_t)(end - c->in.ptr) + 1;
        if (size > REQUEST_MAX)
            return -1;
        if (c->in.len - at < size + 2)
            return 0;
        bytes_put(&c->joined, c->in.ptr + at, size);
        at += size + 2;
        if (size != 0)
            continue;
        c->request_len = at;
        c->body = view_of(c->joined.ptr, c->joined.len);
        return 1;
    }
}

/* Is there a whole request at the front of in? Same answers as conn_unchunk. */
static int conn_whole_request(struct conn *c)
{
    const char *end = memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4);
    uint64_t length = 0;

    if (end == NULL)
        return c->in.len > READ_BYTES ? -1 : 0;
    size_t head = (size_t)(end - c->in.ptr) + 4;
    c->head = view_of(c->in.ptr, head);
    if (conn_header(c, "transfer-encoding").len != 0)
        return conn_unchunk(c, head);
    struct view v = conn_header(c, "content-length");
    if (v.len != 0 && (!view_u64(v, &length) || length > REQUEST_MAX))
        return -1;
    if (c->in.len < head + length) {
        bytes_reserve(&c->in, head + length - c->in.len + 1);
        return 0;
    }
    c->request_len = head + length;
    c->body = view_of(c->in.ptr + head, length);
    return 1;
}

static void conn_route(struct conn *c)
{
    struct view line = c->head, path;
    const uint8_t *space = memchr(line.ptr, ' ', line.len);

    c->out.len = c->sent = c->limit = 0;
    c->events_sent = 0;
    c->faulted = c->recorded = false;
    c->after = AFTER_KEEP;
    spec_init(&c->job.spec);
    if (space == NULL) {
        conn_whole(c, 400, "text/plain", "", 0);
        return;
    }
    path = view_from(line, (size_t)(space - line.ptr) + 1);
    const uint8_t *end = memchr(path.ptr, ' ', path.len);
    path.len = end != NULL ? (size_t)(end - path.ptr) : path.len;
    bool post = view_starts(line, VIEW_LIT("POST "));
    const struct wire *wire = wire_of(path);
    if (view_starts(path, VIEW_LIT("/mock/")))
        control_answer(c, post, path);
    else if (post && wire != NULL)
        answer_start(c, wire);
    else
        conn_whole(c, 404, "application/json", "{\"error\":{\"message\":\"no such path\"}}", 37);
}

/* Answers every whole request that is waiting, until one takes time. */
static void conn_parse(struct conn *c)
{
    while (c->state == CONN_READING && c->in.len != 0) {
        int r = conn_whole_request(c);
        if (r == 0)
            return;
        if (r < 0) {
            conn_close(c, false);
            return;
        }
        conn_route(c);
        conn_pump(c);
        if (c->fd < 0)
            return;
    }
}

/* True when everything that may leave has left. */
static bool conn_flush(struct conn *c)
{
    size_t limit = c->limit < c->out.len ? c->limit : c->out.len;

    while (c->sent < limit) {
        ssize_t n = conn_send(c, c->out.ptr + c->sent, limit - c->sent);
        if (n < 0) {
            conn_close(c, false);
            return false;
        }
        if (n == 0) {
            conn_want(c, true);
            return false;
        }
        c->sent += (size_t)n;
        counters_of(c->listener->no)->bytes_out += (uint64_t)n;
    }
    conn_want(c, false);
    return true;
}

/* The answer has left: what now? */
static void conn_finish(struct conn *c)
{
    switch (c->after) {
    case AFTER_KEEP:
        answer_end(c, c->faulted ? OUTCOME_FAULT : OUTCOME_DONE);
        bytes_drop(&c->in, c->request_len);
        c->state = CONN_READING;
        return;
    case AFTER_CLOSE:
        answer_end(c, c->faulted ? OUTCOME_FAULT : OUTCOME_DONE);
        conn_close(c, false);
        return;
    case AFTER_RESET:
        conn_close(c, true);
        return;
    case AFTER_STALL:
        c->state = CONN_STALLED;
        return;
    }
}

void conn_pump(struct conn *c)
{
    while (c->fd >= 0 && (c->state == CONN_PLAYING || c->state == CONN_DRAINING)) {
        if (!conn_flush(c))
            return;
        if (c->sent < c->out.len) { /* told to pause in the middle */
            uint64_t pause = c->job.spec.step != 0 ? STEP_PAUSE_NS : CUT_PAUSE_NS;
            loop_timer_set(&c->timer, loop_clock_ns() + pause);
            return;
        }
        if (c->state == CONN_DRAINING) {
            conn_finish(c);
            return;
        }
        c->out.len = c->sent = 0;
        if (!answer_next(c))
            return;
    }
}

static void conn_timer(struct timer *t)
{
    struct conn *c = CONTAINER(t, struct conn, timer);

    if (c->state == CONN_DELAY)
        answer_begin(c);
    else if (c->sent < c->out.len) /* the pause in the middle is over */
        c->limit = c->job.spec.step != 0 ? c->limit + c->job.spec.step : c->out.len;
    conn_pump(c);
    if (c->fd >= 0)
        conn_parse(c);
}

static bool conn_handshake(struct conn *c)
{
    int r = SSL_do_handshake(c->ssl);

    if (r == 1) {
        c->state = CONN_READING;
        return true;
    }
    int e = SSL_get_error(c->ssl, r);
    ERR_clear_error();
    if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
        conn_close(c, false);
    return false;
}

static void conn_ready(struct watch *w, uint32_t events)
{
    struct conn *c = CONTAINER(w, struct conn, watch);

    if (c->state == CONN_HANDSHAKE && !conn_handshake(c))
        return;
    for (;;) {
        bytes_reserve(&c->in, READ_BYTES);
        size_t room = c->in.cap - c->in.len;
        ssize_t n = conn_recv(c, c->in.ptr + c->in.len, room);
        if (n < 0 || c->in.len > REQUEST_MAX) {
            conn_close(c, false);
            return;
        }
        c->in.len += (size_t)n;
        counters_of(c->listener->no)->bytes_in += (uint64_t)n;
        if (n == 0 || (c->ssl == NULL && (size_t)n < room))
            break;
    }
    if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0 && c->state != CONN_READING) {
        conn_close(c, false);
        return;
    }
    if (events & EPOLLOUT)
        conn_pump(c);
    if (c->fd >= 0)
        conn_parse(c);
}

static struct conn *conn_new(struct listener *l, int fd)
{
    struct conn *c = free_list;

    if (c != NULL)
        free_list = c->next_free;
    else
        c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    c->watch.ready = conn_ready;
    c->timer = (struct timer){.fire = conn_timer};
    c->listener = l;
    c->fd = fd;
    c->state = CONN_READING;
    c->in.len = c->out.len = c->sent = c->limit = 0;
    c->want_write = c->recorded = c->faulted = false;
    if (l->tls != NULL) {
        c->ssl = SSL_new(l->tls);
        if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
            abort();
        SSL_set_accept_state(c->ssl);
        c->state = CONN_HANDSHAKE;
    }
    return c;
}

void conn_accept(struct listener *l)
{
    static const int one = 1;

    for (;;) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        counters_of(l->no)->connections++;
        counters_of(l->no)->open++;
        loop_add(fd, EPOLLIN | EPOLLRDHUP, &conn_new(l, fd)->watch);
    }
}
