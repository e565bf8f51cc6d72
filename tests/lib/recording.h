/* What a recorded answer of a chat provider says, read by a reader of its own on json-c: the first choice's text,
 * thoughts, calls and finish reason, and the figures, whatever members and words the provider has for them. Included
 * once, by the test itself. */
#ifndef TR_TESTS_RECORDING_H
#define TR_TESTS_RECORDING_H

#include "check.h"
#include "lib/client_reads.h"
#include "providers.h"

#include <ctype.h>

struct recording {
    const char *path;
    const char *bytes;
    size_t len;
    bool stream;
    int status;
    enum provider_dialect dialect; /* that the provider speaks in it */
    bool other_api;
    /* of a stream: [DONE] came; the provider told of an error; a choice has a finish reason */
    bool done, error, finished;
    struct meaning m; /* with the figures as they were told */
    int64_t total;
    int64_t completion, cached, thought; /* as they can be believed */
    int64_t input[3]; /* Anthropic's classes of the prompt: not cached, read from a cache, written to one */
    bool in_call;     /* of its stream: the open block is a call */
    int64_t message;  /* of Responses: the output item that the text so far is of */
    size_t settled;   /* of that text: what is of items that are done */
};

static void words_of_parts(struct recording *r, json_c_object *parts)
{
    for (size_t i = 0; i < jc_count(parts); i++) {
        json_c_object *p = jc_at(parts, i), *thought = jc(p, "thinking");

        if (jc_is(jc(p, "type"), "text"))
            jc_add(&r->m.text, jc(p, "text"));
        for (size_t k = 0; k < jc_count(thought); k++)
            jc_add(&r->m.reasoning, jc(jc_at(thought, k), "text"));
    }
}

/* Under whichever name there is text; else in OpenRouter's details. */
static void recorded_reasoning(struct recording *r, json_c_object *said)
{
    static const char *const names[] = {"reasoning", "reasoning_content", "thinking"};
    json_c_object *details = jc(said, "reasoning_details");
    size_t before = r->m.reasoning.n;

    for (size_t i = 0; i < 3 && r->m.reasoning.n == before; i++)
        jc_add(&r->m.reasoning, jc(said, names[i]));
    for (size_t i = 0; r->m.reasoning.n == before && i < jc_count(details); i++) {
        jc_add(&r->m.reasoning, jc(jc_at(details, i), "text"));
        jc_add(&r->m.reasoning, jc(jc_at(details, i), "summary"));
    }
}

/* A piece without id is of the last call with its index; one with another id begins a call. */
static void recorded_call(struct recording *r, json_c_object *call, size_t position, int64_t index_of[MEANT_CALLS])
{
    json_c_object *index = jc(call, "index"), *id = jc(call, "id"), *f = jc(call, "function"), *args = jc(f, "arguments");
    int64_t no = json_object_is_type(index, json_type_int) ? json_object_get_int64(index) : (int64_t)position;
    unsigned at = r->m.n_calls;

    for (unsigned i = 0; i < r->m.n_calls; i++)
        if (index_of[i] == no && (json_object_get_string_len(id) == 0 || r->m.call[i].id.n == 0 || jc_is(id, r->m.call[i].id.s)))
            at = i;
    CHECK(at < MEANT_CALLS);
    if (at == r->m.n_calls) {
        index_of[r->m.n_calls++] = no;
        jc_add(&r->m.call[at].id, id);
    }
    if (r->m.call[at].name.n == 0)
        jc_add(&r->m.call[at].name, jc(f, "name"));
    if (json_object_is_type(args, json_type_object))
        meant_add(&r->m.call[at].input, json_object_to_json_string(args), strlen(json_object_to_json_string(args)));
    else
        jc_add(&r->m.call[at].input, args);
}

/* Letters alone, small. */
static enum meant_finish recorded_finish(json_c_object *word)
{
    static const struct {
        const char *word;
        enum meant_finish finish;
    } known[] = {{"stop", MEANT_STOP},       {"endturn", MEANT_STOP},     {"length", MEANT_LENGTH},
                 {"maxtokens", MEANT_LENGTH}, {"modellength", MEANT_LENGTH}, {"toolcalls", MEANT_CALL},
                 {"tooluse", MEANT_CALL},    {"functioncall", MEANT_CALL}, {"contentfilter", MEANT_FILTER},
                 {"sensitive", MEANT_FILTER}};
    char small[64] = "";
    size_t n = 0;

    if (json_object_get_string_len(word) == 0 || json_object_get_string_len(word) > 60)
        return MEANT_NONE;
    for (const char *c = json_object_get_string(word); *c != '\0'; c++)
        if (isalpha((unsigned char)*c))
            small[n++] = (char)tolower((unsigned char)*c);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(small, known[i].word) == 0)
            return known[i].finish;
    return MEANT_NONE;
}

static void most(int64_t *at, json_c_object *v)
{
    if (json_object_get_int64(v) > *at)
        *at = json_object_get_int64(v);
}

