/* The document inside of a sealed key: {"v":1,"account":"<id>","provider":"<id>","key":"<key>"}, each member
 * once, no other. What it says must be what the control plane said outside, so that a sealed key is of no use
 * in another account or at another provider. */
#include "own_keys.h"

#include "json.h"

enum { OWN_KEY_MEMBERS = 4 };

/* The key becomes a header line: nothing in it may end that line, or need an escape. */
static bool key_ok(struct view key)
{
    if (key.len == 0 || key.len > OWN_KEY_TEXT_MAX)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] <= 0x20 || key.ptr[i] >= 0x7f || key.ptr[i] == '"' || key.ptr[i] == '\\')
            return false;
    return true;
}

bool own_key_read(struct view plain, const struct id *account, struct view provider, struct view *key)
{
    struct json_member m[OWN_KEY_MEMBERS];
    struct json_value v;
    struct view text;
    struct id whose;
    int64_t version;
    size_t n;

    if (json_object(plain, m, OWN_KEY_MEMBERS, &n, NULL) != ERR_NONE || n != OWN_KEY_MEMBERS)
        return false;
    if (json_find(m, n, "v", &v) != ERR_NONE || json_i64(v, &version) != ERR_NONE || version != 1)
        return false;
    if (json_find(m, n, "account", &v) != ERR_NONE || !json_string_plain(v, &text) ||
        id_parse(text, &whose) != ERR_NONE || !id_eq(&whose, account))
        return false;
    if (json_find(m, n, "provider", &v) != ERR_NONE || !json_string_plain(v, &text) ||
        !view_eq(text, provider))
        return false;
    return json_find(m, n, "key", &v) == ERR_NONE && json_string_plain(v, key) && key_ok(*key);
}
