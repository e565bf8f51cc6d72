/* (G) A candidate: its parts and its finishReason. */
#include "gemini_read_internal.h"

#include "content_view.h"

/* --- thoughts and signatures --- */

#define FORMAT "\"format\":\"google-gemini-v1\",\"index\":"

static void put_detail_end(struct gemini_pieces *x, bool thinking)
{
    struct gemini_state *s = &x->c->gemini;

    PIECE_PUT(x, PIECE_DETAILS, FORMAT);
    if (!thinking || !s->thinking)
        s->details++;
    s->thinking = thinking;
    gemini_pieces_put_u64(x, PIECE_DETAILS, s->details - 1);
    PIECE_PUT(x, PIECE_DETAILS, "}");
}

static void put_thought(struct gemini_pieces *x, struct view text)
{
    if (text.len == 0)
        return;
    gemini_pieces_put(x, PIECE_THOUGHTS, text);
    gemini_pieces_next(x, PIECE_DETAILS, VIEW_LIT("{\"type\":\"reasoning.text\",\"text\":\""));
    gemini_pieces_put(x, PIECE_DETAILS, text);
    PIECE_PUT(x, PIECE_DETAILS, "\",");
    put_detail_end(x, true);
}

void gemini_put_signature(struct gemini_pieces *x, struct view signature, struct view id)
{
    if (signature.len == 0)
        return;
    gemini_pieces_next(x, PIECE_DETAILS, VIEW_LIT("{\"type\":\"reasoning.encrypted\",\"data\":\""));
    gemini_pieces_put(x, PIECE_DETAILS, signature);
    PIECE_PUT(x, PIECE_DETAILS, "\",");
    if (id.len != 0) {
        PIECE_PUT(x, PIECE_DETAILS, "\"id\":\"");
        gemini_pieces_put(x, PIECE_DETAILS, id);
        PIECE_PUT(x, PIECE_DETAILS, "\",");
    }
    put_detail_end(x, false);
}

/* --- images and audio --- */

static void put_image(struct gemini_pieces *x, struct view type, struct view data)
{
    gemini_pieces_next(x, PIECE_IMAGES, VIEW_LIT("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:"));
    gemini_pieces_put(x, PIECE_IMAGES, type);
    PIECE_PUT(x, PIECE_IMAGES, ";base64,");
    gemini_pieces_put(x, PIECE_IMAGES, data);
    PIECE_PUT(x, PIECE_IMAGES, "\"},\"index\":");
    gemini_pieces_put_u64(x, PIECE_IMAGES, x->c->gemini.images++);
    PIECE_PUT(x, PIECE_IMAGES, "}");
}

static void put_blob(struct gemini_pieces *x, struct json_value blob)
{
    struct json_value type = {JSON_NULL, VIEW_EMPTY}, data = type;

    (void)json_get(blob, "mimeType", &type);
    (void)json_get(blob, "data", &data);
    if (view_starts(gemini_text(type), VIEW_LIT("image/")))
        put_image(x, gemini_text(type), gemini_text(data));
    else if (view_starts(gemini_text(type), VIEW_LIT("audio/")))
        gemini_pieces_put(x, PIECE_AUDIO, gemini_text(data));
}

/* --- parts --- */

/* Code that Google ran, and what else it did by itself, is nothing that chat could say. */
static void put_part(struct gemini_pieces *x, struct json_value part)
{
    struct json_value v = {JSON_NULL, VIEW_EMPTY}, thought = v, sign = v;

    (void)json_get(part, "thought", &thought);
    (void)json_get(part, "thoughtSignature", &sign);
    if (json_get(part, "functionCall", &v) && v.kind == JSON_OBJECT) {
        gemini_call(x, v, gemini_text(sign));
        return;
    }
    if (json_get(part, "text", &v) && thought.kind == JSON_TRUE)
        put_thought(x, gemini_text(v));
    else if (v.kind == JSON_STRING)
        gemini_pieces_put(x, PIECE_TEXT, gemini_text(v));
    else if (json_get(part, "inlineData", &v) && thought.kind != JSON_TRUE)
        put_blob(x, v);
    gemini_put_signature(x, gemini_text(sign), VIEW_EMPTY);
}

void gemini_candidate(struct gemini_pieces *x, struct json_value candidate)
{
    struct json_value v, parts;
    struct json_member m;
    struct json_iter it;

    if (json_get(candidate, "content", &v) && json_get(v, "parts", &parts) && parts.kind == JSON_ARRAY)
        for (it = json_iter(parts); x->e == ERR_NONE && json_next(&it, &m);)
            put_part(x, m.value);
    gemini_citations(x, candidate);
    if (!json_get(candidate, "finishReason", &v) || v.kind != JSON_STRING ||
        json_string_is(v, "FINISH_REASON_UNSPECIFIED"))
        return;
    x->finish = v;
    if (json_get(candidate, "finishMessage", &v))
        x->message = v;
    gemini_call_close(x);
}
