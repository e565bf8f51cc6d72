/* (G) The canonical chunk and completion: what stands at the top of them. Choices are in
 * chat_choice.c, deltas in chat_delta.c, tool calls in chat_tools.c, finish reasons in chat_finish.c,
 * usage in chat_usage.c, errors in chat_error.c. */
#include "chat_canon.h"

#include "chat_parts.h"
#include "content_view.h"
#include "secret.h"

#include <assert.h>

enum { TOP_MEMBERS_MAX = 64 }; /* of a chunk or completion; the most seen is 12 */

enum top {
    TOP_OTHER, /* unknown: stays as it is */
    TOP_ID,
    TOP_OBJECT,
    TOP_CREATED,
    TOP_MODEL,
    TOP_PROVIDER, /* ours for a client of OpenRouter's API, else dropped: it is OpenRouter's own */
    TOP_CHOICES,
    TOP_USAGE,
    TOP_OPTIONAL,    /* dropped when null: strict clients want it absent or a string */
    TOP_ERROR,       /* dropped when it says nothing; else the document is an error */
    TOP_FINGERPRINT, /* the same in chunks; in a completion one client requires it, null or not */
    TOP_GROQ,        /* dropped; may hold the usage */
    TOP_PADDING,     /* dropped; another string in each chunk */
    TOP_FILLER,      /* dropped */
};

static const struct {
    struct view name;
    enum top top;
} names[] = {
#define NAMED(text, top)                                                                           \
    {                                                                                              \
        {(const uint8_t *)text, sizeof(text) - 1}, top                                             \
    }
    NAMED("id", TOP_ID),
    NAMED("object", TOP_OBJECT),
    NAMED("created", TOP_CREATED),
    NAMED("model", TOP_MODEL),
    NAMED("provider", TOP_PROVIDER),
    NAMED("choices", TOP_CHOICES),
    NAMED("usage", TOP_USAGE),
    NAMED("system_fingerprint", TOP_FINGERPRINT),
    NAMED("service_tier", TOP_OPTIONAL),
    NAMED("error", TOP_ERROR),
    NAMED("x_groq", TOP_GROQ),
    NAMED("obfuscation", TOP_PADDING),          /* OpenAI: padding against traffic analysis */
    NAMED("p", TOP_PADDING),                    /* Mistral: the same */
    NAMED("time_info", TOP_FILLER),             /* Cerebras */
    NAMED("prompt_filter_results", TOP_FILLER), /* Azure */
    NAMED("latency_checkpoint", TOP_FILLER),    /* Azure */
    NAMED("base_resp", TOP_FILLER),             /* MiniMax */
    NAMED("input_sensitive", TOP_FILLER),
    NAMED("output_sensitive", TOP_FILLER),
    NAMED("generationId", TOP_FILLER), /* Vercel */
#undef NAMED
};

struct document {
    struct json_value root;
    struct json_member m[TOP_MEMBERS_MAX];
    enum top top[TOP_MEMBERS_MAX];
    size_t n;
    struct json_value choices, usage; /* text empty when absent */
    bool has[TOP_FILLER + 1];
};

static enum top top_of(struct view key)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (key_is(key, names[i].name))
            return names[i].top;
    }
    return TOP_OTHER;
}

/* White space around a document, and a byte order mark before it. */
static struct view trim(struct view v)
{
    static const struct view bom = {(const uint8_t *)"\xef\xbb\xbf", 3};

    if (view_starts(v, bom))
        v = view_from(v, bom.len);
    while (v.len != 0 && strchr(" \t\r\n", v.ptr[v.len - 1]) != NULL && v.ptr[v.len - 1] != 0)
        v.len--;
    while (v.len != 0 && strchr(" \t\r\n", v.ptr[0]) != NULL && v.ptr[0] != 0)
        v = view_from(v, 1);
    return v;
}

static enum err document_read(struct view text, struct document *d)
{
    struct json_value in_groq;

