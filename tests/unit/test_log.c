/* A log line is one write of one JSON object, whole or absent: captured here through a packet pipe,
 * where every read returns exactly what one write gave. What must not compile is checked by
 * tests/checks/log_types.sh. */
#include "check.h"
#include "clock.h"
#include "json.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int real_stderr = -1, pipe_end = -1;

static void capture_start(void)
{
    int fds[2];

    CHECK_INT(pipe2(fds, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
    real_stderr = dup(STDERR_FILENO);
    CHECK(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
    close(fds[1]);
    pipe_end = fds[0];
    clock_freeze(0, 1700000000123);
}

static void capture_end(void)
{
    clock_thaw();
    CHECK(dup2(real_stderr, STDERR_FILENO) == STDERR_FILENO);
    close(real_stderr);
    close(pipe_end);
}

/* The next write to stderr; empty when there was none. */
static struct view next_write(void)
{
    static char line[8192];
    ssize_t n = read(pipe_end, line, sizeof line);

    return n > 0 ? view_of(line, (size_t)n) : VIEW_EMPTY;
}

static void check_line(const char *want)
{
    struct view got = next_write();

    CHECK_BYTES(got.ptr, got.len, want, strlen(want));
}

static void every_kind_of_field(void)
{
    struct id id = {{0xab, [15] = 1}};

    capture_start();
    LOG("empty");
    LOG("unsigned", KV("a", (uint8_t)255), KV("b", (uint16_t)65535), KV("c", UINT32_MAX),
        KV("d", UINT64_MAX), KV("e", (size_t)0));
    LOG("signed", KV("a", -1), KV("b", INT64_MIN), KV("c", INT64_MAX), KV("d", ERR_NONE == 0));
    LOG("other", KV("yes", (bool)true), KV("no", (bool)false), KV("id", id),
        KV("name", NAME("a_name")), KV("outcome", log_err(ERR_FIRST_BYTE_TIMEOUT)));
    check_line("{\"t\":1700000000123,\"event\":\"empty\"}\n");
    check_line("{\"t\":1700000000123,\"event\":\"unsigned\",\"a\":255,\"b\":65535,\"c\":4294967295,"
               "\"d\":18446744073709551615,\"e\":0}\n");
    check_line("{\"t\":1700000000123,\"event\":\"signed\",\"a\":-1,\"b\":-9223372036854775808,"
               "\"c\":9223372036854775807,\"d\":1}\n");
    check_line("{\"t\":1700000000123,\"event\":\"other\",\"yes\":true,\"no\":false,"
               "\"id\":\"ab000000000000000000000000000001\",\"name\":\"a_name\","
               "\"outcome\":\"first_byte_timeout\"}\n");
    CHECK_INT(next_write().len, 0);
    capture_end();
}

static void a_name_cannot_break_the_line(void)
{
    capture_start();
    LOG("a\"b\\c\nd\x7f\xc3\xa9", KV("k\"", NAME("\"},{\n")));
    check_line("{\"t\":1700000000123,\"event\":\"a_b_c_d___\",\"k_\":\"_},{_\"}\n");
    capture_end();
}

static void errno_survives(void)
{
    capture_start();
    errno = EADDRINUSE;
    LOG("x");
    CHECK_INT(errno, EADDRINUSE);
    capture_end();
}

/* More fields than fit: the line stays JSON, loses whole fields from its end, and says so. */
static void too_many_fields(void)
{
    enum { FIELDS = 200 };
    struct log_field *fields = malloc(FIELDS * sizeof *fields);
    struct json_member *members = malloc((FIELDS + 3) * sizeof *members);
    struct json_value v;
    struct view line;
    size_t n_members = 0;
    unsigned cut = 0;

    capture_start();
    for (size_t n = 40; n <= FIELDS; n++) {
        bool said;

        for (size_t i = 0; i < n; i++)
            fields[i] = log_u("a_long_enough_key", i * n * 1000000007);
        log_write(NAME("many"), fields, n);
        line = next_write();
        CHECK(line.len > 0 && line.len <= 2048);
        CHECK(line.len > 0 && memchr(line.ptr, '\n', line.len) == line.ptr + line.len - 1);
        CHECK_INT(json_object(line, members, FIELDS + 3, &n_members, NULL), ERR_NONE);
        said = json_find(members, n_members, "truncated", &v) == ERR_NONE;
        CHECK(said ? n_members < n + 3 : n_members == n + 2); /* t, event and all fields */
        cut += said;
    }
    CHECK(cut > 0 && cut < FIELDS - 40); /* both kinds were seen */
    free(members);
    capture_end();
    free(fields);
}

/* A reader that does not keep up costs lines, not time, and the count of them arrives. */
static void lines_that_stderr_refused(void)
{
    unsigned long kept = 0, written = 3000;
    struct json_value root, v;
    struct view line;
    uint64_t lost = 0;

    capture_start();
    for (unsigned long i = 0; i < written; i++)
        LOG("flood", KV("i", i));
    while (next_write().len != 0)
        kept++;
    CHECK(kept > 0 && kept < written);
    LOG("after");
    line = next_write();
    CHECK_INT(json_check(line, &root, NULL), ERR_NONE);
    CHECK(json_get(root, "lines_dropped", &v) && json_u64(v, &lost) == ERR_NONE);
    CHECK_INT(lost, written - kept);
    LOG("later");
    check_line("{\"t\":1700000000123,\"event\":\"later\"}\n");
    capture_end();
}

/* A disk that takes half a line: the next line does not continue it. */
static void a_torn_line(void)
{
    struct rlimit before, small = {.rlim_cur = 20};
    FILE *file = tmpfile();
    char text[400];
    ssize_t n;

    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    clock_freeze(0, 1700000000123);
    fflush(stdout);
    real_stderr = dup(STDERR_FILENO);
    CHECK(dup2(fileno(file), STDERR_FILENO) == STDERR_FILENO);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
    LOG("torn");
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    LOG("whole");
    LOG("next");
    CHECK(dup2(real_stderr, STDERR_FILENO) == STDERR_FILENO);
    close(real_stderr);
    clock_thaw();
    n = pread(fileno(file), text, sizeof text, 0);
#define WANT                                                                                       \
    "{\"t\":1700000000123,\"\n"                                                                    \
    "{\"t\":1700000000123,\"event\":\"whole\",\"lines_dropped\":1}\n"                              \
    "{\"t\":1700000000123,\"event\":\"next\"}\n"
    CHECK_BYTES(text, (size_t)(n > 0 ? n : 0), WANT, sizeof WANT - 1);
    fclose(file);
}

static void count_first(void *cookie)
{
    ++*(unsigned *)cookie;
}

static size_t lines_of(struct view v)
{
    size_t n = 0;

    for (size_t i = 0; i < v.len; i++)
        n += v.ptr[i] == '\n';
    return n;
}

/* A gathering thread's lines leave in order, many to a write, none longer than a pipe takes whole. */
static void gathered_lines(void)
{
    unsigned firsts = 0, seen = 0, writes = 0, total = 100;
    struct json_value root, v;
    struct view got, line;
    uint64_t i;

    capture_start();
    log_gather(count_first, &firsts);
    LOG("a");
    LOG("b");
    CHECK_INT(next_write().len, 0); /* nothing before it is asked for */
    CHECK_INT(firsts, 1);
    log_flush();
    check_line("{\"t\":1700000000123,\"event\":\"a\"}\n{\"t\":1700000000123,\"event\":\"b\"}\n");
    log_flush();
    CHECK_INT(next_write().len, 0);
    for (unsigned n = 0; n < total; n++)
        LOG("gathered", KV("i", n), KV("padding", NAME("01234567890123456789012345678901234567")));
    log_gather_end();
    for (; (got = next_write()).len != 0; writes++) {
        CHECK(got.len <= 4096 && got.ptr[got.len - 1] == '\n');
        while (got.len != 0) {
            line = view_of(got.ptr, (size_t)((const uint8_t *)memchr(got.ptr, '\n', got.len) -
                                             got.ptr) + 1);
            CHECK_INT(json_check(line, &root, NULL), ERR_NONE);
            CHECK(json_get(root, "i", &v) && json_u64(v, &i) == ERR_NONE && i == seen);
            seen++;
            got = view_from(got, line.len);
        }
    }
    CHECK_INT(seen, total);
    CHECK(writes > 1 && writes < total / 10);
    CHECK_INT(firsts, 1 + writes);
    LOG("alone again");
    CHECK_INT(lines_of(next_write()), 1);
    capture_end();
}

/* What a full pipe refused is counted, line by line, and said by the first that gets through. */
static void gathered_lines_that_stderr_refused(void)
{
    unsigned firsts = 0, written = 20000;
    struct json_value root, v;
    uint64_t lost = 0;
    struct view got;
    size_t kept = 0;

    capture_start();
    log_gather(count_first, &firsts);
    for (unsigned i = 0; i < written; i++)
        LOG("flood", KV("i", i));
    log_flush(); /* refused, too */
    while ((got = next_write()).len != 0)
        kept += lines_of(got);
    CHECK(kept > 0 && kept < written);
    LOG("after");
    log_gather_end();
    got = next_write();
    CHECK_INT(json_check(got, &root, NULL), ERR_NONE);
    CHECK(json_get(root, "lines_dropped", &v) && json_u64(v, &lost) == ERR_NONE);
    CHECK_INT(lost, written - kept);
    capture_end();
}

/* A failed assertion loses nothing of what was gathered, on any thread; SIGKILL does. */
static void last_words(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGKILL};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        unsigned firsts = 0;
        int status = 0;
        pid_t child;

        capture_start();
        child = fork();
        if (child == 0) {
            struct rlimit none = {0, 0};

            setrlimit(RLIMIT_CORE, &none);
            signal(signals[i], SIG_DFL); /* a sanitizer's handler would be left alone */
            log_catch_fatal();
            log_gather(count_first, &firsts);
            LOG("last");
            raise(signals[i]);
            _exit(0);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        CHECK_INT(lines_of(next_write()), signals[i] == SIGKILL ? 0 : 1);
        capture_end();
    }
}

static const struct check_case cases[] = {
    {"log_every_kind_of_field", every_kind_of_field},
    {"log_a_name_cannot_break_the_line", a_name_cannot_break_the_line},
    {"log_errno_survives", errno_survives},
    {"log_too_many_fields", too_many_fields},
    {"log_lines_that_stderr_refused", lines_that_stderr_refused},
    {"log_a_torn_line", a_torn_line},
    {"log_gathered_lines", gathered_lines},
    {"log_gathered_lines_that_stderr_refused", gathered_lines_that_stderr_refused},
    {"log_last_words", last_words},
};
CHECK_MAIN(cases)
