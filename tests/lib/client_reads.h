/* What a client gets, read as its SDK would read it: four dialects, streamed and whole, into one meaning that can
 * be compared. On json-c, which shares no code with the product. Each reader is strict about the grammar of its
 * dialect's stream: `odd` says what was out of order. Only the first choice is read. */
#ifndef TR_TESTS_CLIENT_READS_H
#define TR_TESTS_CLIENT_READS_H

/* The product has a function of that name. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MEANT_CALLS = 64, MEANT_BLOCKS = 256 };

enum meant_finish { MEANT_NONE, MEANT_STOP, MEANT_LENGTH, MEANT_CALL, MEANT_FILTER };

struct meant_words {
    char *s; /* NULL: none */
    size_t n;
};

struct meaning {
    bool complete, failed;
    const char *odd;
    struct meant_words text, reasoning, refusal;
    unsigned n_calls;
    struct meant_call {
        struct meant_words id, name, input;
    } call[MEANT_CALLS];
    enum meant_finish finish;
    bool figures;
    int64_t prompt, completion, cached, thought;
};

static inline void meant_add(struct meant_words *w, const char *s, size_t n)
{
    w->s = realloc(w->s, w->n + n + 1);
    memcpy(w->s + w->n, s, n);
    w->n += n;
    w->s[w->n] = '\0';
}

static inline bool meant_same(const struct meant_words *a, const struct meant_words *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->s, b->s, a->n) == 0);
}

static inline void meaning_free(struct meaning *m)
{
    free(m->text.s);
    free(m->reasoning.s);
    free(m->refusal.s);
    for (unsigned i = 0; i < m->n_calls; i++) {
        free(m->call[i].id.s);
        free(m->call[i].name.s);
        free(m->call[i].input.s);
    }
}

/* --- json-c, shortened */

static inline json_c_object *jc(json_c_object *o, const char *name)
{
    return json_object_is_type(o, json_type_object) ? json_object_object_get(o, name) : NULL;
}

static inline size_t jc_count(json_c_object *o)
{
    return json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
}

static inline json_c_object *jc_at(json_c_object *o, size_t i)
{
    return i < jc_count(o) ? json_object_array_get_idx(o, i) : NULL;
}

static inline bool jc_is(json_c_object *o, const char *text)
{
    return json_object_is_type(o, json_type_string) && strcmp(json_object_get_string(o), text) == 0;
}

static inline void jc_add(struct meant_words *w, json_c_object *o)
{
    if (json_object_is_type(o, json_type_string) && json_object_get_string_len(o) != 0)
        meant_add(w, json_object_get_string(o), (size_t)json_object_get_string_len(o));
}

/* NULL: it is not one JSON value. */
static inline json_c_object *jc_parse(const char *text, size_t len)
{
    struct json_tokener *t = json_tokener_new_ex(64);
    json_c_object *o = json_tokener_parse_ex(t, text, (int)len);
    bool one = json_tokener_get_error(t) == json_tokener_success;

    for (size_t i = one ? json_tokener_get_parse_end(t) : len; i < len; i++)
        one = one && strchr(" \t\r\n", text[i]) != NULL;
    if (!one) {
        json_object_put(o);
        o = NULL;
    }
    json_tokener_free(t);
    return o;
}

static inline void meant_odd(struct meaning *m, bool right, const char *what)
{
    if (!right && m->odd == NULL)
        m->odd = what;
}

/* --- one event of a stream after the other */

struct meant_event {
    char name[64]; /* "": it has none */
    const char *data;
    size_t len;
};

/* Events end with an empty line, have one line of data and at most one name; comments are passed over.
 * False: no further event. */
