#include "opening.h"

#include "clock.h"
#include "log.h"

enum err opening_init(struct opening *o)
{
    *o = (struct opening){.shared = NULL};
    return pthread_mutex_init(&o->lock, NULL) == 0 ? ERR_NONE : ERR_IO;
}

void opening_free(struct opening *o)
{
    pthread_mutex_destroy(&o->lock);
}

/* With the lock. */
static void opening_look(struct opening *o)
{
    struct shared *s = o->shared;
    bool certified = o->cert && o->catalog;
    enum err e = ERR_NONE;

    if (s == NULL || o->opened || (!certified && !o->anyhow))
        return;
    o->opened = true;
    for (unsigned i = 0; i < s->n_workers; i++) {
        enum err one = worker_listen(s->workers[i]);

        e = e == ERR_NONE ? one : e;
    }
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

void opening_end(struct opening *o)
{
    pthread_mutex_lock(&o->lock);
    o->shared = NULL;
    pthread_mutex_unlock(&o->lock);
}
