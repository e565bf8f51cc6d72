/* Reports come from strangers. The verifier's answer to any bytes is a refusal or, for the one
 * report it was built around, an acceptance; the parser never reads outside the 1184 bytes. */
#include "report.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snp_report r;
    struct snp_tcb tcb;
    uint8_t again[8];

    if (snp_report_parse(view_of(data, size), &r) != ERR_NONE) {
        assert(size != SNP_REPORT_BYTES);
        return 0;
    }
    (void)snp_report_signature_shape(&r);
    (void)snp_report_reserved_zero(&r);
    for (int p = 0; p < SNP_PRODUCT_COUNT; p++) {
        if (!snp_tcb_parse((enum snp_product)p, r.reported_tcb, &tcb))
            continue;
        snp_tcb_store((enum snp_product)p, &tcb, again);
        assert(memcmp(again, r.reported_tcb, sizeof again) == 0);
        assert(snp_tcb_covers(&tcb, &tcb));
    }
    assert(snp_load32(r.raw) == r.version);
    return 0;
}
