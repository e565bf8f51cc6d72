/* Makes a catalog of the sections of catalog.conf. */
#include "catalog_file.h"

#include "catalog_sections.h"
#include "catalog_synths.h"
#include "catalog_values.h"
#include "conf.h"

#include <stdlib.h>

/* What complain() says of: one section. */
struct place {
    const char *file;
    unsigned line;
    struct buf *why;
};

static enum err complain(const struct place *p, const char *what)
{
    return buf_appendf(p->why, "%s:%u: %s", p->file, p->line, what) == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
}

/* --- models by id */

static int compare_id(const void *a, const void *b)
{
    return strcmp((*(const struct catalog_model *const *)a)->id, (*(const struct catalog_model *const *)b)->id);
}

struct index {
    const struct catalog_model *models;
    const struct catalog_model **sorted;
    size_t n;
};

static enum err index_make(const struct catalog *c, struct index *x)
{
    *x = (struct index){c->models, calloc(c->n_models + 1, sizeof *x->sorted), c->n_models};
    if (x->sorted == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < c->n_models; i++)
        x->sorted[i] = &c->models[i];
    qsort(x->sorted, x->n, sizeof *x->sorted, compare_id);
    return ERR_NONE;
}

static bool index_find(const struct index *x, struct view id, uint32_t *out)
{
    struct catalog_model key = {0};
    const struct catalog_model *k = &key, **found;

    if (id.len >= sizeof key.id)
        return false;
    memcpy(key.id, id.ptr, id.len);
    found = bsearch(&k, x->sorted, x->n, sizeof *x->sorted, compare_id);
    if (found == NULL)
        return false;
    *out = (uint32_t)(*found - x->models);
    return true;
}

/* Ids of models, each once; NULL when fine, else what is wrong. */
static const char *take_ids(const struct index *x, struct view v, uint32_t *out, size_t max, uint8_t *n)
{
    struct view word;

    while (catalog_word(&v, &word)) {
        if (*n == max)
            return "names too many models";
        if (!index_find(x, word, &out[*n]))
            return "names a model that this file does not have";
        for (size_t i = 0; i < *n; i++)
            if (out[i] == out[*n])
                return "names a model twice";
        ++*n;
    }
    return NULL;
}

/* --- models */

/* The fields that are words or dates; NULL when fine. */
static const char *take_facts(const struct model_section *s, struct catalog_model *out)
{
    if (!catalog_capabilities(view_str(s->capabilities), &out->capabilities))
        return "capabilities are tools, images, json_schema, reasoning, embeddings";
    if (!catalog_media(view_str(s->inputs), &out->inputs) || !catalog_media(view_str(s->outputs), &out->outputs))
        return "inputs and outputs are text, image, audio, video, file";
    if (!catalog_gates(view_str(s->gates), &out->gates.bits))
        return "gates has a word that is no gate";
    if (!catalog_efforts(view_str(s->efforts), &out->gates.efforts))
        return "efforts are none, minimal, low, medium, high, xhigh, max";
    if (s->budget[0] != '\0' &&
        !catalog_budget(view_str(s->budget), &out->gates.budget_min, &out->gates.budget_max))
        return "budget is the least and the greatest number of tokens";
    if (s->created[0] != '\0' && !catalog_time(view_str(s->created), &out->created))
        return "created is a day or unix seconds";
    if (s->knowledge[0] != '\0' && !catalog_day(view_str(s->knowledge), &out->knowledge_day))
        return "knowledge is a day or a month";
    if (s->facts[0] != '\0' && !catalog_day(view_str(s->facts), &out->facts_day))
        return "facts is a day";
    return NULL;
}

static enum err take_model(const struct model_section *s, const struct place *p, struct catalog_model *out)
{
    const char *wrong;

