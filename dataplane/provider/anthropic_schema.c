/* (G) Judges and rewrites schemas for Anthropic's strict mode. Source: the transformation in the maker's own SDK. */
#include "anthropic_schema.h"

#include "content_view.h"
#include "json.h"

#include <stdbool.h>

enum {
    DEPTH_MAX = 24,           /* schemas inside of each other */
    SCHEMA_MAX = 256 << 10,   /* bytes */
};

/* What a keyword's value is, and so what becomes of it. */
enum keyword {
    KEYWORD_KEPT,    /* stays as it came */
    KEYWORD_SCHEMA,  /* one schema */
    KEYWORD_LIST,    /* schemas; oneOf as anyOf */
    KEYWORD_MAP,     /* a schema under each name */
    KEYWORD_HINT,    /* left out, told in the description */
    KEYWORD_CLOSED,  /* additionalProperties: false is written, whatever it is */
    KEYWORD_DROPPED, /* says nothing about values */
    KEYWORD_LOST,    /* cannot be left out without another meaning */
};

static const struct {
    const char *name;
    enum keyword what;
} keywords[] = {
    {"type", KEYWORD_KEPT},
    {"title", KEYWORD_KEPT},
    {"description", KEYWORD_KEPT},
    {"enum", KEYWORD_KEPT},
    {"const", KEYWORD_KEPT},
    {"required", KEYWORD_KEPT},
    {"$ref", KEYWORD_KEPT},
    {"format", KEYWORD_KEPT}, /* of those that are known, see below */
    {"properties", KEYWORD_MAP},
    {"$defs", KEYWORD_MAP},
    {"definitions", KEYWORD_MAP},
    {"items", KEYWORD_SCHEMA},
    {"anyOf", KEYWORD_LIST},
    {"oneOf", KEYWORD_LIST},
    {"allOf", KEYWORD_LIST},
    {"additionalProperties", KEYWORD_CLOSED},
    {"minItems", KEYWORD_KEPT}, /* 0 and 1 */
    {"$schema", KEYWORD_DROPPED},
    {"$id", KEYWORD_DROPPED},
    {"$comment", KEYWORD_DROPPED},
    {"default", KEYWORD_HINT},
    {"examples", KEYWORD_HINT},
    {"deprecated", KEYWORD_HINT},
    {"nullable", KEYWORD_LOST},
    {"patternProperties", KEYWORD_LOST},
    {"propertyNames", KEYWORD_LOST},
    {"not", KEYWORD_LOST},
    {"if", KEYWORD_LOST},
    {"then", KEYWORD_LOST},
    {"else", KEYWORD_LOST},
    {"prefixItems", KEYWORD_LOST},
    {"contains", KEYWORD_LOST},
    {"dependentSchemas", KEYWORD_LOST},
    {"dependentRequired", KEYWORD_LOST},
    {"unevaluatedProperties", KEYWORD_LOST},
    {"$dynamicRef", KEYWORD_LOST},
};

static bool known_format(struct json_value v)
{
    static const char *const formats[] = {"date-time", "time", "date", "duration", "email",
                                          "hostname",  "uri",  "ipv4", "ipv6",     "uuid"};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (json_string_is(v, formats[i]))
            return true;
    return false;
}

static bool is_zero_or_one(struct json_value v)
{
    int64_t n;

    return json_whole(v, &n) == ERR_NONE && (n == 0 || n == 1);
}

/* Keywords that are in no table (pattern, minLength, maximum, ...) narrow a value: hints. */
static enum keyword keyword_of(const struct json_member *m)
{
    enum keyword what = KEYWORD_HINT;

    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (json_key_is(m->key, keywords[i].name))
            what = keywords[i].what;
    if (json_key_is(m->key, "format") && !known_format(m->value))
        return KEYWORD_HINT;
    if (json_key_is(m->key, "minItems") && !is_zero_or_one(m->value))
        return KEYWORD_HINT;
    return what;
}

/* --- judging */

static bool fits(struct json_value schema, unsigned depth);

static bool all_fit(struct json_value container, unsigned depth)
{
    struct json_iter it = json_iter(container);
    struct json_member m;

    while (json_next(&it, &m))
        if (!fits(m.value, depth))
            return false;
    return true;
}

static bool member_fits(const struct json_member *m, unsigned depth)
{
    switch (keyword_of(m)) {
    case KEYWORD_SCHEMA:
        return fits(m->value, depth);
    case KEYWORD_LIST:
        return m->value.kind == JSON_ARRAY && all_fit(m->value, depth);
    case KEYWORD_MAP:
        return m->value.kind == JSON_OBJECT && all_fit(m->value, depth);
    case KEYWORD_CLOSED: /* an open map has its data there */
        return m->value.kind == JSON_FALSE || m->value.kind == JSON_TRUE;
    case KEYWORD_LOST:
        return false;
    case KEYWORD_KEPT:
    case KEYWORD_HINT:
    case KEYWORD_DROPPED:
        break;
    }
    return true;
}

/* An object without properties that does not say that it is closed is a map. */
static bool is_map(struct json_value schema)
{
    struct json_value type, v;

    return json_get(schema, "type", &type) && json_string_is(type, "object") && !json_get(schema, "properties", &v) &&
           !(json_get(schema, "additionalProperties", &v) && v.kind == JSON_FALSE) && !json_get(schema, "$ref", &v) &&
           !json_get(schema, "anyOf", &v) && !json_get(schema, "allOf", &v) && !json_get(schema, "oneOf", &v);
}

static bool fits(struct json_value schema, unsigned depth)
{
    struct json_iter it = json_iter(schema);
    struct json_member m;

    if (schema.kind != JSON_OBJECT || depth == DEPTH_MAX || is_map(schema))
        return false;
    while (json_next(&it, &m))
        if (!member_fits(&m, depth + 1))
            return false;
    return true;
}

