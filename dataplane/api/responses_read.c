/* (G) Reads a request to /responses: the table of its members, and the short ones. */
#include "responses_read.h"

#include "content_view.h"
#include "prompt_synth.h"
#include "responses_internal.h"

static responses_read_fn read_model, read_stream, read_limit, read_temperature, read_top_p,
    read_top_k, read_frequency, read_presence, read_include, read_top_logprobs, read_parallel,
    read_text, read_reasoning, read_service_tier, read_cache_key, read_safety, read_user,
    read_metadata, read_models, read_provider, read_route, read_previous, read_conversation,
    read_stored_prompt, read_background, read_modalities, read_plugins, read_store, read_any;

/* In the order in which they are read. A member that has read_any is accepted and says nothing to a provider:
 * what the router does itself (store, stream_options), what only OpenAI's own models know, and what labels a
 * request (client_metadata). */
static const struct rule {
    const char *name;
    responses_read_fn *read;
} rules[] = {
    {"previous_response_id", read_previous},
    {"conversation", read_conversation},
    {"prompt", read_stored_prompt},
    {"background", read_background},
    {"plugins", read_plugins},
    {"modalities", read_modalities},
    {"model", read_model},
    {"models", read_models},
    {"provider", read_provider},
    {"route", read_route},
    {"stream", read_stream},
    {"max_output_tokens", read_limit},
    {"reasoning", read_reasoning}, /* behind the limit, within which its budget must lie */
    {"instructions", responses_read_instructions}, /* the first message */
    {"tools", responses_read_tools},
    {"input", responses_read_input},
    {"tool_choice", responses_read_tool_choice}, /* behind all tools */
    {"parallel_tool_calls", read_parallel},
    {"text", read_text},
    {"include", read_include},
    {"top_logprobs", read_top_logprobs}, /* behind include, which asks for them */
    {"temperature", read_temperature},
    {"top_p", read_top_p},
    {"top_k", read_top_k},
    {"frequency_penalty", read_frequency},
    {"presence_penalty", read_presence},
    {"service_tier", read_service_tier},
    {"prompt_cache_key", read_cache_key},
    {"safety_identifier", read_safety},
    {"user", read_user},
    {"metadata", read_metadata},
    {"access_programs", read_any},
    {"background_options", read_any},
    {"cache_control", read_any},
    {"client_metadata", read_any},
    {"context_management", read_any},
    {"debug", read_any},
    {"image", read_any},
    {"image_config", read_any},
    {"max_tool_calls", read_any}, /* counts calls of tools that the provider runs: there are none */
    {"moderation", read_any},
    {"personality", read_any},
    {"prompt_cache_options", read_any},
    {"prompt_cache_retention", read_any},
    {"session_id", read_any},
    {"stop_server_tools_when", read_any},
    {"store", read_store}, /* nothing is stored: the answer says false, and its head, if asked */
    {"stream_options", read_any},
    {"tags", read_any},
    {"trace", read_any},
    {"truncation", read_any}, /* nothing is cut: the answer says "disabled" */
    {"usage", read_any},
};
enum { RULES = sizeof rules / sizeof rules[0] };

static enum err read_any(struct responses_reader *r, struct json_value v)
{
    (void)r, (void)v;
    return ERR_NONE;
}

/* --- what would need memory of earlier requests, or of this one */

static enum err stateful(struct responses_reader *r, const char *message)
{
    return responses_refuse(r, message, ERR_UNSUPPORTED);
}

static enum err read_previous(struct responses_reader *r, struct json_value v)
{
    (void)v;
    return stateful(r, "This router stores no responses: send the whole conversation in input, and leave "
                       "previous_response_id out.");
}

static enum err read_conversation(struct responses_reader *r, struct json_value v)
{
    (void)v;
    return stateful(r, "This router stores no conversations: send all of its items in input.");
}

static enum err read_stored_prompt(struct responses_reader *r, struct json_value v)
{
    (void)v;
    return stateful(r, "This router stores no prompts: send the text in instructions and input.");
}

