/* The document inside of a sealed provider key: whatever opened, a key that is read is one line of visible characters,
 * lies within the document, and belongs to the account and provider that were asked about and to no others. */
#include "own_keys.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct id account = {{0x11, 0x22, 0x33}}, other = {{0x11, 0x22, 0x34}};
    struct view plain = view_of(data, size), key;

    if (!own_key_read(plain, &account, VIEW_LIT("openai"), &key)) {
        (void)own_key_read(plain, &other, VIEW_LIT("a"), &key);
        return 0;
    }
    assert(key.len > 0 && key.len <= OWN_KEY_TEXT_MAX && key.ptr > data && key.ptr + key.len < data + size);
    for (size_t i = 0; i < key.len; i++)
        assert(key.ptr[i] > 0x20 && key.ptr[i] < 0x7f && key.ptr[i] != '"' && key.ptr[i] != '\\');
    assert(!own_key_read(plain, &other, VIEW_LIT("openai"), &key));
    assert(!own_key_read(plain, &account, VIEW_LIT("anthropic"), &key));
    return 0;
}
