/* (G) Reads a client's chat/completions body. What is edited in it is in chat_render.c. */
#include "chat_request_internal.h"

#include "chat_members.h"
#include "chat_replay.h"
#include "content_view.h"
#include "prompt_synth.h"

#include <assert.h>

static chat_read_fn read_model, read_stream, read_stream_options, read_limit, read_n, read_min_tokens,
    read_thinking, read_prediction, read_service_tier, read_retention,
    read_modalities, read_audio, read_web_search, read_user, read_store, read_plugins,
    read_debug, read_any;

/* Why each key may appear only once. A duplicate of a harmless key travels untouched. */
static const struct key_rule {
    const char *name;
    size_t len;
    chat_read_fn *read;
} rules[CHAT_KEY_COUNT] = {
#define RULE(key, text, fn) [key] = {text, sizeof(text) - 1, fn}
    RULE(CHAT_KEY_MODEL, "model", read_model),          /* routed, priced, replaced */
    RULE(CHAT_KEY_MESSAGES, "messages", chat_read_messages), /* bounds the prompt that is reserved */
    RULE(CHAT_KEY_STREAM, "stream", read_stream),       /* decides the answer's form */
    RULE(CHAT_KEY_STREAM_OPTIONS, "stream_options", read_stream_options), /* billing needs usage */
    RULE(CHAT_KEY_MAX_TOKENS, "max_tokens", read_limit), /* the three bound what is reserved */
    RULE(CHAT_KEY_MAX_COMPLETION_TOKENS, "max_completion_tokens", read_limit),
    RULE(CHAT_KEY_MAX_OUTPUT_TOKENS, "max_output_tokens", read_limit),
    RULE(CHAT_KEY_N, "n", read_n), /* the two multiply what is reserved */
    RULE(CHAT_KEY_BEST_OF, "best_of", read_n),
    RULE(CHAT_KEY_MIN_TOKENS, "min_tokens", read_min_tokens), /* within max_tokens; as the next three */
    RULE(CHAT_KEY_REASONING, "reasoning", chat_read_reasoning),
    RULE(CHAT_KEY_REASONING_EFFORT, "reasoning_effort", read_any), /* what "reasoning" becomes */
    RULE(CHAT_KEY_THINKING, "thinking", read_thinking),
    RULE(CHAT_KEY_THINKING_BUDGET, "thinking_budget", chat_read_budget),
    RULE(CHAT_KEY_PREDICTION, "prediction", read_prediction), /* billed as output where rejected */
    RULE(CHAT_KEY_SERVICE_TIER, "service_tier", read_service_tier), /* prices the whole request */
    RULE(CHAT_KEY_PROMPT_CACHE_RETENTION, "prompt_cache_retention", read_retention), /* retention */
    RULE(CHAT_KEY_CACHE_CONTROL, "cache_control", chat_read_cache_control), /* prices cache writes */
    RULE(CHAT_KEY_MODALITIES, "modalities", read_modalities),          /* the two price the output */
    RULE(CHAT_KEY_AUDIO, "audio", read_audio),
    RULE(CHAT_KEY_TOOLS, "tools", chat_read_tools),        /* routed by capability */
    RULE(CHAT_KEY_TOOL_CHOICE, "tool_choice", read_any),   /* the two go with an empty "tools" */
    RULE(CHAT_KEY_PARALLEL_TOOL_CALLS, "parallel_tool_calls", read_any),
    RULE(CHAT_KEY_FUNCTIONS, "functions", chat_read_tools), /* tools in the old spelling */
    RULE(CHAT_KEY_FUNCTION_CALL, "function_call", read_any), /* goes with an empty "functions" */
    RULE(CHAT_KEY_RESPONSE_FORMAT, "response_format", chat_read_response_format), /* capability */
    RULE(CHAT_KEY_STOP, "stop", read_any), /* an empty list of them does not travel */
    RULE(CHAT_KEY_WEB_SEARCH_OPTIONS, "web_search_options", read_web_search), /* a fee per search */
    RULE(CHAT_KEY_USER, "user", read_user),        /* metered as a keyed hash */
    RULE(CHAT_KEY_STORE, "store", read_store),     /* replaced: retention is forced off */
    RULE(CHAT_KEY_MODELS, "models", read_any),     /* routed; from here on dropped, and a second */
    RULE(CHAT_KEY_PROVIDER, "provider", read_any), /* one would survive the drop */
    RULE(CHAT_KEY_ROUTE, "route", read_any),
    RULE(CHAT_KEY_INCLUDE_REASONING, "include_reasoning", chat_read_include_reasoning),
    RULE(CHAT_KEY_TRANSFORMS, "transforms", read_any),
    RULE(CHAT_KEY_PLUGINS, "plugins", read_plugins),
    RULE(CHAT_KEY_USAGE, "usage", read_any),
    RULE(CHAT_KEY_SESSION_ID, "session_id", read_any),
    RULE(CHAT_KEY_TRACE, "trace", read_any),
    RULE(CHAT_KEY_TAGS, "tags", read_any),
    RULE(CHAT_KEY_DEBUG, "debug", read_debug),
#undef RULE
};

