/* Every recorded answer of Anthropic's API, through a whole exchange, in each dialect of a client: what an SDK puts
 * together from it has the text, thoughts, calls, finish reason and figures that the recording has, however the bytes were
 * cut; a stream that ends before message_stop is never complete. What is right is said by two readers of their own on
 * json-c: of the recording (below) and of each dialect (lib/client_reads.h). Then answers made here: refusals, thoughts that
 * come back, stop sequences, figures that change, errors by the table. */
#define SENT_MAX (1 << 18)
#include "lib/chat_sides.h"
#include "adapter.h"
#include "completions.h"
#include "lib/client_reads.h"
#include "lib/quiet.h"
#include "messages.h"
#include "provider_fixtures.h"
#include "responses.h"

enum { BYTES_MAX = 256 << 10 };

static const struct row {
    const char *name, *path;
    const struct dialect *dialect;
    enum receipt_endpoint at;
    enum meant_dialect reads;
    const char *ask, *stream;
} rows[] = {
#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":100000"
#define HOST ",\"model\":\"demo/echo\",\"provider\":{\"only\":[\"demo-a\"]}"
    {"chat", "/v1/chat/completions", &chat_dialect, RECEIPT_CHAT_V1, READS_CHAT, "{" USER HOST,
     ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"},
    {"messages", "/v1/messages", &messages_2023, RECEIPT_MESSAGES_V1, READS_MESSAGES, "{" USER HOST, ",\"stream\":true}"},
    {"responses", "/v1/responses", &responses_dialect, RECEIPT_RESPONSES_V1, READS_RESPONSES,
     "{\"input\":\"hi\",\"max_output_tokens\":100000,\"reasoning\":{\"summary\":\"auto\"}" HOST, ",\"stream\":true}"},
    {"api/chat", "/api/v1/chat/completions", &chat_dialect, RECEIPT_CHAT_API_V1, READS_CHAT, "{" USER HOST, ",\"stream\":true}"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* --- the recording, read */

static int64_t number(json_c_object *o, const char *name)
{
    return json_object_get_int64(jc(o, name));
}

static void told_usage(struct meaning *m, json_c_object *u, int64_t part[4])
{
    static const char *const names[] = {"input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"};

    for (size_t i = 0; i < 4; i++)
        if (jc(u, names[i]) != NULL)
            part[i] = number(u, names[i]);
    if (jc(u, "output_tokens_details") != NULL)
        m->thought = number(jc(u, "output_tokens_details"), "thinking_tokens");
    m->prompt = part[0] + part[1] + part[2];
    m->cached = part[1];
    m->completion = part[3];
    m->figures = true;
}

static void told_stop(struct meaning *m, json_c_object *o)
{
    static const struct {
        const char *word;
        enum meant_finish finish;
    } words[] = {{"end_turn", MEANT_STOP}, {"stop_sequence", MEANT_STOP}, {"pause_turn", MEANT_STOP}, {"max_tokens", MEANT_LENGTH},
                 {"model_context_window_exceeded", MEANT_LENGTH}, {"tool_use", MEANT_CALL}, {"refusal", MEANT_FILTER}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (jc_is(jc(o, "stop_reason"), words[i].word))
            m->finish = words[i].finish;
    jc_add(&m->refusal, jc(jc(o, "stop_details"), "explanation"));
}

static void told_block(struct meaning *m, json_c_object *block, bool whole)
{
    json_c_object *input = jc(block, "input");

    jc_add(&m->text, jc_is(jc(block, "type"), "text") ? jc(block, "text") : NULL);
    jc_add(&m->reasoning, jc_is(jc(block, "type"), "thinking") ? jc(block, "thinking") : NULL);
    if (!jc_is(jc(block, "type"), "tool_use"))
        return;
    CHECK(m->n_calls < MEANT_CALLS);
    jc_add(&m->call[m->n_calls].id, jc(block, "id"));
    jc_add(&m->call[m->n_calls].name, jc(block, "name"));
    if (whole || json_object_object_length(input) != 0)
        meant_add(&m->call[m->n_calls].input, json_object_to_json_string(input), strlen(json_object_to_json_string(input)));
    m->n_calls++;
}

struct told {
    struct meaning m;
    int64_t part[4];
    char open[40];
    bool error;
};

static void told_event(struct told *t, json_c_object *e)
{
    json_c_object *delta = jc(e, "delta");
    const char *type = json_object_get_string(jc(e, "type"));

    if (strcmp(type, "message_start") == 0) {
        told_usage(&t->m, jc(jc(e, "message"), "usage"), t->part);
    } else if (strcmp(type, "content_block_start") == 0) {
        snprintf(t->open, sizeof t->open, "%s", json_object_get_string(jc(jc(e, "content_block"), "type")));
        told_block(&t->m, jc(e, "content_block"), false);
    } else if (strcmp(type, "content_block_delta") == 0) {
        jc_add(&t->m.text, jc(delta, "text"));
        jc_add(&t->m.reasoning, jc(delta, "thinking"));
        if (strcmp(t->open, "tool_use") == 0)
            jc_add(&t->m.call[t->m.n_calls - 1].input, jc(delta, "partial_json"));
    } else if (strcmp(type, "message_delta") == 0) {
        told_usage(&t->m, jc(e, "usage"), t->part);
        told_stop(&t->m, delta);
    } else if (strcmp(type, "message_stop") == 0) {
        t->m.complete = true;
    } else if (strcmp(type, "error") == 0) {
        t->error = true;
    }
}

/* bytes: SSE. Returns where message_stop's event begins, the end when there is none. */
static size_t told_stream(struct told *t, const char *bytes, size_t len)
{
    size_t stop = len;

    for (const char *at = bytes, *end = bytes + len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *line = at;
        size_t n = (size_t)((newline != NULL ? newline : end) - at);

        at += n + 1;
        if (n > 5 && memcmp(line, "data:", 5) == 0) {
            json_c_object *e = jc_parse(line + 5, n - 5);

            if (jc_is(jc(e, "type"), "message_stop"))
                stop = (size_t)(line - bytes);
            told_event(t, e);
            json_object_put(e);
        }
    }
    return stop;
}

static void told_free(struct told *t)
{
    meaning_free(&t->m);
}

/* --- the client's side */

static bool same_json(const struct meant_words *a, const struct meant_words *b)
{
    json_c_object *x = jc_parse(a->n != 0 ? a->s : "{}", a->n != 0 ? a->n : 2);
    json_c_object *y = jc_parse(b->n != 0 ? b->s : "{}", b->n != 0 ? b->n : 2);
    bool same = json_object_equal(x, y);

    json_object_put(x);
    json_object_put(y);
    return same;
}

static const char *differs(const struct meaning *want, const struct meaning *got, enum meant_dialect d)
{
    struct meant_words text = {0};
    bool same;

    if (want->text.n != 0)
        meant_add(&text, want->text.s, want->text.n);
    if (d == READS_MESSAGES && want->refusal.n != 0) /* its SDKs look for nothing else */
        meant_add(&text, want->refusal.s, want->refusal.n);
    same = meant_same(&text, &got->text);
    free(text.s);
    if (!same)
        return "the text";
    if (!meant_same(&want->reasoning, &got->reasoning))
        return "the reasoning";
    if (want->n_calls != got->n_calls)
        return "the number of calls";
    for (unsigned i = 0; i < want->n_calls; i++)
        if (!meant_same(&want->call[i].id, &got->call[i].id) || !meant_same(&want->call[i].name, &got->call[i].name) ||
            !same_json(&want->call[i].input, &got->call[i].input))
            return "a call";
    if (!meant_same(&want->refusal, &got->refusal))
        return "the refusal";
    if (want->finish != got->finish)
        return "the finish reason";
    if (want->prompt != got->prompt || want->completion != got->completion || want->cached != got->cached || want->thought != got->thought)
        return "the figures";
    return NULL;
}

static void ask_with(const struct row *row, const char *body)
{
    capabilities = CAP_TOOLS | CAP_IMAGES | CAP_JSON_SCHEMA | CAP_REASONING;
    context_length = 200000;
    reset();
    providers.list[0].dialect = DIALECT_ANTHROPIC;
    spoken = row->dialect;
    spoken_at = row->at;
    client.path = row->path;
    ask(body);
    CHECK_INT(up.started, 1);
}

static void ask_as(const struct row *row, bool stream)
{
    static char body[1024];

    snprintf(body, sizeof body, "%s%s", row->ask, stream ? row->stream : "}");
    ask_with(row, body);
}

static void feed(const char *bytes, size_t len, size_t step, int status)
{
    up_head(status);
    for (size_t at = 0; at < len; at += step) {
        up_bytes(view_of(bytes + at, len - at < step ? len - at : step), step);
        client_reads();
    }
    up_done(ERR_NONE);
    client_reads();
}

static void read_client(const struct row *row, bool stream, struct meaning *got)
{
    *got = (struct meaning){0};
    if (stream && client.started)
        meant_read_stream(got, row->reads, client.out, client.out_len);
    else
        meant_read_whole(got, row->reads, client.out, client.out_len);
}

static void complain(const char *path, const struct row *row, const char *what)
{
    printf("# %s: %s: %s\n#  status %d, client %.1500s\n", path, row->name, what, client.status, client.out);
    CHECK(!"a recording in a dialect");
}

static void in_dialect(const char *path, const struct row *row, const struct told *t, const char *bytes, size_t len,
                       bool stream, size_t step)
{
    struct meaning got;
    const char *what;

    ask_as(row, stream);
    feed(bytes, len, step, 200);
    read_client(row, stream, &got);
    what = got.odd != NULL ? got.odd : !got.complete ? "complete" : differs(&t->m, &got, row->reads);
    if (what != NULL)
        complain(path, row, what);
    meaning_free(&got);
}

static unsigned n_streams, n_wholes, n_cuts;

static void play(const char *path, const char *bytes, size_t len, bool stream)
{
    static const size_t steps[] = {1 << 20, 1, 7};
    struct told t = {0};
    json_c_object *o;

    if (stream) {
        (void)told_stream(&t, bytes, len);
    } else {
        o = jc_parse(bytes, len);
        for (size_t i = 0; i < jc_count(jc(o, "content")); i++)
            told_block(&t.m, jc_at(jc(o, "content"), i), true);
        told_stop(&t.m, o);
        told_usage(&t.m, jc(o, "usage"), t.part);
        json_object_put(o);
    }
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t s = 0; s < 3; s++)
            in_dialect(path, &rows[r], &t, bytes, len, stream, steps[s]);
        /* whole, but a stream came; a stream, but one document came */
        in_dialect(path, &rows[r], &t, bytes, len, !stream, 1 << 20);
    }
    told_free(&t);
}

/* Chunks are recorded without framing. */
static size_t framed(const uint8_t *bytes, size_t len, char *out)
{
    size_t n = 0;

    for (size_t at = 0; at < len;) {
        const uint8_t *nl = memchr(bytes + at, '\n', len - at);
        size_t line = nl != NULL ? (size_t)(nl - (bytes + at)) : len - at;
        json_c_object *e = line == 0 ? NULL : jc_parse((const char *)bytes + at, line);

        if (line != 0)
            n += (size_t)sprintf(out + n, "event: %s\ndata: %.*s\n\n", json_object_get_string(jc(e, "type")), (int)line, (const char *)bytes + at);
        json_object_put(e);
        at += line + 1;
    }
    return n;
}

static void one_stream(const char *path, const uint8_t *bytes, size_t len)
{
    n_streams++;
    play(path, (const char *)bytes, len, true);
}

static void one_chunks(const char *path, const uint8_t *bytes, size_t len)
{
    static char sse[2 * BYTES_MAX];

    CHECK(len < BYTES_MAX);
    n_streams++;
    play(path, sse, framed(bytes, len, sse), true);
}

static void one_whole(const char *path, const uint8_t *bytes, size_t len)
{
    n_wholes++;
    play(path, (const char *)bytes, len, false);
}

static bool have_recordings(char dir[static 600])
{
    struct stat st;

    snprintf(dir, 600, "%s/anthropic", fixtures_root());
    if (stat(dir, &st) == 0)
        return true;
    check_skip("no recordings of Anthropic's API here");
    return false;
}

static void recordings(void)
{
    char dir[600];

    if (!have_recordings(dir))
        return;
    (void)fixtures_each_in(dir, ".resp.sse", one_stream);
    (void)fixtures_each_in(dir, ".resp.chunks.jsonl", one_chunks);
    (void)fixtures_each_in(dir, ".resp.json", one_whole);
    printf("# %u recorded streams and %u whole answers in %d dialects, 4 ways each\n", n_streams, n_wholes, ROWS);
}

/* --- cut at every byte, in chat: the adapter alone, which is what decides */

static void cut_stream(const char *bytes, size_t len, size_t stop)
{
    const struct provider provider = {.dialect = DIALECT_ANTHROPIC};
    const struct adapter *a = adapter_of(&provider, PROMPT_CHAT);
    static struct chat_canon c;
    struct sse_in in;
    struct sse_event e;
    struct buf out;

    buf_init(&out, 1 << 20);
    for (size_t cut = 0; cut <= len; cut += cut + 64 < len && cut % 64 == 0 && len > 20000 ? 61 : 1) {
        c = (struct chat_canon){.id = "gen-1", .model = VIEW_LIT("m"), .provider = &provider, .want_usage = true};
        sse_in_init(&in, 1 << 20, NULL);
        sse_in_feed(&in, view_of(bytes, cut));
        while (sse_in_next(&in, &e) == ERR_NONE) {
            enum chat_kind kind;
            struct chat_error error;

            buf_reset(&out);
            CHECK_INT(a->chunk(&c, e.data, &out, &kind, &error), ERR_NONE);
            CHECK(kind == CHAT_NOTHING || kind == CHAT_EMIT);
        }
        CHECK(!chat_canon_finished(&c) || cut > stop);
        CHECK(c.usage.prompt != 0 || c.chunks == 0); /* known from the first event on */
        n_cuts++;
        sse_in_free(&in);
    }
    CHECK(chat_canon_finished(&c));
    buf_free(&out);
}

static void cut_sse(const char *path, const uint8_t *bytes, size_t len)
{
    struct told t = {0};
    size_t stop = told_stream(&t, (const char *)bytes, len);

    (void)path;
    cut_stream((const char *)bytes, len, stop);
    told_free(&t);
}

static void cuts(void)
{
    char dir[600];

    if (!have_recordings(dir))
        return;
    (void)fixtures_each_in(dir, ".resp.sse", cut_sse);
    printf("# %u cuts\n", n_cuts);
}

/* --- answers made here */

#define E(type, more) "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define START E("message_start", ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-6\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":40,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,\"output_tokens\":1}}")
#define BLOCK(n, block) E("content_block_start", ",\"index\":" n ",\"content_block\":" block)
#define DELTA(n, delta) E("content_block_delta", ",\"index\":" n ",\"delta\":" delta)
#define STOP(n) E("content_block_stop", ",\"index\":" n)
#define TEXT(n, t) BLOCK(n, "{\"type\":\"text\",\"text\":\"\"}") DELTA(n, "{\"type\":\"text_delta\",\"text\":\"" t "\"}") STOP(n)
#define THINK(n, t, s) BLOCK(n, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}") DELTA(n, "{\"type\":\"thinking_delta\",\"thinking\":\"" t "\"}") \
    DELTA(n, "{\"type\":\"signature_delta\",\"signature\":\"" s "\"}") STOP(n)
#define END(reason, more) E("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\"" more "},\"usage\":{\"input_tokens\":40,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,\"output_tokens\":60,\"output_tokens_details\":{\"thinking_tokens\":20}}") \
    E("message_stop", "")
/* E1 of the worked examples. */
#define WORKED START THINK("0", "Two tools.", "c2ln") E("ping", "") TEXT("1", "One moment. ")                               \
    BLOCK("2", "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"weather\",\"input\":{}}")                             \
    DELTA("2", "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}")                                                    \
    DELTA("2", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\":\"}")                                      \
    DELTA("2", "{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"Z\xc3\xbcrich\\\"}\"}") STOP("2")                    \
    BLOCK("3", "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"now\",\"input\":{}}") STOP("3") END("tool_use", "")

static void worked(void)
{
    static const char *const deltas[] = {
        "{\"role\":\"assistant\",\"content\":\"\"}",
        "{\"reasoning\":\"Two tools.\",\"reasoning_content\":\"Two tools.\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Two tools.\",\"format\":\"anthropic-claude-v1\",\"index\":0}]}",
        "{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0}]}",
        "{\"content\":\"One moment. \"}",
        "{\"tool_calls\":[{\"index\":0,\"id\":\"toolu_1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"\"}}]}",
        "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\":\"}}]}",
        "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"Z\xc3\xbcrich\\\"}\"}}]}",
        "{\"tool_calls\":[{\"index\":1,\"id\":\"toolu_2\",\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":\"\"}}]}",
        "{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]}",
        "{}",
    };
    const char *at, *end;
    struct meaning none = {0};
    struct meant_event e;
    size_t n = 0;

    ask_as(&rows[0], true);
    feed(WORKED, strlen(WORKED), 1 << 20, 200);
    at = client.out;
    end = client.out + client.out_len;
    while (meant_next(&none, &at, end, &e) && !meant_is_done(&e)) {
        json_c_object *o = jc_parse(e.data, e.len), *choice = jc_at(jc(o, "choices"), 0), *want;

        CHECK(n < sizeof deltas / sizeof deltas[0]);
        want = jc_parse(deltas[n], strlen(deltas[n]));
        if (!json_object_equal(jc(choice, "delta"), want))
            printf("# delta %zu: %s\n", n, json_object_to_json_string(jc(choice, "delta")));
        CHECK(json_object_equal(jc(choice, "delta"), want));
        n++;
        if (n == sizeof deltas / sizeof deltas[0]) {
            CHECK(jc_is(jc(choice, "finish_reason"), "tool_calls"));
            CHECK_INT(number(jc(o, "usage"), "prompt_tokens"), 1140);
            CHECK_INT(number(jc(o, "usage"), "completion_tokens"), 60);
            CHECK_INT(number(jc(o, "usage"), "total_tokens"), 1200);
            CHECK_INT(number(jc(jc(o, "usage"), "prompt_tokens_details"), "cached_tokens"), 1000);
            CHECK_INT(number(jc(jc(o, "usage"), "prompt_tokens_details"), "cache_write_tokens"), 100);
            CHECK_INT(number(jc(jc(o, "usage"), "completion_tokens_details"), "reasoning_tokens"), 20);
        }
        json_object_put(want);
        json_object_put(o);
    }
    CHECK_INT((int64_t)n, (int64_t)(sizeof deltas / sizeof deltas[0]));
}

/* Streams by hand: what each comes to in every dialect, under all ways of cutting. */
static void made(void)
{
    static const char *const streams[] = {
        WORKED,
        START TEXT("0", "a") TEXT("1", "b") END("end_turn", ""),
        START TEXT("0", "a") END("max_tokens", ""),
        START TEXT("0", "a") END("model_context_window_exceeded", ""),
        START TEXT("0", "a") END("pause_turn", ""),
        START TEXT("0", "a") END("stop_sequence", ",\"stop_sequence\":\"X\\\"\""),
        START E("ping", ",\"x\":1") END("refusal", ",\"stop_details\":{\"type\":\"refusal\",\"category\":\"bio\",\"explanation\":\"I cannot.\"}"),
        START THINK("0", "a", "s1") BLOCK("1", "{\"type\":\"redacted_thinking\",\"data\":\"enc\"}") STOP("1") THINK("2", "b", "s2") TEXT("3", "x") END("end_turn", ""),
        /* its servers' work is no call of the client's */
        START BLOCK("0", "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}") DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}") STOP("0")
            BLOCK("1", "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[]}") STOP("1") TEXT("2", "x") END("end_turn", ""),
        /* all arguments at the start */
        START BLOCK("0", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\": [1, \"x\"]}}") STOP("0") END("tool_use", ""),
        START E("what_is_new", ",\"message\":\"x\"") TEXT("0", "a") END("end_turn", ""),
    };

    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        char name[16];

        snprintf(name, sizeof name, "made %zu", i);
        play(name, streams[i], strlen(streams[i]), true);
    }
}

