/* The client must survive every provider: each case runs against a hostile server on a thread of
 * this process, and says exactly which error, which bytes and how many connections are right. */
#include "buf.h"
#include "check.h"

#include <limits.h>
#include "fetch.h"
#include "secret.h"
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server --- */

struct server {
    int fd;
    uint16_t port;
    SSL_CTX *tls;
    const char *greeting; /* said before anything is read */
    atomic_uint accepts, requests, resumed;
    atomic_ulong sent;     /* bytes of a flood */
    atomic_uint cut;       /* floods that ended because the client left */
    atomic_ulong body_sum; /* of the last request */
    char last_head[4096];
};

struct peer {
    struct server *s;
    int fd;
    SSL *ssl;
    unsigned served; /* requests on this connection before this one */
};

static bool peer_put(struct peer *p, const void *data, size_t n)
{
    const char *at = data;

    while (n != 0) {
        ssize_t r =
            p->ssl != NULL ? SSL_write(p->ssl, at, (int)n) : send(p->fd, at, n, MSG_NOSIGNAL);

        if (r <= 0)
            return false;
        at += r;
        n -= (size_t)r;
    }
    return true;
}

static bool peer_say(struct peer *p, const char *text)
{
    return peer_put(p, text, strlen(text));
}

static ssize_t peer_get(struct peer *p, void *to, size_t n)
{
    return p->ssl != NULL ? SSL_read(p->ssl, to, (int)n) : recv(p->fd, to, n, 0);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define JSON_OK OK "content-type: application/json; charset=utf-8\r\n"

static void nap(unsigned ms)
{
    usleep(ms * 1000);
}

static void say_lines(struct peer *p, const char *line, unsigned n)
{
    while (n-- != 0 && peer_say(p, line))
        ;
}

/* Endless chunks, until the client leaves or 64 MiB are through. */
static bool flood(struct peer *p)
{
    static char chunk[16384 + 16];
    size_t head = (size_t)snprintf(chunk, sizeof chunk, "4000\r\n");

    memset(chunk + head, 'f', 16384);
    memcpy(chunk + head + 16384, "\r\n", 2);
    peer_say(p, OK "transfer-encoding: chunked\r\n\r\n");
    for (int i = 0; i < 4096; i++) {
        if (!peer_put(p, chunk, head + 16386)) {
            atomic_fetch_add(&p->s->cut, 1);
            return false;
        }
        atomic_fetch_add(&p->s->sent, 16384);
    }
    return peer_say(p, "0\r\n\r\n");
}

static bool reset(struct peer *p)
{
    struct linger now = {1, 0};

    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return false;
}

static const struct {
    const char *path, *answer;
    bool keep;
} scripts[] = {
    {"/length", JSON_OK "content-length: 5\r\n\r\nhello", true},
    {"/empty", OK "content-length: 0\r\n\r\n", true},
    {"/chunked",
     OK "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nt: x\r\n\r\n",
     true},
    {"/close", OK "\r\nhello", false},
    {"/http10", "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", true},
    {"/connection-close", OK "connection: close\r\ncontent-length: 5\r\n\r\nhello", true},
    {"/keep-alive-1", OK "keep-alive: timeout=1\r\ncontent-length: 5\r\n\r\nhello", true},
    {"/204", "HTTP/1.1 204 No Content\r\n\r\n", true},
    {"/interim",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" OK
     "content-length: 5\r\n\r\nhello",
     true},
    {"/extra", OK "content-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n", true},
    {"/retry", "HTTP/1.1 429 Too Many\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n", true},
    {"/retry-ms",
     "HTTP/1.1 429 Too Many\r\nretry-after-ms: 250\r\nretry-after: 7\r\n"
     "content-length: 0\r\n\r\n",
     true},
    {"/retry-past",
     "HTTP/1.1 503 No\r\nretry-after: Mon, 01 Jan 2001 00:00:00 GMT\r\n"
     "content-length: 0\r\n\r\n",
     true},
    {"/retry-odd", "HTTP/1.1 503 No\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n", true},
    {"/500", "HTTP/1.1 500 Oops\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\noops", true},
    {"/plain-gzip", OK "content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello", true},
    {"/same-length", OK "content-length: 5\r\ncontent-length: 5\r\n\r\nhello", true},
    /* refused */
    {"/two-lengths", OK "content-length: 5\r\ncontent-length: 6\r\n\r\nhello", true},
    {"/bad-length", OK "content-length: 5x\r\n\r\nhello", true},
    {"/minus-length", OK "content-length: -5\r\n\r\nhello", true},
    {"/huge-length", OK "content-length: 99999999999999999999999\r\n\r\nhello", true},
    {"/length-and-chunked", OK "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
     true},
    {"/gzip-te", OK "transfer-encoding: gzip\r\n\r\nhello", true},
    {"/gzip-chunked", OK "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", true},
    {"/two-te", OK "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
     true},
    {"/brotli", OK "content-encoding: br\r\ncontent-length: 5\r\n\r\nhello", true},
    {"/two-codings", OK "content-encoding: gzip, br\r\ncontent-length: 5\r\n\r\nhello", true},
    {"/folded", OK "x: a\r\n b\r\ncontent-length: 5\r\n\r\nhello", true},
    {"/101", "HTTP/1.1 101 Switching\r\n\r\n", true},
    {"/099", "HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n", true},
    {"/not-http", "SSH-2.0-OpenSSH\r\n\r\n", true},
    {"/bad-chunk", OK "transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", true},
    {"/truncated-chunk", OK "transfer-encoding: chunked\r\n\r\n9\r\nhello", false},
    {"/no-last-chunk", OK "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", false},
    {"/truncated-length", OK "content-length: 9\r\n\r\nhello", false},
    {"/truncated-head", OK "content-le", false},
    {"/nothing", "", false},
};

/* Returns whether to keep the connection. */
static bool serve(struct peer *p, const char *path)
{
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        if (strcmp(path, scripts[i].path) == 0)
            return peer_say(p, scripts[i].answer) && scripts[i].keep;
    }
    if (strcmp(path, "/bytewise") == 0) { /* every byte a packet of its own */
        for (const char *c = scripts[2].answer; *c != '\0'; c++)
            peer_put(p, c, 1), nap(1);
        return true;
    }
    if (strcmp(path, "/headers1000") == 0) {
        peer_say(p, OK);
        say_lines(p, "x-a: b\r\n", 1000);
        return peer_say(p, "content-length: 0\r\n\r\n");
    }
    if (strcmp(path, "/head-huge") == 0) {
        peer_say(p, OK "x: ");
        say_lines(p, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 1100);
        return peer_say(p, "\r\ncontent-length: 0\r\n\r\n");
    }
    if (strcmp(path, "/interims") == 0) {
        say_lines(p, "HTTP/1.1 100 Continue\r\n\r\n", 50);
        return true;
    }
    if (strcmp(path, "/reset") == 0) {
        peer_say(p, OK "content-length: 9\r\n\r\nhello");
        nap(30);
        return reset(p);
    }
    if (strcmp(path, "/stall") == 0)
        nap(600);
    if (strcmp(path, "/stall-body") == 0) {
        peer_say(p, OK "content-length: 9\r\n\r\nhello");
        nap(600);
    }
    if (strcmp(path, "/early") == 0)
        return peer_say(p, "lo");
    if (strcmp(path, "/trickle") == 0) { /* never idle, never done */
        peer_say(p, OK "content-length: 1000\r\n\r\n");
        for (int i = 0; i < 100 && peer_say(p, "x"); i++)
            nap(30);
    }
    if (strcmp(path, "/close-second") == 0)
        return p->served == 0 && peer_say(p, scripts[0].answer);
    if (strcmp(path, "/reset-second") == 0)
        return p->served == 0 ? peer_say(p, scripts[0].answer) : reset(p);
    if (strcmp(path, "/byte-second") == 0)
        return p->served == 0 ? peer_say(p, scripts[0].answer) : peer_say(p, "H") && false;
    if (strcmp(path, "/late-second") == 0) {
        if (p->served == 0)
            return peer_say(p, scripts[0].answer);
        nap(2300);
        return false;
    }
    if (strcmp(path, "/flood") == 0)
        return flood(p);
    return false;
}

