/* (G) Finds Synth's tool and plugin in a request. */
#include "prompt_synth.h"

#include "content_view.h"
#include "prompt_read.h"

static bool begins_ours(struct json_value type)
{
    struct view begin = VIEW_LIT("trustedrouter:"), plain;
    struct buf decoded;
    bool ours;

    if (type.kind != JSON_STRING || json_string_plain(type, &plain))
        return type.kind == JSON_STRING && view_starts(plain, begin);
    buf_init(&decoded, type.text.len);
    ours = json_string_decode(type, &decoded) == ERR_NONE && view_starts(buf_view(&decoded), begin);
    buf_free(&decoded);
    return ours;
}

bool prompt_synth_ours(struct json_value tool)
{
    struct json_iter it = json_iter(tool);
    struct json_member m;

    while (it.object && json_next(&it, &m))
        if (json_key_is(m.key, "type") && begins_ours(m.value))
            return true;
    return false;
}

enum err prompt_synth_take_tool(struct prompt *p, struct json_value tool, size_t at, struct prompt_fault *fault)
{
    struct json_value type;

    if (json_only(tool, "type", &type) != ERR_NONE)
        return prompt_refuse(fault, "a tool has one type", ERR_DUPLICATE);
    if (!json_string_is(type, "trustedrouter:synth") && !json_string_is(type, "trustedrouter:fusion"))
        return prompt_refuse(fault, "Of tools of its own this router has trustedrouter:synth alone.", ERR_UNSUPPORTED);
    if (p->synth.tool.len != 0)
        return prompt_refuse(fault, "trustedrouter:synth is there twice", ERR_DUPLICATE);
    if (at >= PROMPT_TOOLS_MAX)
        return prompt_refuse(fault, "too many tools", ERR_LIMIT);
    p->synth.tool = tool.text;
    p->synth.tool_at = (uint16_t)at;
    return ERR_NONE;
}

static enum err take_plugin(struct prompt *p, struct json_value plugin, size_t at, struct prompt_fault *fault)
{
    struct json_value id;
    enum err e = json_only(plugin, "id", &id);

    if (e == ERR_DUPLICATE)
        return prompt_refuse(fault, "a plugin has one id", e);
    if (e != ERR_NONE || id.kind != JSON_STRING)
        return prompt_refuse(fault, "plugins must be an array of objects with an id", ERR_FORMAT);
    if (!json_string_is(id, "synth") && !json_string_is(id, "fusion"))
        return prompt_refuse(fault, "This router has no plugins but synth.", ERR_UNSUPPORTED);
    if (p->synth.plugin.len != 0)
        return prompt_refuse(fault, "the plugin synth is there twice", ERR_DUPLICATE);
    p->synth.plugin = plugin.text;
    p->synth.plugin_at = (uint16_t)at;
    return ERR_NONE;
}

enum err prompt_synth_plugins(struct prompt *p, struct json_value v, struct prompt_fault *fault)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = ERR_NONE;

    if (v.kind != JSON_ARRAY)
        return prompt_refuse(fault, "plugins must be an array", ERR_FORMAT);
    for (size_t at = 0; e == ERR_NONE && json_next(&it, &m); at++) /* at most two are taken */
        e = take_plugin(p, m.value, at, fault);
    return e;
}
