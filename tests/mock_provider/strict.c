/* The checks of strict mode. */
#include "strict.h"

#include <stdio.h>

static bool known_name(struct view key, const char *const *known)
{
    for (; *known != NULL; known++)
        if (json_key_is(key, *known))
            return true;
    return false;
}

bool strict_unknown(struct json_value object, const char *const *known, struct view *name)
{
    struct json_member m;

    if (object.kind != JSON_OBJECT)
        return false;
    for (struct json_iter it = json_iter(object); json_next(&it, &m);) {
        if (known_name(m.key, known))
            continue;
        *name = m.key;
        return true;
    }
    return false;
}

bool strict_takes(const struct wire *wire, const struct json_member *m, size_t n, char *why,
                  size_t why_len)
{
    const char *inside;

    for (size_t i = 0; i < n; i++) {
        if (known_name(m[i].key, wire->members) || json_key_is(m[i].key, "mock"))
            continue;
        int len = m[i].key.len < 64 ? (int)m[i].key.len : 64;
        snprintf(why, why_len, "%s%.*s%s", wire->unknown[0], len, (const char *)m[i].key.ptr,
                 wire->unknown[1]);
        return false;
    }
    inside = wire->inside != NULL ? wire->inside(m, n) : NULL;
    if (inside != NULL)
        snprintf(why, why_len, "%s", inside);
    return inside == NULL;
}
