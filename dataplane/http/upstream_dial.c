/* (G) How a connection comes about: the name, then its addresses, which race (RFC 8305): the next
 * one is tried beside those that have not answered, and the first that answers is taken. */
#include "upstream.h"

#include "content_view.h"
#include "upstream_own.h"

#include <assert.h>

/* --- tries --- */

static void try_close_cb(uv_handle_t *h)
{
    struct upstream_try *t = (struct upstream_try *)h; /* its first member */
    struct upstream *c = t->c;

    free(t);
    upstream_released(c);
}

void upstream_tries_close(struct upstream *c)
{
    c->stream = NULL;
    for (struct upstream_try *t = c->tries; t != NULL; t = t->next)
        uv_close((uv_handle_t *)&t->tcp, try_close_cb);
    c->tries = NULL;
}

static void try_drop(struct upstream_try *t)
{
    struct upstream_try **at = &t->c->tries;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    uv_close((uv_handle_t *)&t->tcp, try_close_cb);
}

/* Addresses that did not answer for as long as the next one is not kept waiting for them. */
void upstream_unanswered(struct upstream *c)
{
    uint64_t now = uv_now(c->site->u->loop);

    for (const struct upstream_try *t = c->tries; t != NULL; t = t->next)
        if (now - t->began_at >= c->step_ms)
            upstream_name_bad(c->site, &t->to, UPSTREAM_SILENT_AVOID_MS);
}

static void shake(struct upstream *c)
{
    uv_tcp_nodelay(&c->tries->tcp, 1);
    upstream_read_start(c);
    if (c->site->tls == NULL) {
        upstream_ready(c);
        return;
    }
    c->state = UPSTREAM_SHAKING;
    upstream_deadline(c, uv_now(c->site->u->loop) + c->site->provider->tls_ms);
    if (upstream_tls_start(c) != ERR_NONE || upstream_tls_feed(c, VIEW_EMPTY) != ERR_NONE)
        upstream_fail_later(c, ERR_TLS);
}

/* t answered: it is the connection's socket, the others are given up. */
static void try_won(struct upstream_try *t)
{
    struct upstream *c = t->c;
    bool first = resolve_same(&t->to, &c->to[0]);

    upstream_unanswered(c);
    upstream_name_good(c->site, &t->to, !first); /* after: t itself may have taken its time */
    while (c->tries != t)
        try_drop(c->tries);
    while (t->next != NULL)
        try_drop(t->next);
    c->stream = (uv_stream_t *)&t->tcp;
    c->step_at = 0;
    shake(c);
}

static void try_cb(uv_connect_t *req, int status)
{
    struct upstream_try *t = req->data;
    struct upstream *c = t->c;

    if (uv_is_closing((uv_handle_t *)&t->tcp)) /* given up */
        return;
    if (status == 0) {
        try_won(t);
        return;
    }
    upstream_name_bad(c->site, &t->to,
                      status == UV_ETIMEDOUT ? UPSTREAM_SILENT_AVOID_MS : UPSTREAM_FAILED_AVOID_MS);
    try_drop(t);
    upstream_step(c);
}

/* ERR_CONNECT: there is no way to it. ERR_OVERLOAD: this process has no descriptor, memory or port
 * left, which says nothing about the provider. */
static enum err try_start(struct upstream *c, const union resolve_address *to)
{
    struct upstream_try *t = calloc(1, sizeof *t);
    int r;

    if (t == NULL)
        return ERR_OVERLOAD;
    if (uv_tcp_init(c->site->u->loop, &t->tcp) != 0) {
        free(t);
        return ERR_OVERLOAD;
    }
    t->c = c;
    t->to = *to;
    t->began_at = uv_now(c->site->u->loop);
    t->tcp.data = c;
    t->connect.data = t;
    t->next = c->tries;
    c->tries = t;
    c->handles++;
    r = uv_tcp_connect(&t->connect, &t->tcp, &to->any, try_cb);
    if (r == 0)
        return ERR_NONE;
    try_drop(t);
    return r == UV_EMFILE || r == UV_ENFILE || r == UV_ENOMEM || r == UV_ENOBUFS ||
                   r == UV_EADDRNOTAVAIL
               ? ERR_OVERLOAD
               : ERR_CONNECT;
}

/* --- the race --- */

static void race_step(struct upstream *c)
{
    enum err e = ERR_CONNECT;

    while (e != ERR_NONE && c->next_to < c->n_to) {
        e = try_start(c, &c->to[c->next_to++]);
        c->starved = c->starved || e == ERR_OVERLOAD;
    }
    if (c->tries == NULL)
        upstream_fail_later(c, c->starved ? ERR_OVERLOAD : ERR_CONNECT);
    else if (c->next_to < c->n_to)
        upstream_step_at(c, uv_now(c->site->u->loop) + c->step_ms);
}

/* Every address has its share of what is left of the deadline, and 250 ms are enough for one that is
 * alive: later it may still win, but the next one is not kept waiting. */
static void race_begin(struct upstream *c)
{
    uint64_t now = uv_now(c->site->u->loop), left = c->deadline > now ? c->deadline - now : 0;

    c->state = UPSTREAM_CONNECTING;
    c->n_to = upstream_name_order(c->site, c->to);
    c->next_to = 0;
    assert(c->n_to != 0);
    c->step_ms = left / c->n_to < UPSTREAM_STEP_MS ? left / c->n_to : UPSTREAM_STEP_MS;
    race_step(c);
}

void upstream_named(struct upstream *c, enum err e)
{
    assert(c->state == UPSTREAM_NAMING);
    c->step_at = 0;
    if (e == ERR_NONE) {
        race_begin(c);
        return;
    }
    c->state = UPSTREAM_CONNECTING; /* no longer in the list of who waits */
    upstream_fail_later(c, e);
}

void upstream_step(struct upstream *c)
{
    if (c->state == UPSTREAM_NAMING) { /* the lookup takes long, and there are stale addresses */
        upstream_unlink(&c->site->waiting, c);
        upstream_named(c, upstream_name_known(c->site) ? ERR_NONE : ERR_DNS);
    } else
        race_step(c);
}

static void name_find(struct upstream *c)
{
    struct upstream_site *s = c->site;
    uint64_t wait_until;
    enum err e = upstream_name_find(s, &wait_until);

    c->state = UPSTREAM_NAMING;
    if (e != ERR_SHORT) {
        upstream_named(c, e);
        return;
    }
    c->next = s->waiting;
    s->waiting = c;
    upstream_step_at(c, wait_until);
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
    uv_timer_init(u->loop, &c->timer);
    c->timer.data = c;
    c->handles = 1;
    c->site = s;
    c->owner = owner;
    c->cookie = cookie;
    u->pending++;
    u->counters.connections++;
    u->counters.connects++;
    upstream_deadline(c, uv_now(u->loop) + s->provider->connect_ms);
    name_find(c);
    *out_c = c;
    return ERR_NONE;
}
