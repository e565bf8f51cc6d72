/* A constraint that is lost anywhere between a request's text and its candidates sends a prompt where its owner forbade
 * it. Random requests are written as JSON, read and decided by the real code on random catalogs of every size up to the
 * limits, and judged by an oracle that knows the generated request, the catalog's rows and nothing of the code. */
#include "check.h"
#include "chat_request.h"
#include "route_inputs.h"
#include "want.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

static bool chance(uint32_t percent)
{
    return draw(100) < percent;
}

/* --- random catalogs */

static struct providers providers;
static struct catalog rows; /* what the oracle looks at: a copy that the store never sees */
static struct health *health;
static struct catalog_store *store;
static struct snapshot *snapshot;

static const char *const words[] = {"unknown", "int4", "int8", "fp4", "mxfp4", "nvfp4",
                                    "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32"};

static void providers_draw(size_t n)
{
    static const char *const laws[] = {"", "US", "DE", "EU", "CN", "fr", "GB"};
    static const char *const regions[] = {"", "us-east", "eu-central-1", "eu-west-2", "ap-1", "fr-par"};

    memset(&providers, 0, sizeof providers);
    providers.n = n;
    for (uint16_t i = 0; i < n; i++) {
        struct provider *p = &providers.list[i];

        p->no = i;
        snprintf(p->id, sizeof p->id, "p%03u", i); /* none is the beginning of another */
        snprintf(p->name, sizeof p->name, "Provider %03u", i);
        snprintf(p->jurisdiction, sizeof p->jurisdiction, "%s", laws[draw(7)]);
        snprintf(p->region, sizeof p->region, "%s", regions[draw(6)]);
        p->retains_data = chance(50);
        p->trains = chance(20);
        p->trains = chance(10);
        p->confidential = chance(20);
        if (chance(20)) {
            snprintf(p->drop.name[0], sizeof p->drop.name[0], "temperature");
            p->drop.n = 1;
        }
    }
}

enum { RECEIVED_MS = 90 * 60000 };

static void price_draw(struct price *p)
{
    bool free = chance(10);

    if (free)
        return;
    p->prompt_pusd = draw(20) * 100000;
    p->completion_pusd = draw(20) * 200000;
    p->audio_input_pusd = p->prompt_pusd;
    p->audio_output_pusd = p->completion_pusd;
    p->reasoning_pusd = p->completion_pusd;
    p->request_nusd = chance(20) ? 1000000 : 0;
    p->image_nusd = chance(20) ? 40000000 : 0;
    if (chance(30)) {
        p->n_tiers = 1;
        p->tier[0] = (struct price_tier){.above_prompt_tokens = chance(50) ? 1 : 100000,
                                         .prompt_pusd = 2 * p->prompt_pusd,
                                         .completion_pusd = 2 * p->completion_pusd};
        if (chance(30)) /* of the hour; a request is received in the second of the day */
            p->tier[0].until_minute = chance(50) ? 60 : 120;
    }
}

static void rows_draw(size_t n_models, size_t n_endpoints)
{
    rows = (struct catalog){.version = 1, .n_models = n_models, .n_endpoints = n_endpoints};
    rows.models = calloc(n_models, sizeof *rows.models);
    rows.endpoints = calloc(n_endpoints, sizeof *rows.endpoints);
    for (uint32_t i = 0; i < n_models; i++) {
        struct catalog_model *m = &rows.models[i];

        m->no = i * 7 + 1;
        snprintf(m->id, sizeof m->id, "a%u/m%u", i % 5, i);
        m->capabilities = (uint16_t)(chance(50) ? CAP_TOOLS : 0);
        m->gates.bits = chance(20) ? GATE_NO_SAMPLING : 0;
    }
    for (uint32_t i = 0; i < n_endpoints; i++) {
        struct catalog_endpoint *e = &rows.endpoints[i];

        e->no = i * 3 + 1;
        e->model_no = rows.models[chance(30) ? draw(3) % n_models : draw((uint32_t)n_models)].no;
        e->provider_no = (uint16_t)draw((uint32_t)providers.n);
        e->weight = (uint16_t)(chance(90) ? 1 + draw(3) : 0);
        e->quantization = (uint8_t)draw(QUANTIZATION_COUNT);
        e->retains_data = chance(10);
        e->lacks = chance(10) ? CAP_TOOLS : 0;
        price_draw(&e->price);
    }
}

