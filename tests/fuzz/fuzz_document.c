/* An attestation document comes from whoever answers: what decodes lies inside its bounds, and is
 * written again to something that decodes the same. */
#include "document.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t cb[32];
    struct attest_document d, again;
    struct buf store, store2, text, text2;
    uint8_t report_data[64];

    buf_init(&store, ATTEST_STORE_MAX);
    buf_init(&store2, ATTEST_STORE_MAX);
    buf_init(&text, ATTEST_DOCUMENT_MAX);
    buf_init(&text2, ATTEST_DOCUMENT_MAX);
    if (attest_document_decode(view_of(data, size), &store, &d) == ERR_NONE) {
        assert(d.report.len == SNP_REPORT_BYTES && d.index < d.size);
        (void)attest_document_report_data(&d, cb, report_data);
        if (attest_document_encode(&d, &text) == ERR_NONE) { /* escapes may lengthen the proof */
            assert(attest_document_decode(buf_view(&text), &store2, &again) == ERR_NONE);
            assert(attest_document_encode(&again, &text2) == ERR_NONE);
            assert(view_eq(buf_view(&text), buf_view(&text2)));
        }
    }
    buf_free(&store);
    buf_free(&store2);
    buf_free(&text);
    buf_free(&text2);
    return 0;
}
