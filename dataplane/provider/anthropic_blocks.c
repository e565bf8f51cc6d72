/* (G) What a message of Anthropic's dialect holds: texts, images, documents, and marks for the cache. */
#include "anthropic_body.h"
#include "base64.h"
#include "content_view.h"

#include <assert.h>
#include <sodium.h>

/* --- texts */

/* Bytes of the white space that an escaped text begins with: a space, or an escape of one. */
static size_t space_at(struct view v)
{
    if (v.ptr[0] == ' ')
        return 1;
    return v.len >= 2 && v.ptr[0] == '\\' && memchr("ntrf", v.ptr[1], 4) != NULL ? 2 : 0;
}

bool anthropic_is_blank(struct view escaped)
{
    while (escaped.len != 0) {
        size_t n = space_at(escaped);

        if (n == 0)
            return false;
        escaped = view_from(escaped, n);
    }
    return true;
}

bool anthropic_is_text(const struct prompt_item *i)
{
    return (i->kind == ITEM_TEXT || i->kind == ITEM_REFUSAL) && (i->text.json || !anthropic_is_blank(i->text.bytes));
}

/* Without the white space at its end, which the API refuses in a last text of the model's. Escapes are walked from
 * the front: a backslash at the end may be escaped itself. */
static struct view trim_end(struct view escaped)
{
    struct view rest = escaped;
    size_t good = 0;

    while (rest.len != 0) {
        size_t n = space_at(rest), step = n != 0 ? n : rest.ptr[0] == '\\' && rest.len >= 2 ? 2 : 1;

        rest = view_from(rest, step);
        if (n == 0)
            good = escaped.len - rest.len;
    }
    return view_of(escaped.ptr, good);
}

static void open_block(struct anthropic_body *a, struct view head, bool *any)
{
    if (*any)
        BODY_PUT(&a->b, ",");
    *any = true;
    body_put(&a->b, head);
}

void anthropic_put_text_block(struct anthropic_body *a, struct view literal, bool *any)
{
    open_block(a, VIEW_LIT("{\"type\":\"text\",\"text\":\""), any);
    body_put(&a->b, literal);
    BODY_PUT(&a->b, "\"}");
}

static void put_text(struct anthropic_body *a, const struct prompt_item *i, bool last, bool *any)
{
    open_block(a, VIEW_LIT("{\"type\":\"text\",\"text\":\""), any);
    if (last && !i->text.json)
        body_put(&a->b, trim_end(i->text.bytes));
    else
        body_put_text(&a->b, i->text);
    BODY_PUT(&a->b, "\"");
    anthropic_put_mark(a, i->extra);
    BODY_PUT(&a->b, "}");
}

/* --- marks */

static bool is_mark(struct view extra)
{
    return extra.len != 0 && extra.ptr[0] == '{';
}

/* Anthropic's five minutes, unless another time is named: OpenAI's are 30 minutes and 12 hours. */
static bool is_long(struct view mark)
{
    struct json_value ttl;

    return json_get((struct json_value){JSON_OBJECT, mark}, "ttl", &ttl) && ttl.kind == JSON_STRING &&
           !json_string_is(ttl, "5m");
}

size_t anthropic_count_marks(const struct prompt_list *l)
{
    size_t n = is_mark(l->mark);

    for (size_t i = 0; i < l->n_tools; i++)
        n += is_mark(l->tool[i].mark);
    for (size_t i = 0; i < l->n_items; i++)
        n += is_mark(l->item[i].extra);
    return n;
}

/* The last four count; a longer time may not stand behind a shorter one. Tools, system and messages are written
 * in the order in which they are cached. */
void anthropic_put_mark(struct anthropic_body *a, struct view mark)
{
    if (!is_mark(mark))
        return;
    if (a->marks_left_out != 0) {
        a->marks_left_out--;
        return;
    }
    a->short_mark = a->short_mark || !is_long(mark);
    body_put(&a->b, a->short_mark ? VIEW_LIT(",\"cache_control\":{\"type\":\"ephemeral\"}")
                                  : VIEW_LIT(",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"));
}

/* --- ids */

static bool is_plain_id(struct view id)
{
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return id.len != 0;
}

