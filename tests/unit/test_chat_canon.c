/* Every provider's stream must come out as the one form that all clients accept (facts: the measured
 * matrix). The checker below is written from that table, on another JSON library, and sees every
 * recorded stream and completion; tables add the shapes that nobody recorded. */
#include "bounds.h"
#include "chat_canon.h"
#include "check.h"
#include "clock.h"
#include "provider_fixtures.h"
#include "sse_in.h"

#include <json-c/json.h>

static const struct provider plain = {.id = "plain"};
static const struct provider excluded = {.id = "excluded", .quirks = QUIRK_REASONING_EXCLUDED};

static struct chat_canon canon_new(const struct provider *p, bool want_usage)
{
    return (struct chat_canon){.id = "gen-0123",
                               .created = 1700000000,
                               .model = VIEW_LIT("author/mo\"del"),
                               .provider = p,
                               .want_usage = want_usage};
}

/* --- the strict checker --- */

struct strict {
    const char *path;
    bool role[128], finished[128];
    unsigned calls[128]; /* opened so far, per choice */
    unsigned chunks, usage_chunks;
    size_t text, reasoning, arguments;
    char finish[32];
};

static void fault(const struct strict *s, const char *what, const char *json)
{
    printf("# %s: %s in %.400s\n", s->path, what, json);
    CHECK(!"canonical");
}
#define MUST(c)                                                                                    \
    do {                                                                                           \
        if (!(c))                                                                                  \
            fault(s, #c, text);                                                                    \
    } while (0)

static bool is(json_object *o, enum json_type t)
{
    return o != NULL && json_object_get_type(o) == t;
}

static bool equals(json_object *o, const char *want)
{
    return is(o, json_type_string) && strcmp(json_object_get_string(o), want) == 0;
}

static json_object *get(json_object *o, const char *key)
{
    json_object *v = NULL;

    return json_object_object_get_ex(o, key, &v) ? v : NULL;
}

static bool has(json_object *o, const char *key)
{
    return json_object_object_get_ex(o, key, NULL);
}

static size_t text_len(json_object *o)
{
    return is(o, json_type_string) ? (size_t)json_object_get_string_len(o) : 0;
}

static bool is_finish(json_object *o)
{
    return equals(o, "stop") || equals(o, "length") || equals(o, "tool_calls") ||
           equals(o, "content_filter") || equals(o, "function_call") || equals(o, "error");
}

static void strict_call(struct strict *s, json_object *call, unsigned choice, bool whole,
                        const char *text)
{
    json_object *function = get(call, "function");
    int64_t index = json_object_get_int64(get(call, "index"));
    bool first = true;

    MUST(is(call, json_type_object));
    if (!whole) {
        MUST(is(get(call, "index"), json_type_int));
        MUST(index >= 0 && index <= (int64_t)s->calls[choice]);
        first = index == (int64_t)s->calls[choice];
        s->calls[choice] += first;
    }
    if (first) {
        MUST(text_len(get(call, "id")) != 0);
        MUST(equals(get(call, "type"), "function") || equals(get(call, "type"), "custom"));
    } else {
        MUST(!has(call, "id"));
        MUST(!has(call, "type"));
    }
    if (equals(get(call, "type"), "custom") || has(call, "custom"))
        return;
    MUST(is(function, json_type_object));
    MUST(is(get(function, "arguments"), json_type_string));
    if (first)
        MUST(is(get(function, "name"), json_type_string));
    s->arguments += text_len(get(function, "arguments"));
}

static void strict_delta(struct strict *s, json_object *delta, unsigned choice, bool whole,
                         const char *text)
{
    json_object *calls = get(delta, "tool_calls");

    MUST(is(delta, json_type_object));
    MUST(has(delta, "role") == !s->role[choice]);
    s->role[choice] = true;
    if (has(delta, "role"))
        MUST(equals(get(delta, "role"), "assistant"));
    if (has(delta, "content"))
        MUST(get(delta, "content") == NULL || is(get(delta, "content"), json_type_string));
    if (whole) {
        MUST(has(delta, "content"));
        MUST(has(delta, "refusal"));
    }
    if (text_len(get(delta, "reasoning")) != 0 || text_len(get(delta, "reasoning_content")) != 0) {
        MUST(text_len(get(delta, "reasoning")) != 0);
        MUST(text_len(get(delta, "reasoning_content")) != 0);
    }
    s->text += text_len(get(delta, "content"));
    s->reasoning += text_len(get(delta, "reasoning"));
    if (!has(delta, "tool_calls"))
        return;
    MUST(is(calls, json_type_array) && json_object_array_length(calls) != 0);
    for (size_t i = 0; i < json_object_array_length(calls); i++)
        strict_call(s, json_object_array_get_idx(calls, i), choice, whole, text);
}

static void strict_document(struct strict *s, const char *text, bool whole)
{
    static const char *const never[] = {"error", "x_groq", "obfuscation", "p", "time_info",
                                        "prompt_filter_results", "base_resp",
                                        "latency_checkpoint", "generationId", "provider"};
    struct json_tokener *tok = json_tokener_new();
    json_object *o, *choices;

    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    o = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);
    MUST(is(o, json_type_object));
    MUST(strpbrk(text, "\r\n") == NULL || whole);
    MUST(equals(get(o, "id"), "gen-0123"));
    MUST(equals(get(o, "object"), whole ? "chat.completion" : "chat.completion.chunk"));
    MUST(json_object_get_int64(get(o, "created")) == 1700000000);
    MUST(equals(get(o, "model"), "author/mo\"del"));
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        MUST(!has(o, never[i]));
    MUST(!has(o, "usage") || is(get(o, "usage"), json_type_object));
    MUST(!has(o, "service_tier") || is(get(o, "service_tier"), json_type_string));
    MUST(whole ? has(o, "system_fingerprint")
               : !has(o, "system_fingerprint") ||
                     is(get(o, "system_fingerprint"), json_type_string));
    s->usage_chunks += has(o, "usage");
    choices = get(o, "choices");
    MUST(is(choices, json_type_array));
    MUST(json_object_array_length(choices) != 0 || has(o, "usage"));
    for (size_t i = 0; is(choices, json_type_array) && i < json_object_array_length(choices); i++) {
        json_object *c = json_object_array_get_idx(choices, i);
        int64_t index = json_object_get_int64(get(c, "index"));

        MUST(is(get(c, "index"), json_type_int) && index >= 0 && index < 128);
        MUST(has(c, "finish_reason"));
        MUST(get(c, "finish_reason") == NULL || is_finish(get(c, "finish_reason")));
        MUST(!has(c, "usage"));
        if (index < 0 || index > 127)
            continue;
        strict_delta(s, get(c, whole ? "message" : "delta"), (unsigned)index, whole, text);
        if (get(c, "finish_reason") != NULL) {
            s->finished[index] = true;
            snprintf(s->finish, sizeof s->finish, "%s",
                     json_object_get_string(get(c, "finish_reason")));
        }
    }
    s->chunks++;
    json_object_put(o);
    json_tokener_free(tok);
}

