/* Which endpoints may serve a request, and in which order: a pure function of the catalog, the request's
 * constraints, what is known of the endpoints' health, and a seed, so that a decision can be replayed
 * (route_inputs.h). Health only orders: an endpoint that failed or said 429 is tried last, never left out, because
 * the worst it can do is to fail once more. */
#ifndef TR_PROTO_ROUTE_DECIDE_H
#define TR_PROTO_ROUTE_DECIDE_H

#include "bounds.h"
#include "message.h"
#include "providers.h"
#include "usage.h" /* enum route_reason */

enum {
    ROUTE_NAMED_MAX = 8, /* models that "model" and "models[]" name together, aliases resolved */
    ROUTE_MODELS_MAX = ROUTE_NAMED_MAX + CATALOG_FALLBACKS,
    ROUTE_ENDPOINTS_MAX = 512, /* of these models; later ones are left out */
    ROUTE_ORDER_MAX = 64,      /* providers that provider.order may name */
    ROUTE_PICKS_MAX = 16,      /* variants ("deepinfra/fp8") that only and ignore may name each */
    ROUTE_REMOVED_MAX = 12,    /* removed endpoints that a refusal names */
};

/* --- the catalog, as it is searched */

struct route_endpoint {
    const struct catalog_endpoint *info;
    const struct provider *provider;
    uint32_t health_slot;
};

struct route_model {
    const struct catalog_model *info;
    const struct route_endpoint *endpoints; /* those whose provider is measured */
    size_t n_endpoints;
    uint64_t name, author; /* what rules of keys call it (key_rules.h); 0 where no key is looked at */
};

/* --- health */

enum health_state {
    HEALTH_GOOD,
    HEALTH_PROBE,   /* the breaker was open; it is time to try once */
    HEALTH_OPEN,    /* failing: only when nothing better is left */
    HEALTH_COOLING, /* said 429: not before cool_ms have passed */
};

enum route_percentile { ROUTE_P50, ROUTE_P75, ROUTE_P90, ROUTE_P99, ROUTE_PERCENTILES };

struct health_view {
    enum health_state state;
    uint32_t cool_ms;         /* HEALTH_COOLING: what is left */
    uint32_t first_byte_us;   /* smoothed; 0: never measured */
    uint32_t tokens_per_s;    /* of output, smoothed; 0: never measured */
    uint32_t failed_permille; /* of the last day's outcomes; 0 also when there was none */
    /* Of the last hour: the share of answers that the name says began within so many microseconds, or were
     * written at least so fast; 0: too few were measured. */
    uint32_t latency_us[ROUTE_PERCENTILES], throughput[ROUTE_PERCENTILES];
};

/* --- what the request asked for */

/* As enum catalog_alias.sort has it. X(symbol, name, reason) */
#define ROUTE_SORTS(X)                                                                             \
    X(ROUTE_BALANCE, "balance", ROUTE_REASON_BALANCE)       /* drawn by inverse square price */    \
    X(ROUTE_PRICE, "price", ROUTE_REASON_PRICE)             /* the cheapest first */               \
    X(ROUTE_LATENCY, "latency", ROUTE_REASON_LATENCY)       /* the quickest to begin first */      \
    X(ROUTE_THROUGHPUT, "throughput", ROUTE_REASON_THROUGHPUT) /* the quickest to write first */   \
    X(ROUTE_EXACTO, "exacto", ROUTE_REASON_EXACTO)          /* the fewest failures first */
#define ROUTE_SORT_ENUM(symbol, name, reason) symbol,
enum route_sort { ROUTE_SORTS(ROUTE_SORT_ENUM) ROUTE_SORT_COUNT };
#undef ROUTE_SORT_ENUM
const char *route_sort_name(enum route_sort s);

/* Where an endpoint's provider must be. */
enum route_place {
    ROUTE_LAW_EU = 1, /* its jurisdiction is the EU or a member state */
    ROUTE_LAW_US = 2,
    ROUTE_IN_EU = 4, /* its region is in the EU */
    ROUTE_PLACES = 7,
};
/* Of a row of providers.conf; unknown is none. Zones of large clouds that are called "europe" and are in Zurich or London are
 * not in the EU. */
unsigned route_places(const struct provider *p);
/* Of a region's name: is it in the EU? */
bool route_region_in_eu(const char *region);

