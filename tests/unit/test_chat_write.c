/* A chat completion that is written from events has the members that clients know from those that the adapters make: its
 * chunks, its message, its figures, under /v1 and under /api/v1, in today's way of calling tools and in that of old. */
#include "chat_write.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

static const struct token_usage usage = {.present = true, .prompt = 3, .completion = 2, .reasoning = 1,
                                         .prompt_nusd = 500, .completion_nusd = 1000};

#define HEAD(object, more) "{\"id\":\"gen-01\",\"object\":\"" object "\",\"created\":7,\"model\":\"tr/synth\"" more ",\"choices\":["
#define CHUNK(inside) "data: " HEAD("chat.completion.chunk", "") inside "}\n\n"
#define DELTA(members) CHUNK("{\"index\":0,\"delta\":{" members "},\"finish_reason\":null}]")
#define FIGURES                                                                                    \
    "\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":0}," \
    "\"completion_tokens_details\":{\"reasoning_tokens\":1}"
#define WAYS ",\"trustedrouter\":{\"synth\":{}}"
#define DONE "data: [DONE]\n\n"

static const struct event hello[] = {
    {.kind = EVENT_TEXT, .text = VIEW_LIT("hel\\n")},
    {.kind = EVENT_TEXT, .text = VIEW_LIT("lo")},
    {.kind = EVENT_TEXT, .choice = 1, .text = VIEW_LIT("of no choice that was asked for")},
    {.kind = EVENT_FINISH, .finish = FINISH_STOP},
};
static const struct event calls[] = {
    {.kind = EVENT_REASONING, .text = VIEW_LIT("hm")},
    {.kind = EVENT_DETAIL, .json = VIEW_LIT("{\"type\":\n\"x\"}")},
    {.kind = EVENT_TOOL_BEGIN, .id = VIEW_LIT("c1"), .name = VIEW_LIT("f")},
    {.kind = EVENT_TOOL_ARGS, .text = VIEW_LIT("{\\\"a\\\":")},
    {.kind = EVENT_TOOL_ARGS, .text = VIEW_LIT("1}")},
    {.kind = EVENT_TOOL_BEGIN, .tool = 1, .custom = true, .id = VIEW_LIT("c2"), .name = VIEW_LIT("g")},
    {.kind = EVENT_TOOL_ARGS, .tool = 1, .custom = true, .text = VIEW_LIT("free")},
    {.kind = EVENT_FINISH, .finish = FINISH_TOOL_CALLS},
};
static const struct event rest[] = {
    {.kind = EVENT_LOGPROBS, .json = VIEW_LIT("{\"content\":[]}")},
    {.kind = EVENT_TEXT, .text = VIEW_LIT("x")},
    {.kind = EVENT_ANNOTATION, .json = VIEW_LIT("{\"n\":1}")},
    {.kind = EVENT_ANNOTATION, .json = VIEW_LIT("{\"n\":2}")},
    {.kind = EVENT_IMAGE, .json = VIEW_LIT("{\"i\":1}")},
    {.kind = EVENT_AUDIO, .json = VIEW_LIT("{\"id\":\"a\"}")},
    {.kind = EVENT_REFUSAL, .text = VIEW_LIT("no")},
    {.kind = EVENT_FINISH, .finish = FINISH_CONTENT_FILTER},
};
#define EVENTS(list) list, sizeof list / sizeof list[0]

