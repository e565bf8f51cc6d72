/* Packed bodies come from whoever has a TLS connection: whatever they hold, decoding ends, makes no more
 * than its limit and reads nothing beyond them. */
#include "unpack.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the coding. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX = 1 << 20 };
    static const enum unpack_coding codings[] = {UNPACK_GZIP, UNPACK_DEFLATE, UNPACK_ZSTD};
    struct buf out;
    enum err e;

    if (size < 2)
        return 0;
    buf_init(&out, MAX + 1);
    e = unpack(codings[data[0] % 3], view_of(data + 1, size - 1), MAX, &out);
    if (e == ERR_NONE && out.len > MAX)
        abort();
    buf_free(&out);
    return 0;
}
