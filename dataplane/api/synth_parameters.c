/* (G) The parameters of Synth's tool and plugin, each in one meaning: unknown, twice or out of range is refused by name. */
#include "synth_read_internal.h"

#include "content_view.h"
#include "json.h"
#include "want.h"

#include <stdio.h>

enum err synth_refuse(struct synth_reader *r, const char *name, const char *message, enum err e)
{
    memcpy(r->f->place, r->base, sizeof r->base);
    r->f->error = e == ERR_UNSUPPORTED ? API_UNSUPPORTED_PARAMETER : e == ERR_NOT_FOUND ? API_NO_MODEL : errors_of(e);
    r->f->param = name;
    r->f->message = message;
    return e;
}

_Static_assert((int)SYNTH_BASE_MAX <= (int)FAILURE_PLACE_MAX, "a failure names its place");

/* The client's own name of a member. */
static enum err refuse_key(struct synth_reader *r, struct view key, const char *message, enum err e)
{
    r->f->member = key;
    return synth_refuse(r, NULL, message, e);
}

/* One model of a list. */
static enum err refuse_place(struct synth_reader *r, const char *name, size_t at, const char *message, enum err e)
{
    e = synth_refuse(r, NULL, message, e);
    snprintf(r->f->place, sizeof r->f->place, "%s%s[%zu]", r->base, name, at);
    return e;
}

/* --- models */

enum { NO_PLACE = -1 };

static enum err refuse_model(struct synth_reader *r, const char *name, int at, const char *message, enum err e)
{
    return at == NO_PLACE ? synth_refuse(r, name, message, e) : refuse_place(r, name, (size_t)at, message, e);
}

static bool writes_text(const struct synth_reader *r, const struct want_name *n)
{
    if (n->model != NULL)
        return n->model->info->kind == KIND_CHAT;
    for (size_t i = 0; i < n->alias->n_models; i++) {
        const struct route_model *m = snapshot_number(r->catalog, n->alias->model[i]);

        if (m != NULL && m->info->kind == KIND_CHAT)
            return true;
    }
    return false;
}

static enum err check_model(struct synth_reader *r, const char *name, int at, struct view id,
                            struct want_name *out)
{
    uint8_t unused;

    if (want_synth(r->catalog, id, &unused) != NULL || snapshot_names_synth(r->catalog, id))
        return refuse_model(r, name, at, "A model that is made of several cannot be one of them.", ERR_FORMAT);
    *out = want_named(r->catalog, id);
    if (out->model == NULL && out->alias == NULL)
        return refuse_model(r, name, at, "The model does not exist. GET /v1/models lists those that do.", ERR_NOT_FOUND);
    return writes_text(r, out) ? ERR_NONE
                               : refuse_model(r, name, at, "This model writes no text.", ERR_NOT_FOUND);
}

#define MODEL_TEXT "must be the id of a model"

/* Some languages escape the "/" of an id. Then the catalog's own text of it is taken. */
static enum err read_escaped(struct synth_reader *r, const char *name, int at, struct json_value v, struct view *out)
{
    struct want_name n;
    struct buf decoded;
    enum err e = ERR_FORMAT;

    buf_init(&decoded, LIMIT_MODEL_ID_BYTES);
    if (v.kind == JSON_STRING)
        e = json_string_decode(v, &decoded);
    if (e == ERR_NONE)
        e = check_model(r, name, at, buf_view(&decoded), &n);
    else if (e != ERR_MEMORY)
        e = refuse_model(r, name, at, MODEL_TEXT, ERR_FORMAT);
    if (e == ERR_NONE)
        *out = view_str(n.alias != NULL ? n.alias->id : n.model->info->id);
    if (e == ERR_NONE && n.alias == NULL && n.sort != ROUTE_BALANCE)
        e = refuse_model(r, name, at, "must be the id of a model; write it without escapes", ERR_FORMAT);
    buf_free(&decoded);
    return e;
}

static enum err read_id(struct synth_reader *r, const char *name, int at, struct json_value v, struct view *out)
{
    struct want_name unused;

    if (!json_string_plain(v, out))
        return read_escaped(r, name, at, v, out);
    return out->len == 0 ? refuse_model(r, name, at, MODEL_TEXT, ERR_FORMAT) : check_model(r, name, at, *out, &unused);
}

static enum err read_list(struct synth_reader *r, const char *name, struct json_value v, struct synth_list *out)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = ERR_NONE;

    if (v.kind != JSON_ARRAY)
        return synth_refuse(r, name, "must be an array of 1 to 8 model ids", ERR_FORMAT);
    out->given = true;
    while (e == ERR_NONE && json_next(&it, &m)) {
        if (out->n == SYNTH_LIST_MAX)
            return synth_refuse(r, name, "must name at most 8 models", ERR_RANGE);
        e = read_id(r, name, out->n, m.value, &out->id[out->n]);
        out->n++;
    }
    return e == ERR_NONE && out->n == 0 ? synth_refuse(r, name, "must name at least one model", ERR_RANGE) : e;
}

