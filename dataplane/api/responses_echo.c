/* (G) What every snapshot of a Responses answer repeats of the request. The body has been read. */
#include "content_view.h"
#include "responses_internal.h"
#include "responses_state.h"

/* Members that are repeated as they came, or have this value. What the router does not do (store, truncation,
 * background) says so whatever was asked. */
static const struct {
    const char *name;
    const char *otherwise; /* NULL: left out */
    unsigned kinds;        /* 1 << enum json_kind */
} repeated[] = {
    {"frequency_penalty", "0", 1 << JSON_NUMBER},
    {"max_output_tokens", "null", 1 << JSON_NUMBER},
    {"max_tool_calls", "null", 1 << JSON_NUMBER},
    {"metadata", "{}", 1 << JSON_OBJECT},
    {"parallel_tool_calls", "true", 1 << JSON_TRUE | 1 << JSON_FALSE},
    {"presence_penalty", "0", 1 << JSON_NUMBER},
    {"prompt_cache_key", "null", 1 << JSON_STRING},
    {"safety_identifier", "null", 1 << JSON_STRING},
    {"temperature", "1", 1 << JSON_NUMBER},
    {"tool_choice", "\"auto\"", 1 << JSON_STRING | 1 << JSON_OBJECT},
    {"top_logprobs", "0", 1 << JSON_NUMBER},
    {"top_p", "1", 1 << JSON_NUMBER},
    {"user", NULL, 1 << JSON_STRING},
};

static void put_member(struct pen *p, const char *name, struct view value)
{
    pen_text(p, ",\"");
    pen_text(p, name);
    pen_text(p, "\":");
    pen_json(p, value);
}

static void put_repeated(struct json_value body, struct pen *p)
{
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++) {
        struct json_value v;

        if (responses_has(body, repeated[i].name, &v) && (repeated[i].kinds >> v.kind & 1) != 0)
            put_member(p, repeated[i].name, v.text);
        else if (repeated[i].otherwise != NULL)
            put_member(p, repeated[i].name, view_str(repeated[i].otherwise));
    }
}

/* The value of a member, or this text. */
static struct view value_of(struct json_value object, const char *name, const char *otherwise)
{
    struct json_value v;

    return responses_has(object, name, &v) ? v.text : view_str(otherwise);
}

static struct json_value object_in(struct json_value body, const char *name)
{
    struct json_value v;

    return responses_has(body, name, &v) ? v : (struct json_value){JSON_NULL, VIEW_EMPTY};
}

static void put_forms(struct json_value body, struct pen *p)
{
    struct json_value reasoning = object_in(body, "reasoning"), text = object_in(body, "text");
    struct json_value tier = object_in(body, "service_tier");

    pen_text(p, ",\"reasoning\":{\"effort\":");
    pen_json(p, value_of(reasoning, "effort", "null"));
    pen_text(p, ",\"summary\":");
    pen_json(p, value_of(reasoning, "summary", "null"));
    pen_text(p, "},\"text\":{\"format\":");
    pen_json(p, value_of(text, "format", "{\"type\":\"text\"}"));
    pen_text(p, ",\"verbosity\":");
    pen_json(p, value_of(text, "verbosity", "\"medium\""));
    pen_text(p, "}");
    put_member(p, "service_tier",
               tier.kind != JSON_STRING || json_string_is(tier, "auto") ? VIEW_LIT("\"default\"")
                                                                        : tier.text);
}

/* The form that the answer's schema has: what was left out is null. */
static void put_function(struct json_value tool, struct pen *p)
{
    pen_text(p, "{\"type\":\"function\",\"name\":");
    pen_json(p, value_of(tool, "name", "\"\""));
    pen_text(p, ",\"description\":");
    pen_json(p, value_of(tool, "description", "null"));
    pen_text(p, ",\"parameters\":");
    pen_json(p, value_of(tool, "parameters", "null"));
    pen_text(p, ",\"strict\":");
    pen_json(p, value_of(tool, "strict", "null"));
    pen_text(p, "}");
}

