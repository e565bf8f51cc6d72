/* (G) Events into the items of a Responses answer, and the stream's events about them. */
#include "content_view.h"
#include "replay.h"
#include "responses_internal.h"
#include "responses_state.h"

#include <assert.h>
#include <stdlib.h>

/* --- framing */

void responses_event_begin(struct responses_state *s, struct pen *p, const char *type)
{
    if (p->out == NULL) /* what is not written has no number */
        return;
    pen_text(p, "event: ");
    pen_text(p, type);
    pen_text(p, "\ndata: {\"type\":\"");
    pen_text(p, type);
    pen_text(p, "\",\"sequence_number\":");
    pen_number(p, s->sequence++);
}

void responses_event_end(struct pen *p)
{
    pen_text(p, "}\n\n");
}

void responses_begin_about(struct answer *a, size_t at, const char *type, struct pen *p)
{
    responses_event_begin(responses_state(a), p, type);
    pen_text(p, ",\"item_id\":");
    responses_item_id(a, at, p);
    pen_text(p, ",\"output_index\":");
    pen_number(p, at);
}

void responses_item_event(struct answer *a, size_t at, const char *type, struct pen *p)
{
    responses_event_begin(responses_state(a), p, type);
    pen_text(p, ",\"output_index\":");
    pen_number(p, at);
    pen_text(p, ",\"item\":");
    responses_item_json(a, at, p);
    responses_event_end(p);
}

void responses_end_with_text(const char *member, struct view escaped, struct pen *p)
{
    pen_text(p, member);
    pen_quoted(p, escaped);
    responses_event_end(p);
}

/* --- texts in pieces */

/* Whether it ends with the first half of a surrogate pair, as an escape: 6 bytes. */
static bool ends_in_pair(struct view v)
{
    const uint8_t *u;
    size_t before = 0;

    if (v.len < 6)
        return false;
    u = v.ptr + v.len - 6;
    if (u[0] != '\\' || u[1] != 'u' || (u[2] | 0x20) != 'd' ||
        !((u[3] >= '8' && u[3] <= '9') || (u[3] | 0x20) == 'a' || (u[3] | 0x20) == 'b'))
        return false;
    while (before < v.len - 6 && u[-1 - (ptrdiff_t)before] == '\\')
        before++;
    return before % 2 == 0; /* else the backslash is escaped itself */
}

enum err responses_keep(struct responses_state *s, size_t bytes)
{
    if (bytes > LIMIT_RESPONSE_BYTES - s->kept)
        return ERR_PROVIDER_LARGE;
    s->kept += bytes;
    return ERR_NONE;
}

enum err responses_text_add(struct responses_state *s, struct responses_text *t, struct view piece)
{
    enum err e = responses_keep(s, piece.len);

    return e == ERR_NONE ? buf_append(&t->all, piece) : e;
}

struct view responses_text_next(struct responses_text *t, bool last)
{
    struct view all = buf_view(&t->all), next;

    if (ends_in_pair(all))
        all.len -= 6;
    if (last)
        t->all.len = all.len;
    next = all.len > t->sent ? view_of(all.ptr + t->sent, all.len - t->sent) : VIEW_EMPTY;
    t->sent += next.len;
    return next;
}

/* --- items */

static void item_free(struct responses_item *i)
{
    buf_free(&i->text.all);
    buf_free(&i->refusal.all);
    buf_free(&i->notes);
    buf_free(&i->logprobs);
    details_free(&i->details);
    buf_free(&i->about);
    buf_free(&i->call);
    buf_free(&i->name);
    buf_free(&i->space);
}

void responses_free_items(struct responses_state *s)
{
    for (size_t i = 0; i < s->n_items; i++)
        item_free(&s->item[i]);
    free(s->item);
    s->item = NULL;
    s->n_items = s->max_items = 0;
}

