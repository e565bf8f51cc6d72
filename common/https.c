#include "https.h"

#include "clock.h"
#include "tls.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct https {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd; /* does not block */
    uint64_t deadline_ms;
    char authority[HTTPS_HOST_MAX + 10]; /* for the Host header */
};

static void nobody(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void nobody(const char *fmt, ...)
{
    (void)fmt;
}
static void (*say)(const char *fmt, ...) __attribute__((format(printf, 1, 2))) = nobody;

void https_complain_to(void (*to)(const char *fmt, ...) __attribute__((format(printf, 1, 2))))
{
    say = to;
}

/* --- the URL */

static bool host_byte_ok(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

bool https_url_split(const char *text, struct https_url *out, const char **target)
{
    const char *at = text + 8, *end;
    bool bracket;
    size_t n;

    if (strncmp(text, "https://", 8) != 0)
        return false;
    bracket = *at == '[';
    at += bracket;
    end = at;
    while (host_byte_ok(*end) || (bracket && *end == ':'))
        end++;
    n = (size_t)(end - at);
    if (n == 0 || n > HTTPS_HOST_MAX || (bracket && *end++ != ']'))
        return false;
    memcpy(out->host, at, n);
    out->host[n] = '\0';
    snprintf(out->port, sizeof out->port, "443");
    if (*end == ':') {
        uint64_t port;
        size_t digits = strspn(end + 1, "0123456789");

        if (digits > 5 || !view_u64(view_of(end + 1, digits), &port) || port == 0 || port > 65535)
            return false;
        snprintf(out->port, sizeof out->port, "%u", (unsigned)(port & 0xffff));
        end += 1 + digits;
    }
    *target = end;
    return *end == '\0' || *end == '/';
}

bool https_url_parse(const char *text, struct https_url *out)
{
    const char *target;

    return https_url_split(text, out, &target) && (strcmp(target, "") == 0 || strcmp(target, "/") == 0);
}

/* --- the connection */

/* Until the socket is ready for `events`, or the exchange's time is over (false). */
static bool await(int fd, short events, uint64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n;

    do {
        uint64_t now = clock_mono_ms();

        n = now >= deadline_ms ? 0 : poll(&p, 1, (int)(deadline_ms - now));
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

static bool connected(int fd, const struct addrinfo *a, uint64_t deadline_ms)
{
    socklen_t len = sizeof(int);
    int why = 0;

    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return true;
    return errno == EINPROGRESS && await(fd, POLLOUT, deadline_ms) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) == 0 && why == 0;
}

static int tcp_connect(const struct https_url *u, uint64_t deadline_ms)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list, *a;
    int fd = -1;

    if (getaddrinfo(u->host, u->port, &hints, &list) != 0)
        return -1;
    for (a = list; a != NULL && fd < 0; a = a->ai_next) {
        uint64_t now = clock_mono_ms(), left = deadline_ms > now ? deadline_ms - now : 0;

        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
        if (fd >= 0 && !connected(fd, a, a->ai_next != NULL ? now + left / 3 : deadline_ms)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* With a CA file the name must match as well; OpenSSL takes an address for one when it is. */
static enum err ca_require(struct https *h, const struct https_url *u, const char *ca)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(h->ssl);

    if (SSL_CTX_load_verify_file(h->ctx, ca) != 1) {
        say("%s holds no certificate authority", ca);
        return ERR_CONFIG;
    }
    SSL_set_verify(h->ssl, SSL_VERIFY_PEER, NULL);
    return X509_VERIFY_PARAM_set1_ip_asc(param, u->host) == 1 || SSL_set1_host(h->ssl, u->host) == 1
               ? ERR_NONE
               : ERR_CRYPTO;
}

static enum err tls_begin(struct https *h, const struct https_url *u, const char *ca)
{
    bool is_name = strspn(u->host, "0123456789.:") != strlen(u->host);

    h->ctx = SSL_CTX_new(TLS_client_method());
    if (h->ctx == NULL || SSL_CTX_set_min_proto_version(h->ctx, TLS1_3_VERSION) != 1)
        return ERR_CRYPTO;
    /* Servers that answer "Connection: close" may end without a close alert; the answer's own
     * length says whether it is whole. */
    SSL_CTX_set_options(h->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    h->ssl = SSL_new(h->ctx);
    if (h->ssl == NULL || SSL_set_fd(h->ssl, h->fd) != 1 ||
        (is_name && SSL_set_tlsext_host_name(h->ssl, u->host) != 1))
        return ERR_CRYPTO;
    return ca == NULL ? ERR_NONE : ca_require(h, u, ca);
}

/* After an SSL call that returned n <= 0: ERR_NONE to call it again, ERR_SHORT at the end of the
 * stream, ERR_TOTAL_TIMEOUT, ERR_IO. */
static enum err again(struct https *h, int n)
{
    switch (SSL_get_error(h->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return await(h->fd, POLLIN, h->deadline_ms) ? ERR_NONE : ERR_TOTAL_TIMEOUT;
    case SSL_ERROR_WANT_WRITE:
        return await(h->fd, POLLOUT, h->deadline_ms) ? ERR_NONE : ERR_TOTAL_TIMEOUT;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_SHORT;
    default:
        return ERR_IO;
    }
}

static enum err handshake(struct https *h, const struct https_url *u)
{
    enum err e = ERR_NONE;
    int n;

    while (e == ERR_NONE && (n = SSL_connect(h->ssl)) != 1)
        e = again(h, n);
    if (e == ERR_NONE)
        return e;
    if (SSL_get_verify_result(h->ssl) != X509_V_OK) {
        say("the server's certificate: %s",
                 X509_verify_cert_error_string(SSL_get_verify_result(h->ssl)));
        return ERR_AUTH;
    }
    say("no TLS 1.3 connection with %s port %s%s", u->host, u->port,
             e == ERR_TOTAL_TIMEOUT ? " in time" : "");
    return ERR_TLS;
}

enum err https_open(const struct https_url *u, const char *ca, unsigned timeout_s,
                    struct https **out)
{
    struct https *h = calloc(1, sizeof *h);
    bool v6 = strchr(u->host, ':') != NULL;
    enum err e;

    assert(timeout_s != 0 && timeout_s <= HTTPS_TIMEOUT_MAX_S);
    if (h == NULL)
        return ERR_MEMORY;
    snprintf(h->authority, sizeof h->authority, "%s%s%s:%s", v6 ? "[" : "", u->host, v6 ? "]" : "",
             u->port);
    h->deadline_ms = clock_mono_ms() + timeout_s * UINT64_C(1000);
    h->fd = tcp_connect(u, h->deadline_ms);
    e = h->fd >= 0 ? tls_begin(h, u, ca) : ERR_CONNECT;
    if (e == ERR_CONNECT)
        say("cannot connect to %s port %s", u->host, u->port);
    if (e == ERR_NONE)
        e = handshake(h, u);
    if (e == ERR_NONE)
        *out = h;
    else
        https_close(h);
    return e;
}

void https_close(struct https *h)
{
    if (h == NULL)
        return;
    if (h->ssl != NULL && SSL_is_init_finished(h->ssl))
        SSL_shutdown(h->ssl);
    SSL_free(h->ssl);
    SSL_CTX_free(h->ctx);
    if (h->fd >= 0)
        close(h->fd);
    free(h);
}

bool https_binding(const struct https *h, uint8_t exporter[static 32], struct digest32 *spki)
{
    X509 *cert = SSL_get0_peer_certificate(h->ssl);

    return cert != NULL && tls_cert_spki_sha256(cert, spki) == ERR_NONE &&
           tls_exporter(h->ssl, exporter) == ERR_NONE;
}

static enum err send_all(struct https *h, struct view v)
{
    enum err e = ERR_NONE;

    while (e == ERR_NONE && v.len != 0) {
        int n = SSL_write(h->ssl, v.ptr, (int)(v.len < 16384 ? v.len : 16384));

        if (n > 0)
            v = view_from(v, (size_t)n);
        else
            e = again(h, n) == ERR_NONE ? ERR_NONE : ERR_IO;
    }
    return e;
}

static enum err request_send(struct https *h, const struct https_request *q)
{
    enum err e;
    struct buf out;

    buf_init(&out, 8192 + q->body.len);
    e = buf_appendf(&out,
                    "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n"
                    "User-Agent: %s\r\nConnection: close\r\n",
                    q->method, q->target, h->authority, q->agent);
    if (e == ERR_NONE && q->content_type != NULL)
        e = buf_appendf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n", q->content_type, q->body.len);
    if (e == ERR_NONE)
        e = buf_append(&out, VIEW_LIT("\r\n"));
    if (e == ERR_NONE && q->content_type != NULL)
        e = buf_append(&out, q->body);
    if (e == ERR_NONE)
        e = send_all(h, buf_view(&out));
    buf_free(&out);
    return e;
}

/* Feed what comes to the reader until the answer is whole. */
static enum err answer_take(struct https *h, struct https_answer *a, struct buf *body)
{
    enum { READ_BYTES = 16384 };
    enum err e = ERR_SHORT;
    struct buf in;

    buf_init(&in, HTTPS_HEAD_MAX + 2 * READ_BYTES);
    for (bool ended = false; e == ERR_SHORT && !ended;) {
        size_t used;
        int n;

        if (buf_reserve(&in, READ_BYTES) != ERR_NONE) {
            e = ERR_LIMIT;
            break;
        }
        n = SSL_read(h->ssl, in.ptr + in.len, READ_BYTES);
        if (n <= 0) {
            e = again(h, n);
            ended = e == ERR_SHORT;
            if (e == ERR_NONE) {
                e = ERR_SHORT;
                continue;
            }
            if (!ended)
                break;
        } else {
            in.len += (size_t)n;
        }
        e = https_answer_feed(a, buf_view(&in), ended, &used, body);
        buf_consume(&in, used);
    }
    buf_free(&in);
    return e;
}

enum err https_exchange(struct https *h, const struct https_request *q, struct https_answer *a,
                        struct buf *body)
{
    enum err e = request_send(h, q);

    if (e == ERR_NONE)
        e = answer_take(h, a, body);
    if (e != ERR_NONE)
        say("no readable answer from %s (%s)", h->authority, err_name(e));
    return e;
}

enum err https_get(struct https *h, const char *target, unsigned *status, struct buf *body)
{
    const struct https_request q = {.method = "GET", .target = target, .agent = "tr-verify"};
    struct https_answer a = {.part = HTTPS_STATUS_LINE};
    enum err e = https_exchange(h, &q, &a, body);

    *status = a.status;
    return e;
}
