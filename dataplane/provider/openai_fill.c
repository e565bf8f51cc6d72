#include "openai_fill.h"

#include "chat_gather.h"
#include "content_view.h"
#include "json.h"
#include "openai_body.h"
#include "openai_render.h"

#include <assert.h>

bool openai_fill_fits(const struct prompt *p, const struct provider *provider, struct view *refused)
{
    *refused = VIEW_LIT("suffix");
    return (provider->quirks & QUIRK_FILLS_MIDDLE) != 0 && openai_fits(p, provider, refused);
}

enum err openai_fill_render(const struct prompt *p, const struct provider *provider,
                            const char *upstream_model, uint32_t max_output, struct buf *out)
{
    struct body b = {.prompt = p, .provider = provider, .model = upstream_model, .out = out};
    uint32_t limit = max_output != 0 ? max_output : p->max_tokens;
    size_t start = out->len;

    assert(p->kind == PROMPT_FILL && p->list.n_items == 2); /* a message and its text */
    body_put_model(&b);
    BODY_PUT(&b, ",\"prompt\":\"");
    body_put_text(&b, p->list.item[1].text);
    BODY_PUT(&b, "\",\"suffix\":\"");
    body_put(&b, p->suffix);
    BODY_PUT(&b, "\"");
    if (limit != 0) {
        BODY_PUT(&b, ",\"max_tokens\":");
        body_put_number(&b, limit);
    }
    if (p->n_choices > 1) {
        BODY_PUT(&b, ",\"n\":");
        body_put_number(&b, p->n_choices);
    }
    body_put_settings(&b);
    if (p->stream)
        BODY_PUT(&b, ",\"stream\":true");
    if (p->stream && (provider->quirks & QUIRK_NO_STREAM_OPTIONS) == 0)
        BODY_PUT(&b, ",\"stream_options\":{\"include_usage\":true}");
    BODY_PUT(&b, "}");
    return body_end(&b, start);
}

/* --- the answer --- */

static void put(struct buf *out, struct view text, enum err *e)
{
    if (*e == ERR_NONE)
        *e = buf_append(out, text);
}

static void put_member(struct json_value object, const char *name, struct view head, struct view absent,
                       struct buf *out, enum err *e)
{
    struct json_value v;

    put(out, head, e);
    put(out, json_get(object, name, &v) ? v.text : absent, e);
}

/* text -> what chat calls it, under "delta" or "message". */
static void put_choice(struct json_value choice, bool whole, struct buf *out, enum err *e)
{
    put_member(choice, "index", VIEW_LIT("{\"index\":"), VIEW_LIT("0"), out, e);
    put_member(choice, "text", whole ? VIEW_LIT(",\"message\":{\"content\":") : VIEW_LIT(",\"delta\":{\"content\":"),
               VIEW_LIT("\"\""), out, e);
    put_member(choice, "finish_reason", VIEW_LIT("},\"finish_reason\":"), VIEW_LIT("null"), out, e);
    put(out, VIEW_LIT("}"), e);
}

/* The document as chat would have it. ERR_NOT_FOUND: it is no text completion. */
static enum err as_chat(struct view doc, bool whole, struct buf *out)
{
    struct json_value root, choices, usage, error;
    struct json_member m;
    struct json_iter it;
    enum err e = ERR_NONE;
    bool first = true;

    if (json_check(doc, &root, NULL) != ERR_NONE || !json_get(root, "choices", &choices) ||
        choices.kind != JSON_ARRAY || (json_get(root, "error", &error) && error.kind != JSON_NULL))
        return ERR_NOT_FOUND;
    put(out, VIEW_LIT("{\"choices\":["), &e);
    for (it = json_iter(choices); json_next(&it, &m); first = false) {
        if (m.value.kind != JSON_OBJECT)
            return ERR_NOT_FOUND;
        if (!first)
            put(out, VIEW_LIT(","), &e);
        put_choice(m.value, whole, out, &e);
    }
    put(out, VIEW_LIT("]"), &e);
    if (json_get(root, "usage", &usage)) {
        put(out, VIEW_LIT(",\"usage\":"), &e);
        put(out, usage.text, &e);
    }
    put(out, VIEW_LIT("}"), &e);
    return e;
}

typedef enum err (*read_fn)(struct chat_canon *, struct view, struct buf *, enum chat_kind *,
                            struct chat_error *);

/* Errors, ends and what is neither are the same in both APIs. */
static enum err read_as_chat(read_fn read, bool whole, struct chat_canon *c, struct view doc,
                             struct buf *out, enum chat_kind *kind, struct chat_error *error)
{
    struct buf chat;
    enum err e;

    buf_init_charged(&chat, out->max, out->budget);
    e = as_chat(doc, whole, &chat);
    if (e == ERR_NONE) {
        e = read(c, buf_view(&chat), out, kind, error);
        if (e == ERR_NONE && *kind == CHAT_ERROR)
            error->message = VIEW_EMPTY; /* it lies in what is freed here */
    } else if (e == ERR_NOT_FOUND)
        e = read(c, doc, out, kind, error);
    buf_free(&chat);
    return e;
}

enum err openai_fill_chunk(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                           struct chat_error *error)
{
    return read_as_chat(chat_canon_chunk, false, c, data, out, kind, error);
}

enum err openai_fill_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                           struct chat_error *error)
{
    return read_as_chat(chat_gather, true, c, body, out, kind, error);
}