static inline bool meant_next(struct meaning *m, const char **at, const char *end, struct meant_event *e)
{
    while (*at < end) {
        const char *stop = memmem(*at, (size_t)(end - *at), "\n\n", 2), *line = *at;

        if (stop == NULL) {
            meant_odd(m, false, "an event without an empty line behind it");
            *at = end;
            return false;
        }
        *e = (struct meant_event){{0}, NULL, 0};
        for (*at = stop + 2; line < stop; line = (const char *)memchr(line, '\n', (size_t)(stop + 1 - line)) + 1) {
            size_t n = (size_t)((const char *)memchr(line, '\n', (size_t)(stop + 1 - line)) - line);

            if (n > 6 && memcmp(line, "data: ", 6) == 0) {
                meant_odd(m, e->data == NULL, "two lines of data");
                e->data = line + 6;
                e->len = n - 6;
            } else if (n > 7 && n < 64 && memcmp(line, "event: ", 7) == 0) {
                memcpy(e->name, line + 7, n - 7);
            } else {
                meant_odd(m, line[0] == ':', "a line that is neither data, nor a name, nor a comment");
            }
        }
        if (e->data != NULL)
            return true;
    }
    return false;
}

static inline bool meant_is_done(const struct meant_event *e)
{
    return e->len == 6 && memcmp(e->data, "[DONE]", 6) == 0;
}

/* --- OpenAI's figures, in chat and completions. The last ones count. apart: the provider may have told thoughts
 * apart from the output. */

static inline void meant_openai_usage(struct meaning *m, json_c_object *u, bool apart)
{
    int64_t total;

    if (!json_object_is_type(u, json_type_object))
        return;
    m->figures = true;
    m->prompt = json_object_get_int64(jc(u, "prompt_tokens"));
    m->completion = json_object_get_int64(jc(u, "completion_tokens"));
    m->cached = json_object_get_int64(jc(jc(u, "prompt_tokens_details"), "cached_tokens"));
    m->thought = json_object_get_int64(jc(jc(u, "completion_tokens_details"), "reasoning_tokens"));
    total = json_object_get_int64(jc(u, "total_tokens")) - m->prompt - m->completion;
    meant_odd(m, total == 0 || (apart && total == m->thought), "the total is the sum");
}

static inline enum meant_finish meant_openai_finish(struct meaning *m, json_c_object *word)
{
    static const struct {
        const char *word;
        enum meant_finish finish;
    } words[] = {{"stop", MEANT_STOP},
                 {"length", MEANT_LENGTH},
                 {"tool_calls", MEANT_CALL},
                 {"function_call", MEANT_CALL},
                 {"content_filter", MEANT_FILTER}};

    if (word == NULL)
        return MEANT_NONE;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (jc_is(word, words[i].word))
            return words[i].finish;
    meant_odd(m, false, "a finish reason that SDKs do not know");
    return MEANT_NONE;
}

/* Some providers repeat it beside the figures, which SDKs take. */
static inline void meant_take_finish(struct meaning *m, enum meant_finish f)
{
    meant_odd(m, f == MEANT_NONE || m->finish == MEANT_NONE || m->finish == f, "two finish reasons");
    if (f != MEANT_NONE)
        m->finish = f;
}

static inline bool meant_is_error(json_c_object *o)
{
    json_c_object *e = jc(o, "error");

    return json_object_is_type(e, json_type_object) && json_object_is_type(jc(e, "message"), json_type_string);
}

/* --- chat */

static inline void meant_chat_call(struct meaning *m, json_c_object *call, size_t position, bool whole)
{
    json_c_object *index = jc(call, "index"), *f = jc(call, "function"), *custom = f == NULL ? jc(call, "custom") : NULL;
    unsigned no = whole ? (unsigned)position : (unsigned)json_object_get_int64(index);

    meant_odd(m, whole || json_object_is_type(index, json_type_int), "a call's piece without index");
    if (no > m->n_calls || no >= MEANT_CALLS) {
        meant_odd(m, false, "an index of a call was left out");
        return;
    }
    if (no == m->n_calls) {
        m->n_calls++;
        meant_odd(m, jc_is(jc(call, "type"), custom != NULL ? "custom" : "function"), "a call that begins has its type");
        meant_odd(m, json_object_get_string_len(jc(call, "id")) != 0, "a call that begins has its id");
        jc_add(&m->call[no].id, jc(call, "id"));
    }
    jc_add(&m->call[no].name, jc(custom != NULL ? custom : f, "name"));
    jc_add(&m->call[no].input, custom != NULL ? jc(custom, "input") : jc(f, "arguments"));
}

