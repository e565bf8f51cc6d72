/* How much memory one process may fill with what others send it: bodies, their copies, answers. Buffers
 * are charged by what they have allocated, from then until they are freed, so that the sum, and with it
 * the process's size, has a bound. Thread-safe; a taking costs one atomic addition. */
#ifndef TR_COMMON_BUDGET_H
#define TR_COMMON_BUDGET_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct budget;

enum {
    /* A taking of at most so many bytes is small: what has begun needs it to go on, the events of a
     * running stream for example. */
    BUDGET_SMALL_BYTES = 64 << 10,
    /* Small ones may go beyond the maximum by this part of it, so that a few large bodies do not break
     * off the streams of everybody else. */
    BUDGET_SMALL_PART = 4,
    BUDGET_SHARE = 3,
};

must_check enum err budget_new(size_t max_bytes, struct budget **out);
/* A share of a whole budget, for one of those who use it: what is taken from a share is taken from the
 * whole, and a share may hold BUDGET_SHARE times what the whole has left. So one alone may hold three
 * quarters of it, n of them 3/(3n + 1) each, and there is always some left for the next. Borrows the
 * whole, which outlives it and is not a share itself. */
must_check enum err budget_share_new(struct budget *whole, struct budget **out);
void budget_free(struct budget *b); /* everything taken has been given back (asserted) */

/* False: the budget has no room, or the share holds its part: nothing was taken. A NULL
 * budget counts nothing and always has room. */
must_check bool budget_take(struct budget *b, size_t bytes);
void budget_give(struct budget *b, size_t bytes);
/* What is taken now, and the most that ever was, in bytes; 0 for NULL. */
size_t budget_used(const struct budget *b);
size_t budget_peak(const struct budget *b);

#endif