static void item_init(struct responses_item *i, enum responses_kind kind, struct budget *budget)
{
    *i = (struct responses_item){.kind = kind};
    buf_init_charged(&i->text.all, LIMIT_RESPONSE_BYTES, budget);
    buf_init_charged(&i->refusal.all, LIMIT_RESPONSE_BYTES, budget);
    buf_init_charged(&i->notes, 2 * LIMIT_RESPONSE_BYTES, budget);
    buf_init_charged(&i->logprobs, 2 * LIMIT_RESPONSE_BYTES, budget);
    details_init(&i->details, LIMIT_RESPONSE_BYTES, budget);
    buf_init_charged(&i->about, 1024, budget);
    buf_init_charged(&i->call, LIMIT_RESPONSE_BYTES, budget);
    buf_init_charged(&i->name, LIMIT_RESPONSE_BYTES, budget);
    buf_init_charged(&i->space, LIMIT_RESPONSE_BYTES, budget);
}

enum err responses_item_add(struct answer *a, enum responses_kind kind, struct responses_item **out)
{
    struct responses_state *s = responses_state(a);

    if (s->n_items == s->max_items) {
        size_t more = s->max_items == 0 ? 4 : 2 * s->max_items;
        struct responses_item *grown;

        if (s->n_items == RESPONSES_ITEMS_MAX)
            return ERR_PROVIDER_LARGE;
        grown = reallocarray(s->item, more, sizeof *grown);
        if (grown == NULL)
            return ERR_MEMORY;
        s->item = grown;
        s->max_items = more;
    }
    *out = &s->item[s->n_items++];
    item_init(*out, kind, a->budget);
    return ERR_NONE;
}

/* --- the end of an item */

static unsigned content_index(const struct responses_item *i, bool refusal)
{
    return refusal ? i->has_text && !i->refusal_first : i->has_refusal && i->refusal_first;
}

void responses_begin_content(struct answer *a, size_t at, bool refusal, const char *type, struct pen *p)
{
    responses_begin_about(a, at, type, p);
    pen_text(p, ",\"content_index\":");
    pen_number(p, content_index(&responses_state(a)->item[at], refusal));
}

/* What every delta of an item has in front of its number. */
#define DELTA(type)                                                                                \
    VIEW_LIT("event: response." type "\ndata: {\"type\":\"response." type "\",\"sequence_number\":")
static const struct view delta_heads[] = {
    [RESPONSES_MESSAGE] = DELTA("output_text.delta"),
    [RESPONSES_REASONING] = DELTA("reasoning_summary_text.delta"),
    [RESPONSES_FUNCTION] = DELTA("function_call_arguments.delta"),
    [RESPONSES_CUSTOM] = DELTA("custom_tool_call_input.delta"),
};
#undef DELTA

/* And behind it. An answer is mostly deltas, so this is written once for each item. */
static enum err write_about(const struct answer *a, size_t at)
{
    struct responses_item *i = &responses_state(a)->item[at];
    struct pen p = {.out = &i->about};

    pen_text(&p, ",\"item_id\":");
    responses_item_id(a, at, &p);
    pen_text(&p, ",\"output_index\":");
    pen_number(&p, at);
    if (i->kind == RESPONSES_MESSAGE) {
        pen_text(&p, ",\"content_index\":");
        pen_number(&p, content_index(i, false));
        pen_text(&p, ",\"logprobs\":[");
    } else {
        pen_text(&p, i->kind == RESPONSES_REASONING ? ",\"summary_index\":0,\"delta\":\""
                                                    : ",\"delta\":\"");
    }
    return p.e;
}

void responses_delta(struct answer *a, size_t at, struct view next, struct view logprobs, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    struct responses_item *i = &s->item[at];

    if (p->out == NULL)
        return;
    if (i->about.len == 0 && p->e == ERR_NONE)
        p->e = write_about(a, at);
    pen_put(p, delta_heads[i->kind]);
    pen_number(p, s->sequence++);
    pen_put(p, buf_view(&i->about));
    if (i->kind == RESPONSES_MESSAGE) {
        pen_put(p, logprobs);
        pen_put(p, VIEW_LIT("],\"delta\":\""));
    }
    pen_put(p, next);
    pen_put(p, VIEW_LIT("\"}\n\n"));
}

