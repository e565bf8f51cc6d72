/* An ID_AUTH and a key come from whoever publishes them. Nothing an input holds signs this block,
 * for nobody knows the seeds' private keys; and a key that parses has one spelling. */
#include "id_block.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t block[ID_BLOCK_BYTES] = {1};
    uint8_t key[ID_KEY_BYTES];
    struct id_auth a;
    enum err e = id_auth_verify(view_of(data, size), block, &a);

    assert(e == ERR_FORMAT || e == ERR_ATTESTATION);
    if (id_key_from_pem(view_of(data, size), key) == ERR_NONE)
        assert(key[0] == 2 && key[ID_KEY_BYTES - 1] == 0);
    return 0;
}