/* --- one recorded stream --- */

struct recorded { /* what the recording itself says, read with json-c */
    int64_t prompt, completion, total, reasoning, cached;
    bool usage, error;
    size_t text;
};

static void recorded_read(const char *data, struct recorded *r)
{
    json_object *o = json_tokener_parse(data), *u, *v;

    if (!is(o, json_type_object))
        goto done;
    r->error = r->error || is(get(o, "error"), json_type_object);
    u = get(o, "usage");
    if (!is(u, json_type_object) && has(o, "x_groq"))
        u = get(get(o, "x_groq"), "usage");
    v = !is(get(o, "choices"), json_type_array) || json_object_array_length(get(o, "choices")) == 0
            ? NULL
            : json_object_array_get_idx(get(o, "choices"), 0);
    if (!is(u, json_type_object) && v != NULL)
        u = get(v, "usage");
    if (v != NULL && has(v, "delta") && get(v, "delta") != NULL)
        r->text += text_len(get(get(v, "delta"), "content"));
    if (is(u, json_type_object)) {
        r->usage = true;
        r->prompt = json_object_get_int64(get(u, "prompt_tokens"));
        r->completion = json_object_get_int64(get(u, "completion_tokens"));
        r->total = json_object_get_int64(get(u, "total_tokens"));
        v = get(u, "completion_tokens_details");
        r->reasoning = v == NULL ? 0 : json_object_get_int64(get(v, "reasoning_tokens"));
        v = get(u, "prompt_tokens_details");
        r->cached = v == NULL ? 0 : json_object_get_int64(get(v, "cached_tokens"));
    }
done:
    json_object_put(o);
}

static void usage_compare(const char *path, const struct token_usage *u, const struct recorded *r)
{
    bool excl = r->reasoning != 0 && r->total == r->prompt + r->completion + r->reasoning;
    /* Two recordings contradict themselves: 161 of 7 prompt tokens cached, 11 of 10 reasoning. */
    bool odd = r->cached > r->prompt || (!excl && r->reasoning > r->completion);
    int64_t cached = r->cached > r->prompt ? r->prompt : r->cached;
    int64_t reasoning = odd && r->reasoning > r->completion ? r->completion : r->reasoning;

    if (u->present != r->usage || u->prompt != r->prompt ||
        u->completion != r->completion + (excl ? r->reasoning : 0) ||
        u->reasoning != reasoning || (cached != 0 && u->cached_read != cached) ||
        u->clamped != odd) {
        printf("# %s: usage %u/%u r%u c%u clamped %d, recorded %d %" PRId64 "/%" PRId64 " r%" PRId64
               " c%" PRId64 " total %" PRId64 "\n",
               path, u->prompt, u->completion, u->reasoning, u->cached_read, u->clamped, r->usage,
               r->prompt, r->completion, r->reasoning, r->cached, r->total);
        CHECK(!"usage equals the recording");
    }
}

struct counts {
    unsigned streams, chunks, usages, errors, wholes, error_bodies, repeats;
};
static struct counts counted;

struct run {
    struct chat_canon c;
    struct chat_canon slow; /* the same, always the long way */
    struct strict s;
    struct recorded r;
    struct buf out;
    bool error, done;
};

/* The short way must be invisible but for the time it takes. */
static void long_way_too(struct run *run, struct view data, enum chat_kind kind)
{
    struct chat_error error;
    enum chat_kind slow_kind;
    struct buf out;

    buf_init(&out, LIMIT_RESPONSE_BYTES);
    run->slow.repeat = (struct chat_repeat){0};
    CHECK_INT(chat_canon_chunk(&run->slow, data, &out, &slow_kind, &error), ERR_NONE);
    CHECK_INT(kind, slow_kind);
    CHECK_BYTES(run->out.ptr, run->out.len, out.ptr, out.len);
    CHECK_INT(run->c.content_bytes, run->slow.content_bytes);
    CHECK_INT(run->c.useful, run->slow.useful);
    CHECK_INT(run->c.chunks, run->slow.chunks);
    CHECK_INT(run->c.finish, run->slow.finish);
    buf_free(&out);
}

static void run_event(struct run *run, struct view data)
{
    struct chat_error error;
    enum chat_kind kind;
    char *text = strndup((const char *)data.ptr, data.len);

    buf_reset(&run->out);
    CHECK_INT(chat_canon_chunk(&run->c, data, &run->out, &kind, &error), ERR_NONE);
    long_way_too(run, data, kind);
    recorded_read(text, &run->r);
    switch (kind) {
    case CHAT_EMIT:
        CHECK_INT(buf_append_byte(&run->out, 0), ERR_NONE);
        strict_document(&run->s, (const char *)run->out.ptr, false);
        break;
    case CHAT_NOTHING:
        CHECK_INT(run->out.len, 0);
        break;
    case CHAT_DONE:
        run->done = true;
        break;
    case CHAT_ERROR:
        CHECK_INT(run->out.len, 0);
        CHECK(error.status >= 400);
        run->error = true;
        break;
    }
    free(text);
}

static void run_finish(struct run *run, const char *path)
{
    static const char *const names[] = {"", "stop", "length", "tool_calls", "content_filter",
                                        "error"};

    usage_compare(path, &run->c.usage, &run->r);
    CHECK_INT(run->error, run->r.error);
    CHECK_INT(run->s.chunks, run->c.chunks);
    CHECK_INT(run->s.finished[0], run->c.finish != FINISH_NONE);
    if (strcmp(run->s.finish, "function_call") != 0)
        CHECK_BYTES(run->s.finish, strlen(run->s.finish), names[run->c.finish],
                    strlen(names[run->c.finish]));
    CHECK(run->s.text == run->r.text || run->s.reasoning != 0);
    CHECK_INT(run->s.usage_chunks != 0, run->c.want_usage && run->r.usage && !run->error);
    counted.streams++;
    counted.chunks += run->s.chunks;
    counted.usages += run->c.usage.present;
    counted.errors += run->error;
    counted.repeats += run->c.repeats;
    CHECK_INT(run->slow.repeats, 0);
    buf_free(&run->out);
}

static bool is_chat_stream(const uint8_t *bytes, size_t len)
{
    return memmem(bytes, len, "chat.completion.chunk", 21) != NULL;
}