    *out = (struct catalog_model){
        .context_length = (uint32_t)s->context_length,
        .max_output = (uint32_t)s->max_output,
        .open_weights = (uint8_t)s->open_weights,
    };
    memcpy(out->id, s->id, sizeof out->id);
    memcpy(out->name, s->name, sizeof out->name);
    memcpy(out->description, s->description, sizeof out->description);
    if (!catalog_name_ok(view_str(s->name)) ||
        !catalog_text_ok(view_str(s->description), LIMIT_DESCRIPTION_BYTES))
        return complain(p, "name or description has characters that are not ASCII");
    wrong = take_facts(s, out);
    if (wrong != NULL)
        return complain(p, wrong);
    /* "embeddings" is a kind of model and was a capability before there were others. */
    out->kind = s->kind >= 0                                ? (uint8_t)s->kind
                : (out->capabilities & CAP_EMBEDDINGS) != 0 ? KIND_EMBEDDINGS
                                                            : KIND_CHAT;
    if (out->kind == KIND_EMBEDDINGS)
        out->capabilities |= CAP_EMBEDDINGS;
    if (((out->capabilities & CAP_EMBEDDINGS) != 0) != (out->kind == KIND_EMBEDDINGS))
        return complain(p, "a model of another kind makes no embeddings");
    if (out->kind == KIND_CHAT && s->context_length == 0)
        return complain(p, "context_length is missing");
    if (s->context_length != 0 && s->max_output > s->context_length)
        return complain(p, "max_output is more than context_length");
    return ERR_NONE;
}

static enum err take_fallbacks(const struct model_section *s, const struct place *p, const struct index *x,
                               struct catalog_model *m)
{
    const char *wrong = take_ids(x, view_str(s->fallbacks), m->fallback, CATALOG_FALLBACKS, &m->n_fallbacks);

    for (size_t i = 0; wrong == NULL && i < m->n_fallbacks; i++)
        if (&x->models[m->fallback[i]] == m)
            wrong = "names the model itself";
    for (size_t i = 0; wrong == NULL && i < m->n_fallbacks; i++)
        if (x->models[m->fallback[i]].kind == KIND_SYNTH)
            wrong = "names a model that is made of others";
    if (wrong == NULL)
        return ERR_NONE;
    return buf_appendf(p->why, "%s:%u: fallbacks %s", p->file, p->line, wrong) == ERR_NONE ? ERR_CONFIG
                                                                                           : ERR_MEMORY;
}

/* --- endpoints */

