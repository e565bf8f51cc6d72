/* A text completion becomes one message of a user, with what it may cost; what this router cannot do of that
 * API is refused by name; an answer has the API's shape, whole and as a stream. */
#include "completions.h"

#include "check.h"

#include <string.h>

#define B(rest) "{\"model\":\"a/b\"" rest "}"

static void test_read(void)
{
    static const struct {
        const char *body;
        enum err want;
        const char *param; /* NULL: the member's own name, which is `member` */
        const char *member;
    } rows[] = {
        {B(",\"prompt\":\"say\""), ERR_NONE, NULL, NULL},
        {"\xef\xbb\xbf" B(",\"prompt\":\"say\""), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":[\"say\"]"), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":[]"), ERR_FORMAT, "prompt", NULL},
        {B(",\"prompt\":[\"one\",\"two\"]"), ERR_UNSUPPORTED, "prompt", NULL},
        {B(",\"prompt\":[1,2]"), ERR_UNSUPPORTED, "prompt", NULL},
        {B(",\"prompt\":[1]"), ERR_FORMAT, "prompt", NULL},
        {B(",\"prompt\":7"), ERR_FORMAT, "prompt", NULL},
        {B(""), ERR_FORMAT, "prompt", NULL},
        {B(",\"prompt\":null"), ERR_FORMAT, "prompt", NULL},
        {"{\"prompt\":\"say\"}", ERR_FORMAT, "model", NULL},
        {"{\"models\":[\"a/b\"],\"prompt\":\"say\"}", ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"suffix\":\"y\""), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"suffix\":7"), ERR_FORMAT, "suffix", NULL},
        {B(",\"prompt\":\"x\",\"suffix\":\"\""), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"suffix\":null"), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"logprobs\":2"), ERR_UNSUPPORTED, "logprobs", NULL},
        {B(",\"prompt\":\"x\",\"logprobs\":null"), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"n\":2,\"best_of\":2"), ERR_NONE, NULL, NULL},
        {B(",\"best_of\":2,\"prompt\":\"x\",\"n\":2"), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"best_of\":2"), ERR_UNSUPPORTED, "best_of", NULL},
        {B(",\"prompt\":\"x\",\"n\":0"), ERR_RANGE, "n", NULL},
        {B(",\"prompt\":\"x\",\"n\":129"), ERR_RANGE, "n", NULL},
        {B(",\"prompt\":\"x\",\"max_tokens\":0"), ERR_RANGE, "max_tokens", NULL},
        {B(",\"prompt\":\"x\",\"max_tokens\":16.0"), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"temperature\":\"hot\""), ERR_FORMAT, "temperature", NULL},
        {B(",\"prompt\":\"x\",\"temperature\":0.5"), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"stop\":[\"a\"]"), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"stop\":1"), ERR_FORMAT, "stop", NULL},
        {B(",\"prompt\":\"x\",\"echo\":1"), ERR_FORMAT, "echo", NULL},
        {B(",\"prompt\":\"x\",\"surprise\":1"), ERR_UNSUPPORTED, NULL, "surprise"},
        {B(",\"prompt\":\"x\",\"prompt\":\"y\""), ERR_DUPLICATE, "prompt", NULL},
        {B(",\"prompt\":\"x\",\"stream_options\":{\"include_usage\":true}"), ERR_NONE, NULL, NULL},
        {B(",\"prompt\":\"x\",\"stream_options\":true"), ERR_FORMAT, "stream_options", NULL},
        {"[]", ERR_FORMAT, "", NULL},
        {B(",\"prompt\":\"x"), ERR_SHORT, "", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prompt_fault fault;
        struct prompt p;

        CHECK_INT(completions_dialect.read(view_str(rows[i].body), &p, &fault), rows[i].want);
        if (rows[i].want == ERR_NONE) {
            CHECK_INT(p.list.n_items, 2);
            CHECK(p.prompt_bound >= p.prompt_bytes && p.prompt_bytes != 0);
        } else if (rows[i].param != NULL && *rows[i].param != '\0')
            CHECK(fault.param != NULL && strcmp(fault.param, rows[i].param) == 0);
        else if (rows[i].member != NULL)
            CHECK(view_eq(fault.member, view_str(rows[i].member)));
        prompt_list_free(&p.list);
    }
}

