/* A release manifest and its signature come with a download. No crash, nothing outside of the text
 * is pointed to, and no signature is ever valid. */
#include "manifest.h"
#include "minisign.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct view part, struct view whole)
{
    assert(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct minisign_key key = {{1}, {9}};
    static struct manifest m;
    static bool started;
    struct view in = view_of(data, size);
    struct minisign_key parsed;
    enum err e;

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    if (manifest_parse(in, &m) == ERR_NONE) {
        inside(m.version, in);
        inside(m.commit, in);
        for (size_t i = 0; i < m.n_measurements; i++) {
            inside(m.measurements[i].cpu, in);
            assert(manifest_has(&m, m.measurements[i].measurement));
        }
    }
    e = minisign_check(in, in, &key, NULL);
    assert(e != ERR_NONE);
    if (minisign_key_parse(in, &parsed) == ERR_NONE)
        assert(size >= 56);
    return 0;
}
