/* Health decides who is asked first. If the breaker never opens, every request pays for a dead
 * provider; if it never closes, a provider that had a bad minute is lost. */
#include "health.c"

#include "check.h"

static struct health *fresh(void)
{
    struct health *h = NULL;

    CHECK_INT(health_new(&h), ERR_NONE);
    return h;
}

static enum health_state state(const struct health *h, uint32_t slot, uint64_t ms)
{
    struct health_view v;

    health_read(h, slot, ms, &v);
    return v.state;
}

static void test_breaker_opens_and_half_opens(void)
{
    struct health *h = fresh();
    uint64_t t = 1000000;

    for (int i = 0; i < HEALTH_OPEN_MIN - 1; i++)
        health_failure(h, 3, t);
    CHECK_INT(state(h, 3, t), HEALTH_GOOD); /* four failures are no statistic */
    health_failure(h, 3, t);
    CHECK_INT(state(h, 3, t), HEALTH_OPEN);
    CHECK(!health_claim_probe(h, 3, t));
    t += HEALTH_OPEN_MS;
    CHECK_INT(state(h, 3, t), HEALTH_PROBE);
    CHECK(health_claim_probe(h, 3, t));
    CHECK(!health_claim_probe(h, 3, t)); /* one probe per opening */
    CHECK_INT(state(h, 3, t), HEALTH_OPEN);
    health_success(h, 3, t, 500);
    CHECK_INT(state(h, 3, t), HEALTH_GOOD);
    health_failure(h, 3, t); /* old sins are forgotten: one failure does not reopen it */
    CHECK_INT(state(h, 3, t), HEALTH_GOOD);
    CHECK_INT(state(h, 4, t), HEALTH_GOOD); /* the neighbour never failed */
    health_free(h);
}

static void test_error_rate_needs_a_majority(void)
{
    struct health *h = fresh();
    uint64_t t = 1000000;

    for (int i = 0; i < 100; i++)
        health_success(h, 0, t, 100);
    for (int i = 0; i < 99; i++)
        health_failure(h, 0, t);
    CHECK_INT(state(h, 0, t), HEALTH_GOOD); /* 99 of 199 */
    health_failure(h, 0, t);
    CHECK_INT(state(h, 0, t), HEALTH_OPEN); /* 100 of 200 */
    health_free(h);
}

static void test_window_forgets(void)
{
    struct health *h = fresh();
    struct health_view v;
    uint64_t t = 100 * HEALTH_WINDOW_MS;

    for (int i = 0; i < 4; i++)
        health_failure(h, 0, t);
    health_read(h, 0, t + HEALTH_WINDOW_MS, &v);
    CHECK_INT(v.error_permille, 1000); /* the window before counts */
    health_read(h, 0, t + 2 * HEALTH_WINDOW_MS, &v);
    CHECK_INT(v.error_permille, 0);
    health_failure(h, 0, t + 2 * HEALTH_WINDOW_MS);
    CHECK_INT(state(h, 0, t + 2 * HEALTH_WINDOW_MS), HEALTH_GOOD);
    health_free(h);
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

        health_rate_limited(h, 7, 5000, cases[i].retry_after_ms);
        health_read(h, 7, 5000, &v);
        CHECK_INT(v.state, HEALTH_COOLING);
        CHECK_INT(v.cool_ms, cases[i].cool_ms);
        CHECK_INT(state(h, 7, 5000 + cases[i].cool_ms - 1), HEALTH_COOLING);
        CHECK_INT(state(h, 7, 5000 + cases[i].cool_ms), HEALTH_GOOD);
        health_free(h);
    }
}

static void test_first_byte_smooths(void)
{
    struct health *h = fresh();
    struct health_view v;

    health_success(h, 0, 1000, 800);
    health_read(h, 0, 1000, &v);
    CHECK_INT(v.first_byte_us, 800);
    health_success(h, 0, 1000, 0); /* a whole answer measures nothing */
    health_success(h, 0, 1000, 1600);
    health_read(h, 0, 1000, &v);
    CHECK_INT(v.first_byte_us, 900);
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
    {"health_breaker_opens_and_half_opens", test_breaker_opens_and_half_opens},
    {"health_error_rate_needs_a_majority", test_error_rate_needs_a_majority},
    {"health_window_forgets", test_window_forgets},
    {"health_cooling", test_cooling},
    {"health_first_byte_smooths", test_first_byte_smooths},
    {"health_slots", test_slots},
};
CHECK_MAIN(cases)
