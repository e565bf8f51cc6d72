/* Reads OpenAI's chat completions. */
#include "chat.h"

#include "sign.h"
#include "strict.h"

const char *const chat_members[] = {
    "messages", "model", "metadata", "top_logprobs", "temperature", "top_p", "user",
    "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
    "service_tier", "modalities", "verbosity", "reasoning_effort", "max_completion_tokens",
    "frequency_penalty", "presence_penalty", "web_search_options", "response_format", "audio", "store",
    "moderation", "stream", "stop", "logit_bias", "logprobs", "max_tokens", "n", "prediction", "seed",
    "stream_options", "tools", "tool_choice", "parallel_tool_calls", "function_call", "functions", NULL};

/* The three of reasoning are what makers of reasoning models take beside OpenAI's own; "parsed" is what OpenAI's
 * older SDKs send back with a message. */
static const char *const message_members[] = {
    "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "function_call",
    "reasoning", "reasoning_content", "reasoning_details", "parsed", NULL};
static const char *const part_members[] = {
    "type", "text", "image_url", "input_audio", "file", "video_url", "refusal",
    "prompt_cache_breakpoint", NULL};
static const char *const tool_members[] = {"type", "function", "custom", NULL};
static const char *const function_members[] = {"name", "description", "parameters", "strict", NULL};

/* Do the elements of reasoning_details hold a text and its signature, as we sent them? They may come in
 * pieces. */
static bool chat_signed(struct json_value message)
{
    struct json_value details, v, signature = {0};
    struct json_member item;
    struct bytes text = {0};
    bool good;

    if (!json_get(message, "reasoning_details", &details) || details.kind != JSON_ARRAY)
        return false;
    for (struct json_iter it = json_iter(details); json_next(&it, &item);) {
        if (json_get(item.value, "text", &v))
            (void)sign_decode(v, &text);
        if (json_get(item.value, "signature", &v) && v.kind == JSON_STRING)
            signature = v;
    }
    good = signature.text.len != 0 && sign_good(&text, signature);
    bytes_free(&text);
    return good;
}

static void chat_message(struct json_value message, struct ask *a)
{
    struct json_value role, content = {0}, calls;

    if (!json_get(message, "role", &role))
        return;
    json_get(message, "content", &content);
    if (json_string_is(role, "user")) {
        if (content.text.len != 0)
            ask_user(a, content);
    } else if (json_string_is(role, "assistant")) {
        ask_turn(a);
        if (json_get(message, "tool_calls", &calls) && calls.kind == JSON_ARRAY &&
            !chat_signed(message))
            a->unsigned_turn = "an assistant message with tool_calls lacks its signed reasoning_details";
    } else if (json_string_is(role, "tool")) {
        ask_result(a, content);
    }
}

static void chat_tools(const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value list, tool, name, schema, choice;
    struct json_member item;

    if (ask_get(m, n, "tools", &list) && list.kind == JSON_ARRAY) {
        for (struct json_iter it = json_iter(list); json_next(&it, &item);) {
            schema = (struct json_value){0};
            if (json_get(item.value, "function", &tool) && json_get(tool, "name", &name)) {
                json_get(tool, "parameters", &schema);
                ask_tool(a, name, schema, false);
            } else if (json_get(item.value, "custom", &tool) && json_get(tool, "name", &name)) {
                ask_tool(a, name, schema, true);
            }
        }
    }
    if (ask_get(m, n, "tool_choice", &choice)) {
        a->no_calls = json_string_is(choice, "none");
        if (json_get(choice, "function", &tool))
            json_get(tool, "name", &a->only);
    }
    a->one_call = ask_get(m, n, "parallel_tool_calls", &choice) && choice.kind == JSON_FALSE;
}

static void chat_format(const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value format, type, schema;

    if (!ask_get(m, n, "response_format", &format) || !json_get(format, "type", &type) ||
        json_string_is(type, "text"))
        return;
    a->json = true;
    if (json_get(format, "json_schema", &schema))
        json_get(schema, "schema", &a->schema);
}

/* Wanted by "reasoning" (OpenRouter) or "reasoning_effort" (OpenAI). */
static bool chat_reasons(const struct json_member *m, size_t n)
{
    struct json_value v, effort;
    bool wanted = false;

    if (ask_get(m, n, "reasoning_effort", &v))
        wanted = v.kind == JSON_STRING && !json_string_is(v, "none");
    if (ask_get(m, n, "reasoning", &v) && v.kind == JSON_OBJECT)
        wanted = !(json_get(v, "enabled", &effort) && effort.kind == JSON_FALSE) &&
                 !(json_get(v, "effort", &effort) && json_string_is(effort, "none"));
    return wanted;
}

void chat_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value v, include;
    struct json_member item;

    if (ask_get(m, n, "stream_options", &v))
        j->include_usage = json_get(v, "include_usage", &include) && include.kind == JSON_TRUE;
    if (ask_get(m, n, "messages", &v)) {
        a->prompt_bytes = v.text.len;
        if (v.kind == JSON_ARRAY)
            for (struct json_iter it = json_iter(v); json_next(&it, &item);)
                chat_message(item.value, a);
    }
    chat_tools(m, n, a);
    chat_format(m, n, a);
    a->reasons = chat_reasons(m, n);
    a->max_tokens = ask_count(m, n, "max_completion_tokens");
    if (a->max_tokens == 0)
        a->max_tokens = ask_count(m, n, "max_tokens");
}

static bool messages_known(struct json_value list)
{
    struct json_value content;
    struct json_member item, part;
    struct view name;

    if (list.kind != JSON_ARRAY)
        return true;
    for (struct json_iter it = json_iter(list); json_next(&it, &item);) {
        if (strict_unknown(item.value, message_members, &name))
            return false;
        if (!json_get(item.value, "content", &content) || content.kind != JSON_ARRAY)
            continue;
        for (struct json_iter parts = json_iter(content); json_next(&parts, &part);)
            if (strict_unknown(part.value, part_members, &name))
                return false;
    }
    return true;
}

const char *chat_inside(const struct json_member *m, size_t n)
{
    struct json_value v, function;
    struct json_member item;
    struct view name;

    if (ask_get(m, n, "messages", &v) && !messages_known(v))
        return "Additional properties are not allowed in messages";
    if (!ask_get(m, n, "tools", &v) || v.kind != JSON_ARRAY)
        return NULL;
    for (struct json_iter it = json_iter(v); json_next(&it, &item);)
        if (strict_unknown(item.value, tool_members, &name) ||
            (json_get(item.value, "function", &function) &&
             strict_unknown(function, function_members, &name)))
            return "Additional properties are not allowed in tools";
    return NULL;
}