static enum err read_panel(struct synth_reader *r, const char *name, struct json_value v)
{
    return read_list(r, name, v, &r->given.panel);
}

static enum err read_judges(struct synth_reader *r, const char *name, struct json_value v)
{
    return read_list(r, name, v, &r->given.judges);
}

static enum err read_finals(struct synth_reader *r, const char *name, struct json_value v)
{
    r->given.finals_name = name;
    return read_list(r, name, v, &r->given.finals);
}

static enum err read_model(struct synth_reader *r, const char *name, struct json_value v)
{
    return read_id(r, name, NO_PLACE, v, &r->given.model);
}

/* --- words */

static enum err read_preset(struct synth_reader *r, const char *name, struct json_value v)
{
    for (int i = SYNTH_PRESET_NONE + 1; i < SYNTH_PRESET_COUNT; i++) {
        if (json_string_is(v, synth_preset_name((enum synth_preset)i))) {
            r->given.preset = (uint8_t)i;
            return ERR_NONE;
        }
    }
    return synth_refuse(r, name, "must be quality, budget or frontier", ERR_FORMAT);
}

static enum err read_strategy(struct synth_reader *r, const char *name, struct json_value v)
{
    for (int i = 0; i < SYNTH_STRATEGY_COUNT; i++) {
        if (json_string_is(v, synth_strategy_name((enum synth_strategy)i))) {
            r->given.has_strategy = true;
            r->given.strategy = (enum synth_strategy)i;
            return ERR_NONE;
        }
    }
    return synth_refuse(r, name,
                        "must be synthesize, synthesize_non_refusals, first_success, first_non_refusal or selector",
                        ERR_FORMAT);
}

/* Counted as its reader counts it, without escapes. */
static enum err read_prompt(struct synth_reader *r, const char *name, struct json_value v)
{
    struct buf decoded;
    enum err e;

    if (v.kind != JSON_STRING)
        return synth_refuse(r, name, "must be a string of at most 4000 bytes", ERR_FORMAT);
    buf_init(&decoded, SYNTH_PROMPT_MAX);
    e = json_string_decode(v, &decoded);
    buf_free(&decoded);
    if (e == ERR_LIMIT)
        return synth_refuse(r, name, "must have at most 4000 bytes", ERR_RANGE);
    if (e == ERR_MEMORY)
        return synth_refuse(r, NULL, NULL, e);
    if (e != ERR_NONE)
        return synth_refuse(r, name, "must be a string of Unicode text", ERR_FORMAT);
    r->given.synthesis_prompt = view_of(v.text.ptr + 1, v.text.len - 2);
    return ERR_NONE;
}

/* --- figures and switches */

static enum err read_count(struct synth_reader *r, const char *name, struct json_value v, uint32_t min, uint32_t max,
                           const char *message, uint32_t *out)
{
    int64_t n = 0;
    enum err e = json_whole(v, &n);

    if (e != ERR_NONE && e != ERR_RANGE)
        return synth_refuse(r, name, message, ERR_FORMAT);
    if (e == ERR_RANGE || n < (int64_t)min || n > (int64_t)max)
        return synth_refuse(r, name, message, ERR_RANGE);
    *out = (uint32_t)n;
    return ERR_NONE;
}

static enum err read_tokens(struct synth_reader *r, const char *name, struct json_value v)
{
    return read_count(r, name, v, 1, SYNTH_TOKENS_MAX, "must be an integer from 1 to 131072", &r->given.tokens);
}

/* The panel, the judge and the final call no tools here, so there is nothing to count. */
static enum err read_calls(struct synth_reader *r, const char *name, struct json_value v)
{
    uint32_t unused;

    return read_count(r, name, v, 1, SYNTH_TOOL_CALLS_MAX, "must be an integer from 1 to 16", &unused);
}

static enum err read_quorum(struct synth_reader *r, const char *name, struct json_value v)
{
    uint32_t n = 0;
    enum err e = read_count(r, name, v, 1, SYNTH_LIST_MAX, "must be an integer from 1 to 8", &n);

    r->given.quorum = (uint8_t)n;
    return e;
}

static enum err read_deadline(struct synth_reader *r, const char *name, struct json_value v)
{
    return read_count(r, name, v, SYNTH_DEADLINE_MIN_MS, SYNTH_DEADLINE_MAX_MS, "must be an integer from 1000 to 300000",
                      &r->given.deadline_ms);
}

static enum err read_bool(struct synth_reader *r, const char *name, struct json_value v, bool *out)
{
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE)
        return synth_refuse(r, name, "must be true or false", ERR_FORMAT);
    *out = v.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err read_enabled(struct synth_reader *r, const char *name, struct json_value v)
{
    bool enabled = true;
    enum err e = read_bool(r, name, v, &enabled);

    r->given.disabled = !enabled;
    return e;
}

