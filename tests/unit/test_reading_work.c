/* A client's body is read before anybody has paid, on a thread that serves others: what that takes must grow as
 * the body's bytes do, whatever stands in them. The measure is the same body's check as JSON, on the same
 * machine; a reader that compares everything with everything takes thousands of times as long. */
#include "anthropic_render.h"
#include "chat_list.h"
#include "chat_request.h"
#include "completions.h"
#include "embeddings_dialect.h"
#include "messages.h"
#include "openai_render.h"
#include "prompt.h"
#include "replay.h"
#include "responses.h"

#include "check.h"

#include <time.h>

enum {
    PIECES = 12000,
    THOUGHTS = 30000,
    TIMES_MOST = 100, /* of the check; honest readers look at a byte some ten times */
    SLACK_US = 100000,
};

static uint64_t cpu_us(void)
{
    struct timespec t;

    CHECK_INT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void put(struct buf *b, const char *text)
{
    CHECK_INT(buf_append(b, view_str(text)), ERR_NONE);
}

/* `piece` n times, each # of it replaced by the number, with commas between. */
static void repeat(struct buf *b, const char *piece, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (i != 0)
            CHECK_INT(buf_append_byte(b, ','), ERR_NONE);
        for (const char *c = piece; *c != '\0'; c++)
            CHECK_INT(*c == '#' ? buf_append_u64(b, i) : buf_append_byte(b, (uint8_t)*c), ERR_NONE);
    }
}

static void nest(struct buf *b, const char *begin, const char *end, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        put(b, begin);
    put(b, "{\"type\":\"string\",\"enum\":[");
    repeat(b, "\"#\"", PIECES);
    put(b, "]}");
    for (unsigned i = 0; i < depth; i++)
        put(b, end);
}

#define FUNCTION "{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"additionalProperties\":false,"

static void many_properties(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[" FUNCTION "\"properties\":{");
    repeat(b, "\"#\":{}", PIECES);
    put(b, "},\"required\":[");
    for (unsigned i = PIECES; i-- != 0;) { /* the last one first */
        put(b, i + 1 == PIECES ? "\"" : ",\"");
        CHECK_INT(buf_append_u64(b, i), ERR_NONE);
        put(b, "\"");
    }
    put(b, "]}}]}");
}

static void many_small_schemas(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[");
    for (unsigned i = 0; i < 200; i++) {
        put(b, i == 0 ? FUNCTION "\"properties\":{" : "," FUNCTION "\"properties\":{");
        repeat(b, "\"#\":{}", 2000);
        put(b, "},\"required\":[");
        repeat(b, "\"1#\"", 1999);
        put(b, ",\"0\"]}}");
    }
    put(b, "]}");
}

static void deep_schema(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":");
    nest(b, "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"a\"],\"properties\":{\"a\":", "}}", 28);
    put(b, "}]}");
}

static void allowed_tools(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[");
    repeat(b, "{\"type\":\"function\",\"name\":\"#\"}", PROMPT_TOOLS_MAX);
    put(b, "],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[");
    repeat(b, "{\"name\":\"#\"}", PROMPT_TOOLS_MAX);
    for (unsigned i = 0; i < 50000; i++)
        put(b, ",{\"name\":\"4095\"}");
    put(b, "]}}");
}

/* A forged thought: a name of who made it, and many elements. */
static void put_forged(struct buf *b, unsigned name, unsigned elements)
{
    struct buf maker, details;

    buf_init(&maker, 1 << 20);
    buf_init(&details, 4 << 20);
    for (unsigned i = 0; i < name; i++)
        CHECK_INT(buf_append_byte(&maker, 'c'), ERR_NONE);
    repeat(&details, "{\"type\":\"reasoning.encrypted\",\"data\":\"#\"}", elements);
    put(b, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"assistant\",\"content\":["
           "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"redacted_thinking\",\"data\":\"");
    CHECK_INT(replay_seal(buf_view(&maker), VIEW_EMPTY, buf_view(&details), b), ERR_NONE);
    put(b, "\"}]}]}");
    buf_free(&maker);
    buf_free(&details);
}

static void long_maker(struct buf *b)
{
    put_forged(b, 200000, 1000);
}

static void many_elements(struct buf *b)
{
    put_forged(b, 250, 50000);
}

static void responses_items(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"input\":[");
    repeat(b, "{\"id\":\"#\",\"call_id\":\"#\",\"output\":\"\",\"type\":\"function_call_output\"}", PIECES);
    put(b, "]}");
}

static void messages_blocks(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":[");
    repeat(b, "{\"tool_use_id\":\"#\",\"content\":[{\"text\":\"#\",\"type\":\"text\"}],\"type\":\"tool_result\"}", PIECES);
    put(b, "]}]}");
}

static void messages_schema(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":["
           "{\"name\":\"f\",\"input_schema\":");
    nest(b, "{\"type\":\"object\",\"properties\":{\"a\":", "}}", 28);
    put(b, "}]}");
}

static void embeddings_ids(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"input\":[");
    repeat(b, "#", PIECES);
    put(b, "]}");
}

static void completions_bias(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"prompt\":\"x\",\"logit_bias\":{");
    repeat(b, "\"#\":1", PIECES);
    put(b, "}}");
}

