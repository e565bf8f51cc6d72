#include "https.h"

#include "command.h"
#include "tls.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct https {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    char authority[HTTPS_HOST_MAX + 10]; /* for the Host header */
};

/* --- the URL */

static bool host_byte_ok(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

bool https_url_parse(const char *text, struct https_url *out)
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
    return strcmp(end, "") == 0 || strcmp(end, "/") == 0;
}

/* --- the connection */

static int tcp_connect(const struct https_url *u)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval limit = {.tv_sec = HTTPS_TIMEOUT_S};
    struct addrinfo *list, *a;
    int fd = -1;

    if (getaddrinfo(u->host, u->port, &hints, &list) != 0)
        return -1;
    for (a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0)
            continue;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
            connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* With a CA file the name must match as well; OpenSSL takes an address for one when it is. */
static bool ca_require(struct https *h, const struct https_url *u, const char *ca)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(h->ssl);

    if (SSL_CTX_load_verify_file(h->ctx, ca) != 1) {
        complain("%s holds no certificate authority", ca);
        return false;
    }
    SSL_set_verify(h->ssl, SSL_VERIFY_PEER, NULL);
    return X509_VERIFY_PARAM_set1_ip_asc(param, u->host) == 1 ||
           SSL_set1_host(h->ssl, u->host) == 1;
}

static bool tls_begin(struct https *h, const struct https_url *u, const char *ca)
{
    bool is_name = strspn(u->host, "0123456789.:") != strlen(u->host);

    h->ctx = SSL_CTX_new(TLS_client_method());
    if (h->ctx == NULL || SSL_CTX_set_min_proto_version(h->ctx, TLS1_3_VERSION) != 1)
        return false;
    /* Servers that answer "Connection: close" may end without a close alert; the answer's own
     * length says whether it is whole. */
    SSL_CTX_set_options(h->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    h->ssl = SSL_new(h->ctx);
    if (h->ssl == NULL || SSL_set_fd(h->ssl, h->fd) != 1 ||
        (is_name && SSL_set_tlsext_host_name(h->ssl, u->host) != 1))
        return false;
    return ca == NULL || ca_require(h, u, ca);
}

struct https *https_open(const struct https_url *u, const char *ca)
{
    struct https *h = calloc(1, sizeof *h);
    bool v6 = strchr(u->host, ':') != NULL;

    if (h == NULL)
        return NULL;
    snprintf(h->authority, sizeof h->authority, "%s%s%s:%s", v6 ? "[" : "", u->host, v6 ? "]" : "",
             u->port);
    h->fd = tcp_connect(u);
    if (h->fd < 0) {
        complain("cannot connect to %s port %s", u->host, u->port);
        goto failed;
    }
    if (!tls_begin(h, u, ca))
        goto failed;
    if (SSL_connect(h->ssl) != 1) {
        long why = SSL_get_verify_result(h->ssl);

        if (why != X509_V_OK)
            complain("the server's certificate: %s", X509_verify_cert_error_string(why));
        else
            complain("no TLS 1.3 connection with %s port %s", u->host, u->port);
        goto failed;
    }
    return h;
failed:
    https_close(h);
    return NULL;
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

unsigned https_get(struct https *h, const char *target, struct buf *body)
{
    struct buf in, out;
    unsigned status = 0;
    enum err e;

    buf_init(&out, 8192);
    buf_init(&in, body->max + 2 * HTTPS_HEAD_MAX);
    e = buf_appendf(&out,
                    "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n"
                    "User-Agent: tr-verify\r\nConnection: close\r\n\r\n",
                    target, h->authority);
    if (e == ERR_NONE && SSL_write(h->ssl, out.ptr, (int)out.len) <= 0)
        e = ERR_IO;
    if (e == ERR_NONE)
        e = ERR_SHORT;
    for (bool ended = false; e == ERR_SHORT && !ended;) {
        int n;

        if (buf_reserve(&in, 16384) != ERR_NONE) {
            e = ERR_LIMIT;
            break;
        }
        n = SSL_read(h->ssl, in.ptr + in.len, 16384);
        if (n > 0)
            in.len += (size_t)n;
        else if (SSL_get_error(h->ssl, n) != SSL_ERROR_ZERO_RETURN) {
            e = ERR_IO;
            break;
        } else {
            ended = true;
        }
        e = https_answer_parse(buf_view(&in), ended, &status, body);
    }
    if (e != ERR_NONE) {
        complain("no readable answer from %s (%s)", h->authority, err_name(e));
        status = 0;
    }
    buf_free(&in);
    buf_free(&out);
    return status;
}
