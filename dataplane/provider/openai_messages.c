/* (G) The conversation of a neutral prompt as chat's messages. Chat wants a tool's result right behind the
 * turn that called it, in the order of the calls, and as text: results are moved there, and images in them
 * follow in a user message. */
#include "openai_body.h"

#include "chat_members.h"
#include "content_view.h"
#include "reasoning_maker.h"

#include <assert.h>
#include <stdlib.h>

/* For each item: of a call, which item is its result; of a result, the call that it answers. 0: none (the
 * first item is a message, so no result and no call of a pair has that number). */
struct walk {
    struct body *b;
    const struct prompt_item *item;
    size_t n;
    uint32_t *partner;
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

static bool is_media(const struct prompt_item *i)
{
    return i->kind == ITEM_IMAGE || i->kind == ITEM_AUDIO || i->kind == ITEM_FILE ||
           i->kind == ITEM_VIDEO;
}

/* The item behind the parts of the one at `at`. */
static size_t parts_end(const struct walk *w, size_t at)
{
    for (at++; at < w->n && !is_begin(&w->item[at]);)
        at++;
    return at;
}

static bool any_media(const struct walk *w, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (is_media(&w->item[i]))
            return true;
    return false;
}

static bool has_text(const struct prompt_item *i)
{
    return i->kind == ITEM_TEXT && i->text.bytes.len != 0;
}

/* --- calls and their results find each other by id --- */

struct by_id {
    struct view id;
    uint32_t at;
};

static int by_id_compare(const void *x, const void *y)
{
    const struct by_id *a = x, *b = y;
    int order;

    if (a->id.len != b->id.len)
        return a->id.len < b->id.len ? -1 : 1;
    order = a->id.len == 0 ? 0 : memcmp(a->id.ptr, b->id.ptr, a->id.len);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

/* Some providers use an id again in a later turn: a result answers the latest call before it. */
static void pair_sorted(struct walk *w, const struct by_id *list, size_t n)
{
    uint32_t call = 0;
    bool waits = false;

    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !view_eq(list[i].id, list[i - 1].id))
            waits = false;
        if (w->item[list[i].at].kind == ITEM_CALL) {
            call = list[i].at;
            waits = true;
        } else if (waits) {
            w->partner[call] = list[i].at;
            w->partner[list[i].at] = call;
            waits = false;
        }
    }
}

static enum err pair(struct walk *w)
{
    struct by_id *list;
    size_t n = 0;

    w->partner = calloc(w->n + 1, sizeof *w->partner);
    list = reallocarray(NULL, w->n + 1, sizeof *list);
    if (w->partner == NULL || list == NULL) {
        free(list);
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < w->n; i++)
        if (w->item[i].kind == ITEM_CALL || w->item[i].kind == ITEM_RESULT)
            list[n++] = (struct by_id){w->item[i].id, (uint32_t)i};
    qsort(list, n, sizeof *list, by_id_compare);
    pair_sorted(w, list, n);
    free(list);
    return ERR_NONE;
}

/* --- texts and parts --- */

static void message_open(struct walk *w, struct view role)
{
    body_put(w->b, w->any ? VIEW_LIT(",{\"role\":\"") : VIEW_LIT("{\"role\":\""));
    body_put(w->b, role);
    BODY_PUT(w->b, "\"");
    w->any = true;
}

/* The texts of [from, to) as the inside of one string, a blank line between two. */
static bool put_texts(struct walk *w, size_t from, size_t to)
{
    bool any = false;

    for (size_t i = from; i < to; i++) {
        if (!has_text(&w->item[i]))
            continue;
        if (any)
            BODY_PUT(w->b, "\\n\\n");
        body_put_text(w->b, w->item[i].text);
        any = true;
    }
    return any;
}

/* A URL as it is; base64 with its type as a data URL. */
static void put_url(struct body *b, const struct prompt_item *i)
{
    if (i->media_type.len != 0) {
        BODY_PUT(b, "data:");
        body_put(b, i->media_type);
        BODY_PUT(b, ";base64,");
    }
    body_put_text(b, i->text);
}

static void put_file(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"file\",\"file\":{\"filename\":\"");
    body_put(b, i->name.len != 0 ? i->name : VIEW_LIT("document"));
    BODY_PUT(b, "\",\"file_data\":\"");
    put_url(b, i);
    BODY_PUT(b, "\"}");
}

static void put_image(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"");
    put_url(b, i);
    BODY_PUT(b, "\"");
    if (i->extra.len != 0 && i->extra.ptr[0] == '"') {
        BODY_PUT(b, ",\"detail\":");
        body_put(b, i->extra);
    }
    BODY_PUT(b, "}");
}

/* "wav" for "audio/wav" as well. */
static struct view audio_format(struct view type)
{
    return view_starts(type, VIEW_LIT("audio/")) ? view_from(type, 6) : type;
}

