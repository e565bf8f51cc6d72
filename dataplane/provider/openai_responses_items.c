/* (G) Output items of a Responses answer and their pieces, as what a chat chunk says. */
#include "openai_responses_read.h"

#include "content_view.h"
#include "reasoning_maker.h"

static void put(struct responses_says *s, enum responses_piece piece, struct view text)
{
    if (s->e == ERR_NONE && text.len != 0)
        s->e = buf_append(&s->piece[piece], text);
}

static void put_u32(struct responses_says *s, enum responses_piece piece, uint32_t n)
{
    if (s->e == ERR_NONE)
        s->e = buf_append_u64(&s->piece[piece], n);
}

#define PUT(s, piece, literal) put(s, piece, VIEW_LIT(literal))

/* Begins the next element of a list. */
static void next(struct responses_says *s, enum responses_piece piece, struct view head)
{
    if (s->piece[piece].len != 0)
        PUT(s, piece, ",");
    put(s, piece, head);
}

struct openai_responses_item *responses_item_of(struct chat_canon *c, uint32_t output_index)
{
    struct openai_responses_state *r = &c->responses;
    uint32_t held = r->items < RESPONSES_OPEN_MAX ? r->items : RESPONSES_OPEN_MAX;
    struct openai_responses_item *i;

    for (uint32_t k = 0; k < held; k++)
        if (r->item[k].output_index == output_index)
            return &r->item[k];
    i = &r->item[r->items++ % RESPONSES_OPEN_MAX];
    *i = (struct openai_responses_item){.output_index = output_index};
    return i;
}

/* --- what has been told of a text --- */

static uint64_t hash_of(uint64_t hash, struct view bytes) /* FNV-1a */
{
    for (size_t k = 0; k < bytes.len; k++)
        hash = (hash ^ bytes.ptr[k]) * UINT64_C(0x100000001b3);
    return hash;
}

static void text_anew(struct openai_responses_item *i)
{
    i->told_bytes = 0;
    i->told_hash = UINT64_C(0xcbf29ce484222325);
}

/* The bytes of a piece that are to be told, or of all of a text those that no piece has had; when they do not begin
 * with what was told, none: the client has another text. */
static struct view text_next(struct openai_responses_item *i, struct view text, bool all)
{
    if (all) {
        if (text.len <= i->told_bytes || hash_of(UINT64_C(0xcbf29ce484222325), view_of(text.ptr, i->told_bytes)) != i->told_hash)
            return VIEW_EMPTY;
        text = view_from(text, i->told_bytes);
    }
    i->told_bytes += (uint32_t)text.len;
    i->told_hash = hash_of(i->told_hash, text);
    return text;
}

/* Of part `part`, where *parts have begun. A later one begins anew; of an earlier one nothing more is told. */
static struct view part_next(struct openai_responses_item *i, uint32_t *parts, uint32_t part, struct view text, bool all)
{
    if (part < *parts && part + 1 != *parts)
        return all ? VIEW_EMPTY : text;
    if (part >= *parts) {
        *parts = part + 1;
        text_anew(i);
    }
    return text_next(i, text, all);
}

/* --- a message --- */

/* A message begins behind a blank line, when there was text before it. */
void responses_text(struct responses_says *s, struct openai_responses_item *i, uint32_t part, struct view text, bool all)
{
    bool first = i->parts == 0;

    if (text.len == 0)
        return;
    text = part_next(i, &i->parts, part, text, all);
    if (first && s->c->responses.spoke)
        PUT(s, SAYS_TEXT, "\\n\\n");
    s->c->responses.spoke = true;
    put(s, SAYS_TEXT, text);
}

void responses_refusal(struct responses_says *s, struct openai_responses_item *i, uint32_t part, struct view text, bool all)
{
    if (text.len != 0)
        put(s, SAYS_REFUSAL, part_next(i, &i->parts, part, text, all));
}

/* Chat knows citations of the web alone, and nests what they say. */
void responses_note(struct responses_says *s, struct json_value annotation)
{
    struct json_iter it = json_iter(annotation);
    struct json_value type;
    struct json_member m;
    bool any = false;

    if (!json_get(annotation, "type", &type) || !json_string_is(type, "url_citation"))
        return;
    next(s, SAYS_NOTES, VIEW_LIT("{\"type\":\"url_citation\",\"url_citation\":{"));
    while (json_next(&it, &m)) {
        if (json_key_is(m.key, "type"))
            continue;
        put(s, SAYS_NOTES, any ? VIEW_LIT(",\"") : VIEW_LIT("\""));
        put(s, SAYS_NOTES, m.key);
        PUT(s, SAYS_NOTES, "\":");
        put(s, SAYS_NOTES, m.value.text);
        any = true;
    }
    PUT(s, SAYS_NOTES, "}}");
}