static void recorded_usage(struct recording *r, json_c_object *u)
{
    if (!json_object_is_type(u, json_type_object))
        return;
    r->m.figures = true;
    most(&r->m.prompt, jc(u, "prompt_tokens"));
    most(&r->m.completion, jc(u, "completion_tokens"));
    most(&r->total, jc(u, "total_tokens"));
    most(&r->m.cached, jc(jc(u, "prompt_tokens_details"), "cached_tokens"));
    most(&r->m.cached, jc(u, "prompt_cache_hit_tokens"));
    most(&r->m.thought, jc(jc(u, "completion_tokens_details"), "reasoning_tokens"));
}

/* --- Google's generateContent: its last usageMetadata counts, and its thoughts stand beside the answer's tokens */

/* Vertex's pieces of arguments: "$.name" is a text that goes on. */
static void gemini_pieces(struct meant_call *c, json_c_object *pieces)
{
    json_c_object *args = jc_parse(c->input.s, c->input.n);

    for (size_t i = 0; i < jc_count(pieces); i++) {
        const char *path = json_object_get_string(jc(jc_at(pieces, i), "jsonPath"));
        struct meant_words text = {0};

        CHECK(strncmp(path, "$.", 2) == 0 && strpbrk(path + 2, ".[") == NULL);
        jc_add(&text, jc(args, path + 2));
        jc_add(&text, jc(jc_at(pieces, i), "stringValue"));
        json_object_object_add(args, path + 2, json_object_new_string(text.s != NULL ? text.s : ""));
        free(text.s);
    }
    c->input.n = 0;
    meant_add(&c->input, json_object_to_json_string(args), strlen(json_object_to_json_string(args)));
    json_object_put(args);
}

static void gemini_call(struct recording *r, json_c_object *call)
{
    struct meant_call *c = &r->m.call[r->m.n_calls];
    json_c_object *args = jc(call, "args");

    CHECK(r->m.n_calls < MEANT_CALLS);
    if (jc(call, "name") == NULL) {
        if (r->m.n_calls != 0)
            gemini_pieces(c - 1, jc(call, "partialArgs"));
        return;
    }
    r->m.n_calls++;
    jc_add(&c->id, jc(call, "id"));
    jc_add(&c->name, jc(call, "name"));
    meant_add(&c->input, args != NULL ? json_object_to_json_string(args) : "{}",
              args != NULL ? strlen(json_object_to_json_string(args)) : 2);
}

static enum meant_finish gemini_finish(struct recording *r, const char *word)
{
    if (strncmp(word, "MALFORMED_", 10) == 0 || (strcmp(word, "UNEXPECTED_TOOL_CALL") == 0 && r->m.n_calls == 0))
        r->error = true;
    return strcmp(word, "STOP") == 0 || strcmp(word, "UNEXPECTED_TOOL_CALL") == 0 ? MEANT_STOP
           : strcmp(word, "MAX_TOKENS") == 0                                      ? MEANT_LENGTH
                                                                                  : MEANT_FILTER;
}

static void gemini_usage(struct recording *r, json_c_object *u)
{
    int64_t thought = json_object_get_int64(jc(u, "thoughtsTokenCount"));

    if (jc(u, "promptTokenCount") == NULL)
        return;
    r->m.figures = true;
    r->m.prompt = json_object_get_int64(jc(u, "promptTokenCount")) + json_object_get_int64(jc(u, "toolUsePromptTokenCount"));
    r->m.completion = json_object_get_int64(jc(u, "candidatesTokenCount")) + thought;
    r->m.cached = json_object_get_int64(jc(u, "cachedContentTokenCount"));
    r->m.thought = thought;
}

static void gemini_document(struct recording *r, json_c_object *o)
{
    json_c_object *candidates = jc(o, "candidates");

    for (size_t i = 0; i < jc_count(candidates); i++) {
        json_c_object *c = jc_at(candidates, i), *parts = jc(jc(c, "content"), "parts");

        if (json_object_get_int64(jc(c, "index")) != 0)
            continue;
        for (size_t k = 0; k < jc_count(parts); k++) {
            json_c_object *p = jc_at(parts, k);

            jc_add(json_object_get_boolean(jc(p, "thought")) ? &r->m.reasoning : &r->m.text, jc(p, "text"));
            if (jc(p, "functionCall") != NULL)
                gemini_call(r, jc(p, "functionCall"));
        }
        if (jc(c, "finishReason") != NULL) {
            r->m.finish = gemini_finish(r, json_object_get_string(jc(c, "finishReason")));
            r->finished = true;
        }
    }
    if (candidates == NULL && jc(jc(o, "promptFeedback"), "blockReason") != NULL) {
        r->m.finish = MEANT_FILTER;
        r->finished = true;
    }
    gemini_usage(r, jc(o, "usageMetadata"));
}

#include "lib/recording_native.h"

static bool holds_word(const struct recording *r, const char *word)
{
    return memmem(r->bytes, r->len, word, strlen(word)) != NULL;
}

