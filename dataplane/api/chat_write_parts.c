/* (G) What the events of an answer are in a chat completion: a delta's members, or a message's. */
#include "chat_write_internal.h"

#include "content_view.h"

/* --- a stream */

/* "name":"text" */
static void put_text(struct pen *p, const char *name, struct view escaped)
{
    pen_text(p, "\"");
    pen_text(p, name);
    pen_text(p, "\":");
    pen_quoted(p, escaped);
}

/* "name":[value] */
static void put_list(struct pen *p, const char *name, struct view json)
{
    pen_text(p, "\"");
    pen_text(p, name);
    pen_text(p, "\":[");
    pen_json(p, json);
    pen_text(p, "]");
}

/* A call's members up to its input. */
static void put_call(struct pen *p, const struct event *e)
{
    put_text(p, "id", e->id);
    pen_text(p, e->custom ? ",\"type\":\"custom\",\"custom\":{" : ",\"type\":\"function\",\"function\":{");
    put_text(p, "name", e->name);
    pen_text(p, e->custom ? ",\"input\":\"" : ",\"arguments\":\"");
}

static void put_call_begin(struct pen *p, const struct event *e, bool functions)
{
    if (functions) {
        pen_text(p, "\"function_call\":{");
        put_text(p, "name", e->name);
        pen_text(p, ",\"arguments\":\"\"}");
        return;
    }
    pen_text(p, "\"tool_calls\":[{\"index\":");
    pen_number(p, e->tool);
    pen_text(p, ",");
    put_call(p, e);
    pen_text(p, "\"}}]");
}

static void put_call_more(struct pen *p, const struct event *e, bool functions)
{
    if (functions) {
        pen_text(p, "\"function_call\":{");
        put_text(p, "arguments", e->text);
        pen_text(p, "}");
        return;
    }
    pen_text(p, "\"tool_calls\":[{\"index\":");
    pen_number(p, e->tool);
    pen_text(p, e->custom ? ",\"custom\":{" : ",\"function\":{");
    put_text(p, e->custom ? "input" : "arguments", e->text);
    pen_text(p, "}}]");
}

static void put_delta(struct pen *p, const struct event *e, bool functions)
{
    switch (e->kind) {
    case EVENT_TEXT:
        put_text(p, "content", e->text);
        break;
    case EVENT_REASONING: /* clients know either name */
        put_text(p, "reasoning", e->text);
        pen_text(p, ",");
        put_text(p, "reasoning_content", e->text);
        break;
    case EVENT_REFUSAL:
        put_text(p, "refusal", e->text);
        break;
    case EVENT_DETAIL:
        put_list(p, "reasoning_details", e->json);
        break;
    case EVENT_ANNOTATION:
        put_list(p, "annotations", e->json);
        break;
    case EVENT_IMAGE:
        put_list(p, "images", e->json);
        break;
    case EVENT_AUDIO:
        pen_text(p, "\"audio\":");
        pen_json(p, e->json);
        break;
    case EVENT_TOOL_BEGIN:
        put_call_begin(p, e, functions);
        break;
    case EVENT_TOOL_ARGS:
        put_call_more(p, e, functions);
        break;
    case EVENT_LOGPROBS:
    case EVENT_FINISH:
        break; /* no part of a delta */
    }
}

void chat_written_chunk(struct answer *a, const struct event *e, struct pen *p)
{
    const struct chat_writing *w = a->state;

    if (w->functions && (e->kind == EVENT_TOOL_BEGIN || e->kind == EVENT_TOOL_ARGS) && e->tool != 0)
        return; /* there is a place for one */
    chat_written_open(a, p);
    put_delta(p, e, w->functions);
    chat_written_shut(a, p);
}

/* --- a whole answer */

static enum err add(struct buf *b, struct view json)
{
    enum err e = b->len == 0 ? ERR_NONE : buf_append_byte(b, ',');

    return e == ERR_NONE ? buf_append(b, json) : e;
}

static void end_call(struct pen *p, const struct chat_writing *w)
{
    if (w->calls != 0)
        pen_text(p, w->functions ? "\"}" : "\"}}");
}

