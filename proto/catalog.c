/* The catalog: models and endpoints as the control plane pushes them. Both ends judge it with the
 * same function, so a catalog that one side can send, the other accepts. */
#include "message.h"

#include "codec.h"

#include <assert.h>
#include <stdlib.h>

/* The largest legal catalog must fit one frame: counts, then every model and endpoint with texts of
 * the greatest length. */
enum {
    CATALOG_HEAD_BYTES = 4 + 2 + 2,
    MODEL_MAX_BYTES = 4 + 2 * (1 + LIMIT_MODEL_ID_BYTES) + 4 + 4 + 8 + 2,
    ENDPOINT_MAX_BYTES = 4 + 4 + 2 + 2 + 1 + LIMIT_MODEL_ID_BYTES + 4 * 8 + 4,
    CAP_ALL = CAP_TOOLS | CAP_IMAGES | CAP_JSON_SCHEMA | CAP_REASONING | CAP_EMBEDDINGS,
};
_Static_assert(CATALOG_HEAD_BYTES + LIMIT_MODELS * MODEL_MAX_BYTES +
                       LIMIT_ENDPOINTS * ENDPOINT_MAX_BYTES <=
                   LIMIT_FRAME_BYTES,
               "a full catalog fits a frame");
_Static_assert(LIMIT_MODEL_ID_BYTES <= UINT8_MAX, "text length is one byte");

void catalog_free(struct catalog *c)
{
    free(c->models);
    free(c->endpoints);
    free(c->aliases);
    *c = (struct catalog){0};
}

bool catalog_id_ok(struct view v)
{
    if (v.len == 0 || v.len > LIMIT_MODEL_ID_BYTES)
        return false;
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] <= ' ' || v.ptr[i] > '~' || v.ptr[i] == '"' || v.ptr[i] == '\\')
            return false;
    return true;
}

bool catalog_name_ok(struct view v)
{
    if (v.len > LIMIT_MODEL_ID_BYTES)
        return false;
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] < ' ' || v.ptr[i] > '~')
            return false;
    return true;
}

/* --- rules that hold over the whole catalog */

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Numbers are unique and not 0 (0 means "none" in a usage record), ids are unique, every endpoint
 * names a model of this catalog. Sorting keeps 4,096 endpoints at microseconds. */
static enum err catalog_check(const struct catalog *c)
{
    enum err e = ERR_MEMORY;
    uint32_t *model_nos = calloc(c->n_models + 1, sizeof *model_nos);
    uint32_t *endpoint_nos = calloc(c->n_endpoints + 1, sizeof *endpoint_nos);
    const char **ids = calloc(c->n_models + 1, sizeof *ids);

    if (model_nos == NULL || endpoint_nos == NULL || ids == NULL)
        goto done;
    e = ERR_FORMAT;
    for (size_t i = 0; i < c->n_models; i++) {
        model_nos[i] = c->models[i].no;
        ids[i] = c->models[i].id;
    }
    for (size_t i = 0; i < c->n_endpoints; i++)
        endpoint_nos[i] = c->endpoints[i].no;
    qsort(model_nos, c->n_models, sizeof *model_nos, compare_u32);
    qsort(endpoint_nos, c->n_endpoints, sizeof *endpoint_nos, compare_u32);
    qsort(ids, c->n_models, sizeof *ids, compare_text);
    for (size_t i = 0; i < c->n_models; i++)
        if (model_nos[i] == 0 ||
            (i > 0 && (model_nos[i] == model_nos[i - 1] || strcmp(ids[i], ids[i - 1]) == 0)))
            goto done;
    for (size_t i = 0; i < c->n_endpoints; i++) {
        if (endpoint_nos[i] == 0 || (i > 0 && endpoint_nos[i] == endpoint_nos[i - 1]))
            goto done;
        if (bsearch(&c->endpoints[i].model_no, model_nos, c->n_models, sizeof *model_nos,
                    compare_u32) == NULL)
            goto done;
    }
    e = ERR_NONE;
done:
    free(model_nos);
    free(endpoint_nos);
    free(ids);
    return e;
}

/* --- one model, one endpoint */

static void put_model(struct writer *w, const struct catalog_model *m)
{
    struct view id = view_of(m->id, strnlen(m->id, sizeof m->id));
    struct view name = view_of(m->name, strnlen(m->name, sizeof m->name));

    writer_require(w, catalog_id_ok(id) && catalog_name_ok(name), ERR_FORMAT);
    writer_require(w, (m->capabilities & ~CAP_ALL) == 0, ERR_RANGE);
    put_u32(w, m->no);
    put_blob8(w, id, 1, LIMIT_MODEL_ID_BYTES);
    put_blob8(w, name, 0, LIMIT_MODEL_ID_BYTES);
    put_u32(w, m->context_length);
    put_u32(w, m->max_output);
    put_u64(w, m->created);
    put_u16(w, m->capabilities);
}

