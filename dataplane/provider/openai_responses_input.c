/* (G) The conversation of a neutral prompt as Responses' input items, in the client's order: each message, thought, call
 * and result is an item of its own. A call without a result gets one, because the API refuses the request. */
#include "openai_responses_body.h"

#include "call_pairs.h"
#include "content_view.h"
#include "json.h"
#include "reasoning_maker.h"
#include "secret.h"

#include <assert.h>
#include <stdlib.h>

enum { CALL_ID_MAX = 64 }; /* bytes of a call's id; longer ones are refused there */

struct walk {
    struct body *b;
    const struct prompt_item *item;
    size_t n;
    uint32_t *partner; /* call_pairs() */
    enum maker asked;
    bool any; /* an item has been written */
};

static bool is_begin(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE || i->kind == ITEM_RESULT;
}

static size_t parts_end(const struct walk *w, size_t at)
{
    for (at++; at < w->n && !is_begin(&w->item[at]);)
        at++;
    return at;
}

static void item_open(struct walk *w, struct view head)
{
    if (w->any)
        BODY_PUT(w->b, ",");
    body_put(w->b, head);
    w->any = true;
}

/* The same id gives the same text, in the call and in its result. */
static void put_call_id(struct body *b, struct view id)
{
    static const char hex[] = "0123456789abcdef";
    struct digest32 digest;
    uint8_t text[48];

    BODY_PUT(b, "\"call_id\":\"");
    if (id.len <= CALL_ID_MAX) {
        body_put(b, id);
    } else {
        digest_sha256(id, &digest);
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (uint8_t)hex[digest.b[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
        BODY_PUT(b, "call_");
        body_put(b, view_of(text, sizeof text));
    }
    BODY_PUT(b, "\"");
}

/* --- what a message holds --- */

static void put_url(struct body *b, const struct prompt_item *i, struct view type)
{
    bool bytes = i->media_type.len != 0 || type.len != 0;

    if (bytes) {
        BODY_PUT(b, "data:");
        body_put(b, i->media_type.len != 0 ? i->media_type : type);
        BODY_PUT(b, ";base64,");
    }
    body_put_text(b, i->text);
}

static void put_image(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"input_image\",\"image_url\":\"");
    put_url(b, i, VIEW_EMPTY);
    BODY_PUT(b, "\",\"detail\":");
    body_put(b, i->extra.len != 0 && i->extra.ptr[0] == '"' ? i->extra : VIEW_LIT("\"auto\""));
    BODY_PUT(b, "}");
}

static bool is_link(struct view text)
{
    return view_starts(text, VIEW_LIT("https:")) || view_starts(text, VIEW_LIT("http:"));
}

static void put_file(struct body *b, const struct prompt_item *i)
{
    bool data = view_starts(i->text.bytes, VIEW_LIT("data:"));

    if (is_link(i->text.bytes)) {
        BODY_PUT(b, "{\"type\":\"input_file\",\"file_url\":\"");
        body_put_text(b, i->text);
    } else {
        BODY_PUT(b, "{\"type\":\"input_file\",\"filename\":\"");
        body_put(b, i->name.len != 0 ? i->name : VIEW_LIT("document"));
        BODY_PUT(b, "\",\"file_data\":\"");
        put_url(b, i, data ? VIEW_EMPTY : VIEW_LIT("application/pdf"));
    }
    BODY_PUT(b, "\"}");
}

static bool has_text(const struct prompt_item *i)
{
    return i->kind == ITEM_TEXT && i->text.bytes.len != 0;
}

/* `lead` goes before the first text. */
static void put_parts(struct body *b, const struct prompt_item *part, size_t n, struct view lead)
{
    bool any = false;

    BODY_PUT(b, "[");
    for (size_t i = 0; i < n; i++) {
        if (!has_text(&part[i]) && part[i].kind != ITEM_IMAGE && part[i].kind != ITEM_FILE)
            continue;
        if (any)
            BODY_PUT(b, ",");
        any = true;
        if (part[i].kind == ITEM_IMAGE)
            put_image(b, &part[i]);
        else if (part[i].kind == ITEM_FILE)
            put_file(b, &part[i]);
        else {
            BODY_PUT(b, "{\"type\":\"input_text\",\"text\":\"");
            body_put(b, lead);
            body_put_text(b, part[i].text);
            BODY_PUT(b, "\"}");
            lead = VIEW_EMPTY;
        }
    }
    BODY_PUT(b, "]");
}

/* Text alone is one string, with a blank line between two. */
static void put_content(struct body *b, const struct prompt_item *part, size_t n, struct view lead)
{
    if (content_any_media(part, n)) {
        put_parts(b, part, n, lead);
        return;
    }
    BODY_PUT(b, "\"");
    body_put(b, lead);
    (void)content_put_texts(b, part, n);
    BODY_PUT(b, "\"");
}

/* --- calls and results --- */

static void put_call(struct walk *w, const struct prompt_item *i)
{
    item_open(w, i->custom ? VIEW_LIT("{\"type\":\"custom_tool_call\",") : VIEW_LIT("{\"type\":\"function_call\","));
    put_call_id(w->b, i->id);
    BODY_PUT(w->b, ",\"name\":\"");
    body_put(w->b, i->name);
    body_put(w->b, i->custom ? VIEW_LIT("\",\"input\":\"") : VIEW_LIT("\",\"arguments\":\""));
    if (i->text.bytes.len == 0 && !i->custom)
        BODY_PUT(w->b, "{}");
    else
        body_put_text(w->b, i->text);
    BODY_PUT(w->b, "\"}");
}

static void result_open(struct walk *w, const struct prompt_item *i)
{
    item_open(w, i->custom ? VIEW_LIT("{\"type\":\"custom_tool_call_output\",")
                           : VIEW_LIT("{\"type\":\"function_call_output\","));
    put_call_id(w->b, i->id);
    BODY_PUT(w->b, ",\"output\":");
}

static void put_result(struct walk *w, size_t at, size_t end)
{
    const struct prompt_item *i = &w->item[at];

    result_open(w, w->partner[at] != 0 ? &w->item[w->partner[at]] : i);
    put_content(w->b, i + 1, end - at - 1, i->failed ? VIEW_LIT("Error: ") : VIEW_EMPTY);
    BODY_PUT(w->b, "}");
}

static void put_missing_results(struct walk *w, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (w->item[i].kind != ITEM_CALL || w->partner[i] != 0)
            continue;
        result_open(w, &w->item[i]);
        BODY_PUT(w->b, "\"Error: the tool gave no result.\"}");
    }
}