/* A reference that stands inside of what it names is a recursion; so is one to the root. */
static bool refers_back(struct json_value v, struct view name)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    if (v.kind != JSON_OBJECT && v.kind != JSON_ARRAY)
        return false;
    while (json_next(&it, &m)) {
        struct view ref;

        if (it.object && json_key_is(m.key, "$ref") && json_string_plain(m.value, &ref) &&
            (ref.len <= 1 || (ref.len > name.len && ref.ptr[ref.len - name.len - 1] == '/' &&
                              view_eq(view_from(ref, ref.len - name.len), name))))
            return true;
        if (refers_back(m.value, name))
            return true;
    }
    return false;
}

static bool is_recursive(struct json_value root)
{
    static const char *const places[] = {"$defs", "definitions"};
    struct json_value defs;
    struct json_member m;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct json_iter it;

        if (!json_get(root, places[i], &defs) || defs.kind != JSON_OBJECT)
            continue;
        for (it = json_iter(defs); json_next(&it, &m);)
            if (refers_back(m.value, m.key))
                return true;
    }
    return refers_back(root, VIEW_LIT("#"));
}

bool anthropic_schema_fits(struct view schema)
{
    const struct json_value root = {JSON_OBJECT, schema};
    struct json_value type;

    return schema.len != 0 && schema.len <= SCHEMA_MAX && json_get(root, "type", &type) &&
           json_string_is(type, "object") && fits(root, 0) && !is_recursive(root);
}

/* --- writing */

struct writer {
    struct buf *out;
    enum err e;
};

static void put(struct writer *w, struct view text)
{
    if (w->e == ERR_NONE)
        w->e = buf_append(w->out, text);
}
#define PUT(w, literal) put(w, VIEW_LIT(literal))

static void put_schema(struct writer *w, struct json_value schema);

static void put_key(struct writer *w, struct view key, bool *any)
{
    if (*any)
        PUT(w, ",");
    *any = true;
    PUT(w, "\"");
    put(w, key);
    PUT(w, "\":");
}

static void put_inner(struct writer *w, struct json_value container)
{
    struct json_iter it = json_iter(container);
    struct json_member m;
    bool any = false;

    put(w, it.object ? VIEW_LIT("{") : VIEW_LIT("["));
    while (json_next(&it, &m)) {
        if (it.object)
            put_key(w, m.key, &any);
        else if (any)
            PUT(w, ",");
        any = true;
        put_schema(w, m.value);
    }
    put(w, it.object ? VIEW_LIT("}") : VIEW_LIT("]"));
}

/* As text inside of a string: quotes and backslashes are escaped. */
static void put_quoted(struct writer *w, struct view v)
{
    size_t from = 0;

    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] == '\n' || v.ptr[i] == '\r' || v.ptr[i] == '\t') {
            put(w, view_of(v.ptr + from, i - from));
            from = i + 1;
        } else if (v.ptr[i] == '"' || v.ptr[i] == '\\') {
            put(w, view_of(v.ptr + from, i - from));
            PUT(w, "\\");
            from = i;
        }
    }
    put(w, view_from(v, from));
}

/* The description, with what was left out behind it. */
static void put_description(struct writer *w, struct json_value schema, bool *any)
{
    struct json_value said;
    struct json_iter it = json_iter(schema);
    struct json_member m;
    bool begun = false;

    if (json_get(schema, "description", &said) && said.kind == JSON_STRING) {
        put_key(w, VIEW_LIT("description"), any);
        PUT(w, "\"");
        put(w, view_of(said.text.ptr + 1, said.text.len - 2));
        begun = true;
    }
    while (json_next(&it, &m)) {
        if (keyword_of(&m) != KEYWORD_HINT)
            continue;
        if (!begun)
            put_key(w, VIEW_LIT("description"), any);
        put(w, begun ? VIEW_LIT(" {") : VIEW_LIT("\"{"));
        begun = true;
        put(w, m.key);
        PUT(w, ": ");
        put_quoted(w, m.value.text);
        PUT(w, "}");
    }
    if (begun)
        PUT(w, "\"");
}

static void put_member(struct writer *w, const struct json_member *m, bool *any)
{
    switch (keyword_of(m)) {
    case KEYWORD_KEPT:
        if (json_key_is(m->key, "description"))
            return;
        put_key(w, m->key, any);
        put(w, m->value.text);
        return;
    case KEYWORD_SCHEMA:
        put_key(w, m->key, any);
        put_schema(w, m->value);
        return;
    case KEYWORD_LIST:
    case KEYWORD_MAP:
        put_key(w, json_key_is(m->key, "oneOf") ? VIEW_LIT("anyOf") : m->key, any);
        put_inner(w, m->value);
        return;
    case KEYWORD_HINT:
    case KEYWORD_CLOSED:
    case KEYWORD_DROPPED:
    case KEYWORD_LOST:
        return;
    }
}

static void put_schema(struct writer *w, struct json_value schema)
{
    struct json_iter it = json_iter(schema);
    struct json_member m;
    struct json_value type, properties;
    bool any = false;

    PUT(w, "{");
    while (json_next(&it, &m))
        put_member(w, &m, &any);
    put_description(w, schema, &any);
    if ((json_get(schema, "type", &type) && json_string_is(type, "object")) || json_get(schema, "properties", &properties)) {
        put_key(w, VIEW_LIT("additionalProperties"), &any);
        PUT(w, "false");
    }
    PUT(w, "}");
}

enum err anthropic_schema_put(struct view schema, struct buf *out)
{
    struct writer w = {.out = out};

    put_schema(&w, (struct json_value){JSON_OBJECT, schema});
    return w.e;
}
