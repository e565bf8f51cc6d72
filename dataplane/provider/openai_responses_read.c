/* (G) Events and whole answers of Responses: each becomes a chat document, which chat_canon.c then makes the canonical
 * one, with its counting and its finish reasons. */
#include "openai_responses.h"

#include "chat_gather.h"
#include "chat_parts.h"
#include "content_view.h"
#include "openai_responses_read.h"

/* --- a chat document --- */

static void put_piece(struct patch *p, const struct responses_says *s, enum responses_piece piece, struct view head,
                      struct view tail, bool *any)
{
    if (s->piece[piece].len == 0)
        return;
    if (*any)
        patch_put(p, VIEW_LIT(","));
    patch_put(p, head);
    patch_put(p, buf_view(&s->piece[piece]));
    patch_put(p, tail);
    *any = true;
}

/* The members of a delta or message. */
static void put_message(struct patch *p, const struct responses_says *s)
{
    bool any = false;

    put_piece(p, s, SAYS_THOUGHTS, VIEW_LIT("\"reasoning\":\""), VIEW_LIT("\""), &any);
    put_piece(p, s, SAYS_DETAILS, VIEW_LIT("\"reasoning_details\":["), VIEW_LIT("]"), &any);
    put_piece(p, s, SAYS_TEXT, VIEW_LIT("\"content\":\""), VIEW_LIT("\""), &any);
    put_piece(p, s, SAYS_REFUSAL, VIEW_LIT("\"refusal\":\""), VIEW_LIT("\""), &any);
    put_piece(p, s, SAYS_NOTES, VIEW_LIT("\"annotations\":["), VIEW_LIT("]"), &any);
    put_piece(p, s, SAYS_IMAGES, VIEW_LIT("\"images\":["), VIEW_LIT("]"), &any);
    put_piece(p, s, SAYS_CALLS, VIEW_LIT("\"tool_calls\":["), VIEW_LIT("]"), &any);
}

/* One figure, if it is there, as it came. */
static void put_figure(struct patch *p, struct json_value from, const char *name, struct view head, bool *any)
{
    struct json_value v;

    if (!json_get(from, name, &v) || v.kind == JSON_NULL)
        return;
    if (*any)
        patch_put(p, VIEW_LIT(","));
    patch_put(p, head);
    patch_put(p, v.text);
    *any = true;
}

static void put_usage(struct patch *p, struct json_value usage)
{
    struct json_value details;
    bool any = false, inner = false;

    patch_put(p, VIEW_LIT(",\"usage\":{"));
    put_figure(p, usage, "input_tokens", VIEW_LIT("\"prompt_tokens\":"), &any);
    put_figure(p, usage, "output_tokens", VIEW_LIT("\"completion_tokens\":"), &any);
    put_figure(p, usage, "total_tokens", VIEW_LIT("\"total_tokens\":"), &any);
    if (json_get(usage, "input_tokens_details", &details) && details.kind == JSON_OBJECT) {
        patch_put(p, any ? VIEW_LIT(",\"prompt_tokens_details\":{") : VIEW_LIT("\"prompt_tokens_details\":{"));
        put_figure(p, details, "cached_tokens", VIEW_LIT("\"cached_tokens\":"), &inner);
        put_figure(p, details, "cache_write_tokens", VIEW_LIT("\"cache_write_tokens\":"), &inner);
        put_figure(p, details, "cache_write_tokens_details", VIEW_LIT("\"cache_write_tokens_details\":"), &inner);
        put_figure(p, details, "image_tokens", VIEW_LIT("\"image_tokens\":"), &inner);
        put_figure(p, details, "audio_tokens", VIEW_LIT("\"audio_tokens\":"), &inner);
        patch_put(p, VIEW_LIT("}"));
        any = true;
    }
    if (json_get(usage, "output_tokens_details", &details) && details.kind == JSON_OBJECT) {
        inner = false;
        patch_put(p, any ? VIEW_LIT(",\"completion_tokens_details\":{") : VIEW_LIT("\"completion_tokens_details\":{"));
        put_figure(p, details, "reasoning_tokens", VIEW_LIT("\"reasoning_tokens\":"), &inner);
        patch_put(p, VIEW_LIT("}"));
    }
    patch_put(p, VIEW_LIT("}"));
}