    d->n = 0;
    d->choices = d->usage = (struct json_value){JSON_NULL, VIEW_EMPTY};
    memset(d->has, 0, sizeof d->has);
    d->root = (struct json_value){JSON_OBJECT, text};
    if (json_object(text, d->m, TOP_MEMBERS_MAX, &d->n, NULL) != ERR_NONE)
        return ERR_PROVIDER_PROTOCOL;
    for (size_t i = 0; i < d->n; i++) {
        d->top[i] = top_of(d->m[i].key);
        d->has[d->top[i]] = true;
        if (d->top[i] == TOP_CHOICES)
            d->choices = d->m[i].value;
        else if (d->top[i] == TOP_USAGE && d->m[i].value.kind == JSON_OBJECT)
            d->usage = d->m[i].value;
    }
    for (size_t i = 0; d->usage.text.len == 0 && i < d->n; i++) {
        if (d->top[i] == TOP_GROQ && json_get(d->m[i].value, "usage", &in_groq) &&
            in_groq.kind == JSON_OBJECT)
            d->usage = in_groq;
    }
    return ERR_NONE;
}

static bool array_empty(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    return v.kind != JSON_ARRAY || v.text.len == 0 || !json_next(&it, &m);
}

/* Anything that can only be an error, in a document that is no answer or carries one beside it; not figures behind the
 * finish reason, whatever stands beside them. */
static bool document_is_error(const struct chat_canon *c, const struct document *d, struct chat_error *error)
{
    bool bare = array_empty(d->choices) && (d->usage.text.len == 0 || c->finish == FINISH_NONE);

    if (!bare && !d->has[TOP_ERROR] && !d->has[TOP_FILLER] && !d->has[TOP_PROVIDER])
        return false;
    return chat_error_read(d->root, bare, error);
}

/* A document that says something but is no chunk, no usage and no sign of life. */
static bool document_is_strange(const struct document *d)
{
    static const char *const alive[] = {"ping", "heartbeat", "keepalive", "keep-alive"};
    bool says = false;

    if (d->has[TOP_CHOICES] || d->usage.text.len != 0)
        return false;
    for (size_t i = 0; i < d->n; i++) {
        struct json_value v = d->m[i].value;

        if (d->top[i] == TOP_OBJECT && v.kind == JSON_STRING &&
            view_starts(inner(v), VIEW_LIT("chat.completion")))
            return false;
        for (size_t k = 0; k < sizeof alive / sizeof alive[0]; k++) {
            if (json_string_is(v, alive[k]))
                return false;
        }
        says = says || (d->top[i] == TOP_OTHER && chat_says_something(v));
    }
    return says;
}

static void put_top(const struct chat_canon *c, struct patch *p, enum top top, bool whole)
{
    switch ((int)top) {
    case TOP_ID:
        patch_put_string(p, view_str(c->id));
        break;
    case TOP_OBJECT:
        patch_put(p,
                  whole ? VIEW_LIT("\"chat.completion\"") : VIEW_LIT("\"chat.completion.chunk\""));
        break;
    case TOP_CREATED:
        patch_put_u64(p, c->created);
        break;
    case TOP_MODEL:
        patch_put_string(p, c->model);
        break;
    case TOP_PROVIDER:
        patch_put_string(p, c->provider_name);
        break;
    default:
        assert(!"a member that is not ours");
    }
}

static void choices_patch(struct chat_canon *c, struct patch *p, struct json_value v, bool whole,
                          struct choice_seen *seen)
{
    struct json_iter it;
    struct json_member m;
    uint32_t i = 0;

    if (v.kind != JSON_ARRAY) {
        patch_replace(p, v.text, VIEW_LIT("[]"));
        return;
    }
    for (it = json_iter(v); json_next(&it, &m); i++)
        chat_choice(c, p, m.value, i, whole, seen);
}

static void member_patch(struct chat_canon *c, struct patch *p, struct patch_object *o,
                         const struct json_member *m, enum top top, bool whole,
                         struct choice_seen *seen)
{
    bool null = m->value.kind == JSON_NULL;

    if (top == TOP_PADDING && m->value.kind == JSON_STRING) {
        p->padding = inner(m->value);
        p->paddings++;
    }
    if (top == TOP_GROQ || top == TOP_PADDING || top == TOP_FILLER || top == TOP_ERROR ||
        (top == TOP_OPTIONAL && null) ||
        (top == TOP_FINGERPRINT && null && !whole) ||
        (top == TOP_PROVIDER && c->provider_name.len == 0) ||
        (top == TOP_USAGE && (m->value.kind != JSON_OBJECT || !c->want_usage))) {
        patch_drop(o, m);
        return;
    }
    patch_keep(o, m);
    if (top >= TOP_ID && top <= TOP_PROVIDER) {
        patch_copy_to(p, m->value.text.ptr);
        put_top(c, p, top, whole);
        patch_skip_to(p, m->value.text.ptr + m->value.text.len);
    } else if (top == TOP_CHOICES)
        choices_patch(c, p, m->value, whole, seen);
}

