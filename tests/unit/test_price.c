/* One function says what a request costs, and one what it can cost at most: no usage within what was reserved is
 * billed above the reservation, whatever the prices, the tiers and the time of day. */
#include "price.c"

#include "check.h"

enum { ROUNDS = 200000 };

static uint64_t seed = 1;

static uint64_t draw(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

static struct price usual(void)
{
    struct price p = {.prompt_pusd = 2000000, .completion_pusd = 8000000, .cached_pusd = 200000,
                      .cache_write_pusd = 2500000, .cache_write_long_pusd = 4000000, .audio_input_pusd = 10000000,
                      .image_output_pusd = 30000000, .request_nusd = 5000000, .image_nusd = 40000000};

    price_follow(&p, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion | 1 << PRICE_CLASS_cached |
                         1 << PRICE_CLASS_cache_write | 1 << PRICE_CLASS_cache_write_long |
                         1 << PRICE_CLASS_audio_input | 1 << PRICE_CLASS_image_output);
    return p;
}

static void test_names(void)
{
    struct price p = usual();

    CHECK(strcmp(price_class_name(PRICE_CLASS_cache_write_long), "cache_write_long") == 0);
    CHECK(strcmp(price_class_name(PRICE_CLASS_none), "unknown") == 0);
    CHECK(strcmp(price_unit_name(PRICE_UNIT_NONE), "") == 0);
    CHECK(strcmp(price_unit_name(PRICE_UNIT_query), "query") == 0);
    CHECK_INT(p.reasoning_pusd, 8000000);
    CHECK_INT(p.audio_output_pusd, 8000000);
    CHECK_INT(p.image_input_pusd, 2000000);
    CHECK_INT(p.cache_write_long_pusd, 4000000); /* said */
    price_follow(&p, 0);
    CHECK_INT(p.cache_write_long_pusd, 2000000); /* of what cache writes cost, which is a prompt's */
}

static void test_ok(void)
{
    struct price p = usual(), bad;

    p.n_tiers = 1;
    p.tier[0] = (struct price_tier){.from_minute = 990, .until_minute = 30, .prompt_pusd = 1};
    CHECK(price_ok(&p));
#define BAD(change)                                                                                \
    bad = p;                                                                                       \
    bad.change;                                                                                    \
    CHECK(!price_ok(&bad))
    BAD(image_output_pusd = -1);
    BAD(query_nusd = -1);
    BAD(n_tiers = PRICE_TIERS_MAX + 1);
    BAD(tier[0].cached_pusd = -1);
    BAD(tier[0].from_minute = PRICE_DAY_MINUTES);
    BAD(tier[0].until_minute = PRICE_DAY_MINUTES + 1);
#undef BAD
}

/* --- tiers */

#define AT(hour, minute) (UINT64_C(1790000000000) / 86400000 * 86400000 + (hour) * 3600000u + (minute) * 60000u)

static void test_tiers(void)
{
    struct price p = usual();
    struct price_rates r;
    static const struct {
        uint64_t prompt, at;
        unsigned tier;
    } cases[] = {
        {0, AT(12, 0), 0},       {200000, AT(12, 0), 0},      {200001, AT(12, 0), 1},     {UINT64_MAX, AT(12, 0), 1},
        {10, AT(16, 29), 0},     {10, AT(16, 30), 2},         {10, AT(23, 59) + 59999, 2}, {10, AT(0, 0), 2},
        {10, AT(0, 29), 2},      {10, AT(0, 30), 0},          {200001, AT(0, 30), 1},
        {200001, AT(17, 0), 2}, /* the last that holds */
        {500000, AT(17, 0), 2}, {500001, AT(17, 0), 3},       {500001, AT(12, 0), 1},
    };

    p.n_tiers = 3;
    p.tier[0] = (struct price_tier){.above_prompt_tokens = 200000, .prompt_pusd = 4000000,
                                    .completion_pusd = 12000000, .cached_pusd = 400000, .cache_write_pusd = 5000000};
    p.tier[1] = (struct price_tier){.from_minute = 16 * 60 + 30, .until_minute = 30, .prompt_pusd = 1000000,
                                    .completion_pusd = 4000000, .cached_pusd = 100000, .cache_write_pusd = 0};
    p.tier[2] = (struct price_tier){.above_prompt_tokens = 500000, .from_minute = 17 * 60, .until_minute = 18 * 60,
                                    .prompt_pusd = 7};
    CHECK(price_ok(&p));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        price_at(&p, cases[i].prompt, cases[i].at, &r);
        CHECK_INT(r.tier, cases[i].tier);
        if (r.tier != cases[i].tier)
            printf("# case %zu\n", i);
    }
    price_at(&p, 200001, AT(12, 0), &r);
    CHECK_INT(r.class_pusd[PRICE_CLASS_cache_write], 5000000);
    CHECK_INT(r.class_pusd[PRICE_CLASS_cache_write_long], 8000000); /* 4 : 2.5 of 5 */
    CHECK_INT(r.class_pusd[PRICE_CLASS_audio_input], 20000000);     /* 10 : 2 of 4 */
    CHECK_INT(r.class_pusd[PRICE_CLASS_reasoning], 12000000);       /* a completion's */
    CHECK_INT(r.unit_nusd[PRICE_UNIT_request], 5000000);
    price_at(&p, 200000, AT(12, 0), &r);
    CHECK_INT(r.class_pusd[PRICE_CLASS_reasoning], 8000000);
    p.prompt_pusd = 3, p.image_input_pusd = 1; /* rounded up */
    p.tier[0].prompt_pusd = 4;
    price_at(&p, 200001, AT(12, 0), &r);
    CHECK_INT(r.class_pusd[PRICE_CLASS_image_input], 2);
    p.prompt_pusd = 0; /* no ratio to nothing */
    price_at(&p, 200001, AT(12, 0), &r);
    CHECK_INT(r.class_pusd[PRICE_CLASS_image_input], 1);
    p.prompt_pusd = 1, p.image_input_pusd = p.tier[0].prompt_pusd = INT64_MAX;
    price_at(&p, 200001, AT(12, 0), &r);
    CHECK_INT(r.class_pusd[PRICE_CLASS_image_input], INT64_MAX);
}