/* Classes that are not said cost as the ones that they follow. */
static void fill_price(struct price *p)
{
    uint32_t said = 0;

#define SAID(class, as)                                                                            \
    if (p->class##_pusd >= 0)                                                                      \
        said |= UINT32_C(1) << PRICE_CLASS_##class;
    PRICE_CLASSES(SAID)
#undef SAID
    price_follow(p, said);
}

/* A class that a tier does not say costs what it costs otherwise: its own price, or that of prompt there. */
static void fill_tier(struct price_tier *t, const struct price *said, const struct price *p)
{
    if (t->prompt_pusd < 0)
        t->prompt_pusd = p->prompt_pusd;
    if (t->completion_pusd < 0)
        t->completion_pusd = p->completion_pusd;
    if (t->cached_pusd < 0)
        t->cached_pusd = said->cached_pusd < 0 ? t->prompt_pusd : p->cached_pusd;
    if (t->cache_write_pusd < 0)
        t->cache_write_pusd = said->cache_write_pusd < 0 ? t->prompt_pusd : p->cache_write_pusd;
}

static const char *take_price(const struct endpoint_section *s, struct price *out)
{
    struct view lines = view_str(s->tiers);

    *out = s->price;
    if (out->prompt_pusd < 0 || out->completion_pusd < 0)
        return out->prompt_pusd < 0 ? "prompt is missing" : "completion is missing";
    fill_price(out);
    while (lines.len != 0) {
        const uint8_t *end = memchr(lines.ptr, '\n', lines.len);
        struct view line = view_of(lines.ptr, (size_t)(end - lines.ptr));

        lines = view_from(lines, line.len + 1);
        if (out->n_tiers == PRICE_TIERS_MAX)
            return "has more than 4 tiers";
        if (!catalog_tier(line, &out->tier[out->n_tiers]))
            return "tier is \"above TOKENS: CLASS PRICE ...\" or \"HH:MM-HH:MM: CLASS PRICE ...\" (UTC); "
                   "the classes are prompt, completion, cached, cache_write";
        fill_tier(&out->tier[out->n_tiers++], &s->price, out);
    }
    return NULL;
}

static enum err take_endpoint(const struct endpoint_section *s, const struct place *p, const struct index *x,
                              const struct provider *provider, struct catalog_endpoint *out)
{
    const char *wrong;

    *out = (struct catalog_endpoint){
        .provider_no = provider->no,
        .weight = (uint16_t)s->weight,
        .context_length = (uint32_t)s->context_length,
        .max_output = (uint32_t)s->max_output,
        .quantization = (uint8_t)s->quantization,
        .retains_data = s->retains_data,
    };
    if (!index_find(x, view_str(s->model), &out->model_no))
        return complain(p, "there is no such model");
    if (x->models[out->model_no].kind == KIND_SYNTH)
        return complain(p, "this model is made of others and has no endpoint");
    if (!catalog_id_ok(view_str(s->upstream_model)))
        return complain(p, "upstream_model has odd characters");
    if (!catalog_source(view_str(s->source), out->source, sizeof out->source, &out->source_day))
        return complain(p, "source is at most 63 ASCII characters, and a day");
    if (!catalog_capabilities(view_str(s->lacks), &out->lacks))
        return complain(p, "lacks are tools, images, json_schema, reasoning");
    if (s->retires[0] != '\0' && !catalog_day(view_str(s->retires), &out->retires_day))
        return complain(p, "retires is a day");
    wrong = take_price(s, &out->price);
    if (wrong != NULL)
        return complain(p, wrong);
    memcpy(out->upstream_model, s->upstream_model, sizeof out->upstream_model);
    return ERR_NONE;
}

static void refuse_provider(const struct endpoint_section *s, struct catalog_file *f)
{
    struct catalog_refused *r = &f->refused[f->n_refused++];

    memcpy(r->model, s->model, sizeof r->model);
    memcpy(r->provider, s->provider, sizeof r->provider);
    r->line = s->line;
}

/* --- aliases */

static enum err take_alias(const struct alias_section *s, const struct place *p, const struct index *x,
                           struct catalog_alias *out)
{
    uint32_t unused;
    const char *wrong;

    *out = (struct catalog_alias){.sort = (uint8_t)s->sort, .listed = s->listed};
    memcpy(out->id, s->id, sizeof out->id);
    if (index_find(x, view_str(s->id), &unused))
        return complain(p, "a model has this name already");
    if (!catalog_wants(view_str(s->wants), &out->wants))
        return complain(p, "wants are no_retention, confidential, eu, us, free");
    wrong = take_ids(x, view_str(s->models), out->model, CATALOG_ALIAS_MODELS, &out->n_models);
    if (wrong == NULL && out->n_models == 0)
        wrong = "names no model";
    for (size_t i = 0; wrong == NULL && out->n_models > 1 && i < out->n_models; i++)
        if (x->models[out->model[i]].kind == KIND_SYNTH)
            wrong = "names a model that is made of others, and another one";
    if (wrong == NULL)
        return ERR_NONE;
    return buf_appendf(p->why, "%s:%u: models %s", p->file, p->line, wrong) == ERR_NONE ? ERR_CONFIG
                                                                                        : ERR_MEMORY;
}

/* --- the whole */

static enum err allocate(const struct catalog_sections *s, struct catalog_file *f)
{
    f->catalog.models = calloc(s->n_models + s->n_synths + 1, sizeof *f->catalog.models);
    f->catalog.endpoints = calloc(s->n_endpoints + 1, sizeof *f->catalog.endpoints);
    f->catalog.aliases = calloc(s->n_aliases + 1, sizeof *f->catalog.aliases);
    f->providers = calloc(s->n_endpoints + 1, sizeof *f->providers);
    f->refused = calloc(s->n_endpoints + 1, sizeof *f->refused);
    f->model_lines = calloc(s->n_models + s->n_synths + 1, sizeof *f->model_lines);
    f->endpoint_lines = calloc(s->n_endpoints + 1, sizeof *f->endpoint_lines);
    f->alias_lines = calloc(s->n_aliases + 1, sizeof *f->alias_lines);
    return f->catalog.models == NULL || f->catalog.endpoints == NULL || f->catalog.aliases == NULL ||
                   f->providers == NULL || f->refused == NULL || f->model_lines == NULL ||
                   f->endpoint_lines == NULL || f->alias_lines == NULL
               ? ERR_MEMORY
               : ERR_NONE;
}

static enum err take_models(const struct catalog_sections *s, struct place *p, struct catalog_file *f)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < s->n_models; i++) {
        f->model_lines[i] = p->line = s->models[i].line;
        e = s->models[i].kind == KIND_SYNTH ? complain(p, "a model that is made of others has a section [synth ID]")
                                            : take_model(&s->models[i], p, &f->catalog.models[f->catalog.n_models++]);
    }
    for (size_t i = 0; e == ERR_NONE && i < s->n_synths; i++) {
        f->model_lines[s->n_models + i] = p->line = s->synths[i].model.line;
        e = take_model(&s->synths[i].model, p, &f->catalog.models[f->catalog.n_models++]);
    }
    return e;
}

