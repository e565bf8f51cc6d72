/* Reads a script and plays the turn that is due. */
#include "script.h"

#include "job_internal.h"
#include "sample.h"
#include "sign.h"

struct line {
    struct view word, rest;
};

static bool next_line(struct view *script, struct line *out)
{
    while (script->len != 0) {
        const uint8_t *nl = memchr(script->ptr, '\n', script->len), *space;
        struct view all = *script;

        if (nl != NULL)
            all.len = (size_t)(nl - all.ptr);
        *script = view_from(*script, all.len + 1);
        while (all.len != 0 && (*all.ptr == ' ' || *all.ptr == '\t'))
            all = view_from(all, 1);
        while (all.len != 0 && (all.ptr[all.len - 1] == ' ' || all.ptr[all.len - 1] == '\r'))
            all.len--;
        if (view_eq(all, VIEW_LIT("end")))
            return false;
        space = all.len != 0 ? memchr(all.ptr, ' ', all.len) : NULL;
        out->word = out->rest = all;
        if (space != NULL)
            out->word.len = (size_t)(space - all.ptr);
        out->rest = view_from(all, out->word.len + (space != NULL));
        if (all.len != 0)
            return true;
    }
    return false;
}

static bool is(const struct line *l, const char *word)
{
    return view_eq(l->word, view_str(word));
}

/* The text of content in which the mark is, from behind the mark's line. */
static void script_find(struct job *j, struct json_value content)
{
    struct json_member part = {.value = content};
    struct json_iter it = json_iter(content);
    struct json_value text;
    bool parts = content.kind == JSON_ARRAY;

    while (!parts || json_next(&it, &part)) {
        text = part.value;
        j->script.len = 0;
        if ((!parts || json_get(part.value, "text", &text)) && sign_decode(text, &j->script) &&
            j->script.len != 0) {
            char *at = memmem(j->script.ptr, j->script.len, SCRIPT_MARK, sizeof SCRIPT_MARK - 1);
            if (at != NULL) {
                bytes_drop(&j->script, (size_t)(at - j->script.ptr) + sizeof SCRIPT_MARK - 1);
                return;
            }
        }
        if (!parts)
            break;
    }
    j->script.len = 0;
}

bool script_open(struct job *j, const struct ask *a)
{
    struct line l;

    j->script.len = 0;
    if (a->script.text.len == 0)
        return true;
    script_find(j, a->script);
    struct view rest = view_of(j->script.ptr, j->script.len);
    while (next_line(&rest, &l))
        if (is(&l, "mock") && !spec_parse(l.rest, &j->spec))
            return false;
    return true;
}

static const struct ask_tool *script_tool(const struct ask *a, struct view name)
{
    struct view plain;

    for (unsigned i = 0; i < a->n_tools; i++)
        if (json_string_plain(a->tools[i].name, &plain) && view_eq(plain, name))
            return &a->tools[i];
    return NULL;
}

/* The given object with made-up values for the required members that it lacks. */
static void script_args(struct bytes *out, struct view given, struct json_value schema)
{
    struct json_value object, required, properties, v;
    struct json_member name;
    struct view plain;
    const char *comma = ",";

    if (given.len == 0) {
        if (schema.text.len != 0)
            sample_json(out, schema);
        else
            BYTES_LIT(out, "{}");
        return;
    }
    bytes_put(out, given.ptr, given.len);
    if (json_check(given, &object, NULL) != ERR_NONE || object.kind != JSON_OBJECT ||
        !json_get(schema, "required", &required) || !json_get(schema, "properties", &properties))
        return; /* as it is: a test may want arguments that are no JSON */
    out->len -= given.len - (size_t)(object.text.ptr - given.ptr) - object.text.len + 1;
    if (object.text.len == 2)
        comma = "";
    for (struct json_iter it = json_iter(required); json_next(&it, &name);) {
        char key[64];
        if (!json_string_plain(name.value, &plain) || plain.len >= sizeof key)
            continue;
        memcpy(key, plain.ptr, plain.len);
        key[plain.len] = '\0';
        if (json_get(object, key, &v) || !json_get(properties, key, &v))
            continue;
        bytes_printf(out, "%s\"%s\":", comma, key);
        sample_json(out, v);
        comma = ",";
    }
    BYTES_LIT(out, "}");
}

/* "NAME {JSON}"; a tool that was not offered becomes a text that says so. */
static void script_call(struct job *j, const struct ask *a, struct view rest)
{
    const uint8_t *space = rest.len != 0 ? memchr(rest.ptr, ' ', rest.len) : NULL;
    struct view name = rest, given;
    const struct ask_tool *tool;
    size_t from;

    if (space != NULL)
        name.len = (size_t)(space - rest.ptr);
    given = view_from(rest, name.len + (space != NULL));
    tool = script_tool(a, name);
    from = j->payload.len;
    if (tool == NULL || j->n_tools == JOB_TOOLS_MAX) {
        bytes_printf(&j->payload, "no tool %.*s was offered", (int)name.len, (const char *)name.ptr);
        j->text = (struct job_part){from, j->payload.len - from};
        return;
    }
    if (tool->custom)
        bytes_put(&j->payload, given.len != 0 ? (const char *)given.ptr : "sample",
                  given.len != 0 ? given.len : 6);
    else
        script_args(&j->payload, given, tool->schema);
    j->tools[j->n_tools].args = (struct job_part){from, j->payload.len - from};
    j->tools[j->n_tools].name = job_keep(j, name.ptr, name.len);
    j->tools[j->n_tools].custom = tool->custom;
    j->tools[j->n_tools].space = (struct job_part){0, 0};
    if (tool->space.kind == JSON_STRING && tool->space.text.len > 2)
        j->tools[j->n_tools].space =
            job_keep(j, tool->space.text.ptr + 1, tool->space.text.len - 2);
    j->n_tools++;
}

/* text with {result} replaced. */
static struct job_part script_say(struct job *j, const struct ask *a, struct view text)
{
    static const char mark[] = "{result}";
    size_t from = j->payload.len;
    const char *at = memmem(text.ptr, text.len, mark, sizeof mark - 1);

    if (at != NULL) {
        size_t before = (size_t)(at - (const char *)text.ptr);
        bytes_put(&j->payload, text.ptr, before);
        if (a->result.text.len != 0)
            job_content(j, a->result);
        text = view_from(text, before + sizeof mark - 1);
    }
    bytes_put(&j->payload, text.ptr, text.len);
    return (struct job_part){from, j->payload.len - from};
}

bool script_turn(struct job *j, const struct ask *a)
{
    struct view rest = view_of(j->script.ptr, j->script.len), think = VIEW_EMPTY, text = VIEW_EMPTY;
    unsigned turn = 0; /* the first of those that have not begun yet */
    bool due = false;
    struct line l;

    while (next_line(&rest, &l)) {
        if (is(&l, "think")) {
            think = l.rest;
        } else if (is(&l, "text")) {
            text = l.rest;
        } else if (is(&l, "also")) {
            if (due)
                script_call(j, a, l.rest);
        } else if (is(&l, "call") || is(&l, "say")) {
            if (due)
                break;
            if (turn++ == a->turns) {
                due = true;
                if (think.len != 0)
                    j->thought = job_keep(j, think.ptr, think.len);
                if (text.len != 0)
                    j->text = script_say(j, a, text);
                if (is(&l, "say"))
                    j->text = script_say(j, a, l.rest);
                else
                    script_call(j, a, l.rest);
            }
            think = text = VIEW_EMPTY;
        }
    }
    return due;
}
