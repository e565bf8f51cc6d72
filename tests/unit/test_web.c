/* Why: every promise of web.h is one that callers build memory safety and billing on: `gone` at
 * most once and never after an answer, borrowed bytes free only after `writable` or `released`, an
 * abort no client can take for an end. A server runs in a thread, raw sockets do what clients do.
 */
#include "secret.h"
#include "tls.h"
#include "web.h"
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server under test */

static struct {
    uv_loop_t loop;
    uv_async_t stop;
    uv_timer_t later;             /* decides about the request that waits */
    struct web_request *waiting;  /* loop thread only */
    atomic_uint looks, more_looks, handled;
    struct web_server *web;
    pthread_t thread;
    atomic_uint gone, writable, released, drained, errors, answered, trailers;
    struct web_request *streaming; /* loop thread only */
} S;

enum { LARGE_ANSWER = 8 << 20 };
static bool asks; /* the server asks about bodies */
static struct budget *unknown; /* NULL: there is one budget for all */
static struct budget *share;   /* who pays for /echo/share */
static struct budget *budget; /* NULL: the server has none */
static uint8_t block[65536];
static const struct web_header plain[] = {{VIEW_LIT("content-type"), VIEW_LIT("text/plain")},
                                          {VIEW_LIT("x-own"), VIEW_LIT("1")}};

static void gone_cb(void *cookie)
{
    (void)cookie;
    S.streaming = NULL;
    atomic_fetch_add(&S.gone, 1);
}

static void released_cb(void *cookie)
{
    (void)cookie;
    atomic_fetch_add(&S.released, 1);
}

static void writable_cb(void *cookie)
{
    (void)cookie;
    atomic_fetch_add(&S.writable, 1);
}

static void flood_cb(void *cookie)
{
    writable_cb(cookie);
    web_stream_write(S.streaming, view_of(block, sizeof block));
}

/* Three chunks, each from the callback of the one before, and an end with bytes. */
static void clean_cb(void *cookie)
{
    static unsigned left;

    (void)cookie;
    if (left == 0)
        left = 3;
    if (--left != 0)
        web_stream_write(S.streaming, VIEW_LIT("chunk"));
    else
        web_stream_end(S.streaming, VIEW_LIT("last"), released_cb, NULL);
}

/* Asked for once, when nothing else is left to send and nothing has been released. */
static void trailer_cb(void *cookie, struct buf *lines)
{
    CHECK(cookie == &S);
    CHECK_INT(lines->len, 0);
    atomic_fetch_add(&S.trailers, 1);
    if (atomic_load(&S.trailers) != 3)
        CHECK_INT(buf_append(lines, VIEW_LIT("x-late: news\r\nx-later: more\r\n")), ERR_NONE);
}

/* /trailer/end, /trailer/empty, /trailer/abort */
static void answer_with_trailer(struct web_request *r, struct view how)
{
    web_stream_start(r, 200, plain, 1, writable_cb, NULL);
    if (!web_stream_trailer(r, trailer_cb, &S))
        atomic_fetch_add(&S.answered, 1);
    if (!view_eq(how, VIEW_LIT("empty")))
        web_stream_write(r, VIEW_LIT("first"));
    if (view_eq(how, VIEW_LIT("abort")))
        web_stream_abort(r, VIEW_LIT("second"), released_cb, NULL);
    else
        web_stream_end(r, view_eq(how, VIEW_LIT("empty")) ? VIEW_EMPTY : VIEW_LIT("second"),
                       released_cb, NULL);
}

static void answer_echo(struct web_request *r)
{
    char text[512];
    struct view a = VIEW_EMPTY, host = VIEW_EMPTY;
    struct view m = web_method(r), p = web_path(r), q = web_query(r), b = web_body(r);
    unsigned sum = 0;
    int n;

    web_header(r, VIEW_LIT("x-a"), &a);
    if (!web_header(r, VIEW_LIT("host"), &host))
        host = VIEW_LIT("none");
    for (size_t i = 0; i < b.len; i++)
        sum += b.ptr[i];
    n = snprintf(text, sizeof text, "%.*s %.*s ?%.*s a=%.*s host=%.*s len=%zu sum=%u",
                 (int)m.len, (const char *)m.ptr, (int)p.len, (const char *)p.ptr, (int)q.len,
                 (const char *)q.ptr, a.len < 99 ? (int)a.len : 99, (const char *)a.ptr,
                 (int)host.len, (const char *)host.ptr, b.len, sum);
    web_respond(r, 200, plain, 2, view_of(text, (size_t)n));
}

static void answer_exporter(struct web_request *r)
{
    uint8_t out[48] = {0};
    char text[97];

    if (!web_exporter(r, out)) {
        web_respond(r, 200, plain, 1, VIEW_LIT("no exporter"));
        return;
    }
    web_peer(r, out + 32);
    hex_encode(out, sizeof out, text);
    web_respond(r, 200, plain, 1, view_str(text));
}

static uint8_t lent[LARGE_ANSWER]; /* of /large/lent */

/* /large/taken, /large/copied: more than the kernel takes for a client that does not read. */
static void answer_large(struct web_request *r, bool taken)
{
    struct buf body;

    buf_init_charged(&body, LARGE_ANSWER, taken ? budget : NULL);
    CHECK_INT(buf_reserve(&body, LARGE_ANSWER), ERR_NONE);
    while (body.len < LARGE_ANSWER)
        CHECK_INT(buf_append(&body, view_of(block, 4096)), ERR_NONE);
    if (taken)
        web_respond_taking(r, 200, plain, 1, &body);
    else
        web_respond(r, 200, plain, 1, buf_view(&body));
    buf_free(&body);
}

/* /late/whole, /late/stream: the rest comes after LATE_MS, in which a client that sends no more is asked twice. */
enum { LATE_MS = 1600 };

static void late_cb(uv_timer_t *t)
{
    (void)t;
    if (view_eq(web_path(S.streaming), VIEW_LIT("/late/whole")))
        web_respond(S.streaming, 200, plain, 1, VIEW_LIT("at last"));
    else
        web_stream_end(S.streaming, VIEW_LIT("at last"), released_cb, NULL);
}

