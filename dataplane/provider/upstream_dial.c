/* (G) How a connection comes about: the name, then one address after the other. */
#include "upstream.h"

#include "content_view.h"
#include "upstream_own.h"

#include <assert.h>

static void connect_cb(uv_connect_t *req, int status)
{
    struct upstream *c = req->data;
    uint64_t now = uv_now(c->site->u->loop);

    if (c->state == UPSTREAM_CLOSED)
        return;
    if (status < 0) {
        c->tried++;
        c->state = UPSTREAM_NEXT;
        uv_close((uv_handle_t *)&c->tcp, upstream_tcp_close_cb);
        return;
    }
    if (c->tried != 0 && c->tried < c->site->n_addresses)
        c->site->first_address = (c->site->first_address + c->tried) % c->site->n_addresses;
    uv_tcp_nodelay(&c->tcp, 1);
    upstream_read_start(c);
    if (c->site->tls == NULL) {
        upstream_ready(c);
        return;
    }
    c->state = UPSTREAM_SHAKING;
    upstream_deadline(c, now + c->site->provider->tls_ms);
    if (upstream_tls_start(c) != ERR_NONE || upstream_tls_feed(c, VIEW_EMPTY) != ERR_NONE)
        upstream_fail_later(c, ERR_TLS);
}

/* Called once the name is known, and again after each address that failed. */
void upstream_dial(struct upstream *c)
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
        upstream_fail_later(c, ERR_CONNECT);
        return;
    }
    to = (const struct sockaddr *)&s->addresses[(s->first_address + c->tried) % s->n_addresses];
    if (uv_tcp_connect(&c->connect, &c->tcp, to, connect_cb) != 0)
        upstream_fail_later(c, ERR_CONNECT);
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

        upstream_unlink(&s->waiting, c);
        c->state = UPSTREAM_CONNECTING;
        if (s->n_addresses == 0)
            upstream_fail_later(c, ERR_DNS);
        else
            upstream_dial(c);
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
        upstream_dial(c);
        return;
    }
    c->next = s->waiting;
    s->waiting = c;
    if (s->looking)
        return;
    snprintf(port, sizeof port, "%u", (unsigned)s->provider->port);
    s->lookup.data = s;
    if (uv_getaddrinfo(s->u->loop, &s->lookup, lookup_cb, s->provider->host, port, &hints) != 0) {
        upstream_fail_later(c, ERR_DNS);
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
