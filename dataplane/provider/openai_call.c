/* (G) Renders a one-answer call, as JSON or as a form, and reads the figures of its answer. */
#include "openai_call.h"

#include "chat_members.h"
#include "chat_parts.h"
#include "content_view.h"
#include "multipart.h"
#include "openai_body.h"
#include "secret.h"

#include <assert.h>

enum {
    RENDER_SLACK = 1024,     /* around the members: names, the model's id escaped */
    PART_SLACK = 256,        /* around a part: names of headers, boundary */
    ANSWER_SLACK = 512,      /* behind it, for what the bill adds */
};

/* --- the request */

enum err openai_call_path(const struct prompt *p, const struct destination *d, struct buf *out)
{
    static const struct view paths[PROMPT_KINDS] = {
        [PROMPT_IMAGES] = VIEW_LIT("/images/generations"),
        [PROMPT_IMAGE_EDITS] = VIEW_LIT("/images/edits"),
        [PROMPT_SPEECH] = VIEW_LIT("/audio/speech"),
        [PROMPT_TRANSCRIPTION] = VIEW_LIT("/audio/transcriptions"),
        [PROMPT_TRANSLATION] = VIEW_LIT("/audio/translations"),
        [PROMPT_MODERATION] = VIEW_LIT("/moderations"),
        [PROMPT_RERANK] = VIEW_LIT("/rerank"),
    };

    (void)d;
    assert(p->kind >= PROMPT_IMAGES && p->kind < PROMPT_KINDS);
    return buf_append(out, paths[p->kind]);
}

/* A price per image covers ordinary ones; where tokens are paid as well, the others come to more of them. */
static bool price_covers(const struct price *price)
{
    return price->image_nusd == 0 || price->completion_pusd != 0 || price->image_output_pusd != 0;
}

bool openai_call_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    const struct prompt_call *x = &p->call;

    *refused = VIEW_LIT("model");
    if (x->boundary.len != 0 && d->provider->force[0] != '\0')
        return false; /* what the row forces has no place in a form */
    for (size_t i = 0; i < x->n_members; i++) {
        *refused = x->member[i];
        if (!chat_member_allowed(d->provider, x->member[i]))
            return false;
    }
    *refused = x->priced;
    return x->priced.len == 0 || price_covers(&d->endpoint->price);
}

size_t openai_call_room(const struct prompt *p)
{
    return p->body.len + RENDER_SLACK + (p->call.boundary.len != 0 ? MULTIPART_PARTS_MAX * PART_SLACK : 0);
}

/* What is for the router, or is said anew. */
static bool is_ours(struct view key)
{
    static const char *const ours[] = {"model", "models", "provider", "route", "session_id", "trace",
                                       "tags",  "metadata", "usage", "user", "stream"};

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (json_key_is(key, ours[i]))
            return true;
    return false;
}

/* Null says as much as an absent member. */
static void put_json(struct body *b)
{
    struct json_value root;
    struct json_iter it;
    struct json_member m;
    struct view text = b->prompt->body;

    if (view_starts(text, VIEW_LIT("\xef\xbb\xbf")))
        text = view_from(text, 3);
    b->e = json_check(text, &root, NULL);
    assert(b->e == ERR_NONE); /* its reader has taken it */
    body_put_model(b);
    for (it = json_iter(root); b->e == ERR_NONE && json_next(&it, &m);) {
        if (is_ours(m.key) || m.value.kind == JSON_NULL)
            continue;
        BODY_PUT(b, ",\"");
        body_put(b, m.key);
        BODY_PUT(b, "\":");
        body_put(b, m.value.text);
    }
    BODY_PUT(b, "}");
}

static void put_part(struct body *b, const struct multipart_part *part)
{
    BODY_PUT(b, "--");
    body_put(b, b->prompt->call.boundary);
    BODY_PUT(b, "\r\nContent-Disposition: form-data; name=\"");
    body_put(b, part->name);
    if (part->filename.ptr != NULL) {
        BODY_PUT(b, "\"; filename=\"");
        body_put(b, part->filename);
    }
    BODY_PUT(b, "\"\r\n");
    if (part->type.len != 0) {
        BODY_PUT(b, "Content-Type: ");
        body_put(b, part->type);
        BODY_PUT(b, "\r\n");
    }
    BODY_PUT(b, "\r\n");
    body_put(b, part->bytes);
    BODY_PUT(b, "\r\n");
}

