/* A client of OpenRouter's API reads the provider's name in each chunk, and usage with its cost once, at
 * the end, whatever the provider sends of its own; the short way for repeated chunks keeps the name. */
#include "check.h"
#include "chat_openrouter.h"

#include <string.h>

static const struct provider plain = {.id = "demo-a"};

static struct chat_canon canon_new(const char *provider_name)
{
    return (struct chat_canon){.id = "gen-0123",
                               .created = 1700000000,
                               .model = VIEW_LIT("author/model"),
                               .provider = &plain,
                               .provider_name = view_str(provider_name)};
}

#define HEAD "{\"id\":\"gen-0123\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"               \
             "\"model\":\"author/model\",\"provider\":\"Demo \\\"A\\\"\",\"choices\":["

static const char *take(struct chat_canon *c, const char *chunk, struct buf *out)
{
    struct chat_error error;
    enum chat_kind kind;

    buf_reset(out);
    CHECK_INT(chat_canon_chunk(c, view_str(chunk), out, &kind, &error), ERR_NONE);
    CHECK_INT(buf_append_byte(out, 0), ERR_NONE);
    return kind == CHAT_EMIT ? (const char *)out->ptr : "";
}

#define CHUNK(provider, delta)                                                                     \
    "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\"" provider          \
    ",\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]}"

static void test_name(void)
{
    static const struct {
        const char *provider; /* what the provider says of itself */
    } rows[] = {{""}, {",\"provider\":\"Somebody\""}, {",\"provider\":null"}};
    static const char *const names[] = {"Demo \"A\"", ""};
    struct buf out;

    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            struct chat_canon c = canon_new(names[k]);
            char chunk[400];

            for (unsigned piece = 0; piece < 4; piece++) { /* the third takes the short way */
                const char *got;

                snprintf(chunk, sizeof chunk,
                         "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\"%s,"
                         "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a%u\"},\"finish_reason\":null}]}",
                         rows[i].provider, piece);
                got = take(&c, chunk, &out);
                CHECK((strstr(got, "\"provider\":\"Demo \\\"A\\\"\"") != NULL) == (k == 0));
                CHECK(strstr(got, "Somebody") == NULL && strstr(got, "\"provider\":null") == NULL);
            }
            CHECK(c.repeats > 0);
        }
    }
    buf_free(&out);
}

static void test_usage_waits(void)
{
    struct chat_canon c = canon_new("Demo \"A\"");
    struct buf out;

    buf_init(&out, 4096);
    CHECK(strstr(take(&c, CHUNK("", "{\"role\":\"assistant\",\"content\":\"hi\"}"), &out), "usage") == NULL);
    (void)take(&c, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}", &out);
    CHECK(*take(&c, "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}",
                &out) == '\0');
    buf_reset(&out);
    c.usage.prompt_nusd = 1000;
    c.usage.completion_nusd = 234;
    c.usage.cache_write = 4;
    c.usage.audio_output = 1;
    CHECK_INT(chat_openrouter_closing(&c, &c.usage, 1234, &out), ERR_NONE);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    CHECK(strcmp((const char *)out.ptr,
                 HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\"}],"
                      "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11,"
                      "\"prompt_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":4},"
                      "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":1},\"cost\":0.000001234,"
                      "\"cost_details\":{\"upstream_inference_cost\":null,\"upstream_inference_prompt_cost\":0.000001,"
                      "\"upstream_inference_completions_cost\":0.000000234},\"is_byok\":false}}") == 0);
    buf_free(&out);
}

static void test_whole(void)
{
    struct chat_canon c = canon_new("Demo \"A\"");
    struct chat_error error;
    enum chat_kind kind;
    struct buf out;

    buf_init(&out, 4096);
    CHECK_INT(chat_canon_whole(&c, VIEW_LIT("{\"id\":\"x\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2},"
                                            "\"provider\":\"Y\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                                            "\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}"),
                               &out, &kind, &error),
              ERR_NONE);
    CHECK_INT(kind, CHAT_EMIT);
    CHECK_INT(chat_openrouter_usage(&c.usage, 2500000000, false, &out), ERR_NONE);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    CHECK(strstr((const char *)out.ptr, "\"provider\":\"Demo \\\"A\\\"\"") != NULL);
    CHECK(strstr(strstr((const char *)out.ptr, "\"prompt_tokens\"") + 1, "\"prompt_tokens\"") == NULL);
    CHECK(strstr((const char *)out.ptr, "\"cost\":2.5,\"cost_details\":{") != NULL);
    CHECK(strstr((const char *)out.ptr, "},\"is_byok\":false}}") != NULL);
    buf_free(&out);
}

/* No room: the completion stays as it was. */
static void test_whole_full(void)
{
    struct buf out;

    buf_init(&out, 20);
    CHECK_INT(buf_append(&out, VIEW_LIT("{\"id\":\"x\"}")), ERR_NONE);
    CHECK(chat_openrouter_usage(&(struct token_usage){0}, 0, true, &out) != ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "{\"id\":\"x\"}", 10);
    buf_free(&out);
}

static void test_failed(void)
{
    struct chat_canon c = canon_new("Demo \"A\"");
    struct buf out;

    buf_init(&out, 4096);
    CHECK_INT(chat_openrouter_failed(&c, VIEW_LIT("{\"code\":502}"), &out), ERR_NONE);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    CHECK(strcmp((const char *)out.ptr,
                 HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"error\"}],"
                      "\"error\":{\"code\":502}}") == 0);
    buf_free(&out);
}

static const struct check_case cases[] = {
    {"openrouter_name", test_name},   {"openrouter_usage_waits", test_usage_waits},
    {"openrouter_whole", test_whole}, {"openrouter_whole_full", test_whole_full},
    {"openrouter_failed", test_failed},
};
CHECK_MAIN(cases)
