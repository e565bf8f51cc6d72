/* (G) What a chat message holds: text, images, files, audio, videos. */
#include "chat_list_internal.h"

#include "content_view.h"

/* Anthropic's mark, or OpenAI's. An image's "detail" gives way to one. */
struct view chat_list_mark(struct json_value cache_control, struct json_value breakpoint)
{
    if (cache_control.kind == JSON_OBJECT)
        return cache_control.text;
    return breakpoint.kind == JSON_OBJECT ? breakpoint.text : VIEW_EMPTY;
}

/* Empty texts are refused by providers and say nothing. */
static enum err add_text(struct chat_lister *l, enum prompt_item_kind kind, struct json_value text, struct view mark)
{
    struct prompt_item *item;
    enum err e;

    if (text.kind != JSON_STRING)
        return chat_list_refuse(l, "the text of a part must be a string", ERR_FORMAT);
    if (chat_list_text(text).len == 0)
        return ERR_NONE;
    e = prompt_add_item(&l->p->list, kind, &item);
    if (e != ERR_NONE)
        return e;
    item->text.bytes = chat_list_text(text);
    item->extra = mark;
    return ERR_NONE;
}

static enum err add_media(struct chat_lister *l, enum prompt_item_kind kind, struct json_value data, struct view mark,
                          struct prompt_item **out)
{
    enum err e;

    if (chat_list_text(data).len == 0)
        return chat_list_refuse(l, "the data or URL of a part must be a non-empty string", ERR_FORMAT);
    e = prompt_add_item(&l->p->list, kind, out);
    if (e != ERR_NONE)
        return e;
    (*out)->text.bytes = chat_list_text(data);
    (*out)->extra = mark;
    return ERR_NONE;
}

typedef enum err part_fn(struct chat_lister *l, struct json_value holder, struct view mark);
static part_fn read_text, read_refusal, read_image, read_file, read_audio, read_video, read_thinking;

/* A part's type is also the name of the member that holds what it has. */
static const struct {
    const char *type;
    part_fn *read;
} parts[] = {
    {"text", read_text}, {"refusal", read_refusal},    {"image_url", read_image},
    {"file", read_file}, {"input_audio", read_audio}, {"video_url", read_video},
    {"thinking", read_thinking},
};

static enum err read_text(struct chat_lister *l, struct json_value holder, struct view mark)
{
    return add_text(l, ITEM_TEXT, holder, mark);
}

static enum err read_refusal(struct chat_lister *l, struct json_value holder, struct view mark)
{
    return add_text(l, ITEM_REFUSAL, holder, mark);
}

/* {"url":"...","detail":"..."}, or the URL itself. */
static enum err read_image(struct chat_lister *l, struct json_value holder, struct view mark)
{
    static const char *const names[] = {"url", "detail"};
    struct json_value m[2] = {holder, {JSON_NULL, VIEW_EMPTY}};
    struct prompt_item *item;
    enum err e = holder.kind == JSON_OBJECT ? chat_list_fields(l, holder, names, 2, m) : ERR_NONE;

    if (e == ERR_NONE)
        e = add_media(l, ITEM_IMAGE, m[0], mark, &item);
    if (e == ERR_NONE && mark.len == 0 && m[1].kind == JSON_STRING)
        item->extra = m[1].text;
    return e;
}

static enum err read_file(struct chat_lister *l, struct json_value holder, struct view mark)
{
    static const char *const names[] = {"file_data", "filename", "file_id"};
    struct json_value m[3];
    struct prompt_item *item;
    enum err e;

    if (holder.kind != JSON_OBJECT)
        return chat_list_refuse(l, "the file of a part must be an object", ERR_FORMAT);
    e = chat_list_fields(l, holder, names, 3, m);
    if (e == ERR_NONE && !chat_list_has(m[0]) && chat_list_has(m[2]))
        return chat_list_refuse(l, "this router stores no files; send the data itself", ERR_UNSUPPORTED);
    if (e == ERR_NONE)
        e = add_media(l, ITEM_FILE, m[0], mark, &item);
    if (e == ERR_NONE)
        item->name = chat_list_text(m[1]);
    return e;
}

