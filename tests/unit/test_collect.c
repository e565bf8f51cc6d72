/* An answer of the panel is gathered from its events, judged, and perhaps told again to the client: nothing may get lost or
 * mixed up, however its calls interleave, and a member that never stops must not take more memory than it may. */
#include "budget.h"
#include "check.h"
#include "collect.h"

#define TEXT(s) {.kind = EVENT_TEXT, .text = VIEW_LIT(s)}
#define REFUSAL(s) {.kind = EVENT_REFUSAL, .text = VIEW_LIT(s)}
#define THOUGHT(s) {.kind = EVENT_REASONING, .text = VIEW_LIT(s)}
#define BEGIN(n, i, f) {.kind = EVENT_TOOL_BEGIN, .tool = n, .id = VIEW_LIT(i), .name = VIEW_LIT(f)}
#define ARGS(n, s) {.kind = EVENT_TOOL_ARGS, .tool = n, .text = VIEW_LIT(s)}
#define FINISH(f) {.kind = EVENT_FINISH, .finish = f}
#define OTHER(e) {.kind = EVENT_TEXT, .choice = 1, .text = VIEW_LIT(e)}

enum { EVENTS_MAX = 12 };

/* What is told, as a line of text. */
struct told {
    char text[512];
    size_t len;
    int left; /* events until the sink fails; -1: never */
};

static void tell(struct told *t, const char *kind, struct view v)
{
    t->len += (size_t)snprintf(t->text + t->len, sizeof t->text - t->len, "%s%.*s", kind, (int)v.len,
                               v.ptr == NULL ? "" : (const char *)v.ptr);
}

static enum err told_take(void *cookie, const struct event *e)
{
    struct told *t = cookie;
    char number[16];

    if (t->left-- == 0)
        return ERR_CLIENT_GONE;
    CHECK_INT(e->choice, 0);
    snprintf(number, sizeof number, " %u%s", e->tool, e->custom ? "c" : "");
    if (e->kind == EVENT_TEXT)
        tell(t, "T:", e->text);
    else if (e->kind == EVENT_REFUSAL)
        tell(t, "R:", e->text);
    else if (e->kind == EVENT_TOOL_BEGIN) {
        tell(t, number, VIEW_EMPTY);
        tell(t, "=", e->id);
        tell(t, "/", e->name);
    } else if (e->kind == EVENT_TOOL_ARGS) {
        tell(t, number, VIEW_EMPTY);
        tell(t, "+", e->text);
    } else {
        CHECK_INT(e->kind, EVENT_FINISH);
        tell(t, " F:", view_str(usage_finish_name(e->finish)));
    }
    return ERR_NONE;
}

static const struct {
    const char *name;
    struct event in[EVENTS_MAX];
    size_t n;
    const char *want;
    uint64_t reasoning;
    bool empty;
} told[] = {
    {"nothing", {{0}}, 0, "", 0, true},
    {"only a finish", {FINISH(FINISH_LENGTH)}, 1, " F:length", 0, true},
    {"only thoughts", {THOUGHT("hm"), THOUGHT("hm!"), FINISH(FINISH_STOP)}, 3, " F:stop", 5, true},
    {"white space", {TEXT(" \\n"), TEXT("\\t\\r \\f"), FINISH(FINISH_STOP)}, 3, "T: \\n\\t\\r \\f F:stop", 0, true},
    {"a letter behind it", {TEXT("\\n"), TEXT("\\u0061")}, 2, "T:\\n\\u0061", 0, false},
    {"white space and a call", {TEXT(" "), BEGIN(0, "", "")}, 2, "T:  0=/", 0, false},
    {"pieces", {TEXT("a\\n"), TEXT(""), TEXT("b"), FINISH(FINISH_STOP)}, 4, "T:a\\nb F:stop", 0, false},
    {"surrogates apart", {TEXT("\\ud83d"), TEXT("\\ude00"), FINISH(FINISH_STOP)}, 3, "T:\\ud83d\\ude00 F:stop", 0, false},
    {"refusal", {REFUSAL("I "), REFUSAL("won't"), FINISH(FINISH_CONTENT_FILTER)}, 3, "R:I won't F:content_filter", 0, false},
    {"another choice", {OTHER("x"), TEXT("a"), OTHER("y"), FINISH(FINISH_STOP)}, 4, "T:a F:stop", 0, false},
    {"a call",
     {TEXT("so"), BEGIN(0, "id", "f"), ARGS(0, "{\\\"a"), ARGS(0, "\\\":1}"), FINISH(FINISH_TOOL_CALLS)},
     5,
     "T:so 0=id/f 0+{\\\"a\\\":1} F:tool_calls",
     0,
     false},
    {"a call without arguments", {BEGIN(0, "", ""), ARGS(0, "")}, 2, " 0=/", 0, false},
    {"calls interleave",
     {BEGIN(0, "a", "f"), BEGIN(1, "b", "g"), ARGS(0, "1"), ARGS(1, "x"), ARGS(1, "y"), ARGS(0, "2"), ARGS(0, "3"),
      BEGIN(2, "c", "h"), ARGS(1, "z"), ARGS(2, "!"), FINISH(FINISH_TOOL_CALLS)},
     11,
     " 0=a/f 0+1 0+23 1=b/g 1+xy 1+z 2=c/h 2+! F:tool_calls",
     0,
     false},
    {"free text", {{.kind = EVENT_TOOL_BEGIN, .id = VIEW_LIT("i"), .name = VIEW_LIT("p"), .custom = true}, ARGS(0, "diff")},
     2, " 0c=i/p 0c+diff", 0, false},
    {"not kept", {{.kind = EVENT_IMAGE, .json = VIEW_LIT("{}")}, {.kind = EVENT_DETAIL, .json = VIEW_LIT("{}")}}, 2, "", 0, true},
};

