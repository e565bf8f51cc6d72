/* Answers: whole, streamed, ended, aborted, cut. Every write goes to h2o as "in progress", and the
 * empty final send follows when the kernel has the bytes: that is how the end of the last write is
 * learned, and it costs no system call. */
#include "web.h"
#include "web_inside.h"

#include <assert.h>
#include <stdlib.h>

/* Reason phrases; clients read the number. */
static const char *web_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {302, "Found"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == status)
            return known[i].text;
    return status < 400 ? "Done" : "Error";
}

static bool web_is_head(const h2o_req_t *req)
{
    return h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
}

/* h2o keeps the pointers until the head is sent; lasting: they live that long anyway. */
static void web_add_header(h2o_req_t *req, const struct web_header *header, bool lasting)
{
    const char *name = (const char *)header->name.ptr, *value = (const char *)header->value.ptr;
    const h2o_token_t *token = h2o_lookup_token(name, header->name.len);

    if (!lasting)
        value = h2o_strdup(&req->pool, value, header->value.len).base;
    if (!lasting && token == NULL)
        name = h2o_strdup(&req->pool, name, header->name.len).base;
    if (token != NULL)
        h2o_add_header(&req->pool, &req->res.headers, token, NULL, value, header->value.len);
    else
        h2o_add_header_by_str(&req->pool, &req->res.headers, name, header->name.len, 0, NULL, value,
                              header->value.len);
}

static void web_answer_head(struct web_request *r, int status, const struct web_header *headers,
                            size_t n)
{
    const struct web_config *config = &web_request_conn(r)->server->config;
    h2o_req_t *req = r->req;

    assert(r->state == WEB_OPEN && status >= 200 && status <= 599);
    req->res.status = status;
    req->res.reason = web_reason(status);
    for (size_t i = 0; i < config->n_always; i++)
        web_add_header(req, &config->always[i], true);
    for (size_t i = 0; i < n; i++)
        web_add_header(req, &headers[i], false);
    if (r->seal != NULL)
        web_add_header(req, &r->seal->header, false);
    if (web_request_conn(r)->server->stopping)
        req->http1_is_persistent = 0;
}

static void web_send(struct web_request *r, h2o_iovec_t *bufs, size_t n, enum web_state state)
{
    struct web_conn *c = web_request_conn(r);

    r->state = state;
    if (state == WEB_LAST && c->place != WEB_PLACE_TAKING)
        web_place_move(c, WEB_PLACE_TAKING);
    r->write_until_ms = uv_now(c->server->config.loop) + c->server->config.limits.write_stall_ms;
    h2o_send(r->req, bufs, n, H2O_SEND_STATE_IN_PROGRESS);
}

/* What leaves instead of these bytes of an answer's body. When they cannot be sealed nothing leaves any more: h2o is
 * given a byte that web_wire.c does not write. */
static struct view web_sealed(struct web_request *r, struct view plain)
{
    struct buf *out = &r->sealed;

    if (r->seal == NULL || plain.len == 0)
        return plain;
    assert(out->len == 0);
    if (buf_reserve(out, plain.len + r->seal->grows) != ERR_NONE ||
        r->seal->seal(r->seal, plain, out->ptr) != ERR_NONE) {
        web_request_conn(r)->dead = true;
        return VIEW_LIT("-");
    }
    out->len = plain.len + r->seal->grows;
    return buf_view(out);
}

/* How long a whole body is when it leaves. */
static size_t web_sealed_len(const struct web_request *r, size_t len)
{
    return r->seal == NULL ? len : len + (len + WEB_PIECE_BYTES - 1) / WEB_PIECE_BYTES * r->seal->grows;
}

/* Head of a full answer; true when body bytes follow. */
static bool web_respond_head(struct web_request *r, int status, const struct web_header *headers,
                             size_t n, size_t body_len)
{
    bool bodiless = status == 204 || status == 304;

    web_answer_head(r, status, headers, n);
    if (!bodiless)
        r->req->res.content_length = web_sealed_len(r, body_len);
    r->gone = NULL;
    h2o_start_response(r->req, &r->generator);
    return !bodiless && body_len != 0 && !web_is_head(r->req);
}

static struct view web_whole(const struct web_request *r)
{
    return r->lent.len != 0 ? r->lent : buf_view(&r->whole);
}

/* The next of a body of our own, or of a trailer. With TLS it is encrypted before h2o_send returns; without, the
 * kernel may not take it all at once, and it stays where it is until then. */
static void web_send_piece(struct web_request *r)
{
    struct view piece = view_from(web_whole(r), r->whole_sent);

    if (piece.len > WEB_PIECE_BYTES)
        piece.len = WEB_PIECE_BYTES;
    r->whole_sent += piece.len;
    if (r->trailer == NULL)
        piece = web_sealed(r, piece);
    web_send(r, &(h2o_iovec_t){(char *)piece.ptr, piece.len}, 1, WEB_LAST);
}