static inline void meant_chat_words(struct meaning *m, json_c_object *said, bool whole)
{
    json_c_object *r = jc(said, "reasoning"), *c = jc(said, "reasoning_content"), *calls = jc(said, "tool_calls");
    json_c_object *details = jc(said, "reasoning_details"); /* read where there is nothing else, as OpenRouter's SDK does */

    meant_odd(m, r == NULL || c == NULL || json_object_equal(r, c), "reasoning has two spellings and one text");
    meant_odd(m, jc(said, "content") == NULL || json_object_is_type(jc(said, "content"), json_type_string),
              "content is a text");
    jc_add(&m->text, jc(said, "content"));
    jc_add(&m->reasoning, r != NULL ? r : c);
    jc_add(&m->refusal, jc(said, "refusal"));
    for (size_t i = 0; r == NULL && c == NULL && i < jc_count(details); i++) {
        jc_add(&m->reasoning, jc(jc_at(details, i), "text"));
        jc_add(&m->reasoning, jc(jc_at(details, i), "summary"));
    }
    for (size_t i = 0; i < jc_count(calls); i++)
        meant_chat_call(m, jc_at(calls, i), i, whole);
}

static inline void meant_chat(struct meaning *m, json_c_object *o, bool whole)
{
    json_c_object *choices = jc(o, "choices");

    if (meant_is_error(o)) {
        m->failed = true;
        return;
    }
    meant_odd(m, jc_is(jc(o, "object"), whole ? "chat.completion" : "chat.completion.chunk"), "object");
    meant_odd(m, json_object_is_type(jc(o, "id"), json_type_string) && json_object_is_type(jc(o, "created"), json_type_int) &&
              jc_is(jc(o, "model"), "demo/echo"), "id, created, model");
    meant_odd(m, json_object_is_type(choices, json_type_array), "choices");
    for (size_t i = 0; i < jc_count(choices); i++) {
        json_c_object *choice = jc_at(choices, i);

        if (json_object_get_int64(jc(choice, "index")) != 0)
            continue;
        meant_chat_words(m, jc(choice, whole ? "message" : "delta"), whole);
        meant_take_finish(m, meant_openai_finish(m, jc(choice, "finish_reason")));
    }
    meant_openai_usage(m, jc(o, "usage"), true);
}

/* --- completions */

static inline void meant_completion(struct meaning *m, json_c_object *o, bool whole)
{
    json_c_object *choices = jc(o, "choices");

    (void)whole;
    if (meant_is_error(o)) {
        m->failed = true;
        return;
    }
    meant_odd(m, jc_is(jc(o, "object"), "text_completion") && jc_is(jc(o, "model"), "demo/echo"), "object, model");
    meant_odd(m, json_object_is_type(choices, json_type_array), "choices");
    for (size_t i = 0; i < jc_count(choices); i++) {
        json_c_object *choice = jc_at(choices, i);

        meant_odd(m, json_object_is_type(jc(choice, "text"), json_type_string), "text");
        if (json_object_get_int64(jc(choice, "index")) != 0)
            continue;
        jc_add(&m->text, jc(choice, "text"));
        meant_take_finish(m, meant_openai_finish(m, jc(choice, "finish_reason")));
    }
    meant_openai_usage(m, jc(o, "usage"), false);
}

typedef void meant_document_fn(struct meaning *m, json_c_object *o, bool whole);

/* Chat and completions: nameless events until [DONE], or until an error, which is the last. */
static inline void meant_openai_stream(struct meaning *m, const char *text, size_t len, meant_document_fn *read)
{
    const char *at = text, *end = text + len;
    struct meant_event e;

    while (meant_next(m, &at, end, &e)) {
        json_c_object *o;

        meant_odd(m, !m->complete && !m->failed, "an event behind the last one");
        meant_odd(m, e.name[0] == '\0', "an event with a name");
        if (meant_is_done(&e)) {
            m->complete = true;
            continue;
        }
        o = jc_parse(e.data, e.len);
        meant_odd(m, json_object_is_type(o, json_type_object), "an event that is no object");
        read(m, o, false);
        json_object_put(o);
    }
    meant_odd(m, !m->complete || m->finish != MEANT_NONE, "complete without a finish reason");
}

