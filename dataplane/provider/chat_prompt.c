/* (G) Reads the members of a request whose content is the prompt: messages, tools, response_format. */
#include "chat_members.h"
#include "chat_replay.h"
#include "chat_request_internal.h"
#include "content_view.h"
#include "prompt_synth.h"

/* Whether whoever reads v must take its type for a or b: no second "type" says otherwise. */
static bool type_surely(struct json_value v, const char *a, const char *b)
{
    struct json_value type;

    return json_only(v, "type", &type) == ERR_NONE &&
           (json_string_is(type, a) || json_string_is(type, b));
}

/* Whether somebody may take it for this one. */
static bool type_maybe(struct json_value v, const char *name)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    while (it.object && json_next(&it, &m))
        if (json_key_is(m.key, "type") && json_string_is(m.value, name))
            return true;
    return false;
}

/* Refuses a key of v that can be taken for "type". A second "type" is no such thing: it is read. */
static enum err type_exact(struct json_value v, struct prompt_fault *fault)
{
    struct json_value type;
    struct view like = VIEW_EMPTY;

    if (chat_nested(v, "type", &type, &like) != ERR_UNSUPPORTED)
        return ERR_NONE;
    fault->member = like;
    return chat_refuse(fault, CHAT_LOOK_ALIKE, ERR_UNSUPPORTED);
}

enum err chat_read_cache_control(struct chat_request *r, struct json_value v,
                                 struct prompt_fault *fault)
{
    struct json_value ttl;
    struct view like = VIEW_EMPTY;
    enum err e = chat_nested(v, "ttl", &ttl, &like);

    if (e == ERR_UNSUPPORTED) {
        fault->member = like;
        return chat_refuse(fault, CHAT_LOOK_ALIKE, e);
    }
    if (e == ERR_DUPLICATE || (e == ERR_NONE && ttl.kind != JSON_NULL && !json_string_is(ttl, "5m")))
        r->long_mark = r->facts->long_cache = true;
    return ERR_NONE;
}

/* "prompt_cache_breakpoint", OpenAI's mark: without a time it costs what any write costs. */
static enum err breakpoint_inside(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    struct json_value mark, ttl;
    struct view like = VIEW_EMPTY;
    enum err e = chat_nested(v, "prompt_cache_breakpoint", &mark, &like);

    if (e == ERR_NONE)
        e = chat_nested(mark, "ttl", &ttl, &like);
    if (e == ERR_UNSUPPORTED) {
        fault->member = like;
        return chat_refuse(fault, CHAT_LOOK_ALIKE, e);
    }
    if (e == ERR_DUPLICATE || (e == ERR_NONE && ttl.kind != JSON_NULL))
        r->long_breakpoint = r->facts->long_cache = true;
    return ERR_NONE;
}

static uint32_t count_named(struct json_value v, const char *name)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    uint32_t n = 0;

    while (json_next(&it, &m))
        n += json_key_is(m.key, name);
    return n;
}

/* "cache_control" of a content part or a tool. */
static enum err cache_inside(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    struct json_value control;
    struct view like = VIEW_EMPTY;
    enum err e = chat_nested(v, "cache_control", &control, &like);

    if (e == ERR_NONE || e == ERR_DUPLICATE)
        r->n_marks += count_named(v, "cache_control");
    if (e == ERR_NONE)
        return chat_read_cache_control(r, control, fault);
    if (e == ERR_DUPLICATE)
        r->long_mark = r->facts->long_cache = true;
    if (e != ERR_UNSUPPORTED)
        return ERR_NONE;
    fault->member = like;
    return chat_refuse(fault, CHAT_LOOK_ALIKE, e);
}

/* A part that may be text counts as text: an estimate of nothing would be a prompt for nothing. */
static void count_media(struct chat_request *r, struct json_value part)
{
    uint64_t before = r->facts->media.bytes;

    if (!media_count(part, &r->facts->media))
        r->facts->has_media = true;
    r->facts->prompt_bytes -= r->facts->media.bytes - before;
}

static enum err read_parts(struct chat_request *r, struct json_value content,
                           struct prompt_fault *fault)
{
    struct json_iter it = json_iter(content);
    struct json_member part;

    while (json_next(&it, &part)) {
        enum err e = type_exact(part.value, fault);

        if (e == ERR_NONE)
            e = cache_inside(r, part.value, fault);
        if (e == ERR_NONE)
            e = breakpoint_inside(r, part.value, fault);
        if (e != ERR_NONE)
            return e;
        /* Text, whose every token costs at least one byte of this body. */
        if (type_surely(part.value, "text", "refusal"))
            continue;
        count_media(r, part.value);
        if (type_maybe(part.value, "image_url"))
            r->facts->needs |= CAP_IMAGES;
    }
    return ERR_NONE;
}