static struct run run_new(const char *path, bool want_usage)
{
    struct run run = {.c = canon_new(&plain, want_usage),
                      .slow = canon_new(&plain, want_usage),
                      .s = {.path = path}};

    buf_init(&run.out, LIMIT_RESPONSE_BYTES);
    return run;
}

static void stream_sse(const char *path, const uint8_t *bytes, size_t len)
{
    if (!is_chat_stream(bytes, len))
        return;
    for (int want = 0; want < 2; want++) {
        struct run run = run_new(path, want != 0);
        struct sse_in in;
        struct sse_event ev;

        sse_in_init(&in, LIMIT_SSE_LINE_BYTES, NULL);
        sse_in_feed(&in, view_of(bytes, len));
        while (sse_in_next(&in, &ev) == ERR_NONE)
            run_event(&run, ev.data);
        sse_in_free(&in);
        run_finish(&run, path);
    }
}

static void stream_lines(const char *path, const uint8_t *bytes, size_t len)
{
    if (!is_chat_stream(bytes, len))
        return;
    for (int want = 0; want < 2; want++) {
        struct run run = run_new(path, want != 0);
        const uint8_t *at = bytes, *end = bytes + len;

        while (at < end) {
            const uint8_t *nl = memchr(at, '\n', (size_t)(end - at));
            size_t n = (size_t)((nl == NULL ? end : nl) - at);

            if (n != 0)
                run_event(&run, view_of(at, n));
            at += n + 1;
        }
        run_finish(&run, path);
    }
}

static void test_recorded_streams(void)
{
    fixtures_each(".resp.sse", stream_sse);
    fixtures_each(".resp.chunks.jsonl", stream_lines);
    printf("# %u recorded streams (with and without usage), %u canonical chunks, %u with usage, "
           "%u with an error event; %u chunks went the short way\n",
           counted.streams, counted.chunks, counted.usages, counted.errors, counted.repeats);
    CHECK(counted.streams != 0 && counted.usages != 0 && counted.repeats != 0);
}

static void whole_json(const char *path, const uint8_t *bytes, size_t len)
{
    struct chat_canon c = canon_new(&plain, false);
    struct recorded r = {0};
    struct strict strict = {.path = path};
    struct chat_error error;
    enum chat_kind kind;
    struct buf out;
    json_object *o = json_tokener_parse((const char *)bytes);

    buf_init(&out, LIMIT_RESPONSE_BYTES);
    if (is(o, json_type_object) && equals(get(o, "object"), "chat.completion")) {
        CHECK_INT(chat_canon_whole(&c, view_of(bytes, len), &out, &kind, &error), ERR_NONE);
        CHECK_INT(kind, CHAT_EMIT);
        CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
        strict_document(&strict, (const char *)out.ptr, true);
        recorded_read((const char *)bytes, &r);
        usage_compare(path, &c.usage, &r);
        if (c.finish == FINISH_NONE)
            fault(&strict, "no finish reason", (const char *)bytes);
        counted.wholes++;
    } else if (is(o, json_type_object) && (get(o, "error") != NULL || get(o, "detail") != NULL)) {
        chat_canon_error(400, view_of(bytes, len), &error);
        if (error.message.len == 0 && error.status != 401)
            fault(&strict, "no error message", (const char *)bytes);
        CHECK_INT(chat_canon_whole(&c, view_of(bytes, len), &out, &kind, &error), ERR_NONE);
        CHECK_INT(kind, CHAT_ERROR);
        counted.error_bodies++;
    }
    json_object_put(o);
    buf_free(&out);
}

static void test_recorded_wholes(void)
{
    fixtures_each(".resp.json", whole_json);
    printf("# %u recorded completions, %u recorded error bodies\n", counted.wholes,
           counted.error_bodies);
    CHECK(counted.wholes != 0 && counted.error_bodies != 0);
}

/* --- shapes, one by one: chunks in, canonical chunks out --- */

#define HEAD "\"id\":\"gen-0123\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"        \
             "\"model\":\"author/mo\\\"del\""
#define UP "\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"y\""

