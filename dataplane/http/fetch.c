/* (G) One HTTP/1.1 request and its response. The connection is upstream.c's. */
#include "fetch.h"

#include "clock.h"
#include "coding.h"
#include "content_view.h"
#include "phr.h"
#include "request_head.h"
#include "response_head.h"
#include "secret.h"
#include "upstream.h"

#include <assert.h>

enum {
    LAST_FIRST_BYTE_MS = 300000, /* nobody else will answer: wait as long as clients do */
    STALE_MS = 2000,             /* a dead pooled connection shows within a round trip; whatever
                                    dies later may have been at work on the request */
    INTERIM_MAX = 8,             /* 1xx responses before the real one */
    HEAD_HOLD_MAX = LIMIT_UPSTREAM_HEAD_BYTES + UPSTREAM_READ_BYTES,
};

struct fetch {
    struct fetch *next_spare;
    struct upstreams *u;
    struct upstream *c; /* NULL: there is none (any more) */
    struct fetch_request request;
    struct fetch_events events;
    void *cookie;
    struct buf held; /* an unfinished response head */
    struct response_head response;
    struct phr_chunked_decoder chunks;
    struct coding *coding;       /* NULL: the body is plain */
    uint64_t left;               /* bytes of a RESPONSE_LENGTH body still to come */
    uint64_t total_at, phase_at; /* deadlines, loop time */
    uint64_t end_at;             /* one more, from fetch_within(); 0: none */
    uint64_t paused_at, sent_at;
    unsigned interim;
    unsigned busy; /* frames of ours below on the stack */
    bool over;     /* done was called, or the fetch was cancelled */
    bool reused, retried, received, head_seen, paused;
    bool ready; /* the connection is ours to write on */
    bool sent;  /* bytes may have reached the provider */
    bool keyed; /* over TLS: peer_key is that of the certificate */
    struct digest32 peer_key;
    bool coding_known;
};

static void fetch_ready(void *cookie);
static void fetch_bytes(void *cookie, uint8_t *bytes, size_t n);
static void fetch_late(void *cookie);
static void fetch_end(void *cookie, enum err e);

static const struct upstream_owner owner = {fetch_ready, fetch_bytes, fetch_late, fetch_end};

static uint64_t now_of(const struct fetch *f)
{
    return uv_now(f->u->loop);
}

/* --- life --- */

static struct fetch *fetch_new(struct upstreams *u)
{
    struct fetch *f = u->spare;

    if (f != NULL)
        u->spare = f->next_spare;
    else
        f = malloc(sizeof *f);
    if (f == NULL)
        return NULL;
    *f = (struct fetch){.u = u};
    buf_init(&f->held, HEAD_HOLD_MAX);
    u->pending++;
    return f;
}

void fetch_spare_free(struct upstreams *u)
{
    while (u->spare != NULL) {
        struct fetch *f = u->spare;

        u->spare = f->next_spare;
        free(f);
    }
}

static void fetch_settle(struct fetch *f)
{
    struct upstreams *u = f->u;

    if (!f->over || f->busy != 0)
        return;
    buf_free(&f->held);
    coding_free(f->coding);
    secret_wipe(f, sizeof *f);
    f->next_spare = u->spare;
    u->spare = f;
    upstreams_release(u);
}

static void drop_connection(struct fetch *f)
{
    if (f->c != NULL)
        upstream_close(f->c);
    f->c = NULL;
}

static void fetch_done(struct fetch *f, enum err e)
{
    if (f->over)
        return;
    if (e == ERR_NONE && f->coding != NULL && !coding_over(f->coding))
        e = ERR_PROVIDER_TRUNCATED;
    drop_connection(f);
    f->over = true;
    f->busy++;
    f->events.done(f->cookie, e);
    f->busy--;
    fetch_settle(f);
}

void fetch_cancel(struct fetch *f)
{
    assert(!f->over);
    drop_connection(f);
    f->over = true;
    fetch_settle(f);
}