/* --- Anthropic's Messages */

static inline void meant_messages_usage(struct meaning *m, json_c_object *u)
{
    m->figures = json_object_is_type(u, json_type_object);
    m->cached = json_object_get_int64(jc(u, "cache_read_input_tokens"));
    m->prompt = json_object_get_int64(jc(u, "input_tokens")) + m->cached +
                json_object_get_int64(jc(u, "cache_creation_input_tokens"));
    m->completion = json_object_get_int64(jc(u, "output_tokens"));
    m->thought = json_object_get_int64(jc(jc(u, "output_tokens_details"), "thinking_tokens"));
}

static inline void meant_messages_stop(struct meaning *m, json_c_object *o)
{
    static const struct {
        const char *word;
        enum meant_finish finish;
    } words[] = {{"end_turn", MEANT_STOP}, {"stop_sequence", MEANT_STOP}, {"max_tokens", MEANT_LENGTH}, {"tool_use", MEANT_CALL}, {"refusal", MEANT_FILTER}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (jc_is(jc(o, "stop_reason"), words[i].word))
            m->finish = words[i].finish;
    meant_odd(m, m->finish != MEANT_NONE, "a stop reason that SDKs do not know");
    jc_add(&m->refusal, jc(jc(o, "stop_details"), "explanation"));
}

/* A block that begins, or all of one. */
static inline void meant_block(struct meaning *m, json_c_object *block, bool whole)
{
    json_c_object *input = jc(block, "input");

    if (jc_is(jc(block, "type"), "text")) {
        jc_add(&m->text, jc(block, "text"));
        meant_odd(m, !whole || json_object_get_string_len(jc(block, "text")) != 0, "an empty text block");
    } else if (jc_is(jc(block, "type"), "thinking")) {
        jc_add(&m->reasoning, jc(block, "thinking"));
    } else if (jc_is(jc(block, "type"), "tool_use") && m->n_calls < MEANT_CALLS) {
        struct meant_call *c = &m->call[m->n_calls++];

        jc_add(&c->id, jc(block, "id"));
        jc_add(&c->name, jc(block, "name"));
        meant_odd(m, c->id.n != 0 && c->id.n == strspn(c->id.s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"),
                  "a call's id that Anthropic would refuse");
        meant_odd(m, json_object_is_type(input, json_type_object) && (whole || json_object_object_length(input) == 0),
                  "input is an object");
        if (whole)
            meant_add(&c->input, json_object_to_json_string(input), strlen(json_object_to_json_string(input)));
    } else {
        meant_odd(m, jc_is(jc(block, "type"), "redacted_thinking"), "a block of no known type");
    }
}

static inline void meant_block_delta(struct meaning *m, const char *open, json_c_object *d)
{
    static const struct {
        const char *delta, *block;
    } fits[] = {{"text_delta", "text"}, {"thinking_delta", "thinking"}, {"signature_delta", "thinking"}, {"input_json_delta", "tool_use"}};
    bool fit = false;

    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++)
        fit = fit || (jc_is(jc(d, "type"), fits[i].delta) && strcmp(open, fits[i].block) == 0);
    meant_odd(m, fit, "a delta that does not fit its block");
    jc_add(&m->text, jc(d, "text"));
    jc_add(&m->reasoning, jc(d, "thinking"));
    if (m->n_calls != 0)
        jc_add(&m->call[m->n_calls - 1].input, jc(d, "partial_json"));
}

/* message_start, blocks one after the other, message_delta, message_stop; ping anywhere. Behind it [DONE]. */
static inline void meant_messages_stream(struct meaning *m, const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    enum { BEFORE, BETWEEN, INSIDE, TOLD, OVER } state = BEFORE;
    char open[32] = "";
    int64_t n = 0;
    struct meant_event e;

    while (meant_next(m, &at, end, &e)) {
        json_c_object *o = NULL;

        meant_odd(m, !m->complete && !m->failed, "an event behind the last one");
        if (meant_is_done(&e)) {
            meant_odd(m, state == OVER, "[DONE] before message_stop");
            m->complete = true;
            continue;
        }
        o = jc_parse(e.data, e.len);
        meant_odd(m, jc_is(jc(o, "type"), e.name), "an event's name and type are one");
        if (strcmp(e.name, "message_start") == 0) {
            meant_odd(m, state == BEFORE && jc_count(jc(jc(o, "message"), "content")) == 0, "message_start is the first");
            state = BETWEEN;
        } else if (strcmp(e.name, "content_block_start") == 0) {
            meant_odd(m, state == BETWEEN && json_object_get_int64(jc(o, "index")) == n, "blocks come one after the other");
            snprintf(open, sizeof open, "%s", json_object_get_string(jc(jc(o, "content_block"), "type")));
            meant_block(m, jc(o, "content_block"), false);
            state = INSIDE;
        } else if (strcmp(e.name, "content_block_delta") == 0) {
            meant_odd(m, state == INSIDE && json_object_get_int64(jc(o, "index")) == n, "a delta is of the open block");
            meant_block_delta(m, open, jc(o, "delta"));
        } else if (strcmp(e.name, "content_block_stop") == 0) {
            meant_odd(m, state == INSIDE && json_object_get_int64(jc(o, "index")) == n, "the open block is closed");
            n++;
            state = BETWEEN;
        } else if (strcmp(e.name, "message_delta") == 0) {
            meant_odd(m, state == BETWEEN, "message_delta behind the last block");
            meant_messages_stop(m, jc(o, "delta"));
            meant_messages_usage(m, jc(o, "usage"));
            state = TOLD;
        } else if (strcmp(e.name, "message_stop") == 0) {
            meant_odd(m, state == TOLD, "message_stop behind message_delta");
            state = OVER;
        } else if (strcmp(e.name, "error") == 0) {
            meant_odd(m, meant_is_error(o) && state < TOLD, "an error has its members");
            m->failed = true;
        } else {
            meant_odd(m, strcmp(e.name, "ping") == 0, "an event of no known name");
        }
        json_object_put(o);
    }
}

static inline void meant_messages(struct meaning *m, json_c_object *o, bool whole)
{
    json_c_object *blocks = jc(o, "content");

    if (jc_is(jc(o, "type"), "error")) {
        meant_odd(m, meant_is_error(o) && json_object_is_type(jc(jc(o, "error"), "type"), json_type_string),
                  "an error has its members");
        m->failed = true;
        return;
    }
    meant_odd(m, jc_is(jc(o, "type"), "message") && jc_is(jc(o, "role"), "assistant") && jc_is(jc(o, "model"), "demo/echo") &&
              json_object_is_type(blocks, json_type_array), "a message has its members");
    for (size_t i = 0; i < jc_count(blocks); i++)
        meant_block(m, jc_at(blocks, i), whole);
    meant_messages_stop(m, o);
    meant_messages_usage(m, jc(o, "usage"));
}

/* --- Responses */

static inline void meant_item(struct meaning *m, json_c_object *item)
{
    json_c_object *parts = jc(item, "content"), *summary = jc(item, "summary");

    if (jc_is(jc(item, "type"), "message")) {
        for (size_t i = 0; i < jc_count(parts); i++) {
            jc_add(&m->text, jc(jc_at(parts, i), "text"));
            jc_add(&m->refusal, jc(jc_at(parts, i), "refusal"));
        }
    } else if (jc_is(jc(item, "type"), "reasoning")) {
        for (size_t i = 0; i < jc_count(summary); i++)
            jc_add(&m->reasoning, jc(jc_at(summary, i), "text"));
    } else if ((jc_is(jc(item, "type"), "function_call") || jc_is(jc(item, "type"), "custom_tool_call")) &&
               m->n_calls < MEANT_CALLS) {
        struct meant_call *c = &m->call[m->n_calls++];

        jc_add(&c->id, jc(item, "call_id"));
        jc_add(&c->name, jc(item, "name"));
        jc_add(&c->input, jc(item, jc_is(jc(item, "type"), "custom_tool_call") ? "input" : "arguments"));
        meant_odd(m, c->id.n != 0, "a call has its call_id");
    } else {
        meant_odd(m, jc_is(jc(item, "type"), "image_generation_call"), "an item of no known type");
    }
}

static inline void meant_response(struct meaning *m, json_c_object *o, bool whole)
{
    json_c_object *u = jc(o, "usage"), *output = jc(o, "output");

    (void)whole;
    if (meant_is_error(o)) {
        m->failed = true;
        return;
    }
    meant_odd(m, jc_is(jc(o, "object"), "response") && jc_is(jc(o, "model"), "demo/echo") && json_object_is_type(output, json_type_array),
              "a response has its members");
    for (size_t i = 0; i < jc_count(output); i++)
        meant_item(m, jc_at(output, i));
    if (jc_is(jc(o, "status"), "completed"))
        m->finish = m->n_calls != 0 ? MEANT_CALL : MEANT_STOP;
    else if (jc_is(jc(o, "status"), "incomplete"))
        m->finish = jc_is(jc(jc(o, "incomplete_details"), "reason"), "max_output_tokens") ? MEANT_LENGTH
                  : jc_is(jc(jc(o, "incomplete_details"), "reason"), "content_filter")    ? MEANT_FILTER
                                                                                          : MEANT_NONE;
    meant_odd(m, m->finish != MEANT_NONE, "a response is completed or incomplete");
    m->figures = true;
    m->prompt = json_object_get_int64(jc(u, "input_tokens"));
    m->completion = json_object_get_int64(jc(u, "output_tokens"));
    m->cached = json_object_get_int64(jc(jc(u, "input_tokens_details"), "cached_tokens"));
    m->thought = json_object_get_int64(jc(jc(u, "output_tokens_details"), "reasoning_tokens"));
    meant_odd(m, json_object_get_int64(jc(u, "total_tokens")) == m->prompt + m->completion, "the total is the sum");
}

/* What a client has put together of one item that is streamed. */
struct meant_open {
    bool begun, over;
    char id[80];
    struct meant_words said; /* text, summary, arguments: the kinds do not mix in one item but for a refusal */
    struct meant_words refused;
    json_c_object *item; /* as it was when it was done */
};

static inline void meant_response_delta(struct meaning *m, struct meant_open *items, json_c_object *o, const char *name)
{
    int64_t at = json_object_get_int64(jc(o, "output_index"));
    struct meant_open *i = &items[at < 0 || at >= MEANT_BLOCKS ? 0 : at];
    struct meant_words done = {0};
    bool refusal = strstr(name, "refusal") != NULL;

    meant_odd(m, i->begun && !i->over && jc_is(jc(o, "item_id"), i->id), "a piece is of an open item");
    if (strstr(name, ".delta") != NULL) {
        jc_add(refusal ? &i->refused : &i->said, jc(o, "delta"));
    } else if (strstr(name, "_part.") == NULL) { /* a done event has all of it */
        jc_add(&done, jc(o, refusal ? "refusal" : strstr(name, "arguments") != NULL ? "arguments"
                         : strstr(name, "input") != NULL ? "input" : "text"));
        meant_odd(m, meant_same(&done, refusal ? &i->refused : &i->said), "the pieces are what is done");
        free(done.s);
    }
}

static inline void meant_response_item(struct meaning *m, struct meant_open *items, unsigned *n, json_c_object *o, bool added)
{
    int64_t at = json_object_get_int64(jc(o, "output_index"));
    json_c_object *item = jc(o, "item");
    struct meant_open *i = &items[at < 0 || at >= MEANT_BLOCKS ? 0 : at];

    if (added) {
        meant_odd(m, at == (int64_t)*n && at < MEANT_BLOCKS - 1, "items begin in order");
        (*n)++;
        i->begun = true;
        snprintf(i->id, sizeof i->id, "%s", json_object_get_string(jc(item, "id")));
        return;
    }
    meant_odd(m, i->begun && !i->over && jc_is(jc(item, "id"), i->id), "an open item is done");
    i->over = true;
    i->item = json_object_get(item);
}

/* response.created, .in_progress, items, and one of .completed, .incomplete and .failed, whose snapshot has the
 * items as they were done. */
static inline void meant_responses_stream(struct meaning *m, const char *text, size_t len)
{
    static struct meant_open items[MEANT_BLOCKS];
    const char *at = text, *end = text + len;
    int64_t sequence = 0;
    unsigned n = 0;
    bool over = false;
    struct meant_event e;

    memset(items, 0, sizeof items);
    while (meant_next(m, &at, end, &e)) {
        json_c_object *o = NULL, *r;

        meant_odd(m, !m->complete, "an event behind the last one");
        if (meant_is_done(&e)) {
            meant_odd(m, over, "[DONE] before the end");
            m->complete = !m->failed;
            continue;
        }
        o = jc_parse(e.data, e.len);
        r = jc(o, "response");
        meant_odd(m, !over, "an event behind the end");
        meant_odd(m, jc_is(jc(o, "type"), e.name), "an event's name and type are one");
        meant_odd(m, json_object_is_type(jc(o, "sequence_number"), json_type_int) &&
                  json_object_get_int64(jc(o, "sequence_number")) == sequence, "events are numbered");
        meant_odd(m, (sequence == 0) == (strcmp(e.name, "response.created") == 0), "created is the first");
        meant_odd(m, (sequence == 1) == (strcmp(e.name, "response.in_progress") == 0), "in_progress is the second");
        sequence++;
        if (strcmp(e.name, "response.output_item.added") == 0 || strcmp(e.name, "response.output_item.done") == 0) {
            meant_response_item(m, items, &n, o, strstr(e.name, "added") != NULL);
        } else if (strcmp(e.name, "response.completed") == 0 || strcmp(e.name, "response.incomplete") == 0) {
            json_c_object *output = jc(r, "output");

            over = true;
            meant_odd(m, jc_count(output) == n, "the end has all items");
            for (size_t i = 0; i < n && i < MEANT_BLOCKS; i++)
                meant_odd(m, items[i].over && json_object_equal(items[i].item, jc_at(output, i)), "the end has the items that were done");
            meant_response(m, r, false);
        } else if (strcmp(e.name, "error") == 0) {
            meant_odd(m, json_object_is_type(jc(o, "message"), json_type_string), "an error has its message");
            m->failed = true;
        } else if (strcmp(e.name, "response.failed") == 0) {
            meant_odd(m, m->failed && jc_is(jc(r, "status"), "failed") && json_object_is_type(jc(jc(r, "error"), "code"), json_type_string),
                      "a failed response has its error");
            over = true;
        } else if (sequence > 2) {
            meant_response_delta(m, items, o, e.name);
        }
        json_object_put(o);
    }
    for (size_t i = 0; i < MEANT_BLOCKS; i++) {
        free(items[i].said.s);
        free(items[i].refused.s);
        json_object_put(items[i].item);
    }
    meant_odd(m, over, "a stream without an end");
}

/* --- any of them */

enum meant_dialect { READS_CHAT, READS_MESSAGES, READS_RESPONSES, READS_COMPLETIONS };

static inline void meant_read_stream(struct meaning *m, enum meant_dialect d, const char *text, size_t len)
{
    switch (d) {
    case READS_CHAT:
        meant_openai_stream(m, text, len, meant_chat);
        break;
    case READS_MESSAGES:
        meant_messages_stream(m, text, len);
        break;
    case READS_RESPONSES:
        meant_responses_stream(m, text, len);
        break;
    case READS_COMPLETIONS:
        meant_openai_stream(m, text, len, meant_completion);
        break;
    }
    meant_odd(m, m->complete != m->failed, "complete or failed, and not both");
}

static inline void meant_read_whole(struct meaning *m, enum meant_dialect d, const char *text, size_t len)
{
    static meant_document_fn *const readers[] = {meant_chat, meant_messages, meant_response, meant_completion};
    json_c_object *o = jc_parse(text, len);

    meant_odd(m, json_object_is_type(o, json_type_object), "the body is an object");
    readers[d](m, o, true);
    m->complete = !m->failed;
    json_object_put(o);
}

#endif
