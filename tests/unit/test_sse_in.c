/* The event splitter must give the same events however the network cuts the stream: a provider's
 * chunking is not part of the message. Every recorded stream is cut at every byte boundary. */
#include "check.h"
#include "provider_fixtures.h"
#include "bounds.h"
#include "sse_in.h"

enum { LINE_MAX_BYTES = LIMIT_SSE_LINE_BYTES };

/* Events as one text: "[name|data]" each, so that two runs compare as bytes. */
struct log {
    uint8_t *text;
    size_t len, cap;
    unsigned events;
};

static void log_put(struct log *l, const void *p, size_t n)
{
    if (l->len + n > l->cap) {
        l->cap = 2 * (l->len + n);
        l->text = realloc(l->text, l->cap);
    }
    if (n != 0)
        memcpy(l->text + l->len, p, n);
    l->len += n;
}

static void log_event(struct log *l, const struct sse_event *ev)
{
    log_put(l, "[", 1);
    log_put(l, ev->name.ptr, ev->name.len);
    log_put(l, "|", 1);
    log_put(l, ev->data.ptr, ev->data.len);
    log_put(l, "]", 1);
    l->events++;
}

static enum err drain(struct sse_in *s, struct log *l)
{
    struct sse_event ev;
    enum err e;

    while ((e = sse_in_next(s, &ev)) == ERR_NONE)
        log_event(l, &ev);
    return e;
}

/* Feed two pieces, each from memory that dies right after, as the read buffer does. */
static enum err run_cut(struct view in, size_t cut, size_t line_max, struct log *l, struct log *tail)
{
    struct sse_in s;
    enum err e = ERR_SHORT;

    sse_in_init(&s, line_max, NULL);
    for (int piece = 0; piece < 2 && e == ERR_SHORT; piece++) {
        size_t from = piece == 0 ? 0 : cut, n = piece == 0 ? cut : in.len - cut;
        uint8_t *copy = malloc(n + 1);

        if (n != 0)
            memcpy(copy, in.ptr + from, n);
        sse_in_feed(&s, view_of(copy, n));
        e = drain(&s, l);
        memset(copy, 'X', n);
        free(copy);
    }
    if (tail != NULL && e == ERR_SHORT) {
        struct sse_event ev;

        if (sse_in_end(&s, &ev) == ERR_NONE)
            log_event(tail, &ev);
        CHECK_INT(sse_in_end(&s, &ev), ERR_SHORT); /* once */
    }
    sse_in_free(&s);
    return e;
}

static enum err run_bytes(struct view in, size_t step, size_t line_max, struct log *l)
{
    struct sse_in s;
    enum err e = ERR_SHORT;

    sse_in_init(&s, line_max, NULL);
    for (size_t at = 0; at < in.len && e == ERR_SHORT; at += step) {
        uint8_t *copy = malloc(step);
        size_t n = in.len - at < step ? in.len - at : step;

        memcpy(copy, in.ptr + at, n);
        sse_in_feed(&s, view_of(copy, n));
        e = drain(&s, l);
        memset(copy, 'X', n);
        free(copy);
    }
    sse_in_free(&s);
    return e;
}

static const struct {
    const char *in, *want, *tail; /* tail: the event at the end of the bytes */
} cases[] = {
    {"data: a\n\ndata: b\n\n", "[|a][|b]", ""},
    {"data:a\r\n\r\ndata:b\r\n\r\n", "[|a][|b]", ""},
    {"data: a\r\rdata: b\r\r", "[|a][|b]", ""},
    {"data: a\n\r\ndata: b\r\n\n", "[|a][|b]", ""},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "[|a]", ""},
    {"data: \xef\xbb\xbf\n\n", "[|\xef\xbb\xbf]", ""},
    {"data: a\ndata: b\ndata:\ndata:  c\n\n", "[|a\nb\n\n c]", ""},
    {"data: one\nevent: error\ndata: twotwotwo\n\n", "[error|one\ntwotwotwo]", ""},
    {": comment\n\n: another\ndata: a\n\n", "[|a]", ""},
    {":\n\n", "", ""},
    {": keep-alive\n", "", ""},
    {": keep-al", "", ""},
    {"event: ping\n\n", "", ""},
    {"event: ping\ndata: {}\n\n", "[ping|{}]", ""},
    {"event: x\r\nid: 7\r\nretry: 10\r\ndata: a\r\n\r\n", "[x|a]", ""},
    {"data:\n\n", "[|]", ""},
    {"data\n\n", "[|]", ""},
    {"data\ndata: x\n\n", "[|\nx]", ""},
    {"data\ndata\nevent: n\n\n", "[n|\n]", ""},
    {"data:  a \n\n", "[| a ]", ""},
    {"\n\n\n\ndata: a\n\n\n\n", "[|a]", ""},
    {"data: [DONE]\n\n", "[|[DONE]]", ""},
    {"database: x\ndat: y\n\n", "", ""},
    {"data: a\n\ndata: b", "[|a]", "[|b]"},
    {"data: a\n\ndata: b\n", "[|a]", "[|b]"},
    {"data: a\n\ndata: b\r", "[|a]", "[|b]"},
    {"data: a\n\nevent: x\r\ndata: b\r\ndata: c", "[|a]", "[x|b\nc]"},
    {"data: a\n\nevent: x\n", "[|a]", ""},
    {"data: a\n\nd", "[|a]", ""},
    {"\xef\xbb\xbf" "data: a", "", "[|a]"},
    {"\xef\xbb", "", ""},
    {"", "", ""},
};

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct view in = view_str(cases[i].in);

        for (size_t cut = 0; cut <= in.len; cut++) {
            struct log l = {0}, tail = {0};

            CHECK_INT(run_cut(in, cut, 1000, &l, &tail), ERR_SHORT);
            CHECK_BYTES(l.text, l.len, cases[i].want, strlen(cases[i].want));
            CHECK_BYTES(tail.text, tail.len, cases[i].tail, strlen(cases[i].tail));
            free(l.text);
            free(tail.text);
        }
    }
}

