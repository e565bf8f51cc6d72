/* (G) A neutral prompt as a chat/completions body: model, limits, settings, tools. The conversation is in
 * openai_messages.c. */
#include "openai_render.h"

#include "chat_members.h"
#include "chat_request.h"
#include "content_view.h"
#include "effort.h"
#include "openai_body.h"
#include "secret.h"

#include <assert.h>

enum {
    OPENAI_NAME_MAX = 64, /* bytes of a tool's name, as OpenAI's schema */
    OPENAI_STOP_MAX = 4,  /* stop sequences, likewise */
};

/* --- writing --- */

void body_put(struct body *b, struct view text)
{
    if (b->e == ERR_NONE)
        b->e = buf_append(b->out, text);
}

void body_put_number(struct body *b, uint64_t n)
{
    if (b->e == ERR_NONE)
        b->e = buf_append_u64(b->out, n);
}

/* A byte at which a run that can be copied ends. */
static bool ends_run(uint8_t c, bool outside)
{
    return c == '"' || c == '\\' || (outside && (c == ' ' || c == '\n' || c == '\r' || c == '\t'));
}

/* compact: of one JSON value, white space between tokens is left out. */
static void put_escaped(struct body *b, struct view v, bool compact)
{
    bool in_string = false;
    size_t from = 0;

    for (size_t i = 0; i < v.len; i++) {
        if (!ends_run(v.ptr[i], compact && !in_string))
            continue;
        body_put(b, view_of(v.ptr + from, i - from));
        from = i + 1;
        if (v.ptr[i] != '"' && v.ptr[i] != '\\')
            continue; /* white space */
        BODY_PUT(b, "\\");
        from = i;
        if (v.ptr[i] == '"') {
            in_string = !in_string;
        } else if (i + 1 < v.len) { /* what is escaped there neither ends a run nor a string */
            if (v.ptr[i + 1] == '"' || v.ptr[i + 1] == '\\') {
                BODY_PUT(b, "\\\\");
                from = ++i;
            }
        }
    }
    body_put(b, view_from(v, from));
}

void body_put_escaped(struct body *b, struct view bytes)
{
    put_escaped(b, bytes, false);
}

void body_put_text(struct body *b, struct prompt_text text)
{
    if (text.json)
        put_escaped(b, text.bytes, true);
    else
        body_put(b, text.bytes);
}

/* --- what a provider may be sent --- */

bool body_may_send(const struct provider *p, enum member_class class, struct view name)
{
    if (class == MEMBER_COMMON || chat_member_allowed(p, name))
        return true;
    if (p->quirks & QUIRK_OPENAI)
        return class == MEMBER_OPENAI;
    return (p->quirks & QUIRK_STRICT) == 0;
}

static const struct {
    struct view name;
    enum member_class class;
} settings[] = {
    [SETTING_TEMPERATURE] = {VIEW_LIT("temperature"), MEMBER_COMMON},
    [SETTING_TOP_P] = {VIEW_LIT("top_p"), MEMBER_COMMON},
    [SETTING_TOP_K] = {VIEW_LIT("top_k"), MEMBER_EXTENSION},
    [SETTING_MIN_P] = {VIEW_LIT("min_p"), MEMBER_EXTENSION},
    [SETTING_TOP_A] = {VIEW_LIT("top_a"), MEMBER_EXTENSION},
    [SETTING_FREQUENCY_PENALTY] = {VIEW_LIT("frequency_penalty"), MEMBER_COMMON},
    [SETTING_PRESENCE_PENALTY] = {VIEW_LIT("presence_penalty"), MEMBER_COMMON},
    [SETTING_REPETITION_PENALTY] = {VIEW_LIT("repetition_penalty"), MEMBER_EXTENSION},
    [SETTING_SEED] = {VIEW_LIT("seed"), MEMBER_COMMON},
    [SETTING_STOP] = {VIEW_LIT("stop"), MEMBER_COMMON},
    [SETTING_LOGIT_BIAS] = {VIEW_LIT("logit_bias"), MEMBER_COMMON},
    [SETTING_LOGPROBS] = {VIEW_LIT("logprobs"), MEMBER_COMMON},
    [SETTING_TOP_LOGPROBS] = {VIEW_LIT("top_logprobs"), MEMBER_COMMON},
    [SETTING_VERBOSITY] = {VIEW_LIT("verbosity"), MEMBER_OPENAI},
    [SETTING_SERVICE_TIER] = {VIEW_LIT("service_tier"), MEMBER_OPENAI},
    [SETTING_PROMPT_CACHE_KEY] = {VIEW_LIT("prompt_cache_key"), MEMBER_OPENAI},
    [SETTING_SAFETY_IDENTIFIER] = {VIEW_LIT("safety_identifier"), MEMBER_OPENAI},
};
_Static_assert(sizeof settings / sizeof settings[0] == SETTING_COUNT, "one each");

