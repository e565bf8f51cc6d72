#include "id.h"
#include "clock.h"
#include "secret.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    ID_RANDOM_LEN = 10,           /* bytes of an id after its 6 bytes of time */
    POOL_LEN = 25 * ID_RANDOM_LEN /* under 256: getrandom() then never blocks or stops half-way */
};

/* Random bytes drawn ahead, so that an id costs a system call only every 25th time. A fork bumps
 * the generation: the child must not hand out its parent's bytes again. */
static _Thread_local struct {
    uint8_t bytes[POOL_LEN];
    size_t left;
    unsigned generation;
} pool;
static atomic_uint generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forked(void)
{
    atomic_fetch_add(&generation, 1);
}

static void init_once(void)
{
    pthread_atfork(NULL, NULL, forked);
}

static void pool_take(uint8_t out[static ID_RANDOM_LEN])
{
    unsigned now = atomic_load_explicit(&generation, memory_order_relaxed);

    if (pool.left == 0 || pool.generation != now) {
        pthread_once(&once, init_once);
        secret_random(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
        pool.generation = now;
    }
    pool.left -= ID_RANDOM_LEN;
    memcpy(out, pool.bytes + pool.left, ID_RANDOM_LEN);
    memset(pool.bytes + pool.left, 0, ID_RANDOM_LEN);
}

struct id id_new(void)
{
    uint64_t ms = clock_unix_ms();
    struct id i;

    for (unsigned k = 0; k < 6; k++)
        i.b[k] = (uint8_t)(ms >> (40 - 8 * k));
    pool_take(i.b + 6);
    /* Version 7, variant 1 (RFC 9562), so that every tool that reads UUIDs reads ours. */
    i.b[6] = (uint8_t)(0x70 | (i.b[6] & 0x0f));
    i.b[8] = (uint8_t)(0x80 | (i.b[8] & 0x3f));
    return i;
}

bool id_is_zero(const struct id *i)
{
    static const struct id zero;

    return id_eq(i, &zero);
}

void id_text(const struct id *i, char out[static ID_TEXT_LEN + 1])
{
    hex_encode(i->b, sizeof i->b, out);
}

enum err id_parse(struct view v, struct id *out)
{
    /* 8-4-4-4-12 digits: the dashes of the long form. */
    static const size_t dashes[] = {8, 13, 18, 23};
    uint8_t digits[ID_TEXT_LEN];
    struct id parsed;
    enum err e;

    if (v.len == ID_TEXT_LEN + 4) {
        size_t n = 0, d = 0;

        for (size_t k = 0; k < v.len; k++) {
            if (d < 4 && k == dashes[d]) {
                if (v.ptr[k] != '-')
                    return ERR_FORMAT;
                d++;
            } else {
                digits[n++] = v.ptr[k];
            }
        }
        v = view_of(digits, sizeof digits);
    }
    e = hex_decode(v, parsed.b, sizeof parsed.b);
    if (e == ERR_NONE)
        *out = parsed;
    return e;
}
