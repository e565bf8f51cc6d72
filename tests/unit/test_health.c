/* Health decides who is asked first. If a breaker never opens, every request pays for a dead provider;
 * if it never closes, a provider that had a bad minute is lost; and if one account can open it for
 * everybody, that account takes providers away from its neighbours. */
#include "breaker.c"
#include "health.c"

#include "check.h"

#include <pthread.h>

static struct health *fresh(void)
{
    struct health *h = NULL;

    CHECK_INT(health_new(&h), ERR_NONE);
    return h;
}

static uint32_t who(const struct health *h, uint8_t account)
{
    struct id id = {{account}};

    return health_who(h, &id);
}

static enum health_state state(const struct health *h, uint8_t account, uint64_t ms)
{
    struct health_view v;

    health_read(h, 3, account == 0 ? HEALTH_NOBODY : who(h, account), ms, &v);
    return v.state;
}

static void fail(struct health *h, uint8_t account, enum health_fault fault, int n, uint64_t ms)
{
    while (n-- > 0)
        health_failure(h, 3, who(h, account), fault, ms);
}

static void succeed(struct health *h, uint8_t account, int n, uint64_t ms)
{
    while (n-- > 0)
        health_success(h, 3, who(h, account), ms, 500);
}

static bool claim(struct health *h, uint8_t account, uint64_t ms)
{
    return health_claim_probe(h, 3, who(h, account), ms);
}

#define E HEALTH_FAULT_ENDPOINT
#define R HEALTH_FAULT_REQUEST
/* What happened, and to whom the endpoint is then closed. */
static void test_who_closes_it_to_whom(void)
{
    static const struct {
        const char *what;
        struct {
            uint8_t account;
            enum health_fault fault;
            int bad, good;
        } did[8];
        enum health_state first, other; /* as account 1 and account 9, who did nothing, see it */
    } cases[] = {
        {"four failures are no statistic", {{1, R, 4, 0}}, HEALTH_GOOD, HEALTH_GOOD},
        {"five of one account are its own", {{1, R, 5, 0}}, HEALTH_OPEN, HEALTH_GOOD},
        {"so are five hundred", {{1, R, 500, 0}}, HEALTH_OPEN, HEALTH_GOOD},
        {"half of them succeed", {{1, R, 5, 5}}, HEALTH_OPEN, HEALTH_GOOD},
        {"most of them succeed", {{1, R, 5, 6}}, HEALTH_GOOD, HEALTH_GOOD},
        {"no connection: nobody's doing", {{1, E, 5, 0}}, HEALTH_OPEN, HEALTH_OPEN},
        {"four times", {{1, E, 4, 0}}, HEALTH_GOOD, HEALTH_GOOD},
        {"no connection now and then", {{1, E, 5, 6}}, HEALTH_GOOD, HEALTH_GOOD},
        {"two accounts fail", {{1, R, 3, 0}, {2, R, 2, 0}}, HEALTH_OPEN, HEALTH_OPEN},
        {"two, one of them once", {{1, R, 50, 0}, {2, R, 1, 0}}, HEALTH_OPEN, HEALTH_GOOD},
        {"two, but two others are well",
         {{3, R, 0, 1}, {4, R, 0, 1}, {1, R, 4, 0}, {2, R, 4, 0}}, HEALTH_GOOD, HEALTH_GOOD},
        {"three of five", {{4, R, 0, 1}, {5, R, 0, 1}, {1, R, 2, 0}, {2, R, 2, 0}, {3, R, 2, 0}},
         HEALTH_OPEN, HEALTH_OPEN},
        {"five accounts, one failure each",
         {{1, R, 1, 0}, {2, R, 1, 0}, {3, R, 1, 0}, {4, R, 1, 0}, {5, R, 1, 0}},
         HEALTH_OPEN, HEALTH_OPEN},
        {"four accounts, one each", {{1, R, 1, 0}, {2, R, 1, 0}, {3, R, 1, 0}, {4, R, 1, 0}},
         HEALTH_GOOD, HEALTH_GOOD},
        {"two that mostly succeed", {{1, R, 50, 60}, {2, R, 50, 60}}, HEALTH_GOOD, HEALTH_GOOD},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct health *h = fresh();
        unsigned before = check_failed_;

        for (size_t j = 0; j < 8; j++) {
            if (cases[i].did[j].account == 0)
                continue;
            succeed(h, cases[i].did[j].account, cases[i].did[j].good, 1000000);
            fail(h, cases[i].did[j].account, cases[i].did[j].fault, cases[i].did[j].bad, 1000000);
        }
        CHECK_INT(state(h, 1, 1000000), cases[i].first);
        CHECK_INT(state(h, 9, 1000000), cases[i].other);
        CHECK_INT(state(h, 0, 1000000), cases[i].other);
        if (check_failed_ != before)
            printf("# in %s\n", cases[i].what);
        health_free(h);
    }
}

