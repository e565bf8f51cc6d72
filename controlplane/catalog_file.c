/* catalog.conf: [model author/slug] and [endpoint author/slug@provider] sections. */
#include "conf.h"
#include "config.h"

#include <stddef.h>
#include <stdlib.h>

struct model_section {
    char id[LIMIT_MODEL_ID_BYTES + 1], name[LIMIT_MODEL_ID_BYTES + 1], capabilities[128];
    uint64_t context_length, max_output, created;
};

struct endpoint_section {
    char model[LIMIT_MODEL_ID_BYTES + 1], provider[32], upstream_model[LIMIT_MODEL_ID_BYTES + 1];
    uint64_t weight;
    int64_t prompt, completion, cached, cache_write; /* pico-USD per token; -1: not given */
};

struct sections {
    struct model_section *models;
    struct endpoint_section *endpoints;
    size_t n_models, n_endpoints;
};

#define MODEL(field) offsetof(struct model_section, field)
static const struct conf_field model_fields[] = {
    {"name", CONF_TEXT, MODEL(name), LIMIT_MODEL_ID_BYTES + 1, 0, 0, NULL, true},
    {"capabilities", CONF_TEXT, MODEL(capabilities), 128, 0, 0, NULL, false},
    {"context_length", CONF_U64, MODEL(context_length), 8, 1, UINT32_MAX, NULL, true},
    {"max_output", CONF_U64, MODEL(max_output), 8, 1, UINT32_MAX, NULL, true},
    {"created", CONF_U64, MODEL(created), 8, 0, UINT32_MAX, NULL, false},
};
#define ENDPOINT(field) offsetof(struct endpoint_section, field)
static const struct conf_field endpoint_fields[] = {
    {"upstream_model", CONF_TEXT, ENDPOINT(upstream_model), LIMIT_MODEL_ID_BYTES + 1, 0, 0, NULL,
     true},
    {"weight", CONF_U64, ENDPOINT(weight), 8, 0, UINT16_MAX, NULL, false},
    {"prompt", CONF_PRICE, ENDPOINT(prompt), 8, 0, 0, NULL, true},
    {"completion", CONF_PRICE, ENDPOINT(completion), 8, 0, 0, NULL, true},
    {"cached", CONF_PRICE, ENDPOINT(cached), 8, 0, 0, NULL, false},
    {"cache_write", CONF_PRICE, ENDPOINT(cache_write), 8, 0, 0, NULL, false},
};
static const struct {
    struct view name;
    uint16_t bit;
} capabilities[] = {
    {VIEW_LIT("tools"), CAP_TOOLS},
    {VIEW_LIT("images"), CAP_IMAGES},
    {VIEW_LIT("json_schema"), CAP_JSON_SCHEMA},
    {VIEW_LIT("reasoning"), CAP_REASONING},
    {VIEW_LIT("embeddings"), CAP_EMBEDDINGS},
};

static const struct conf_target refused = {NULL, 0, NULL};

static bool copy(char *out, size_t cap, struct view v)
{
    if (v.len == 0 || v.len >= cap)
        return false;
    memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
    return true;
}

static struct conf_target open_model(struct sections *s, struct view name)
{
    struct model_section *m = &s->models[s->n_models];

    /* "author/slug": that is how clients name it and how its page is addressed. */
    if (s->n_models == LIMIT_MODELS || !catalog_id_ok(name) ||
        memchr(name.ptr, '/', name.len) == NULL)
        return refused;
    for (size_t i = 0; i < s->n_models; i++)
        if (view_eq(name, view_str(s->models[i].id)))
            return refused;
    *m = (struct model_section){0};
    if (!copy(m->id, sizeof m->id, name))
        return refused;
    s->n_models++;
    return (struct conf_target){model_fields, sizeof model_fields / sizeof model_fields[0], m};
}

static struct conf_target open_endpoint(struct sections *s, struct view name)
{
    struct endpoint_section *e = &s->endpoints[s->n_endpoints];
    const uint8_t *at = name.len == 0 ? NULL : memrchr(name.ptr, '@', name.len);

    if (s->n_endpoints == LIMIT_ENDPOINTS || at == NULL)
        return refused;
    *e = (struct endpoint_section){.weight = 100, .cached = -1, .cache_write = -1};
    if (!copy(e->model, sizeof e->model, view_of(name.ptr, (size_t)(at - name.ptr))) ||
        !copy(e->provider, sizeof e->provider, view_from(name, (size_t)(at - name.ptr) + 1)))
        return refused;
    for (size_t i = 0; i < s->n_endpoints; i++)
        if (strcmp(s->endpoints[i].model, e->model) == 0 &&
            strcmp(s->endpoints[i].provider, e->provider) == 0)
            return refused;
    s->n_endpoints++;
    return (struct conf_target){endpoint_fields, sizeof endpoint_fields / sizeof endpoint_fields[0],
                                e};
}

static struct conf_target section_cb(void *cookie, struct view kind, struct view name)
{
    if (view_eq(kind, VIEW_LIT("model")))
        return open_model(cookie, name);
    if (view_eq(kind, VIEW_LIT("endpoint")))
        return open_endpoint(cookie, name);
    return refused;
}

/* --- from sections to a catalog --- */

