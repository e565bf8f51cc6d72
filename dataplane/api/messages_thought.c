/* (G) What must be replayed of a thought: the elements of reasoning_details become one sealed text. */
#include "messages_write.h"

#include "content_view.h"
#include "details.h"
#include "replay.h"

/* The member of an element that has the thoughts in clear, NULL when it has none. */
static const char *text_name(struct json_value type)
{
    return json_string_is(type, "reasoning.text")      ? "text"
           : json_string_is(type, "reasoning.summary") ? "summary"
                                                       : NULL;
}

static bool has_key(struct view object, struct view key)
{
    struct json_iter it = json_iter((struct json_value){JSON_OBJECT, object});
    struct json_member m;

    while (json_next(&it, &m))
        if (view_eq(m.key, key))
            return true;
    return false;
}

/* Pieces of one element: the object gets each member with the first value that is not null, the thoughts
 * themselves left out. */
static enum err merge(struct buf *element, struct json_value piece, const char *name)
{
    struct json_iter it = json_iter(piece);
    struct json_member m;
    enum err e = ERR_NONE;

    if (element->len == 0)
        e = buf_append(element, VIEW_LIT("{}"));
    while (e == ERR_NONE && json_next(&it, &m)) {
        if (json_key_is(m.key, name) || m.value.kind == JSON_NULL || has_key(buf_view(element), m.key))
            continue;
        element->len--; /* the brace */
        if (element->len > 1)
            e = buf_append_byte(element, ',');
        if (e == ERR_NONE)
            e = buf_append_byte(element, '"');
        if (e == ERR_NONE)
            e = buf_append(element, m.key);
        if (e == ERR_NONE)
            e = buf_append(element, VIEW_LIT("\":"));
        if (e == ERR_NONE)
            e = buf_append(element, m.value.text);
        if (e == ERR_NONE)
            e = buf_append_byte(element, '}');
    }
    return e;
}

static enum err append_detail(struct messages_block *b, struct view json)
{
    enum err e = b->details.len == 0 ? ERR_NONE : buf_append_byte(&b->details, ',');

    return e == ERR_NONE ? buf_append(&b->details, json) : e;
}

/* A block's element is of one type; one of the other type is replayed beside it. */
static bool is_same_type(const struct messages_block *b, const char *name)
{
    struct json_value type;

    return b->element.len == 0 ||
           (json_get((struct json_value){JSON_OBJECT, buf_view(&b->element)}, "type", &type) &&
            text_name(type) == name);
}

/* One with many members, or that grows large, stays in the pieces that it came in. */
static bool may_join(const struct messages_block *b, struct json_value piece)
{
    return details_are_few(piece.text) && b->element.len <= DETAILS_JOINED_MAX &&
           (b->element.len == 0 || details_are_few(buf_view(&b->element)));
}

/* In a whole answer the text of all thoughts comes first, in one piece, and their elements after it: those
 * that have the text say where each ends. */
static enum err take_clear(struct answer *a, struct messages_block *b, struct json_value text,
                           struct pen *o)
{
    struct messages_answer *m = a->state;

    if (a->stream || text.kind != JSON_STRING || text.text.len == 2)
        return ERR_NONE;
    if (!m->by_details) {
        buf_reset(&b->text);
        buf_reset(&b->hidden);
    }
    m->by_details = true;
    return messages_put(a, b, view_of(text.text.ptr + 1, text.text.len - 2), o);
}

static enum err take_text_element(struct answer *a, struct json_value piece, const char *name,
                                  struct pen *o)
{
    struct json_value v;
    struct messages_block *b;
    enum err e = messages_want(a, BLOCK_THINKING, &b);

    if (e != ERR_NONE)
        return e;
    if (!is_same_type(b, name) || !may_join(b, piece))
        return append_detail(b, piece.text);
    e = merge(&b->element, piece, name);
    if (e == ERR_NONE && json_get(piece, name, &v))
        e = take_clear(a, b, v, o);
    b->is_signed = json_get(piece, "signature", &v) && v.kind == JSON_STRING && v.text.len > 2;
    return e;
}

enum err messages_detail(struct answer *a, struct view json, struct pen *o)
{
    const struct messages_answer *m = a->state;
    struct json_value piece = {JSON_OBJECT, json}, type;
    struct messages_block *b, *last = m->n_blocks == 0 ? NULL : &m->block[m->n_blocks - 1];
    const char *name;
    enum err e;

    if (json.len == 0 || json.ptr[0] != '{' || !json_get(piece, "type", &type))
        return ERR_NONE; /* replay.h takes none without a type */
    name = text_name(type);
    if (name != NULL)
        return take_text_element(a, piece, name, o);
    if (last != NULL && last->kind == BLOCK_THINKING)
        return append_detail(last, json);
    e = messages_want(a, BLOCK_REDACTED, &b);
    return e == ERR_NONE ? append_detail(b, json) : e;
}

void messages_seal(const struct answer *a, const struct messages_block *b, struct pen *o)
{
    struct buf all;
    enum err e;

    if (o->e != ERR_NONE)
        return;
    buf_init_charged(&all, 2 * MESSAGES_KEPT_MAX + 1, b->details.budget);
    e = buf_append(&all, buf_view(&b->element));
    if (e == ERR_NONE && all.len != 0 && b->details.len != 0)
        e = buf_append_byte(&all, ',');
    if (e == ERR_NONE)
        e = buf_append(&all, buf_view(&b->details));
    if (e == ERR_NONE)
        e = replay_seal(a->model, buf_view(&b->hidden), buf_view(&all), o->out);
    o->e = e;
    buf_free(&all);
}
