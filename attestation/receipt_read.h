/* Members of a receipt's events. */
#ifndef TR_ATTESTATION_RECEIPT_READ_H
#define TR_ATTESTATION_RECEIPT_READ_H

#include "json.h"
#include "secret.h"

static inline bool text_of(struct json_value v, const char *name, struct view *out)
{
    struct json_value m;

    return json_only(v, name, &m) == ERR_NONE && json_string_plain(m, out);
}

static inline bool hex_of(struct json_value v, const char *name, uint8_t *out, size_t n)
{
    struct view text;

    return text_of(v, name, &text) && hex_decode(text, out, n) == ERR_NONE;
}

static inline bool count_of(struct json_value v, const char *name, int64_t *out)
{
    struct json_value m;

    return json_only(v, name, &m) == ERR_NONE && json_i64(m, out) == ERR_NONE && *out >= 0;
}

static inline bool truth_of(struct json_value v, const char *name, bool *out)
{
    struct json_value m;

    if (json_only(v, name, &m) != ERR_NONE || (m.kind != JSON_TRUE && m.kind != JSON_FALSE))
        return false;
    *out = m.kind == JSON_TRUE;
    return true;
}

/* "sha256:" and 64 digits. False: it is there and is something else. */
static inline bool digest_if(struct json_value v, const char *name, bool *has, struct digest32 *out)
{
    struct json_value m;
    struct view text;
    enum err e = json_only(v, name, &m);

    *has = e == ERR_NONE;
    return e == ERR_NOT_FOUND ||
           (e == ERR_NONE && json_string_plain(m, &text) && view_starts(text, VIEW_LIT("sha256:")) &&
            hex_decode(view_from(text, 7), out->b, sizeof out->b) == ERR_NONE);
}

#endif
