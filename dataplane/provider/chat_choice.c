/* (G) One choice: its index, its delta (or message), its finish reason, and whether it failed. */
#include "chat_parts.h"

#include "content_view.h"

struct choice {
    struct json_member m[PART_MEMBERS_MAX];
    size_t n, inner; /* inner: which member is the delta or message; n: none */
    uint32_t index;
    bool role; /* this is the first of its index */
    bool whole;
    bool plain; /* the inner member is the text itself */
};

bool chat_bit(const uint32_t set[static 4], uint32_t n)
{
    return (set[n / 32] >> (n % 32) & 1) != 0;
}

static void bit_set(uint32_t set[static 4], uint32_t n)
{
    set[n / 32] |= UINT32_C(1) << (n % 32);
}

static bool choice_index(struct choice *x, uint32_t position)
{
    uint64_t index = position;

    for (size_t i = 0; i < x->n; i++) {
        if (KEY_IS(x->m[i], "index") && json_u64(x->m[i].value, &index) != ERR_NONE)
            return false;
    }
    x->index = (uint32_t)index;
    return index < CHAT_CHOICES_MAX;
}

/* What the choice says stands under "delta" in a chunk, under "message" in a completion; some
 * providers take the other name, or "text", as for completions of old. A message behind deltas repeats
 * what they said, and goes. */
static void inner_find(const struct chat_canon *c, struct choice *x)
{
    size_t own = x->n, other = x->n, text = x->n;

    for (size_t i = 0; i < x->n; i++) {
        if (x->m[i].value.kind == JSON_STRING && KEY_IS(x->m[i], "text"))
            text = i;
        if (x->m[i].value.kind != JSON_OBJECT)
            continue;
        if (KEY_IS(x->m[i], "delta"))
            *(x->whole ? &other : &own) = i;
        else if (KEY_IS(x->m[i], "message"))
            *(x->whole ? &own : &other) = i;
    }
    x->inner = own;
    if (other != x->n && !c->by_delta && (own == x->n || !chat_says_something(x->m[own].value)))
        x->inner = other;
    x->plain = x->inner == x->n && text != x->n;
    if (x->plain)
        x->inner = text;
}

/* Note what the choice calls, so that its finish reason can agree with it. */
static void calls_note(struct chat_canon *c, const struct choice *x)
{
    struct json_value v;

    if (x->inner == x->n)
        return;
    if (json_get(x->m[x->inner].value, "tool_calls", &v) &&
        chat_has_calls(c, v, x->index, x->whole))
        bit_set(c->tools_seen, x->index);
    if (json_get(x->m[x->inner].value, "function_call", &v) && chat_says_something(v))
        bit_set(c->functions_seen, x->index);
}

enum chat_called chat_called_by(const struct chat_canon *c, uint32_t index)
{
    if (chat_bit(c->tools_seen, index))
        return CALLED_TOOL;
    return chat_bit(c->functions_seen, index) ? CALLED_FUNCTION : CALLED_NOTHING;
}

static bool choice_read(struct chat_canon *c, struct json_value v, uint32_t position, bool whole,
                        struct choice *x)
{
    x->whole = whole;
    x->n = 0;
    if (v.kind != JSON_OBJECT || !part_members(v, x->m, &x->n) || !choice_index(x, position))
        return false;
    inner_find(c, x);
    x->role = !chat_bit(c->roles_seen, x->index);
    bit_set(c->roles_seen, x->index);
    calls_note(c, x);
    return true;
}

static void finish_seen(struct chat_canon *c, enum usage_finish f, uint32_t index,
                        struct choice_seen *seen)
{
    if (f == FINISH_NONE)
        return;
    if (!chat_bit(c->finishes_seen, index))
        seen->finish = true;
    bit_set(c->finishes_seen, index);
    seen->failed = seen->failed || f == FINISH_ERROR;
    if (index == 0 && f != FINISH_ERROR)
        c->finish = f;
}

static void finish_patch(struct chat_canon *c, struct patch *p, const struct choice *x,
                         struct json_value v, struct choice_seen *seen)
{
    enum chat_called called = chat_called_by(c, x->index);
    enum usage_finish f = chat_finish_of(v, called, x->whole);
    struct view word = chat_finish_word(f, called);

    if (v.text.len == 0)
        patch_put(p, word);
    else if (!view_eq(v.text, word))
        patch_replace(p, v.text, word);
    finish_seen(c, f, x->index, seen);
}

