/* (G) One choice: its delta (or message), its finish reason. */
#include "chat_parts.h"

#include "content_view.h"

static const struct {
    const char *word; /* what a provider says */
    struct view ours; /* what the client is told; empty: the same */
    enum usage_finish finish;
} reasons[] = {
    {"stop", {NULL, 0}, FINISH_STOP},
    {"length", {NULL, 0}, FINISH_LENGTH},
    {"tool_calls", {NULL, 0}, FINISH_TOOL_CALLS},
    {"content_filter", {NULL, 0}, FINISH_CONTENT_FILTER},
    {"function_call", {NULL, 0}, FINISH_TOOL_CALLS},
    {"error", {NULL, 0}, FINISH_ERROR}, /* OpenRouter's word; clients know it */
    {"model_length", {(const uint8_t *)"\"length\"", 8}, FINISH_LENGTH},
    {"max_tokens", {(const uint8_t *)"\"length\"", 8}, FINISH_LENGTH},
    {"tool_use", {(const uint8_t *)"\"tool_calls\"", 12}, FINISH_TOOL_CALLS},
    {"sensitive", {(const uint8_t *)"\"content_filter\"", 16}, FINISH_CONTENT_FILTER},
    {"safety", {(const uint8_t *)"\"content_filter\"", 16}, FINISH_CONTENT_FILTER},
    {"refusal", {(const uint8_t *)"\"content_filter\"", 16}, FINISH_CONTENT_FILTER},
    {"network_error", {(const uint8_t *)"\"error\"", 7}, FINISH_ERROR},
    {"insufficient_system_resource", {(const uint8_t *)"\"error\"", 7}, FINISH_ERROR},
};

/* A completion is over when it arrives, so a missing reason has an answer; a chunk's is null. */
static enum usage_finish finish_missing(bool whole, bool calls, struct view *text)
{
    if (!whole) {
        *text = VIEW_LIT("null");
        return FINISH_NONE;
    }
    *text = calls ? VIEW_LIT("\"tool_calls\"") : VIEW_LIT("\"stop\"");
    return calls ? FINISH_TOOL_CALLS : FINISH_STOP;
}

static enum usage_finish finish_patch(struct patch *p, struct json_value v, bool whole, bool calls)
{
    if (!is_text(v)) {
        struct view text;
        enum usage_finish f = finish_missing(whole, calls, &text);

        if (v.kind != JSON_NULL || whole)
            patch_replace(p, v.text, text);
        return f;
    }
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (!json_string_is(v, reasons[i].word))
            continue;
        if (reasons[i].ours.len != 0)
            patch_replace(p, v.text, reasons[i].ours);
        return reasons[i].finish;
    }
    patch_replace(p, v.text, VIEW_LIT("\"stop\"")); /* "eos", "end_turn", "COMPLETE", ... */
    return FINISH_STOP;
}

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

