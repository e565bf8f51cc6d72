/* (G) A delta or a message: role, content, reasoning, what else it holds. */
#include "chat_parts.h"

#include "content_view.h"

static size_t put_text(struct patch *p, struct json_value v)
{
    if (v.kind != JSON_STRING)
        return 0;
    patch_put(p, inner(v)); /* still escaped: it goes between quotes again */
    return v.text.len - 2;
}

/* Write the text of a content array's parts, the answer's or the thinking's. */
static size_t put_parts(struct patch *p, struct json_value parts, bool thinking)
{
    struct json_iter it = json_iter(parts), inside;
    struct json_member part, sub;
    struct json_value type, text;
    size_t n = 0;

    while (json_next(&it, &part)) {
        if (!thinking && part.value.kind == JSON_STRING)
            n += put_text(p, part.value);
        if (!json_get(part.value, "type", &type))
            continue;
        if (!thinking && json_string_is(type, "text") && json_get(part.value, "text", &text))
            n += put_text(p, text);
        if (!thinking || !json_string_is(type, "thinking") ||
            !json_get(part.value, "thinking", &text))
            continue;
        if (text.kind == JSON_STRING)
            n += put_text(p, text);
        for (inside = json_iter(text); text.kind == JSON_ARRAY && json_next(&inside, &sub);) {
            if (json_get(sub.value, "text", &type))
                n += put_text(p, type);
        }
    }
    return n;
}

/* What a delta or message holds, found in one pass. Text empty: absent. */
struct delta {
    struct json_value role, content, reasoning, reasoning_content, refusal, tool_calls;
    struct json_member m[PART_MEMBERS_MAX];
    size_t n;
    bool thinking_parts; /* content is an array with thinking in it */
};

static bool has_thinking(struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member part;
    struct json_value type;

    while (content.kind == JSON_ARRAY && json_next(&it, &part)) {
        if (json_get(part.value, "type", &type) && json_string_is(type, "thinking"))
            return true;
    }
    return false;
}

static bool delta_read(struct json_value v, struct delta *d)
{
    d->role = d->content = d->reasoning = d->reasoning_content = d->refusal = d->tool_calls =
        (struct json_value){JSON_NULL, VIEW_EMPTY};
    if (!part_members(v, d->m, &d->n))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        const struct json_member *m = &d->m[i];

        if (KEY_IS(*m, "role"))
            d->role = m->value;
        else if (KEY_IS(*m, "content"))
            d->content = m->value;
        else if (KEY_IS(*m, "reasoning"))
            d->reasoning = m->value;
        else if (KEY_IS(*m, "reasoning_content"))
            d->reasoning_content = m->value;
        else if (KEY_IS(*m, "refusal"))
            d->refusal = m->value;
        else if (KEY_IS(*m, "tool_calls"))
            d->tool_calls = m->value;
    }
    d->thinking_parts = d->content.kind == JSON_ARRAY && has_thinking(d->content);
    return true;
}

/* The reasoning text under the other name, or out of the content array. */
static void put_reasoning(struct patch *p, const struct delta *d)
{
    if (d->thinking_parts) {
        patch_put(p, VIEW_LIT("\""));
        (void)put_parts(p, d->content, true);
        patch_put(p, VIEW_LIT("\""));
    } else {
        struct json_value v = is_text(d->reasoning) ? d->reasoning : d->reasoning_content;

        patch_note_put(p, v);
        patch_put(p, v.text);
    }
}

static void reasoning_patch(struct patch *p, const struct delta *d, struct json_value v)
{
    bool other = d->thinking_parts || is_text(d->reasoning) || is_text(d->reasoning_content);

    if (is_text(v))
        patch_note_kept(p, v);
    if (is_text(v) || !other)
        return;
    patch_copy_to(p, v.text.ptr);
    put_reasoning(p, d);
    patch_skip_to(p, v.text.ptr + v.text.len);
}

static void content_patch(struct chat_canon *c, struct patch *p, struct json_value v)
{
    if (v.kind == JSON_ARRAY) {
        patch_copy_to(p, v.text.ptr);
        patch_put(p, VIEW_LIT("\""));
        c->content_bytes += put_parts(p, v, false);
        patch_put(p, VIEW_LIT("\""));
        patch_skip_to(p, v.text.ptr + v.text.len);
    } else if (v.kind == JSON_STRING) {
        c->content_bytes += v.text.len - 2;
        if (is_text(v))
            patch_note_kept(p, v);
    } else if (v.kind != JSON_NULL)
        patch_replace(p, v.text, VIEW_LIT("null"));
}

/* Does this hold anything that is not empty? Recursion is bounded by JSON_MAX_DEPTH. */
bool chat_says_something(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    if (v.kind != JSON_ARRAY && v.kind != JSON_OBJECT)
        return is_text(v) || v.kind == JSON_NUMBER || v.kind == JSON_TRUE;
    while (json_next(&it, &m))
        if (chat_says_something(m.value))
            return true;
    return false;
}