static enum err read_background(struct responses_reader *r, struct json_value v)
{
    bool background = false;
    enum err e = prompt_read_bool(v, r->fault, &background);

    return e != ERR_NONE || !background
               ? e
               : stateful(r, "This router stores no responses, so none can be made in the background.");
}

static enum err read_plugins(struct responses_reader *r, struct json_value v)
{
    return prompt_synth_plugins(r->p, v, r->fault);
}

static enum err read_modalities(struct responses_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    if (v.kind != JSON_ARRAY)
        return responses_refuse(r, "modalities must be an array", ERR_FORMAT);
    while (json_next(&it, &m))
        if (!json_string_is(m.value, "text"))
            return responses_refuse(r, "Only text can be asked for here.", ERR_UNSUPPORTED);
    return ERR_NONE;
}

static enum err read_store(struct responses_reader *r, struct json_value v)
{
    return prompt_read_bool(v, r->fault, &r->p->asked_store);
}

/* --- routing, form and limits */

static enum err read_model(struct responses_reader *r, struct json_value v)
{
    return prompt_read_model(v, r->p, r->fault);
}

static enum err read_models(struct responses_reader *r, struct json_value v)
{
    r->p->models = v;
    return ERR_NONE;
}

static enum err read_provider(struct responses_reader *r, struct json_value v)
{
    r->p->provider = v;
    return ERR_NONE;
}

static enum err read_route(struct responses_reader *r, struct json_value v)
{
    r->p->route = v;
    return ERR_NONE;
}

static enum err read_stream(struct responses_reader *r, struct json_value v)
{
    return prompt_read_bool(v, r->fault, &r->p->stream);
}

static enum err read_limit(struct responses_reader *r, struct json_value v)
{
    return prompt_read_count(v, 1, LIMIT_TOKENS_ABSURD,
                             "max_output_tokens must be a positive integer, at most 16777216",
                             r->fault, &r->p->max_tokens);
}

/* A budget of OpenRouter's: where the provider counts thinking apart, both are produced. */
static enum err read_budget(struct responses_reader *r, struct json_value v)
{
    uint32_t n = 0;
    enum err e = prompt_read_count(v, 0, LIMIT_TOKENS_ABSURD,
                                   "reasoning.max_tokens must be an integer from 0 to 16777216",
                                   r->fault, &n);

    if (e != ERR_NONE)
        return e;
    r->p->list.reasoning_tokens = n;
    r->p->extra_output = n;
    return r->p->max_tokens != 0 && n > r->p->max_tokens
               ? responses_refuse(r, "reasoning.max_tokens is more than max_output_tokens", ERR_RANGE)
               : ERR_NONE;
}

static enum err read_reasoning(struct responses_reader *r, struct json_value v)
{
    struct json_value m;
    enum err e = ERR_NONE;

    if (v.kind != JSON_OBJECT)
        return responses_refuse(r, "reasoning must be an object", ERR_FORMAT);
    if (responses_has(v, "effort", &m))
        e = prompt_read_effort(m, r->fault, &r->p->list.effort);
    if (e == ERR_NONE && responses_has(v, "max_tokens", &m))
        e = read_budget(r, m);
    if (responses_has(v, "summary", &m) || responses_has(v, "generate_summary", &m))
        r->p->list.wants_reasoning = true;
    if (responses_has(v, "exclude", &m) && m.kind == JSON_TRUE)
        r->p->list.wants_reasoning = false;
    return e;
}

static enum err read_parallel(struct responses_reader *r, struct json_value v)
{
    bool parallel = false;
    enum err e = prompt_read_bool(v, r->fault, &parallel);

    if (e == ERR_NONE && r->p->list.n_tools != 0)
        r->p->list.parallel_calls = parallel;
    return e;
}

/* --- the form of the answer's text */

static enum err read_format(struct responses_reader *r, struct json_value v)
{
    struct prompt_list *l = &r->p->list;
    struct json_value type, m;
    bool strict = false;
    enum err e;

