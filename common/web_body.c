/* What may arrive of a body, and who pays for the memory. h2o keeps bytes until a request is complete,
 * so a body is paid for by the budget of unknown senders until the owner, asked with the head alone, says
 * that its sender is known. */
#include "web_inside.h"

#include <assert.h>

/* --- the charge */

static struct budget *web_body_budget(const struct web_conn *c)
{
    const struct web_config *config = &c->server->config;

    if (c->known && c->share != NULL)
        return c->share;
    return c->known || config->budget_unknown == NULL ? config->budget : config->budget_unknown;
}

static bool web_body_take(struct web_conn *c, size_t n)
{
    size_t max = c->server->config.limits.unknown_per_ip;
    bool counts = !c->known && c->peer != NULL && max != 0;

    if (counts && (n > max || c->peer->unknown_bytes > max - n))
        return false;
    if (!budget_take(web_body_budget(c), n))
        return false;
    if (!c->known && c->peer != NULL)
        c->peer->unknown_bytes += n;
    c->held += n;
    return true;
}

void web_body_give(struct web_conn *c, size_t n)
{
    assert(n <= c->held);
    budget_give(web_body_budget(c), n);
    if (!c->known && c->peer != NULL)
        c->peer->unknown_bytes -= n;
    c->held -= n;
}

bool web_body_charge(struct web_conn *c)
{
    size_t bytes = c->sock != NULL ? c->sock->input->capacity : 0;

    if (bytes <= WEB_INPUT_BYTES)
        bytes = 0;
    if (bytes > c->held)
        return web_body_take(c, bytes - c->held);
    web_body_give(c, c->held - bytes);
    return true;
}

/* The sender is known: what it has sent until now moves to the other budget. */
static bool web_body_adopt(struct web_conn *c)
{
    web_body_give(c, c->held);
    c->known = true;
    return web_body_charge(c);
}

/* --- the question */

/* The owner's callback sees the head like a handler; the request has not begun. */
static enum web_verdict web_body_ask(struct web_conn *c, h2o_req_t *req, bool more, int *why)
{
    const struct web_config *config = &c->server->config;
    enum web_verdict v;

    c->request.req = req;
    c->asking = true;
    v = config->arriving(config->cookie, &c->request, more, why);
    c->asking = false;
    if (v != WEB_BODY_WAIT)
        c->request.req = NULL;
    return v;
}

static void web_body_refused(struct web_conn *c, h2o_req_t *req, int why)
{
    const struct web_config *config = &c->server->config;
    struct web_request *r = web_request_refuse_begin(c, req);

    config->refused(config->cookie, r, why);
    assert(r->state != WEB_OPEN);
}

static void web_body_follow(struct web_conn *c, h2o_req_t *req, enum web_verdict v, int why)
{
    switch (v) {
    case WEB_BODY_SMALL:
        break;
    case WEB_BODY_ALL:
        web_place_move(c, WEB_PLACE_BUSY);
        if (!web_body_adopt(c))
            web_request_refuse(c, req, 503);
        break;
    case WEB_BODY_WAIT:
        c->waiting = true;
        web_place_move(c, WEB_PLACE_BUSY);
        uv_shim_pause(&c->shim);
        break;
    case WEB_BODY_REFUSED:
        web_body_refused(c, req, why);
        break;
    }
}

/* Is it time to ask, or to ask again? */
static bool web_body_must_ask(const struct web_conn *c, bool more, bool room)
{
    return c->server->config.arriving != NULL && !c->known && (!c->looked || more || !room);
}

void web_body_arriving(struct web_conn *c, h2o_req_t *req, bool room)
{
    bool more = c->sock->input->size > WEB_BODY_SMALL_BYTES;
    enum web_verdict v = WEB_BODY_SMALL;
    int why = 0;

    /* While h2o's "100 Continue" is on its way no other write may begin: the next bytes will do. */
    if (c->waiting || c->sock->_cb.write != NULL)
        return;
    if (web_body_must_ask(c, more, room)) {
        c->looked = true;
        v = web_body_ask(c, req, more, &why);
        if (more && v == WEB_BODY_SMALL) {
            web_request_refuse(c, req, 413);
            return;
        }
    }
    if (v == WEB_BODY_SMALL && !room)
        web_request_refuse(c, req, 503);
    else
        web_body_follow(c, req, v, why);
}

void web_body_share(struct web_request *r, struct budget *share)
{
    struct web_conn *c = web_request_conn(r);

    assert(!c->known && (c->asking || c->waiting));
    c->share = share;
}

void web_body_decide(struct web_request *r, enum web_verdict v, int why)
{
    struct web_conn *c = web_request_conn(r);
    h2o_req_t *req = r->req;

    assert(c->waiting && (v == WEB_BODY_ALL || v == WEB_BODY_REFUSED));
    c->waiting = false;
    r->req = NULL;
    r->gone = NULL;
    uv_shim_resume(&c->shim);
    web_body_follow(c, req, v, why);
}

void web_body_forget(struct web_conn *c)
{
    void (*gone)(void *) = c->request.gone;

    if (!c->waiting)
        return;
    c->waiting = false;
    c->request.req = NULL;
    c->request.gone = NULL;
    uv_shim_resume(&c->shim);
    if (gone != NULL)
        gone(c->request.gone_cookie);
}

void web_body_over(struct web_conn *c)
{
    (void)web_body_charge(c); /* the buffer is smaller now, or as it was */
    if (c->held != 0)
        return; /* the next request has begun to arrive; it is this sender's */
    c->known = c->looked = false;
}
