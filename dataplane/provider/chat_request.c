/* (G) Reads a client's chat/completions body. What is edited in it is in chat_render.c. */
#include "chat_request.h"

#include "content_view.h"
#include "message.h"

#include <assert.h>

typedef enum err read_fn(struct chat_request *r, struct json_value v, struct chat_fault *fault);
static read_fn read_model, read_messages, read_stream, read_stream_options, read_limit, read_n,
    read_tools, read_response_format, read_hosted, read_user, read_any;

/* Why each key may appear only once. A duplicate of any other key travels untouched. */
static const struct key_rule {
    const char *name;
    size_t len;
    read_fn *read;
} rules[CHAT_KEY_COUNT] = {
#define RULE(key, text, fn) [key] = {text, sizeof(text) - 1, fn}
    RULE(CHAT_KEY_MODEL, "model", read_model),          /* routed, priced, replaced */
    RULE(CHAT_KEY_MESSAGES, "messages", read_messages), /* bounds the prompt that is reserved */
    RULE(CHAT_KEY_STREAM, "stream", read_stream),       /* decides the answer's form */
    RULE(CHAT_KEY_STREAM_OPTIONS, "stream_options", read_stream_options), /* billing needs usage */
    RULE(CHAT_KEY_MAX_TOKENS, "max_tokens", read_limit), /* the three bound what is reserved */
    RULE(CHAT_KEY_MAX_COMPLETION_TOKENS, "max_completion_tokens", read_limit),
    RULE(CHAT_KEY_MAX_OUTPUT_TOKENS, "max_output_tokens", read_limit),
    RULE(CHAT_KEY_N, "n", read_n),                     /* multiplies what is reserved */
    RULE(CHAT_KEY_TOOLS, "tools", read_tools),         /* routed by capability */
    RULE(CHAT_KEY_FUNCTIONS, "functions", read_tools), /* the same, in the old spelling */
    RULE(CHAT_KEY_RESPONSE_FORMAT, "response_format", read_response_format), /* capability */
    RULE(CHAT_KEY_WEB_SEARCH_OPTIONS, "web_search_options", read_hosted), /* unbounds the prompt */
    RULE(CHAT_KEY_USER, "user", read_user),        /* metered as a keyed hash */
    RULE(CHAT_KEY_STORE, "store", read_any),       /* replaced: retention is forced off */
    RULE(CHAT_KEY_MODELS, "models", read_any),     /* routed; from here on dropped, and a second */
    RULE(CHAT_KEY_PROVIDER, "provider", read_any), /* one would survive the drop */
    RULE(CHAT_KEY_ROUTE, "route", read_any),
    RULE(CHAT_KEY_TRANSFORMS, "transforms", read_any),
    RULE(CHAT_KEY_PLUGINS, "plugins", read_any),
    RULE(CHAT_KEY_USAGE, "usage", read_any),
    RULE(CHAT_KEY_SESSION_ID, "session_id", read_any),
    RULE(CHAT_KEY_TRACE, "trace", read_any),
    RULE(CHAT_KEY_TAGS, "tags", read_any),
    RULE(CHAT_KEY_DEBUG, "debug", read_any),
#undef RULE
};

static enum err refuse(struct chat_fault *fault, const char *message, enum err e)
{
    fault->message = message;
    return e;
}

static enum err read_any(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    (void)r, (void)v, (void)fault;
    return ERR_NONE;
}

static enum err read_model(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    struct buf decoded;
    struct view plain;
    enum err e = ERR_NONE;

    buf_init(&decoded, LIMIT_MODEL_ID_BYTES);
    if (!json_string_plain(v, &plain)) {
        if (v.kind != JSON_STRING)
            return refuse(fault, "model must be a string", ERR_FORMAT);
        e = json_string_decode(v, &decoded);
        plain = buf_view(&decoded);
    }
    if (e == ERR_LIMIT || plain.len > LIMIT_MODEL_ID_BYTES)
        e = refuse(fault, "model is too long", ERR_RANGE);
    else if (e != ERR_NONE || plain.len == 0)
        e = refuse(fault, "model must be a non-empty string", ERR_FORMAT);
    for (size_t i = 0; e == ERR_NONE && i < plain.len; i++) {
        if (plain.ptr[i] < 0x20 || plain.ptr[i] == 0x7f)
            e = refuse(fault, "model holds a control character", ERR_FORMAT);
    }
    if (e == ERR_NONE) {
        memcpy(r->model, plain.ptr, plain.len);
        r->model[plain.len] = '\0';
    }
    buf_free(&decoded);
    return e;
}

