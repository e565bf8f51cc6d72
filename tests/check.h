/* The unit tests' harness: cases in a table, one line "ok NAME", "not ok NAME" or "skip NAME: why" each,
 * failures say file, line and both values. tests/run counts the lines. */
#ifndef TR_TESTS_CHECK_H
#define TR_TESTS_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct check_case {
    const char *name;
    void (*run)(void);
};

static unsigned check_failed_;
static const char *check_skipped_; /* why, when the running case said that it cannot be tried here */

static inline void check_fail(const char *file, int line, const char *what)
{
    printf("# %s:%d: %s\n", file, line, what);
    check_failed_++;
}

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            check_fail(__FILE__, __LINE__, #c);                                                    \
    } while (0)

#define CHECK_INT(got, want)                                                                       \
    do {                                                                                           \
        intmax_t got_ = (intmax_t)(got), want_ = (intmax_t)(want);                                 \
        if (got_ != want_) {                                                                       \
            printf("# %s is %" PRIdMAX ", want %" PRIdMAX "\n", #got, got_, want_);                \
            check_fail(__FILE__, __LINE__, #got " == " #want);                                     \
        }                                                                                          \
    } while (0)

#define CHECK_BYTES(got, got_len, want, want_len)                                                  \
    do {                                                                                           \
        size_t gl_ = (got_len), wl_ = (want_len);                                                  \
        if (gl_ != wl_ || (gl_ != 0 && memcmp((got), (want), gl_) != 0)) {                         \
            printf("# got  (%zu) %.*s\n# want (%zu) %.*s\n", gl_, (int)gl_, (const char *)(got),   \
                   wl_, (int)wl_, (const char *)(want));                                           \
            check_fail(__FILE__, __LINE__, #got " equals " #want);                                 \
        }                                                                                          \
    } while (0)

/* This machine lacks what the case needs: it counts as skipped, not as passed. The caller returns at once;
 * a check that failed before counts all the same. */
static inline void check_skip(const char *why)
{
    check_skipped_ = why;
}

static inline void check_say(const char *name)
{
    if (check_failed_ != 0)
        printf("not ok %s\n", name);
    else if (check_skipped_ != NULL)
        printf("skip %s: %s\n", name, check_skipped_);
    else
        printf("ok %s\n", name);
}

/* argv[1], if given, selects the cases whose name contains it. */
static inline int check_main(const struct check_case *cases, size_t n, int argc, char **argv)
{
    unsigned failed_cases = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < n; i++) {
        if (argc > 1 && strstr(cases[i].name, argv[1]) == NULL)
            continue;
        check_failed_ = 0;
        check_skipped_ = NULL;
        cases[i].run();
        check_say(cases[i].name);
        failed_cases += check_failed_ != 0;
    }
    return failed_cases != 0;
}

#define CHECK_MAIN(cases)                                                                          \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return check_main((cases), sizeof(cases) / sizeof((cases)[0]), argc, argv);                \
    }

#endif
