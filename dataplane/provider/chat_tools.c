/* (G) Tool calls: every provider's deltas become OpenAI's. The first delta of a call has index, id,
 * type and name; later ones have index and arguments only; indexes run 0.. without gaps. Whether a
 * call's arguments have come to their end is in llm/arguments.c. */
#include "chat_parts.h"

#include "content_view.h"

struct call {
    struct json_value index, id, type, function, custom; /* text empty when absent */
    struct json_value name;                              /* of the function */
    struct json_member m[PART_MEMBERS_MAX];
    size_t n;
};

static void put_u32(struct patch *p, uint32_t n)
{
    if (p->e == ERR_NONE)
        p->e = buf_append_u64(p->out, n);
}

/* FNV-1a: equal ids give equal values; nothing secret depends on it. */
static uint64_t id_hash(struct json_value id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    if (!is_text(id))
        return 0;
    for (size_t i = 0; i < id.text.len; i++)
        h = (h ^ id.text.ptr[i]) * UINT64_C(0x100000001b3);
    return h == 0 ? 1 : h;
}

/* Some providers send "custom": null, or an empty one, beside the function. */
static bool is_custom(struct json_value custom, struct json_value function)
{
    return custom.kind == JSON_OBJECT && custom.text.len != 0 &&
           (chat_says_something(custom) || function.kind != JSON_OBJECT);
}

static bool call_read(struct json_value v, struct call *out)
{
    out->index = out->id = out->type = out->function = out->custom = out->name =
        (struct json_value){JSON_NULL, VIEW_EMPTY};
    if (v.kind != JSON_OBJECT || !part_members(v, out->m, &out->n))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        const struct json_member *m = &out->m[i];

        if (KEY_IS(*m, "index"))
            out->index = m->value;
        else if (KEY_IS(*m, "id"))
            out->id = m->value;
        else if (KEY_IS(*m, "type"))
            out->type = m->value;
        else if (KEY_IS(*m, "function"))
            out->function = m->value;
        else if (KEY_IS(*m, "custom"))
            out->custom = m->value;
    }
    if (!is_custom(out->custom, out->function))
        out->custom = (struct json_value){JSON_NULL, VIEW_EMPTY};
    if (out->function.kind == JSON_OBJECT && out->function.text.len != 0)
        (void)json_get(out->function, "name", &out->name);
    return true;
}

static bool tool_fits(const struct chat_tool *t, uint32_t choice, const uint32_t *upstream,
                      uint64_t hash)
{
    return t->choice == choice && (upstream == NULL || t->upstream == *upstream) &&
           (hash == 0 || t->id_hash == hash);
}

/* The latest call of this choice; with this upstream index unless NULL, with this id unless 0. */
static struct chat_tool *tool_find(struct chat_canon *c, uint32_t choice, const uint32_t *upstream,
                                   uint64_t hash)
{
    unsigned held = c->n_tools < CHAT_TOOLS_MAX ? c->n_tools : CHAT_TOOLS_MAX;

    for (unsigned back = 1; back <= held; back++) {
        struct chat_tool *t = &c->tools[(c->n_tools - back) % CHAT_TOOLS_MAX];

        if (tool_fits(t, choice, upstream, hash))
            return t;
    }
    return NULL;
}

/* An entry that says nothing: no id, no name, no arguments. Some providers send one with a chunk
 * that has no call. */
static bool call_is_stub(struct json_value v)
{
    struct json_value id, custom, function, name, arguments;

    if (v.kind != JSON_OBJECT)
        return v.kind == JSON_NULL;
    if ((json_get(v, "id", &id) && is_text(id)) ||
        (json_get(v, "custom", &custom) && custom.kind != JSON_NULL))
        return false;
    if (!json_get(v, "function", &function) || function.kind != JSON_OBJECT)
        return true;
    return !(json_get(function, "name", &name) && is_text(name)) &&
           !(json_get(function, "arguments", &arguments) && arguments.kind != JSON_NULL &&
             (arguments.kind != JSON_STRING || is_text(arguments)));
}

/* With a call open a stub is a delta without news, and stays. */
static bool call_dropped(struct chat_canon *c, struct json_value v, uint32_t choice, bool whole)
{
    return call_is_stub(v) && (v.kind == JSON_NULL || whole ||
                               tool_find(c, choice, NULL, 0) == NULL);
}

bool chat_has_calls(struct chat_canon *c, struct json_value calls, uint32_t choice, bool whole)
{
    struct json_iter it = json_iter(calls);
    struct json_member one;

    while (calls.kind == JSON_ARRAY && calls.text.len != 0 && json_next(&it, &one)) {
        if (!call_dropped(c, one.value, choice, whole))
            return true;
    }
    return false;
}