static struct answer answer_new(struct prompt *p, bool stream)
{
    return (struct answer){.id = "gen-01", .created = 7, .model = VIEW_LIT("a/b"), .provider = VIEW_LIT("P"),
                           .prompt = p, .stream = stream, .include_usage = true};
}

static void say(struct answer *a, enum event_kind kind, uint16_t choice, const char *text,
                enum usage_finish finish, struct buf *out)
{
    struct event e = {.kind = kind, .choice = choice, .text = view_str(text), .finish = finish};

    CHECK_INT(completions_dialect.event(a, &e, out), ERR_NONE);
}

#define HEAD "{\"id\":\"cmpl-01\",\"object\":\"text_completion\",\"created\":7,\"model\":\"a/b\",\"choices\":["
#define CHOICE(text, index, finish)                                                                \
    "{\"text\":\"" text "\",\"index\":" index ",\"logprobs\":null,\"finish_reason\":" finish "}"
#define USAGE                                                                                      \
    ",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5,\"prompt_tokens_details\":" \
    "{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":1}}}"

static const struct token_usage usage = {.present = true, .prompt = 3, .completion = 2, .reasoning = 1,
                                         .prompt_nusd = 500, .completion_nusd = 1000};

static void read_into(const char *body, struct prompt *p)
{
    struct prompt_fault fault;

    CHECK_INT(completions_dialect.read(view_str(body), p, &fault), ERR_NONE);
}

static void check_out(struct buf *out, const char *want)
{
    CHECK_BYTES(out->ptr, out->len, want, strlen(want));
    buf_reset(out);
}