/* An id that the API refuses becomes another one, always the same. */
void anthropic_put_id(struct body *b, struct view id)
{
    uint8_t digest[crypto_generichash_BYTES_MIN];
    char hex[2 * sizeof digest + 1];

    BODY_PUT(b, "\"");
    if (is_plain_id(id)) {
        body_put(b, id);
    } else {
        (void)crypto_generichash(digest, sizeof digest, id.ptr, id.len, NULL, 0);
        (void)sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
        BODY_PUT(b, "toolu_");
        body_put(b, view_str(hex));
    }
    BODY_PUT(b, "\"");
}

/* --- images and files */

/* What a part's text holds: base64 with its type, or a URL. Texts are escaped; of base64 and types only the slash is
 * ever. */
struct source {
    struct view type, data; /* type: empty when it was not said */
    bool url;
};

static bool same_unescaped(struct view escaped, struct view plain)
{
    size_t at = 0;

    for (size_t i = 0; i < escaped.len; i++) {
        if (escaped.ptr[i] == '\\')
            continue;
        if (at == plain.len || escaped.ptr[i] != plain.ptr[at++])
            return false;
    }
    return at == plain.len;
}

/* "data:image/png;base64,..." False: it has another form. */
static bool read_data_url(struct view text, struct source *out)
{
    static const struct view base64 = VIEW_LIT(";base64,");

    for (size_t i = 5; i + base64.len <= text.len && text.ptr[i] != ','; i++) {
        if (!view_starts(view_from(text, i), base64))
            continue;
        out->type = view_of(text.ptr + 5, i - 5);
        out->data = view_from(text, i + base64.len);
        for (size_t k = 0; k < out->type.len; k++)
            if (out->type.ptr[k] == ';') /* parameters: "text/plain;charset=utf-8" */
                out->type.len = k;
        return out->data.len != 0;
    }
    return false;
}

static bool read_source(const struct prompt_item *i, struct source *out)
{
    struct view text = i->text.bytes;

    *out = (struct source){.type = i->media_type, .data = text};
    if (i->media_type.len != 0)
        return text.len != 0;
    if (view_starts(text, VIEW_LIT("data:")))
        return read_data_url(text, out);
    out->url = view_starts(text, VIEW_LIT("http"));
    return text.len != 0;
}

static const struct {
    struct view begin, type; /* of its base64 */
} images[] = {
    {VIEW_LIT("iVBORw0KGgo"), VIEW_LIT("image/png")},
    {VIEW_LIT("/9j/"), VIEW_LIT("image/jpeg")},
    {VIEW_LIT("R0lGOD"), VIEW_LIT("image/gif")},
    {VIEW_LIT("UklGR"), VIEW_LIT("image/webp")},
};

/* The bytes say what it is, then its label. Empty: nothing that Claude sees. */
static struct view image_type(const struct source *s)
{
    for (size_t k = 0; k < sizeof images / sizeof images[0]; k++)
        if (s->data.len >= images[k].begin.len &&
            (view_starts(s->data, images[k].begin) ||
             (s->data.ptr[0] == '\\' && s->data.len > images[k].begin.len &&
              same_unescaped(view_of(s->data.ptr, images[k].begin.len + 2), images[k].begin))))
            return images[k].type;
    for (size_t k = 0; k < sizeof images / sizeof images[0]; k++)
        if (same_unescaped(s->type, images[k].type))
            return images[k].type;
    return same_unescaped(s->type, VIEW_LIT("image/jpg")) ? VIEW_LIT("image/jpeg") : VIEW_EMPTY;
}

/* Base64 without line breaks and escapes. */
static void put_base64(struct body *b, struct view data)
{
    size_t from = 0;

    for (size_t i = 0; i < data.len; i++) {
        if (data.ptr[i] != '\\' && data.ptr[i] != ' ')
            continue;
        body_put(b, view_of(data.ptr + from, i - from));
        from = i + 1;
        if (data.ptr[i] == '\\' && from < data.len && data.ptr[from] != '/')
            from = ++i + 1; /* the letter of a line break */
    }
    body_put(b, view_from(data, from));
}

