/* Own keys among the candidates of a route, and what a request on one costs. */
#include "own.h"

#include <assert.h>

enum { OWN_WHOLE_PPM = 1000000 };

static bool usable(const struct own_key *k, bool fallback)
{
    return k->state == OWN_KEY_READY && ((k->flags & OWN_KEY_FALLBACK) != 0) == fallback;
}

/* The providers of keys that are first choice, or a fallback. False: there is none. */
static bool providers_of(const struct own_keys *keys, bool fallback, struct provider_set *out)
{
    bool any = false;

    *out = (struct provider_set){{0}};
    for (unsigned i = 0; i < keys->n; i++)
        if (usable(&keys->list[i], fallback)) {
            provider_set_add(out, keys->list[i].provider_no);
            any = true;
        }
    return any;
}

static void route_push(struct route *r, const struct candidate *c, uint8_t own)
{
    if (r->n == LIMIT_CANDIDATES)
        return;
    r->list[r->n] = *c;
    r->list[r->n++].own = own;
}

/* The endpoints of these keys' providers as routing orders them, each once for every key. of: one model's, NULL all. */
static void push_own(struct attempts *a, const struct route_want *want, const struct own_keys *keys,
                     bool fallback, const struct route_model *of, struct route *out)
{
    struct route_want at = *want;
    struct route_health health;
    struct provider_set own;
    struct route route;

    if (!providers_of(keys, fallback, &own))
        return;
    for (size_t w = 0; w < sizeof own.word / sizeof own.word[0]; w++)
        at.only.word[w] = own.word[w] & (want->only_set ? want->only.word[w] : ~UINT64_C(0));
    at.only_set = at.own_keys = true;
    at.no_fallbacks = false; /* cut to one at the end */
    attempts_health(a, &health);
    route_decide(&at, &health, a->seed, &route);
    for (size_t c = 0; c < route.n; c++) {
        if ((of != NULL && route.list[c].model != of) || !route_order_allows(want, route.list[c].endpoint->info))
            continue;
        for (unsigned i = 0; i < keys->n; i++)
            if (usable(&keys->list[i], fallback) &&
                keys->list[i].provider_no == route.list[c].endpoint->provider->no)
                route_push(out, &route.list[c], (uint8_t)(i + 1));
    }
}

static bool always_own(const struct own_keys *keys, uint16_t provider_no)
{
    for (unsigned i = 0; i < keys->n; i++)
        if (keys->list[i].provider_no == provider_no && (keys->list[i].flags & OWN_KEY_ALWAYS) != 0)
            return true;
    return false;
}

static void note_trouble(struct attempts *a, const struct own_keys *keys)
{
    for (unsigned i = 0; i < keys->n; i++)
        if (keys->list[i].state != OWN_KEY_READY && a->own_trouble == OWN_KEY_READY) {
            a->own_trouble = keys->list[i].state;
            a->own_trouble_at = (uint8_t)i;
        }
}

/* The candidates of one model, or of all (NULL): own keys, then the operator's. True: an own key that is always to be used
 * keeps an operator's off. */
static bool push_model(struct attempts *a, const struct route_want *want, const struct own_keys *keys,
                       const struct route_model *of, struct route *out)
{
    bool kept_off = false;

    push_own(a, want, keys, false, of, out);
    for (size_t i = 0; i < a->route.n; i++) {
        if (of != NULL && a->route.list[i].model != of)
            continue;
        if (always_own(keys, a->route.list[i].endpoint->provider->no))
            kept_off = true;
        else
            route_push(out, &a->route.list[i], 0);
    }
    push_own(a, want, keys, true, of, out);
    return kept_off;
}

void own_route(struct attempts *a, const struct route_want *want, const struct own_keys *keys)
{
    struct route with = {.refusal = ROUTE_OK};
    bool kept_off = false;

    assert(keys->n <= LIMIT_OWN_KEYS);
    a->own = keys;
    if (keys->n == 0)
        return; /* the account has a markup alone */
    note_trouble(a, keys);
    if (want->across_models)
        kept_off = push_model(a, want, keys, NULL, &with);
    for (size_t m = 0; !want->across_models && m < want->n_models; m++)
        kept_off = push_model(a, want, keys, want->models[m], &with) || kept_off;
    if (want->no_fallbacks && with.n > 1)
        with.n = 1;
    if (with.n == 0)
        with.refusal = kept_off ? ROUTE_NO_PROVIDER : a->route.refusal;
    memcpy(with.removed, a->route.removed, sizeof with.removed);
    with.n_removed = a->route.n_removed;
    if (!kept_off || with.n != 0)
        a->own_trouble = OWN_KEY_READY; /* none that ends the request */
    a->route = with;
    a->inputs_len = 0; /* the inputs do not say which keys there are: it cannot be decided again from them */
}

bool own_route_only(struct attempts *a)
{
    struct route own = {.refusal = ROUTE_OK};

    for (size_t i = 0; i < a->route.n; i++)
        if (a->route.list[i].own != 0)
            route_push(&own, &a->route.list[i], a->route.list[i].own);
    if (own.n == 0 || own.n == a->route.n)
        return false;
    a->route = own;
    return true;
}

uint32_t own_markup(const struct attempts *a, const struct candidate *c)
{
    return a->own != NULL && c->own == 0 ? a->own->markup_ppm : 0;
}

int64_t own_charge(const struct attempts *a, const struct candidate *c, int64_t cost_nusd)
{
    uint32_t ppm = c->own != 0 ? a->own->fee_ppm : OWN_WHOLE_PPM + own_markup(a, c);
    unsigned __int128 pays;

    assert(cost_nusd >= 0);
    pays = ((unsigned __int128)(uint64_t)cost_nusd * ppm + OWN_WHOLE_PPM - 1) / OWN_WHOLE_PPM;
    return pays > INT64_MAX ? INT64_MAX : (int64_t)pays;
}