static void answers_are_told_again(void)
{
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        struct told t = {.left = -1};
        const struct event_sink sink = {told_take, &t};
        struct collect c;

        collect_init(&c, NULL, 4096);
        for (size_t k = 0; k < told[i].n; k++)
            CHECK_INT(collect_take(&c, &told[i].in[k]), ERR_NONE);
        CHECK_INT(collect_tell(&c, &sink), ERR_NONE);
        CHECK_BYTES(t.text, t.len, told[i].want, strlen(told[i].want));
        CHECK(collect_empty(&c) == told[i].empty);
        CHECK_INT(c.reasoning_bytes, told[i].reasoning);
        collect_free(&c);
    }
}

static void a_sinks_error_ends_it(void)
{
    const struct event in[] = {TEXT("a"), REFUSAL("b"), BEGIN(0, "i", "f"), ARGS(0, "{}"), FINISH(FINISH_STOP)};
    struct collect c;

    collect_init(&c, NULL, 100);
    for (size_t k = 0; k < 5; k++)
        CHECK_INT(collect_take(&c, &in[k]), ERR_NONE);
    for (int n = 0; n <= 5; n++) {
        struct told t = {.left = n};
        const struct event_sink sink = {told_take, &t};

        CHECK_INT(collect_tell(&c, &sink), n < 5 ? ERR_CLIENT_GONE : ERR_NONE);
    }
    collect_free(&c);
}

static void an_attempt_that_failed_is_forgotten(void)
{
    const struct event first[] = {TEXT("secret"), REFUSAL("r"), BEGIN(0, "i", "f"), ARGS(0, "{}"), THOUGHT("t"), FINISH(FINISH_LENGTH)};
    const struct event second[] = {BEGIN(0, "j", "g"), TEXT("b")};
    struct budget *budget;
    struct told t = {.left = -1};
    const struct event_sink sink = {told_take, &t};
    struct collect c;

    CHECK_INT(budget_new(1 << 20, &budget), ERR_NONE);
    collect_init(&c, budget, 1000);
    for (size_t k = 0; k < 6; k++)
        CHECK_INT(collect_take(&c, &first[k]), ERR_NONE);
    CHECK(budget_used(budget) > 0);
    collect_reset(&c);
    CHECK(collect_empty(&c));
    CHECK_INT(budget_used(budget), 0);
    CHECK_INT(c.bytes, 0);
    CHECK_INT(c.finish, FINISH_NONE);
    CHECK_INT(c.reasoning_bytes, 0);
    for (size_t k = 0; k < 2; k++)
        CHECK_INT(collect_take(&c, &second[k]), ERR_NONE);
    CHECK_INT(collect_tell(&c, &sink), ERR_NONE);
    CHECK_BYTES(t.text, t.len, "T:b 0=j/g", 9);
    collect_free(&c);
    collect_free(&c);
    budget_free(budget);
}

