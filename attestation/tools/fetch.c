#include "fetch.h"

#include "conf.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 254, PATH_MAX_BYTES = 2048, HEAD_MAX = 64 << 10, READ_STEP = 16 << 10 };

struct fetch {
    bool remote, tls;
    char host[NAME_MAX_BYTES], port[8];
    char base[PATH_MAX_BYTES]; /* a directory, or the path of the URL; no slash at its end */
    SSL_CTX *ctx;
};

static bool copy(char *to, size_t cap, struct view v)
{
    if (v.len == 0 || v.len >= cap || memchr(v.ptr, '\0', v.len) != NULL)
        return false;
    memcpy(to, v.ptr, v.len);
    to[v.len] = '\0';
    return true;
}

/* host[:port][/path] */
static enum err url_split(struct view v, struct fetch *f)
{
    const uint8_t *slash = v.len == 0 ? NULL : memchr(v.ptr, '/', v.len);
    struct view where = slash == NULL ? v : view_of(v.ptr, (size_t)(slash - v.ptr));
    struct view path = view_from(v, where.len);
    const uint8_t *colon = where.len == 0 ? NULL : memchr(where.ptr, ':', where.len);
    struct view host = colon == NULL ? where : view_of(where.ptr, (size_t)(colon - where.ptr));
    struct view port =
        colon == NULL ? view_str(f->tls ? "443" : "80") : view_from(where, host.len + 1);
    uint64_t number;

    while (path.len != 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] <= ' ' || v.ptr[i] > '~')
            return ERR_FORMAT;
    }
    if (!copy(f->host, sizeof f->host, host) || !view_u64(port, &number) || number == 0 ||
        number > 65535 || !copy(f->port, sizeof f->port, port))
        return ERR_FORMAT;
    return path.len == 0 || copy(f->base, sizeof f->base, path) ? ERR_NONE : ERR_FORMAT;
}

static enum err tls_setup(struct fetch *f, const char *ca_file)
{
    f->ctx = SSL_CTX_new(TLS_client_method());
    if (f->ctx == NULL)
        return ERR_MEMORY;
    SSL_CTX_set_verify(f->ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_min_proto_version(f->ctx, TLS1_2_VERSION) != 1)
        return ERR_CRYPTO;
    if (ca_file != NULL ? SSL_CTX_load_verify_file(f->ctx, ca_file) != 1
                        : SSL_CTX_set_default_verify_paths(f->ctx) != 1)
        return ERR_IO;
    return ERR_NONE;
}

enum err fetch_open(const char *place, const char *ca_file, struct fetch **out)
{
    struct fetch *f = calloc(1, sizeof *f);
    struct view v = view_str(place);
    enum err e = ERR_NONE;

    if (f == NULL)
        return ERR_MEMORY;
    f->tls = view_starts(v, VIEW_LIT("https://"));
    f->remote = f->tls || view_starts(v, VIEW_LIT("http://"));
    if (f->remote)
        signal(SIGPIPE, SIG_IGN); /* a server that hangs up is an error to report */
    if (f->remote)
        e = url_split(view_from(v, f->tls ? 8 : 7), f);
    else if (!copy(f->base, sizeof f->base, v))
        e = ERR_FORMAT;
    if (e == ERR_NONE && f->tls)
        e = tls_setup(f, ca_file);
    if (e == ERR_NONE)
        *out = f;
    else
        fetch_close(f);
    return e;
}

void fetch_close(struct fetch *f)
{
    if (f == NULL)
        return;
    SSL_CTX_free(f->ctx);
    free(f);
}

/* --- one request, one connection (HTTP/1.0, so that nothing is chunked) --- */

static enum err connect_to(struct fetch *f, BIO **out)
{
    BIO *bio = f->tls ? BIO_new_ssl_connect(f->ctx) : BIO_new(BIO_s_connect());
    struct timeval patience = {FETCH_TIMEOUT_S, 0};
    enum err e = ERR_NONE;
    SSL *ssl = NULL;
    int fd;