/* The client's boundary divides nothing but its parts, whose reader has looked. */
static void put_form(struct body *b)
{
    struct multipart m;
    struct multipart_part part = {.name = VIEW_LIT("model"), .bytes = view_str(b->model)};
    enum err e = multipart_begin(&m, b->prompt->body, b->prompt->call.boundary);

    put_part(b, &part);
    while (b->e == ERR_NONE && e == ERR_NONE) {
        e = multipart_next(&m, &part);
        if (e == ERR_NONE && !is_ours(part.name))
            put_part(b, &part);
    }
    assert(b->e != ERR_NONE || e == ERR_NOT_FOUND);
    BODY_PUT(b, "--");
    body_put(b, b->prompt->call.boundary);
    BODY_PUT(b, "--\r\n");
}

enum err openai_call_render(const struct prompt *p, const struct destination *d, uint32_t max_output,
                            struct buf *out)
{
    struct body b = {.prompt = p, .provider = d->provider, .model = d->endpoint->upstream_model, .out = out};

    assert(max_output == 0);
    b.e = buf_reserve(out, p->body.len + RENDER_SLACK);
    if (b.e != ERR_NONE)
        return b.e;
    if (p->call.boundary.len != 0)
        put_form(&b);
    else
        put_json(&b);
    return b.e;
}

enum err openai_call_type(const struct prompt *p, struct buf *out)
{
    enum err e;

    if (p->call.boundary.len == 0)
        return buf_append(out, VIEW_LIT("application/json"));
    e = buf_append(out, VIEW_LIT("multipart/form-data; boundary=\""));
    if (e == ERR_NONE)
        e = buf_append(out, p->call.boundary);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("\"")) : e;
}

/* --- the answer */

/* Seconds that have begun, at least one; 0: it is no number of them. */
static uint32_t seconds_of(struct json_value v)
{
    struct view text = v.text;
    struct json_value number = v;
    uint64_t n = 0;
    size_t i = 0;
    bool more = false;

    if (v.kind == JSON_STRING && json_string_plain(v, &text) && json_check(text, &number, NULL) != ERR_NONE)
        return 0; /* Whisper's own server writes it as a string */
    if (number.kind != JSON_NUMBER)
        return 0;
    text = number.text;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
        n = n * 10 + (text.ptr[i] - '0');
        if (n > CALL_SECONDS_MOST)
            return CALL_SECONDS_MOST;
    }
    if (i == 0)
        return 0;
    if (i < text.len && text.ptr[i] == '.')
        for (i++; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
            more = more || text.ptr[i] != '0';
    if (i < text.len)
        return 0; /* with an exponent */
    n += more;
    return n == 0 ? 1 : (uint32_t)n;
}

static uint32_t count_of(struct json_value array)
{
    struct json_iter it;
    struct json_member m;
    uint32_t n = 0;

    if (array.kind != JSON_ARRAY)
        return 0;
    for (it = json_iter(array); json_next(&it, &m);)
        n++;
    return n;
}

static uint32_t search_units(struct json_value root)
{
    struct json_value v, billed;
    int64_t n;

    if (!(json_get(root, "usage", &v) && v.kind == JSON_OBJECT && json_get(v, "search_units", &billed)) &&
        !(json_get(root, "meta", &v) && v.kind == JSON_OBJECT && json_get(v, "billed_units", &v) &&
          v.kind == JSON_OBJECT && json_get(v, "search_units", &billed)))
        return 0;
    return json_whole(billed, &n) == ERR_NONE && n > 0 && n <= LIMIT_TOKENS_ABSURD ? (uint32_t)n : 0;
}