static void catalog_draw(size_t n_models, size_t n_endpoints, size_t n_providers)
{
    struct catalog c;

    snapshot_release(snapshot);
    catalog_store_free(store);
    health_free(health);
    free(rows.models);
    free(rows.endpoints);
    providers_draw(n_providers);
    rows_draw(n_models, n_endpoints);
    c = rows;
    c.models = malloc(n_models * sizeof *c.models);
    c.endpoints = malloc(n_endpoints * sizeof *c.endpoints);
    memcpy(c.models, rows.models, n_models * sizeof *c.models);
    memcpy(c.endpoints, rows.endpoints, n_endpoints * sizeof *c.endpoints);
    CHECK_INT(health_new(&health), ERR_NONE);
    CHECK_INT(catalog_store_new(&providers, health, 1, &store), ERR_NONE);
    CHECK_INT(catalog_store_publish(store, &c), ERR_NONE);
    snapshot = catalog_acquire(store, 0);
}

/* --- random requests: what is asked, and its text */

enum { NAMES_MAX = 4 };
struct name {
    uint16_t provider;
    int quantization; /* -1: all of the provider's */
};
struct asked {
    size_t n_models;
    uint32_t model[NAMES_MAX]; /* indexes */
    int n_only, n_ignore, n_order; /* -1: not said */
    struct name only[NAMES_MAX], ignore[NAMES_MAX], order[NAMES_MAX];
    bool no_fallbacks, deny, zdr, tools, temperature, require;
    const char *min_privacy, *jurisdiction; /* NULL: not said */
    int n_quantizations;
    unsigned quantization[NAMES_MAX];
    int64_t prompt, completion, audio, request, image; /* micro-dollars; < 0: not said */
    const char *sort;
};

static int names_draw(struct name *list)
{
    int n = chance(60) ? -1 : (int)draw(NAMES_MAX + 1);

    for (int i = 0; i < n; i++)
        list[i] = (struct name){(uint16_t)draw((uint32_t)providers.n),
                                chance(30) ? (int)draw(QUANTIZATION_COUNT) : -1};
    return n;
}

static struct asked asked_draw(void)
{
    static const char *const floors[] = {"any", "no_store", "zdr", "confidential", "e2e"};
    static const char *const sorts[] = {"price", "latency", "throughput", "exacto"};
    struct asked a = {.n_models = 1 + draw(3)};

    for (size_t i = 0; i < a.n_models; i++)
        a.model[i] = chance(50) ? draw(3) % (uint32_t)rows.n_models : draw((uint32_t)rows.n_models);
    a.n_only = names_draw(a.only);
    a.n_ignore = names_draw(a.ignore);
    a.n_order = names_draw(a.order);
    a.no_fallbacks = chance(15);
    a.deny = chance(20);
    a.zdr = chance(10);
    a.tools = chance(30);
    a.temperature = chance(30);
    a.require = chance(30);
    a.min_privacy = chance(20) ? floors[draw(5)] : NULL;
    a.jurisdiction = chance(15) ? (chance(50) ? "eu" : "us") : NULL;
    a.n_quantizations = chance(20) ? 1 + (int)draw(NAMES_MAX) : 0;
    for (int i = 0; i < a.n_quantizations; i++)
        a.quantization[i] = draw(QUANTIZATION_COUNT);
    a.prompt = chance(20) ? (int64_t)draw(20) * 100000 : -1;
    a.completion = chance(20) ? (int64_t)draw(20) * 200000 : -1;
    a.audio = chance(10) ? (int64_t)draw(20) * 200000 : -1;
    a.request = chance(10) ? (int64_t)draw(2) * 1000 : -1;
    a.image = chance(10) ? (int64_t)draw(2) * 40000 : -1;
    a.sort = chance(40) ? sorts[draw(4)] : NULL;
    return a;
}