/* A Messages client reads what Anthropic said: stop reason and sequence, signed blocks one by one. */
static void native(void)
{
    struct meaning got;

    ask_as(&rows[1], false);
    feed(START TEXT("0", "a") END("stop_sequence", ",\"stop_sequence\":\"X\""), strlen(START TEXT("0", "a") END("stop_sequence", ",\"stop_sequence\":\"X\"")), 1 << 20, 200);
    CHECK(strstr(client.out, "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"X\"") != NULL);
    read_client(&rows[1], false, &got);
    meaning_free(&got);
    ask_as(&rows[1], true);
    feed(START TEXT("0", "a") END("stop_sequence", ",\"stop_sequence\":\"X\""), strlen(START TEXT("0", "a") END("stop_sequence", ",\"stop_sequence\":\"X\"")), 7, 200);
    CHECK(strstr(client.out, "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"X\"") != NULL);
}

/* A chat client that asks with functions, in the way of old, reads function_call. */
static void functions(void)
{
    static const char head[] = "{\"functions\":[{\"name\":\"f\"}]," USER HOST;
    static const char *const answers[] = {
        START BLOCK("0", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}")
            DELTA("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}") STOP("0")
            BLOCK("1", "{\"type\":\"tool_use\",\"id\":\"u\",\"name\":\"f\",\"input\":{}}") STOP("1") END("tool_use", ""),
        "{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\":1}}],"
        "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
    };
    static char body[1024];

    for (int whole = 0; whole < 2; whole++) {
        snprintf(body, sizeof body, "%s%s", head, whole != 0 ? "}" : rows[0].stream);
        ask_with(&rows[0], body);
        CHECK(strstr(up.sent[0], "\"disable_parallel_tool_use\":true") != NULL);
        feed(answers[whole], strlen(answers[whole]), 7, 200);
        CHECK(strstr(client.out, "\"function_call\":{\"name\":\"f\"") != NULL);
        CHECK(strstr(client.out, whole != 0 ? "\"arguments\":\"{\\\"a\\\":1}\"" : "\"function_call\":{\"arguments\":\"{\\\"a\\\":1}\"}") != NULL);
        CHECK(strstr(client.out, "\"finish_reason\":\"function_call\"") != NULL);
        CHECK(strstr(client.out, "tool_calls") == NULL);
    }
}

