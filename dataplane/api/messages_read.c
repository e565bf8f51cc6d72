/* (G) Reads a Messages request: the table of its members. */
#include "messages_internal.h"

#include "content_view.h"
#include "estimate.h"
#include "prompt_synth.h"

#include <assert.h>

typedef enum err member_fn(struct messages_reader *r, struct json_value v);
static member_fn read_model, read_max_tokens, read_stream, read_temperature, read_top_p, read_top_k,
    read_stops, read_metadata, read_user, read_tier, read_mark, read_models, read_provider, read_route,
    read_fallbacks, read_plugins, read_nothing, read_refused;

/* In the order in which they are read: limits before what must lie within them. */
static const struct member {
    const char *name;
    unsigned kinds;
    member_fn *read;
    enum { ALWAYS, BEFORE_2026 } known;
} members[] = {
    {"model", OF_TEXT, read_model, ALWAYS},
    {"max_tokens", OF_NUMBER, read_max_tokens, ALWAYS},
    {"stream", OF_BOOL, read_stream, ALWAYS},
    {"system", OF_TEXT | OF_LIST, messages_read_system, ALWAYS},
    {"messages", OF_LIST, messages_read_turns, ALWAYS},
    {"tools", OF_LIST, messages_read_tools, ALWAYS},
    {"tool_choice", OF_OBJECT, messages_read_choice, ALWAYS},
    {"thinking", OF_OBJECT, messages_read_thinking, ALWAYS},
    {"output_config", OF_OBJECT, messages_read_output, ALWAYS},
    {"output_format", OF_OBJECT, messages_read_format, ALWAYS},
    {"temperature", OF_NUMBER, read_temperature, BEFORE_2026},
    {"top_p", OF_NUMBER, read_top_p, BEFORE_2026},
    {"top_k", OF_NUMBER, read_top_k, BEFORE_2026},
    {"stop_sequences", OF_LIST, read_stops, ALWAYS},
    {"metadata", OF_OBJECT, read_metadata, ALWAYS},
    {"user", OF_TEXT, read_user, ALWAYS}, /* OpenRouter's, as the next three */
    {"models", OF_LIST, read_models, ALWAYS},
    {"provider", OF_OBJECT, read_provider, ALWAYS},
    {"route", OF_TEXT, read_route, ALWAYS},
    {"service_tier", OF_TEXT, read_tier, ALWAYS},
    {"cache_control", OF_OBJECT, read_mark, ALWAYS},
    {"fallbacks", OF_ANY, read_fallbacks, ALWAYS},
    /* Nothing of them reaches a provider: what they ask for is Anthropic's bookkeeping, or an optimisation
     * that no other provider knows and whose absence changes no answer. Claude Code sends the first. */
    {"context_management", OF_ANY, read_nothing, ALWAYS},
    {"diagnostics", OF_ANY, read_nothing, ALWAYS},
    {"user_profile_id", OF_ANY, read_nothing, ALWAYS},
    {"billing_policy", OF_ANY, read_nothing, ALWAYS},
    {"fallback_credit_token", OF_ANY, read_nothing, ALWAYS},
    {"speed", OF_TEXT, read_nothing, ALWAYS},
    {"session_id", OF_ANY, read_nothing, ALWAYS}, /* OpenRouter's */
    {"trace", OF_ANY, read_nothing, ALWAYS},
    /* State at Anthropic, or work of its servers. */
    {"container", OF_ANY, read_refused, ALWAYS},
    {"mcp_servers", OF_LIST, read_refused, ALWAYS},
    {"thread", OF_ANY, read_refused, ALWAYS},
    {"inference_geo", OF_ANY, read_refused, ALWAYS},
    {"compaction", OF_ANY, read_refused, ALWAYS},
    {"plugins", OF_LIST, read_plugins, ALWAYS},
    {"stop_server_tools_when", OF_LIST, read_refused, ALWAYS},
};
enum { MEMBERS = sizeof members / sizeof members[0] };

static const char *wanted(unsigned kinds)
{
    switch (kinds) {
    case OF_TEXT:
        return "Input should be a valid string";
    case OF_NUMBER:
        return "Input should be a valid number";
    case OF_LIST:
        return "Input should be a valid list";
    case OF_OBJECT:
        return "Input should be an object";
    case OF_BOOL:
        return "Input should be a valid boolean";
    default:
        return "Input should be a string or a list";
    }
}

