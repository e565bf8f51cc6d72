/* Reads Anthropic's Messages. */
#include "messages.h"

#include "sign.h"
#include "strict.h"

const char *const messages_members[] = {
    "model", "max_tokens", "messages", "cache_control", "metadata", "output_config", "speed", "system",
    "thinking", "tool_choice", "tools", "container", "diagnostics", "inference_geo", "service_tier",
    "stop_sequences", "stream", "temperature", "top_k", "top_p",
    /* with a beta header */
    "billing_policy", "compaction", "context_management", "fallback_credit_token", "fallbacks",
    "mcp_servers", "output_format", "thread", "user_profile_id", NULL};

static const char *const message_members[] = {"role", "content", NULL};
static const char *const tool_members[] = {
    "name", "description", "input_schema", "type", "strict", "cache_control", "defer_loading",
    "allowed_callers", "eager_input_streaming", "input_examples", NULL};

static bool block_is(struct json_value block, const char *type)
{
    struct json_value v;

    return json_get(block, "type", &v) && json_string_is(v, type);
}

/* A thinking block whose text and signature are still ours; one of them is enough. */
static bool messages_signed(struct json_value content)
{
    struct json_value text, signature;
    struct json_member block;

    for (struct json_iter it = json_iter(content); json_next(&it, &block);) {
        struct bytes thought = {0};
        bool good = block_is(block.value, "thinking") &&
                    json_get(block.value, "thinking", &text) &&
                    json_get(block.value, "signature", &signature) && sign_decode(text, &thought) &&
                    sign_good(&thought, signature);
        bytes_free(&thought);
        if (good)
            return true;
    }
    return false;
}

static void messages_assistant(struct json_value content, struct ask *a)
{
    struct json_member block;
    bool calls = false;

    ask_turn(a);
    if (content.kind != JSON_ARRAY)
        return;
    for (struct json_iter it = json_iter(content); json_next(&it, &block);)
        calls = calls || block_is(block.value, "tool_use");
    if (calls && !messages_signed(content))
        a->unsigned_turn = "messages: an assistant message with tool_use must start with its thinking "
                           "block and a valid signature";
}

/* A user's message is the results of tools, or what the user says, or both: then it is the results. */
static void messages_user(struct json_value content, struct ask *a)
{
    struct json_member block;
    struct json_value said = {0};
    bool results = false;

    if (content.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(content); json_next(&it, &block);) {
            if (!block_is(block.value, "tool_result"))
                continue;
            results = true;
            json_get(block.value, "content", &said);
            ask_result(a, said);
        }
    if (!results)
        ask_user(a, content);
}

static void messages_tools(const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value list, name, schema, choice, v;
    struct json_member item;

    if (ask_get(m, n, "tools", &list) && list.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(list); json_next(&it, &item);)
            if (json_get(item.value, "name", &name) &&
                json_get(item.value, "input_schema", &schema))
                ask_tool(a, name, schema, false);
    if (!ask_get(m, n, "tool_choice", &choice))
        return;
    a->no_calls = block_is(choice, "none");
    if (block_is(choice, "tool"))
        json_get(choice, "name", &a->only);
    a->one_call = json_get(choice, "disable_parallel_tool_use", &v) && v.kind == JSON_TRUE;
}

void messages_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value v, role, content, format;
    struct json_member item;

    j->include_usage = true;
    if (ask_get(m, n, "system", &v))
        a->prompt_bytes += v.text.len;
    if (ask_get(m, n, "messages", &v) && v.kind == JSON_ARRAY) {
        a->prompt_bytes += v.text.len;
        for (struct json_iter it = json_iter(v); json_next(&it, &item);) {
            if (!json_get(item.value, "role", &role) || !json_get(item.value, "content", &content))
                continue;
            if (json_string_is(role, "assistant"))
                messages_assistant(content, a);
            else if (json_string_is(role, "user"))
                messages_user(content, a);
        }
    }
    messages_tools(m, n, a);
    if (ask_get(m, n, "output_config", &v) && json_get(v, "format", &format)) {
        a->json = true;
        json_get(format, "schema", &a->schema);
    }
    a->reasons = ask_get(m, n, "thinking", &v) && !block_is(v, "disabled");
    a->max_tokens = ask_count(m, n, "max_tokens");
}

const char *messages_inside(const struct json_member *m, size_t n)
{
    struct json_value v;
    struct json_member item;
    struct view name;

    if (!ask_get(m, n, "max_tokens", &v))
        return "max_tokens: Field required";
    if (ask_get(m, n, "thread", &v) && v.kind != JSON_NULL)
        return MESSAGES_NO_THREAD;
    if (ask_get(m, n, "messages", &v) && v.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(v); json_next(&it, &item);)
            if (strict_unknown(item.value, message_members, &name))
                return "messages: Extra inputs are not permitted";
    if (ask_get(m, n, "tools", &v) && v.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(v); json_next(&it, &item);)
            if (strict_unknown(item.value, tool_members, &name))
                return "tools: Extra inputs are not permitted";
    return NULL;
}
