/* Reads Google's generateContent. Its signatures are of the call that they stand on: the first of each turn must have
 * one that is ours, or the placeholder. */
#include "gemini.h"

#include "sign.h"
#include "strict.h"

const char *const gemini_members[] = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig",
                                      "safetySettings", "cachedContent", "store", "serviceTier", NULL};
static const char *const content_members[] = {"role", "parts", NULL};
static const char *const part_members[] = {"text", "inlineData", "fileData", "functionCall", "functionResponse", "thought",
                                           "thoughtSignature", "mediaResolution", "videoMetadata", NULL};
static const char *const call_members[] = {"id", "name", "args", NULL};
static const char *const response_members[] = {"id", "name", "response", "parts", NULL};
static const char *const tool_members[] = {"functionDeclarations", "googleSearch", "codeExecution", "urlContext", NULL};
static const char *const function_members[] = {"name", "description", "parameters", "parametersJsonSchema", NULL};
static const char *const config_members[] = {
    "maxOutputTokens", "temperature", "topP", "topK", "stopSequences", "candidateCount", "seed", "presencePenalty",
    "frequencyPenalty", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities", "thinkingConfig",
    "responseLogprobs", "logprobs", "speechConfig", "imageConfig", "mediaResolution", NULL};

static bool parts_of(struct json_value content, struct json_value *parts)
{
    return json_get(content, "parts", parts) && parts->kind == JSON_ARRAY;
}

static bool is_signed(struct json_value part, struct json_value call)
{
    struct json_value signature, name;
    struct bytes text = {0};
    bool good;

    if (!json_get(part, "thoughtSignature", &signature) || !json_get(call, "name", &name))
        return false;
    if (json_string_is(signature, GEMINI_PLACEHOLDER))
        return true;
    good = sign_decode(name, &text) && sign_good(&text, signature);
    bytes_free(&text);
    return good;
}

static void read_turn(struct json_value parts, struct ask *a)
{
    struct json_member part;
    struct json_value call;

    ask_turn(a);
    for (struct json_iter it = json_iter(parts); json_next(&it, &part);) {
        if (!json_get(part.value, "functionCall", &call))
            continue;
        if (!is_signed(part.value, call))
            a->unsigned_turn = "Function call is missing a thought_signature in functionCall parts.";
        return; /* of calls that were made at once the first is signed */
    }
}

static void read_result(struct json_value result, struct ask *a)
{
    struct json_value response, v;

    if (!json_get(result, "response", &response))
        return;
    ask_result(a, json_get(response, "output", &v) || json_get(response, "error", &v) ? v : response);
}

/* What the user says behind results goes with them. */
static void read_user(struct json_value parts, struct ask *a)
{
    struct json_member part;
    struct json_value result;
    bool results = false;

    for (struct json_iter it = json_iter(parts); json_next(&it, &part);)
        if (json_get(part.value, "functionResponse", &result)) {
            results = true;
            read_result(result, a);
        }
    if (!results)
        ask_user(a, parts);
}

static void read_contents(struct json_value contents, struct ask *a)
{
    struct json_value role, parts;
    struct json_member item;

    a->prompt_bytes += contents.text.len;
    for (struct json_iter it = json_iter(contents); json_next(&it, &item);) {
        if (!json_get(item.value, "role", &role) || !parts_of(item.value, &parts))
            continue;
        if (json_string_is(role, "model"))
            read_turn(parts, a);
        else
            read_user(parts, a);
    }
}

static void read_tools(struct json_value tools, struct ask *a)
{
    struct json_value list, name, schema;
    struct json_member tool, item;

    for (struct json_iter it = json_iter(tools); json_next(&it, &tool);) {
        if (!json_get(tool.value, "functionDeclarations", &list) || list.kind != JSON_ARRAY)
            continue;
        for (struct json_iter in = json_iter(list); json_next(&in, &item);)
            if (json_get(item.value, "name", &name)) {
                schema = (struct json_value){JSON_NULL, {NULL, 0}};
                (void)json_get(item.value, "parametersJsonSchema", &schema);
                ask_tool(a, name, schema, false);
            }
    }
}

static void read_choice(struct json_value config, struct ask *a)
{
    struct json_value calling, mode, names;
    struct json_member first;
    struct json_iter it;

    if (!json_get(config, "functionCallingConfig", &calling) || !json_get(calling, "mode", &mode))
        return;
    a->no_calls = json_string_is(mode, "NONE");
    if (!json_get(calling, "allowedFunctionNames", &names) || names.kind != JSON_ARRAY)
        return;
    it = json_iter(names);
    if (json_next(&it, &first))
        a->only = first.value;
}