/* --- a turn of the model --- */


static bool detail_is(const struct prompt_item *i, const char *type)
{
    struct json_value v;

    return i->kind == ITEM_DETAIL && json_get((struct json_value){JSON_OBJECT, i->text.bytes}, "type", &v) &&
           json_string_is(v, type);
}

static void put_summaries(struct walk *w, size_t from, size_t to)
{
    struct json_value text;
    bool any = false;

    for (size_t i = from; i < to; i++) {
        if (!detail_is(&w->item[i], "reasoning.summary") ||
            !json_get((struct json_value){JSON_OBJECT, w->item[i].text.bytes}, "summary", &text) || text.kind != JSON_STRING)
            continue;
        body_put(w->b, any ? VIEW_LIT(",{\"type\":\"summary_text\",\"text\":") : VIEW_LIT("{\"type\":\"summary_text\",\"text\":"));
        body_put(w->b, text.text);
        BODY_PUT(w->b, "}");
        any = true;
    }
}

/* A sealed thought, with the summaries since the one before it. */
static void put_thought(struct walk *w, size_t from, size_t at)
{
    const struct prompt_item *i = &w->item[at];
    struct json_value detail = {JSON_OBJECT, i->text.bytes}, data, id;

    if (!json_get(detail, "data", &data) || data.kind != JSON_STRING ||
        !reasoning_replays(w->asked, i->text.bytes, maker_of_model(i->name)))
        return;
    item_open(w, VIEW_LIT("{\"type\":\"reasoning\","));
    if (json_get(detail, "id", &id) && id.kind == JSON_STRING && id.text.len > 2) {
        BODY_PUT(w->b, "\"id\":");
        body_put(w->b, id.text);
        BODY_PUT(w->b, ",");
    }
    BODY_PUT(w->b, "\"summary\":[");
    put_summaries(w, from, at);
    BODY_PUT(w->b, "],\"encrypted_content\":");
    body_put(w->b, data.text);
    BODY_PUT(w->b, "}");
}

