/* (G) The tools of a chat client, in the way of today and of old, and what is said of them. */
#include "chat_list_internal.h"

#include "content_view.h"

/* --- tools */

/* What holds name, description and schema: a member of the tool, or the tool itself. */
static enum err read_holder(struct chat_lister *l, struct json_value v, enum prompt_tool_kind kind, struct view mark)
{
    const char *const names[] = {"name", "description", kind == TOOL_CUSTOM ? "format" : "parameters", "strict"};
    struct json_value m[4];
    struct prompt_tool *tool;
    enum err e;

    if (v.kind != JSON_OBJECT)
        return chat_list_refuse(l, "each tool must be an object", ERR_FORMAT);
    e = chat_list_fields(l, v, names, 4, m);
    if (e == ERR_NONE && chat_list_text(m[0]).len == 0)
        return chat_list_refuse(l, "each tool must have a name", ERR_FORMAT);
    if (e == ERR_NONE && chat_list_has(m[2]) && m[2].kind != JSON_OBJECT)
        return chat_list_refuse(l, "the parameters of a tool must be an object", ERR_FORMAT);
    if (e == ERR_NONE)
        e = prompt_add_tool(&l->p->list, kind, &tool);
    if (e != ERR_NONE)
        return e;
    tool->name = chat_list_text(m[0]);
    tool->description = chat_list_text(m[1]);
    tool->schema = m[2].text;
    tool->mark = mark;
    if (m[3].kind == JSON_TRUE || m[3].kind == JSON_FALSE)
        tool->strict = m[3].kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err read_tool(struct chat_lister *l, struct json_value v)
{
    static const char *const names[] = {"type", "function", "custom", "cache_control", "prompt_cache_breakpoint"};
    struct json_value m[5];
    struct view mark;
    enum err e;

    if (v.kind != JSON_OBJECT)
        return chat_list_refuse(l, "each tool must be an object", ERR_FORMAT);
    e = chat_list_fields(l, v, names, 5, m);
    if (e != ERR_NONE)
        return e;
    mark = chat_list_mark(m[3], m[4]);
    if (json_string_is(m[0], "custom"))
        return read_holder(l, chat_list_has(m[2]) ? m[2] : v, TOOL_CUSTOM, mark);
    if (!chat_list_has(m[0]) || json_string_is(m[0], "function"))
        return read_holder(l, chat_list_has(m[1]) ? m[1] : v, TOOL_FUNCTION, mark);
    return ERR_NONE; /* one that a provider runs: the prompt's facts say that there is one */
}

static enum err read_tools(struct chat_lister *l, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && json_next(&it, &m))
        e = read_tool(l, m.value);
    return e;
}

static enum err read_functions(struct chat_lister *l, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && json_next(&it, &m))
        e = read_holder(l, m.value, TOOL_FUNCTION, VIEW_EMPTY);
    return e;
}

/* --- which of them it may call */

static enum err read_word(struct chat_lister *l, struct json_value v)
{
    struct prompt_list *list = &l->p->list;

    if (json_string_is(v, "auto"))
        list->choice = CHOICE_AUTO;
    else if (json_string_is(v, "none"))
        list->choice = CHOICE_NONE;
    else if (json_string_is(v, "required") || json_string_is(v, "any"))
        list->choice = CHOICE_REQUIRED;
    else
        return chat_list_refuse(l, "must be auto, none, required or an object that names a tool", ERR_FORMAT);
    return ERR_NONE;
}

/* {"type":"function","function":{"name":"..."}}, or the name beside the type. */
static struct view name_of(struct json_value v)
{
    struct json_value holder, name;

    if ((json_get(v, "function", &holder) && json_get(holder, "name", &name)) ||
        (json_get(v, "custom", &holder) && json_get(holder, "name", &name)) || json_get(v, "name", &name))
        return chat_list_text(name);
    return VIEW_EMPTY;
}

static size_t find_tool(const struct prompt_list *list, struct view name)
{
    size_t i = 0;

    while (i < list->n_tools && !view_eq(list->tool[i].name, name))
        i++;
    return i;
}

#define CHOICE_UNKNOWN "names a tool that is not among the tools"

