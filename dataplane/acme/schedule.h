/* When a certificate is asked for: numbers only, no clock of its own. */
#ifndef TR_DATAPLANE_ACME_SCHEDULE_H
#define TR_DATAPLANE_ACME_SCHEDULE_H

#include <stdint.h>

enum {
    SCHEDULE_ORDERS_MAX = 100, /* an hour, at most */
    SCHEDULE_HOUR_MS = 3600000,
    SCHEDULE_RETRY_MAX_MS = 6 * SCHEDULE_HOUR_MS,
};

struct schedule {
    uint64_t retry_ms;      /* after the first failure, about */
    unsigned orders_max;    /* an hour; 1..SCHEDULE_ORDERS_MAX */
    unsigned failures;      /* since the last success */
    uint64_t orders[SCHEDULE_ORDERS_MAX]; /* when the last of them were made, a ring; 0: none */
    unsigned next_order;
};

/* Two thirds of its lifetime after it began, unix seconds. */
uint64_t schedule_renewal_s(uint64_t not_before_s, uint64_t not_after_s);
/* An order is made now (a clock in ms that never goes back, above 0). */
void schedule_ordered(struct schedule *s, uint64_t now_ms);
/* How long until one may be; 0: now. */
uint64_t schedule_order_wait_ms(const struct schedule *s, uint64_t now_ms);
/* Another failure: how long to wait. It doubles with each, from retry_ms to SCHEDULE_RETRY_MAX_MS, and is between
 * 3/4 and 5/4 of that, by `random`; and never less than the authority has asked for. */
uint64_t schedule_failed_ms(struct schedule *s, uint64_t retry_after_s, uint32_t random);
void schedule_succeeded(struct schedule *s);

#endif
