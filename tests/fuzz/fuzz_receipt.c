/* A receipt is a file that somebody sends: no crash, nothing outside of it is pointed to, and without
 * the key nothing is ever accepted. */
#include "aci.h"
#include "receipt_events.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t public[32] = {1};
    static bool started;
    struct view in = view_of(data, size);
    struct receipt_events x = {0};
    struct aci_receipt r = {0};
    enum err e;

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    e = aci_receipt_open(in, public, &r);
    assert(e != ERR_NONE);
    r.has_returned = size % 2 != 0;
    if (receipt_events_read(in, &r, &x) == ERR_NONE && x.has_upstream && x.upstream.len != 0)
        assert(x.upstream.ptr >= in.ptr && x.upstream.ptr + x.upstream.len <= in.ptr + in.len);
    return 0;
}