static const struct {
    const char *name;
    const char *in[4], *want[4]; /* want NULL: nothing; "!": error; "#": protocol error */
} shapes[] = {
    {"canonical bytes stay",
     {"{" UP ",\"choices\":[ {\"index\":0, \"delta\" : {\"role\":\"assistant\",\"content\":\"\\u00e9\"},"
      "\"x\":18446744073709551616,\"finish_reason\":null} ] }"},
     {"{" HEAD ",\"choices\":[ {\"index\":0, \"delta\" : {\"role\":\"assistant\",\"content\":\"\\u00e9\"},"
      "\"x\":18446744073709551616,\"finish_reason\":null} ] }"}},
    {"missing everything",
     {"{\"choices\":[{}]}", "{\"choices\":[{\"delta\":null}]}"},
     {"{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]," HEAD "}",
      "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":null}]," HEAD "}"}},
    {"role once, per choice",
     {"{" UP ",\"choices\":[{\"index\":1,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":1,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},"
      "\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"c\",\"role\":null},"
      "\"finish_reason\":null}]}"},
     {"{" HEAD ",\"choices\":[{\"index\":1,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\",\"role\":\"assistant\"},"
      "\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"c\"},\"finish_reason\":null}]}"}},
    {"nulls and fillers go, wherever they stand",
     {"{\"p\":\"abc\",\"error\":null," UP ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},"
      "\"finish_reason\":null}],\"usage\":null,\"system_fingerprint\":null,\"x\":null,"
      "\"service_tier\":null,\"obfuscation\":\"zz\",\"time_info\":{}}"},
     {"{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}],"
      "\"x\":null}"}},
    {"reasoning under both names",
     {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning\":\"a\"},"
      "\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":null,\"reasoning_content\":\"b\"},"
      "\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":null,\"content\":\"c\"},"
      "\"finish_reason\":null}]}"},
     {"{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning\":\"a\","
      "\"reasoning_content\":\"a\"},\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"b\",\"reasoning_content\":\"b\"},"
      "\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":null,\"content\":\"c\"},"
      "\"finish_reason\":null}]}"}},
    {"content arrays",
     {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
      "\"thinking\":[{\"type\":\"text\",\"text\":\"hm\\n\"}]},{\"type\":\"text\",\"text\":\"a\"},"
      "{\"type\":\"text\",\"text\":\"b\"}]},\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"content\":[]},\"finish_reason\":null}]}"},
     {"{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"ab\","
      "\"reasoning\":\"hm\\n\",\"reasoning_content\":\"hm\\n\"},\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":null}]}"}},
    {"tool delta without index, type, id; arguments an object",
     {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"function\":"
      "{\"name\":\"f\",\"arguments\":{\"a\":\"\\\"\"}}}]},\"finish_reason\":null}]}"},
     {"{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"function\":"
      "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"\\\\\\\"\\\"}\"},\"index\":0,"
      "\"id\":\"call_gen-0123_0_0\",\"type\":\"function\"}]},\"finish_reason\":null}]}"}},
    {"later tool deltas with null or repeated name, type, id; gap in the index",
     {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":1,"
      "\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
      "\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":null,\"type\":null,"
      "\"function\":{\"name\":null,\"arguments\":\"{\"}}]},\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c1\","
      "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}}]},"
      "\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":5,\"id\":\"c2\","
      "\"type\":\"function\",\"function\":{\"name\":\"g\"}}]},\"finish_reason\":null}]}"},
     {"{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,"
      "\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
      "\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
      "\"function\":{\"arguments\":\"{\"}}]},\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
      "\"function\":{\"arguments\":\"}\"}}]},\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c2\","
      "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},"
      "\"finish_reason\":null}]}"}},
    {"parallel calls that all say index 0, then arguments for the latest",
     {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,"
      "\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}},{\"index\":0,"
      "\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
      "\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
      "{\"arguments\":\"{}\"}}]},\"finish_reason\":null}]}"},
     {"{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,"
      "\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}},{\"index\":1,"
      "\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
      "\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":"
      "{\"arguments\":\"{}\"}}]},\"finish_reason\":null}]}"}},
    {"empty and null tool_calls go",
     {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[],\"role\":\"assistant\"},"
      "\"finish_reason\":null}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":null},\"finish_reason\":\"\"}]}"},
     {"{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":null}]}"}},
    {"foreign finish reasons",
     {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"model_length\"}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"eos\"}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"sensitive\"}]}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":7}]}"},
     {"{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"length\"}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]}",
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":null}]}"}},
    {"nothing to say",
     {"{" UP ",\"choices\":[],\"prompt_filter_results\":[]}", "{" UP ",\"choices\":[],\"usage\":null}",
      "{\"type\":\"ping\"}", "  "},
     {NULL, NULL, NULL, NULL}},
    {"usage not asked for",
     {"{" UP ",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
      "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}"},
     {NULL,
      "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"role\":\"assistant\"},"
      "\"finish_reason\":\"stop\"}]}",
      NULL}},
    {"line breaks between tokens become spaces",
     {"{" UP ",\n\"choices\":[\r\n{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]\n}"},
     {"{" HEAD ", \"choices\":[  {\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}] }"}},
    {"errors in every shape",
     {"{\"error\":{\"message\":\"no\",\"code\":429}}", "{\"error\":\"no\"}",
      "{\"object\":\"error\",\"message\":\"no\"}",
      "{" UP ",\"error\":{\"message\":\"no\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},"
      "\"finish_reason\":\"error\"}]}"},
     {"!", "!", "!", "!"}},
    {"more errors",
     {"{\"detail\":\"no\"}", "{\"detail\":[{\"msg\":\"no\"}]}",
      "{" UP ",\"choices\":null,\"base_resp\":{\"status_code\":1000,\"status_msg\":\"no\"}}",
      "{\"code\":\"1302\",\"msg\":\"no\"}"},
     {"!", "!", "!", "!"}},
    {"not ours to repair",
     {"{", "[1]", "{" UP ",\"choices\":[7]}", "{" UP ",\"choices\":[{\"index\":128,\"delta\":{}}]}"},
     {"#", "#", "#", "#"}},
    {"nor these",
     {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[1]}}]}", "hello",
      "{" UP ",\"choices\":[{\"index\":-1,\"delta\":{}}]}", "{\"choices\":[]} x"},
     {"#", "#", "#", "#"}},
};

static void test_shapes(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct chat_canon c = canon_new(&plain, false);

        for (int k = 0; k < 4 && shapes[i].in[k] != NULL; k++) {
            const char *want = shapes[i].want[k];
            struct chat_error error;
            enum chat_kind kind;
            struct buf out;
            enum err e;

            buf_init(&out, 1 << 20);
            e = chat_canon_chunk(&c, view_str(shapes[i].in[k]), &out, &kind, &error);
            if (want != NULL && strcmp(want, "#") == 0) {
                CHECK_INT(e, ERR_PROVIDER_PROTOCOL);
                CHECK_INT(out.len, 0);
            } else if (want != NULL && strcmp(want, "!") == 0) {
                CHECK_INT(kind, CHAT_ERROR);
                CHECK_BYTES(error.message.ptr, error.message.len, "no", 2);
            } else {
                CHECK_INT(e, ERR_NONE);
                CHECK_INT(kind, want == NULL ? CHAT_NOTHING : CHAT_EMIT);
                CHECK_BYTES(out.ptr, out.len, want, want == NULL ? 0 : strlen(want));
            }
            if (check_failed_ != 0) {
                printf("# in \"%s\", chunk %d\n", shapes[i].name, k);
                buf_free(&out);
                return;
            }
            buf_free(&out);
        }
    }
    printf("# %zu shapes\n", sizeof shapes / sizeof shapes[0]);
}

