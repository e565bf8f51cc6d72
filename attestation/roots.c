/* AMD's public roots, byte for byte the files in attestation/roots/ (from AMD's key distribution
 * service, https://kdsintf.amd.com/vcek/v1/{Milan,Genoa,Turin}/cert_chain). The assembler includes
 * them, so the files stay inspectable with openssl; the digests beside them are the pins. */
#include "chain.h"

#define EMBED(symbol, file)                                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            ".globl " #symbol "\n" #symbol ":\n"                                                   \
            ".incbin \"attestation/roots/" file "\"\n"                                             \
            ".globl " #symbol "_end\n" #symbol "_end:\n"                                           \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern const uint8_t symbol[], symbol##_end[]

EMBED(roots_milan_ark, "milan_ark.der");
EMBED(roots_milan_ask, "milan_ask.der");
EMBED(roots_genoa_ark, "genoa_ark.der");
EMBED(roots_genoa_ask, "genoa_ask.der");
EMBED(roots_turin_ark, "turin_ark.der");
EMBED(roots_turin_ask, "turin_ask.der");

#define ROOT(product, symbol)                                                                      \
    product, symbol##_ark, symbol##_ark_end, symbol##_ask, symbol##_ask_end

const struct amd_root *amd_roots(size_t *n)
{
    static const struct amd_root roots[] = {
        {ROOT(SNP_MILAN, roots_milan),
         "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
         "67d303bd3905fd38db8b20e0793699870e7fa612eaad5dec358293fd8c0bac1b"},
        {ROOT(SNP_GENOA, roots_genoa),
         "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
         "5464738c1546aed5f2cecf1dc98c5c960a92e8913238a61711bc90ec6e828521"},
        {ROOT(SNP_TURIN, roots_turin),
         "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
         "5b77ef5fe7a7a004fd9032668fba9d0fda22f88c4442069a479636a6ae3b3185"},
    };

    *n = sizeof roots / sizeof roots[0];
    return roots;
}
