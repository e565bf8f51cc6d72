/* (G) Events and whole answers of generateContent: each becomes a chat document, which chat_canon.c then makes the
 * canonical one, with its counting, its indexes and its finish reasons. */
#include "gemini_read.h"

#include "bounds.h"
#include "chat_gather.h"
#include "chat_parts.h"
#include "content_view.h"
#include "gemini_read_internal.h"


enum {
    CANDIDATES_MAX = 16, /* of one answer; Google makes 8. The document is walked once for each that is there */
};

/* --- pieces --- */

void gemini_pieces_put(struct gemini_pieces *x, enum gemini_piece piece, struct view text)
{
    if (x->e == ERR_NONE && text.len != 0)
        x->e = buf_append(&x->piece[piece], text);
}

void gemini_pieces_put_u64(struct gemini_pieces *x, enum gemini_piece piece, uint64_t n)
{
    if (x->e == ERR_NONE)
        x->e = buf_append_u64(&x->piece[piece], n);
}

void gemini_pieces_next(struct gemini_pieces *x, enum gemini_piece piece, struct view head)
{
    if (x->piece[piece].len != 0)
        PIECE_PUT(x, piece, ",");
    gemini_pieces_put(x, piece, head);
}

/* --- one document --- */

/* An answer, or an array of those of a stream. */
struct answers {
    struct json_value root, one;
    struct json_iter it;
    bool list;
};

static struct answers answers_of(struct json_value root)
{
    struct answers a = {.root = root, .list = root.kind == JSON_ARRAY};

    if (a.list)
        a.it = json_iter(root);
    return a;
}

static bool answers_next(struct answers *a)
{
    struct json_member m;

    if (a->list) {
        if (!json_next(&a->it, &m))
            return false;
        a->one = m.value;
        return true;
    }
    a->one = a->root;
    a->root = (struct json_value){JSON_NULL, VIEW_EMPTY};
    return a->one.text.len != 0;
}

/* What is said once for the whole document. */
struct document {
    struct json_value root;
    struct json_value usage;    /* the last usageMetadata; text empty: none */
    struct json_value blocked;  /* promptFeedback.blockReason, likewise */
    struct json_value error;    /* the answer that is an error, likewise */
    struct json_value message;  /* of a candidate that failed */
    uint32_t choices;           /* a bit for each candidate's index */
    bool any, finished;         /* there is a candidate; one has a finishReason */
};

/* The place of a candidate; a number that is not said is 0, or of several that say none their order. */
static uint32_t index_of(struct json_value candidate, uint32_t position)
{
    struct json_value v;
    uint64_t n;

    if (!json_get(candidate, "index", &v))
        return position < CANDIDATES_MAX ? position : CANDIDATES_MAX - 1;
    return json_u64(v, &n) == ERR_NONE && n < CANDIDATES_MAX ? (uint32_t)n : CANDIDATES_MAX - 1;
}

static void read_candidates(struct document *d, struct json_value list)
{
    struct json_iter it = json_iter(list);
    struct json_member m;
    struct json_value v;

    for (uint32_t i = 0; list.kind == JSON_ARRAY && json_next(&it, &m); i++) {
        uint32_t index = index_of(m.value, i);

        d->choices |= UINT32_C(1) << index;
        d->any = true;
        d->finished = d->finished || (json_get(m.value, "finishReason", &v) && v.kind == JSON_STRING);
    }
}

static void document_read(struct document *d, struct json_value root)
{
    struct answers a = answers_of(root);
    struct json_value v, reason;

    *d = (struct document){.root = root};
    while (answers_next(&a)) {
        if (json_get(a.one, "error", &v) && chat_error_says(v))
            d->error = a.one;
        if (json_get(a.one, "usageMetadata", &v) && v.kind == JSON_OBJECT)
            d->usage = v;
        if (json_get(a.one, "promptFeedback", &v) && json_get(v, "blockReason", &reason) &&
            reason.kind == JSON_STRING)
            d->blocked = reason;
        if (json_get(a.one, "candidates", &v))
            read_candidates(d, v);
    }
}

/* --- a choice --- */