void web_respond_taking(struct web_request *r, int status, const struct web_header *headers,
                        size_t n, struct buf *body)
{
    bool follows = web_respond_head(r, status, headers, n, body->len);

    if (!follows) {
        buf_free(body);
        web_send(r, NULL, 0, WEB_LAST);
        return;
    }
    r->whole = *body;
    r->whole_sent = 0;
    buf_init_charged(body, body->max, body->budget);
    web_send_piece(r);
}

void web_respond_lending(struct web_request *r, int status, const struct web_header *headers, size_t n,
                         struct view body)
{
    if (!web_respond_head(r, status, headers, n, body.len)) {
        web_send(r, NULL, 0, WEB_LAST);
        return;
    }
    r->lent = body;
    r->whole_sent = 0;
    web_send_piece(r);
}

void web_respond(struct web_request *r, int status, const struct web_header *headers, size_t n,
                 struct view body)
{
    static const struct web_header again = {VIEW_LIT("retry-after"), VIEW_LIT("1")};
    const struct web_conn *c = web_request_conn(r);
    struct buf copy; /* not in h2o's pool: it is never wiped */

    if (c->ssl != NULL && body.len <= WEB_PIECE_BYTES) { /* encrypted at once: no copy is needed */
        size_t count = web_respond_head(r, status, headers, n, body.len);
        struct view piece = count != 0 ? web_sealed(r, body) : body;

        web_send(r, &(h2o_iovec_t){(char *)piece.ptr, piece.len}, count, WEB_LAST);
        return;
    }
    buf_init_charged(&copy, body.len, c->server->config.budget);
    if (buf_append(&copy, body) == ERR_NONE) {
        web_respond_taking(r, status, headers, n, &copy);
    } else {
        (void)web_respond_head(r, 503, &again, 1, 0);
        web_send(r, NULL, 0, WEB_LAST);
    }
}

bool web_may_trail(const struct web_request *r)
{
    return r->req->version >= 0x101;
}

void web_stream_start(struct web_request *r, int status, const struct web_header *headers, size_t n,
                      void (*writable)(void *cookie), void *cookie)
{
    h2o_req_t *req = r->req;
    unsigned persistent;

    assert(!web_is_head(req) && writable != NULL);
    web_answer_head(r, status, headers, n);
    r->chunked = web_may_trail(r);
    if (r->chunked)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_TRANSFER_ENCODING, NULL,
                       H2O_STRLIT("chunked"));
    else
        req->http1_is_persistent = 0;
    r->writable = writable;
    r->writable_cookie = cookie;
    /* h2o's own chunk filter stands aside when the header is already there (its three pieces would
     * be three TLS records), but gives up the connection first unless the status is 200. */
    persistent = req->http1_is_persistent;
    h2o_start_response(req, &r->generator);
    req->http1_is_persistent = persistent & 1;
    r->state = WEB_STREAM;
}

/* "hex\r\n" of len into frame; its length. */
static size_t web_frame(char frame[static 24], size_t len)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    int shift = 60;

    while (shift != 0 && (len >> shift) == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        frame[n++] = digits[(len >> shift) & 15];
    frame[n++] = '\r';
    frame[n++] = '\n';
    return n;
}

/* One chunk, and the end of the body where `tail` says so; web_wire.c makes it one TLS record. */
static void web_send_chunk(struct web_request *r, struct view bytes, const char *tail,
                           enum web_state state)
{
    h2o_iovec_t bufs[3];
    size_t n = 0;

    bytes = web_sealed(r, bytes);
    if (r->chunked && bytes.len != 0)
        bufs[n++] = h2o_iovec_init(r->frame, web_frame(r->frame, bytes.len));
    if (bytes.len != 0)
        bufs[n++] = h2o_iovec_init(bytes.ptr, bytes.len);
    if (r->chunked && *tail != '\0')
        bufs[n++] = h2o_iovec_init(tail, strlen(tail));
    web_send(r, bufs, n, state);
}

void web_stream_write(struct web_request *r, struct view bytes)
{
    assert(r->state == WEB_STREAM && bytes.len != 0);
    web_send_chunk(r, bytes, "\r\n", WEB_WRITING);
}

bool web_stream_trailer(struct web_request *r, void (*fill)(void *cookie, struct buf *lines),
                        void *cookie)
{
    assert(r->state == WEB_STREAM || r->state == WEB_WRITING);
    if (!r->chunked)
        return false;
    r->trailer = fill;
    r->trailer_cookie = cookie;
    return true;
}

bool web_stream_busy(const struct web_request *r)
{
    return r->state == WEB_WRITING;
}

/* Has h2o sent the head? It does so with the first write. */
static bool web_head_sent(const struct web_request *r)
{
    return r->req->timestamps.response_start_at.tv_sec != 0;
}

/* The answer is complete, or ends here: let the caller's bytes go, then tell h2o, which may close
 * the connection or go on with the next request (in this very struct) before it returns. */
