#include "receipts.h"

#include <assert.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    WORDS = sizeof(struct receipt_facts) / sizeof(uint64_t),
    REFUSED_SHARE = 8, /* one slot for refusals for so many of answers served */
    RING_LEAST = 16,   /* slots */
};

/* Entry n of a ring (from 0) lies in slot n % size. A reader takes a copy and believes it when
 * `version` said before and after that the slot holds the very entry it came for. */
struct slot {
    _Atomic uint64_t version; /* 2n + 2: holds entry n; odd: being written; 0: never used */
    _Atomic uint64_t older;   /* 1 + the entry before this one in its chain; 0: none */
    _Atomic uint64_t word[WORDS];
};

/* Entries whose ids hash alike form a chain from the latest back. Nothing is ever taken out of a
 * chain: it ends where it leads to a slot that holds a newer entry than the one it speaks of,
 * because all further ones have been overwritten too. */
struct ring {
    size_t size; /* a power of two */
    uint64_t written;
    struct slot *slots;
    _Atomic uint64_t *latest; /* 1 + the latest entry by hash of its id; 0: none */
};

struct receipts {
    unsigned workers;
    struct ring *rings; /* of each worker: what was served, then what was refused */
    struct secret32 *salt;
    void (*observer)(void *cookie, unsigned worker, const struct receipt_facts *f);
    void *cookie;
};

/* --- rings */

/* Pages of their own: untouched ones cost nothing, not even when they are freed. */
static void *pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    (void)madvise(p, bytes, MADV_DONTDUMP);
    return p;
}

static enum err ring_new(size_t least, struct ring *r)
{
    r->size = RING_LEAST;
    while (r->size < least)
        r->size *= 2;
    r->slots = pages(r->size * sizeof *r->slots);
    r->latest = pages(r->size * sizeof *r->latest);
    return r->slots != NULL && r->latest != NULL ? ERR_NONE : ERR_MEMORY;
}

static void ring_free(struct ring *r)
{
    size_t used = r->written < r->size ? (size_t)r->written : r->size;

    if (r->slots != NULL) {
        secret_wipe(r->slots, used * sizeof *r->slots);
        munmap(r->slots, r->size * sizeof *r->slots);
    }
    if (r->latest != NULL)
        munmap(r->latest, r->size * sizeof *r->latest);
}

/* The last 56 bits of an id are random. */
static _Atomic uint64_t *ring_latest(const struct ring *r, const struct id *id)
{
    uint64_t tail;

    memcpy(&tail, id->b + 8, sizeof tail);
    return &r->latest[(tail >> 8) & (r->size - 1)];
}

static void ring_put(struct ring *r, const struct receipt_facts *f)
{
    struct slot *s = &r->slots[r->written & (r->size - 1)];
    _Atomic uint64_t *latest = ring_latest(r, &f->id);
    uint64_t word[WORDS];

    memcpy(word, f, sizeof word);
    atomic_store_explicit(&s->version, 2 * r->written + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* odd before any word changes */
    atomic_store_explicit(&s->older, atomic_load_explicit(latest, memory_order_relaxed),
                          memory_order_relaxed);
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&s->word[i], word[i], memory_order_relaxed);
    atomic_store_explicit(&s->version, 2 * r->written + 2, memory_order_release);
    r->written++;
    atomic_store_explicit(latest, r->written, memory_order_release);
}

/* Copy entry n. False: its slot holds, or is about to hold, another one. */
static bool ring_copy(const struct ring *r, uint64_t n, struct receipt_facts *out, uint64_t *older)
{
    struct slot *s = &r->slots[n & (r->size - 1)];
    uint64_t word[WORDS];
    bool whole;

    if (atomic_load_explicit(&s->version, memory_order_acquire) != 2 * n + 2)
        return false;
    *older = atomic_load_explicit(&s->older, memory_order_relaxed);
    for (size_t i = 0; i < WORDS; i++)
        word[i] = atomic_load_explicit(&s->word[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire); /* every word read before the version is */
    whole = atomic_load_explicit(&s->version, memory_order_relaxed) == 2 * n + 2;
    if (whole)
        memcpy(out, word, sizeof word);
    return whole;
}

static bool ring_find(const struct ring *r, const struct id *id, struct receipt_facts *out)
{
    uint64_t at = atomic_load_explicit(ring_latest(r, id), memory_order_acquire), older;

    for (; at != 0 && ring_copy(r, at - 1, out, &older); at = older) {
        if (id_eq(&out->id, id))
            return true;
        assert(older < at);
    }
    return false;
}

/* --- all of them */

enum err receipts_new(unsigned workers, size_t count, struct receipts **out)
{
    struct receipts *r;
    enum err e = secret_init();
    size_t each;

    assert(workers > 0);
    each = count / workers;
    if (e != ERR_NONE)
        return e;
    r = calloc(1, sizeof *r);
    if (r == NULL)
        return ERR_MEMORY;
    r->workers = workers;
    r->rings = calloc(2 * (size_t)workers, sizeof *r->rings);
    r->salt = sodium_malloc(sizeof *r->salt);
    e = ERR_MEMORY;
    if (r->rings != NULL && r->salt != NULL) {
        secret_random(r->salt->b, sizeof r->salt->b);
        e = sodium_mprotect_readonly(r->salt) == 0 ? ERR_NONE : ERR_CRYPTO;
    }
    for (unsigned i = 0; e == ERR_NONE && i < workers; i++) {
        e = ring_new(each, &r->rings[2 * i]);
        if (e == ERR_NONE)
            e = ring_new(each / REFUSED_SHARE, &r->rings[2 * i + 1]);
    }
    if (e != ERR_NONE) {
        receipts_free(r);
        return e;
    }
    *out = r;
    return ERR_NONE;
}

void receipts_free(struct receipts *r)
{
    if (r == NULL)
        return;
    for (unsigned i = 0; r->rings != NULL && i < 2 * r->workers; i++)
        ring_free(&r->rings[i]);
    free(r->rings);
    sodium_free(r->salt);
    free(r);
}

void receipts_observe(struct receipts *r,
                      void (*observer)(void *cookie, unsigned worker,
                                       const struct receipt_facts *f),
                      void *cookie)
{
    assert(r->observer == NULL);
    r->observer = observer;
    r->cookie = cookie;
}

void receipts_publish(struct receipts *r, unsigned worker, const struct receipt_facts *f)
{
    assert(worker < r->workers);
    if (r->observer != NULL && (f->flags & RECEIPT_PART) == 0)
        r->observer(r->cookie, worker, f);
    ring_put(&r->rings[2 * worker + ((f->flags & RECEIPT_ADMITTED) == 0)], f);
}

enum err receipts_find(const struct receipts *r, const struct id *id, const struct digest32 *owner,
                       struct receipt_facts *out)
{
    struct receipt_facts f = {0};
    bool found = false;

    for (unsigned i = 0; !found && i < 2 * r->workers; i++)
        found = ring_find(&r->rings[i], id, &f);
    if (!secret_equal(f.owner.b, owner->b, sizeof owner->b) || !found)
        return ERR_NOT_FOUND;
    *out = f;
    return ERR_NONE;
}

const struct secret32 *receipts_salt_secret(const struct receipts *r)
{
    return r->salt;
}
