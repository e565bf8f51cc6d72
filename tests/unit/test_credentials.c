/* A worker must never send half of an old key and half of a new one, and a replaced key must be
 * gone from memory. */
#include "check.h"
#include "credentials.h"
#include "secret.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct credentials *new_store(void)
{
    struct credentials *c = NULL;

    CHECK_INT(secret_init(), ERR_NONE);
    CHECK_INT(credentials_new(&c), ERR_NONE);
    return c;
}

static void test_set_and_copy(void)
{
    struct credentials *c = new_store();
    uint8_t key[CREDENTIAL_MAX];
    char longest[CREDENTIAL_MAX + 1];

    CHECK(!credentials_present(c, 3));
    CHECK_INT(credentials_copy(c, 3, 0, key), 0);
    CHECK_INT(credentials_set(c, 3, 0, 1, VIEW_LIT("sk-first")), ERR_NONE);
    CHECK(credentials_present(c, 3));
    CHECK(!credentials_present(c, 2) && !credentials_present(c, 4));
    CHECK_BYTES(key, credentials_copy(c, 3, 0, key), "sk-first", 8);
    CHECK_INT(credentials_set(c, 3, 0, 1, VIEW_LIT("k")),
              ERR_NONE); /* shorter: nothing of the old stays */
    CHECK_BYTES(key, credentials_copy(c, 3, 0, key), "k", 1);
    CHECK_INT(credentials_set(c, 3, 0, 1, VIEW_EMPTY), ERR_NONE);
    CHECK(!credentials_present(c, 3));
    memset(longest, 'k', sizeof longest);
    CHECK_INT(credentials_set(c, 63, 0, 1, view_of(longest, CREDENTIAL_MAX)), ERR_NONE);
    CHECK_BYTES(key, credentials_copy(c, 63, 0, key), longest, CREDENTIAL_MAX);
    credentials_free(c);
    credentials_free(NULL);
}

static void test_refused(void)
{
    static const char *const bad[] = {"a b", "a\r\nx: y", "a\n", "\t", "k\x7f", "k\xc3\xa9"};
    struct credentials *c = new_store();
    char longest[CREDENTIAL_MAX + 1];
    uint8_t key[CREDENTIAL_MAX];

    CHECK_INT(credentials_set(c, 0, 0, 1, VIEW_LIT("good")), ERR_NONE);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(credentials_set(c, 0, 0, 1, view_str(bad[i])), ERR_FORMAT);
    CHECK_INT(credentials_set(c, 0, 0, 1, view_of("a\0b", 3)), ERR_FORMAT);
    memset(longest, 'k', sizeof longest);
    CHECK_INT(credentials_set(c, 0, 0, 1, view_of(longest, sizeof longest)), ERR_LIMIT);
    CHECK_INT(credentials_set(c, LIMIT_PROVIDERS, 0, 1, VIEW_LIT("good")), ERR_RANGE);
    CHECK_BYTES(key, credentials_copy(c, 0, 0, key), "good", 4); /* a refusal changes nothing */
    CHECK_INT(credentials_copy(c, LIMIT_PROVIDERS, 0, key), 0);
    CHECK(!credentials_present(c, LIMIT_PROVIDERS));
    credentials_free(c);
}

/* Each key has its turn; one that is refused has none while another is good; when all are refused, the one whose refusal
 * is the longest ago. A key that was replaced is good again. */
