/* (G) What a request says about routing: its models, and the members that only some providers take. The
 * routing preferences inside "provider" are in want_provider.c. */
#include "want_internal.h"

#include "adapter.h"
#include "chat_list.h"
#include "content_view.h"

#include <assert.h>

/* --- models */

/* OpenRouter's suffixes of a model id that are a sort order. ":" is also part of ids: those are looked for
 * as they stand first. */
static const struct {
    struct view suffix;
    enum route_sort sort;
} suffixes[] = {{VIEW_LIT(":floor"), ROUTE_PRICE}, {VIEW_LIT(":nitro"), ROUTE_LATENCY}};

static bool want_ends(struct view id, struct view suffix)
{
    return id.len > suffix.len && view_eq(view_from(id, id.len - suffix.len), suffix);
}

static enum err want_no_model(struct want_context *x, const struct snapshot *catalog,
                              const char *param, struct view id)
{
    struct view base = id;

    x->failure->error = API_NO_MODEL;
    x->failure->param = param;
    while (base.len != 0 && base.ptr[base.len - 1] != ':')
        base.len--;
    if (base.len > 1 && snapshot_find(catalog, view_of(base.ptr, base.len - 1)) != NULL)
        x->failure->message = "The model exists, but not with this suffix. The suffixes are :floor "
                              "(cheapest provider first) and :nitro (quickest first).";
    return ERR_NOT_FOUND;
}

static void want_add_model(struct route_want *w, const struct route_model *m)
{
    for (size_t i = 0; i < w->n_models; i++)
        if (w->models[i] == m)
            return;
    if (w->n_models < ROUTE_MODELS_MAX)
        w->models[w->n_models++] = m;
}

const struct route_model *want_find(const struct snapshot *catalog, struct view id,
                                    enum route_sort *sort)
{
    const struct route_model *m = snapshot_find(catalog, id);

    for (size_t i = 0; m == NULL && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (!want_ends(id, suffixes[i].suffix))
            continue;
        m = snapshot_find(catalog, view_of(id.ptr, id.len - suffixes[i].suffix.len));
        if (m != NULL)
            *sort = suffixes[i].sort;
    }
    return m;
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
    [KIND_RERANK] = "This model ranks documents only; use it with POST /v1/rerank.",
};

/* A model that makes the other thing is none of this endpoint's. */
static enum err want_kind(struct want_context *x, const struct route_model *m, const char *param)
{
    const char *no_other = calls[x->prompt->kind].no_other;

    if (m->info->kind == calls[x->prompt->kind].model)
        return ERR_NONE;
    x->failure->error = API_NO_MODEL;
    x->failure->param = param;
    x->failure->message = no_other != NULL ? no_other : no_chat[m->info->kind];
    return ERR_NOT_FOUND;
}

/* The first suffix is the request's sort order; provider.sort, which is read later, wins. */
static enum err want_model(struct want_context *x, const struct snapshot *catalog,
                           const char *param, struct view id)
{
    enum route_sort sort = ROUTE_BALANCE;
    const struct route_model *m = want_find(catalog, id, &sort);

    if (m == NULL)
        return want_no_model(x, catalog, param, id);
    if (want_kind(x, m, param) != ERR_NONE)
        return ERR_NOT_FOUND;
    if (x->want->sort == ROUTE_BALANCE)
        x->want->sort = sort;
    want_add_model(x->want, m);
    return ERR_NONE;
}

/* The ids of "model" and "models" in one list: fallbacks are there for what cannot be had, so an id that
 * nobody knows is passed over while another one is known. Of several unknown ones the first is told. */
static enum err want_models(struct want_context *x, const struct snapshot *catalog)
{
    const struct json_value list = x->prompt->models;
    const bool named = x->prompt->model[0] != '\0';
    enum err e = named ? want_model(x, catalog, "model", view_str(x->prompt->model)) : ERR_NONE;
    struct api_failure unknown = *x->failure;
    struct json_member item;
    struct view id;

    if (list.kind != JSON_NULL && list.kind != JSON_ARRAY)
        return want_bad(x, "models", "models must be an array of model ids");
    for (struct json_iter it = json_iter(list); json_next(&it, &item);) {
        if (!json_string_plain(item.value, &id))
            return want_bad(x, "models", "models must be an array of model ids");
        if (want_model(x, catalog, "models", id) != ERR_NONE && e == ERR_NONE) {
            e = ERR_NOT_FOUND;
            unknown = *x->failure;
        }
    }
    *x->failure = (struct api_failure){0};
    if (x->want->n_models != 0)
        return ERR_NONE;
    if (e == ERR_NONE)
        return want_bad(x, "model", "model is required");
    *x->failure = unknown;
    return e;
}

/* --- requests that only some endpoints may be sent */

/* A chat client's list, made once. A body that has none may still be spliced for other candidates. */
static bool want_list(struct want_context *x)
{
    if (!x->listed && x->prompt->chat != NULL)
        x->list_outcome = chat_list_make(x->prompt, &x->list_fault);
    x->listed = true;
    return x->list_outcome == ERR_NONE;
}

static enum err want_unlisted(struct want_context *x)
{
    *x->failure = (struct api_failure){.error = errors_of(x->list_outcome),
                                       .param = x->list_fault.param,
                                       .member = x->list_fault.member,
                                       .message = x->list_fault.message};
    return x->list_outcome;
}

static bool want_fits(struct want_context *x, const struct route_model *m, const struct route_endpoint *e,
                      struct view *refused)
{
    const struct destination to = {.provider = e->provider, .model = m->info, .endpoint = e->info};
    const struct adapter *a = adapter_of(e->provider, x->prompt->kind);

    *refused = VIEW_LIT("model");
    return a != NULL && (!a->list || want_list(x)) && a->fits(x->prompt, &to, refused);
}

/* Endpoints whose row, dialect or gates do not allow what the request asks for are no candidates. When none
 * of its models is left, the member is to blame. */
static enum err want_members(struct want_context *x)
{
    struct route_want *w = x->want;
    struct view refused = VIEW_EMPTY, one;
    size_t at = 0, left = 0;

    for (size_t m = 0; m < w->n_models; m++) {
        const struct route_model *model = w->models[m];

        for (size_t i = 0; i < model->n_endpoints && at < ROUTE_ENDPOINTS_MAX; i++, at++) {
            if (want_fits(x, model, &model->endpoints[i], &one)) {
                left++;
                continue;
            }
            w->unfit[at / 64] |= UINT64_C(1) << at % 64;
            refused = one;
        }
    }
    if (x->list_outcome == ERR_MEMORY || (left == 0 && x->list_outcome != ERR_NONE))
        return want_unlisted(x);
    if (left != 0 || refused.len == 0)
        return ERR_NONE;
    x->failure->member = refused;
    return want_unsupported(x, NULL,
                            "A member of the request is not supported for this model, because it may "
                            "change the price or is not known; see param and the documentation.");
}

enum err want_read(struct prompt *q, const struct snapshot *catalog,
                   const struct providers *providers, struct route_want *want,
                   struct api_failure *f)
{
    struct want_context x = {.prompt = q, .providers = providers, .want = want, .failure = f};
    enum err e;

    *want = (struct route_want){.max_prompt_pusd = -1, .max_completion_pusd = -1};
    *f = (struct api_failure){0};
    e = want_models(&x, catalog);
    if (e == ERR_NONE)
        e = want_provider(&x);
    if (e == ERR_NONE)
        e = want_members(&x);
    assert(e == ERR_NONE || f->error != API_OK);
    return e;
}
