/* (G) Events of an answer into its items, and what a stream says of each. */
#include "content_view.h"
#include "responses_internal.h"
#include "responses_state.h"

/* The open item of this kind, which is the last one; else a new one. */
static enum err item_of(struct answer *a, enum responses_kind kind, size_t *at, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    struct responses_item *i;
    enum err e;

    *at = s->n_items - 1;
    if (s->n_items != 0 && s->item[*at].kind == kind && !s->item[*at].over)
        return ERR_NONE;
    e = responses_others_over(a, p);
    if (e == ERR_NONE)
        e = responses_item_add(a, kind, &i);
    *at = s->n_items - 1;
    if (e == ERR_NONE)
        responses_item_event(a, *at, "response.output_item.added", p);
    return e;
}

/* The part of the message that the text belongs to is there. */
static void need_part(struct answer *a, size_t at, bool refusal, struct pen *p)
{
    struct responses_item *i = &responses_state(a)->item[at];

    if (refusal ? i->has_refusal : i->has_text)
        return;
    if (refusal) {
        i->has_refusal = true;
        i->refusal_first = !i->has_text;
    } else {
        i->has_text = true;
    }
    responses_begin_content(a, at, refusal, "response.content_part.added", p);
    pen_text(p, ",\"part\":");
    responses_part_json(i, refusal, true, p);
    responses_event_end(p);
}

static enum err take_text(struct answer *a, const struct event *e, bool refusal, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    struct responses_text *text;
    struct view next;
    size_t at;
    enum err err = item_of(a, RESPONSES_MESSAGE, &at, p);

    if (err != ERR_NONE)
        return err;
    need_part(a, at, refusal, p);
    text = refusal ? &s->item[at].refusal : &s->item[at].text;
    err = responses_text_add(s, text, e->text);
    next = responses_text_next(text, false);
    if (err != ERR_NONE || next.len == 0)
        return err;
    if (!refusal) {
        responses_delta(a, at, next, buf_view(&s->logprobs), p);
        return responses_keep_logprobs(s, &s->item[at]);
    }
    responses_begin_content(a, at, true, "response.refusal.delta", p);
    responses_end_with_text(",\"delta\":", next, p);
    return ERR_NONE;
}

static enum err take_reasoning(struct answer *a, const struct event *e, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    struct responses_item *i;
    struct view next;
    size_t at;
    enum err err = item_of(a, RESPONSES_REASONING, &at, p);

    if (err != ERR_NONE)
        return err;
    i = &s->item[at];
    if (!i->has_text) {
        i->has_text = true;
        responses_begin_about(a, at, "response.reasoning_summary_part.added", p);
        pen_text(p, ",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}");
        responses_event_end(p);
    }
    err = responses_text_add(s, &i->text, e->text);
    next = responses_text_next(&i->text, false);
    if (err != ERR_NONE || next.len == 0)
        return err;
    responses_delta(a, at, next, VIEW_EMPTY, p);
    return ERR_NONE;
}

/* An element that some providers send beside every piece of text. */
static bool says_nothing(struct json_value detail)
{
    return responses_text(detail, "text").len == 0 && responses_text(detail, "summary").len == 0 &&
           responses_text(detail, "data").len == 0 && responses_text(detail, "signature").len == 0;
}

static enum err take_detail(struct answer *a, const struct event *e, struct pen *p)
{
    size_t at;
    enum err err;

    if (says_nothing((struct json_value){JSON_OBJECT, e->json}))
        return ERR_NONE;
    err = item_of(a, RESPONSES_REASONING, &at, p);
    return err == ERR_NONE ? details_add(&responses_state(a)->item[at].details, e->json) : err;
}

/* The name by which the client knows the tool. */
static enum err name_call(struct responses_state *s, struct responses_item *i, const struct event *e)
{
    struct json_value tool, type;
    struct view space = VIEW_EMPTY, name = e->name;
    enum err err;

    if (s->names.len != 0 &&
        responses_name_find((struct json_value){JSON_ARRAY, buf_view(&s->names)}, name, &space, &tool)) {
        name = responses_text(tool, "name");
        if (json_get(tool, "type", &type) && json_string_is(type, "custom") && !e->custom) {
            i->kind = RESPONSES_CUSTOM;
            i->wrapped = true;
        }
    }
    err = buf_append(&i->name, name);
    if (err == ERR_NONE)
        err = buf_append(&i->space, space);
    return err == ERR_NONE ? buf_append(&i->call, e->id) : err;
}

static enum err take_call(struct answer *a, const struct event *e, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    struct responses_item *i = NULL;
    enum err err = responses_others_over(a, p);

    if (err == ERR_NONE)
        err = responses_item_add(a, e->custom ? RESPONSES_CUSTOM : RESPONSES_FUNCTION, &i);
    if (err != ERR_NONE)
        return err;
    i->tool = e->tool;
    err = name_call(s, i, e);
    if (err == ERR_NONE)
        responses_item_event(a, s->n_items - 1, "response.output_item.added", p);
    return err;
}

