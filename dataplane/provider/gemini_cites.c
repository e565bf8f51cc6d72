/* (G) Sources: groundingMetadata and citationMetadata as chat's annotations. Google counts bytes of a part's text, chat
 * counts characters of the answer's. */
#include "gemini_read_internal.h"

#include "content_view.h"

enum {
    SOURCES_MAX = 64,           /* annotations of one event, and chunks that they may name; answers have a dozen */
    PLACE_TEXT_MAX = 64 << 10,  /* bytes of a text in which places are counted, once for each source */
};

/* The part's text, when this event has it. */
static bool text_of_part(struct json_value candidate, int64_t index, struct json_value *out)
{
    struct json_value v, parts;
    struct json_member m;
    struct json_iter it;

    if (!json_get(candidate, "content", &v) || !json_get(v, "parts", &parts) || parts.kind != JSON_ARRAY)
        return false;
    for (it = json_iter(parts); json_next(&it, &m); index--)
        if (index == 0)
            return json_get(m.value, "text", out) && out->kind == JSON_STRING && out->text.len <= PLACE_TEXT_MAX;
    return false;
}

static uint64_t characters(struct view text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += (text.ptr[i] & 0xc0) != 0x80;
    return n;
}

struct place {
    int64_t part, start, end; /* bytes */
};

static int64_t number(struct json_value v, const char *name)
{
    struct json_value n;
    int64_t out;

    return json_get(v, name, &n) && json_whole(n, &out) == ERR_NONE && out >= 0 ? out : 0;
}

static struct place place_of(struct json_value segment)
{
    struct place p = {number(segment, "partIndex"), number(segment, "startIndex"), number(segment, "endIndex")};

    return p;
}

/* Bytes become characters where the text is at hand; a stream sends its sources behind it, and keeps the bytes. */
static void put_place(struct gemini_pieces *x, struct json_value candidate, struct place p)
{
    struct json_value text;
    struct buf plain;

    buf_init_charged(&plain, x->piece[PIECE_NOTES].max, x->piece[PIECE_NOTES].budget);
    if (text_of_part(candidate, p.part, &text) && json_string_decode(text, &plain) == ERR_NONE &&
        p.end >= p.start && (uint64_t)p.end <= plain.len) {
        p.start = (int64_t)characters(view_of(plain.ptr, (size_t)p.start));
        p.end = (int64_t)characters(view_of(plain.ptr, (size_t)p.end));
    }
    buf_free(&plain);
    PIECE_PUT(x, PIECE_NOTES, ",\"start_index\":");
    gemini_pieces_put_u64(x, PIECE_NOTES, (uint64_t)p.start);
    PIECE_PUT(x, PIECE_NOTES, ",\"end_index\":");
    gemini_pieces_put_u64(x, PIECE_NOTES, (uint64_t)p.end);
    PIECE_PUT(x, PIECE_NOTES, "}}");
}

static void put_source(struct gemini_pieces *x, struct json_value candidate, struct json_value source,
                       struct json_value segment)
{
    struct json_value uri = {JSON_NULL, VIEW_EMPTY}, title = uri;

    (void)json_get(source, "uri", &uri);
    (void)json_get(source, "title", &title);
    if (gemini_text(uri).len == 0)
        return;
    gemini_pieces_next(x, PIECE_NOTES, VIEW_LIT("{\"type\":\"url_citation\",\"url_citation\":{\"url\":\""));
    gemini_pieces_put(x, PIECE_NOTES, gemini_text(uri));
    PIECE_PUT(x, PIECE_NOTES, "\",\"title\":\"");
    gemini_pieces_put(x, PIECE_NOTES, gemini_text(title));
    PIECE_PUT(x, PIECE_NOTES, "\"");
    put_place(x, candidate, place_of(segment));
}

/* --- grounding: chunks, and supports that name them by number --- */

struct chunks {
    struct json_value source[SOURCES_MAX]; /* text empty: none on the web */
    size_t n;
};

static void read_chunks(struct json_value list, struct chunks *out)
{
    struct json_iter it = json_iter(list);
    struct json_member m;

    for (out->n = 0; out->n < SOURCES_MAX && json_next(&it, &m); out->n++)
        if (!json_get(m.value, "web", &out->source[out->n]) &&
            !json_get(m.value, "retrievedContext", &out->source[out->n]))
            out->source[out->n] = (struct json_value){JSON_NULL, VIEW_EMPTY};
}

static void put_support(struct gemini_pieces *x, struct json_value candidate, const struct chunks *chunks,
                        struct json_value support, unsigned *left)
{
    struct json_value indices, segment = {JSON_NULL, VIEW_EMPTY};
    struct json_member m;
    struct json_iter it;
    int64_t n;

    (void)json_get(support, "segment", &segment);
    if (!json_get(support, "groundingChunkIndices", &indices) || indices.kind != JSON_ARRAY)
        return;
    for (it = json_iter(indices); *left != 0 && json_next(&it, &m); --*left)
        if (json_whole(m.value, &n) == ERR_NONE && n >= 0 && (uint64_t)n < chunks->n)
            put_source(x, candidate, chunks->source[n], segment);
}

static void put_grounding(struct gemini_pieces *x, struct json_value candidate, struct json_value grounding)
{
    struct json_value list, supports;
    unsigned left = SOURCES_MAX;
    struct chunks chunks;
    struct json_member m;
    struct json_iter it;

    if (!json_get(grounding, "groundingChunks", &list) || list.kind != JSON_ARRAY ||
        !json_get(grounding, "groundingSupports", &supports) || supports.kind != JSON_ARRAY)
        return;
    read_chunks(list, &chunks);
    for (it = json_iter(supports); left != 0 && json_next(&it, &m);)
        put_support(x, candidate, &chunks, m.value, &left);
}

void gemini_citations(struct gemini_pieces *x, struct json_value candidate)
{
    struct json_value v, list;
    unsigned left = SOURCES_MAX;
    struct json_member m;
    struct json_iter it;

    if (json_get(candidate, "groundingMetadata", &v) && v.kind == JSON_OBJECT)
        put_grounding(x, candidate, v);
    if (!json_get(candidate, "citationMetadata", &v) ||
        (!json_get(v, "citationSources", &list) && !json_get(v, "citations", &list)) || list.kind != JSON_ARRAY)
        return;
    for (it = json_iter(list); left != 0 && json_next(&it, &m); left--)
        put_source(x, candidate, m.value, m.value);
}
