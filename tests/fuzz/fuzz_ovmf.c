/* Any bytes may be called an OVMF image: parsing and measuring them must neither crash nor run long. */
#include "launch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct launch l = {.vcpus = 1, .direct_boot = size % 2 == 0};
    struct digest48 out;

    if (ovmf_parse(view_of(data, size), &l.ovmf) != ERR_NONE)
        return 0;
    for (size_t i = 0; i < l.ovmf.n_sections; i++) {
        if (l.ovmf.sections[i].size > 1 << 20) /* large sections are legal and slow, not wrong */
            return 0;
    }
    if (launch_digest(&l, NULL, NULL, &out) != ERR_NONE)
        return 0;
    return 0;
}