static enum err refuse(struct prompt_fault *fault, const char *message, enum err e)
{
    return chat_refuse(fault, message, e);
}

static enum err refuse_member(struct prompt_fault *fault, struct view key, const char *message)
{
    fault->param = NULL;
    fault->member = key;
    return refuse(fault, message, ERR_UNSUPPORTED);
}

/* Only for providers whose row allows it. */
static enum err extra_add(struct chat_request *r, struct view key, struct prompt_fault *fault)
{
    if (r->n_extras == CHAT_EXTRAS_MAX)
        return refuse_member(fault, key, "the request has too many members that are not supported");
    r->extras[r->n_extras++] = key;
    return ERR_NONE;
}

static struct view member_key(const struct chat_request *r, enum chat_key k)
{
    const uint8_t *key = r->body.ptr + r->member[k].begin + 1;
    size_t len = 0;

    while (key[len] != '"') /* no known key holds a quote, escaped or not */
        len++;
    return view_of(key, len);
}

/* The only member of v called name, checked against look-alikes. *out has no text when absent. */
enum err chat_nested_find(struct json_value v, const char *name, struct json_value *out,
                          struct prompt_fault *fault)
{
    struct view like = VIEW_EMPTY;
    enum err e = chat_nested(v, name, out, &like);

    if (e == ERR_NOT_FOUND) {
        *out = (struct json_value){JSON_NULL, VIEW_EMPTY};
        return ERR_NONE;
    }
    if (e == ERR_DUPLICATE)
        return refuse(fault, "has a member that appears more than once", e);
    return e == ERR_NONE ? e : refuse_member(fault, like, CHAT_LOOK_ALIKE);
}

static enum err read_any(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    (void)r, (void)v, (void)fault;
    return ERR_NONE;
}

static enum err read_model(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
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
        memcpy(r->facts->model, plain.ptr, plain.len);
        r->facts->model[plain.len] = '\0';
    }
    buf_free(&decoded);
    return e;
}

static enum err read_stream(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE)
        return refuse(fault, "stream must be true or false", ERR_FORMAT);
    r->facts->stream = v.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err read_stream_options(struct chat_request *r, struct json_value v,
                                    struct prompt_fault *fault)
{
    struct json_value usage;
    enum err e;

    if (v.kind != JSON_OBJECT)
        return refuse(fault, "stream_options must be an object", ERR_FORMAT);
    e = chat_nested_find(v, "include_usage", &usage, fault);
    if (e != ERR_NONE)
        return e;
    if (usage.kind != JSON_TRUE && usage.kind != JSON_FALSE && usage.kind != JSON_NULL)
        return refuse(fault, "include_usage must be true or false", ERR_FORMAT);
    r->facts->include_usage = usage.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err read_count(struct json_value v, uint64_t min, uint64_t max, const char *message,
                           struct prompt_fault *fault, uint32_t *out)
{
    int64_t n = 0;
    enum err e = json_whole(v, &n);

    if (e != ERR_NONE && e != ERR_RANGE)
        return refuse(fault, message, ERR_FORMAT);
    if (e == ERR_RANGE || n < 0 || (uint64_t)n < min || (uint64_t)n > max)
        return refuse(fault, message, ERR_RANGE);
    *out = (uint32_t)n;
    return ERR_NONE;
}

/* The table's order is the precedence: the first of the three that is there counts. */
static enum err read_limit(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    uint32_t limit;
    enum err e = read_count(v, 1, CHAT_MAX_TOKENS_MAX,
                            "must be a positive integer, at most 16777216", fault, &limit);

    if (e == ERR_NONE && r->facts->max_tokens == 0)
        r->facts->max_tokens = limit;
    return e;
}

static enum err read_n(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    uint32_t n = 1;
    enum err e = read_count(v, 1, CHAT_N_MAX, "must be an integer from 1 to 128", fault, &n);

    if (e == ERR_NONE && n > r->facts->n_choices)
        r->facts->n_choices = n;
    return e;
}

/* What a provider must produce, or may think, has to lie within what was asked to be the most. */
static enum err within_limit(const struct chat_request *r, uint32_t n, struct prompt_fault *fault)
{
    return r->facts->max_tokens != 0 && n > r->facts->max_tokens
               ? refuse(fault, "asks for more tokens than max_tokens", ERR_RANGE)
               : ERR_NONE;
}

static enum err read_min_tokens(struct chat_request *r, struct json_value v,
                                struct prompt_fault *fault)
{
    uint32_t n = 0;
    enum err e = read_count(v, 0, CHAT_MAX_TOKENS_MAX, "must be an integer from 0 to 16777216",
                            fault, &n);