/* A provider, or its endpoints of one quantization: "deepinfra/fp8". */
struct route_pick {
    uint16_t provider_no;
    uint8_t quantization; /* enum catalog_quantization; ROUTE_ANY */
};
enum { ROUTE_ANY = UINT8_MAX };
/* OpenRouter's words ("fp8") by enum catalog_quantization, ended by NULL. */
extern const char *const route_quantizations[];
/* Without case. False: it is none. */
bool route_quantization_parse(struct view word, uint8_t *out);

/* Which member asked for no retention: the refusal names it. */
enum route_privacy {
    ROUTE_PRIVACY_ANY,
    ROUTE_DATA_COLLECTION,
    ROUTE_ZDR,
    ROUTE_MIN_PRIVACY,
    ROUTE_ALIAS,
    ROUTE_PRIVACIES
};

/* Everything but order, sort, the wishes and health is hard: no candidate is an error, never a downgrade. */
struct route_want {
    const struct route_model *models[ROUTE_MODELS_MAX]; /* in order of preference */
    size_t n_models;
    size_t n_named; /* of these the client named so many; the rest are the catalog's fallbacks */
    struct provider_set only, ignore; /* only: any, unless only_set */
    bool only_set;
    struct route_pick only_pick[ROUTE_PICKS_MAX], ignore_pick[ROUTE_PICKS_MAX]; /* variants, beside the sets */
    uint8_t n_only_picks, n_ignore_picks;
    /* Endpoints that the request cannot be sent to: bit i of the i-th endpoint of all models together, in order. */
    uint64_t unfit[ROUTE_ENDPOINTS_MAX / 64];
    /* Likewise, endpoints that would get it without one of its parameters, which require_parameters forbids. */
    uint64_t lossy[ROUTE_ENDPOINTS_MAX / 64];
    /* Likewise, endpoints that the key's rules leave out. */
    uint64_t barred[ROUTE_ENDPOINTS_MAX / 64];
    struct route_pick order[ROUTE_ORDER_MAX]; /* tried first and in this order */
    size_t n_order;
    bool order_set;      /* an order was given, even if it names no provider of ours */
    bool no_fallbacks;   /* one candidate */
    bool no_retention;   /* only providers that keep no prompts, and so can train no model with them */
    uint8_t privacy_by;  /* enum route_privacy: who asked for that */
    bool confidential;   /* only providers whose row says that they run inside attested hardware */
    bool own_keys;       /* decided for customers' own keys: endpoints that are off for want of an operator's serve too */
    bool free_only;      /* only endpoints that cost nothing */
    uint8_t places;      /* enum route_place bits, all of them hold */
    uint16_t quantizations; /* bit per enum catalog_quantization; 0: any */
    int64_t max_prompt_pusd; /* per token; < 0: any. Held against the dearest tier that may hold */
    int64_t max_completion_pusd, max_audio_pusd;
    int64_t max_request_nusd, max_image_nusd; /* per request, per image made; < 0: any */
    uint64_t prompt_most;  /* tokens that the prompt has at most: which tiers may hold */
    uint64_t received_ms;  /* unix: which of them hold at this time */
    uint16_t capabilities; /* enum catalog_capability bits that model and endpoint must have */
    uint32_t gates;        /* enum model_gate bits that the model must not have */
    uint8_t sort;          /* enum route_sort */
    bool across_models;    /* sort over all models together instead of inside each */
    /* Wishes: who is not known to meet one comes behind those that do. 0: none. */
    uint32_t latency_us[ROUTE_PERCENTILES], throughput[ROUTE_PERCENTILES];
};
/* Asks for nothing. */
#define ROUTE_WANT_ANY                                                                             \
    {.max_prompt_pusd = -1, .max_completion_pusd = -1, .max_audio_pusd = -1,                       \
     .max_request_nusd = -1, .max_image_nusd = -1}

/* --- the decision */

/* Why an endpoint is no candidate. A later one is nearer to being served: of a request without candidates the
 * greatest is told. X(symbol, the constraint's name, sentence) */
