#include "opening.h"

#include "clock.h"
#include "log.h"
#include "tls.h"

enum err opening_init(struct opening *o)
{
    *o = (struct opening){.shared = NULL};
    return pthread_mutex_init(&o->lock, NULL) == 0 ? ERR_NONE : ERR_IO;
}

void opening_free(struct opening *o)
{
    pthread_mutex_destroy(&o->lock);
}

void opening_await_public(struct opening *o, SSL_CTX *tls, bool early)
{
    o->awaiting = tls;
    o->early = early;
    tls_ctx_set_closed(tls, true);
}

static enum err opening_listen(struct opening *o, struct shared *s)
{
    enum err e = ERR_NONE;

    if (o->listening)
        return e;
    o->listening = true;
    for (unsigned i = 0; i < s->n_workers; i++) {
        enum err one = worker_listen(s->workers[i]);

        e = e == ERR_NONE ? one : e;
    }
    return e;
}

/* With the lock. */
static void opening_look(struct opening *o)
{
    struct shared *s = o->shared;
    bool certified = o->cert && o->catalog, awaited = o->awaiting != NULL;
    enum err e = ERR_NONE;

    if (s == NULL || o->opened)
        return;
    if (awaited && o->early) {
        e = opening_listen(o, s);
        if (e != ERR_NONE)
            LOG("listening_early", KV("outcome", log_err((int)e)));
    }
    if (!(certified && !awaited) && !(o->late && !(o->cert && awaited)) && !o->anyhow)
        return;
    o->opened = true;
    tls_ctx_set_closed(s->tls, false);
    e = opening_listen(o, s);
    LOG("listening", KV("port", worker_port(s->workers[0])), KV("certified", certified),
        KV("after_ms", clock_unix_ms() - s->status.started_unix_ms), KV("outcome", log_err((int)e)));
}

void opening_ready(struct opening *o, struct shared *s)
{
    pthread_mutex_lock(&o->lock);
    o->shared = s;
    opening_look(o);
    pthread_mutex_unlock(&o->lock);
}

static void opening_set(struct opening *o, bool *what)
{
    pthread_mutex_lock(&o->lock);
    *what = true;
    opening_look(o);
    pthread_mutex_unlock(&o->lock);
}

void opening_cert(struct opening *o)
{
    opening_set(o, &o->cert);
}

void opening_catalog(struct opening *o)
{
    opening_set(o, &o->catalog);
}

void opening_anyhow(struct opening *o)
{
    opening_set(o, &o->anyhow);
}

void opening_late(struct opening *o)
{
    opening_set(o, &o->late);
}

void opening_public(struct opening *o)
{
    pthread_mutex_lock(&o->lock);
    o->awaiting = NULL;
    opening_look(o);
    pthread_mutex_unlock(&o->lock);
}

void opening_end(struct opening *o)
{
    pthread_mutex_lock(&o->lock);
    o->shared = NULL;
    pthread_mutex_unlock(&o->lock);
}
