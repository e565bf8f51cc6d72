/* The text of a message, as the demo provider repeats it. */
#include "job_internal.h"

enum {
    TALK_MAX_BYTES = 4096, /* of a message are repeated: more shows nothing more */
};

/* The longest start of p that is at most max bytes and does not end inside a UTF-8 sequence. */
static size_t whole_characters(struct view p, size_t max)
{
    size_t n = p.len < max ? p.len : max;

    while (n != 0 && n < p.len && (p.ptr[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static bool keep_string(struct job *j, struct json_value v, size_t room)
{
    struct buf text;
    bool kept = false;

    buf_init(&text, v.text.len);
    if (v.kind == JSON_STRING && v.text.len > 2 && json_string_decode(v, &text) == ERR_NONE) {
        job_keep(j, text.ptr, whole_characters(buf_view(&text), room));
        kept = true;
    }
    buf_free(&text);
    return kept;
}

/* Content is a string, or parts of which those of type text have one. */
bool job_content(struct job *j, struct json_value content)
{
    struct json_value text;
    struct json_member part;
    size_t from = j->payload.len;
    bool kept = false;

    if (content.kind != JSON_ARRAY)
        return keep_string(j, content, TALK_MAX_BYTES);
    for (struct json_iter it = json_iter(content); json_next(&it, &part);)
        if (json_get(part.value, "text", &text) &&
            keep_string(j, text, TALK_MAX_BYTES - (j->payload.len - from)))
            kept = true;
    return kept;
}