static bool is_said(const struct prompt_item *i)
{
    return (i->kind == ITEM_TEXT || i->kind == ITEM_REFUSAL) && i->text.bytes.len != 0;
}

/* Text and refusals of one message, up to a thought or call. Returns the item behind. */
static size_t put_said(struct walk *w, size_t at, size_t to)
{
    item_open(w, VIEW_LIT("{\"role\":\"assistant\",\"content\":\""));
    for (; at < to && (w->item[at].kind == ITEM_TEXT || w->item[at].kind == ITEM_REFUSAL); at++)
        body_put_text(w->b, w->item[at].text);
    BODY_PUT(w->b, "\"}");
    return at;
}

/* Assistant messages in a row are one turn. */
static size_t put_turn(struct walk *w, size_t from)
{
    size_t to = parts_end(w, from), since = from;

    while (to < w->n && w->item[to].kind == ITEM_MESSAGE && w->item[to].role == ROLE_ASSISTANT)
        to = parts_end(w, to);
    if (!prompt_says(&w->b->prompt->list, from, to))
        return to; /* a thought without what follows from it is refused */
    for (size_t i = from; i < to;) {
        if (is_said(&w->item[i])) {
            i = put_said(w, i, to);
            continue;
        }
        if (w->item[i].kind == ITEM_CALL)
            put_call(w, &w->item[i]);
        if (detail_is(&w->item[i], "reasoning.encrypted")) {
            put_thought(w, since, i);
            since = i + 1;
        }
        i++;
    }
    put_missing_results(w, from, to);
    return to;
}

static struct view role_name(const struct provider *p, enum prompt_role role)
{
    if (role == ROLE_USER)
        return VIEW_LIT("user");
    return role == ROLE_DEVELOPER && (p->quirks & QUIRK_DEVELOPER_AS_SYSTEM) == 0 ? VIEW_LIT("developer")
                                                                                 : VIEW_LIT("system");
}

static size_t put_message(struct walk *w, size_t at)
{
    const struct prompt_item *i = &w->item[at];
    size_t end = parts_end(w, at);

    if (i->kind == ITEM_RESULT) {
        put_result(w, at, end);
        return end;
    }
    if (i->role == ROLE_ASSISTANT)
        return put_turn(w, at);
    item_open(w, VIEW_LIT("{\"role\":\""));
    body_put(w->b, role_name(w->b->provider, i->role));
    BODY_PUT(w->b, "\",\"content\":");
    put_content(w->b, i + 1, end - at - 1, VIEW_EMPTY);
    BODY_PUT(w->b, "}");
    return end;
}

void openai_responses_put_input(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;
    struct walk w = {.b = b, .item = l->item, .n = l->n_items, .asked = maker_of_model(view_str(b->model))};

    assert(w.n != 0 && is_begin(&w.item[0]));
    if (b->e == ERR_NONE)
        b->e = call_pairs(w.item, w.n, &w.partner);
    BODY_PUT(b, ",\"input\":[");
    for (size_t i = 0; b->e == ERR_NONE && i < w.n;)
        i = put_message(&w, i);
    BODY_PUT(b, "]");
    free(w.partner);
}