static void missing_add(const struct chat_canon *c, struct patch *p, struct patch_object *o,
                        const struct document *d, const struct choice_seen *seen, bool whole)
{
    static const struct view heads[] = {{(const uint8_t *)"\"id\":", 5},
                                        {(const uint8_t *)"\"object\":", 9},
                                        {(const uint8_t *)"\"created\":", 10},
                                        {(const uint8_t *)"\"model\":", 8},
                                        {(const uint8_t *)"\"provider\":", 11}};
    struct json_value usage = d->usage.text.len != 0 ? d->usage : seen->usage;
    bool in_place = false;

    for (int t = TOP_ID; t <= TOP_PROVIDER; t++) {
        if (d->has[t] || (t == TOP_PROVIDER && c->provider_name.len == 0))
            continue;
        patch_add(o, heads[t - TOP_ID]);
        put_top(c, p, (enum top)t, whole);
    }
    if (!d->has[TOP_CHOICES])
        patch_add(o, VIEW_LIT("\"choices\":[]"));
    if (whole && !d->has[TOP_FINGERPRINT])
        patch_add(o, VIEW_LIT("\"system_fingerprint\":null"));
    for (size_t i = 0; i < d->n; i++)
        in_place = in_place || (d->top[i] == TOP_USAGE && d->m[i].value.kind == JSON_OBJECT);
    if (c->want_usage && !in_place && usage.text.len != 0) {
        patch_add(o, VIEW_LIT("\"usage\":"));
        patch_put(p, usage.text);
    }
}

static void rewrite(struct chat_canon *c, struct document *d, struct patch *p, bool whole,
                    struct choice_seen *seen)
{
    struct patch_object o = patch_open(p, d->root);

    for (size_t i = 0; i < d->n; i++)
        member_patch(c, p, &o, &d->m[i], d->top[i], whole, seen);
    missing_add(c, p, &o, d, seen, whole);
    patch_close(&o);
    patch_copy_to(p, d->root.text.ptr + d->root.text.len);
}

static void take_back(struct buf *out, size_t len)
{
    if (out->len > len)
        secret_wipe(out->ptr + len, out->len - len);
    out->len = len;
}

/* A raw line break can only be white space between tokens, but would end our data line. */
static void one_line(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++) {
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r')
            out->ptr[i] = ' ';
    }
}

/* Does a chunk still say anything without its usage? Some providers repeat the last choice, empty,
 * beside the final usage; others send usage with every chunk. */
static bool chunk_speaks(const struct document *d, const struct choice_seen *seen, bool had_usage)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->top[i] == TOP_OTHER && chat_says_something(d->m[i].value) &&
            (d->m[i].value.kind == JSON_OBJECT || d->m[i].value.kind == JSON_ARRAY))
            return true; /* "citations" */
    }
    if (array_empty(d->choices))
        return false;
    return (!had_usage && !seen->hidden) || seen->role || seen->content || seen->finish || seen->beside;
}

/* Would the next chunk, with another text in it, change nothing but the text? */
static bool text_only(const struct document *d, const struct choice_seen *seen)
{
    return seen->content && !seen->role && !seen->finish && !seen->parts &&
           d->usage.text.len == 0 && seen->usage.text.len == 0;
}

/* A choice has failed: nothing of its document is an answer. */
static void choice_failed(struct chat_canon *c, const struct choice_seen *seen, uint64_t before,
                          struct chat_error *error)
{
    c->content_bytes = before;
    if (!chat_error_read(seen->culprit, false, error))
        *error = (struct chat_error){.status = 502};
}

static enum err chunk_read(struct chat_canon *c, struct view doc, struct buf *out,
                           enum chat_kind *kind, struct chat_error *error)
{
    struct document d;
    struct choice_seen seen = {.usage = {JSON_NULL, VIEW_EMPTY}, .culprit = {JSON_NULL, VIEW_EMPTY}};
    struct patch p = {.doc = doc, .out = out};
    uint64_t before = c->content_bytes;
    size_t start = out->len;
    bool had_usage;