static const struct {
    const struct provider *p;
    const char *usage;
    uint32_t prompt, completion, cached, written, reasoning;
    bool present, clamped;
} usages[] = {
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}", 10, 5, 0, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":4}}", 10, 5, 0, 0, 4, true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":141,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":129}}", 10, 131, 0, 0, 129, true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":4}}", 10, 5, 0, 0, 4, true, false},
    {&excluded, "{\"prompt_tokens\":10,\"completion_tokens\":5,"
                "\"completion_tokens_details\":{\"reasoning_tokens\":4}}", 10, 9, 0, 0, 4, true, false},
    {&excluded, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
                "\"completion_tokens_details\":{\"reasoning_tokens\":4}}", 10, 5, 0, 0, 4, true, false},
    {&excluded, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":115}", 10, 105, 0, 0, 100,
     true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":115}", 10, 5, 0, 0, 0, true,
     false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":50}}", 10, 55, 0, 0, 50, true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":6}}", 10, 5, 0, 0, 5, true, true},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,"
             "\"prompt_tokens_details\":{\"cached_tokens\":8,\"cache_write_tokens\":1}}", 10, 5, 8, 1, 0, true,
     false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_cache_hit_tokens\":8,"
             "\"prompt_cache_miss_tokens\":2}", 10, 5, 8, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"cached_tokens\":8}", 10, 5, 8, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":45,"
             "\"cache_read_input_tokens\":20,\"cache_creation_input_tokens\":10}", 40, 5, 20, 10, 0, true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"cached_tokens\":20,"
             "\"cache_creation_input_tokens\":3}", 10, 5, 10, 0, 0, true, true},
    {&plain, "{\"prompt_tokens\":-10,\"completion_tokens\":5}", 0, 5, 0, 0, 0, true, true},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":99999999999}", 10, 0, 0, 0, 0, true, true},
    {&plain, "{\"prompt_tokens\":99999999999999999999999,\"completion_tokens\":-99999999999999999999999}",
     0, 0, 0, 0, 0, true, true},
    /* a whole number is one however it is spelled */
    {&plain, "{\"prompt_tokens\":10.0,\"completion_tokens\":5e0,\"total_tokens\":1.5e1}", 10, 5, 0, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":\"10\",\"completion_tokens\":\"5.0\"}", 10, 5, 0, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":\"ten\",\"completion_tokens\":5}", 0, 5, 0, 0, 0, true, true},
    {&plain, "{\"prompt_tokens\":[10],\"completion_tokens\":5}", 0, 5, 0, 0, 0, true, true},
    {&plain, "{\"prompt_tokens\":1e999,\"completion_tokens\":\"NaN\"}", 0, 0, 0, 0, 0, true, true},
    {&plain, "{\"prompt_tokens\":\"\",\"completion_tokens\":\"-5\"}", 0, 0, 0, 0, 0, true, true},
    /* a missing figure follows from the total, when there is one */
    {&plain, "{\"prompt_tokens\":10,\"total_tokens\":15}", 10, 5, 0, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":0,\"completion_tokens\":5,\"total_tokens\":15}", 10, 5, 0, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":0,\"completion_tokens\":20,\"total_tokens\":20}", 0, 20, 0, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":10,\"completion_tokens\":0,\"total_tokens\":15,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":5}}", 10, 5, 0, 0, 5, true, false},
    /* Anthropic counts its input beside its cache; OpenAI's names mean the whole prompt */
    {&plain, "{\"input_tokens\":4,\"output_tokens\":5,\"cache_read_input_tokens\":96,\"cache_creation_input_tokens\":10}",
     110, 5, 96, 10, 0, true, false},
    {&plain, "{\"input_tokens\":0,\"output_tokens\":5,\"total_tokens\":101,\"cache_read_input_tokens\":96}", 96, 5, 96, 0, 0, true, false},
    {&plain, "{\"input_tokens\":0,\"output_tokens\":5,\"cache_read_input_tokens\":96}", 96, 5, 96, 0, 0, true, false},
    {&plain, "{\"input_tokens\":100,\"output_tokens\":5,\"input_tokens_details\":{\"cached_tokens\":96}}", 100, 5, 96, 0, 0,
     true, false},
    {&plain, "{\"prompt_tokens\":100,\"completion_tokens\":5,\"cache_read_input_tokens\":96}", 100, 5, 96, 0, 0, true, false},
    /* of two spellings of one figure the larger counts, in either order */
    {&plain, "{\"prompt_tokens\":10,\"input_tokens\":0,\"completion_tokens\":5,\"output_tokens\":0}", 10, 5, 0, 0, 0,
     true, false},
    {&plain, "{\"prompt_tokens\":10.5,\"completion_tokens\":5}", 0, 5, 0, 0, 0, true, true},
    {&plain, "{\"input_tokens\":10,\"output_tokens\":5}", 10, 5, 0, 0, 0, true, false},
    {&plain, "{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}", 0, 0, 0, 0, 0, false, false},
    {&plain, "{}", 0, 0, 0, 0, 0, false, false},
    {&plain, "{\"prompt_tokens\":null}", 0, 0, 0, 0, 0, false, false},
};

static void test_usage(void)
{
    static const char *const places[][2] = {
        {"{" UP ",\"choices\":[],\"usage\":", "}"},
        {"{" UP ",\"choices\":[],\"x_groq\":{\"id\":\"r\",\"usage\":", "}}"},
        {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{},\"usage\":", "}]}"},
    };

    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++) {
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
            struct chat_canon c = canon_new(usages[i].p, true);
            struct chat_error error;
            enum chat_kind kind;
            struct buf out;
            char chunk[1024];

            buf_init(&out, 1 << 20);
            snprintf(chunk, sizeof chunk, "%s%s%s", places[k][0], usages[i].usage, places[k][1]);
            CHECK_INT(chat_canon_chunk(&c, view_str(chunk), &out, &kind, &error), ERR_NONE);
            CHECK_INT(c.usage.present, usages[i].present);
            CHECK_INT(c.usage.clamped, usages[i].clamped);
            CHECK_INT(c.usage.prompt, usages[i].prompt);
            CHECK_INT(c.usage.completion, usages[i].completion);
            CHECK_INT(c.usage.cached_read, usages[i].cached);
            CHECK_INT(c.usage.cache_write, usages[i].written);
            CHECK_INT(c.usage.reasoning, usages[i].reasoning);
            if (usages[i].present) { /* the client gets the provider's own figures */
                CHECK_INT(kind, CHAT_EMIT);
                snprintf(chunk, sizeof chunk, "\"usage\":%s", usages[i].usage);
                CHECK(memmem(out.ptr, out.len, chunk, strlen(chunk)) != NULL);
            }
            buf_free(&out);
        }
    }
    printf("# %zu usage objects in 3 places\n", sizeof usages / sizeof usages[0]);
}

