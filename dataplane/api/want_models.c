/* (G) The models that a request names: ids, aliases, suffixes, ids without author, ids with a date. */
#include "want_internal.h"

#include "content_view.h"

#include <stdio.h>

/* --- one model by one of its names */

/* OpenRouter's suffixes that any id may have. ":" is also part of ids: those are looked for as they stand first. */
static const struct {
    struct view suffix;
    enum route_sort sort;
} suffixes[] = {{VIEW_LIT(":floor"), ROUTE_PRICE},
                {VIEW_LIT(":nitro"), ROUTE_THROUGHPUT},
                {VIEW_LIT(":exacto"), ROUTE_EXACTO}};

static bool want_ends(struct view id, struct view suffix)
{
    return id.len > suffix.len && view_eq(view_from(id, id.len - suffix.len), suffix);
}

static bool digits(struct view v, size_t from, size_t n)
{
    if (v.len < from || v.len - from < n)
        return false;
    for (size_t i = from; i < from + n; i++)
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            return false;
    return true;
}

/* "gpt-4.1-2025-04-14" and "claude-sonnet-4-5-20250929" without their dates; false: there is none. */
static bool undated(struct view *id)
{
    struct view d;

    if (id->len > 11) {
        d = view_from(*id, id->len - 11);
        if (d.ptr[0] == '-' && digits(d, 1, 4) && d.ptr[5] == '-' && digits(d, 6, 2) &&
            d.ptr[8] == '-' && digits(d, 9, 2)) {
            id->len -= 11;
            return true;
        }
    }
    if (id->len > 9) {
        d = view_from(*id, id->len - 9);
        if (d.ptr[0] == '-' && view_starts(view_from(d, 1), VIEW_LIT("20")) && digits(d, 1, 8)) {
            id->len -= 9;
            return true;
        }
    }
    return false;
}

/* By its exact id; with an author only so; without one by its slug. */
static const struct route_model *find_plain(const struct snapshot *s, struct view id, bool *ambiguous)
{
    const struct route_model *m = snapshot_find(s, id);

    *ambiguous = false;
    if (m != NULL || id.len == 0 || memchr(id.ptr, '/', id.len) != NULL)
        return m;
    return snapshot_slug(s, id, ambiguous);
}

static const struct route_model *find_dated(const struct snapshot *s, struct view id, bool *ambiguous)
{
    const struct route_model *m = find_plain(s, id, ambiguous);

    return m == NULL && !*ambiguous && undated(&id) ? find_plain(s, id, ambiguous) : m;
}

enum { WANT_ID_MAX = LIMIT_MODEL_ID_BYTES + 32 }; /* an id and its suffixes; a longer one names nothing */

/* What an id may stand for. */
struct named {
    const struct route_model *model;
    const struct catalog_alias *alias; /* wins when it is set */
    bool ambiguous;
    enum route_sort sort;
};

static struct named want_resolve(const struct snapshot *s, struct view id)
{
    struct named n = {.sort = ROUTE_BALANCE};

    if (id.len > WANT_ID_MAX)
        return n;
    n.model = snapshot_find(s, id);
    if (n.model == NULL)
        n.alias = snapshot_alias(s, id);
    for (size_t i = 0; n.model == NULL && n.alias == NULL && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (!want_ends(id, suffixes[i].suffix))
            continue;
        n = want_resolve(s, view_of(id.ptr, id.len - suffixes[i].suffix.len));
        if (n.sort == ROUTE_BALANCE)
            n.sort = suffixes[i].sort;
        return n;
    }
    if (n.model == NULL && n.alias == NULL)
        n.model = find_dated(s, id, &n.ambiguous);
    return n;
}

const struct route_model *want_find(const struct snapshot *catalog, struct view id,
                                    enum route_sort *sort)
{
    struct named n = want_resolve(catalog, id);

    if (n.model != NULL && n.sort != ROUTE_BALANCE)
        *sort = n.sort;
    return n.model;
}

struct want_name want_named(const struct snapshot *catalog, struct view id)
{
    struct named n = want_resolve(catalog, id);

    return (struct want_name){n.alias == NULL ? n.model : NULL, n.alias, (uint8_t)n.sort};
}

/* An alias that has constraints, or stands for several models, is no other name of an orchestration. */
const struct route_model *want_synth(const struct snapshot *catalog, struct view id, uint8_t *sort)
{
    struct want_name n = want_named(catalog, id);

    if (n.alias != NULL && n.alias->n_models == 1 && n.alias->wants == 0) {
        n.model = snapshot_number(catalog, n.alias->model[0]);
        if (n.sort == ROUTE_BALANCE)
            n.sort = n.alias->sort;
    }
    if (n.model == NULL || n.model->info->kind != KIND_SYNTH)
        return NULL;
    *sort = n.sort;
    return n.model;
}

/* --- all that a request names */

_Static_assert((int)ALIAS_SORT_BALANCE == ROUTE_BALANCE && (int)ALIAS_SORT_PRICE == ROUTE_PRICE &&
                   (int)ALIAS_SORT_LATENCY == ROUTE_LATENCY && (int)ALIAS_SORT_THROUGHPUT == ROUTE_THROUGHPUT,
               "an alias' sort is a request's");

