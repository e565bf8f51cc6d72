/* ledger_catalog: the catalog in the database as the link pushes it. */
#include "ledger.h"
#include "ledger_state.h"

#include <assert.h>
#include <stdlib.h>

struct catalog_op {
    struct ledger *l;
    void (*cb)(void *cookie, enum err e, struct catalog *c);
    void *cookie;
};

/* The rows of STMT_CATALOG_READ say in column 0 what they are. */
enum { ROW_VERSION, ROW_MODEL, ROW_ENDPOINT };

static enum err copy_text(char *out, size_t cap, struct view v)
{
    if (v.len >= cap)
        return ERR_LIMIT;
    memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
    return ERR_NONE;
}

static enum err read_model(const struct db_result *r, size_t row, struct catalog_model *m)
{
    *m = (struct catalog_model){
        .no = (uint32_t)db_get_i64(r, row, 1),
        .context_length = (uint32_t)db_get_i64(r, row, 5),
        .max_output = (uint32_t)db_get_i64(r, row, 6),
        .created = (uint64_t)db_get_i64(r, row, 7),
        .capabilities = (uint16_t)db_get_i64(r, row, 8),
    };
    if (copy_text(m->id, sizeof m->id, db_get_text(r, row, 3)) != ERR_NONE)
        return ERR_LIMIT;
    return copy_text(m->name, sizeof m->name, db_get_text(r, row, 4));
}

static enum err read_endpoint(const struct db_result *r, size_t row, struct catalog_endpoint *e)
{
    *e = (struct catalog_endpoint){
        .no = (uint32_t)db_get_i64(r, row, 1),
        .model_no = (uint32_t)db_get_i64(r, row, 2),
        .provider_no = (uint16_t)db_get_i64(r, row, 5),
        .weight = (uint16_t)db_get_i64(r, row, 6),
        .price.prompt_pusd = db_get_i64(r, row, 7),
        .price.completion_pusd = db_get_i64(r, row, 8),
        .price.cached_pusd = db_get_i64(r, row, 9),
        .price.cache_write_pusd = db_get_i64(r, row, 10),
        .price_version = (uint32_t)db_get_i64(r, row, 11),
    };
    return copy_text(e->upstream_model, sizeof e->upstream_model, db_get_text(r, row, 3));
}

static enum err read_catalog(const struct db_result *r, struct catalog *c)
{
    size_t rows = db_rows(r), n_models = 0, n_endpoints = 0;
    enum err e = ERR_NONE;

    for (size_t i = 0; i < rows; i++) {
        n_models += db_get_i64(r, i, 0) == ROW_MODEL;
        n_endpoints += db_get_i64(r, i, 0) == ROW_ENDPOINT;
    }
    if (n_models > LIMIT_MODELS || n_endpoints > LIMIT_ENDPOINTS)
        return ERR_LIMIT;
    c->models = calloc(n_models + 1, sizeof *c->models);
    c->endpoints = calloc(n_endpoints + 1, sizeof *c->endpoints);
    if (c->models == NULL || c->endpoints == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; e == ERR_NONE && i < rows; i++) {
        int64_t what = db_get_i64(r, i, 0);

        if (what == ROW_VERSION)
            c->version = (uint32_t)db_get_i64(r, i, 1);
        else if (what == ROW_MODEL)
            e = read_model(r, i, &c->models[c->n_models++]);
        else
            e = read_endpoint(r, i, &c->endpoints[c->n_endpoints++]);
    }
    /* Nobody has told this database what may be served. */
    return e == ERR_NONE && c->version == 0 ? ERR_NOT_FOUND : e;
}

static void catalog_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct catalog_op *op = cookie;
    struct catalog c = {0};

    if (e == ERR_NONE)
        e = read_catalog(r, &c);
    if (e != ERR_NONE)
        catalog_free(&c);
    op->cb(op->cookie, e, e == ERR_NONE ? &c : NULL);
    ledger_end(op->l);
    free(op);
}

void ledger_catalog(struct ledger *l, void (*cb)(void *cookie, enum err e, struct catalog *c),
                    void *cookie)
{
    struct catalog_op *op = malloc(sizeof *op);

    assert(op != NULL);
    *op = (struct catalog_op){l, cb, cookie};
    ledger_begin(l);
    db_query(l->config.db, STMT_CATALOG_READ, NULL, 0, 0, catalog_cb, op);
}
