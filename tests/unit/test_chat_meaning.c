/* What a provider's stream or answer means when it does not say it in the usual way: how it ended,
 * whether it failed, which call a piece of arguments belongs to, where its content stands. Each shape
 * has been seen at some provider; each that succeeds has a twin that must not. */
#include "chat_canon.h"
#include "check.h"

static const struct provider plain = {.id = "plain"};

enum end { COMPLETE, FAILED, TRUNCATED, MALFORMED };

/* Everything that a client gets of a stream, and how it ends. */
struct played {
    struct chat_canon c;
    struct buf out; /* a line for each chunk, then a NUL */
    struct chat_error error;
    enum end end;
};

static void play(struct played *r, const char *const *chunks, bool want_usage)
{
    struct view line;
    enum chat_kind kind = CHAT_NOTHING;

    *r = (struct played){.c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &plain,
                               .want_usage = want_usage}};
    buf_init(&r->out, 1 << 20);
    for (; *chunks != NULL && kind != CHAT_ERROR; chunks++) {
        line = view_str(*chunks);
        if (chat_canon_chunk(&r->c, line, &r->out, &kind, &r->error) != ERR_NONE) {
            r->end = MALFORMED;
            break;
        }
        if (kind == CHAT_EMIT)
            CHECK_INT(buf_append_byte(&r->out, '\n'), ERR_NONE);
    }
    if (kind == CHAT_ERROR)
        r->end = FAILED;
    else if (r->end != MALFORMED && !chat_canon_finished(&r->c) &&
             chat_canon_end(&r->c, &r->out) != ERR_NONE)
        r->end = TRUNCATED;
    CHECK_INT(buf_append_byte(&r->out, 0), ERR_NONE);
}

static bool has(const struct played *r, const char *text)
{
    return strstr((const char *)r->out.ptr, text) != NULL;
}

static void show(const struct played *r, const char *what)
{
    printf("# %s: end %d\n# %s\n", what, r->end, (const char *)r->out.ptr);
}

#define CHOICE(inside) "{\"id\":\"x\",\"choices\":[{\"index\":0," inside "}]}"
#define DELTA(inside) CHOICE("\"delta\":{" inside "},\"finish_reason\":null")
#define FINISH(reason) CHOICE("\"delta\":{},\"finish_reason\":" reason)
#define HELLO DELTA("\"role\":\"assistant\",\"content\":\"hello\"")
#define CALL(inside) DELTA("\"tool_calls\":[{" inside "}]")
#define PIECE(index, text) CALL("\"index\":" index ",\"function\":{\"arguments\":\"" text "\"}")
#define CALL_A(text) CALL("\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"" text "\"}")
#define CALL_B(index, text) CALL("\"index\":" index ",\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"" text "\"}")

/* --- finish reasons --- */

