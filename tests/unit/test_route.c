/* Routing is where a privacy or price constraint could be lost in silence. Every hard constraint
 * here has a twin that shows who would have been chosen without it. */
#include "route_decide.c"

#include "check.h"

enum { A, B, C, N };

static struct provider providers[N] = {
    {.no = A, .id = "a", .retains_data = true},
    {.no = B, .id = "b"},
    {.no = C, .id = "c"},
};
static struct catalog_endpoint infos[2 * N] = {
    {.no = 1, .provider_no = A, .weight = 1, .price.prompt_pusd = 100, .price.completion_pusd = 200},
    {.no = 2, .provider_no = B, .weight = 1, .price.prompt_pusd = 200, .price.completion_pusd = 400},
    {.no = 3, .provider_no = C, .weight = 1, .price.prompt_pusd = 1000, .price.completion_pusd = 9000},
    {.no = 4, .provider_no = A, .weight = 1, .price.prompt_pusd = 1, .price.completion_pusd = 1},
};
static struct route_endpoint endpoints[2 * N] = {
    {&infos[0], &providers[A], 0},
    {&infos[1], &providers[B], 1},
    {&infos[2], &providers[C], 2},
    {&infos[3], &providers[A], 3},
};
static struct catalog_model tools = {.no = 1, .id = "x/tools", .capabilities = CAP_TOOLS};
static struct catalog_model plain = {.no = 2, .id = "x/plain"};
static struct route_model models[2] = {{.info = &tools, .endpoints = &endpoints[0], .n_endpoints = 3},
                                       {.info = &plain, .endpoints = &endpoints[3], .n_endpoints = 1}};
static struct health_view health[4];

static void read_health(const void *cookie, uint32_t slot, struct health_view *out)
{
    (void)cookie;
    *out = health[slot];
}

static struct route_want want(void)
{
    struct route_want w = ROUTE_WANT_ANY;

    memset(health, 0, sizeof health);
    infos[A].weight = infos[B].weight = infos[C].weight = 1;
    w.models[0] = &models[0];
    w.n_models = w.n_named = 1;
    return w;
}

static struct route decide(const struct route_want *w, uint64_t seed)
{
    struct route_health h = {read_health, NULL};
    struct route out;

    route_decide(w, &h, seed, &out);
    return out;
}

static uint32_t nth(const struct route *r, size_t i)
{
    return i < r->n ? r->list[i].endpoint->info->no : 0;
}

static void test_deterministic(void)
{
    struct route_want w = want();
    unsigned differs = 0;

    for (uint64_t seed = 0; seed < 50; seed++) {
        struct route x = decide(&w, seed), y = decide(&w, seed), z = decide(&w, seed + 1);

        CHECK_INT(x.n, 3);
        for (size_t i = 0; i < 3; i++)
            CHECK_INT(nth(&x, i), nth(&y, i));
        differs += nth(&x, 0) != nth(&z, 0);
    }
    CHECK(differs > 0);
}

/* Inverse square price: b is twice as dear as a, so it is first a quarter as often. */
static void test_balance(void)
{
    struct route_want w = want();
    unsigned first[4] = {0};

    for (uint64_t seed = 0; seed < 20000; seed++) {
        struct route r = decide(&w, seed * 7919);

        first[nth(&r, 0)]++;
        CHECK_INT(r.list[0].reason, ROUTE_REASON_BALANCE);
    }
    CHECK(first[1] > 15300 && first[1] < 16500);
    CHECK(first[2] > 3500 && first[2] < 4400);
    CHECK(first[3] < 200);
}

static void test_weight(void)
{
    struct route_want w = want();
    struct route r;

    infos[A].weight = 0;
    r = decide(&w, 1);
    CHECK_INT(r.n, 2);
    infos[B].weight = infos[C].weight = 0;
    r = decide(&w, 1);
    CHECK_INT(r.n, 0);
    CHECK_INT(r.refusal, ROUTE_NO_ENDPOINT);
    want();
}