/* Read one request; its path into `path`. False at the end of the connection. */
static bool request_read(struct peer *p, char path[128])
{
    static __thread char head[8192];
    char *end = NULL, *length;
    size_t len = 0, body = 0, have;
    unsigned long sum = 0;

    while (end == NULL) {
        ssize_t r = peer_get(p, head + len, sizeof head - 1 - len);

        if (r <= 0)
            return false;
        len += (size_t)r;
        head[len] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    end += 4;
    length = strstr(head, "content-length: ");
    if (length != NULL)
        body = strtoul(length + 16, NULL, 10);
    sscanf(head, "POST /v1%127s", path);
    if (strcmp(path, "/early") == 0) { /* answered before the request is read */
        peer_say(p, OK "content-length: 5\r\n\r\nhel");
        nap(100);
    }
    snprintf(p->s->last_head, sizeof p->s->last_head, "%.*s", (int)(end - head), head);
    have = len - (size_t)(end - head);
    for (size_t i = 0; i < have; i++)
        sum = sum * 31 + (uint8_t)end[i];
    while (have < body) {
        ssize_t r = peer_get(p, head, sizeof head);

        if (r <= 0)
            return false;
        for (ssize_t i = 0; i < r; i++)
            sum = sum * 31 + (uint8_t)head[i];
        have += (size_t)r;
    }
    atomic_store(&p->s->body_sum, sum);
    atomic_fetch_add(&p->s->requests, 1);
    return true;
}

static void *peer_main(void *arg)
{
    struct peer *p = arg;
    char path[128] = "";

    if (p->s->tls != NULL) {
        p->ssl = SSL_new(p->s->tls);
        SSL_set_fd(p->ssl, p->fd);
        if (SSL_accept(p->ssl) != 1)
            goto done;
        atomic_fetch_add(&p->s->resumed, (unsigned)SSL_session_reused(p->ssl));
    }
    if (p->s->greeting != NULL)
        peer_say(p, p->s->greeting);
    while (request_read(p, path) && serve(p, path))
        p->served++;
    if (p->ssl != NULL && strcmp(path, "/truncated-head") != 0)
        SSL_shutdown(p->ssl);
done:
    SSL_free(p->ssl);
    close(p->fd);
    free(p);
    return NULL;
}

static void *server_main(void *arg)
{
    struct server *s = arg;
    int fd;

    while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
        struct peer *p = calloc(1, sizeof *p);
        pthread_t thread;
        int on = 1;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        *p = (struct peer){.s = s, .fd = fd};
        atomic_fetch_add(&s->accepts, 1);
        pthread_create(&thread, NULL, peer_main, p);
        pthread_detach(thread);
    }
    return NULL;
}

