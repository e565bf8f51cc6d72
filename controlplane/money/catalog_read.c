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
enum { ROW_VERSION, ROW_MODEL, ROW_ENDPOINT, ROW_ALIAS, ROW_SYNTH, ROWS };
enum { COLUMN_WHAT, COLUMN_NO, COLUMN_ID, COLUMN_NAME, COLUMN_DESCRIPTION, COLUMN_NUMBERS };

/* The numbers of a row, one behind the other, separated by spaces: in the order of the view catalog_every_row. Sticky: after
 * the first failure every number is 0. */
struct numbers {
    struct view left;
    enum err e;
};

static uint64_t take(struct numbers *n, uint64_t max)
{
    size_t len = 0;
    uint64_t v;

    while (len < n->left.len && n->left.ptr[len] != ' ')
        len++;
    if (n->e != ERR_NONE || !view_u64(view_of(n->left.ptr, len), &v) || v > max) {
        n->e = n->e == ERR_NONE ? ERR_FORMAT : n->e;
        return 0;
    }
    n->left = view_from(n->left, len < n->left.len ? len + 1 : len);
    return v;
}

static int64_t take_amount(struct numbers *n)
{
    return (int64_t)take(n, INT64_MAX);
}

static uint32_t take_u32(struct numbers *n)
{
    return (uint32_t)take(n, UINT32_MAX);
}

static uint8_t take_u8(struct numbers *n)
{
    return (uint8_t)take(n, UINT8_MAX);
}

static void copy_text(struct numbers *n, char *out, size_t cap, struct view v)
{
    if (v.len >= cap) {
        n->e = ERR_LIMIT;
        return;
    }
    if (v.len != 0)
        memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
}

/* What is left of the row: numbers of models, at most max. */
static uint8_t take_models(struct numbers *n, uint32_t *out, size_t max)
{
    uint8_t count = 0;

    while (n->e == ERR_NONE && n->left.len != 0) {
        if (count == max)
            n->e = ERR_LIMIT;
        else
            out[count++] = take_u32(n);
    }
    return count;
}

static enum err read_model(const struct db_result *r, size_t row, struct catalog_model *m)
{
    struct numbers n = {db_get_text(r, row, COLUMN_NUMBERS), ERR_NONE};

    *m = (struct catalog_model){.no = (uint32_t)db_get_i64(r, row, COLUMN_NO)};
    copy_text(&n, m->id, sizeof m->id, db_get_text(r, row, COLUMN_ID));
    copy_text(&n, m->name, sizeof m->name, db_get_text(r, row, COLUMN_NAME));
    copy_text(&n, m->description, sizeof m->description, db_get_text(r, row, COLUMN_DESCRIPTION));
    m->context_length = take_u32(&n);
    m->max_output = take_u32(&n);
    m->created = take(&n, INT64_MAX);
    m->knowledge_day = take_u32(&n);
    m->facts_day = take_u32(&n);
    m->capabilities = (uint16_t)take(&n, UINT16_MAX);
    m->kind = take_u8(&n);
    m->inputs = take_u8(&n);
    m->outputs = take_u8(&n);
    m->open_weights = take_u8(&n);
    m->gates.bits = take_u32(&n);
    m->gates.efforts = take_u8(&n);
    m->gates.budget_min = take_u32(&n);
    m->gates.budget_max = take_u32(&n);
    m->n_fallbacks = take_models(&n, m->fallback, CATALOG_FALLBACKS);
    return n.e;
}

static void read_price(struct numbers *n, struct price *p)
{
#define TAKE(class, as) p->class##_pusd = take_amount(n);
    PRICE_CLASSES(TAKE)
#undef TAKE
#define TAKE(unit, what) p->unit##_nusd = take_amount(n);
    PRICE_UNITS(TAKE)
#undef TAKE
    while (n->e == ERR_NONE && n->left.len != 0 && p->n_tiers < PRICE_TIERS_MAX) {
        struct price_tier *t = &p->tier[p->n_tiers++];

        t->above_prompt_tokens = take_u32(n);
        t->from_minute = (uint16_t)take(n, UINT16_MAX);
        t->until_minute = (uint16_t)take(n, UINT16_MAX);
        t->prompt_pusd = take_amount(n);
        t->completion_pusd = take_amount(n);
        t->cached_pusd = take_amount(n);
        t->cache_write_pusd = take_amount(n);
    }
    if (n->e == ERR_NONE && n->left.len != 0)
        n->e = ERR_LIMIT;
}

static enum err read_endpoint(const struct db_result *r, size_t row, struct catalog_endpoint *e)
{
    struct numbers n = {db_get_text(r, row, COLUMN_NUMBERS), ERR_NONE};