static struct chat_tool *tool_new(struct chat_canon *c, uint32_t choice, uint32_t upstream,
                                  uint64_t hash)
{
    const struct chat_tool *last = tool_find(c, choice, NULL, 0);
    uint32_t ours = last == NULL ? 0 : last->ours + 1;
    struct chat_tool *t = &c->tools[c->n_tools % CHAT_TOOLS_MAX];

    if (c->n_tools++ >= CHAT_TOOLS_MAX && !t->custom && !arguments_over(&t->arguments))
        c->lost_open = true;
    *t = (struct chat_tool){
        .id_hash = hash, .upstream = upstream, .ours = ours, .choice = (uint16_t)choice};
    return t;
}

/* The call that a delta without a name goes on with, or NULL: it opens one. t: the latest call with
 * its index. Some providers count the index up with each piece of one call's arguments, so a piece
 * without id and name belongs to a call that can take it, whatever its index says. */
static struct chat_tool *tool_continued(struct chat_canon *c, uint32_t choice,
                                        const struct call *call, uint64_t hash,
                                        struct chat_tool *t)
{
    struct chat_tool *latest = tool_find(c, choice, NULL, 0);
    struct chat_tool *same = hash == 0 ? NULL : tool_find(c, choice, NULL, hash);
    struct json_value arguments;

    if (same != NULL)
        return same;
    if (t == NULL)
        return hash == 0 && call->custom.text.len == 0 ? latest : NULL;
    if (hash == 0 && t != latest && arguments_over(&t->arguments) &&
        !arguments_over(&latest->arguments) &&
        json_get(call->function, "arguments", &arguments) && is_text(arguments))
        return latest;
    return t;
}

/* Which call a delta belongs to; *first when it opens one. Providers leave the index out (Gemini),
 * repeat id and name on every delta (Qwen), or give every parallel call index 0: a new id together
 * with a name always opens a new call. */
static struct chat_tool *tool_of(struct chat_canon *c, uint32_t choice, const struct call *call,
                                 bool *first)
{
    uint64_t n, hash = id_hash(call->id);
    bool has_index = json_u64(call->index, &n) == ERR_NONE && n <= UINT32_MAX;
    uint32_t upstream = has_index ? (uint32_t)n : UINT32_MAX;
    struct chat_tool *t = tool_find(c, choice, has_index ? &upstream : NULL, 0);

    if (!is_text(call->name))
        t = tool_continued(c, choice, call, hash, t);
    else if (t != NULL && (hash != 0 ? t->id_hash != hash : !has_index && t->named))
        t = NULL;
    *first = t == NULL;
    return *first ? tool_new(c, choice, upstream, hash) : t;
}

/* "arguments" is a string for every client; some providers send the object itself. */
static void put_arguments(struct chat_canon *c, struct patch *p, struct json_value v,
                          struct chat_tool *tool)
{
    if (v.kind == JSON_STRING) {
        c->content_bytes += v.text.len - 2;
        if (tool != NULL)
            arguments_take(&tool->arguments, inner(v));
        return;
    }
    patch_copy_to(p, v.text.ptr);
    if (v.kind == JSON_NULL)
        patch_put(p, VIEW_LIT("\"\""));
    else if (p->e == ERR_NONE) {
        c->content_bytes += v.text.len;
        if (tool != NULL)
            tool->arguments = (struct arguments){.begun = true}; /* all of them */
        p->e = buf_append_json_string(p->out, v.text);
    }
    patch_skip_to(p, v.text.ptr + v.text.len);
}

/* wants_name: the call's name has not been emitted yet. tool: NULL in a completion. */
static void function_patch(struct chat_canon *c, struct patch *p, struct json_value function,
                           struct chat_tool *tool, bool first, bool wants_name)
{
    struct patch_object o = patch_open(p, function);
    struct json_iter it = json_iter(function);
    struct json_member m;
    bool name = false, arguments = false;

    while (json_next(&it, &m)) {
        if (KEY_IS(m, "name") && !(wants_name && is_text(m.value)))
            patch_drop(&o, &m);
        else {
            patch_keep(&o, &m);
            if (KEY_IS(m, "name")) {
                name = true;
                c->content_bytes += m.value.text.len - 2; /* the model wrote it */
            } else if (KEY_IS(m, "arguments")) {
                arguments = true;
                put_arguments(c, p, m.value, tool);
            }
        }
    }
    if (first && !name)
        patch_add(&o, VIEW_LIT("\"name\":\"\""));
    if (!arguments)
        patch_add(&o, VIEW_LIT("\"arguments\":\"\""));
    patch_close(&o);
}

