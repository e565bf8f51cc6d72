/* (G) Edits inside of a chat client's messages. */
#include "chat_replay.h"

#include "chat_members.h"
#include "content_view.h"
#include "openai_body.h"
#include "reasoning_maker.h"

#include <assert.h>

/* --- leaving members or elements out of a container, each with one comma --- */

struct cut {
    const uint8_t *base; /* the body */
    struct json_edit *edits;
    size_t n;
};

struct cut_list {
    const uint8_t *lead;     /* the first of the ones left out that none precedes; NULL: none, or over */
    const uint8_t *prev_end; /* of the last one seen */
    bool kept;               /* one was */
};

static void cut_put(struct cut *c, const uint8_t *from, const uint8_t *to, struct view with)
{
    c->edits[c->n++] = (struct json_edit){(size_t)(from - c->base), (size_t)(to - from), with};
}

static void cut_keep(struct cut *c, struct cut_list *l, const uint8_t *begin, const uint8_t *end)
{
    if (l->lead != NULL)
        cut_put(c, l->lead, begin, VIEW_EMPTY);
    l->lead = NULL;
    l->kept = true;
    l->prev_end = end;
}

static void cut_drop(struct cut *c, struct cut_list *l, const uint8_t *begin, const uint8_t *end)
{
    if (l->kept)
        cut_put(c, l->prev_end, end, VIEW_EMPTY);
    else if (l->lead == NULL)
        l->lead = begin;
    l->prev_end = end;
}

static void cut_end(struct cut *c, const struct cut_list *l)
{
    if (l->lead != NULL) /* nothing was kept */
        cut_put(c, l->lead, l->prev_end, VIEW_EMPTY);
}

static const uint8_t *value_end(struct json_value v)
{
    return v.text.ptr + v.text.len;
}

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
    const struct provider *provider;
    const char *model;
    bool text, content, details; /* it may be sent the member */
    bool wants_content;
    bool rename_roles;
};

static struct replay replay_of(const struct provider *p, const char *model)
{
    bool wants = (p->quirks & QUIRK_REASONING_CONTENT) != 0;

    return (struct replay){
        .provider = p,
        .model = model,
        .text = body_may_send(p, MEMBER_EXTENSION, VIEW_LIT("reasoning")),
        .content = wants || body_may_send(p, MEMBER_EXTENSION, VIEW_LIT("reasoning_content")),
        .details = body_may_send(p, MEMBER_EXTENSION, VIEW_LIT("reasoning_details")),
        .wants_content = wants,
        .rename_roles = (p->quirks & QUIRK_DEVELOPER_AS_SYSTEM) != 0,
    };
}

static bool element_stays(const struct replay *x, struct json_value element)
{
    return element.kind != JSON_OBJECT || reasoning_replays(view_str(x->model), element.text, VIEW_EMPTY);
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
        return true;
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
    else if (x->rename_roles && json_key_is(m->key, "role") && json_string_is(m->value, "developer"))
        cut_put(c, m->value.text.ptr, value_end(m->value), VIEW_LIT("\"system\""));
}

static void edit_message(struct cut *c, const struct replay *x, struct json_value message)
{
    struct cut_list l = {.kept = false};
    struct json_iter it = json_iter(message);
    struct json_member m;

    while (json_next(&it, &m)) {
        const uint8_t *begin = m.key.ptr - 1;

        if (member_stays(x, message, &m)) {
            cut_keep(c, &l, begin, value_end(m.value));
            edit_member(c, x, message, &m);
        } else
            cut_drop(c, &l, begin, value_end(m.value));
    }
    cut_end(c, &l);
}

bool chat_replay_needed(const struct chat_request *r, const struct provider *provider)
{
    return r->n_thoughts != 0 ||
           (r->n_developer != 0 && (provider->quirks & QUIRK_DEVELOPER_AS_SYSTEM) != 0);
}

size_t chat_replay_edits(const struct chat_request *r, const struct provider *provider,
                         const char *upstream_model, struct json_edit *edits)
{
    const struct replay x = replay_of(provider, upstream_model);
    struct cut c = {.base = r->body.ptr, .edits = edits};
    struct json_iter it = json_iter(r->member[CHAT_KEY_MESSAGES].value);
    struct json_member message;

    while (json_next(&it, &message))
        edit_message(&c, &x, message.value);
    assert(c.n <= r->n_developer + r->n_thoughts);
    return c.n;
}
