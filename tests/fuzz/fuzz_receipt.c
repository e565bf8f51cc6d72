/* A receipt is a file that somebody sends: no crash, nothing outside of it is pointed to, and without
 * the key nothing is ever accepted. */
#include "aci.h"
#include "receipt_events.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct view v, struct view all)
{
    assert(v.len == 0 || (v.ptr >= all.ptr && v.ptr + v.len <= all.ptr + all.len));
}

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
    r.receipt_id = VIEW_LIT("rcpt-99999999999999999999999999999901"); /* of the seed with an orchestration */
    if (receipt_events_read(in, &r, &x) != ERR_NONE)
        return 0;
    within(x.upstream, in);
    within(x.part.of, in);
    assert(x.lines.n <= PART_INDEXES);
    for (size_t i = 0; i < x.lines.n; i++) {
        within(x.lines.line[i].id, in);
        within(x.lines.line[i].model, in);
        within(x.lines.line[i].provider, in);
    }
    return 0;
}