void responses_logprobs(struct responses_says *s, struct json_value list)
{
    struct json_iter it = json_iter(list);
    struct json_member m;

    while (list.kind == JSON_ARRAY && json_next(&it, &m))
        next(s, SAYS_LOGPROBS, m.value.text);
}

static void rest_of_part(struct responses_says *s, struct openai_responses_item *i, uint32_t n, struct json_value part)
{
    struct json_value v;
    struct json_member m;
    struct json_iter it;
    bool anew;

    if (json_get(part, "refusal", &v))
        responses_refusal(s, i, n, responses_inner(v), true);
    if (!json_get(part, "text", &v))
        return;
    anew = n >= i->parts;
    responses_text(s, i, n, responses_inner(v), true);
    if (!anew)
        return; /* these had events of their own */
    if (json_get(part, "logprobs", &v))
        responses_logprobs(s, v);
    if (json_get(part, "annotations", &v) && v.kind == JSON_ARRAY)
        for (it = json_iter(v); json_next(&it, &m);)
            responses_note(s, m.value);
}

static void rest_of_message(struct responses_says *s, struct openai_responses_item *i, struct json_value item)
{
    struct json_value list;
    struct json_iter it;
    struct json_member m;
    uint32_t n = 0;

    if (!json_get(item, "content", &list) || list.kind != JSON_ARRAY)
        return;
    for (it = json_iter(list); json_next(&it, &m); n++)
        rest_of_part(s, i, n, m.value);
}

/* --- a thought --- */

static void put_format(struct responses_says *s)
{
    put(s, SAYS_DETAILS, maker_of_model(s->c->model) == MAKER_XAI ? VIEW_LIT("\"format\":\"xai-responses-v1\",\"index\":")
                                                                  : VIEW_LIT("\"format\":\"openai-responses-v1\",\"index\":"));
}

static void begin_thought(struct responses_says *s, bool anew)
{
    if (anew && s->c->responses.thought)
        PUT(s, SAYS_THOUGHTS, "\\n\\n");
    s->c->responses.thought = true;
}

/* The summaries are what a client gets to see, and are replayed with the sealed text behind them. */
void responses_summary(struct responses_says *s, struct openai_responses_item *i, uint32_t part, struct view text, bool all)
{
    bool anew = part >= i->summaries;

    if (text.len == 0)
        return;
    text = part_next(i, &i->summaries, part, text, all);
    if (text.len == 0)
        return;
    begin_thought(s, anew);
    put(s, SAYS_THOUGHTS, text);
    if (anew)
        i->detail = s->c->responses.details++;
    next(s, SAYS_DETAILS, VIEW_LIT("{\"type\":\"reasoning.summary\",\"summary\":\""));
    put(s, SAYS_DETAILS, text);
    PUT(s, SAYS_DETAILS, "\",");
    put_format(s);
    put_u32(s, SAYS_DETAILS, i->detail);
    PUT(s, SAYS_DETAILS, "}");
}

/* Thoughts themselves, of models that do not hide them. */
void responses_thought(struct responses_says *s, struct openai_responses_item *i, uint32_t part, struct view text, bool all)
{
    bool anew = part >= i->parts;

    if (text.len == 0)
        return;
    text = part_next(i, &i->parts, part, text, all);
    begin_thought(s, anew);
    put(s, SAYS_THOUGHTS, text);
}

/* The sealed text at an item's end is another one than at its beginning, and the one that counts. */
static void put_sealed(struct responses_says *s, struct openai_responses_item *i, struct json_value item)
{
    struct json_value sealed, id;

    if (i->sealed || !json_get(item, "encrypted_content", &sealed) || responses_inner(sealed).len == 0)
        return;
    i->sealed = true;
    next(s, SAYS_DETAILS, VIEW_LIT("{\"type\":\"reasoning.encrypted\","));
    if (json_get(item, "id", &id) && id.kind == JSON_STRING) {
        PUT(s, SAYS_DETAILS, "\"id\":");
        put(s, SAYS_DETAILS, id.text);
        PUT(s, SAYS_DETAILS, ",");
    }
    PUT(s, SAYS_DETAILS, "\"data\":");
    put(s, SAYS_DETAILS, sealed.text);
    PUT(s, SAYS_DETAILS, ",");
    put_format(s);
    put_u32(s, SAYS_DETAILS, s->c->responses.details++);
    PUT(s, SAYS_DETAILS, "}");
}

static void rest_of_list(struct responses_says *s, struct openai_responses_item *i, struct json_value item,
                         const char *name, responses_piece_fn *say)
{
    struct json_value list, text;
    struct json_iter it;
    struct json_member m;
    uint32_t n = 0;

    if (!json_get(item, name, &list) || list.kind != JSON_ARRAY)
        return;
    for (it = json_iter(list); json_next(&it, &m); n++)
        if (json_get(m.value, "text", &text))
            say(s, i, n, responses_inner(text), true);
}