static bool is_thought(const struct json_member *m)
{
    return KEY_IS(*m, "reasoning") || KEY_IS(*m, "reasoning_content") || KEY_IS(*m, "reasoning_details");
}

/* Content that travels untouched: a legacy function call, audio, images, annotations, thinking
 * blocks, and what providers will think of next. */
static void other_content(struct chat_canon *c, const struct json_member *m)
{
    if (!chat_says_something(m->value))
        return;
    if (KEY_IS(*m, "function_call"))
        c->content_bytes += m->value.text.len;
    else
        c->content_bytes += (m->value.text.len + CHAT_MEDIA_SHARE - 1) / CHAT_MEDIA_SHARE;
}

static void delta_member(struct chat_canon *c, struct patch *p, struct patch_object *o,
                         const struct delta *d, const struct json_member *m, uint32_t choice,
                         bool role, bool whole)
{
    bool drop = false;

    if (KEY_IS(*m, "role"))
        drop = !role;
    else if (KEY_IS(*m, "tool_calls"))
        drop = !chat_has_calls(c, m->value, choice, whole);
    else if (KEY_IS(*m, "function_call")) /* an empty stub, which strict clients refuse */
        drop = m->value.kind != JSON_NULL && !chat_says_something(m->value);
    else
        drop = c->hide_reasoning && is_thought(m);
    if (drop) {
        patch_drop(o, m);
        return;
    }
    patch_keep(o, m);
    if (KEY_IS(*m, "role") && !json_string_is(m->value, "assistant"))
        patch_replace(p, m->value.text, VIEW_LIT("\"assistant\""));
    else if (KEY_IS(*m, "content"))
        content_patch(c, p, m->value);
    else if (KEY_IS(*m, "reasoning") || KEY_IS(*m, "reasoning_content"))
        reasoning_patch(p, d, m->value);
    else if (KEY_IS(*m, "tool_calls"))
        chat_tool_calls(c, p, m->value, choice, whole);
    else if (!KEY_IS(*m, "role") && !KEY_IS(*m, "refusal"))
        other_content(c, m);
}

static bool has_thoughts(const struct delta *d)
{
    return d->thinking_parts || is_text(d->reasoning) || is_text(d->reasoning_content);
}

static void delta_add(const struct chat_canon *c, struct patch *p, struct patch_object *o, const struct delta *d,
                      bool role, bool whole)
{
    bool reasoning = !c->hide_reasoning && has_thoughts(d);

    if (role && d->role.text.len == 0)
        patch_add(o, VIEW_LIT("\"role\":\"assistant\""));
    if (whole && d->content.text.len == 0)
        patch_add(o, VIEW_LIT("\"content\":null"));
    if (whole && d->refusal.text.len == 0)
        patch_add(o, VIEW_LIT("\"refusal\":null"));
    if (reasoning && d->reasoning.text.len == 0) {
        patch_add(o, VIEW_LIT("\"reasoning\":"));
        put_reasoning(p, d);
    }
    if (reasoning && d->reasoning_content.text.len == 0) {
        patch_add(o, VIEW_LIT("\"reasoning_content\":"));
        put_reasoning(p, d);
    }
    patch_close(o);
}

static void thoughts_count(struct chat_canon *c, const struct delta *d)
{
    if (is_text(d->reasoning_content))
        c->content_bytes += d->reasoning_content.text.len - 2;
    else if (is_text(d->reasoning))
        c->content_bytes += d->reasoning.text.len - 2;
    else if (d->thinking_parts)
        c->content_bytes += d->content.text.len;
}

/* Those that are told are counted with what travels untouched. */
static void details_count(struct chat_canon *c, const struct delta *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (KEY_IS(d->m[i], "reasoning_details"))
            other_content(c, &d->m[i]);
}

void chat_delta(struct chat_canon *c, struct patch *p, struct json_value v, uint32_t choice, bool role,
                bool whole, struct choice_seen *seen)
{
    uint64_t before = c->content_bytes;
    struct delta d;
    struct patch_object o = patch_open(p, v);
    bool calls;

    if (!delta_read(v, &d)) {
        p->e = p->e == ERR_NONE ? ERR_PROVIDER_PROTOCOL : p->e;
        return;
    }
    calls = chat_has_calls(c, d.tool_calls, choice, whole);
    for (size_t i = 0; i < d.n; i++)
        delta_member(c, p, &o, &d, &d.m[i], choice, role, whole);
    delta_add(c, p, &o, &d, role, whole);
    if (is_text(d.refusal))
        c->content_bytes += d.refusal.text.len - 2;
    if (!c->hide_reasoning)
        thoughts_count(c, &d);
    seen->parts = seen->parts || d.content.kind == JSON_ARRAY || calls;
    seen->content = seen->content || c->content_bytes != before || calls;
    if (c->hide_reasoning) {
        before = c->content_bytes;
        thoughts_count(c, &d);
        details_count(c, &d);
        seen->hidden = seen->hidden || c->content_bytes != before;
    }
}