static void server_start(struct server *s, SSL_CTX *tls)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    pthread_t thread;

    memset(s, 0, sizeof *s);
    s->tls = tls;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(s->fd, (struct sockaddr *)&sa, sizeof sa), 0);
    CHECK_INT(listen(s->fd, 64), 0);
    getsockname(s->fd, (struct sockaddr *)&sa, &len);
    s->port = ntohs(sa.sin_port);
    pthread_create(&thread, NULL, server_main, s);
    pthread_detach(thread);
}

/* --- the client's side --- */

static uv_loop_t loop;
static struct providers providers;
static struct upstreams *ups;
static struct credentials *credentials;
static struct server server, address; /* plain, and TLS with an IP address in the certificate */

struct run {
    struct fetch *f;
    struct fetch_head head;
    unsigned heads, dones, bodies;
    enum err e;
    size_t bytes;
    char text[64];
    bool pause_first, cancel_at_head, cancel_at_body, cancelled;
    bool keyed; /* at the head: the key of who answers */
    struct digest32 peer_key;
    bool let; /* at the head, nobody wanted the body any more */
    unsigned progress; /* so many of the bodies are content */
    uint32_t within;   /* said at the first body; 0: not */
};

static void on_head(void *cookie, const struct fetch_head *head)
{
    struct run *r = cookie;

    r->head = *head;
    r->heads++;
    r->keyed = fetch_peer_key(r->f) != NULL;
    if (r->keyed)
        r->peer_key = *fetch_peer_key(r->f);
    r->let = fetch_body_let(r->f);
    if (r->cancel_at_head) {
        r->cancelled = true;
        fetch_cancel(r->f);
    }
}

static void on_body(void *cookie, struct view bytes)
{
    struct run *r = cookie;

    CHECK(!r->cancelled);
    CHECK(bytes.len != 0);
    for (size_t i = 0; i < bytes.len && r->bytes + i < sizeof r->text - 1; i++)
        r->text[r->bytes + i] = (char)bytes.ptr[i];
    r->bytes += bytes.len;
    if (r->bodies < r->progress)
        fetch_progressed(r->f, bytes.len);
    if (r->bodies == 0 && r->within != 0)
        fetch_within(r->f, r->within);
    if (r->bodies++ == 0 && r->pause_first)
        fetch_pause(r->f);
    if (r->cancel_at_body) {
        r->cancelled = true;
        fetch_cancel(r->f);
    }
}

static void on_done(void *cookie, enum err e)
{
    struct run *r = cookie;

    CHECK(!r->cancelled);
    r->dones++;
    r->e = e;
}

static const struct fetch_events events = {on_head, on_body, on_done};

static void tick_cb(uv_timer_t *t)
{
    (void)t;
}

/* Turn the loop until *stop or ms have passed. */
static void turn(const unsigned *stop, unsigned ms)
{
    uv_timer_t tick;
    uint64_t end = uv_hrtime() + ms * UINT64_C(1000000);

    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, tick_cb, 5, 5);
    while ((stop == NULL || *stop == 0) && uv_hrtime() < end)
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static bool whole; /* the next fetches are of answers in one piece */

static enum err start(struct run *r, unsigned provider, const char *path, struct view body,
                      bool last)
{
    struct fetch_request request = {.provider = &providers.list[provider],
                                    .credentials = credentials,
                                    .path = view_str(path),
                                    .content_type = VIEW_LIT("application/json"),
                                    .body = body,
                                    .last_candidate = last,
                                    .whole = whole};

    return fetch_start(ups, &request, &events, r, &r->f);
}

static struct run get(unsigned provider, const char *path)
{
    struct run r = {0};

    CHECK_INT(start(&r, provider, path, VIEW_LIT("{}"), false), ERR_NONE);
    CHECK_INT(r.dones, 0);
    turn(&r.dones, 5000);
    CHECK_INT(r.dones, 1);
    return r;
}

static void pool_empty(void)
{
    struct buf why;

    upstreams_free(ups);
    uv_run(&loop, UV_RUN_NOWAIT);
    turn(NULL, 20);
    buf_init(&why, 1000);
    CHECK_INT(upstreams_new(&loop, &providers, &ups, &why), ERR_NONE);
    buf_free(&why);
}

/* Short enough to wait for, long enough for a machine that is busy; patience() for what moves much. */
enum { FIRST_BYTE_MS = 400, IDLE_MS = 400, TOTAL_MS = 2400, WHOLE_MS = 1500 };