static unsigned long cuts, events;

static void cut_everywhere(const char *path, const uint8_t *bytes, size_t len)
{
    struct view in = view_of(bytes, len);
    struct log whole = {0};
    /* Boundaries of a long stream are sampled; all of the first and last 2 KB are tried. */
    size_t stride = len > 20000 ? len / 2000 : 1;

    CHECK_INT(run_cut(in, len, LINE_MAX_BYTES, &whole, NULL), ERR_SHORT);
    for (size_t cut = 0; cut <= len; cut += cut < 2048 || cut + 2048 > len ? 1 : stride, cuts++) {
        struct log l = {0};

        CHECK_INT(run_cut(in, cut, LINE_MAX_BYTES, &l, NULL), ERR_SHORT);
        if (l.len != whole.len || memcmp(l.text, whole.text, l.len) != 0) {
            printf("# %s differs when cut at %zu\n", path, cut);
            CHECK(!"same events");
        }
        free(l.text);
    }
    for (size_t step = 1; step <= 7; step += 6) {
        struct log l = {0};

        CHECK_INT(run_bytes(in, step, LINE_MAX_BYTES, &l), ERR_SHORT);
        CHECK_BYTES(l.text, l.len, whole.text, whole.len);
        free(l.text);
    }
    CHECK(whole.events != 0);
    events += whole.events;
    free(whole.text);
}

static void test_recorded(void)
{
    unsigned n = fixtures_each(".resp.sse", cut_everywhere);

    printf("# %u recorded streams, %lu events, %lu cuts\n", n, events, cuts);
    CHECK(n != 0);
}

static void test_line_limit(void)
{
    static char line[4096];
    struct log l = {0};

    memset(line, 'a', sizeof line);
    memcpy(line, "data: ", 6);
    memcpy(line + 1000, "\n\n", 2);
    CHECK_INT(run_cut(view_of(line, 1002), 500, 1000, &l, NULL), ERR_SHORT); /* exactly the limit */
    CHECK_INT(l.events, 1);
    l.len = l.events = 0;
    CHECK_INT(run_cut(view_of(line, 1002), 500, 999, &l, NULL), ERR_LIMIT);
    CHECK_INT(run_cut(view_of(line, 1002), 1002, 999, &l, NULL), ERR_LIMIT);
    CHECK_INT(run_bytes(view_of(line, 1002), 1, 999, &l), ERR_LIMIT);
    CHECK_INT(l.events, 0);
    free(l.text);
}

/* A 4 MB line in 16 KB reads passes; a longer one fails before it is stored. */
static void test_long_line(void)
{
    const size_t max = 4 << 20;
    uint8_t *line = malloc(max + 64);
    struct log l = {0};

    memset(line, 'x', max + 64);
    memcpy(line, "data:", 5);
    memcpy(line + max, "\n\n", 2);
    CHECK_INT(run_bytes(view_of(line, max + 2), 16384, max, &l), ERR_SHORT);
    CHECK_INT(l.events, 1);
    CHECK_INT(l.len, max - 5 + 3);
    line[max] = line[max + 1] = 'x';
    CHECK_INT(run_bytes(view_of(line, max + 64), 16384, max, &l), ERR_LIMIT);
    free(line);
    free(l.text);
}

/* An idle stream holds no memory between events. */
static void test_idle_holds_nothing(void)
{
    struct sse_in s;
    struct log l = {0};

    sse_in_init(&s, 1000, NULL);
    sse_in_feed(&s, VIEW_LIT("data: a"));
    CHECK_INT(drain(&s, &l), ERR_SHORT);
    CHECK(s.carry.ptr != NULL);
    sse_in_feed(&s, VIEW_LIT("b\n\n"));
    CHECK_INT(drain(&s, &l), ERR_SHORT);
    CHECK(s.carry.ptr == NULL);
    CHECK_BYTES(l.text, l.len, "[|ab]", 5);
    sse_in_free(&s);
    free(l.text);
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"sse_cases_cut_everywhere", test_cases},
        {"sse_recorded_cut_everywhere", test_recorded},
        {"sse_line_limit", test_line_limit},
        {"sse_long_line", test_long_line},
        {"sse_idle_holds_nothing", test_idle_holds_nothing},
    };

    return check_main(list, sizeof list / sizeof list[0], argc, argv);
}
