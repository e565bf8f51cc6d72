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

/* --- names that are spelled otherwise than ours */

enum {
    FOLD_MAX = 64, /* letters and digits of a name that are looked at; those of rows have no more */
    AKIN_MIN = 3,  /* fewer are the beginning of too much */
    NAMES_MAX = 2 * LIMIT_PROVIDERS, /* in one list: each costs a walk over the rows */
};

/* What is left of a name: its letters and digits, without case. */
struct fold {
    char text[FOLD_MAX];
    size_t n;
};

static struct fold fold_of(struct view name)
{
    struct fold f = {.n = 0};

    for (size_t i = 0; i < name.len && f.n < FOLD_MAX; i++)
        if (name.ptr[i] < 0x80 && isalnum(name.ptr[i]))
            f.text[f.n++] = (char)tolower(name.ptr[i]);
    return f;
}

enum likeness { LIKE_NOT, LIKE_AKIN /* one is the beginning of the other */, LIKE_SAME };

static enum likeness likeness_of(const struct fold *f, const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x80 || !isalnum(c))
            continue;
        if (n == f->n)
            return n >= AKIN_MIN ? LIKE_AKIN : LIKE_NOT;
        if (tolower(c) != f->text[n])
            return LIKE_NOT;
        n++;
    }
    if (n == f->n)
        return n != 0 ? LIKE_SAME : LIKE_NOT;
    return n >= AKIN_MIN ? LIKE_AKIN : LIKE_NOT;
}

/* By its id or its name, whichever is nearer. */
static enum likeness likeness_of_row(const struct fold *f, const struct provider *p)
{
    enum likeness id = likeness_of(f, p->id), name = likeness_of(f, p->name);

    return id > name ? id : name;
}

/* --- the rows that a name means */

static const struct provider *provider_exact(const struct providers *p, struct view slug)
{
    for (size_t i = 0; i < p->n; i++)
        if (slug_is(slug, p->list[i].id) || slug_is(slug, p->list[i].name))
            return &p->list[i];
    return NULL;
}

/* OpenRouter's slugs have other dashes and dots than our rows: "z-ai", "amazon-bedrock". NULL: no measured provider
 * is called that, or several are. */
static const struct provider *provider_like(const struct providers *p, const struct fold *fold)
{
    const struct provider *found = NULL;

    for (size_t i = 0; i < p->n; i++) {
        if (likeness_of_row(fold, &p->list[i]) != LIKE_SAME)
            continue;
        if (found != NULL)
            return NULL;
        found = &p->list[i];
    }
    return found;
}

/* Another row of the same provider, for another of its APIs: "openai-responses" beside "openai", at the same host. */
static bool is_sibling(const struct provider *p, const struct provider *of)
{
    size_t n = strlen(of->id);

    return strncmp(p->id, of->id, n) == 0 && p->id[n] == '-' && strcmp(p->host, of->host) == 0 && p->port == of->port;
}

/* A name in order, only and ignore: "deepinfra", "Amazon Bedrock", or one variant of a provider's endpoints, by region
 * ("azure/eu-west") or by quantization ("deepinfra/fp8"). */
struct name {
    struct view variant;
    struct fold fold;                /* of what stands before the variant */
    bool varied;                     /* it has a variant */
    const struct provider *provider; /* NULL: no row is called that */
};

static struct name name_read(const struct providers *p, struct view text)
{
    struct name n = {.provider = provider_exact(p, text)};
    const uint8_t *slash = text.len != 0 ? memchr(text.ptr, '/', text.len) : NULL;
    struct view base = text;

    if (n.provider == NULL && slash != NULL) {
        n.varied = true;
        base = view_of(text.ptr, (size_t)(slash - text.ptr));
        n.variant = view_from(text, base.len + 1);
        n.provider = provider_exact(p, base);
    }
    n.fold = fold_of(base);
    if (n.provider == NULL)
        n.provider = provider_like(p, &n.fold);
    return n;
}

enum name_kind { NAME_PROVIDER, NAME_VARIANT, NAME_NO_VARIANT };

/* What the name means of a row. */
static enum name_kind name_of_row(const struct name *n, const struct provider *p, struct route_pick *out)
{
    *out = (struct route_pick){.provider_no = p->no, .quantization = ROUTE_ANY};
    if (!n->varied || (n->variant.len != 0 && slug_is(n->variant, p->region)))
        return NAME_PROVIDER;
    return route_quantization_parse(n->variant, &out->quantization) ? NAME_VARIANT : NAME_NO_VARIANT;
}

/* Calls `each` with every row that the name means, the one that is called so first. akin: those that are called like
 * it as well. */
static void each_row_of(struct want_context *x, const struct name *n, bool akin,
                        void (*each)(struct route_want *w, enum name_kind kind, const struct route_pick *pick))
{
    struct route_pick pick;

    if (n->provider != NULL)
        each(x->want, name_of_row(n, n->provider, &pick), &pick);
    for (size_t i = 0; i < x->providers->n; i++) {
        const struct provider *p = &x->providers->list[i];

        if (p != n->provider &&
            ((n->provider != NULL && is_sibling(p, n->provider)) || (akin && likeness_of_row(&n->fold, p) != LIKE_NOT)))
            each(x->want, name_of_row(n, p, &pick), &pick);
    }
}

static enum err each_provider(struct want_context *x, struct json_value v, bool akin,
                        void (*each)(struct route_want *w, enum name_kind kind, const struct route_pick *pick))
{
    struct json_member item;
    struct name name;
    struct view text;
    size_t n = 0;

    if (v.kind == JSON_NULL)
        return ERR_NONE;
    if (v.kind != JSON_ARRAY)
        return want_bad(x, "provider",
                        "provider.order, only and ignore are arrays of provider ids");
    for (struct json_iter it = json_iter(v); json_next(&it, &item);) {
        if (!json_string_plain(item.value, &text))
            return want_bad(x, "provider",
                            "provider.order, only and ignore are arrays of provider ids");
        if (n++ == NAMES_MAX)
            return want_bad(x, "provider", "provider.order, only and ignore have 512 names at most");
        name = name_read(x->providers, text);
        each_row_of(x, &name, akin, each);
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
    else
        provider_set_add(&w->ignore, pick->provider_no);
}

static void add_order(struct route_want *w, enum name_kind kind, const struct route_pick *pick)
{
    if (kind == NAME_NO_VARIANT)
        return;
    for (size_t i = 0; i < w->n_order; i++)
        if (w->order[i].provider_no == pick->provider_no &&
            w->order[i].quantization == pick->quantization)
            return;
    if (w->n_order < ROUTE_ORDER_MAX)
        w->order[w->n_order++] = *pick;
}

_Static_assert(NAMES_MAX == 512, "the sentence says so");

enum err want_order(struct want_context *x, struct json_value v)
{
    if (v.kind == JSON_ARRAY)
        x->want->order_set = true;
    return each_provider(x, v, false, add_order);
}

enum err want_only(struct want_context *x, struct json_value v)
{
    if (v.kind == JSON_ARRAY)
        x->want->only_set = true;
    return each_provider(x, v, false, add_only);
}

/* Who is left out is a promise: each row goes that the name may mean. */
enum err want_ignore(struct want_context *x, struct json_value v)
{
    return each_provider(x, v, true, add_ignore);
}