static void patience(unsigned p, unsigned first_byte_ms, unsigned idle_ms, unsigned total_ms)
{
    providers.list[p].first_byte_ms = first_byte_ms;
    providers.list[p].idle_ms = idle_ms;
    providers.list[p].total_ms = total_ms;
}

static struct provider *provider_add(const char *host, uint16_t port, const char *ca)
{
    struct provider *p = &providers.list[providers.n];

    *p = (struct provider){.no = (uint16_t)providers.n,
                           .port = port,
                           .path = "/v1",
                           .tls = ca != NULL,
                           .auth = AUTH_NONE,
                           .connect_ms = 500,
                           .tls_ms = 500,
                           .first_byte_ms = FIRST_BYTE_MS,
                           .idle_ms = IDLE_MS,
                           .total_ms = TOTAL_MS,
                           .whole_ms = WHOLE_MS};
    snprintf(p->id, sizeof p->id, "p%zu", providers.n);
    snprintf(p->host, sizeof p->host, "%s", host);
    snprintf(p->ca, sizeof p->ca, "%s", ca == NULL ? "" : ca);
    providers.n++;
    return p;
}

/* --- cases --- */

static void test_responses(void)
{
    static const struct {
        const char *path;
        enum err e;
        int status;
        const char *text;
        bool reused_after;
        int64_t retry;
    } cases[] = {
        {"/length", ERR_NONE, 200, "hello", true, -1},
        {"/empty", ERR_NONE, 200, "", true, -1},
        {"/chunked", ERR_NONE, 200, "hello", true, -1},
        {"/close", ERR_NONE, 200, "hello", false, -1},
        {"/bytewise", ERR_NONE, 200, "hello", true, -1},
        {"/http10", ERR_NONE, 200, "hello", false, -1},
        {"/connection-close", ERR_NONE, 200, "hello", false, -1},
        {"/keep-alive-1", ERR_NONE, 200, "hello", false, -1},
        {"/204", ERR_NONE, 204, "", true, -1},
        {"/interim", ERR_NONE, 200, "hello", true, -1},
        {"/extra", ERR_NONE, 200, "hello", false, -1},
        {"/retry", ERR_NONE, 429, "", true, 7000},
        {"/retry-ms", ERR_NONE, 429, "", true, 250},
        {"/retry-past", ERR_NONE, 503, "", true, 0},
        {"/retry-odd", ERR_NONE, 503, "", true, -1},
        {"/500", ERR_NONE, 500, "oops", true, -1},
        {"/same-length", ERR_NONE, 200, "hello", true, -1},
        {"/plain-gzip", ERR_NONE, 200, "hello", true, -1},
        {"/two-lengths", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/bad-length", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/minus-length", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/huge-length", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/length-and-chunked", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/gzip-te", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/gzip-chunked", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/two-te", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/brotli", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/two-codings", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/folded", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/101", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/099", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/not-http", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/headers1000", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/head-huge", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/interims", ERR_PROVIDER_PROTOCOL, 0, "", false, -1},
        {"/bad-chunk", ERR_PROVIDER_PROTOCOL, 200, "", false, -1},
        {"/truncated-chunk", ERR_PROVIDER_TRUNCATED, 200, "hello", false, -1},
        {"/no-last-chunk", ERR_PROVIDER_TRUNCATED, 200, "hello", false, -1},
        {"/truncated-length", ERR_PROVIDER_TRUNCATED, 200, "hello", false, -1},
        {"/truncated-head", ERR_PROVIDER_TRUNCATED, 0, "", false, -1},
        {"/nothing", ERR_PROVIDER_TRUNCATED, 0, "", false, -1},
        {"/reset", ERR_PROVIDER_TRUNCATED, 200, "hello", false, -1},
        {"/stall", ERR_FIRST_BYTE_TIMEOUT, 0, "", false, -1},
        {"/stall-body", ERR_IDLE_TIMEOUT, 200, "hello", false, -1},
    };

    for (unsigned p = 0; p < 2; p++) { /* plain, then over TLS */
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct run r;
            unsigned before = check_failed_;

            pool_empty();
            r = get(p, cases[i].path);
            CHECK_INT(r.e, cases[i].e);
            CHECK_INT(r.heads, cases[i].status != 0);
            CHECK_INT(r.head.status, cases[i].status);
            CHECK_BYTES(r.text, r.bytes, cases[i].text, strlen(cases[i].text));
            CHECK_INT(upstreams_counters(ups).idle, cases[i].reused_after);
            CHECK_INT(upstreams_counters(ups).stale_retries, 0);
            if (r.heads != 0)
                CHECK_INT(r.head.retry_after_ms, cases[i].retry);
            if (check_failed_ != before)
                printf("# in %s over %s\n", cases[i].path, p == 0 ? "TCP" : "TLS");
        }
    }
    printf("# %zu responses, plain and over TLS\n", sizeof cases / sizeof cases[0]);
}

