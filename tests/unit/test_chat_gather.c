/* A whole answer was asked for: whatever comes, JSON or an event stream, becomes one completion or a
 * failure. Streams are given event by event; each that succeeds has a twin that must not. */
#include "bounds.h"
#include "chat_gather.h"
#include "chat_merge.h"
#include "check.h"

#include <json-c/json.h>

static const struct provider plain = {.id = "plain"};

#define D(choice) "data: {\"id\":\"x\",\"choices\":[{\"index\":0," choice "}]}\n\n"
#define DELTA(inside) D("\"delta\":{" inside "},\"finish_reason\":null")
#define STOP D("\"delta\":{},\"finish_reason\":\"stop\"")
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12}}\n\n"
#define DONE "data: [DONE]\n\n"
#define WANT_HEAD "{\"id\":\"gen-1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\","
#define SAID(message, finish, rest) \
    WANT_HEAD "\"choices\":[{\"index\":0,\"message\":" message ",\"finish_reason\":\"" finish "\"" rest "}],\"system_fingerprint\":null}"

static enum err gather(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                       struct chat_error *error)
{
    *c = (struct chat_canon){.id = "gen-1", .created = 7, .model = VIEW_LIT("m"), .provider = &plain};
    buf_init(out, LIMIT_RESPONSE_BYTES);
    return chat_gather(c, body, out, kind, error);
}

static void test_streams(void)
{
    static const struct {
        const char *name, *body, *want; /* as JSON; NULL: see e */
        enum err e;
        enum chat_kind kind;
    } cases[] = {
        {"text", DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA("\"content\":\"hel\"") DELTA("\"content\":\"lo\\n\\ud83d\"")
         DELTA("\"content\":\"\\ude00\"") STOP DONE,
         SAID("{\"role\":\"assistant\",\"content\":\"hello\\n\\ud83d\\ude00\",\"refusal\":null}", "stop", ""), ERR_NONE, CHAT_EMIT},
        {"usage", DELTA("\"content\":\"a\"") STOP USAGE DONE,
         WANT_HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null},"
         "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12},"
         "\"system_fingerprint\":null}", ERR_NONE, CHAT_EMIT},
        {"calls", DELTA("\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
         "\"arguments\":\"{\"}}]") DELTA("\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"[]\"}}]")
         DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]") STOP DONE,
         SAID("{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":"
         "{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"[]\"}}]}",
         "tool_calls", ""), ERR_NONE, CHAT_EMIT},
        {"reasoning", DELTA("\"reasoning\":\"h\",\"reasoning_details\":[{\"index\":0,\"type\":\"reasoning.text\",\"text\":\"h\"}]")
         DELTA("\"reasoning\":\"m\",\"reasoning_details\":[{\"index\":0,\"type\":\"reasoning.text\",\"text\":\"m\"}]")
         DELTA("\"content\":\"a\"") STOP DONE,
         SAID("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null,\"reasoning\":\"hm\",\"reasoning_content\":\"hm\","
         "\"reasoning_details\":[{\"index\":0,\"type\":\"reasoning.text\",\"text\":\"hm\"}]}", "stop", ""), ERR_NONE, CHAT_EMIT},
        {"audio, images, annotations", DELTA("\"audio\":{\"id\":\"a\",\"data\":\"AA\"}") DELTA("\"audio\":{\"data\":\"BB\",\"expires_at\":1}")
         DELTA("\"images\":[{\"u\":1}]") DELTA("\"images\":[{\"u\":2},3]") STOP DONE,
         SAID("{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"audio\":{\"id\":\"a\",\"data\":\"AABB\",\"expires_at\":1},"
         "\"images\":[{\"u\":1},{\"u\":2},3]}", "stop", ""), ERR_NONE, CHAT_EMIT},
        {"log probabilities", D("\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{\"token\":\"a\"}]},\"finish_reason\":null")
         D("\"delta\":{\"content\":\"b\"},\"logprobs\":{\"content\":[{\"token\":\"b\"}]},\"finish_reason\":\"stop\"") DONE,
         SAID("{\"role\":\"assistant\",\"content\":\"ab\",\"refusal\":null}", "stop",
         ",\"logprobs\":{\"content\":[{\"token\":\"a\"},{\"token\":\"b\"}]}"), ERR_NONE, CHAT_EMIT},
        {"the last list beside the choices counts", "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"citations\":[1]}\n\n"
         "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}],\"citations\":[1,2]}\n\n" DONE,
         WANT_HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ab\",\"refusal\":null},\"finish_reason\":"
         "\"stop\"}],\"citations\":[1,2],\"system_fingerprint\":null}", ERR_NONE, CHAT_EMIT},
        {"two choices", "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"length\"},{\"index\":0,\"delta\":"
         "{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n" DONE,
         WANT_HEAD "\"choices\":[{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"b\",\"refusal\":null},\"finish_reason\":"
         "\"length\"},{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null},\"finish_reason\":\"stop\"}],"
         "\"system_fingerprint\":null}", ERR_NONE, CHAT_EMIT},
        {"comments, a mark, an end without a blank line", "\xef\xbb\xbf: hi\n\n" DELTA("\"content\":\"a\"")
         "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
         SAID("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null}", "stop", ""), ERR_NONE, CHAT_EMIT},
        {"rubbish behind the reason", DELTA("\"content\":\"a\"") STOP "data: nonsense\n\n",
         SAID("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null}", "stop", ""), ERR_NONE, CHAT_EMIT},
        {"half an event behind the reason", DELTA("\"content\":\"a\"") STOP "data: {\"choices\":[],\"usa",
         SAID("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null}", "stop", ""), ERR_NONE, CHAT_EMIT},
        {"no reason, but [DONE]", DELTA("\"content\":\"a\"") DONE,
         SAID("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null}", "stop", ""), ERR_NONE, CHAT_EMIT},
        {"JSON", "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":\"stop\"}]}",
         SAID("{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null}", "stop", ""), ERR_NONE, CHAT_EMIT},
        {"no reason, no [DONE]", DELTA("\"content\":\"a\""), NULL, ERR_PROVIDER_TRUNCATED, CHAT_NOTHING},
        {"half an event", DELTA("\"content\":\"a\"") "data: {\"choices\":[{\"index\":0,\"del", NULL, ERR_PROVIDER_TRUNCATED, CHAT_NOTHING},
        {"open arguments", DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]") DONE, NULL,
         ERR_PROVIDER_TRUNCATED, CHAT_NOTHING},
        {"an error in it", DELTA("\"content\":\"a\"") "data: {\"error\":{\"message\":\"no\"}}\n\n", NULL, ERR_NONE, CHAT_ERROR},
        {"an error over two lines", "data: {\"error\":\ndata: {\"message\":\"no\"}}\n\n", NULL, ERR_NONE, CHAT_ERROR},
        {"an event named error", DELTA("\"content\":\"a\"") "event: error\ndata: {\"x\":1}\n\n", NULL, ERR_NONE, CHAT_ERROR},
        {"nothing in it", DONE, NULL, ERR_PROVIDER_TRUNCATED, CHAT_NOTHING},
        {"a page", "<html>\n\nno</html>", NULL, ERR_PROVIDER_PROTOCOL, CHAT_NOTHING},
        {"nothing", "", NULL, ERR_PROVIDER_PROTOCOL, CHAT_NOTHING},
        {"no JSON in it", "data: hello\n\n", NULL, ERR_PROVIDER_PROTOCOL, CHAT_NOTHING},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_canon c;
        struct chat_error error = {0};
        enum chat_kind kind = CHAT_NOTHING;
        struct buf out;
        json_object *got = NULL, *want = NULL;

        CHECK_INT(gather(&c, view_str(cases[i].body), &out, &kind, &error), cases[i].e);
        if (cases[i].e == ERR_NONE)
            CHECK_INT(kind, cases[i].kind);
        CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
        if (cases[i].want != NULL) {
            got = json_tokener_parse((const char *)out.ptr);
            want = json_tokener_parse(cases[i].want);
            CHECK(want != NULL);
            if (got == NULL || !json_object_equal(got, want)) {
                printf("# %s: %s\n", cases[i].name, (const char *)out.ptr);
                CHECK(!"gathered");
            }
        } else
            CHECK_INT(out.len, 1);
        json_object_put(got);
        json_object_put(want);
        buf_free(&out);
    }
    printf("# %zu answers\n", sizeof cases / sizeof cases[0]);
}

