/* (G) One connection: name, TCP, bytes in and out, deadline. TLS is in upstream_tls.c. */
#include "upstream.h"

#include "content_view.h"
#include "secret.h"
#include "upstream_own.h"

#include <assert.h>

static void connect_next(struct upstream *c);
static void pump(struct upstream *c);

/* --- end --- */

static void released(struct upstream *c)
{
    struct upstreams *u = c->site->u;

    if (--c->handles != 0)
        return;
    if (c->ssl != NULL) /* as if we had said goodbye: else OpenSSL spoils the session we kept */
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    secret_wipe(c, sizeof *c);
    free(c);
    u->counters.connections--;
    upstreams_release(u);
}

static void timer_close_cb(uv_handle_t *h)
{
    released(h->data);
}

static void tcp_close_cb(uv_handle_t *h)
{
    struct upstream *c = h->data;

    if (c->state == UPSTREAM_NEXT)
        connect_next(c);
    else
        released(c);
}

static void list_remove(struct upstream **list, struct upstream *c)
{
    while (*list != c)
        list = &(*list)->next;
    *list = c->next;
    c->next = NULL;
}

void upstream_close(struct upstream *c)
{
    enum upstream_state was = c->state;

    assert(was != UPSTREAM_CLOSED);
    if (was == UPSTREAM_IDLE) {
        list_remove(&c->site->idle, c);
        c->site->n_idle--;
        c->site->u->counters.idle--;
    } else if (was == UPSTREAM_NAMING)
        list_remove(&c->site->waiting, c);
    c->state = UPSTREAM_CLOSED;
    c->owner = NULL;
    c->body = VIEW_EMPTY;
    uv_close((uv_handle_t *)&c->timer, timer_close_cb);
    if (was != UPSTREAM_NEXT) /* there it is closing already */
        uv_close((uv_handle_t *)&c->tcp, tcp_close_cb);
}

void upstream_fail(struct upstream *c, enum err e)
{
    const struct upstream_owner *owner = c->owner;
    void *cookie = c->cookie;

    upstream_close(c);
    if (owner != NULL)
        owner->end(cookie, e);
}

/* --- time --- */

static void timer_cb(uv_timer_t *timer);

static void arm(struct upstream *c, uint64_t at)
{
    uint64_t now = uv_now(c->site->u->loop);

    c->armed = at;
    uv_timer_start(&c->timer, timer_cb, at > now ? at - now : 0, 0);
}

/* Moving a deadline back is free: the timer, when it fires too early, arms itself again. */
void upstream_deadline(struct upstream *c, uint64_t at_ms)
{
    c->deadline = at_ms;
    if (at_ms != 0 && (c->armed == 0 || c->armed > at_ms))
        arm(c, at_ms);
}

static void fail_later(struct upstream *c, enum err e)
{
    if (c->failed == ERR_NONE)
        c->failed = e;
    arm(c, uv_now(c->site->u->loop));
}

static void timer_cb(uv_timer_t *timer)
{
    struct upstream *c = timer->data;

    c->armed = 0;
    if (c->failed != ERR_NONE) {
        upstream_fail(c, c->failed);
        return;
    }
    if (c->deadline == 0)
        return;
    if (uv_now(c->site->u->loop) < c->deadline) {
        arm(c, c->deadline);
        return;
    }
    switch (c->state) {
    case UPSTREAM_NAMING:
    case UPSTREAM_CONNECTING:
    case UPSTREAM_NEXT:
        upstream_fail(c, ERR_CONNECT_TIMEOUT);
        break;
    case UPSTREAM_SHAKING:
        upstream_fail(c, ERR_TLS_TIMEOUT);
        break;
    case UPSTREAM_READY:
        c->deadline = 0;
        c->owner->late(c->cookie);
        break;
    case UPSTREAM_IDLE:
        upstream_close(c);
        break;
    case UPSTREAM_CLOSED:
        assert(!"a closed connection's timer fired");
    }
}

/* --- bytes in --- */

static void alloc_cb(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    struct upstream *c = h->data;

    (void)size;
    *buf = uv_buf_init((char *)c->site->u->in, sizeof c->site->u->in);
}

bool upstream_deliver(struct upstream *c, uint8_t *bytes, size_t n)
{
    if (c->state == UPSTREAM_IDLE) { /* nobody asked for anything */
        upstream_close(c);
        return false;
    }
    c->owner->bytes(c->cookie, bytes, n);
    secret_wipe(bytes, n);
    return c->state != UPSTREAM_CLOSED;
}

static void read_ended(struct upstream *c, ssize_t n)
{
    if (c->state == UPSTREAM_IDLE)
        upstream_close(c);
    else if (c->state == UPSTREAM_SHAKING)
        upstream_fail(c, ERR_TLS);
    else /* TLS announces its end; without that, an EOF is somebody cutting the stream */
        upstream_fail(c, n == UV_EOF && c->ssl == NULL ? ERR_NONE : ERR_PROVIDER_TRUNCATED);
}

