/* (G) Which orchestration a request asks for, and the plan that comes of its row in the catalog and of its parameters. */
#include "synth_read_internal.h"

#include "content_view.h"
#include "json.h"
#include "want.h"

#include <assert.h>

/* --- what the request names */

/* What "model" and "models" name. */
struct asked {
    const struct route_model *synth; /* NULL: ordinary models */
    struct synth_list named;         /* of ordinary ones, those that the catalog knows, in their order */
    uint8_t wants;                   /* of the aliases among them */
};

static enum err refuse(struct synth_reader *r, const char *param, const char *message, enum err e)
{
    r->base[0] = '\0';
    return synth_refuse(r, param, message, e);
}

/* One id. beside: it is not the first. */
static enum err ask_one(struct synth_reader *r, struct view id, bool beside, struct asked *out)
{
    uint8_t sort = 0;
    const struct route_model *m = want_synth(r->catalog, id, &sort);
    struct want_name n;

    if (beside && m != out->synth)
        return refuse(r, "models",
                      "A model that is made of several has its own fallbacks: name it alone, or its models in final_models.",
                      ERR_FORMAT);
    out->synth = m;
    if (m != NULL) {
        r->p->synth.sort = beside ? r->p->synth.sort : sort;
        return ERR_NONE;
    }
    n = want_named(r->catalog, id);
    if (n.alias != NULL)
        out->wants |= n.alias->wants;
    if (r->given.is && (n.model != NULL || n.alias != NULL) && out->named.n < SYNTH_LIST_MAX)
        out->named.id[out->named.n++] = id;
    return ERR_NONE;
}

/* A list that is none, or an element that is no plain text, is refused as want_models.c does it, which reads the models of
 * requests for ordinary ones alone. */
static enum err ask(struct synth_reader *r, struct asked *out)
{
    struct json_iter it = json_iter(r->p->models);
    struct json_member m;
    enum err e = ERR_NONE;
    bool beside = false, unread = r->p->models.kind != JSON_NULL && r->p->models.kind != JSON_ARRAY;
    struct view id;

    *out = (struct asked){.synth = NULL};
    if (r->p->model[0] != '\0') {
        e = ask_one(r, view_str(r->p->model), false, out);
        beside = true;
    }
    while (e == ERR_NONE && !unread && json_next(&it, &m)) {
        unread = !json_string_plain(m.value, &id);
        if (!unread)
            e = ask_one(r, id, beside, out);
        beside = true;
    }
    if (e == ERR_NONE && unread && (out->synth != NULL || r->given.is))
        return refuse(r, "models", "models must be an array of model ids", ERR_FORMAT);
    return e;
}

/* --- the rows of the catalog */

/* The orchestration that stands for a tool beside an ordinary model. */
static const struct catalog_synth *generic_row(const struct snapshot *s)
{
    const struct catalog *c = snapshot_catalog(s);

    for (size_t i = 0; i < c->n_synths; i++)
        if (c->synths[i].generic && !c->synths[i].code)
            return &c->synths[i];
    return NULL;
}

/* The row whose models and limits are used: that of the preset, where the asked one leaves it open. */
static enum err find_lists(struct synth_reader *r, const struct catalog_synth *row, const struct catalog_synth **out)
{
    uint8_t preset = r->given.preset;

    *out = row;
    if (!row->generic)
        return preset == SYNTH_PRESET_NONE || preset == row->preset
                   ? ERR_NONE
                   : synth_refuse(r, "preset",
                                  "is not this model's; trustedrouter/synth and trustedrouter/synth-code take any preset",
                                  ERR_FORMAT);
    *out = snapshot_preset(r->catalog, preset != SYNTH_PRESET_NONE ? (enum synth_preset)preset : SYNTH_PRESET_QUALITY,
                           row->code);
    if (*out == NULL && preset != SYNTH_PRESET_NONE)
        return synth_refuse(r, "preset", "is not in the catalog of this router", ERR_UNSUPPORTED);
    if (*out == NULL)
        *out = row;
    return ERR_NONE;
}

static void list_of(struct synth_list *out, const char (*ids)[LIMIT_MODEL_ID_BYTES + 1], uint8_t n)
{
    *out = (struct synth_list){.n = n};
    for (uint8_t i = 0; i < n; i++)
        out->id[i] = view_str(ids[i]);
}

/* --- the plan */

_Static_assert((int)SYNTH_LIST_MAX == CATALOG_SYNTH_MODELS, "a row's lists are a plan's");

static bool holds(const struct synth_list *l, struct view id)
{
    for (uint8_t i = 0; i < l->n; i++)
        if (view_eq(l->id[i], id))
            return true;
    return false;
}

static struct synth_list list_of_one(struct view id)
{
    return (struct synth_list){.id = {id}, .n = 1, .given = true};
}

/* A request for ordinary models, with the tool: they write the answer, and the first of them judges, as "model" of the
 * parameters says it for trustedrouter/synth. */
static enum err named_roles(struct synth_reader *r, const struct synth_list *named)
{
    struct synth_given *g = &r->given;

    if (named->n == 0)
        return refuse(r, r->p->model[0] != '\0' ? "model" : "models",
                      "The model does not exist. GET /v1/models lists those that do.", ERR_NOT_FOUND);
    if (g->model.len != 0 && !holds(named, g->model))
        return synth_refuse(r, "model", "is not the model of the request, which writes the answer; to choose another one "
                                        "here, ask for trustedrouter/synth", ERR_FORMAT);
    if (g->finals.n != 0 && !holds(&g->finals, named->id[0]))
        return synth_refuse(r, g->finals_name, "lacks the model of the request, which writes the answer; to choose others "
                                               "here, ask for trustedrouter/synth", ERR_FORMAT);
    if (g->finals.n == 0) {
        g->finals = *named;
        g->finals.given = true;
    }
    if (g->judges.n == 0)
        g->judges = list_of_one(g->model.len != 0 ? g->model : named->id[0]);
    return ERR_NONE;
}

