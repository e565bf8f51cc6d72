/* The host reads the console: what the data plane writes there must be lines of its typed log, whatever a library, a
 * crash or a slip makes of its output. */
#include "console.c"

#include "check.h"

#include "log.h"

#include <fcntl.h>
#include <stdio.h>

/* A console that is a pipe, read after each feed. */
struct screen {
    int ends[2];
    char text[8192];
    size_t len;
};

static struct screen screen_new(void)
{
    struct screen s = {.len = 0};

    CHECK_INT(pipe2(s.ends, O_NONBLOCK | O_CLOEXEC), 0);
    return s;
}

static void screen_read(struct screen *s)
{
    ssize_t n;

    while ((n = read(s->ends[0], s->text + s->len, sizeof s->text - s->len)) > 0)
        s->len += (size_t)n;
}

static void screen_end(struct screen *s)
{
    close(s->ends[0]);
    close(s->ends[1]);
}

static const struct row {
    const char *line;
    bool shown;
} rows[] = {
    {"{\"t\":1,\"event\":\"a\"}", true},
    {"{\"t\":1796020528098,\"event\":\"started\",\"simulated\":true,\"workers\":1,\"delta\":-3,\"outcome\":\"none\"}", true},
    {"{\"t\":1,\"event\":\"a\",\"boot\":\"01a22b2a629d7e22a643c668b2e04c19\"}", true},
    {"{\"t\":1,\"event\":\"a\",\"truncated\":true}", true},
    {"{\"t\":1,\"event\":\"a\",\"name\":\"\"}", true},
    {"", false},
    {"{}", false},
    {"{\"event\":\"a\",\"t\":1}", false},
    {"{\"t\":1,\"event\":\"a\"} ", false},
    {" {\"t\":1,\"event\":\"a\"}", false},
    {"{\"t\":1,\"event\":\"a\"}\r", false},
    {"{\"t\":1,\"event\":\"a\"}{\"t\":1,\"event\":\"a\"}", false},
    {"{\"t\":1,\"event\":\"a\"", false},
    {"{\"t\":1,\"event\":\"a\",}", false},
    {"{\"t\":1, \"event\":\"a\"}", false},
    {"{\"t\":-1,\"event\":\"a\"}", false},
    {"{\"t\":1.5,\"event\":\"a\"}", false},
    {"{\"t\":1,\"event\":\"A\"}", false},
    {"{\"t\":1,\"event\":\"\"}", false},
    {"{\"t\":1,\"event\":\"a b\"}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":null}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":[1]}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":{\"y\":1}}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":1e9}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":-}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":123456789012345678901}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":12345678901234567890}", true},
    {"{\"t\":1,\"event\":\"a\",\"x\":\"\\u0041\"}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":\"say \\\"hi\\\"\"}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":\"caf\xc3\xa9\"}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":\"\x1b[2J\"}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":\"user@example.org\"}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":\"https://x/y?z\"}", false},
    {"{\"t\":1,\"event\":\"a\",\"x y\":1}", false},
    {"{\"t\":1,\"event\":\"a\",\"x\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", true},
    {"{\"t\":1,\"event\":\"a\",\"x\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", false},
    {"malloc(): corrupted top size", false},
    {"tr-dataplane: main.c:1: run: Assertion `x' failed.", false},
};

static void lines(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (console_line_ok(view_str(rows[i].line)) != rows[i].shown)
            printf("# row %zu: %s\n", i, rows[i].line);
        CHECK_INT(console_line_ok(view_str(rows[i].line)), rows[i].shown);
    }
}

/* Every kind of field that log.h can write passes: this very log, through the filter. */
static void the_log_itself(void)
{
    struct screen s = screen_new();
    struct console c = {.len = 0};
    const struct id id = {{1, 2, 3}};
    int saved = dup(2), log[2];
    char bytes[4096];
    ssize_t n;

    CHECK_INT(pipe2(log, O_CLOEXEC), 0);
    dup2(log[1], 2);
    LOG("every_kind", KV("u", UINT64_MAX), KV("i", INT64_MIN), KV("yes", true), KV("id", id), KV("n", NAME("a-b.c d")));
    for (int e = 0; e <= ERR_COUNT; e++)
        LOG("an_error", KV("outcome", log_err(e)));
    dup2(saved, 2);
    close(saved);
    close(log[1]);
    while ((n = read(log[0], bytes, sizeof bytes)) > 0) {
        console_feed(&c, view_of(bytes, (size_t)n), s.ends[1]);
        screen_read(&s);
    }
    close(log[0]);
    CHECK_INT(c.withheld, 0);
    CHECK(s.len > 1000 && memmem(s.text, s.len, "every_kind", 10) != NULL);
    screen_end(&s);
}

#define GOOD "{\"t\":1,\"event\":\"a\"}\n"