static char text[16384];
static size_t text_len;

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_len += (size_t)vsnprintf(text + text_len, sizeof text - text_len, format, args);
    va_end(args);
    CHECK(text_len < sizeof text);
}

static void put_names(const char *member, const struct name *list, int n)
{
    if (n < 0)
        return;
    put("\"%s\":[", member);
    for (int i = 0; i < n; i++) {
        put(chance(30) ? "%s\"PROVIDER %03u" : "%s\"p%03u", i == 0 ? "" : ",", list[i].provider);
        put(list[i].quantization < 0 ? "\"" : "/%s\"", list[i].quantization < 0 ? "" : words[list[i].quantization]);
    }
    put("],");
}

static void put_max_price(const struct asked *a)
{
    const struct {
        const char *name;
        int64_t micro;
    } rows_of[] = {{"prompt", a->prompt}, {"completion", a->completion}, {"audio", a->audio},
                   {"request", a->request}, {"image", a->image}};
    const char *comma = "";

    put("\"max_price\":{");
    for (size_t i = 0; i < sizeof rows_of / sizeof rows_of[0]; i++) {
        const char *quote = chance(50) ? "\"" : "";

        if (rows_of[i].micro < 0)
            continue;
        put("%s\"%s\":%s%d.%06d%s", comma, rows_of[i].name, quote, (int)(rows_of[i].micro / 1000000),
            (int)(rows_of[i].micro % 1000000), quote);
        comma = ",";
    }
    put("},");
}

static void text_write(const struct asked *a)
{
    text_len = 0;
    put("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"models\":[");
    for (size_t i = 0; i < a->n_models; i++)
        put("%s\"%s\"", i == 0 ? "" : ",", rows.models[a->model[i]].id);
    put("],");
    if (a->tools)
        put("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],");
    if (a->temperature)
        put("\"temperature\":0.5,");
    put("\"provider\":{");
    put_names("only", a->only, a->n_only);
    put_names("ignore", a->ignore, a->n_ignore);
    put_names("order", a->order, a->n_order);
    put_max_price(a);
    if (a->no_fallbacks)
        put("\"allow_fallbacks\":false,");
    if (a->deny)
        put("\"data_collection\":\"deny\",");
    if (a->zdr)
        put("\"zdr\":true,");
    if (a->require)
        put("\"require_parameters\":true,");
    if (a->min_privacy != NULL)
        put("\"min_privacy\":\"%s\",", a->min_privacy);
    if (a->jurisdiction != NULL)
        put("\"jurisdiction\":\"%s\",", a->jurisdiction);
    if (a->sort != NULL)
        put("\"sort\":\"%s\",", a->sort);
    put("\"quantizations\":[");
    for (int i = 0; i < a->n_quantizations; i++)
        put("%s\"%s\"", i == 0 ? "" : ",", words[a->quantization[i]]);
    put("]}}");
}

/* --- the oracle */

static bool named(const struct name *list, int n, const struct catalog_endpoint *e)
{
    for (int i = 0; i < n; i++)
        if (list[i].provider == e->provider_no &&
            (list[i].quantization < 0 || list[i].quantization == e->quantization))
            return true;
    return false;
}

static bool private_enough(const struct asked *a, const struct catalog_endpoint *e)
{
    const struct provider *p = &providers.list[e->provider_no];
    bool keeps = p->retains_data || p->trains || e->retains_data;
    bool sealed = a->min_privacy != NULL &&
                  (strcmp(a->min_privacy, "confidential") == 0 || strcmp(a->min_privacy, "e2e") == 0);
    bool floor = sealed || (a->min_privacy != NULL && strcmp(a->min_privacy, "any") != 0);

    return !((a->deny || a->zdr || floor) && keeps) && !(sealed && !p->confidential);
}

