#include "sample.h"

enum { DEPTH_MAX = 12 };

static void sample(struct bytes *out, struct json_value root, struct json_value schema,
                   unsigned depth);

static void sample_object(struct bytes *out, struct json_value root, struct json_value schema,
                          unsigned depth)
{
    struct json_value properties;
    struct json_member m;
    const char *comma = "";

    BYTES_LIT(out, "{");
    if (json_get(schema, "properties", &properties)) {
        struct json_iter it = json_iter(properties);
        while (json_next(&it, &m)) {
            bytes_str(out, comma);
            BYTES_LIT(out, "\"");
            bytes_put(out, m.key.ptr, m.key.len);
            BYTES_LIT(out, "\":");
            sample(out, root, m.value, depth + 1);
            comma = ",";
        }
    }
    BYTES_LIT(out, "}");
}

/* "#/$defs/name" and "#/definitions/name". */
static bool sample_resolve(struct json_value root, struct json_value ref, struct json_value *out)
{
    static const char *const places[] = {"$defs", "definitions"};
    struct json_value defs;
    struct json_member m;
    struct view path;

    if (!json_string_plain(ref, &path))
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (!json_get(root, places[i], &defs))
            continue;
        struct json_iter it = json_iter(defs);
        while (json_next(&it, &m)) {
            if (path.len <= m.key.len || !view_eq(view_from(path, path.len - m.key.len), m.key))
                continue;
            *out = m.value;
            return true;
        }
    }
    return false;
}

static bool sample_first(struct json_value list, struct json_value *out)
{
    struct json_iter it = json_iter(list);
    struct json_member m;

    if (list.kind != JSON_ARRAY || !json_next(&it, &m))
        return false;
    *out = m.value;
    return true;
}

static void sample_type(struct bytes *out, struct json_value root, struct json_value schema,
                        struct json_value type, unsigned depth)
{
    struct json_value v;

    if (json_string_is(type, "string")) {
        BYTES_LIT(out, "\"sample\"");
    } else if (json_string_is(type, "integer")) {
        BYTES_LIT(out, "7");
    } else if (json_string_is(type, "number")) {
        BYTES_LIT(out, "7.5");
    } else if (json_string_is(type, "boolean")) {
        BYTES_LIT(out, "true");
    } else if (json_string_is(type, "array")) {
        BYTES_LIT(out, "[");
        if (json_get(schema, "items", &v))
            sample(out, root, v, depth + 1);
        BYTES_LIT(out, "]");
    } else if (json_string_is(type, "object")) {
        sample_object(out, root, schema, depth);
    } else {
        BYTES_LIT(out, "null");
    }
}

static void sample(struct bytes *out, struct json_value root, struct json_value schema,
                   unsigned depth)
{
    struct json_value v;

    if (depth > DEPTH_MAX || schema.kind != JSON_OBJECT) {
        BYTES_LIT(out, "null");
        return;
    }
    if (json_get(schema, "$ref", &v) && sample_resolve(root, v, &v)) {
        sample(out, root, v, depth + 1);
    } else if (json_get(schema, "const", &v) ||
               (json_get(schema, "enum", &v) && sample_first(v, &v))) {
        bytes_put(out, v.text.ptr, v.text.len);
    } else if (json_get(schema, "anyOf", &v) && sample_first(v, &v)) {
        sample(out, root, v, depth + 1);
    } else if (json_get(schema, "type", &v)) {
        if (v.kind == JSON_ARRAY && !sample_first(v, &v))
            v = schema;
        sample_type(out, root, schema, v, depth);
    } else {
        sample_object(out, root, schema, depth);
    }
}

void sample_json(struct bytes *out, struct json_value schema)
{
    sample(out, schema, schema, 0);
}
