#include "clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* Only tests write these; everyone else pays one relaxed load of a line that never changes. */
static atomic_bool frozen;
static _Atomic uint64_t frozen_mono_us, frozen_unix_ms;

static bool is_frozen(void)
{
    return __builtin_expect(atomic_load_explicit(&frozen, memory_order_acquire), false);
}

static uint64_t now_us(clockid_t which)
{
    struct timespec t;
    int failed = clock_gettime(which, &t);

    assert(failed == 0);
    (void)failed;
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t clock_mono_us(void)
{
    return is_frozen() ? atomic_load(&frozen_mono_us) : now_us(CLOCK_BOOTTIME);
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000u;
}

uint64_t clock_unix_ms(void)
{
    return is_frozen() ? atomic_load(&frozen_unix_ms) : now_us(CLOCK_REALTIME) / 1000u;
}

void clock_freeze(uint64_t mono_us, uint64_t unix_ms)
{
    atomic_store(&frozen_mono_us, mono_us);
    atomic_store(&frozen_unix_ms, unix_ms);
    atomic_store_explicit(&frozen, true, memory_order_release);
}

void clock_thaw(void)
{
    atomic_store_explicit(&frozen, false, memory_order_release);
}