/* A text where a delta or message should be. */
static void plain_patch(struct chat_canon *c, struct patch *p, const struct choice *x,
                        struct choice_seen *seen)
{
    struct json_value v = x->m[x->inner].value;

    patch_copy_to(p, v.text.ptr);
    patch_put(p, x->whole  ? VIEW_LIT("{\"role\":\"assistant\",\"refusal\":null,\"content\":")
                 : x->role ? VIEW_LIT("{\"role\":\"assistant\",\"content\":")
                           : VIEW_LIT("{\"content\":"));
    patch_copy_to(p, v.text.ptr + v.text.len);
    patch_put(p, VIEW_LIT("}"));
    c->content_bytes += v.text.len - 2;
    seen->content = seen->content || is_text(v);
}

/* The delta or message itself. */
static void inner_patch(struct chat_canon *c, struct patch *p, struct patch_object *o,
                        const struct choice *x, struct choice_seen *seen)
{
    const struct json_member *m = &x->m[x->inner];
    const struct view name = x->whole ? VIEW_LIT("message") : VIEW_LIT("delta");
    uint64_t before = c->content_bytes;

    if (key_is(m->key, name))
        patch_keep(o, m);
    else
        patch_rename(o, m, name);
    if (x->plain) {
        plain_patch(c, p, x, seen);
        return;
    }
    chat_delta(c, p, m->value, x->index, x->role, x->whole, seen);
    if (!x->whole && key_is(m->key, name) && c->content_bytes != before)
        c->by_delta = true;
}

/* Nothing of these reaches a client. */
static bool member_dropped(const struct choice *x, size_t i, struct choice_seen *seen)
{
    const struct json_member *m = &x->m[i];

    if (KEY_IS(*m, "usage")) {
        if (m->value.kind == JSON_OBJECT)
            seen->usage = m->value;
        return true;
    }
    if (KEY_IS(*m, "error")) {
        seen->failed = seen->failed || chat_error_says(m->value);
        return true;
    }
    return i != x->inner && (KEY_IS(*m, "delta") || KEY_IS(*m, "message"));
}

static void missing_add(struct chat_canon *c, struct patch *p, struct patch_object *o,
                        const struct choice *x, bool has_index, bool has_finish,
                        struct choice_seen *seen)
{
    if (!has_index) {
        patch_add(o, VIEW_LIT("\"index\":"));
        if (p->e == ERR_NONE)
            p->e = buf_append_u64(p->out, x->index);
    }
    if (x->inner == x->n && x->whole)
        patch_add(o, VIEW_LIT("\"message\":{\"role\":\"assistant\",\"content\":null,"
                              "\"refusal\":null}"));
    else if (x->inner == x->n)
        patch_add(o, x->role ? VIEW_LIT("\"delta\":{\"role\":\"assistant\"}")
                             : VIEW_LIT("\"delta\":{}"));
    if (!has_finish) {
        patch_add(o, VIEW_LIT("\"finish_reason\":"));
        finish_patch(c, p, x, (struct json_value){JSON_NULL, VIEW_EMPTY}, seen);
    }
    patch_close(o);
}

void chat_choice(struct chat_canon *c, struct patch *p, struct json_value v, uint32_t position,
                 bool whole, struct choice_seen *seen)
{
    struct choice x;
    struct patch_object o;
    bool has_index = false, has_finish = false;

    if (!choice_read(c, v, position, whole, &x)) {
        p->e = p->e == ERR_NONE ? ERR_PROVIDER_PROTOCOL : p->e;
        return;
    }
    seen->role = seen->role || x.role;
    o = patch_open(p, v);
    for (size_t i = 0; i < x.n; i++) {
        const struct json_member *m = &x.m[i];

        if (member_dropped(&x, i, seen)) {
            patch_drop(&o, m);
            continue;
        }
        if (i == x.inner) {
            inner_patch(c, p, &o, &x, seen);
            continue;
        }
        patch_keep(&o, m);
        has_index = has_index || KEY_IS(*m, "index");
        if (KEY_IS(*m, "finish_reason")) {
            has_finish = true;
            finish_patch(c, p, &x, m->value, seen);
        } else if (m->value.kind == JSON_OBJECT || m->value.kind == JSON_ARRAY)
            seen->beside = seen->beside || chat_says_something(m->value);
    }
    missing_add(c, p, &o, &x, has_index, has_finish, seen);
    if (seen->failed && seen->culprit.text.len == 0)
        seen->culprit = v;
}
