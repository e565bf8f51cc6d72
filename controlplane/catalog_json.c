/* Writes a catalog as JSON, field by field. */
#include "catalog_json.h"

#include <inttypes.h>

enum { JSON_MAX = 32 << 20 }; /* bytes; 4,096 endpoints of 3 KB are 12 MB */

/* Appends to out until the first failure, which it keeps. */
struct writer {
    struct buf out;
    enum err e;
};

static void put_text(struct writer *w, const char *before, const char *text)
{
    if (w->e == ERR_NONE)
        w->e = buf_append(&w->out, view_str(before));
    if (w->e == ERR_NONE)
        w->e = buf_append_json_string(&w->out, view_str(text));
}

/* ,"name":n */
static void put_number(struct writer *w, const char *name, int64_t n)
{
    if (w->e == ERR_NONE)
        w->e = buf_appendf(&w->out, ",\"%s\":%" PRId64, name, n);
}

static void put(struct writer *w, const char *text)
{
    if (w->e == ERR_NONE)
        w->e = buf_append(&w->out, view_str(text));
}

/* In a catalog_file a model's number is its index. */
static void put_models(struct writer *w, const char *name, const uint32_t *model, size_t n,
                       const struct catalog_model *models)
{
    put(w, name);
    for (size_t i = 0; i < n; i++)
        put_text(w, i == 0 ? "" : ",", models[model[i]].id);
    put(w, "]}");
}

static void put_model(struct writer *w, const struct catalog_model *m, const struct catalog_model *models)
{
    put_text(w, "{\"id\":", m->id);
    put_text(w, ",\"name\":", m->name);
    put_text(w, ",\"description\":", m->description);
    put_number(w, "context_length", m->context_length);
    put_number(w, "max_output", m->max_output);
    put_number(w, "created", (int64_t)m->created);
    put_number(w, "knowledge_day", m->knowledge_day);
    put_number(w, "facts_day", m->facts_day);
    put_number(w, "capabilities", m->capabilities);
    put_number(w, "kind", m->kind);
    put_number(w, "inputs", m->inputs);
    put_number(w, "outputs", m->outputs);
    put_number(w, "open_weights", m->open_weights);
    put_number(w, "gates", m->gates.bits);
    put_number(w, "efforts", m->gates.efforts);
    put_number(w, "budget_min", m->gates.budget_min);
    put_number(w, "budget_max", m->gates.budget_max);
    put_models(w, ",\"fallbacks\":[", m->fallback, m->n_fallbacks, models);
}

static void put_price(struct writer *w, const struct price *p)
{
#define PUT(class, as) put_number(w, #class "_pusd", p->class##_pusd);
    PRICE_CLASSES(PUT)
#undef PUT
#define PUT(unit, what) put_number(w, #unit "_nusd", p->unit##_nusd);
    PRICE_UNITS(PUT)
#undef PUT
    put(w, ",\"tiers\":[");
    for (size_t i = 0; w->e == ERR_NONE && i < p->n_tiers; i++) {
        const struct price_tier *t = &p->tier[i];

        w->e = buf_appendf(&w->out, "%s{\"above_prompt_tokens\":%" PRIu32, i == 0 ? "" : ",",
                           t->above_prompt_tokens);
        put_number(w, "from_minute", t->from_minute);
        put_number(w, "until_minute", t->until_minute);
        put_number(w, "prompt_pusd", t->prompt_pusd);
        put_number(w, "completion_pusd", t->completion_pusd);
        put_number(w, "cached_pusd", t->cached_pusd);
        put_number(w, "cache_write_pusd", t->cache_write_pusd);
        put(w, "}");
    }
    put(w, "]}");
}