static void read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct upstream *c = stream->data;
    enum err e;

    if (n == 0)
        return;
    if (n < 0) {
        read_ended(c, n);
        return;
    }
    if (c->ssl == NULL) {
        (void)upstream_deliver(c, (uint8_t *)buf->base, (size_t)n);
        return;
    }
    e = upstream_tls_feed(c, view_of(buf->base, (size_t)n));
    if (e != ERR_NONE && c->state != UPSTREAM_CLOSED) {
        if (c->state == UPSTREAM_IDLE)
            upstream_close(c);
        else
            upstream_fail(c, e);
    }
}

static void read_start(struct upstream *c)
{
    if (!c->reading && uv_read_start((uv_stream_t *)&c->tcp, alloc_cb, read_cb) != 0)
        fail_later(c, ERR_IO);
    c->reading = true;
}

void upstream_pause(struct upstream *c)
{
    if (c->reading)
        uv_read_stop((uv_stream_t *)&c->tcp);
    c->reading = false;
}

void upstream_resume(struct upstream *c)
{
    read_start(c);
}

/* --- bytes out --- */

/* A write the kernel did not take at once: what we own of it, copied, and a borrowed tail. */
struct out {
    uv_write_t write_req;
    struct upstream *c;
    size_t len;
    uint8_t copy[];
};

static void out_cb(uv_write_t *w, int status)
{
    struct out *o = w->data;
    struct upstream *c = o->c;

    secret_wipe(o->copy, o->len); /* the head holds the provider key */
    free(o);
    c->writes--;
    if (c->state == UPSTREAM_CLOSED)
        return;
    if (status < 0)
        fail_later(c, ERR_PROVIDER_TRUNCATED);
    else if (c->writes == 0)
        pump(c);
}

/* Write bufs[0] (ours: copied when needed) and bufs[1] (borrowed). */
static void out(struct upstream *c, struct view own, struct view borrowed)
{
    uv_buf_t bufs[2] = {uv_buf_init((char *)(uintptr_t)own.ptr, (unsigned)own.len),
                        uv_buf_init((char *)(uintptr_t)borrowed.ptr, (unsigned)borrowed.len)};
    int n = UV_EAGAIN;
    struct out *o;

    if (c->writes == 0)
        n = uv_try_write((uv_stream_t *)&c->tcp, bufs, borrowed.len != 0 ? 2 : 1);
    if (n < 0 && n != UV_EAGAIN) {
        fail_later(c, ERR_PROVIDER_TRUNCATED);
        return;
    }
    if (n > 0) {
        size_t taken = (size_t)n < own.len ? (size_t)n : own.len;

        own = view_from(own, taken);
        borrowed = view_from(borrowed, (size_t)n - taken);
    }
    if (own.len + borrowed.len == 0)
        return;
    o = malloc(sizeof *o + own.len);
    if (o == NULL) {
        fail_later(c, ERR_MEMORY);
        return;
    }
    *o = (struct out){.c = c, .len = own.len};
    o->write_req.data = o;
    if (own.len != 0)
        memcpy(o->copy, own.ptr, own.len);
    bufs[0] = uv_buf_init((char *)o->copy, (unsigned)own.len);
    bufs[1] = uv_buf_init((char *)(uintptr_t)borrowed.ptr, (unsigned)borrowed.len);
    n = own.len == 0 ? uv_write(&o->write_req, (uv_stream_t *)&c->tcp, bufs + 1, 1, out_cb)
                     : uv_write(&o->write_req, (uv_stream_t *)&c->tcp, bufs,
                                borrowed.len != 0 ? 2 : 1, out_cb);
    if (n != 0) {
        secret_wipe(o->copy, o->len);
        free(o);
        fail_later(c, ERR_PROVIDER_TRUNCATED);
        return;
    }
    c->writes++;
}

void upstream_flush(struct upstream *c)
{
    struct upstreams *u = c->site->u;
    size_t n = u->wire_len;

    u->wire_len = 0;
    if (n != 0)
        out(c, view_of(u->wire, n), VIEW_EMPTY);
}

/* Encrypt and send the body, as much at a time as the kernel takes. */
static void pump(struct upstream *c)
{
    struct upstreams *u = c->site->u;

    while (c->ssl != NULL && c->body.len != 0 && c->writes == 0 && c->failed == ERR_NONE) {
        size_t n = c->body.len < sizeof u->stage ? c->body.len : sizeof u->stage;

        memcpy(u->stage, c->body.ptr, n);
        c->body = view_from(c->body, n);
        if (upstream_tls_seal(c, n) != ERR_NONE)
            fail_later(c, ERR_TLS);
        upstream_flush(c);
    }
}

void upstream_send(struct upstream *c, struct view head, struct view body)
{
    struct upstreams *u = c->site->u;
    size_t n;

    assert(c->state == UPSTREAM_READY && c->body.len == 0);
    if (c->ssl == NULL) {
        out(c, head, body);
        return;
    }
    /* Head and the first of the body in one record: one write for the usual request. */
    assert(head.len < sizeof u->stage);
    n = sizeof u->stage - head.len;
    n = body.len < n ? body.len : n;
    memcpy(u->stage, head.ptr, head.len);
    if (n != 0)
        memcpy(u->stage + head.len, body.ptr, n);
    c->body = view_from(body, n);
    if (upstream_tls_seal(c, head.len + n) != ERR_NONE)
        fail_later(c, ERR_TLS);
    upstream_flush(c);
    pump(c);
}

