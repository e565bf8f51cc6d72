/* (G) What a request says about routing: the members that only some providers take. Its models are in want_models.c, the
 * routing preferences inside "provider" in want_provider.c. */
#include "want_internal.h"

#include "adapter.h"
#include "chat_list.h"
#include "content_view.h"
#include "parameters.h"

#include <assert.h>

enum { WANT_BYTES_PER_TOKEN = 4 }; /* of a prompt, on average */

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

static bool want_loses(const struct want_context *x, const struct route_model *m, const struct route_endpoint *e)
{
    const struct destination to = {.provider = e->provider, .model = m->info, .endpoint = e->info};

    return x->require_parameters && parameters_lost(adapter_of(e->provider, x->prompt->kind), x->prompt, &to);
}

/* Of a model that the client did not name: does it have all that the request needs? Its context must hold what the prompt is
 * likely to be, and the answer that was asked for. */
static bool want_matches(const struct want_context *x, const struct route_model *m,
                         const struct route_endpoint *e)
{
    const struct prompt *p = x->prompt;
    uint32_t context = e->info->context_length != 0 ? e->info->context_length : m->info->context_length;
    uint16_t has = m->info->capabilities & (uint16_t)~e->info->lacks;
    uint64_t tokens = p->prompt_bytes / WANT_BYTES_PER_TOKEN + p->media.floor + p->max_tokens;

    return (has & p->needs) == p->needs && (context == 0 || tokens <= context);
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
        bool match = (x->matched >> m & 1) != 0;

        for (size_t i = 0; i < model->n_endpoints && at < ROUTE_ENDPOINTS_MAX; i++, at++) {
            bool fits = want_fits(x, model, &model->endpoints[i], &one);

            if (fits && (!match || want_matches(x, model, &model->endpoints[i]))) {
                if (want_loses(x, model, &model->endpoints[i]))
                    w->lossy[at / 64] |= UINT64_C(1) << at % 64;
                left++;
                continue;
            }
            w->unfit[at / 64] |= UINT64_C(1) << at % 64;
            if (!fits)
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
                   const struct providers *providers, const struct want_given *given,
                   struct route_want *want, struct want_notes *notes, struct api_failure *f)
{
    struct want_context x = {.prompt = q,
                             .catalog = catalog,
                             .providers = providers,
                             .given = given,
                             .want = want,
                             .notes = notes,
                             .failure = f,
                             .model_fallbacks = given->model_fallbacks};
    enum err e;

    *want = (struct route_want)ROUTE_WANT_ANY;
    *notes = (struct want_notes){0};
    *f = (struct api_failure){0};
    e = want_models(&x);
    if (want->sort == ROUTE_BALANCE)
        want->sort = q->synth.sort; /* of each model of an orchestration, as its id says */
    if (e == ERR_NONE)
        e = want_provider(&x);
    if (e == ERR_NONE) {
        want_fallbacks(&x);
        e = want_members(&x);
    }
    assert(e == ERR_NONE || f->error != API_OK);
    return e;
}