static void web_finish(struct web_request *r)
{
    h2o_req_t *req = r->req;
    h2o_send_state_t state = r->unclean ? H2O_SEND_STATE_ERROR : H2O_SEND_STATE_FINAL;
    void (*released)(void *) = r->released;
    void *cookie = r->released_cookie;

    if (web_request_conn(r)->server->stopping)
        req->http1_is_persistent = 0;
    web_request_end(r);
    if (released != NULL)
        released(cookie);
    h2o_send(req, NULL, 0, state);
}

/* The final chunk, the trailer's lines and the empty line. Without memory for it the answer goes
 * without: a trailer is an addition. */
static void web_send_trailer(struct web_request *r)
{
    static const char final[] = "0\r\n";
    struct buf lines, tail;
    enum err e;

    buf_init(&lines, WEB_TRAILER_MAX);
    buf_init(&tail, WEB_TRAILER_MAX + 16);
    r->trailer(r->trailer_cookie, &lines);
    e = buf_append(&tail, view_of(final, sizeof final - 1));
    if (e == ERR_NONE)
        e = buf_append(&tail, buf_view(&lines));
    if (e == ERR_NONE)
        e = buf_append(&tail, VIEW_LIT("\r\n"));
    buf_free(&lines);
    if (e != ERR_NONE) {
        buf_free(&tail);
        web_send_chunk(r, VIEW_EMPTY, "0\r\n\r\n", WEB_LAST);
        return;
    }
    r->whole = tail; /* freed with the request */
    r->whole_sent = 0;
    web_send_piece(r);
}

static void web_send_end(struct web_request *r)
{
    const char *tail = r->unclean ? "" : r->last.len != 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n";

    if (r->trailer != NULL && !r->unclean) {
        struct view last = r->last;

        r->last = VIEW_EMPTY;
        r->ending = last.len != 0; /* they do not wait for the trailer to be made */
        if (r->ending)
            web_send_chunk(r, last, "\r\n", WEB_LAST);
        else
            web_send_trailer(r);
        return;
    }
    if (r->last.len != 0 || !web_head_sent(r) || (r->chunked && *tail != '\0'))
        web_send_chunk(r, r->last, tail, WEB_LAST);
    else
        web_finish(r);
}

static void web_end(struct web_request *r, struct view bytes, bool unclean,
                    void (*released)(void *), void *cookie)
{
    bool busy = r->state == WEB_WRITING;

    assert(busy || r->state == WEB_STREAM);
    r->gone = NULL;
    r->writable = NULL;
    r->released = released;
    r->released_cookie = cookie;
    r->last = bytes;
    r->unclean = unclean;
    r->state = WEB_LAST;
    r->ending = busy;
    if (!busy)
        web_send_end(r);
}

void web_stream_end(struct web_request *r, struct view bytes, void (*released)(void *),
                    void *cookie)
{
    web_end(r, bytes, false, released, cookie);
}

void web_stream_abort(struct web_request *r, struct view bytes, void (*released)(void *),
                      void *cookie)
{
    web_end(r, bytes, true, released, cookie);
}

/* h2o: the write in flight has left. */
void web_stream_proceed(h2o_generator_t *g, h2o_req_t *req)
{
    struct web_request *r = H2O_STRUCT_FROM_MEMBER(struct web_request, generator, g);

    assert(r->req == req);
    if (r->seal != NULL)
        buf_free(&r->sealed);
    if (r->state == WEB_WRITING) {
        r->state = WEB_STREAM;
        r->writable(r->writable_cookie);
    } else if (r->ending) {
        r->ending = false;
        web_send_end(r);
    } else if (r->whole_sent < web_whole(r).len) {
        web_send_piece(r);
    } else {
        assert(r->state == WEB_LAST);
        web_finish(r);
    }
}

/* h2o: the connection is being closed under the answer (its write failed). */
void web_stream_stop(h2o_generator_t *g, h2o_req_t *req)
{
    struct web_request *r = H2O_STRUCT_FROM_MEMBER(struct web_request, generator, g);
    struct web_conn *c = web_request_conn(r);
    void (*gone)(void *) = r->gone, (*released)(void *) = r->released;
    void *gone_cookie = r->gone_cookie, *released_cookie = r->released_cookie;

    assert(r->req == req);
    c->dead = true;
    c->server->counters.clients_gone++;
    web_request_end(r);
    if (released != NULL)
        released(released_cookie);
    if (gone != NULL)
        gone(gone_cookie);
}

void web_stream_cut(struct web_request *r)
{
    struct web_conn *c = web_request_conn(r);
    h2o_req_t *req = r->req;
    void (*gone)(void *) = r->gone;
    void *cookie = r->gone_cookie;
    bool started = r->state == WEB_STREAM;

    if (r->state == WEB_WRITING || r->state == WEB_LAST) {
        web_conn_shutdown(c); /* the write fails, and web_stream_stop says the rest */
        return;
    }
    c->dead = true;
    c->server->counters.clients_gone++;
    web_request_end(r);
    if (gone != NULL)
        gone(cookie);
    /* h2o closes a connection only at the end of an answer: give it one that is never written. */
    if (!started) {
        req->res.status = 499;
        req->res.content_length = 0;
        h2o_start_response(req, &r->generator);
    }
    h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
}