    if (bio == NULL)
        return ERR_MEMORY;
    if (f->tls) {
        BIO_get_ssl(bio, &ssl);
        if (ssl == NULL || SSL_set_tlsext_host_name(ssl, f->host) != 1 ||
            SSL_set1_host(ssl, f->host) != 1)
            e = ERR_TLS;
    }
    if (e == ERR_NONE && (BIO_set_conn_hostname(bio, f->host) != 1 ||
                          BIO_set_conn_port(bio, f->port) != 1 || BIO_do_connect(bio) != 1))
        e = f->tls && SSL_get_verify_result(ssl) != X509_V_OK ? ERR_TLS : ERR_CONNECT;
    if (e == ERR_NONE && (BIO_get_fd(bio, &fd) < 0 ||
                          setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0))
        e = ERR_IO;
    if (e == ERR_NONE)
        *out = bio;
    else
        BIO_free_all(bio);
    ERR_clear_error();
    return e;
}

static enum err answer_read(BIO *bio, size_t max, struct buf *answer)
{
    for (;;) {
        enum err e = buf_reserve(answer, READ_STEP);
        int n;

        if (e != ERR_NONE)
            return answer->len > max ? ERR_LIMIT : e;
        n = BIO_read(bio, answer->ptr + answer->len, READ_STEP);
        if (n <= 0)
            return BIO_should_retry(bio) ? ERR_IO : ERR_NONE;
        answer->len += (size_t)n;
    }
}

/* "HTTP/1.x 200 ...", headers, an empty line. */
static enum err answer_body(struct view v, struct view *body)
{
    const uint8_t *end = v.len == 0 ? NULL : memmem(v.ptr, v.len, "\r\n\r\n", 4);
    uint64_t status;

    if (end == NULL || v.len < 12 || !view_starts(v, VIEW_LIT("HTTP/1.")) ||
        !view_u64(view_of(v.ptr + 9, 3), &status))
        return ERR_PROVIDER_PROTOCOL;
    if (status == 404)
        return ERR_NOT_FOUND;
    *body = view_from(v, (size_t)(end - v.ptr) + 4);
    return status == 200 ? ERR_NONE : ERR_PROVIDER_STATUS;
}

static enum err http_get(struct fetch *f, const char *path, struct buf *out)
{
    size_t max = out->max - out->len;
    struct buf request, answer;
    struct view body;
    BIO *bio = NULL;
    enum err e;

    buf_init(&request, 2 * PATH_MAX_BYTES);
    buf_init(&answer, max + HEAD_MAX + READ_STEP);
    e = buf_appendf(&request, "GET %s/%s HTTP/1.0\r\nHost: %s:%s\r\nUser-Agent: tr-verify\r\n\r\n",
                    f->base, path, f->host, f->port);
    if (e == ERR_NONE)
        e = connect_to(f, &bio);
    if (e == ERR_NONE && BIO_write(bio, request.ptr, (int)request.len) != (int)request.len)
        e = ERR_IO;
    if (e == ERR_NONE)
        e = answer_read(bio, max, &answer);
    if (e == ERR_NONE)
        e = answer_body(buf_view(&answer), &body);
    if (e == ERR_NONE)
        e = buf_append(out, body);
    BIO_free_all(bio);
    ERR_clear_error();
    buf_free(&request);
    buf_free(&answer);
    return e;
}

enum err fetch_file(struct fetch *f, const char *path, struct buf *out)
{
    char full[2 * PATH_MAX_BYTES];

    if (f->remote)
        return http_get(f, path, out);
    if ((size_t)snprintf(full, sizeof full, "%s/%s", f->base, path) >= sizeof full)
        return ERR_LIMIT;
    if (access(full, F_OK) != 0)
        return ERR_NOT_FOUND;
    return conf_read_file(full, out->max - out->len, out);
}