    if (e == ERR_NONE && n != 0 && r->facts->max_tokens == 0)
        return refuse(fault, "min_tokens needs max_tokens, which bounds the price", ERR_FORMAT);
    return e == ERR_NONE ? within_limit(r, n, fault) : e;
}

/* A budget beside the limit: where the provider counts thinking apart, both are produced. */
enum err chat_read_budget(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    uint32_t n = 0;
    enum err e = read_count(v, 0, CHAT_MAX_TOKENS_MAX,
                            "a thinking budget must be an integer from 0 to 16777216", fault, &n);

    if (e != ERR_NONE)
        return e;
    if (n > r->facts->extra_output)
        r->facts->extra_output = n;
    return within_limit(r, n, fault);
}

static enum err read_thinking(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    struct json_value budget;
    enum err e;

    if (v.kind != JSON_OBJECT)
        return refuse(fault, "must be an object", ERR_FORMAT);
    e = chat_nested_find(v, "budget_tokens", &budget, fault);
    if (e != ERR_NONE || budget.kind == JSON_NULL)
        return e;
    return chat_read_budget(r, budget, fault);
}

/* Predicted tokens that the answer does not contain are billed as output; none has less than a byte. */
static enum err read_prediction(struct chat_request *r, struct json_value v,
                                struct prompt_fault *fault)
{
    if (v.kind != JSON_OBJECT)
        return refuse(fault, "prediction must be an object", ERR_FORMAT);
    r->facts->extra_output += v.text.len;
    return ERR_NONE;
}

/* The catalog has one price per endpoint, that of the standard tier. */
static enum err read_service_tier(struct chat_request *r, struct json_value v,
                                  struct prompt_fault *fault)
{
    if (json_string_is(v, "auto") || json_string_is(v, "default"))
        return ERR_NONE;
    return extra_add(r, member_key(r, CHAT_KEY_SERVICE_TIER), fault);
}

static enum err read_retention(struct chat_request *r, struct json_value v,
                               struct prompt_fault *fault)
{
    if (json_string_is(v, "in_memory") || json_string_is(v, "in-memory"))
        return ERR_NONE;
    return extra_add(r, member_key(r, CHAT_KEY_PROMPT_CACHE_RETENTION), fault);
}

static enum err read_modalities(struct chat_request *r, struct json_value v,
                                struct prompt_fault *fault)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    if (v.kind != JSON_ARRAY)
        return refuse(fault, "modalities must be an array", ERR_FORMAT);
    while (json_next(&it, &m))
        if (!json_string_is(m.value, "text"))
            return extra_add(r, member_key(r, CHAT_KEY_MODALITIES), fault);
    return ERR_NONE;
}

static enum err read_audio(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    (void)v;
    return extra_add(r, member_key(r, CHAT_KEY_AUDIO), fault);
}

/* Search results join the prompt, and each search has its fee. */
static enum err read_web_search(struct chat_request *r, struct json_value v,
                                struct prompt_fault *fault)
{
    (void)v;
    r->facts->has_media = true;
    return extra_add(r, member_key(r, CHAT_KEY_WEB_SEARCH_OPTIONS), fault);
}

