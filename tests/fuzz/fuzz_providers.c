/* providers.conf is measured, not trusted to be well formed. */
#include "providers.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct providers p;
    static bool started;
    struct buf why;

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    buf_init(&why, 512);
    if (providers_parse(view_of(data, size), &p, &why) == ERR_NONE) {
        assert(p.n >= 1 && p.n <= LIMIT_PROVIDERS);
        for (size_t i = 0; i < p.n; i++) {
            assert(p.list[i].no == i && p.list[i].port != 0);
            assert(providers_find(&p, p.list[i].id) == &p.list[i]);
        }
    }
    buf_free(&why);
    return 0;
}
