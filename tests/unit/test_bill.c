/* Money is made here: each price class is multiplied and rounded once, and no figure a provider
 * sends can charge more than was reserved or less than nothing. */
#include "bill.c"

#include "check.h"

static const struct catalog_endpoint prices = {.price_prompt_pusd = 500000,
                                               .price_completion_pusd = 1500000,
                                               .price_cached_pusd = 50000,
                                               .price_cache_write_pusd = 625000};

static void test_table(void)
{
    static const struct {
        const char *what;
        struct token_usage usage;
        uint64_t prompt_bytes, delivered;
        int64_t reserved, cost;
        bool estimated, clamped;
        bool prompt_owed;
    } cases[] = {
        {"plain", {.present = true, .prompt = 10, .completion = 4}, 0, 0, 100000, 11000, 0, 0, 0},
        {"cached", {.present = true, .prompt = 10, .completion = 4, .cached_read = 8}, 0, 0, 100000,
         1000 + 400 + 6000, 0, 0, 0},
        {"cache write", {.present = true, .prompt = 10, .cache_write = 10}, 0, 0, 100000, 6250, 0, 0, 0},
        {"reasoning is inside completion",
         {.present = true, .prompt = 10, .completion = 4, .reasoning = 3}, 0, 0, 100000, 11000, 0, 0, 0},
        {"more cached than there is", {.present = true, .prompt = 10, .cached_read = 99}, 0, 0,
         100000, 500, 0, 1, 0},
        {"more written than is left",
         {.present = true, .prompt = 10, .cached_read = 4, .cache_write = 9}, 0, 0, 100000,
         200 + 3750, 0, 1, 0},
        {"over the reservation", {.present = true, .prompt = 10, .completion = 4}, 0, 0, 10999,
         10999, 0, 1, 0},
        {"clamped by the reader", {.present = true, .clamped = true, .prompt = 2}, 0, 0, 100000,
         1000, 0, 1, 0},
        {"silent, nothing delivered", {0}, 4000, 0, 100000, 0, 0, 0, 0},
        {"silent, nothing delivered, the prompt is owed", {0}, 4001, 0, 1000000, 1001 * 500, 1, 0, 1},
        {"nothing is owed for no prompt", {0}, 0, 0, 100000, 0, 1, 0, 1},
        {"figures are figures, whatever is owed", {.present = true, .prompt = 10}, 4000, 0, 100000, 5000,
         0, 0, 1},
        {"silent, five bytes delivered", {0}, 40, 5, 100000, 5000 + 3000, 1, 0, 0},
        {"silent and over the reservation", {0}, 4000, 4000, 1000, 1000, 1, 1, 0},
        {"reported zero is missing", {.present = true}, 4000, 100, 1000000, 500000 + 37500, 1, 0, 0},
        {"zero for a prompt", {.present = true, .completion = 20}, 4000, 80, 1000000, 500000 + 30000, 1, 0,
         0},
        {"zero for what was delivered", {.present = true, .prompt = 10}, 40, 80, 100000, 5000 + 30000, 1, 0,
         0},
        {"zero for nothing delivered", {.present = true, .prompt = 10}, 40, 0, 100000, 5000, 0, 0, 0},
        {"counted when the stream began", {.present = true, .prompt = 10, .completion = 1}, 40, 4000, 10000000,
         5000 + 1500000, 1, 0, 0},
        {"long tokens", {.present = true, .prompt = 10, .completion = 2}, 40, 128, 100000, 5000 + 3000, 0, 0, 0},
        {"too long tokens", {.present = true, .prompt = 10, .completion = 2}, 40, 129, 100000, 5000 + 49500, 1,
         0, 0},
        {"absurd figures are estimated", {.present = true, .clamped = true}, 40, 80, 100000, 5000 + 30000, 1, 1,
         0},
        {"cached tokens of an estimated prompt", {.present = true, .completion = 4, .cached_read = 8}, 40, 16,
         100000, 1000 + 400 + 6000, 1, 0, 0},
        {"a figure of nothing delivered or owed", {.present = true, .clamped = true}, 40, 0, 100000, 5000, 1, 1,
         0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bill b;

        bill_make(&prices, &cases[i].usage, cases[i].prompt_bytes, cases[i].delivered,
                  cases[i].prompt_owed, cases[i].reserved, &b);
        CHECK_INT(b.cost_nusd, cases[i].cost);
        CHECK_INT(b.estimated, cases[i].estimated);
        CHECK_INT(b.clamped, cases[i].clamped);
        if (b.cost_nusd != cases[i].cost)
            printf("# in case: %s\n", cases[i].what);
    }
}

/* Half up, per class: 1 token at 500 pUSD is 0.5 nUSD and costs 1. */
static void test_rounding(void)
{
    struct catalog_endpoint e = {.price_prompt_pusd = 500, .price_completion_pusd = 499};
    struct token_usage u = {.present = true, .prompt = 1, .completion = 1};
    struct bill b;

    bill_make(&e, &u, 0, 0, false, 100, &b);
    CHECK_INT(b.cost_nusd, 1);
    u.completion = 3; /* 1497 pUSD */
    bill_make(&e, &u, 0, 0, false, 100, &b);
    CHECK_INT(b.cost_nusd, 2);
}

static const struct check_case cases[] = {
    {"bill_table", test_table},
    {"bill_rounding", test_rounding},
};
CHECK_MAIN(cases)
