#include "route_decide.h"

#include <assert.h>

enum { OWN_ONLY_WEIGHT = 100 }; /* what an endpoint has in catalog.conf unless it says otherwise */

/* One eligible endpoint while it is being placed. */
struct entry {
    struct candidate c;
    uint8_t tier;  /* 0 healthy, 1 unhealthy, 2 cooling */
    uint8_t model; /* position in the request's list; 0 when it sorts across models */
    uint8_t rank;  /* position in provider.order; 255 when not named */
    bool slow;
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

/* -ln(u) for u in (0, 1], by basic operations alone: these are the same on every machine, which the C library's
 * log() is not. u = m * 2^-k with m in (1/2, 1]; ln m = 2 artanh((m - 1) / (m + 1)), whose series has |t| <= 1/3, so
 * that 16 terms leave less than 3^-33. */
static double minus_ln(double u)
{
    const double ln2 = 0.693147180559945309417232121458;
    double sum = 0, t, square, power;
    int halves = 0;

    assert(u > 0 && u <= 1);
    for (; u <= 0.5; u *= 2)
        halves++;
    t = (u - 1) / (u + 1);
    square = t * t;
    power = t;
    for (int i = 1; i < 33; i += 2) {
        sum += power / i;
        power *= square;
    }
    return halves * ln2 - 2 * sum;
}

const char *route_sort_name(enum route_sort s)
{
#define SORT_NAME(symbol, name, reason) [symbol] = name,
    static const char *const names[ROUTE_SORT_COUNT] = {ROUTE_SORTS(SORT_NAME)};

    return names[s];
}

const char *route_refusal_sentence(enum route_refusal r)
{
#define REFUSAL_SENTENCE(symbol, name, sentence) [symbol] = sentence,
    static const char *const sentences[ROUTE_REFUSAL_COUNT] = {ROUTE_REFUSALS(REFUSAL_SENTENCE)};

    return sentences[r];
}

const char *route_constraint(const struct route_want *w, enum route_refusal r)
{
#define REFUSAL_NAME(symbol, name, sentence) [symbol] = name,
    static const char *const names[ROUTE_REFUSAL_COUNT] = {ROUTE_REFUSALS(REFUSAL_NAME)};
    static const char *const privacy[ROUTE_PRIVACIES] = {
        [ROUTE_PRIVACY_ANY] = "data_collection", [ROUTE_DATA_COLLECTION] = "data_collection",
        [ROUTE_ZDR] = "zdr",                     [ROUTE_MIN_PRIVACY] = "min_privacy",
        [ROUTE_ALIAS] = "model",
    };

    return r == ROUTE_NO_PRIVACY ? privacy[w->privacy_by] : names[r];
}

const char *const route_quantizations[] = {
    [QUANTIZATION_UNKNOWN] = "unknown", [QUANTIZATION_INT4] = "int4",   [QUANTIZATION_INT8] = "int8",
    [QUANTIZATION_FP4] = "fp4",         [QUANTIZATION_MXFP4] = "mxfp4", [QUANTIZATION_NVFP4] = "nvfp4",
    [QUANTIZATION_FP6] = "fp6",         [QUANTIZATION_FP8] = "fp8",     [QUANTIZATION_MXFP8] = "mxfp8",
    [QUANTIZATION_FP16] = "fp16",       [QUANTIZATION_BF16] = "bf16",   [QUANTIZATION_FP32] = "fp32",
    [QUANTIZATION_COUNT] = NULL,
};

bool route_quantization_parse(struct view word, uint8_t *out)
{
    for (uint8_t i = 0; i < QUANTIZATION_COUNT; i++) {
        if (!view_eq_nocase(word, view_str(route_quantizations[i])))
            continue;
        *out = i;
        return true;
    }
    return false;
}

/* --- hard constraints */

/* What a typical token costs: chats read about three tokens for each one they write. */
static double endpoint_price(const struct catalog_endpoint *e)
{
    return (3.0 * (double)e->price.prompt_pusd + (double)e->price.completion_pusd) / 4.0;
}

static bool over(int64_t price, int64_t max)
{
    return max >= 0 && price > max;
}

/* No tier that may hold for this prompt may cost more. Thoughts are part of the completion. */
static bool too_dear(const struct route_want *w, const struct price *p)
{
    struct price_rates r;

    if (w->max_prompt_pusd < 0 && w->max_completion_pusd < 0 && w->max_audio_pusd < 0 &&
        w->max_request_nusd < 0 && w->max_image_nusd < 0)
        return false;
    price_dearest(p, w->prompt_most, w->received_ms, &r);
    return over(r.class_pusd[PRICE_CLASS_prompt], w->max_prompt_pusd) ||
           over(r.class_pusd[PRICE_CLASS_completion], w->max_completion_pusd) ||
           over(r.class_pusd[PRICE_CLASS_reasoning], w->max_completion_pusd) ||
           over(r.class_pusd[PRICE_CLASS_audio_input], w->max_audio_pusd) ||
           over(r.class_pusd[PRICE_CLASS_audio_output], w->max_audio_pusd) ||
           over(p->request_nusd, w->max_request_nusd) || over(p->image_nusd, w->max_image_nusd);
}

#define CLASS_IS_FREE(class, as) &&p->class##_pusd == 0
#define UNIT_IS_FREE(unit, what) &&p->unit##_nusd == 0
static bool is_free(const struct price *p)
{
    bool free = true PRICE_CLASSES(CLASS_IS_FREE) PRICE_UNITS(UNIT_IS_FREE);

    for (unsigned i = 0; i < p->n_tiers; i++)
        free = free && p->tier[i].prompt_pusd == 0 && p->tier[i].completion_pusd == 0 &&
               p->tier[i].cached_pusd == 0 && p->tier[i].cache_write_pusd == 0;
    return free;
}

static bool pick_is(const struct route_pick *p, const struct catalog_endpoint *e)
{
    return p->provider_no == e->provider_no &&
           (p->quantization == ROUTE_ANY || p->quantization == e->quantization);
}

static bool picked(const struct route_pick *list, size_t n, const struct catalog_endpoint *e)
{
    for (size_t i = 0; i < n; i++)
        if (pick_is(&list[i], e))
            return true;
    return false;
}

static uint8_t order_rank(const struct route_want *w, const struct catalog_endpoint *e)
{
    for (size_t i = 0; i < w->n_order; i++)
        if (pick_is(&w->order[i], e))
            return (uint8_t)i;
    return UINT8_MAX;
}

bool route_order_allows(const struct route_want *w, const struct catalog_endpoint *e)
{
    return !w->no_fallbacks || !w->order_set || order_rank(w, e) != UINT8_MAX;
}

static enum route_refusal provider_refusal(const struct route_want *w,
                                           const struct catalog_endpoint *e)
{
    assert(e->provider_no < LIMIT_PROVIDERS);
    if (w->only_set && !provider_set_has(&w->only, e->provider_no) &&
        !picked(w->only_pick, w->n_only_picks, e))
        return ROUTE_NO_PROVIDER;
    if (provider_set_has(&w->ignore, e->provider_no) || picked(w->ignore_pick, w->n_ignore_picks, e))
        return ROUTE_IGNORED;
    if (!route_order_allows(w, e))
        return ROUTE_NOT_IN_ORDER;
    return ROUTE_OK;
}

/* The first hard constraint that e breaks; ROUTE_OK when it may serve. */
static enum route_refusal endpoint_refusal(const struct route_want *w, const struct route_model *m,
                                           const struct route_endpoint *e)
{
    const struct catalog_endpoint *i = e->info;
    enum route_refusal r = provider_refusal(w, i);

    if (i->weight == 0 && !(w->own_keys && i->own_only))
        return ROUTE_NO_ENDPOINT;
    if (r != ROUTE_OK)
        return r;
    if ((route_places(e->provider) & w->places) != w->places)
        return ROUTE_NO_PLACE;
    if (w->no_retention && (provider_keeps(e->provider) || i->retains_data))
        return ROUTE_NO_PRIVACY;
    if (w->confidential && !e->provider->confidential)
        return ROUTE_NO_CONFIDENTIAL;
    if (w->quantizations != 0 && (w->quantizations >> i->quantization & 1) == 0)
        return ROUTE_NO_QUANTIZATION;
    if (w->free_only && !is_free(&i->price))
        return ROUTE_NOT_FREE;
    if (too_dear(w, &i->price))
        return ROUTE_NO_PRICE;
    if ((m->info->capabilities & ~i->lacks & w->capabilities) != w->capabilities ||
        (m->info->gates.bits & w->gates) != 0)
        return ROUTE_NO_CAPABILITY;
    return ROUTE_OK;
}

static enum route_refusal refusal_of(const struct route_want *w, const struct route_model *m,
                                     const struct route_endpoint *e, size_t at)
{
    enum route_refusal r = ROUTE_UNFIT;

    if ((w->barred[at / 64] >> at % 64 & 1) != 0)
        return ROUTE_BARRED;
    if ((w->unfit[at / 64] >> at % 64 & 1) == 0)
        r = endpoint_refusal(w, m, e);
    if (r == ROUTE_OK && (w->lossy[at / 64] >> at % 64 & 1) != 0)
        r = ROUTE_NO_CAPABILITY;
    return r;
}

/* --- health */

size_t route_endpoints(const struct route_want *w)
{
    size_t n = 0;

    for (size_t m = 0; m < w->n_models; m++)
        n += w->models[m]->n_endpoints;
    return n < ROUTE_ENDPOINTS_MAX ? n : ROUTE_ENDPOINTS_MAX;
}

/* Who was never measured meets every wish: that is how it gets measured. */
static bool is_slow(const struct route_want *w, const struct health_view *h)
{
    for (unsigned i = 0; i < ROUTE_PERCENTILES; i++)
        if ((w->latency_us[i] != 0 && h->latency_us[i] > w->latency_us[i]) ||
            (w->throughput[i] != 0 && h->throughput[i] != 0 &&
             h->throughput[i] < w->throughput[i]))
            return true;
    return false;
}

static uint32_t figure_of(const struct route_want *w, const struct health_view *h)
{
    if (h->state == HEALTH_COOLING)
        return h->cool_ms;
    switch ((enum route_sort)w->sort) {
    case ROUTE_LATENCY:
        return h->first_byte_us;
    case ROUTE_THROUGHPUT:
        return h->tokens_per_s;
    case ROUTE_EXACTO:
        return h->failed_permille;
    case ROUTE_BALANCE:
    case ROUTE_PRICE:
    case ROUTE_SORT_COUNT:
        break;
    }
    return 0;
}

void route_judge(const struct route_want *w, const struct route_health *health,
                 struct route_judged out[static ROUTE_ENDPOINTS_MAX])
{
    size_t at = 0;

