/* Reads the sections of catalog.conf: [model author/slug], [endpoint author/slug@provider], [alias name],
 * [synth author/slug]. */
#include "catalog_sections.h"

#include "catalog_synths.h"
#include "catalog_values.h"
#include "conf.h"
#include "route_decide.h"

#include <stddef.h>
#include <stdlib.h>

#define FIELD(section, type, name, must)                                                           \
    {#name, type, offsetof(struct section, name), sizeof(((struct section *)0)->name), 0, 0, NULL, must}
#define COUNT(section, name, low, high, must)                                                      \
    {#name, CONF_U64, offsetof(struct section, name), 8, low, high, NULL, must}

static const struct conf_field model_fields[] = {
    FIELD(model_section, CONF_TEXT, name, true),
    FIELD(model_section, CONF_TEXT, description, false),
    FIELD(model_section, CONF_TEXT, capabilities, false),
    COUNT(model_section, context_length, 1, UINT32_MAX, false),
    COUNT(model_section, max_output, 1, UINT32_MAX, false),
    FIELD(model_section, CONF_TEXT, created, false),
    FIELD(model_section, CONF_TEXT, knowledge, false),
    FIELD(model_section, CONF_TEXT, facts, false),
    {"kind", CONF_NAME, offsetof(struct model_section, kind), sizeof(int), 0, 0, catalog_kind_names, false},
    FIELD(model_section, CONF_TEXT, inputs, false),
    FIELD(model_section, CONF_TEXT, outputs, false),
    {"open_weights", CONF_NAME, offsetof(struct model_section, open_weights), sizeof(int), 0, 0,
     catalog_known_names, false},
    FIELD(model_section, CONF_TEXT, gates, false),
    FIELD(model_section, CONF_TEXT, efforts, false),
    FIELD(model_section, CONF_TEXT, budget, false),
    FIELD(model_section, CONF_TEXT, fallbacks, false),
};

#define PRICE(class, as)                                                                           \
    {#class, CONF_PRICE, offsetof(struct endpoint_section, price.class##_pusd), 8, 0, 0, NULL, false},
#define UNIT(unit, what)                                                                           \
    {"per_" #unit, CONF_NUSD, offsetof(struct endpoint_section, price.unit##_nusd), 8, 0, 0, NULL, false},
static const struct conf_field endpoint_fields[] = {
    FIELD(endpoint_section, CONF_TEXT, upstream_model, true),
    COUNT(endpoint_section, weight, 0, UINT16_MAX, false),
    PRICE_CLASSES(PRICE)
    PRICE_UNITS(UNIT)
    {"tier", CONF_LINES, offsetof(struct endpoint_section, tiers), sizeof(((struct endpoint_section *)0)->tiers),
     0, 0, NULL, false},
    FIELD(endpoint_section, CONF_TEXT, source, false),
    COUNT(endpoint_section, context_length, 1, UINT32_MAX, false),
    COUNT(endpoint_section, max_output, 1, UINT32_MAX, false),
    FIELD(endpoint_section, CONF_TEXT, lacks, false),
    FIELD(endpoint_section, CONF_TEXT, retires, false),
    {"quantization", CONF_NAME, offsetof(struct endpoint_section, quantization), sizeof(int), 0, 0,
     route_quantizations, false},
    FIELD(endpoint_section, CONF_BOOL, retains_data, false),
};
#undef PRICE
#undef UNIT

static const struct conf_field alias_fields[] = {
    FIELD(alias_section, CONF_TEXT, models, true),
    FIELD(alias_section, CONF_TEXT, wants, false),
    {"sort", CONF_NAME, offsetof(struct alias_section, sort), sizeof(int), 0, 0, catalog_sort_names, false},
    FIELD(alias_section, CONF_BOOL, listed, false),
};

enum { PANEL_TOKENS = 4096, JUDGE_TOKENS = 4096, FINAL_TOKENS = 8192 }; /* unless the section says otherwise */
#define FACT(name, must)                                                                           \
    {#name, CONF_TEXT, offsetof(struct synth_section, model.name),                                 \
     sizeof(((struct synth_section *)0)->model.name), 0, 0, NULL, must}
static const struct conf_field synth_fields[] = {
    FACT(name, true),
    FACT(description, false),
    FACT(capabilities, false),
    FACT(inputs, false),
    FACT(outputs, false),
    FACT(created, false),
    FACT(facts, false),
    {"context_length", CONF_U64, offsetof(struct synth_section, model.context_length), 8, 1, UINT32_MAX, NULL, false},
    {"max_output", CONF_U64, offsetof(struct synth_section, model.max_output), 8, 1, UINT32_MAX, NULL, false},
    {"preset", CONF_NAME, offsetof(struct synth_section, preset), sizeof(int), 0, 0, catalog_preset_names, false},
    FIELD(synth_section, CONF_BOOL, code, false),
    FIELD(synth_section, CONF_BOOL, generic, false),
    FIELD(synth_section, CONF_TEXT, panel, true),
    FIELD(synth_section, CONF_TEXT, judges, true),
    FIELD(synth_section, CONF_TEXT, finals, true),
    COUNT(synth_section, panel_tokens, 1, UINT32_MAX, false),
    COUNT(synth_section, judge_tokens, 1, UINT32_MAX, false),
    COUNT(synth_section, final_tokens, 1, UINT32_MAX, false),
};
#undef FACT

#define TARGET(fields, section) (struct conf_target){fields, sizeof fields / sizeof fields[0], section}
static const struct conf_target refused = {NULL, 0, NULL};

static bool copy(char *out, size_t cap, struct view v)
{
    if (v.len == 0 || v.len >= cap)
        return false;
    memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
    return true;
}

static bool has_slash(struct view v)
{
    return v.len != 0 && memchr(v.ptr, '/', v.len) != NULL;
}

/* "author/slug": that is how clients name it and how its page is addressed. */
static bool model_free(const struct catalog_sections *s, struct view name)
{
    if (s->n_models + s->n_synths == LIMIT_MODELS || !catalog_id_ok(name) || !has_slash(name))
        return false;
    for (size_t i = 0; i < s->n_models; i++)
        if (view_eq(name, view_str(s->models[i].id)))
            return false;
    for (size_t i = 0; i < s->n_synths; i++)
        if (view_eq(name, view_str(s->synths[i].model.id)))
            return false;
    return true;
}

static struct conf_target open_model(struct catalog_sections *s, struct view name)
{
    struct model_section *m = &s->models[s->n_models];

    if (!model_free(s, name))
        return refused;
    *m = (struct model_section){.kind = -1, .line = s->line};
    if (!copy(m->id, sizeof m->id, name))
        return refused;
    s->n_models++;
    return TARGET(model_fields, m);
}

static struct conf_target open_endpoint(struct catalog_sections *s, struct view name)
{
    struct endpoint_section *e = &s->endpoints[s->n_endpoints];
    const uint8_t *at = name.len == 0 ? NULL : memrchr(name.ptr, '@', name.len);

    if (s->n_endpoints == LIMIT_ENDPOINTS || at == NULL)
        return refused;
    *e = (struct endpoint_section){.weight = 100, .line = s->line};
#define UNSAID(class, as) e->price.class##_pusd = -1;
    PRICE_CLASSES(UNSAID)
#undef UNSAID
    if (!copy(e->model, sizeof e->model, view_of(name.ptr, (size_t)(at - name.ptr))) ||
        !copy(e->provider, sizeof e->provider, view_from(name, (size_t)(at - name.ptr) + 1)))
        return refused;
    for (size_t i = 0; i < s->n_endpoints; i++)
        if (strcmp(s->endpoints[i].model, e->model) == 0 &&
            strcmp(s->endpoints[i].provider, e->provider) == 0)
            return refused;
    s->n_endpoints++;
    return TARGET(endpoint_fields, e);
}

static struct conf_target open_alias(struct catalog_sections *s, struct view name)
{
    struct alias_section *a = &s->aliases[s->n_aliases];

    if (s->n_aliases == LIMIT_ALIASES || !catalog_id_ok(name))
        return refused;
    for (size_t i = 0; i < s->n_aliases; i++)
        if (view_eq(name, view_str(s->aliases[i].id)))
            return refused;
    *a = (struct alias_section){.line = s->line};
    if (!copy(a->id, sizeof a->id, name))
        return refused;
    s->n_aliases++;
    return TARGET(alias_fields, a);
}

static struct conf_target open_synth(struct catalog_sections *s, struct view name)
{
    struct synth_section *y = &s->synths[s->n_synths];

    if (s->n_synths == CATALOG_SYNTHS || !model_free(s, name))
        return refused;
    *y = (struct synth_section){.model = {.kind = KIND_SYNTH, .line = s->line}, .panel_tokens = PANEL_TOKENS,
                                .judge_tokens = JUDGE_TOKENS, .final_tokens = FINAL_TOKENS};
    if (!copy(y->model.id, sizeof y->model.id, name))
        return refused;
    s->n_synths++;
    return TARGET(synth_fields, y);
}

static struct conf_target section_cb(void *cookie, struct view kind, struct view name)
{
    struct catalog_sections *s = cookie;

    if (kind.len == 0)
        return refused;
    for (; s->seen < kind.ptr; s->seen++) /* kind is part of the text */
        s->line += *s->seen == '\n';
    if (view_eq(kind, VIEW_LIT("model")))
        return open_model(s, name);
    if (view_eq(kind, VIEW_LIT("endpoint")))
        return open_endpoint(s, name);
    if (view_eq(kind, VIEW_LIT("synth")))
        return open_synth(s, name);
    return view_eq(kind, VIEW_LIT("alias")) ? open_alias(s, name) : refused;
}

enum err catalog_sections_read(struct view text, const char *file_name, struct catalog_sections *out,
                               struct buf *why)
{
    *out = (struct catalog_sections){
        .models = calloc(LIMIT_MODELS + 1, sizeof *out->models),
        .endpoints = calloc(LIMIT_ENDPOINTS + 1, sizeof *out->endpoints),
        .aliases = calloc(LIMIT_ALIASES + 1, sizeof *out->aliases),
        .synths = calloc(CATALOG_SYNTHS + 1, sizeof *out->synths),
        .seen = text.ptr,
        .line = 1,
    };
    if (out->models == NULL || out->endpoints == NULL || out->aliases == NULL || out->synths == NULL)
        return ERR_MEMORY;
    return conf_parse(text, file_name, section_cb, out, why);
}

void catalog_sections_free(struct catalog_sections *s)
{
    free(s->models);
    free(s->endpoints);
    free(s->aliases);
    free(s->synths);
    *s = (struct catalog_sections){0};
}