/* Those that the model was told of. */
static void put_tools(struct json_value tools, struct pen *p)
{
    struct json_iter it = json_iter(tools);
    struct json_member m;
    size_t n = 0;

    pen_text(p, ",\"tools\":[");
    while (tools.kind == JSON_ARRAY && json_next(&it, &m)) {
        struct json_value type = {JSON_NULL, VIEW_EMPTY};
        bool function;

        (void)json_get(m.value, "type", &type);
        function = json_string_is(type, "function");
        if (!function && !json_string_is(type, "custom") && !json_string_is(type, "namespace"))
            continue;
        pen_text(p, n++ == 0 ? "" : ",");
        if (function)
            put_function(m.value, p);
        else
            pen_json(p, m.value.text);
    }
    pen_text(p, "]");
}

static enum err echo(struct responses_state *s, struct json_value body)
{
    struct pen p = {.out = &s->echo};
    struct json_value tools = object_in(body, "tools");
    struct view instructions = value_of(body, "instructions", "null");

    if (tools.text.len + instructions.len > RESPONSES_ECHO_MAX) {
        tools = (struct json_value){JSON_NULL, VIEW_EMPTY};
        instructions = VIEW_LIT("null");
    }
    pen_text(&p, ",\"background\":false,\"previous_response_id\":null,\"store\":false,"
                 "\"truncation\":\"disabled\"");
    put_member(&p, "instructions", instructions);
    put_repeated(body, &p);
    put_forms(body, &p);
    put_tools(tools, &p);
    return p.e;
}

/* --- names */

/* Type and name of a tool that is custom, or has another name at the provider; also of one inside of a
 * namespace. */
static void list_tool(struct json_value tool, bool inside, struct pen *p, size_t *n)
{
    struct json_value type = {JSON_NULL, VIEW_EMPTY};
    struct view name = responses_text(tool, "name");

    (void)json_get(tool, "type", &type);
    if (name.len == 0 ||
        !(inside || name.len > RESPONSES_NAME_MAX || json_string_is(type, "custom")))
        return;
    pen_text(p, (*n)++ == 0 ? "" : ",");
    pen_text(p, "{\"type\":");
    pen_json(p, type.text);
    pen_text(p, ",\"name\":");
    pen_quoted(p, name);
    pen_text(p, "}");
}

static void list_tools(struct json_value tools, bool inside, struct pen *p, size_t *n)
{
    struct json_iter it = json_iter(tools);
    struct json_member m;

    while (tools.kind == JSON_ARRAY && json_next(&it, &m)) {
        struct json_value inner;
        size_t none = 0;

        if (inside || !json_get(m.value, "tools", &inner)) {
            list_tool(m.value, inside, p, n);
            continue;
        }
        pen_text(p, (*n)++ == 0 ? "" : ",");
        pen_text(p, "{\"type\":\"namespace\",\"name\":");
        pen_quoted(p, responses_text(m.value, "name"));
        pen_text(p, ",\"tools\":[");
        list_tools(inner, true, p, &none);
        pen_text(p, "]}");
    }
}

/* Tools come in "tools", and in items of the input that add some. */
static enum err names(struct responses_state *s, struct json_value body)
{
    struct pen p = {.out = &s->names};
    struct json_value input = object_in(body, "input"), type;
    struct json_iter it = json_iter(input);
    struct json_member m;
    size_t n = 0;

    pen_text(&p, "[");
    list_tools(object_in(body, "tools"), false, &p, &n);
    while (input.kind == JSON_ARRAY && json_next(&it, &m))
        if (json_get(m.value, "type", &type) && json_string_is(type, "additional_tools"))
            list_tools(object_in(m.value, "tools"), false, &p, &n);
    pen_text(&p, "]");
    if (n == 0)
        buf_free(&s->names);
    return p.e;
}

enum err responses_echo(struct responses_state *s, const struct prompt *p)
{
    struct json_value body = {JSON_OBJECT, p->body}, reasoning, exclude;
    enum err e = echo(s, body);

    if (responses_has(body, "reasoning", &reasoning) && json_get(reasoning, "exclude", &exclude))
        s->hide = exclude.kind == JSON_TRUE;
    return e == ERR_NONE ? names(s, body) : e;
}