static bool cheap_enough(const struct asked *a, const struct price *p)
{
    /* Dollars per million tokens are millionths per token: one micro-dollar is one pico-USD. The prompt has more than one
     * and fewer than 100,000 tokens. */
    bool tier = p->n_tiers != 0 && p->tier[0].above_prompt_tokens == 1 && p->tier[0].until_minute != 60;
    int64_t prompt = tier ? 2 * p->prompt_pusd : p->prompt_pusd;
    int64_t completion = tier ? 2 * p->completion_pusd : p->completion_pusd;
    int64_t listen = tier ? 2 * p->audio_input_pusd : p->audio_input_pusd;
    int64_t speak = tier ? 2 * p->audio_output_pusd : p->audio_output_pusd;

    return (a->prompt < 0 || prompt <= a->prompt) && (a->completion < 0 || completion <= a->completion) &&
           (a->audio < 0 || (listen <= a->audio && speak <= a->audio)) &&
           (a->request < 0 || p->request_nusd <= a->request * 1000) &&
           (a->image < 0 || p->image_nusd <= a->image * 1000);
}

static bool in_law(const struct asked *a, const struct catalog_endpoint *e)
{
    const char *law = providers.list[e->provider_no].jurisdiction;

    if (a->jurisdiction == NULL)
        return true;
    return strcmp(a->jurisdiction, "us") == 0
               ? strcmp(law, "US") == 0
               : strcmp(law, "EU") == 0 || strcmp(law, "DE") == 0 || strcmp(law, "fr") == 0;
}

static bool right_bits(const struct asked *a, const struct catalog_endpoint *e)
{
    for (int i = 0; i < a->n_quantizations; i++)
        if (a->quantization[i] == e->quantization)
            return true;
    return a->n_quantizations == 0;
}

static bool supports(const struct asked *a, const struct catalog_model *m, const struct catalog_endpoint *e)
{
    if (!a->require)
        return true;
    return (!a->tools || ((m->capabilities & CAP_TOOLS) != 0 && (e->lacks & CAP_TOOLS) == 0)) &&
           (!a->temperature ||
            ((m->gates.bits & GATE_NO_SAMPLING) == 0 && providers.list[e->provider_no].drop.n == 0));
}

static bool allowed(const struct asked *a, const struct catalog_endpoint *e)
{
    const struct catalog_model *m = NULL;

    for (size_t i = 0; i < a->n_models; i++)
        if (rows.models[a->model[i]].no == e->model_no)
            m = &rows.models[a->model[i]];
    return m != NULL && e->weight != 0 && (a->n_only < 0 || named(a->only, a->n_only, e)) &&
           !(a->n_ignore > 0 && named(a->ignore, a->n_ignore, e)) &&
           !(a->no_fallbacks && a->n_order >= 0 && !named(a->order, a->n_order, e)) && private_enough(a, e) &&
           cheap_enough(a, &e->price) && in_law(a, e) && right_bits(a, e) && supports(a, m, e);
}

/* --- the properties */

static void read_some(const void *cookie, uint32_t slot, struct health_view *out)
{
    uint32_t h = slot * 2654435761u + *(const uint32_t *)cookie;

    *out = (struct health_view){.state = h % 8 < 5 ? HEALTH_GOOD : (enum health_state)(h % 4),
                                .cool_ms = 1 + h % 1000,
                                .first_byte_us = h % 3 == 0 ? 0 : h % 100000,
                                .tokens_per_s = h % 5 == 0 ? 0 : h % 300,
                                .failed_permille = h % 50};
}

static const struct route_model *model_of(const void *cookie, uint32_t no)
{
    (void)cookie;
    return snapshot_number(snapshot, no);
}

static bool same_route(const struct route *a, const struct route *b)
{
    bool same = a->n == b->n && a->refusal == b->refusal && a->n_removed == b->n_removed;

    for (size_t i = 0; same && i < a->n; i++)
        same = a->list[i].endpoint == b->list[i].endpoint && a->list[i].reason == b->list[i].reason &&
               a->list[i].probe == b->list[i].probe;
    return same;
}

static unsigned replays, too_long;