/* A part without its closing brace: a cache mark may follow. */
static void put_part_open(struct body *b, const struct prompt_item *i)
{
    switch (i->kind) {
    case ITEM_IMAGE:
        put_image(b, i);
        return;
    case ITEM_FILE:
        put_file(b, i);
        return;
    case ITEM_AUDIO:
        BODY_PUT(b, "{\"type\":\"input_audio\",\"input_audio\":{\"format\":\"");
        body_put(b, audio_format(i->media_type));
        BODY_PUT(b, "\",\"data\":\"");
        break;
    case ITEM_VIDEO:
        BODY_PUT(b, "{\"type\":\"video_url\",\"video_url\":{\"url\":\"");
        break;
    case ITEM_TEXT:
        BODY_PUT(b, "{\"type\":\"text\",\"text\":\"");
        body_put_text(b, i->text);
        BODY_PUT(b, "\"");
        return;
    case ITEM_MESSAGE:
    case ITEM_RESULT:
    case ITEM_REFUSAL:
    case ITEM_REASONING:
    case ITEM_DETAIL:
    case ITEM_CALL:
        assert(!"a part");
    }
    body_put_text(b, i->text);
    BODY_PUT(b, "\"}");
}

/* A cache mark goes only where the operator says that the provider reads it. */
static bool marks_travel(const struct walk *w)
{
    return chat_member_allowed(w->b->provider, VIEW_LIT("cache_control"));
}

static bool is_marked(const struct walk *w, const struct prompt_item *i)
{
    return i->extra.len != 0 && i->extra.ptr[0] == '{' && marks_travel(w);
}

static void put_part(struct walk *w, const struct prompt_item *i, bool *any)
{
    if (*any)
        BODY_PUT(w->b, ",");
    *any = true;
    put_part_open(w->b, i);
    if (is_marked(w, i)) {
        BODY_PUT(w->b, ",\"cache_control\":");
        body_put(w->b, i->extra);
    }
    BODY_PUT(w->b, "}");
}

static void put_parts(struct walk *w, size_t from, size_t to, bool *any)
{
    for (size_t i = from; i < to; i++)
        if (has_text(&w->item[i]) || is_media(&w->item[i]))
            put_part(w, &w->item[i], any);
}

/* Text alone is one string, which every provider takes. */
static void put_content(struct walk *w, size_t from, size_t to)
{
    bool parts = any_media(w, from, to), any = false;

    for (size_t i = from; !parts && i < to; i++)
        parts = has_text(&w->item[i]) && is_marked(w, &w->item[i]);
    BODY_PUT(w->b, ",\"content\":");
    if (parts) {
        BODY_PUT(w->b, "[");
        put_parts(w, from, to, &any);
        BODY_PUT(w->b, "]");
    } else {
        BODY_PUT(w->b, "\"");
        (void)put_texts(w, from, to);
        BODY_PUT(w->b, "\"");
    }
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
    text = put_texts(w, at + 1, end);
    if (any_media(w, at + 1, end))
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

    if (!any_media(w, at + 1, end))
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
        if (is_media(&w->item[i]))
            put_part(w, &w->item[i], &any);
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

/* --- assistant turns --- */

static size_t count(const struct walk *w, size_t from, size_t to, enum prompt_item_kind kind)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++)
        n += w->item[i].kind == kind && (kind != ITEM_TEXT || has_text(&w->item[i]));
    return n;
}

/* All texts of this kind as the inside of one string: those of one message without separator, a blank
 * line between two messages. */
static void put_joined(struct walk *w, size_t from, size_t to, enum prompt_item_kind kind)
{
    bool any = false, apart = false;

    for (size_t i = from; i < to; i++) {
        const struct prompt_item *item = &w->item[i];

        apart = apart || (any && item->kind == ITEM_MESSAGE);
        if (item->kind != kind || item->text.bytes.len == 0)
            continue;
        if (apart)
            BODY_PUT(w->b, "\\n\\n");
        body_put_text(w->b, item->text);
        any = true;
        apart = false;
    }
}

static void put_answer(struct walk *w, size_t from, size_t to)
{
    bool text = count(w, from, to, ITEM_TEXT) != 0, refusal = count(w, from, to, ITEM_REFUSAL) != 0;

    if (!text && (refusal || count(w, from, to, ITEM_CALL) != 0))
        BODY_PUT(w->b, ",\"content\":null");
    else {
        BODY_PUT(w->b, ",\"content\":\"");
        put_joined(w, from, to, ITEM_TEXT);
        BODY_PUT(w->b, "\"");
    }
    if (refusal) {
        BODY_PUT(w->b, ",\"refusal\":\"");
        put_joined(w, from, to, ITEM_REFUSAL);
        BODY_PUT(w->b, "\"");
    }
}