struct view openai_setting_name(enum prompt_setting s)
{
    assert(s < SETTING_COUNT);
    return settings[s].name;
}

bool openai_omits(const struct prompt *p, const struct provider *provider)
{
    _Static_assert(SETTING_SERVICE_TIER + 3 == SETTING_COUNT, "the last three leave the answer as it is");

    for (size_t i = 0; i < SETTING_SERVICE_TIER; i++)
        if (p->list.setting[i].len != 0 && !body_may_send(provider, settings[i].class, settings[i].name))
            return true;
    return false;
}

static bool is_string(struct view json, const char *s)
{
    return json.len >= 2 && json.ptr[0] == '"' &&
           json_string_is((struct json_value){JSON_STRING, json}, s);
}

/* The catalog has the price of the standard tier. */
static bool tier_fits(const struct prompt_list *l, const struct provider *p)
{
    struct view tier = l->setting[SETTING_SERVICE_TIER];

    return tier.len == 0 || is_string(tier, "auto") || is_string(tier, "default") ||
           chat_member_allowed(p, settings[SETTING_SERVICE_TIER].name);
}

static bool stops_fit(const struct prompt_list *l, const struct provider *p)
{
    struct view stop = l->setting[SETTING_STOP];
    struct json_iter it;
    struct json_member m;
    size_t n = 0;

    if ((p->quirks & QUIRK_OPENAI) == 0 || stop.len == 0 || stop.ptr[0] != '[')
        return true;
    it = json_iter((struct json_value){JSON_ARRAY, stop});
    while (json_next(&it, &m))
        n++;
    return n <= OPENAI_STOP_MAX;
}

static bool tools_fit(const struct prompt *p, const struct provider *provider)
{
    if (p->hosted_tools && !provider->hosted_tools)
        return false;
    for (size_t i = 0; (provider->quirks & QUIRK_OPENAI) != 0 && i < p->list.n_tools; i++)
        if (p->list.tool[i].name.len > OPENAI_NAME_MAX)
            return false;
    return true;
}

bool openai_fits(const struct prompt *p, const struct provider *provider, struct view *refused)
{
    *refused = settings[SETTING_SERVICE_TIER].name;
    if (!tier_fits(&p->list, provider))
        return false;
    *refused = settings[SETTING_STOP].name;
    if (!stops_fit(&p->list, provider))
        return false;
    *refused = VIEW_LIT("tools");
    return tools_fit(p, provider);
}

enum err body_end(struct body *b, size_t start)
{
    if (b->e != ERR_NONE && b->out->len > start) {
        secret_wipe(b->out->ptr + start, b->out->len - start);
        b->out->len = start;
    }
    return b->e;
}

/* --- settings --- */

/* "name": behind a member; the first of the body is the model. */
static void put_name(struct body *b, struct view name)
{
    BODY_PUT(b, ",\"");
    body_put(b, name);
    BODY_PUT(b, "\":");
}