static void test_probe(void)
{
    static const unsigned waits_s[] = {5, 10, 20, 40, 60, 60, 60, 60, 60, 60};
    struct health *h = fresh();
    uint64_t t = 1000000;

    fail(h, 1, HEALTH_FAULT_ENDPOINT, 5, t);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        CHECK_INT(state(h, 2, t + waits_s[i] * 1000 - 1), HEALTH_OPEN);
        CHECK(!claim(h, 2, t + waits_s[i] * 1000 - 1));
        t += waits_s[i] * 1000;
        CHECK_INT(state(h, 2, t), HEALTH_PROBE);
        CHECK(claim(h, 2, t));
        CHECK(!claim(h, 3, t)); /* one probe per opening */
        CHECK_INT(state(h, 3, t), HEALTH_OPEN);
        fail(h, 2, HEALTH_FAULT_ENDPOINT, 1, t); /* it fails: the next one waits longer, not less */
    }
    t += 60000;
    CHECK(claim(h, 2, t));
    succeed(h, 2, 1, t);
    CHECK_INT(state(h, 1, t), HEALTH_GOOD);
    fail(h, 1, HEALTH_FAULT_ENDPOINT, 4, t); /* what was before is forgotten */
    CHECK_INT(state(h, 1, t), HEALTH_GOOD);
    fail(h, 1, HEALTH_FAULT_ENDPOINT, 1, t);
    CHECK_INT(state(h, 1, t), HEALTH_OPEN);
    CHECK_INT(state(h, 1, t + HEALTH_OPEN_MS), HEALTH_PROBE); /* and the wait begins anew */
    health_free(h);
}

static void test_own_probe(void)
{
    struct health *h = fresh();
    uint64_t t = 1000000;

    fail(h, 1, HEALTH_FAULT_REQUEST, 5, t);
    succeed(h, 2, 3, t); /* it works for others, which is not news for account 1 */
    CHECK_INT(state(h, 1, t), HEALTH_OPEN);
    t += HEALTH_OPEN_MS;
    CHECK_INT(state(h, 1, t), HEALTH_PROBE);
    CHECK(claim(h, 1, t));
    CHECK(!claim(h, 1, t));
    CHECK(claim(h, 2, t)); /* closed: everybody else passes */
    succeed(h, 1, 1, t);
    CHECK_INT(state(h, 1, t), HEALTH_GOOD);
    health_free(h);
}

static void test_window_forgets(void)
{
    struct health *h = fresh();
    uint64_t t = 100 * HEALTH_WINDOW_MS;

    fail(h, 1, HEALTH_FAULT_REQUEST, 4, t);
    fail(h, 1, HEALTH_FAULT_REQUEST, 1, t + 2 * HEALTH_WINDOW_MS);
    CHECK_INT(state(h, 1, t + 2 * HEALTH_WINDOW_MS), HEALTH_GOOD);
    health_free(h);
    h = fresh();
    fail(h, 1, HEALTH_FAULT_REQUEST, 4, t);
    fail(h, 1, HEALTH_FAULT_REQUEST, 1, t + HEALTH_WINDOW_MS); /* the window before counts */
    CHECK_INT(state(h, 1, t + HEALTH_WINDOW_MS), HEALTH_OPEN);
    health_free(h);
}

/* More accounts than counters: the first ones keep theirs while they use them, and then give way. */
static void test_many_accounts(void)
{
    struct health *h = fresh();
    uint64_t t = 100 * HEALTH_WINDOW_MS;

    for (uint8_t a = 1; a <= HEALTH_ACCOUNTS; a++)
        succeed(h, a, 1, t);
    fail(h, 100, HEALTH_FAULT_REQUEST, 50, t);
    CHECK_INT(state(h, 100, t), HEALTH_GOOD); /* not counted: it closes it to nobody */
    CHECK_INT(state(h, 1, t), HEALTH_GOOD);
    t += 2 * HEALTH_WINDOW_MS;
    fail(h, 100, HEALTH_FAULT_REQUEST, 5, t);
    CHECK_INT(state(h, 100, t), HEALTH_OPEN);
    CHECK_INT(state(h, 1, t), HEALTH_GOOD);
    health_free(h);
}

static struct health *raced;

