/* (G) The routing preferences of OpenRouter's clients: "provider", member by member, from one table. */
#include "want_internal.h"

#include "content_view.h"
#include "json.h"
#include "money.h"

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

/* -1: no measured provider is called that. */
static int provider_of_slug(const struct providers *p, struct view slug)
{
    for (size_t i = 0; i < p->n; i++)
        if (slug_is(slug, p->list[i].id) || slug_is(slug, p->list[i].name))
            return (int)i;
    return -1;
}

/* Calls `each` with the number of every provider named; unknown ones are -1. */
static enum err each_provider(struct want_context *x, struct json_value v, bool base_name,
                              void (*each)(struct route_want *w, int no))
{
    struct json_member item;
    struct view slug;

    if (v.kind == JSON_NULL)
        return ERR_NONE;
    if (v.kind != JSON_ARRAY)
        return want_bad(x, "provider",
                        "provider.order, only and ignore are arrays of provider ids");
    for (struct json_iter it = json_iter(v); json_next(&it, &item);) {
        const uint8_t *slash;

        if (!json_string_plain(item.value, &slug))
            return want_bad(x, "provider",
                            "provider.order, only and ignore are arrays of provider ids");
        slash = slug.len != 0 ? memchr(slug.ptr, '/', slug.len) : NULL;
        if (base_name && slash != NULL)
            slug.len = (size_t)(slash - slug.ptr);
        each(x->want, provider_of_slug(x->providers, slug));
    }
    return ERR_NONE;
}

static void add_only(struct route_want *w, int no)
{
    if (no >= 0)
        provider_set_add(&w->only, (uint16_t)no);
}

static void add_ignore(struct route_want *w, int no)
{
    if (no >= 0)
        provider_set_add(&w->ignore, (uint16_t)no);
}

static void add_order(struct route_want *w, int no)
{
    for (size_t i = 0; i < w->n_order; i++)
        if (w->order[i] == no)
            return;
    if (no >= 0 && w->n_order < ROUTE_ORDER_MAX)
        w->order[w->n_order++] = (uint16_t)no;
}

static enum err take_order(struct want_context *x, struct json_value v)
{
    if (v.kind == JSON_ARRAY)
        x->want->order_set = true;
    return each_provider(x, v, false, add_order);
}

static enum err take_only(struct want_context *x, struct json_value v)
{
    if (v.kind == JSON_ARRAY)
        x->want->only_set = true;
    return each_provider(x, v, false, add_only);
}

/* "deepinfra/turbo" names a variant we do not tell apart: leaving all of deepinfra out is on the
 * safe side here, as it would not be for "only". */
static enum err take_ignore(struct want_context *x, struct json_value v)
{
    return each_provider(x, v, true, add_ignore);
}

static enum err take_bool(struct want_context *x, struct json_value v, bool *out)
{
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE && v.kind != JSON_NULL)
        return want_bad(x, "provider", "a switch inside provider must be true or false");
    if (v.kind != JSON_NULL)
        *out = v.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err take_allow_fallbacks(struct want_context *x, struct json_value v)
{
    bool allow = true;
    enum err e = take_bool(x, v, &allow);

    x->want->no_fallbacks = !allow;
    return e;
}

static enum err take_require_parameters(struct want_context *x, struct json_value v)
{
    bool require = false;
    enum err e = take_bool(x, v, &require);

    if (require)
        x->want->capabilities = x->prompt->needs;
    return e;
}

static enum err take_data_collection(struct want_context *x, struct json_value v)
{
    if (json_string_is(v, "deny"))
        x->want->no_retention = true;
    else if (!json_string_is(v, "allow") && !json_string_is(v, "") && v.kind != JSON_NULL)
        return want_bad(x, "provider", "provider.data_collection must be \"allow\" or \"deny\"");
    return ERR_NONE;
}

static enum err take_zdr(struct want_context *x, struct json_value v)
{
    bool zdr = false;
    enum err e = take_bool(x, v, &zdr);

    x->want->no_retention = x->want->no_retention || zdr;
    return e;
}

/* A price in dollars per million tokens, as number or string, to pico-USD per token. A price of
 * nUSD/1000 per million tokens is one pUSD per token. */
static enum err take_price(struct want_context *x, struct json_value v, int64_t *out_pusd)
{
    struct view text = v.text;
    int64_t nusd;

    if (v.kind == JSON_NULL)
        return ERR_NONE;
    if ((v.kind != JSON_NUMBER && !json_string_plain(v, &text)) ||
        money_parse_usd(text, &nusd) != ERR_NONE)
        return want_bad(x, "provider",
                        "prices in provider.max_price are dollars per million tokens, like 0.5");
    *out_pusd = nusd / 1000;
    return ERR_NONE;
}

static enum err take_max_price(struct want_context *x, struct json_value v)
{
    struct json_member m;
    enum err e = ERR_NONE;

    if (v.kind == JSON_NULL)
        return ERR_NONE;
    if (v.kind != JSON_OBJECT)
        return want_bad(x, "provider", "provider.max_price must be an object");
    for (struct json_iter it = json_iter(v); e == ERR_NONE && json_next(&it, &m);) {
        if (json_key_is(m.key, "prompt"))
            e = take_price(x, m.value, &x->want->max_prompt_pusd);
        else if (json_key_is(m.key, "completion"))
            e = take_price(x, m.value, &x->want->max_completion_pusd);
        /* request, image, audio: no endpoint of ours charges for them */
    }
    return e;
}

