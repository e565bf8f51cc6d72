/* The identity document is hashed as bytes and read as fields: there must be one way to write each.
 */
#include "evidence.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct identity i;
    struct buf again;

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    if (identity_decode(view_of(data, size), &i) != ERR_NONE)
        return 0;
    buf_init(&again, IDENTITY_MAX_BYTES);
    if (identity_encode(&i, &again) != ERR_NONE)
        abort();
    assert(view_eq(buf_view(&again), view_of(data, size)));
    buf_free(&again);
    return 0;
}