/* The recorded inputs decide the same again, and are the only form of themselves. */
static void check_replay(const struct route_want *want, const struct route_judged *judged, uint64_t seed,
                         const struct route *route)
{
    static struct route_judged again[ROUTE_ENDPOINTS_MAX];
    static struct route_want back;
    const struct route_catalog catalog = {model_of, NULL};
    uint8_t bytes[ROUTE_INPUTS_MAX], twice[ROUTE_INPUTS_MAX];
    size_t n = route_inputs_write(want, judged, bytes);
    struct route replayed;

    too_long += n == 0;
    if (n == 0)
        return;
    replays++;
    CHECK_INT(route_inputs_read(view_of(bytes, n), &catalog, &back, again), ERR_NONE);
    route_rank(&back, again, seed, &replayed);
    CHECK(same_route(route, &replayed));
    CHECK_INT(route_inputs_write(&back, again, twice), (long long)n);
    CHECK_BYTES(twice, n, bytes, n);
    CHECK(route_inputs_read(view_of(bytes, n - 1), &catalog, &back, again) != ERR_NONE);
}

static unsigned served, refused, complete;

static void check_request(uint32_t salt)
{
    static const struct want_given given = {"", "", false};
    static struct route_judged judged[ROUTE_ENDPOINTS_MAX];
    static struct route_want want;
    const struct route_health view = {read_some, &salt};
    struct asked a = asked_draw();
    struct chat_request q;
    struct prompt prompt;
    struct prompt_fault fault;
    struct want_notes notes;
    struct api_failure f;
    struct route route, again;
    size_t eligible = 0, total = 0;

    text_write(&a);
    CHECK_INT(chat_request_parse(view_of(text, text_len), &q, &prompt, &fault), ERR_NONE);
    CHECK_INT(want_read(&prompt, snapshot, &providers, &given, &want, &notes, &f), ERR_NONE);
    want.prompt_most = prompt.prompt_bound;
    want.received_ms = RECEIVED_MS;
    route_judge(&want, &view, judged);
    route_rank(&want, judged, salt, &route);
    route_decide(&want, &view, salt, &again);
    CHECK(same_route(&route, &again));
    check_replay(&want, judged, salt, &route);
    for (size_t i = 0; i < rows.n_endpoints; i++) {
        eligible += allowed(&a, &rows.endpoints[i]);
        for (size_t m = 0; m < want.n_models; m++)
            total += want.models[m]->info->no == rows.endpoints[i].model_no;
    }
    for (size_t i = 0; i < route.n; i++) {
        CHECK(allowed(&a, route.list[i].endpoint->info));
        for (size_t k = 0; k < i; k++)
            CHECK(route.list[k].endpoint != route.list[i].endpoint);
    }
    if (total <= ROUTE_ENDPOINTS_MAX) {
        size_t least = a.no_fallbacks && eligible > 1 ? 1 : eligible;

        CHECK_INT(route.n, (long long)(least < LIMIT_CANDIDATES ? least : LIMIT_CANDIDATES));
        CHECK_INT(route.n_removed, (long long)(total - eligible));
        complete += route.n == eligible;
    }
    served += route.n != 0;
    refused += route.n == 0;
}

static void test_property(void)
{
    static const struct {
        size_t models, endpoints, providers;
        unsigned requests;
    } sizes[] = {{1, 1, 1, 200},      {2, 8, 3, 2000},      {5, 30, 10, 3000},
                 {50, 200, 40, 3000}, {500, 1500, 100, 1000}, {LIMIT_MODELS, LIMIT_ENDPOINTS, LIMIT_PROVIDERS, 500}};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned n = 0; n < sizes[i].requests; n++) {
            if (n % 250 == 0)
                catalog_draw(sizes[i].models, sizes[i].endpoints, sizes[i].providers);
            check_request(draw(UINT32_MAX));
        }
    }
    printf("# %u requests served, %u refused, %u with every eligible endpoint, %u replayed, %u with inputs too long\n",
           served, refused, complete, replays, too_long);
    CHECK(served > 1000 && refused > 1000 && complete > 1000 && replays > 5000);
}

static const struct check_case cases[] = {{"route_property", test_property}};
CHECK_MAIN(cases)
