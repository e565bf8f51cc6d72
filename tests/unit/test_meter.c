/* A request that was served must leave exactly one usage record, however fast workers push and
 * however slow the link drains: places reserved, pushed, taken and acknowledged must always add up,
 * and a full backlog must be noticed before a request is served, never after. */
#include "bounds.h"
#include "check.h"
#include "meter.h"

#include <pthread.h>
#include <stdlib.h>

static struct usage_record record(uint64_t worker, uint64_t n)
{
    return (struct usage_record){.received_ms = n, .user_hash = worker, .cost_nusd = (int64_t)n};
}

static void keeps_order_and_content(void)
{
    struct usage_record out[10];
    struct meter *m = NULL;

    CHECK_INT(meter_new(1, &m), ERR_NONE);
    CHECK_INT(meter_take(m, out, 10), 0);
    for (uint64_t i = 0; i < 7; i++) {
        struct usage_record r = record(3, i);

        CHECK(meter_reserve(m, 0));
        meter_push(m, 0, &r);
    }
    CHECK_INT(meter_take(m, out, 5), 5);
    CHECK_INT(meter_take(m, out + 5, 5), 2);
    for (uint64_t i = 0; i < 7; i++) {
        CHECK_INT(out[i].received_ms, i);
        CHECK_INT(out[i].user_hash, 3);
    }
    CHECK_INT(meter_take(m, out, 10), 0);
    meter_acked(m, 7);
    meter_free(m);
    meter_free(NULL);
}

/* The total over all workers is bounded until records are acknowledged, not until they are taken. */
static void backlog_is_bounded(void)
{
    enum { WORKERS = 5 };
    struct usage_record *out = calloc(LIMIT_USAGE_BACKLOG, sizeof *out);
    unsigned reserved[WORKERS] = {0}, total = 0;
    struct meter *m = NULL;
    size_t n;

    CHECK_INT(meter_new(WORKERS, &m), ERR_NONE);
    for (unsigned w = 0; w < WORKERS; w++)
        while (meter_reserve(m, w)) {
            reserved[w]++;
            total++;
        }
    CHECK_INT(total, LIMIT_USAGE_BACKLOG);
    meter_unreserve(m, 0); /* a request that ended without a record */
    CHECK(meter_reserve(m, 0));
    CHECK(!meter_reserve(m, 0));
    for (unsigned w = 0; w < WORKERS; w++)
        for (unsigned i = 0; i < reserved[w]; i++) {
            struct usage_record r = record(w, i);

            meter_push(m, w, &r); /* always fits: asserted inside */
        }
    n = meter_take(m, out, LIMIT_USAGE_BACKLOG);
    CHECK_INT(n, LIMIT_USAGE_BACKLOG);
    CHECK(!meter_reserve(m, 1)); /* taken is not acknowledged */
    meter_acked(m, 1);
    CHECK(meter_reserve(m, 1));
    CHECK(!meter_reserve(m, 1));
    meter_free(m);
    free(out);
}

/* One worker alone is bounded by its ring; taking frees the ring, not the place. */
static void ring_is_bounded(void)
{
    struct usage_record out[4];
    struct usage_record r = record(0, 0);
    unsigned n = 0;
    struct meter *m = NULL;

    CHECK_INT(meter_new(2, &m), ERR_NONE);
    while (meter_reserve(m, 0))
        n++;
    CHECK(n > 1000 && n < LIMIT_USAGE_BACKLOG);
    CHECK(meter_reserve(m, 1)); /* the other worker does not suffer */
    meter_push(m, 0, &r);
    CHECK(!meter_reserve(m, 0));
    CHECK_INT(meter_take(m, out, 4), 1);
    CHECK(meter_reserve(m, 0));
    CHECK(!meter_reserve(m, 0));
    meter_free(m);
}

enum { WORKERS = 3, PUSHES = 200000 };

static struct meter *shared;

static void *worker_run(void *cookie)
{
    unsigned w = (unsigned)(uintptr_t)cookie;

    for (uint64_t i = 0; i < PUSHES;) {
        struct usage_record r = record(w, i);

        if (!meter_reserve(shared, w)) {
            sched_yield();
            continue;
        }
        if (i % 7 == 3) { /* some requests end without a record */
            meter_unreserve(shared, w);
            if (!meter_reserve(shared, w))
                continue;
        }
        meter_push(shared, w, &r);
        i++;
    }
    return NULL;
}

static void nothing_lost_or_doubled_between_threads(void)
{
    pthread_t threads[WORKERS];
    uint64_t next[WORKERS] = {0}, total = 0;
    struct usage_record out[64];
    unsigned wrong = 0;
    size_t n;

    CHECK_INT(meter_new(WORKERS, &shared), ERR_NONE);
    for (uintptr_t w = 0; w < WORKERS; w++)
        CHECK_INT(pthread_create(&threads[w], NULL, worker_run, (void *)w), 0);
    while (total < (uint64_t)WORKERS * PUSHES) {
        n = meter_take(shared, out, 1 + total % 64);
        for (size_t i = 0; i < n; i++) {
            unsigned w = (unsigned)out[i].user_hash;

            wrong += w >= WORKERS || out[i].received_ms != next[w] ||
                     out[i].cost_nusd != (int64_t)next[w];
            next[w < WORKERS ? w : 0]++;
        }
        meter_acked(shared, n);
        total += n;
        if (n == 0)
            sched_yield();
    }
    for (unsigned w = 0; w < WORKERS; w++)
        pthread_join(threads[w], NULL);
    CHECK_INT(wrong, 0);
    CHECK_INT(meter_take(shared, out, 64), 0);
    meter_free(shared);
}