/* --- start --- */

void upstream_ready(struct upstream *c)
{
    c->state = UPSTREAM_READY;
    c->deadline = 0;
    c->owner->ready(c->cookie);
}

static void connect_cb(uv_connect_t *req, int status)
{
    struct upstream *c = req->data;
    uint64_t now = uv_now(c->site->u->loop);

    if (c->state == UPSTREAM_CLOSED)
        return;
    if (status < 0) {
        c->tried++;
        c->state = UPSTREAM_NEXT;
        uv_close((uv_handle_t *)&c->tcp, tcp_close_cb);
        return;
    }
    if (c->tried != 0 && c->tried < c->site->n_addresses)
        c->site->first_address = (c->site->first_address + c->tried) % c->site->n_addresses;
    uv_tcp_nodelay(&c->tcp, 1);
    read_start(c);
    if (c->site->tls == NULL) {
        upstream_ready(c);
        return;
    }
    c->state = UPSTREAM_SHAKING;
    upstream_deadline(c, now + c->site->provider->tls_ms);
    if (upstream_tls_start(c) != ERR_NONE ||
        upstream_tls_feed(c, VIEW_EMPTY) != ERR_NONE)
        fail_later(c, ERR_TLS);
}

/* Called once the name is known, and again after each address that failed. */
static void connect_next(struct upstream *c)
{
    struct upstream_site *s = c->site;
    const struct sockaddr *to;

    if (c->state == UPSTREAM_NEXT) { /* the socket of the last try is closed */
        int r = uv_tcp_init(s->u->loop, &c->tcp);

        assert(r == 0); /* it only fills the struct: the socket comes with the connect */
        c->tcp.data = c;
    }
    c->state = UPSTREAM_CONNECTING;
    if (c->tried >= s->n_addresses) {
        fail_later(c, ERR_CONNECT);
        return;
    }
    to = (const struct sockaddr *)&s->addresses[(s->first_address + c->tried) % s->n_addresses];
    if (uv_tcp_connect(&c->connect, &c->tcp, to, connect_cb) != 0)
        fail_later(c, ERR_CONNECT);
}

static void lookup_store(struct upstream_site *s, const struct addrinfo *list)
{
    unsigned n = 0;

    for (; list != NULL && n < UPSTREAM_ADDRESSES_MAX; list = list->ai_next) {
        if (list->ai_addrlen <= sizeof s->addresses[0])
            memcpy(&s->addresses[n++], list->ai_addr, list->ai_addrlen);
    }
    if (n != 0)
        s->n_addresses = n;
    s->first_address = 0;
    s->addresses_until = uv_now(s->u->loop) + UPSTREAM_NAME_MS;
}

static void lookup_cb(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct upstream_site *s = req->data;
    struct upstreams *u = s->u;

    s->looking = false;
    if (status == 0 && list != NULL)
        lookup_store(s, list); /* else: addresses that worked before are better than none */
    uv_freeaddrinfo(list);
    while (s->waiting != NULL) {
        struct upstream *c = s->waiting;

        list_remove(&s->waiting, c);
        c->state = UPSTREAM_CONNECTING;
        if (s->n_addresses == 0)
            fail_later(c, ERR_DNS);
        else
            connect_next(c);
    }
    upstreams_release(u);
}

static void name_find(struct upstream *c)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct upstream_site *s = c->site;
    char port[8];

    if (uv_now(s->u->loop) < s->addresses_until) {
        c->state = UPSTREAM_CONNECTING;
        connect_next(c);
        return;
    }
    c->next = s->waiting;
    s->waiting = c;
    if (s->looking)
        return;
    snprintf(port, sizeof port, "%u", (unsigned)s->provider->port);
    s->lookup.data = s;
    if (uv_getaddrinfo(s->u->loop, &s->lookup, lookup_cb, s->provider->host, port, &hints) != 0) {
        fail_later(c, ERR_DNS);
        return;
    }
    s->looking = true;
    s->u->pending++;
}

enum err upstream_connect(struct upstream_site *s, const struct upstream_owner *owner, void *cookie,
                          struct upstream **out_c)
{
    struct upstreams *u = s->u;
    struct upstream *c;

    if (u->closing || u->counters.connections >= UPSTREAM_CONNECTIONS_MAX)
        return ERR_OVERLOAD;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_MEMORY;
    if (uv_tcp_init(u->loop, &c->tcp) != 0) {
        free(c);
        return ERR_OVERLOAD;
    }
    uv_timer_init(u->loop, &c->timer);
    c->tcp.data = c->timer.data = c->connect.data = c;
    c->handles = 2;
    c->site = s;
    c->owner = owner;
    c->cookie = cookie;
    c->state = UPSTREAM_NAMING;
    u->pending++;
    u->counters.connections++;
    u->counters.connects++;
    upstream_deadline(c, uv_now(u->loop) + s->provider->connect_ms);
    name_find(c);
    *out_c = c;
    return ERR_NONE;
}
