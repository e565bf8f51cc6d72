/* (G) The in-order rewriter behind chat_canon. */
#include "chat_parts.h"

#include "content_view.h"
#include "secret.h"

#include <assert.h>

void patch_put(struct patch *p, struct view text)
{
    if (p->e == ERR_NONE && text.len != 0)
        p->e = buf_append(p->out, text);
}

void patch_put_string(struct patch *p, struct view text)
{
    if (p->e == ERR_NONE)
        p->e = buf_append_json_string(p->out, text);
}

void patch_put_u64(struct patch *p, uint64_t n)
{
    if (p->e == ERR_NONE)
        p->e = buf_append_u64(p->out, n);
}

enum err patch_over(struct patch *p, size_t start)
{
    if (p->e != ERR_NONE) {
        secret_wipe(p->out->ptr + start, p->out->len - start);
        p->out->len = start;
    }
    return p->e;
}

void patch_copy_to(struct patch *p, const uint8_t *stop)
{
    size_t to = (size_t)(stop - p->doc.ptr);

    assert(to >= p->at && to <= p->doc.len);
    patch_put(p, view_of(p->doc.ptr + p->at, to - p->at));
    p->at = to;
}

void patch_skip_to(struct patch *p, const uint8_t *stop)
{
    size_t to = (size_t)(stop - p->doc.ptr);

    assert(to >= p->at && to <= p->doc.len);
    p->at = to;
}

void patch_replace(struct patch *p, struct view old, struct view with)
{
    patch_copy_to(p, old.ptr);
    patch_put(p, with);
    patch_skip_to(p, old.ptr + old.len);
}

static void note(struct patch *p, struct view text, size_t at)
{
    if (p->copies != 0 && p->text.ptr != text.ptr)
        p->copies = 2; /* a second text: the count below makes it too many */
    if (p->copies < 2)
        p->text_at[p->copies] = at;
    p->text = text;
    p->copies++;
}

void patch_note_kept(struct patch *p, struct json_value string)
{
    struct view text = inner(string);

    note(p, text, p->out->len + ((size_t)(text.ptr - p->doc.ptr) - p->at));
}

void patch_note_put(struct patch *p, struct json_value string)
{
    note(p, inner(string), p->out->len + 1); /* behind the quote that is put first */
}

static const uint8_t *value_end(const struct json_member *m)
{
    return m->value.text.ptr + m->value.text.len;
}

/* A member begins with its key's quote, an element of an array with its value. */
static const uint8_t *member_start(const struct json_member *m)
{
    return m->key.ptr != NULL ? m->key.ptr - 1 : m->value.text.ptr;
}

struct patch_object patch_open(struct patch *p, struct json_value object)
{
    assert(object.kind == JSON_OBJECT || object.kind == JSON_ARRAY);
    return (struct patch_object){.p = p, .body = object.text.ptr + 1};
}

void patch_keep(struct patch_object *o, const struct json_member *m)
{
    if (o->lead != NULL) {
        patch_copy_to(o->p, o->lead);
        patch_skip_to(o->p, member_start(m));
        o->lead = NULL;
    }
    o->kept = true;
    o->prev_end = value_end(m);
}

void patch_drop(struct patch_object *o, const struct json_member *m)
{
    if (o->kept) { /* takes the comma before it along */
        patch_copy_to(o->p, o->prev_end);
        patch_skip_to(o->p, value_end(m));
    } else if (o->lead == NULL)
        o->lead = member_start(m);
    o->prev_end = value_end(m);
}

void patch_rename(struct patch_object *o, const struct json_member *m, struct view key)
{
    patch_keep(o, m);
    patch_copy_to(o->p, m->key.ptr);
    patch_put(o->p, key);
    patch_skip_to(o->p, m->key.ptr + m->key.len);
}

void patch_close(struct patch_object *o)
{
    if (o->lead == NULL)
        return;
    patch_copy_to(o->p, o->lead);
    patch_skip_to(o->p, o->prev_end);
    o->lead = NULL;
}

void patch_add(struct patch_object *o, struct view head)
{
    patch_close(o);
    patch_copy_to(o->p, o->prev_end != NULL ? o->prev_end : o->body);
    if (o->kept)
        patch_put(o->p, VIEW_LIT(","));
    patch_put(o->p, head);
    o->kept = true;
}

bool part_members(struct json_value object, struct json_member m[static PART_MEMBERS_MAX],
                  size_t *n)
{
    struct json_iter it = json_iter(object);
    struct json_member one;

    for (*n = 0; json_next(&it, &one); ++*n) {
        if (*n == PART_MEMBERS_MAX)
            return false;
        m[*n] = one;
    }
    return true;
}