static void put_endpoint(struct writer *w, const struct catalog_endpoint *e,
                         const struct catalog_model *models, const struct provider *provider)
{
    put_text(w, "{\"model\":", models[e->model_no].id);
    put_text(w, ",\"provider\":", provider->id);
    put_text(w, ",\"upstream_model\":", e->upstream_model);
    put_text(w, ",\"source\":", e->source);
    put_number(w, "provider_no", e->provider_no);
    put_number(w, "weight", e->weight);
    put_number(w, "source_day", e->source_day);
    put_number(w, "retires_day", e->retires_day);
    put_number(w, "context_length", e->context_length);
    put_number(w, "max_output", e->max_output);
    put_number(w, "lacks", e->lacks);
    put_number(w, "quantization", e->quantization);
    put(w, e->retains_data ? ",\"retains_data\":true" : ",\"retains_data\":false");
    put_price(w, &e->price);
}

static void put_alias(struct writer *w, const struct catalog_alias *a, const struct catalog_model *models)
{
    put_text(w, "{\"id\":", a->id);
    put_number(w, "wants", a->wants);
    put_number(w, "sort", a->sort);
    put(w, a->listed ? ",\"listed\":true" : ",\"listed\":false");
    put_models(w, ",\"models\":[", a->model, a->n_models, models);
}

static void put_members(struct writer *w, const char *name, const char (*members)[LIMIT_MODEL_ID_BYTES + 1], size_t n)
{
    put(w, name);
    for (size_t i = 0; i < n; i++)
        put_text(w, i == 0 ? "" : ",", members[i]);
    put(w, "]");
}

static void put_synth(struct writer *w, const struct catalog_synth *s, const struct catalog_model *models)
{
    put_text(w, "{\"id\":", models[s->model_no].id);
    put_number(w, "preset", s->preset);
    put(w, s->code ? ",\"code\":true" : ",\"code\":false");
    put(w, s->generic ? ",\"generic\":true" : ",\"generic\":false");
    put_number(w, "panel_tokens", s->panel_tokens);
    put_number(w, "judge_tokens", s->judge_tokens);
    put_number(w, "final_tokens", s->final_tokens);
    put_members(w, ",\"panel\":[", s->panel, s->n_panel);
    put_members(w, ",\"judges\":[", s->judges, s->n_judges);
    put_members(w, ",\"finals\":[", s->finals, s->n_finals);
    put(w, "}");
}

enum err catalog_json(const struct catalog_file *f, struct buf out[static CATALOG_JSON_PARTS])
{
    const struct catalog *c = &f->catalog;
    struct writer w[CATALOG_JSON_PARTS] = {0};
    enum err e = ERR_NONE;

    for (unsigned i = 0; i < CATALOG_JSON_PARTS; i++) {
        buf_init(&w[i].out, JSON_MAX);
        put(&w[i], "[");
    }
    for (size_t i = 0; i < c->n_models; i++) {
        put(&w[CATALOG_JSON_MODELS], i == 0 ? "" : ",");
        put_model(&w[CATALOG_JSON_MODELS], &c->models[i], c->models);
    }
    for (size_t i = 0; i < c->n_endpoints; i++) {
        put(&w[CATALOG_JSON_ENDPOINTS], i == 0 ? "" : ",");
        put_endpoint(&w[CATALOG_JSON_ENDPOINTS], &c->endpoints[i], c->models, f->providers[i]);
    }
    for (size_t i = 0; i < c->n_aliases; i++) {
        put(&w[CATALOG_JSON_ALIASES], i == 0 ? "" : ",");
        put_alias(&w[CATALOG_JSON_ALIASES], &c->aliases[i], c->models);
    }
    for (size_t i = 0; i < c->n_synths; i++) {
        put(&w[CATALOG_JSON_SYNTHS], i == 0 ? "" : ",");
        put_synth(&w[CATALOG_JSON_SYNTHS], &c->synths[i], c->models);
    }
    for (unsigned i = 0; i < CATALOG_JSON_PARTS; i++) {
        put(&w[i], "]");
        e = e == ERR_NONE ? w[i].e : e;
        out[i] = w[i].out;
    }
    return e;
}