#define ROUTE_REFUSALS(X)                                                                          \
    X(ROUTE_OK, "", "")                                                                            \
    X(ROUTE_NO_ENDPOINT, "disabled", "No provider of this model is enabled at present.")           \
    X(ROUTE_BARRED, "key", "The key's own rules leave no provider of this model.")                 \
    X(ROUTE_NO_PROVIDER, "only",                                                                   \
      "provider.only, provider.ignore or provider.order leave no provider of this model.")         \
    X(ROUTE_IGNORED, "ignore",                                                                     \
      "provider.only, provider.ignore or provider.order leave no provider of this model.")         \
    X(ROUTE_NOT_IN_ORDER, "order",                                                                 \
      "provider.only, provider.ignore or provider.order leave no provider of this model.")         \
    X(ROUTE_NO_PLACE, "jurisdiction",                                                              \
      "No provider of this model is in the region and jurisdiction that the request or its key "   \
      "demands.")                                                                                  \
    X(ROUTE_NO_PRIVACY, "data_collection",                                                         \
      "No provider of this model promises to keep no data, as data_collection:\"deny\", zdr, "     \
      "min_privacy or the alias demand.")                                                          \
    X(ROUTE_NO_CONFIDENTIAL, "min_privacy",                                                        \
      "No provider of this model runs inside attested hardware, as min_privacy, the alias or the " \
      "key demand.")                                                                                   \
    X(ROUTE_NO_QUANTIZATION, "quantizations",                                                      \
      "No provider of this model has one of provider.quantizations.")                              \
    X(ROUTE_NOT_FREE, "free", "No provider of this model serves it for nothing.")                  \
    X(ROUTE_NO_PRICE, "max_price", "No provider of this model is within provider.max_price.")      \
    X(ROUTE_UNFIT, "request",                                                                      \
      "No provider of this model can be sent a request of this form.")                             \
    X(ROUTE_NO_CAPABILITY, "require_parameters",                                                   \
      "No provider of this model supports every parameter of the request, as "                     \
      "provider.require_parameters demands.")
#define ROUTE_REFUSAL_ENUM(symbol, name, sentence) symbol,
enum route_refusal { ROUTE_REFUSALS(ROUTE_REFUSAL_ENUM) ROUTE_REFUSAL_COUNT };
#undef ROUTE_REFUSAL_ENUM
const char *route_refusal_sentence(enum route_refusal r);
/* The member, or the alias, that removed an endpoint: "max_price". */
const char *route_constraint(const struct route_want *w, enum route_refusal r);
/* allow_fallbacks:false beside an order means: these providers or none. */
bool route_order_allows(const struct route_want *w, const struct catalog_endpoint *e);

struct candidate {
    const struct route_endpoint *endpoint;
    const struct route_model *model;
    uint8_t reason; /* enum route_reason */
    bool probe;     /* half open: health_claim_probe() before using it */
    uint8_t own;    /* 1 + place among the account's own provider keys (dataplane/core/own.h); 0: the operator's */
};

struct route_removed {
    const struct route_endpoint *endpoint;
    const struct route_model *model;
    uint8_t why; /* enum route_refusal */
};

struct route {
    struct candidate list[LIMIT_CANDIDATES];
    size_t n;
    enum route_refusal refusal; /* ROUTE_OK exactly when n > 0 */
    struct route_removed removed[ROUTE_REMOVED_MAX]; /* the first ones, in catalog order */
    size_t n_removed;                                /* how many there are */
};

/* What a decision uses of an endpoint's health. */
struct route_judged {
    uint8_t state;   /* enum health_state */
    bool slow;       /* a wish is not met */
    uint32_t figure; /* HEALTH_COOLING: cool_ms; else the sort order's figure, 0: none */
};

/* health is indexed by health slot through `read`, so that tests hand in a table. */
struct route_health {
    void (*read)(const void *cookie, uint32_t slot, struct health_view *out);
    const void *cookie;
};

/* How many endpoints take part: at most ROUTE_ENDPOINTS_MAX. */
size_t route_endpoints(const struct route_want *w);
/* One entry for each endpoint of all models together, in order. Endpoints that may not serve are all zero. */
void route_judge(const struct route_want *want, const struct route_health *health,
                 struct route_judged out[static ROUTE_ENDPOINTS_MAX]);
void route_rank(const struct route_want *want, const struct route_judged *judged, uint64_t seed,
                struct route *out);
/* The two in one. */
void route_decide(const struct route_want *want, const struct route_health *health, uint64_t seed,
                  struct route *out);

#endif
