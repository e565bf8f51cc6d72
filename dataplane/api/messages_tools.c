/* (G) Reads the tools and which of them the model may use. */
#include "messages_internal.h"

#include "content_view.h"
#include "prompt_synth.h"

/* Tools with a type that Anthropic defines. Its date follows the name. */
static const struct {
    const char *begin;
    const char *message; /* NULL: left out, see below */
} kinds[] = {
    {"tool_search_tool_", NULL},
#define AT_ANTHROPIC "runs on Anthropic's servers, which this router does not use; send tools with an input_schema"
    {"web_search_", AT_ANTHROPIC},
    {"web_fetch_", AT_ANTHROPIC},
    {"code_execution_", AT_ANTHROPIC},
    {"advisor_", AT_ANTHROPIC},
    {"mcp_toolset", AT_ANTHROPIC},
#undef AT_ANTHROPIC
};
#define CLAUDE_ONLY "has a schema that only Claude knows; send tools with an input_schema"

/* A search over deferred tools is left out where other tools remain: all of those are sent in full, so that
 * nothing has to be searched for. */
static enum err read_kind(struct messages_reader *r, struct json_value type)
{
    struct view name = messages_text(type);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (view_starts(name, view_str(kinds[i].begin)))
            return kinds[i].message == NULL ? ERR_NONE
                                            : messages_refuse_member(r, name, kinds[i].message);
    return messages_refuse_member(r, name, CLAUDE_ONLY);
}

static enum err read_tool(struct messages_reader *r, struct json_value v)
{
    static const struct messages_field fields[] = {
        {"name", OF_TEXT},       {"input_schema", OF_OBJECT}, {"type", OF_TEXT},
        {"description", OF_TEXT}, {"strict", OF_BOOL},         {"cache_control", OF_OBJECT}};
    struct json_value m[6];
    struct prompt_tool *tool;
    enum err e;

    if (v.kind != JSON_OBJECT)
        return messages_refuse(r, "tools", "Input should be an object", ERR_FORMAT);
    e = messages_fields(r, v, fields, 6, false, m);
    if (e != ERR_NONE)
        return e;
    if (messages_has(m[2]) && !json_string_is(m[2], "custom"))
        return read_kind(r, m[2]);
    for (size_t i = 0; i < 2; i++)
        if (!messages_has(m[i]))
            return messages_refuse(r, fields[i].name, "Field required", ERR_FORMAT);
    if (messages_has(m[5]))
        e = messages_read_mark(r, m[5]);
    if (e == ERR_NONE)
        e = prompt_add_tool(&r->p->list, TOOL_FUNCTION, &tool);
    if (e != ERR_NONE)
        return e;
    tool->name = messages_text(m[0]);
    tool->schema = m[1].text;
    tool->description = messages_text(m[3]);
    tool->strict = messages_has(m[4]) ? m[4].kind == JSON_TRUE : -1;
    tool->mark = m[5].text;
    return ERR_NONE;
}

enum err messages_read_tools(struct messages_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = ERR_NONE;
    size_t n = 0;

    r->p->prompt_bytes += v.text.len;
    for (size_t at = 0; e == ERR_NONE && json_next(&it, &m); at++) {
        if (prompt_synth_ours(m.value)) {
            r->p->prompt_bytes -= m.value.text.len; /* no provider reads it */
            e = prompt_synth_take_tool(r->p, m.value, at, r->fault);
            continue;
        }
        e = read_tool(r, m.value);
        n++;
    }
    if (e != ERR_NONE || n == 0)
        return e;
    if (r->p->list.n_tools == 0)
        return messages_refuse(r, "tools", "a tool search needs tools that it can find", ERR_UNSUPPORTED);
    r->p->needs |= CAP_TOOLS;
    return ERR_NONE;
}

enum err messages_read_choice(struct messages_reader *r, struct json_value v)
{
    static const struct messages_field fields[] = {
        {"type", OF_TEXT}, {"name", OF_TEXT}, {"disable_parallel_tool_use", OF_BOOL}};
    struct prompt_list *l = &r->p->list;
    struct json_value m[3];
    enum err e = messages_fields(r, v, fields, 3, true, m);

    if (e != ERR_NONE)
        return e;
    if (json_string_is(m[0], "auto"))
        l->choice = CHOICE_AUTO;
    else if (json_string_is(m[0], "any"))
        l->choice = CHOICE_REQUIRED;
    else if (json_string_is(m[0], "none"))
        l->choice = CHOICE_NONE;
    else if (json_string_is(m[0], "tool"))
        l->choice = CHOICE_TOOL;
    else
        return messages_refuse(r, "tool_choice", "Input tag should be one of auto, any, tool, none", ERR_FORMAT);
    if (l->choice == CHOICE_TOOL && messages_text(m[1]).len == 0)
        return messages_refuse(r, "tool_choice", "name: Field required", ERR_FORMAT);
    if (l->choice == CHOICE_TOOL)
        l->choice_name = messages_text(m[1]);
    if (messages_has(m[2]))
        l->parallel_calls = m[2].kind == JSON_FALSE;
    return ERR_NONE;
}
