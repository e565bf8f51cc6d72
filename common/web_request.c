/* A request: from h2o to the handler, its parts, and what is wiped of it. */
#include "web.h"
#include "web_inside.h"

#include <assert.h>
#include <stdlib.h>

/* --- its parts */

static struct view web_view(h2o_iovec_t v)
{
    return view_of(v.base, v.len);
}

struct view web_method(const struct web_request *r)
{
    return web_view(r->req->input.method);
}

/* Clients that think they speak to a proxy send the whole URL, which a server must take as well (RFC 9112
 * 3.2.2). */
static struct view web_target(const struct web_request *r)
{
    struct view v = web_view(r->req->input.path);
    const uint8_t *slash;

    if (view_starts(v, VIEW_LIT("https://")))
        v = view_from(v, 8);
    else if (view_starts(v, VIEW_LIT("http://")))
        v = view_from(v, 7);
    else
        return v;
    slash = v.len != 0 ? memchr(v.ptr, '/', v.len) : NULL;
    return slash != NULL ? view_from(v, (size_t)(slash - v.ptr)) : VIEW_LIT("/");
}

struct view web_path(const struct web_request *r)
{
    struct view v = web_target(r);
    const uint8_t *q = v.len != 0 ? memchr(v.ptr, '?', v.len) : NULL;

    return q != NULL ? view_of(v.ptr, (size_t)(q - v.ptr)) : v;
}

struct view web_query(const struct web_request *r)
{
    struct view v = web_target(r);
    struct view path = web_path(r);

    return path.len == v.len ? VIEW_EMPTY : view_from(v, path.len + 1);
}

bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    const h2o_headers_t *headers = &r->req->headers;

    if (view_eq(name, VIEW_LIT("host"))) { /* h2o keeps it apart, and its own name if absent */
        *out = web_view(r->req->input.authority);
        return out->ptr != (uint8_t *)r->req->conn->hosts[0]->authority.hostport.base;
    }
    for (size_t i = 0; i < headers->size; i++)
        if (view_eq(web_view(*headers->entries[i].name), name)) {
            *out = web_view(headers->entries[i].value);
            return true;
        }
    return false;
}

struct view web_body(const struct web_request *r)
{
    return r->narrowed.ptr != NULL ? r->narrowed : web_view(r->req->entity);
}

uint8_t *web_body_bytes(struct web_request *r)
{
    return (uint8_t *)r->req->entity.base;
}

void web_body_narrow(struct web_request *r, struct view part)
{
    h2o_iovec_t all = r->req->entity;

    assert(part.ptr >= (uint8_t *)all.base && part.ptr + part.len <= (uint8_t *)all.base + all.len);
    r->narrowed = part;
}

void web_seal_answer(struct web_request *r, struct web_seal *s)
{
    assert(r->state == WEB_OPEN && r->seal == NULL);
    r->seal = s;
    buf_init_charged(&r->sealed, SIZE_MAX, web_request_conn(r)->server->config.budget);
}

void web_set_gone(struct web_request *r, void (*gone)(void *cookie), void *cookie)
{
    assert(r->state == WEB_OPEN || r->state == WEB_STREAM || r->state == WEB_WRITING ||
           web_request_conn(r)->asking);
    r->gone = gone;
    r->gone_cookie = cookie;
}

/* --- its life */

struct web_request *web_request_begin(struct web_conn *c, h2o_req_t *req)
{
    struct web_request *r = &c->request;

    assert(r->state == WEB_IDLE);
    memset(r, 0, sizeof *r);
    r->state = WEB_OPEN;
    r->req = req;
    r->generator.proceed = web_stream_proceed;
    r->generator.stop = web_stream_stop;
    c->h2o_req = req;
    c->reading_ms = 0;
    web_place_move(c, WEB_PLACE_BUSY);
    h2o_linklist_insert(&c->server->running, &r->link);
    c->server->counters.requests_total++;
    return r;
}

/* Header values may carry keys: they are wiped where they lie (in h2o's pool, which recycles its
 * memory unwiped, or in the input buffer). h2o does not look at them again. */
static void web_request_wipe_head(h2o_req_t *req)
{
    for (size_t i = 0; i < req->headers.size; i++)
        explicit_bzero(req->headers.entries[i].value.base, req->headers.entries[i].value.len);
    explicit_bzero(req->input.path.base, req->input.path.len);
    req->headers.size = 0;
    req->input.path.len = req->path.len = 0;
}

void web_request_end(struct web_request *r)
{
    struct web_conn *c = web_request_conn(r);

    assert(r->state != WEB_IDLE);
    web_request_wipe_head(r->req);
    h2o_linklist_unlink(&r->link);
    buf_free(&r->whole);
    if (r->seal != NULL) {
        buf_free(&r->sealed);
        r->seal->free(r->seal);
        r->seal = NULL;
    }
    r->req = NULL;
    r->state = WEB_IDLE;
    web_place_move(c, WEB_PLACE_SERVED);
    c->idle_ms = uv_now(c->server->config.loop);
}

