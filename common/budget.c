#include "budget.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct budget {
    size_t max, small_max;
    _Atomic size_t used, peak;
};

enum err budget_new(size_t max_bytes, struct budget **out)
{
    struct budget *b = calloc(1, sizeof *b);

    assert(max_bytes <= SIZE_MAX / 2);
    if (b == NULL)
        return ERR_MEMORY;
    b->max = max_bytes;
    b->small_max = max_bytes + max_bytes / BUDGET_SMALL_PART;
    *out = b;
    return ERR_NONE;
}

void budget_free(struct budget *b)
{
    if (b == NULL)
        return;
    assert(atomic_load(&b->used) == 0);
    free(b);
}

static void budget_note_peak(struct budget *b, size_t used)
{
    size_t peak = atomic_load_explicit(&b->peak, memory_order_relaxed);

    while (used > peak && !atomic_compare_exchange_weak_explicit(
                              &b->peak, &peak, used, memory_order_relaxed, memory_order_relaxed))
        continue;
}

/* Taken first and given back when it was too much: two that are refused at the same moment may each
 * have kept the other out, which at the bound is no harm. */
bool budget_take(struct budget *b, size_t bytes)
{
    size_t max, used;

    if (b == NULL || bytes == 0)
        return true;
    max = bytes <= BUDGET_SMALL_BYTES ? b->small_max : b->max;
    if (bytes > max)
        return false;
    used = atomic_fetch_add_explicit(&b->used, bytes, memory_order_relaxed);
    if (used > max - bytes) {
        atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
        return false;
    }
    budget_note_peak(b, used + bytes);
    return true;
}

void budget_give(struct budget *b, size_t bytes)
{
    size_t used;

    if (b == NULL || bytes == 0)
        return;
    used = atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
    assert(used >= bytes);
    (void)used;
}

size_t budget_used(const struct budget *b)
{
    return b == NULL ? 0 : atomic_load_explicit(&b->used, memory_order_relaxed);
}

size_t budget_peak(const struct budget *b)
{
    return b == NULL ? 0 : atomic_load_explicit(&b->peak, memory_order_relaxed);
}