static void test_only_ignore_order(void)
{
    struct route_want w = want();
    struct route r;

    w.only_set = true;
    w.only.word[0] = 1 << B | 1 << C;
    r = decide(&w, 1);
    CHECK_INT(r.n, 2);
    w.ignore.word[0] = 1 << B;
    r = decide(&w, 1);
    CHECK_INT(r.n, 1);
    CHECK_INT(nth(&r, 0), 3);
    CHECK_INT(r.list[0].reason, ROUTE_REASON_ONLY_ONE);
    w.ignore.word[0] = 1 << B | 1 << C;
    r = decide(&w, 1);
    CHECK_INT(r.refusal, ROUTE_IGNORED);
    w = want();
    w.only_set = true; /* names nobody we know: nobody may serve, not everybody */
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_PROVIDER);

    w = want();
    w.order_set = true;
    w.order[0] = (struct route_pick){C, ROUTE_ANY};
    w.order[1] = (struct route_pick){B, ROUTE_ANY};
    w.n_order = 2;
    for (uint64_t seed = 0; seed < 20; seed++) {
        r = decide(&w, seed);
        CHECK_INT(nth(&r, 0), 3);
        CHECK_INT(nth(&r, 1), 2);
        CHECK_INT(nth(&r, 2), 1); /* the rest follow */
    }
    w.no_fallbacks = true;
    r = decide(&w, 1);
    CHECK_INT(r.n, 1);
    CHECK_INT(nth(&r, 0), 3);
    w.n_order = 0; /* an order of strangers and no fallbacks: nobody */
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NOT_IN_ORDER);
}

static void test_hard_constraints(void)
{
    struct route_want w = want();
    struct route r;

    w.no_retention = true; /* a keeps data and is the cheapest */
    for (uint64_t seed = 0; seed < 200; seed++) {
        r = decide(&w, seed);
        CHECK_INT(r.n, 2);
        CHECK(nth(&r, 0) != 1 && nth(&r, 1) != 1);
    }
    w.only_set = true;
    w.only.word[0] = 1 << A;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_PRIVACY);

    w = want();
    w.max_prompt_pusd = 200;
    CHECK_INT(decide(&w, 1).n, 2);
    w.max_completion_pusd = 399;
    CHECK_INT(decide(&w, 1).n, 1);
    w.max_prompt_pusd = 0;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_PRICE);

    /* The dearest tier that may hold for this prompt counts; b is left out above 500 tokens. */
    infos[1].price.n_tiers = 1;
    infos[1].price.tier[0] = (struct price_tier){.above_prompt_tokens = 500, .prompt_pusd = 201, .completion_pusd = 1};
    w = want();
    w.max_prompt_pusd = 200;
    w.prompt_most = 500;
    CHECK_INT(decide(&w, 1).n, 2);
    w.prompt_most = 501;
    CHECK_INT(decide(&w, 1).n, 1);
    infos[1].price.tier[0].until_minute = 60;
    CHECK_INT(decide(&w, 1).n, 1);
    w.received_ms = 3600000; /* the hour is over */
    CHECK_INT(decide(&w, 1).n, 2);
    infos[1].price.n_tiers = 0;
    infos[1].price.reasoning_pusd = 400; /* of a completion */
    w.max_completion_pusd = 399;
    infos[1].price.completion_pusd = 300;
    CHECK_INT(decide(&w, 1).n, 1);
    infos[1].price.completion_pusd = 400;
    infos[1].price.reasoning_pusd = 0;

    w = want();
    w.capabilities = CAP_TOOLS;
    CHECK_INT(decide(&w, 1).n, 3);
    w.capabilities = CAP_TOOLS | CAP_IMAGES;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_CAPABILITY);
}

/* Each constraint of the catalog's and the rows' facts, with the twin that it leaves. */
static void test_facts(void)
{
    struct route_want w = want();
    struct route r;

    infos[B].retains_data = true; /* narrows the row, never widens it */
    w.no_retention = true;
    r = decide(&w, 1);
    CHECK(r.n == 1 && nth(&r, 0) == 3);
    infos[B].retains_data = false;

    w = want();
    w.confidential = true;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_CONFIDENTIAL);
    providers[B].confidential = true;
    r = decide(&w, 1);
    CHECK(r.n == 1 && nth(&r, 0) == 2);
    providers[B].confidential = false;

    w = want();
    w.quantizations = 1 << QUANTIZATION_FP8;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_QUANTIZATION);
    infos[C].quantization = QUANTIZATION_FP8;
    r = decide(&w, 1);
    CHECK(r.n == 1 && nth(&r, 0) == 3);
    w.quantizations |= 1 << QUANTIZATION_UNKNOWN;
    CHECK_INT(decide(&w, 1).n, 3);
    w = want();
    w.only_set = true;
    w.only_pick[0] = (struct route_pick){C, QUANTIZATION_FP8};
    w.n_only_picks = 1;
    CHECK_INT(decide(&w, 1).n, 1);
    w.ignore_pick[0] = (struct route_pick){C, QUANTIZATION_FP8};
    w.n_ignore_picks = 1;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_IGNORED);
    w.ignore_pick[0].quantization = QUANTIZATION_FP4;
    CHECK_INT(decide(&w, 1).n, 1);
    infos[C].quantization = QUANTIZATION_UNKNOWN;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_PROVIDER);

    w = want();
    w.free_only = true;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NOT_FREE);

    w = want();
    w.capabilities = CAP_TOOLS;
    infos[A].lacks = CAP_TOOLS;
    CHECK_INT(decide(&w, 1).n, 2);
    infos[A].lacks = 0;
    w.gates = GATE_NO_SAMPLING;
    CHECK_INT(decide(&w, 1).n, 3);
    tools.gates.bits = GATE_NO_SAMPLING;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_CAPABILITY);
    tools.gates.bits = 0;

    w = want();
    w.lossy[0] = 5;
    CHECK(decide(&w, 1).n == 1 && decide(&w, 1).refusal == ROUTE_OK);
    w.lossy[0] = 7;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_CAPABILITY);
    w.ignore.word[0] = 7; /* a constraint that says more is told */
    CHECK_INT(decide(&w, 1).refusal, ROUTE_IGNORED);
}

