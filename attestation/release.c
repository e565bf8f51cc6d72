#include "release.h"

#include "json.h"

/* The member is a string of exactly n bytes in hex. */
static bool hex_member(struct json_value object, const char *name, uint8_t *out, size_t n)
{
    struct json_value v;
    struct view text;

    return json_only(object, name, &v) == ERR_NONE && json_string_plain(v, &text) &&
           hex_decode(text, out, n) == ERR_NONE;
}

static bool purpose_is(struct json_value root, const char *purpose)
{
    struct json_value v;

    return json_only(root, "purpose", &v) == ERR_NONE && json_string_is(v, purpose);
}

/* Every entry must be readable, also behind the one that matches: a manifest is whole or refused.
 */
static enum err measurements_search(struct json_value list, const uint8_t want[static 48])
{
    enum err e = ERR_NOT_FOUND;
    struct json_member m;
    struct json_iter it;
    size_t n = 0;

    if (list.kind != JSON_ARRAY)
        return ERR_FORMAT;
    for (it = json_iter(list); json_next(&it, &m);) {
        uint8_t got[48];

        if (n++ == RELEASE_MEASUREMENTS_MAX || m.value.kind != JSON_OBJECT ||
            !hex_member(m.value, "measurement", got, sizeof got))
            return ERR_FORMAT;
        if (memcmp(got, want, sizeof got) == 0)
            e = ERR_NONE;
    }
    return e;
}

enum err release_check(struct view manifest, const uint8_t measurement[static 48])
{
    struct json_value root, list;

    if (manifest.len > RELEASE_FILE_MAX || json_check(manifest, &root, NULL) != ERR_NONE ||
        root.kind != JSON_OBJECT || !purpose_is(root, "tr.release.v1") ||
        json_only(root, "measurements", &list) != ERR_NONE)
        return ERR_FORMAT;
    return measurements_search(list, measurement);
}

static enum err boot_check(struct json_value root, const struct digest32 *identity_sha256,
                           const uint8_t measurement[static 48])
{
    uint8_t identity[32], measured[48];

    if (!hex_member(root, "identity_sha256", identity, sizeof identity) ||
        !hex_member(root, "measurement", measured, sizeof measured))
        return ERR_FORMAT;
    return memcmp(identity, identity_sha256->b, sizeof identity) == 0 &&
                   memcmp(measured, measurement, sizeof measured) == 0
               ? ERR_NONE
               : ERR_NOT_FOUND;
}

enum err statement_check(struct view statement, const struct digest32 *identity_sha256,
                         const uint8_t measurement[static 48])
{
    struct json_value root;

    if (statement.len > RELEASE_FILE_MAX || json_check(statement, &root, NULL) != ERR_NONE ||
        root.kind != JSON_OBJECT)
        return ERR_FORMAT;
    return purpose_is(root, "tr.boot.v1") ? boot_check(root, identity_sha256, measurement)
                                          : release_check(statement, measurement);
}