enum err messages_fields(struct messages_reader *r, struct json_value v,
                         const struct messages_field *fields, size_t n, bool strict,
                         struct json_value *out)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    assert(v.kind == JSON_OBJECT);
    for (size_t i = 0; i < n; i++)
        out[i] = (struct json_value){JSON_NULL, VIEW_EMPTY};
    while (json_next(&it, &m)) {
        size_t i = 0;

        while (i < n && !json_key_is(m.key, fields[i].name))
            i++;
        if (i == n && strict)
            return messages_refuse_member(r, m.key, "Extra inputs are not permitted");
        if (i == n)
            continue;
        if (messages_has(out[i]))
            return messages_refuse(r, fields[i].name, "appears more than once", ERR_DUPLICATE);
        if (m.value.kind == JSON_NULL)
            continue;
        if ((fields[i].kinds >> m.value.kind & 1) == 0)
            return messages_refuse(r, fields[i].name, wanted(fields[i].kinds), ERR_FORMAT);
        out[i] = m.value;
    }
    return ERR_NONE;
}

/* --- members --- */

static enum err read_model(struct messages_reader *r, struct json_value v)
{
    return prompt_read_model(v, r->p, r->fault);
}

static enum err read_max_tokens(struct messages_reader *r, struct json_value v)
{
    return prompt_read_count(v, 1, LIMIT_TOKENS_ABSURD,
                             "Input should be an integer greater than or equal to 1",
                             r->fault, &r->p->max_tokens);
}

static enum err read_stream(struct messages_reader *r, struct json_value v)
{
    r->p->stream = v.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err set(struct messages_reader *r, enum prompt_setting s, struct json_value v)
{
    r->p->list.setting[s] = v.text;
    return ERR_NONE;
}

static enum err read_temperature(struct messages_reader *r, struct json_value v)
{
    return set(r, SETTING_TEMPERATURE, v);
}

static enum err read_top_p(struct messages_reader *r, struct json_value v)
{
    return set(r, SETTING_TOP_P, v);
}

static enum err read_top_k(struct messages_reader *r, struct json_value v)
{
    return set(r, SETTING_TOP_K, v);
}

static enum err read_stops(struct messages_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    size_t n = 0;

    for (; json_next(&it, &m); n++)
        if (m.value.kind != JSON_STRING)
            return prompt_refuse(r->fault, "Input should be a list of strings", ERR_FORMAT);
    return n == 0 ? ERR_NONE : set(r, SETTING_STOP, v);
}

static enum err read_metadata(struct messages_reader *r, struct json_value v)
{
    static const struct messages_field fields[] = {{"user_id", OF_TEXT}};
    struct json_value user;
    enum err e = messages_fields(r, v, fields, 1, true, &user);

    if (e == ERR_NONE && messages_has(user))
        r->p->user = messages_text(user);
    return e;
}

static enum err read_user(struct messages_reader *r, struct json_value v)
{
    r->p->user = messages_text(v);
    return ERR_NONE;
}

/* Both are the standard tier, which is what the catalog has prices for. */
static enum err read_tier(struct messages_reader *r, struct json_value v)
{
    return json_string_is(v, "auto") || json_string_is(v, "standard_only")
               ? ERR_NONE
               : prompt_refuse(r->fault, "Input should be 'auto' or 'standard_only'", ERR_FORMAT);
}

static enum err read_mark(struct messages_reader *r, struct json_value v)
{
    r->p->list.mark = v.text;
    return messages_read_mark(r, v);
}

static enum err read_models(struct messages_reader *r, struct json_value v)
{
    r->p->models = v;
    return ERR_NONE;
}

static enum err read_provider(struct messages_reader *r, struct json_value v)
{
    r->p->provider = v;
    return ERR_NONE;
}

static enum err read_route(struct messages_reader *r, struct json_value v)
{
    r->p->route = v;
    return ERR_NONE;
}

/* "default" and an empty list name no other model. */
static enum err read_fallbacks(struct messages_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    if (json_string_is(v, "default") || (v.kind == JSON_ARRAY && !json_next(&it, &m)))
        return ERR_NONE;
    return prompt_refuse(r->fault, "is not supported; name other models in models", ERR_UNSUPPORTED);
}

static enum err read_nothing(struct messages_reader *r, struct json_value v)
{
    (void)r, (void)v;
    return ERR_NONE;
}

static enum err read_plugins(struct messages_reader *r, struct json_value v)
{
    return prompt_synth_plugins(r->p, v, r->fault);
}

/* An empty list asks for nothing. */
static enum err read_refused(struct messages_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    if (v.kind == JSON_ARRAY && !json_next(&it, &m))
        return ERR_NONE;
    return prompt_refuse(r->fault, "is not supported by this router", ERR_UNSUPPORTED);
}

/* --- the body --- */

static const struct member *member_of(const struct messages_reader *r, struct view key)
{
    for (size_t k = 0; k < MEMBERS; k++)
        if (json_key_is(key, members[k].name))
            return r->since_2026 && members[k].known == BEFORE_2026 ? NULL : &members[k];
    return NULL;
}

static enum err place(struct messages_reader *r, const struct json_member *all, size_t n,
                      struct json_value *found)
{
    for (size_t i = 0; i < n; i++) {
        const struct member *m = member_of(r, all[i].key);
        struct json_value v = all[i].value;

        if (m == NULL)
            return messages_refuse_member(r, all[i].key, "Extra inputs are not permitted");
        if (messages_has(found[m - members]))
            return messages_refuse(r, m->name, "appears more than once", ERR_DUPLICATE);
        if (v.kind == JSON_NULL)
            continue;
        if ((m->kinds >> v.kind & 1) == 0)
            return messages_refuse(r, m->name, wanted(m->kinds), ERR_FORMAT);
        found[m - members] = v;
    }
    return ERR_NONE;
}

/* Which must be there. */
static enum err require(struct messages_reader *r, const struct json_value *found)
{
    enum { MODEL = 0, MAX_TOKENS = 1, MESSAGES = 4, MODELS = 16 };
    static const int always[] = {MAX_TOKENS, MESSAGES};