/* What an earlier answer of the same maker's model was thought with, in the form that it takes. */
static bool put_detail(struct walk *w, const struct prompt_item *i, bool any)
{
    bool is_signed = i->kind == ITEM_REASONING && i->signature.len != 0;

    if (is_signed ? maker_of_model(w->b->model) != MAKER_ANTHROPIC
                  : i->kind != ITEM_DETAIL || !reasoning_replays(w->b->model, i->text.bytes))
        return any;
    body_put(w->b, any ? VIEW_LIT(",") : VIEW_LIT(",\"reasoning_details\":["));
    if (!is_signed) {
        body_put(w->b, i->text.bytes);
        return true;
    }
    BODY_PUT(w->b, "{\"type\":\"reasoning.text\",\"text\":\"");
    body_put_text(w->b, i->text);
    BODY_PUT(w->b, "\",\"signature\":\"");
    body_put(w->b, i->signature);
    BODY_PUT(w->b, "\",\"format\":\"anthropic-claude-v1\"}");
    return true;
}

static void put_reasoning(struct walk *w, size_t from, size_t to)
{
    static const struct view names[] = {{(const uint8_t *)"reasoning_content", 17},
                                        {(const uint8_t *)"reasoning", 9}};
    bool any = false;

    for (size_t k = 0; k < 2 && count(w, from, to, ITEM_REASONING) != 0; k++) {
        if (!chat_member_allowed(w->b->provider, names[k]))
            continue;
        BODY_PUT(w->b, ",\"");
        body_put(w->b, names[k]);
        BODY_PUT(w->b, "\":\"");
        put_joined(w, from, to, ITEM_REASONING);
        BODY_PUT(w->b, "\"");
    }
    if (!body_may_send(w->b->provider, MEMBER_EXTENSION, VIEW_LIT("reasoning_details")))
        return;
    for (size_t i = from; i < to; i++)
        any = put_detail(w, &w->item[i], any);
    if (any)
        BODY_PUT(w->b, "]");
}

/* Free text for a tool that the provider knows as a function: {"input":"..."}. */
static void put_custom_as_function(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "\"type\":\"function\",\"function\":{\"name\":\"");
    body_put(b, i->name);
    BODY_PUT(b, "\",\"arguments\":\"{\\\"input\\\":\\\"");
    body_put_escaped(b, i->text.bytes);
    BODY_PUT(b, "\\\"}\"}}");
}

static void put_call(struct walk *w, const struct prompt_item *i)
{
    bool custom = i->custom && (w->b->provider->quirks & QUIRK_OPENAI) != 0;

    BODY_PUT(w->b, "{\"id\":\"");
    body_put(w->b, i->id);
    BODY_PUT(w->b, "\",");
    if (i->custom && !custom) {
        put_custom_as_function(w->b, i);
        return;
    }
    body_put(w->b, custom ? VIEW_LIT("\"type\":\"custom\",\"custom\":{\"name\":\"")
                          : VIEW_LIT("\"type\":\"function\",\"function\":{\"name\":\""));
    body_put(w->b, i->name);
    body_put(w->b, custom ? VIEW_LIT("\",\"input\":\"") : VIEW_LIT("\",\"arguments\":\""));
    if (i->text.bytes.len == 0 && !custom)
        BODY_PUT(w->b, "{}"); /* many readers want JSON there */
    else
        body_put_text(w->b, i->text);
    BODY_PUT(w->b, "\"}}");
}

static void put_calls(struct walk *w, size_t from, size_t to)
{
    bool any = false;

    for (size_t i = from; i < to; i++) {
        if (w->item[i].kind != ITEM_CALL)
            continue;
        body_put(w->b, any ? VIEW_LIT(",") : VIEW_LIT(",\"tool_calls\":["));
        put_call(w, &w->item[i]);
        any = true;
    }
    if (any)
        BODY_PUT(w->b, "]");
}

/* Assistant messages in a row are one turn: chat has its reasoning, text and calls in one message. */
static size_t put_turn(struct walk *w, size_t from)
{
    size_t to = parts_end(w, from);

    while (to < w->n && is_assistant(&w->item[to]))
        to = parts_end(w, to);
    message_open(w, VIEW_LIT("assistant"));
    put_answer(w, from, to);
    put_reasoning(w, from, to);
    put_calls(w, from, to);
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
    put_content(w, at + 1, end);
    BODY_PUT(w->b, "}");
    return end;
}

void body_put_messages(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;
    struct walk w = {.b = b, .item = l->item, .n = l->n_items};

    assert(w.n == 0 || is_begin(&w.item[0]));
    if (b->e == ERR_NONE)
        b->e = pair(&w);
    BODY_PUT(b, "\"messages\":[");
    for (size_t i = 0; b->e == ERR_NONE && i < w.n;)
        i = put_message(&w, i);
    BODY_PUT(b, "]");
    free(w.partner);
}