/* What is left of it is the alphabet, with its padding at the end. */
static bool is_base64(struct view data)
{
    size_t n = 0, padding = 0;

    for (size_t i = 0; i < data.len; i++) {
        uint8_t c = data.ptr[i];

        if (c == ' ')
            continue;
        if (c == '\\') {
            if (i + 1 < data.len && memchr("nrt", data.ptr[i + 1], 3) != NULL)
                i++;
            else if (i + 1 == data.len || data.ptr[i + 1] != '/')
                return false;
            continue;
        }
        if (c == '=')
            padding++;
        else if (padding != 0 || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
        n++;
    }
    return n > padding && padding <= 2;
}

bool anthropic_takes_image(const struct prompt_item *i, const struct model_gates *gates)
{
    struct source s;

    if (!read_source(i, &s))
        return false;
    return s.url ? (gates->bits & (uint32_t)GATE_NO_URLS) == 0 : image_type(&s).len != 0 && is_base64(s.data);
}

static void put_image(struct anthropic_body *a, const struct prompt_item *i, bool *any)
{
    struct source s;

    if (!read_source(i, &s))
        return; /* anthropic_fits() has looked */
    open_block(a, VIEW_LIT("{\"type\":\"image\",\"source\":{\"type\":"), any);
    if (s.url) {
        BODY_PUT(&a->b, "\"url\",\"url\":\"");
        body_put(&a->b, s.data);
    } else {
        BODY_PUT(&a->b, "\"base64\",\"media_type\":\"");
        body_put(&a->b, image_type(&s));
        BODY_PUT(&a->b, "\",\"data\":\"");
        put_base64(&a->b, s.data);
    }
    BODY_PUT(&a->b, "\"}");
    anthropic_put_mark(a, i->extra);
    BODY_PUT(&a->b, "}");
}

#define PDF_BEGIN "JVBERi" /* "%PDF-" */

static bool is_pdf(const struct source *s)
{
    return same_unescaped(s->type, VIEW_LIT("application/pdf")) || view_starts(s->data, VIEW_LIT(PDF_BEGIN));
}

static bool is_plain(const struct source *s)
{
    return s->type.len >= 5 && same_unescaped(view_of(s->type.ptr, s->type.len), VIEW_LIT("text/plain"));
}

/* Appends the text of a file, which anthropic_fits() has looked at, as a JSON string. */
static enum err decode_text(struct view data, struct buf *out)
{
    struct buf base64 = {0}, plain = {0};
    struct body clean = {.out = &base64};
    enum err e;

    buf_init_charged(&base64, data.len + 1, out->budget);
    buf_init_charged(&plain, data.len + 1, out->budget);
    put_base64(&clean, data);
    e = clean.e;
    if (e == ERR_NONE)
        e = base64_decode(buf_view(&base64), &plain);
    if (e == ERR_NONE)
        e = buf_append_json_string(out, buf_view(&plain));
    buf_free(&base64);
    buf_free(&plain);
    return e;
}

bool anthropic_takes_file(const struct prompt_item *i)
{
    struct source s;

    if (i->block.len != 0)
        return true; /* as the client's own dialect has it */
    if (!read_source(i, &s))
        return false;
    if (s.url || is_pdf(&s))
        return s.url || is_base64(s.data);
    return is_plain(&s) && anthropic_is_text_file(s.data);
}

static void put_title(struct body *b, struct view name)
{
    if (name.len == 0 || name.len > ANTHROPIC_TITLE_MAX)
        return;
    BODY_PUT(b, ",\"title\":\"");
    body_put(b, name);
    BODY_PUT(b, "\"");
}

static void put_document(struct anthropic_body *a, const struct prompt_item *i, bool *any)
{
    struct body *b = &a->b;
    struct source s;

    if (!read_source(i, &s))
        return; /* anthropic_fits() has looked */
    open_block(a, VIEW_LIT("{\"type\":\"document\",\"source\":{\"type\":"), any);
    if (s.url) {
        BODY_PUT(b, "\"url\",\"url\":\"");
        body_put(b, s.data);
        BODY_PUT(b, "\"}");
    } else if (is_pdf(&s)) {
        BODY_PUT(b, "\"base64\",\"media_type\":\"application/pdf\",\"data\":\"");
        put_base64(b, s.data);
        BODY_PUT(b, "\"}");
    } else {
        BODY_PUT(b, "\"text\",\"media_type\":\"text/plain\",\"data\":");
        if (b->e == ERR_NONE)
            b->e = decode_text(s.data, b->out);
        BODY_PUT(b, "}");
    }
    put_title(b, i->name);
    anthropic_put_mark(a, i->extra);
    BODY_PUT(b, "}");
}

void anthropic_put_part(struct anthropic_body *a, const struct prompt_item *i, bool last, bool *any)
{
    if (anthropic_is_text(i))
        put_text(a, i, last, any);
    else if (i->kind == ITEM_IMAGE)
        put_image(a, i, any);
    else if (i->kind == ITEM_FILE)
        put_document(a, i, any);
}