    if (v.kind != JSON_OBJECT || !json_get(v, "type", &type))
        return responses_refuse(r, "text.format must be an object with a type", ERR_FORMAT);
    r->p->prompt_bytes += v.text.len;
    if (json_string_is(type, "text"))
        l->format = FORMAT_TEXT;
    else if (json_string_is(type, "json_object"))
        l->format = FORMAT_JSON_OBJECT;
    else if (!json_string_is(type, "json_schema"))
        return responses_refuse(r, "text.format.type must be text, json_object or json_schema",
                                ERR_UNSUPPORTED);
    if (l->format != FORMAT_UNSAID)
        return ERR_NONE;
    l->format = FORMAT_JSON_SCHEMA;
    r->p->needs |= CAP_JSON_SCHEMA;
    l->format_name = responses_text(v, "name");
    if (l->format_name.len == 0)
        return responses_refuse(r, "text.format.name is required", ERR_FORMAT);
    if (!json_get(v, "schema", &m) || m.kind != JSON_OBJECT)
        return responses_refuse(r, "text.format.schema must be an object", ERR_FORMAT);
    l->format_schema = m.text;
    if (!responses_has(v, "strict", &m))
        return ERR_NONE;
    e = prompt_read_bool(m, r->fault, &strict);
    if (e == ERR_NONE)
        l->format_strict = strict;
    return e;
}

static enum err read_text(struct responses_reader *r, struct json_value v)
{
    struct json_value m;
    enum err e = ERR_NONE;

    if (v.kind != JSON_OBJECT)
        return responses_refuse(r, "text must be an object", ERR_FORMAT);
    if (responses_has(v, "format", &m))
        e = read_format(r, m);
    if (e == ERR_NONE && responses_has(v, "verbosity", &m))
        e = prompt_read_raw(m, JSON_STRING, "text.verbosity must be a string", r->fault,
                            &r->p->list.setting[SETTING_VERBOSITY]);
    return e;
}

/* Sealed thoughts are always sent. What hosted tools would have found is not there to be included. */
static enum err read_include(struct responses_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    if (v.kind != JSON_ARRAY)
        return responses_refuse(r, "include must be an array of strings", ERR_FORMAT);
    while (json_next(&it, &m)) {
        if (m.value.kind != JSON_STRING)
            return responses_refuse(r, "include must be an array of strings", ERR_FORMAT);
        if (json_string_is(m.value, "message.output_text.logprobs"))
            r->logprobs = true;
        if (json_string_is(m.value, "reasoning.encrypted_content"))
            r->p->list.wants_reasoning = true;
    }
    if (r->logprobs)
        r->p->list.setting[SETTING_LOGPROBS] = VIEW_LIT("true");
    return ERR_NONE;
}

static enum err read_top_logprobs(struct responses_reader *r, struct json_value v)
{
    uint32_t n = 0;
    enum err e = prompt_read_count(v, 0, 20, "top_logprobs must be an integer from 0 to 20",
                                   r->fault, &n);

    if (e == ERR_NONE && n != 0 && r->logprobs)
        r->p->list.setting[SETTING_TOP_LOGPROBS] = v.text;
    return e;
}

/* --- settings that travel as they came */

static enum err read_setting(struct responses_reader *r, struct json_value v, enum json_kind kind,
                             const char *message, enum prompt_setting setting)
{
    return prompt_read_raw(v, kind, message, r->fault, &r->p->list.setting[setting]);
}

static enum err read_temperature(struct responses_reader *r, struct json_value v)
{
    return read_setting(r, v, JSON_NUMBER, "temperature must be a number", SETTING_TEMPERATURE);
}

static enum err read_top_p(struct responses_reader *r, struct json_value v)
{
    return read_setting(r, v, JSON_NUMBER, "top_p must be a number", SETTING_TOP_P);
}

static enum err read_top_k(struct responses_reader *r, struct json_value v)
{
    return read_setting(r, v, JSON_NUMBER, "top_k must be a number", SETTING_TOP_K);
}

static enum err read_frequency(struct responses_reader *r, struct json_value v)
{
    return read_setting(r, v, JSON_NUMBER, "frequency_penalty must be a number",
                        SETTING_FREQUENCY_PENALTY);
}