static void handler(void *cookie, struct web_request *r)
{
    struct view path = web_path(r);

    CHECK(cookie == &S);
    if (view_starts(path, VIEW_LIT("/echo"))) {
        answer_echo(r);
        return;
    }
    if (view_eq(path, VIEW_LIT("/large/lent"))) {
        web_respond_lending(r, 200, plain, 1, view_of(lent, sizeof lent));
        return;
    }
    if (view_starts(path, VIEW_LIT("/large/"))) {
        answer_large(r, view_eq(path, VIEW_LIT("/large/taken")));
        return;
    }
    if (view_eq(path, VIEW_LIT("/exporter"))) {
        answer_exporter(r);
        return;
    }
    if (view_eq(path, VIEW_LIT("/wordless"))) {
        web_respond(r, 503, NULL, 0, VIEW_EMPTY);
        return;
    }
    S.streaming = r;
    web_set_gone(r, gone_cb, NULL);
    if (view_starts(path, VIEW_LIT("/late/")))
        uv_timer_start(&S.later, late_cb, LATE_MS, 0);
    if (view_eq(path, VIEW_LIT("/hold")) || view_eq(path, VIEW_LIT("/late/whole"))) {
        return;
    } else if (view_starts(path, VIEW_LIT("/trailer/"))) {
        answer_with_trailer(r, view_from(path, 9));
        return;
    } else if (view_eq(path, VIEW_LIT("/answered"))) {
        web_respond(r, 200, plain, 1, view_of(block, sizeof block));
        return;
    } else if (view_eq(path, VIEW_LIT("/flood"))) {
        web_stream_start(r, 200, plain, 1, flood_cb, NULL);
        web_stream_write(r, view_of(block, sizeof block));
    } else if (view_eq(path, VIEW_LIT("/clean"))) {
        web_stream_start(r, 201, plain, 1, clean_cb, NULL);
        clean_cb(NULL);
    } else {
        web_stream_start(r, 200, plain, 1, writable_cb, NULL);
        CHECK(!web_stream_busy(r));
        if (view_eq(path, VIEW_LIT("/empty"))) {
            web_stream_end(r, VIEW_EMPTY, released_cb, NULL);
            return;
        }
        web_stream_write(r, VIEW_LIT("first"));
        CHECK(web_stream_busy(r));
        if (view_eq(path, VIEW_LIT("/end")))
            web_stream_end(r, VIEW_LIT("second"), released_cb, NULL);
        if (view_eq(path, VIEW_LIT("/abort")))
            web_stream_abort(r, VIEW_LIT("second"), released_cb, NULL);
    }
}

static void error(void *cookie, struct web_request *r, int status)
{
    char text[32];

    (void)cookie;
    atomic_fetch_add(&S.errors, 1);
    web_respond(r, status, plain, 1,
                view_of(text, (size_t)snprintf(text, sizeof text, "{\"error\":%d}", status)));
}

static void later_cb(uv_timer_t *t)
{
    struct web_request *r = S.waiting;

    (void)t;
    S.waiting = NULL;
    if (r != NULL)
        web_body_decide(r, view_eq(web_path(r), VIEW_LIT("/echo/wait/all")) ? WEB_BODY_ALL
                                                                          : WEB_BODY_REFUSED, 403);
}

static void waiting_gone_cb(void *cookie)
{
    CHECK(cookie == &S && S.waiting != NULL);
    S.waiting = NULL;
    atomic_fetch_add(&S.gone, 1);
}

/* /echo/known, /echo/refused (at once), /echo/small, /echo/wait/all, /echo/wait/refused, /echo/wait/ever */
static enum web_verdict arriving(void *cookie, struct web_request *r, bool more, int *why)
{
    struct view path = web_path(r);

    CHECK(cookie == &S);
    atomic_fetch_add(more ? &S.more_looks : &S.looks, 1);
    *why = 401;
    if (view_eq(path, VIEW_LIT("/echo/known")))
        return WEB_BODY_ALL;
    if (view_eq(path, VIEW_LIT("/echo/share"))) {
        web_body_share(r, share);
        return WEB_BODY_ALL;
    }
    if (view_eq(path, VIEW_LIT("/echo/refused")))
        return WEB_BODY_REFUSED;
    if (!more || !view_starts(path, VIEW_LIT("/echo/wait/")))
        return WEB_BODY_SMALL;
    CHECK(S.waiting == NULL);
    S.waiting = r;
    web_set_gone(r, waiting_gone_cb, &S);
    if (!view_eq(path, VIEW_LIT("/echo/wait/ever")))
        uv_timer_start(&S.later, later_cb, 200, 0);
    return WEB_BODY_WAIT;
}

static void refused(void *cookie, struct web_request *r, int why)
{
    CHECK(cookie == &S);
    web_respond(r, why, plain, 1, VIEW_LIT("refused"));
}

static void drained_cb(void *cookie)
{
    uv_close((uv_handle_t *)&S.later, NULL);
    (void)cookie;
    atomic_fetch_add(&S.drained, 1);
    uv_close((uv_handle_t *)&S.stop, NULL);
    uv_stop(&S.loop);
}

static void stop_cb(uv_async_t *a)
{
    (void)a;
    web_stop(S.web, drained_cb, NULL);
}

static void *serve(void *arg)
{
    (void)arg;
    uv_run(&S.loop, UV_RUN_DEFAULT);
    return NULL;
}

static const struct web_limits usual = {.body_max = 100000,
                                        .connections_max = 100,
                                        .request_timeout_ms = 5000,
                                        .write_stall_ms = 5000,
                                        .sweep_ms = 50};

static const struct web_header always[] = {{VIEW_LIT("x-always"), VIEW_LIT("here")},
                                           {VIEW_LIT("vary"), VIEW_LIT("always")}};

static void server_start(struct web_limits limits, SSL_CTX *tls)
{
    struct web_config config = {.loop = &S.loop,
                                .host = "127.0.0.1",
                                .tls = tls,
                                .limits = limits,
                                .budget = budget,
                                .budget_unknown = unknown,
                                .arriving = asks ? arriving : NULL,
                                .refused = asks ? refused : NULL,
                                .handler = handler,
                                .error = error,
                                .cookie = &S,
                                .always = always,
                                .n_always = 2};

    memset(&S, 0, sizeof S);
    uv_loop_init(&S.loop);
    uv_async_init(&S.loop, &S.stop, stop_cb);
    uv_timer_init(&S.loop, &S.later);
    CHECK_INT(web_start(&config, &S.web), ERR_NONE);
    pthread_create(&S.thread, NULL, serve, NULL);
}

static void server_join(void)
{
    pthread_join(S.thread, NULL);
    CHECK_INT(S.drained, 1);
    CHECK_INT(web_counters(S.web).connections_open, 0);
    web_free(S.web);
    uv_run(&S.loop, UV_RUN_NOWAIT);
    CHECK_INT(uv_loop_close(&S.loop), 0); /* no handle of the server's is left */
}

static void server_stop(void)
{
    uv_async_send(&S.stop);
    server_join();
}

/* --- clients */