static bool has_calls(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member one;

    return v.kind == JSON_ARRAY && v.text.len != 0 && json_next(&it, &one);
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
        drop = !has_calls(m->value);
    else if (KEY_IS(*m, "function_call")) /* an empty stub, which strict clients refuse */
        drop = m->value.kind == JSON_OBJECT && !chat_says_something(m->value);
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

static void delta_add(struct patch *p, struct patch_object *o, const struct delta *d, bool role,
                      bool whole)
{
    bool reasoning = d->thinking_parts || is_text(d->reasoning) || is_text(d->reasoning_content);

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

static void delta_patch(struct chat_canon *c, struct patch *p, struct json_value v, uint32_t choice,
                        bool role, bool whole, struct choice_seen *seen)
{
    uint64_t before = c->content_bytes;
    struct delta d;
    struct patch_object o = patch_open(p, v);

    if (!delta_read(v, &d)) {
        p->e = p->e == ERR_NONE ? ERR_PROVIDER_PROTOCOL : p->e;
        return;
    }
    for (size_t i = 0; i < d.n; i++)
        delta_member(c, p, &o, &d, &d.m[i], choice, role, whole);
    delta_add(p, &o, &d, role, whole);
    if (is_text(d.reasoning_content))
        c->content_bytes += d.reasoning_content.text.len - 2;
    else if (is_text(d.reasoning))
        c->content_bytes += d.reasoning.text.len - 2;
    else if (d.thinking_parts)
        c->content_bytes += d.content.text.len;
    if (is_text(d.refusal))
        c->content_bytes += d.refusal.text.len - 2;
    seen->parts = seen->parts || d.content.kind == JSON_ARRAY || has_calls(d.tool_calls);
    seen->content = seen->content || c->content_bytes != before || has_calls(d.tool_calls);
}

static bool bit_take(uint32_t set[static 4], uint32_t n)
{
    bool was = (set[n / 32] >> (n % 32) & 1) != 0;

    set[n / 32] |= UINT32_C(1) << (n % 32);
    return !was;
}

static void choice_index(const struct json_member *m, size_t n, uint32_t position, uint32_t *out,
                         struct patch *p)
{
    uint64_t index = position;

    for (size_t i = 0; i < n; i++) {
        if (KEY_IS(m[i], "index") && json_u64(m[i].value, &index) != ERR_NONE)
            index = UINT64_MAX;
    }
    if (index >= CHAT_CHOICES_MAX) {
        p->e = p->e == ERR_NONE ? ERR_PROVIDER_PROTOCOL : p->e;
        index = 0;
    }
    *out = (uint32_t)index;
}

static void finish_seen(struct chat_canon *c, enum usage_finish f, uint32_t index,
                        struct choice_seen *seen)
{
    if (f == FINISH_NONE)
        return;
    if (bit_take(c->finishes_seen, index))
        seen->finish = true;
    if (index == 0)
        c->finish = f;
}

void chat_choice(struct chat_canon *c, struct patch *p, struct json_value choice, uint32_t position,
                 bool whole, struct choice_seen *seen)
{
    const struct view inner_key = whole ? VIEW_LIT("message") : VIEW_LIT("delta");
    struct json_member m[PART_MEMBERS_MAX];
    struct patch_object o;
    size_t n = 0;
    uint32_t index;
    struct json_value calls;
    bool role, has_index = false, has_inner = false, has_finish = false, has_tools = false;

    if (choice.kind != JSON_OBJECT || !part_members(choice, m, &n)) {
        p->e = p->e == ERR_NONE ? ERR_PROVIDER_PROTOCOL : p->e;
        return;
    }
    choice_index(m, n, position, &index, p);
    role = bit_take(c->roles_seen, index);
    seen->role = seen->role || role;
    for (size_t i = 0; whole && i < n; i++)
        has_tools = has_tools || (key_is(m[i].key, inner_key) &&
                                  json_get(m[i].value, "tool_calls", &calls) && has_calls(calls));
    o = patch_open(p, choice);
    for (size_t i = 0; i < n; i++) {
        bool is_inner = key_is(m[i].key, inner_key);

        if (KEY_IS(m[i], "usage")) {
            if (m[i].value.kind == JSON_OBJECT)
                seen->usage = m[i].value;
            patch_drop(&o, &m[i]);
            continue;
        }
        if (is_inner && m[i].value.kind != JSON_OBJECT) {
            patch_drop(&o, &m[i]);
            continue;
        }
        patch_keep(&o, &m[i]);
        has_index = has_index || KEY_IS(m[i], "index");
        if (is_inner) {
            has_inner = true;
            delta_patch(c, p, m[i].value, index, role, whole, seen);
        } else if (KEY_IS(m[i], "finish_reason")) {
            has_finish = true;
            finish_seen(c, finish_patch(p, m[i].value, whole, has_tools), index, seen);
        } else if (m[i].value.kind == JSON_OBJECT || m[i].value.kind == JSON_ARRAY)
            seen->beside = seen->beside || chat_says_something(m[i].value);
    }
    if (!has_index) {
        patch_add(&o, VIEW_LIT("\"index\":"));
        if (p->e == ERR_NONE)
            p->e = buf_append_u64(p->out, index);
    }
    if (!has_inner && whole)
        patch_add(&o, VIEW_LIT("\"message\":{\"role\":\"assistant\",\"content\":null,"
                               "\"refusal\":null}"));
    else if (!has_inner)
        patch_add(&o,
                  role ? VIEW_LIT("\"delta\":{\"role\":\"assistant\"}") : VIEW_LIT("\"delta\":{}"));
    if (!has_finish) {
        struct view text;

        finish_seen(c, finish_missing(whole, has_tools, &text), index, seen);
        patch_add(&o, VIEW_LIT("\"finish_reason\":"));
        patch_put(p, text);
    }
    patch_close(&o);
}
