/* The data this program carries. AMD's public roots, byte for byte the files in attestation/roots/
 * (from AMD's key distribution service,
 * https://kdsintf.amd.com/{vcek,vlek}/v1/{Milan,Genoa,Turin}/cert_chain). The assembler includes
 * them, so the files stay inspectable with openssl; the digests beside them are the pins. And the
 * default policy. */
#include "chain.h"
#include "verify.h"

#define EMBED(symbol, file)                                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            ".globl " #symbol "\n" #symbol ":\n"                                                   \
            ".incbin \"attestation/" file "\"\n"                                                   \
            ".globl " #symbol "_end\n" #symbol "_end:\n"                                           \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern const uint8_t symbol[], symbol##_end[]

EMBED(roots_milan_ark, "roots/milan_ark.der");
EMBED(roots_milan_ask, "roots/milan_ask.der");
EMBED(roots_milan_asvk, "roots/milan_asvk.der");
EMBED(roots_genoa_ark, "roots/genoa_ark.der");
EMBED(roots_genoa_ask, "roots/genoa_ask.der");
EMBED(roots_genoa_asvk, "roots/genoa_asvk.der");
EMBED(roots_turin_ark, "roots/turin_ark.der");
EMBED(roots_turin_ask, "roots/turin_ask.der");
EMBED(roots_turin_asvk, "roots/turin_asvk.der");
EMBED(builtin_policy, "policy/tcb-policy.conf");

#define ROOT(product, symbol)                                                                      \
    product, symbol##_ark, symbol##_ark_end, symbol##_ask, symbol##_ask_end, symbol##_asvk,        \
        symbol##_asvk_end

const struct amd_root *amd_roots(size_t *n)
{
    static const struct amd_root roots[] = {
        {ROOT(SNP_MILAN, roots_milan),
         "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
         "67d303bd3905fd38db8b20e0793699870e7fa612eaad5dec358293fd8c0bac1b",
         "c5e081f59b7efab1fe2f8b505e159704e72f29cab7ef7cf628a05a42439082f5"},
        {ROOT(SNP_GENOA, roots_genoa),
         "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
         "5464738c1546aed5f2cecf1dc98c5c960a92e8913238a61711bc90ec6e828521",
         "197e610743a917d6b9bb982a5a9226ccc0a15b611be0619e626aca9151457372"},
        {ROOT(SNP_TURIN, roots_turin),
         "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
         "5b77ef5fe7a7a004fd9032668fba9d0fda22f88c4442069a479636a6ae3b3185",
         "104e10a8bd060a3c20a434261a57d0588fd65a88915b4f65b08bdecaf8df1a3c"},
    };

    *n = sizeof roots / sizeof roots[0];
    return roots;
}

struct view attest_policy_builtin(void)
{
    return view_of(builtin_policy, (size_t)(builtin_policy_end - builtin_policy));
}