bool fetch_forwarded(const struct fetch *f)
{
    return f->ready && (f->c == NULL || upstream_sent(f->c));
}

bool fetch_body_let(struct fetch *f)
{
    if (!f->received || !fetch_forwarded(f))
        return false;
    f->request.body = VIEW_EMPTY; /* only a fetch that received nothing is sent again */
    return true;
}

bool fetch_sent(const struct fetch *f)
{
    return f->sent;
}

const struct digest32 *fetch_peer_key(const struct fetch *f)
{
    return f->keyed ? &f->peer_key : NULL;
}

/* --- time --- */

static void watch(struct fetch *f)
{
    uint64_t at = f->phase_at < f->total_at ? f->phase_at : f->total_at;

    if (f->end_at != 0 && f->end_at < at)
        at = f->end_at;
    upstream_deadline(f->c, f->paused ? 0 : at);
}

static void fetch_late(void *cookie)
{
    struct fetch *f = cookie;
    uint64_t now = now_of(f);

    if (f->end_at != 0 && now >= f->end_at) { /* as announced: nothing is wrong with the provider */
        fetch_done(f, ERR_IDLE_TIMEOUT);
        return;
    }
    f->u->counters.timeouts++;
    if (now >= f->total_at)
        fetch_done(f, ERR_TOTAL_TIMEOUT);
    else
        fetch_done(f, f->head_seen ? ERR_IDLE_TIMEOUT : ERR_FIRST_BYTE_TIMEOUT);
}

void fetch_pause(struct fetch *f)
{
    if (f->paused)
        return;
    f->paused = true;
    f->paused_at = now_of(f);
    if (f->c != NULL && f->ready) {
        upstream_pause(f->c);
        watch(f);
    }
}

void fetch_resume(struct fetch *f)
{
    uint64_t slept;

    if (!f->paused)
        return;
    f->paused = false;
    slept = now_of(f) - f->paused_at;
    f->total_at += slept;
    f->phase_at += slept;
    if (f->end_at != 0)
        f->end_at += slept;
    if (f->c != NULL && f->ready) {
        upstream_resume(f->c);
        watch(f);
    }
}

/* Only the body's callback calls these two; fetch_bytes() sets the clock behind it. */
void fetch_progressed(struct fetch *f, uint64_t bytes)
{
    uint64_t most = now_of(f) + f->request.provider->total_ms;
    uint64_t room = most > f->total_at ? most - f->total_at : 0;

    assert(f->head_seen && !f->request.whole);
    f->total_at += bytes < room / FETCH_BYTE_MS ? bytes * FETCH_BYTE_MS : room;
}

void fetch_within(struct fetch *f, uint32_t ms)
{
    assert(f->head_seen);
    f->end_at = now_of(f) + ms;
}

/* --- request --- */

static uint32_t first_byte_ms(const struct fetch_request *r)
{
    uint32_t ms = r->provider->first_byte_ms;

    return r->last_candidate && ms < LAST_FIRST_BYTE_MS ? LAST_FIRST_BYTE_MS : ms;
}

static void fetch_ready(void *cookie)
{
    struct fetch *f = cookie;
    const struct digest32 *key = upstream_peer_key(f->c);
    struct request_head h;

    f->ready = f->sent = true;
    f->keyed = key != NULL;
    if (f->keyed)
        f->peer_key = *key;
    f->sent_at = now_of(f);
    if (f->request.whole)
        f->total_at = f->phase_at = f->sent_at + f->request.provider->whole_ms;
    else
        f->phase_at = f->sent_at + first_byte_ms(&f->request);
    request_head_make(&f->request, &h);
    assert(!h.full); /* fetch_start() tried it */
    upstream_send(f->c, view_of(h.bytes, h.len), f->request.body);
    secret_wipe(h.bytes, h.len);
    if (f->paused)
        upstream_pause(f->c);
    watch(f);
}