static enum err read_audio(struct chat_lister *l, struct json_value holder, struct view mark)
{
    static const char *const names[] = {"data", "format"};
    struct json_value m[2];
    struct prompt_item *item;
    enum err e;

    if (holder.kind != JSON_OBJECT)
        return chat_list_refuse(l, "the audio of a part must be an object", ERR_FORMAT);
    e = chat_list_fields(l, holder, names, 2, m);
    if (e == ERR_NONE)
        e = add_media(l, ITEM_AUDIO, m[0], mark, &item);
    if (e == ERR_NONE)
        item->media_type = chat_list_text(m[1]);
    return e;
}

static enum err read_video(struct chat_lister *l, struct json_value holder, struct view mark)
{
    static const char *const names[] = {"url"};
    struct json_value url = holder;
    struct prompt_item *item;
    enum err e = holder.kind == JSON_OBJECT ? chat_list_fields(l, holder, names, 1, &url) : ERR_NONE;

    return e == ERR_NONE ? add_media(l, ITEM_VIDEO, url, mark, &item) : e;
}

/* Mistral's thoughts stand among the parts: a text, or an array of text parts. */
static enum err read_thinking(struct chat_lister *l, struct json_value holder, struct view mark)
{
    struct json_iter it = json_iter(holder);
    struct json_member m;
    struct json_value text;
    enum err e = ERR_NONE;

    (void)mark; /* nobody takes a mark there */
    if (holder.kind == JSON_STRING)
        return add_text(l, ITEM_REASONING, holder, VIEW_EMPTY);
    while (e == ERR_NONE && holder.kind == JSON_ARRAY && json_next(&it, &m))
        if (json_get(m.value, "text", &text))
            e = add_text(l, ITEM_REASONING, text, VIEW_EMPTY);
    return e;
}

static enum err read_part(struct chat_lister *l, struct json_value part)
{
    static const char *const names[] = {"type", "cache_control", "prompt_cache_breakpoint"};
    struct json_value m[3], holder;
    enum err e;

    if (part.kind == JSON_STRING) /* as some clients have it */
        return add_text(l, ITEM_TEXT, part, VIEW_EMPTY);
    if (part.kind != JSON_OBJECT)
        return chat_list_refuse(l, "each part must be an object", ERR_FORMAT);
    e = chat_list_fields(l, part, names, 3, m);
    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!json_string_is(m[0], parts[i].type))
            continue;
        e = chat_list_fields(l, part, &parts[i].type, 1, &holder);
        return e == ERR_NONE ? parts[i].read(l, holder, chat_list_mark(m[1], m[2])) : e;
    }
    if (chat_list_text(m[0]).len == 0)
        return chat_list_refuse(l, "each part must have a type", ERR_FORMAT);
    l->fault->member = chat_list_text(m[0]);
    return chat_list_refuse(l, "content parts of this type are not supported for this model", ERR_UNSUPPORTED);
}

enum err chat_list_content(struct chat_lister *l, struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member m;
    enum err e = ERR_NONE;

    if (!chat_list_has(content))
        return ERR_NONE;
    if (content.kind == JSON_STRING)
        return add_text(l, ITEM_TEXT, content, VIEW_EMPTY);
    if (content.kind != JSON_ARRAY)
        return chat_list_refuse(l, "content must be a string or an array of parts", ERR_FORMAT);
    while (e == ERR_NONE && json_next(&it, &m))
        e = read_part(l, m.value);
    return e;
}

/* Of an earlier answer, in OpenRouter's shape. */
enum err chat_list_images(struct chat_lister *l, struct json_value images)
{
    struct json_iter it = json_iter(images);
    struct json_member m;
    enum err e = ERR_NONE;

    if (chat_list_has(images) && images.kind != JSON_ARRAY)
        return chat_list_refuse(l, "images must be an array", ERR_FORMAT);
    while (e == ERR_NONE && json_next(&it, &m))
        e = read_part(l, m.value);
    return e;
}