/* One response's usage objects, merged by figure. */
static void test_usage_merged(void)
{
    static const struct {
        const char *what, *in[3];
        uint32_t prompt, completion, cached, reasoning;
        bool present, clamped;
    } cases[] = {
        {"prompt first, completion last", {"{\"prompt_tokens\":1000,\"completion_tokens\":1}", "{\"completion_tokens\":50}"},
         1000, 50, 0, 0, true, false},
        {"cached tokens later", {"{\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120}",
                                 "{\"prompt_tokens_details\":{\"cached_tokens\":96}}"}, 100, 20, 96, 0, true, false},
        {"cached tokens first", {"{\"prompt_tokens_details\":{\"cached_tokens\":96}}",
                                 "{\"prompt_tokens\":100,\"completion_tokens\":20}"}, 100, 20, 96, 0, true, false},
        {"a running total", {"{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}",
                             "{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}",
                             "{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12}"}, 9, 3, 0, 0, true, false},
        {"a last one of zeros", {"{\"prompt_tokens\":9,\"completion_tokens\":3}",
                                 "{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}"}, 9, 3, 0, 0, true, false},
        {"an absurd one beside a good one", {"{\"prompt_tokens\":9,\"completion_tokens\":3}",
                                             "{\"prompt_tokens\":-1,\"completion_tokens\":99999999999}"}, 9, 3, 0, 0, true, true},
        {"reasoning outside, told by the total", {"{\"prompt_tokens\":10,\"completion_tokens\":2}",
             "{\"total_tokens\":141,\"completion_tokens_details\":{\"reasoning_tokens\":129}}"}, 10, 131, 0, 129, true, false},
        {"cached tokens of no prompt", {"{\"prompt_tokens_details\":{\"cached_tokens\":96}}"}, 0, 0, 0, 0, true, true},
        {"nothing", {"{\"prompt_tokens\":null}", "{\"cost\":0.1}"}, 0, 0, 0, 0, false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_canon c = canon_new(&plain, true);

        for (size_t k = 0; k < 3 && cases[i].in[k] != NULL; k++) {
            struct chat_error error;
            enum chat_kind kind;
            struct buf out;
            char chunk[1024];

            buf_init(&out, 1 << 20);
            snprintf(chunk, sizeof chunk, "{" UP ",\"choices\":[],\"usage\":%s}", cases[i].in[k]);
            CHECK_INT(chat_canon_chunk(&c, view_str(chunk), &out, &kind, &error), ERR_NONE);
            buf_free(&out);
        }
        if (c.usage.prompt != cases[i].prompt || c.usage.completion != cases[i].completion)
            printf("# in case: %s\n", cases[i].what);
        CHECK_INT(c.usage.prompt, cases[i].prompt);
        CHECK_INT(c.usage.completion, cases[i].completion);
        CHECK_INT(c.usage.cached_read, cases[i].cached);
        CHECK_INT(c.usage.reasoning, cases[i].reasoning);
        CHECK_INT(c.usage.present, cases[i].present);
        CHECK_INT(c.usage.clamped, cases[i].clamped);
    }
}

/* A chunk with usage is still a chunk: what is in it arrives, with the usage or without it. */
static void test_usage_beside_content(void)
{
    static const struct {
        const char *choice; /* a later chunk's, behind one that gave the role */
        bool speaks;
    } cases[] = {
        {"\"delta\":{\"content\":\"x\"},\"finish_reason\":null", true},
        {"\"delta\":{\"reasoning_content\":\"x\",\"reasoning\":\"x\"},\"finish_reason\":null", true},
        {"\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"finish_reason\":null", true},
        {"\"delta\":{\"function_call\":{\"arguments\":\"{\\\"p\\\"\"}},\"finish_reason\":null", true},
        {"\"delta\":{\"audio\":{\"data\":\"BBBB\"}},\"finish_reason\":null", true},
        {"\"delta\":{\"audio\":{\"expires_at\":1}},\"finish_reason\":null", true},
        {"\"delta\":{\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,\"}}]},\"finish_reason\":null", true},
        {"\"delta\":{\"annotations\":[{\"type\":\"url_citation\"}]},\"finish_reason\":null", true},
        {"\"delta\":{\"reasoning_details\":[{\"text\":\"x\"}]},\"finish_reason\":null", true},
        {"\"delta\":{\"thinking_blocks\":[{\"thinking\":\"x\"}]},\"finish_reason\":null", true},
        {"\"delta\":{\"refusal\":\"no\"},\"finish_reason\":null", true},
        {"\"delta\":{},\"logprobs\":{\"content\":[{\"token\":\"x\"}]},\"finish_reason\":null", true},
        {"\"delta\":{},\"finish_reason\":\"stop\"", true},
        {"\"delta\":{\"content\":\"\",\"audio\":null,\"annotations\":[],\"x\":{\"y\":\"\"}},\"finish_reason\":null", false},
        {"\"delta\":{},\"logprobs\":null,\"finish_reason\":null", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int asked = 0; asked < 2; asked++) {
            struct chat_canon c = canon_new(&plain, asked);
            struct chat_error error;
            enum chat_kind kind;
            struct buf out;
            char chunk[1024];

            buf_init(&out, 1 << 20);
            CHECK_INT(chat_canon_chunk(&c, VIEW_LIT("{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                                                    "\"content\":\"\"},\"finish_reason\":null}]}"),
                                       &out, &kind, &error), ERR_NONE);
            buf_reset(&out);
            snprintf(chunk, sizeof chunk, "{" UP ",\"choices\":[{\"index\":0,%s}],"
                     "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}", cases[i].choice);
            CHECK_INT(chat_canon_chunk(&c, view_str(chunk), &out, &kind, &error), ERR_NONE);
            CHECK_INT(kind, cases[i].speaks || asked ? CHAT_EMIT : CHAT_NOTHING);
            if (kind != (cases[i].speaks || asked ? CHAT_EMIT : CHAT_NOTHING))
                printf("# %s\n", cases[i].choice);
            if (cases[i].speaks)
                CHECK(memmem(out.ptr, out.len, cases[i].choice, strlen(cases[i].choice)) != NULL);
            CHECK_INT(out.len != 0 && memmem(out.ptr, out.len, "\"usage\"", 7) != NULL, asked);
            CHECK_INT(c.useful, cases[i].speaks && strstr(cases[i].choice, "logprobs") == NULL);
            buf_free(&out);
        }
    }
}

static const struct {
    int status;
    const char *body;
    int want;
    bool client_fault, context;
    const char *message;
} errors[] = {
    {400, "{\"error\":{\"message\":\"bad \\\"x\\\"\",\"type\":\"invalid_request_error\"}}", 400, true, false,
     "bad \\\"x\\\""},
    {400, "{\"error\":{\"message\":\"too long\",\"code\":\"context_length_exceeded\"}}", 400, true, true,
     "too long"},
    {400, "{\"error\":{\"message\":\"This model's maximum context length is 8\"}}", 400, true, true,
     "This model's maximum context length is 8"},
    {400, "{\"code\":\"x\",\"error\":\"Incorrect API key provided: sk-1***\"}", 401, false, false, ""},
    {400, "[{\"error\":{\"code\":400,\"message\":\"API key not valid\",\"status\":\"INVALID_ARGUMENT\"}}]", 401,
     false, false, ""},
    {401, "{\"error\":{\"message\":\"Incorrect API key provided: sk-1***\"}}", 401, false, false, ""},
    {402, "{\"error\":{\"message\":\"Insufficient Balance\"}}", 402, false, false, ""},
    {403, "{\"error\":{\"message\":\"org-1 may not\"}}", 403, false, false, ""},
    {404, "{\"detail\":\"Not Found\"}", 404, true, false, "Not Found"},
    {413, "<html>too big</html>", 413, true, false, ""},
    {422, "{\"detail\":[{\"loc\":[1],\"msg\":\"field required\"}]}", 422, true, false, "field required"},
    {429, "{\"error\":{\"message\":\"slow down\",\"type\":\"server_error\"}}", 429, false, false, "slow down"},
    {500, "{\"error\":{\"message\":\"oops\",\"code\":400}}", 500, false, false, "oops"},
    {502, "", 502, false, false, ""},
    {503, "\"overloaded\"", 503, false, false, "overloaded"},
    {529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", 529, false,
     false, "Overloaded"},
    {400, "{\"message\":\"plain\",\"request_id\":\"r\"}", 400, true, false, "plain"},
    {500, "{\"error\":{\"message\":7}}", 500, false, false, ""},
};

/* Whom a refusal is about: the request, what this provider can do, or the operator. */
static const struct {
    int status;
    const char *message;
    int want;
    bool own_limit;
} blamed[] = {
    {400, "max_tokens must be between 1 and 512 for this model", 400, true},
    {400, "messages[0].role: developer is not one of ['system', 'user', 'assistant', 'tool']", 400, true},
    {400, "`llama3` does not support tools", 400, true},
    {400, "\\\"auto\\\" tool choice requires --enable-auto-tool-choice", 400, true},
    {400, "This model's maximum context length is 8192 tokens", 400, true},
    {413, "Request too large for model on tokens per minute (TPM)", 413, true},
    {413, "", 413, true},
    {422, "messages.0.name: Extra inputs are not permitted", 422, true},
    {400, "Unsupported parameter: 'logit_bias'", 400, true},
    {400, "Invalid 'messages[1].tool_calls[0].id': string expected", 400, false},
    {422, "temperature: must be between 0 and 2", 422, false},
    {500, "max_tokens must be between 1 and 512 for this model", 500, false},
    {400, "Your credit balance is too low to access the Anthropic API.", 402, false},
    {400, "You have reached your specified API usage limits.", 402, false},
    {400, "Access denied, please make sure your account is in good standing.", 402, false},
    {400, "This organization has been disabled.", 403, false},
    {400, "User location is not supported for the API use.", 403, false},
    {400, "account for the numbers in the balance sheet", 400, false},
};

static void test_errors(void)
{
    static const struct {
        const char *data;
        int status;
        bool client_fault;
    } events[] = {
        {"{\"error\":{\"message\":\"m\"}}", 502, false},
        {"{\"error\":{\"message\":\"m\",\"code\":400}}", 400, true},
        {"{\"error\":{\"message\":\"m\",\"code\":\"rate_limit_exceeded\"}}", 429, false},
        {"{\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}", 503, false},
        {"{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"status_code\":400}}", 400, true},
        {"{\"error\":{\"message\":\"m\",\"code\":200}}", 502, false},
        {"{\"error\":{\"message\":\"m\",\"code\":\"503\"}}", 503, false},
        {"{\"choices\":null,\"base_resp\":{\"status_code\":1002,\"status_msg\":\"m\"}}", 429, false},
        {"{\"choices\":null,\"base_resp\":{\"status_code\":1008,\"status_msg\":\"m\"}}", 402, false},
        {"{\"choices\":null,\"base_resp\":{\"status_code\":2013,\"status_msg\":\"m\"}}", 400, true},
        {"{\"choices\":null,\"base_resp\":{\"status_code\":99,\"status_msg\":\"m\"}}", 502, false},
    };

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct chat_error e;

        chat_canon_error(errors[i].status, view_str(errors[i].body), &e);
        CHECK_INT(e.status, errors[i].want);
        CHECK_INT(e.client_fault, errors[i].client_fault);
        CHECK_INT(e.context_length, errors[i].context);
        CHECK_BYTES(e.message.ptr, e.message.len, errors[i].message, strlen(errors[i].message));
    }
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct chat_canon c = canon_new(&plain, false);
        struct chat_error e;
        enum chat_kind kind;
        struct buf out;

        buf_init(&out, 1000);
        CHECK_INT(chat_canon_chunk(&c, view_str(events[i].data), &out, &kind, &e), ERR_NONE);
        CHECK_INT(kind, CHAT_ERROR);
        CHECK_INT(e.status, events[i].status);
        CHECK_INT(e.client_fault, events[i].client_fault);
        buf_free(&out);
    }
    for (size_t i = 0; i < sizeof blamed / sizeof blamed[0]; i++) {
        struct chat_error e;
        char body[256];

        snprintf(body, sizeof body, "{\"error\":{\"message\":\"%s\"}}", blamed[i].message);
        chat_canon_error(blamed[i].status, view_str(body), &e);
        CHECK_INT(e.status, blamed[i].want);
        CHECK_INT(e.own_limit, blamed[i].own_limit);
        CHECK_INT(e.client_fault, blamed[i].want == 400 || blamed[i].want == 413 || blamed[i].want == 422);
    }
    printf("# %zu error bodies, %zu error events\n", sizeof errors / sizeof errors[0],
           sizeof events / sizeof events[0]);
}

