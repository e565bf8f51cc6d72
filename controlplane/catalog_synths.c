/* Makes orchestrations of their sections. Each member is a model or an alias of the same file, and none is an
 * orchestration itself, so that what one request can start has a bound. */
#include "catalog_synths.h"

#include "catalog_values.h"

#include <stdlib.h>

const char *const catalog_preset_names[] = {
    [SYNTH_PRESET_NONE] = "none",       [SYNTH_PRESET_QUALITY] = "quality",   [SYNTH_PRESET_BUDGET] = "budget",
    [SYNTH_PRESET_FRONTIER] = "frontier", [SYNTH_PRESET_COUNT] = NULL,
};

static const struct catalog_model *find_model(const struct catalog *c, struct view id)
{
    for (size_t i = 0; i < c->n_models; i++)
        if (view_eq(id, view_str(c->models[i].id)))
            return &c->models[i];
    for (size_t i = 0; i < c->n_aliases; i++) /* one of an orchestration names nothing else */
        if (view_eq(id, view_str(c->aliases[i].id)))
            return &c->models[c->aliases[i].model[0]];
    return NULL;
}

/* NULL when fine, else what is wrong. */
static const char *take_members(const struct catalog *c, struct view v, char (*out)[LIMIT_MODEL_ID_BYTES + 1],
                                uint8_t *n)
{
    struct view word;

    while (catalog_word(&v, &word)) {
        const struct catalog_model *m = find_model(c, word);

        if (*n == CATALOG_SYNTH_MODELS)
            return "names more than 8 models";
        if (m == NULL)
            return "names a model that this file does not have";
        if (m->kind == KIND_SYNTH)
            return "names a model that is made of others itself";
        if (m->kind != KIND_CHAT)
            return "names a model that does not chat";
        memcpy(out[(*n)++], word.ptr, word.len);
    }
    return *n == 0 ? "names no model" : NULL;
}

static enum err take_synth(const struct synth_section *s, struct catalog *c, struct catalog_synth *out,
                           const char *file_name, struct buf *why)
{
    const struct {
        const char *field, *value;
        char (*out)[LIMIT_MODEL_ID_BYTES + 1];
        uint8_t *n;
    } lists[] = {
        {"panel", s->panel, out->panel, &out->n_panel},
        {"judges", s->judges, out->judges, &out->n_judges},
        {"finals", s->finals, out->finals, &out->n_finals},
    };

    *out = (struct catalog_synth){
        .preset = (uint8_t)s->preset,
        .code = s->code,
        .generic = s->generic,
        .panel_tokens = (uint32_t)s->panel_tokens,
        .judge_tokens = (uint32_t)s->judge_tokens,
        .final_tokens = (uint32_t)s->final_tokens,
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const char *wrong = take_members(c, view_str(lists[i].value), lists[i].out, lists[i].n);

        if (wrong != NULL)
            return buf_appendf(why, "%s:%u: %s %s", file_name, s->model.line, lists[i].field, wrong) == ERR_NONE
                       ? ERR_CONFIG
                       : ERR_MEMORY;
    }
    return ERR_NONE;
}

static bool preset_taken(const struct catalog *c, const struct catalog_synth *s)
{
    for (size_t i = 0; i < c->n_synths; i++)
        if (c->synths[i].preset == s->preset && c->synths[i].code == s->code)
            return s->preset != SYNTH_PRESET_NONE;
    return false;
}

enum err catalog_synths_take(const struct catalog_sections *s, const char *file_name, struct catalog *c,
                             struct buf *why)
{
    enum err e = ERR_NONE;

    if (s->n_synths == 0)
        return ERR_NONE;
    c->synths = calloc(s->n_synths, sizeof *c->synths);
    if (c->synths == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; e == ERR_NONE && i < s->n_synths; i++) {
        struct catalog_synth *out = &c->synths[c->n_synths];

        e = take_synth(&s->synths[i], c, out, file_name, why);
        out->model_no = (uint32_t)(s->n_models + i);
        if (e == ERR_NONE && preset_taken(c, out))
            e = buf_appendf(why, "%s:%u: another section has this preset", file_name, s->synths[i].model.line) == ERR_NONE
                    ? ERR_CONFIG
                    : ERR_MEMORY;
        if (e == ERR_NONE)
            c->n_synths++;
    }
    return e;
}
