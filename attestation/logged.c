#include "logged.h"

#include "json.h"
#include "manifest.h"

/* The member is a string of exactly n bytes in hex. */
static bool hex_member(struct json_value object, const char *name, uint8_t *out, size_t n)
{
    struct json_value v;
    struct view text;

    return json_only(object, name, &v) == ERR_NONE && json_string_plain(v, &text) &&
           hex_decode(text, out, n) == ERR_NONE;
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

enum err logged_check(struct view statement, const struct digest32 *identity_sha256,
                      const uint8_t measurement[static 48])
{
    struct json_value root, purpose;
    struct manifest m;

    if (statement.len > MANIFEST_MAX || json_check(statement, &root, NULL) != ERR_NONE ||
        root.kind != JSON_OBJECT || json_only(root, "purpose", &purpose) != ERR_NONE)
        return ERR_FORMAT;
    if (json_string_is(purpose, "tr.boot.v1"))
        return boot_check(root, identity_sha256, measurement);
    if (manifest_parse(statement, &m) != ERR_NONE)
        return ERR_FORMAT;
    return manifest_has(&m, measurement) ? ERR_NONE : ERR_NOT_FOUND;
}
