/* Reads the answers of a panel in a message, and answers as a judge or as a final would. */
#include "shown.h"

#include "job_internal.h"
#include "sign.h"

/* All of the message's text, decoded. */
static void whole_text(struct json_value content, struct bytes *out)
{
    struct json_member part;
    struct json_value text;

    out->len = 0;
    if (content.kind != JSON_ARRAY) {
        (void)sign_decode(content, out);
        return;
    }
    for (struct json_iter it = json_iter(content); json_next(&it, &part);)
        if (json_get(part.value, "text", &text))
            (void)sign_decode(text, out);
}

/* What stands behind the mark; empty: it is not there. */
static struct view behind(struct view text, struct view mark)
{
    const uint8_t *at = text.len != 0 ? memmem(text.ptr, text.len, mark.ptr, mark.len) : NULL;

    return at != NULL ? view_from(text, (size_t)(at - text.ptr) + mark.len) : VIEW_EMPTY;
}

/* The text of the answer that v begins in, up to the quote that ends it, as it is written: escaped. */
static struct view text_of_answer(struct view v)
{
    struct view text = behind(v, VIEW_LIT("\",\"text\":\""));
    size_t n = 0;

    while (n < text.len && text.ptr[n] != '"')
        n += text.ptr[n] == '\\' ? 2 : 1;
    text.len = n < text.len ? n : text.len;
    return text;
}

static void put_verdict(struct job *j, struct view letter)
{
    BYTES_LIT(&j->payload, "{\"consensus\":[],\"contradictions\":[],\"partial_coverage\":[],\"unique_insights\":[],\"blind_spots\":[],"
                           "\"final_guidance\":[\"Say what answer ");
    bytes_put(&j->payload, letter.ptr, 1);
    BYTES_LIT(&j->payload, " says.\"],\"refusals\":[],\"selected\":\"");
    bytes_put(&j->payload, letter.ptr, 1);
    BYTES_LIT(&j->payload, "\",\"rationale\":\"It is the first one.\"}");
}

static void put_final(struct job *j, struct view text)
{
    static struct bytes quoted;

    quoted.len = 0;
    BYTES_LIT(&quoted, "\"");
    bytes_put(&quoted, text.ptr, text.len);
    BYTES_LIT(&quoted, "\"");
    (void)sign_decode((struct json_value){.kind = JSON_STRING, .text = view_of(quoted.ptr, quoted.len)}, &j->payload);
}

bool shown_play(struct job *j, const struct ask *a, struct job_part *out)
{
    static struct bytes text;
    size_t from = j->payload.len;
    struct view first;

    if (a->user.text.len == 0)
        return false;
    whole_text(a->user, &text);
    first = behind(view_of(text.ptr, text.len), VIEW_LIT("\"answers\":[{\"letter\":\""));
    if (first.len == 0)
        return false;
    j->talks = !a->json || a->schema.text.len != 0;
    if (j->talks)
        put_final(j, text_of_answer(first));
    else
        put_verdict(j, first);
    *out = (struct job_part){from, j->payload.len - from};
    return true;
}
