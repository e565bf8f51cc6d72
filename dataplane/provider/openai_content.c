/* (G) What one message of chat holds: texts, images, audio, files, videos. */
#include "chat_members.h"
#include "content_view.h"
#include "openai_body.h"

#include <assert.h>

bool content_has_text(const struct prompt_item *i)
{
    return i->kind == ITEM_TEXT && i->text.bytes.len != 0;
}

bool content_any_media(const struct prompt_item *item, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (prompt_is_media(&item[i]))
            return true;
    return false;
}

bool content_put_texts(struct body *b, const struct prompt_item *item, size_t n)
{
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        if (!content_has_text(&item[i]))
            continue;
        if (any)
            BODY_PUT(b, "\\n\\n");
        body_put_text(b, item[i].text);
        any = true;
    }
    return any;
}

/* A URL as it is; base64 with its type as a data URL. */
static void put_url(struct body *b, const struct prompt_item *i)
{
    if (i->media_type.len != 0) {
        BODY_PUT(b, "data:");
        body_put(b, i->media_type);
        BODY_PUT(b, ";base64,");
    }
    body_put_text(b, i->text);
}

static void put_image(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"");
    put_url(b, i);
    BODY_PUT(b, "\"");
    if (i->extra.len != 0 && i->extra.ptr[0] == '"') {
        BODY_PUT(b, ",\"detail\":");
        body_put(b, i->extra);
    }
    BODY_PUT(b, "}");
}

static void put_file(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"file\",\"file\":{\"filename\":\"");
    body_put(b, i->name.len != 0 ? i->name : VIEW_LIT("document"));
    BODY_PUT(b, "\",\"file_data\":\"");
    put_url(b, i);
    BODY_PUT(b, "\"}");
}

/* "wav" for "audio/wav" as well. */
static struct view audio_format(struct view type)
{
    return view_starts(type, VIEW_LIT("audio/")) ? view_from(type, 6) : type;
}

static void put_audio(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"input_audio\",\"input_audio\":{\"format\":\"");
    body_put(b, audio_format(i->media_type));
    BODY_PUT(b, "\",\"data\":\"");
    body_put_text(b, i->text);
    BODY_PUT(b, "\"}");
}

static void put_video(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"video_url\",\"video_url\":{\"url\":\"");
    put_url(b, i);
    BODY_PUT(b, "\"}");
}

static void put_text(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"text\",\"text\":\"");
    body_put_text(b, i->text);
    BODY_PUT(b, "\"");
}

/* A cache mark goes only where the operator says that the provider reads it. */
static bool is_marked(const struct body *b, const struct prompt_item *i)
{
    return i->extra.len != 0 && i->extra.ptr[0] == '{' &&
           chat_member_allowed(b->provider, VIEW_LIT("cache_control"));
}

void content_put_part(struct body *b, const struct prompt_item *i, bool *any)
{
    if (*any)
        BODY_PUT(b, ",");
    *any = true;
    if (i->kind == ITEM_IMAGE)
        put_image(b, i);
    else if (i->kind == ITEM_FILE)
        put_file(b, i);
    else if (i->kind == ITEM_AUDIO)
        put_audio(b, i);
    else if (i->kind == ITEM_VIDEO)
        put_video(b, i);
    else
        put_text(b, i);
    if (is_marked(b, i)) {
        BODY_PUT(b, ",\"cache_control\":");
        body_put(b, i->extra);
    }
    BODY_PUT(b, "}");
}

static void put_parts(struct body *b, const struct prompt_item *item, size_t n)
{
    bool any = false;

    BODY_PUT(b, "[");
    for (size_t i = 0; i < n; i++)
        if (content_has_text(&item[i]) || prompt_is_media(&item[i]))
            content_put_part(b, &item[i], &any);
    BODY_PUT(b, "]");
}

void content_put(struct body *b, const struct prompt_item *item, size_t n)
{
    bool parts = content_any_media(item, n);

    for (size_t i = 0; !parts && i < n; i++)
        parts = content_has_text(&item[i]) && is_marked(b, &item[i]);
    BODY_PUT(b, ",\"content\":");
    if (parts) {
        put_parts(b, item, n);
        return;
    }
    BODY_PUT(b, "\"");
    (void)content_put_texts(b, item, n);
    BODY_PUT(b, "\"");
}