static enum err read_store(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    (void)fault; /* whatever it is, false is sent */
    r->facts->asked_store = v.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err read_user(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    if (v.kind != JSON_STRING)
        return refuse(fault, "user must be a string", ERR_FORMAT);
    r->facts->user = view_of(v.text.ptr + 1, v.text.len - 2);
    return ERR_NONE;
}

/* Plugins change what is answered; a request that names one must not be answered without it. */
static enum err read_plugins(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    return v.kind == JSON_ARRAY ? prompt_synth_plugins(r->facts, v, fault) : ERR_NONE;
}

static enum err read_debug(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    struct json_value echo;

    (void)r;
    if (!json_get(v, "echo_upstream_body", &echo) || echo.kind != JSON_TRUE)
        return ERR_NONE;
    return refuse(fault, "This router does not echo what it sends to a provider.", ERR_UNSUPPORTED);
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

/* A key that is none of ours: harmless, or only for who is allowed it. One that a careless reader takes
 * for one of ours would be a request that we did not price. */
static enum err place_other(struct chat_request *r, const struct json_member *m,
                            struct prompt_fault *fault)
{
    r->facts->prompt_bytes += m->value.text.len; /* a template or documents, for all we know */
    if (chat_member_harmless(m->key))
        return ERR_NONE;
    for (int k = 0; k < CHAT_KEY_COUNT; k++)
        if (json_key_like(m->key, rules[k].name))
            return refuse_member(fault, m->key, CHAT_LOOK_ALIKE);
    return extra_add(r, m->key, fault);
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
                      struct prompt_fault *fault)
{
    for (size_t i = 0; i < n; i++) {
        int k = key_lookup(all[i].key);
        struct chat_member *m;

        if (k < 0) {
            enum err e = place_other(r, &all[i], fault);

            if (e != ERR_NONE)
                return e;
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

/* What is wrong with a body that is no JSON object. */
static const char *no_object(struct view body, enum err e)
{
    if (view_starts(body, VIEW_LIT("\xff\xfe")) || view_starts(body, VIEW_LIT("\xfe\xff")))
        return "the body is UTF-16; send UTF-8";
    return e == ERR_LIMIT ? "the body is nested too deeply or has too many members"
                          : "the body is not a JSON object in UTF-8";
}

/* What routing reads. A null one says nothing, but is there: of two, one could survive. */
static struct json_value routing(const struct chat_request *r, enum chat_key k)
{
    const struct chat_member *m = &r->member[k];

    return m->present ? m->value : (struct json_value){JSON_NULL, VIEW_EMPTY};
}

enum err chat_request_parse(struct view body, struct chat_request *out, struct prompt *facts,
                            struct prompt_fault *fault)
{
    struct json_member all[LIMIT_MEMBERS];
    size_t n = 0;
    enum err e;

    if (view_starts(body, VIEW_LIT("\xef\xbb\xbf"))) /* a byte order mark (RFC 8259 8.1) */
        body = view_from(body, 3);
    *fault = (struct prompt_fault){0};
    *facts = (struct prompt){.body = body, .n_choices = 1, .chat = out};
    *out = (struct chat_request){.body = body, .facts = facts};
    e = json_object(body, all, LIMIT_MEMBERS, &n, &fault->at);
    if (e != ERR_NONE)
        return refuse(fault, no_object(body, e), e);
    e = place(out, all, n, fault);
    for (int k = 0; e == ERR_NONE && k < CHAT_KEY_COUNT; k++) {
        const struct chat_member *m = &out->member[k];

        fault->param = rules[k].name;
        if (m->present && m->value.kind != JSON_NULL)
            e = rules[k].read(out, m->value, fault);
        if (e == ERR_NONE && k == CHAT_KEY_MESSAGES && (!m->present || m->value.kind == JSON_NULL))
            e = refuse(fault, "messages is required", ERR_FORMAT);
    }
    if (e == ERR_NONE) {
        facts->models = routing(out, CHAT_KEY_MODELS);
        facts->provider = routing(out, CHAT_KEY_PROVIDER);
        facts->route = routing(out, CHAT_KEY_ROUTE);
        facts->prompt_bound = (uint64_t)body.len - facts->media.bytes + CHAT_TEMPLATE_TOKENS;
        *fault = (struct prompt_fault){0};
    }
    return e;
}

void chat_request_free(const struct chat_request *r)
{
    void *mine = (void *)(uintptr_t)r;

    if (mine != NULL)
        explicit_bzero(mine, sizeof *r);
    free(mine);
}

bool chat_request_fits(const struct chat_request *r, const struct provider *provider,
                       struct view *refused)
{
    for (size_t i = 0; i < r->n_extras; i++) {
        if (!chat_member_allowed(provider, r->extras[i])) {
            *refused = r->extras[i];
            return false;
        }
    }
    *refused = VIEW_LIT("tools");
    return !r->facts->hosted_tools || provider->hosted_tools;
}

bool chat_request_cache_fits(const struct chat_request *r, const struct provider *provider, struct view *refused)
{
    *refused = VIEW_LIT("cache_control");
    if (r->long_mark && chat_replay_takes_marks(provider) && !chat_member_allowed(provider, *refused))
        return false;
    *refused = VIEW_LIT("prompt_cache_breakpoint");
    return !r->long_breakpoint || chat_member_allowed(provider, *refused);
}