static enum err take_sort(struct want_context *x, struct json_value v)
{
    struct json_value by = v;

    if (v.kind == JSON_OBJECT && !json_get(v, "by", &by))
        return ERR_NONE;
    if (json_string_is(by, "price"))
        x->want->sort = ROUTE_PRICE;
    else if (json_string_is(by, "latency") || json_string_is(by, "throughput"))
        x->want->sort =
            ROUTE_LATENCY; /* the quickest to begin stands in for the quickest overall */
    return ERR_NONE;
}

static enum err take_preference(struct want_context *x, struct json_value v)
{
    (void)x;
    (void)v; /* a preference: nothing is promised by not knowing it */
    return ERR_NONE;
}

/* ACI's constraints. No provider of today proves what it runs, so none can meet them: asking for it
 * is answered with ACI's own codes, before anything is forwarded. */
static enum err take_aci_verified(struct want_context *x, struct json_value v)
{
    bool wanted = false;
    enum err e = take_bool(x, v, &wanted);

    if (e != ERR_NONE || !wanted)
        return e;
    x->failure->error = API_UNVERIFIED;
    x->failure->param = "provider";
    return ERR_UNSUPPORTED;
}

static bool session_ids(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    bool ok = false;

    while (json_next(&it, &m)) {
        uint8_t id[32];
        struct view text;

        ok = json_string_plain(m.value, &text) && hex_decode(text, id, sizeof id) == ERR_NONE;
        if (!ok)
            break;
    }
    return ok;
}

static enum err take_aci_sessions(struct want_context *x, struct json_value v)
{
    if (v.kind != JSON_ARRAY || !session_ids(v))
        return want_bad(x, "provider",
                        "provider.aci_session_ids must be an array of session ids, not empty");
    x->failure->error = API_NO_SESSION;
    x->failure->param = "provider";
    return ERR_UNSUPPORTED;
}

/* Constraints that name what this catalog cannot tell: refused unless they ask for nothing. */
static enum err take_refused(struct want_context *x, struct json_value v)
{
    struct json_member m;
    struct json_iter it;

    if (v.kind == JSON_NULL || v.kind == JSON_FALSE)
        return ERR_NONE;
    if (v.kind == JSON_ARRAY) {
        it = json_iter(v);
        if (!json_next(&it, &m))
            return ERR_NONE;
    }
    return want_unsupported(x, "provider",
                            "provider has a constraint that this router cannot honour, so the request "
                            "is refused. It honours order, only, ignore, allow_fallbacks, "
                            "require_parameters, data_collection, zdr, max_price and sort.");
}

static bool like_a_member(struct view key);

/* ACI refuses what it does not define under its prefix, whatever the value. A misspelled constraint is
 * refused whatever its value, too: "Allow_Fallbacks": false asks for something. */
static enum err take_unknown(struct want_context *x, struct view key, struct json_value v)
{
    if (like_a_member(key))
        return want_unsupported(x, "provider",
                                "Member names are exact: one inside provider can be taken for another.");
    return view_starts(key, VIEW_LIT("aci_"))
               ? want_bad(x, "provider", "provider has a member aci_... that aci/1 does not define")
               : take_refused(x, v);
}

static const struct {
    const char *name;
    enum err (*take)(struct want_context *x, struct json_value v);
} members[] = {
    {"order", take_order},
    {"only", take_only},
    {"ignore", take_ignore},
    {"allow_fallbacks", take_allow_fallbacks},
    {"require_parameters", take_require_parameters},
    {"data_collection", take_data_collection},
    {"zdr", take_zdr},
    {"aci_verified", take_aci_verified},
    {"aci_session_ids", take_aci_sessions},
    {"max_price", take_max_price},
    {"sort", take_sort},
    {"preferred_max_latency", take_preference},
    {"preferred_min_throughput", take_preference},
    {"experimental", take_preference},
};
enum { MEMBERS = sizeof members / sizeof members[0] };

static bool like_a_member(struct view key)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (json_key_like(key, members[i].name))
            return true;
    return false;
}

/* Which member of provider is wrong is said by its key; ACI's errors have codes for that. */
static bool named_by_key(enum api_error error)
{
    return error == API_BAD_REQUEST || error == API_UNSUPPORTED_PARAMETER;
}

enum err want_provider(struct want_context *x)
{
    const struct json_value p = x->prompt->provider;
    struct json_member m;
    uint32_t seen = 0;
    enum err e = ERR_NONE;

    if (p.kind == JSON_NULL)
        return ERR_NONE;
    if (p.kind != JSON_OBJECT)
        return want_bad(x, "provider", "provider must be an object");
    for (struct json_iter it = json_iter(p); e == ERR_NONE && json_next(&it, &m);) {
        size_t i = 0;

        while (i < MEMBERS && !json_key_is(m.key, members[i].name))
            i++;
        if (i < MEMBERS && (seen & 1u << i) != 0) {
            x->failure->error = API_DUPLICATE_KEY;
            x->failure->param = "provider";
            x->failure->member = m.key;
            return ERR_DUPLICATE;
        }
        if (i < MEMBERS)
            seen |= 1u << i;
        e = i < MEMBERS ? members[i].take(x, m.value) : take_unknown(x, m.key, m.value);
        if (e != ERR_NONE && named_by_key(x->failure->error))
            x->failure->member = m.key;
    }
    return e;
}