    *e = (struct catalog_endpoint){.no = (uint32_t)db_get_i64(r, row, COLUMN_NO)};
    copy_text(&n, e->upstream_model, sizeof e->upstream_model, db_get_text(r, row, COLUMN_ID));
    copy_text(&n, e->source, sizeof e->source, db_get_text(r, row, COLUMN_NAME));
    e->model_no = take_u32(&n);
    e->provider_no = (uint16_t)take(&n, UINT16_MAX);
    e->weight = (uint16_t)take(&n, UINT16_MAX);
    e->source_day = take_u32(&n);
    e->retires_day = take_u32(&n);
    e->price_version = take_u32(&n);
    e->context_length = take_u32(&n);
    e->max_output = take_u32(&n);
    e->lacks = (uint16_t)take(&n, UINT16_MAX);
    e->quantization = take_u8(&n);
    e->retains_data = take(&n, 1) != 0;
    read_price(&n, &e->price);
    return n.e;
}

static enum err read_alias(const struct db_result *r, size_t row, struct catalog_alias *a)
{
    struct numbers n = {db_get_text(r, row, COLUMN_NUMBERS), ERR_NONE};

    *a = (struct catalog_alias){0};
    copy_text(&n, a->id, sizeof a->id, db_get_text(r, row, COLUMN_ID));
    a->wants = take_u8(&n);
    a->sort = take_u8(&n);
    a->listed = take(&n, 1) != 0;
    a->n_models = take_models(&n, a->model, CATALOG_ALIAS_MODELS);
    return n.e;
}

/* Ids, separated by spaces. */
static uint8_t take_ids(struct numbers *n, char (*out)[LIMIT_MODEL_ID_BYTES + 1], struct view ids)
{
    uint8_t count = 0;

    while (n->e == ERR_NONE && ids.len != 0) {
        const uint8_t *end = memchr(ids.ptr, ' ', ids.len);
        struct view id = view_of(ids.ptr, end == NULL ? ids.len : (size_t)(end - ids.ptr));

        ids = view_from(ids, end == NULL ? id.len : id.len + 1);
        if (count == CATALOG_SYNTH_MODELS)
            n->e = ERR_LIMIT;
        else
            copy_text(n, out[count++], LIMIT_MODEL_ID_BYTES + 1, id);
    }
    return count;
}

static enum err read_synth(const struct db_result *r, size_t row, struct catalog_synth *s)
{
    struct numbers n = {db_get_text(r, row, COLUMN_NUMBERS), ERR_NONE};

    *s = (struct catalog_synth){.model_no = (uint32_t)db_get_i64(r, row, COLUMN_NO)};
    s->n_panel = take_ids(&n, s->panel, db_get_text(r, row, COLUMN_ID));
    s->n_judges = take_ids(&n, s->judges, db_get_text(r, row, COLUMN_NAME));
    s->n_finals = take_ids(&n, s->finals, db_get_text(r, row, COLUMN_DESCRIPTION));
    s->preset = take_u8(&n);
    s->code = take(&n, 1) != 0;
    s->generic = take(&n, 1) != 0;
    s->panel_tokens = take_u32(&n);
    s->judge_tokens = take_u32(&n);
    s->final_tokens = take_u32(&n);
    return n.e;
}

static enum err read_row(const struct db_result *r, size_t row, struct catalog *c)
{
    switch (db_get_i64(r, row, COLUMN_WHAT)) {
    case ROW_VERSION:
        c->version = (uint32_t)db_get_i64(r, row, COLUMN_NO);
        return ERR_NONE;
    case ROW_MODEL:
        return read_model(r, row, &c->models[c->n_models++]);
    case ROW_ENDPOINT:
        return read_endpoint(r, row, &c->endpoints[c->n_endpoints++]);
    case ROW_ALIAS:
        return read_alias(r, row, &c->aliases[c->n_aliases++]);
    case ROW_SYNTH:
        return read_synth(r, row, &c->synths[c->n_synths++]);
    default:
        return ERR_FORMAT;
    }
}

static enum err read_catalog(const struct db_result *r, struct catalog *c)
{
    size_t rows = db_rows(r), n[ROWS] = {0};
    enum err e = ERR_NONE;

    for (size_t i = 0; i < rows; i++) {
        int64_t what = db_get_i64(r, i, COLUMN_WHAT);

        if (what >= 0 && what < ROWS)
            n[what]++;
    }
    if (n[ROW_MODEL] > LIMIT_MODELS || n[ROW_ENDPOINT] > LIMIT_ENDPOINTS || n[ROW_ALIAS] > LIMIT_ALIASES ||
        n[ROW_SYNTH] > CATALOG_SYNTHS)
        return ERR_LIMIT;
    c->models = calloc(n[ROW_MODEL] + 1, sizeof *c->models);
    c->endpoints = calloc(n[ROW_ENDPOINT] + 1, sizeof *c->endpoints);
    c->aliases = calloc(n[ROW_ALIAS] + 1, sizeof *c->aliases);
    c->synths = calloc(n[ROW_SYNTH] + 1, sizeof *c->synths);
    if (c->models == NULL || c->endpoints == NULL || c->aliases == NULL || c->synths == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; e == ERR_NONE && i < rows; i++)
        e = read_row(r, i, c);
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
