/* (G) The parts of a content: texts, media, calls and their results. */
#include "gemini_render_internal.h"

#include "content_view.h"
#include "json.h"

/* --- media: what it is, and where its bytes are --- */

struct media_part {
    struct view type, data; /* between quotes, escaped; inside: base64, else a URL */
    bool inside;
};

static const struct {
    struct view ending, type;
} types[] = {
#define TYPE(ending, type) {VIEW_LIT(ending), VIEW_LIT(type)}
    TYPE("png", "image/png"),       TYPE("jpg", "image/jpeg"),     TYPE("jpeg", "image/jpeg"),
    TYPE("webp", "image/webp"),     TYPE("gif", "image/gif"),      TYPE("heic", "image/heic"),
    TYPE("heif", "image/heif"),     TYPE("pdf", "application/pdf"), TYPE("txt", "text/plain"),
    TYPE("md", "text/markdown"),    TYPE("csv", "text/csv"),       TYPE("html", "text/html"),
    TYPE("json", "application/json"), TYPE("wav", "audio/wav"),    TYPE("mp3", "audio/mp3"),
    TYPE("flac", "audio/flac"),     TYPE("ogg", "audio/ogg"),      TYPE("aac", "audio/aac"),
    TYPE("m4a", "audio/m4a"),       TYPE("mp4", "video/mp4"),      TYPE("webm", "video/webm"),
    TYPE("mov", "video/quicktime"), TYPE("mpeg", "video/mpeg"),    TYPE("mpg", "video/mpeg"),
#undef TYPE
};

/* By what stands behind the last dot of a name; empty: not known. */
static struct view type_of_name(struct view name)
{
    size_t dot = name.len;

    for (size_t i = 0; i < name.len; i++)
        dot = name.ptr[i] == '.' ? i : name.ptr[i] == '/' ? name.len : dot;
    if (dot == name.len)
        return VIEW_EMPTY;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (view_eq_nocase(view_from(name, dot + 1), types[i].ending))
            return types[i].type;
    return VIEW_EMPTY;
}

/* A URL's path without query and fragment. */
static struct view path_of(struct view url)
{
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] == '?' || url.ptr[i] == '#')
            return view_of(url.ptr, i);
    return url;
}

/* Of "data:image/png;base64,...": false when it is none, or its data is no base64. */
static bool split_data_url(struct view url, struct media_part *out)
{
    struct view rest = view_from(url, 5);
    size_t comma = 0, type = 0;

    while (comma < rest.len && rest.ptr[comma] != ',')
        comma++;
    while (type < comma && rest.ptr[type] != ';')
        type++;
    if (comma == rest.len || comma < 7 || !view_eq(view_of(rest.ptr + comma - 7, 7), VIEW_LIT(";base64")))
        return false;
    *out = (struct media_part){view_of(rest.ptr, type), view_from(rest, comma + 1), true};
    return true;
}

static bool is_url(struct view text)
{
    return view_starts(text, VIEW_LIT("https:")) || view_starts(text, VIEW_LIT("http:")) ||
           view_starts(text, VIEW_LIT("gs:"));
}

static bool is_youtube(struct view url)
{
    return view_starts(url, VIEW_LIT("https://www.youtube.com/")) || view_starts(url, VIEW_LIT("https://youtu.be/")) ||
           view_starts(url, VIEW_LIT("https://youtube.com/"));
}

/* Of bytes that stand there alone. */
static struct view type_said(const struct prompt_item *i)
{
    if (i->media_type.len == 0 && i->kind == ITEM_FILE)
        return type_of_name(i->name);
    return i->media_type;
}

/* False: it is nothing that Gemini takes. */
static bool read_media(const struct prompt_item *i, struct media_part *out)
{
    struct view text = i->text.bytes;

    *out = (struct media_part){type_said(i), text, true};
    if (view_starts(text, VIEW_LIT("data:"))) {
        if (!split_data_url(text, out))
            return false;
    } else if (is_url(text)) {
        out->type = type_of_name(path_of(text));
        out->inside = false;
        if (is_youtube(text))
            return true;
    }
    return out->type.len != 0 && out->data.len != 0;
}