/* The last figures count; extra work is billed beside them; what cannot be believed is flagged. */
static void figures(void)
{
    static const struct {
        const char *start, *end;
        uint32_t prompt, completion, cached, write;
        bool odd;
    } cases[] = {
        {"{\"input_tokens\":43,\"output_tokens\":1}", "{\"input_tokens\":61,\"output_tokens\":9}", 61, 9, 0, 0, false},
        {"{\"input_tokens\":61,\"output_tokens\":1}", "{\"input_tokens\":43,\"cache_read_input_tokens\":18,\"output_tokens\":9}", 61, 9, 18, 0, false},
        {"{\"input_tokens\":61,\"output_tokens\":1}", "{\"output_tokens\":9}", 61, 9, 0, 0, false},
        {"{\"input_tokens\":3,\"cache_creation_input_tokens\":20,\"cache_creation\":{\"ephemeral_5m_input_tokens\":5,\"ephemeral_1h_input_tokens\":15},\"output_tokens\":1}", "{\"output_tokens\":9}", 23, 9, 0, 20, false},
        {"{\"input_tokens\":10,\"output_tokens\":1}", "{\"output_tokens\":9,\"iterations\":[{\"type\":\"compaction\",\"input_tokens\":100,\"output_tokens\":7},{\"type\":\"message\",\"input_tokens\":10,\"output_tokens\":9}]}", 110, 16, 0, 0, false},
        {"{\"input_tokens\":10,\"output_tokens\":1}", "{\"output_tokens\":-9}", 10, 1, 0, 0, true},
    };
    const struct provider provider = {.dialect = DIALECT_ANTHROPIC};
    const struct adapter *a = adapter_of(&provider, PROMPT_CHAT);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &provider, .want_usage = true};
        enum chat_kind kind;
        struct chat_error error;
        struct buf out;
        char events[3][600];

        buf_init(&out, 1 << 16);
        snprintf(events[0], 600, "{\"type\":\"message_start\",\"message\":{\"usage\":%s}}", cases[i].start);
        snprintf(events[1], 600, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":%s}", cases[i].end);
        snprintf(events[2], 600, "{\"type\":\"message_stop\"}");
        for (size_t k = 0; k < 3; k++) {
            buf_reset(&out);
            CHECK_INT(a->chunk(&c, view_str(events[k]), &out, &kind, &error), ERR_NONE);
        }
        CHECK_INT(c.usage.prompt, cases[i].prompt);
        CHECK_INT(c.usage.completion, cases[i].completion);
        CHECK_INT(c.usage.cached_read, cases[i].cached);
        CHECK_INT(c.usage.cache_write, cases[i].write);
        CHECK_INT(c.usage.clamped, cases[i].odd);
        CHECK((i == 3) == (memmem(out.ptr, out.len, "\"cache_write_1h_tokens\":15", 26) != NULL));
        buf_free(&out);
    }
}