static enum err complain(struct buf *why, const char *file, const char *kind, const char *name,
                         const char *what)
{
    return buf_appendf(why, "%s: [%s %s]: %s", file, kind, name, what) == ERR_NONE ? ERR_CONFIG
                                                                                   : ERR_MEMORY;
}

/* Names separated by spaces or commas. */
static bool take_capabilities(struct view v, uint16_t *out)
{
    size_t i;

    for (;;) {
        struct view word;
        size_t n = 0;

        while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == ','))
            v = view_from(v, 1);
        if (v.len == 0)
            return true;
        while (n < v.len && v.ptr[n] != ' ' && v.ptr[n] != ',')
            n++;
        word = view_of(v.ptr, n);
        v = view_from(v, n);
        for (i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++)
            if (view_eq(word, capabilities[i].name))
                break;
        if (i == sizeof capabilities / sizeof capabilities[0])
            return false;
        *out |= capabilities[i].bit;
    }
}

static enum err take_model(const struct model_section *m, const char *file,
                           struct catalog_model *out, struct buf *why)
{
    *out = (struct catalog_model){
        .context_length = (uint32_t)m->context_length,
        .max_output = (uint32_t)m->max_output,
        .created = m->created,
    };
    memcpy(out->id, m->id, sizeof out->id);
    memcpy(out->name, m->name, sizeof out->name);
    if (!catalog_name_ok(view_str(m->name)))
        return complain(why, file, "model", m->id, "name has characters that are not ASCII");
    if (m->max_output > m->context_length)
        return complain(why, file, "model", m->id, "max_output is more than context_length");
    if (!take_capabilities(view_str(m->capabilities), &out->capabilities))
        return complain(why, file, "model", m->id,
                        "capabilities are tools, images, json_schema, reasoning, embeddings");
    return ERR_NONE;
}

static enum err take_endpoint(const struct endpoint_section *s, const char *file,
                              const struct providers *providers, struct catalog_file *f,
                              struct buf *why)
{
    struct catalog_endpoint *out = &f->catalog.endpoints[f->catalog.n_endpoints];
    const struct provider *p = providers_find(providers, s->provider);
    uint32_t m = 0;

    while (m < f->catalog.n_models && strcmp(f->catalog.models[m].id, s->model) != 0)
        m++;
    if (m == f->catalog.n_models)
        return complain(why, file, "endpoint", s->model, "there is no such model");
    if (p == NULL)
        return complain(why, file, "endpoint", s->model, "its provider is not in providers.conf");
    if (!catalog_id_ok(view_str(s->upstream_model)))
        return complain(why, file, "endpoint", s->model, "upstream_model has odd characters");
    /* A class without a price of its own costs what any prompt token costs. */
    *out = (struct catalog_endpoint){
        .model_no = m,
        .provider_no = p->no,
        .weight = (uint16_t)s->weight,
        .price.prompt_pusd = s->prompt,
        .price.completion_pusd = s->completion,
        .price.cached_pusd = s->cached < 0 ? s->prompt : s->cached,
        .price.cache_write_pusd = s->cache_write < 0 ? s->prompt : s->cache_write,
    };
    memcpy(out->upstream_model, s->upstream_model, sizeof out->upstream_model);
    f->providers[f->catalog.n_endpoints++] = p;
    return ERR_NONE;
}

enum err catalog_file_parse(struct view text, const char *file_name,
                            const struct providers *providers, struct catalog_file *out,
                            struct buf *why)
{
    struct sections s = {calloc(LIMIT_MODELS + 1, sizeof *s.models),
                         calloc(LIMIT_ENDPOINTS + 1, sizeof *s.endpoints), 0, 0};
    enum err e = ERR_MEMORY;

    *out = (struct catalog_file){0};
    out->catalog.models = calloc(LIMIT_MODELS, sizeof *out->catalog.models);
    out->catalog.endpoints = calloc(LIMIT_ENDPOINTS, sizeof *out->catalog.endpoints);
    out->providers = calloc(LIMIT_ENDPOINTS, sizeof *out->providers);
    if (s.models == NULL || s.endpoints == NULL || out->catalog.models == NULL ||
        out->catalog.endpoints == NULL || out->providers == NULL)
        goto done;
    e = conf_parse(text, file_name, section_cb, &s, why);
    for (size_t i = 0; e == ERR_NONE && i < s.n_models; i++)
        e = take_model(&s.models[i], file_name, &out->catalog.models[out->catalog.n_models++], why);
    for (size_t i = 0; e == ERR_NONE && i < s.n_endpoints; i++)
        e = take_endpoint(&s.endpoints[i], file_name, providers, out, why);
done:
    free(s.models);
    free(s.endpoints);
    if (e != ERR_NONE)
        catalog_file_free(out);
    return e;
}

enum err catalog_file_load(const char *path, const struct providers *providers,
                           struct catalog_file *out, struct buf *why)
{
    struct buf text;
    enum err e;

    buf_init(&text, CONTROLPLANE_FILE_MAX);
    e = conf_read_file(path, CONTROLPLANE_FILE_MAX, &text);
    if (e == ERR_NONE)
        e = catalog_file_parse(buf_view(&text), path, providers, out, why);
    else if (buf_appendf(why, "%s cannot be read", path) != ERR_NONE)
        e = ERR_MEMORY;
    buf_free(&text);
    return e;
}

void catalog_file_free(struct catalog_file *f)
{
    catalog_free(&f->catalog);
    free(f->providers);
    f->providers = NULL;
}