/* Whether whoever reads v must take its type for a or b: no second "type" says otherwise. */
static bool type_surely(struct json_value v, const char *a, const char *b)
{
    struct json_value type;

    return json_only(v, "type", &type) == ERR_NONE &&
           (json_string_is(type, a) || json_string_is(type, b));
}

/* Whether somebody may take it for this one. */
static bool type_maybe(struct json_value v, const char *name)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    while (it.object && json_next(&it, &m))
        if (json_key_is(m.key, "type") && json_string_is(m.value, name))
            return true;
    return false;
}

/* Whoever reads v finds no text in it. A second "type", or one that we do not know, may say that it
 * is some, and then it counts: an estimate of nothing would be a prompt for nothing. */
static bool part_is_media(struct json_value v)
{
    return type_surely(v, "image_url", "input_audio") || type_surely(v, "file", "video_url");
}

static void read_parts(struct chat_request *r, struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member part;

    while (json_next(&it, &part)) {
        /* Text, whose every token costs at least one byte of this body. */
        if (type_surely(part.value, "text", "refusal"))
            continue;
        r->has_media = true;
        if (part_is_media(part.value))
            r->prompt_bytes -= part.value.text.len;
        if (type_maybe(part.value, "image_url"))
            r->needs |= CAP_IMAGES;
    }
}

static enum err read_messages(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    struct json_member message, m;
    struct json_iter it, fields;
    size_t n = 0;

    if (v.kind != JSON_ARRAY)
        return refuse(fault, "messages must be a non-empty array", ERR_FORMAT);
    r->prompt_bytes += v.text.len; /* less its media */
    for (it = json_iter(v); json_next(&it, &message); n++) {
        if (message.value.kind != JSON_OBJECT)
            return refuse(fault, "each message must be an object", ERR_FORMAT);
        for (fields = json_iter(message.value); json_next(&fields, &m);) {
            if (m.value.kind == JSON_ARRAY && json_key_is(m.key, "content"))
                read_parts(r, m.value);
            else if (m.value.kind == JSON_OBJECT && json_key_is(m.key, "audio"))
                r->has_media = true; /* refers to an earlier answer's audio by id */
        }
    }
    if (n == 0)
        return refuse(fault, "messages must be a non-empty array", ERR_FORMAT);
    return ERR_NONE;
}

static enum err read_stream(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE)
        return refuse(fault, "stream must be true or false", ERR_FORMAT);
    r->stream = v.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err read_stream_options(struct chat_request *r, struct json_value v,
                                    struct chat_fault *fault)
{
    struct json_iter it;
    struct json_member m;
    unsigned seen = 0;

    if (v.kind != JSON_OBJECT)
        return refuse(fault, "stream_options must be an object", ERR_FORMAT);
    for (it = json_iter(v); json_next(&it, &m);) {
        if (!json_key_is(m.key, "include_usage"))
            continue;
        if (seen++ != 0)
            return refuse(fault, "stream_options.include_usage appears twice", ERR_DUPLICATE);
        if (m.value.kind != JSON_TRUE && m.value.kind != JSON_FALSE && m.value.kind != JSON_NULL)
            return refuse(fault, "include_usage must be true or false", ERR_FORMAT);
        r->include_usage = m.value.kind == JSON_TRUE;
    }
    return ERR_NONE;
}

static enum err read_count(struct json_value v, uint64_t max, const char *message,
                           struct chat_fault *fault, uint32_t *out)
{
    uint64_t n = 0;
    enum err e = json_u64(v, &n);

    if (e != ERR_NONE && e != ERR_RANGE)
        return refuse(fault, message, ERR_FORMAT);
    if (e == ERR_RANGE || n == 0 || n > max)
        return refuse(fault, message, ERR_RANGE);
    *out = (uint32_t)n;
    return ERR_NONE;
}

/* The table's order is the precedence: the first of the three that is there counts. */
static enum err read_limit(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    uint32_t limit;
    enum err e = read_count(v, CHAT_MAX_TOKENS_MAX, "must be a positive integer, at most 16777216",
                            fault, &limit);

    if (e == ERR_NONE && r->max_tokens == 0)
        r->max_tokens = limit;
    return e;
}

static enum err read_n(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    return read_count(v, CHAT_N_MAX, "n must be an integer from 1 to 128", fault, &r->n_choices);
}

