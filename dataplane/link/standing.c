/* Trust is a deadline on the monotonic clock, which nobody can set and which counts while the machine
 * sleeps (clock.h). Certificates, log entries and policies are judged by unix time, which the machine
 * is told by others: who turns it can bring expired certificates back to life. A machine that was
 * stopped from outside and went on, or was restored from a snapshot, shows it too, as soon as its unix
 * time is corrected. So acceptance holds only while the two clocks agree as they did at the ACCEPT. A
 * leap second is far below the limit; slewing turns both clocks alike. */
#include "standing.h"

#include "bounds.h"
#include "clock.h"

#include <assert.h>

#define STANDING_NAME(symbol, name) [symbol] = name,
static const char *const names[STANDING_COUNT] = {STANDING_LIST(STANDING_NAME)};
#undef STANDING_NAME

const char *standing_name(enum standing s)
{
    assert(s < STANDING_COUNT);
    return names[s];
}

static int64_t clock_offset_ms(void)
{
    return (int64_t)(clock_unix_ms() - clock_mono_ms());
}

int64_t standing_jump_ms(const struct standing_facts *f)
{
    int64_t by = clock_offset_ms() -
                 atomic_load_explicit(&f->clock_offset_ms, memory_order_relaxed);

    if (atomic_load_explicit(&f->until_ms, memory_order_relaxed) == 0)
        return 0;
    return by > LIMIT_CLOCK_SKEW_MS || by < -LIMIT_CLOCK_SKEW_MS ? by : 0;
}

enum standing standing_now(const struct standing_facts *f)
{
    /* First the deadline, then what was written before it. */
    uint64_t until_ms = atomic_load_explicit(&f->until_ms, memory_order_acquire);

    if (until_ms == 0)
        return atomic_load_explicit(&f->refused, memory_order_relaxed) ? STANDING_REFUSED
                                                                       : STANDING_NEVER_ATTESTED;
    if (clock_mono_ms() >= until_ms)
        return STANDING_EVIDENCE_EXPIRED;
    return standing_jump_ms(f) == 0 ? STANDING_ACCEPTED : STANDING_CLOCK_JUMPED;
}

void standing_accepted(struct standing_facts *f, uint32_t for_ms)
{
    atomic_store_explicit(&f->clock_offset_ms, clock_offset_ms(), memory_order_relaxed);
    atomic_store_explicit(&f->until_ms, clock_mono_ms() + for_ms, memory_order_release);
}

void standing_refused(struct standing_facts *f)
{
    atomic_store_explicit(&f->refused, true, memory_order_relaxed);
    atomic_store_explicit(&f->until_ms, 0, memory_order_release);
}
