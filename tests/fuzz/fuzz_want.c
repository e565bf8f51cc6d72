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
    struct catalog c = {.version = 1, .n_models = 2, .n_endpoints = 4};
    enum err e;

    if (store != NULL)
        return catalog_acquire(store, 0);
    c.models = calloc(2, sizeof *c.models);
    c.endpoints = calloc(4, sizeof *c.endpoints);
    for (uint32_t i = 0; i < 4; i++)
        c.endpoints[i] = (struct catalog_endpoint){.no = i + 1, .model_no = i / 2 + 1,
                                                   .provider_no = (uint16_t)(i % 2), .weight = 1,
                                                   .price.prompt_pusd = 500000 * (i + 1),
                                                   .price.completion_pusd = 1500000};
    c.models[0] = (struct catalog_model){.no = 1, .id = "x/one", .capabilities = CAP_TOOLS};
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

    assert(!w->only_set || provider_set_has(&w->only, no));
    assert(!provider_set_has(&w->ignore, no));
    assert(!w->no_retention || !c->endpoint->provider->retains_data);
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
    struct route_want want;
    struct api_failure f;
    struct route route;

    if (chat_request_parse(view_of(data, size), &q, &facts, &fault) == ERR_NONE) {
        enum err e = want_read(&facts, s, &providers, &want, &f);

        if (e != ERR_NONE) {
            check_refusal(e, f.error, &facts);
        } else {
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
