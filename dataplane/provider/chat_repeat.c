/* (G) The short way for the chunk that differs from the one before only in its text, which is
 * nearly every chunk of a stream: what stands around the text was parsed and repaired once and is
 * compared, not parsed, from then on. */
#include "chat_parts.h"

#include "content_view.h"

enum { REPEAT_TEXT_MAX = 1 << 20 }; /* bytes; longer ones take the long way */

static struct view part(const struct chat_repeat *r, size_t from, size_t len)
{
    return view_of(r->bytes + from, len);
}

bool chat_repeat_try(struct chat_canon *c, struct view doc, struct buf *out)
{
    const struct chat_repeat *r = &c->repeat;
    size_t around = (size_t)r->in_head + r->in_tail, n;
    size_t at = around;
    struct json_value text;
    struct view pieces[5];

    if (around == 0 || doc.len <= around || doc.len - around > REPEAT_TEXT_MAX)
        return false;
    n = doc.len - around;
    if (memcmp(doc.ptr, r->bytes, r->in_head) != 0 ||
        memcmp(doc.ptr + r->in_head + n, r->bytes + r->in_head, r->in_tail) != 0 ||
        json_check(view_of(doc.ptr + r->in_head - 1, n + 2), &text, NULL) != ERR_NONE ||
        text.kind != JSON_STRING || text.text.len != n + 2)
        return false;
    pieces[0] = part(r, at, r->out_head);
    pieces[1] = pieces[3] = view_of(doc.ptr + r->in_head, n);
    pieces[2] = part(r, at += r->out_head, r->out_middle);
    pieces[4] = part(r, at += r->out_middle, r->out_tail);
    if (buf_reserve(out, r->out_head + n + r->out_middle + n + r->out_tail) != ERR_NONE)
        return false;
    for (size_t i = 0; i < 5; i++) {
        if (pieces[i].len == 0 || (i == 3 && r->copies == 1))
            continue;
        memcpy(out->ptr + out->len, pieces[i].ptr, pieces[i].len);
        out->len += pieces[i].len;
    }
    c->content_bytes += n;
    c->useful = true;
    c->repeats++;
    return true;
}

/* Keep the surroundings of the text that p noted, when out[start..] is all there is to say. */
void chat_repeat_learn(struct chat_canon *c, const struct patch *p, size_t start)
{
    struct chat_repeat *r = &c->repeat;
    const uint8_t *made = p->out->ptr + start;
    size_t len = p->out->len - start, text = p->text.len, last, in_head, in_tail;

    r->in_head = r->in_tail = 0;
    if (p->copies == 0 || p->copies > 2)
        return;
    last = p->text_at[p->copies - 1] - start;
    in_head = (size_t)(p->text.ptr - p->doc.ptr);
    in_tail = p->doc.len - in_head - text;
    if (in_head + in_tail + (len - p->copies * text) > sizeof r->bytes)
        return;
    r->copies = (uint8_t)p->copies;
    r->out_head = (uint16_t)(p->text_at[0] - start);
    r->out_middle = (uint16_t)(last - r->out_head - (p->copies - 1) * text);
    r->out_tail = (uint16_t)(len - last - text);
    memcpy(r->bytes, p->doc.ptr, in_head);
    memcpy(r->bytes + in_head, p->text.ptr + text, in_tail);
    memcpy(r->bytes + in_head + in_tail, made, r->out_head);
    memcpy(r->bytes + in_head + in_tail + r->out_head, made + r->out_head + text, r->out_middle);
    memcpy(r->bytes + in_head + in_tail + r->out_head + r->out_middle, made + last + text,
           r->out_tail);
    r->in_head = (uint16_t)in_head;
    r->in_tail = (uint16_t)in_tail;
}
