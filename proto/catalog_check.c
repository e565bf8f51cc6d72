/* What a catalog must satisfy as a whole, and what its texts may be. */
#include "message.h"

#include <stdlib.h>

bool catalog_id_ok(struct view v)
{
    if (v.len == 0 || v.len > LIMIT_MODEL_ID_BYTES)
        return false;
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] <= ' ' || v.ptr[i] > '~' || v.ptr[i] == '"' || v.ptr[i] == '\\')
            return false;
    return true;
}

bool catalog_text_ok(struct view v, size_t max)
{
    if (v.len > max)
        return false;
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] < ' ' || v.ptr[i] > '~')
            return false;
    return true;
}

bool catalog_name_ok(struct view v)
{
    return catalog_text_ok(v, LIMIT_MODEL_ID_BYTES);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted copies of what must be unique: look-ups in them keep 4,096 endpoints at microseconds. */
struct keys {
    uint32_t *models, *endpoints;
    const char **ids; /* of models and aliases: one name means one thing */
    size_t n_ids;
};

static enum err keys_sort(const struct catalog *c, struct keys *k)
{
    k->models = calloc(c->n_models + 1, sizeof *k->models);
    k->endpoints = calloc(c->n_endpoints + 1, sizeof *k->endpoints);
    k->ids = calloc(c->n_models + c->n_aliases + 1, sizeof *k->ids);
    if (k->models == NULL || k->endpoints == NULL || k->ids == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < c->n_models; i++) {
        k->models[i] = c->models[i].no;
        k->ids[k->n_ids++] = c->models[i].id;
    }
    for (size_t i = 0; i < c->n_aliases; i++)
        k->ids[k->n_ids++] = c->aliases[i].id;
    for (size_t i = 0; i < c->n_endpoints; i++)
        k->endpoints[i] = c->endpoints[i].no;
    qsort(k->models, c->n_models, sizeof *k->models, compare_u32);
    qsort(k->endpoints, c->n_endpoints, sizeof *k->endpoints, compare_u32);
    qsort(k->ids, k->n_ids, sizeof *k->ids, compare_text);
    return ERR_NONE;
}

/* Different from each other, and none is 0, which means "none" in a usage record. */
static bool numbers_ok(const uint32_t *sorted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sorted[i] == 0 || (i > 0 && sorted[i] == sorted[i - 1]))
            return false;
    return true;
}

static bool ids_ok(const struct keys *k)
{
    for (size_t i = 1; i < k->n_ids; i++)
        if (strcmp(k->ids[i], k->ids[i - 1]) == 0)
            return false;
    return true;
}

static bool present(const struct catalog *c, const struct keys *k, const uint32_t *model, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bsearch(&model[i], k->models, c->n_models, sizeof *k->models, compare_u32) == NULL)
            return false;
    return true;
}

static bool references_ok(const struct catalog *c, const struct keys *k)
{
    for (size_t i = 0; i < c->n_models; i++) {
        const struct catalog_model *m = &c->models[i];

        if (!present(c, k, m->fallback, m->n_fallbacks))
            return false;
        for (size_t f = 0; f < m->n_fallbacks; f++)
            if (m->fallback[f] == m->no)
                return false;
    }
    for (size_t i = 0; i < c->n_endpoints; i++)
        if (!present(c, k, &c->endpoints[i].model_no, 1))
            return false;
    for (size_t i = 0; i < c->n_aliases; i++)
        if (!present(c, k, c->aliases[i].model, c->aliases[i].n_models))
            return false;
    return true;
}

enum err catalog_check(const struct catalog *c)
{
    struct keys k = {0};
    enum err e;

    for (size_t i = 0; i < c->n_models; i++)
        if (c->models[i].n_fallbacks > CATALOG_FALLBACKS)
            return ERR_FORMAT;
    for (size_t i = 0; i < c->n_aliases; i++)
        if (c->aliases[i].n_models > CATALOG_ALIAS_MODELS)
            return ERR_FORMAT;
    e = keys_sort(c, &k);
    if (e == ERR_NONE &&
        (!numbers_ok(k.models, c->n_models) || !numbers_ok(k.endpoints, c->n_endpoints) ||
         !ids_ok(&k) || !references_ok(c, &k)))
        e = ERR_FORMAT;
    free(k.models);
    free(k.endpoints);
    free(k.ids);
    return e;
}
