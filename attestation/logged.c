#include "logged.h"

#include "json.h"
#include "manifest.h"
#include "tlog.h"

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

/* A statement's object, and whether it is about a boot. */
static enum err statement_open(struct view statement, struct json_value *root, bool *is_boot)
{
    struct json_value purpose;

    if (statement.len > MANIFEST_MAX || json_check(statement, root, NULL) != ERR_NONE ||
        root->kind != JSON_OBJECT || json_only(*root, "purpose", &purpose) != ERR_NONE)
        return ERR_FORMAT;
    *is_boot = json_string_is(purpose, "tr.boot.v1");
    return ERR_NONE;
}

enum err logged_release(struct view statement, struct digest32 *leaf)
{
    struct json_value root, release;
    struct manifest m;
    bool is_boot;
    enum err e = statement_open(statement, &root, &is_boot);

    if (e != ERR_NONE)
        return e;
    if (!is_boot) {
        if (manifest_parse(statement, &m) != ERR_NONE)
            return ERR_FORMAT;
        tlog_leaf_hash(statement, leaf);
        return ERR_NONE;
    }
    if (json_only(root, "release", &release) != ERR_NONE)
        return ERR_FORMAT;
    if (release.kind == JSON_NULL)
        return ERR_NOT_FOUND;
    return release.kind == JSON_OBJECT && hex_member(release, "leaf", leaf->b, sizeof leaf->b)
               ? ERR_NONE
               : ERR_FORMAT;
}

enum err logged_check(struct view statement, const struct digest32 *identity_sha256,
                      const uint8_t measurement[static 48])
{
    struct json_value root;
    struct manifest m;
    bool is_boot;
    enum err e = statement_open(statement, &root, &is_boot);

    if (e != ERR_NONE)
        return e;
    if (is_boot)
        return boot_check(root, identity_sha256, measurement);
    if (manifest_parse(statement, &m) != ERR_NONE)
        return ERR_FORMAT;
    return manifest_has(&m, measurement) ? ERR_NONE : ERR_NOT_FOUND;
}