static void *race(void *cookie)
{
    (void)cookie;
    fail(raced, 1, HEALTH_FAULT_REQUEST, 2000, 1000000);
    succeed(raced, 2, 100, 1000000);
    return NULL;
}

/* However many workers serve it, an account is one account. */
static void test_one_account_on_many_threads(void)
{
    for (int round = 0; round < 50; round++) {
        pthread_t t[4];
        unsigned counters = 0;

        raced = fresh();
        for (int i = 0; i < 4; i++)
            CHECK_INT(pthread_create(&t[i], NULL, race, NULL), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
        for (int i = 0; i < HEALTH_ACCOUNTS; i++)
            counters += atomic_load(&raced->slots[3].whose[i]) == who(raced, 1);
        CHECK_INT(counters, 1);
        CHECK_INT(state(raced, 1, 1000000), HEALTH_OPEN);
        CHECK_INT(state(raced, 2, 1000000), HEALTH_GOOD);
        health_free(raced);
    }
}

static void test_cooling(void)
{
    static const struct {
        int64_t retry_after_ms;
        uint32_t cool_ms;
    } cases[] = {
        {-1, HEALTH_COOL_DEFAULT_MS},
        {2500, 2500},
        {86400000, HEALTH_COOL_MAX_MS},
    };
    struct health_view v;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct health *h = fresh();

        health_rate_limited(h, 3, 5000, cases[i].retry_after_ms);
        health_read(h, 3, HEALTH_NOBODY, 5000, &v);
        CHECK_INT(v.state, HEALTH_COOLING);
        CHECK_INT(v.cool_ms, cases[i].cool_ms);
        CHECK_INT(state(h, 1, 5000 + cases[i].cool_ms - 1), HEALTH_COOLING);
        CHECK_INT(state(h, 1, 5000 + cases[i].cool_ms), HEALTH_GOOD);
        health_free(h);
    }
}

static void test_first_byte_smooths(void)
{
    struct health *h = fresh();
    struct health_view v;

    health_success(h, 0, HEALTH_NOBODY, 1000, 800);
    health_read(h, 0, HEALTH_NOBODY, 1000, &v);
    CHECK_INT(v.first_byte_us, 800);
    health_success(h, 0, HEALTH_NOBODY, 1000, 0); /* a whole answer measures nothing */
    health_success(h, 0, HEALTH_NOBODY, 1000, 1600);
    health_read(h, 0, HEALTH_NOBODY, 1000, &v);
    CHECK_INT(v.first_byte_us, 900);
    health_free(h);
}

static void test_rate_smooths(void)
{
    struct health *h = fresh();
    struct health_view v;

    health_written(h, 0, 1, 1000, 10000000);
    health_read(h, 0, HEALTH_NOBODY, 1, &v);
    CHECK_INT(v.tokens_per_s, 100);
    health_written(h, 0, 1, 1800, 10000000);
    health_read(h, 0, HEALTH_NOBODY, 1, &v);
    CHECK_INT(v.tokens_per_s, 110);
    /* a word, or a burst, says nothing; nor does what no model can write */
    health_written(h, 0, 1, HEALTH_RATE_TOKENS - 1, 10000000);
    health_written(h, 0, 1, 1000, HEALTH_RATE_US - 1);
    health_written(h, 0, 1, UINT64_MAX, 10000000);
    health_read(h, 0, HEALTH_NOBODY, 1, &v);
    CHECK_INT(v.tokens_per_s, 110);
    health_free(h);
}

/* A percentile is the end of its bucket that is worse for the endpoint, at most a factor of the root of two away, and
 * needs a few samples; a page is forgotten half an hour later. */