static void rest_of_thought(struct responses_says *s, struct openai_responses_item *i, struct json_value item)
{
    rest_of_list(s, i, item, "summary", responses_summary);
    rest_of_list(s, i, item, "content", responses_thought);
    put_sealed(s, i, item);
}

/* --- a call --- */

static bool item_is(struct json_value item, const char *type)
{
    struct json_value v;

    return json_get(item, "type", &v) && json_string_is(v, type);
}

void responses_item_begin(struct responses_says *s, struct openai_responses_item *i, struct json_value item)
{
    bool custom = item_is(item, "custom_tool_call");
    struct json_value id = {JSON_NULL, VIEW_EMPTY}, name = id;

    if (i->begun || (!custom && !item_is(item, "function_call")))
        return;
    (void)json_get(item, "call_id", &id);
    if (responses_inner(id).len == 0)
        (void)json_get(item, "id", &id);
    (void)json_get(item, "name", &name);
    i->begun = true;
    text_anew(i);
    i->call = s->c->responses.calls++;
    next(s, SAYS_CALLS, VIEW_LIT("{\"index\":"));
    put_u32(s, SAYS_CALLS, i->call);
    PUT(s, SAYS_CALLS, ",\"id\":\"");
    put(s, SAYS_CALLS, responses_inner(id));
    put(s, SAYS_CALLS, custom ? VIEW_LIT("\",\"type\":\"custom\",\"custom\":{\"name\":\"")
                              : VIEW_LIT("\",\"type\":\"function\",\"function\":{\"name\":\""));
    put(s, SAYS_CALLS, responses_inner(name));
    if (s->whole) { /* one object, which the input is to end */
        put(s, SAYS_CALLS, custom ? VIEW_LIT("\",\"input\":\"") : VIEW_LIT("\",\"arguments\":\""));
        return;
    }
    put(s, SAYS_CALLS, custom ? VIEW_LIT("\",\"input\":\"\"}}") : VIEW_LIT("\",\"arguments\":\"\"}}"));
}

static void put_input(struct responses_says *s, const struct openai_responses_item *i, struct view text, bool custom)
{
    if (text.len == 0)
        return;
    if (!s->whole) {
        next(s, SAYS_CALLS, VIEW_LIT("{\"index\":"));
        put_u32(s, SAYS_CALLS, i->call);
        put(s, SAYS_CALLS, custom ? VIEW_LIT(",\"type\":\"custom\",\"custom\":{\"input\":\"")
                                  : VIEW_LIT(",\"function\":{\"arguments\":\""));
    }
    put(s, SAYS_CALLS, text);
    if (!s->whole)
        PUT(s, SAYS_CALLS, "\"}}");
}

void responses_arguments(struct responses_says *s, struct openai_responses_item *i, uint32_t part, struct view text, bool all)
{
    (void)part;
    if (i->begun)
        put_input(s, i, text_next(i, text, all), false);
}

void responses_free_input(struct responses_says *s, struct openai_responses_item *i, uint32_t part, struct view text, bool all)
{
    (void)part;
    if (i->begun)
        put_input(s, i, text_next(i, text, all), true);
}

static void rest_of_call(struct responses_says *s, struct openai_responses_item *i, struct json_value item)
{
    bool custom = item_is(item, "custom_tool_call");
    struct json_value input;

    responses_item_begin(s, i, item);
    if (json_get(item, custom ? "input" : "arguments", &input))
        put_input(s, i, text_next(i, responses_inner(input), true), custom);
    if (s->whole)
        PUT(s, SAYS_CALLS, "\"}}");
}

/* --- the rest --- */

static void put_image(struct responses_says *s, struct openai_responses_item *i, struct json_value item)
{
    struct json_value data, format;

    if (i->sealed || !json_get(item, "result", &data) || responses_inner(data).len == 0)
        return;
    i->sealed = true;
    next(s, SAYS_IMAGES, VIEW_LIT("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/"));
    put(s, SAYS_IMAGES, json_get(item, "output_format", &format) ? responses_inner(format) : VIEW_LIT("png"));
    PUT(s, SAYS_IMAGES, ";base64,");
    put(s, SAYS_IMAGES, responses_inner(data));
    PUT(s, SAYS_IMAGES, "\"}}");
}

/* What the provider's own tools did is nothing that chat could say, but for images. */
void responses_item_rest(struct responses_says *s, struct openai_responses_item *i, struct json_value item)
{
    if (item_is(item, "message"))
        rest_of_message(s, i, item);
    else if (item_is(item, "reasoning"))
        rest_of_thought(s, i, item);
    else if (item_is(item, "function_call") || item_is(item, "custom_tool_call"))
        rest_of_call(s, i, item);
    else if (item_is(item, "image_generation_call"))
        put_image(s, i, item);
}
