/* (G) Judges JSON Schemas. */
#include "schema.h"

#include "content_view.h"
#include "json.h"

enum {
    /* Comparisons of a property's name with a required one, for each byte of the schema. Lists in one order,
     * as libraries write them, need one for each property. */
    STEPS_PER_BYTE = 8,
    DEPTH_MAX = 16, /* schemas inside of each other; OpenAI takes 10 */
};

struct judge {
    size_t steps; /* that are left */
    unsigned depth;
};

static bool strict(struct judge *j, struct json_value schema);

/* Members of a schema whose value is one schema, a list of them, or one under each name. */
static bool strict_inside(struct judge *j, const struct json_member *m)
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
        return strict(j, m->value);
    walk = m->value.kind == JSON_ARRAY && json_key_is(m->key, "anyOf");
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        walk = walk || (m->value.kind == JSON_OBJECT && json_key_is(m->key, maps[i]));
    while (walk && json_next(&it, &inner))
        if (!strict(j, inner.value))
            return false;
    return true;
}

/* Whether the list, a walk of which stands at *it, has the key: looked for from there on, once around. */
static bool names(struct judge *j, struct json_value list, struct json_iter *it, struct view key)
{
    struct json_member m;

    for (unsigned rounds = 0; rounds < 2; rounds++) {
        while (j->steps != 0 && json_next(it, &m)) {
            j->steps--;
            if (m.value.kind == JSON_STRING &&
                view_eq(view_of(m.value.text.ptr + 1, m.value.text.len - 2), key))
                return true;
        }
        *it = json_iter(list);
    }
    return false;
}

/* Every property is required. */
static bool all_required(struct judge *j, struct json_value properties, struct json_value required)
{
    struct json_iter it = json_iter(properties), at = json_iter(required);
    struct json_member m;

    while (properties.kind == JSON_OBJECT && json_next(&it, &m))
        if (required.kind != JSON_ARRAY || !names(j, required, &at, m.key))
            return false;
    return true;
}

/* What is said of an object: each first member of its name. */
struct object {
    struct json_value type, properties, required, others;
};

static void note(struct object *o, const struct json_member *m)
{
    struct json_value *const place = json_key_is(m->key, "type")                   ? &o->type
                                     : json_key_is(m->key, "properties")           ? &o->properties
                                     : json_key_is(m->key, "required")             ? &o->required
                                     : json_key_is(m->key, "additionalProperties") ? &o->others
                                                                                   : NULL;

    if (place != NULL && place->text.len == 0)
        *place = m->value;
}

/* An object has no other properties than those it names, and needs each. */
static bool closed(struct judge *j, const struct object *o)
{
    if (!json_string_is(o->type, "object") && o->properties.text.len == 0)
        return true; /* none */
    return o->others.kind == JSON_FALSE && all_required(j, o->properties, o->required);
}

static bool strict_members(struct judge *j, struct json_value schema)
{
    struct json_iter it = json_iter(schema);
    struct object o = {.type = {JSON_NULL, VIEW_EMPTY}};
    struct json_member m;

    while (json_next(&it, &m)) {
        note(&o, &m);
        if (!strict_inside(j, &m))
            return false;
    }
    return closed(j, &o);
}

static bool strict(struct judge *j, struct json_value schema)
{
    bool good;

    if (schema.kind != JSON_OBJECT || j->depth == DEPTH_MAX)
        return false;
    j->depth++;
    good = strict_members(j, schema);
    j->depth--;
    return good;
}

bool schema_is_strict(struct view schema)
{
    struct json_value root = {JSON_OBJECT, schema}, type;
    struct judge j = {.steps = schema.len * STEPS_PER_BYTE};

    return schema.len != 0 && schema.len <= SCHEMA_JUDGED_MAX && json_get(root, "type", &type) &&
           json_string_is(type, "object") && strict(&j, root);
}
