/* (G) Leaving members and elements out. */
#include "chat_leave.h"

#include "content_view.h"

void cut_put(struct cut *c, const uint8_t *from, const uint8_t *to, struct view with)
{
    c->edits[c->n++] = (struct json_edit){(size_t)(from - c->base), (size_t)(to - from), with};
}

void cut_keep(struct cut *c, struct cut_list *l, const uint8_t *begin, const uint8_t *end)
{
    if (l->lead != NULL)
        cut_put(c, l->lead, begin, VIEW_EMPTY);
    l->lead = NULL;
    l->kept = true;
    l->prev_end = end;
}

void cut_drop(struct cut *c, struct cut_list *l, const uint8_t *begin, const uint8_t *end)
{
    if (l->kept)
        cut_put(c, l->prev_end, end, VIEW_EMPTY);
    else if (l->lead == NULL)
        l->lead = begin;
    l->prev_end = end;
}

void cut_member(struct cut *c, struct cut_list *l, const struct json_member *m, bool stays)
{
    const uint8_t *begin = m->key.ptr - 1;

    if (stays)
        cut_keep(c, l, begin, value_end(m->value));
    else
        cut_drop(c, l, begin, value_end(m->value));
}

void cut_end(struct cut *c, const struct cut_list *l)
{
    if (l->lead != NULL) /* nothing was kept */
        cut_put(c, l->lead, l->prev_end, VIEW_EMPTY);
}
