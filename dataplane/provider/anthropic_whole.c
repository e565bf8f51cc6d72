/* (G) A message of Anthropic's API in one piece, and its errors. */
#include "anthropic_answer.h"
#include "chat_gather.h"
#include "chat_parts.h"
#include "content_view.h"

/* --- a message's blocks, each kind in its place */

static bool is_type(struct json_value block, const char *type)
{
    struct json_value v;

    return json_get(block, "type", &v) && json_string_is(v, type);
}

/* The texts of all blocks of a type as one string; absent is written where there are none. */
static void put_joined(struct body *b, struct json_value content, const char *type, const char *member,
                       struct view absent)
{
    struct json_iter it = json_iter(content);
    struct json_member m;
    bool any = false;

    while (json_next(&it, &m)) {
        if (!is_type(m.value, type) || anthropic_text(m.value, member).len == 0)
            continue;
        if (!any)
            BODY_PUT(b, "\"");
        any = true;
        body_put(b, anthropic_text(m.value, member));
    }
    body_put(b, any ? VIEW_LIT("\"") : absent);
}

static void put_separator(struct body *b, struct view head, bool *any)
{
    body_put(b, *any ? VIEW_LIT(",") : head);
    *any = true;
}

static void put_details(struct body *b, struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member m;
    struct json_value text;
    uint32_t index = 0;
    bool any = false;

    while (json_next(&it, &m)) {
        if (is_type(m.value, "thinking") && json_get(m.value, "thinking", &text) && text.kind == JSON_STRING) {
            put_separator(b, VIEW_LIT(",\"reasoning_details\":["), &any);
            anthropic_put_detail(b, inner(text), anthropic_text(m.value, "signature"), index++);
        } else if (is_type(m.value, "redacted_thinking")) {
            put_separator(b, VIEW_LIT(",\"reasoning_details\":["), &any);
            anthropic_put_redacted(b, anthropic_text(m.value, "data"), index++);
        }
    }
    if (any)
        BODY_PUT(b, "]");
}

static void put_input(struct body *b, struct json_value block)
{
    struct json_value input;

    if (json_get(block, "input", &input) && input.kind == JSON_OBJECT)
        body_put_text(b, (struct prompt_text){input.text, true});
    else
        BODY_PUT(b, "{}");
}

/* In the way of old: the first call alone. */
static void put_function(struct body *b, struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member m;

    while (json_next(&it, &m)) {
        if (!is_type(m.value, "tool_use"))
            continue;
        BODY_PUT(b, ",\"function_call\":{\"name\":\"");
        body_put(b, anthropic_text(m.value, "name"));
        BODY_PUT(b, "\",\"arguments\":\"");
        put_input(b, m.value);
        BODY_PUT(b, "\"}");
        return;
    }
}

static void put_call(struct body *b, struct json_value block, uint32_t index)
{
    BODY_PUT(b, "{\"index\":");
    body_put_number(b, index);
    BODY_PUT(b, ",\"id\":\"");
    body_put(b, anthropic_text(block, "id"));
    BODY_PUT(b, "\",\"type\":\"function\",\"function\":{\"name\":\"");
    body_put(b, anthropic_text(block, "name"));
    BODY_PUT(b, "\",\"arguments\":\"");
    put_input(b, block);
    BODY_PUT(b, "\"}}");
}

static void put_calls(struct body *b, struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member m;
    uint32_t index = 0;
    bool any = false;

    while (json_next(&it, &m)) {
        if (!is_type(m.value, "tool_use"))
            continue;
        put_separator(b, VIEW_LIT(",\"tool_calls\":["), &any);
        put_call(b, m.value, index++);
    }
    if (any)
        BODY_PUT(b, "]");
}

static void put_block_citations(struct body *b, struct json_value block, uint32_t from, bool *any)
{
    uint32_t to = from + anthropic_characters(anthropic_text(block, "text"));
    struct json_value citations;
    struct json_member m;
    struct json_iter it;

    if (!json_get(block, "citations", &citations) || citations.kind != JSON_ARRAY)
        return;
    for (it = json_iter(citations); json_next(&it, &m);) {
        size_t before = b->out->len;

        put_separator(b, VIEW_LIT(",\"annotations\":["), any);
        if (anthropic_put_citation(b, m.value, from, to) || b->e != ERR_NONE)
            continue;
        *any = b->out->ptr[before] == ','  && b->out->len == before + 1;
        b->out->len = before;
    }
}

static void put_annotations(struct body *b, struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member m;
    uint32_t at = 0;
    bool any = false;

    while (json_next(&it, &m)) {
        if (!is_type(m.value, "text"))
            continue;
        put_block_citations(b, m.value, at, &any);
        at += anthropic_characters(anthropic_text(m.value, "text"));
    }
    if (any)
        BODY_PUT(b, "]");
}

