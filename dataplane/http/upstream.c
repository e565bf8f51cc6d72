/* (G) One connection: bytes in and out, deadline, end. How it comes about is in upstream_dial.c,
 * TLS in upstream_tls.c. */
#include "upstream.h"

#include "content_view.h"
#include "secret.h"
#include "upstream_own.h"

#include <assert.h>

static void pump(struct upstream *c);

/* --- end --- */

void upstream_released(struct upstream *c)
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
    upstream_released(h->data);
}

void upstream_unlink(struct upstream **list, struct upstream *c)
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
        upstream_unlink(&c->site->idle, c);
        c->site->n_idle--;
        c->site->u->counters.idle--;
    } else if (was == UPSTREAM_NAMING)
        upstream_unlink(&c->site->waiting, c);
    c->state = UPSTREAM_CLOSED;
    c->owner = NULL;
    c->body = VIEW_EMPTY;
    uv_close((uv_handle_t *)&c->timer, timer_close_cb);
    upstream_tries_close(c);
}

void upstream_fail(struct upstream *c, enum err e)
{
    const struct upstream_owner *owner = c->owner;
    void *cookie = c->cookie;

    if (c->state == UPSTREAM_SHAKING)
        upstream_name_bad(c->site, &c->tries->to, UPSTREAM_FAILED_AVOID_MS);
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

/* Moving a time back is free: the timer, when it fires too early, arms itself again. */
static void arm_by(struct upstream *c, uint64_t at_ms)
{
    if (at_ms != 0 && (c->armed == 0 || c->armed > at_ms))
        arm(c, at_ms);
}

void upstream_deadline(struct upstream *c, uint64_t at_ms)
{
    c->deadline = at_ms;
    arm_by(c, at_ms);
}

void upstream_step_at(struct upstream *c, uint64_t at)
{
    c->step_at = at;
    arm_by(c, at);
}

void upstream_fail_later(struct upstream *c, enum err e)
{
    if (c->failed == ERR_NONE)
        c->failed = e;
    arm(c, uv_now(c->site->u->loop));
}

static void deadline_passed(struct upstream *c)
{
    switch (c->state) {
    case UPSTREAM_NAMING:
    case UPSTREAM_CONNECTING:
        upstream_unanswered(c);
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

static void timer_cb(uv_timer_t *timer)
{
    struct upstream *c = timer->data;
    uint64_t now = uv_now(c->site->u->loop);

    c->armed = 0;
    if (c->failed != ERR_NONE) {
        upstream_fail(c, c->failed);
        return;
    }
    if (c->deadline != 0 && now >= c->deadline) {
        deadline_passed(c);
        return;
    }
    if (c->step_at != 0 && now >= c->step_at) {
        c->step_at = 0;
        upstream_step(c);
    }
    arm_by(c, c->step_at);
    arm_by(c, c->deadline);
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

void upstream_read_start(struct upstream *c)
{
    if (!c->reading && uv_read_start(c->stream, alloc_cb, read_cb) != 0)
        upstream_fail_later(c, ERR_IO);
    c->reading = true;
}

void upstream_pause(struct upstream *c)
{
    if (c->reading)
        uv_read_stop(c->stream);
    c->reading = false;
}

void upstream_resume(struct upstream *c)
{
    upstream_read_start(c);
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
        upstream_fail_later(c, ERR_PROVIDER_TRUNCATED);
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
        n = uv_try_write(c->stream, bufs, borrowed.len != 0 ? 2 : 1);
    if (n < 0 && n != UV_EAGAIN) {
        upstream_fail_later(c, ERR_PROVIDER_TRUNCATED);
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
        upstream_fail_later(c, ERR_MEMORY);
        return;
    }
    *o = (struct out){.c = c, .len = own.len};
    o->write_req.data = o;
    if (own.len != 0)
        memcpy(o->copy, own.ptr, own.len);
    bufs[0] = uv_buf_init((char *)o->copy, (unsigned)own.len);
    bufs[1] = uv_buf_init((char *)(uintptr_t)borrowed.ptr, (unsigned)borrowed.len);
    n = own.len == 0 ? uv_write(&o->write_req, c->stream, bufs + 1, 1, out_cb)
                     : uv_write(&o->write_req, c->stream, bufs,
                                borrowed.len != 0 ? 2 : 1, out_cb);
    if (n != 0) {
        secret_wipe(o->copy, o->len);
        free(o);
        upstream_fail_later(c, ERR_PROVIDER_TRUNCATED);
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
            upstream_fail_later(c, ERR_TLS);
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
        upstream_fail_later(c, ERR_TLS);
    upstream_flush(c);
    pump(c);
}

const struct digest32 *upstream_peer_key(const struct upstream *c)
{
    return c->ssl != NULL ? &c->peer_key : NULL;
}

bool upstream_sent(const struct upstream *c)
{
    return c->writes == 0 && c->body.len == 0;
}

void upstream_ready(struct upstream *c)
{
    c->state = UPSTREAM_READY;
    c->deadline = 0;
    c->owner->ready(c->cookie);
}