static enum err want_no_model(struct want_context *x, const char *param, struct view id, bool ambiguous)
{
    struct view base = id;
    enum route_sort unused;

    x->failure->error = API_NO_MODEL;
    x->failure->param = param;
    while (base.len != 0 && base.ptr[base.len - 1] != ':')
        base.len--;
    if (ambiguous)
        x->failure->message = "Several models have this name; write it as author/model. GET /v1/models lists them.";
    else if (want_ends(id, VIEW_LIT(":online")))
        x->failure->message = "The suffix :online asks for a web search, which this router does not add.";
    else if (base.len > 1 && want_find(x->catalog, view_of(base.ptr, base.len - 1), &unused) != NULL)
        x->failure->message = "The model exists, but not with this suffix. Any model takes :floor (cheapest provider "
                              "first), :nitro (highest throughput first) and :exacto (fewest failures first).";
    return ERR_NOT_FOUND;
}

static void want_add_model(struct want_context *x, const struct route_model *m, size_t most, bool match)
{
    struct route_want *w = x->want;

    for (size_t i = 0; i < w->n_models; i++) {
        if (w->models[i] != m)
            continue;
        if (!match)
            x->matched &= ~(UINT32_C(1) << i);
        return;
    }
    if (w->n_models == most)
        return;
    if (match)
        x->matched |= UINT32_C(1) << w->n_models;
    w->models[w->n_models++] = m;
}

/* Which models serve a call, and what to say where a model does not. */
static const struct {
    enum catalog_kind model;
    const char *no_other;
} calls[PROMPT_KINDS] = {
    [PROMPT_CHAT] = {KIND_CHAT, NULL},
    [PROMPT_FILL] = {KIND_CHAT, NULL},
    [PROMPT_EMBEDDINGS] = {KIND_EMBEDDINGS,
                           "This model makes no embeddings; GET /v1/embeddings/models lists those that do."},
    [PROMPT_IMAGES] = {KIND_IMAGES, "This model makes no images with this call."},
    [PROMPT_IMAGE_EDITS] = {KIND_IMAGES, "This model edits no images with this call."},
    [PROMPT_SPEECH] = {KIND_SPEECH, "This model makes no speech with this call."},
    [PROMPT_TRANSCRIPTION] = {KIND_TRANSCRIPTION, "This model transcribes no audio with this call."},
    [PROMPT_TRANSLATION] = {KIND_TRANSCRIPTION, "This model translates no audio with this call."},
    [PROMPT_MODERATION] = {KIND_MODERATION, "This model does not serve moderations."},
    [PROMPT_RERANK] = {KIND_RERANK, "This model ranks no documents."},
};

/* The same of a call for texts, by what the model serves. */
static const char *const no_chat[KIND_COUNT] = {
    [KIND_EMBEDDINGS] = "This model makes embeddings only; use it with POST /v1/embeddings.",
    [KIND_IMAGES] = "This model makes images only; use it with POST /v1/images/generations.",
    [KIND_SPEECH] = "This model makes speech only; use it with POST /v1/audio/speech.",
    [KIND_TRANSCRIPTION] = "This model transcribes audio only; use it with POST /v1/audio/transcriptions.",
    [KIND_MODERATION] = "This model serves moderations only; use it with POST /v1/moderations.",
    [KIND_SYNTH] = "This model is made of several others; use it with POST /v1/chat/completions, /v1/responses or "
                   "/v1/messages.",
    [KIND_RERANK] = "This model ranks documents only; use it with POST /v1/rerank.",
};

/* A model that makes the other thing is none of this endpoint's. */
static bool want_kind(const struct want_context *x, const struct route_model *m)
{
    return m->info->kind == calls[x->prompt->kind].model;
}

static enum err want_wrong_kind(struct want_context *x, const struct route_model *m, const char *param)
{
    const char *no_other = calls[x->prompt->kind].no_other;

    x->failure->error = API_NO_MODEL;
    x->failure->param = param;
    x->failure->message = no_other != NULL ? no_other : no_chat[m->info->kind];
    return ERR_NOT_FOUND;
}

/* An alias of the EU is served in the EU only: a prompt that has come to another place has left it. */
static enum err want_in_eu(struct want_context *x, const char *param)
{
    const struct want_given *g = x->given;

    if (route_region_in_eu(g->region))
        return ERR_NONE;
    x->failure->error = API_WRONG_REGION;
    x->failure->param = param;
    if (g->eu_base_url[0] != '\0')
        snprintf(x->failure->text, sizeof x->failure->text,
                 "This model is served by data planes in the EU only, and this one is not. Use the base URL %s.",
                 g->eu_base_url);
    return ERR_UNSUPPORTED;
}