/* Failed attempts wait beside the records, in order; what has no room is dropped, and records are not. */
static void attempts_wait_beside(void)
{
    static struct meter_attempt many[METER_ATTEMPTS], out[METER_ATTEMPTS + 1];
    struct meter *mine = NULL;

    CHECK_INT(meter_new(2, &mine), ERR_NONE);
    for (unsigned i = 0; i < METER_ATTEMPTS; i++)
        many[i].attempt.took_ms = i;
    CHECK_INT(meter_take_attempts(mine, out, 4), 0);
    meter_attempts(mine, 1, many, 3);
    CHECK_INT(meter_take_attempts(mine, out, 2), 2);
    CHECK_INT(out[1].attempt.took_ms, 1);
    meter_attempts(mine, 1, many + 3, METER_ATTEMPTS - 3);
    meter_attempts(mine, 1, many, 8); /* two of them find room */
    CHECK_INT(meter_take_attempts(mine, out, METER_ATTEMPTS + 1), METER_ATTEMPTS);
    CHECK_INT(out[0].attempt.took_ms, 2);
    CHECK_INT(out[METER_ATTEMPTS - 1].attempt.took_ms, 1);
    meter_free(mine);
}

static void parts_push(struct meter *m, unsigned worker, uint8_t request, size_t n)
{
    struct meter_part p[METER_PARTS_EACH] = {0};

    for (size_t i = 0; i < n; i++)
        p[i] = (struct meter_part){.request = {{request}}, .part = {.place = (uint8_t)i, .cost_nusd = request}};
    meter_parts(m, worker, p, n);
}

/* An orchestration has places for all of its parts before it runs; what it did not need is free at once, and the others when
 * their record is acknowledged. */
static void parts_have_places(void)
{
    static struct meter_part out[2 * METER_PARTS_EACH];
    struct meter *m = NULL;
    unsigned n = 0;

    CHECK_INT(meter_new(4, &m), ERR_NONE);
    for (unsigned w = 0; w < 4; w++)
        while (meter_reserve_parts(m, w))
            n++;
    CHECK_INT(n, LIMIT_PARTS_BACKLOG / METER_PARTS_EACH);
    parts_push(m, 0, 1, METER_PARTS_EACH - 1);
    CHECK(!meter_reserve_parts(m, 3)); /* one place is free */
    parts_push(m, 0, 2, 1);
    CHECK(meter_reserve_parts(m, 3));
    CHECK(!meter_reserve_parts(m, 3));
    CHECK_INT(meter_take_parts(m, out, 2 * METER_PARTS_EACH), METER_PARTS_EACH);
    CHECK(out[0].request.b[0] == 1 && out[0].of == METER_PARTS_EACH - 1 && out[METER_PARTS_EACH - 1].of == 1);
    CHECK_INT(out[METER_PARTS_EACH - 2].part.place, METER_PARTS_EACH - 2);
    CHECK(!meter_reserve_parts(m, 3)); /* taken is not acknowledged */
    meter_parts_acked(m, METER_PARTS_EACH);
    CHECK(meter_reserve_parts(m, 3));
    meter_unreserve_parts(m, 3); /* a request that ended without a record */
    CHECK(meter_reserve_parts(m, 0));
    CHECK(!meter_reserve_parts(m, 0));
    CHECK_INT(meter_take_parts(m, out, 8), 0);
    meter_free(m);
}

/* A worker's ring is bounded by itself, and goes round without mixing anything up. */
static void parts_go_round(void)
{
    static struct meter_part out[METER_PARTS_EACH];
    struct meter *m = NULL;
    unsigned n = 0, wrong = 0;

    CHECK_INT(meter_new(2, &m), ERR_NONE);
    while (meter_reserve_parts(m, 0))
        n++;
    CHECK_INT(n, 32768 / METER_PARTS_EACH);
    CHECK(meter_reserve_parts(m, 1)); /* the other worker does not suffer */
    for (unsigned i = 0; i < 4 * n; i++) {
        parts_push(m, 0, (uint8_t)i, 7);
        if (i % 2 == 0)
            continue; /* so that it is not empty in between */
        for (unsigned k = 0; k < 2; k++) {
            CHECK_INT(meter_take_parts(m, out, 7), 7);
            wrong += out[0].request.b[0] != (uint8_t)(i - 1 + k) || out[6].part.place != 6;
            meter_parts_acked(m, 7);
            CHECK(meter_reserve_parts(m, 0));
        }
    }
    CHECK_INT(wrong, 0);
    meter_free(m);
}

static const struct check_case cases[] = {
    {"meter_parts_have_places", parts_have_places},
    {"meter_parts_go_round", parts_go_round},
    {"meter_attempts_wait_beside", attempts_wait_beside},
    {"meter_keeps_order_and_content", keeps_order_and_content},
    {"meter_backlog_is_bounded", backlog_is_bounded},
    {"meter_ring_is_bounded", ring_is_bounded},
    {"meter_nothing_lost_or_doubled_between_threads", nothing_lost_or_doubled_between_threads},
};
CHECK_MAIN(cases)