enum err fetch_start(struct upstreams *u, const struct fetch_request *r,
                     const struct fetch_events *events, void *cookie, struct fetch **out)
{
    struct upstream_site *s;
    struct fetch *f;
    struct request_head h;
    enum err e = ERR_NONE;

    assert(r->provider->no < u->providers->n);
    s = &u->sites[r->provider->no];
    if (r->provider->auth != AUTH_NONE && r->key.len == 0 &&
        (r->credentials == NULL || !credentials_present(r->credentials, r->provider->no)))
        return ERR_CONFIG;
    request_head_make(r, &h);
    secret_wipe(h.bytes, h.len);
    if (h.full)
        return ERR_LIMIT;
    f = fetch_new(u);
    if (f == NULL)
        return ERR_MEMORY;
    f->request = *r;
    f->events = *events;
    f->cookie = cookie;
    f->total_at = now_of(f) + r->provider->total_ms;
    f->c = upstream_reuse(s, &owner, f);
    if (f->c != NULL) {
        f->reused = true;
        fetch_ready(f);
    } else
        e = upstream_connect(s, &owner, f, &f->c);
    if (e != ERR_NONE) {
        f->over = true;
        fetch_settle(f);
        return e;
    }
    *out = f;
    return ERR_NONE;
}

/* --- response --- */

static void response_over(struct fetch *f)
{
    if (f->response.keep)
        upstream_give_back(f->c, f->response.keep_ms);
    else
        upstream_close(f->c);
    f->c = NULL;
    fetch_done(f, ERR_NONE);
}

static bool fetch_piece(void *cookie, struct view bytes)
{
    struct fetch *f = cookie;

    f->events.body(f->cookie, bytes);
    return !f->over;
}

/* The body may be compressed, as the head says or as its first byte shows. */
static enum err coding_begin(struct fetch *f, uint8_t first)
{
    enum coding_kind kind = f->response.coding;

    if (f->coding_known)
        return ERR_NONE;
    f->coding_known = true;
    if (kind == CODING_IDENTITY && coding_is_gzip(first))
        kind = CODING_GZIP;
    return kind == CODING_IDENTITY ? ERR_NONE : coding_new(kind, &f->coding);
}

static void deliver(struct fetch *f, const uint8_t *bytes, size_t n)
{
    enum err e;

    if (n == 0)
        return;
    e = coding_begin(f, bytes[0]);
    if (e == ERR_NONE && f->coding == NULL)
        f->events.body(f->cookie, view_of(bytes, n));
    else if (e == ERR_NONE)
        e = coding_feed(f->coding, view_of(bytes, n), fetch_piece, f);
    if (e != ERR_NONE)
        fetch_done(f, e);
}

static void take_chunked(struct fetch *f, uint8_t *bytes, size_t n)
{
    size_t decoded = n;
    ssize_t r = phr_decode_chunked(&f->chunks, (char *)bytes, &decoded);

    if (r == -1) {
        fetch_done(f, ERR_PROVIDER_PROTOCOL);
        return;
    }
    deliver(f, bytes, decoded);
    if (f->over || r == -2)
        return;
    if (r != 0)
        f->response.keep = false; /* bytes behind the end: not ours to guess about */
    response_over(f);
}

static void take_length(struct fetch *f, uint8_t *bytes, size_t n)
{
    if (n > f->left) {
        n = (size_t)f->left;
        f->response.keep = false;
    }
    f->left -= n;
    deliver(f, bytes, n);
    if (!f->over && f->left == 0)
        response_over(f);
}

static void take_body(struct fetch *f, uint8_t *bytes, size_t n)
{
    switch (f->response.body) {
    case RESPONSE_NO_BODY:
        f->response.keep = f->response.keep && n == 0;
        response_over(f);
        break;
    case RESPONSE_LENGTH:
        take_length(f, bytes, n);
        break;
    case RESPONSE_CHUNKED:
        if (n != 0)
            take_chunked(f, bytes, n);
        break;
    case RESPONSE_UNTIL_CLOSE:
        deliver(f, bytes, n);
        break;
    }
}

