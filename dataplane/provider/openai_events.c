/* (G) Canonical chunks and completions as neutral events. */
#include "openai_events.h"

#include "chat_parts.h"
#include "content_view.h"
#include "json_string.h"

#include <assert.h>

/* One answer's walk. The first error sticks; later calls do nothing. */
struct walk {
    struct openai_events *s;
    const struct event_sink *sink;
    bool whole;
    uint16_t choice;
    enum err e;
    unsigned events;   /* handed over */
    struct event last; /* of them */
    struct view again; /* the text of the last one once more, in the same chunk; empty: it is there once */
};

/* A delta or message, found in one pass. Text empty: absent. */
struct said {
    struct json_value reasoning, reasoning_content, details, content, refusal, calls, annotations,
        images, audio;
};

static void give(struct walk *w, struct event e)
{
    e.choice = w->choice;
    w->events++;
    w->last = e;
    if (w->e == ERR_NONE)
        w->e = w->sink->take(w->sink->cookie, &e);
}

static void give_text(struct walk *w, enum event_kind kind, struct json_value v)
{
    if (is_text(v))
        give(w, (struct event){.kind = kind, .text = inner(v)});
}

static void give_json(struct walk *w, enum event_kind kind, struct json_value v)
{
    if (chat_says_something(v))
        give(w, (struct event){.kind = kind, .json = v.text});
}

static void give_each(struct walk *w, enum event_kind kind, struct json_value list)
{
    struct json_iter it = json_iter(list);
    struct json_member m;

    while (list.kind == JSON_ARRAY && json_next(&it, &m))
        give_json(w, kind, m.value);
}

/* Some providers say what the model thought in the details alone. */
static void give_detail(struct walk *w, struct json_value detail, bool with_text)
{
    struct json_value v;

    if (with_text && (json_get(detail, "text", &v) || json_get(detail, "summary", &v)))
        give_text(w, EVENT_REASONING, v);
    give_json(w, EVENT_DETAIL, detail);
}

static void give_reasoning(struct walk *w, const struct said *d)
{
    struct json_value text = is_text(d->reasoning) ? d->reasoning : d->reasoning_content;
    struct json_iter it = json_iter(d->details);
    struct json_member m;

    give_text(w, EVENT_REASONING, text);
    if (is_text(d->reasoning) && is_text(d->reasoning_content))
        w->again = inner(d->reasoning_content);
    while (d->details.kind == JSON_ARRAY && json_next(&it, &m))
        give_detail(w, m.value, !is_text(text));
}

/* --- calls --- */

/* One call of a chunk or a completion. Text empty: absent. */
struct call {
    uint32_t no;
    bool custom;
    struct json_value id, name, input;
};

/* Some providers send an empty "custom" beside the function. */
static bool call_is_custom(struct json_value v)
{
    struct json_value custom, function;

    return json_get(v, "custom", &custom) && custom.kind == JSON_OBJECT &&
           (chat_says_something(custom) || !json_get(v, "function", &function));
}

static struct call call_read(struct json_value v, uint32_t position)
{
    struct call c = {.no = position, .custom = call_is_custom(v)};
    struct json_value index, body;
    uint64_t n;

    if (json_get(v, "index", &index) && json_u64(index, &n) == ERR_NONE && n <= UINT32_MAX)
        c.no = (uint32_t)n;
    (void)json_get(v, "id", &c.id);
    if (!json_get(v, c.custom ? "custom" : "function", &body))
        return c;
    (void)json_get(body, "name", &c.name);
    (void)json_get(body, c.custom ? "input" : "arguments", &c.input);
    return c;
}

static struct view text_of(struct json_value v)
{
    return is_text(v) ? inner(v) : VIEW_EMPTY;
}

static void begin(struct walk *w, const struct call *c)
{
    give(w, (struct event){.kind = EVENT_TOOL_BEGIN, .tool = c->no, .custom = c->custom,
                           .id = text_of(c->id), .name = text_of(c->name)});
}

/* The call that is held begins, with the name that its next delta has or without one. */
static void release(struct walk *w, struct view name)
{
    struct openai_events *s = w->s;
    uint16_t choice = w->choice;

    if (!s->held)
        return;
    s->held = false;
    w->choice = s->held_choice;
    give(w, (struct event){.kind = EVENT_TOOL_BEGIN, .tool = s->held_tool, .custom = s->held_custom,
                           .id = view_of(s->held_id, s->held_len), .name = name});
    w->choice = choice;
}