static enum err read_tools(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    struct json_iter it;
    struct json_member tool;
    struct json_value type;

    if (v.kind != JSON_ARRAY)
        return refuse(fault, "tools must be an array", ERR_FORMAT);
    r->prompt_bytes += v.text.len;
    for (it = json_iter(v); json_next(&it, &tool);) {
        r->needs |= CAP_TOOLS;
        /* A tool the provider runs itself puts its results into the prompt. */
        if (json_get(tool.value, "type", &type) && !type_surely(tool.value, "function", "custom"))
            r->has_media = true;
    }
    return ERR_NONE;
}

static enum err read_response_format(struct chat_request *r, struct json_value v,
                                     struct chat_fault *fault)
{
    if (v.kind != JSON_OBJECT)
        return refuse(fault, "response_format must be an object", ERR_FORMAT);
    r->prompt_bytes += v.text.len;
    if (type_maybe(v, "json_schema"))
        r->needs |= CAP_JSON_SCHEMA;
    return ERR_NONE;
}

static enum err read_hosted(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    (void)v, (void)fault;
    r->has_media = true;
    return ERR_NONE;
}

static enum err read_user(struct chat_request *r, struct json_value v, struct chat_fault *fault)
{
    if (v.kind != JSON_STRING)
        return refuse(fault, "user must be a string", ERR_FORMAT);
    r->user = view_of(v.text.ptr + 1, v.text.len - 2);
    return ERR_NONE;
}

static int key_lookup(struct view key)
{
    bool escaped = key.len != 0 && memchr(key.ptr, '\\', key.len) != NULL;

    for (int k = 0; k < CHAT_KEY_COUNT; k++) {
        if (escaped ? json_key_is(key, rules[k].name)
                    : key.len == rules[k].len && memcmp(key.ptr, rules[k].name, key.len) == 0)
            return k;
    }
    return -1;
}

static size_t member_begin(struct view body, const struct json_member *m)
{
    return (size_t)(m->key.ptr - 1 - body.ptr);
}

static size_t member_end(struct view body, const struct json_member *m)
{
    return (size_t)(m->value.text.ptr + m->value.text.len - body.ptr);
}

static enum err place(struct chat_request *r, const struct json_member *all, size_t n,
                      struct chat_fault *fault)
{
    for (size_t i = 0; i < n; i++) {
        int k = key_lookup(all[i].key);
        struct chat_member *m;

        if (k < 0) { /* travels as it is: a template or documents, for all we know */
            r->prompt_bytes += all[i].value.text.len;
            continue;
        }
        m = &r->member[k];
        fault->param = rules[k].name;
        if (m->present)
            return refuse(fault, "appears more than once", ERR_DUPLICATE);
        *m = (struct chat_member){
            .present = true,
            .index = (uint16_t)i,
            .begin = member_begin(r->body, &all[i]),
            .end = member_end(r->body, &all[i]),
            .prev_end = i == 0 ? 0 : member_end(r->body, &all[i - 1]),
            .next_begin = i + 1 == n ? 0 : member_begin(r->body, &all[i + 1]),
            .value = all[i].value,
        };
    }
    return ERR_NONE;
}

enum err chat_request_parse(struct view body, struct chat_request *out, struct chat_fault *fault)
{
    struct json_member all[LIMIT_MEMBERS];
    size_t n = 0;
    enum err e;

    *fault = (struct chat_fault){0};
    *out = (struct chat_request){.body = body, .n_choices = 1};
    e = json_object(body, all, LIMIT_MEMBERS, &n, &fault->at);
    if (e != ERR_NONE)
        return refuse(fault,
                      e == ERR_LIMIT ? "the body is nested too deeply or has too many members"
                                     : "the body is not a JSON object",
                      e);
    e = place(out, all, n, fault);
    for (int k = 0; e == ERR_NONE && k < CHAT_KEY_COUNT; k++) {
        const struct chat_member *m = &out->member[k];

        fault->param = rules[k].name;
        if (m->present && (m->value.kind != JSON_NULL || k == CHAT_KEY_MODEL))
            e = rules[k].read(out, m->value, fault);
        else if (!m->present && k == CHAT_KEY_MODEL)
            e = refuse(fault, "model is required", ERR_FORMAT);
        if (e == ERR_NONE && k == CHAT_KEY_MESSAGES && (!m->present || m->value.kind == JSON_NULL))
            e = refuse(fault, "messages is required", ERR_FORMAT);
    }
    if (e == ERR_NONE) {
        out->prompt_bound = (uint64_t)body.len + CHAT_TEMPLATE_TOKENS;
        *fault = (struct chat_fault){0};
    }
    return e;
}