static enum err read_events(struct synth_reader *r, const char *name, struct json_value v)
{
    return read_bool(r, name, v, &r->given.events);
}

static enum err read_event_text(struct synth_reader *r, const char *name, struct json_value v)
{
    return read_bool(r, name, v, &r->given.event_text);
}

/* --- all of them */

enum slot { ENABLED, PRESET, PANEL, MODEL, STRATEGY, JUDGES, FINALS, PROMPT, TOKENS, CALLS, QUORUM, DEADLINE, EVENTS,
            EVENT_TEXT, SLOTS };

/* Names with one slot are one parameter. */
static const struct parameter {
    const char *name;
    enum slot slot;
    enum err (*read)(struct synth_reader *r, const char *name, struct json_value v);
} parameters[] = {
    {"enabled", ENABLED, read_enabled},
    {"preset", PRESET, read_preset},
    {"analysis_models", PANEL, read_panel},
    {"model", MODEL, read_model},
    {"selection_strategy", STRATEGY, read_strategy},
    {"judge_models", JUDGES, read_judges},
    {"fallback_judges", JUDGES, read_judges},
    {"judges", JUDGES, read_judges},
    {"final_models", FINALS, read_finals},
    {"fallback_final_models", FINALS, read_finals},
    {"synthesis_models", FINALS, read_finals},
    {"synthesizer_models", FINALS, read_finals},
    {"synthesis_prompt", PROMPT, read_prompt},
    {"max_completion_tokens", TOKENS, read_tokens},
    {"max_tool_calls", CALLS, read_calls},
    {"quorum", QUORUM, read_quorum},
    {"deadline_ms", DEADLINE, read_deadline},
    {"events", EVENTS, read_events},
    {"event_text", EVENT_TEXT, read_event_text},
};
enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };

static const struct parameter *parameter_of(struct view key)
{
    for (size_t i = 0; i < PARAMETERS; i++)
        if (json_key_is(key, parameters[i].name))
            return &parameters[i];
    return NULL;
}

/* besides: a member of the object that is no parameter. */
static enum err read_object(struct synth_reader *r, struct json_value object, const char *besides)
{
    struct json_iter it = json_iter(object);
    const char *seen[SLOTS] = {NULL};
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && json_next(&it, &m)) {
        const struct parameter *x = parameter_of(m.key);

        if (x == NULL && besides != NULL && json_key_is(m.key, besides))
            continue; /* it is there once: llm/prompt_synth.c */
        if (x == NULL)
            return refuse_key(r, m.key, "Synth has no such parameter.", ERR_UNSUPPORTED);
        if (seen[x->slot] != NULL)
            return synth_refuse(r, x->name,
                                strcmp(seen[x->slot], x->name) == 0 ? "appears more than once"
                                                                    : "is given by another of its names, too",
                                ERR_DUPLICATE);
        seen[x->slot] = x->name;
        if (m.value.kind != JSON_NULL)
            e = x->read(r, x->name, m.value);
    }
    return e;
}

/* {"type":"trustedrouter:synth","parameters":{}} */
static enum err read_tool(struct synth_reader *r, struct json_value tool)
{
    struct json_iter it = json_iter(tool);
    struct json_value given = {JSON_NULL, VIEW_EMPTY};
    struct json_member m;

    snprintf(r->base, sizeof r->base, "tools[%u].", (unsigned)r->p->synth.tool_at);
    while (json_next(&it, &m)) {
        if (json_key_is(m.key, "type"))
            continue;
        if (!json_key_is(m.key, "parameters"))
            return refuse_key(r, m.key, "This tool has a type and parameters.", ERR_UNSUPPORTED);
        if (given.text.len != 0)
            return synth_refuse(r, "parameters", "appears more than once", ERR_DUPLICATE);
        given = m.value;
    }
    if (given.kind != JSON_OBJECT && given.kind != JSON_NULL)
        return synth_refuse(r, "parameters", "must be an object", ERR_FORMAT);
    snprintf(r->base, sizeof r->base, "tools[%u].parameters.", (unsigned)r->p->synth.tool_at);
    return given.kind == JSON_NULL ? ERR_NONE : read_object(r, given, NULL);
}

enum err synth_parameters(struct synth_reader *r)
{
    const struct prompt_synth *s = &r->p->synth;

    r->given.is = s->tool.len != 0 || s->plugin.len != 0;
    if (s->tool.len != 0 && s->plugin.len != 0)
        return synth_refuse(r, "plugins", "Synth is asked for by a tool, too; one of the two is enough.", ERR_FORMAT);
    if (s->tool.len != 0)
        return read_tool(r, (struct json_value){JSON_OBJECT, s->tool});
    if (s->plugin.len == 0)
        return ERR_NONE;
    snprintf(r->base, sizeof r->base, "plugins[%u].", (unsigned)s->plugin_at);
    return read_object(r, (struct json_value){JSON_OBJECT, s->plugin}, "id");
}