/* The handler has had its look: wipe head and body where they arrived, and give the buffer back, so
 * that a running answer holds no input. h2o will take `used` bytes off the buffer when the answer
 * is complete and looks at no byte before, so a buffer that only claims to hold them stands in.
 * Head values were copied to the pool by h2o, as always when there is a body. */
void web_request_release_body(struct web_request *r)
{
    struct web_conn *c = web_request_conn(r);
    h2o_buffer_t *in = c->sock->input, *claim;
    h2o_iovec_t body = r->req->entity;
    size_t used;

    if (body.base == NULL)
        return;
    assert(body.base >= in->bytes && body.base + body.len <= in->bytes + in->size);
    used = (size_t)(body.base + body.len - in->bytes);
    explicit_bzero(in->bytes, used);
    r->req->entity = h2o_iovec_init(NULL, 0);
    r->narrowed = VIEW_EMPTY;
    if (used != in->size)
        return; /* the next request has begun to arrive behind this one */
    claim = malloc(sizeof *claim);
    if (claim == NULL)
        return;
    *claim =
        (h2o_buffer_t){.size = used, .bytes = claim->_buf, ._prototype = in->_prototype, ._fd = -1};
    c->sock->input = claim;
    h2o_buffer__do_free(in);
}

static size_t web_request_head_len(const h2o_req_t *req)
{
    size_t n = req->input.method.len + req->input.path.len;

    for (size_t i = 0; i < req->headers.size; i++)
        n += req->headers.entries[i].name->len + req->headers.entries[i].value.len + 4;
    return n;
}

static bool web_request_starts(const char *p, const char *end, const char *name, size_t len)
{
    return (size_t)(end - p) >= len && strncasecmp(p, name, len) == 0;
}

/* h2o lets Transfer-Encoding win over Content-Length and the last Content-Length over the others, and
 * hides all of them: somebody before us may have counted differently and see another request behind
 * this one. The head still lies where it arrived, in front of the body. HTTP/1.0 knows no
 * Transfer-Encoding at all (RFC 9112 6.1): there it always has two meanings. */
static bool web_request_framed_once(const struct web_conn *c, const h2o_req_t *req)
{
    unsigned encoding = req->version < 0x101 ? 2 : 1;
    const char *p = c->sock->input->bytes, *end = p + c->sock->input->size, *line_end;
    unsigned framings = 0;

    while ((line_end = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        p = line_end + 1;
        if (p == end || *p == '\r' || *p == '\n')
            break;
        if (web_request_starts(p, end, H2O_STRLIT("content-length:")))
            framings++;
        else if (web_request_starts(p, end, H2O_STRLIT("transfer-encoding:")))
            framings += encoding;
    }
    return framings <= 1;
}

/* Word an error through the owner's hook; it must answer before it returns. */
static void web_request_error(struct web_request *r, int status)
{
    struct web_config *config = &web_request_conn(r)->server->config;

    r->req->http1_is_persistent = 0;
    if (config->error != NULL)
        config->error(config->cookie, r, status);
    if (r->state == WEB_OPEN)
        web_respond(r, status, NULL, 0, VIEW_EMPTY);
}

int web_request_handle(h2o_handler_t *self, h2o_req_t *req)
{
    struct web_conn *c = web_conn_of(req);
    struct web_server *s = c->server;
    struct web_request *r = web_request_begin(c, req);

    (void)self;
    if (c->cut) {
        web_respond(r, 503, NULL, 0, VIEW_EMPTY); /* to nobody; the client sees a connection that ended unanswered */
    } else if (web_request_head_len(req) > WEB_HEAD_MAX) {
        web_request_error(r, 431);
    } else if (!web_request_framed_once(c, req)) {
        c->refused = true; /* who knows what is still to come */
        web_request_error(r, 400);
    } else if (req->entity.len > s->config.limits.body_max) {
        web_request_error(r, 413);
    } else {
        s->config.handler(s->config.cookie, r);
    }
    /* Whatever was answered, its completion comes from the loop: r is still this request. */
    assert(r->req == req);
    web_request_release_body(r);
    web_body_over(c);
    return 0;
}

struct web_request *web_request_refuse_begin(struct web_conn *c, h2o_req_t *req)
{
    web_body_forget(c);
    c->refused = true;
    h2o_socket_read_stop(c->sock);
    if (req->version == 0) { /* no complete head: h2o would look at parts of one */
        req->input.method = h2o_iovec_init(H2O_STRLIT("GET"));
        req->input.path = h2o_strdup(&req->pool, "/", 1);
        req->input.authority = h2o_iovec_init(NULL, 0);
        req->headers.size = 0;
        req->input.scheme = &H2O_URL_SCHEME_HTTPS;
    }
    if (req->pathconf == NULL)
        h2o_req_bind_conf(req, req->conn->hosts[0], &req->conn->hosts[0]->fallback_path);
    req->method = req->input.method;
    req->http1_is_persistent = 0;
    return web_request_begin(c, req);
}

void web_request_refuse(struct web_conn *c, h2o_req_t *req, int status)
{
    web_request_error(web_request_refuse_begin(c, req), status);
}