/* finish empty: it goes on. response: the one that is over, or text empty. */
static void document_write(struct patch *p, const struct responses_says *s, struct view finish, struct json_value response)
{
    struct json_value usage;

    patch_put(p, s->whole ? VIEW_LIT("{\"choices\":[{\"index\":0,\"message\":{") : VIEW_LIT("{\"choices\":[{\"index\":0,\"delta\":{"));
    put_message(p, s);
    patch_put(p, VIEW_LIT("},"));
    if (s->piece[SAYS_LOGPROBS].len != 0) {
        patch_put(p, VIEW_LIT("\"logprobs\":{\"content\":["));
        patch_put(p, buf_view(&s->piece[SAYS_LOGPROBS]));
        patch_put(p, VIEW_LIT("],\"refusal\":null},"));
    }
    patch_put(p, VIEW_LIT("\"finish_reason\":"));
    if (finish.len == 0) {
        patch_put(p, VIEW_LIT("null"));
    } else {
        patch_put(p, VIEW_LIT("\""));
        patch_put(p, finish);
        patch_put(p, VIEW_LIT("\""));
    }
    patch_put(p, VIEW_LIT("}]"));
    if (json_get(response, "usage", &usage) && usage.kind == JSON_OBJECT)
        put_usage(p, usage);
    patch_put(p, VIEW_LIT("}"));
}

static bool says_anything(const struct responses_says *s)
{
    for (size_t i = 0; i < SAYS_COUNT; i++)
        if (s->piece[i].len != 0)
            return true;
    return false;
}

static void says_init(struct responses_says *s, struct chat_canon *c, bool whole, const struct buf *like)
{
    *s = (struct responses_says){.c = c, .whole = whole};
    for (size_t i = 0; i < SAYS_COUNT; i++)
        buf_init_charged(&s->piece[i], like->max, like->budget);
}

static void says_free(struct responses_says *s)
{
    for (size_t i = 0; i < SAYS_COUNT; i++)
        buf_free(&s->piece[i]);
}

static enum err to_canon(struct responses_says *s, struct view finish, struct json_value response, struct buf *out,
                         enum chat_kind *kind, struct chat_error *error)
{
    struct buf chat;
    struct patch p = {.out = &chat, .e = s->e};

    if (s->e != ERR_NONE || (finish.len == 0 && !says_anything(s)))
        return s->e;
    buf_init_charged(&chat, out->max, out->budget);
    document_write(&p, s, finish, response);
    if (p.e == ERR_NONE)
        p.e = s->whole ? chat_canon_whole(s->c, buf_view(&chat), out, kind, error)
                       : chat_canon_chunk(s->c, buf_view(&chat), out, kind, error);
    if (*kind == CHAT_ERROR)
        error->message = VIEW_EMPTY; /* it lies in what is freed here */
    buf_free(&chat);
    return p.e;
}

/* --- how a response is over --- */

static bool status_is(struct json_value response, const char *status)
{
    struct json_value v;

    return json_get(response, "status", &v) && json_string_is(v, status);
}

static struct view finish_of(struct json_value response)
{
    struct json_value details, reason;

    if (!status_is(response, "incomplete"))
        return VIEW_LIT("stop"); /* with calls, chat_finish.c says so */
    if (json_get(response, "incomplete_details", &details) && json_get(details, "reason", &reason)) {
        if (json_string_is(reason, "content_filter"))
            return VIEW_LIT("content_filter");
        if (json_string_is(reason, "max_messages") || json_string_is(reason, "steered"))
            return VIEW_LIT("stop");
    }
    return VIEW_LIT("length");
}

/* A code that chat does not have blames the request. */
static void read_failure(struct chat_canon *c, struct json_value document, struct chat_error *error)
{
    struct json_value inner, code, usage;

    if (!chat_error_read(document, true, error))
        *error = (struct chat_error){.status = 502};
    if (!json_get(document, "error", &inner) || inner.kind != JSON_OBJECT)
        inner = document;
    if (error->status == 502 && json_get(inner, "code", &code) && responses_inner(code).len != 0) {
        error->status = 400;
        error->client_fault = true;
    }
    if (json_get(document, "usage", &usage))
        (void)chat_usage_read(c, usage);
}