/* Units count as well as tokens; the tiers are in route_hard_constraints. */
static void test_max_price(void)
{
    struct route_want w = want();

    w.max_request_nusd = 5;
    w.max_image_nusd = 7;
    w.max_audio_pusd = 9;
    CHECK_INT(decide(&w, 1).n, 3);
    infos[A].price.request_nusd = 6;
    infos[B].price.image_nusd = 8;
    infos[C].price.audio_output_pusd = 10;
    CHECK_INT(decide(&w, 1).refusal, ROUTE_NO_PRICE);
    infos[A].price.request_nusd = infos[B].price.image_nusd = infos[C].price.audio_output_pusd = 0;
}

static void test_places(void)
{
    static const struct {
        const char *region, *law;
        unsigned places;
    } cases[] = {
        {"", "", 0},
        {"eu-central-1", "DE", ROUTE_IN_EU | ROUTE_LAW_EU},
        {"europe-west4", "EU", ROUTE_IN_EU | ROUTE_LAW_EU},
        {"fr-par", "fr", ROUTE_IN_EU | ROUTE_LAW_EU},
        {"eu-west-2", "GB", 0}, /* London */
        {"europe-west6", "CH", 0}, /* Zurich */
        {"eu", "US", ROUTE_IN_EU | ROUTE_LAW_US},
        {"us-east-1", "us", ROUTE_LAW_US},
        {"euphoria", "eurasia", 0},
        {"delhi", "IN", 0}, /* no "de" */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct provider p = {0};

        memcpy(p.region, cases[i].region, strlen(cases[i].region));
        memcpy(p.jurisdiction, cases[i].law, strlen(cases[i].law));
        CHECK_INT(route_places(&p), cases[i].places);
    }
}

/* Which constraint removed which endpoint. */
static void test_removed(void)
{
    struct route_want w = want();
    struct route r;

    w.no_retention = true;
    w.privacy_by = ROUTE_ZDR;
    w.max_prompt_pusd = 500;
    w.ignore.word[0] = 1 << B;
    r = decide(&w, 1);
    CHECK_INT(r.refusal, ROUTE_NO_PRICE);
    CHECK_INT(r.n_removed, 3);
    CHECK(strcmp(route_constraint(&w, r.removed[0].why), "zdr") == 0 && r.removed[0].endpoint == &endpoints[0]);
    CHECK(strcmp(route_constraint(&w, r.removed[1].why), "ignore") == 0);
    CHECK(strcmp(route_constraint(&w, r.removed[2].why), "max_price") == 0);
}

/* Throughput, failures, wishes, and sorting over the models together. */
static void test_measures(void)
{
    struct route_want w = want();
    struct route r;

    w.sort = ROUTE_THROUGHPUT;
    health[0].tokens_per_s = 50;
    health[1].tokens_per_s = 90;
    health[2].tokens_per_s = 70;
    r = decide(&w, 1);
    CHECK(nth(&r, 0) == 2 && nth(&r, 1) == 3 && nth(&r, 2) == 1);
    CHECK_INT(r.list[0].reason, ROUTE_REASON_THROUGHPUT);
    health[0].tokens_per_s = 0; /* never measured: first */
    r = decide(&w, 1);
    CHECK_INT(nth(&r, 0), 1);
    w.sort = ROUTE_EXACTO;
    health[0].failed_permille = 20;
    health[1].failed_permille = 3;
    health[2].failed_permille = 3;
    r = decide(&w, 1);
    CHECK(nth(&r, 0) == 2 && nth(&r, 1) == 3 && nth(&r, 2) == 1); /* of two equal ones the cheaper */
    w.sort = ROUTE_PRICE;
    w.latency_us[ROUTE_P90] = 1000;
    health[0].latency_us[ROUTE_P90] = 1001;
    r = decide(&w, 1);
    CHECK(r.n == 3 && nth(&r, 2) == 1); /* behind the others, not left out */
    health[0].latency_us[ROUTE_P90] = 1000;
    CHECK_INT(decide(&w, 1).list[0].endpoint->info->no, 1);
    w.throughput[ROUTE_P50] = 10;
    health[0].throughput[ROUTE_P50] = 9;
    r = decide(&w, 1);
    CHECK_INT(nth(&r, 2), 1);
    health[0].state = HEALTH_PROBE;
    r = decide(&w, 1);
    CHECK_INT(nth(&r, 0), 1);

    w = want();
    w.models[1] = &models[1];
    w.n_models = 2;
    w.sort = ROUTE_PRICE;
    r = decide(&w, 1);
    CHECK_INT(nth(&r, 3), 4);
    w.across_models = true;
    r = decide(&w, 1);
    CHECK_INT(nth(&r, 0), 4);
}

