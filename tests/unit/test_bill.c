/* Money is made here: each price class is multiplied and rounded once, and no figure a provider
 * sends can charge more than was reserved or less than nothing. */
#include "bill.c"

#include "check.h"

static const struct catalog_endpoint prices = {.price.prompt_pusd = 500000,
                                               .price.completion_pusd = 1500000,
                                               .price.reasoning_pusd = 1500000,
                                               .price.audio_input_pusd = 1000000,
                                               .price.audio_output_pusd = 3000000,
                                               .price.cached_pusd = 50000,
                                               .price.cache_write_pusd = 625000};

static void test_table(void)
{
    static const struct {
        const char *what;
        struct bill_evidence evidence;
        int64_t reserved, cost;
        bool estimated, clamped;
    } cases[] = {
#define USAGE(...) .usage = {.present = true, __VA_ARGS__}, .complete = true
        {"plain", {USAGE(.prompt = 10, .completion = 4)}, 100000, 11000, 0, 0},
        {"cached", {USAGE(.prompt = 10, .completion = 4, .cached_read = 8)}, 100000, 1000 + 400 + 6000, 0,
         0},
        {"cache write", {USAGE(.prompt = 10, .cache_write = 10)}, 100000, 6250, 0, 0},
        {"reasoning is inside completion", {USAGE(.prompt = 10, .completion = 4, .reasoning = 3)}, 100000,
         11000, 0, 0},
        {"more cached than there is", {USAGE(.prompt = 10, .cached_read = 99)}, 100000, 500, 0, 1},
        {"more written than is left", {USAGE(.prompt = 10, .cached_read = 4, .cache_write = 9)}, 100000,
         200 + 3750, 0, 1},
        {"both caches are all of the prompt", {USAGE(.prompt = 10, .cached_read = 4, .cache_write = 6)}, 100000,
         200 + 3750, 0, 0},
        {"audio", {USAGE(.prompt = 10, .completion = 4, .audio_input = 3, .audio_output = 1)}, 100000,
         3500 + 3000 + 4500 + 3000, 0, 0},
        {"more audio than completion", {USAGE(.prompt = 10, .completion = 4, .audio_output = 5)}, 100000,
         5000 + 4 * 3000, 0, 1},
        {"more reasoning than completion", {USAGE(.prompt = 10, .completion = 4, .reasoning = 5)}, 100000,
         11000, 0, 1},
        {"over the reservation", {USAGE(.prompt = 10, .completion = 4)}, 10999, 10999, 0, 1},
        {"clamped by the reader", {USAGE(.clamped = true, .prompt = 2)}, 100000, 1000, 0, 1},
        {"silent, no output", {.prompt = 1000}, 100000, 0, 0, 0},
        {"silent, no output, the prompt is owed", {.prompt = 1001, .prompt_owed = true}, 1000000,
         1001 * 500, 1, 0},
        {"nothing is owed for no prompt", {.prompt_owed = true}, 100000, 0, 1, 0},
        {"figures are figures, whatever is owed",
         {USAGE(.prompt = 10), .prompt = 1000, .prompt_owed = true}, 100000, 5000, 0, 0},
        {"silent, two tokens of output", {.prompt = 10, .output = 2}, 100000, 5000 + 3000, 1, 0},
        {"silent and over the reservation", {.prompt = 1000, .output = 1000}, 1000, 1000, 1, 1},
        {"reported zero is missing", {USAGE(.prompt = 0), .prompt = 1000, .output = 25, .delivered_bytes = 100},
         1000000, 500000 + 37500, 1, 0},
        {"zero for a prompt", {USAGE(.completion = 20), .prompt = 1000, .output = 20, .delivered_bytes = 80},
         1000000, 500000 + 30000, 1, 0},
        {"zero for what was delivered", {USAGE(.prompt = 10), .prompt = 10, .output = 20, .delivered_bytes = 80},
         100000, 5000 + 30000, 1, 0},
        {"zero for nothing delivered", {USAGE(.prompt = 10), .prompt = 10}, 100000, 5000, 0, 0},
        {"counted when the stream began",
         {USAGE(.prompt = 10, .completion = 1), .prompt = 10, .output = 1000, .delivered_bytes = 4000}, 10000000,
         5000 + 1500000, 1, 0},
        {"long tokens", {USAGE(.prompt = 10, .completion = 2), .prompt = 10, .output = 32, .delivered_bytes = 128},
         100000, 5000 + 3000, 0, 0},
        {"too long tokens",
         {USAGE(.prompt = 10, .completion = 2), .prompt = 10, .output = 33, .delivered_bytes = 129}, 100000,
         5000 + 49500, 1, 0},
        {"absurd figures are estimated",
         {USAGE(.clamped = true), .prompt = 10, .output = 20, .delivered_bytes = 80}, 100000, 5000 + 30000, 1, 1},
        {"cached tokens of an estimated prompt",
         {USAGE(.completion = 4, .cached_read = 8), .prompt = 10, .output = 4, .delivered_bytes = 16}, 100000,
         1000 + 400 + 6000, 1, 0},
        {"complete, no figures, nothing seen", {.complete = true, .prompt = 10, .output = 4}, 100000, 11000, 1, 0},
        {"figures of the beginning, more was delivered",
         {.usage = {.present = true, .prompt = 10, .completion = 1}, .output = 4, .prompt = 99}, 100000,
         11000, 1, 0},
        {"figures of the beginning, and they are more",
         {.usage = {.present = true, .prompt = 10, .completion = 4}, .output = 1}, 100000, 11000, 0, 0},
        {"as much as was asked for", {USAGE(.prompt = 10, .completion = 4), .limit = 4}, 100000, 11000, 0,
         0},
        {"more than was asked for", {USAGE(.prompt = 10, .completion = 5, .reasoning = 5), .limit = 4},
         100000, 11000, 0, 1},
        {"an estimate is kept to the limit, too", {.prompt = 10, .output = 9, .limit = 4}, 100000, 11000,
         1, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bill b;

        bill_make(&prices, &cases[i].evidence, cases[i].reserved, &b);
        CHECK_INT(b.cost_nusd, cases[i].cost);
        CHECK_INT(b.estimated, cases[i].estimated);
        CHECK_INT(b.clamped, cases[i].clamped);
        CHECK(b.tokens.reasoning <= b.tokens.completion);
        CHECK_INT(b.tokens.prompt_nusd + b.tokens.completion_nusd, b.cost_nusd);
        if (b.cost_nusd != cases[i].cost)
            printf("# in case: %s\n", cases[i].what);
    }
}

/* The tier that holds when the request was received, for the prompt that is billed; and what is beside tokens. */
static void test_tiers_and_units(void)
{
    struct catalog_endpoint e = {.price = {.prompt_pusd = 1000, .completion_pusd = 2000, .request_nusd = 7,
                                           .image_nusd = 100, .n_tiers = 2}};
    const struct bill_evidence silent = {.prompt = 1, .units = {3, PRICE_UNIT_image}};
    struct bill_evidence u = {USAGE(.prompt = 1000, .completion = 10), .received_ms = 12 * 3600000};
    struct bill b;

    price_follow(&e.price, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion);
    e.price.tier[0] = (struct price_tier){.above_prompt_tokens = 1000, .prompt_pusd = 3000, .completion_pusd = 4000};
    e.price.tier[1] = (struct price_tier){.from_minute = 60, .until_minute = 120, .prompt_pusd = 500};
    bill_make(&e, &u, INT64_MAX, &b);
    CHECK_INT(b.cost_nusd, 1000 + 20 + 7);
    CHECK_INT(b.tokens.prompt_nusd, 1000 + 7);
    CHECK_INT(b.tokens.completion_nusd, 20);
    CHECK_INT(b.rates.tier, 0);
    CHECK_INT(b.requests, 1);
    u.usage.prompt = 1001;
    bill_make(&e, &u, INT64_MAX, &b);
    CHECK_INT(b.cost_nusd, 3003 + 40 + 7);
    CHECK_INT(b.rates.tier, 1);
    u.received_ms = 3600000;
    bill_make(&e, &u, INT64_MAX, &b);
    CHECK_INT(b.cost_nusd, 501 + 7); /* half up */
    CHECK_INT(b.rates.tier, 2);
    u.units = (struct price_units){3, PRICE_UNIT_image};
    bill_make(&e, &u, INT64_MAX, &b);
    CHECK_INT(b.cost_nusd, 501 + 7 + 300);
    CHECK_INT(b.units.n, 3);
    bill_make(&e, &u, 400, &b);
    CHECK_INT(b.cost_nusd, 400);
    CHECK(b.clamped);
    bill_make(&e, &silent, INT64_MAX, &b); /* a failure before any output: no request, no image */
    CHECK_INT(b.cost_nusd, 0);
    CHECK_INT(b.requests + b.units.n, 0);
}

/* Half up, per class: 1 token at 500 pUSD is 0.5 nUSD and costs 1. */
static void test_rounding(void)
{
    struct catalog_endpoint e = {.price.prompt_pusd = 500, .price.completion_pusd = 499};
    struct bill_evidence u = {USAGE(.prompt = 1, .completion = 1)};
    struct bill b;

    bill_make(&e, &u, 100, &b);
    CHECK_INT(b.cost_nusd, 1);
    u.usage.completion = 3; /* 1497 pUSD */
    bill_make(&e, &u, 100, &b);
    CHECK_INT(b.cost_nusd, 2);
}

static const struct check_case cases[] = {
    {"bill_table", test_table},
    {"bill_tiers_and_units", test_tiers_and_units},
    {"bill_rounding", test_rounding},
};
CHECK_MAIN(cases)