/* Of an earlier answer, in OpenRouter's shape. */
static void read_images(struct chat_request *r, struct json_value images)
{
    struct json_iter it = json_iter(images);
    struct json_member part;

    while (json_next(&it, &part))
        count_media(r, part.value);
}

/* One member of a message. Those whose content has a price of its own must be spelled exactly. */
static enum err read_field(struct chat_request *r, const struct json_member *m,
                           struct prompt_fault *fault)
{
    static const char *const names[] = {"content", "role", "audio", "images", "cache_control"};

    r->n_thoughts += chat_replay_count(m);
    if (json_key_is(m->key, "content"))
        return m->value.kind == JSON_ARRAY ? read_parts(r, m->value, fault) : ERR_NONE;
    if (json_key_is(m->key, "audio")) {
        if (m->value.kind == JSON_OBJECT)
            r->facts->has_media = true; /* refers to an earlier answer's audio by id */
        return ERR_NONE;
    }
    if (json_key_is(m->key, "images")) {
        if (m->value.kind == JSON_ARRAY)
            read_images(r, m->value);
        return ERR_NONE;
    }
    if (json_key_is(m->key, "cache_control")) {
        r->n_marks++;
        return chat_read_cache_control(r, m->value, fault);
    }
    if (json_key_is(m->key, "role") && json_string_is(m->value, "developer") &&
        ++r->n_developer > CHAT_DEVELOPER_MAX)
        return chat_refuse(fault, "more than 1024 messages have the role developer", ERR_LIMIT);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (json_key_like(m->key, names[i]) && !json_key_is(m->key, names[i])) {
            fault->member = m->key;
            return chat_refuse(fault, CHAT_LOOK_ALIKE, ERR_UNSUPPORTED);
        }
    }
    return ERR_NONE;
}

enum err chat_read_messages(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    struct json_member message, m;
    struct json_iter it, fields;
    enum err e = ERR_NONE;
    size_t n = 0;

    if (v.kind != JSON_ARRAY)
        return chat_refuse(fault, "messages must be a non-empty array", ERR_FORMAT);
    r->facts->prompt_bytes += v.text.len; /* less its media */
    for (it = json_iter(v); e == ERR_NONE && json_next(&it, &message); n++) {
        if (message.value.kind != JSON_OBJECT)
            return chat_refuse(fault, "each message must be an object", ERR_FORMAT);
        for (fields = json_iter(message.value); e == ERR_NONE && json_next(&fields, &m);)
            e = read_field(r, &m, fault);
    }
    if (n == 0)
        return chat_refuse(fault, "messages must be a non-empty array", ERR_FORMAT);
    return e;
}

/* Does the client run this tool? Some leave the type out. Any other tool is the provider's own: it has
 * a fee, and what it finds joins the prompt. */
static bool tool_is_of_client(struct json_value tool)
{
    struct json_value any;

    if (json_get(tool, "type", &any))
        return type_surely(tool, "function", "custom");
    return json_get(tool, "function", &any) || json_get(tool, "name", &any);
}

static enum err read_tool(struct chat_request *r, struct json_value tool, struct prompt_fault *fault)
{
    enum err e;

    r->facts->needs |= CAP_TOOLS;
    e = cache_inside(r, tool, fault);
    if (e == ERR_NONE)
        e = breakpoint_inside(r, tool, fault);
    if (!tool_is_of_client(tool))
        r->facts->has_media = r->facts->hosted_tools = true;
    return e;
}

enum err chat_read_tools(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    struct json_iter it = json_iter(v);
    struct json_member tool;
    enum err e = ERR_NONE;

    if (v.kind != JSON_ARRAY)
        return chat_refuse(fault, "must be an array", ERR_FORMAT);
    r->facts->prompt_bytes += v.text.len;
    for (size_t at = 0; e == ERR_NONE && json_next(&it, &tool); at++) {
        e = type_exact(tool.value, fault);
        if (e == ERR_NONE && prompt_synth_ours(tool.value)) {
            r->facts->prompt_bytes -= tool.value.text.len; /* no provider reads it */
            e = prompt_synth_take_tool(r->facts, tool.value, at, fault);
        } else if (e == ERR_NONE)
            e = read_tool(r, tool.value, fault);
    }
    return e;
}

enum err chat_read_response_format(struct chat_request *r, struct json_value v,
                                   struct prompt_fault *fault)
{
    if (v.kind != JSON_OBJECT)
        return chat_refuse(fault, "response_format must be an object", ERR_FORMAT);
    r->facts->prompt_bytes += v.text.len;
    if (type_maybe(v, "json_schema"))
        r->facts->needs |= CAP_JSON_SCHEMA;
    return ERR_NONE;
}