static void feed(const char *bytes, size_t len, size_t step, const char *want, uint64_t withheld)
{
    struct screen s = screen_new();
    struct console c = {.len = 0};

    for (size_t at = 0; at < len; at += step)
        console_feed(&c, view_of(bytes + at, len - at < step ? len - at : step), s.ends[1]);
    screen_read(&s);
    CHECK_BYTES(s.text, s.len, want, strlen(want));
    CHECK_INT(c.withheld, withheld);
    screen_end(&s);
}

/* In pieces of any size; what stands beside a line is not shown with it. */
static void pieces(void)
{
    static const char text[] = GOOD "sk-secret\n" GOOD "\n" GOOD "no end";

    for (size_t step = 1; step < sizeof text; step++)
        feed(text, sizeof text - 1, step, GOOD GOOD GOOD, 2);
    feed("{\"t\":1,\"event\":\"a\0\"}\n", 21, 21, "", 1);
}

/* A line of the greatest length is shown, one byte more is not, and what follows is again. */
static void lengths(void)
{
    static const char head[] = "{\"t\":1,\"event\":\"a\"", member[] = ",\"x\":\"\"", end[] = "}\n";
    static char text[4 * CONSOLE_LINE_MAX];
    size_t n = sizeof head - 1;

    memcpy(text, head, n);
    while (n + sizeof member - 1 + sizeof end - 1 <= CONSOLE_LINE_MAX) {
        memcpy(text + n, member, sizeof member - 1);
        n += sizeof member - 1;
    }
    /* the rest of the length goes into the last name */
    memmove(text + n - 4 + (CONSOLE_LINE_MAX - n - 2), text + n - 4, 4);
    memset(text + n - 4, 'x', CONSOLE_LINE_MAX - n - 2);
    n = CONSOLE_LINE_MAX - 2;
    memcpy(text + n, end, sizeof end);
    feed(text, n + 2, 100, text, 0);
    text[n + 1] = 'z'; /* a line that is right so far, and then longer than what is kept */
    text[n + 2] = '\n';
    feed(text, n + 3, 100, "", 1);
    text[n + 1] = '\n';
    memmove(text + n - 4 + 1, text + n - 4, 7);
    memcpy(text + n + 3, GOOD, sizeof GOOD);
    feed(text, n + 3 + sizeof GOOD - 1, 100, GOOD, 1);
    memset(text, 'y', sizeof text);
    memcpy(text + sizeof text - sizeof GOOD - 1, "\n" GOOD, sizeof GOOD + 1);
    feed(text, sizeof text - 1, 100, GOOD, 1);
}

/* Why it does not start is shown as long as there is no client yet; afterwards no sentence is. */
static void sentences(void)
{
    static const char why[] = "/usr/bin/tr-dataplane: /run/trustedrouter/host.conf:2: place is not a known key here\n";
    static const char sim[] = "/usr/bin/tr-dataplane-sim: providers: the file it names cannot be read\n";
    static const char begun[] = "{\"t\":1,\"event\":\"started\",\"port\":443}\n";
    static const char *const never[] = {
        "/usr/bin/tr-dataplane: \n", "/usr/bin/tr-dataplane\n", "/usr/bin/tr-verify: x\n", "tr-dataplane: x\n",
        "/usr/bin/tr-dataplane: caf\xc3\xa9\n", "/usr/bin/tr-dataplane: \x1b[2J\n", "/usr/bin/tr-dataplane: a\tb\n",
        "/usr/bin/tr-dataplane-sim-sim: x\n", "x /usr/bin/tr-dataplane: x\n",
    };
    char text[512], longest[CONSOLE_SENTENCE_MAX + 3];

    feed(why, sizeof why - 1, 7, why, 0);
    feed(sim, sizeof sim - 1, 7, sim, 0);
    snprintf(text, sizeof text, "%s%s", begun, why);
    feed(text, strlen(text), 7, begun, 1);
    snprintf(text, sizeof text, "%s%s", why, begun);
    feed(text, strlen(text), 7, text, 0);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        feed(never[i], strlen(never[i]), 7, "", 1);
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "/usr/bin/tr-dataplane: ", 23);
    memcpy(longest + CONSOLE_SENTENCE_MAX, "\n", 2);
    feed(longest, CONSOLE_SENTENCE_MAX + 1, 64, longest, 0);
    memcpy(longest + CONSOLE_SENTENCE_MAX, "x\n", 3);
    feed(longest, CONSOLE_SENTENCE_MAX + 2, 64, "", 1);
}

/* A console that takes nothing any more does not stop the reader. */
static void console_is_gone(void)
{
    struct console c = {.len = 0};

    console_feed(&c, VIEW_LIT(GOOD GOOD), -1);
    CHECK_INT(c.withheld, 0);
    CHECK_INT(c.len, 0);
}

static const struct check_case cases[] = {
    {"console_lines", lines},   {"console_takes_the_log", the_log_itself}, {"console_pieces", pieces},
    {"console_lengths", lengths}, {"console_sentences", sentences}, {"console_is_gone", console_is_gone},
};
CHECK_MAIN(cases)