    p.e = document_read(p.doc, &d);
    if (p.e != ERR_NONE)
        return p.e;
    if (document_is_error(c, &d, error)) {
        (void)chat_usage_read(c, d.usage); /* what ran before the error is still billed */
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    c->strange = c->strange || document_is_strange(&d);
    rewrite(c, &d, &p, false, &seen);
    if (p.e != ERR_NONE) {
        take_back(out, start);
        return p.e;
    }
    had_usage = chat_usage_read(c, d.usage.text.len != 0 ? d.usage : seen.usage);
    if (seen.failed) {
        take_back(out, start);
        choice_failed(c, &seen, before, error);
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    c->useful = c->useful || seen.content || seen.hidden || seen.finish;
    if (!(had_usage && c->want_usage) && !chunk_speaks(&d, &seen, had_usage)) {
        take_back(out, start);
        return ERR_NONE;
    }
    if (memchr(p.doc.ptr, '\n', p.doc.len) != NULL || memchr(p.doc.ptr, '\r', p.doc.len) != NULL)
        one_line(out, start);
    else if (text_only(&d, &seen) && c->content_bytes - before == p.text.len)
        chat_repeat_learn(c, &p, start);
    c->chunks++;
    *kind = CHAT_EMIT;
    return ERR_NONE;
}

static enum err whole_read(struct chat_canon *c, struct view doc, struct buf *out,
                           enum chat_kind *kind, struct chat_error *error)
{
    struct document d;
    struct choice_seen seen = {.usage = {JSON_NULL, VIEW_EMPTY}, .culprit = {JSON_NULL, VIEW_EMPTY}};
    struct patch p = {.doc = doc, .out = out};
    size_t start = out->len;

    p.e = document_read(p.doc, &d);
    if (p.e != ERR_NONE)
        return p.e;
    if (document_is_error(c, &d, error)) {
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    if (array_empty(d.choices))
        return ERR_PROVIDER_PROTOCOL;
    rewrite(c, &d, &p, true, &seen);
    if (p.e != ERR_NONE) {
        take_back(out, start);
        return p.e;
    }
    (void)chat_usage_read(c, d.usage.text.len != 0 ? d.usage : seen.usage);
    if (seen.failed) {
        take_back(out, start);
        choice_failed(c, &seen, 0, error);
        *kind = CHAT_ERROR;
        return ERR_NONE;
    }
    c->useful = true;
    *kind = CHAT_EMIT;
    return ERR_NONE;
}

typedef enum err (*read_fn)(struct chat_canon *, struct view, struct buf *, enum chat_kind *,
                            struct chat_error *);

/* Read a document; one that is no JSON only for its NaN or Infinity is read with null in their place. */
static enum err read_mended(read_fn read, struct chat_canon *c, struct view doc, struct buf *out,
                            enum chat_kind *kind, struct chat_error *error)
{
    struct buf mended;
    enum err e = read(c, doc, out, kind, error);

    if (e != ERR_PROVIDER_PROTOCOL)
        return e;
    buf_init_charged(&mended, out->max, out->budget);
    e = chat_mend(doc, &mended);
    if (e == ERR_NONE) {
        e = read(c, buf_view(&mended), out, kind, error);
        if (e == ERR_NONE && *kind == CHAT_ERROR)
            error->message = VIEW_EMPTY; /* it lies in what is freed here */
    } else if (e == ERR_NOT_FOUND)
        e = ERR_PROVIDER_PROTOCOL;
    buf_free(&mended);
    return e;
}

enum err chat_canon_chunk(struct chat_canon *c, struct view data, struct buf *out,
                          enum chat_kind *kind, struct chat_error *error)
{
    struct view doc = trim(data);

    *kind = CHAT_NOTHING;
    if (doc.len == 0)
        return ERR_NONE;
    if (view_eq(doc, VIEW_LIT("[DONE]"))) {
        *kind = CHAT_DONE;
        return ERR_NONE;
    }
    if (chat_repeat_try(c, doc, out)) {
        c->chunks++;
        *kind = CHAT_EMIT;
        return ERR_NONE;
    }
    return read_mended(chunk_read, c, doc, out, kind, error);
}

enum err chat_canon_whole(struct chat_canon *c, struct view body, struct buf *out,
                          enum chat_kind *kind, struct chat_error *error)
{
    *kind = CHAT_NOTHING;
    c->want_usage = c->provider_name.len == 0;
    return read_mended(whole_read, c, trim(body), out, kind, error);
}