static const struct row {
    const struct event *events;
    size_t n;
    struct answer a;
    const char *cut;
    const char *stream, *whole; /* NULL: not looked at */
} rows[] = {
    {EVENTS(hello), {.include_usage = true}, "",
     DELTA("\"role\":\"assistant\",\"content\":\"hel\\n\"") DELTA("\"content\":\"lo\"")
         CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]") CHUNK("]" WAYS ",\"usage\":{" FIGURES "}") DONE,
     HEAD("chat.completion", "") "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hel\\nlo\",\"refusal\":null},"
     "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"system_fingerprint\":null" WAYS ",\"usage\":{" FIGURES "}}"},
    /* a client that did not ask for figures is not sent a chunk without a choice */
    {EVENTS(hello), {.stream = true}, "credit",
     DELTA("\"role\":\"assistant\",\"content\":\"hel\\n\"") DELTA("\"content\":\"lo\"")
         CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"x_tr_end_reason\":\"credit\"" WAYS) DONE,
     NULL},
    {NULL, 0, {.stream = true}, "",
     CHUNK("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"length\"}]" WAYS) DONE, NULL},
    {EVENTS(calls), {.stream = true}, "",
     DELTA("\"role\":\"assistant\",\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"")
         DELTA("\"reasoning_details\":[{\"type\": \"x\"}]")
         DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]")
         DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]")
         DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]")
         DELTA("\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"\"}}]")
         DELTA("\"tool_calls\":[{\"index\":1,\"custom\":{\"input\":\"free\"}}]")
         CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]" WAYS) DONE,
     HEAD("chat.completion", "") "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
     "\"reasoning\":\"hm\",\"reasoning_content\":\"hm\",\"reasoning_details\":[{\"type\": \"x\"}],\"tool_calls\":["
     "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
     "{\"id\":\"c2\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"free\"}}]},\"logprobs\":null,"
     "\"finish_reason\":\"tool_calls\"}],\"system_fingerprint\":null" WAYS ",\"usage\":{" FIGURES "}}"},
    /* in the way of old there is a place for the first call alone */
    {EVENTS(calls), {.functions = true}, "",
     DELTA("\"role\":\"assistant\",\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"")
         DELTA("\"reasoning_details\":[{\"type\": \"x\"}]") DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}")
             DELTA("\"function_call\":{\"arguments\":\"{\\\"a\\\":\"}") DELTA("\"function_call\":{\"arguments\":\"1}\"}")
                 CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"function_call\"}]" WAYS) DONE,
     HEAD("chat.completion", "") "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
     "\"reasoning\":\"hm\",\"reasoning_content\":\"hm\",\"reasoning_details\":[{\"type\": \"x\"}],\"function_call\":"
     "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},\"logprobs\":null,\"finish_reason\":\"function_call\"}],"
     "\"system_fingerprint\":null" WAYS ",\"usage\":{" FIGURES "}}"},
    {EVENTS(rest), {.stream = true}, "",
     CHUNK("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"x\"},\"logprobs\":{\"content\":[]},"
           "\"finish_reason\":null}]")
         DELTA("\"annotations\":[{\"n\":1}]") DELTA("\"annotations\":[{\"n\":2}]") DELTA("\"images\":[{\"i\":1}]")
             DELTA("\"audio\":{\"id\":\"a\"}") DELTA("\"refusal\":\"no\"")
                 CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]" WAYS) DONE,
     HEAD("chat.completion", "") "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"x\",\"refusal\":\"no\","
     "\"annotations\":[{\"n\":1},{\"n\":2}],\"images\":[{\"i\":1}],\"audio\":{\"id\":\"a\"}},\"logprobs\":{\"content\":[]},"
     "\"finish_reason\":\"content_filter\"}],\"system_fingerprint\":null" WAYS ",\"usage\":{" FIGURES "}}"},
};

static void answer_of(const struct row *r, struct answer *a)
{
    *a = r->a;
    memcpy(a->id, "gen-01", 7);
    a->created = 7;
    a->model = VIEW_LIT("tr/synth");
    a->provider = VIEW_LIT("P");
    a->cost_nusd = 1500;
    CHECK_INT(chat_written.start(a), ERR_NONE);
}

static void check_out(struct buf *out, const char *want)
{
    CHECK_BYTES(out->ptr, out->len, want, strlen(want));
    buf_free(out);
}

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct answer a;
        struct buf out;

        buf_init(&out, 1 << 16);
        answer_of(r, &a);
        CHECK_INT(chat_written.begin(&a, &out), ERR_NONE);
        for (size_t k = 0; k < r->n; k++)
            CHECK_INT(chat_written.event(&a, &r->events[k], &out), ERR_NONE);
        a.router = VIEW_LIT("{\"synth\":{}}");
        CHECK_INT(chat_written.end(&a, &usage, r->cut, &out), ERR_NONE);
        check_out(&out, r->stream);
        chat_written.close(&a);
        if (r->whole == NULL)
            continue;
        answer_of(r, &a);
        for (size_t k = 0; k < r->n; k++)
            CHECK_INT(chat_written.event(&a, &r->events[k], NULL), ERR_NONE);
        a.router = VIEW_LIT("{\"synth\":{}}");
        CHECK_INT(chat_written.whole(&a, &usage, &out), ERR_NONE);
        check_out(&out, r->whole);
        chat_written.close(&a);
    }
}