static const struct {
    const char *name;
    void (*body)(struct buf *b);
    const struct dialect *dialect;
    enum err e;
} bodies[] = {
    {"many_properties", many_properties, &responses_dialect, ERR_NONE},
    {"many_small_schemas", many_small_schemas, &responses_dialect, ERR_NONE},
    {"deep_schema", deep_schema, &responses_dialect, ERR_NONE},
    {"allowed_tools", allowed_tools, &responses_dialect, ERR_LIMIT},
    {"responses_items", responses_items, &responses_dialect, ERR_NONE},
    {"messages_blocks", messages_blocks, &messages_2023, ERR_NONE},
    {"long_maker", long_maker, &messages_2023, ERR_NONE},
    {"many_elements", many_elements, &messages_2023, ERR_NONE},
    {"messages_schema", messages_schema, &messages_2023, ERR_NONE},
    {"embeddings_ids", embeddings_ids, &embeddings_dialect, ERR_NONE},
    {"completions_bias", completions_bias, &completions_dialect, ERR_NONE},
};

/* The same for the body that a provider gets, where it is translated. */
static void render(const struct prompt *p, const char *name, uint64_t check)
{
    static const struct provider provider = {.id = "p"};
    uint64_t begun = cpu_us(), spent;
    struct buf out;

    if (p->kind != PROMPT_CHAT)
        return;
    buf_init(&out, OPENAI_RENDER_GROWTH * p->body.len + OPENAI_RENDER_SLACK);
    CHECK_INT(openai_render(p, &provider, "claude-sonnet", 0, &out), ERR_NONE);
    spent = cpu_us() - begun;
    printf("# %s: rendered in %u us\n", name, (unsigned)spent);
    CHECK(spent <= check * TIMES_MOST + SLACK_US);
    buf_free(&out);
}

static void test_bodies(void)
{
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct prompt_fault fault;
        struct prompt prompt;
        struct json_value root;
        uint64_t begun, check, read;
        struct buf b;
        enum err e;

        buf_init(&b, LIMIT_BODY_BYTES);
        bodies[i].body(&b);
        begun = cpu_us();
        CHECK_INT(json_check(buf_view(&b), &root, NULL), ERR_NONE);
        check = cpu_us() - begun;
        begun = cpu_us();
        e = bodies[i].dialect->read(buf_view(&b), &prompt, &fault);
        read = cpu_us() - begun;
        printf("# %s: %zu bytes, check %u us, read %u us\n", bodies[i].name, b.len, (unsigned)check, (unsigned)read);
        CHECK_INT(e, bodies[i].e);
        CHECK(read <= check * TIMES_MOST + SLACK_US);
        if (e == ERR_NONE)
            render(&prompt, bodies[i].name, check);
        prompt_list_free(&prompt.list);
        buf_free(&b);
    }
}

/* --- a chat client's conversation, as Anthropic's API gets it */

/* Thoughts that nobody signed, and behind them messages that say nothing, and at last a word. */
static void many_thoughts(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},"
           "{\"role\":\"assistant\",\"content\":\"\",\"reasoning_details\":[");
    repeat(b, "{}", THOUGHTS);
    put(b, "]},");
    repeat(b, "{\"role\":\"assistant\",\"content\":\"\"}", THOUGHTS);
    put(b, ",{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"x\"}]}");
}

/* Texts and empty messages in turns: each text is asked whether it is the last. */
static void many_texts(struct buf *b)
{
    put(b, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},");
    repeat(b, "{\"role\":\"assistant\",\"content\":\"\"},{\"role\":\"assistant\",\"content\":\"#\"}", PIECES);
    put(b, "]}");
}

static void test_conversations(void)
{
    static void (*const bodies_of[])(struct buf *b) = {many_thoughts, many_texts};
    static const struct provider provider = {.id = "p", .dialect = DIALECT_ANTHROPIC};
    static const struct catalog_model model = {.id = "anthropic/claude-x", .max_output = 64000,
                                               .capabilities = CAP_REASONING};
    static const struct catalog_endpoint endpoint = {.upstream_model = "claude-x"};
    static const struct destination to = {&provider, &model, &endpoint};

    for (size_t i = 0; i < sizeof bodies_of / sizeof bodies_of[0]; i++) {
        struct chat_request request;
        struct prompt_fault fault;
        struct prompt prompt;
        struct json_value root;
        uint64_t begun, check, read, rendered;
        struct view refused;
        struct buf b, out;

        buf_init(&b, LIMIT_BODY_BYTES);
        bodies_of[i](&b);
        begun = cpu_us();
        CHECK_INT(json_check(buf_view(&b), &root, NULL), ERR_NONE);
        check = cpu_us() - begun;
        begun = cpu_us();
        CHECK_INT(chat_request_parse(buf_view(&b), &request, &prompt, &fault), ERR_NONE);
        CHECK_INT(chat_list_make(&prompt, &fault), ERR_NONE);
        read = cpu_us() - begun;
        CHECK(read <= check * TIMES_MOST + SLACK_US);
        buf_init(&out, anthropic_room(&prompt));
        begun = cpu_us();
        CHECK(anthropic_fits(&prompt, &to, &refused));
        CHECK_INT(anthropic_render(&prompt, &to, 0, &out), ERR_NONE);
        rendered = cpu_us() - begun;
        printf("# conversation %zu: %zu bytes, check %u us, read %u us, rendered in %u us\n", i, b.len, (unsigned)check,
               (unsigned)read, (unsigned)rendered);
        CHECK(rendered <= check * TIMES_MOST + SLACK_US);
        prompt_list_free(&prompt.list);
        buf_free(&out);
        buf_free(&b);
    }
}

static const struct check_case cases[] = {
    {"reading_takes_as_long_as_the_body_is", test_bodies},
    {"conversations_take_as_long_as_they_are", test_conversations},
};
CHECK_MAIN(cases)
