/* Each worker's ring has one producer (the worker) and one consumer (the link thread); head and tail
 * only count upwards. A place is reserved before a request is dispatched, so a push never finds the
 * ring full and a request that was served is never left without a record.
 *
 * Places, counted over all workers, bound what exists between admission and acknowledgement:
 *   reserved by running requests + waiting in rings + not acknowledged <= LIMIT_USAGE_BACKLOG
 * and at most LIMIT_USAGE_KEPT more after meter_unacked(). */
#include "meter.h"

#include "bounds.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    /* Per worker, between admission and the link thread's next visit (20 ms): more requests than one
     * worker can hold open. 3.3 MB of address space, of which only the deepest burst is touched. */
    METER_RING = 16384,
    /* Of parts, likewise: 1,365 orchestrations that run or have just ended. 5 MB of address space. */
    METER_PARTS_RING = 32768,
};
_Static_assert((METER_RING & (METER_RING - 1)) == 0, "positions are masked");
_Static_assert((METER_PARTS_RING & (METER_PARTS_RING - 1)) == 0, "positions are masked");

struct meter_ring {
    _Alignas(64) _Atomic uint64_t tail; /* records pushed */
    _Atomic uint64_t base;              /* position that sits in records[0] */
    uint64_t reserved;                  /* worker only: places ever reserved, less those given up */
    _Alignas(64) _Atomic uint64_t head; /* records taken */
    struct usage_record *records;
    struct meter_attempt *attempts; /* METER_ATTEMPTS; the same, without reservation */
    _Alignas(64) _Atomic uint64_t attempts_tail;
    _Alignas(64) _Atomic uint64_t attempts_head;
    /* parts: as records */
    _Alignas(64) _Atomic uint64_t parts_tail;
    _Atomic uint64_t parts_base;
    uint64_t parts_reserved;
    _Alignas(64) _Atomic uint64_t parts_head;
    struct meter_part *parts;
};

struct meter {
    _Alignas(64) _Atomic uint64_t places;
    _Atomic uint64_t parts_places; /* as places, of LIMIT_PARTS_BACKLOG */
    _Alignas(64) unsigned workers;
    unsigned next; /* link thread only: the ring to begin with, so that none starves */
    struct meter_ring rings[];
};

static void meter_ring_free(struct meter_ring *r)
{
    free(r->records);
    free(r->attempts);
    free(r->parts);
}

enum err meter_new(unsigned workers, struct meter **out)
{
    struct meter *m = NULL;
    size_t size = sizeof *m + workers * sizeof m->rings[0];
    enum err e = ERR_MEMORY;

    m = aligned_alloc(64, size);
    if (m == NULL)
        return ERR_MEMORY;
    memset(m, 0, size);
    m->workers = workers;
    for (unsigned i = 0; i < workers; i++) {
        m->rings[i].records = malloc(METER_RING * sizeof(struct usage_record));
        m->rings[i].attempts = malloc(METER_ATTEMPTS * sizeof(struct meter_attempt));
        m->rings[i].parts = malloc(METER_PARTS_RING * sizeof(struct meter_part));
        if (m->rings[i].records == NULL || m->rings[i].attempts == NULL || m->rings[i].parts == NULL)
            goto done;
    }
    *out = m;
    m = NULL;
    e = ERR_NONE;
done:
    meter_free(m);
    return e;
}

void meter_free(struct meter *m)
{
    if (m == NULL)
        return;
    for (unsigned i = 0; i < m->workers; i++)
        meter_ring_free(&m->rings[i]);
    free(m);
}

bool meter_reserve(struct meter *m, unsigned worker)
{
    struct meter_ring *r = &m->rings[worker];

    assert(worker < m->workers);
    if (r->reserved - atomic_load_explicit(&r->head, memory_order_acquire) >= METER_RING)
        return false;
    if (atomic_fetch_add_explicit(&m->places, 1, memory_order_relaxed) >= LIMIT_USAGE_BACKLOG) {
        atomic_fetch_sub_explicit(&m->places, 1, memory_order_relaxed);
        return false;
    }
    r->reserved++;
    return true;
}

void meter_unreserve(struct meter *m, unsigned worker)
{
    struct meter_ring *r = &m->rings[worker];
    uint64_t before = atomic_fetch_sub_explicit(&m->places, 1, memory_order_relaxed);

    assert(before > 0 && r->reserved > atomic_load_explicit(&r->tail, memory_order_relaxed));
    (void)before;
    r->reserved--;
}

uint64_t meter_places(const struct meter *m)
{
    return atomic_load_explicit(&m->places, memory_order_relaxed);
}

void meter_push(struct meter *m, unsigned worker, const struct usage_record *record)
{
    struct meter_ring *r = &m->rings[worker];
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t base = atomic_load_explicit(&r->base, memory_order_relaxed);

    assert(r->reserved > tail); /* a place was reserved for this record */
    /* Everything was taken: begin again at the front, so that a quiet worker keeps reusing the same
     * page. The consumer reads base only when it sees records, which is after this. */
    if (atomic_load_explicit(&r->head, memory_order_acquire) == tail) {
        base = tail;
        atomic_store_explicit(&r->base, base, memory_order_relaxed);
    }
    r->records[(tail - base) & (METER_RING - 1)] = *record;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}

