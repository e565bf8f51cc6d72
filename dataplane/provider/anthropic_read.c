/* (G) Events of Anthropic's stream as canonical chunks. Each becomes a plain chunk of chat first, which chat_canon makes
 * canonical, so that there is one place that counts and bills. */
#include "anthropic_read.h"

#include "anthropic_answer.h"
#include "chat_parts.h"
#include "content_view.h"

/* The plain chunk of one event. */
struct event_chunk {
    struct anthropic_reading *r;
    bool functions; /* as in struct chat_canon */
    struct body b;
    bool any; /* it says something */
};

#define DELTA "{\"choices\":[{\"index\":0,\"delta\":{"

static void delta_end(struct event_chunk *x)
{
    BODY_PUT(&x->b, "}}]}");
    x->any = true;
}

/* DELTA "member":"text" */
static void put_delta(struct event_chunk *x, struct view head, struct view text)
{
    BODY_PUT(&x->b, DELTA);
    body_put(&x->b, head);
    body_put(&x->b, text);
    BODY_PUT(&x->b, "\"");
    delta_end(x);
}

static void put_text(struct event_chunk *x, struct view text)
{
    if (text.len == 0)
        return;
    x->r->text_at += anthropic_characters(text);
    put_delta(x, VIEW_LIT("\"content\":\""), text);
}

static void put_thought(struct event_chunk *x, struct view text, struct view signature)
{
    uint32_t index = x->r->thoughts != 0 ? x->r->thoughts - 1 : 0;

    if (text.len == 0 && signature.len == 0)
        return;
    BODY_PUT(&x->b, DELTA);
    if (text.len != 0) {
        BODY_PUT(&x->b, "\"reasoning\":\"");
        body_put(&x->b, text);
        BODY_PUT(&x->b, "\",");
    }
    BODY_PUT(&x->b, "\"reasoning_details\":[");
    anthropic_put_detail(&x->b, text, signature, index);
    BODY_PUT(&x->b, "]");
    delta_end(x);
}

/* The next piece of the open call's arguments, escaped or one JSON value. */
static void put_arguments(struct event_chunk *x, struct prompt_text text)
{
    if (x->functions) {
        BODY_PUT(&x->b, DELTA "\"function_call\":{\"arguments\":\"");
    } else {
        BODY_PUT(&x->b, DELTA "\"tool_calls\":[{\"index\":");
        body_put_number(&x->b, x->r->calls - 1);
        BODY_PUT(&x->b, ",\"function\":{\"arguments\":\"");
    }
    body_put_text(&x->b, text);
    body_put(&x->b, x->functions ? VIEW_LIT("\"}") : VIEW_LIT("\"}}]"));
    delta_end(x);
    x->r->input_begun = true;
}

/* --- blocks */

/* Most calls begin with an empty object, and their arguments follow; some bring all of them at once. */
static void begin_call(struct event_chunk *x, struct json_value block)
{
    struct json_value input;
    bool whole = json_get(block, "input", &input) && input.kind == JSON_OBJECT && chat_says_something(input);

    x->r->input_begun = whole;
    x->r->block = whole ? BLOCK_OTHER : BLOCK_CALL; /* nothing can be added to arguments that are there */
    if (x->functions && x->r->calls != 0) { /* it has no place: the request asked for one at a time */
        x->r->block = BLOCK_OTHER;
        return;
    }
    if (x->functions) {
        x->r->calls++;
        BODY_PUT(&x->b, DELTA "\"function_call\":{\"name\":\"");
    } else {
        BODY_PUT(&x->b, DELTA "\"tool_calls\":[{\"index\":");
        body_put_number(&x->b, x->r->calls++);
        BODY_PUT(&x->b, ",\"id\":\"");
        body_put(&x->b, anthropic_text(block, "id"));
        BODY_PUT(&x->b, "\",\"type\":\"function\",\"function\":{\"name\":\"");
    }
    body_put(&x->b, anthropic_text(block, "name"));
    BODY_PUT(&x->b, "\",\"arguments\":\"");
    if (whole)
        body_put_text(&x->b, (struct prompt_text){input.text, true});
    body_put(&x->b, x->functions ? VIEW_LIT("\"}") : VIEW_LIT("\"}}]"));
    delta_end(x);
}

