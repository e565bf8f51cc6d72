/* (G) Edits inside of a chat client's messages and tools. */
#include "chat_replay.h"

#include "chat_leave.h"
#include "content_view.h"
#include "openai_body.h"
#include "reasoning_maker.h"

#include <assert.h>

/* --- thoughts --- */

enum thought { THOUGHT_NONE, THOUGHT_TEXT, THOUGHT_CONTENT, THOUGHT_DETAILS };

static enum thought thought_of(struct view key)
{
    if (json_key_is(key, "reasoning"))
        return THOUGHT_TEXT;
    if (json_key_is(key, "reasoning_content"))
        return THOUGHT_CONTENT;
    return json_key_is(key, "reasoning_details") ? THOUGHT_DETAILS : THOUGHT_NONE;
}

uint32_t chat_replay_count(const struct json_member *m)
{
    enum thought t = thought_of(m->key);
    struct json_iter it = json_iter(m->value);
    struct json_member element;
    uint32_t n = t != THOUGHT_NONE;

    while (t == THOUGHT_DETAILS && m->value.kind == JSON_ARRAY && json_next(&it, &element))
        n++;
    return n;
}

/* What one provider takes. */
struct replay {
    const char *model;
    bool text, content, details, marks; /* it may be sent the member */
    bool wants_content;
    bool rename_roles;
};

bool chat_replay_takes_marks(const struct provider *p)
{
    return body_may_send(p, MEMBER_EXTENSION, VIEW_LIT("cache_control"));
}

static struct replay replay_of(const struct provider *p, const char *model)
{
    bool wants = (p->quirks & QUIRK_REASONING_CONTENT) != 0;

    return (struct replay){
        .model = model,
        .text = body_may_send(p, MEMBER_EXTENSION, VIEW_LIT("reasoning")),
        .content = wants || body_may_send(p, MEMBER_EXTENSION, VIEW_LIT("reasoning_content")),
        .details = body_may_send(p, MEMBER_EXTENSION, VIEW_LIT("reasoning_details")),
        .marks = chat_replay_takes_marks(p),
        .wants_content = wants,
        .rename_roles = (p->quirks & QUIRK_DEVELOPER_AS_SYSTEM) != 0,
    };
}

static bool element_stays(const struct replay *x, struct json_value element)
{
    return element.kind != JSON_OBJECT ||
           reasoning_replays(maker_of_model(view_str(x->model)), element.text, MAKER_UNKNOWN);
}

static bool any_stays(const struct replay *x, struct json_value details)
{
    struct json_iter it = json_iter(details);
    struct json_member m;

    if (details.kind != JSON_ARRAY)
        return true;
    while (json_next(&it, &m))
        if (element_stays(x, m.value))
            return true;
    return false;
}

static void cut_mark(struct cut *c, struct json_value one)
{
    struct cut_list l = {.kept = false};
    struct json_iter fields = json_iter(one);
    struct json_member m;

    while (one.kind == JSON_OBJECT && json_next(&fields, &m))
        cut_member(c, &l, &m, !json_key_is(m.key, "cache_control"));
    cut_end(c, &l);
}

/* Leave the marks out of what an array holds. */
static void cut_marks(struct cut *c, struct json_value list)
{
    struct json_iter it = json_iter(list);
    struct json_member one;

    while (list.kind == JSON_ARRAY && json_next(&it, &one))
        cut_mark(c, one.value);
}

static void cut_elements(struct cut *c, const struct replay *x, struct json_value details)
{
    struct cut_list l = {.kept = false};
    struct json_iter it = json_iter(details);
    struct json_member m;

    while (details.kind == JSON_ARRAY && json_next(&it, &m)) {
        if (element_stays(x, m.value))
            cut_keep(c, &l, m.value.text.ptr, value_end(m.value));
        else
            cut_drop(c, &l, m.value.text.ptr, value_end(m.value));
    }
    cut_end(c, &l);
}