static void test_models_in_order(void)
{
    struct route_want w = want();
    struct route r;

    w.models[1] = &models[1];
    w.n_models = 2;
    for (uint64_t seed = 0; seed < 50; seed++) {
        r = decide(&w, seed);
        CHECK_INT(r.n, 4);
        CHECK_INT(nth(&r, 3), 4); /* the fallback model last, cheap as it is */
        CHECK(r.list[3].model == &models[1]);
    }
    w.models[0] = &models[1];
    w.models[1] = &models[0];
    r = decide(&w, 1);
    CHECK_INT(nth(&r, 0), 4);
}

static void test_health_orders_only(void)
{
    struct route_want w = want();
    struct route r;

    health[0].state = HEALTH_OPEN;
    for (uint64_t seed = 0; seed < 50; seed++) {
        r = decide(&w, seed);
        CHECK_INT(r.n, 3);
        CHECK_INT(nth(&r, 2), 1);
        CHECK_INT(r.list[2].reason, ROUTE_REASON_UNHEALTHY);
    }
    health[1] = (struct health_view){.state = HEALTH_COOLING, .cool_ms = 5000};
    health[2] = (struct health_view){.state = HEALTH_COOLING, .cool_ms = 10};
    r = decide(&w, 1);
    CHECK_INT(nth(&r, 0), 1); /* open beats cooling */
    CHECK_INT(nth(&r, 1), 3); /* cooled down soonest */
    CHECK_INT(nth(&r, 2), 2);
    health[0].state = HEALTH_COOLING;
    health[0].cool_ms = 1;
    CHECK_INT(decide(&w, 1).n, 3); /* a second 429 is better than no attempt */
}

/* When the time for a probe has come, the next request makes it, however seldom requests come; only the
 * client's own order goes before it. */
static void test_probe_is_first(void)
{
    struct route_want w = want();
    struct route r;

    for (unsigned i = 0; i < 3; i++) {
        memset(health, 0, sizeof health);
        health[i].state = HEALTH_PROBE;
        for (uint64_t seed = 0; seed < 100; seed++) {
            r = decide(&w, seed * 31);
            CHECK_INT(r.n, 3);
            CHECK_INT(nth(&r, 0), i + 1);
            CHECK(r.list[0].probe && !r.list[1].probe);
        }
        w.sort = ROUTE_PRICE;
        r = decide(&w, 1);
        CHECK_INT(nth(&r, 0), i + 1);
        w.sort = ROUTE_BALANCE;
    }
}

static void test_sort(void)
{
    struct route_want w = want();
    struct route r;

    w.sort = ROUTE_PRICE;
    for (uint64_t seed = 0; seed < 20; seed++) {
        r = decide(&w, seed);
        CHECK(nth(&r, 0) == 1 && nth(&r, 1) == 2 && nth(&r, 2) == 3);
    }
    w.sort = ROUTE_LATENCY;
    health[0].first_byte_us = 900;
    health[1].first_byte_us = 800;
    health[2].first_byte_us = 100;
    r = decide(&w, 1);
    CHECK(nth(&r, 0) == 3 && nth(&r, 1) == 2 && nth(&r, 2) == 1);
}

static const struct check_case cases[] = {
    {"route_deterministic", test_deterministic},
    {"route_balance", test_balance},
    {"route_weight", test_weight},
    {"route_only_ignore_order", test_only_ignore_order},
    {"route_hard_constraints", test_hard_constraints},
    {"route_facts", test_facts},
    {"route_max_price", test_max_price},
    {"route_places", test_places},
    {"route_removed", test_removed},
    {"route_measures", test_measures},
    {"route_models_in_order", test_models_in_order},
    {"route_health_orders_only", test_health_orders_only},
    {"route_probe_is_first", test_probe_is_first},
    {"route_sort", test_sort},
};
CHECK_MAIN(cases)
