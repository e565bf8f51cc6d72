/* Classes of tokens beside text under every provider's spelling: each is counted within the whole that it is part of,
 * once, and figures that contradict themselves are lowered and flagged. What concerns prompt, completion and reasoning
 * is in test_chat_canon.c. */
#include "chat_canon.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

static struct provider provider = {.id = "p"};

struct figures {
    uint32_t prompt, completion, read, write, over_hour, audio_in, audio_out, image_in, image_out, reasoning;
    bool clamped;
};

static const struct {
    const char *what, *usage[2];
    struct figures f;
} table[] = {
    {"adapters' canonical names",
     {"{\"prompt_tokens\":100,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":10,"
      "\"cache_write_tokens\":30,\"cache_write_1h_tokens\":20}}"},
     {.prompt = 100, .completion = 5, .read = 10, .write = 30, .over_hour = 20}},
    {"Anthropic's, with durations",
     {"{\"input_tokens\":4,\"output_tokens\":5,\"cache_read_input_tokens\":6,\"cache_creation_input_tokens\":30,"
      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20}}"},
     {.prompt = 40, .completion = 5, .read = 6, .write = 30, .over_hour = 20}},
    {"durations alone",
     {"{\"input_tokens\":4,\"output_tokens\":5,"
      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20}}"},
     {.prompt = 34, .completion = 5, .write = 30, .over_hour = 20}},
    {"durations in a later object",
     {"{\"input_tokens\":4,\"cache_creation_input_tokens\":30}",
      "{\"output_tokens\":9,\"cache_creation\":{\"ephemeral_1h_input_tokens\":20}}"},
     {.prompt = 34, .completion = 9, .write = 30, .over_hour = 20}},
    {"Alibaba's, inside the details",
     {"{\"prompt_tokens\":100,\"completion_tokens\":5,\"total_tokens\":105,\"prompt_tokens_details\":{"
      "\"cached_tokens\":0,\"cache_creation_input_tokens\":30,\"cache_creation\":{\"ephemeral_5m_input_tokens\":30},"
      "\"cache_type\":\"ephemeral\"}}"},
     {.prompt = 100, .completion = 5, .write = 30}},
    {"OpenAI's durations",
     {"{\"prompt_tokens\":100,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cache_write_tokens\":30,"
      "\"cache_write_tokens_details\":{\"ttl_30m\":25,\"ttl_12h\":5}}}"},
     {.prompt = 100, .completion = 5, .write = 30, .over_hour = 5}},
    {"DeepSeek's without the sum",
     {"{\"prompt_cache_hit_tokens\":8,\"prompt_cache_miss_tokens\":2,\"completion_tokens\":5}"},
     {.prompt = 10, .completion = 5, .read = 8}},
    {"audio and images of both sides",
     {"{\"prompt_tokens\":100,\"completion_tokens\":50,\"total_tokens\":150,\"prompt_tokens_details\":{"
      "\"audio_tokens\":20,\"image_tokens\":30,\"text_tokens\":50},\"completion_tokens_details\":{"
      "\"audio_tokens\":7,\"image_tokens\":8,\"reasoning_tokens\":9}}"},
     {.prompt = 100, .completion = 50, .audio_in = 20, .image_in = 30, .audio_out = 7, .image_out = 8, .reasoning = 9}},
    {"under Responses' names",
     {"{\"input_tokens\":100,\"output_tokens\":50,\"input_tokens_details\":{\"audio_tokens\":20},"
      "\"output_tokens_details\":{\"audio_tokens\":7,\"thinking_tokens\":9}}"},
     {.prompt = 100, .completion = 50, .audio_in = 20, .audio_out = 7, .reasoning = 9}},
    {"cached audio",
     {"{\"prompt_tokens\":100,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":90,"
      "\"audio_tokens\":80}}"},
     {.prompt = 100, .completion = 5, .read = 90, .audio_in = 80}},
    {"strings", {"{\"prompt_tokens\":\"100\",\"completion_tokens\":5,\"prompt_tokens_details\":{\"audio_tokens\":\"8.0\"}}"},
     {.prompt = 100, .completion = 5, .audio_in = 8}},
    {"null details", {"{\"prompt_tokens\":9,\"completion_tokens\":5,\"prompt_tokens_details\":null,\"cache_creation\":null}"},
     {.prompt = 9, .completion = 5}},
    {"details that are none", {"{\"prompt_tokens\":9,\"completion_tokens\":5,\"prompt_tokens_details\":[7],"
                               "\"completion_tokens_details\":\"x\"}"},
     {.prompt = 9, .completion = 5}},
    {"an escaped name", {"{\"prompt_tokens\":9,\"completion_tokens\":5,\"prompt_tokens_details\":{\"audio_token\\u0073\":4}}"},
     {.prompt = 9, .completion = 5, .audio_in = 4}},
    /* contradictions */
    {"more audio than the prompt",
     {"{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"audio_tokens\":11}}"},
     {.prompt = 10, .completion = 5, .audio_in = 10, .clamped = true}},
    {"more images than the completion",
     {"{\"prompt_tokens\":10,\"completion_tokens\":5,\"completion_tokens_details\":{\"image_tokens\":6}}"},
     {.prompt = 10, .completion = 5, .image_out = 5, .clamped = true}},
    {"a longer write than all writes",
     {"{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":8,"
      "\"cache_write_1h_tokens\":3}}"},
     {.prompt = 10, .completion = 5, .read = 8, .write = 2, .over_hour = 2, .clamped = true}},
    {"negative", {"{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"audio_tokens\":-1}}"},
     {.prompt = 10, .completion = 5, .clamped = true}},
    {"absurd", {"{\"prompt_tokens\":10,\"completion_tokens\":5,\"completion_tokens_details\":{\"audio_tokens\":1e30}}"},
     {.prompt = 10, .completion = 5, .clamped = true}},
};

static void test_classes(void)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct figures *f = &table[i].f;
        struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("a/b"), .provider = &provider, .want_usage = true};
        struct token_usage want = {true, f->clamped, f->prompt, f->completion, f->read, f->write, f->reasoning,
                                   f->over_hour, f->audio_in, f->audio_out, f->image_in, f->image_out, 0, 0};

        for (size_t k = 0; k < 2 && table[i].usage[k] != NULL; k++) {
            struct chat_error error;
            enum chat_kind kind;
            char chunk[1024];
            struct buf out;

            buf_init(&out, 1 << 16);
            snprintf(chunk, sizeof chunk, "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,"
                     "\"model\":\"m\",\"choices\":[],\"usage\":%s}", table[i].usage[k]);
            CHECK_INT(chat_canon_chunk(&c, view_str(chunk), &out, &kind, &error), ERR_NONE);
            buf_free(&out);
        }
#define SAME(no, class, ...) CHECK_INT(c.usage.class, want.class);
        USAGE_TOKENS(SAME)
#undef SAME
        CHECK_INT(c.usage.present, true);
        CHECK_INT(c.usage.clamped, want.clamped);
        if (memcmp(&c.usage, &want, sizeof want) != 0)
            printf("# in case: %s\n", table[i].what);
    }
    printf("# %zu cases\n", sizeof table / sizeof table[0]);
}

static const struct check_case cases[] = {{"chat_usage_classes", test_classes}};
CHECK_MAIN(cases)