static void memory_has_a_bound(void)
{
    const struct event text = TEXT("0123456789"), refusal = REFUSAL("0123456789"), begin = BEGIN(0, "12345", "67890");
    const struct event last = TEXT("x"), args = ARGS(0, "x");
    struct collect c;

    collect_init(&c, NULL, 30);
    CHECK_INT(collect_take(&c, &text), ERR_NONE);
    CHECK_INT(collect_take(&c, &refusal), ERR_NONE);
    CHECK_INT(collect_take(&c, &begin), ERR_NONE);
    CHECK_INT(c.bytes, 30);
    CHECK_INT(collect_take(&c, &last), ERR_LIMIT);
    CHECK_INT(collect_take(&c, &args), ERR_LIMIT);
    collect_free(&c);
}

/* Single bytes of two calls in turn: what they take beside their bytes counts, too. */
static void interleaved_calls_have_the_same_bound(void)
{
    const struct event begin[] = {BEGIN(0, "a", "f"), BEGIN(1, "b", "g")}, args[] = {ARGS(0, "x"), ARGS(1, "y")};
    struct budget *budget;
    struct collect c;
    enum err e = ERR_NONE;
    size_t n = 0;

    CHECK_INT(budget_new(1 << 20, &budget), ERR_NONE);
    collect_init(&c, budget, 10000);
    CHECK_INT(collect_take(&c, &begin[0]), ERR_NONE);
    CHECK_INT(collect_take(&c, &begin[1]), ERR_NONE);
    for (; e == ERR_NONE && n < 100000; n++)
        e = collect_take(&c, &args[n % 2]);
    CHECK_INT(e, ERR_LIMIT);
    CHECK(n > 1000 && n < 2000);
    CHECK(c.bytes <= 10000);
    CHECK(budget_peak(budget) < 30000 + COLLECT_CALLS_MAX * sizeof *c.call); /* the old bytes and the new while it grows */
    collect_free(&c);
    CHECK_INT(budget_used(budget), 0);
    budget_free(budget);
}

static void a_full_budget_is_an_error(void)
{
    static uint8_t large[4096];
    const struct event text = {.kind = EVENT_TEXT, .text = {large, sizeof large}}, begin = BEGIN(0, "a", "f");
    struct budget *budget;
    struct collect c;

    CHECK_INT(budget_new(1000, &budget), ERR_NONE);
    collect_init(&c, budget, 1 << 20);
    CHECK_INT(collect_take(&c, &text), ERR_OVERLOAD);
    collect_reset(&c);
    CHECK_INT(collect_take(&c, &begin), ERR_OVERLOAD);
    collect_free(&c);
    CHECK_INT(budget_used(budget), 0);
    budget_free(budget);
}

static void calls_come_in_order(void)
{
    struct collect c;
    struct event e = BEGIN(1, "a", "f");
    const struct event stray = ARGS(0, "x");

    collect_init(&c, NULL, 1 << 20);
    CHECK_INT(collect_take(&c, &stray), ERR_FORMAT);
    CHECK_INT(collect_take(&c, &e), ERR_FORMAT);
    for (e.tool = 0; e.tool < COLLECT_CALLS_MAX; e.tool++)
        CHECK_INT(collect_take(&c, &e), ERR_NONE);
    CHECK_INT(collect_take(&c, &e), ERR_LIMIT);
    CHECK_INT(c.n_calls, COLLECT_CALLS_MAX);
    collect_free(&c);
}

static const struct check_case cases[] = {
    {"answers_are_told_again", answers_are_told_again},
    {"a_sinks_error_ends_it", a_sinks_error_ends_it},
    {"an_attempt_that_failed_is_forgotten", an_attempt_that_failed_is_forgotten},
    {"memory_has_a_bound", memory_has_a_bound},
    {"interleaved_calls_have_the_same_bound", interleaved_calls_have_the_same_bound},
    {"a_full_budget_is_an_error", a_full_budget_is_an_error},
    {"calls_come_in_order", calls_come_in_order},
};
CHECK_MAIN(cases)
