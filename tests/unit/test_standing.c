/* Every inference depends on this one answer, so each way to lose trust is tried, with the moment
 * before it as its twin. Clocks are frozen: a real one cannot be turned by a test. */
#include "standing.h"

#include "bounds.h"
#include "check.h"
#include "clock.h"

static const uint64_t MONO = 5000000, UNIX = 1795000000000;

static void at(uint64_t mono_ms, int64_t unix_moved_ms)
{
    clock_freeze((MONO + mono_ms) * 1000, UNIX + mono_ms + (uint64_t)unix_moved_ms);
}

static void reasons(void)
{
    struct standing_facts f = {0};

    at(0, 0);
    CHECK_INT(standing_now(&f), STANDING_NEVER_ATTESTED);
    CHECK_INT(standing_jump_ms(&f), 0);
    standing_accepted(&f, 60000);
    CHECK_INT(standing_now(&f), STANDING_ACCEPTED);
    at(59999, 0);
    CHECK_INT(standing_now(&f), STANDING_ACCEPTED);
    at(60000, 0);
    CHECK_INT(standing_now(&f), STANDING_EVIDENCE_EXPIRED);
    standing_accepted(&f, 60000);
    CHECK_INT(standing_now(&f), STANDING_ACCEPTED);
    standing_refused(&f);
    CHECK_INT(standing_now(&f), STANDING_REFUSED);
    standing_accepted(&f, 60000);
    CHECK_INT(standing_now(&f), STANDING_ACCEPTED);
    clock_thaw();
}

static void refused_from_the_start(void)
{
    struct standing_facts f = {0};

    standing_refused(&f);
    CHECK_INT(standing_now(&f), STANDING_REFUSED);
}

static void clock_jumps(void)
{
    static const struct {
        int64_t by_ms;
        enum standing then;
    } cases[] = {
        {0, STANDING_ACCEPTED},
        {1000, STANDING_ACCEPTED}, /* a leap second */
        {-1000, STANDING_ACCEPTED},
        {LIMIT_CLOCK_SKEW_MS, STANDING_ACCEPTED},
        {-LIMIT_CLOCK_SKEW_MS, STANDING_ACCEPTED},
        {LIMIT_CLOCK_SKEW_MS + 1, STANDING_CLOCK_JUMPED},
        {-LIMIT_CLOCK_SKEW_MS - 1, STANDING_CLOCK_JUMPED},
        {INT64_C(31536000000), STANDING_CLOCK_JUMPED},
        {-INT64_C(1795000000000), STANDING_CLOCK_JUMPED}, /* 1970 */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct standing_facts f = {0};

        at(0, 0);
        standing_accepted(&f, 600000);
        at(1000, cases[i].by_ms);
        CHECK_INT(standing_now(&f), cases[i].then);
        CHECK_INT(standing_jump_ms(&f), cases[i].then == STANDING_ACCEPTED ? 0 : cases[i].by_ms);
        standing_accepted(&f, 600000); /* new evidence: from now on this is the time */
        CHECK_INT(standing_now(&f), STANDING_ACCEPTED);
        at(2000, 0);
        CHECK_INT(standing_now(&f), cases[i].then); /* and back is a jump again */
    }
    clock_thaw();
}

/* Accepted when unix time is before the machine's own start: the offset is negative. */
static void unix_time_before_boot(void)
{
    struct standing_facts f = {0};

    clock_freeze(5000000, 100);
    standing_accepted(&f, 60000);
    clock_freeze(6000000, 1100);
    CHECK_INT(standing_now(&f), STANDING_ACCEPTED);
    clock_freeze(6000000, 1795000000000);
    CHECK_INT(standing_now(&f), STANDING_CLOCK_JUMPED);
    clock_thaw();
}

static void names_are_codes(void)
{
    static const char *const want[] = {"accepted", "never_attested", "refused", "evidence_expired",
                                       "clock_jumped"};

    CHECK_INT(STANDING_COUNT, sizeof want / sizeof want[0]);
    for (int s = 0; s < STANDING_COUNT; s++)
        CHECK(strcmp(standing_name((enum standing)s), want[s]) == 0);
}

static const struct check_case cases[] = {
    {"standing_reasons", reasons},
    {"standing_refused_from_the_start", refused_from_the_start},
    {"standing_clock_jumps", clock_jumps},
    {"standing_unix_time_before_boot", unix_time_before_boot},
    {"standing_names_are_codes", names_are_codes},
};
CHECK_MAIN(cases)
