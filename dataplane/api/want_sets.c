/* (G) The providers that a request names in provider.order, only and ignore. */
#include "want_internal.h"

#include "content_view.h"
#include "json.h"

#include <ctype.h>

static bool slug_is(struct view slug, const char *text)
{
    size_t n = strlen(text);

    if (slug.len != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (tolower(slug.ptr[i]) != tolower((unsigned char)text[i]))
            return false;
    return true;
}

/* NULL: no measured provider is called that. */
static const struct provider *provider_of_slug(const struct providers *p, struct view slug)
{
    for (size_t i = 0; i < p->n; i++)
        if (slug_is(slug, p->list[i].id) || slug_is(slug, p->list[i].name))
            return &p->list[i];
    return NULL;
}

/* What a name in order, only and ignore means: "deepinfra", "Amazon Bedrock", or one variant of a provider's
 * endpoints, by region ("azure/eu-west") or by quantization ("deepinfra/fp8"). */
enum name_kind { NAME_UNKNOWN, NAME_PROVIDER, NAME_VARIANT, NAME_NO_VARIANT };

static enum name_kind name_read(struct want_context *x, struct view name, struct route_pick *out)
{
    const struct provider *p = provider_of_slug(x->providers, name);
    const uint8_t *slash = name.len != 0 ? memchr(name.ptr, '/', name.len) : NULL;
    struct view variant;

    out->quantization = ROUTE_ANY;
    if (p == NULL && slash != NULL) {
        variant = view_from(name, (size_t)(slash - name.ptr) + 1);
        p = provider_of_slug(x->providers, view_of(name.ptr, (size_t)(slash - name.ptr)));
        if (p != NULL) {
            out->provider_no = p->no;
            if (variant.len != 0 && slug_is(variant, p->region))
                return NAME_PROVIDER;
            return route_quantization_parse(variant, &out->quantization) ? NAME_VARIANT
                                                                         : NAME_NO_VARIANT;
        }
    }
    if (p == NULL)
        return NAME_UNKNOWN;
    out->provider_no = p->no;
    return NAME_PROVIDER;
}

/* Calls `each` with every name of the list. */
static enum err each_provider(struct want_context *x, struct json_value v,
                              void (*each)(struct route_want *w, enum name_kind kind,
                                           const struct route_pick *pick))
{
    struct json_member item;
    struct route_pick pick;
    struct view name;

    if (v.kind == JSON_NULL)
        return ERR_NONE;
    if (v.kind != JSON_ARRAY)
        return want_bad(x, "provider",
                        "provider.order, only and ignore are arrays of provider ids");
    for (struct json_iter it = json_iter(v); json_next(&it, &item);) {
        if (!json_string_plain(item.value, &name))
            return want_bad(x, "provider",
                            "provider.order, only and ignore are arrays of provider ids");
        each(x->want, name_read(x, name, &pick), &pick);
    }
    return ERR_NONE;
}

/* Names that mean nobody, and variants that there are too many of, allow nobody. */
static void add_only(struct route_want *w, enum name_kind kind, const struct route_pick *pick)
{
    if (kind == NAME_PROVIDER)
        provider_set_add(&w->only, pick->provider_no);
    if (kind == NAME_VARIANT && w->n_only_picks < ROUTE_PICKS_MAX)
        w->only_pick[w->n_only_picks++] = *pick;
}

/* A variant that we do not tell apart ("deepinfra/turbo"), or one too many: leaving all of the provider out is on the
 * safe side. */
static void add_ignore(struct route_want *w, enum name_kind kind, const struct route_pick *pick)
{
    if (kind == NAME_VARIANT && w->n_ignore_picks < ROUTE_PICKS_MAX)
        w->ignore_pick[w->n_ignore_picks++] = *pick;
    else if (kind != NAME_UNKNOWN)
        provider_set_add(&w->ignore, pick->provider_no);
}

static void add_order(struct route_want *w, enum name_kind kind, const struct route_pick *pick)
{
    if (kind == NAME_UNKNOWN || kind == NAME_NO_VARIANT)
        return;
    for (size_t i = 0; i < w->n_order; i++)
        if (w->order[i].provider_no == pick->provider_no &&
            w->order[i].quantization == pick->quantization)
            return;
    if (w->n_order < ROUTE_ORDER_MAX)
        w->order[w->n_order++] = *pick;
}

enum err want_order(struct want_context *x, struct json_value v)
{
    if (v.kind == JSON_ARRAY)
        x->want->order_set = true;
    return each_provider(x, v, add_order);
}

enum err want_only(struct want_context *x, struct json_value v)
{
    if (v.kind == JSON_ARRAY)
        x->want->only_set = true;
    return each_provider(x, v, add_only);
}

enum err want_ignore(struct want_context *x, struct json_value v)
{
    return each_provider(x, v, add_ignore);
}