#define OPENROUTER_HEAD(object) HEAD(object, ",\"provider\":\"P\"")
#define COST                                                                                       \
    ",\"cost\":0.0000015,\"cost_details\":{\"upstream_inference_cost\":null,\"upstream_inference_prompt_cost\":0.0000005," \
    "\"upstream_inference_completions_cost\":0.000001},\"is_byok\":false"

/* Under /api/v1 each chunk names the provider, and the last one has the cost and the finish reason once more. */
static void test_openrouter(void)
{
    const struct row r = {EVENTS(hello), {.openrouter = true}, "", NULL, NULL};
    struct answer a;
    struct buf out;

    buf_init(&out, 1 << 16);
    answer_of(&r, &a);
    for (size_t k = 0; k < r.n; k++)
        CHECK_INT(chat_written.event(&a, &r.events[k], &out), ERR_NONE);
    CHECK_INT(chat_written.end(&a, &usage, "", &out), ERR_NONE);
    check_out(&out, "data: " OPENROUTER_HEAD("chat.completion.chunk")
                    "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hel\\n\"},\"finish_reason\":null}]}\n\n"
                    "data: " OPENROUTER_HEAD("chat.completion.chunk")
                    "{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":null}]}\n\n"
                    "data: " OPENROUTER_HEAD("chat.completion.chunk")
                    "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
                    "data: " OPENROUTER_HEAD("chat.completion.chunk")
                    "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\"}],"
                    "\"usage\":{" FIGURES COST "}}\n\n" DONE);
    CHECK_INT(chat_written.fail(&a, &(struct api_failure){.error = API_PROVIDER_FAILED}, &out), ERR_NONE);
    CHECK(strstr((char *)out.ptr, "\"finish_reason\":\"error\"}],\"error\":{\"code\":502,") != NULL);
    buf_free(&out);
    chat_written.close(&a);
    answer_of(&r, &a);
    CHECK_INT(chat_written.event(&a, &hello[1], NULL), ERR_NONE);
    CHECK_INT(chat_written.event(&a, &hello[3], NULL), ERR_NONE);
    CHECK_INT(chat_written.whole(&a, &usage, &out), ERR_NONE);
    check_out(&out, OPENROUTER_HEAD("chat.completion")
              "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"lo\",\"refusal\":null},\"logprobs\":null,"
              "\"finish_reason\":\"stop\"}],\"system_fingerprint\":null,\"usage\":{" FIGURES COST "}}");
    chat_written.close(&a);
}

static void test_notice(void)
{
    struct answer a;
    struct buf out;

    buf_init(&out, 1 << 16);
    answer_of(&rows[0], &a);
    CHECK_INT(chat_write_notice(&a, VIEW_LIT("{\"synth\":{\"event\":{}}}"), &out), ERR_NONE);
    check_out(&out, CHUNK("],\"trustedrouter\":{\"synth\":{\"event\":{}}}"));
    chat_written.close(&a);
}

/* Nothing is appended by what has no room. */
static void test_no_room(void)
{
    for (size_t most = 0; most < 600; most += 7) {
        struct answer a;
        struct buf out;
        size_t before;

        buf_init(&out, most);
        answer_of(&rows[0], &a);
        if (chat_written.event(&a, &hello[0], &out) == ERR_NONE) {
            before = out.len;
            if (chat_written.end(&a, &usage, "", &out) != ERR_NONE)
                CHECK_INT(out.len, before);
        }
        buf_reset(&out);
        if (chat_written.whole(&a, &usage, &out) != ERR_NONE)
            CHECK_INT(out.len, 0);
        buf_free(&out);
        chat_written.close(&a);
    }
}

static const struct check_case cases[] = {
    {"chat_write_rows", test_rows},
    {"chat_write_openrouter", test_openrouter},
    {"chat_write_notice", test_notice},
    {"chat_write_no_room", test_no_room},
};
CHECK_MAIN(cases)
