/* (G) The conversation of a neutral prompt as contents: roles user and model in turn. All results of a turn of the model's
 * stand in the user's content right behind it, in the order of its calls, one for each. */
#include "gemini_render_internal.h"

#include "call_pairs.h"
#include "content_view.h"

#include <assert.h>
#include <stdlib.h>

enum side { SIDE_NONE, SIDE_USER, SIDE_MODEL };

struct walk {
    struct gemini_body *g;
    const struct prompt_item *item;
    size_t n;
    uint32_t *partner; /* call_pairs() */
    enum side side;    /* whose content is open */
    bool any;          /* a content has been written */
    bool parts;        /* the open one has a part */
};

static bool is_begin(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE || i->kind == ITEM_RESULT;
}

static bool is_model(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE && i->role == ROLE_ASSISTANT;
}

static bool is_system(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE && (i->role == ROLE_SYSTEM || i->role == ROLE_DEVELOPER);
}

static bool has_text(const struct prompt_item *i)
{
    return (i->kind == ITEM_TEXT || i->kind == ITEM_REFUSAL) && i->text.bytes.len != 0;
}

/* The item behind the parts of the one at `at`. */
static size_t parts_end(const struct walk *w, size_t at)
{
    for (at++; at < w->n && !is_begin(&w->item[at]);)
        at++;
    return at;
}

/* A part of this side comes next: one content holds all that one side says in a row. */
static void begin_part(struct walk *w, enum side side)
{
    if (w->side != side) {
        if (w->side != SIDE_NONE)
            GEMINI_PUT(w->g, "]}");
        body_put(&w->g->b, w->any ? VIEW_LIT(",{\"role\":\"") : VIEW_LIT("{\"role\":\""));
        body_put(&w->g->b, side == SIDE_USER ? VIEW_LIT("user\",\"parts\":[") : VIEW_LIT("model\",\"parts\":["));
        w->any = true;
        w->parts = false;
    }
    if (w->parts)
        GEMINI_PUT(w->g, ",");
    w->side = side;
    w->parts = true;
}

static void put_parts(struct walk *w, enum side side, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (!has_text(&w->item[i]) && !prompt_is_media(&w->item[i]))
            continue;
        begin_part(w, side);
        gemini_put_part(w->g, &w->item[i], VIEW_EMPTY);
    }
}

/* --- a turn of the model's --- */

static void put_results(struct walk *w, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        size_t at = w->item[i].kind == ITEM_CALL ? w->partner[i] : 0;

        if (w->item[i].kind != ITEM_CALL)
            continue;
        begin_part(w, SIDE_USER);
        if (at != 0)
            gemini_put_result(w->g, &w->item[i], &w->item[at], &w->item[at + 1], parts_end(w, at) - at - 1);
        else
            gemini_put_result(w->g, &w->item[i], NULL, NULL, 0);
    }
    if (gemini_since_3(w->g))
        return; /* attachments are in the results */
    for (size_t i = from; i < to; i++) {
        if (w->item[i].kind != ITEM_CALL || w->partner[i] == 0)
            continue;
        for (size_t at = w->partner[i] + 1, end = parts_end(w, w->partner[i]); at < end; at++)
            if (prompt_is_media(&w->item[at]))
                put_parts(w, SIDE_USER, at, at + 1);
    }
}

/* The part that the answer's own signature stands on: its last text, else its last image. */
static size_t signed_part(const struct walk *w, size_t from, size_t to)
{
    size_t text = to, media = to;

    for (size_t i = from; i < to; i++) {
        if (has_text(&w->item[i]))
            text = i;
        else if (prompt_is_media(&w->item[i]))
            media = i;
    }
    return text != to ? text : media;
}

static void put_spoken(struct walk *w, size_t from, size_t to)
{
    struct gemini_signs signs;
    struct view answer;
    bool called = false;
    size_t at;

    gemini_signs_read(&signs, &w->item[from], to - from);
    answer = gemini_sign_of_answer(&signs);
    at = answer.len != 0 ? signed_part(w, from, to) : to;
    for (size_t i = from; i < to; i++) {
        const struct prompt_item *item = &w->item[i];

        if (item->kind == ITEM_CALL) {
            struct view sign = gemini_sign_of_call(&signs, item, !called);

            if (sign.len == 0 && !called && gemini_since_3(w->g))
                sign = VIEW_LIT("skip_thought_signature_validator"); /* another model made the call */
            begin_part(w, SIDE_MODEL);
            gemini_put_call(w->g, item, sign);
            called = true;
        } else if (has_text(item) || prompt_is_media(item)) {
            begin_part(w, SIDE_MODEL);
            gemini_put_part(w->g, item, i == at ? answer : VIEW_EMPTY);
        }
    }
    if (answer.len == 0 || at != to)
        return;
    begin_part(w, SIDE_MODEL);
    gemini_put_part(w->g, &(const struct prompt_item){.kind = ITEM_TEXT}, answer);
}

/* Messages of the model's in a row are one turn. */
static size_t put_turn(struct walk *w, size_t from)
{
    size_t to = parts_end(w, from);

    while (to < w->n && is_model(&w->item[to]))
        to = parts_end(w, to);
    put_spoken(w, from, to);
    put_results(w, from, to);
    return to;
}

static size_t put_message(struct walk *w, size_t at)
{
    size_t end = parts_end(w, at);

    if (is_model(&w->item[at]))
        return put_turn(w, at);
    if (w->item[at].kind == ITEM_MESSAGE || w->partner[at] == 0)
        put_parts(w, SIDE_USER, at + 1, end); /* a result of no call is what the user says */
    return end;
}

/* --- system text --- */

static void put_system(struct walk *w, size_t to)
{
    bool any = false;

    for (size_t i = 0; i < to; i++) {
        if (!has_text(&w->item[i]))
            continue;
        body_put(&w->g->b, any ? VIEW_LIT(",") : VIEW_LIT("\"systemInstruction\":{\"parts\":["));
        gemini_put_part(w->g, &w->item[i], VIEW_EMPTY);
        any = true;
    }
    if (any)
        GEMINI_PUT(w->g, "]},");
}

/* The first item that is no system text of the beginning; 0 when there is nothing else: there must be a content. */
static size_t system_end(const struct walk *w)
{
    size_t at = 0;

    while (at < w->n && is_system(&w->item[at]))
        at = parts_end(w, at);
    return at < w->n ? at : 0;
}

void gemini_put_contents(struct gemini_body *g)
{
    const struct prompt_list *l = &g->b.prompt->list;
    struct walk w = {.g = g, .item = l->item, .n = l->n_items};
    size_t begin = system_end(&w);

    assert(w.n == 0 || is_begin(&w.item[0]));
    if (g->b.e == ERR_NONE)
        g->b.e = call_pairs(w.item, w.n, &w.partner);
    put_system(&w, begin);
    GEMINI_PUT(g, "\"contents\":[");
    for (size_t i = begin; g->b.e == ERR_NONE && i < w.n;)
        i = put_message(&w, i);
    if (!w.any) { /* nothing was said, and that is what the model is told */
        begin_part(&w, SIDE_USER);
        gemini_put_part(g, &(const struct prompt_item){.kind = ITEM_TEXT}, VIEW_EMPTY);
    }
    GEMINI_PUT(g, "]}]");
    free(w.partner);
}
