/* (G) Chunks into a completion: a tree of the members that have come so far. */
#include "chat_merge.h"

#include "chat_parts.h"
#include "content_view.h"

#include <assert.h>
#include <stdlib.h>

struct merge_node {
    struct merge_node *first, *last, *next; /* members of an object, elements that have an index */
    enum json_kind kind;
    bool fresh;     /* no value yet */
    uint64_t index; /* of an element */
    struct buf key; /* of a member: between its quotes */
    struct buf text; /* of a string: between its quotes; of a list: its elements; else the value */
};

/* Where a value stands decides how the next one joins it. */
enum place {
    PLACE_TOP,    /* beside the choices: the last counts */
    PLACE_CHOICE, /* lists grow */
    PLACE_DELTA,  /* lists grow, texts are joined */
};

static enum err node_new(struct chat_merge *m, struct view key, struct merge_node **out)
{
    struct merge_node *n;
    enum err e;

    if (m->nodes == CHAT_MERGE_NODES_MAX)
        return ERR_LIMIT;
    n = calloc(1, sizeof *n);
    if (n == NULL)
        return ERR_MEMORY;
    n->fresh = true;
    buf_init_charged(&n->key, m->max, m->budget);
    buf_init_charged(&n->text, m->max, m->budget);
    e = key.len == 0 ? ERR_NONE : buf_append(&n->key, key);
    if (e != ERR_NONE) {
        free(n);
        return e;
    }
    m->nodes++;
    *out = n;
    return ERR_NONE;
}

static void node_free(struct chat_merge *m, struct merge_node *n);

/* Forget the value. Recursion is bounded by JSON_MAX_DEPTH. */
static void node_clear(struct chat_merge *m, struct merge_node *n)
{
    while (n->first != NULL) {
        struct merge_node *next = n->first->next;

        node_free(m, n->first);
        n->first = next;
    }
    n->last = NULL;
    buf_reset(&n->text);
}

static void node_free(struct chat_merge *m, struct merge_node *n)
{
    node_clear(m, n);
    buf_free(&n->key);
    buf_free(&n->text);
    free(n);
    m->nodes--;
}

static enum err node_add(struct chat_merge *m, struct merge_node *to, struct view key,
                         struct merge_node **out)
{
    enum err e = node_new(m, key, out);

    if (e != ERR_NONE)
        return e;
    if (to->last != NULL)
        to->last->next = *out;
    else
        to->first = *out;
    to->last = *out;
    return ERR_NONE;
}

static void node_become(struct chat_merge *m, struct merge_node *n, enum json_kind kind)
{
    if (n->fresh || n->kind != kind)
        node_clear(m, n);
    n->kind = kind;
    n->fresh = false;
}

static enum err node_set(struct chat_merge *m, struct merge_node *n, enum json_kind kind,
                         struct view text)
{
    node_become(m, n, kind);
    buf_reset(&n->text);
    return text.len == 0 ? ERR_NONE : buf_append(&n->text, text);
}

/* Strings that say what a thing is: they come once, or the same again. */
static bool is_identity(struct view key)
{
    static const struct view keys[] = {
        {(const uint8_t *)"id", 2},     {(const uint8_t *)"type", 4},
        {(const uint8_t *)"role", 4},   {(const uint8_t *)"name", 4},
        {(const uint8_t *)"format", 6}, {(const uint8_t *)"tool_call_id", 12},
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (key_is(key, keys[i]))
            return true;
    }
    return false;
}

static enum err merge_value(struct chat_merge *m, struct merge_node *n, struct json_value v,
                            enum place place);

static enum err merge_string(struct chat_merge *m, struct merge_node *n, struct json_value v,
                             enum place place)
{
    bool joins = place == PLACE_DELTA && !n->fresh && n->kind == JSON_STRING;

    if (!joins)
        return node_set(m, n, JSON_STRING, inner(v));
    if (!is_text(v))
        return ERR_NONE;
    return is_identity(buf_view(&n->key)) ? node_set(m, n, JSON_STRING, inner(v))
                                          : buf_append(&n->text, inner(v));
}

static enum err merge_object(struct chat_merge *m, struct merge_node *n, struct json_value v,
                             enum place place, bool skip_index)
{
    struct json_iter it = json_iter(v);
    struct json_member one;
    enum err e = ERR_NONE;

    node_become(m, n, JSON_OBJECT);
    while (e == ERR_NONE && json_next(&it, &one)) {
        bool delta = place == PLACE_CHOICE && KEY_IS(one, "delta");
        struct view key = delta ? VIEW_LIT("message") : one.key;
        struct merge_node *child = n->first;

        if (skip_index && KEY_IS(one, "index"))
            continue;
        while (child != NULL && !view_eq(buf_view(&child->key), key))
            child = child->next;
        if (child == NULL)
            e = node_add(m, n, key, &child);
        if (e == ERR_NONE)
            e = merge_value(m, child, one.value, delta ? PLACE_DELTA : place);
    }
    return e;
}