static void read_config(struct json_value config, struct ask *a)
{
    struct json_value v, thinking, told;
    uint64_t max;

    if (json_get(config, "responseMimeType", &v) && json_string_is(v, "application/json")) {
        a->json = true;
        json_get(config, "responseJsonSchema", &a->schema);
    }
    a->reasons = json_get(config, "thinkingConfig", &thinking) && json_get(thinking, "includeThoughts", &told) &&
                 told.kind == JSON_TRUE;
    if (json_get(config, "maxOutputTokens", &v) && json_u64(v, &max) == ERR_NONE && max <= UINT32_MAX)
        a->max_tokens = (uint32_t)max;
}

void gemini_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value v;

    j->stream = false;
    j->include_usage = true;
    if (ask_get(m, n, "systemInstruction", &v))
        a->prompt_bytes += v.text.len;
    if (ask_get(m, n, "contents", &v) && v.kind == JSON_ARRAY)
        read_contents(v, a);
    if (ask_get(m, n, "tools", &v) && v.kind == JSON_ARRAY)
        read_tools(v, a);
    if (ask_get(m, n, "toolConfig", &v))
        read_choice(v, a);
    if (ask_get(m, n, "generationConfig", &v))
        read_config(v, a);
}

/* The path says that it is a stream. */
void gemini_read_stream(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    gemini_read(j, m, n, a);
    j->stream = true;
}

/* --- strict mode --- */

static size_t count(struct json_value parts, const char *member)
{
    struct json_member part;
    struct json_value v;
    size_t n = 0;

    for (struct json_iter it = json_iter(parts); json_next(&it, &part);)
        n += json_get(part.value, member, &v);
    return n;
}

static const char *part_inside(struct json_value part)
{
    struct json_value v;
    struct view name;

    if (strict_unknown(part, part_members, &name) ||
        (json_get(part, "functionCall", &v) && strict_unknown(v, call_members, &name)) ||
        (json_get(part, "functionResponse", &v) && strict_unknown(v, response_members, &name)))
        return "Invalid JSON payload received. Unknown name in 'contents.parts': Cannot find field.";
    if (json_get(part, "functionCall", &v) && json_get(v, "args", &v) && v.kind != JSON_OBJECT)
        return "Invalid value at 'contents.parts.function_call.args'";
    return NULL;
}

static const char *content_inside(struct json_value content, size_t *calls)
{
    struct json_value role = {JSON_NULL, {NULL, 0}}, parts;
    struct json_member part;
    struct view name;
    const char *why = NULL;

    if (strict_unknown(content, content_members, &name) || !parts_of(content, &parts))
        return "Invalid JSON payload received. Unknown name in 'contents': Cannot find field.";
    json_get(content, "role", &role);
    if (!json_string_is(role, "user") && !json_string_is(role, "model"))
        return "Please use a valid role: user, model.";
    for (struct json_iter it = json_iter(parts); why == NULL && json_next(&it, &part);)
        why = part_inside(part.value);
    if (why == NULL && count(parts, "functionResponse") != *calls)
        why = "Please ensure that the number of function response parts is equal to the number of function call "
              "parts of the function call turn.";
    *calls = count(parts, "functionCall");
    return why;
}

static const char *tool_inside(struct json_value tool)
{
    struct json_value list;
    struct json_member item;
    struct view name;

    if (strict_unknown(tool, tool_members, &name))
        return "Invalid JSON payload received. Unknown name in 'tools': Cannot find field.";
    if (json_get(tool, "functionDeclarations", &list) && list.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(list); json_next(&it, &item);)
            if (strict_unknown(item.value, function_members, &name))
                return "Invalid JSON payload received. Unknown name in 'function_declarations': Cannot find field.";
    return NULL;
}

const char *gemini_inside(const struct json_member *m, size_t n)
{
    struct json_value v;
    struct json_member item;
    struct view name;
    const char *why = NULL;
    size_t calls = 0;

    if (!ask_get(m, n, "contents", &v) || v.kind != JSON_ARRAY)
        return "* GenerateContentRequest.contents: contents is not specified";
    for (struct json_iter it = json_iter(v); why == NULL && json_next(&it, &item);)
        why = content_inside(item.value, &calls);
    if (why == NULL && ask_get(m, n, "tools", &v) && v.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(v); why == NULL && json_next(&it, &item);)
            why = tool_inside(item.value);
    if (why == NULL && ask_get(m, n, "generationConfig", &v) && strict_unknown(v, config_members, &name))
        why = "Invalid JSON payload received. Unknown name in 'generation_config': Cannot find field.";
    return why;
}