/* 128 times the prompt are more than a whole answer may have: it would be paid for and not come. */
static void test_echo_fits(void)
{
    static const struct {
        size_t bytes;
        const char *rest;
        enum err want;
    } rows[] = {
        {100000, ",\"echo\":true,\"n\":128", ERR_NONE},
        {200000, ",\"echo\":true,\"n\":128", ERR_RANGE},
        {200000, ",\"n\":128,\"echo\":false", ERR_NONE},
        {200000, ",\"echo\":true", ERR_NONE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prompt_fault fault;
        struct prompt p;
        struct buf body;

        buf_init(&body, 1 << 20);
        CHECK_INT(buf_append(&body, VIEW_LIT("{\"model\":\"a/b\"")), ERR_NONE);
        CHECK_INT(buf_append(&body, view_str(rows[i].rest)), ERR_NONE);
        CHECK_INT(buf_append(&body, VIEW_LIT(",\"prompt\":\"")), ERR_NONE);
        for (size_t k = 0; k < rows[i].bytes; k++)
            CHECK_INT(buf_append_byte(&body, 'a'), ERR_NONE);
        CHECK_INT(buf_append(&body, VIEW_LIT("\"}")), ERR_NONE);
        CHECK_INT(completions_dialect.read(buf_view(&body), &p, &fault), rows[i].want);
        if (rows[i].want != ERR_NONE)
            CHECK(fault.param != NULL && strcmp(fault.param, "echo") == 0);
        prompt_list_free(&p.list);
        buf_free(&body);
    }
}

static void test_stream(void)
{
    struct prompt p;
    struct answer a = answer_new(&p, true);
    struct buf out;

    buf_init(&out, 1 << 16);
    read_into(B(",\"prompt\":\"say \\u00e9\",\"echo\":true"), &p);
    CHECK_INT(completions_dialect.start(&a), ERR_NONE);
    CHECK_INT(completions_dialect.begin(&a, &out), ERR_NONE);
    say(&a, EVENT_REASONING, 0, "hm", FINISH_NONE, &out);
    check_out(&out, "");
    say(&a, EVENT_TEXT, 0, "one", FINISH_NONE, &out);
    check_out(&out, "data: " HEAD CHOICE("say \\u00e9one", "0", "null") "]}\n\n");
    say(&a, EVENT_TEXT, 0, " two", FINISH_NONE, &out);
    check_out(&out, "data: " HEAD CHOICE(" two", "0", "null") "]}\n\n");
    say(&a, EVENT_FINISH, 0, "", FINISH_TOOL_CALLS, &out);
    check_out(&out, "data: " HEAD CHOICE("", "0", "\"stop\"") "]}\n\n");
    CHECK_INT(completions_dialect.end(&a, &usage, "", &out), ERR_NONE);
    check_out(&out, "data: " HEAD "]" USAGE "\n\ndata: [DONE]\n\n");
    completions_dialect.close(&a);
    prompt_list_free(&p.list);
    buf_free(&out);
}

/* We ended it: each choice gets its finish reason, and why. */
#define CUT ",\"x_tr_end_reason\":\"credit\"}\n\n"
static void test_cut(void)
{
    struct prompt p;
    struct answer a = answer_new(&p, true);
    struct buf out;

    buf_init(&out, 1 << 16);
    read_into(B(",\"prompt\":\"x\",\"n\":2"), &p);
    a.include_usage = false;
    CHECK_INT(completions_dialect.start(&a), ERR_NONE);
    say(&a, EVENT_TEXT, 1, "one", FINISH_NONE, &out);
    buf_reset(&out);
    CHECK_INT(completions_dialect.end(&a, &usage, "credit", &out), ERR_NONE);
    check_out(&out, "data: " HEAD CHOICE("", "0", "\"length\"") "]" CUT "data: " HEAD CHOICE("", "1", "\"length\"") "]" CUT
                    "data: [DONE]\n\n");
    completions_dialect.close(&a);
    prompt_list_free(&p.list);
    buf_free(&out);
}

static void test_whole(void)
{
    struct prompt p;
    struct answer a = answer_new(&p, false);
    struct buf out;

    buf_init(&out, 1 << 16);
    read_into(B(",\"prompt\":\"x\",\"n\":2"), &p);
    CHECK_INT(completions_dialect.start(&a), ERR_NONE);
    say(&a, EVENT_TEXT, 1, "two", FINISH_NONE, NULL);
    say(&a, EVENT_TEXT, 0, "o", FINISH_NONE, NULL);
    say(&a, EVENT_TEXT, 0, "ne", FINISH_NONE, NULL);
    say(&a, EVENT_FINISH, 0, "", FINISH_LENGTH, NULL);
    say(&a, EVENT_FINISH, 1, "", FINISH_STOP, NULL);
    CHECK_INT(completions_dialect.whole(&a, &usage, &out), ERR_NONE);
    check_out(&out, HEAD CHOICE("one", "0", "\"length\"") "," CHOICE("two", "1", "\"stop\"") "]" USAGE);
    completions_dialect.close(&a);
    prompt_list_free(&p.list);
    buf_free(&out);
}

static void test_openrouter(void)
{
    struct prompt p;
    struct answer a = answer_new(&p, true);
    struct buf out;

    buf_init(&out, 1 << 16);
    read_into(B(",\"prompt\":\"x\""), &p);
    a.openrouter = true;
    a.include_usage = false;
    a.cost_nusd = 1500;
    CHECK_INT(completions_dialect.start(&a), ERR_NONE);
    CHECK_INT(completions_dialect.end(&a, &usage, "", &out), ERR_NONE);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    CHECK(strstr((char *)out.ptr, "\"provider\":\"P\"") != NULL);
    CHECK(strstr((char *)out.ptr, "\"cost\":0.0000015,\"cost_details\":{\"upstream_inference_cost\":null,"
                                 "\"upstream_inference_prompt_cost\":0.0000005,"
                                 "\"upstream_inference_completions_cost\":0.000001}}") != NULL);
    completions_dialect.close(&a);
    prompt_list_free(&p.list);
    buf_free(&out);
}

static const struct check_case cases[] = {
    {"an_echo_fits_its_answer", test_echo_fits},
    {"completions_read", test_read},   {"completions_stream", test_stream},
    {"completions_cut", test_cut},     {"completions_whole", test_whole},
    {"completions_openrouter", test_openrouter},
};
CHECK_MAIN(cases)