static void hold(struct openai_events *s, uint16_t choice, const struct call *c)
{
    struct view id = inner(c->id);

    assert(id.len <= sizeof s->held_id);
    s->held = true;
    s->held_custom = c->custom;
    s->held_choice = choice;
    s->held_tool = c->no;
    s->held_len = (uint8_t)id.len;
    memcpy(s->held_id, id.ptr, id.len);
}

/* Canonical chunks have an id in the first delta of a call only; its name may come in a later one. */
static void call_begins(struct walk *w, const struct call *c)
{
    bool same = w->s != NULL && w->s->held && w->s->held_choice == w->choice &&
                w->s->held_tool == c->no;

    if (w->s != NULL && (!same || is_text(c->name) || is_text(c->input)))
        release(w, same ? text_of(c->name) : VIEW_EMPTY);
    if (!is_text(c->id))
        return;
    if (w->s != NULL && !is_text(c->name) && !is_text(c->input) &&
        inner(c->id).len <= sizeof w->s->held_id)
        hold(w->s, w->choice, c);
    else
        begin(w, c);
}

static void give_calls(struct walk *w, struct json_value list)
{
    struct json_iter it = json_iter(list);
    struct json_member m;

    for (uint32_t position = 0; list.kind == JSON_ARRAY && json_next(&it, &m); position++) {
        struct call c = call_read(m.value, position);

        call_begins(w, &c);
        if (is_text(c.input))
            give(w, (struct event){.kind = EVENT_TOOL_ARGS, .tool = c.no, .custom = c.custom,
                                   .text = inner(c.input)});
    }
}

/* --- choices --- */

static struct said said_read(struct json_value v)
{
    struct said d = {.content = {JSON_NULL, VIEW_EMPTY}};
    struct json_iter it = json_iter(v);
    struct json_member m;

    while (v.kind == JSON_OBJECT && json_next(&it, &m)) {
        if (KEY_IS(m, "content"))
            d.content = m.value;
        else if (KEY_IS(m, "reasoning"))
            d.reasoning = m.value;
        else if (KEY_IS(m, "reasoning_content"))
            d.reasoning_content = m.value;
        else if (KEY_IS(m, "reasoning_details"))
            d.details = m.value;
        else if (KEY_IS(m, "tool_calls"))
            d.calls = m.value;
        else if (KEY_IS(m, "refusal"))
            d.refusal = m.value;
        else if (KEY_IS(m, "annotations"))
            d.annotations = m.value;
        else if (KEY_IS(m, "images"))
            d.images = m.value;
        else if (KEY_IS(m, "audio"))
            d.audio = m.value;
    }
    return d;
}

/* The canonical words are few. FINISH_NONE: not over yet. */
static enum usage_finish finish_read(struct json_value v)
{
    if (json_string_is(v, "function_call"))
        return FINISH_TOOL_CALLS;
    for (int f = FINISH_STOP; f < FINISH_COUNT; f++)
        if (json_string_is(v, usage_finish_name((enum usage_finish)f)))
            return (enum usage_finish)f;
    return FINISH_NONE;
}

/* Some providers repeat the last choice, finish reason and all, beside the figures. */
static void give_finish(struct walk *w, struct json_value v, struct json_value sequence)
{
    enum usage_finish finish = finish_read(v);
    uint32_t bit = UINT32_C(1) << (w->choice % 32);

    if (finish == FINISH_NONE)
        return;
    if (w->s != NULL) {
        release(w, VIEW_EMPTY);
        if ((w->s->finished[w->choice / 32] & bit) != 0)
            return;
        w->s->finished[w->choice / 32] |= bit;
    }
    give(w, (struct event){.kind = EVENT_FINISH, .finish = finish, .text = text_of(sequence)});
}

static void give_choice(struct walk *w, struct json_value choice)
{
    struct json_iter it = json_iter(choice);
    struct json_value logprobs = {JSON_NULL, VIEW_EMPTY}, finish = logprobs, delta = logprobs, sequence = logprobs;
    struct json_member m;
    struct said d;
    uint64_t index = 0;

    while (json_next(&it, &m)) {
        if (KEY_IS(m, "index"))
            (void)(json_u64(m.value, &index) == ERR_NONE);
        else if (key_is(m.key, w->whole ? VIEW_LIT("message") : VIEW_LIT("delta")))
            delta = m.value;
        else if (KEY_IS(m, "logprobs"))
            logprobs = m.value;
        else if (KEY_IS(m, "finish_reason"))
            finish = m.value;
        else if (KEY_IS(m, "stop_sequence")) /* of providers in Anthropic's dialect */
            sequence = m.value;
    }
    assert(index < CHAT_CHOICES_MAX); /* chat_canon has refused others */
    w->choice = (uint16_t)index;
    d = said_read(delta);
    give_reasoning(w, &d);
    give_json(w, EVENT_LOGPROBS, logprobs);
    give_text(w, EVENT_TEXT, d.content);
    give_each(w, EVENT_ANNOTATION, d.annotations);
    give_text(w, EVENT_REFUSAL, d.refusal);
    give_calls(w, d.calls);
    give_each(w, EVENT_IMAGE, d.images);
    give_json(w, EVENT_AUDIO, d.audio);
    give_finish(w, finish, sequence);
}