static void recorded_document(struct recording *r, const char *text, size_t len, int64_t index_of[MEANT_CALLS])
{
    json_c_object *o = jc_parse(text, len), *choices = jc(o, "choices");

    r->error = r->error || json_object_is_type(jc(o, "error"), json_type_object) || jc_is(jc(o, "error"), "") ||
               jc_is(jc(o, "type"), "error");
    if (r->dialect == DIALECT_ANTHROPIC)
        r->stream ? native_messages_event(r, o) : native_messages_whole(r, o);
    if (r->dialect == DIALECT_RESPONSES)
        r->stream ? native_response_event(r, o) : native_response(r, o);
    if (r->dialect == DIALECT_GEMINI)
        gemini_document(r, o);
    for (size_t i = 0; i < jc_count(choices); i++) {
        json_c_object *c = jc_at(choices, i), *said = jc(c, r->stream ? "delta" : "message"), *calls = jc(said, "tool_calls");
        enum meant_finish f = recorded_finish(jc(c, "finish_reason"));

        if (json_object_get_int64(jc(c, "index")) != 0)
            continue;
        recorded_reasoning(r, said);
        jc_add(&r->m.text, jc(said, "content"));
        words_of_parts(r, jc(said, "content"));
        jc_add(&r->m.refusal, jc(said, "refusal"));
        for (size_t k = 0; k < jc_count(calls); k++)
            recorded_call(r, jc_at(calls, k), k, index_of);
        recorded_usage(r, jc(c, "usage"));
        if (f != MEANT_NONE) {
            r->m.finish = f;
            r->finished = true;
        }
    }
    recorded_usage(r, jc(o, "usage"));
    recorded_usage(r, jc(jc(o, "x_groq"), "usage"));
    json_object_put(o);
}

static void recorded_stream(struct recording *r, int64_t index_of[MEANT_CALLS])
{
    struct meant_words data = {0};
    const char *at = r->bytes, *end = at + r->len;

    while (at <= end && !r->done) {
        const char *nl = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        size_t n = (size_t)((nl != NULL ? nl : end) - at);

        if (n != 0 && at[n - 1] == '\r')
            n--;
        if (n == 0) {
            if (data.n == 6 && memcmp(data.s, "[DONE]", 6) == 0)
                r->done = true;
            else if (data.n != 0)
                recorded_document(r, data.s, data.n, index_of);
            data.n = 0;
        } else if (n > 5 && memcmp(at, "data:", 5) == 0) {
            size_t skip = at[5] == ' ' ? 6 : 5;

            meant_add(&data, at + skip, n - skip);
        } else if (n > 6 && memcmp(at, "event:", 6) == 0) {
            r->error = r->error || memmem(at, n, "error", 5) != NULL;
        }
        at = nl != NULL ? nl + 1 : end + 1;
    }
    free(data.s);
}

/* What the provider spoke: what its answer is, or, of an error, whose it is. */
static enum provider_dialect dialect_of(const struct recording *r)
{
    static const struct {
        const char *word;
        enum provider_dialect dialect;
    } marks[] = {{"\"choices\"", DIALECT_OPENAI},          {"\"message_start\"", DIALECT_ANTHROPIC},
                 {"\"stop_reason\"", DIALECT_ANTHROPIC},   {"\"candidates\"", DIALECT_GEMINI},
                 {"\"usageMetadata\"", DIALECT_GEMINI},    {"\"response.created\"", DIALECT_RESPONSES},
                 {"\"response.in_progress\"", DIALECT_RESPONSES}};
    json_c_object *o;
    bool response;

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (holds_word(r, marks[i].word))
            return marks[i].dialect;
    o = jc_parse(r->bytes, r->len);
    response = jc_is(jc(o, "object"), "response");
    json_object_put(o);
    return response || strstr(r->path, "/openai-responses/") != NULL ? DIALECT_RESPONSES
           : strstr(r->path, "/anthropic/") != NULL                  ? DIALECT_ANTHROPIC
                                                                     : DIALECT_OPENAI;
}

/* What it comes to for a client. */
static void recording_read(struct recording *r)
{
    int64_t index_of[MEANT_CALLS];

    r->dialect = dialect_of(r);
    if (r->stream)
        recorded_stream(r, index_of);
    else
        recorded_document(r, r->bytes, r->len, index_of);
    r->other_api = r->status == 200 && !r->error && !holds_word(r, "\"choices\"") && r->dialect == DIALECT_OPENAI;
    r->error = r->error || r->status != 200 || r->other_api;
    if (r->m.finish == MEANT_STOP && r->m.n_calls != 0)
        r->m.finish = MEANT_CALL;
    r->completion = r->m.completion;
    if (r->total == r->m.prompt + r->m.completion + r->m.thought)
        r->completion += r->m.thought; /* told apart */
    r->cached = r->m.cached < r->m.prompt ? r->m.cached : r->m.prompt;
    r->thought = r->m.thought < r->completion ? r->m.thought : r->completion;
}

#endif