/* The figures of the stream are the answer's, for the bill. */
static void test_figures(void)
{
    struct chat_canon c;
    struct chat_error error;
    enum chat_kind kind;
    struct buf out;

    CHECK_INT(gather(&c, VIEW_LIT(DELTA("\"content\":\"abc\"") STOP USAGE DONE), &out, &kind, &error), ERR_NONE);
    CHECK_INT(c.usage.prompt, 9);
    CHECK_INT(c.usage.completion, 3);
    CHECK_INT(c.finish, FINISH_STOP);
    CHECK_INT(c.content_bytes, 3);
    buf_free(&out);
}

/* A stream made of more members than an answer has ends, with all its memory given back. */
static void test_limits(void)
{
    struct chat_canon c;
    struct chat_error error;
    enum chat_kind kind;
    struct buf body, out;

    buf_init(&body, 64 << 20);
    for (int i = 0; i <= CHAT_MERGE_NODES_MAX; i++)
        CHECK_INT(buf_appendf(&body, "data: {\"choices\":[{\"index\":0,\"delta\":{\"m%d\":1}}]}\n\n", i), ERR_NONE);
    CHECK_INT(gather(&c, buf_view(&body), &out, &kind, &error), ERR_LIMIT);
    CHECK_INT(out.len, 0);
    buf_free(&out);
    buf_free(&body);
}

static void test_shapes(void)
{
    static const struct {
        const char *bytes;
        enum chat_shape shape;
    } cases[] = {
        {"", CHAT_SHAPE_UNKNOWN},         {" \r\n", CHAT_SHAPE_UNKNOWN},
        {"\xef\xbb", CHAT_SHAPE_UNKNOWN}, {"\xef\xbb\xbf\n{", CHAT_SHAPE_JSON},
        {"{", CHAT_SHAPE_JSON},           {"[", CHAT_SHAPE_JSON},
        {"data: {", CHAT_SHAPE_EVENTS},   {": ping", CHAT_SHAPE_EVENTS},
        {"\n\nid: 1", CHAT_SHAPE_EVENTS}, {"<html>", CHAT_SHAPE_EVENTS},
    };
    static const struct {
        const char *body;
        bool over;
    } ends[] = {
        {"data: {}\n\ndata: [DONE]\n\n", true}, {"data: {}\r\n\r\ndata:[DONE]", true},
        {"data: {}\n\ndata: [DONE", false},      {"{\"a\":\"\ndata: [DONE]\n\n", false},
        {"data: x data: [DONE]\n\n", false},     {"data: [DONE]\n\ndata: {}\n\n", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_INT(chat_shape_of(view_str(cases[i].bytes)), cases[i].shape);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        CHECK_INT(chat_gather_over(view_str(ends[i].body)), ends[i].over);
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"gather_streams", test_streams},
        {"gather_figures", test_figures},
        {"gather_limits", test_limits},
        {"gather_shapes", test_shapes},
    };

    return check_main(list, sizeof list / sizeof list[0], argc, argv);
}