static void test_finish_words(void)
{
    static const struct {
        const char *word, *text, *call; /* what a client is told behind text, behind a tool call; NULL: failed */
    } cases[] = {
        {"\"stop\"", "stop", "tool_calls"},
        {"\"STOP\"", "stop", "tool_calls"},
        {"\"end_turn\"", "stop", "tool_calls"},
        {"\"eos\"", "stop", "tool_calls"},
        {"\"EOS_TOKEN\"", "stop", "tool_calls"},
        {"\"stop_sequence\"", "stop", "tool_calls"},
        {"\"COMPLETE\"", "stop", "tool_calls"},
        {"{\"type\":\"stop\",\"matched\":2}", "stop", "tool_calls"},
        {"\"length\"", "length", "length"},
        {"\"MAX_TOKENS\"", "length", "length"},
        {"\"max_tokens\"", "length", "length"},
        {"\"maxTokens\"", "length", "length"},
        {"\"max_output_tokens\"", "length", "length"},
        {"\"model_length\"", "length", "length"},
        {"\"model_context_window_exceeded\"", "length", "length"},
        {"\"Model_Context_Window_Exceeded\"", "length", "length"},
        {"{\"type\":\"length\",\"length\":9}", "length", "length"},
        {"\"content_filter\"", "content_filter", "content_filter"},
        {"\"SAFETY\"", "content_filter", "content_filter"},
        {"\"safety\"", "content_filter", "content_filter"},
        {"\"RECITATION\"", "content_filter", "content_filter"},
        {"\"BLOCKLIST\"", "content_filter", "content_filter"},
        {"\"PROHIBITED_CONTENT\"", "content_filter", "content_filter"},
        {"\"SPII\"", "content_filter", "content_filter"},
        {"\"refusal\"", "content_filter", "content_filter"},
        {"\"tool_calls\"", "tool_calls", "tool_calls"},
        {"\"TOOL_CALLS\"", "tool_calls", "tool_calls"},
        {"\"tool_use\"", "tool_calls", "tool_calls"},
        {"\"function_call\"", "tool_calls", "tool_calls"},
        {"\"error\"", NULL, NULL},
        {"\"ERROR\"", NULL, NULL},
        {"\"abort\"", NULL, NULL},
        {"\"Abort\"", NULL, NULL},
        {"\"cancelled\"", NULL, NULL},
        {"{\"type\":\"abort\",\"message\":\"Aborted\"}", NULL, NULL},
        {"\"network_error\"", NULL, NULL},
        {"\"MALFORMED_FUNCTION_CALL\"", NULL, NULL},
        /* nobody knows: something may be missing */
        {"\"OTHER\"", "length", "length"},
        {"\"pause_turn\"", "length", "length"},
        {"\"FINISH_REASON_UNSPECIFIED\"", "length", "length"},
        {"\"stopped for reasons that take more than the longest known word has letters\"", "length", "length"},
        {"\"st\\u006fp\"", "length", "length"},
        {"\"\xd0\xba\xd0\xbe\xd0\xbd\xd0\xb5\xd1\x86\"", "length", "length"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int way = 0; way < 4; way++) { /* text or call; streamed or whole */
            const char *want = way & 1 ? cases[i].call : cases[i].text;
            char last[512], word[64];
            const char *const chunks[] = {way & 1 ? CALL_A("{}") : HELLO, last, NULL};
            struct played r;
            enum chat_kind kind;

            snprintf(last, sizeof last, "{\"choices\":[{\"index\":0,\"%s\":{%s},\"finish_reason\":%s}]}",
                     way & 2 ? "message" : "delta", !(way & 2) ? "" : way & 1 ?
                     "\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]" :
                     "\"content\":\"hello\"", cases[i].word);
            play(&r, way & 2 ? chunks + 2 : chunks, false);
            if (way & 2) {
                r.out.len = 0;
                CHECK_INT(chat_canon_whole(&r.c, view_str(last), &r.out, &kind, &r.error), ERR_NONE);
                r.end = kind == CHAT_ERROR ? FAILED : COMPLETE;
                CHECK_INT(buf_append_byte(&r.out, 0), ERR_NONE);
            }
            snprintf(word, sizeof word, "\"finish_reason\":\"%s\"", want == NULL ? "" : want);
            CHECK_INT(r.end, want == NULL ? FAILED : COMPLETE);
            if (r.end != (want == NULL ? FAILED : COMPLETE) || (want != NULL && !has(&r, word))) {
                show(&r, cases[i].word);
                CHECK(!"finish reason");
            }
            CHECK(want == NULL || has(&r, word));
            CHECK(want != NULL || !has(&r, "finish_reason\":\"")); /* nothing looks like an end */
            buf_free(&r.out);
        }
    }
}

/* --- how streams end --- */

