#include "catalog_apply.h"

#include <assert.h>
#include <stdlib.h>

/* In the order of the parameters of the SQL function catalog_apply. */
enum {
    M_ID,
    M_NAME,
    M_CONTEXT,
    M_MAX_OUTPUT,
    M_CREATED,
    M_CAPABILITIES,
    E_MODEL,
    E_PROVIDER,
    E_PROVIDER_NO,
    E_UPSTREAM,
    E_WEIGHT,
    E_PROMPT,
    E_COMPLETION,
    E_CACHED,
    E_CACHE_WRITE,
    ARRAYS
};
enum { ARRAY_MAX = 32 + LIMIT_ENDPOINTS * (4 + LIMIT_MODEL_ID_BYTES) };

struct apply {
    void (*cb)(void *cookie, enum err e, int64_t version);
    void *cookie;
};

/* Appends to arrays until the first failure, which it keeps. */
struct writer {
    struct buf arrays[ARRAYS];
    enum err e;
};

static void put_text(struct writer *w, unsigned array, const char *text)
{
    if (w->e == ERR_NONE)
        w->e = db_array_put(&w->arrays[array], view_str(text));
}

static void put_i64(struct writer *w, unsigned array, int64_t v)
{
    if (w->e == ERR_NONE)
        w->e = db_array_put_i64(&w->arrays[array], v);
}

static void begin(struct writer *w, const struct catalog *c)
{
    for (unsigned a = 0; a < ARRAYS; a++) {
        bool text = a == M_ID || a == M_NAME || a == E_MODEL || a == E_PROVIDER || a == E_UPSTREAM;

        buf_init(&w->arrays[a], ARRAY_MAX);
        if (w->e == ERR_NONE)
            w->e = db_array_begin(&w->arrays[a], text ? DB_ELEMENT_TEXT : DB_ELEMENT_I64,
                                  a < E_MODEL ? c->n_models : c->n_endpoints);
    }
}

static void put_model(struct writer *w, const struct catalog_model *m)
{
    put_text(w, M_ID, m->id);
    put_text(w, M_NAME, m->name);
    put_i64(w, M_CONTEXT, m->context_length);
    put_i64(w, M_MAX_OUTPUT, m->max_output);
    put_i64(w, M_CREATED, (int64_t)m->created);
    put_i64(w, M_CAPABILITIES, m->capabilities);
}

static void put_endpoint(struct writer *w, const struct catalog_endpoint *e,
                         const struct catalog_model *models, const struct provider *provider)
{
    put_text(w, E_MODEL, models[e->model_no].id);
    put_text(w, E_PROVIDER, provider->id);
    put_i64(w, E_PROVIDER_NO, e->provider_no);
    put_text(w, E_UPSTREAM, e->upstream_model);
    put_i64(w, E_WEIGHT, e->weight);
    put_i64(w, E_PROMPT, e->price.prompt_pusd);
    put_i64(w, E_COMPLETION, e->price.completion_pusd);
    put_i64(w, E_CACHED, e->price.cached_pusd);
    put_i64(w, E_CACHE_WRITE, e->price.cache_write_pusd);
}

static void applied_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct apply *a = cookie;

    a->cb(a->cookie, e, e == ERR_NONE ? db_get_i64(r, 0, 0) : 0);
    free(a);
}

void catalog_apply(struct db *db, const struct catalog_file *f,
                   void (*cb)(void *cookie, enum err e, int64_t version), void *cookie)
{
    struct apply *a = malloc(sizeof *a);
    struct db_param p[ARRAYS];
    struct writer w = {.e = ERR_NONE};

    assert(a != NULL);
    *a = (struct apply){cb, cookie};
    begin(&w, &f->catalog);
    for (size_t i = 0; i < f->catalog.n_models; i++)
        put_model(&w, &f->catalog.models[i]);
    for (size_t i = 0; i < f->catalog.n_endpoints; i++)
        put_endpoint(&w, &f->catalog.endpoints[i], f->catalog.models, f->providers[i]);
    for (unsigned i = 0; i < ARRAYS; i++)
        p[i] = db_bytes(buf_view(&w.arrays[i]));
    if (w.e == ERR_NONE)
        db_query(db, STMT_CATALOG_APPLY, p, ARRAYS, 0, applied_cb, a);
    else
        db_fail(db, STMT_CATALOG_APPLY, w.e, applied_cb, a);
    for (unsigned i = 0; i < ARRAYS; i++)
        buf_free(&w.arrays[i]);
}