static void begin_redacted(struct event_chunk *x, struct view data)
{
    x->r->block = BLOCK_OTHER;
    if (data.len == 0)
        return;
    BODY_PUT(&x->b, DELTA "\"reasoning_details\":[");
    anthropic_put_redacted(&x->b, data, x->r->thoughts++);
    BODY_PUT(&x->b, "]");
    delta_end(x);
}

static void block_start(struct event_chunk *x, struct json_value event)
{
    struct json_value block, type;

    x->r->block = BLOCK_OTHER;
    x->r->block_at = x->r->text_at;
    if (!json_get(event, "content_block", &block) || !json_get(block, "type", &type))
        return;
    if (json_string_is(type, "text")) {
        x->r->block = BLOCK_TEXT;
        put_text(x, anthropic_text(block, "text"));
    } else if (json_string_is(type, "thinking")) {
        x->r->block = BLOCK_THINKING;
        x->r->thoughts++;
        put_thought(x, anthropic_text(block, "thinking"), anthropic_text(block, "signature"));
    } else if (json_string_is(type, "redacted_thinking")) {
        begin_redacted(x, anthropic_text(block, "data"));
    } else if (json_string_is(type, "tool_use")) {
        begin_call(x, block);
    }
}

static void put_cited(struct event_chunk *x, struct json_value citation)
{
    size_t before = x->b.out->len;

    BODY_PUT(&x->b, DELTA "\"annotations\":[");
    if (!anthropic_put_citation(&x->b, citation, x->r->block_at, x->r->text_at)) {
        x->b.out->len = before;
        return;
    }
    BODY_PUT(&x->b, "]");
    delta_end(x);
}

static void block_delta(struct event_chunk *x, struct json_value event)
{
    struct json_value delta, type, citation;

    if (!json_get(event, "delta", &delta) || !json_get(delta, "type", &type))
        return;
    if (json_string_is(type, "text_delta") && x->r->block != BLOCK_OTHER) {
        put_text(x, anthropic_text(delta, "text"));
    } else if (json_string_is(type, "thinking_delta")) {
        put_thought(x, anthropic_text(delta, "thinking"), VIEW_EMPTY);
    } else if (json_string_is(type, "signature_delta")) {
        put_thought(x, VIEW_EMPTY, anthropic_text(delta, "signature"));
    } else if (json_string_is(type, "input_json_delta") && x->r->block == BLOCK_CALL) {
        if (anthropic_text(delta, "partial_json").len != 0)
            put_arguments(x, (struct prompt_text){anthropic_text(delta, "partial_json"), false});
    } else if (json_string_is(type, "citations_delta") && json_get(delta, "citation", &citation)) {
        put_cited(x, citation);
    }
}

/* A call without arguments is one with an empty object. */
static void block_stop(struct event_chunk *x, struct json_value event)
{
    (void)event;
    if (x->r->block == BLOCK_CALL && !x->r->input_begun)
        put_arguments(x, (struct prompt_text){VIEW_LIT("{}"), false});
    x->r->block = BLOCK_NONE;
}

/* --- the message */

/* A second one, which some gateways send, begins nothing. */
static void message_start(struct event_chunk *x, struct json_value event)
{
    struct json_value message, usage;

    if (json_get(event, "message", &message) && json_get(message, "usage", &usage))
        anthropic_figures_take(x->r, usage);
    if (x->r->begun)
        return;
    x->r->begun = true;
    BODY_PUT(&x->b, DELTA "\"role\":\"assistant\",\"content\":\"\"");
    delta_end(x);
}

static void message_delta(struct event_chunk *x, struct json_value event)
{
    struct json_value v, delta, details;
    struct view sequence;

    if (json_get(event, "usage", &v))
        anthropic_figures_take(x->r, v);
    if (!json_get(event, "delta", &delta))
        return;
    if (json_get(delta, "stop_reason", &v) && is_text(v))
        x->r->stop = anthropic_stop_read(v);
    sequence = anthropic_text(delta, "stop_sequence");
    if (sequence.len < sizeof x->r->sequence) {
        memcpy(x->r->sequence, sequence.ptr != NULL ? sequence.ptr : (const uint8_t *)"", sequence.len);
        x->r->sequence[sequence.len] = '\0';
    }
    if (json_get(delta, "stop_details", &details) && anthropic_text(details, "explanation").len != 0)
        put_delta(x, VIEW_LIT("\"refusal\":\""), anthropic_text(details, "explanation"));
}

