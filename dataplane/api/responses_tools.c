/* (G) Reads the tools of a request and which of them the model must call. */
#include "content_view.h"
#include "prompt_synth.h"
#include "responses_internal.h"
#include "schema.h"

enum {
    /* Prompt tokens that a tool may cost beyond the bytes that say it: a custom tool becomes a function with
     * a schema where the provider has no custom tools, a tool of a namespace has two names. */
    TOOL_ADDED_TOKENS = 256,
};

#define CHOICE_UNKNOWN "tool_choice names a tool that is not among the tools"

static enum err add_tool(struct responses_reader *r, enum prompt_tool_kind kind, struct view space,
                         struct json_value tool, struct prompt_tool **out)
{
    struct json_value description;
    struct view name;
    enum err e = responses_keep_name(r, space, tool, "each function and custom tool needs a name", &name);

    if (e == ERR_NONE)
        e = prompt_add_tool(&r->p->list, kind, out);
    if (e != ERR_NONE)
        return e;
    r->p->needs |= CAP_TOOLS;
    r->p->prompt_bytes += tool.text.len;
    if (kind == TOOL_CUSTOM || space.len != 0)
        r->added += TOOL_ADDED_TOKENS;
    (*out)->name = name;
    if (responses_has(tool, "description", &description))
        return prompt_read_text(description, "a tool's description must be a string", r->fault,
                                &(*out)->description);
    return ERR_NONE;
}

/* Whether this API would make the schema strict, of as many as can be judged in a short time. */
static bool strict_unsaid(struct responses_reader *r, struct view schema)
{
    if (schema.len > SCHEMA_JUDGED_MAX - r->judged)
        return false;
    r->judged += schema.len;
    return schema_is_strict(schema);
}

/* Where nothing is said, this API makes a schema strict if it can, and chat does not: so it is said. */
static enum err add_function(struct responses_reader *r, struct view space, struct json_value tool)
{
    struct prompt_tool *t = NULL;
    struct json_value v;
    bool strict = false;
    enum err e = add_tool(r, TOOL_FUNCTION, space, tool, &t);

    if (e == ERR_NONE && responses_has(tool, "parameters", &v))
        e = prompt_read_raw(v, JSON_OBJECT, "a function's parameters must be an object", r->fault,
                            &t->schema);
    if (e == ERR_NONE && responses_has(tool, "strict", &v))
        e = prompt_read_bool(v, r->fault, &strict);
    else
        strict = t != NULL && strict_unsaid(r, t->schema);
    if (e == ERR_NONE)
        t->strict = strict;
    return e;
}

/* Chat has what a grammar consists of one level deeper. */
static enum err nest_grammar(struct responses_reader *r, struct json_value format, struct view *out)
{
    struct json_value syntax, definition;
    struct buf made;
    enum err e;

    if (!json_get(format, "syntax", &syntax) || !json_get(format, "definition", &definition) ||
        syntax.kind != JSON_STRING || definition.kind != JSON_STRING)
        return responses_refuse(r, "a grammar needs a syntax and a definition", ERR_FORMAT);
    buf_init(&made, format.text.len + 64);
    e = buf_append(&made, VIEW_LIT("{\"type\":\"grammar\",\"grammar\":{\"syntax\":"));
    if (e == ERR_NONE)
        e = buf_append(&made, syntax.text);
    if (e == ERR_NONE)
        e = buf_append(&made, VIEW_LIT(",\"definition\":"));
    if (e == ERR_NONE)
        e = buf_append(&made, definition.text);
    if (e == ERR_NONE)
        e = buf_append(&made, VIEW_LIT("}}"));
    if (e == ERR_NONE)
        e = prompt_keep(&r->p->list, buf_view(&made), out);
    buf_free(&made);
    return e;
}

static enum err add_custom(struct responses_reader *r, struct view space, struct json_value tool)
{
    struct prompt_tool *t = NULL;
    struct json_value format, type;
    enum err e = add_tool(r, TOOL_CUSTOM, space, tool, &t);

    if (e != ERR_NONE || !responses_has(tool, "format", &format))
        return e;
    if (!json_get(format, "type", &type))
        return responses_refuse(r, "a custom tool's format must be an object with a type", ERR_FORMAT);
    if (json_string_is(type, "grammar"))
        return nest_grammar(r, format, &t->schema);
    t->schema = format.text;
    return ERR_NONE;
}

/* A tool that its client runs. */
static enum err read_own(struct responses_reader *r, struct view space, struct json_value tool,
                         struct json_value type, bool *own)
{
    *own = true;
    if (json_string_is(type, "function"))
        return add_function(r, space, tool);
    if (json_string_is(type, "custom"))
        return add_custom(r, space, tool);
    *own = false;
    return ERR_NONE;
}

static enum err read_namespace(struct responses_reader *r, struct json_value space)
{
    struct view name = responses_text(space, "name");
    struct json_value inner, type;
    struct json_iter it;
    struct json_member m;
    enum err e = ERR_NONE;

    if (name.len == 0 || !json_get(space, "tools", &inner) || inner.kind != JSON_ARRAY)
        return responses_refuse(r, "a namespace needs a name and an array of tools", ERR_FORMAT);
    it = json_iter(inner);
    while (e == ERR_NONE && json_next(&it, &m)) {
        bool own = false;

        if (json_get(m.value, "type", &type))
            e = read_own(r, name, m.value, type, &own);
        if (e == ERR_NONE && !own)
            e = responses_refuse(r, "a namespace holds function and custom tools only",
                                 ERR_UNSUPPORTED);
    }
    return e;
}

/* Coding agents have these on by default and do without: left out. Whoever asks for any other tool that OpenAI
 * would run counts on it: refused. */
