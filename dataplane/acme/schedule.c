/* Renewal, orders per hour, back-off. */
#include "schedule.h"

uint64_t schedule_renewal_s(uint64_t not_before_s, uint64_t not_after_s)
{
    return not_after_s > not_before_s ? not_before_s + (not_after_s - not_before_s) / 3 * 2 : not_before_s;
}

void schedule_ordered(struct schedule *s, uint64_t now_ms)
{
    s->orders[s->next_order++ % s->orders_max] = now_ms;
}

/* The place that the next order takes has the one that was made orders_max orders ago. */
uint64_t schedule_order_wait_ms(const struct schedule *s, uint64_t now_ms)
{
    uint64_t then_ms = s->orders[s->next_order % s->orders_max];

    return then_ms == 0 || now_ms - then_ms >= SCHEDULE_HOUR_MS ? 0 : then_ms + SCHEDULE_HOUR_MS - now_ms;
}

uint64_t schedule_failed_ms(struct schedule *s, uint64_t retry_after_s, uint32_t random)
{
    uint64_t ms = s->retry_ms;

    for (unsigned i = 0; i < s->failures && ms < SCHEDULE_RETRY_MAX_MS; i++)
        ms *= 2;
    if (ms > SCHEDULE_RETRY_MAX_MS)
        ms = SCHEDULE_RETRY_MAX_MS;
    s->failures++;
    ms = ms / 4 * 3 + (ms / 2) * random / UINT32_MAX;
    return ms > retry_after_s * 1000 ? ms : retry_after_s * 1000;
}

void schedule_succeeded(struct schedule *s)
{
    s->failures = 0;
}
