/* A server on common/web with one endpoint per behaviour, for tests/attacks to attack. It holds
 * what it must hold and nothing else, so that what the memory scan finds is common/web's fault.
 *
 *   GET  /small            200, a short body
 *   POST /respond?n=N      200, N bytes ('r'), Content-Length
 *   POST /echo             200, the request's body, Content-Length
 *   POST /mirror           the request's body, streamed in pieces of 4000 bytes
 *   POST /leak             keeps a copy of the body: the memory scan must find it
 *   POST /stream?n=N&ms=M&bytes=B   SSE, N events of B bytes every M ms (n=0: for ever), clean end
 *   POST /flood?n=N        N writes of 32 KiB as fast as the reader takes them
 *   POST /hold             never answers
 *   POST /abort?n=N        N events, then an unclean end
 *   GET  /stats            counters
 * Prints "PLAIN TLS" (ports) when ready; the CA certificate goes to the file argv[1] names. SIGTERM
 * drains. */
#include "buf.h"
#include "secret.h"
#include "tls.h"
#include "web.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { STREAM, FLOOD, HOLD, ABORT };

struct job {
    struct web_request *r;
    uv_timer_t timer;
    enum kind kind;
    uint64_t left, ms;
    bool endless;
    struct view event;
};

static uv_loop_t loop;
static struct web_server *plain, *tls;
static unsigned jobs_running, jobs_gone, errors_worded, drained;
static uint8_t event_bytes[65536];
static uv_signal_t sigterm;

static const struct web_header json[] = {{VIEW_LIT("content-type"), VIEW_LIT("application/json")}};
static const struct web_header sse[] = {{VIEW_LIT("content-type"), VIEW_LIT("text/event-stream")}};

static uint64_t query(struct view q, struct view name, uint64_t otherwise)
{
    while (q.len != 0) {
        const uint8_t *end = memchr(q.ptr, '&', q.len);
        struct view one = view_of(q.ptr, end != NULL ? (size_t)(end - q.ptr) : q.len);
        uint64_t v;

        q = view_from(q, one.len + 1);
        if (view_starts(one, name) && one.len > name.len && one.ptr[name.len] == '=' &&
            view_u64(view_from(one, name.len + 1), &v))
            return v;
    }
    return otherwise;
}

static void job_closed_cb(uv_handle_t *h)
{
    free(h->data);
}

static void job_free(struct job *j)
{
    jobs_running--;
    uv_close((uv_handle_t *)&j->timer, job_closed_cb);
}

static void job_gone_cb(void *cookie)
{
    jobs_gone++;
    job_free(cookie);
}

static void job_timer_cb(uv_timer_t *t);

static void job_step(struct job *j)
{
    if (!j->endless && j->left == 0) {
        if (j->kind == ABORT)
            web_stream_abort(j->r, VIEW_EMPTY, NULL, NULL);
        else
            web_stream_end(j->r, VIEW_LIT("data: [DONE]\n\n"), NULL, NULL);
        job_free(j);
        return;
    }
    j->left--;
    web_stream_write(j->r, j->event);
}

static void job_writable_cb(void *cookie)
{
    struct job *j = cookie;

    if (j->ms == 0)
        job_step(j);
    else
        uv_timer_start(&j->timer, job_timer_cb, j->ms, 0);
}

static void job_timer_cb(uv_timer_t *t)
{
    job_step(t->data);
}

static void job_start(struct web_request *r, enum kind kind)
{
    struct job *j = calloc(1, sizeof *j);
    struct view q = web_query(r);
    uint64_t bytes = query(q, VIEW_LIT("bytes"), kind == FLOOD ? 32768 : 200);

    jobs_running++;
    j->r = r;
    j->kind = kind;
    j->left = query(q, VIEW_LIT("n"), 10);
    j->endless = j->left == 0;
    j->ms = kind == FLOOD ? 0 : query(q, VIEW_LIT("ms"), 50);
    j->event = view_of(event_bytes, bytes < sizeof event_bytes ? bytes : sizeof event_bytes);
    uv_timer_init(&loop, &j->timer);
    j->timer.data = j;
    web_set_gone(r, job_gone_cb, j);
    if (kind == HOLD)
        return;
    web_stream_start(r, 200, sse, 1, job_writable_cb, j);
    job_step(j);
}

static void answer_stats(struct web_request *r)
{
    char text[256];
    struct web_counters a = web_counters(plain), b = web_counters(tls);
    int n =
        snprintf(text, sizeof text,
                 "{\"open\":%llu,\"total\":%llu,\"requests\":%llu,\"gone\":%u,\"running\":%u,"
                 "\"stalls\":%llu,\"errors\":%u}",
                 (unsigned long long)(a.connections_open + b.connections_open),
                 (unsigned long long)(a.connections_total + b.connections_total),
                 (unsigned long long)(a.requests_total + b.requests_total), jobs_gone, jobs_running,
                 (unsigned long long)(a.write_stalls + b.write_stalls), errors_worded);

    web_respond(r, 200, json, 1, view_of(text, (size_t)n));
}

static void answer_bytes(struct web_request *r)
{
    uint64_t n = query(web_query(r), VIEW_LIT("n"), 1024);
    uint8_t *body = malloc(n + 1);

    memset(body, 'r', n);
    web_respond(r, 200, json, 1, view_of(body, n));
    free(body);
}