static void part_done(struct answer *a, size_t at, bool refusal, struct pen *p)
{
    const struct responses_item *i = &responses_state(a)->item[at];

    if (refusal) {
        responses_begin_content(a, at, true, "response.refusal.done", p);
        responses_end_with_text(",\"refusal\":", buf_view(&i->refusal.all), p);
    } else {
        responses_begin_content(a, at, false, "response.output_text.done", p);
        pen_text(p, ",\"logprobs\":[");
        pen_put(p, buf_view(&i->logprobs));
        responses_end_with_text("],\"text\":", buf_view(&i->text.all), p);
    }
    responses_begin_content(a, at, refusal, "response.content_part.done", p);
    pen_text(p, ",\"part\":");
    responses_part_json(i, refusal, false, p);
    responses_event_end(p);
}

enum err responses_keep_logprobs(struct responses_state *s, struct responses_item *i)
{
    enum err e = ERR_NONE;

    if (s->logprobs.len == 0)
        return ERR_NONE;
    if (i->logprobs.len != 0)
        e = buf_append_byte(&i->logprobs, ',');
    if (e == ERR_NONE)
        e = buf_append(&i->logprobs, buf_view(&s->logprobs));
    buf_reset(&s->logprobs);
    return e;
}

static enum err message_over(struct answer *a, size_t at, struct pen *p)
{
    struct responses_item *i = &responses_state(a)->item[at];
    enum err e = responses_keep_logprobs(responses_state(a), i);

    (void)responses_text_next(&i->text, true);
    (void)responses_text_next(&i->refusal, true);
    if (i->has_refusal && i->refusal_first)
        part_done(a, at, true, p);
    if (i->has_text)
        part_done(a, at, false, p);
    if (i->has_refusal && !i->refusal_first)
        part_done(a, at, true, p);
    return e;
}

/* Whether an element has the thoughts in clear. */
static bool has_text(struct view details)
{
    struct json_iter it = {.rest = details, .object = false};
    struct json_member m;

    while (json_next(&it, &m))
        if (responses_text(m.value, "text").len != 0 || responses_text(m.value, "summary").len != 0)
            return true;
    return false;
}

static enum err seal(struct answer *a, struct responses_item *i)
{
    struct view all;
    enum err e = details_end(&i->details, &all);

    if (e != ERR_NONE || (all.len == 0 && i->text.all.len == 0))
        return e;
    e = replay_seal(a->model, has_text(all) ? VIEW_EMPTY : buf_view(&i->text.all), all, &i->notes);
    details_free(&i->details);
    return e;
}

static enum err reasoning_over(struct answer *a, size_t at, struct pen *p)
{
    struct responses_item *i = &responses_state(a)->item[at];

    (void)responses_text_next(&i->text, true);
    if (i->has_text) {
        responses_begin_about(a, at, "response.reasoning_summary_text.done", p);
        pen_text(p, ",\"summary_index\":0");
        responses_end_with_text(",\"text\":", buf_view(&i->text.all), p);
        responses_begin_about(a, at, "response.reasoning_summary_part.done", p);
        pen_text(p, ",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":");
        pen_quoted(p, buf_view(&i->text.all));
        pen_text(p, "}");
        responses_event_end(p);
    }
    return seal(a, i);
}

/* A function's arguments of which there are none are an empty object; clients parse them. */
static enum err function_over(struct answer *a, size_t at, bool cut, struct pen *p)
{
    struct responses_item *i = &responses_state(a)->item[at];
    enum err e = ERR_NONE;

