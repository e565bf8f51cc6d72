/* A published initrd is a stranger's file. No crash, and whatever is accepted has names with one
 * spelling, each once, and data inside of the archive. */
#include "newc.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct view part, struct view whole)
{
    assert(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct newc n;
    struct view in = view_of(data, size), file;

    if (newc_parse(in, &n) != ERR_NONE)
        return 0;
    assert(n.n <= NEWC_ENTRIES_MAX);
    for (size_t i = 0; i < n.n; i++) {
        assert(n.entries[i].name.len != 0 && n.entries[i].name.ptr[0] != '/');
        inside(n.entries[i].name, in);
        inside(n.entries[i].data, in);
        for (size_t k = 0; k < i; k++)
            assert(!view_eq(n.entries[i].name, n.entries[k].name));
    }
    if (newc_file(&n, "etc/trustedrouter/providers.conf", &file) == ERR_NONE)
        inside(file, in);
    return 0;
}
