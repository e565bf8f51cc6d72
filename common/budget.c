#include "budget.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct budget {
    struct budget *whole; /* NULL: it is a whole one itself */
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

enum err budget_share_new(struct budget *whole, struct budget **out)
{
    struct budget *b = calloc(1, sizeof *b);

    assert(whole->whole == NULL);
    if (b == NULL)
        return ERR_MEMORY;
    b->whole = whole;
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

static size_t budget_max(const struct budget *whole, size_t bytes)
{
    return bytes <= BUDGET_SMALL_BYTES ? whole->small_max : whole->max;
}

/* Taken first and given back when it was too much: two that are refused at the same moment may each
 * have kept the other out, which at the bound is no harm. */
static bool whole_take(struct budget *b, size_t bytes)
{
    size_t max = budget_max(b, bytes), used;

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

/* What is left is read before it is taken: several that take at once may go a little beyond their part,
 * never beyond the whole. */
static bool share_take(struct budget *b, size_t bytes)
{
    size_t max = budget_max(b->whole, bytes);
    size_t used = atomic_load_explicit(&b->whole->used, memory_order_relaxed);
    size_t own;

    if (used > max || bytes > max - used)
        return false;
    own = atomic_fetch_add_explicit(&b->used, bytes, memory_order_relaxed) + bytes;
    if (own / BUDGET_SHARE > max - used - bytes || !whole_take(b->whole, bytes)) {
        atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
        return false;
    }
    budget_note_peak(b, own);
    return true;
}

bool budget_take(struct budget *b, size_t bytes)
{
    if (b == NULL || bytes == 0)
        return true;
    return b->whole != NULL ? share_take(b, bytes) : whole_take(b, bytes);
}

void budget_give(struct budget *b, size_t bytes)
{
    size_t used;

    if (b == NULL || bytes == 0)
        return;
    used = atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
    assert(used >= bytes);
    (void)used;
    budget_give(b->whole, bytes);
}

size_t budget_used(const struct budget *b)
{
    return b == NULL ? 0 : atomic_load_explicit(&b->used, memory_order_relaxed);
}

size_t budget_peak(const struct budget *b)
{
    return b == NULL ? 0 : atomic_load_explicit(&b->peak, memory_order_relaxed);
}