/* The thoughts are wanted as reasoning_content, and the message has them under the other name alone. */
static bool is_renamed(const struct replay *x, struct json_value message, const struct json_member *m)
{
    struct json_value other;

    return x->wants_content && m->value.kind == JSON_STRING &&
           !(json_get(message, "reasoning_content", &other) && other.kind == JSON_STRING);
}

static bool member_stays(const struct replay *x, struct json_value message, const struct json_member *m)
{
    switch (thought_of(m->key)) {
    case THOUGHT_NONE:
        return x->marks || !json_key_is(m->key, "cache_control");
    case THOUGHT_TEXT:
        return x->text || is_renamed(x, message, m);
    case THOUGHT_CONTENT:
        return x->content;
    case THOUGHT_DETAILS:
        break;
    }
    return x->details && any_stays(x, m->value);
}

static void edit_member(struct cut *c, const struct replay *x, struct json_value message,
                        const struct json_member *m)
{
    enum thought t = thought_of(m->key);

    if (t == THOUGHT_TEXT && is_renamed(x, message, m))
        cut_put(c, m->key.ptr, m->key.ptr + m->key.len, VIEW_LIT("reasoning_content"));
    else if (t == THOUGHT_DETAILS)
        cut_elements(c, x, m->value);
    else if (!x->marks && json_key_is(m->key, "content"))
        cut_marks(c, m->value);
    else if (x->rename_roles && json_key_is(m->key, "role") && json_string_is(m->value, "developer"))
        cut_put(c, m->value.text.ptr, value_end(m->value), VIEW_LIT("\"system\""));
}

static void edit_message(struct cut *c, const struct replay *x, struct json_value message)
{
    struct cut_list l = {.kept = false};
    struct json_iter it = json_iter(message);
    struct json_member m;

    while (json_next(&it, &m)) {
        bool stays = member_stays(x, message, &m);

        cut_member(c, &l, &m, stays);
        if (stays)
            edit_member(c, x, message, &m);
    }
    cut_end(c, &l);
}

static bool has_marks(const struct chat_request *r, const struct provider *provider)
{
    return r->n_marks != 0 && !chat_replay_takes_marks(provider);
}

bool chat_replay_in_messages(const struct chat_request *r, const struct provider *provider)
{
    return r->n_thoughts != 0 || has_marks(r, provider) ||
           (r->n_developer != 0 && (provider->quirks & QUIRK_DEVELOPER_AS_SYSTEM) != 0);
}

bool chat_replay_in_tools(const struct chat_request *r, const struct provider *provider)
{
    return r->member[CHAT_KEY_TOOLS].present && (has_marks(r, provider) || r->facts->synth.tool.len != 0);
}

size_t chat_replay_most(const struct chat_request *r)
{
    return (size_t)r->n_developer + r->n_thoughts + r->n_marks + (r->facts->synth.tool.len != 0);
}

size_t chat_replay_messages(const struct chat_request *r, const struct provider *provider,
                            const char *upstream_model, struct json_edit *edits)
{
    const struct replay x = replay_of(provider, upstream_model);
    struct cut c = {.base = r->body.ptr, .edits = edits};
    struct json_iter it = json_iter(r->member[CHAT_KEY_MESSAGES].value);
    struct json_member message;

    while (json_next(&it, &message))
        edit_message(&c, &x, message.value);
    assert(c.n <= chat_replay_most(r));
    return c.n;
}

size_t chat_replay_tools(const struct chat_request *r, const struct provider *provider, struct json_edit *edits)
{
    struct cut c = {.base = r->body.ptr, .edits = edits};
    struct cut_list l = {.kept = false};
    struct json_iter it = json_iter(r->member[CHAT_KEY_TOOLS].value);
    struct json_member tool;

    while (json_next(&it, &tool)) {
        if (tool.value.text.ptr == r->facts->synth.tool.ptr) {
            cut_drop(&c, &l, tool.value.text.ptr, value_end(tool.value));
            continue;
        }
        cut_keep(&c, &l, tool.value.text.ptr, value_end(tool.value));
        if (has_marks(r, provider))
            cut_mark(&c, tool.value);
    }
    cut_end(&c, &l);
    assert(c.n <= r->n_marks + 1);
    return c.n;
}
