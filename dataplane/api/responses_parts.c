/* (G) Reads the parts of a message's content and of a tool's output: texts, images, files, audio, video. */
#include "content_view.h"
#include "responses_internal.h"

static bool starts_data(struct view text)
{
    return view_starts(text, VIEW_LIT("data:"));
}

static enum err add_text(struct responses_reader *r, enum prompt_item_kind kind, struct json_value v)
{
    struct prompt_item *item = NULL;
    enum err e = prompt_add_item(&r->p->list, kind, &item);

    return e == ERR_NONE ? prompt_read_text(v, "a part's text must be a string", r->fault,
                                            &item->text.bytes)
                         : e;
}

/* The data or the reference of a part, which is v, is no text of the prompt. */
static void count(struct responses_reader *r, enum media_kind kind, bool inside, struct json_value v,
                  struct json_value part)
{
    media_add(&r->p->media, kind, inside, v.text.len, part.text.len);
    r->p->prompt_bytes -= v.text.len;
}

static enum err no_file_id(struct responses_reader *r)
{
    return responses_refuse(r, "This router stores no files: a file_id cannot be used. Send the bytes "
                               "(image_url with a data URL, file_data).", ERR_UNSUPPORTED);
}

static enum err add_image(struct responses_reader *r, struct json_value part)
{
    struct prompt_item *item = NULL;
    struct json_value url, any;
    enum err e;

    if (!responses_has(part, "image_url", &url))
        return responses_has(part, "file_id", &any)
                   ? no_file_id(r)
                   : responses_refuse(r, "an input_image needs an image_url", ERR_FORMAT);
    if (url.kind == JSON_OBJECT && !json_get(url, "url", &url)) /* chat's shape */
        return responses_refuse(r, "image_url must be a string", ERR_FORMAT);
    e = prompt_add_item(&r->p->list, ITEM_IMAGE, &item);
    if (e == ERR_NONE)
        e = prompt_read_text(url, "image_url must be a string", r->fault, &item->text.bytes);
    if (e != ERR_NONE)
        return e;
    if (responses_has(part, "detail", &any) && any.kind == JSON_STRING)
        item->extra = any.text;
    r->p->needs |= CAP_IMAGES;
    count(r, MEDIA_IMAGE, starts_data(item->text.bytes), url, part);
    return ERR_NONE;
}

static enum err add_file(struct responses_reader *r, struct json_value part)
{
    struct prompt_item *item = NULL;
    struct json_value data, any;
    enum err e;

    if (!responses_has(part, "file_data", &data)) {
        if (responses_has(part, "file_id", &any))
            return no_file_id(r);
        return responses_refuse(r, "an input_file needs file_data; this router fetches no file_url",
                                ERR_UNSUPPORTED);
    }
    e = prompt_add_item(&r->p->list, ITEM_FILE, &item);
    if (e == ERR_NONE)
        e = prompt_read_text(data, "file_data must be a string", r->fault, &item->text.bytes);
    if (e != ERR_NONE)
        return e;
    item->name = responses_text(part, "filename");
    count(r, MEDIA_FILE, media_is_inside(data), data, part);
    return ERR_NONE;
}

static enum err add_audio(struct responses_reader *r, struct json_value part)
{
    struct prompt_item *item = NULL;
    struct json_value audio, data;
    enum err e;

    if (!json_get(part, "input_audio", &audio) || !json_get(audio, "data", &data))
        return responses_refuse(r, "an input_audio part needs input_audio.data", ERR_FORMAT);
    e = prompt_add_item(&r->p->list, ITEM_AUDIO, &item);
    if (e == ERR_NONE)
        e = prompt_read_text(data, "input_audio.data must be a string", r->fault, &item->text.bytes);
    if (e != ERR_NONE)
        return e;
    item->media_type = responses_text(audio, "format");
    count(r, MEDIA_AUDIO, true, data, part);
    return ERR_NONE;
}

static enum err add_video(struct responses_reader *r, struct json_value part)
{
    struct prompt_item *item = NULL;
    struct json_value url;
    enum err e;

    if (!json_get(part, "video_url", &url))
        return responses_refuse(r, "an input_video part needs a video_url", ERR_FORMAT);
    e = prompt_add_item(&r->p->list, ITEM_VIDEO, &item);
    if (e == ERR_NONE)
        e = prompt_read_text(url, "video_url must be a string", r->fault, &item->text.bytes);
    if (e == ERR_NONE)
        count(r, MEDIA_VIDEO, starts_data(item->text.bytes), url, part);
    return e;
}

static enum err add_part(struct responses_reader *r, struct json_value part)
{
    static const char *const texts[] = {"input_text", "output_text", "text", "summary_text"};
    struct json_value type, text;

    if (part.kind != JSON_OBJECT || !json_get(part, "type", &type))
        return responses_refuse(r, "each part of a content must be an object with a type", ERR_FORMAT);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!json_string_is(type, texts[i]))
            continue;
        return json_get(part, "text", &text)
                   ? add_text(r, ITEM_TEXT, text)
                   : responses_refuse(r, "a text part needs a text", ERR_FORMAT);
    }
    if (json_string_is(type, "refusal"))
        return json_get(part, "refusal", &text)
                   ? add_text(r, ITEM_REFUSAL, text)
                   : responses_refuse(r, "a refusal part needs a refusal", ERR_FORMAT);
    if (json_string_is(type, "input_image"))
        return add_image(r, part);
    if (json_string_is(type, "input_file"))
        return add_file(r, part);
    if (json_string_is(type, "input_audio"))
        return add_audio(r, part);
    if (json_string_is(type, "input_video"))
        return add_video(r, part);
    return responses_refuse(r, "a part of this type is not supported: send input_text, input_image, "
                               "input_file, input_audio, input_video, output_text or refusal",
                            ERR_UNSUPPORTED);
}

enum err responses_read_parts(struct responses_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member part;
    enum err e = ERR_NONE;

    if (v.kind == JSON_STRING)
        return add_text(r, ITEM_TEXT, v);
    if (v.kind != JSON_ARRAY)
        return responses_refuse(r, "content and output must be a string or an array of parts",
                                ERR_FORMAT);
    while (e == ERR_NONE && json_next(&it, &part))
        e = add_part(r, part.value);
    return e;
}