static void test_ends(void)
{
    static const struct {
        const char *name;
        const char *chunks[6]; /* then "[DONE]" */
        enum end end;
        const char *has, *never; /* NULL: anything */
    } cases[] = {
        {"text without a reason", {HELLO}, COMPLETE, "\"finish_reason\":\"stop\"", NULL},
        {"a call without a reason", {CALL_A("{\\\"x\\\":[1,\\\"}\\\"]}")}, COMPLETE, "\"finish_reason\":\"tool_calls\"",
         "\"stop\""},
        {"in pieces", {CALL_A("{\\\"x\\\": \\\"\\\\"), PIECE("0", "\\\"}"), PIECE("0", "\\u0022\\u007d")}, COMPLETE,
         "\"finish_reason\":\"tool_calls\"", NULL},
        {"open arguments", {CALL_A("{\\\"path\\\": \\\"/tm")}, TRUNCATED, NULL, "finish_reason\":\""},
        {"an open brace", {CALL_A("{\\\"path\\\": {\\\"a\\\":1}")}, TRUNCATED, NULL, "finish_reason\":\""},
        {"an open bracket inside a string does not count", {CALL_A("{\\\"p\\\":\\\"[{\\\"}")}, COMPLETE, NULL, NULL},
        {"a brace inside a string does not close", {CALL_A("{\\\"p\\\":\\\"}")}, TRUNCATED, NULL, NULL},
        {"a name, no arguments yet", {CALL_A("")}, TRUNCATED, NULL, "finish_reason\":\""},
        {"the first of two open", {CALL_A("{"), CALL_B("1", "{}")}, TRUNCATED, NULL, NULL},
        {"open arguments with a reason are the model's", {CALL_A("{"), FINISH("\"length\"")}, COMPLETE,
         "\"finish_reason\":\"length\"", NULL},
        {"a custom tool's input is no JSON", {CALL("\"index\":0,\"id\":\"a\",\"type\":\"custom\",\"custom\":{\"name\":\"f\","
          "\"input\":\"{ [\"}")}, COMPLETE, NULL, NULL},
        {"open arguments beside an empty custom", {CALL("\"index\":0,\"id\":\"a\",\"type\":\"function\",\"custom\":{\"name\":\"\","
          "\"input\":\"\"},\"function\":{\"name\":\"f\",\"arguments\":\"{\"}")}, TRUNCATED, NULL, NULL},
        {"beside a custom that is null, without a type", {CALL("\"index\":0,\"id\":\"a\",\"custom\":null,"
          "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")}, COMPLETE, "\"type\":\"function\"", "\"type\":\"custom\""},
        {"a legacy call", {DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}")}, COMPLETE,
         "\"finish_reason\":\"function_call\"", NULL},
        {"a legacy call that stops", {DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}"), FINISH("\"stop\"")},
         COMPLETE, "\"finish_reason\":\"function_call\"", "\"stop\""},
        {"the reason stands before the call", {CHOICE("\"finish_reason\":\"stop\",\"delta\":{\"tool_calls\":[{\"id\":\"a\","
          "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}")}, COMPLETE, "\"finish_reason\":\"tool_calls\"", "\"stop\""},
        {"one of two choices has a reason", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"},"
          "{\"index\":1,\"delta\":{\"content\":\"b\"}}]}"}, TRUNCATED, NULL, NULL},
        {"none of two has", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},"
          "{\"index\":1,\"delta\":{\"content\":\"b\"}}]}"}, COMPLETE,
         "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"},{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}", NULL},
        {"an error beside the choice", {HELLO, CHOICE("\"delta\":{},\"finish_reason\":null,\"error\":{\"code\":502,"
          "\"message\":\"gone\"}")}, FAILED, NULL, "gone"},
        {"no error beside the choice", {CHOICE("\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\",\"error\":null")},
         COMPLETE, NULL, "error"},
        {"a list of errors", {HELLO, "{\"errors\":[{\"message\":\"worker exceeded capacity\",\"code\":3040}],"
          "\"success\":false,\"result\":null}"}, FAILED, NULL, NULL},
        {"beside no choices", {HELLO, "{\"choices\":[],\"errors\":[\"no\"]}"}, FAILED, NULL, NULL},
        {"an empty list", {HELLO, "{\"errors\":[],\"success\":true}", FINISH("\"stop\"")}, COMPLETE, NULL, NULL},
        {"a status", {HELLO, "{\"status\":500,\"title\":\"x\"}"}, FAILED, NULL, NULL},
        {"a status in words", {HELLO, "{\"status\":\"error\"}"}, FAILED, NULL, NULL},
        {"a status as text", {HELLO, "{\"statusCode\":\"503\",\"x\":1}"}, FAILED, NULL, NULL},
        {"a detail", {HELLO, "{\"detail\":\"no\"}"}, FAILED, NULL, NULL},
        {"an object of kind error", {HELLO, "{\"object\":\"error\",\"code\":1}"}, FAILED, NULL, NULL},
        {"a type error", {HELLO, "{\"type\":\"error\",\"data\":7}"}, FAILED, NULL, NULL},
        {"a list of errors beside figures", {HELLO, "{\"errors\":[\"no\"],\"usage\":{\"prompt_tokens\":1}}"}, FAILED, NULL, NULL},
        {"a message beside figures behind the end", {HELLO, FINISH("\"stop\""), "{\"message\":\"done\",\"usage\":"
          "{\"prompt_tokens\":1}}"}, COMPLETE, NULL, NULL},
        {"no success", {HELLO, "{\"success\":false}"}, FAILED, NULL, NULL},
        {"what nobody knows, then no reason", {HELLO, "{\"weird\":{\"x\":1}}"}, TRUNCATED, NULL, "\"stop\""},
        {"what nobody knows, then a reason", {HELLO, "{\"weird\":{\"x\":1}}", FINISH("\"stop\"")}, COMPLETE, NULL, NULL},
        {"a sign of life", {HELLO, "{\"type\":\"ping\",\"at\":1}"}, COMPLETE, NULL, NULL},
        {"a status that is none", {HELLO, "{\"status\":200,\"type\":\"ping\"}"}, COMPLETE, NULL, NULL},
        {"usage alone", {HELLO, "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}"}, COMPLETE, NULL, NULL},
        {"an empty error string", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],"
          "\"error\":\"\"}"}, COMPLETE, "hi", "error"},
        {"an empty error object", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],"
          "\"error\":{\"code\":0,\"message\":\"\",\"type\":null}}"}, COMPLETE, "hi", "error"},
        {"no error", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],"
          "\"error\":false}"}, COMPLETE, "hi", "error"},
        {"an empty list of errors beside text", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":"
          "\"stop\"}],\"error\":[]}"}, COMPLETE, "hi", "error"},
        {"an error beside text", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}],\"error\":\"no\"}"}, FAILED,
         NULL, NULL},
        {"true is one", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}],\"error\":true}"}, FAILED, NULL, NULL},
        {"a number is one", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}],\"error\":500}"}, FAILED, NULL, NULL},
        {"a list is one", {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}],\"error\":[\"no\"]}"}, FAILED, NULL,
         NULL},
        {"NaN beside text", {CHOICE("\"delta\":{\"content\":\"NaN \\\"NaN\"},\"logprobs\":{\"content\":[{\"logprob\":NaN},"
          "{\"logprob\":-Infinity},{\"logprob\":Infinity}]},\"finish_reason\":\"stop\"")}, COMPLETE,
         "{\"content\":[{\"logprob\":null},{\"logprob\":null},{\"logprob\":null}]}", NULL},
        {"text that says NaN", {CHOICE("\"delta\":{\"content\":\"NaN \\\"NaN\"},\"x\":NaN,\"finish_reason\":\"stop\"")},
         COMPLETE, "\"NaN \\\"NaN\"", "\"x\":NaN"},
        {"not a word", {CHOICE("\"delta\":{\"content\":\"a\"},\"x\":NaNa,\"finish_reason\":\"stop\"")}, MALFORMED, NULL, NULL},
        {"a mark before the document", {"\xef\xbb\xbf" HELLO}, COMPLETE, "hello", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct played r;

        play(&r, cases[i].chunks, false);
        if (r.end != cases[i].end || (cases[i].has != NULL && !has(&r, cases[i].has)) ||
            (cases[i].never != NULL && has(&r, cases[i].never))) {
            show(&r, cases[i].name);
            CHECK(!"how it ends");
        }
        CHECK_INT(r.end, cases[i].end);
        buf_free(&r.out);
    }
    printf("# %zu ends\n", sizeof cases / sizeof cases[0]);
}

