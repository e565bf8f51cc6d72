/* The one number that bounds the memory others can make us use: a charge that is lost or made twice would
 * either lock everybody out or bound nothing. */
#include "budget.h"

#include "buf.h"
#include "check.h"

#include <pthread.h>
#include <string.h>

enum { KIB = 1024, MAX = 1024 * KIB };

static struct budget *new_budget(void)
{
    struct budget *b = NULL;

    CHECK_INT(budget_new(MAX, &b), ERR_NONE);
    return b;
}

static void bound(void)
{
    struct budget *b = new_budget();
    size_t small = 0;

    CHECK(budget_take(b, MAX - 100 * KIB));
    CHECK(!budget_take(b, 101 * KIB)); /* refused, and nothing of it stays charged */
    CHECK_INT(budget_used(b), MAX - 100 * KIB);
    CHECK(budget_take(b, 100 * KIB));
    CHECK(!budget_take(b, BUDGET_SMALL_BYTES + 1));
    while (budget_take(b, BUDGET_SMALL_BYTES)) /* what has begun goes on, a quarter further */
        small += BUDGET_SMALL_BYTES;
    CHECK_INT(small, MAX / BUDGET_SMALL_PART);
    CHECK(!budget_take(b, 1));
    budget_give(b, small);
    CHECK(budget_take(b, 1));
    budget_give(b, MAX + 1);
    CHECK_INT(budget_used(b), 0);
    CHECK_INT(budget_peak(b), MAX + MAX / BUDGET_SMALL_PART);
    CHECK(!budget_take(b, SIZE_MAX));
    CHECK(budget_take(b, 0));
    budget_free(b);
    CHECK(budget_take(NULL, SIZE_MAX)); /* none counts nothing */
    budget_give(NULL, 5);
    CHECK_INT(budget_used(NULL), 0);
}

/* One alone has three quarters; of those who come next each has as much as it leaves thrice, so there is
 * always some for another. What is small goes on a little further, as it does without shares. */
static void shares(void)
{
    enum { N = 4, WHOLE = 64 * MAX, LARGE = 80 * KIB };
    struct budget *b = NULL, *share[N];
    size_t had[N] = {0};

    CHECK_INT(budget_new(WHOLE, &b), ERR_NONE);
    for (unsigned i = 0; i < N; i++) {
        size_t most = (WHOLE - budget_used(b)) / 4 * 3;

        CHECK_INT(budget_share_new(b, &share[i]), ERR_NONE);
        while (budget_take(share[i], LARGE))
            had[i] += LARGE;
        CHECK(had[i] > 0 && had[i] <= most && had[i] + LARGE > most);
        CHECK_INT(budget_used(share[i]), had[i]);
    }
    CHECK(budget_used(b) + WHOLE / 256 - N * LARGE <= WHOLE);
    CHECK(!budget_take(share[0], WHOLE));
    CHECK(!budget_take(share[0], SIZE_MAX));
    CHECK(budget_take(share[N - 1], BUDGET_SMALL_BYTES)); /* against the quarter beyond */
    had[N - 1] += BUDGET_SMALL_BYTES;
    budget_give(share[0], had[0]);
    CHECK_INT(budget_used(share[0]), 0);
    CHECK(budget_take(share[N - 1], LARGE)); /* there is more left now */
    had[N - 1] += LARGE;
    for (unsigned i = 0; i < N; i++) {
        budget_give(share[i], i == 0 ? 0 : had[i]);
        budget_free(share[i]);
    }
    CHECK_INT(budget_used(b), 0);
    budget_free(b);
}

/* A buffer is charged with what it has allocated, both allocations while it grows, and with nothing when
 * it is freed. Refused growth leaves it as it was. */
static void buffers(void)
{
    static uint8_t bytes[MAX];
    struct budget *b = new_budget();
    struct buf one, two;

    buf_init_charged(&one, MAX, b);
    buf_init_charged(&two, 2 * MAX, b);
    CHECK_INT(budget_used(b), 0);
    CHECK_INT(buf_append(&one, view_of(bytes, 400 * KIB)), ERR_NONE);
    CHECK_INT(budget_used(b), 400 * KIB);
    CHECK_INT(buf_append(&one, view_of(bytes, 1)), ERR_OVERLOAD); /* 400 + 800 KiB at once */
    CHECK_INT(one.len, 400 * KIB);
    CHECK_INT(buf_append(&two, view_of(bytes, 700 * KIB)), ERR_OVERLOAD);
    CHECK_INT(two.cap, 0);
    CHECK_INT(buf_append(&two, view_of(bytes, 200 * KIB)), ERR_NONE);
    CHECK_INT(buf_append(&two, view_of(bytes, 100 * KIB)), ERR_NONE); /* 200 + 400 KiB at once */
    CHECK_INT(budget_used(b), 800 * KIB);
    CHECK_INT(budget_peak(b), 1000 * KIB);
    buf_free(&one);
    CHECK_INT(budget_used(b), 400 * KIB);
    CHECK_INT(buf_append(&one, view_of(bytes, 10)), ERR_NONE); /* it may be used again, charged */
    CHECK_INT(budget_used(b), 400 * KIB + one.cap);
    buf_free(&one);
    buf_free(&two);
    CHECK_INT(budget_used(b), 0);
    budget_free(b);
}

static struct budget *shared;

static void *take_and_give(void *arg)
{
    unsigned *refused = arg;

    for (unsigned i = 0; i < 200000; i++)
        if (budget_take(shared, 300 * KIB))
            budget_give(shared, 300 * KIB);
        else
            ++*refused;
    return NULL;
}

static void threads(void)
{
    pthread_t t[4];
    unsigned refused[4] = {0};

    shared = new_budget();
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, take_and_give, &refused[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK_INT(budget_used(shared), 0);
    CHECK(budget_peak(shared) <= MAX);
    budget_free(shared);
}

static const struct check_case cases[] = {
    {"budget_bound", bound},
    {"budget_shares", shares},
    {"budget_buffers", buffers},
    {"budget_threads", threads},
};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