static void test_dearest(void)
{
    struct price p = usual();
    struct price_rates r;

    p.n_tiers = 2;
    p.tier[0] = (struct price_tier){.above_prompt_tokens = 100, .prompt_pusd = 5000000, .completion_pusd = 1};
    p.tier[1] = (struct price_tier){.above_prompt_tokens = 50, .from_minute = 60, .until_minute = 120,
                                    .prompt_pusd = 9000000, .completion_pusd = 9000000};
    price_dearest(&p, 50, AT(1, 0), &r);
    CHECK_INT(r.class_pusd[PRICE_CLASS_prompt], 2000000);
    price_dearest(&p, 51, AT(1, 0), &r);
    CHECK_INT(r.class_pusd[PRICE_CLASS_prompt], 9000000);
    CHECK_INT(r.class_pusd[PRICE_CLASS_completion], 9000000);
    price_dearest(&p, 101, AT(2, 0), &r);
    CHECK_INT(r.class_pusd[PRICE_CLASS_prompt], 5000000);
    CHECK_INT(r.class_pusd[PRICE_CLASS_completion], 8000000); /* of a shorter prompt */
    CHECK_INT(r.tier, 0);
}

/* --- figures */

static void test_cost(void)
{
    const struct price p = usual();
    struct price_rates r;
    static const struct {
        const char *what;
        struct price_usage u;
        int64_t cost;
    } cases[] = {
        {"nothing", {0}, 0},
        {"plain", {.prompt = 10, .completion = 4}, 20000 + 32000},
        {"cached", {.prompt = 10, .cached_read = 4}, 12000 + 800},
        {"written", {.prompt = 10, .cache_write = 4}, 12000 + 10000},
        {"written for an hour", {.prompt = 10, .cache_write = 4, .cache_write_long = 4}, 12000 + 16000},
        {"written for both", {.prompt = 10, .cache_write = 4, .cache_write_long = 1}, 12000 + 7500 + 4000},
        {"all classes of a prompt",
         {.prompt = 100, .cached_read = 10, .cache_write = 20, .cache_write_long = 5, .audio_input = 30,
          .image_input = 7},
         33 * 2000 + 7 * 2000 + 10 * 200 + 15 * 2500 + 5 * 4000 + 30 * 10000},
        {"reasoning costs what a completion costs", {.completion = 10, .reasoning = 7}, 80000},
        {"images are dearer", {.completion = 10, .reasoning = 4, .image_output = 6}, 4 * 8000 + 6 * 30000},
        {"cached audio is paid as cached", {.prompt = 10, .cached_read = 8, .audio_input = 10}, 8 * 200 + 2 * 10000},
        {"more of a class than of the whole", {.prompt = 10, .audio_input = 11}, 100000},
        {"more written than is left", {.prompt = 10, .cached_read = 4, .cache_write = 9}, 800 + 6 * 2500},
        {"a longer write than there was", {.prompt = 10, .cache_write = 2, .cache_write_long = 9}, 16000 + 8000},
        {"a request", {.requests = 1}, 5000000},
        {"images made", {.requests = 1, .units = {3, PRICE_UNIT_image}}, 125000000},
        {"a request is no unit of its own", {.requests = 1, .units = {9, PRICE_UNIT_request}}, 5000000},
        {"a unit without a price", {.units = {9, PRICE_UNIT_query}}, 0},
    };
    int64_t cost;

    price_at(&p, 0, 0, &r);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cost = -1;
        CHECK_INT(price_cost(&r, &cases[i].u, &cost), ERR_NONE);
        CHECK_INT(cost, cases[i].cost);
        if (cost != cases[i].cost)
            printf("# in case: %s\n", cases[i].what);
    }
}