    assert(strcmp(members[MESSAGES].name, "messages") == 0 && strcmp(members[MODELS].name, "models") == 0);
    if (!messages_has(found[MODEL]) && !messages_has(found[MODELS]))
        return messages_refuse(r, "model", "Field required", ERR_FORMAT);
    for (size_t i = r->counting; i < 2; i++)
        if (!messages_has(found[always[i]]))
            return messages_refuse(r, members[always[i]].name, "Field required", ERR_FORMAT);
    return ERR_NONE;
}

static enum err read_body(struct messages_reader *r, struct view body)
{
    struct json_member all[LIMIT_MEMBERS];
    struct json_value found[MEMBERS] = {{0}};
    size_t n = 0;
    enum err e;

    if (view_starts(body, VIEW_LIT("\xef\xbb\xbf"))) /* a byte order mark (RFC 8259 8.1) */
        body = view_from(body, 3);
    r->p->body = body;
    e = json_object(body, all, LIMIT_MEMBERS, &n, &r->fault->at);
    if (e != ERR_NONE)
        return prompt_refuse(r->fault, prompt_no_object(body, e), e);
    e = place(r, all, n, found);
    if (e == ERR_NONE)
        e = require(r, found);
    for (size_t k = 0; e == ERR_NONE && k < MEMBERS; k++) {
        if (!messages_has(found[k]))
            continue;
        r->fault->param = members[k].name;
        e = members[k].read(r, found[k]);
    }
    return e;
}

static enum err read_with(struct view body, bool since_2026, bool counting, struct prompt *out,
                     struct prompt_fault *fault)
{
    struct messages_reader r = {out, fault, since_2026, counting};
    enum err e;

    *fault = (struct prompt_fault){0};
    *out = (struct prompt){.n_choices = 1, .include_usage = true};
    prompt_list_init(&out->list);
    out->list.wants_reasoning = true;
    e = read_body(&r, body);
    if (e == ERR_LIMIT && fault->message == NULL)
        return prompt_refuse(fault, "too many messages, content blocks or tools", e);
    if (e != ERR_NONE)
        return e;
    /* what was sealed has added to it */
    out->prompt_bound += (uint64_t)out->body.len - out->media.bytes + PROMPT_TEMPLATE_TOKENS +
                         prompt_list_repeats(&out->list);
    *fault = (struct prompt_fault){0};
    return ERR_NONE;
}

enum err messages_read_2023(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    return read_with(body, false, false, out, fault);
}

enum err messages_read_2026(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    return read_with(body, true, false, out, fault);
}

enum err messages_read_count_2023(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    return read_with(body, false, true, out, fault);
}

enum err messages_read_count_2026(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    return read_with(body, true, true, out, fault);
}

enum err messages_count(const struct prompt *p, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"input_tokens\":"));

    if (e == ERR_NONE)
        e = buf_append_u64(out, estimate_bytes(p->prompt_bytes) + p->media.floor);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}