static void put_message(struct body *b, struct json_value message, struct json_value content, bool functions)
{
    struct json_value details;

    BODY_PUT(b, "{\"role\":\"assistant\",\"content\":");
    put_joined(b, content, "text", "text", VIEW_LIT("null"));
    BODY_PUT(b, ",\"refusal\":");
    if (json_get(message, "stop_details", &details) && anthropic_text(details, "explanation").len != 0) {
        BODY_PUT(b, "\"");
        body_put(b, anthropic_text(details, "explanation"));
        BODY_PUT(b, "\"");
    } else
        BODY_PUT(b, "null");
    BODY_PUT(b, ",\"reasoning\":");
    put_joined(b, content, "thinking", "thinking", VIEW_LIT("null"));
    put_details(b, content);
    put_annotations(b, content);
    if (functions)
        put_function(b, content);
    else
        put_calls(b, content);
    BODY_PUT(b, "}");
}

enum err anthropic_message(struct chat_canon *c, struct json_value message, bool whole, struct buf *chat)
{
    struct anthropic_reading *r = &c->anthropic;
    struct body b = {.out = chat};
    struct json_value content, v;

    if (!json_get(message, "content", &content) || content.kind != JSON_ARRAY)
        return ERR_PROVIDER_PROTOCOL;
    if (json_get(message, "usage", &v))
        anthropic_figures_take(r, v);
    r->stop = json_get(message, "stop_reason", &v) ? anthropic_stop_read(v) : 0;
    body_put(&b, whole ? VIEW_LIT("{\"choices\":[{\"index\":0,\"message\":") : VIEW_LIT("{\"choices\":[{\"index\":0,\"delta\":"));
    put_message(&b, message, content, c->functions);
    BODY_PUT(&b, ",\"finish_reason\":\"");
    body_put(&b, r->stop != 0 ? anthropic_stop_finish(r->stop) : VIEW_LIT("stop"));
    BODY_PUT(&b, "\",\"native_finish_reason\":\"");
    body_put(&b, r->stop != 0 ? anthropic_stop_word(r->stop) : VIEW_LIT("end_turn"));
    BODY_PUT(&b, "\"");
    if (anthropic_text(message, "stop_sequence").len != 0) {
        BODY_PUT(&b, ",\"stop_sequence\":\"");
        body_put(&b, anthropic_text(message, "stop_sequence"));
        BODY_PUT(&b, "\"");
    }
    BODY_PUT(&b, "}]");
    anthropic_figures_put(r, &b);
    BODY_PUT(&b, "}");
    return b.e;
}

/* --- errors */

/* The operator's contract, told as a fault of the request. */
static bool is_spent(struct json_value root)
{
    static const char *const codes[] = {"contract_spend_limit_reached", "enforced_spend_limit_reached"};
    struct json_value error, details, code;

    if (!json_get(root, "error", &error) || !json_get(error, "details", &details) ||
        !json_get(details, "error_code", &code))
        return false;
    return json_string_is(code, codes[0]) || json_string_is(code, codes[1]);
}

static void spent(struct chat_error *error)
{
    *error = (struct chat_error){.status = 402};
}

void anthropic_error_read(struct json_value root, struct chat_error *error)
{
    if (is_spent(root))
        spent(error);
    else if (!chat_error_read(root, true, error))
        *error = (struct chat_error){.status = 502};
}

void anthropic_error(int status, struct view body, struct chat_error *error)
{
    struct json_value root;

    if (json_check(body, &root, NULL) == ERR_NONE && is_spent(root))
        spent(error);
    else
        chat_canon_error(status, body, error);
}

/* --- the whole answer */

static enum err read_message(struct chat_canon *c, struct json_value message, struct buf *out, enum chat_kind *kind,
                             struct chat_error *error)
{
    struct buf chat;
    enum err e;

    buf_init_charged(&chat, out->max, out->budget);
    e = anthropic_message(c, message, true, &chat);
    c->figures.odd = c->anthropic.odd;
    if (e == ERR_NONE)
        e = chat_canon_whole(c, buf_view(&chat), out, kind, error);
    if (*kind == CHAT_ERROR)
        error->message = VIEW_EMPTY; /* it lies in what is freed here */
    buf_free(&chat);
    return e;
}

enum err anthropic_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                         struct chat_error *error)
{
    struct json_value root;

    *kind = CHAT_NOTHING;
    if (chat_shape_of(body) == CHAT_SHAPE_EVENTS)
        return chat_gather_events(c, body, anthropic_chunk, out, kind, error);
    if (json_check(body, &root, NULL) != ERR_NONE)
        return ERR_PROVIDER_PROTOCOL;
    if (is_type(root, "message"))
        return read_message(c, root, out, kind, error);
    if (chat_error_read(root, true, error)) {
        anthropic_error_read(root, error);
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    return ERR_PROVIDER_PROTOCOL;
}
