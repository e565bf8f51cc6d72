/* (G) The media of a prompt: how many, and how large. */
#include "media.h"

#include "content_view.h"

/* Types of content parts. holder: the member that has the data; inside it, the member whose
 * presence says that the bytes are in the body (NULL: a URL that begins with "data:"). */
static const struct {
    const char *type, *holder, *data;
    enum media_kind kind;
} kinds[] = {
    {"image_url", "image_url", NULL, MEDIA_IMAGE},
    {"input_audio", "input_audio", "data", MEDIA_AUDIO},
    {"file", "file", "file_data", MEDIA_FILE},
    {"video_url", "video_url", NULL, MEDIA_VIDEO},
};

static bool starts_data(struct json_value v)
{
    return v.kind == JSON_STRING && v.text.len > 6 && memcmp(v.text.ptr + 1, "data:", 5) == 0;
}

/* Bytes in which a URL has its colon, or an escape that may stand for a letter of it. Base64 has neither (its
 * slash may be escaped, by itself). */
enum { SCHEME_MAX = 12 };

bool media_is_inside(struct json_value data)
{
    size_t scheme = data.text.len < SCHEME_MAX ? data.text.len : SCHEME_MAX;

    if (data.kind != JSON_STRING)
        return false;
    return starts_data(data) || (memchr(data.text.ptr, ':', scheme) == NULL &&
                                 memmem(data.text.ptr, scheme, "\\u", 2) == NULL);
}

/* The bytes are in the body: none of them come from elsewhere. */
static bool is_inline(struct json_value holder, size_t kind)
{
    struct json_value data;

    if (kinds[kind].data != NULL)
        return json_only(holder, kinds[kind].data, &data) == ERR_NONE && media_is_inside(data);
    if (holder.kind == JSON_STRING)
        return starts_data(holder);
    return json_only(holder, "url", &data) == ERR_NONE && starts_data(data);
}

static void count_bytes(struct media *m, uint64_t bytes, unsigned bytes_per_token)
{
    uint64_t floor = bytes / MEDIA_FLOOR_BYTES;

    m->bound += bytes / bytes_per_token + MEDIA_FLOOR_TOKENS;
    m->floor += floor > MEDIA_FLOOR_TOKENS ? floor : MEDIA_FLOOR_TOKENS;
}

void media_add(struct media *m, enum media_kind kind, bool inside, uint64_t held, uint64_t part)
{
    static const unsigned bytes_per_token[] = {[MEDIA_AUDIO] = MEDIA_AUDIO_BYTES,
                                               [MEDIA_FILE] = MEDIA_FILE_BYTES,
                                               [MEDIA_VIDEO] = MEDIA_VIDEO_BYTES};

    m->bytes += held;
    if (kind == MEDIA_IMAGE) {
        m->images++;
        m->floor += MEDIA_IMAGE_FLOOR_TOKENS;
    } else if (inside) {
        count_bytes(m, part, bytes_per_token[kind]);
    } else {
        m->references++;
        m->floor += MEDIA_IMAGE_FLOOR_TOKENS;
    }
}

bool media_count(struct json_value part, struct media *m)
{
    struct json_value type, holder;
    size_t kind = 0;
    bool held;

    if (json_only(part, "type", &type) != ERR_NONE)
        return false;
    while (kind < sizeof kinds / sizeof kinds[0] && !json_string_is(type, kinds[kind].type))
        kind++;
    if (kind == sizeof kinds / sizeof kinds[0])
        return false;
    /* Other members of the part may be read as text, and so may all of it when two claim to hold
     * the data. */
    held = json_only(part, kinds[kind].holder, &holder) == ERR_NONE;
    media_add(m, kinds[kind].kind, held && is_inline(holder, kind), held ? holder.text.len : 0,
              part.text.len);
    return true;
}

uint64_t media_bound(const struct media *m, uint64_t image_tokens,
                          uint64_t reference_tokens)
{
    return m->bound + m->images * image_tokens + m->references * reference_tokens;
}