static size_t ring_take(struct meter_ring *r, struct usage_record *out, size_t max)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    uint64_t base = atomic_load_explicit(&r->base, memory_order_relaxed);
    size_t n = 0;

    for (; n < max && head != tail; n++, head++)
        out[n] = r->records[(head - base) & (METER_RING - 1)];
    if (n > 0)
        atomic_store_explicit(&r->head, head, memory_order_release);
    return n;
}

size_t meter_take(struct meter *m, struct usage_record *out, size_t max)
{
    size_t n = 0;

    for (unsigned i = 0; i < m->workers && n < max; i++)
        n += ring_take(&m->rings[(m->next + i) % m->workers], out + n, max - n);
    m->next++;
    return n;
}

void meter_attempts(struct meter *m, unsigned worker, const struct meter_attempt *a, size_t n)
{
    struct meter_ring *r = &m->rings[worker];
    uint64_t tail = atomic_load_explicit(&r->attempts_tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&r->attempts_head, memory_order_acquire);

    assert(worker < m->workers);
    for (size_t i = 0; i < n && tail - head < METER_ATTEMPTS; i++, tail++)
        r->attempts[tail % METER_ATTEMPTS] = a[i];
    atomic_store_explicit(&r->attempts_tail, tail, memory_order_release);
}

size_t meter_take_attempts(struct meter *m, struct meter_attempt *out, size_t max)
{
    size_t n = 0;

    for (unsigned i = 0; i < m->workers; i++) {
        struct meter_ring *r = &m->rings[i];
        uint64_t head = atomic_load_explicit(&r->attempts_head, memory_order_relaxed);
        uint64_t tail = atomic_load_explicit(&r->attempts_tail, memory_order_acquire);

        for (; n < max && head != tail; n++, head++)
            out[n] = r->attempts[head % METER_ATTEMPTS];
        atomic_store_explicit(&r->attempts_head, head, memory_order_release);
    }
    return n;
}

/* --- parts */

bool meter_reserve_parts(struct meter *m, unsigned worker)
{
    struct meter_ring *r = &m->rings[worker];

    assert(worker < m->workers);
    if (r->parts_reserved + METER_PARTS_EACH - atomic_load_explicit(&r->parts_head, memory_order_acquire) >
        METER_PARTS_RING)
        return false;
    if (atomic_fetch_add_explicit(&m->parts_places, METER_PARTS_EACH, memory_order_relaxed) + METER_PARTS_EACH >
        LIMIT_PARTS_BACKLOG) {
        meter_parts_acked(m, METER_PARTS_EACH);
        return false;
    }
    r->parts_reserved += METER_PARTS_EACH;
    return true;
}

void meter_unreserve_parts(struct meter *m, unsigned worker)
{
    meter_parts(m, worker, NULL, 0);
}

void meter_parts(struct meter *m, unsigned worker, const struct meter_part *p, size_t n)
{
    struct meter_ring *r = &m->rings[worker];
    uint64_t tail = atomic_load_explicit(&r->parts_tail, memory_order_relaxed);
    uint64_t base = atomic_load_explicit(&r->parts_base, memory_order_relaxed);

    assert(worker < m->workers && n <= METER_PARTS_EACH);
    assert(r->parts_reserved >= tail + METER_PARTS_EACH); /* they were reserved */
    if (atomic_load_explicit(&r->parts_head, memory_order_acquire) == tail) { /* as meter_push() */
        base = tail;
        atomic_store_explicit(&r->parts_base, base, memory_order_relaxed);
    }
    for (size_t i = 0; i < n; i++) {
        struct meter_part *at = &r->parts[(tail + i - base) & (METER_PARTS_RING - 1)];

        *at = p[i];
        at->of = (uint8_t)n;
    }
    r->parts_reserved -= METER_PARTS_EACH - n;
    meter_parts_acked(m, METER_PARTS_EACH - n);
    atomic_store_explicit(&r->parts_tail, tail + n, memory_order_release);
}

size_t meter_take_parts(struct meter *m, struct meter_part *out, size_t max)
{
    size_t n = 0;

    for (unsigned i = 0; i < m->workers; i++) {
        struct meter_ring *r = &m->rings[i];
        uint64_t head = atomic_load_explicit(&r->parts_head, memory_order_relaxed);
        uint64_t tail = atomic_load_explicit(&r->parts_tail, memory_order_acquire);
        uint64_t base = atomic_load_explicit(&r->parts_base, memory_order_relaxed);

        for (; n < max && head != tail; n++, head++)
            out[n] = r->parts[(head - base) & (METER_PARTS_RING - 1)];
        atomic_store_explicit(&r->parts_head, head, memory_order_release);
    }
    return n;
}

void meter_parts_acked(struct meter *m, size_t n)
{
    uint64_t before = atomic_fetch_sub_explicit(&m->parts_places, n, memory_order_relaxed);

    assert(before >= n);
    (void)before;
}

void meter_parts_unacked(struct meter *m, size_t n)
{
    atomic_fetch_add_explicit(&m->parts_places, n, memory_order_relaxed);
}

/* --- acknowledgement */

void meter_acked(struct meter *m, size_t n)
{
    uint64_t before = atomic_fetch_sub_explicit(&m->places, n, memory_order_relaxed);

    assert(before >= n);
    (void)before;
}

void meter_unacked(struct meter *m, size_t n)
{
    atomic_fetch_add_explicit(&m->places, n, memory_order_relaxed);
}
