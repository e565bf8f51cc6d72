/* A revocation list may come from the host. Whatever it holds, only AMD's own key makes it good; no
 * input here is signed by it. */
#include "chain.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct chain_cert ark, ask;
    enum crl_answer a;

    if (ark.x509 == NULL) {
        size_t n;
        const struct amd_root *r = amd_roots(&n);

        assert(secret_init() == ERR_NONE);
        assert(chain_cert_parse(view_of(r[1].ark, (size_t)(r[1].ark_end - r[1].ark)), CHAIN_ARK,
                                &ark) == ERR_NONE);
        assert(chain_cert_parse(view_of(r[1].ask, (size_t)(r[1].ask_end - r[1].ask)), CHAIN_ASK,
                                &ask) == ERR_NONE);
    }
    a = chain_crl_ask(view_of(data, size), &ark, &ask, 1796000000);
    assert(a == CRL_MALFORMED || a == CRL_OTHER_ROOT);
    assert(crl_answer_text(a)[0] != '\0');
    return 0;
}