static void plan_lists(const struct synth_given *g, const struct catalog_synth *lists, struct synth_plan *out)
{
    out->preset = g->panel.n == 0 ? lists->preset : g->preset;
    if (g->panel.n != 0)
        out->panel = g->panel;
    else
        list_of(&out->panel, lists->panel, lists->n_panel);
    if (g->judges.n != 0)
        out->judges = g->judges;
    else if (g->model.len != 0)
        out->judges = list_of_one(g->model);
    else
        list_of(&out->judges, lists->judges, lists->n_judges);
    if (g->finals.n != 0)
        out->finals = g->finals;
    else if (g->model.len != 0)
        out->finals = list_of_one(g->model);
    else
        list_of(&out->finals, lists->finals, lists->n_finals);
}

/* Of a list that the client gives. What is free for one need not be for all; who may see the prompt is one question. */
static uint8_t wants_of(const struct snapshot *catalog, const struct synth_list *l)
{
    uint8_t wants = 0;

    for (uint8_t i = 0; l->given && i < l->n; i++) {
        struct want_name n = want_named(catalog, l->id[i]);

        if (n.alias != NULL)
            wants |= n.alias->wants & (uint8_t)~ALIAS_FREE;
    }
    return wants;
}

/* The constraints of an alias are the whole request's (docs/routing.md), whoever of it is named so. */
static uint8_t plan_wants(const struct synth_reader *r, const struct asked *asked, const struct synth_plan *plan)
{
    return asked->wants | wants_of(r->catalog, &plan->panel) | wants_of(r->catalog, &plan->judges) |
           wants_of(r->catalog, &plan->finals);
}

/* What the client says itself is the limit of the answer: the final's, where it does not give one for all; the panel's, where
 * one of its answers is given. */
static void plan_limits(const struct synth_reader *r, const struct catalog_synth *lists, struct synth_plan *out)
{
    const struct synth_given *g = &r->given;
    uint32_t client = r->p->max_tokens;

    out->panel_tokens = g->tokens != 0 ? g->tokens : lists->panel_tokens;
    out->judge_tokens = g->tokens != 0 ? g->tokens : lists->judge_tokens;
    out->final_tokens = g->tokens != 0 ? g->tokens : lists->final_tokens;
    if (client != 0 && (g->tokens == 0 || client < g->tokens))
        out->final_tokens = client;
    if (client != 0 && client < out->panel_tokens && synth_strategy_gives(out->strategy))
        out->panel_tokens = client;
}

static enum err plan_rest(struct synth_reader *r, struct synth_plan *out)
{
    const struct synth_given *g = &r->given;

    out->synthesis_prompt = g->synthesis_prompt;
    out->quorum = g->quorum;
    out->deadline_ms = g->deadline_ms != 0 ? g->deadline_ms : SYNTH_DEADLINE_MS;
    out->events = g->events;
    out->event_text = g->event_text;
    if (g->quorum > out->panel.n)
        return synth_refuse(r, "quorum", "is more than the panel has models", ERR_RANGE);
    if (g->events && r->p->chat == NULL)
        return synth_refuse(r, "events", "are chunks of chat completions, which this API does not have", ERR_UNSUPPORTED);
    if (g->event_text && !g->events)
        return synth_refuse(r, "event_text", "needs events", ERR_FORMAT);
    return ERR_NONE;
}

static enum err plan_make(struct synth_reader *r, const struct asked *asked, struct synth_plan *out)
{
    const struct catalog_synth *row = asked->synth != NULL ? snapshot_synth(r->catalog, asked->synth)
                                                           : generic_row(r->catalog);
    const struct catalog_synth *lists = row;
    enum err e;

    if (row == NULL)
        return refuse(r, asked->synth != NULL ? "model" : r->p->synth.tool.len != 0 ? "tools" : "plugins",
                      "The catalog of this router has no Synth.", ERR_UNSUPPORTED);
    *out = (struct synth_plan){.row = row, .strategy = r->given.has_strategy ? r->given.strategy : SYNTH_NON_REFUSALS};
    e = find_lists(r, row, &lists);
    if (e == ERR_NONE && asked->synth == NULL)
        e = named_roles(r, &asked->named);
    if (e != ERR_NONE)
        return e;
    plan_lists(&r->given, lists, out);
    plan_limits(r, lists, out);
    out->wants = plan_wants(r, asked, out);
    e = plan_rest(r, out);
    assert(e != ERR_NONE || (out->panel.n != 0 && out->judges.n != 0 && out->finals.n != 0));
    return e;
}

enum err synth_read(struct prompt *p, const struct snapshot *catalog, struct synth_plan *out, bool *is,
                    struct api_failure *f)
{
    struct synth_reader r = {.p = p, .catalog = catalog, .f = f};
    struct asked asked;
    enum err e;

    *is = false;
    *f = (struct api_failure){0};
    if (p->synth.tool.len == 0 && p->synth.plugin.len == 0 && snapshot_catalog(catalog)->n_synths == 0)
        return ERR_NONE;
    e = synth_parameters(&r);
    if (e == ERR_NONE)
        e = ask(&r, &asked);
    if (e != ERR_NONE)
        return e;
    if (asked.synth == NULL && (!r.given.is || r.given.disabled))
        return ERR_NONE;
    if (r.given.disabled)
        return synth_refuse(&r, "enabled", "is false, but the model of the request is made of several", ERR_FORMAT);
    e = plan_make(&r, &asked, out);
    if (e == ERR_NONE)
        e = synth_members(&r);
    *is = e == ERR_NONE;
    return e;
}