/* --- failures */

static void errors(void)
{
    static const struct {
        int status;
        const char *body;
        int client;
        const char *code;
    } cases[] = {
        {400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 300000 tokens > 200000 maximum\"}}", 400, "context_length_exceeded"},
        {400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"messages.0.content: bad\"}}", 400, ""},
        {401, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"}}", 502, "provider_credentials"},
        {403, "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"no\"}}", 502, "provider_credentials"},
        {400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"x\",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}}}", 502, "provider_credentials"},
        {404, "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"model: x\"}}", 502, "provider_error"} /* the operator's name for it */,
        {413, "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"too large\"}}", 413, ""},
        {429, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}", 429, ""},
        {529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", 503, "provider_overloaded"},
        {500, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}", 502, "provider_error"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int stream = 0; stream < 2; stream++) {
            ask_as(&rows[0], stream != 0);
            feed(cases[i].body, strlen(cases[i].body), 1 << 20, cases[i].status);
            CHECK_INT(client.status, cases[i].client);
            CHECK(strstr(client.out, cases[i].code) != NULL);
            if (client.status != cases[i].client || strstr(client.out, cases[i].code) == NULL)
                printf("# %s\n#  %s\n", cases[i].body, client.out);
        }
    }
}

/* Behind a 200: before any output it is the next candidate's turn; behind some, the stream has failed. */
static void broken(void)
{
    static const char *const streams[] = {
        START TEXT("0", "a") E("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}"),
        START TEXT("0", "a"),
        START TEXT("0", "a") E("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}"),
        START TEXT("0", "a") E("message_stop", ""),
        START TEXT("0", "a") "data: [DONE]\n\n",
        START TEXT("0", "a") "data: {\"type\":\n\n",
    };

    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        for (size_t r = 0; r < ROWS; r++) {
            struct meaning got;

            ask_as(&rows[r], true);
            feed(streams[i], strlen(streams[i]), 7, 200);
            read_client(&rows[r], true, &got);
            CHECK(got.odd == NULL && got.failed && !got.complete);
            CHECK(strstr(client.out, "\"finish_reason\":\"stop\"") == NULL);
            if (got.odd != NULL || !got.failed)
                printf("# broken %zu, %s: %s\n#  %s\n", i, rows[r].name, got.odd != NULL ? got.odd : "", client.out);
            meaning_free(&got);
        }
    }
}