static enum err read_presence(struct responses_reader *r, struct json_value v)
{
    return read_setting(r, v, JSON_NUMBER, "presence_penalty must be a number",
                        SETTING_PRESENCE_PENALTY);
}

static enum err read_service_tier(struct responses_reader *r, struct json_value v)
{
    return read_setting(r, v, JSON_STRING, "service_tier must be a string", SETTING_SERVICE_TIER);
}

static enum err read_cache_key(struct responses_reader *r, struct json_value v)
{
    return read_setting(r, v, JSON_STRING, "prompt_cache_key must be a string",
                        SETTING_PROMPT_CACHE_KEY);
}

static enum err read_safety(struct responses_reader *r, struct json_value v)
{
    return read_setting(r, v, JSON_STRING, "safety_identifier must be a string",
                        SETTING_SAFETY_IDENTIFIER);
}

static enum err read_user(struct responses_reader *r, struct json_value v)
{
    return prompt_read_text(v, "user must be a string", r->fault, &r->p->user);
}

static enum err read_metadata(struct responses_reader *r, struct json_value v)
{
    return v.kind == JSON_OBJECT ? ERR_NONE
                                 : responses_refuse(r, "metadata must be an object", ERR_FORMAT);
}

/* --- the body */

/* Puts each member in the place of its rule. */
static enum err place(struct responses_reader *r, const struct json_member *all, size_t n,
                      struct json_value found[static RULES])
{
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < RULES && !json_key_is(all[i].key, rules[k].name))
            k++;
        if (k == RULES) {
            r->fault->member = all[i].key;
            return responses_refuse(r, "This member is not known.", ERR_UNSUPPORTED);
        }
        r->fault->param = rules[k].name;
        if (found[k].text.len != 0)
            return responses_refuse(r, "appears more than once", ERR_DUPLICATE);
        found[k] = all[i].value;
    }
    return ERR_NONE;
}

static enum err read_members(struct responses_reader *r, const struct json_value found[static RULES])
{
    enum err e = ERR_NONE;

    for (size_t k = 0; e == ERR_NONE && k < RULES; k++) {
        r->fault->param = rules[k].name;
        if (found[k].kind != JSON_NULL) /* also of one that is absent */
            e = rules[k].read(r, found[k]);
    }
    if (e == ERR_LIMIT && r->fault->message == NULL)
        return responses_refuse(r, "the request has too many items, parts or tools", e);
    return e;
}

/* Whether what must be there is. */
static enum err check_whole(struct responses_reader *r)
{
    const struct prompt *p = r->p;

    r->fault->param = "model";
    if (p->model[0] == '\0' && p->models.text.len == 0)
        return responses_refuse(r, "model is required", ERR_FORMAT);
    r->fault->param = "input";
    if (r->asked)
        return ERR_NONE;
    return responses_refuse(r, "input must be a text or a list with at least one item", ERR_FORMAT);
}

enum err responses_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    struct responses_reader r = {.p = out, .fault = fault};
    struct json_member all[LIMIT_MEMBERS];
    struct json_value found[RULES] = {{JSON_NULL, VIEW_EMPTY}};
    size_t n = 0;
    enum err e;

    if (view_starts(body, VIEW_LIT("\xef\xbb\xbf")))
        body = view_from(body, 3);
    *fault = (struct prompt_fault){0};
    *out = (struct prompt){.body = body, .n_choices = 1, .include_usage = true};
    prompt_list_init(&out->list);
    e = json_object(body, all, LIMIT_MEMBERS, &n, &fault->at);
    if (e != ERR_NONE)
        return prompt_refuse(fault, prompt_no_object(body, e), e);
    e = place(&r, all, n, found);
    if (e == ERR_NONE)
        e = read_members(&r, found);
    if (e == ERR_NONE)
        e = check_whole(&r);
    if (e == ERR_NONE) {
        out->prompt_bound = body.len - out->media.bytes + PROMPT_TEMPLATE_TOKENS + r.added +
                            prompt_list_repeats(&out->list);
        *fault = (struct prompt_fault){0};
    }
    return e;
}