/* Chunks that begin and end like the one before, but are not that chunk with another text. */
static void test_repeat_hostile(void)
{
#define AROUND(text)                                                                               \
    "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"content\":" text "},\"finish_reason\":null}]}"
    static const char *const next[] = {
        AROUND("\"\""), /* empty: nothing to say, but said */
        AROUND("\"b\\\"c\""),
        AROUND("\"b\",\"refusal\":\"c\""),
        AROUND("\"b\",\"tool_calls\":[{\"id\":\"x\",\"function\":{\"name\":\"f\"}}],\"y\":\"c\""),
        AROUND("\"b\"},\"finish_reason\":\"stop\",\"x\":{\"y\":\"c\""),
        AROUND("\"b\\\""),
        AROUND("\"b\xff\""),
        AROUND("\"b\nc\""),
        AROUND("\"\\u00e9\\ud83d\""),
        AROUND("\""),
        AROUND(""),
        AROUND("[\"b\"]"),
    };

    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
        struct run run = run_new("hostile", false);
        struct chat_error error;
        enum chat_kind kind = CHAT_NOTHING, slow_kind = CHAT_NOTHING;
        struct buf slow;
        enum err e;

        buf_init(&slow, 4096);
        run_event(&run, view_str(AROUND("\"role comes with this one\"")));
        run_event(&run, view_str(AROUND("\"learnt\"")));
        run_event(&run, view_str(AROUND("\"repeated\"")));
        CHECK_INT(run.c.repeats, 1);
        buf_reset(&run.out);
        run.slow.repeat = (struct chat_repeat){0};
        e = chat_canon_chunk(&run.c, view_str(next[i]), &run.out, &kind, &error);
        CHECK_INT(chat_canon_chunk(&run.slow, view_str(next[i]), &slow, &slow_kind, &error), e);
        CHECK_INT(kind, slow_kind);
        CHECK_BYTES(run.out.ptr, run.out.len, slow.ptr, slow.len);
        CHECK_INT(run.c.content_bytes, run.slow.content_bytes);
        CHECK_INT(run.c.finish, run.slow.finish);
        CHECK_INT(run.c.n_tools, run.slow.n_tools);
        buf_free(&slow);
        buf_free(&run.out);
    }
    printf("# %zu chunks that look like a repetition\n", sizeof next / sizeof next[0]);