static bool left_out(struct json_value type)
{
    static const char *const names[] = {
        "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11",
        "tool_search", "image_generation"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_string_is(type, names[i]))
            return true;
    return false;
}

static enum err read_tool(struct responses_reader *r, struct json_value tool, size_t at)
{
    struct json_value type;
    bool own;
    enum err e;

    if (tool.kind != JSON_OBJECT || !json_get(tool, "type", &type))
        return responses_refuse(r, "each tool must be an object with a type", ERR_FORMAT);
    if (prompt_synth_ours(tool))
        return prompt_synth_take_tool(r->p, tool, at, r->fault);
    e = read_own(r, VIEW_EMPTY, tool, type, &own);
    if (e != ERR_NONE || own)
        return e;
    if (json_string_is(type, "namespace"))
        return read_namespace(r, tool);
    return left_out(type) ? ERR_NONE
                          : responses_refuse(r, "This router runs no tools: of tools it takes function, "
                                                "custom and namespace, and leaves web_search, "
                                                "image_generation and tool_search out.",
                                             ERR_UNSUPPORTED);
}

enum err responses_read_tools(struct responses_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = ERR_NONE;

    if (v.kind != JSON_ARRAY)
        return responses_refuse(r, "tools must be an array", ERR_FORMAT);
    for (size_t at = 0; e == ERR_NONE && json_next(&it, &m); at++)
        e = read_tool(r, m.value, at);
    return e;
}

/* --- tool_choice */

static const struct prompt_tool *find_tool(const struct prompt_list *l, struct view name)
{
    for (size_t i = 0; i < l->n_tools; i++)
        if (view_eq(l->tool[i].name, name))
            return &l->tool[i];
    return NULL;
}

/* The tool of the list that a choice names. Not found: NULL. */
static enum err chosen(struct responses_reader *r, struct json_value choice,
                       const struct prompt_tool **out)
{
    struct buf made;
    enum err e;

    buf_init(&made, RESPONSES_NAME_MAX);
    e = responses_name(responses_text(choice, "namespace"), responses_text(choice, "name"), &made);
    *out = e == ERR_NONE ? find_tool(&r->p->list, buf_view(&made)) : NULL;
    buf_free(&made);
    return e;
}

/* Only the tools that are allowed stay. Those that are left out anyway are none of them. */
static enum err allow(struct responses_reader *r, struct json_value allowed)
{
    struct prompt_list *l = &r->p->list;
    struct json_iter it = json_iter(allowed);
    struct json_member m;
    size_t kept = 0, named = 0;

    if (allowed.kind != JSON_ARRAY)
        return responses_refuse(r, "tool_choice.tools must be an array", ERR_FORMAT);
    while (json_next(&it, &m)) {
        const struct prompt_tool *t;
        struct prompt_tool first;
        size_t at;
        enum err e;

        if (named++ == PROMPT_TOOLS_MAX) /* each is compared with all tools */
            return responses_refuse(r, "tool_choice.tools names too many tools", ERR_LIMIT);
        e = chosen(r, m.value, &t);
        if (e != ERR_NONE)
            return e;
        if (t == NULL) {
            struct json_value type;

            if (json_get(m.value, "type", &type) && left_out(type))
                continue;
            return responses_refuse(r, CHOICE_UNKNOWN, ERR_FORMAT);
        }
        at = (size_t)(t - l->tool);
        if (at < kept)
            continue; /* named twice */
        first = l->tool[kept];
        l->tool[kept++] = *t;
        l->tool[at] = first;
    }
    l->n_tools = kept;
    return ERR_NONE;
}

static enum err read_word(struct responses_reader *r, struct json_value v)
{
    struct prompt_list *l = &r->p->list;

    if (json_string_is(v, "auto"))
        l->choice = CHOICE_AUTO;
    else if (json_string_is(v, "none"))
        l->choice = CHOICE_NONE;
    else if (json_string_is(v, "required"))
        l->choice = CHOICE_REQUIRED;
    else
        return responses_refuse(r, "tool_choice must be auto, none, required or an object", ERR_FORMAT);
    return ERR_NONE;
}

static enum err read_choice(struct responses_reader *r, struct json_value v)
{
    struct prompt_list *l = &r->p->list;
    struct json_value type, mode, tools;
    const struct prompt_tool *t;
    enum err e;

    if (!json_get(v, "type", &type))
        return read_word(r, v);
    if (json_string_is(type, "allowed_tools")) {
        if (!json_get(v, "mode", &mode) || !json_get(v, "tools", &tools))
            return responses_refuse(r, "allowed_tools needs a mode and tools", ERR_FORMAT);
        e = read_word(r, mode);
        return e == ERR_NONE ? allow(r, tools) : e;
    }
    if (!json_string_is(type, "function") && !json_string_is(type, "custom"))
        return responses_refuse(r, "tool_choice asks for a tool that this router does not run",
                                ERR_UNSUPPORTED);
    e = chosen(r, v, &t);
    if (e != ERR_NONE)
        return e;
    if (t == NULL)
        return responses_refuse(r, CHOICE_UNKNOWN, ERR_FORMAT);
    l->choice = CHOICE_TOOL;
    l->choice_name = t->name;
    return ERR_NONE;
}

enum err responses_read_tool_choice(struct responses_reader *r, struct json_value v)
{
    struct prompt_list *l = &r->p->list;
    enum err e = read_choice(r, v);

    if (e != ERR_NONE || l->n_tools != 0)
        return e;
    if (l->choice == CHOICE_REQUIRED)
        return responses_refuse(r, "tool_choice is required, and no tool is left that the model could call",
                                ERR_UNSUPPORTED);
    l->choice = CHOICE_UNSAID; /* providers refuse a choice without tools */
    return ERR_NONE;
}