/* --- which call a piece belongs to --- */

static void test_calls(void)
{
    static const struct {
        const char *name;
        const char *chunks[6];
        unsigned calls;
        const char *has, *never;
    } cases[] = {
        {"drifting index", {CALL_A(""), PIECE("1", "{\\\"x\\\""), PIECE("2", ":1}")}, 1,
         "[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]", "\"index\":1,"},
        {"each call drifts on its own", {CALL_A(""), PIECE("1", "{}"), CALL_B("1", ""), PIECE("2", "{"), PIECE("3", "}")}, 2,
         "[{\"index\":1,\"function\":{\"arguments\":\"}\"}}]", "\"index\":2,"},
        {"a complete call takes no more", {CALL_A("{}"), CALL_B("1", "{"), PIECE("0", "}")}, 2,
         "[{\"index\":1,\"function\":{\"arguments\":\"}\"}}]", NULL},
        {"parallel calls keep their pieces", {CALL_A("{"), CALL_B("1", "{"), PIECE("0", "}"), PIECE("1", " }")}, 2,
         "[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]", NULL},
        {"a known id under another index", {CALL_A("{"), CALL("\"index\":7,\"id\":\"a\",\"function\":{\"arguments\":\"}\"}")}, 1,
         "[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]", NULL},
        {"a stub without a call", {HELLO, CALL("\"index\":0,\"function\":{\"name\":\"\",\"arguments\":\"\"}"), FINISH("\"stop\"")},
         0, "\"stop\"", "tool_calls"},
        {"a stub before a call", {DELTA("\"tool_calls\":[{\"id\":\"\"},null,{\"id\":\"b\",\"function\":{\"name\":\"g\","
          "\"arguments\":\"{}\"}}]")}, 1, "[{\"id\":\"b\",", "null,"},
        {"a stub behind a call", {CALL_A("{}"), DELTA("\"function_call\":{\"name\":\"\",\"arguments\":\"\"}"),
          FINISH("\"tool_calls\"")}, 1, "\"tool_calls\"", "function_call"},
        {"a stub with nulls", {CALL_A("{}"), DELTA("\"function_call\":{\"name\":null}"), FINISH("\"tool_calls\"")}, 1, NULL,
         "function_call"},
        {"a real legacy call", {DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}"), FINISH("\"function_call\"")}, 0,
         "\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct played r;

        play(&r, cases[i].chunks, false);
        CHECK_INT(r.c.n_tools, cases[i].calls);
        if ((cases[i].has != NULL && !has(&r, cases[i].has)) ||
            (cases[i].never != NULL && has(&r, cases[i].never))) {
            show(&r, cases[i].name);
            CHECK(!"calls");
        }
        buf_free(&r.out);
    }
}

