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

/* --- orchestrations */

/* The numbers and names that mean an orchestration. */
struct made {
    uint32_t *models; /* sorted */
    size_t n_models;
    const char **names; /* sorted; of models and of aliases of them */
    size_t n_names;
};

static bool is_made(const struct made *m, uint32_t no)
{
    return bsearch(&no, m->models, m->n_models, sizeof *m->models, compare_u32) != NULL;
}

static enum err made_sort(const struct catalog *c, struct made *m)
{
    m->models = calloc(c->n_models + 1, sizeof *m->models);
    m->names = calloc(c->n_models + c->n_aliases + 1, sizeof *m->names);
    if (m->models == NULL || m->names == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < c->n_models; i++) {
        if (c->models[i].kind != KIND_SYNTH)
            continue;
        m->models[m->n_models++] = c->models[i].no;
        m->names[m->n_names++] = c->models[i].id;
    }
    qsort(m->models, m->n_models, sizeof *m->models, compare_u32);
    for (size_t i = 0; i < c->n_aliases; i++)
        for (size_t k = 0; k < c->aliases[i].n_models; k++)
            if (is_made(m, c->aliases[i].model[k])) {
                m->names[m->n_names++] = c->aliases[i].id;
                break;
            }
    qsort(m->names, m->n_names, sizeof *m->names, compare_text);
    return ERR_NONE;
}

static bool members_ok(const struct made *m, const char (*names)[LIMIT_MODEL_ID_BYTES + 1], size_t n)
{
    if (n == 0 || n > CATALOG_SYNTH_MODELS)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *name = names[i];

        if (!catalog_id_ok(view_of(name, strnlen(name, LIMIT_MODEL_ID_BYTES + 1))) ||
            bsearch(&name, m->names, m->n_names, sizeof *m->names, compare_text) != NULL)
            return false;
    }
    return true;
}

/* One that asked another would have no bound. That a member is there at all is judged when it is asked. */
static bool rows_ok(const struct catalog *c, const struct made *m)
{
    bool preset[SYNTH_PRESET_COUNT][2] = {0};
    uint32_t no[CATALOG_SYNTHS];

    if (c->n_synths != m->n_models || c->n_synths > CATALOG_SYNTHS)
        return false;
    for (size_t i = 0; i < c->n_synths; i++) {
        const struct catalog_synth *s = &c->synths[i];

        no[i] = s->model_no;
        if (!is_made(m, s->model_no) || s->preset >= SYNTH_PRESET_COUNT || preset[s->preset][s->code] ||
            !members_ok(m, s->panel, s->n_panel) || !members_ok(m, s->judges, s->n_judges) ||
            !members_ok(m, s->finals, s->n_finals))
            return false;
        preset[s->preset][s->code] = s->preset != SYNTH_PRESET_NONE;
    }
    qsort(no, c->n_synths, sizeof no[0], compare_u32);
    return numbers_ok(no, c->n_synths);
}

/* A model that is made of others has no endpoints, answers for no other model and has none that answers for it; an
 * alias of it stands for nothing else. */
static bool apart(const struct catalog *c, const struct made *m)
{
    for (size_t i = 0; i < c->n_models; i++) {
        const struct catalog_model *model = &c->models[i];

        if (model->kind == KIND_SYNTH && model->n_fallbacks != 0)
            return false;
        for (size_t f = 0; f < model->n_fallbacks; f++)
            if (is_made(m, model->fallback[f]))
                return false;
    }
    for (size_t i = 0; i < c->n_endpoints; i++)
        if (is_made(m, c->endpoints[i].model_no))
            return false;
    for (size_t i = 0; i < c->n_aliases; i++)
        for (size_t k = 0; k < c->aliases[i].n_models && c->aliases[i].n_models > 1; k++)
            if (is_made(m, c->aliases[i].model[k]))
                return false;
    return true;
}

static enum err synths_check(const struct catalog *c)
{
    struct made m = {0};
    enum err e = made_sort(c, &m);

    if (e == ERR_NONE && (!rows_ok(c, &m) || !apart(c, &m)))
        e = ERR_FORMAT;
    free(m.models);
    free(m.names);
    return e;
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
    if (e == ERR_NONE)
        e = synths_check(c);
    free(k.models);
    free(k.endpoints);
    free(k.ids);
    return e;
}