void body_put_model(struct body *b)
{
    struct view model = view_str(b->model);

    for (size_t i = 0; i < model.len; i++)
        if (model.ptr[i] < 0x20)
            b->e = ERR_FORMAT;
    if (model.len > LIMIT_MODEL_ID_BYTES)
        b->e = ERR_FORMAT;
    BODY_PUT(b, "{\"model\":");
    if (b->e == ERR_NONE)
        b->e = buf_append_json_string(b->out, model);
}

static void put_stream(struct body *b)
{
    unsigned quirks = b->provider->quirks;

    if ((quirks & QUIRK_NO_STORE) == 0)
        BODY_PUT(b, ",\"store\":false");
    if (!b->prompt->stream)
        return;
    BODY_PUT(b, ",\"stream\":true");
    if ((quirks & QUIRK_NO_STREAM_OPTIONS) == 0) /* what is billed are the provider's own figures */
        BODY_PUT(b, ",\"stream_options\":{\"include_usage\":true}");
}

static void put_limits(struct body *b, uint32_t max_output)
{
    uint32_t limit = max_output != 0 ? max_output : b->prompt->max_tokens;

    if (limit != 0) {
        put_name(b, (b->provider->quirks & QUIRK_MAX_COMPLETION_TOKENS) != 0
                        ? VIEW_LIT("max_completion_tokens")
                        : VIEW_LIT("max_tokens"));
        body_put_number(b, limit);
    }
    if (b->prompt->n_choices > 1) {
        put_name(b, VIEW_LIT("n"));
        body_put_number(b, b->prompt->n_choices);
    }
}

void body_put_settings(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;

    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct view v = l->setting[i];

        if (v.len == 0 || !body_may_send(b->provider, settings[i].class, settings[i].name))
            continue;
        if (i == SETTING_SERVICE_TIER && is_string(v, "auto"))
            continue; /* what its absence means */
        put_name(b, settings[i].name);
        body_put(b, v);
    }
}

void body_put_switch(struct body *b, struct view head, int on)
{
    if (on < 0)
        return;
    body_put(b, head);
    body_put(b, on != 0 ? VIEW_LIT("true") : VIEW_LIT("false"));
}

static void put_effort(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;
    enum prompt_effort effort = l->effort == EFFORT_UNSAID && l->reasoning_tokens != 0
                                    ? effort_of_budget(l->reasoning_tokens)
                                    : l->effort;

    if (effort == EFFORT_UNSAID || l->no_effort)
        return;
    if (b->provider->quirks & QUIRK_ENABLE_THINKING) {
        body_put_switch(b, VIEW_LIT(",\"enable_thinking\":"), effort != EFFORT_NONE);
        if (effort != EFFORT_NONE && l->reasoning_tokens != 0) {
            put_name(b, VIEW_LIT("thinking_budget"));
            body_put_number(b, l->reasoning_tokens);
        }
    }
    if (b->provider->quirks & QUIRK_THINKING)
        body_put(b, effort == EFFORT_NONE ? VIEW_LIT(",\"thinking\":{\"type\":\"disabled\"}")
                                          : VIEW_LIT(",\"thinking\":{\"type\":\"enabled\"}"));
    if ((b->provider->quirks & QUIRK_NO_REASONING_EFFORT) != 0 ||
        (effort == EFFORT_NONE && (b->provider->quirks & QUIRK_THINKING) != 0))
        return;
    BODY_PUT(b, ",\"reasoning_effort\":\"");
    body_put(b, view_str(effort_word(effort)));
    BODY_PUT(b, "\"");
}

static void put_format(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;

    if (l->format == FORMAT_JSON_OBJECT)
        BODY_PUT(b, ",\"response_format\":{\"type\":\"json_object\"}");
    if (l->format != FORMAT_JSON_SCHEMA)
        return; /* text is what no format means */
    BODY_PUT(b, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"");
    body_put(b, l->format_name.len != 0 ? l->format_name : VIEW_LIT("output"));
    BODY_PUT(b, "\"");
    if (l->format_schema.len != 0) {
        put_name(b, VIEW_LIT("schema"));
        body_put(b, l->format_schema);
    }
    body_put_switch(b, VIEW_LIT(",\"strict\":"), l->format_strict);
    BODY_PUT(b, "}}");
}