static const struct {
    const char *reason;
    struct view word; /* chat's */
} finishes[] = {
    {"STOP", VIEW_LIT("stop")},
    {"MAX_TOKENS", VIEW_LIT("length")},
    {"CONTINUATION", VIEW_LIT("length")}, /* it would go on in another request */
    {"MALFORMED_FUNCTION_CALL", VIEW_LIT("error")},
    {"MALFORMED_RESPONSE", VIEW_LIT("error")},
    {"UNEXPECTED_TOOL_CALL", VIEW_LIT("error")},
    {"TOO_MANY_TOOL_CALLS", VIEW_LIT("error")},
    {"MISSING_THOUGHT_SIGNATURE", VIEW_LIT("error")},
    {"SAFETY", VIEW_LIT("content_filter")},
    {"RECITATION", VIEW_LIT("content_filter")},
    {"LANGUAGE", VIEW_LIT("content_filter")},
    {"OTHER", VIEW_LIT("content_filter")},
    {"BLOCKLIST", VIEW_LIT("content_filter")},
    {"PROHIBITED_CONTENT", VIEW_LIT("content_filter")},
    {"SPII", VIEW_LIT("content_filter")},
    {"IMAGE_SAFETY", VIEW_LIT("content_filter")},
    {"IMAGE_PROHIBITED_CONTENT", VIEW_LIT("content_filter")},
    {"IMAGE_OTHER", VIEW_LIT("content_filter")},
    {"IMAGE_RECITATION", VIEW_LIT("content_filter")},
    {"NO_IMAGE", VIEW_LIT("content_filter")},
    {"ESCALATION", VIEW_LIT("content_filter")},
    {"MODEL_ARMOR", VIEW_LIT("content_filter")},
    {"PUP_LIMITED_DISABLED", VIEW_LIT("content_filter")},
};

/* One that nobody knows may mean that something is missing. */
static struct view finish_of(const struct gemini_pieces *x)
{
    bool called = x->called || chat_called_by(x->c, x->choice) != CALLED_NOTHING;

    if (called && (json_string_is(x->finish, "UNEXPECTED_TOOL_CALL") || json_string_is(x->finish, "TOO_MANY_TOOL_CALLS")))
        return VIEW_LIT("tool_calls"); /* which the client may judge */
    for (size_t i = 0; i < sizeof finishes / sizeof finishes[0]; i++)
        if (json_string_is(x->finish, finishes[i].reason))
            return finishes[i].word;
    return VIEW_LIT("length");
}

static void put_piece(struct patch *p, const struct gemini_pieces *x, enum gemini_piece piece, struct view head,
                      struct view tail, bool *any)
{
    if (x->piece[piece].len == 0)
        return;
    if (*any)
        patch_put(p, VIEW_LIT(","));
    patch_put(p, head);
    patch_put(p, buf_view(&x->piece[piece]));
    patch_put(p, tail);
    *any = true;
}

static void put_audio(struct patch *p, const struct gemini_pieces *x, bool *any)
{
    if (x->piece[PIECE_AUDIO].len == 0)
        return;
    patch_put(p, *any ? VIEW_LIT(",\"audio\":{\"id\":\"audio_") : VIEW_LIT("\"audio\":{\"id\":\"audio_"));
    patch_put(p, view_str(x->c->id));
    patch_put(p, VIEW_LIT("\",\"data\":\""));
    patch_put(p, buf_view(&x->piece[PIECE_AUDIO]));
    patch_put(p, VIEW_LIT("\""));
    if (x->whole) {
        patch_put(p, VIEW_LIT(",\"transcript\":\"\",\"expires_at\":"));
        patch_put_u64(p, x->c->created);
    }
    patch_put(p, VIEW_LIT("}"));
    *any = true;
}

/* The members of a delta or message. */
static void put_message(struct patch *p, const struct gemini_pieces *x, bool silent)
{
    bool any = false;

    put_piece(p, x, PIECE_THOUGHTS, VIEW_LIT("\"reasoning\":\""), VIEW_LIT("\""), &any);
    put_piece(p, x, PIECE_DETAILS, VIEW_LIT("\"reasoning_details\":["), VIEW_LIT("]"), &any);
    put_piece(p, x, PIECE_TEXT, VIEW_LIT("\"content\":\""), VIEW_LIT("\""), &any);
    put_piece(p, x, PIECE_IMAGES, VIEW_LIT("\"images\":["), VIEW_LIT("]"), &any);
    put_audio(p, x, &any);
    put_piece(p, x, PIECE_NOTES, VIEW_LIT("\"annotations\":["), VIEW_LIT("]"), &any);
    put_piece(p, x, PIECE_CALLS, VIEW_LIT("\"tool_calls\":["), VIEW_LIT("]"), &any);
    if (silent && x->piece[PIECE_TEXT].len == 0)
        patch_put(p, any ? VIEW_LIT(",\"content\":\"\"") : VIEW_LIT("\"content\":\"\""));
}

