#include "load_client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void client_want(struct client *c, bool write)
{
    struct epoll_event e = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c};

    if (c->want_write != write)
        epoll_ctl(c->load->epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
    c->want_write = write;
}

void client_close(struct client *c)
{
    if (c->ssl != NULL)
        SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->state = CLIENT_CLOSED;
}

static void client_fail(struct client *c)
{
    ERR_clear_error();
    c->load->errors += c->state != CLIENT_IDLE;
    client_close(c);
}

void client_open(struct client *c, struct load *l)
{
    static const int one = 1;
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};

    *c = (struct client){.load = l, .state = CLIENT_CONNECTING, .want_write = true};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (c->fd < 0 || (connect(c->fd, (struct sockaddr *)&l->address, sizeof l->address) != 0 &&
                      errno != EINPROGRESS)) {
        perror("connect");
        exit(1);
    }
    l->connects++;
    if (l->tls != NULL) {
        c->ssl = SSL_new(l->tls);
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_tlsext_host_name(c->ssl, "localhost");
        SSL_set_connect_state(c->ssl);
    }
    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

/* As read and write, but -1 means later and -2 the end. */
static ssize_t client_io(struct client *c, void *p, size_t n, bool write)
{
    if (c->ssl == NULL) {
        ssize_t r = write ? send(c->fd, p, n, MSG_NOSIGNAL) : recv(c->fd, p, n, 0);
        return r > 0 ? r : r < 0 && errno == EAGAIN ? -1 : -2;
    }
    int r = write ? SSL_write(c->ssl, p, (int)n) : SSL_read(c->ssl, p, (int)n);
    if (r > 0)
        return r;
    int e = SSL_get_error(c->ssl, r);
    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? -1 : -2;
}

static void client_send(struct client *c)
{
    struct load *l = c->load;

    if (c->sent == 0 && l->keys != NULL)
        memcpy(l->request + l->key_at, l->keys + l->key_len * (l->key_next++ % l->keys_n), l->key_len);
    while (c->sent < l->request_len) {
        ssize_t n = client_io(c, l->request + c->sent, l->request_len - c->sent, true);
        if (n == -2) {
            client_fail(c);
            return;
        }
        if (n == -1) {
            client_want(c, true);
            return;
        }
        c->sent += (size_t)n;
    }
    client_want(c, false);
    c->state = CLIENT_HEAD;
}

void client_begin(struct client *c, uint64_t due_ns)
{
    c->due_ns = due_ns;
    c->sent_ns = now_ns();
    c->sent = c->head_len = c->line_len = 0;
    c->first_seen = false;
    c->state = CLIENT_SENDING;
    client_send(c);
}

static uint64_t stamp(const char *text, const char *name)
{
    const char *p = strstr(text, name);

    return p != NULL ? strtoull(p + strlen(name), NULL, 10) : 0;
}

/* A line of an event stream, or the first bytes of a JSON body. */
static void client_line(struct client *c, uint64_t now)
{
    static const char *const texts[] = {"\"content\":\"@", "\"text\":\"@", "\"delta\":\"@"}; /* of each dialect */
    struct load *l = c->load;

    c->line[c->line_len] = '\0';
    uint64_t arrived = stamp(c->line, "\"mock_arrived_ns\":");
    uint64_t left = stamp(c->line, "\"mock_sent_ns\":");
    for (size_t i = 0; left == 0 && i < sizeof texts / sizeof texts[0]; i++)
        left = stamp(c->line, texts[i]);
    bool event = l->stream && strncmp(c->line, "data:", 5) == 0;

    if (event)
        l->chunks++;
    if (!c->first_seen && (event || !l->stream)) {
        c->first_seen = true;
        l->with_event++;
        if (arrived != 0)
            histogram_add(&l->added, (arrived - c->sent_ns) + (now - left));
    }
    if (event && left != 0)
        histogram_add(&l->transit, now - left);
    c->line_len = 0;
}

static void client_text(struct client *c, const char *p, size_t n, uint64_t now)
{
    for (size_t i = 0; i < n; i++) {
        if (c->load->stream && p[i] == '\n')
            client_line(c, now);
        else if (c->line_len < sizeof c->line - 1)
            c->line[c->line_len++] = p[i];
    }
}

static void client_done(struct client *c, uint64_t now)
{
    struct load *l = c->load;

    if (!l->stream)
        client_line(c, now);
    l->requests++;
    histogram_add(&l->total, now - c->due_ns);
    c->state = CLIENT_IDLE;
    if (strcasestr(c->head, "connection: close") != NULL)
        client_close(c);
}