/* --- tools --- */

/* Does the provider get this as a custom tool? Others get a function with one text, "input". */
static bool goes_custom(const struct body *b, const struct prompt_tool *t)
{
    return t->kind == TOOL_CUSTOM && (b->provider->quirks & QUIRK_OPENAI) != 0;
}

#define INPUT_SCHEMA                                                                               \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"],"   \
    "\"additionalProperties\":false}"

static void put_tool(struct body *b, const struct prompt_tool *t)
{
    bool custom = goes_custom(b, t);

    body_put(b, custom ? VIEW_LIT("{\"type\":\"custom\",\"custom\":{\"name\":\"")
                       : VIEW_LIT("{\"type\":\"function\",\"function\":{\"name\":\""));
    body_put(b, t->name);
    BODY_PUT(b, "\"");
    if (t->description.ptr != NULL) {
        BODY_PUT(b, ",\"description\":\"");
        body_put(b, t->description);
        BODY_PUT(b, "\"");
    }
    if (t->kind == TOOL_CUSTOM && !custom)
        BODY_PUT(b, ",\"parameters\":" INPUT_SCHEMA);
    else if (t->schema.len != 0) {
        put_name(b, custom ? VIEW_LIT("format") : VIEW_LIT("parameters"));
        body_put(b, t->schema);
    }
    if (t->kind == TOOL_FUNCTION)
        body_put_switch(b, VIEW_LIT(",\"strict\":"), t->strict);
    BODY_PUT(b, "}}");
}

static bool chosen_is_custom(const struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;

    for (size_t i = 0; i < l->n_tools; i++)
        if (view_eq(l->tool[i].name, l->choice_name))
            return goes_custom(b, &l->tool[i]);
    return false;
}

static void put_choice(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;

    switch (l->choice) {
    case CHOICE_UNSAID:
        return;
    case CHOICE_AUTO:
        BODY_PUT(b, ",\"tool_choice\":\"auto\"");
        return;
    case CHOICE_NONE:
        BODY_PUT(b, ",\"tool_choice\":\"none\"");
        return;
    case CHOICE_REQUIRED:
        BODY_PUT(b, ",\"tool_choice\":\"required\"");
        return;
    case CHOICE_TOOL:
        break;
    }
    body_put(b, chosen_is_custom(b)
                    ? VIEW_LIT(",\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"")
                    : VIEW_LIT(",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\""));
    body_put(b, l->choice_name);
    BODY_PUT(b, "\"}}");
}

/* Without tools nothing is said of them: strict providers refuse it. */
static void put_tools(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;

    if (l->n_tools == 0)
        return;
    BODY_PUT(b, ",\"tools\":[");
    for (size_t i = 0; i < l->n_tools; i++) {
        if (i != 0)
            BODY_PUT(b, ",");
        put_tool(b, &l->tool[i]);
    }
    BODY_PUT(b, "]");
    put_choice(b);
    body_put_switch(b, VIEW_LIT(",\"parallel_tool_calls\":"), l->parallel_calls);
}

enum err openai_render(const struct prompt *p, const struct provider *provider,
                       const char *upstream_model, uint32_t max_output, struct buf *out)
{
    struct body b = {.prompt = p, .provider = provider, .model = upstream_model, .out = out};
    size_t start = out->len;

    assert(p->chat == NULL);
    b.e = buf_reserve(out, p->body.len + CHAT_RENDER_SLACK); /* seldom more */
    body_put_model(&b);
    put_stream(&b);
    put_limits(&b, max_output);
    body_put_settings(&b);
    put_effort(&b);
    put_format(&b);
    put_tools(&b);
    BODY_PUT(&b, ",");
    body_put_messages(&b);
    BODY_PUT(&b, "}");
    return body_end(&b, start);
}
