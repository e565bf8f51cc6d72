#include "query.h"

#include "id.h"
#include "path.h"
#include "secret.h"

#include <string.h>

/* The next name=value of *rest; false at the end. */
static bool query_next(struct view *rest, struct view *name, struct view *value)
{
    const uint8_t *end, *equals;
    struct view one;

    if (rest->len == 0)
        return false;
    end = memchr(rest->ptr, '&', rest->len);
    one = end == NULL ? *rest : view_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = view_from(*rest, end == NULL ? rest->len : one.len + 1);
    equals = one.len == 0 ? NULL : memchr(one.ptr, '=', one.len);
    *name = equals == NULL ? one : view_of(one.ptr, (size_t)(equals - one.ptr));
    *value = equals == NULL ? VIEW_EMPTY : view_from(one, name->len + 1);
    return true;
}

enum query_found query_find(struct view query, const char *name, struct view *value)
{
    enum query_found found = QUERY_ABSENT;
    struct view n, v;

    while (query_next(&query, &n, &v)) {
        if (!view_eq(n, view_str(name)))
            continue;
        if (found != QUERY_ABSENT)
            return QUERY_TWICE;
        found = QUERY_ONE;
        *value = v;
    }
    return found;
}

bool query_decode(struct view value, char *out, size_t max, size_t *len)
{
    uint8_t spaced[2048];

    if (value.len > sizeof spaced)
        return false;
    for (size_t i = 0; i < value.len; i++)
        spaced[i] = value.ptr[i] == '+' ? ' ' : value.ptr[i];
    return path_decode(view_of(spaced, value.len), out, max, len);
}

bool query_only(struct view query, const char *const *names, size_t n)
{
    struct view name, value;

    while (query_next(&query, &name, &value)) {
        bool known = false;

        for (size_t i = 0; i < n; i++)
            known = known || view_eq(name, view_str(names[i]));
        if (!known)
            return false;
    }
    return true;
}

bool query_ed25519(struct view query)
{
    struct view algo;
    enum query_found found = query_find(query, "signing_algo", &algo);

    return found == QUERY_ABSENT || (found == QUERY_ONE && view_eq(algo, VIEW_LIT("ed25519")));
}

bool query_nonce(struct view text, uint8_t out[static 32])
{
    if (text.len != 64)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
            return false;
    return hex_decode(text, out, 32) == ERR_NONE;
}
