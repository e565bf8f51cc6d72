/* Deadlines and leases hang on these three: they must move forward, agree on units and stand still
 * when a test says so. */
#include "check.h"
#include "clock.h"

#include <time.h>

static void real_time(void)
{
    struct timespec pause = {.tv_nsec = 3000000};
    uint64_t us = clock_mono_us(), ms = clock_mono_ms(), unix_ms = clock_unix_ms(), last = us;

    CHECK(ms - us / 1000 <= 1000);
    CHECK(unix_ms / 1000 - (uint64_t)time(NULL) + 1 <= 2);
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_mono_us();

        CHECK(now >= last);
        last = now;
    }
    CHECK_INT(nanosleep(&pause, NULL), 0);
    CHECK(clock_mono_us() - us >= 3000);
    CHECK(clock_mono_ms() - ms >= 2);
}

static void frozen_time(void)
{
    clock_freeze(1234567, 1700000000000);
    CHECK_INT(clock_mono_us(), 1234567);
    CHECK_INT(clock_mono_ms(), 1234);
    CHECK_INT(clock_unix_ms(), 1700000000000);
    clock_freeze(1235000, 1700000000001);
    CHECK_INT(clock_mono_ms(), 1235);
    CHECK_INT(clock_unix_ms(), 1700000000001);
    clock_thaw();
    CHECK(clock_unix_ms() > 1700000000001);
}

static const struct check_case cases[] = {
    {"clock_real_time", real_time},
    {"clock_frozen_time", frozen_time},
};
CHECK_MAIN(cases)
