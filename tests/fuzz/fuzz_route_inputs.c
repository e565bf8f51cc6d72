/* The inputs of a decision come out of a receipt that anybody may have written: no crash, and what is accepted is the one
 * form of what it says, from which a decision can be made that keeps to it. */
#include "route_inputs.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODELS = 4, EACH = 3 };

static struct provider providers[EACH] = {{.no = 0, .id = "a", .retains_data = true},
                                          {.no = 1, .id = "b", .confidential = true},
                                          {.no = 2, .id = "c", .jurisdiction = "DE", .region = "eu-1"}};
static struct catalog_model infos[MODELS];
static struct catalog_endpoint rows[MODELS * EACH];
static struct route_endpoint endpoints[MODELS * EACH];
static struct route_model models[MODELS];

static const struct route_model *model_of(const void *cookie, uint32_t no)
{
    (void)cookie;
    return no < MODELS ? &models[no] : NULL;
}

static void make(void)
{
    for (uint32_t i = 0; i < MODELS * EACH; i++) {
        rows[i] = (struct catalog_endpoint){.no = i + 1,
                                            .model_no = i / EACH,
                                            .provider_no = (uint16_t)(i % EACH),
                                            .weight = (uint16_t)(i % 5),
                                            .quantization = (uint8_t)(i % QUANTIZATION_COUNT),
                                            .price = {.prompt_pusd = i * 100, .completion_pusd = i}};
        endpoints[i] = (struct route_endpoint){.info = &rows[i], .provider = &providers[i % EACH]};
    }
    for (uint32_t i = 0; i < MODELS; i++) {
        infos[i].no = i;
        models[i] = (struct route_model){.info = &infos[i], .endpoints = &endpoints[i * EACH], .n_endpoints = EACH};
    }
}

static void check_candidate(const struct route_want *w, const struct candidate *c)
{
    const struct catalog_endpoint *e = c->endpoint->info;

    assert(e->weight != 0 && !provider_set_has(&w->ignore, e->provider_no));
    assert(!w->no_retention || e->provider_no != 0);
    assert(!w->confidential || e->provider_no == 1);
    assert(w->places == 0 || (e->provider_no == 2 && (w->places & ROUTE_LAW_US) == 0));
    assert(w->quantizations == 0 || (w->quantizations >> e->quantization & 1) != 0);
    assert(w->max_prompt_pusd < 0 || e->price.prompt_pusd <= w->max_prompt_pusd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct providers none;
    const struct route_catalog catalog = {model_of, NULL};
    struct route_judged judged[ROUTE_ENDPOINTS_MAX];
    uint8_t again[ROUTE_INPUTS_MAX];
    struct route_want w;
    struct route route;
    struct buf told;

    make();
    if (size > ROUTE_INPUTS_MAX || route_inputs_read(view_of(data, size), &catalog, &w, judged) != ERR_NONE)
        return 0;
    assert(route_inputs_write(&w, judged, again) == size && memcmp(again, data, size) == 0);
    route_rank(&w, judged, size, &route);
    assert((route.n == 0) == (route.refusal != ROUTE_OK) && (!w.no_fallbacks || route.n <= 1));
    for (size_t i = 0; i < route.n; i++)
        check_candidate(&w, &route.list[i]);
    buf_init(&told, 1 << 16);
    assert(route_inputs_tell(&w, &none, &told) == ERR_NONE);
    buf_free(&told);
    return 0;
}
