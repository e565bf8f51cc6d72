#include "audit_queue.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    /* Between two visits of the consumer (100 ms): 200000 answers a second and worker at the usual
     * 5 %, 10000 when everything is sampled. 147 KB, of which only the deepest burst is touched. */
    QUEUE_LEN = 1024,
};
_Static_assert((QUEUE_LEN & (QUEUE_LEN - 1)) == 0, "positions are masked");

/* Positions only count upwards. */
struct line {
    _Alignas(64) _Atomic uint64_t tail; /* picked; written by the worker */
    _Atomic uint64_t base;              /* position that sits in place[0]; by the worker */
    _Atomic uint64_t missed;            /* by the worker */
    _Alignas(64) _Atomic uint64_t head; /* taken; written by the consumer */
    struct audit_picked *place;
};

struct audit_queue {
    _Alignas(64) unsigned workers;
    uint64_t rate_ppm, since_ms;
    const struct digest32 *secrets;
    struct line lines[];
};

enum err audit_queue_new(unsigned workers, uint64_t rate_ppm, uint64_t since_ms,
                         const struct digest32 *secrets, struct audit_queue **out)
{
    size_t size = sizeof(struct audit_queue) + workers * sizeof(struct line);
    struct audit_queue *q = aligned_alloc(64, size);
    enum err e = ERR_MEMORY;

    assert(workers > 0 && rate_ppm <= AUDIT_PPM);
    if (q == NULL)
        return ERR_MEMORY;
    memset(q, 0, size);
    *q = (struct audit_queue){
        .workers = workers, .rate_ppm = rate_ppm, .since_ms = since_ms, .secrets = secrets};
    for (unsigned i = 0; i < workers; i++) {
        q->lines[i].place = malloc(QUEUE_LEN * sizeof *q->lines[i].place);
        if (q->lines[i].place == NULL)
            goto done;
    }
    *out = q;
    q = NULL;
    e = ERR_NONE;
done:
    audit_queue_free(q);
    return e;
}

/* What was taken was wiped then; what still waits is taken here. */
void audit_queue_free(struct audit_queue *q)
{
    struct audit_picked left;

    if (q == NULL)
        return;
    while (audit_queue_take(q, &left, 1) != 0)
        secret_wipe(&left, sizeof left);
    for (unsigned i = 0; i < q->workers; i++)
        free(q->lines[i].place);
    free(q);
}

static void line_push(struct line *l, const struct receipt_facts *f)
{
    uint64_t tail = atomic_load_explicit(&l->tail, memory_order_relaxed);
    uint64_t base = atomic_load_explicit(&l->base, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&l->head, memory_order_acquire);

    if (tail - head == QUEUE_LEN) {
        atomic_store_explicit(&l->missed,
                              atomic_load_explicit(&l->missed, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        return;
    }
    /* Everything was taken: begin again at the front, so that a quiet worker keeps to one page. The
     * consumer reads base only when it sees a new tail, which is stored after this. */
    if (head == tail) {
        base = tail;
        atomic_store_explicit(&l->base, base, memory_order_relaxed);
    }
    l->place[(tail - base) & (QUEUE_LEN - 1)] = (struct audit_picked){
        .request = f->id,
        .owner = f->owner,
        .received = f->received,
        .returned = f->returned,
        .answered_ms = f->served_unix_ms,
        .status = f->status,
        .complete = (f->flags & RECEIPT_COMPLETE) != 0,
    };
    atomic_store_explicit(&l->tail, tail + 1, memory_order_release);
}

bool audit_queue_offer(struct audit_queue *q, unsigned worker, const struct receipt_facts *f)
{
    const uint16_t served = RECEIPT_ADMITTED | RECEIPT_RETURNED;
    uint64_t epoch;

    assert(worker < q->workers);
    if (q->rate_ppm == 0 || (f->flags & served) != served)
        return false;
    epoch = audit_hash_epoch(&f->id, q->since_ms);
    if (!audit_hash_pick(&q->secrets[epoch + 1], &f->id, q->rate_ppm))
        return false;
    line_push(&q->lines[worker], f);
    return true;
}

static size_t line_take(struct line *l, struct audit_picked *out, size_t max)
{
    uint64_t head = atomic_load_explicit(&l->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&l->tail, memory_order_acquire);
    uint64_t base = atomic_load_explicit(&l->base, memory_order_relaxed);
    size_t n = 0;

    for (; n < max && head != tail; n++, head++) {
        struct audit_picked *p = &l->place[(head - base) & (QUEUE_LEN - 1)];

        out[n] = *p;
        secret_wipe(p, sizeof *p);
    }
    if (n > 0)
        atomic_store_explicit(&l->head, head, memory_order_release);
    return n;
}

size_t audit_queue_take(struct audit_queue *q, struct audit_picked *out, size_t max)
{
    size_t n = 0;

    for (unsigned i = 0; i < q->workers && n < max; i++)
        n += line_take(&q->lines[i], out + n, max - n);
    return n;
}

uint64_t audit_queue_missed(const struct audit_queue *q)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < q->workers; i++)
        n += atomic_load_explicit((_Atomic uint64_t *)&q->lines[i].missed, memory_order_relaxed);
    return n;
}