static bool has_failed(struct json_value response)
{
    struct json_value error;

    return status_is(response, "failed") || status_is(response, "cancelled") ||
           (json_get(response, "error", &error) && chat_error_says(error));
}

/* Each item of a response whose events have not come. */
static void say_output(struct responses_says *s, struct json_value response)
{
    struct json_value list;
    struct json_iter it;
    struct json_member m;
    uint32_t n = 0;

    if (!json_get(response, "output", &list) || list.kind != JSON_ARRAY)
        return;
    for (it = json_iter(list); s->e == ERR_NONE && json_next(&it, &m); n++)
        responses_item_rest(s, responses_item_of(s->c, n), m.value);
}

/* --- events --- */

struct event {
    struct json_value root, type;
    struct view text; /* "delta" or what the piece came to */
    uint32_t output, part, summary;
};

static uint32_t number_of(struct json_value root, const char *name, uint32_t otherwise)
{
    struct json_value v;
    uint64_t n;

    return json_get(root, name, &v) && json_u64(v, &n) == ERR_NONE && n < UINT32_MAX ? (uint32_t)n : otherwise;
}

static struct event event_read(struct chat_canon *c, struct json_value root)
{
    struct openai_responses_state *r = &c->responses;
    uint32_t last = r->items != 0 ? r->item[(r->items - 1) % RESPONSES_OPEN_MAX].output_index : 0;
    static const char *const members[] = {"delta", "text", "refusal", "arguments", "input"};
    struct event e = {.root = root, .type = {JSON_NULL, VIEW_EMPTY}};
    struct json_value v;

    (void)json_get(root, "type", &e.type);
    e.output = number_of(root, "output_index", last); /* some servers leave it out */
    e.part = number_of(root, "content_index", 0);
    e.summary = number_of(root, "summary_index", 0);
    for (size_t i = 0; e.text.len == 0 && i < sizeof members / sizeof members[0]; i++)
        if (json_get(root, members[i], &v))
            e.text = responses_inner(v);
    return e;
}

/* What is in no row says nothing. */
static const struct {
    const char *type;
    responses_piece_fn *say;
    bool all; /* it has all of the text */
} texts[] = {
    {"response.output_text.delta", responses_text, false},
    {"response.output_text.done", responses_text, true},
    {"response.function_call_arguments.delta", responses_arguments, false},
    {"response.function_call_arguments.done", responses_arguments, true},
    {"response.custom_tool_call_input.delta", responses_free_input, false},
    {"response.custom_tool_call_input.done", responses_free_input, true},
    {"response.reasoning_summary_text.delta", responses_summary, false},
    {"response.reasoning_summary_text.done", responses_summary, true},
    {"response.reasoning_text.delta", responses_thought, false},
    {"response.reasoning_text.done", responses_thought, true},
    {"response.reasoning.delta", responses_thought, false},
    {"response.reasoning.done", responses_thought, true},
    {"response.refusal.delta", responses_refusal, false},
    {"response.refusal.done", responses_refusal, true},
};

static void event_say(struct responses_says *s, const struct event *x)
{
    struct openai_responses_item *i;
    struct json_value v;

    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        if (!json_string_is(x->type, texts[k].type))
            continue;
        i = responses_item_of(s->c, x->output);
        texts[k].say(s, i, texts[k].say == responses_summary ? x->summary : x->part, x->text, texts[k].all);
        if (!texts[k].all && json_get(x->root, "logprobs", &v))
            responses_logprobs(s, v);
        return;
    }
    if (json_string_is(x->type, "response.output_text.annotation.added") && json_get(x->root, "annotation", &v))
        responses_note(s, v);
    else if (json_string_is(x->type, "response.output_item.added") && json_get(x->root, "item", &v))
        responses_item_begin(s, responses_item_of(s->c, x->output), v);
    else if (json_string_is(x->type, "response.output_item.done") && json_get(x->root, "item", &v))
        responses_item_rest(s, responses_item_of(s->c, x->output), v);
}

/* Figures that come with an end are told with it; where events have said nothing, the response does. */
static enum err response_over(struct chat_canon *c, struct json_value response, struct buf *out, enum chat_kind *kind,
                              struct chat_error *error)
{
    struct responses_says s;
    enum err e;