/* A body on its way back, as a model's words would be. */
struct mirror {
    struct web_request *r;
    struct buf bytes;
    size_t sent;
};

static void mirror_done_cb(void *cookie)
{
    struct mirror *m = cookie;

    buf_free(&m->bytes);
    free(m);
}

static void mirror_writable_cb(void *cookie)
{
    struct mirror *m = cookie;
    struct view left = view_from(buf_view(&m->bytes), m->sent);

    if (left.len > 4000) {
        left.len = 4000;
        m->sent += 4000;
        web_stream_write(m->r, left);
    } else {
        web_stream_end(m->r, left, mirror_done_cb, m);
    }
}

static void answer_mirror(struct web_request *r)
{
    struct mirror *m = calloc(1, sizeof *m);

    m->r = r;
    buf_init(&m->bytes, 64 << 20);
    if (buf_append(&m->bytes, web_body(r)) != ERR_NONE)
        abort();
    web_set_gone(r, mirror_done_cb, m);
    web_stream_start(r, 200, sse, 1, mirror_writable_cb, m);
    mirror_writable_cb(m);
}

static void answer_leak(struct web_request *r)
{
    static uint8_t *kept;
    struct view body = web_body(r);

    kept = malloc(body.len + 1);
    memcpy(kept, body.ptr, body.len);
    web_respond(r, 200, json, 1, VIEW_LIT("{}"));
}

static void handler(void *cookie, struct web_request *r)
{
    struct view path = web_path(r);

    (void)cookie;
    if (view_eq(path, VIEW_LIT("/small")))
        web_respond(r, 200, json, 1, VIEW_LIT("{\"ok\":true}"));
    else if (view_eq(path, VIEW_LIT("/respond")))
        answer_bytes(r);
    else if (view_eq(path, VIEW_LIT("/echo")))
        web_respond(r, 200, json, 1, web_body(r));
    else if (view_eq(path, VIEW_LIT("/mirror")))
        answer_mirror(r);
    else if (view_eq(path, VIEW_LIT("/leak")))
        answer_leak(r);
    else if (view_eq(path, VIEW_LIT("/stream")))
        job_start(r, STREAM);
    else if (view_eq(path, VIEW_LIT("/flood")))
        job_start(r, FLOOD);
    else if (view_eq(path, VIEW_LIT("/hold")))
        job_start(r, HOLD);
    else if (view_eq(path, VIEW_LIT("/abort")))
        job_start(r, ABORT);
    else if (view_eq(path, VIEW_LIT("/stats")))
        answer_stats(r);
    else
        web_respond(r, 404, json, 1, VIEW_LIT("{\"error\":404}"));
}

static void error(void *cookie, struct web_request *r, int status)
{
    char text[64];
    int n = snprintf(text, sizeof text, "{\"error\":%d}", status);

    (void)cookie;
    errors_worded++;
    web_respond(r, status, json, 1, view_of(text, (size_t)n));
}

static void drained_cb(void *cookie)
{
    (void)cookie;
    if (++drained == 2)
        uv_stop(&loop);
}

static void sigterm_cb(uv_signal_t *s, int number)
{
    (void)number;
    uv_signal_stop(s);
    web_stop(plain, drained_cb, NULL);
    web_stop(tls, drained_cb, NULL);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t v;

    return text != NULL && view_u64(view_str(text), &v) ? v : otherwise;
}

static void start(struct web_server **out, SSL_CTX *ctx)
{
    struct web_config config = {
        .loop = &loop,
        .host = "127.0.0.1",
        .tls = ctx,
        .limits = {.body_max = setting("BODY_MAX", 32u << 20),
                   .connections_max = (unsigned)setting("CONNECTIONS_MAX", 20000),
                   .connections_per_ip = (unsigned)setting("CONNECTIONS_PER_IP", 0),
                   .request_timeout_ms = (unsigned)setting("REQUEST_TIMEOUT_MS", 30000),
                   .write_stall_ms = (unsigned)setting("WRITE_STALL_MS", 5000),
                   .slowest_bytes_per_s = (unsigned)setting("SLOWEST_BYTES_PER_S", 300),
                   .upload_ms = (unsigned)setting("UPLOAD_MS", 1800000),
                   .sweep_ms = (unsigned)setting("SWEEP_MS", 500)},
        .handler = handler,
        .error = error,
    };

    if (web_start(&config, out) != ERR_NONE)
        abort();
}

int main(int argc, char **argv)
{
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    SSL_CTX *ctx = NULL;

    if (argc != 2 || secret_init() != ERR_NONE || uv_loop_init(&loop) != 0)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    memset(event_bytes, 'e', sizeof event_bytes);
    if (tls_key_new(&key) != ERR_NONE ||
        tls_cert_self(key, "localhost,127.0.0.1", 1, &cert) != ERR_NONE ||
        tls_cert_save(argv[1], cert) != ERR_NONE || tls_server_ctx(key, cert, &ctx) != ERR_NONE)
        return 2;
    start(&plain, NULL);
    start(&tls, ctx);
    uv_signal_init(&loop, &sigterm);
    uv_signal_start(&sigterm, sigterm_cb, SIGTERM);
    printf("%u %u\n", web_port(plain), web_port(tls));
    fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    web_free(plain);
    web_free(tls);
    uv_close((uv_handle_t *)&sigterm, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    if (uv_loop_close(&loop) != 0)
        return 3;
    SSL_CTX_free(ctx);
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}
