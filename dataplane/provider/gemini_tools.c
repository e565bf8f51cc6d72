/* (G) tools and toolConfig. */
#include "gemini_render_internal.h"

#include "content_view.h"
#include "json.h"

enum { NAME_MAX_BYTES = 128 }; /* of a function */

/* The input of a tool that takes free text, which goes as a function with one string. */
#define FREE_TEXT_SCHEMA "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}"

static bool wants_json(const struct prompt_list *l)
{
    return l->format == FORMAT_JSON_OBJECT || l->format == FORMAT_JSON_SCHEMA;
}

bool gemini_omits_tools(const struct prompt *p, const struct model_gates *gates)
{
    return p->list.choice == CHOICE_NONE && wants_json(&p->list) &&
           (gates->bits & (GATE_NO_TOOLS_AND_FORMAT | GATE_TOOLS_AND_FORMAT_AUTO)) != 0;
}

/* --- declarations --- */

static bool is_empty(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    return (v.kind == JSON_OBJECT || v.kind == JSON_ARRAY) && !json_next(&it, &m);
}

/* Of a schema that names no argument; Gemini wants it left out. */
static bool says_nothing(struct view schema)
{
    struct json_iter it = json_iter((struct json_value){JSON_OBJECT, schema});
    struct json_member m;

    if (schema.len == 0)
        return true;
    if (schema.ptr[0] != '{')
        return false;
    while (json_next(&it, &m))
        if (!(json_key_is(m.key, "type") && json_string_is(m.value, "object")) &&
            !(json_key_is(m.key, "properties") && is_empty(m.value)) &&
            !(json_key_is(m.key, "required") && is_empty(m.value)) &&
            !(json_key_is(m.key, "additionalProperties") && m.value.kind == JSON_FALSE) &&
            !json_key_is(m.key, "$schema"))
            return false;
    return true;
}

static void put_tool(struct gemini_body *g, const struct prompt_tool *t)
{
    GEMINI_PUT(g, "{\"name\":\"");
    body_put(&g->b, t->name);
    GEMINI_PUT(g, "\"");
    if (t->description.ptr != NULL) {
        GEMINI_PUT(g, ",\"description\":\"");
        body_put(&g->b, t->description);
        GEMINI_PUT(g, "\"");
    }
    if (t->kind == TOOL_CUSTOM)
        GEMINI_PUT(g, ",\"parametersJsonSchema\":" FREE_TEXT_SCHEMA);
    else if (!says_nothing(t->schema)) {
        GEMINI_PUT(g, ",\"parametersJsonSchema\":");
        gemini_put_schema(g, t->schema);
    }
    GEMINI_PUT(g, "}");
}

/* --- choice --- */

static bool any_strict(const struct prompt_list *l)
{
    for (size_t i = 0; i < l->n_tools; i++)
        if (l->tool[i].strict == 1)
            return true;
    return false;
}

/* AUTO whose arguments are checked, where a tool asks for it and the model can. */
static bool is_validated(const struct gemini_body *g)
{
    const struct prompt_list *l = &g->b.prompt->list;

    return any_strict(l) && !gemini_gated(g, GATE_NO_SCHEMA) &&
           !(wants_json(l) && gemini_gated(g, GATE_TOOLS_AND_FORMAT_AUTO));
}

static void put_mode(struct gemini_body *g, struct view mode)
{
    GEMINI_PUT(g, ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"");
    body_put(&g->b, mode);
    GEMINI_PUT(g, "\"");
    if (g->b.prompt->list.choice == CHOICE_TOOL) {
        GEMINI_PUT(g, ",\"allowedFunctionNames\":[\"");
        body_put(&g->b, g->b.prompt->list.choice_name);
        GEMINI_PUT(g, "\"]");
    }
    GEMINI_PUT(g, "}}");
}

static void put_choice(struct gemini_body *g)
{
    switch (g->b.prompt->list.choice) {
    case CHOICE_UNSAID:
        if (is_validated(g))
            put_mode(g, VIEW_LIT("VALIDATED"));
        return;
    case CHOICE_AUTO:
        put_mode(g, is_validated(g) ? VIEW_LIT("VALIDATED") : VIEW_LIT("AUTO"));
        return;
    case CHOICE_NONE:
        put_mode(g, VIEW_LIT("NONE"));
        return;
    case CHOICE_REQUIRED:
    case CHOICE_TOOL:
        break;
    }
    put_mode(g, VIEW_LIT("ANY"));
}

void gemini_put_tools(struct gemini_body *g)
{
    const struct prompt_list *l = &g->b.prompt->list;

    if (l->n_tools == 0 || gemini_omits_tools(g->b.prompt, g->gates))
        return;
    GEMINI_PUT(g, ",\"tools\":[{\"functionDeclarations\":[");
    for (size_t i = 0; i < l->n_tools; i++) {
        if (i != 0)
            GEMINI_PUT(g, ",");
        put_tool(g, &l->tool[i]);
    }
    GEMINI_PUT(g, "]}]");
    put_choice(g);
}

/* --- what an endpoint may be sent --- */

static bool name_fits(struct view name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != 0 && strchr("_:.-", c) != NULL)))
            return false;
    }
    return name.len != 0 && name.len <= NAME_MAX_BYTES;
}

/* Does the model take this choice of tools, and beside a JSON format? */
static bool choice_fits(const struct prompt_list *l, uint32_t gates)
{
    bool forced = l->choice == CHOICE_REQUIRED || l->choice == CHOICE_TOOL;

    return !forced || ((gates & GATE_NO_FORCED_TOOL) == 0 &&
                       !(wants_json(l) && (gates & GATE_TOOLS_AND_FORMAT_AUTO) != 0));
}

bool gemini_tools_fit(const struct prompt *p, const struct destination *d, struct view *refused)
{
    const struct prompt_list *l = &p->list;
    uint32_t gates = d->model->gates.bits;

    *refused = VIEW_LIT("tools");
    if (p->hosted_tools)
        return false;
    for (size_t i = 0; i < l->n_tools; i++)
        if (!name_fits(l->tool[i].name))
            return false;
    if (l->n_tools == 0 || gemini_omits_tools(p, &d->model->gates))
        return true;
    *refused = VIEW_LIT("tool_choice");
    if (!choice_fits(l, gates))
        return false;
    *refused = VIEW_LIT("response_format");
    return !wants_json(l) || (gates & GATE_NO_TOOLS_AND_FORMAT) == 0;
}