static enum err take_rest(const struct catalog_sections *s, struct place *p, const struct index *x,
                          const struct providers *providers, struct catalog_file *f)
{
    struct catalog *c = &f->catalog;
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < s->n_models; i++) {
        p->line = s->models[i].line;
        e = take_fallbacks(&s->models[i], p, x, &c->models[i]);
    }
    for (size_t i = 0; e == ERR_NONE && i < s->n_endpoints; i++) {
        const struct provider *provider = providers_find(providers, s->endpoints[i].provider);

        p->line = s->endpoints[i].line;
        if (provider == NULL) {
            refuse_provider(&s->endpoints[i], f);
            continue;
        }
        e = take_endpoint(&s->endpoints[i], p, x, provider, &c->endpoints[c->n_endpoints]);
        f->endpoint_lines[c->n_endpoints] = p->line;
        f->providers[c->n_endpoints++] = provider;
    }
    for (size_t i = 0; e == ERR_NONE && i < s->n_aliases; i++) {
        f->alias_lines[i] = p->line = s->aliases[i].line;
        e = take_alias(&s->aliases[i], p, x, &c->aliases[c->n_aliases++]);
    }
    return e == ERR_NONE ? catalog_synths_take(s, p->file, c, p->why) : e;
}

enum err catalog_file_parse(struct view text, const char *file_name,
                            const struct providers *providers, struct catalog_file *out,
                            struct buf *why)
{
    struct place p = {file_name, 0, why};
    struct catalog_sections s;
    struct index x = {0};
    enum err e = catalog_sections_read(text, file_name, &s, why);

    *out = (struct catalog_file){0};
    if (e == ERR_NONE)
        e = allocate(&s, out);
    if (e == ERR_NONE)
        e = take_models(&s, &p, out);
    if (e == ERR_NONE)
        e = index_make(&out->catalog, &x);
    if (e == ERR_NONE)
        e = take_rest(&s, &p, &x, providers, out);
    free(x.sorted);
    catalog_sections_free(&s);
    if (e != ERR_NONE)
        catalog_file_free(out);
    return e;
}

enum err catalog_file_load(const char *path, const struct providers *providers,
                           struct catalog_file *out, struct buf *why)
{
    struct buf text;
    enum err e;

    buf_init(&text, CATALOG_FILE_MAX);
    e = conf_read_file(path, CATALOG_FILE_MAX, &text);
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
    free(f->model_lines);
    free(f->endpoint_lines);
    free(f->alias_lines);
    free(f->refused);
    *f = (struct catalog_file){0};
}