/* *out is zeroed: the copied text is NUL-terminated. */
static void take_text(struct reader *r, char *out, size_t min, bool (*ok)(struct view))
{
    struct view v = take_blob8(r, min, LIMIT_MODEL_ID_BYTES);

    reader_require(r, ok(v), ERR_FORMAT);
    if (r->e == ERR_NONE && v.len != 0)
        memcpy(out, v.ptr, v.len);
}

static void take_model(struct reader *r, struct catalog_model *m)
{
    m->no = take_u32(r);
    take_text(r, m->id, 1, catalog_id_ok);
    take_text(r, m->name, 0, catalog_name_ok);
    m->context_length = take_u32(r);
    m->max_output = take_u32(r);
    m->created = take_u64(r);
    m->capabilities = take_u16(r);
    reader_require(r, (m->capabilities & ~CAP_ALL) == 0, ERR_RANGE);
}

static void put_endpoint(struct writer *w, const struct catalog_endpoint *e)
{
    struct view model =
        view_of(e->upstream_model, strnlen(e->upstream_model, sizeof e->upstream_model));

    writer_require(w, catalog_id_ok(model), ERR_FORMAT);
    writer_require(w, e->provider_no < LIMIT_PROVIDERS && price_ok(&e->price), ERR_RANGE);
    put_u32(w, e->no);
    put_u32(w, e->model_no);
    put_u16(w, e->provider_no);
    put_u16(w, e->weight);
    put_blob8(w, model, 1, LIMIT_MODEL_ID_BYTES);
    put_amount(w, e->price.prompt_pusd);
    put_amount(w, e->price.completion_pusd);
    put_amount(w, e->price.cached_pusd);
    put_amount(w, e->price.cache_write_pusd);
    put_u32(w, e->price_version);
}

static void take_endpoint(struct reader *r, struct catalog_endpoint *e)
{
    e->no = take_u32(r);
    e->model_no = take_u32(r);
    e->provider_no = take_u16(r);
    reader_require(r, e->provider_no < LIMIT_PROVIDERS, ERR_RANGE);
    e->weight = take_u16(r);
    take_text(r, e->upstream_model, 1, catalog_id_ok);
    e->price.prompt_pusd = take_amount(r);
    e->price.completion_pusd = take_amount(r);
    e->price.cached_pusd = take_amount(r);
    e->price.cache_write_pusd = take_amount(r);
    price_follow(&e->price, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion |
                                1 << PRICE_CLASS_cached | 1 << PRICE_CLASS_cache_write);
    e->price_version = take_u32(r);
}

/* --- the whole */

enum err catalog_encode(const struct catalog *c, struct buf *out)
{
    struct writer w;
    enum err e;

    if (c->n_models > LIMIT_MODELS || c->n_endpoints > LIMIT_ENDPOINTS)
        return ERR_LIMIT;
    e = catalog_check(c);
    if (e != ERR_NONE)
        return e;
    w = writer_begin(out, MSG_CATALOG);
    put_u32(&w, c->version);
    put_u16(&w, (uint16_t)c->n_models);
    put_u16(&w, (uint16_t)c->n_endpoints);
    for (size_t i = 0; i < c->n_models; i++)
        put_model(&w, &c->models[i]);
    for (size_t i = 0; i < c->n_endpoints; i++)
        put_endpoint(&w, &c->endpoints[i]);
    return writer_end(&w);
}

enum err catalog_decode(struct view payload, struct catalog *out)
{
    struct reader r = reader_of(payload);
    struct catalog c = {0};
    enum err e;

    c.version = take_u32(&r);
    c.n_models = take_u16(&r);
    c.n_endpoints = take_u16(&r);
    reader_require(&r, c.n_models <= LIMIT_MODELS && c.n_endpoints <= LIMIT_ENDPOINTS, ERR_LIMIT);
    e = r.e;
    if (e != ERR_NONE)
        goto done;
    e = ERR_MEMORY;
    c.models = calloc(c.n_models + 1, sizeof *c.models);
    c.endpoints = calloc(c.n_endpoints + 1, sizeof *c.endpoints);
    if (c.models == NULL || c.endpoints == NULL)
        goto done;
    for (size_t i = 0; i < c.n_models && r.e == ERR_NONE; i++)
        take_model(&r, &c.models[i]);
    for (size_t i = 0; i < c.n_endpoints && r.e == ERR_NONE; i++)
        take_endpoint(&r, &c.endpoints[i]);
    e = reader_end(&r);
    if (e == ERR_NONE)
        e = catalog_check(&c);
    if (e != ERR_NONE)
        goto done;
    digest_sha256(payload, &c.digest);
    *out = c;
    c = (struct catalog){0};
done:
    catalog_free(&c);
    return e;
}