    for (size_t m = 0; m < w->n_models; m++) {
        for (size_t i = 0; i < w->models[m]->n_endpoints && at < ROUTE_ENDPOINTS_MAX; i++, at++) {
            const struct route_endpoint *e = &w->models[m]->endpoints[i];
            struct health_view h;

            out[at] = (struct route_judged){0};
            if (refusal_of(w, w->models[m], e, at) != ROUTE_OK)
                continue;
            health->read(health->cookie, e->health_slot, &h);
            out[at] = (struct route_judged){
                .state = (uint8_t)h.state, .slow = is_slow(w, &h), .figure = figure_of(w, &h)};
        }
    }
}

/* --- the order */

/* Never measured sorts first, where there is a measure: that is how it gets measured. */
static double entry_key(const struct route_want *w, const struct catalog_endpoint *e,
                        uint32_t figure, double draw)
{
    double price = endpoint_price(e);

    switch ((enum route_sort)w->sort) {
    case ROUTE_PRICE:
        return price;
    case ROUTE_LATENCY:
        return figure;
    case ROUTE_THROUGHPUT:
        return figure == 0 ? 0 : 1.0 / figure;
    case ROUTE_EXACTO: /* of equally reliable ones the cheaper; no price reaches 2^63 */
        return figure + price / 18446744073709551616.0;
    case ROUTE_BALANCE:
    case ROUTE_SORT_COUNT:
        break;
    }
    /* The weighted draw without replacement is Efraimidis and Spirakis': sort by -log(u)/weight, the smallest
     * first. Free endpoints: one pico-USD keeps the weight finite. */
    if (price < 1.0)
        price = 1.0;
    return minus_ln(draw) * price * price / (e->weight != 0 ? e->weight : OWN_ONLY_WEIGHT);
}

/* Where an eligible endpoint belongs. */
static void entry_place(struct entry *x, const struct route_want *w, const struct route_judged *j,
                        uint64_t *random)
{
#define SORT_REASON(symbol, name, reason) [symbol] = reason,
    static const uint8_t reasons[ROUTE_SORT_COUNT] = {ROUTE_SORTS(SORT_REASON)};
    const struct catalog_endpoint *e = x->c.endpoint->info;

    x->tier = j->state == HEALTH_GOOD ? 0 : j->state == HEALTH_COOLING ? 2 : 1;
    x->rank = order_rank(w, e);
    x->slow = j->slow;
    x->c.probe = j->state == HEALTH_PROBE;
    x->key = entry_key(w, e, j->figure, random_unit(random));
    x->c.reason = reasons[w->sort];
    if (x->rank != UINT8_MAX)
        x->c.reason = ROUTE_REASON_ORDER;
    if (x->tier != 0)
        x->c.reason = ROUTE_REASON_UNHEALTHY;
    if (x->tier == 2)
        x->key = j->figure; /* the one that is over soonest first */
    /* Time to try once: it goes before those that are healthy, or it would never be tried while there
     * are any. One request claims the probe; the others leave it out. */
    if (x->c.probe) {
        x->tier = 0;
        x->slow = false;
        x->key = -1; /* below every draw, price and figure */
    }
}

/* Who said 429 goes last. The asked model comes before its fallbacks; inside a model: the client's
 * order, then health, then the wishes, then the sort order. */
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
    if (a->slow != b->slow)
        return b->slow;
    if (a->key != b->key)
        return a->key < b->key;
    return a->c.endpoint->info->no < b->c.endpoint->info->no;
}