    if (has_failed(response)) {
        read_failure(c, response, error);
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    says_init(&s, c, false, out);
    if (c->responses.items == 0)
        say_output(&s, response);
    e = to_canon(&s, finish_of(response), response, out, kind, error);
    c->responses.over = e == ERR_NONE;
    says_free(&s);
    return e;
}

static bool type_is_over(struct json_value type)
{
    return json_string_is(type, "response.completed") || json_string_is(type, "response.incomplete") ||
           json_string_is(type, "response.failed") || json_string_is(type, "response.cancelled") ||
           json_string_is(type, "response.done");
}

static enum err event_take(struct chat_canon *c, struct json_value root, struct buf *out, enum chat_kind *kind,
                           struct chat_error *error)
{
    const struct event x = event_read(c, root);
    struct responses_says s;
    enum err e;

    says_init(&s, c, false, out);
    event_say(&s, &x);
    e = to_canon(&s, VIEW_EMPTY, (struct json_value){JSON_NULL, VIEW_EMPTY}, out, kind, error);
    says_free(&s);
    return e;
}

/* One without a type is a response that came whole, or an error. */
static enum err chunk_read(struct chat_canon *c, struct json_value root, struct buf *out, enum chat_kind *kind,
                           struct chat_error *error)
{
    struct json_value type, v;

    if (!json_get(root, "type", &type)) {
        if (json_get(root, "output", &v) && v.kind == JSON_ARRAY)
            return response_over(c, root, out, kind, error);
        type = (struct json_value){JSON_NULL, VIEW_EMPTY};
    }
    if (type_is_over(type) && json_get(root, "response", &v))
        return response_over(c, v, out, kind, error);
    if (json_string_is(type, "error") || (json_get(root, "error", &v) && chat_error_says(v))) {
        read_failure(c, root, error);
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    return event_take(c, root, out, kind, error);
}

static enum err whole_read(struct chat_canon *c, struct json_value root, struct buf *out, enum chat_kind *kind,
                           struct chat_error *error)
{
    struct json_value list;
    struct responses_says s;
    enum err e;

    if (has_failed(root)) {
        read_failure(c, root, error);
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    if (!json_get(root, "output", &list) || list.kind != JSON_ARRAY || status_is(root, "in_progress") ||
        status_is(root, "queued"))
        return ERR_PROVIDER_PROTOCOL;
    says_init(&s, c, true, out);
    say_output(&s, root);
    e = to_canon(&s, finish_of(root), root, out, kind, error);
    says_free(&s);
    return e;
}

typedef enum err (*read_fn)(struct chat_canon *, struct json_value, struct buf *, enum chat_kind *, struct chat_error *);

/* A document that is no JSON only for its NaN is read with null in its place. */
static enum err read_document(read_fn read, struct chat_canon *c, struct view text, struct buf *out, enum chat_kind *kind,
                              struct chat_error *error)
{
    struct json_value root;
    struct buf mended;
    enum err e;

    *kind = CHAT_NOTHING;
    if (view_starts(text, VIEW_LIT("\xef\xbb\xbf")))
        text = view_from(text, 3);
    if (json_check(text, &root, NULL) == ERR_NONE)
        return root.kind == JSON_OBJECT ? read(c, root, out, kind, error) : ERR_PROVIDER_PROTOCOL;
    buf_init_charged(&mended, out->max, out->budget);
    e = chat_mend(text, &mended);
    if (e == ERR_NONE && json_check(buf_view(&mended), &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT)
        e = read(c, root, out, kind, error);
    else if (e == ERR_NONE || e == ERR_NOT_FOUND)
        e = ERR_PROVIDER_PROTOCOL;
    if (*kind == CHAT_ERROR)
        error->message = VIEW_EMPTY; /* it lies in what is freed here */
    buf_free(&mended);
    return e;
}

enum err openai_responses_chunk(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                                struct chat_error *error)
{
    if (c->responses.over || view_starts(data, VIEW_LIT("[DONE]"))) { /* OpenRouter and others send it here, too */
        *kind = CHAT_DONE;
        return ERR_NONE;
    }
    return read_document(chunk_read, c, data, out, kind, error);
}

enum err openai_responses_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                                struct chat_error *error)
{
    if (chat_shape_of(body) == CHAT_SHAPE_EVENTS)
        return chat_gather_events(c, body, openai_responses_chunk, out, kind, error);
    return read_document(whole_read, c, body, out, kind, error);
}