static void head_arrived(struct fetch *f)
{
    f->left = f->response.length;
    f->chunks = (struct phr_chunked_decoder){.consume_trailer = 1};
    f->events.head(f->cookie, &f->response.head);
}

/* Read the head, past interim ones. *used: bytes of complete heads. */
static enum err head_scan(struct fetch *f, struct view bytes, size_t seen, size_t *used)
{
    size_t size = 0;
    enum err e;

    for (*used = 0; !f->head_seen; seen = 0) {
        e = response_head_parse(view_from(bytes, *used), seen, clock_unix_ms(), &f->response,
                                &size);
        if (e != ERR_NONE)
            return e;
        *used += size;
        if (f->response.head.status >= 200)
            f->head_seen = true;
        else if (++f->interim > INTERIM_MAX)
            return ERR_PROVIDER_PROTOCOL;
        else if (*used == bytes.len)
            return ERR_SHORT;
    }
    return ERR_NONE;
}

/* Bytes while the head is not complete. The usual head arrives in one read and is parsed in place.
 */
static void take_head(struct fetch *f, uint8_t *bytes, size_t n)
{
    size_t seen = f->held.len, used = 0;
    struct buf held;
    enum err e = ERR_NONE;

    if (seen != 0) {
        e = buf_append(&f->held, view_of(bytes, n));
        bytes = f->held.ptr;
        n = f->held.len;
    }
    if (e == ERR_NONE)
        e = head_scan(f, view_of(bytes, n), seen, &used);
    if (e == ERR_SHORT) {
        e = seen == 0 && n != used ? buf_append(&f->held, view_of(bytes + used, n - used))
                                   : ERR_NONE;
        if (seen != 0)
            buf_consume(&f->held, used);
        if (e == ERR_NONE)
            return;
    }
    if (e != ERR_NONE) {
        fetch_done(f, e == ERR_MEMORY ? e : ERR_PROVIDER_PROTOCOL);
        return;
    }
    held = f->held; /* the body begins in it; the fetch may be gone when that is delivered */
    buf_init(&f->held, HEAD_HOLD_MAX);
    head_arrived(f);
    if (!f->over)
        take_body(f, bytes + used, n - used);
    buf_free(&held);
}

static void fetch_bytes(void *cookie, uint8_t *bytes, size_t n)
{
    struct fetch *f = cookie;

    f->busy++;
    f->received = true;
    if (f->head_seen)
        take_body(f, bytes, n);
    else
        take_head(f, bytes, n);
    if (!f->over) {
        if (f->head_seen && !f->request.whole)
            f->phase_at = now_of(f) + f->request.provider->idle_ms;
        watch(f);
    }
    f->busy--;
    fetch_settle(f);
}

/* A pooled connection that was dead before our request reached anyone may be replaced, once. */
static bool stale(const struct fetch *f, enum err e)
{
    return f->reused && !f->retried && !f->received &&
           (e == ERR_NONE || e == ERR_PROVIDER_TRUNCATED) && now_of(f) - f->sent_at <= STALE_MS;
}

static void fetch_end(void *cookie, enum err e)
{
    struct fetch *f = cookie;

    f->c = NULL;
    if (stale(f, e)) {
        f->retried = true;
        f->ready = false;
        f->u->counters.stale_retries++;
        e = upstream_connect(&f->u->sites[f->request.provider->no], &owner, f, &f->c);
        if (e == ERR_NONE)
            return;
    } else if (e == ERR_NONE && !(f->head_seen && f->response.body == RESPONSE_UNTIL_CLOSE))
        e = ERR_PROVIDER_TRUNCATED;
    if (e == ERR_CONNECT_TIMEOUT || e == ERR_TLS_TIMEOUT)
        f->u->counters.timeouts++;
    fetch_done(f, e);
}
