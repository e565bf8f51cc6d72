/* A client that asks for no reasoning (reasoning.exclude, include_reasoning: false) is told none, in no form
 * that a provider has for it; it is billed all the same, and a stream that only thinks is alive. */
#include "check.h"
#include "chat_canon.h"
#include "chat_gather.h"

static const struct provider provider = {.id = "p"};
static struct chat_canon canon;
static struct buf out;

static void start(bool hide, bool usage)
{
    canon = (struct chat_canon){.id = "gen-1", .created = 1, .model = VIEW_LIT("m"), .provider = &provider,
                                .want_usage = usage, .hide_reasoning = hide};
}

#define TOP "{\"id\":\"gen-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"
#define IN(delta) TOP "\"delta\":" delta ",\"finish_reason\":null}]}"
#define USED(delta) TOP "\"delta\":" delta ",\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}"

/* Chunks of one stream; what leaves of each, NULL: nothing. bytes: delivered so far. */
static const struct {
    const char *in, *want;
    bool usage;
    uint64_t bytes;
} chunks[] = {
    {IN("{\"role\":\"assistant\",\"reasoning\":\"abc\"}"), IN("{\"role\":\"assistant\"}"), false, 3},
    {IN("{\"reasoning_content\":\"abc\"}"), NULL, false, 3},
    {IN("{\"reasoning\":\"abc\",\"reasoning_content\":\"abc\"}"), NULL, false, 3},
    {IN("{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"0123456789012345678901234567890123456789"
        "01234567890123456789\"}]}"), NULL, false, 2},
    {IN("{\"content\":\"\",\"reasoning\":\"abc\"}"), NULL, false, 3},
    {IN("{\"content\":null,\"reasoning\":\"abc\"}"), NULL, false, 3},
    {IN("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"abc\"}]}]}"), NULL, false, 63},
    {IN("{\"content\":\"hi\",\"reasoning\":\"abc\"}"), IN("{\"content\":\"hi\"}"), false, 5},
    {IN("{\"reasoning\":\"abc\",\"refusal\":\"no\"}"), IN("{\"refusal\":\"no\"}"), false, 5},
    {IN("{\"reasoning\":\"abc\",\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}"),
     IN("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}"), false, 4},
    {USED("{\"reasoning\":\"abc\"}"), USED("{}"), true, 3},
    {USED("{\"reasoning\":\"abc\"}"), NULL, false, 3},
    /* a heartbeat without anything leaves as before */
    {IN("{}"), IN("{}"), false, 0},
};

static void test_chunks(void)
{
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        enum chat_kind kind;
        struct chat_error error;

        start(true, chunks[i].usage);
        if (strstr(chunks[i].in, "\"role\"") == NULL) { /* not the first chunk */
            CHECK_INT(chat_canon_chunk(&canon, view_str(IN("{\"role\":\"assistant\"}")), &out, &kind, &error), ERR_NONE);
            CHECK(!canon.useful);
        }
        buf_reset(&out);
        CHECK_INT(chat_canon_chunk(&canon, view_str(chunks[i].in), &out, &kind, &error), ERR_NONE);
        CHECK_INT(kind, chunks[i].want != NULL ? CHAT_EMIT : CHAT_NOTHING);
        CHECK_BYTES(out.ptr, out.len, chunks[i].want != NULL ? chunks[i].want : "",
                    chunks[i].want != NULL ? strlen(chunks[i].want) : 0);
        CHECK_INT(canon.content_bytes, chunks[i].bytes);
        CHECK_INT(canon.useful, chunks[i].bytes != 0);
        buf_reset(&out);
    }
}

/* The short way learns nothing of hidden chunks, and is taken for text behind them. */
static void test_stream_of_thoughts(void)
{
    enum chat_kind kind;
    struct chat_error error;

    start(true, false);
    CHECK_INT(chat_canon_chunk(&canon, view_str(IN("{\"role\":\"assistant\",\"content\":\"\"}")), &out, &kind, &error), ERR_NONE);
    for (int i = 0; i < 3; i++) {
        buf_reset(&out);
        CHECK_INT(chat_canon_chunk(&canon, view_str(IN("{\"reasoning\":\"abc\"}")), &out, &kind, &error), ERR_NONE);
        CHECK_INT(out.len, 0);
    }
    for (int i = 0; i < 3; i++) {
        buf_reset(&out);
        CHECK_INT(chat_canon_chunk(&canon, view_str(IN("{\"content\":\"abc\"}")), &out, &kind, &error), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, IN("{\"content\":\"abc\"}"), strlen(IN("{\"content\":\"abc\"}")));
    }
    CHECK_INT(canon.repeats, 2);
    CHECK_INT(canon.content_bytes, 18);
}

#define WHOLE(message)                                                                             \
    "{\"id\":\"gen-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"   \
    "\"message\":" message ",\"finish_reason\":\"stop\"}],\"system_fingerprint\":null}"
#define STREAM                                                                                     \
    "data: " IN("{\"role\":\"assistant\",\"reasoning\":\"abc\"}") "\n\ndata: " IN("{\"content\":\"hi\"}") "\n\n"  \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"

/* A whole answer, and a stream that is gathered into one. */
static void test_whole(void)
{
    static const struct {
        const char *in;
        bool hide;
        const char *want;
    } cases[] = {
        {WHOLE("{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null,\"reasoning\":\"abc\",\"reasoning_details\":[{\"text\":\"abc\"}]}"),
         true, "{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null}"},
        {WHOLE("{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null,\"reasoning_content\":\"abc\"}"), true,
         "{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null}"},
        {WHOLE("{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null,\"reasoning_content\":\"abc\"}"), false,
         "{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null,\"reasoning_content\":\"abc\",\"reasoning\":\"abc\"}"},
        {STREAM, true, "\"content\":\"hi\""},
        {STREAM, false, "\"reasoning\":\"abc\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum chat_kind kind;
        struct chat_error error;

        start(cases[i].hide, true);
        buf_reset(&out);
        CHECK_INT(chat_gather(&canon, view_str(cases[i].in), &out, &kind, &error), ERR_NONE);
        CHECK_INT(kind, CHAT_EMIT);
        CHECK(memmem(out.ptr, out.len, cases[i].want, strlen(cases[i].want)) != NULL);
        CHECK((memmem(out.ptr, out.len, "abc", 3) == NULL) == cases[i].hide);
        CHECK(canon.content_bytes >= 5);
    }
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"hidden_chunks", test_chunks},
        {"hidden_stream_of_thoughts", test_stream_of_thoughts},
        {"hidden_whole", test_whole},
    };
    int failed;

    buf_init(&out, 1 << 16);
    failed = check_main(list, sizeof list / sizeof list[0], argc, argv);
    buf_free(&out);
    return failed;
}