static void put_choice(struct patch *p, const struct gemini_pieces *x, bool *any)
{
    patch_put(p, *any ? VIEW_LIT(",{\"index\":") : VIEW_LIT("{\"index\":"));
    patch_put_u64(p, x->choice);
    patch_put(p, x->whole ? VIEW_LIT(",\"message\":{") : VIEW_LIT(",\"delta\":{"));
    put_message(p, x, x->whole && x->piece[PIECE_CALLS].len == 0);
    patch_put(p, VIEW_LIT("},\"finish_reason\":"));
    if (x->finish.text.len != 0) {
        patch_put(p, VIEW_LIT("\""));
        patch_put(p, finish_of(x));
        patch_put(p, VIEW_LIT("\",\"native_finish_reason\":"));
        patch_put(p, x->finish.text);
    } else {
        patch_put(p, VIEW_LIT("null"));
    }
    patch_put(p, VIEW_LIT("}"));
    *any = true;
}

/* All that the document has of one candidate. */
static void read_choice(struct gemini_pieces *x, struct json_value root)
{
    struct answers a = answers_of(root);
    struct json_value list;
    struct json_member m;
    struct json_iter it;
    uint32_t i;

    while (answers_next(&a)) {
        if (!json_get(a.one, "candidates", &list) || list.kind != JSON_ARRAY)
            continue;
        for (it = json_iter(list), i = 0; json_next(&it, &m); i++)
            if (index_of(m.value, i) == x->choice)
                gemini_candidate(x, m.value);
    }
    if (x->whole)
        gemini_call_close(x);
}

static void choice_write(struct chat_canon *c, struct document *d, struct patch *p, uint32_t choice, bool whole, bool *any)
{
    struct gemini_pieces x = {.c = c, .choice = choice, .whole = whole, .finish = {JSON_NULL, VIEW_EMPTY},
                              .message = {JSON_NULL, VIEW_EMPTY}};

    for (size_t i = 0; i < PIECE_COUNT; i++)
        buf_init_charged(&x.piece[i], p->out->max, p->out->budget);
    read_choice(&x, d->root);
    if (x.e != ERR_NONE)
        p->e = p->e == ERR_NONE ? x.e : p->e;
    put_choice(p, &x, any);
    if (x.message.text.len != 0)
        d->message = x.message;
    for (size_t i = 0; i < PIECE_COUNT; i++)
        buf_free(&x.piece[i]);
}

/* --- a chat document of it --- */

/* The figures of the last event count. Those of earlier ones are kept for a client that leaves, but are not told. */
static void put_usage(struct chat_canon *c, const struct document *d, struct patch *p, bool told)
{
    struct buf figures;
    struct json_value v;

    buf_init_charged(&figures, p->out->max, p->out->budget);
    if (p->e == ERR_NONE && d->usage.text.len != 0 && gemini_usage(d->usage, &figures, &p->e)) {
        c->figures = (struct usage_figures){.odd = c->figures.odd};
        if (told) {
            patch_put(p, VIEW_LIT(",\"usage\":"));
            patch_put(p, buf_view(&figures));
        } else if (json_check(buf_view(&figures), &v, NULL) == ERR_NONE) {
            (void)chat_usage_read(c, v);
        }
    }
    buf_free(&figures);
}

/* A prompt that was blocked has no candidate. */
static void put_blocked(struct patch *p, const struct document *d, bool whole)
{
    patch_put(p, VIEW_LIT("{\"index\":0,"));
    patch_put(p, whole ? VIEW_LIT("\"message\":{\"content\":\"\"}") : VIEW_LIT("\"delta\":{\"content\":\"\"}"));
    patch_put(p, VIEW_LIT(",\"finish_reason\":\"content_filter\",\"native_finish_reason\":"));
    patch_put(p, d->blocked.text);
    patch_put(p, VIEW_LIT("}"));
}