static void test_percentiles(void)
{
    static const uint32_t exact_us[ROUTE_PERCENTILES] = {50000, 75000, 90000, 99000};
    static const uint32_t exact_rate[ROUTE_PERCENTILES] = {51, 26, 11, 2};
    struct health *h = fresh();
    struct health_report r;

    for (unsigned i = 1; i <= 4; i++)
        health_success(h, 0, who(h, 1), 1, i * 1000);
    health_report(h, 0, 1, &r);
    CHECK(r.latencies == 4 && r.now.latency_us[ROUTE_P50] == 0);
    health_free(h);
    h = fresh();
    for (unsigned i = 1; i <= 100; i++) {
        health_success(h, 0, who(h, 1), FIGURES_PAGE_MS - 1 + i, i * 1000); /* over two pages */
        health_written(h, 0, FIGURES_PAGE_MS - 1 + i, i, 1000000);
    }
    health_report(h, 0, FIGURES_PAGE_MS + 200, &r);
    CHECK(r.latencies == 100 && r.rates == 100 - (HEALTH_RATE_TOKENS - 1));
    for (unsigned i = 0; i < ROUTE_PERCENTILES; i++)
        CHECK(r.now.latency_us[i] >= exact_us[i] && r.now.latency_us[i] < exact_us[i] * 1.42);
    CHECK(r.now.throughput[ROUTE_P50] <= exact_rate[ROUTE_P50] + 8 && r.now.throughput[ROUTE_P50] > exact_rate[ROUTE_P50] / 1.42);
    CHECK(r.now.throughput[ROUTE_P99] <= r.now.throughput[ROUTE_P50]);
    health_report(h, 0, 2 * FIGURES_PAGE_MS, &r);
    CHECK_INT(r.latencies, 100); /* the first sample's page is gone with the next one */
    health_report(h, 0, 3 * FIGURES_PAGE_MS, &r);
    CHECK(r.latencies == 0 && r.now.latency_us[ROUTE_P50] == 0);
    health_free(h);
}

/* Outcomes of 5 minutes, 30 minutes and a day; and no account makes the public figures. */
static void test_uptime(void)
{
    enum { MINUTE = 60000, T0 = 100 * 3600000 };
    struct health *h = fresh();
    struct health_report r;
    struct health_view v = {0};

    succeed(h, 1, 10, T0);
    health_report(h, 3, T0, &r);
    for (unsigned i = 0; i < HEALTH_SPANS; i++)
        CHECK(r.span[i].good == 10 && r.span[i].bad == 0);
    health_failure(h, 3, who(h, 1), HEALTH_FAULT_ENDPOINT, T0 + 4 * MINUTE);
    health_report(h, 3, T0 + 5 * MINUTE, &r);
    CHECK(r.span[HEALTH_5M].good == 10 && r.span[HEALTH_5M].bad == 1);
    health_report(h, 3, T0 + 6 * MINUTE, &r);
    CHECK(r.span[HEALTH_5M].good == 0 && r.span[HEALTH_5M].bad == 1 && r.span[HEALTH_30M].good == 10);
    health_report(h, 3, T0 + 60 * MINUTE, &r);
    CHECK(r.span[HEALTH_30M].good == 0 && r.span[HEALTH_1D].good == 10 && r.span[HEALTH_1D].bad == 1);
    health_measure(h, 3, T0 + 60 * MINUTE, &v);
    CHECK_INT(v.failed_permille, 90);
    health_report(h, 3, T0 + 26 * 60 * MINUTE, &r);
    CHECK(r.span[HEALTH_1D].good == 0 && r.span[HEALTH_1D].bad == 0);
    health_free(h);

    h = fresh();
    fail(h, 1, HEALTH_FAULT_REQUEST, 100, T0);
    health_report(h, 3, T0, &r);
    CHECK_INT(r.span[HEALTH_5M].bad, HEALTH_ACCOUNT_WEIGHT);
    fail(h, 2, HEALTH_FAULT_REQUEST, 1, T0);
    fail(h, 2, HEALTH_FAULT_ENDPOINT, 2, T0);
    health_report(h, 3, T0, &r);
    CHECK_INT(r.span[HEALTH_5M].bad, HEALTH_ACCOUNT_WEIGHT + 3);
    health_free(h);
}

static void test_slots(void)
{
    struct health *h = fresh();
    uint32_t a = health_slot(h, 5), b = health_slot(h, 5 + HEALTH_SLOTS);

    CHECK(a != b); /* two numbers that hash alike */
    CHECK_INT(health_slot(h, 5), a);
    CHECK_INT(health_slot(h, 5 + HEALTH_SLOTS), b);
    for (uint32_t i = 0; i < 2 * HEALTH_SLOTS; i++)
        CHECK(health_slot(h, i) < HEALTH_SLOTS); /* a full table shares, it does not fail */
    health_free(h);
}

static const struct check_case cases[] = {
    {"health_who_closes_it_to_whom", test_who_closes_it_to_whom},
    {"health_probe", test_probe},
    {"health_own_probe", test_own_probe},
    {"health_window_forgets", test_window_forgets},
    {"health_many_accounts", test_many_accounts},
    {"health_one_account_on_many_threads", test_one_account_on_many_threads},
    {"health_cooling", test_cooling},
    {"health_first_byte_smooths", test_first_byte_smooths},
    {"health_rate_smooths", test_rate_smooths},
    {"health_percentiles", test_percentiles},
    {"health_uptime", test_uptime},
    {"health_slots", test_slots},
};
CHECK_MAIN(cases)