void want_constrain(struct route_want *w, uint8_t wants)
{
    if ((wants & ALIAS_NO_RETENTION) != 0)
        want_no_retention(w, ROUTE_ALIAS);
    w->confidential = w->confidential || (wants & ALIAS_CONFIDENTIAL) != 0;
    w->free_only = w->free_only || (wants & ALIAS_FREE) != 0;
    if ((wants & ALIAS_EU) != 0)
        w->places |= ROUTE_LAW_EU | ROUTE_IN_EU;
    if ((wants & ALIAS_US) != 0)
        w->places |= ROUTE_LAW_US;
}

/* The alias' constraints are the whole request's, whatever else it names. */
static enum err want_alias(struct want_context *x, const char *param, const struct catalog_alias *a)
{
    struct route_want *w = x->want;
    size_t before = w->n_models;

    if ((a->wants & ALIAS_EU) != 0 && want_in_eu(x, param) != ERR_NONE)
        return ERR_UNSUPPORTED;
    for (size_t i = 0; i < a->n_models; i++) {
        const struct route_model *m = snapshot_number(x->catalog, a->model[i]);

        if (m != NULL && want_kind(x, m))
            want_add_model(x, m, ROUTE_NAMED_MAX, true);
    }
    if (w->n_models == before)
        return want_no_model(x, param, VIEW_EMPTY, false);
    want_constrain(w, a->wants);
    return ERR_NONE;
}

/* The first suffix is the request's sort order; provider.sort, which is read later, wins. */
static enum err want_model(struct want_context *x, const char *param, struct view id)
{
    struct named n = want_resolve(x->catalog, id);
    enum err e = ERR_NONE;

    if (n.alias != NULL)
        e = want_alias(x, param, n.alias);
    else if (n.model == NULL)
        e = want_no_model(x, param, id, n.ambiguous);
    else if (!want_kind(x, n.model))
        e = want_wrong_kind(x, n.model, param);
    else
        want_add_model(x, n.model, ROUTE_NAMED_MAX, false);
    if (e != ERR_NONE)
        return e;
    if (n.sort == ROUTE_BALANCE && n.alias != NULL && n.alias->sort < ROUTE_SORT_COUNT)
        n.sort = (enum route_sort)n.alias->sort;
    if (x->want->sort == ROUTE_BALANCE)
        x->want->sort = (uint8_t)n.sort;
    return ERR_NONE;
}

/* Ids that can be told in a header. */
static void note_skipped(struct want_context *x, struct view id)
{
    char *text = x->notes->skipped;
    size_t n = strlen(text), room = sizeof x->notes->skipped - n;

    if (!catalog_id_ok(id) || memchr(id.ptr, ',', id.len) != NULL || id.len + 2 > room)
        return;
    if (n != 0)
        text[n++] = ',';
    memcpy(text + n, id.ptr, id.len);
    text[n + id.len] = '\0';
}

/* One id of "model" or "models". Fallbacks are there for what cannot be had, so an id that nobody knows is passed over
 * while another one is known. Of several unknown ones the first is told. */
static enum err want_one(struct want_context *x, const char *param, struct view id,
                         struct api_failure *unknown, enum err *first)
{
    enum err e = want_model(x, param, id);

    if (e != ERR_NOT_FOUND)
        return e;
    note_skipped(x, id);
    if (*first == ERR_NONE) {
        *first = e;
        *unknown = *x->failure;
    }
    *x->failure = (struct api_failure){0};
    return ERR_NONE;
}

enum err want_models(struct want_context *x)
{
    const struct json_value list = x->prompt->models;
    struct api_failure unknown = {0};
    struct json_member item;
    enum err first = ERR_NONE, e = ERR_NONE;
    struct view id;

    if (x->prompt->model[0] != '\0')
        e = want_one(x, "model", view_str(x->prompt->model), &unknown, &first);
    if (e == ERR_NONE && list.kind != JSON_NULL && list.kind != JSON_ARRAY)
        return want_bad(x, "models", "models must be an array of model ids");
    for (struct json_iter it = json_iter(list); e == ERR_NONE && json_next(&it, &item);) {
        if (!json_string_plain(item.value, &id))
            return want_bad(x, "models", "models must be an array of model ids");
        e = want_one(x, "models", id, &unknown, &first);
    }
    if (e != ERR_NONE)
        return e;
    x->want->n_named = x->want->n_models;
    /* "sort" sorts over all models together; "fallback" is what happens anyway. */
    x->want->across_models = x->prompt->route.text.len != 0 && json_string_is(x->prompt->route, "sort");
    if (x->want->n_models != 0)
        return ERR_NONE;
    if (first == ERR_NONE)
        return want_bad(x, "model", "model is required");
    *x->failure = unknown;
    return first;
}

void want_fallbacks(struct want_context *x)
{
    struct route_want *w = x->want;
    const struct catalog_model *m;

    if (!x->model_fallbacks || w->n_named != 1 || w->no_fallbacks)
        return;
    m = w->models[0]->info;
    for (size_t i = 0; i < m->n_fallbacks && i < CATALOG_FALLBACKS; i++) {
        const struct route_model *other = snapshot_number(x->catalog, m->fallback[i]);

        if (other != NULL && want_kind(x, other))
            want_add_model(x, other, ROUTE_MODELS_MAX, true);
    }
}
