/* (G) The conversation of a neutral prompt as chat's messages. Chat wants a tool's result right behind the
 * turn that called it, in the order of the calls, and as text: results are moved there, and images in them
 * follow in a user message. */
#include "openai_body.h"

#include "call_pairs.h"
#include "content_view.h"

#include <assert.h>
#include <stdlib.h>

struct walk {
    struct body *b;
    const struct prompt_item *item;
    size_t n;
    uint32_t *partner; /* call_pairs() */
    bool any; /* a message has been written */
};

static bool is_begin(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE || i->kind == ITEM_RESULT;
}

static bool is_assistant(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE && i->role == ROLE_ASSISTANT;
}

/* The item behind the parts of the one at `at`. */
static size_t parts_end(const struct walk *w, size_t at)
{
    for (at++; at < w->n && !is_begin(&w->item[at]);)
        at++;
    return at;
}

static void message_open(struct walk *w, struct view role)
{
    body_put(w->b, w->any ? VIEW_LIT(",{\"role\":\"") : VIEW_LIT("{\"role\":\""));
    body_put(w->b, role);
    BODY_PUT(w->b, "\"");
    w->any = true;
}

/* --- tool results --- */

#define MEDIA_FOLLOW "(The attachments of this result are in the next user message.)"

static void put_result(struct walk *w, size_t at)
{
    const struct prompt_item *i = &w->item[at];
    size_t end = parts_end(w, at);
    bool text;

    message_open(w, VIEW_LIT("tool"));
    BODY_PUT(w->b, ",\"tool_call_id\":\"");
    body_put(w->b, i->id);
    BODY_PUT(w->b, "\",\"content\":\"");
    if (i->failed)
        BODY_PUT(w->b, "Error: ");
    text = content_put_texts(w->b, i + 1, end - at - 1);
    if (content_any_media(i + 1, end - at - 1))
        body_put(w->b, text ? VIEW_LIT("\\n\\n" MEDIA_FOLLOW) : VIEW_LIT(MEDIA_FOLLOW));
    BODY_PUT(w->b, "\"}");
}

/* A call must have a result: providers refuse the conversation without. */
static void put_no_result(struct walk *w, const struct prompt_item *call)
{
    message_open(w, VIEW_LIT("tool"));
    BODY_PUT(w->b, ",\"tool_call_id\":\"");
    body_put(w->b, call->id);
    BODY_PUT(w->b, "\",\"content\":\"Error: the tool gave no result.\"}");
}

/* The images of one result, inside of the user message that *begun says is there. */
static void put_result_media(struct walk *w, size_t at, bool *begun)
{
    size_t end = parts_end(w, at);
    bool any = true;

    if (!content_any_media(&w->item[at + 1], end - at - 1))
        return;
    if (!*begun) {
        message_open(w, VIEW_LIT("user"));
        BODY_PUT(w->b, ",\"content\":[");
    } else
        BODY_PUT(w->b, ",");
    *begun = true;
    BODY_PUT(w->b, "{\"type\":\"text\",\"text\":\"Attachments of the result of ");
    body_put(w->b, w->item[at].id);
    BODY_PUT(w->b, ":\"}");
    for (size_t i = at + 1; i < end; i++)
        if (prompt_is_media(&w->item[i]))
            content_put_part(w->b, &w->item[i], &any);
}

static void close_media(struct walk *w, bool begun)
{
    if (begun)
        BODY_PUT(w->b, "]}");
}

static void put_results(struct walk *w, size_t from, size_t to)
{
    bool begun = false;

    for (size_t i = from; i < to; i++) {
        if (w->item[i].kind != ITEM_CALL)
            continue;
        if (w->partner[i] != 0)
            put_result(w, w->partner[i]);
        else
            put_no_result(w, &w->item[i]);
    }
    for (size_t i = from; i < to; i++)
        if (w->item[i].kind == ITEM_CALL && w->partner[i] != 0)
            put_result_media(w, w->partner[i], &begun);
    close_media(w, begun);
}

/* Assistant messages in a row are one turn: chat has its reasoning, text and calls in one message. */
static size_t put_turn(struct walk *w, size_t from)
{
    size_t to = parts_end(w, from);

    while (to < w->n && is_assistant(&w->item[to]))
        to = parts_end(w, to);
    if (!prompt_says(&w->b->prompt->list, from, to))
        return to;
    message_open(w, VIEW_LIT("assistant"));
    body_put_turn(w->b, &w->item[from], to - from);
    BODY_PUT(w->b, "}");
    put_results(w, from, to);
    return to;
}

static struct view role_name(const struct provider *p, enum prompt_role role)
{
    switch (role) {
    case ROLE_DEVELOPER:
        if ((p->quirks & QUIRK_DEVELOPER_AS_SYSTEM) == 0)
            return VIEW_LIT("developer");
        return VIEW_LIT("system");
    case ROLE_SYSTEM:
        return VIEW_LIT("system");
    case ROLE_USER:
        return VIEW_LIT("user");
    case ROLE_ASSISTANT:
        break;
    }
    return VIEW_LIT("assistant");
}

static size_t put_message(struct walk *w, size_t at)
{
    const struct prompt_item *i = &w->item[at];
    size_t end = parts_end(w, at);
    bool begun = false;

    if (i->kind == ITEM_RESULT) {
        if (w->partner[at] == 0) { /* of no call: what that means, the provider says */
            put_result(w, at);
            put_result_media(w, at, &begun);
            close_media(w, begun);
        }
        return end;
    }
    if (i->role == ROLE_ASSISTANT)
        return put_turn(w, at);
    message_open(w, role_name(w->b->provider, i->role));
    content_put(w->b, i + 1, end - at - 1);
    BODY_PUT(w->b, "}");
    return end;
}

void body_put_messages(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;
    struct walk w = {.b = b, .item = l->item, .n = l->n_items};

    assert(w.n == 0 || is_begin(&w.item[0]));
    if (b->e == ERR_NONE)
        b->e = call_pairs(w.item, w.n, &w.partner);
    BODY_PUT(b, "\"messages\":[");
    for (size_t i = 0; b->e == ERR_NONE && i < w.n;)
        i = put_message(&w, i);
    BODY_PUT(b, "]");
    free(w.partner);
}
