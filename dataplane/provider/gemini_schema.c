/* (G) JSON Schemas as Gemini takes them: "const", which it does not know, becomes an enum of one, and what only names the
 * standard is left out. The rest it reads or overlooks. */
#include "gemini_render_internal.h"

#include "content_view.h"
#include "json.h"

static void put_value(struct gemini_body *g, struct json_value v, bool schema);

/* Under these keys stand schemas by names that the client made up. */
static bool holds_names(struct view key)
{
    static const char *const maps[] = {"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"};

    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if (json_key_is(key, maps[i]))
            return true;
    return false;
}

/* Under these what a value may be, which is no schema. */
static bool holds_values(struct view key)
{
    static const char *const plain[] = {"enum", "default", "examples", "example", "required"};

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (json_key_is(key, plain[i]))
            return true;
    return false;
}

static void put_key(struct gemini_body *g, struct view key, bool *any)
{
    body_put(&g->b, *any ? VIEW_LIT(",\"") : VIEW_LIT("\""));
    body_put(&g->b, key);
    GEMINI_PUT(g, "\":");
    *any = true;
}

/* The schemas by their names. */
static void put_map(struct gemini_body *g, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    bool any = false;

    GEMINI_PUT(g, "{");
    while (g->b.e == ERR_NONE && json_next(&it, &m)) {
        put_key(g, m.key, &any);
        put_value(g, m.value, true);
    }
    GEMINI_PUT(g, "}");
}

static void put_member(struct gemini_body *g, const struct json_member *m, bool has_enum, bool *any)
{
    if (json_key_is(m->key, "$schema") || json_key_is(m->key, "$comment") ||
        (has_enum && json_key_is(m->key, "const")))
        return;
    if (json_key_is(m->key, "const")) {
        put_key(g, VIEW_LIT("enum"), any);
        GEMINI_PUT(g, "[");
        body_put(&g->b, m->value.text);
        GEMINI_PUT(g, "]");
        return;
    }
    put_key(g, m->key, any);
    if (m->value.kind == JSON_OBJECT && holds_names(m->key))
        put_map(g, m->value);
    else
        put_value(g, m->value, !holds_values(m->key));
}

static void put_object(struct gemini_body *g, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    struct json_value other;
    bool has_enum = json_get(v, "enum", &other), any = false;

    GEMINI_PUT(g, "{");
    while (g->b.e == ERR_NONE && json_next(&it, &m))
        put_member(g, &m, has_enum, &any);
    GEMINI_PUT(g, "}");
}

static void put_array(struct gemini_body *g, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    GEMINI_PUT(g, "[");
    for (bool any = false; g->b.e == ERR_NONE && json_next(&it, &m); any = true) {
        if (any)
            GEMINI_PUT(g, ",");
        put_value(g, m.value, true);
    }
    GEMINI_PUT(g, "]");
}

/* Recursion is bounded by JSON_MAX_DEPTH. */
static void put_value(struct gemini_body *g, struct json_value v, bool schema)
{
    if (schema && v.kind == JSON_OBJECT)
        put_object(g, v);
    else if (schema && v.kind == JSON_ARRAY)
        put_array(g, v);
    else
        body_put(&g->b, v.text);
}

void gemini_put_schema(struct gemini_body *g, struct view schema)
{
    struct json_value root;

    if (json_check(schema, &root, NULL) == ERR_NONE)
        put_value(g, root, true);
    else
        body_put(&g->b, schema); /* the client's reader has judged it */
}
