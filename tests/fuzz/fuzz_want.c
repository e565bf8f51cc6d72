/* Whatever a client puts into "models" and "provider": no crash, a refusal always has its answer, and
 * an accepted request never has more candidates than its hard constraints allow. */
#include "chat_request.h"
#include "want.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct providers providers = {
    .n = 2,
    .list = {{.no = 0, .id = "demo-a", .name = "Demo A", .retains_data = true},
             {.no = 1, .id = "demo-b", .name = "Demo B"}},
};

static struct snapshot *snapshot_of_two(void)
{
    static struct health *health;
    static struct catalog_store *store;
    static const struct catalog_alias aliases[] = {
        {.id = "trustedrouter/zdr", .model = {1, 2}, .n_models = 2, .wants = ALIAS_NO_RETENTION},
        {.id = "trustedrouter/eu", .model = {2}, .n_models = 1, .wants = ALIAS_EU},
        {.id = "trustedrouter/free", .model = {1}, .n_models = 1, .wants = ALIAS_FREE, .sort = ALIAS_SORT_PRICE},
    };
    struct catalog c = {.version = 1, .n_models = 2, .n_endpoints = 4, .n_aliases = 3};
    enum err e;

    if (store != NULL)
        return catalog_acquire(store, 0);
    c.models = calloc(2, sizeof *c.models);
    c.endpoints = calloc(4, sizeof *c.endpoints);
    c.aliases = calloc(3, sizeof *c.aliases);
    memcpy(c.aliases, aliases, sizeof aliases);
    for (uint32_t i = 0; i < 4; i++)
        c.endpoints[i] = (struct catalog_endpoint){.no = i + 1, .model_no = i / 2 + 1,
                                                   .provider_no = (uint16_t)(i % 2), .weight = 1,
                                                   .price.prompt_pusd = 500000 * (i + 1),
                                                   .price.completion_pusd = 1500000,
                                                   .quantization = i % 2 == 0 ? QUANTIZATION_FP8 : QUANTIZATION_UNKNOWN};
    c.models[0] = (struct catalog_model){.no = 1, .id = "x/one", .capabilities = CAP_TOOLS,
                                         .fallback = {2}, .n_fallbacks = 1};
    c.models[1] = (struct catalog_model){.no = 2, .id = "x/two"};
    e = health_new(&health);
    if (e == ERR_NONE)
        e = catalog_store_new(&providers, health, 1, &store);
    if (e == ERR_NONE)
        e = catalog_store_publish(store, &c);
    assert(e == ERR_NONE);
    return catalog_acquire(store, 0);
}

static void read_good(const void *cookie, uint32_t slot, struct health_view *out)
{
    (void)cookie, (void)slot;
    memset(out, 0, sizeof *out);
}

static void check_candidate(const struct route_want *w, const struct candidate *c)
{
    uint16_t no = c->endpoint->info->provider_no;

    bool variant = false;

    for (unsigned i = 0; i < w->n_only_picks; i++)
        variant = variant || (w->only_pick[i].provider_no == no &&
                              w->only_pick[i].quantization == c->endpoint->info->quantization);
    assert(!w->only_set || provider_set_has(&w->only, no) || variant);
    assert(!provider_set_has(&w->ignore, no));
    assert(!w->no_retention || !c->endpoint->provider->retains_data);
    assert(!w->confidential && !w->free_only && w->places == 0); /* none is */
    assert(w->quantizations == 0 || (w->quantizations >> c->endpoint->info->quantization & 1) != 0);
    assert((c->model->info->capabilities & w->capabilities) == w->capabilities);
    assert(w->max_prompt_pusd < 0 || c->endpoint->info->price.prompt_pusd <= w->max_prompt_pusd);
}

/* The refusals that reading preferences has, each with its one answer; `asked` is the member of "provider" without
 * which the answer would be wrong: only who asks for an attested provider is told that there is none (503). */
static const struct {
    enum err e;
    enum api_error error;
    const char *asked;
    unsigned kind; /* of its value: 1 << enum json_kind */
} refusals[] = {
    {ERR_FORMAT, API_BAD_REQUEST, NULL, 0},
    {ERR_DUPLICATE, API_DUPLICATE_KEY, NULL, 0},
    {ERR_NOT_FOUND, API_NO_MODEL, NULL, 0},
    {ERR_UNSUPPORTED, API_UNSUPPORTED_PARAMETER, NULL, 0},
    {ERR_UNSUPPORTED, API_WRONG_REGION, NULL, 0},
    {ERR_UNSUPPORTED, API_UNVERIFIED, "aci_verified", 1u << JSON_TRUE},
    {ERR_UNSUPPORTED, API_NO_SESSION, "aci_session_ids", 1u << JSON_ARRAY},
};

static void check_refusal(enum err e, enum api_error error, const struct prompt *facts)
{
    struct json_value v;
    size_t i = 0;

    while (i < sizeof refusals / sizeof refusals[0] && (refusals[i].e != e || refusals[i].error != error))
        i++;
    assert(i < sizeof refusals / sizeof refusals[0]);
    assert(refusals[i].asked == NULL ||
           (json_get(facts->provider, refusals[i].asked, &v) && (1u << v.kind & refusals[i].kind) != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot *s = snapshot_of_two();
    struct route_health health = {read_good, NULL};
    struct chat_request q;
    struct prompt facts;
    struct prompt_fault fault = {0};
    static const struct want_given given = {"us-east-1", "https://eu.example/v1", false};
    struct route_want want;
    struct want_notes notes;
    struct api_failure f;
    struct route route;

    if (chat_request_parse(view_of(data, size), &q, &facts, &fault) == ERR_NONE) {
        enum err e = want_read(&facts, s, &providers, &given, &want, &notes, &f);

        if (e != ERR_NONE) {
            check_refusal(e, f.error, &facts);
        } else {
            assert(strnlen(notes.skipped, sizeof notes.skipped) < sizeof notes.skipped);
            route_decide(&want, &health, size, &route);
            assert((route.n == 0) == (route.refusal != ROUTE_OK));
            assert(!want.no_fallbacks || route.n <= 1);
            for (size_t i = 0; i < route.n; i++)
                check_candidate(&want, &route.list[i]);
        }
    }
    snapshot_release(s);
    return 0;
}