static int client(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(web_port(S.web)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct timeval patience = {10, 0};

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Read until `until` has been seen (NULL: the end of the connection); NUL-terminated. */
static const char *receive(int fd, const char *until)
{
    static char text[1 << 20];
    size_t n = 0;

    text[0] = '\0';
    while (n < sizeof text - 1 && (until == NULL || strstr(text, until) == NULL)) {
        ssize_t r = recv(fd, text + n, sizeof text - 1 - n, 0);

        if (r <= 0)
            break;
        n += (size_t)r;
        text[n] = '\0';
    }
    return text;
}

static bool has(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        return true;
    printf("# no \"%s\" in \"%.300s\"\n", part, text);
    return false;
}

static void hang_up(int fd, bool reset)
{
    struct linger now = {1, 0};

    if (reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* Wait until a counter of the server's has a value; the milliseconds it took. */
static unsigned await(atomic_uint *counter, unsigned want)
{
    unsigned ms = 0;

    for (; atomic_load(counter) != want && ms < 5000; ms++)
        usleep(1000);
    CHECK_INT(atomic_load(counter), want);
    return ms;
}

/* One request on a connection of its own; the whole answer. */
static const char *ask(const char *request, const char *until)
{
    int fd = client();
    const char *text;

    send_text(fd, request);
    text = receive(fd, until);
    close(fd);
    return text;
}

/* --- the cases */

static void keep_alive(void)
{
    int fd;

    server_start(usual, NULL);
    fd = client();
    for (int i = 0; i < 3; i++) {
        send_text(fd, "POST /echo?q=1&r HTTP/1.1\r\nHost: h:1\r\nX-A: v\r\nx-a: w\r\n"
                      "Content-Length: 3\r\n\r\nabc");
        CHECK(has(receive(fd, "sum=294"), "POST /echo ?q=1&r a=v host=h:1 len=3 sum=294"));
    }
    send_text(fd, "HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    {
        const char *text = receive(fd, "GET /echo ?");

        CHECK(has(text, "Content-Length: "));
        CHECK(strstr(text, "HEAD /echo ?") == NULL); /* a head has no body */
        CHECK(has(text, "x-own: 1\r\n"));
        CHECK(strstr(text, "erver:") == NULL);
    }
    close(fd);
    CHECK_INT(web_counters(S.web).connections_total, 1);
    CHECK(has(ask("GET /exporter HTTP/1.1\r\n\r\n", "exporter"), "no exporter"));
    server_stop();
}

/* Once in each answer: whole, without a body, streamed, refused by the owner or by nobody. */
static void in_every_answer(void)
{
    static const char *const requests[] = {
        "GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n",
        "HEAD /echo HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET /end HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GARBAGE\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 100002\r\n\r\n",
        "GET /wordless HTTP/1.1\r\nConnection: close\r\n\r\n",
    };

    server_start(usual, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const char *text = ask(requests[i], NULL);
        const char *first = strstr(text, "\r\nx-always: here\r\n");

        CHECK(first != NULL && strstr(first + 4, "x-always") == NULL);
        CHECK(has(text, "always\r\n"));
    }
    server_stop();
}

static void pipelining(void)
{
    const char *text;
    int fd;

    server_start(usual, NULL);
    fd = client();
    send_text(fd, "POST /echo/1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
                  "GET /echo/2 HTTP/1.1\r\n\r\n"
                  "POST /clean HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
                  "POST /echo/4 HTTP/1.1\r\nContent-Length: 1\r\n\r\nc");
    text = receive(fd, "/echo/4 ? a= host=none len=1");
    CHECK(has(text, "/echo/1 ? a= host=none len=2"));
    CHECK(has(text, "/echo/2 "));
    CHECK(has(text, "5\r\nchunk\r\n5\r\nchunk\r\n4\r\nlast\r\n0\r\n\r\nHTTP/1.1 200"));
    CHECK(strstr(text, "/echo/1 ") < strstr(text, "/echo/2 "));
    close(fd);
    server_stop();
}

static void chunked_bodies(void)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
    int fd;

    server_start(usual, NULL);
    CHECK(has(ask(request, "sum="), "len=13 sum=819"));
    fd = client();
    for (size_t i = 0; i < sizeof request - 1; i++)
        CHECK_INT(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
    CHECK(has(receive(fd, "sum="), "len=13 sum=819"));
    close(fd);
    CHECK(has(
        ask("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na", "sum="),
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"));
    server_stop();
}

static void refusals(void)
{
    static const struct {
        const char *request;
        const char *want;
    } bad[] = {
        {"GARBAGE\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 400 "},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nContent-Length: 100002\r\n\r\n", "HTTP/1.1 413 "},
        {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nContent-Length: 0\r\nX: y\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nContent-Length: 2\r\ncontent-LENGTH: 0\r\n\r\n\r\n", "HTTP/1.1 400 "},
        {"\r\nPOST / HTTP/1.1\ncontent-length: 5\nTRANSFER-encoding: chunked\n\n0\r\n\r\n",
         "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET ",
         "HTTP/1.1 400 "},
        {"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET ",
         "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n",
         "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 417 "},
    };
    char *head = malloc(70000 + 64);

    server_start(usual, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *text = ask(bad[i].request, NULL); /* to the end: it must close */

        CHECK(has(text, bad[i].want));
        CHECK(has(text, "{\"error\":"));
        CHECK(has(text, "Connection: close\r\n"));
        CHECK_INT(await(&S.errors, (unsigned)i + 1) < 1000, 1);
    }
    sprintf(head, "GET /echo HTTP/1.1\r\nX-A: ");
    memset(head + strlen(head), 'h', 60000);
    strcpy(head + 60000, "\r\n\r\n");
    CHECK(has(ask(head, "sum="), "HTTP/1.1 200 "));
    sprintf(head, "GET /echo HTTP/1.1\r\nX-A: ");
    memset(head + strlen(head), 'h', 70000);
    strcpy(head + 70000, "\r\n\r\n");
    CHECK(has(ask(head, NULL), "HTTP/1.1 431 "));
    head[70000] = '\0'; /* no end in sight */
    CHECK(has(ask(head, NULL), "HTTP/1.1 431 "));
    for (int n = 100; n <= 101; n++) { /* as many lines as h2o has room for, and one more */
        sprintf(head, "GET /echo HTTP/1.1\r\n");
        for (int i = 0; i < n; i++)
            sprintf(head + strlen(head), "X-%d: a\r\n", i);
        strcat(head, "\r\n");
        CHECK(has(ask(head, n == 100 ? "sum=" : NULL), n == 100 ? "HTTP/1.1 200 " : "HTTP/1.1 431 "));
    }
    strcpy(head, "GET https://host/echo?x HTTP/1.1\r\n\r\n"); /* the whole URL */
    CHECK(has(ask(head, "sum="), "HTTP/1.1 200 "));
    free(head);
    server_stop();
}

static void body_limit(void)
{
    server_start(usual, NULL);
    {
        int fd = client();
        char *body = malloc(100000);

        memset(body, 1, 100000);
        send_text(fd, "POST /echo HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
        CHECK_INT(send(fd, body, 100000, MSG_NOSIGNAL), 100000);
        CHECK(has(receive(fd, "sum="), "len=100000 sum=100000"));
        send_text(fd, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n");
        CHECK_INT(send(fd, body, 100000, MSG_NOSIGNAL), 100000);
        send_text(fd, "\r\n0\r\n\r\n");
        CHECK(has(receive(fd, "sum="), "len=100000 sum=100000"));
        send_text(fd, "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nX: \n\n"); /* a body is no head */
        CHECK(has(receive(fd, "sum="), "len=5 "));
        send_text(fd, "POST /echo HTTP/1.1\r\nX-A: Content-Length: 1\r\nContent-Length: 25\r\n\r\n"
                      "\ncontent-length: 5\r\n\r\nhel");
        CHECK(has(receive(fd, "sum="), "len=25 "));
        for (unsigned i = 0; i < 2; i++) { /* one byte too many, announced or not */
            if (i == 1)
                fd = client();
            send_text(fd, i == 0 ? "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n"
                                 : "POST /echo HTTP/1.1\r\nContent-Length: 100001\r\n\r\n");
            CHECK_INT(send(fd, body, 100000, MSG_NOSIGNAL), 100000);
            send(fd, "x\r\n0\r\n\r\n", i == 0 ? 8 : 1, MSG_NOSIGNAL);
            CHECK(has(receive(fd, "}"), "HTTP/1.1 413 "));
            if (i == 0)
                close(fd);
        }
        free(body);
        close(fd);
    }
    server_stop();
}

/* A client that sends on after a 413 was said must still be able to read it: no reset before. */
static void refused_upload(void)
{
    static const struct {
        const char *head;
        bool chunked;
    } uploads[] = {{"POST /echo HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n", false},
                   {"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", true}};
    int fd;

    server_start(usual, NULL);
    for (int i = 0; i < 2; i++) {
        size_t left = 10000000;

        fd = client();
        send_text(fd, uploads[i].head);
        if (uploads[i].chunked)
            send_text(fd, "989680\r\n");
        usleep(20000);
        while (left != 0) {
            size_t n = left < sizeof block ? left : sizeof block;

            CHECK_INT(send(fd, block, n, MSG_NOSIGNAL), (ssize_t)n);
            left -= n;
        }
        usleep(20000);
        CHECK(has(receive(fd, NULL), "HTTP/1.1 413 "));
        close(fd);
    }
    /* But nobody may send for ever. */
    fd = client();
    send_text(fd, uploads[0].head);
    CHECK(has(receive(fd, "}"), "HTTP/1.1 413 "));
    {
        int ms = 0;

        while (send(fd, "x", 1, MSG_NOSIGNAL) == 1 && ms++ < 5000)
            usleep(1000);
        CHECK(ms > 1000 && ms < 4000);
    }
    close(fd);
    server_stop();
}

static void body_budget(void)
{
    int fd[3];

    CHECK_INT(budget_new(200000, &budget), ERR_NONE);
    server_start(usual, NULL);
    /* Two uploads hang at 90 KB each, in buffers of 128 KiB: the second breaks the budget (a quarter more
     * for small growth), the first may go on. */
    for (int i = 0; i < 2; i++) {
        fd[i] = client();
        send_text(fd[i], "POST /echo HTTP/1.1\r\nContent-Length: 95000\r\n\r\n");
        CHECK_INT(send(fd[i], block, 45000, MSG_NOSIGNAL), 45000);
        CHECK_INT(send(fd[i], block, 45000, MSG_NOSIGNAL), 45000);
        usleep(100000);
    }
    CHECK(has(receive(fd[1], NULL), "HTTP/1.1 503 "));
    close(fd[1]);
    CHECK_INT(send(fd[0], block, 5000, MSG_NOSIGNAL), 5000);
    CHECK(has(receive(fd[0], "sum="), "len=95000"));
    /* And what it held is given back. */
    fd[2] = client();
    send_text(fd[2], "POST /echo HTTP/1.1\r\nContent-Length: 95000\r\n\r\n");
    CHECK_INT(send(fd[2], block, 60000, MSG_NOSIGNAL), 60000);
    CHECK_INT(send(fd[2], block, 35000, MSG_NOSIGNAL), 35000);
    CHECK(has(receive(fd[2], "sum="), "len=95000"));
    close(fd[0]);
    close(fd[2]);
    server_stop();
    CHECK_INT(budget_used(budget), 0);
    CHECK(budget_peak(budget) <= 250000);
    budget_free(budget);
    budget = NULL;
}

/* An answer counts until its reader has taken it, once, and one that there is no room for is a 503. */
static void answer_budget(void)
{
    const char *text;
    size_t n = 0;
    int fd[3];
    ssize_t got;

    CHECK_INT(budget_new(LARGE_ANSWER * 5 / 2, &budget), ERR_NONE);
    server_start(usual, NULL);
    for (int i = 0; i < 3; i++) {
        fd[i] = client();
        send_text(fd[i], i == 0 ? "GET /large/taken HTTP/1.1\r\n\r\n"
                                : "GET /large/copied HTTP/1.1\r\n\r\n");
        usleep(100000);
    }
    CHECK(has(receive(fd[2], "\r\n\r\n"), "HTTP/1.1 503 "));
    CHECK_INT(budget_used(budget), 2 * LARGE_ANSWER);
    hang_up(fd[1], true); /* a reader that leaves gives back what it held */
    usleep(200000);
    CHECK_INT(budget_used(budget), LARGE_ANSWER);
    send_text(fd[2], "GET /large/copied HTTP/1.1\r\n\r\n");
    receive(fd[2], "200 OK");
    close(fd[2]);
    while (n < LARGE_ANSWER && (got = recv(fd[0], block, sizeof block, 0)) > 0)
        n += (size_t)got;
    CHECK(n >= LARGE_ANSWER);
    for (int i = 0; i < 100 && budget_used(budget) != 0; i++)
        usleep(10000);
    CHECK_INT(budget_used(budget), 0);
    close(fd[0]);
    text = ask("HEAD /large/taken HTTP/1.0\r\n\r\n", NULL); /* taken, and not sent */
    CHECK(has(text, "Content-Length: 8388608\r\n"));
    CHECK(strlen(text) < 1000);
    server_stop();
    CHECK_INT(budget_used(budget), 0);
    budget_free(budget);
    budget = NULL;
    memset(block, 1, sizeof block);
    block[sizeof block - 1] = 2;
}

/* Uploads of `len` bytes to a path in pieces of 16 KiB, as long as they are taken; the answer. */
static const char *upload(int fd, const char *path, size_t len)
{
    char head[128];

    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", path, len);
    send_text(fd, head);
    for (size_t sent = 0; sent < len; sent += 16384) {
        size_t n = len - sent < 16384 ? len - sent : 16384;

        if (send(fd, block, n, MSG_NOSIGNAL) != (ssize_t)n)
            break;
        usleep(2000);
    }
    return receive(fd, strcmp(path, "/echo/known") == 0 || strstr(path, "all") ? "sum=" : "refused");
}

/* The owner says what may arrive of a body, by its head. What it does not say yes to stays small, and is not
 * paid for out of the budget of those it does. */
/* Readers of lent bytes hold none of the budget, however many they are and however slow. */
static void lent_answers(void)
{
    static uint8_t got[LARGE_ANSWER + 1000];
    const char *text;
    size_t n = 0;
    int fd[3];
    ssize_t more;

    for (size_t i = 0; i < sizeof lent; i++)
        lent[i] = (uint8_t)(i * 7 >> 3);
    CHECK_INT(budget_new(1 << 20, &budget), ERR_NONE);
    server_start(usual, NULL);
    for (int i = 0; i < 3; i++) {
        fd[i] = client();
        send_text(fd[i], "GET /large/lent HTTP/1.1\r\nConnection: close\r\n\r\n");
    }
    usleep(200000);
    CHECK_INT(budget_used(budget), 0);
    while (n < sizeof got && (more = recv(fd[0], got + n, sizeof got - n, 0)) > 0)
        n += (size_t)more;
    CHECK(n > sizeof lent && memcmp(got + n - sizeof lent, lent, sizeof lent) == 0);
    hang_up(fd[1], true);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    text = ask("HEAD /large/lent HTTP/1.0\r\n\r\n", NULL);
    CHECK(has(text, "Content-Length: 8388608\r\n"));
    CHECK(strlen(text) < 1000);
    server_stop();
    budget_free(budget);
    budget = NULL;
}

static void arriving_bodies(void)
{
    static const struct {
        const char *path;
        size_t len;
        const char *answer;
        unsigned looks, more_looks;
    } table[] = {
        {"/echo/known", 95000, "len=95000", 1, 0},
        {"/echo/known", 3000, "len=3000", 0, 0}, /* smaller than every connection's buffer: not asked */
        {"/echo/share", 95000, "len=95000", 1, 0},
        {"/echo/refused", 95000, "HTTP/1.1 401 ", 1, 0},
        {"/echo/small", 40000, "len=40000", 1, 0},
        {"/echo/small", 95000, "HTTP/1.1 413 ", 1, 1},
        {"/echo/wait/all", 95000, "len=95000", 1, 1},
        {"/echo/wait/refused", 95000, "HTTP/1.1 403 ", 1, 1},
    };
    struct web_limits limits = usual;
    int fd, held[5];

    asks = true;
    limits.request_timeout_ms = 1000;
    CHECK_INT(budget_new(1 << 20, &budget), ERR_NONE);
    CHECK_INT(budget_new(1 << 20, &unknown), ERR_NONE);
    CHECK_INT(budget_share_new(budget, &share), ERR_NONE);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        server_start(limits, NULL);
        fd = client();
        CHECK(has(upload(fd, table[i].path, table[i].len), table[i].answer));
        CHECK_INT(S.looks, table[i].looks);
        CHECK_INT(S.more_looks, table[i].more_looks);
        close(fd);
        server_stop();
        CHECK_INT(budget_used(budget) + budget_used(unknown), 0);
        CHECK_INT(S.gone, 0);
    }
    CHECK(budget_peak(share) >= 95000); /* it has paid, and everything came back */
    CHECK_INT(budget_used(share), 0);
    budget_free(share);
    CHECK(budget_peak(unknown) <= 256 << 10); /* 64 KiB and the last read, in a buffer that doubles */
    server_start(limits, NULL); /* one that waits for too long, and one whose client leaves */
    fd = client();
    CHECK(has(upload(fd, "/echo/wait/ever", 95000), "HTTP/1.1 408 "));
    close(fd);
    CHECK_INT(S.gone, 1);
    fd = client();
    send_text(fd, "POST /echo/wait/ever HTTP/1.1\r\nContent-Length: 90000\r\n\r\n");
    CHECK_INT(send(fd, block, 40000, MSG_NOSIGNAL), 40000);
    usleep(20000);
    CHECK_INT(send(fd, block, 40000, MSG_NOSIGNAL), 40000);
    usleep(50000);
    hang_up(fd, true);
    await(&S.gone, 2);
    server_stop();
    CHECK_INT(budget_used(budget) + budget_used(unknown), 0);
    limits.unknown_per_ip = 200000; /* three of 64 KiB, and no more, while a known one is not limited */
    server_start(limits, NULL);
    for (int i = 0; i < 5; i++) {
        held[i] = client();
        send_text(held[i], "POST /echo/small HTTP/1.1\r\nContent-Length: 50000\r\n\r\n");
        CHECK_INT(send(held[i], block, 40000, MSG_NOSIGNAL), 40000);
        usleep(30000);
    }
    fd = client();
    CHECK(has(upload(fd, "/echo/known", 95000), "len=95000"));
    close(fd);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(send(held[i], block, 10000, MSG_NOSIGNAL) > 0, 1);
        CHECK(has(receive(held[i], i < 3 ? "sum=" : NULL), i < 3 ? "len=50000" : "HTTP/1.1 503 "));
        close(held[i]);
    }
    server_stop();
    CHECK_INT(budget_used(budget) + budget_used(unknown), 0);
    budget_free(budget);
    budget_free(unknown);
    budget = unknown = NULL;
    asks = false;
}

static void slow_clients(void)
{
    struct web_limits limits = usual;
    int idle, head, body;

    limits.request_timeout_ms = 300;
    server_start(limits, NULL);
    idle = client();
    head = client();
    body = client();
    send_text(head, "GET /echo HT");
    send_text(body, "POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
    CHECK(has(receive(head, NULL), "HTTP/1.1 408 "));
    CHECK(has(receive(body, NULL), "HTTP/1.1 408 "));
    CHECK_INT(receive(idle, NULL)[0], '\0'); /* closed without a word */
    close(idle);
    close(head);
    close(body);
    /* Not so quick: within the limit all is well, and a running answer is no idleness. */
    body = client();
    send_text(body, "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
    usleep(150000);
    send_text(body, "bc");
    CHECK(has(receive(body, "sum="), "len=3"));
    send_text(body, "POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    receive(body, "first");
    usleep(600000);
    CHECK_INT(recv(body, block, 1, MSG_DONTWAIT), -1);
    CHECK_INT(errno, EAGAIN);
    close(body);
    server_stop();
}

/* A body of `len` bytes: `first` of them at once, then `piece` each ms, until it is complete or the server has answered. */
static const char *upload_slowly(int fd, size_t len, size_t first, size_t piece, unsigned ms, unsigned *took_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char head[64];
    size_t sent = first;

    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", len);
    send_text(fd, head);
    CHECK_INT(send(fd, block, first, MSG_NOSIGNAL), (ssize_t)first);
    for (*took_ms = 0; sent < len && *took_ms < 8000 && poll(&p, 1, (int)ms) == 0; *took_ms += ms) {
        piece = piece < len - sent ? piece : len - sent;
        if (send(fd, block, piece, MSG_NOSIGNAL) != (ssize_t)piece)
            break;
        sent += piece;
    }
    return receive(fd, sent == len ? "sum=" : NULL);
}

/* A body has request_timeout_ms for its stalls, and upload_ms for all of it. */
static void slow_uploads(void)
{
    static const struct {
        size_t len, first, piece;
        unsigned ms;
        const char *answer;
        unsigned least_ms, most_ms;
    } table[] = {
        {50000, 0, 1500, 50, "len=50000", 1600, 7000},       /* 30 KB/s, longer than a stall may take */
        {95000, 60000, 1, 50, "HTTP/1.1 408 ", 450, 2500},   /* a burst, then a trickle */
        {95000, 9000, 100, 50, "HTTP/1.1 408 ", 450, 2500},  /* 2 KB/s is too slow */
        {95000, 0, 1500, 50, "HTTP/1.1 408 ", 1500, 3000},   /* fast enough, but not for ever */
        {5000, 0, 50, 50, "HTTP/1.1 408 ", 450, 2500},       /* small ones have time for their whole */
    };
    struct web_limits limits = usual;
    unsigned took;

    limits.request_timeout_ms = 600;
    limits.slowest_bytes_per_s = 10000;
    limits.upload_ms = 2000;
    server_start(limits, NULL);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int fd = client();

        CHECK(has(upload_slowly(fd, table[i].len, table[i].first, table[i].piece, table[i].ms, &took),
                  table[i].answer));
        CHECK(took >= table[i].least_ms && took <= table[i].most_ms);
        close(fd);
    }
    server_stop();
}

static void gone(void)
{
    static const struct {
        const char *request;
        const char *await;
    } asked[] = {{"POST /hold HTTP/1.1\r\nContent-Length: 0\r\n\r\n", NULL},
                 {"POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "first"},
                 {"GET /hold HTTP/1.1\r\n\r\n", NULL}};
    unsigned n = 0;

    server_start(usual, NULL);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        for (int reset = 0; reset < 2; reset++) {
            int fd = client();

            send_text(fd, asked[i].request);
            if (asked[i].await != NULL)
                CHECK(has(receive(fd, asked[i].await), asked[i].await));
            else
                usleep(50000);
            hang_up(fd, reset);
            CHECK_INT(await(&S.gone, ++n) < 1000, 1);
        }
    CHECK_INT(web_counters(S.web).clients_gone, n);
    /* Answered, then left: not gone. */
    hang_up(client(), true);
    {
        int fd = client();

        send_text(fd, "GET /answered HTTP/1.1\r\n\r\n");
        receive(fd, "200 OK");
        hang_up(fd, true);
    }
    usleep(200000);
    CHECK_INT(S.gone, n);
    server_stop();
}

/* Silent requests cost the sweep no system call. One whose connection has stirred is looked at, and its
 * client's departure, which no poll reports any more, is still noticed. */
static void silent_sweeps(void)
{
    int silent[20], stirred;
    uint64_t looks;

    server_start(usual, NULL);
    for (size_t i = 0; i < 20; i++) {
        silent[i] = client();
        send_text(silent[i], i % 2 == 0 ? "POST /hold HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
                                        : "POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        if (i % 2 != 0)
            CHECK(has(receive(silent[i], "first"), "first"));
    }
    usleep(100000);
    looks = web_counters(S.web).tcp_looks;
    usleep(500000); /* ten sweeps */
    CHECK_INT(web_counters(S.web).tcp_looks, looks);
    stirred = client();
    send_text(stirred, "POST /hold HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    usleep(50000);
    send_text(stirred, "GET /early HTTP/1.1\r\n\r\n");
    usleep(200000);
    CHECK(web_counters(S.web).tcp_looks > looks);
    CHECK_INT(S.gone, 0);
    hang_up(stirred, false);
    CHECK_INT(await(&S.gone, 1) < 1000, 1);
    for (size_t i = 0; i < 20; i++)
        hang_up(silent[i], i % 4 < 2);
    CHECK_INT(await(&S.gone, 21) < 1000, 1);
    server_stop();
}

static void write_stall(void)
{
    struct web_limits limits = usual;
    int fd, small = 4096, slow;

    limits.write_stall_ms = 300;
    server_start(limits, NULL);
    fd = client();
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    send_text(fd, "POST /flood HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    CHECK_INT(await(&S.gone, 1) < 4000, 1);
    CHECK_INT(web_counters(S.web).write_stalls, 1);
    close(fd);
    /* A slow reader that goes on reading is no stalled one. */
    slow = client();
    setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    send_text(slow, "POST /flood HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        static char sink[32768];

        CHECK(recv(slow, sink, sizeof sink, 0) > 0);
        usleep(50000);
    }
    CHECK_INT(S.gone, 1);
    close(slow);
    await(&S.gone, 2);
    server_stop();
}

static void endings(void)
{
    const char *text;
    int fd;

    server_start(usual, NULL);
    fd = client();
    send_text(fd, "POST /end HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    text = receive(fd, "0\r\n\r\n");
    CHECK(has(text, "transfer-encoding: chunked\r\n"));
    CHECK(has(text, "\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"));
    await(&S.released, 1);
    send_text(fd, "POST /empty HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    CHECK(has(receive(fd, "0\r\n\r\n"), "\r\n\r\n0\r\n\r\n"));
    await(&S.released, 2);
    send_text(fd, "POST /abort HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    text = receive(fd, NULL); /* it must close */
    CHECK(has(text, "6\r\nsecond"));
    CHECK(strstr(text, "0\r\n\r\n") == NULL);
    await(&S.released, 3);
    close(fd);
    text = ask("GET /clean HTTP/1.0\r\n\r\n", NULL); /* no chunks for HTTP/1.0 */
    CHECK(has(text, "Connection: close\r\n"));
    CHECK(has(text, "\r\n\r\nchunkchunklast"));
    CHECK(strstr(text, "chunked") == NULL);
    CHECK_INT(S.gone, 0);
    CHECK_INT(S.writable, 0); /* none for a write that an end followed */
    server_stop();
}

/* The trailer stands where RFC 9112 7.1.2 wants it and nowhere else, and the connection goes on. */
static void trailers(void)
{
    const char *text;
    int fd;

    server_start(usual, NULL);
    fd = client();
    send_text(fd, "POST /trailer/end HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    text = receive(fd, "more\r\n\r\n");
    CHECK(has(text, "\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n"
                    "x-late: news\r\nx-later: more\r\n\r\n"));
    await(&S.released, 1);
    send_text(fd, "POST /trailer/empty HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    CHECK(has(receive(fd, "more\r\n\r\n"), "\r\n\r\n0\r\nx-late: news\r\nx-later: more\r\n\r\n"));
    await(&S.released, 2);
    /* it has nothing to say this time */
    send_text(fd, "POST /trailer/end HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    CHECK(has(receive(fd, "0\r\n\r\n"), "6\r\nsecond\r\n0\r\n\r\n"));
    await(&S.released, 3);
    CHECK_INT(S.trailers, 3);
    send_text(fd, "POST /trailer/abort HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    text = receive(fd, NULL);
    CHECK(has(text, "6\r\nsecond"));
    CHECK(strstr(text, "0\r\n") == NULL && strstr(text, "x-late") == NULL);
    await(&S.released, 4);
    close(fd);
    text = ask("GET /trailer/end HTTP/1.0\r\n\r\n", NULL);
    CHECK(has(text, "\r\n\r\nfirstsecond"));
    CHECK(strstr(text, "x-late") == NULL);
    await(&S.released, 5);
    CHECK_INT(S.answered, 1); /* told that there will be none */
    CHECK_INT(S.trailers, 3);
    CHECK_INT(S.gone, 0);
    server_stop();
}

/* When all places are taken, of connections that show nothing the oldest gives way, and one that runs a
 * request never does. */
static void caps_of(struct web_limits limits, unsigned max)
{
    int held[3], fd;

    server_start(limits, NULL);
    held[0] = client();
    for (unsigned i = 0; i < max; i++) {
        fd = client();
        if (i + 1 < max)
            held[1 + i] = fd;
    }
    CHECK_INT(receive(held[0], NULL)[0], '\0'); /* it was the first */
    send_text(fd, "GET /echo HTTP/1.1\r\n\r\n");
    CHECK(has(receive(fd, "sum="), "200 OK"));
    for (unsigned i = 0; i < max; i++)
        close(held[i]);
    close(fd);
    usleep(50000);
    for (unsigned i = 0; i < max; i++) {
        held[i] = client();
        send_text(held[i], "POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        CHECK(has(receive(held[i], "first"), "200 OK"));
    }
    fd = client();
    CHECK_INT(receive(fd, NULL)[0], '\0'); /* now the new one is the only one that can go */
    CHECK_INT(S.gone, 0);
    close(fd);
    for (unsigned i = 0; i < max; i++)
        close(held[i]);
    await(&S.gone, max);
    CHECK(has(ask("GET /echo HTTP/1.1\r\n\r\n", "sum="), "200 OK")); /* places come back */
    CHECK_INT(web_counters(S.web).crowded_out, 1);
    server_stop();
}

static void caps(void)
{
    struct web_limits limits = usual;

    limits.connections_max = 3;
    caps_of(limits, 3);
    limits = usual;
    limits.connections_per_ip = 2;
    caps_of(limits, 2);
}

/* Clients that ask for something large and do not read it hold no place for ever, a stream that waits for
 * its next bytes does. */
static void unread_answers(void)
{
    struct web_limits limits = usual;
    int unread[2], running, fd;

    limits.connections_max = 3;
    limits.write_stall_ms = 60000;
    limits.request_timeout_ms = 60000;
    server_start(limits, NULL);
    running = client();
    send_text(running, "POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    CHECK(has(receive(running, "first"), "200 OK"));
    for (int i = 0; i < 2; i++) {
        unread[i] = client();
        send_text(unread[i], "GET /large/copied HTTP/1.1\r\n\r\n");
    }
    usleep(200000);
    fd = client(); /* they have had no time yet */
    CHECK_INT(receive(fd, NULL)[0], '\0');
    close(fd);
    usleep(5300000);
    fd = client();
    send_text(fd, "GET /echo HTTP/1.1\r\n\r\n");
    CHECK(has(receive(fd, "sum="), "200 OK"));
    CHECK_INT(web_counters(S.web).crowded_out, 1);
    CHECK_INT(S.gone, 0);
    close(fd);
    for (int i = 0; i < 2; i++)
        close(unread[i]);
    close(running);
    await(&S.gone, 1);
    server_stop();
}

/* A flood of connections that say nothing, more than there are places all the time. What runs goes on,
 * what comes is served, and so is a connection whose handshake or head takes its time. */
static void silent_flood(void)
{
    struct web_limits limits = usual;
    int running, slow, fd, flood[400];

    limits.connections_max = 50;
    server_start(limits, NULL);
    running = client();
    send_text(running, "POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    CHECK(has(receive(running, "first"), "200 OK"));
    slow = client();
    send_text(slow, "GET /echo HT");
    for (int i = 0; i < 400; i++) {
        flood[i] = client();
        if (i % 50 == 49) {
            fd = client();
            send_text(fd, "GET /echo HTTP/1.1\r\n\r\n");
            CHECK(has(receive(fd, "sum="), "200 OK"));
            close(fd);
        }
    }
    send_text(slow, "TP/1.1\r\n\r\n");
    CHECK(has(receive(slow, "sum="), "200 OK"));
    CHECK_INT(S.gone, 0);
    CHECK(web_counters(S.web).crowded_out >= 350);
    for (int i = 0; i < 400; i++)
        close(flood[i]);
    close(slow);
    close(running);
    await(&S.gone, 1);
    server_stop();
}

static void drain(void)
{
    const char *text;
    int idle, streaming, fd;

    server_start(usual, NULL);
    idle = client();
    streaming = client();
    send_text(idle, "GET /echo HTTP/1.1\r\n\r\n");
    receive(idle, "sum=");
    send_text(streaming, "POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    receive(streaming, "first");
    uv_async_send(&S.stop);
    CHECK_INT(receive(idle, NULL)[0], '\0'); /* closed at once */
    CHECK_INT(S.drained, 0);                 /* the stream runs on */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons(web_port(S.web)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), -1); /* nobody listens */
    }
    close(fd);
    close(streaming);
    server_join();
    CHECK_INT(S.gone, 1);
    close(idle);
    /* An answer that ends during the drain says close and closes. */
    server_start(usual, NULL);
    streaming = client();
    send_text(streaming, "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\nab");
    usleep(50000);
    uv_async_send(&S.stop);
    usleep(50000);
    send_text(streaming, "c");
    text = receive(streaming, NULL);
    CHECK(has(text, "len=3"));
    CHECK(has(text, "Connection: close\r\n"));
    close(streaming);
    server_join();
}

/* --- TLS */

static unsigned records;

static void count_records(int writing, int version, int type, const void *bytes, size_t n, SSL *s,
                          void *arg)
{
    (void)version, (void)n, (void)s, (void)arg;
    if (!writing && type == SSL3_RT_HEADER && *(const uint8_t *)bytes == SSL3_RT_APPLICATION_DATA)
        records++;
}

/* Everything up to `until`; the number of records it took. */
static unsigned receive_records(SSL *ssl, const char *until, char *text, size_t cap)
{
    size_t n = 0;

    records = 0;
    text[0] = '\0';
    while (strstr(text, until) == NULL && n < cap - 1) {
        int r = SSL_read(ssl, text + n, (int)(cap - 1 - n));

        if (r <= 0)
            break;
        n += (size_t)r;
        text[n] = '\0';
    }
    return records;
}

static void ssl_send(SSL *ssl, const char *text)
{
    CHECK_INT(SSL_write(ssl, text, (int)strlen(text)), (int)strlen(text));
}

static void tls(void)
{
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    SSL_CTX *server_ctx = NULL, *client_ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(client_ctx);
    uint8_t exporter[32];
    char hex[65];
    static char text[70000];
    int fd;

    CHECK_INT(tls_key_new(&key), ERR_NONE);
    CHECK_INT(tls_cert_self(key, "localhost", 1, &cert), ERR_NONE);
    CHECK_INT(tls_server_ctx(key, cert, &server_ctx), ERR_NONE);
    server_start(usual, server_ctx);
    fd = client();
    SSL_set_fd(ssl, fd);
    SSL_set_msg_callback(ssl, count_records);
    CHECK_INT(SSL_connect(ssl), 1);
    CHECK_INT(tls_exporter(ssl, exporter), ERR_NONE);
    ssl_send(ssl, "GET /exporter HTTP/1.1\r\n\r\n");
    receive_records(ssl, "ffff7f000001", text, sizeof text); /* the peer's address ends it */
    hex_encode(exporter, 32, hex);
    CHECK(has(text, hex));
    /* Head and body: one record. Each chunk: one record. 64 KB: five, not forty-seven. */
    ssl_send(ssl, "POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\na");
    CHECK_INT(receive_records(ssl, "sum=", text, sizeof text), 1);
    ssl_send(ssl, "POST /clean HTTP/1.1\r\nContent-Length: 1\r\n\r\na");
    CHECK_INT(receive_records(ssl, "0\r\n\r\n", text, sizeof text), 3);
    CHECK(has(text, "\r\n\r\n5\r\nchunk\r\n5\r\nchunk\r\n4\r\nlast\r\n0\r\n\r\n"));
    ssl_send(ssl, "POST /end HTTP/1.1\r\nContent-Length: 1\r\n\r\na");
    CHECK_INT(receive_records(ssl, "0\r\n\r\n", text, sizeof text), 2);
    /* the last bytes are on their way before the trailer is made */
    ssl_send(ssl, "POST /trailer/end HTTP/1.1\r\nContent-Length: 1\r\n\r\na");
    CHECK_INT(receive_records(ssl, "more\r\n\r\n", text, sizeof text), 3);
    ssl_send(ssl, "GET /answered HTTP/1.1\r\n\r\n");
    CHECK_INT(receive_records(ssl, "\x02", text, sizeof text), 5);
    SSL_free(ssl);
    close(fd);
    server_stop();
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static SSL *ssl_client(SSL_CTX *ctx, const char *request, const char *until)
{
    static char text[70000];
    SSL *ssl = SSL_new(ctx);

    SSL_set_fd(ssl, client());
    CHECK_INT(SSL_connect(ssl), 1);
    ssl_send(ssl, request);
    if (until != NULL) {
        receive_records(ssl, until, text, sizeof text);
        CHECK(has(text, until));
    } else {
        usleep(50000);
    }
    return ssl;
}

/* A client that closes its side and reads on gets its answer; one that is gone is noticed all the same, whether it
 * says so before (close_notify) or not. */
static void half_closed(void)
{
    static const struct {
        const char *request, *until; /* of the answer, before the client closes */
    } table[] = {{"POST /late/whole HTTP/1.1\r\nContent-Length: 0\r\n\r\n", NULL},
                 {"POST /late/stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "first"},
                 {"POST /hold HTTP/1.1\r\nContent-Length: 0\r\n\r\n", NULL},
                 {"POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "first"}};
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    SSL_CTX *server_ctx = NULL, *client_ctx = SSL_CTX_new(TLS_client_method());
    static char text[70000];
    unsigned n = 0;

    CHECK_INT(tls_key_new(&key), ERR_NONE);
    CHECK_INT(tls_cert_self(key, "localhost", 1, &cert), ERR_NONE);
    CHECK_INT(tls_server_ctx(key, cert, &server_ctx), ERR_NONE);
    server_start(usual, server_ctx);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        for (unsigned notify = 0; notify < 2; notify++) {
            SSL *ssl = ssl_client(client_ctx, table[i].request, table[i].until);
            int fd = SSL_get_fd(ssl);

            if (notify != 0)
                CHECK_INT(SSL_shutdown(ssl), 0);
            if (i < 2) {
                CHECK_INT(shutdown(fd, SHUT_WR), 0);
                receive_records(ssl, "at last", text, sizeof text);
                CHECK(has(text, "at last"));
                CHECK_INT(S.gone, n);
                close(fd);
            } else {
                close(fd);
                CHECK_INT(await(&S.gone, ++n) < 1000, 1);
            }
            SSL_free(ssl);
        }
    server_stop();
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* A client that cannot be served is told why by an alert, not by the end of its connection. */
static void tls_refusals(void)
{
    static const struct {
        int max_version;
        const char *alpn, *cipher;
        int reason;
    } table[] = {
        {TLS1_2_VERSION, NULL, NULL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION},
        {TLS1_3_VERSION, "\2h2", NULL, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL},
        {TLS1_3_VERSION, NULL, "TLS_AES_128_CCM_SHA256", SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE},
        {TLS1_3_VERSION, "\2h2\10http/1.1", NULL, 0},
    };
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    SSL_CTX *server_ctx = NULL, *client_ctx = SSL_CTX_new(TLS_client_method());

    CHECK_INT(tls_key_new(&key), ERR_NONE);
    CHECK_INT(tls_cert_self(key, "localhost", 1, &cert), ERR_NONE);
    CHECK_INT(tls_server_ctx(key, cert, &server_ctx), ERR_NONE);
    server_start(usual, server_ctx);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        SSL *ssl = SSL_new(client_ctx);
        int fd = client(), r;

        SSL_set_fd(ssl, fd);
        CHECK_INT(SSL_set_max_proto_version(ssl, table[i].max_version), 1);
        if (table[i].alpn != NULL)
            CHECK_INT(SSL_set_alpn_protos(ssl, (const unsigned char *)table[i].alpn,
                                          (unsigned)strlen(table[i].alpn)),
                      0);
        if (table[i].cipher != NULL)
            CHECK_INT(SSL_set_ciphersuites(ssl, table[i].cipher), 1);
        ERR_clear_error();
        r = SSL_connect(ssl);
        CHECK_INT(r == 1, table[i].reason == 0);
        CHECK_INT(ERR_GET_REASON(ERR_peek_error()), table[i].reason);
        SSL_free(ssl);
        close(fd);
    }
    ERR_clear_error();
    server_stop();
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void addresses(void)
{
    struct web_config config = {.loop = &S.loop, .host = "not an address", .limits = usual};
    struct web_server *second = NULL;
    uv_loop_t loop;

    server_start(usual, NULL);
    uv_loop_init(&loop);
    config.loop = &loop;
    config.handler = handler;
    CHECK_INT(web_start(&config, &second), ERR_CONFIG);
    config.host = "192.0.2.1"; /* not an address of this machine */
    CHECK_INT(web_start(&config, &second), ERR_IO);
    CHECK_INT(errno, EADDRNOTAVAIL);
    CHECK(second == NULL);
    /* The same port again is no error: that is how a program's loops share one. */
    config.host = "127.0.0.1";
    config.port = web_port(S.web);
    CHECK_INT(web_start(&config, &second), ERR_NONE);
    CHECK_INT(web_port(second), web_port(S.web));
    web_stop(second, NULL, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    web_free(second);
    uv_run(&loop, UV_RUN_NOWAIT);
    CHECK_INT(uv_loop_close(&loop), 0);
    server_stop();
}

static const struct check_case cases[] = {
    {"web_keep_alive", keep_alive},
    {"web_in_every_answer", in_every_answer},
    {"web_pipelining", pipelining},
    {"web_chunked_bodies", chunked_bodies},
    {"web_refusals", refusals},
    {"web_body_limit", body_limit},
    {"web_refused_upload", refused_upload},
    {"web_body_budget", body_budget},
    {"web_answer_budget", answer_budget},
    {"web_lent_answers", lent_answers},
    {"web_arriving_bodies", arriving_bodies},
    {"web_slow_clients", slow_clients},
    {"web_slow_uploads", slow_uploads},
    {"web_gone", gone},
    {"web_silent_sweeps", silent_sweeps},
    {"web_write_stall", write_stall},
    {"web_endings", endings},
    {"web_trailers", trailers},
    {"web_caps", caps},
    {"web_silent_flood", silent_flood},
    {"web_unread_answers", unread_answers},
    {"web_drain", drain},
    {"web_tls", tls},
    {"web_half_closed", half_closed},
    {"web_tls_refusals", tls_refusals},
    {"web_addresses", addresses},
};

/* h2o keeps up to 16 pool chunks per thread and has no call that frees them at the thread's end. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle";
}

int main(int argc, char **argv)
{
    memset(block, 1, sizeof block);
    block[sizeof block - 1] = 2;
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