/* Each class is rounded once, half up; those with one price are one, but for caches. */
static void test_rounding(void)
{
    struct price p = {.prompt_pusd = 500, .completion_pusd = 499};
    struct price_rates r;
    int64_t cost;

    price_follow(&p, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion);
    price_at(&p, 0, 0, &r);
    CHECK_INT(price_cost(&r, &(struct price_usage){.prompt = 1, .completion = 1}, &cost), ERR_NONE);
    CHECK_INT(cost, 1);
    CHECK_INT(price_cost(&r, &(struct price_usage){.prompt = 2, .audio_input = 1}, &cost), ERR_NONE);
    CHECK_INT(cost, 1); /* not 1 + 1 */
    CHECK_INT(price_cost(&r, &(struct price_usage){.prompt = 2, .cached_read = 1}, &cost), ERR_NONE);
    CHECK_INT(cost, 2);
    r.class_pusd[PRICE_CLASS_audio_input] = 501;
    CHECK_INT(price_cost(&r, &(struct price_usage){.prompt = 2, .audio_input = 1}, &cost), ERR_NONE);
    CHECK_INT(cost, 2);
}

static void test_overflow(void)
{
    struct price p = {.prompt_pusd = INT64_MAX, .image_nusd = INT64_MAX}, cheap = {.completion_pusd = 1};
    struct price_most m = {.prompt = UINT32_MAX};
    struct price_rates r;
    int64_t cost = 77;

    price_at(&p, 0, 0, &r);
    CHECK_INT(price_cost(&r, &(struct price_usage){.prompt = UINT32_MAX}, &cost), ERR_RANGE);
    CHECK_INT(price_cost(&r, &(struct price_usage){.units = {2, PRICE_UNIT_image}}, &cost), ERR_RANGE);
    CHECK_INT(price_worst(&p, 0, &m, &cost), ERR_RANGE);
    m = (struct price_most){.units = {UINT32_MAX, PRICE_UNIT_image}};
    CHECK_INT(price_worst(&p, 0, &m, &cost), ERR_RANGE);
    m = (struct price_most){.output = UINT64_MAX};
    price_follow(&cheap, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion);
    CHECK_INT(price_worst(&cheap, 0, &m, &cost), ERR_NONE); /* 2^64 pUSD are some $18 million */
    CHECK_INT(cost, 18446744073709552 + 3 / 2);
}