/* The end: nothing before says that the answer is complete. */
static void message_stop(struct event_chunk *x, struct json_value event)
{
    (void)event;
    if (x->r->stop == 0)
        return;
    BODY_PUT(&x->b, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"");
    body_put(&x->b, anthropic_stop_finish(x->r->stop));
    BODY_PUT(&x->b, "\",\"native_finish_reason\":\"");
    body_put(&x->b, anthropic_stop_word(x->r->stop));
    BODY_PUT(&x->b, "\"");
    if (x->r->sequence[0] != '\0') {
        BODY_PUT(&x->b, ",\"stop_sequence\":\"");
        body_put(&x->b, view_str(x->r->sequence));
        BODY_PUT(&x->b, "\"");
    }
    BODY_PUT(&x->b, "}]");
    anthropic_figures_put(x->r, &x->b);
    BODY_PUT(&x->b, "}");
    x->any = true;
}

static const struct {
    const char *type;
    void (*take)(struct event_chunk *x, struct json_value event);
} events[] = {
    {"content_block_delta", block_delta}, {"content_block_start", block_start}, {"content_block_stop", block_stop},
    {"message_start", message_start},     {"message_delta", message_delta},     {"message_stop", message_stop},
};

/* --- figures so far */

/* What a client that leaves pays for is known before the end. The last figures count, whatever came before. */
static enum err note_figures(struct chat_canon *c, struct budget *budget)
{
    struct json_value root, usage;
    struct buf text;
    struct body b = {.out = &text};

    buf_init_charged(&text, 1024, budget);
    BODY_PUT(&b, "{\"choices\":[]");
    anthropic_figures_put(&c->anthropic, &b);
    BODY_PUT(&b, "}");
    if (b.e == ERR_NONE && json_check(buf_view(&text), &root, NULL) == ERR_NONE && json_get(root, "usage", &usage)) {
        c->figures = (struct usage_figures){.odd = c->anthropic.odd};
        (void)chat_usage_read(c, usage);
    }
    buf_free(&text);
    return b.e;
}

static enum err read_event(struct chat_canon *c, struct json_value event, struct json_value type, struct buf *chat,
                           bool *any)
{
    struct event_chunk x = {.r = &c->anthropic, .functions = c->functions, .b = {.out = chat}};

    *any = false;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (!json_string_is(type, events[i].type))
            continue;
        events[i].take(&x, event);
        if (x.b.e == ERR_NONE && (events[i].take == message_start || events[i].take == message_delta))
            x.b.e = note_figures(c, chat->budget);
        *any = x.any;
        return x.b.e;
    }
    if (!json_string_is(type, "message"))
        return ERR_NONE; /* a sign of life, or what is not known yet */
    *any = true;
    return anthropic_message(c, event, false, chat);
}

enum err anthropic_chunk(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                         struct chat_error *error)
{
    struct json_value event, type;
    struct buf chat;
    bool any = false;
    enum err e;

    *kind = CHAT_NOTHING;
    if (view_eq(view_trim(data), VIEW_LIT("[DONE]")))
        return ERR_NONE; /* no end of this API */
    if (json_check(data, &event, NULL) != ERR_NONE || event.kind != JSON_OBJECT)
        return ERR_PROVIDER_PROTOCOL;
    if (!json_get(event, "type", &type) || json_string_is(type, "error")) {
        anthropic_error_read(event, error);
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    buf_init_charged(&chat, out->max + 1024, out->budget);
    e = read_event(c, event, type, &chat, &any);
    if (e == ERR_NONE && any)
        e = chat_canon_chunk(c, buf_view(&chat), out, kind, error);
    if (*kind == CHAT_ERROR)
        error->message = VIEW_EMPTY; /* it lies in what is freed here */
    buf_free(&chat);
    return e;
}