bool gemini_media_fits(const struct prompt_item *i, const struct destination *d)
{
    struct media_part m;

    return read_media(i, &m) && (m.inside || (d->model->gates.bits & GATE_NO_URLS) == 0);
}

/* --- parts --- */

static bool is_audio_format(struct view type)
{
    for (size_t i = 0; i < type.len; i++)
        if (type.ptr[i] == '/')
            return false;
    return true;
}

/* "inlineData":{...} or "fileData":{...} */
static void put_media(struct gemini_body *g, const struct prompt_item *i)
{
    struct media_part m;

    if (!read_media(i, &m)) { /* gemini_fits() has seen to it */
        g->b.e = g->b.e == ERR_NONE ? ERR_FORMAT : g->b.e;
        return;
    }
    body_put(&g->b, m.inside ? VIEW_LIT("\"inlineData\":{") : VIEW_LIT("\"fileData\":{"));
    if (m.type.len != 0) {
        GEMINI_PUT(g, "\"mimeType\":\"");
        if (i->kind == ITEM_AUDIO && is_audio_format(m.type))
            GEMINI_PUT(g, "audio/"); /* "wav" */
        body_put(&g->b, m.type);
        GEMINI_PUT(g, "\",");
    }
    body_put(&g->b, m.inside ? VIEW_LIT("\"data\":\"") : VIEW_LIT("\"fileUri\":\""));
    body_put(&g->b, m.data);
    GEMINI_PUT(g, "\"}");
}

/* An image's "detail". */
static void put_resolution(struct gemini_body *g, const struct prompt_item *i)
{
    struct json_value v = {JSON_STRING, i->extra};

    if (i->kind != ITEM_IMAGE || !gemini_since_3(g) || i->extra.len < 2 || i->extra.ptr[0] != '"')
        return;
    if (json_string_is(v, "low"))
        GEMINI_PUT(g, ",\"mediaResolution\":{\"level\":\"MEDIA_RESOLUTION_LOW\"}");
    else if (json_string_is(v, "high"))
        GEMINI_PUT(g, ",\"mediaResolution\":{\"level\":\"MEDIA_RESOLUTION_HIGH\"}");
}

static void put_sign(struct gemini_body *g, struct view sign)
{
    if (sign.len == 0)
        return;
    GEMINI_PUT(g, ",\"thoughtSignature\":\"");
    body_put(&g->b, sign);
    GEMINI_PUT(g, "\"");
}

void gemini_put_part(struct gemini_body *g, const struct prompt_item *i, struct view sign)
{
    GEMINI_PUT(g, "{");
    if (prompt_is_media(i)) {
        put_media(g, i);
        put_resolution(g, i);
    } else {
        GEMINI_PUT(g, "\"text\":\"");
        body_put_text(&g->b, i->text);
        GEMINI_PUT(g, "\"");
    }
    put_sign(g, sign);
    GEMINI_PUT(g, "}");
}

/* --- calls --- */

/* Append the JSON value that a text's characters are; false: they are none. */
static bool decode_json(struct gemini_body *g, struct view escaped, struct buf *out, struct json_value *root)
{
    enum err e = json_inner_decode(escaped, out);

    if ((e == ERR_MEMORY || e == ERR_OVERLOAD) && g->b.e == ERR_NONE)
        g->b.e = e;
    return e == ERR_NONE && json_check(buf_view(out), root, NULL) == ERR_NONE;
}