static void test_believe(void)
{
    static const struct {
        struct price_usage in, out;
        bool lowered;
    } cases[] = {
        {{.prompt = 9, .completion = 4, .cached_read = 4, .cache_write = 5, .cache_write_long = 5, .reasoning = 4},
         {.prompt = 9, .completion = 4, .cached_read = 4, .cache_write = 5, .cache_write_long = 5, .reasoning = 4}, false},
        {{.prompt = 9, .cached_read = 8, .audio_input = 9}, {.prompt = 9, .cached_read = 8, .audio_input = 9}, false},
        {{.prompt = 9, .cached_read = 10}, {.prompt = 9, .cached_read = 9}, true},
        {{.prompt = 9, .cached_read = 8, .cache_write = 2}, {.prompt = 9, .cached_read = 8, .cache_write = 1}, true},
        {{.prompt = 9, .cached_read = 8, .cache_write = 2, .cache_write_long = 2},
         {.prompt = 9, .cached_read = 8, .cache_write = 1, .cache_write_long = 1}, true},
        {{.completion = 4, .image_output = 5}, {.completion = 4, .image_output = 4}, true},
        {{.audio_input = 1}, {0}, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct price_usage u = cases[i].in;

        CHECK_INT(price_believe(&u), cases[i].lowered);
#define SAME(no, class, ...) CHECK_INT(u.class, cases[i].out.class);
        USAGE_TOKENS(SAME)
#undef SAME
    }
}

/* --- properties */

static int64_t draw_price(void)
{
    static const uint64_t ranges[] = {1, 3, 2000, 100000000};

    return (int64_t)draw(ranges[draw(4)]);
}

static struct price draw_prices(void)
{
    struct price p = {.n_tiers = (uint8_t)draw(PRICE_TIERS_MAX + 1)};

#define DRAW_CLASS(class, as) p.class##_pusd = draw_price();
    PRICE_CLASSES(DRAW_CLASS)
#define DRAW_UNIT(unit, what) p.unit##_nusd = draw_price();
    PRICE_UNITS(DRAW_UNIT)
    if (draw(2) == 0)
        price_follow(&p, (uint32_t)draw(1 << PRICE_CLASS_COUNT));
    for (size_t i = 0; i < p.n_tiers; i++)
        p.tier[i] = (struct price_tier){
            .above_prompt_tokens = (uint32_t)(draw(2) == 0 ? 0 : draw(2000)),
            .from_minute = (uint16_t)draw(2), .until_minute = (uint16_t)(draw(2) == 0 ? 0 : 700 + draw(700)),
            .prompt_pusd = draw_price(), .completion_pusd = draw_price(), .cached_pusd = draw_price(),
            .cache_write_pusd = draw_price()};
    return p;
}

/* Any figures, some of which cannot be; prompt and completion within what was reserved. */
static struct price_usage draw_usage(const struct price_most *m)
{
    struct price_usage u;

#define DRAW_FIGURE(no, class, ...) u.class = (uint32_t)draw(draw(2) == 0 ? 30 : 3000);
    USAGE_TOKENS(DRAW_FIGURE)
    u.prompt = (uint32_t)draw(m->prompt + 1);
    u.completion = (uint32_t)draw(m->output + 1);
    u.units = (struct price_units){(uint32_t)draw(m->units.n + 1), m->units.kind};
    u.requests = (uint8_t)draw(2);
    if ((m->never >> PRICE_CLASS_audio_input & 1) != 0)
        u.audio_input = 0;
    if ((m->never >> PRICE_CLASS_image_input & 1) != 0)
        u.image_input = 0;
    if ((m->never >> PRICE_CLASS_cache_write_long & 1) != 0)
        u.cache_write_long = 0;
    return u;
}

static void test_within_the_reservation(void)
{
    for (size_t i = 0; i < ROUNDS; i++) {
        const struct price p = draw_prices();
        const uint64_t at = draw(86400000);
        const struct price_most m = {.prompt = draw(draw(2) == 0 ? 20 : 3000), .output = draw(2000),
                                     .never = (uint32_t)(draw(2) << PRICE_CLASS_audio_input |
                                                        draw(2) << PRICE_CLASS_image_input |
                                                        draw(2) << PRICE_CLASS_cache_write_long),
                                     .units = {(uint32_t)draw(9), (uint8_t)draw(PRICE_UNIT_COUNT)}};
        const struct price_usage u = draw_usage(&m);
        struct price_rates r;
        int64_t cost = -1, worst = -1;

        price_at(&p, u.prompt, at, &r);
        CHECK_INT(price_cost(&r, &u, &cost), ERR_NONE);
        CHECK_INT(price_worst(&p, at, &m, &worst), ERR_NONE);
        CHECK(cost >= 0 && cost <= worst);
        if (cost > worst) {
            printf("# round %zu: %lld > %lld\n", i, (long long)cost, (long long)worst);
            return;
        }
    }
    printf("# %d random prices and usages\n", ROUNDS);
}

/* Where each class has about the dearest price and a few tokens, the roundings are all that differs. */
static void test_roundings_are_reserved(void)
{
    for (size_t i = 0; i < ROUNDS; i++) {
        struct price p = {0};
        struct price_usage u = {.prompt = 1 + (uint32_t)draw(6), .completion = 1 + (uint32_t)draw(6)};
        const struct price_most m = {.prompt = u.prompt, .output = u.completion};
        struct price_rates r;
        int64_t cost, worst;

#define DRAW_CLOSE(class, as) p.class##_pusd = 498 + (int64_t)draw(5);
        PRICE_CLASSES(DRAW_CLOSE)
        u.cached_read = (uint32_t)draw(3), u.cache_write = (uint32_t)draw(3), u.cache_write_long = (uint32_t)draw(2);
        u.audio_input = (uint32_t)draw(3), u.image_input = (uint32_t)draw(3), u.reasoning = (uint32_t)draw(3);
        u.audio_output = (uint32_t)draw(3), u.image_output = (uint32_t)draw(3);
        price_at(&p, 0, 0, &r);
        CHECK_INT(price_cost(&r, &u, &cost), ERR_NONE);
        CHECK_INT(price_worst(&p, 0, &m, &worst), ERR_NONE);
        CHECK(cost <= worst);
    }
}

/* More of anything never costs less at the same prices, and a larger request never reserves less. */
static void test_monotone(void)
{
    for (size_t i = 0; i < ROUNDS; i++) {
        const struct price p = draw_prices();
        const struct price_most m = {.prompt = 1 + draw(3000), .output = draw(2000),
                                     .units = {(uint32_t)draw(9), (uint8_t)draw(PRICE_UNIT_COUNT)}};
        struct price_most more = m;
        struct price_usage u = {.prompt = (uint32_t)draw(3000), .completion = (uint32_t)draw(2000)}, two;
        struct price_rates r;
        int64_t one_cost, two_cost;

        price_at(&p, u.prompt, 0, &r);
        u.cached_read = (uint32_t)draw(u.prompt + 1);
        u.reasoning = (uint32_t)draw(u.completion + 1);
        two = u;
        two.prompt += (uint32_t)draw(9), two.completion += (uint32_t)draw(9);
        CHECK_INT(price_cost(&r, &u, &one_cost), ERR_NONE);
        CHECK_INT(price_cost(&r, &two, &two_cost), ERR_NONE);
        CHECK(one_cost <= two_cost);
        more.prompt += draw(99), more.output += draw(99), more.units.n += (uint32_t)draw(9);
        CHECK_INT(price_worst(&p, 0, &m, &one_cost), ERR_NONE);
        CHECK_INT(price_worst(&p, 0, &more, &two_cost), ERR_NONE);
        CHECK(one_cost <= two_cost);
    }
}

/* The figures' sum, priced token by token by another way of counting: a bag of tokens for each class. */
static void test_every_token_is_paid_once(void)
{
    for (size_t i = 0; i < ROUNDS; i++) {
        const struct price p = draw_prices();
        const uint32_t prompt = (uint32_t)draw(3000), cached = (uint32_t)draw(prompt + 1),
                       write = (uint32_t)draw(prompt - cached + 1), over_hour = (uint32_t)draw(write + 1),
                       rest = prompt - cached - write, audio = (uint32_t)draw(rest + 1),
                       completion = (uint32_t)draw(3000), thought = (uint32_t)draw(completion + 1);
        const struct price_usage u = {.prompt = prompt, .completion = completion, .cached_read = cached,
                                      .cache_write = write, .cache_write_long = over_hour, .audio_input = audio,
                                      .reasoning = thought};
        struct price_rates r;
        __int128 pico; /* in a tier's ratio a price can be very large */
        int64_t cost;

        price_at(&p, prompt, 0, &r);
        pico = (__int128)(rest - audio) * r.class_pusd[PRICE_CLASS_prompt] + (__int128)cached * r.class_pusd[PRICE_CLASS_cached] +
               (__int128)(write - over_hour) * r.class_pusd[PRICE_CLASS_cache_write] +
               (__int128)over_hour * r.class_pusd[PRICE_CLASS_cache_write_long] +
               (__int128)audio * r.class_pusd[PRICE_CLASS_audio_input] +
               (__int128)(completion - thought) * r.class_pusd[PRICE_CLASS_completion] +
               (__int128)thought * r.class_pusd[PRICE_CLASS_reasoning];
        CHECK_INT(price_cost(&r, &u, &cost), ERR_NONE);
        CHECK((__int128)cost * 1000 <= pico + 7 * 500 && (__int128)cost * 1000 >= pico - 7 * 500);
    }
}

static const struct check_case cases[] = {
    {"price_names", test_names},
    {"price_ok", test_ok},
    {"price_tiers", test_tiers},
    {"price_dearest", test_dearest},
    {"price_cost", test_cost},
    {"price_rounding", test_rounding},
    {"price_overflow", test_overflow},
    {"price_believe", test_believe},
    {"price_within_the_reservation", test_within_the_reservation},
    {"price_roundings_are_reserved", test_roundings_are_reserved},
    {"price_monotone", test_monotone},
    {"price_every_token_is_paid_once", test_every_token_is_paid_once},
};
CHECK_MAIN(cases)
