#include "route.h"

#include <assert.h>
#include <math.h>

/* One eligible endpoint while it is being placed. Lower (tier, rank, key) goes first. */
struct entry {
    struct candidate c;
    uint8_t tier;  /* 0 healthy, 1 unhealthy, 2 cooling */
    uint8_t model; /* position in the request's list */
    uint8_t rank;  /* position in provider.order; 255 when not named */
    double key;
};

/* SplitMix64: the same seed gives the same order everywhere. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* In (0, 1]. */
static double random_unit(uint64_t *state)
{
    return (double)((random_next(state) >> 11) + 1) / 9007199254740992.0;
}

/* What a typical token costs: chats read about three tokens for each one they write. */
static double endpoint_price(const struct catalog_endpoint *e)
{
    return (3.0 * (double)e->price.prompt_pusd + (double)e->price.completion_pusd) / 4.0;
}

static bool provider_allowed(const struct route_want *w, uint16_t no)
{
    assert(no < LIMIT_PROVIDERS);
    return (!w->only_set || provider_set_has(&w->only, no)) && !provider_set_has(&w->ignore, no);
}

static uint8_t provider_rank(const struct route_want *w, uint16_t no)
{
    for (size_t i = 0; i < w->n_order; i++)
        if (w->order[i] == no)
            return (uint8_t)i;
    return UINT8_MAX;
}

/* Does no tier that may hold for this prompt cost more? Thoughts are part of the completion. */
static bool price_allowed(const struct route_want *w, const struct catalog_endpoint *e)
{
    struct price_rates r;

    if (w->max_prompt_pusd < 0 && w->max_completion_pusd < 0)
        return true;
    price_dearest(&e->price, w->prompt_most, w->received_ms, &r);
    return (w->max_prompt_pusd < 0 || r.class_pusd[PRICE_CLASS_prompt] <= w->max_prompt_pusd) &&
           (w->max_completion_pusd < 0 || (r.class_pusd[PRICE_CLASS_completion] <= w->max_completion_pusd &&
                                           r.class_pusd[PRICE_CLASS_reasoning] <= w->max_completion_pusd));
}

/* The first hard constraint that e breaks; ROUTE_OK when it may serve. */
static enum route_refusal endpoint_refusal(const struct route_want *w, const struct route_model *m,
                                           const struct route_endpoint *e)
{
    const struct catalog_endpoint *i = e->info;

    if (i->weight == 0)
        return ROUTE_NO_ENDPOINT;
    if (!provider_allowed(w, i->provider_no))
        return ROUTE_NO_PROVIDER;
    /* allow_fallbacks:false beside an order means: these providers or none. */
    if (w->no_fallbacks && w->order_set && provider_rank(w, i->provider_no) == UINT8_MAX)
        return ROUTE_NO_PROVIDER;
    if (w->no_retention && e->provider->retains_data)
        return ROUTE_NO_PRIVACY;
    if (!price_allowed(w, i))
        return ROUTE_NO_PRICE;
    if ((m->info->capabilities & w->capabilities) != w->capabilities)
        return ROUTE_NO_CAPABILITY;
    return ROUTE_OK;
}

/* Where an eligible endpoint belongs. The weighted draw without replacement is Efraimidis and
 * Spirakis': sort by -log(u)/weight, the smallest first. */
static void entry_place(struct entry *x, const struct route_want *w, const struct health_view *h,
                        uint64_t *random)
{
    const struct catalog_endpoint *e = x->c.endpoint->info;
    double price = endpoint_price(e), draw = random_unit(random);

    x->tier = h->state == HEALTH_GOOD ? 0 : h->state == HEALTH_COOLING ? 2 : 1;
    x->rank = provider_rank(w, e->provider_no);
    x->c.probe = h->state == HEALTH_PROBE;
    switch (w->sort) {
    case ROUTE_PRICE:
        x->key = price;
        x->c.reason = ROUTE_REASON_PRICE;
        break;
    case ROUTE_LATENCY:
        /* Never measured sorts first: that is how it gets measured. */
        x->key = h->first_byte_us;
        x->c.reason = ROUTE_REASON_LATENCY;
        break;
    case ROUTE_BALANCE:
        if (price < 1.0)
            price = 1.0; /* free endpoints: one pico-USD keeps the weight finite */
        x->key = -log(draw) * price * price / e->weight;
        x->c.reason = ROUTE_REASON_BALANCE;
        break;
    }
    if (x->rank != UINT8_MAX)
        x->c.reason = ROUTE_REASON_ORDER;
    if (x->tier != 0)
        x->c.reason = ROUTE_REASON_UNHEALTHY;
    if (x->tier == 2)
        x->key = h->cool_ms; /* the one that is over soonest first */
    /* Time to try once: it goes before those that are healthy, or it would never be tried while there
     * are any. One request claims the probe; the others leave it out. */
    if (x->c.probe) {
        x->tier = 0;
        x->key = -1; /* below every draw, price and latency */
    }
}

/* Who said 429 goes last. The asked model comes before its fallbacks; inside a model: the client's
 * order, then health, then the draw. */
static bool entry_before(const struct entry *a, const struct entry *b)
{
    if ((a->tier == 2) != (b->tier == 2))
        return b->tier == 2;
    if (a->model != b->model)
        return a->model < b->model;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->tier != b->tier)
        return a->tier < b->tier;
    if (a->key != b->key)
        return a->key < b->key;
    return a->c.endpoint->info->no < b->c.endpoint->info->no;
}

static void entries_sort(struct entry *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct entry x = list[i];
        size_t at = i;

        for (; at > 0 && entry_before(&x, &list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = x;
    }
}

void route_decide(const struct route_want *w, const struct route_health *health, uint64_t seed,
                  struct route *out)
{
    struct entry list[ROUTE_ENDPOINTS_MAX];
    enum route_refusal nearest = ROUTE_NO_ENDPOINT;
    size_t n = 0, at = 0; /* at: the endpoint's place among all */

    assert(w->n_models <= ROUTE_MODELS_MAX);
    *out = (struct route){.refusal = ROUTE_OK};
    for (size_t m = 0; m < w->n_models; m++) {
        for (size_t i = 0; i < w->models[m]->n_endpoints && at < ROUTE_ENDPOINTS_MAX; i++, at++) {
            const struct route_endpoint *e = &w->models[m]->endpoints[i];
            enum route_refusal r = (w->unfit[at / 64] >> at % 64 & 1) != 0
                                       ? ROUTE_UNFIT
                                       : endpoint_refusal(w, w->models[m], e);
            struct health_view view;

            if (r != ROUTE_OK) {
                if (r > nearest)
                    nearest = r;
                continue;
            }
            health->read(health->cookie, e->health_slot, &view);
            list[n] = (struct entry){.c = {.endpoint = e, .model = w->models[m]},
                                     .model = (uint8_t)m};
            entry_place(&list[n], w, &view, &seed);
            n++;
        }
    }
    if (n == 0) {
        out->refusal = nearest;
        return;
    }
    entries_sort(list, n);
    if (n == 1)
        list[0].c.reason = ROUTE_REASON_ONLY_ONE;
    out->n = n > LIMIT_CANDIDATES ? LIMIT_CANDIDATES : n;
    if (w->no_fallbacks)
        out->n = 1;
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = list[i].c;
}
