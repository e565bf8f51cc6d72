/* (G) Judges JSON Schemas. */
#include "schema.h"

#include "content_view.h"
#include "json.h"

static bool strict(struct json_value schema);

/* Members of a schema whose value is one schema, a list of them, or one under each name. */
static bool strict_inside(const struct json_member *m)
{
    static const char *const maps[] = {"properties", "$defs", "definitions"};
    static const char *const refused[] = {"oneOf", "allOf", "not", "if", "patternProperties", "propertyNames",
                                          "default", "contains", "unevaluatedProperties", "prefixItems",
                                          "dependentSchemas", "minProperties", "maxProperties"};
    struct json_iter it = json_iter(m->value);
    struct json_member inner;
    bool walk = false;

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (json_key_is(m->key, refused[i]))
            return false;
    if (json_key_is(m->key, "items"))
        return strict(m->value);
    walk = m->value.kind == JSON_ARRAY && json_key_is(m->key, "anyOf");
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        walk = walk || (m->value.kind == JSON_OBJECT && json_key_is(m->key, maps[i]));
    while (walk && json_next(&it, &inner))
        if (!strict(inner.value))
            return false;
    return true;
}

static bool names(struct json_value list, struct view key)
{
    struct json_iter it = json_iter(list);
    struct json_member m;

    while (list.kind == JSON_ARRAY && json_next(&it, &m))
        if (m.value.kind == JSON_STRING &&
            view_eq(view_of(m.value.text.ptr + 1, m.value.text.len - 2), key))
            return true;
    return false;
}

/* Every property is required, and there are no others. */
static bool closed(struct json_value schema)
{
    struct json_value properties = {JSON_NULL, VIEW_EMPTY}, required = properties, others;
    struct json_iter it;
    struct json_member m;

    if (!json_get(schema, "additionalProperties", &others) || others.kind != JSON_FALSE)
        return false;
    (void)json_get(schema, "properties", &properties);
    (void)json_get(schema, "required", &required);
    it = json_iter(properties);
    while (properties.kind == JSON_OBJECT && json_next(&it, &m))
        if (!names(required, m.key))
            return false;
    return true;
}

/* Depth is bounded by that of the document. */
static bool strict(struct json_value schema)
{
    struct json_iter it = json_iter(schema);
    struct json_value type, any;
    struct json_member m;

    if (schema.kind != JSON_OBJECT)
        return false;
    if (((json_get(schema, "type", &type) && json_string_is(type, "object")) ||
         json_get(schema, "properties", &any)) &&
        !closed(schema))
        return false;
    while (json_next(&it, &m))
        if (!strict_inside(&m))
            return false;
    return true;
}

bool schema_is_strict(struct view schema)
{
    struct json_value root = {JSON_OBJECT, schema}, type;

    return schema.len != 0 && json_get(root, "type", &type) && json_string_is(type, "object") &&
           strict(root);
}