/* A body that only its own dialect can say is sent to providers of that one; when there are none, its member is named. */
static void unlisted(void)
{
    static const char parts[] = "{\"model\":\"demo/echo\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["
                                "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]}]";
    char body[512];

    for (int only = 0; only < 2; only++) {
        capabilities = CAP_IMAGES;
        context_length = 200000;
        reset();
        providers.list[0].dialect = DIALECT_ANTHROPIC;
        spoken = rows[0].dialect;
        spoken_at = rows[0].at;
        snprintf(body, sizeof body, "%s%s}", parts, only != 0 ? ",\"provider\":{\"only\":[\"demo-a\"]}" : "");
        if (only != 0)
            providers.list[1].dialect = DIALECT_ANTHROPIC;
        ask(body);
        CHECK_INT(up.started, only != 0 ? 0 : 1);
        if (only == 0) {
            CHECK(strcmp(up.provider[0], providers.list[1].id) == 0);
            up_head(400);
            up_done(ERR_NONE);
        } else {
            CHECK_INT(client.status, 400);
            CHECK(strstr(client.out, "\"param\":\"messages\"") != NULL && strstr(client.out, "stores no files") != NULL);
        }
        client_reads();
        providers.list[1].dialect = DIALECT_OPENAI;
    }
}

static const struct check_case cases[] = {
    {"anthropic_recordings_in_every_dialect", recordings},
    {"anthropic_cut_at_every_byte", cuts},
    {"anthropic_worked_example", worked},
    {"anthropic_made_streams", made},
    {"anthropic_stop_sequence", native},
    {"anthropic_functions_of_old", functions},
    {"anthropic_figures", figures},
    {"anthropic_errors", errors},
    {"anthropic_broken_streams", broken},
    {"anthropic_unlisted_bodies", unlisted},
};

int main(int argc, char **argv)
{
    quiet();
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