/* Returns the bytes used of p, or -1. */
static ssize_t client_head(struct client *c, const char *p, size_t n, uint64_t now)
{
    size_t before = c->head_len, take = sizeof c->head - 1 - before;

    if (take > n)
        take = n;
    memcpy(c->head + before, p, take);
    c->head_len += take;
    c->head[c->head_len] = '\0';
    char *end = strstr(c->head, "\r\n\r\n");
    if (end == NULL)
        return c->head_len == sizeof c->head - 1 ? -1 : (ssize_t)take;
    end[2] = '\0';
    c->chunked = strcasestr(c->head, "transfer-encoding: chunked") != NULL;
    const char *length = strcasestr(c->head, "content-length:");
    c->left = length != NULL ? strtoull(length + 15, NULL, 10) : 0;
    c->chunk_state = 0;
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0)
        c->load->errors++;
    histogram_add(&c->load->first, now - c->due_ns);
    c->state = CLIENT_BODY;
    return (ssize_t)((size_t)(end + 4 - c->head) - before);
}

/* Returns true when the body is complete. */
static bool client_chunked(struct client *c, const char *p, size_t n, uint64_t now)
{
    for (size_t i = 0; i < n; i++) {
        switch (c->chunk_state) {
        case 0: /* the size line */
            if (p[i] == '\n')
                c->chunk_state = c->left != 0 ? 1 : 3;
            else if (p[i] != '\r')
                c->left =
                    c->left * 16 + (uint64_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
            break;
        case 1: { /* data */
            size_t take = n - i < c->left ? n - i : (size_t)c->left;
            client_text(c, p + i, take, now);
            i += take - 1;
            c->left -= take;
            c->chunk_state = c->left == 0 ? 2 : 1;
            break;
        }
        case 2: /* the line end after data */
            if (p[i] == '\n')
                c->chunk_state = 0;
            break;
        default: /* the empty line after the last chunk */
            if (p[i] == '\n')
                return true;
        }
    }
    return false;
}

static bool client_feed(struct client *c, const char *p, size_t n, uint64_t now)
{
    if (c->state == CLIENT_HEAD) {
        ssize_t used = client_head(c, p, n, now);
        if (used < 0)
            return false;
        p += used;
        n -= (size_t)used;
        if (c->state == CLIENT_HEAD)
            return true;
    }
    if (c->chunked) {
        if (client_chunked(c, p, n, now))
            client_done(c, now);
        return true;
    }
    size_t take = n < c->left ? n : (size_t)c->left;
    client_text(c, p, take, now);
    c->left -= take;
    if (c->left == 0)
        client_done(c, now);
    return true;
}

static void client_receive(struct client *c)
{
    char bytes[32 << 10];

    for (;;) {
        ssize_t n = client_io(c, bytes, sizeof bytes, false);
        if (n == -1)
            return;
        if (n == -2) {
            client_fail(c);
            return;
        }
        c->load->bytes += (uint64_t)n;
        if (c->state != CLIENT_HEAD && c->state != CLIENT_BODY)
            continue;
        if (!client_feed(c, bytes, (size_t)n, now_ns())) {
            client_fail(c);
            return;
        }
        if (c->load->abort_streams && c->first_seen) {
            c->load->requests++;
            client_close(c);
        }
        if (c->state == CLIENT_CLOSED || (c->ssl == NULL && (size_t)n < sizeof bytes))
            return;
    }
}

static void client_connected(struct client *c)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (c->ssl != NULL) {
        int r = SSL_do_handshake(c->ssl);
        int e = SSL_get_error(c->ssl, r);
        if (r != 1) {
            if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
                client_fail(c);
            else
                client_want(c, e == SSL_ERROR_WANT_WRITE);
            return;
        }
    } else if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        client_fail(c);
        return;
    }
    client_want(c, false);
    c->state = CLIENT_IDLE;
}

void client_ready(struct client *c, uint32_t events)
{
    switch (c->state) {
    case CLIENT_CONNECTING:
        client_connected(c);
        return;
    case CLIENT_SENDING:
        if (events & EPOLLOUT)
            client_send(c);
        return;
    case CLIENT_IDLE: /* session tickets, or the other side closes */
    case CLIENT_HEAD:
    case CLIENT_BODY:
        client_receive(c);
        return;
    case CLIENT_CLOSED:
        return;
    }
}
