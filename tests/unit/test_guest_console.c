/* The host reads the console: what passes is a line of the typed log, and no text of anybody else's. */
#include "console.h"

#include "check.h"
#include "err.h"
#include "log.h"

#include <fcntl.h>
#include <unistd.h>

static void test_lines(void)
{
    static const char *const good[] = {
        "{\"t\":1796020055517,\"event\":\"started\"}",
        "{\"t\":1,\"event\":\"request_done\",\"latency_ms\":12,\"ok\":true,\"n\":-3,\"outcome\":\"not_found\"}",
        "{\"t\":1,\"event\":\"x\",\"id\":\"0123456789abcdef0123456789abcdef\"}",
    };
    static const char *const bad[] = {
        "", "started", "tr-dataplane: cannot be read", "{}", "{\"t\":1}", "{\"event\":\"x\"}", "{\"t\":1,\"event\":\"x\"",
        "{\"t\":1,\"event\":\"x\"} ", " {\"t\":1,\"event\":\"x\"}", "{\"t\":1,\"event\":\"x\"}{\"t\":1,\"event\":\"x\"}",
        "{\"t\":1,\"event\":\"x\",\"a\":\"\\\"\"}", "{\"t\":1,\"event\":\"x\",\"a\":\"what, is: this?\"}",
        "{\"t\":1,\"event\":\"x\",\"a\":{\"b\":1}}", "{\"t\":1,\"event\":\"x\",\"a\":[1]}", "{\"t\":1,\"event\":\"x\",\"a\":1.5}",
        "{\"t\":1,\"event\":\"x\",\"a\":null}", "{\"t\":1,\"event\":\"x\",\"A\":1}", "{\"t\":\"1\",\"event\":\"x\"}",
        "{\"t\":1,\"event\":\"x\",\"a\":\"caf\xc3\xa9\"}", "{\"t\":1,\"event\":\"x\",\"a\":1,}", "{\"t\":1,\"event\":\"x y\"}",
        "{\"t\":1,\"event\":\"x\",\"a\":123456789012345678901}", "{\"t\":1,\"event\":\"x\",\"a\":-}",
        /* 65 bytes of text */
        "{\"t\":1,\"event\":\"x\",\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(console_line_ok(view_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!console_line_ok(view_str(bad[i])));
        if (console_line_ok(view_str(bad[i])))
            printf("# passed: %s\n", bad[i]);
    }
}

/* In whatever pieces it comes: the lines that are right, in their order, and a count of the others. */
static void test_pieces(void)
{
    static const char text[] = "{\"t\":1,\"event\":\"a\"}\nprompt of a client\n{\"t\":2,\"event\":\"b\"}\n\n";
    static const char shown[] = "{\"t\":1,\"event\":\"a\"}\n{\"t\":2,\"event\":\"b\"}\n";

    for (size_t piece = 1; piece <= sizeof text; piece++) {
        static struct console c;
        char got[256];
        int ends[2];
        ssize_t n;

        memset(&c, 0, sizeof c);
        CHECK_INT(pipe(ends), 0);
        for (size_t at = 0; at < sizeof text - 1; at += piece)
            console_feed(&c, view_of(text + at, at + piece < sizeof text - 1 ? piece : sizeof text - 1 - at), ends[1]);
        close(ends[1]);
        n = read(ends[0], got, sizeof got);
        close(ends[0]);
        CHECK_BYTES(got, n < 0 ? 0 : (size_t)n, shown, sizeof shown - 1);
        CHECK_INT(c.withheld, 2);
    }
}

static void test_long(void)
{
    static struct console c;
    static char line[3 * CONSOLE_LINE_MAX];
    int null = open("/dev/null", O_WRONLY);

    memset(line, 'a', sizeof line);
    console_feed(&c, view_of(line, sizeof line), null);
    CHECK_INT(c.withheld, 0);
    console_feed(&c, VIEW_LIT("\n{\"t\":1,\"event\":\"a\"}\n"), null);
    CHECK_INT(c.withheld, 1);
    close(null);
}

/* What log_write() makes of every kind of field passes: the two grammars are one. */
static void test_typed_log(void)
{
    static struct console c;
    char text[1024];
    int ends[2], saved = dup(2);
    struct id id = {{0xab}};
    ssize_t n;

    CHECK(saved >= 0);
    CHECK_INT(pipe(ends), 0);
    dup2(ends[1], 2);
    LOG("all_kinds", KV("u", UINT64_MAX), KV("i", INT64_MIN), KV("b", true), KV("n", log_err(ERR_NONE)), KV("id", id));
    dup2(saved, 2);
    close(saved);
    close(ends[1]);
    n = read(ends[0], text, sizeof text);
    close(ends[0]);
    CHECK(n > 1);
    CHECK(n > 1 && console_line_ok(view_of(text, (size_t)n - 1)));
    console_feed(&c, view_of(text, n > 0 ? (size_t)n : 0), -1);
    CHECK_INT(c.withheld, 0);
}

static const struct check_case cases[] = {
    {"guest_console_lines", test_lines},
    {"guest_console_pieces", test_pieces},
    {"guest_console_long", test_long},
    {"guest_console_typed_log", test_typed_log},
};
CHECK_MAIN(cases)
