#include "key_text.h"
#include "secret.h"

#include <assert.h>
#include <sodium.h>

enum {
    PREFIX_LEN = sizeof KEY_PREFIX - 1,
    VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};
_Static_assert(sizeof KEY_MANAGEMENT_PREFIX == sizeof KEY_PREFIX &&
                   sizeof KEY_SESSION_PREFIX == sizeof KEY_PREFIX &&
                   sizeof KEY_INVITATION_PREFIX == sizeof KEY_PREFIX &&
                   sizeof KEY_RECOVERY_PREFIX == sizeof KEY_PREFIX &&
                   sizeof KEY_CODE_PREFIX == sizeof KEY_PREFIX,
               "one length for all kinds");
_Static_assert(PREFIX_LEN + (32 * 8 + 5) / 6 == KEY_TEXT_LEN, "256 bits, six to a character");

static bool prefix_known(struct view text)
{
    return view_starts(text, VIEW_LIT(KEY_PREFIX)) ||
           view_starts(text, VIEW_LIT(KEY_MANAGEMENT_PREFIX));
}

void key_text_new(const char *prefix, char out[static KEY_TEXT_LEN + 1])
{
    struct secret32 key;

    assert(strlen(prefix) == PREFIX_LEN);
    secret_random(key.b, sizeof key.b);
    memcpy(out, prefix, PREFIX_LEN);
    sodium_bin2base64(out + PREFIX_LEN, KEY_TEXT_LEN - PREFIX_LEN + 1, key.b, sizeof key.b,
                      VARIANT);
    secret_wipe(&key, sizeof key);
}

/* 1 when from <= c <= to, else 0, without a branch or a table. */
static unsigned within(unsigned c, unsigned from, unsigned to)
{
    return ((c - from) | (to - c)) >> 31 ^ 1;
}

/* Every request asks this, so nothing is decoded: each digit must be one, in a time that does not tell
 * which. Six bits a digit make 258 of 43: the last two must be zero, else two texts mean one key. */
static bool digits_valid(struct view text)
{
    unsigned ok = 1, last, value;

    for (size_t i = PREFIX_LEN; i < KEY_TEXT_LEN; i++) {
        unsigned c = text.ptr[i];

        ok &= within(c, 'A', 'Z') | within(c, 'a', 'z') | within(c, '0', '9') |
              within(c, '-', '-') | within(c, '_', '_');
    }
    last = text.ptr[KEY_TEXT_LEN - 1];
    value = within(last, 'A', 'Z') * (last - 'A') + within(last, 'a', 'z') * (last - 'a' + 26) +
            within(last, '0', '9') * (last - '0' + 52) + within(last, '-', '-') * 62 +
            within(last, '_', '_') * 63;
    return (ok & ((value & 3) == 0)) != 0;
}

bool key_text_valid(struct view text)
{
    return text.len == KEY_TEXT_LEN && prefix_known(text) && digits_valid(text);
}

bool key_text_has(const char *prefix, struct view text)
{
    return text.len == KEY_TEXT_LEN && view_starts(text, view_str(prefix)) && digits_valid(text);
}

bool key_text_management(struct view text)
{
    return view_starts(text, VIEW_LIT(KEY_MANAGEMENT_PREFIX));
}
