/* (G) What a request says about routing: its models, and the members that only some providers take. The
 * routing preferences inside "provider" are in want_provider.c. */
#include "want_internal.h"

#include "content_view.h"

#include <assert.h>

/* --- models */

static enum err want_no_model(struct want_context *x, const char *param)
{
    x->failure->error = API_NO_MODEL;
    x->failure->param = param;
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

static enum err want_models(struct want_context *x, const struct snapshot *catalog)
{
    const struct chat_member *list = &x->request->member[CHAT_KEY_MODELS];
    const struct route_model *m = snapshot_find(catalog, view_str(x->request->model));
    struct json_member item;
    struct view id;

    if (m == NULL)
        return want_no_model(x, "model");
    want_add_model(x->want, m);
    if (!list->present || list->value.kind == JSON_NULL)
        return ERR_NONE;
    if (list->value.kind != JSON_ARRAY)
        return want_bad(x, "models", "models must be an array of model ids");
    for (struct json_iter it = json_iter(list->value); json_next(&it, &item);) {
        if (!json_string_plain(item.value, &id))
            return want_bad(x, "models", "models must be an array of model ids");
        m = snapshot_find(catalog, id);
        if (m == NULL)
            return want_no_model(x, "models");
        want_add_model(x->want, m);
    }
    return ERR_NONE;
}

/* Plugins change what is answered; a request that names one must not be answered without it. */
static enum err want_plugins(struct want_context *x)
{
    const struct chat_member *p = &x->request->member[CHAT_KEY_PLUGINS];
    struct json_member m;
    struct json_iter it;

    if (!p->present || p->value.kind != JSON_ARRAY)
        return ERR_NONE;
    it = json_iter(p->value);
    if (!json_next(&it, &m))
        return ERR_NONE;
    return want_unsupported(x, "plugins", "This router has no plugins.");
}

/* --- members that only some providers may be sent */

static bool want_served(const struct route_want *w, uint64_t providers)
{
    for (size_t i = 0; i < w->n_models; i++)
        for (size_t k = 0; k < w->models[i]->n_endpoints; k++)
            if ((providers >> w->models[i]->endpoints[k].provider->no & 1) != 0)
                return true;
    return false;
}

/* Providers whose row does not allow what the request asks for are no candidates. When no provider of
 * its models is left, the member is to blame. */
static enum err want_members(struct want_context *x)
{
    const struct chat_request *q = x->request;
    uint64_t takers = 0;
    struct view refused = VIEW_EMPTY, one;

    if (q->n_extras == 0 && !q->hosted_tools && !q->long_cache)
        return ERR_NONE;
    for (size_t i = 0; i < x->providers->n; i++) {
        const struct provider *p = &x->providers->list[i];

        if (chat_request_fits(q, p, &one))
            takers |= UINT64_C(1) << p->no;
        else if (want_served(x->want, UINT64_C(1) << p->no) || refused.len == 0)
            refused = one;
    }
    x->want->ignore |= ~takers;
    if (want_served(x->want, takers))
        return ERR_NONE;
    x->failure->member = refused;
    return want_unsupported(x, NULL,
                            "A member of the request is not supported for this model, because it may "
                            "change the price or is not known; see param and the documentation.");
}

enum err want_read(const struct chat_request *q, const struct snapshot *catalog,
                   const struct providers *providers, struct route_want *want,
                   struct api_failure *f)
{
    struct want_context x = {q, providers, want, f};
    enum err e;

    *want = (struct route_want){.max_prompt_pusd = -1, .max_completion_pusd = -1};
    *f = (struct api_failure){0};
    e = want_models(&x, catalog);
    if (e == ERR_NONE)
        e = want_provider(&x);
    if (e == ERR_NONE)
        e = want_plugins(&x);
    if (e == ERR_NONE)
        e = want_members(&x);
    assert(e == ERR_NONE || f->error != API_OK);
    return e;
}
