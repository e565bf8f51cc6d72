/* What the demo provider says by itself: the last user message, after some reasoning when that is wanted. */
#include "job_internal.h"

enum {
    TALK_MAX_BYTES = 4096, /* of a message are repeated: more shows nothing more */
    REASONING_TOKENS = 8,
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
static bool keep_content(struct job *j, struct json_value content)
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

bool job_last_message(struct job *j, struct json_value messages)
{
    struct json_value role, content, last = {0};
    struct json_member item;
    bool found = false;

    if (messages.kind != JSON_ARRAY)
        return false;
    for (struct json_iter it = json_iter(messages); json_next(&it, &item);) {
        if (!json_get(item.value, "role", &role) || !json_string_is(role, "user") ||
            !json_get(item.value, "content", &content))
            continue;
        last = content;
        found = true;
    }
    return found && keep_content(j, last);
}

uint32_t job_reasoning(const struct json_member *m, size_t n)
{
    struct json_value v, effort;
    bool wanted = false;

    if (json_find(m, n, "reasoning_effort", &v) == ERR_NONE)
        wanted = v.kind == JSON_STRING && !json_string_is(v, "none");
    if (json_find(m, n, "reasoning", &v) == ERR_NONE && v.kind == JSON_OBJECT)
        wanted = !(json_get(v, "enabled", &effort) && effort.kind == JSON_FALSE) &&
                 !(json_get(v, "effort", &effort) && json_string_is(effort, "none"));
    return wanted ? REASONING_TOKENS : 0;
}
