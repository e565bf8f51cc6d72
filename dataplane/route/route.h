/* Which endpoints may serve a request, and in which order: a pure function of the catalog, the
 * request's constraints, a health snapshot and a seed, so that a decision can be replayed.
 * Health only orders: an endpoint that failed or said 429 is tried last, never left out, because
 * the worst it can do is to fail once more. */
#ifndef TR_DATAPLANE_ROUTE_ROUTE_H
#define TR_DATAPLANE_ROUTE_ROUTE_H

#include "catalog_store.h"
#include "bounds.h"
#include "usage.h" /* enum route_reason */

enum {
    ROUTE_MODELS_MAX = 8,      /* "model" and "models[]" together */
    ROUTE_ENDPOINTS_MAX = 512, /* of these models; later ones are left out */
    ROUTE_ORDER_MAX = 64,      /* providers that provider.order may name */
};

enum route_sort { ROUTE_BALANCE, ROUTE_PRICE, ROUTE_LATENCY };

/* What the request asked for. Everything but order, sort and health is hard: no candidate is an error, never a
 * downgrade. */
struct route_want {
    const struct route_model *models[ROUTE_MODELS_MAX]; /* in order of preference */
    size_t n_models;
    struct provider_set only, ignore; /* only: any, unless only_set */
    bool only_set;
    /* Endpoints that the request cannot be sent to: bit i of the i-th endpoint of all models together, in order. */
    uint64_t unfit[ROUTE_ENDPOINTS_MAX / 64];
    uint16_t order[ROUTE_ORDER_MAX]; /* provider numbers, tried first and in this order */
    size_t n_order;
    bool order_set;          /* an order was given, even if it names no provider of ours */
    bool no_fallbacks;       /* one candidate */
    bool no_retention;       /* data_collection "deny" or zdr */
    int64_t max_prompt_pusd; /* per token, whichever of the price's tiers holds; < 0: any */
    int64_t max_completion_pusd;
    uint64_t prompt_most;    /* tokens that the prompt has at most: which tiers may hold */
    uint64_t received_ms;    /* unix: which of them hold at this time */
    uint16_t capabilities; /* enum catalog_capability bits the model must have */
    enum route_sort sort;
};

struct candidate {
    const struct route_endpoint *endpoint;
    const struct route_model *model;
    uint8_t reason; /* enum route_reason */
    bool probe;     /* half open: health_claim_probe() before using it */
};

enum route_refusal {
    ROUTE_OK,
    ROUTE_NO_ENDPOINT,    /* the models have no enabled endpoint at all */
    ROUTE_NO_PROVIDER,    /* provider.only/ignore/order left none */
    ROUTE_NO_PRIVACY,     /* data policy left none */
    ROUTE_NO_PRICE,       /* max_price left none */
    ROUTE_UNFIT,          /* no endpoint's dialect and gates take the request */
    ROUTE_NO_CAPABILITY,  /* require_parameters left none */
};

struct route {
    struct candidate list[LIMIT_CANDIDATES];
    size_t n;
    enum route_refusal refusal; /* ROUTE_OK exactly when n > 0 */
};

/* health is indexed by health slot through `read`, so that tests hand in a table. */
struct route_health {
    void (*read)(const void *cookie, uint32_t slot, struct health_view *out);
    const void *cookie;
};

void route_decide(const struct route_want *want, const struct route_health *health, uint64_t seed,
                  struct route *out);

#endif
