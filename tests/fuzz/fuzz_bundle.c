/* A bundle is a file from somebody else: what decodes is written again to the same meaning. */
#include "bundle.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf store, store2, text;
    struct bundle b, again;

    buf_init(&store, BUNDLE_MAX);
    buf_init(&store2, BUNDLE_MAX);
    buf_init(&text, BUNDLE_MAX);
    if (bundle_decode(view_of(data, size), &store, &b) == ERR_NONE &&
        bundle_encode(&b, &text) == ERR_NONE) {
        assert(bundle_decode(buf_view(&text), &store2, &again) == ERR_NONE);
        assert(view_eq(b.document, again.document) && b.at_s == again.at_s);
        assert(strcmp(b.host, again.host) == 0 && memcmp(b.exporter, again.exporter, 32) == 0);
    }
    buf_free(&store);
    buf_free(&store2);
    buf_free(&text);
    return 0;
}
