/* (G) Sources: groundingMetadata and citationMetadata as chat's annotations. Google counts bytes of a part's text, chat
 * counts characters of the answer's. */
#include "gemini_read_internal.h"

#include "content_view.h"

enum {
    SOURCES_MAX = 64,           /* annotations of one event, and chunks that they may name; answers have a dozen */
    PLACE_TEXT_MAX = 64 << 10,  /* bytes of a text in which places are counted, once for each source */
    PLACE_PARTS_MAX = 256,      /* parts in whose texts they are: the first of the event */
};

/* What each source needs is read once: an answer may have 30 MB. */
struct cites {
    struct gemini_pieces *x;
    struct json_value text[PLACE_PARTS_MAX]; /* of the event's parts; of no string: there is none, or it is too long */
    size_t n;
};

static void read_texts(struct json_value candidate, struct cites *out)
{
    struct json_value v, parts;
    struct json_member m;
    struct json_iter it;

    out->n = 0;
    if (!json_get(candidate, "content", &v) || !json_get(v, "parts", &parts) || parts.kind != JSON_ARRAY)
        return;
    for (it = json_iter(parts); out->n < PLACE_PARTS_MAX && json_next(&it, &m); out->n++)
        if (!json_get(m.value, "text", &out->text[out->n]) || out->text[out->n].text.len > PLACE_TEXT_MAX)
            out->text[out->n] = (struct json_value){JSON_NULL, VIEW_EMPTY};
}

static uint64_t characters(struct view text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += (text.ptr[i] & 0xc0) != 0x80;
    return n;
}

struct place {
    uint64_t part, start, end; /* bytes */
};

static uint64_t number(struct json_value v, const char *name)
{
    struct json_value n;
    int64_t out;

    return json_get(v, name, &n) && json_whole(n, &out) == ERR_NONE && out >= 0 ? (uint64_t)out : 0;
}

static struct place place_of(struct json_value segment)
{
    struct place p = {number(segment, "partIndex"), number(segment, "startIndex"), number(segment, "endIndex")};

    return p;
}

/* Bytes become characters where the text is at hand; a stream sends its sources behind it, and keeps the bytes. */
static void put_place(const struct cites *c, struct place p)
{
    struct gemini_pieces *x = c->x;
    struct buf plain;

    buf_init_charged(&plain, x->piece[PIECE_NOTES].max, x->piece[PIECE_NOTES].budget);
    if (p.part < c->n && c->text[p.part].kind == JSON_STRING &&
        json_string_decode(c->text[p.part], &plain) == ERR_NONE && p.end >= p.start && p.end <= plain.len) {
        p.start = characters(view_of(plain.ptr, (size_t)p.start));
        p.end = characters(view_of(plain.ptr, (size_t)p.end));
    }
    buf_free(&plain);
    PIECE_PUT(x, PIECE_NOTES, ",\"start_index\":");
    gemini_pieces_put_u64(x, PIECE_NOTES, p.start);
    PIECE_PUT(x, PIECE_NOTES, ",\"end_index\":");
    gemini_pieces_put_u64(x, PIECE_NOTES, p.end);
    PIECE_PUT(x, PIECE_NOTES, "}}");
}

struct source {
    struct view uri, title; /* between quotes; uri empty: none on the web */
};

static struct source source_of(struct json_value v)
{
    struct json_value uri = {JSON_NULL, VIEW_EMPTY}, title = uri;

    (void)json_get(v, "uri", &uri);
    (void)json_get(v, "title", &title);
    return (struct source){gemini_text(uri), gemini_text(title)};
}

static void put_source(const struct cites *c, const struct source *s, struct place place)
{
    struct gemini_pieces *x = c->x;

    if (s->uri.len == 0 || x->e != ERR_NONE)
        return;
    gemini_pieces_next(x, PIECE_NOTES, VIEW_LIT("{\"type\":\"url_citation\",\"url_citation\":{\"url\":\""));
    gemini_pieces_put(x, PIECE_NOTES, s->uri);
    PIECE_PUT(x, PIECE_NOTES, "\",\"title\":\"");
    gemini_pieces_put(x, PIECE_NOTES, s->title);
    PIECE_PUT(x, PIECE_NOTES, "\"");
    put_place(c, place);
}

/* --- grounding: chunks, and supports that name them by number --- */

struct chunks {
    struct source source[SOURCES_MAX];
    size_t n;
};

static void read_chunks(struct json_value list, struct chunks *out)
{
    struct json_iter it = json_iter(list);
    struct json_member m;
    struct json_value v;

    for (out->n = 0; out->n < SOURCES_MAX && json_next(&it, &m); out->n++)
        out->source[out->n] = json_get(m.value, "web", &v) || json_get(m.value, "retrievedContext", &v)
                                  ? source_of(v)
                                  : (struct source){VIEW_EMPTY, VIEW_EMPTY};
}

static void put_support(const struct cites *c, const struct chunks *chunks, struct json_value support, unsigned *left)
{
    struct json_value indices, segment = {JSON_NULL, VIEW_EMPTY};
    struct json_member m;
    struct json_iter it;
    struct place place;
    int64_t n;

    (void)json_get(support, "segment", &segment);
    place = place_of(segment);
    if (!json_get(support, "groundingChunkIndices", &indices) || indices.kind != JSON_ARRAY)
        return;
    for (it = json_iter(indices); *left != 0 && json_next(&it, &m); --*left)
        if (json_whole(m.value, &n) == ERR_NONE && n >= 0 && (uint64_t)n < chunks->n)
            put_source(c, &chunks->source[n], place);
}

static void put_grounding(const struct cites *c, struct json_value grounding)
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
        put_support(c, &chunks, m.value, &left);
}

static void put_citations(const struct cites *c, struct json_value citations)
{
    struct json_value list;
    unsigned left = SOURCES_MAX;
    struct json_member m;
    struct json_iter it;

    if ((!json_get(citations, "citationSources", &list) && !json_get(citations, "citations", &list)) ||
        list.kind != JSON_ARRAY)
        return;
    for (it = json_iter(list); left != 0 && json_next(&it, &m); left--) {
        const struct source s = source_of(m.value);

        put_source(c, &s, place_of(m.value));
    }
}

void gemini_citations(struct gemini_pieces *x, struct json_value candidate)
{
    struct json_value grounding, citations;
    bool grounded = json_get(candidate, "groundingMetadata", &grounding) && grounding.kind == JSON_OBJECT;
    bool cited = json_get(candidate, "citationMetadata", &citations);
    struct cites c = {.x = x};

    if (!grounded && !cited)
        return;
    read_texts(candidate, &c);
    if (grounded)
        put_grounding(&c, grounding);
    if (cited)
        put_citations(&c, citations);
}
