/* cert_names, read and looked up. */
#include "names.h"

static bool label_byte_ok(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1 to 63 characters, and the last of them is no number. */
static bool name_ok(const char *name)
{
    bool letter = false;
    size_t label = 0;

    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '.') {
            if (label == 0)
                return false;
            label = 0;
            letter = false;
        } else if (!label_byte_ok(*at) || ++label > 63) {
            return false;
        } else {
            letter = letter || *at < '0' || *at > '9';
        }
    }
    return label != 0 && letter;
}

enum err acme_names_parse(const char *text, struct acme_names *out)
{
    *out = (struct acme_names){.n = 0};
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        struct view v = view_trim(view_of(at, n));

        if (out->n == LIMIT_ACME_CHALLENGES)
            return ERR_LIMIT;
        if (v.len > LIMIT_ACME_NAME_BYTES)
            return ERR_FORMAT;
        for (size_t i = 0; i < v.len; i++) {
            char c = (char)v.ptr[i];

            out->list[out->n][i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
        if (!name_ok(out->list[out->n++]))
            return ERR_FORMAT;
        at += n;
        if (*at == '\0')
            return ERR_NONE;
    }
}

bool acme_names_have(const struct acme_names *names, struct view name)
{
    for (unsigned i = 0; i < names->n; i++)
        if (view_eq_nocase(name, view_str(names->list[i])))
            return true;
    return false;
}