static void test_request_head(void)
{
    struct run r;

    pool_empty();
    providers.list[0].auth = AUTH_BEARER;
    CHECK_INT(start(&r, 0, "/length", VIEW_LIT("{}"), false),
              ERR_CONFIG); /* no key: nothing sent */
    CHECK_INT(credentials_set(credentials, 0, 0, 1, VIEW_LIT("sk-secret")), ERR_NONE);
    r = get(0, "/length");
    CHECK(strstr(server.last_head, "\r\nauthorization: Bearer sk-secret\r\n") != NULL);
    CHECK(strstr(server.last_head, "POST /v1/length HTTP/1.1\r\nhost: 127.0.0.1:") != NULL);
    CHECK(strstr(server.last_head, "\r\ncontent-length: 2\r\n") != NULL);
    providers.list[0].auth = AUTH_X_API_KEY;
    r = get(0, "/chunked");
    CHECK(strstr(server.last_head, "\r\nx-api-key: sk-secret\r\n") != NULL);
    providers.list[0].auth = AUTH_NONE;
    r = get(0, "/length");
    CHECK(strstr(server.last_head, "sk-secret") == NULL);
}

/* Sequential requests use one connection; the pool hands out the last used. */
static void test_reuse(void)
{
    for (unsigned p = 0; p < 2; p++) {
        pool_empty();
        for (int i = 0; i < 50; i++)
            CHECK_INT(get(p, i % 2 == 0 ? "/length" : "/chunked").e, ERR_NONE);
        CHECK_INT(upstreams_counters(ups).connects, 1);
        CHECK_INT(upstreams_counters(ups).reuses, 49);
        CHECK_INT(upstreams_counters(ups).connections, 1);
    }
}

static void test_large_body(void)
{
    size_t n = 3 << 20;
    uint8_t *body = malloc(n);
    unsigned long sum = 0;

    for (size_t i = 0; i < n; i++) {
        body[i] = (uint8_t)(i * 7 + i / 251);
        sum = sum * 31 + body[i];
    }
    for (unsigned p = 0; p < 2; p++) {
        struct run r = {0};

        pool_empty();
        CHECK_INT(start(&r, p, "/length", view_of(body, n), true), ERR_NONE);
        turn(&r.dones, 5000);
        CHECK_INT(r.e, ERR_NONE);
        CHECK_BYTES(r.text, r.bytes, "hello", 5);
        CHECK_INT(upstreams_counters(ups).idle, 1);
    }
    CHECK_INT(atomic_load(&server.body_sum), sum);
    free(body);
}

/* The body is ours again when the kernel has it, and not before. */
static void test_body_let(void)
{
    size_t n = 32 << 20; /* more than any socket buffer */
    uint8_t *body = calloc(n, 1);
    struct run r = {0};

    for (unsigned p = 0; p < 2; p++) {
        CHECK(get(p, "/length").let);
        r = (struct run){0};
        patience(p, 10000, 10000, 10000);
        CHECK_INT(start(&r, p, "/early", view_of(body, n), true), ERR_NONE);
        CHECK(!fetch_body_let(r.f)); /* it may have to be sent again */
        turn(&r.dones, 12000);
        patience(p, FIRST_BYTE_MS, IDLE_MS, TOTAL_MS);
        CHECK_INT(r.e, ERR_NONE);
        CHECK_BYTES(r.text, r.bytes, "hello", 5);
        CHECK(!r.let);
        CHECK_INT(atomic_load(&server.body_sum), 0);
    }
    free(body);
}

/* A pooled connection that dies before a byte of the answer: one new try, and only then. */
static void test_stale(void)
{
    static const struct {
        const char *path;
        enum err e;
        unsigned retries;
    } cases[] = {
        {"/close-second", ERR_NONE, 1},
        {"/reset-second", ERR_NONE, 1},
        {"/byte-second", ERR_PROVIDER_TRUNCATED, 0},
        {"/nothing", ERR_PROVIDER_TRUNCATED, 1}, /* the new connection dies too: no third try */
    };

    for (unsigned p = 0; p < 2; p++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            unsigned before;

            pool_empty();
            CHECK_INT(get(p, "/length").e, ERR_NONE);
            before = atomic_load(&server.requests);
            CHECK_INT(get(p, cases[i].path).e, cases[i].e);
            CHECK_INT(upstreams_counters(ups).stale_retries, cases[i].retries);
            CHECK_INT(upstreams_counters(ups).reuses, 1);
            CHECK_INT(upstreams_counters(ups).connects, 1 + cases[i].retries);
            if (p == 0)
                CHECK_INT(atomic_load(&server.requests) - before, 1 + cases[i].retries);
        }
    }
    /* Closed while it lies in the pool: noticed at once, no retry needed. */
    pool_empty();
    CHECK_INT(get(0, "/length").e, ERR_NONE);
    patience(0, 4000, IDLE_MS, 4000);
    CHECK_INT(get(0, "/late-second").e, ERR_PROVIDER_TRUNCATED); /* too late to be stale */
    CHECK_INT(upstreams_counters(ups).stale_retries, 0);
    patience(0, FIRST_BYTE_MS, IDLE_MS, TOTAL_MS);
}

