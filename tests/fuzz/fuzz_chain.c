/* Certificates of the evidence: any DER, in each role. */
#include "chain.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chain_cert c;
    struct vek v;

    for (int role = CHAIN_ARK; role <= CHAIN_VCEK; role++) {
        if (chain_cert_parse(view_of(data, size), (enum chain_role)role, &c) == ERR_NONE) {
            assert(c.product != SNP_PRODUCT_UNKNOWN);
            (void)chain_valid_at(&c, 1796000000);
        }
        chain_cert_free(&c);
    }
    if (vek_parse(view_of(data, size), &v) == ERR_NONE && v.cert.product != SNP_TURIN)
        assert(v.tcb.part[SNP_FMC] == 0);
    vek_free(&v);
    return 0;
}