#undef AROUND
}

/* OpenAI pads each chunk with another string: dropped, and still the short way. Twins in which it is
 * no such thing. */
static void test_repeat_padding(void)
{
#define PADDED(text, padding)                                                                      \
    "{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}],"  \
    "\"obfuscation\":" padding "}"
    static const struct {
        const char *chunk;
        unsigned repeats;
    } next[] = {
        {PADDED("b", "\"zzzzzzzz\""), 2},
        {PADDED("b", "\"\""), 2},
        {PADDED("b\\\"", "\"z\\\"z\""), 2},
        {PADDED("b", "null"), 1},
        {PADDED("b", "[\"z\"]"), 1},
        {PADDED("b", "\"z\",\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}"), 1},
        {PADDED("b", "\"z\",\"p\":\"q\""), 1},
        {PADDED("b", "\"z"), 1},
        {PADDED("b", "\"z\xff\""), 1},
        {PADDED("b", "\"z\"}{\"x\":\"\""), 1},
        {PADDED("b\",\"refusal\":\"c", "\"z\""), 1},
        {PADDED("", "\"z\""), 1},
        {"{" UP ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":null}]}", 1},
    };

    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
        struct run run = run_new("padding", false);
        struct chat_error error;
        enum chat_kind kind = CHAT_NOTHING, slow_kind = CHAT_NOTHING;
        struct buf slow;
        enum err e;

        buf_init(&slow, 4096);
        run_event(&run, view_str(PADDED("role comes with this one", "\"a\"")));
        run_event(&run, view_str(PADDED("learnt", "\"abc\"")));
        run_event(&run, view_str(PADDED("repeated", "\"abcdefgh\"")));
        CHECK_INT(run.c.repeats, 1);
        buf_reset(&run.out);
        run.slow.repeat = (struct chat_repeat){0};
        e = chat_canon_chunk(&run.c, view_str(next[i].chunk), &run.out, &kind, &error);
        CHECK_INT(chat_canon_chunk(&run.slow, view_str(next[i].chunk), &slow, &slow_kind, &error), e);
        CHECK_INT(kind, slow_kind);
        CHECK_BYTES(run.out.ptr, run.out.len, slow.ptr, slow.len);
        CHECK(run.out.len == 0 || memmem(run.out.ptr, run.out.len, "zz", 2) == NULL);
        CHECK_INT(run.c.repeats, next[i].repeats);
        CHECK_INT(run.c.content_bytes, run.slow.content_bytes);
        CHECK_INT(run.c.usage.prompt, run.slow.usage.prompt);
        buf_free(&slow);
        buf_free(&run.out);
    }
#undef PADDED
}

static void test_closing(void)
{
    struct chat_canon c = canon_new(&plain, true);
    struct strict s = {.path = "closing", .role = {true}};
    struct buf out;

    buf_init(&out, 4096);
    c.usage = (struct token_usage){.present = true, .prompt = 3, .completion = 4, .reasoning = 1};
    CHECK_INT(chat_canon_closing(&c, &out), ERR_NONE);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    strict_document(&s, (const char *)out.ptr, false);
    CHECK(strstr((const char *)out.ptr, "\"choices\":[],") != NULL);
    CHECK(strstr((const char *)out.ptr, "\"total_tokens\":7") != NULL);
    buf_free(&out);
}

static void test_done(void)
{
    static const char *const yes[] = {"[DONE]", " [DONE] ", "[DONE]\n"};
    struct chat_canon c = canon_new(&plain, false);
    struct chat_error e;
    enum chat_kind kind;
    struct buf out;

    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        CHECK_INT(chat_canon_chunk(&c, view_str(yes[i]), &out, &kind, &e), ERR_NONE);
        CHECK_INT(kind, CHAT_DONE);
    }
    CHECK_INT(chat_canon_chunk(&c, VIEW_LIT("[DONE]x"), &out, &kind, &e), ERR_PROVIDER_PROTOCOL);
    buf_free(&out);
}

/* Not asserted: what one chunk costs, to compare with after a change. */
static void test_cost(void)
{
    static const char *const chunk[] = {
        "{\"id\":\"chatcmpl-B\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,"
        "\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44709d6fcb\","
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,"
        "\"finish_reason\":null}]}",
        "{\"id\":\"chatcmpl-B\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\"model\":\"m\","
        "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning\":\"hm\"}}],"
        "\"usage\":null,\"obfuscation\":\"abcdef\"}",
    };
    static const char *const name[] = {"canonical already", "repaired"};

    for (int k = 0; k < 2; k++) {
        struct chat_canon c = canon_new(&plain, false);
        struct chat_error e;
        enum chat_kind kind;
        struct buf out;
        uint64_t start;

        buf_init(&out, 1 << 20);
        for (int way = 0; way < 2; way++) {
            start = clock_mono_us();
            for (int i = 0; i < 100000; i++) {
                out.len = 0;
                if (way == 0)
                    c.repeat = (struct chat_repeat){0};
                if (chat_canon_chunk(&c, view_str(chunk[k]), &out, &kind, &e) != ERR_NONE)
                    CHECK(!"chunk");
            }
            printf("# %" PRIu64 " ns per chunk, %s, %s (%zu bytes)\n",
                   (clock_mono_us() - start) * 1000 / 100000, name[k],
                   way == 0 ? "the long way" : "the short way", strlen(chunk[k]));
        }
        buf_free(&out);
    }
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"canon_shapes", test_shapes},
        {"canon_usage", test_usage},
        {"canon_usage_merged", test_usage_merged},
        {"canon_usage_beside_content", test_usage_beside_content},
        {"canon_errors", test_errors},
        {"canon_recorded_streams", test_recorded_streams},
        {"canon_recorded_wholes", test_recorded_wholes},
        {"canon_repeat_hostile", test_repeat_hostile},
        {"canon_repeat_padding", test_repeat_padding},
        {"canon_closing", test_closing},
        {"canon_done", test_done},
        {"canon_cost", test_cost},
    };

    return check_main(list, sizeof list / sizeof list[0], argc, argv);
}