/* The first LIMIT_CANDIDATES of them, in order. Returns how many are kept. */
static size_t entries_insert(struct entry list[static LIMIT_CANDIDATES], size_t n, const struct entry *x)
{
    size_t at = n < LIMIT_CANDIDATES ? n : LIMIT_CANDIDATES - 1;

    if (n == LIMIT_CANDIDATES && !entry_before(x, &list[at]))
        return n;
    for (; at > 0 && entry_before(x, &list[at - 1]); at--)
        list[at] = list[at - 1];
    list[at] = *x;
    return n < LIMIT_CANDIDATES ? n + 1 : n;
}

static void note_removed(struct route *out, const struct route_model *m,
                         const struct route_endpoint *e, enum route_refusal why)
{
    if (out->n_removed < ROUTE_REMOVED_MAX)
        out->removed[out->n_removed] =
            (struct route_removed){.endpoint = e, .model = m, .why = (uint8_t)why};
    out->n_removed++;
}

void route_rank(const struct route_want *w, const struct route_judged *judged, uint64_t seed,
                struct route *out)
{
    struct entry list[LIMIT_CANDIDATES];
    enum route_refusal nearest = ROUTE_NO_ENDPOINT;
    size_t n = 0, eligible = 0, at = 0; /* at: the endpoint's place among all */