static void document_write(struct chat_canon *c, struct document *d, struct patch *p, bool whole)
{
    bool any = false;

    patch_put(p, VIEW_LIT("{\"choices\":["));
    for (uint32_t i = 0; p->e == ERR_NONE && i < CANDIDATES_MAX; i++)
        if ((d->choices >> i & 1) != 0)
            choice_write(c, d, p, i, whole, &any);
    if (!d->any && d->blocked.text.len != 0)
        put_blocked(p, d, whole);
    patch_put(p, VIEW_LIT("]"));
    put_usage(c, d, p, whole || d->finished || !d->any);
    patch_put(p, VIEW_LIT("}"));
}

typedef enum err (*canon_fn)(struct chat_canon *, struct view, struct buf *, enum chat_kind *, struct chat_error *);

/* As chat: a failure's sentence is Google's, which lies in the document. */
static enum err to_canon(struct chat_canon *c, struct document *d, struct buf *out, enum chat_kind *kind,
                         struct chat_error *error, bool whole)
{
    const canon_fn canon = whole ? chat_canon_whole : chat_canon_chunk;
    struct buf chat;
    struct patch p = {.out = &chat};

    if (d->error.text.len != 0)
        return canon(c, d->error.text, out, kind, error);
    if (whole && !d->any && d->blocked.text.len == 0)
        return ERR_PROVIDER_PROTOCOL;
    buf_init_charged(&chat, out->max, out->budget);
    document_write(c, d, &p, whole);
    if (p.e == ERR_NONE)
        p.e = canon(c, buf_view(&chat), out, kind, error);
    if (p.e == ERR_NONE && *kind == CHAT_ERROR)
        error->message = gemini_text(d->message);
    buf_free(&chat);
    return p.e;
}

static struct view without_mark(struct view text)
{
    return view_starts(text, VIEW_LIT("\xef\xbb\xbf")) ? view_from(text, 3) : text;
}

/* One that is no JSON only for its NaN is read with null in its place; what it says of a failure is then not told. */
static enum err read_mended(struct chat_canon *c, struct view text, struct buf *out, enum chat_kind *kind,
                            struct chat_error *error, bool whole)
{
    struct json_value root;
    struct document d;
    struct buf mended;
    enum err e;

    buf_init_charged(&mended, out->max, out->budget);
    e = chat_mend(text, &mended);
    if (e == ERR_NOT_FOUND || (e == ERR_NONE && json_check(buf_view(&mended), &root, NULL) != ERR_NONE))
        e = ERR_PROVIDER_PROTOCOL;
    if (e == ERR_NONE) {
        document_read(&d, root);
        e = to_canon(c, &d, out, kind, error, whole);
    }
    if (*kind == CHAT_ERROR)
        error->message = VIEW_EMPTY; /* it lies in what is freed here */
    buf_free(&mended);
    return e;
}

static enum err read_document(struct chat_canon *c, struct view text, struct buf *out, enum chat_kind *kind,
                              struct chat_error *error, bool whole)
{
    struct json_value root;
    struct document d;

    if (json_check(text, &root, NULL) != ERR_NONE)
        return read_mended(c, text, out, kind, error, whole);
    if (root.kind != JSON_OBJECT && root.kind != JSON_ARRAY)
        return ERR_PROVIDER_PROTOCOL;
    document_read(&d, root);
    return to_canon(c, &d, out, kind, error, whole);
}

enum err gemini_chunk(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                      struct chat_error *error)
{
    data = without_mark(data);
    *kind = CHAT_NOTHING;
    if (view_starts(data, VIEW_LIT("[DONE]"))) {
        *kind = CHAT_DONE; /* of something between Google and us */
        return ERR_NONE;
    }
    return read_document(c, data, out, kind, error, false);
}

enum err gemini_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                      struct chat_error *error)
{
    if (chat_shape_of(body) == CHAT_SHAPE_EVENTS)
        return chat_gather_events(c, body, gemini_chunk, out, kind, error);
    *kind = CHAT_NOTHING;
    return read_document(c, without_mark(body), out, kind, error, true);
}