/* Only the tools that are allowed stay, in the order of the tools. */
static enum err allow(struct chat_lister *l, struct json_value allowed)
{
    struct prompt_list *list = &l->p->list;
    struct json_iter it = json_iter(allowed);
    struct json_member m;
    bool stays[PROMPT_TOOLS_MAX] = {false};
    size_t kept = 0, named = 0;

    if (allowed.kind != JSON_ARRAY)
        return chat_list_refuse(l, "allowed_tools.tools must be an array", ERR_FORMAT);
    while (json_next(&it, &m)) {
        size_t at = find_tool(list, name_of(m.value));

        if (named++ == PROMPT_TOOLS_MAX) /* each is compared with all tools */
            return chat_list_refuse(l, "allowed_tools names too many tools", ERR_LIMIT);
        if (at == list->n_tools)
            return chat_list_refuse(l, CHOICE_UNKNOWN, ERR_FORMAT);
        stays[at] = true;
    }
    for (size_t i = 0; i < list->n_tools; i++)
        if (stays[i])
            list->tool[kept++] = list->tool[i];
    list->n_tools = kept;
    return ERR_NONE;
}

static enum err read_allowed(struct chat_lister *l, struct json_value v)
{
    static const char *const names[] = {"mode", "tools"};
    struct json_value m[2];
    enum err e;

    if (v.kind != JSON_OBJECT)
        return chat_list_refuse(l, "allowed_tools must be an object", ERR_FORMAT);
    e = chat_list_fields(l, v, names, 2, m);
    if (e == ERR_NONE)
        e = read_word(l, m[0]);
    return e == ERR_NONE ? allow(l, m[1]) : e;
}

static enum err read_choice(struct chat_lister *l, struct json_value v)
{
    struct prompt_list *list = &l->p->list;
    struct json_value type, allowed;
    struct view name;

    if (v.kind != JSON_OBJECT)
        return read_word(l, v);
    if (json_get(v, "type", &type) && json_string_is(type, "allowed_tools"))
        return read_allowed(l, json_get(v, "allowed_tools", &allowed) ? allowed : v);
    name = name_of(v);
    if (name.len == 0 || find_tool(list, name) == list->n_tools)
        return chat_list_refuse(l, CHOICE_UNKNOWN, ERR_FORMAT);
    list->choice = CHOICE_TOOL;
    list->choice_name = name;
    return ERR_NONE;
}

static enum err read_said(struct chat_lister *l, enum chat_key key, const char *param)
{
    struct json_value v;

    l->fault->param = param;
    return chat_list_member(l, key, &v) && l->p->list.n_tools != 0 ? read_choice(l, v) : ERR_NONE;
}

enum err chat_list_tools(struct chat_lister *l)
{
    struct prompt_list *list = &l->p->list;
    struct json_value v;
    enum err e = ERR_NONE;

    l->fault->param = "tools";
    if (chat_list_member(l, CHAT_KEY_TOOLS, &v))
        e = read_tools(l, v);
    if (e == ERR_NONE)
        e = read_said(l, CHAT_KEY_TOOL_CHOICE, "tool_choice");
    l->fault->param = e == ERR_NONE ? "functions" : l->fault->param;
    if (e == ERR_NONE && list->n_tools == 0 && chat_list_member(l, CHAT_KEY_FUNCTIONS, &v)) {
        e = read_functions(l, v);
        list->parallel_calls = 0; /* an answer in the way of old has a place for one call */
        if (e == ERR_NONE)
            e = read_said(l, CHAT_KEY_FUNCTION_CALL, "function_call");
    }
    if (e == ERR_NONE && list->n_tools == 0)
        list->choice = CHOICE_UNSAID; /* providers refuse a choice without tools */
    if (e == ERR_NONE && chat_list_member(l, CHAT_KEY_PARALLEL_TOOL_CALLS, &v)) {
        l->fault->param = "parallel_tool_calls";
        if (v.kind != JSON_TRUE && v.kind != JSON_FALSE)
            return chat_list_refuse(l, "must be true or false", ERR_FORMAT);
        list->parallel_calls = v.kind == JSON_TRUE;
    }
    return e;
}