    assert(w->n_models <= ROUTE_MODELS_MAX && w->sort < ROUTE_SORT_COUNT);
    *out = (struct route){.refusal = ROUTE_OK};
    for (size_t m = 0; m < w->n_models; m++) {
        for (size_t i = 0; i < w->models[m]->n_endpoints && at < ROUTE_ENDPOINTS_MAX; i++, at++) {
            const struct route_endpoint *e = &w->models[m]->endpoints[i];
            enum route_refusal r = refusal_of(w, w->models[m], e, at);
            struct entry x = {.c = {.endpoint = e, .model = w->models[m]},
                              .model = w->across_models ? 0 : (uint8_t)m};

            if (r != ROUTE_OK) {
                note_removed(out, w->models[m], e, r);
                nearest = r > nearest ? r : nearest;
                continue;
            }
            entry_place(&x, w, &judged[at], &seed);
            n = entries_insert(list, n, &x);
            eligible++;
        }
    }
    if (n == 0) {
        out->refusal = nearest;
        return;
    }
    if (eligible == 1)
        list[0].c.reason = ROUTE_REASON_ONLY_ONE;
    out->n = w->no_fallbacks ? 1 : n;
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = list[i].c;
}

void route_decide(const struct route_want *w, const struct route_health *health, uint64_t seed,
                  struct route *out)
{
    struct route_judged judged[ROUTE_ENDPOINTS_MAX];

    route_judge(w, health, judged);
    route_rank(w, judged, seed, out);
}