/* The element of a list that has this index, made when there is none. */
static enum err element_of(struct chat_merge *m, struct merge_node *n, uint64_t index,
                           struct merge_node **out)
{
    enum err e;

    for (*out = n->first; *out != NULL; *out = (*out)->next) {
        if ((*out)->index == index)
            return ERR_NONE;
    }
    e = node_add(m, n, VIEW_EMPTY, out);
    if (e == ERR_NONE)
        (*out)->index = index;
    return e;
}

static enum err merge_list(struct chat_merge *m, struct merge_node *n, struct json_value v,
                           enum place place)
{
    bool choices = place == PLACE_TOP && view_eq(buf_view(&n->key), VIEW_LIT("choices"));
    bool calls = view_eq(buf_view(&n->key), VIEW_LIT("tool_calls"));
    struct json_iter it = json_iter(v);
    struct json_member one;
    struct json_value index;
    struct merge_node *element;
    uint64_t at;
    enum err e = ERR_NONE;

    if (place == PLACE_TOP && !choices)
        return node_set(m, n, JSON_ARRAY, view_of(v.text.ptr + 1, v.text.len - 2));
    node_become(m, n, JSON_ARRAY);
    while (e == ERR_NONE && json_next(&it, &one)) {
        if (n->text.len == 0 && json_get(one.value, "index", &index) &&
            json_u64(index, &at) == ERR_NONE) {
            e = element_of(m, n, at, &element);
            if (e == ERR_NONE)
                e = merge_object(m, element, one.value, choices ? PLACE_CHOICE : place, calls);
            continue;
        }
        if (n->text.len != 0)
            e = buf_append_byte(&n->text, ',');
        if (e == ERR_NONE)
            e = buf_append(&n->text, one.value.text);
    }
    return e;
}

static enum err merge_value(struct chat_merge *m, struct merge_node *n, struct json_value v,
                            enum place place)
{
    switch (v.kind) {
    case JSON_NULL:
        return n->fresh ? node_set(m, n, JSON_NULL, v.text) : ERR_NONE;
    case JSON_STRING:
        return merge_string(m, n, v, place);
    case JSON_OBJECT:
        return merge_object(m, n, v, place, false);
    case JSON_ARRAY:
        return merge_list(m, n, v, place);
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
        break;
    }
    return node_set(m, n, v.kind, v.text);
}

void chat_merge_init(struct chat_merge *m, size_t max, struct budget *budget)
{
    *m = (struct chat_merge){.max = max, .budget = budget};
}

void chat_merge_free(struct chat_merge *m)
{
    if (m->root != NULL)
        node_free(m, m->root);
    m->root = NULL;
}

enum err chat_merge_chunk(struct chat_merge *m, struct view chunk)
{
    struct json_value v = {JSON_OBJECT, chunk};
    enum err e = m->root == NULL ? node_new(m, VIEW_EMPTY, &m->root) : ERR_NONE;

    return e == ERR_NONE ? merge_value(m, m->root, v, PLACE_TOP) : e;
}

static void node_write(const struct merge_node *n, struct patch *p)
{
    bool list = n->kind == JSON_ARRAY, object = n->kind == JSON_OBJECT;

    if (!list && !object) {
        patch_put(p, n->kind == JSON_STRING ? VIEW_LIT("\"") : VIEW_EMPTY);
        patch_put(p, buf_view(&n->text));
        patch_put(p, n->kind == JSON_STRING ? VIEW_LIT("\"") : VIEW_EMPTY);
        return;
    }
    patch_put(p, object ? VIEW_LIT("{") : VIEW_LIT("["));
    for (const struct merge_node *child = n->first; child != NULL; child = child->next) {
        if (child != n->first)
            patch_put(p, VIEW_LIT(","));
        if (object) {
            patch_put(p, VIEW_LIT("\""));
            patch_put(p, buf_view(&child->key));
            patch_put(p, VIEW_LIT("\":"));
        }
        node_write(child, p);
    }
    if (n->first != NULL && n->text.len != 0)
        patch_put(p, VIEW_LIT(","));
    patch_put(p, buf_view(&n->text));
    patch_put(p, object ? VIEW_LIT("}") : VIEW_LIT("]"));
}

enum err chat_merge_write(const struct chat_merge *m, struct buf *out)
{
    struct patch p = {.out = out};

    assert(m->root != NULL);
    node_write(m->root, &p);
    return p.e;
}