static void walk(struct walk *w, struct view canonical)
{
    struct json_value choices;
    struct json_iter it;
    struct json_member m;

    if (!json_get((struct json_value){JSON_OBJECT, canonical}, "choices", &choices))
        return;
    it = json_iter(choices);
    while (choices.kind == JSON_ARRAY && w->e == ERR_NONE && json_next(&it, &m))
        give_choice(w, m.value);
}

/* --- the short way --- */

/* The text of a chunk that differs from the one learnt in its text alone. */
static bool repeat_match(const struct openai_repeat *r, struct view doc, struct view *text)
{
    size_t around = (size_t)r->head + r->middle + r->tail, at = r->head;
    const uint8_t *end = doc.ptr + at;

    if (around == 0 || doc.len <= around || memcmp(doc.ptr, r->bytes, at) != 0 ||
        json_string_scan(&end, doc.ptr + doc.len) != ERR_NONE)
        return false;
    *text = view_of(doc.ptr + at, (size_t)(end - 1 - doc.ptr) - at);
    if (text->len == 0 || doc.len != around + r->copies * text->len)
        return false;
    at += text->len;
    if (r->copies == 2) {
        if (memcmp(doc.ptr + at, r->bytes + r->head, r->middle) != 0)
            return false;
        at += r->middle;
        if (memcmp(doc.ptr + at, text->ptr, text->len) != 0)
            return false;
        at += text->len;
    }
    return memcmp(doc.ptr + at, r->bytes + r->head + r->middle, r->tail) == 0;
}

static bool may_repeat(enum event_kind kind)
{
    return kind == EVENT_TEXT || kind == EVENT_REASONING || kind == EVENT_TOOL_ARGS;
}

/* Learn from a chunk that was one event, a text. */
static void repeat_learn(struct openai_repeat *r, const struct walk *w, struct view doc)
{
    struct view first = w->last.text, second = w->again;
    size_t head, middle = 0, tail;

    r->head = r->middle = r->tail = 0;
    if (w->events != 1 || !may_repeat(w->last.kind) ||
        (second.len != 0 && !view_eq(first, second)))
        return;
    if (second.len != 0 && second.ptr < first.ptr) {
        first = second;
        second = w->last.text;
    }
    head = (size_t)(first.ptr - doc.ptr);
    tail = doc.len - head - first.len;
    if (second.len != 0) {
        middle = (size_t)(second.ptr - first.ptr) - first.len;
        tail -= middle + second.len;
    }
    if (head + middle + tail > sizeof r->bytes)
        return;
    memcpy(r->bytes, doc.ptr, head);
    memcpy(r->bytes + head, first.ptr + first.len, middle);
    memcpy(r->bytes + head + middle, doc.ptr + doc.len - tail, tail);
    r->head = (uint16_t)head;
    r->middle = (uint16_t)middle;
    r->tail = (uint16_t)tail;
    r->copies = second.len != 0 ? 2 : 1;
    r->choice = w->last.choice;
    r->tool = w->last.tool;
    r->custom = w->last.custom;
    r->kind = w->last.kind;
}

enum err openai_events_chunk(struct openai_events *s, struct view canonical,
                             const struct event_sink *sink)
{
    struct walk w = {.s = s, .sink = sink};
    struct view text;

    if (repeat_match(&s->repeat, canonical, &text)) {
        const struct event e = {.kind = s->repeat.kind, .choice = s->repeat.choice, .tool = s->repeat.tool,
                                .custom = s->repeat.custom, .text = text};

        return sink->take(sink->cookie, &e);
    }
    walk(&w, canonical);
    repeat_learn(&s->repeat, &w, canonical);
    return w.e;
}

enum err openai_events_whole(struct view canonical, const struct event_sink *sink)
{
    struct walk w = {.sink = sink, .whole = true};

    walk(&w, canonical);
    return w.e;
}
