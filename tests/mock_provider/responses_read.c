/* Reads OpenAI's Responses. */
#include "responses.h"

#include "job_internal.h"
#include "sign.h"
#include "strict.h"

const char *const responses_members[] = {
    "metadata", "top_logprobs", "temperature", "top_p", "user", "safety_identifier",
    "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "previous_response_id",
    "model", "background", "max_tool_calls", "text", "tools", "tool_choice", "prompt", "service_tier",
    "truncation", "reasoning", "input", "include", "parallel_tool_calls", "store", "instructions",
    "moderation", "stream", "stream_options", "conversation", "context_management",
    "max_output_tokens", "client_metadata", NULL};

const struct responses_echo responses_echoes[] = {
    {"instructions", "null"},   {"max_output_tokens", "null"}, {"metadata", "{}"},
    {"parallel_tool_calls", "true"}, {"reasoning", "{\"effort\":null,\"summary\":null}"},
    {"store", "true"},          {"temperature", "1.0"},        {"text", "{\"format\":{\"type\":\"text\"}}"},
    {"tool_choice", "\"auto\""}, {"tools", "[]"},              {"top_p", "1.0"},
    {"truncation", "\"disabled\""}, {"user", "null"},
};
const size_t responses_n_echoes = sizeof responses_echoes / sizeof responses_echoes[0];
_Static_assert(sizeof responses_echoes / sizeof responses_echoes[0] <= JOB_ECHOES_MAX, "room for all");

/* The assistant's items in a row are one turn. */
struct run {
    bool open, calls, thought;
};

static bool item_is(struct json_value item, const char *type)
{
    struct json_value v;

    return json_get(item, "type", &v) && json_string_is(v, type);
}

static void run_end(struct run *r, struct ask *a)
{
    if (r->open && r->calls && !r->thought)
        a->unsigned_turn = "input: a function_call was provided without its required reasoning item";
    *r = (struct run){0};
}

static void run_on(struct run *r, struct ask *a)
{
    if (!r->open)
        ask_turn(a);
    r->open = true;
}

static bool responses_signed(struct json_value item)
{
    struct json_value list, text, encrypted;
    struct json_member part;
    struct bytes thought = {0};
    bool good;

    if (!json_get(item, "encrypted_content", &encrypted))
        return false;
    if (json_get(item, "summary", &list) && list.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(list); json_next(&it, &part);)
            if (json_get(part.value, "text", &text))
                (void)sign_decode(text, &thought);
    good = sign_good(&thought, encrypted);
    bytes_free(&thought);
    return good;
}

static void responses_item(struct json_value item, struct run *r, struct ask *a)
{
    struct json_value role, content = {0};

    if (json_get(item, "role", &role)) { /* a message, with its type or without */
        json_get(item, "content", &content);
        if (json_string_is(role, "assistant")) {
            run_on(r, a);
            return;
        }
        run_end(r, a);
        if (json_string_is(role, "user"))
            ask_user(a, content);
    } else if (item_is(item, "function_call") || item_is(item, "custom_tool_call")) {
        run_on(r, a);
        r->calls = true;
    } else if (item_is(item, "reasoning")) {
        run_on(r, a);
        r->thought = r->thought || responses_signed(item);
    } else if (item_is(item, "function_call_output") || item_is(item, "custom_tool_call_output")) {
        run_end(r, a);
        json_get(item, "output", &content);
        ask_result(a, content);
    }
}

static void responses_tool(struct json_value tool, struct json_value space, struct ask *a)
{
    struct json_value name, schema = {0};
    bool custom = item_is(tool, "custom");

    if (!json_get(tool, "name", &name) || (!custom && !item_is(tool, "function")))
        return;
    json_get(tool, "parameters", &schema);
    ask_tool(a, name, schema, custom);
    if (a->n_tools != 0)
        a->tools[a->n_tools - 1].space = space;
}

static void responses_tools(const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value list, inner, space, v;
    struct json_member item, member;

    if (ask_get(m, n, "tools", &list) && list.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(list); json_next(&it, &item);) {
            responses_tool(item.value, (struct json_value){0}, a);
            if (!item_is(item.value, "namespace") || !json_get(item.value, "name", &space) ||
                !json_get(item.value, "tools", &inner) || inner.kind != JSON_ARRAY)
                continue;
            for (struct json_iter tools = json_iter(inner); json_next(&tools, &member);)
                responses_tool(member.value, space, a);
        }
    if (ask_get(m, n, "tool_choice", &v)) {
        a->no_calls = json_string_is(v, "none");
        if (item_is(v, "function") || item_is(v, "custom"))
            json_get(v, "name", &a->only);
    }
    a->one_call = ask_get(m, n, "parallel_tool_calls", &v) && v.kind == JSON_FALSE;
}

static void responses_input(struct json_value input, struct ask *a)
{
    struct json_member item;
    struct run run = {0};

    if (input.kind == JSON_STRING)
        ask_user(a, input);
    if (input.kind != JSON_ARRAY)
        return;
    for (struct json_iter it = json_iter(input); json_next(&it, &item);)
        responses_item(item.value, &run, a);
    run_end(&run, a);
}

void responses_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value v, format, effort;

    j->include_usage = true;
    for (size_t i = 0; i < responses_n_echoes; i++)
        if (ask_get(m, n, responses_echoes[i].name, &v))
            j->echo[i] = job_keep(j, v.text.ptr, v.text.len);
    if (ask_get(m, n, "instructions", &v))
        a->prompt_bytes += v.text.len;
    if (ask_get(m, n, "input", &v)) {
        a->prompt_bytes += v.text.len;
        responses_input(v, a);
    }
    responses_tools(m, n, a);
    if (ask_get(m, n, "text", &v) && json_get(v, "format", &format) && !item_is(format, "text")) {
        a->json = true;
        json_get(format, "schema", &a->schema);
    }
    if (ask_get(m, n, "reasoning", &v) && json_get(v, "effort", &effort))
        a->reasons = effort.kind == JSON_STRING && !json_string_is(effort, "none");
    a->max_tokens = ask_count(m, n, "max_output_tokens");
}

const char *responses_inside(const struct json_member *m, size_t n)
{
    struct json_value v;

    if (!ask_get(m, n, "input", &v))
        return "Missing required parameter: 'input'.";
    if (ask_get(m, n, "max_output_tokens", &v) && v.kind == JSON_NUMBER &&
        ask_count(m, n, "max_output_tokens") < 16)
        return "Invalid 'max_output_tokens': integer below minimum value.";
    return NULL;
}
