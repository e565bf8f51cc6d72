/* The host writes the certificate table: whatever is found in it lies inside it. */
#include "cert_table.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = 0; kind < CERT_KIND_COUNT; kind++) {
        struct view v;

        if (cert_table_find(view_of(data, size), (enum cert_kind)kind, &v) != ERR_NONE)
            continue;
        assert(v.len <= size);
        assert(v.ptr >= data && v.ptr + v.len <= data + size);
    }
    return 0;
}