/* A call that more than CHAT_TOOLS_MAX others follow is not forgotten when it was open. */
static void test_many_calls(void)
{
    for (int open = 0; open < 2; open++) {
        struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &plain};
        struct chat_error error;
        enum chat_kind kind;
        struct buf out;

        buf_init(&out, 1 << 20);
        for (int i = 0; i < 2 * CHAT_TOOLS_MAX; i++) {
            char chunk[256];

            snprintf(chunk, sizeof chunk, CALL("\"index\":%d,\"id\":\"c%d\",\"function\":{\"name\":\"f\",\"arguments\":\"{%s\"}"),
                     i, i, open && i == 3 ? "" : "}");
            CHECK_INT(chat_canon_chunk(&c, view_str(chunk), &out, &kind, &error), ERR_NONE);
        }
        CHECK_INT(c.n_tools, 2 * CHAT_TOOLS_MAX);
        CHECK_INT(chat_canon_end(&c, &out), open ? ERR_PROVIDER_TRUNCATED : ERR_NONE);
        buf_free(&out);
    }
}

/* --- where content stands --- */

#define MESSAGE(inside, reason) CHOICE("\"message\":{" inside "},\"finish_reason\":" reason)

static void test_message_for_delta(void)
{
    static const struct {
        const char *name;
        const char *chunks[5];
        const char *has, *never;
        uint64_t bytes;
    } cases[] = {
        {"every chunk", {MESSAGE("\"role\":\"assistant\",\"content\":\"hello\"", "null"),
          MESSAGE("\"role\":\"assistant\",\"content\":\" world\"", "null"), MESSAGE("\"content\":\"\"", "\"stop\"")},
         "\"delta\":{\"content\":\" world\"}", "message", 11},
        {"one completion for a stream", {"{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
          "\"assistant\",\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}"}, "\"object\":\"chat.completion.chunk\"", "message", 5},
        {"a call", {MESSAGE("\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]",
          "\"stop\"")}, "\"finish_reason\":\"tool_calls\"", "message", 3},
        {"a custom call", {MESSAGE("\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"custom\",\"custom\":{\"name\":\"f\","
          "\"input\":\"cat 1\"}}]", "\"stop\"")}, "\"finish_reason\":\"tool_calls\"", "message", 6},
        {"an empty delta beside it", {CHOICE("\"delta\":{},\"message\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"")},
         "\"delta\":{\"content\":\"hello\"", "message", 5},
        {"the sum of the deltas at the end", {HELLO, MESSAGE("\"role\":\"assistant\",\"content\":\"hello\"", "\"stop\"")},
         "\"delta\":{}", "message", 5},
        {"text, as of old", {CHOICE("\"text\":\"hel\",\"finish_reason\":null"), CHOICE("\"text\":\"lo\",\"finish_reason\":\"stop\"")},
         "\"delta\":{\"content\":\"lo\"}", "text", 5},
        {"a text beside a delta is not content", {CHOICE("\"text\":\"no\",\"delta\":{\"content\":\"hello\"},\"finish_reason\":"
          "\"stop\"")}, "\"delta\":{\"content\":\"hello\"", "message", 5},
        {"beside each delta", {CHOICE("\"delta\":{\"content\":\"hello\"},\"message\":{\"content\":\"hello\"},\"finish_reason\":"
          "\"stop\"")}, "\"delta\":{\"content\":\"hello\"", "message", 5},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct played r;

        play(&r, cases[i].chunks, false);
        CHECK_INT(r.end, COMPLETE);
        CHECK_INT(r.c.content_bytes, cases[i].bytes);
        if (!has(&r, cases[i].has) || has(&r, cases[i].never)) {
            show(&r, cases[i].name);
            CHECK(!"message for delta");
        }
        buf_free(&r.out);
    }
}

static void test_wholes(void)
{
    static const struct {
        const char *body;
        enum end end;
        const char *has, *never;
    } cases[] = {
        {"\xef\xbb\xbf{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", COMPLETE, "\"hi\"", NULL},
        {"\xef\xbb{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", MALFORMED, NULL, NULL},
        {"{\"choices\":[{\"text\":\"hi\",\"finish_reason\":\"stop\"}]}", COMPLETE,
         "\"message\":{\"role\":\"assistant\",\"refusal\":null,\"content\":\"hi\"}", "text"},
        {"{\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", COMPLETE,
         "\"message\":{\"content\":\"hi\"", "delta"},
        {"{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\",\"avg_logprobs\":NaN}]}", COMPLETE,
         "\"avg_logprobs\":null", NULL},
        {"{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"error\":\"\"}", COMPLETE, "\"hi\"",
         "error"},
        {"{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"error\",\"error\":{\"code\":502,\"message\":"
         "\"provider disconnected\"}}]}", FAILED, NULL, NULL},
        {"{\"choices\":[],\"errors\":[{\"message\":\"no\"}],\"success\":false}", FAILED, NULL, NULL},
        {"{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"\",\"function\":{\"name\":\"\",\"arguments\":"
         "\"\"}}]},\"finish_reason\":\"stop\"}]}", COMPLETE, "\"stop\"", "tool_calls"},
        {"{\"choices\":[{\"message\":{\"content\":null,\"function_call\":{\"name\":\"\",\"arguments\":\"\"}},"
         "\"finish_reason\":\"stop\"}]}", COMPLETE, "\"stop\"", "function_call"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct played r = {.c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &plain}};
        enum chat_kind kind;
        enum err e;

        buf_init(&r.out, 1 << 16);
        e = chat_canon_whole(&r.c, view_str(cases[i].body), &r.out, &kind, &r.error);
        r.end = e != ERR_NONE ? MALFORMED : kind == CHAT_ERROR ? FAILED : COMPLETE;
        CHECK_INT(buf_append_byte(&r.out, 0), ERR_NONE);
        if (r.end != cases[i].end || (cases[i].has != NULL && !has(&r, cases[i].has)) ||
            (cases[i].never != NULL && has(&r, cases[i].never))) {
            show(&r, cases[i].body);
            CHECK(!"whole answer");
        }
        buf_free(&r.out);
    }
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"meaning_finish_words", test_finish_words},
        {"meaning_ends", test_ends},
        {"meaning_calls", test_calls},
        {"meaning_many_calls", test_many_calls},
        {"meaning_message_for_delta", test_message_for_delta},
        {"meaning_wholes", test_wholes},
    };

    return check_main(list, sizeof list / sizeof list[0], argc, argv);
}