static void test_deadlines(void)
{
    struct run r = {0};
    uint64_t began = uv_hrtime();

    pool_empty();
    CHECK_INT(get(0, "/trickle").e, ERR_TOTAL_TIMEOUT);
    CHECK((uv_hrtime() - began) / 1000000 >= TOTAL_MS - 50);
    /* the last candidate may think longer than first_byte_ms */
    CHECK_INT(start(&r, 0, "/stall", VIEW_LIT("{}"), true), ERR_NONE);
    turn(&r.dones, 3000);
    CHECK_INT(r.e, ERR_PROVIDER_TRUNCATED); /* the server gave up first */
    CHECK_INT(upstreams_counters(ups).timeouts, 1);
}

/* total_ms is for what a stream brings without content: content starts it again, and no burst of it is worth more. */
static void test_progress(void)
{
    static const struct {
        unsigned progress, at_least_ms;
        enum err e;
    } cases[] = {
        {0, 500, ERR_TOTAL_TIMEOUT},
        {UINT_MAX, 2900, ERR_PROVIDER_TRUNCATED}, /* the server gives up after 100 bytes */
        {20, 20 * 30 + 450, ERR_TOTAL_TIMEOUT},   /* content, then nothing but life */
    };

    patience(0, FIRST_BYTE_MS, IDLE_MS, 500);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run r = {.progress = cases[i].progress};
        uint64_t began = uv_hrtime();

        pool_empty();
        CHECK_INT(start(&r, 0, "/trickle", VIEW_LIT("{}"), false), ERR_NONE);
        turn(&r.dones, 9000);
        CHECK_INT(r.dones, 1);
        CHECK_INT(r.e, cases[i].e);
        CHECK((uv_hrtime() - began) / 1000000 >= cases[i].at_least_ms);
        if (cases[i].e == ERR_TOTAL_TIMEOUT)
            CHECK(r.bodies < 90);
    }
    patience(0, FIRST_BYTE_MS, IDLE_MS, TOTAL_MS);
}

/* The end that was announced comes although bytes still do, and is no fault of the provider; paused time does not
 * count. */
static void test_within(void)
{
    struct run r = {.within = 300}, paused = {.within = 300, .pause_first = true};

    pool_empty();
    CHECK_INT(start(&r, 0, "/trickle", VIEW_LIT("{}"), false), ERR_NONE);
    turn(&r.dones, 2000);
    CHECK_INT(r.dones, 1);
    CHECK_INT(r.e, ERR_IDLE_TIMEOUT);
    CHECK(r.bodies > 1 && r.bodies < 60);
    CHECK_INT(upstreams_counters(ups).timeouts, 0);
    CHECK_INT(start(&paused, 0, "/trickle", VIEW_LIT("{}"), false), ERR_NONE);
    turn(&paused.dones, 800);
    CHECK_INT(paused.dones, 0);
    fetch_resume(paused.f);
    turn(&paused.dones, 2000);
    CHECK_INT(paused.e, ERR_IDLE_TIMEOUT);
}

/* An answer in one piece has one deadline, neither the first byte's nor that of a pause. */
static void test_whole_deadline(void)
{
    static const struct {
        const char *path;
        uint32_t whole_ms;
        enum err e;
    } cases[] = {
        {"/stall", WHOLE_MS, ERR_PROVIDER_TRUNCATED}, /* the server gave up after 600 ms */
        {"/stall-body", WHOLE_MS, ERR_PROVIDER_TRUNCATED},
        {"/stall", 300, ERR_TOTAL_TIMEOUT},
        {"/stall-body", 300, ERR_TOTAL_TIMEOUT},
        {"/trickle", 300, ERR_TOTAL_TIMEOUT},
        {"/length", 300, ERR_NONE},
    };

    whole = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pool_empty();
        providers.list[0].whole_ms = cases[i].whole_ms;
        CHECK_INT(get(0, cases[i].path).e, cases[i].e);
    }
    whole = false;
    providers.list[0].whole_ms = WHOLE_MS;
}

static void test_no_connection(void)
{
    struct run r = get(2, "/length"); /* a port nobody listens on */

    CHECK_INT(r.e, ERR_CONNECT);
    CHECK_INT(get(3, "/length").e, ERR_DNS);
    CHECK_INT(get(4, "/length").e, ERR_TLS_TIMEOUT); /* accepts, and says nothing */
    CHECK_INT(get(5, "/length").e, ERR_TLS);         /* answers plain text to a client hello */
    CHECK_INT(upstreams_counters(ups).connections, 0 + upstreams_counters(ups).idle);
}

static void test_pause(void)
{
    for (unsigned p = 0; p < 2; p++) {
        struct run r = {.pause_first = true};
        unsigned long sent, got;

        pool_empty();
        atomic_store(&server.sent, 0);
        CHECK_INT(start(&r, p, "/flood", VIEW_LIT("{}"), false), ERR_NONE);
        turn(&r.dones, 500); /* longer than idle_ms: paused time does not count */
        CHECK_INT(r.dones, 0);
        got = r.bytes;
        CHECK(got != 0 && got <= 128 << 10);
        sent = atomic_load(&server.sent);
        turn(&r.dones, 200);
        CHECK_INT(r.bytes, got);
        if (p == 0)
            CHECK_INT(atomic_load(&server.sent), sent); /* the flood stands still in the kernel */
        fetch_resume(r.f);
        turn(&r.dones, 10000);
        CHECK_INT(r.e, ERR_NONE);
        CHECK_INT(r.bytes, 4096 * 16384);
    }
}