static enum err keep_call(struct chat_writing *w, const struct event *e)
{
    struct pen p = {.out = &w->part[CHAT_WRITTEN_CALLS]};

    if (w->functions && w->calls != 0)
        return ERR_NONE;
    end_call(&p, w);
    pen_text(&p, w->calls++ != 0 ? ",{" : "{");
    if (!w->functions) {
        put_call(&p, e);
        return p.e;
    }
    put_text(&p, "name", e->name);
    pen_text(&p, ",\"arguments\":\"");
    return p.e;
}

enum err chat_written_keep(struct chat_writing *w, const struct event *e)
{
    struct buf *part = w->part;

    switch (e->kind) {
    case EVENT_TEXT:
        return buf_append(&part[CHAT_WRITTEN_TEXT], e->text);
    case EVENT_REASONING:
        return buf_append(&part[CHAT_WRITTEN_REASONING], e->text);
    case EVENT_REFUSAL:
        return buf_append(&part[CHAT_WRITTEN_REFUSAL], e->text);
    case EVENT_DETAIL:
        return add(&part[CHAT_WRITTEN_DETAILS], e->json);
    case EVENT_ANNOTATION:
        return add(&part[CHAT_WRITTEN_ANNOTATIONS], e->json);
    case EVENT_IMAGE:
        return add(&part[CHAT_WRITTEN_IMAGES], e->json);
    case EVENT_AUDIO:
        buf_reset(&part[CHAT_WRITTEN_AUDIO]);
        return buf_append(&part[CHAT_WRITTEN_AUDIO], e->json);
    case EVENT_LOGPROBS:
        buf_reset(&part[CHAT_WRITTEN_LOGPROBS]);
        return buf_append(&part[CHAT_WRITTEN_LOGPROBS], e->json);
    case EVENT_TOOL_BEGIN:
        return keep_call(w, e);
    case EVENT_TOOL_ARGS: /* a whole answer's calls stand one behind the other */
        return e->tool + 1 == w->calls ? buf_append(&part[CHAT_WRITTEN_CALLS], e->text) : ERR_NONE;
    case EVENT_FINISH:
        break;
    }
    return ERR_NONE;
}

/* ,"name": and the value between the two, unless it is empty. */
static void put_kept(struct pen *p, const struct buf *b, const char *before, const char *after)
{
    if (b->len == 0)
        return;
    pen_text(p, before);
    pen_json(p, buf_view(b));
    pen_text(p, after);
}

static void put_nullable(struct pen *p, const struct buf *b)
{
    if (b->len != 0)
        pen_quoted(p, buf_view(b));
    else
        pen_text(p, "null");
}

void chat_written_message(struct chat_writing *w, struct pen *p)
{
    const struct buf *part = w->part;
    struct pen calls = {.out = &w->part[CHAT_WRITTEN_CALLS]};

    end_call(&calls, w);
    if (p->e == ERR_NONE)
        p->e = calls.e;
    pen_text(p, "{\"role\":\"assistant\",\"content\":");
    put_nullable(p, &part[CHAT_WRITTEN_TEXT]);
    pen_text(p, ",\"refusal\":");
    put_nullable(p, &part[CHAT_WRITTEN_REFUSAL]);
    put_kept(p, &part[CHAT_WRITTEN_REASONING], ",\"reasoning\":\"", "\"");
    put_kept(p, &part[CHAT_WRITTEN_REASONING], ",\"reasoning_content\":\"", "\"");
    put_kept(p, &part[CHAT_WRITTEN_DETAILS], ",\"reasoning_details\":[", "]");
    put_kept(p, &part[CHAT_WRITTEN_ANNOTATIONS], ",\"annotations\":[", "]");
    put_kept(p, &part[CHAT_WRITTEN_IMAGES], ",\"images\":[", "]");
    put_kept(p, &part[CHAT_WRITTEN_AUDIO], ",\"audio\":", "");
    if (w->functions)
        put_kept(p, &part[CHAT_WRITTEN_CALLS], ",\"function_call\":", "");
    else
        put_kept(p, &part[CHAT_WRITTEN_CALLS], ",\"tool_calls\":[", "]");
    pen_text(p, "}");
}