/* More of a call's arguments. What follows behind whole ones says nothing. */
static enum err take_arguments(struct answer *a, const struct event *e, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    struct responses_item *i = NULL;
    struct view next;
    size_t at = s->n_items;
    enum err err;

    while (at-- != 0) {
        i = &s->item[at];
        if (responses_is_call(i) && i->tool == e->tool)
            break;
    }
    if (at == SIZE_MAX || i->over)
        return ERR_NONE;
    err = responses_text_add(s, &i->text, e->text);
    if (err != ERR_NONE)
        return err;
    if (i->kind == RESPONSES_FUNCTION || i->wrapped)
        arguments_take(&i->arguments, e->text);
    if (i->wrapped)
        return ERR_NONE; /* its input is sent when it is whole */
    next = responses_text_next(&i->text, false);
    if (next.len != 0)
        responses_delta(a, at, next, VIEW_EMPTY, p);
    return ERR_NONE;
}

/* An annotation belongs to the text before it. */
static enum err take_annotation(struct answer *a, const struct event *e, struct pen *p)
{
    struct responses_state *s = responses_state(a);
    struct responses_item *i = s->n_items == 0 ? NULL : &s->item[s->n_items - 1];
    size_t mark;
    struct pen note;

    if (i == NULL || i->over || i->kind != RESPONSES_MESSAGE || !i->has_text)
        return ERR_NONE;
    note = (struct pen){.out = &i->notes};
    mark = i->notes.len;
    if (mark != 0)
        pen_text(&note, ",");
    if (!responses_annotation_json((struct json_value){JSON_OBJECT, e->json}, &note)) {
        i->notes.len = mark;
        return note.e;
    }
    responses_begin_content(a, s->n_items - 1, false, "response.output_text.annotation.added", p);
    pen_text(p, ",\"annotation_index\":");
    pen_number(p, i->n_notes++);
    pen_text(p, ",\"annotation\":");
    pen_put(p, view_from(buf_view(&i->notes), mark == 0 ? 0 : mark + 1));
    responses_event_end(p);
    return note.e;
}

/* They go with the next delta. */
static enum err take_logprobs(struct answer *a, const struct event *e)
{
    struct responses_state *s = responses_state(a);
    struct json_value tokens;
    struct pen p = {.out = &s->logprobs};

    if (!json_get((struct json_value){JSON_OBJECT, e->json}, "content", &tokens) ||
        tokens.kind != JSON_ARRAY)
        return ERR_NONE;
    if (s->logprobs.len != 0)
        pen_text(&p, ",");
    responses_logprobs_json(tokens, &p);
    return p.e;
}

/* An image in a data URL is what OpenAI's image tool gives; one by URL has no place in Responses. */
static enum err take_image(struct answer *a, const struct event *e, struct pen *p)
{
    static const char mark[] = ";base64,";
    struct json_value holder;
    struct view url = VIEW_EMPTY;
    const uint8_t *data;
    size_t at;
    enum err err;

    if (json_get((struct json_value){JSON_OBJECT, e->json}, "image_url", &holder))
        url = responses_text(holder, "url");
    data = url.len == 0 ? NULL : memmem(url.ptr, url.len, mark, sizeof mark - 1);
    if (data == NULL)
        return ERR_NONE;
    data += sizeof mark - 1;
    err = item_of(a, RESPONSES_IMAGE, &at, p);
    if (err == ERR_NONE)
        err = responses_text_add(responses_state(a), &responses_state(a)->item[at].text,
                       view_of(data, (size_t)(url.ptr + url.len - data)));
    return err == ERR_NONE ? responses_item_over(a, at, false, p) : err;
}

static enum err take_finish(struct answer *a, const struct event *e, struct pen *p)
{
    responses_state(a)->finish = e->finish;
    return responses_finish(a, e->finish == FINISH_LENGTH || e->finish == FINISH_CONTENT_FILTER, p);
}

enum err responses_take(struct answer *a, const struct event *e, struct pen *p)
{
    const bool hide = responses_state(a)->hide;
    /* Kept beside the texts; the data of an image counts as one. */
    bool media = e->kind == EVENT_IMAGE || e->kind == EVENT_AUDIO;
    enum err err = responses_keep(responses_state(a),
                                  media ? 0 : e->json.len + e->id.len + e->name.len);

    if (err != ERR_NONE)
        return err;
    switch (e->kind) {
    case EVENT_TEXT:
        return e->text.len == 0 ? ERR_NONE : take_text(a, e, false, p);
    case EVENT_REFUSAL:
        return e->text.len == 0 ? ERR_NONE : take_text(a, e, true, p);
    case EVENT_REASONING:
        return hide || e->text.len == 0 ? ERR_NONE : take_reasoning(a, e, p);
    case EVENT_DETAIL:
        return hide ? ERR_NONE : take_detail(a, e, p);
    case EVENT_TOOL_BEGIN:
        return take_call(a, e, p);
    case EVENT_TOOL_ARGS:
        return take_arguments(a, e, p);
    case EVENT_ANNOTATION:
        return take_annotation(a, e, p);
    case EVENT_LOGPROBS:
        return take_logprobs(a, e);
    case EVENT_IMAGE:
        return take_image(a, e, p);
    case EVENT_AUDIO: /* no request of this dialect can ask for it */
        return ERR_NONE;
    case EVENT_FINISH:
        return take_finish(a, e, p);
    }
    return ERR_NONE;
}