/* A custom tool's call is its name and its input, both text. */
static void custom_count(struct chat_canon *c, struct json_value custom)
{
    struct json_iter it = json_iter(custom);
    struct json_member m;

    while (custom.kind == JSON_OBJECT && json_next(&it, &m))
        if (m.value.kind == JSON_STRING)
            c->content_bytes += m.value.text.len - 2;
}

static void put_made_id(const struct chat_canon *c, struct patch *p, uint32_t choice, uint32_t n)
{
    patch_put(p, VIEW_LIT("\"call_"));
    patch_put(p, view_str(c->id));
    patch_put(p, VIEW_LIT("_"));
    put_u32(p, choice);
    patch_put(p, VIEW_LIT("_"));
    put_u32(p, n);
    patch_put(p, VIEW_LIT("\""));
}

/* One member of a call. first: the delta that opens it (or a whole call). */
static void member_patch(struct chat_canon *c, struct patch *p, struct patch_object *o,
                         const struct json_member *m, struct chat_tool *tool, bool first,
                         bool wants_name, bool whole)
{
    if (!first && (KEY_IS(*m, "id") || KEY_IS(*m, "type"))) {
        patch_drop(o, m);
        return;
    }
    if ((KEY_IS(*m, "id") && !is_text(m->value)) || (KEY_IS(*m, "type") && !is_text(m->value)) ||
        (KEY_IS(*m, "function") && m->value.kind != JSON_OBJECT)) {
        patch_drop(o, m); /* added again, rightly, behind the others */
        return;
    }
    patch_keep(o, m);
    if (KEY_IS(*m, "index") && !whole) {
        uint64_t n;

        if (json_u64(m->value, &n) != ERR_NONE || n != tool->ours) {
            patch_copy_to(p, m->value.text.ptr);
            put_u32(p, tool->ours);
            patch_skip_to(p, m->value.text.ptr + m->value.text.len);
        }
    } else if (KEY_IS(*m, "function"))
        function_patch(c, p, m->value, tool, first, wants_name);
}

static void call_patch(struct chat_canon *c, struct patch *p, const struct json_value v,
                       uint32_t choice, uint32_t position, bool whole)
{
    struct call call;
    struct chat_tool *tool = NULL;
    struct patch_object o;
    bool first = true, wants_name = true;

    if (!call_read(v, &call)) {
        p->e = p->e == ERR_NONE ? ERR_PROVIDER_PROTOCOL : p->e;
        return;
    }
    if (!whole) {
        tool = tool_of(c, choice, &call, &first);
        wants_name = !tool->named;
        tool->named = tool->named || is_text(call.name);
        tool->custom = tool->custom || call.custom.text.len != 0;
        position = tool->ours;
    }
    custom_count(c, call.custom);
    o = patch_open(p, v);
    for (size_t i = 0; i < call.n; i++)
        member_patch(c, p, &o, &call.m[i], tool, first, wants_name, whole);
    if (!whole && call.index.text.len == 0) {
        patch_add(&o, VIEW_LIT("\"index\":"));
        put_u32(p, position);
    }
    if (first && !is_text(call.id)) {
        patch_add(&o, VIEW_LIT("\"id\":"));
        put_made_id(c, p, choice, position);
    }
    if (first && !is_text(call.type))
        patch_add(&o, call.custom.text.len != 0 ? VIEW_LIT("\"type\":\"custom\"")
                                                : VIEW_LIT("\"type\":\"function\""));
    if (call.custom.text.len == 0 &&
        (call.function.kind != JSON_OBJECT || call.function.text.len == 0))
        patch_add(&o, first ? VIEW_LIT("\"function\":{\"name\":\"\",\"arguments\":\"\"}")
                            : VIEW_LIT("\"function\":{\"arguments\":\"\"}"));
    patch_close(&o);
}

void chat_tool_calls(struct chat_canon *c, struct patch *p, struct json_value calls,
                     uint32_t choice, bool whole)
{
    struct patch_object o = patch_open(p, calls);
    struct json_iter it = json_iter(calls);
    struct json_member m;
    uint32_t position = 0;

    while (json_next(&it, &m)) {
        if (call_dropped(c, m.value, choice, whole)) {
            patch_drop(&o, &m);
            continue;
        }
        patch_keep(&o, &m);
        call_patch(c, p, m.value, choice, position++, whole);
    }
    patch_close(&o);
}

bool chat_calls_open(const struct chat_canon *c)
{
    unsigned held = c->n_tools < CHAT_TOOLS_MAX ? c->n_tools : CHAT_TOOLS_MAX;

    for (unsigned i = 0; i < held; i++) {
        if (!c->tools[i].custom && !arguments_over(&c->tools[i].arguments))
            return true;
    }
    return c->lost_open;
}