/* Is there in the object what this call is answered with? Then its units too. */
static bool read_object(struct chat_canon *c, struct json_value root)
{
    struct json_value v, seconds;

    switch (c->call.answer) {
    case CALL_IMAGES:
        c->units = json_get(root, "data", &v) ? count_of(v) : 0;
        return c->units != 0;
    case CALL_TEXT_JSON:
        if (!json_get(root, "text", &v) || v.kind != JSON_STRING)
            return false;
        if (json_get(root, "duration", &seconds))
            c->units = seconds_of(seconds);
        if (c->units == 0 && json_get(root, "usage", &v) && v.kind == JSON_OBJECT &&
            (json_get(v, "seconds", &seconds) || json_get(v, "prompt_audio_seconds", &seconds))) /* the latter: Mistral */
            c->units = seconds_of(seconds);
        return true;
    case CALL_JUDGEMENTS:
        return json_get(root, "results", &v) && v.kind == JSON_ARRAY;
    case CALL_RANKS:
        c->units = search_units(root);
        if (c->units == 0)
            c->units = c->call.guess;
        return (json_get(root, "results", &v) || json_get(root, "data", &v)) && v.kind == JSON_ARRAY;
    case CALL_SOUND:
    case CALL_TEXT:
        break;
    }
    return false; /* an object where bytes were asked for: an error */
}

/* Usage beside the answer, or, of Voyage and Jina, with a total alone, which is the prompt's. Cohere says its tokens
 * in meta. */
static void read_usage(struct chat_canon *c, struct json_value root)
{
    struct json_value v;

    if (json_get(root, "usage", &v))
        (void)chat_usage_read(c, v);
    else if (json_get(root, "meta", &v) && v.kind == JSON_OBJECT && json_get(v, "tokens", &v))
        (void)chat_usage_read(c, v);
    if (!c->usage.present && c->figures.total != 0)
        c->usage = (struct token_usage){.present = true, .prompt = c->figures.total};
    /* What does not say of which class its output is: of an answer of images it is images. */
    if (c->call.answer == CALL_IMAGES && c->usage.image_output == 0)
        c->usage.image_output = c->usage.completion;
}

/* An error, most likely. */
static enum err read_error(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                           struct chat_error *error)
{
    size_t start = out->len;
    enum err e = chat_canon_whole(c, body, out, kind, error);

    if (out->len > start)
        secret_wipe(out->ptr + start, out->len - start);
    out->len = start;
    return e != ERR_NONE || *kind == CHAT_ERROR ? e : ERR_PROVIDER_PROTOCOL;
}

static bool is_bytes(const struct chat_canon *c)
{
    return c->call.answer == CALL_SOUND || c->call.answer == CALL_TEXT;
}

/* Silence may have no text, but no sound is no speech. */
static bool bytes_ok(const struct chat_canon *c, struct view body)
{
    if (c->call.answer == CALL_TEXT)
        return c->type == BODY_TYPE_TEXT || c->type == BODY_TYPE_SUBRIP || c->type == BODY_TYPE_VTT ||
               c->type == BODY_TYPE_OTHER;
    return body.len != 0 && c->type != BODY_TYPE_JSON && c->type != BODY_TYPE_TEXT;
}

static enum err take(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind)
{
    enum err e = buf_reserve(out, body.len + ANSWER_SLACK);

    if (e == ERR_NONE)
        e = buf_append(out, body);
    if (e != ERR_NONE)
        return e;
    if (!is_bytes(c))
        c->type = BODY_TYPE_JSON;
    else if (c->call.answer == CALL_TEXT && c->type == BODY_TYPE_OTHER)
        c->type = BODY_TYPE_TEXT;
    if (c->call.answer == CALL_SOUND)
        c->units = c->call.units.n; /* characters, counted */
    c->useful = true;
    *kind = CHAT_EMIT;
    return ERR_NONE;
}

enum err openai_call_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                           struct chat_error *error)
{
    struct json_value root;

    *kind = CHAT_NOTHING;
    if (is_bytes(c) && bytes_ok(c, body))
        return take(c, body, out, kind);
    if (view_starts(body, VIEW_LIT("\xef\xbb\xbf")))
        body = view_from(body, 3);
    if (json_check(body, &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT)
        return ERR_PROVIDER_PROTOCOL;
    if (!read_object(c, root))
        return read_error(c, body, out, kind, error);
    read_usage(c, root);
    return take(c, body, out, kind);
}
