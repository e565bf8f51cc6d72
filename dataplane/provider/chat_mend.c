/* (G) Documents with NaN or Infinity for a number (a logprob, a score), which is no JSON but what some
 * servers write: null stands in their place, as strict clients expect. */
#include "chat_parts.h"

#include "content_view.h"

/* The token that stands here in place of a number; 0: none. */
static size_t no_number(struct view rest)
{
    static const struct view words[] = {
        {(const uint8_t *)"NaN", 3},       {(const uint8_t *)"-NaN", 4},
        {(const uint8_t *)"Infinity", 8},  {(const uint8_t *)"-Infinity", 9},
        {(const uint8_t *)"+Infinity", 9},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (view_starts(rest, words[i]))
            return words[i].len;
    }
    return 0;
}

/* Offset behind the string whose opening quote is at `at`; the length when it does not end. */
static size_t string_end(struct view doc, size_t at)
{
    for (at++; at < doc.len && doc.ptr[at] != '"'; at++)
        at += doc.ptr[at] == '\\';
    return at < doc.len ? at + 1 : doc.len;
}

enum err chat_mend(struct view doc, struct buf *out)
{
    size_t copied = 0, n;
    enum err e = ERR_NONE;

    for (size_t at = 0; at < doc.len && e == ERR_NONE;) {
        if (doc.ptr[at] == '"') {
            at = string_end(doc, at);
            continue;
        }
        n = no_number(view_from(doc, at));
        if (n == 0) {
            at++;
            continue;
        }
        e = buf_append(out, view_of(doc.ptr + copied, at - copied));
        if (e == ERR_NONE)
            e = buf_append(out, VIEW_LIT("null"));
        copied = at += n;
    }
    if (e == ERR_NONE && copied == 0)
        return ERR_NOT_FOUND;
    return e != ERR_NONE ? e : buf_append(out, view_from(doc, copied));
}