static void test_cancel(void)
{
    for (unsigned p = 0; p < 2; p++) {
        struct run at_head = {.cancel_at_head = true}, at_body = {.cancel_at_body = true};
        struct run early = {0}, waiting = {0};
        struct server *to = p == 0 ? &server : &address;
        unsigned cut = atomic_load(&to->cut);

        pool_empty();
        CHECK_INT(start(&early, p, "/length", VIEW_LIT("{}"), false), ERR_NONE);
        CHECK(!fetch_sent(early.f) && !fetch_forwarded(early.f));
        fetch_cancel(early.f); /* while connecting */
        CHECK_INT(start(&at_head, p, "/flood", VIEW_LIT("{}"), false), ERR_NONE);
        CHECK_INT(start(&at_body, p, "/flood", VIEW_LIT("{}"), false), ERR_NONE);
        CHECK_INT(start(&waiting, p, "/stall", VIEW_LIT("{}"), false), ERR_NONE);
        turn(NULL, 150);
        CHECK(at_head.cancelled && at_body.cancelled);
        CHECK_INT(at_head.bytes, 0);
        CHECK(fetch_sent(waiting.f) && fetch_forwarded(waiting.f));
        fetch_cancel(waiting.f);
        uv_run(&loop, UV_RUN_NOWAIT); /* one turn, and it is closed */
        CHECK_INT(upstreams_counters(ups).connections, 0);
        turn(NULL, 200);
        CHECK_INT(early.dones + at_head.dones + at_body.dones + waiting.dones, 0);
        CHECK_INT(atomic_load(&to->cut) - cut, 2);
    }
}

/* --- TLS --- */

struct pki {
    EVP_PKEY *ca_key, *key;
    X509 *ca;
    char ca_file[64];
};
static struct pki good, other;
static struct server tls_server, wrong_name, expired, unknown;

static SSL_CTX *server_ctx(EVP_PKEY *key, X509 *cert)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    CHECK_INT(SSL_CTX_use_certificate(ctx, cert), 1);
    CHECK_INT(SSL_CTX_use_PrivateKey(ctx, key), 1);
    SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"t", 1);
    return ctx;
}

static void pki_make(struct pki *p, const char *file)
{
    FILE *f;
    char pem[4096];
    size_t len;

    CHECK_INT(tls_key_new(&p->ca_key), ERR_NONE);
    CHECK_INT(tls_key_new(&p->key), ERR_NONE);
    CHECK_INT(tls_ca_new(p->ca_key, "test CA", 2, &p->ca), ERR_NONE);
    CHECK_INT(tls_cert_pem(p->ca, pem, sizeof pem, &len), ERR_NONE);
    snprintf(p->ca_file, sizeof p->ca_file, "%s-%d.pem", file, (int)getpid());
    f = fopen(p->ca_file, "w");
    fwrite(pem, 1, len, f);
    fclose(f);
}

static SSL_CTX *pki_server(struct pki *p, const char *names, bool is_expired)
{
    X509 *cert;

    CHECK_INT(tls_ca_sign(p->ca_key, p->ca, p->key, names, 60, &cert), ERR_NONE);
    if (is_expired) {
        X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
        X509_gmtime_adj(X509_getm_notAfter(cert), -3600);
        CHECK(X509_sign(cert, p->ca_key, EVP_sha256()) > 0);
    }
    return server_ctx(p->key, cert);
}

static void test_tls_names(void)
{
    pool_empty();
    CHECK_INT(get(6, "/length").e, ERR_NONE); /* localhost, good */
    CHECK_INT(get(7, "/length").e, ERR_TLS);  /* another name */
    CHECK_INT(get(8, "/length").e, ERR_TLS);  /* expired */
    CHECK_INT(get(9, "/length").e, ERR_TLS);  /* unknown CA */
    CHECK_INT(get(1, "/length").e, ERR_NONE); /* IP address in the certificate */
    CHECK_INT(get(10, "/length").e, ERR_TLS); /* no IP address in it */
    CHECK_INT(atomic_load(&wrong_name.requests) + atomic_load(&expired.requests) +
                  atomic_load(&unknown.requests),
              0);
}

/* The answer came from the holder of this key; NULL: in plain text. */
static void key_checked(struct run r, const struct digest32 *want)
{
    CHECK_INT(r.e, ERR_NONE);
    CHECK_INT(r.keyed, want != NULL);
    if (want != NULL)
        CHECK_BYTES(r.peer_key.b, 32, want->b, 32);
}