    if (i->text.all.len == 0 && !cut) {
        e = responses_text_add(responses_state(a), &i->text, VIEW_LIT("{}"));
        if (e == ERR_NONE)
            responses_delta(a, at, responses_text_next(&i->text, true), VIEW_EMPTY, p);
    }
    responses_begin_about(a, at, "response.function_call_arguments.done", p);
    pen_text(p, ",\"name\":");
    pen_quoted(p, buf_view(&i->name));
    responses_end_with_text(",\"arguments\":", buf_view(&i->text.all), p);
    return e;
}

/* {"input":"..."}, as a JSON string has it, into what stands between the quotes of the inner one. Text that is
 * no such object stays as it is: a model that answers so has written the input itself. */
static enum err unwrap(struct responses_item *i)
{
    struct json_value root, input;
    struct buf quoted, plain;
    enum err e;

    buf_init_charged(&quoted, LIMIT_RESPONSE_BYTES + 2, i->text.all.budget);
    buf_init_charged(&plain, LIMIT_RESPONSE_BYTES, i->text.all.budget);
    e = buf_append_byte(&quoted, '"');
    if (e == ERR_NONE)
        e = buf_append(&quoted, buf_view(&i->text.all));
    if (e == ERR_NONE)
        e = buf_append_byte(&quoted, '"');
    if (e == ERR_NONE)
        e = json_string_decode((struct json_value){JSON_STRING, buf_view(&quoted)}, &plain);
    if (e == ERR_NONE)
        e = json_check(buf_view(&plain), &root, NULL);
    if (e == ERR_NONE && json_get(root, "input", &input) && input.kind == JSON_STRING) {
        buf_reset(&i->text.all);
        e = buf_append(&i->text.all, view_of(input.text.ptr + 1, input.text.len - 2));
    } else if (e == ERR_FORMAT || e == ERR_SHORT || e == ERR_LIMIT) {
        e = ERR_NONE;
    }
    buf_free(&quoted);
    buf_free(&plain);
    return e;
}

static enum err custom_over(struct answer *a, size_t at, struct pen *p)
{
    struct responses_item *i = &responses_state(a)->item[at];
    enum err e = i->wrapped ? unwrap(i) : ERR_NONE;
    struct view rest = responses_text_next(&i->text, true);

    if (rest.len != 0)
        responses_delta(a, at, rest, VIEW_EMPTY, p);
    responses_begin_about(a, at, "response.custom_tool_call_input.done", p);
    responses_end_with_text(",\"input\":", buf_view(&i->text.all), p);
    return e;
}

enum err responses_item_over(struct answer *a, size_t at, bool cut, struct pen *p)
{
    struct responses_item *i = &responses_state(a)->item[at];
    enum err e = ERR_NONE;

    assert(!i->over);
    i->cut = cut;
    switch (i->kind) {
    case RESPONSES_MESSAGE:
        e = message_over(a, at, p);
        break;
    case RESPONSES_REASONING:
        e = reasoning_over(a, at, p);
        break;
    case RESPONSES_FUNCTION:
        e = function_over(a, at, cut, p);
        break;
    case RESPONSES_CUSTOM:
        e = custom_over(a, at, p);
        break;
    case RESPONSES_IMAGE:
        break;
    }
    i->over = true;
    responses_item_event(a, at, "response.output_item.done", p);
    return e;
}

enum err responses_others_over(struct answer *a, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    enum err e = ERR_NONE;

    for (size_t at = 0; e == ERR_NONE && at < s->n_items; at++) {
        struct responses_item *i = &s->item[at];

        if (!i->over && (!responses_is_call(i) || arguments_over(&i->arguments)))
            e = responses_item_over(a, at, false, p);
    }
    return e;
}

enum err responses_finish(struct answer *a, bool cut, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    enum err e = ERR_NONE;

    for (size_t at = 0; e == ERR_NONE && at < s->n_items; at++)
        if (!s->item[at].over)
            e = responses_item_over(a, at, cut, p);
    return e;
}

