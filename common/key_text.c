#include "key_text.h"
#include "secret.h"

#include <assert.h>
#include <sodium.h>

enum {
    PREFIX_LEN = sizeof KEY_PREFIX - 1,
    VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};
_Static_assert(sizeof KEY_MANAGEMENT_PREFIX == sizeof KEY_PREFIX, "one length for both kinds");
_Static_assert(PREFIX_LEN + (32 * 8 + 5) / 6 == KEY_TEXT_LEN, "256 bits, six to a character");

static bool prefix_known(struct view text)
{
    return view_starts(text, VIEW_LIT(KEY_PREFIX)) ||
           view_starts(text, VIEW_LIT(KEY_MANAGEMENT_PREFIX));
}

void key_text_new(const char *prefix, char out[static KEY_TEXT_LEN + 1])
{
    struct secret32 key;

    assert(prefix_known(view_str(prefix)) && strlen(prefix) == PREFIX_LEN);
    secret_random(key.b, sizeof key.b);
    memcpy(out, prefix, PREFIX_LEN);
    sodium_bin2base64(out + PREFIX_LEN, KEY_TEXT_LEN - PREFIX_LEN + 1, key.b, sizeof key.b,
                      VARIANT);
    secret_wipe(&key, sizeof key);
}

bool key_text_valid(struct view text)
{
    struct secret32 key;
    struct view digits;
    size_t len = 0;
    bool ok;

    if (text.len != KEY_TEXT_LEN || !prefix_known(text))
        return false;
    digits = view_from(text, PREFIX_LEN);
    ok = sodium_base642bin(key.b, sizeof key.b, (const char *)digits.ptr, digits.len, NULL, &len,
                           NULL, VARIANT) == 0;
    secret_wipe(&key, sizeof key);
    return ok && len == sizeof key.b;
}