static void test_tls_resumption(void)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    struct digest32 want;

    CHECK_INT(tls_spki_sha256(good.key, &want), ERR_NONE);
    key_checked(get(0, "/length"), NULL);

    for (size_t v = 0; v < 2; v++) {
        pool_empty();
        SSL_CTX_set_max_proto_version(tls_server.tls, versions[v]);
        atomic_store(&tls_server.resumed, 0);
        for (int i = 0; i < 4; i++) /* each ends its connection */
            key_checked(get(6, "/connection-close"), &want);
        CHECK_INT(upstreams_counters(ups).connects, 4);
        CHECK_INT(upstreams_counters(ups).resumptions, 3);
        CHECK_INT(atomic_load(&tls_server.resumed), 3);
    }
    SSL_CTX_set_max_proto_version(tls_server.tls, TLS1_1_VERSION);
    SSL_CTX_set_min_proto_version(tls_server.tls, TLS1_VERSION);
    pool_empty();
    CHECK_INT(get(6, "/length").e, ERR_TLS); /* too old */
    SSL_CTX_set_max_proto_version(tls_server.tls, 0);
    SSL_CTX_set_min_proto_version(tls_server.tls, 0);
}

static void test_missing_ca(void)
{
    struct providers p = {.n = 1};
    struct upstreams *u = NULL;
    struct buf why;

    p.list[0] = providers.list[6];
    p.list[0].no = 0;
    snprintf(p.list[0].ca, sizeof p.list[0].ca, "/nonexistent/ca.pem");
    buf_init(&why, 1000);
    CHECK_INT(upstreams_new(&loop, &p, &u, &why), ERR_IO);
    CHECK(why.len != 0);
    buf_free(&why);
}

static void setup(void)
{
    static struct server mute, plain;
    struct buf why;

    CHECK_INT(secret_init(), ERR_NONE);
    uv_loop_init(&loop);
    CHECK_INT(credentials_new(&credentials), ERR_NONE);
    pki_make(&good, "/tmp/tr-test-ca-good");
    pki_make(&other, "/tmp/tr-test-ca-other");
    server_start(&server, NULL);
    server_start(&address, pki_server(&good, "127.0.0.1", false));
    server_start(&tls_server, pki_server(&good, "localhost", false));
    server_start(&wrong_name, pki_server(&good, "elsewhere.example", false));
    server_start(&expired, pki_server(&good, "localhost", true));
    server_start(&unknown, pki_server(&other, "localhost", false));
    server_start(&plain, NULL);
    plain.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
    mute = server; /* listens, but nobody accepts */
    mute.fd = socket(AF_INET, SOCK_STREAM, 0);
    {
        struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof sa;

        CHECK_INT(bind(mute.fd, (struct sockaddr *)&sa, sizeof sa), 0);
        getsockname(mute.fd, (struct sockaddr *)&sa, &len);
        mute.port = ntohs(sa.sin_port);
    }
    provider_add("127.0.0.1", server.port, NULL);          /* 0 */
    provider_add("127.0.0.1", address.port, good.ca_file); /* 1 */
    provider_add("127.0.0.1", mute.port, NULL);            /* 2: bound, not listening */
    provider_add("no-such-host.invalid", 1, NULL);         /* 3 */
    CHECK_INT(listen((mute.fd = socket(AF_INET, SOCK_STREAM, 0)), 4), 0);
    {
        struct sockaddr_in sa;
        socklen_t len = sizeof sa;

        getsockname(mute.fd, (struct sockaddr *)&sa, &len);
        provider_add("127.0.0.1", ntohs(sa.sin_port), good.ca_file); /* 4 */
    }
    provider_add("127.0.0.1", plain.port, good.ca_file);      /* 5 */
    provider_add("localhost", tls_server.port, good.ca_file); /* 6 */
    provider_add("localhost", wrong_name.port, good.ca_file); /* 7 */
    provider_add("localhost", expired.port, good.ca_file);    /* 8 */
    provider_add("localhost", unknown.port, good.ca_file);    /* 9 */
    provider_add("127.0.0.1", tls_server.port, good.ca_file); /* 10 */
    buf_init(&why, 1000);
    CHECK_INT(upstreams_new(&loop, &providers, &ups, &why), ERR_NONE);
    buf_free(&why);
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"fetch_responses", test_responses},
        {"fetch_request_head", test_request_head},
        {"fetch_reuse", test_reuse},
        {"fetch_large_body", test_large_body},
        {"fetch_body_let", test_body_let},
        {"fetch_stale_retry", test_stale},
        {"fetch_deadlines", test_deadlines},
    {"fetch_progress", test_progress},
    {"fetch_within", test_within},
    {"fetch_whole_deadline", test_whole_deadline},
        {"fetch_no_connection", test_no_connection},
        {"fetch_pause", test_pause},
        {"fetch_cancel", test_cancel},
        {"fetch_tls_names", test_tls_names},
        {"fetch_tls_resumption", test_tls_resumption},
        {"fetch_missing_ca", test_missing_ca},
    };
    int failed;

    signal(SIGPIPE, SIG_IGN);
    setup();
    failed = check_main(list, sizeof list / sizeof list[0], argc, argv);
    upstreams_free(ups);
    turn(NULL, 50);
    if (uv_loop_close(&loop) != 0) {
        printf("not ok fetch_nothing_left_open\n");
        failed = 1;
    } else
        printf("ok fetch_nothing_left_open\n");
    credentials_free(credentials);
    unlink(good.ca_file);
    unlink(other.ca_file);
    return failed;
}
