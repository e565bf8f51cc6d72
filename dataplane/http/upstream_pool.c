/* (G) The connections of one loop: start, end, and the keep-alive pool. */
#include "upstream.h"

#include "content_view.h"
#include "secret.h"
#include "upstream_own.h"

#include <assert.h>

void upstreams_release(struct upstreams *u)
{
    assert(u->pending != 0);
    if (--u->pending != 0)
        return;
    for (size_t i = 0; i < u->providers->n; i++)
        upstream_tls_site_free(&u->sites[i]);
    fetch_spare_free(u);
    free(u->sites);
    secret_wipe(u->in, sizeof u->in);
    secret_wipe(u->plain, sizeof u->plain);
    secret_wipe(u->stage, sizeof u->stage);
    free(u);
}

static enum err site_init(struct upstreams *u, size_t i, struct buf *why)
{
    struct upstream_site *s = &u->sites[i];
    enum err e = ERR_NONE;

    *s = (struct upstream_site){.u = u, .provider = &u->providers->list[i]};
    upstream_name_init(s);
    if (s->provider->tls)
        e = upstream_tls_site(s, u->sites, i);
    if (e != ERR_NONE && buf_appendf(why, "provider %s: its CA bundle cannot be read (%s)",
                                     s->provider->id, err_name(e)) != ERR_NONE)
        buf_reset(why);
    return e;
}

enum err upstreams_new(uv_loop_t *loop, const struct providers *p, struct upstreams **out,
                       struct buf *why)
{
    struct upstreams *u = calloc(1, sizeof *u);
    enum err e = ERR_NONE;

    if (u == NULL)
        return ERR_MEMORY;
    u->loop = loop;
    u->providers = p;
    u->pending = 1;
    u->sites = calloc(p->n != 0 ? p->n : 1, sizeof *u->sites);
    if (u->sites == NULL) {
        free(u);
        return ERR_MEMORY;
    }
    for (size_t i = 0; e == ERR_NONE && i < p->n; i++)
        e = site_init(u, i, why);
    if (e == ERR_NONE && uv_async_init(loop, &u->resolved, upstream_name_resolved_cb) != 0)
        e = ERR_IO;
    if (e != ERR_NONE) {
        upstreams_release(u);
        return e;
    }
    u->resolved.data = u;
    u->pending++;
    uv_unref((uv_handle_t *)&u->resolved); /* who waits for a lookup has a timer */
    *out = u;
    return ERR_NONE;
}

static void resolved_close_cb(uv_handle_t *h)
{
    upstreams_release(h->data);
}

void upstreams_free(struct upstreams *u)
{
    if (u == NULL)
        return;
    u->closing = true;
    for (size_t i = 0; i < u->providers->n; i++) {
        while (u->sites[i].idle != NULL)
            upstream_close(u->sites[i].idle);
        upstream_name_free(&u->sites[i]); /* before its notification is closed */
    }
    uv_close((uv_handle_t *)&u->resolved, resolved_close_cb);
    upstreams_release(u);
}

struct upstream_counters upstreams_counters(const struct upstreams *u)
{
    return u->counters;
}

/* --- the pool --- */

struct upstream *upstream_reuse(struct upstream_site *s, const struct upstream_owner *owner,
                                void *cookie)
{
    struct upstream *c = s->idle;

    if (c == NULL)
        return NULL;
    s->idle = c->next;
    s->n_idle--;
    s->u->counters.idle--;
    s->u->counters.reuses++;
    c->next = NULL;
    c->state = UPSTREAM_READY;
    c->owner = owner;
    c->cookie = cookie;
    upstream_deadline(c, 0);
    return c;
}

void upstream_give_back(struct upstream *c, uint32_t idle_ms)
{
    struct upstream_site *s = c->site;

    assert(c->state == UPSTREAM_READY);
    if (idle_ms > UPSTREAM_IDLE_MS)
        idle_ms = UPSTREAM_IDLE_MS;
    if (s->u->closing || s->n_idle == UPSTREAM_IDLE_MAX || c->writes != 0 || c->body.len != 0 ||
        c->failed != ERR_NONE || idle_ms == 0) {
        upstream_close(c);
        return;
    }
    c->owner = NULL;
    c->cookie = NULL;
    c->state = UPSTREAM_IDLE;
    c->next = s->idle;
    s->idle = c;
    s->n_idle++;
    s->u->counters.idle++;
    upstream_deadline(c, uv_now(s->u->loop) + idle_ms);
    upstream_resume(c); /* to see the provider close it */
}
