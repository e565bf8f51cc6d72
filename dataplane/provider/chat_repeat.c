/* (G) The short way for the chunk that differs from the one before only in its text, which is
 * nearly every chunk of a stream: what stands around the text was parsed and repaired once and is
 * compared, not parsed, from then on. A padding string behind the text, another one in each chunk of
 * OpenAI's, may differ too: it is dropped. */
#include "chat_parts.h"

#include "content_view.h"
#include "json_string.h"

enum { REPEAT_TEXT_MAX = 1 << 20 }; /* bytes; longer ones take the long way */

static struct view part(const struct chat_repeat *r, size_t from, size_t len)
{
    return view_of(r->bytes + from, len);
}

/* What stands at *at is this. */
static bool take(const uint8_t **at, const uint8_t *end, struct view want)
{
    if ((size_t)(end - *at) < want.len || memcmp(*at, want.ptr, want.len) != 0)
        return false;
    *at += want.len;
    return true;
}

/* The rest of a string, from behind its opening quote to its closing one, checked. */
static bool take_string(const uint8_t **at, const uint8_t *end, struct view *out)
{
    const uint8_t *from = *at;

    if (json_string_scan(at, end) != ERR_NONE)
        return false;
    --*at;
    *out = view_of(from, (size_t)(*at - from));
    return true;
}

static bool match(const struct chat_repeat *r, struct view doc, struct view *text)
{
    const uint8_t *at = doc.ptr, *end = doc.ptr + doc.len;
    struct view padding;

    if (!take(&at, end, part(r, 0, r->in_head)) || !take_string(&at, end, text))
        return false;
    if (r->in_middle != 0 && (!take(&at, end, part(r, r->in_head, r->in_middle)) ||
                              !take_string(&at, end, &padding)))
        return false;
    return take(&at, end, part(r, (size_t)r->in_head + r->in_middle, r->in_tail)) && at == end &&
           text->len != 0 && text->len <= REPEAT_TEXT_MAX;
}

bool chat_repeat_try(struct chat_canon *c, struct view doc, struct buf *out)
{
    const struct chat_repeat *r = &c->repeat;
    size_t at = (size_t)r->in_head + r->in_middle + r->in_tail, n;
    struct view text, pieces[5];

    if (at == 0 || !match(r, doc, &text))
        return false;
    n = text.len;
    pieces[0] = part(r, at, r->out_head);
    pieces[1] = pieces[3] = text;
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
    uint8_t *to = r->bytes;
    const uint8_t *made = p->out->ptr + start;
    const uint8_t *end = p->doc.ptr + p->doc.len, *behind = p->text.ptr + p->text.len;
    size_t len = p->out->len - start, text = p->text.len, last, in_head, in_middle = 0, in_tail;

    r->in_head = r->in_middle = r->in_tail = 0;
    if (p->copies == 0 || p->copies > 2)
        return;
    last = p->text_at[p->copies - 1] - start;
    in_head = (size_t)(p->text.ptr - p->doc.ptr);
    if (p->paddings == 1 && p->padding.ptr > behind)
        in_middle = (size_t)(p->padding.ptr - behind);
    in_tail = (size_t)(end - behind) - in_middle - (in_middle != 0 ? p->padding.len : 0);
    if (in_head + in_middle + in_tail + (len - p->copies * text) > sizeof r->bytes)
        return;
    r->copies = (uint8_t)p->copies;
    r->out_head = (uint16_t)(p->text_at[0] - start);
    r->out_middle = (uint16_t)(last - r->out_head - (p->copies - 1) * text);
    r->out_tail = (uint16_t)(len - last - text);
    memcpy(to, p->doc.ptr, in_head);
    memcpy(to += in_head, behind, in_middle);
    memcpy(to += in_middle, end - in_tail, in_tail);
    memcpy(to += in_tail, made, r->out_head);
    memcpy(to += r->out_head, made + r->out_head + text, r->out_middle);
    memcpy(to += r->out_middle, made + last + text, r->out_tail);
    r->in_head = (uint16_t)in_head;
    r->in_middle = (uint16_t)in_middle;
    r->in_tail = (uint16_t)in_tail;
}
