/* A provider's answer is put into a client's words on a thread that serves others: what that takes must grow as
 * the answer's bytes do, whatever a provider with bad intentions writes. The measure is the check of the same
 * bytes as JSON, on the same machine. */
#include "details.h"
#include "gemini_read.h"
#include "messages.h"
#include "prompt.h"
#include "responses.h"

#include "check.h"

#include <time.h>

enum {
    TIMES_MOST = 100, /* of the check */
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

#define BEGIN "{\"type\":\"reasoning.text\",\"index\":0,\"text\":\"a\""

/* One element with many members, as the first or as a later piece. */
static void put_many(struct buf *b)
{
    put(b, BEGIN);
    for (unsigned i = 0; i < 20000; i++) {
        put(b, ",\"");
        CHECK_INT(buf_append_u64(b, i), ERR_NONE);
        put(b, "\":1");
    }
    put(b, "}");
}

/* A large member, behind which come many small pieces. */
static void put_large(struct buf *b)
{
    put(b, "{\"type\":\"reasoning.text\",\"format\":\"");
    for (unsigned i = 0; i < 1 << 20; i += 16)
        put(b, "abcdefghijklmnop");
    put(b, "\",\"index\":0,\"text\":\"a\"}");
}

static void put_small(struct buf *b)
{
    put(b, BEGIN "}");
}

/* Members that each piece has anew. */
static void put_new(struct buf *b)
{
    static unsigned serial;

    put(b, BEGIN);
    for (unsigned i = 0; i < 12; i++) {
        put(b, ",\"");
        CHECK_INT(buf_append_u64(b, serial++), ERR_NONE);
        put(b, "\":1");
    }
    put(b, "}");
}

static const struct {
    const char *name;
    void (*first)(struct buf *b), (*then)(struct buf *b);
    unsigned times; /* then */
} answers[] = {
    {"many_members_first", put_many, put_small, 2},
    {"many_members_later", put_small, put_many, 2},
    {"a_large_member", put_large, put_small, 2000},
    {"ever_new_members", put_small, put_new, 2000},
};

static uint64_t take(const struct dialect *d, struct answer *a, struct view json, struct buf *out)
{
    const struct event e = {.kind = EVENT_DETAIL, .json = json};
    uint64_t begun = cpu_us();

    CHECK_INT(d->event(a, &e, a->stream ? out : NULL), ERR_NONE);
    return cpu_us() - begun;
}

static void play(const struct dialect *d, bool stream, size_t at)
{
    static struct prompt prompt = {.list = {.wants_reasoning = true}};
    static const struct token_usage usage = {.present = true, .prompt = 1};
    struct answer a = {.id = "gen-00000000000000000000000000000001",
                       .model = VIEW_LIT("x/y"),
                       .prompt = &prompt,
                       .stream = stream};
    uint64_t spent = 0, check = 0, begun;
    struct json_value root;
    struct buf out, json;

    buf_init(&out, LIMIT_RESPONSE_BYTES);
    CHECK_INT(d->start(&a), ERR_NONE);
    if (stream)
        CHECK_INT(d->begin(&a, &out), ERR_NONE);
    for (unsigned i = 0; i <= answers[at].times; i++) {
        buf_init(&json, LIMIT_RESPONSE_BYTES);
        (i == 0 ? answers[at].first : answers[at].then)(&json);
        begun = cpu_us();
        CHECK_INT(json_check(buf_view(&json), &root, NULL), ERR_NONE);
        check += cpu_us() - begun;
        spent += take(d, &a, buf_view(&json), &out);
        buf_free(&json);
    }
    begun = cpu_us();
    CHECK_INT(stream ? d->end(&a, &usage, "", &out) : d->whole(&a, &usage, &out), ERR_NONE);
    spent += cpu_us() - begun;
    printf("# %s %s %s: check %u us, words %u us\n", d->name, stream ? "stream" : "whole", answers[at].name,
           (unsigned)check, (unsigned)spent);
    CHECK(spent <= check * TIMES_MOST + SLACK_US);
    d->close(&a);
    buf_free(&out);
}

static void test_details(void)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        play(&messages_2023, true, i);
        play(&messages_2023, false, i);
        play(&responses_dialect, true, i);
        play(&responses_dialect, false, i);
    }
}

/* --- sources of Google's, each of which has a place in one of the answer's texts */

enum { SOURCES = 64, LARGE = 4 << 20 };

static void put_spaces(struct buf *b)
{
    for (unsigned i = 0; i < LARGE / 32; i++)
        put(b, "                                ");
}

/* As many parts as fit, or a large one, are in front of the texts that the sources name. */
static void put_parts(struct buf *b, bool many)
{
    put(b, "\"content\":{\"parts\":[{\"text\":\"");
    if (!many)
        put_spaces(b);
    put(b, "\"}");
    for (unsigned i = 0; many && i < LARGE / 12; i++)
        put(b, ",{\"text\":\"\"}");
    put(b, "]}");
}

/* A large segment or a large chunk is named by all sources. */
static void put_grounding(struct buf *b, bool segment, bool chunk)
{
    put(b, "\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"x\":\"");
    if (chunk)
        put_spaces(b);
    put(b, "\",\"uri\":\"u\"}}],\"groundingSupports\":[{\"segment\":{\"x\":\"");
    if (segment)
        put_spaces(b);
    put(b, "\",\"partIndex\":400000,\"endIndex\":1},\"groundingChunkIndices\":[0");
    for (unsigned i = 1; i < SOURCES; i++)
        put(b, ",0");
    put(b, "]}]},\"citationMetadata\":{\"citations\":[{}");
    for (unsigned i = 1; i < SOURCES; i++)
        put(b, ",{\"uri\":\"u\",\"partIndex\":400000,\"endIndex\":1}");
    put(b, "]}");
}

static void test_sources(void)
{
    static const struct provider provider = {.id = "p"};

    for (unsigned large = 0; large < 4; large++) {
        struct chat_canon c = {.id = "gen-1", .created = 1, .model = VIEW_LIT("m"), .provider = &provider};
        struct chat_error error = {0};
        enum chat_kind kind = CHAT_NOTHING;
        uint64_t begun, check, spent;
        struct json_value root;
        struct buf b, out;

        buf_init(&b, LIMIT_RESPONSE_BYTES);
        buf_init(&out, LIMIT_RESPONSE_BYTES);
        put(&b, "{\"candidates\":[{");
        put_parts(&b, large == 0);
        put(&b, ",");
        put_grounding(&b, large == 2, large == 3);
        put(&b, ",\"finishReason\":\"STOP\"}]}");
        begun = cpu_us();
        CHECK_INT(json_check(buf_view(&b), &root, NULL), ERR_NONE);
        check = cpu_us() - begun;
        begun = cpu_us();
        CHECK_INT(gemini_whole(&c, buf_view(&b), &out, &kind, &error), ERR_NONE);
        CHECK_INT(kind, CHAT_EMIT);
        spent = cpu_us() - begun;
        printf("# sources %u: %zu bytes, check %u us, words %u us\n", large, b.len, (unsigned)check, (unsigned)spent);
        CHECK(spent <= check * TIMES_MOST + SLACK_US);
        buf_free(&b);
        buf_free(&out);
    }
}

static const struct check_case cases[] = {
    {"words_take_as_long_as_the_answer_is", test_details},
    {"sources_take_as_long_as_the_answer_is", test_sources},
};
CHECK_MAIN(cases)