static void test_turns(void)
{
    static const struct view keys[] = {VIEW_LIT("sk-0000000000"), VIEW_LIT("sk-1111111111"), VIEW_LIT("sk-2222222222")};
    struct credentials *c = new_store();
    struct credential_counters n;
    unsigned used[3] = {0};
    uint8_t key[CREDENTIAL_MAX];

    CHECK_INT(credentials_pick(c, 7, 0, 1), -1);
    for (unsigned i = 0; i < 3; i++)
        CHECK_INT(credentials_set(c, 7, i, 3, keys[i]), ERR_NONE);
    CHECK_INT(credentials_set(c, 7, 3, 3, keys[0]), ERR_RANGE);
    CHECK_INT(credentials_set(c, 7, 0, PROVIDER_KEYS_MAX + 1, keys[0]), ERR_RANGE);
    for (unsigned i = 0; i < 30; i++)
        used[credentials_pick(c, 7, 0, 1000)]++;
    CHECK(used[0] == 10 && used[1] == 10 && used[2] == 10);
    for (unsigned i = 0; i < 3; i++)
        CHECK(credentials_quoted(c, 7, keys[i]));
    CHECK(!credentials_quoted(c, 7, VIEW_LIT("sk-3333333333")));
    /* refused: not before its time is over */
    CHECK_INT(credentials_aside(c, 7, 1, 1000), 0);
    credentials_refused(c, 7, 1, 403, 1000, 500);
    CHECK_INT(credentials_aside(c, 7, 1, 1499), 403);
    CHECK_INT(credentials_aside(c, 7, 1, 1500), 0);
    for (unsigned i = 0; i < 30; i++)
        CHECK(credentials_pick(c, 7, 0, 1499) != 1);
    CHECK_INT(credentials_pick(c, 7, 5, 1499), -1);
    CHECK_INT(credentials_pick(c, 7, 5, 1500), 1);
    credentials_counters(c, 7, 1499, &n);
    CHECK(n.keys == 3 && n.aside == 1 && n.refusals == 1);
    /* all: one of them is better than none, but no second one of the same request */
    credentials_refused(c, 7, 2, 401, 1100, 500);
    credentials_refused(c, 7, 0, 429, 1200, 500);
    CHECK_INT(credentials_pick(c, 7, 0, 1300), 1);
    CHECK_INT(credentials_pick(c, 7, 1, 1300), -1);
    /* the same key again stays aside; another one in its place does not; fewer keys: the rest is gone */
    CHECK_INT(credentials_set(c, 7, 2, 3, keys[2]), ERR_NONE);
    CHECK_INT(credentials_pick(c, 7, 3, 1300), -1);
    CHECK_INT(credentials_set(c, 7, 2, 3, VIEW_LIT("sk-new")), ERR_NONE);
    CHECK_INT(credentials_pick(c, 7, 3, 1300), 2);
    CHECK_INT(credentials_set(c, 7, 0, 1, keys[0]), ERR_NONE);
    CHECK_INT(credentials_count(c, 7), 1);
    CHECK_INT(credentials_copy(c, 7, 2, key), 0);
    credentials_free(c);
}

/* Keys of one letter, each with a length of its own: a torn copy shows. */
static struct credentials *shared;
static atomic_bool stop;
static atomic_ulong copies, torn;

static void *reader(void *arg)
{
    uint8_t key[CREDENTIAL_MAX];

    (void)arg;
    while (!atomic_load(&stop)) {
        size_t n = credentials_copy(shared, 5, 0, key);
        bool ok = n != 0 && n == (size_t)(key[0] - 'A' + 1) * 16;

        for (size_t i = 1; ok && i < n; i++)
            ok = key[i] == key[0];
        atomic_fetch_add(&copies, 1);
        if (!ok)
            atomic_fetch_add(&torn, 1);
    }
    return NULL;
}

static void test_never_torn(void)
{
    pthread_t threads[2];
    char key[CREDENTIAL_MAX];

    shared = new_store();
    CHECK_INT(credentials_set(shared, 5, 0, 1, VIEW_LIT("AAAAAAAAAAAAAAAA")), ERR_NONE);
    for (size_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, reader, NULL);
    for (unsigned i = 0; i < 20000 || atomic_load(&copies) < 1000; i++) {
        memset(key, 'A' + (int)(i % 26), sizeof key);
        CHECK_INT(credentials_set(shared, 5, 0, 1, view_of(key, (i % 26 + 1) * 16)), ERR_NONE);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("# %lu copies while 20000 replacements ran\n", atomic_load(&copies));
    CHECK_INT(atomic_load(&torn), 0);
    credentials_free(shared);
}

/* A key with weight 3 gets three requests in four; without weights they have turns; one that is set aside passes its part
 * to the next. */
static void test_weights(void)
{
    static const uint8_t weights[PROVIDER_KEYS_MAX] = {3, 1, 1, 1, 1, 1, 1, 1};
    struct credentials *c;
    unsigned n[3] = {0};

    CHECK_INT(credentials_new(&c), ERR_NONE);
    CHECK_INT(credentials_set(c, 7, 0, 2, VIEW_LIT("one")), ERR_NONE);
    CHECK_INT(credentials_set(c, 7, 1, 2, VIEW_LIT("two")), ERR_NONE);
    for (int i = 0; i < 8; i++)
        n[credentials_pick(c, 7, 0, 1)]++;
    CHECK(n[0] == 4 && n[1] == 4);
    credentials_weigh(c, 7, weights);
    for (int i = 0; i < 8; i++)
        n[credentials_pick(c, 7, 0, 1)]++;
    CHECK(n[0] == 10 && n[1] == 6);
    credentials_refused(c, 7, 0, 401, 1, 100);
    for (int i = 0; i < 8; i++)
        CHECK_INT(credentials_pick(c, 7, 0, 2), 1);
    credentials_weigh(c, 7, NULL);
    credentials_forget(c, 7);
    CHECK(!credentials_present(c, 7) && credentials_pick(c, 7, 0, 2) == -1);
    credentials_free(c);
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"credentials_set_and_copy", test_set_and_copy},
        {"credentials_refused", test_refused},
        {"credentials_weights", test_weights},
        {"credentials_have_turns", test_turns},
        {"credentials_never_torn", test_never_torn},
    };

    return check_main(list, sizeof list / sizeof list[0], argc, argv);
}