/* Arguments are an object; what is none is made one. */
static void put_arguments(struct gemini_body *g, const struct prompt_item *i)
{
    struct json_value root = {JSON_NULL, VIEW_EMPTY};
    struct buf decoded;
    bool good;

    if (i->custom || i->text.bytes.len == 0) {
        body_put(&g->b, i->custom ? VIEW_LIT("{\"input\":\"") : VIEW_LIT("{"));
        body_put(&g->b, i->text.bytes);
        body_put(&g->b, i->custom ? VIEW_LIT("\"}") : VIEW_LIT("}"));
        return;
    }
    buf_init_charged(&decoded, i->text.bytes.len, g->b.out->budget);
    good = i->text.json ? json_check(i->text.bytes, &root, NULL) == ERR_NONE
                        : decode_json(g, i->text.bytes, &decoded, &root);
    if (good && root.kind == JSON_OBJECT) {
        body_put(&g->b, root.text);
    } else {
        body_put(&g->b, good ? VIEW_LIT("{\"value\":") : VIEW_LIT("{\"value\":\""));
        body_put(&g->b, good ? root.text : i->text.bytes);
        body_put(&g->b, good ? VIEW_LIT("}") : VIEW_LIT("\"}"));
    }
    buf_free(&decoded);
}

static void put_id(struct gemini_body *g, struct view id)
{
    if (!gemini_since_3(g) || g->vertex || id.len == 0)
        return; /* order pairs them */
    GEMINI_PUT(g, "\"id\":\"");
    body_put(&g->b, id);
    GEMINI_PUT(g, "\",");
}

void gemini_put_call(struct gemini_body *g, const struct prompt_item *i, struct view sign)
{
    GEMINI_PUT(g, "{\"functionCall\":{");
    put_id(g, i->id);
    GEMINI_PUT(g, "\"name\":\"");
    body_put(&g->b, i->name);
    GEMINI_PUT(g, "\",\"args\":");
    put_arguments(g, i);
    GEMINI_PUT(g, "}");
    put_sign(g, sign);
    GEMINI_PUT(g, "}");
}

/* --- results --- */

/* A result that is one JSON object goes as itself. */
static bool put_object(struct gemini_body *g, const struct prompt_item *part, size_t n)
{
    const struct prompt_item *text = NULL;
    struct json_value root;
    struct buf decoded;
    bool good;

    for (size_t i = 0; i < n; i++) {
        if (!content_has_text(&part[i]))
            continue;
        if (text != NULL)
            return false;
        text = &part[i];
    }
    if (text == NULL || (text->text.bytes.ptr[0] != '{' && !text->text.json))
        return false;
    buf_init_charged(&decoded, text->text.bytes.len, g->b.out->budget);
    good = text->text.json ? json_check(text->text.bytes, &root, NULL) == ERR_NONE
                           : decode_json(g, text->text.bytes, &decoded, &root);
    good = good && root.kind == JSON_OBJECT;
    if (good)
        body_put(&g->b, root.text);
    buf_free(&decoded);
    return good;
}

/* Images and files of a result, where the model takes them inside of it. */
static void put_attachments(struct gemini_body *g, const struct prompt_item *part, size_t n)
{
    bool any = false;

    for (size_t i = 0; gemini_since_3(g) && i < n; i++) {
        if (!prompt_is_media(&part[i]))
            continue;
        body_put(&g->b, any ? VIEW_LIT(",{") : VIEW_LIT(",\"parts\":[{"));
        put_media(g, &part[i]);
        GEMINI_PUT(g, "}");
        any = true;
    }
    if (any)
        GEMINI_PUT(g, "]");
}

void gemini_put_result(struct gemini_body *g, const struct prompt_item *call, const struct prompt_item *result,
                       const struct prompt_item *part, size_t n)
{
    bool failed = result == NULL || result->failed;

    GEMINI_PUT(g, "{\"functionResponse\":{");
    put_id(g, call->id);
    GEMINI_PUT(g, "\"name\":\"");
    body_put(&g->b, call->name);
    GEMINI_PUT(g, "\",\"response\":");
    if (failed || !put_object(g, part, n)) {
        body_put(&g->b, failed ? VIEW_LIT("{\"error\":\"") : VIEW_LIT("{\"output\":\""));
        if (result == NULL)
            GEMINI_PUT(g, "The tool gave no result.");
        else
            (void)content_put_texts(&g->b, part, n);
        GEMINI_PUT(g, "\"}");
    }
    put_attachments(g, part, n);
    GEMINI_PUT(g, "}}");
}
