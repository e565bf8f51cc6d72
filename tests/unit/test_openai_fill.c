/* A text completion with a suffix: only a provider that fills in is asked, with both texts; what it answers is
 * canonical chat, whole and as a stream, and an error stays one. */
#include "openai_fill.h"

#include "check.h"
#include "completions.h"

#include <string.h>

static const struct provider plain = {.id = "plain"};
static const struct provider fills = {.id = "fills", .quirks = QUIRK_FILLS_MIDDLE};
static const struct provider bare = {.id = "bare", .quirks = QUIRK_FILLS_MIDDLE | QUIRK_NO_STREAM_OPTIONS};

static void read_into(const char *body, struct prompt *p)
{
    struct prompt_fault fault;

    CHECK_INT(completions_dialect.read(view_str(body), p, &fault), ERR_NONE);
    CHECK_INT(p->kind, PROMPT_FILL);
}

static void test_fits(void)
{
    struct view refused;
    struct prompt p;

    read_into("{\"model\":\"a/b\",\"prompt\":\"x\",\"suffix\":\"y\"}", &p);
    CHECK(openai_fill_fits(&p, &fills, &refused));
    CHECK(!openai_fill_fits(&p, &plain, &refused));
    CHECK(view_eq(refused, VIEW_LIT("suffix")));
    prompt_list_free(&p.list);
}

static void test_render(void)
{
    static const struct {
        const char *body;
        const struct provider *provider;
        uint32_t max_output;
        const char *want;
    } rows[] = {
        {"{\"model\":\"a/b\",\"prompt\":\"d\\u00e9f\",\"suffix\":\"\\n}\"}", &fills, 0,
         "{\"model\":\"up\",\"prompt\":\"d\\u00e9f\",\"suffix\":\"\\n}\"}"},
        {"{\"model\":\"a/b\",\"prompt\":[\"d\"],\"suffix\":\"e\",\"max_tokens\":9,\"n\":2,\"temperature\":1,"
         "\"stream\":true}", &fills, 0,
         "{\"model\":\"up\",\"prompt\":\"d\",\"suffix\":\"e\",\"max_tokens\":9,\"n\":2,\"temperature\":1,"
         "\"stream\":true,\"stream_options\":{\"include_usage\":true}}"},
        {"{\"model\":\"a/b\",\"prompt\":\"d\",\"suffix\":\"e\",\"max_tokens\":9,\"stream\":true}", &bare, 7,
         "{\"model\":\"up\",\"prompt\":\"d\",\"suffix\":\"e\",\"max_tokens\":7,\"stream\":true}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prompt p;
        struct buf out;

        buf_init(&out, 4096);
        read_into(rows[i].body, &p);
        CHECK_INT(openai_fill_render(&p, rows[i].provider, "up", rows[i].max_output, &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, rows[i].want, strlen(rows[i].want));
        prompt_list_free(&p.list);
        buf_free(&out);
    }
}

static struct chat_canon canon_new(void)
{
    return (struct chat_canon){.id = "gen-01", .created = 7, .model = VIEW_LIT("a/b"), .provider = &fills};
}

static void test_chunk(void)
{
    static const struct {
        const char *data;
        enum chat_kind kind;
        const char *has;
    } rows[] = {
        {"{\"object\":\"text_completion\",\"choices\":[{\"text\":\"a\\n\",\"index\":0,\"finish_reason\":null}]}",
         CHAT_EMIT, "\"content\":\"a\\n\""},
        {"{\"choices\":[{\"text\":\"b\",\"index\":1,\"logprobs\":null,\"finish_reason\":\"length\"}]}", CHAT_EMIT,
         "\"finish_reason\":\"length\""},
        {"{\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
         "\"completion_tokens\":2,\"total_tokens\":5}}", CHAT_EMIT, "\"finish_reason\":\"stop\""},
        {"[DONE]", CHAT_DONE, ""},
        {"{\"error\":{\"message\":\"no\",\"code\":500}}", CHAT_ERROR, ""},
    };
    struct chat_canon c = canon_new();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chat_error error;
        enum chat_kind kind;
        struct buf out;

        buf_init(&out, 4096);
        CHECK_INT(openai_fill_chunk(&c, view_str(rows[i].data), &out, &kind, &error), ERR_NONE);
        CHECK_INT(kind, rows[i].kind);
        CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
        CHECK(strstr((char *)out.ptr, rows[i].has) != NULL);
        buf_free(&out);
    }
    CHECK_INT(c.usage.prompt, 3);
    CHECK_INT(c.usage.completion, 2);
    CHECK(chat_canon_finished(&c));
}

static void test_whole(void)
{
    struct chat_canon c = canon_new();
    struct chat_error error;
    enum chat_kind kind;
    struct buf out;

    buf_init(&out, 4096);
    CHECK_INT(openai_fill_whole(&c, VIEW_LIT("{\"id\":\"x\",\"choices\":[{\"text\":\"mid\",\"index\":0,"
                                             "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
                                             "\"completion_tokens\":1,\"total_tokens\":4}}"),
                                &out, &kind, &error),
              ERR_NONE);
    CHECK_INT(kind, CHAT_EMIT);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    CHECK(strstr((char *)out.ptr, "\"content\":\"mid\"") != NULL);
    CHECK_INT(c.usage.completion, 1);
    buf_reset(&out);
    CHECK(openai_fill_whole(&c, VIEW_LIT("{\"choices\":[7]}"), &out, &kind, &error) != ERR_NONE || kind != CHAT_EMIT);
    buf_reset(&out);
    CHECK(openai_fill_whole(&c, VIEW_LIT("<html>"), &out, &kind, &error) != ERR_NONE || kind != CHAT_EMIT);
    buf_free(&out);
}

static const struct check_case cases[] = {
    {"fill_fits", test_fits},
    {"fill_render", test_render},
    {"fill_chunk", test_chunk},
    {"fill_whole", test_whole},
};
CHECK_MAIN(cases)
