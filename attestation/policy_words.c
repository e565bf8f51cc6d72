#include "policy_words.h"

struct word {
    const char *name;
    uint64_t bit;
};
static const struct word guest[] = {
    {"smt", SNP_POLICY_SMT},
    {"migrate_ma", SNP_POLICY_MIGRATE_MA},
    {"debug", SNP_POLICY_DEBUG},
    {"cxl", SNP_POLICY_CXL},
    {NULL, 0},
};
static const struct word guest_require[] = {
    {"single_socket", SNP_POLICY_SINGLE_SOCKET},
    {"aes_256_xts", SNP_POLICY_AES_256_XTS},
    {"rapl_disabled", SNP_POLICY_RAPL_DISABLED},
    {"ciphertext_hiding", SNP_POLICY_CIPHERTEXT_HIDING},
    {"page_swap_disabled", SNP_POLICY_PAGE_SWAP_DISABLED},
    {NULL, 0},
};
static const struct word platform[] = {
    {"smt", SNP_PLATFORM_SMT},
    {"tsme", SNP_PLATFORM_TSME},
    {"ecc", SNP_PLATFORM_ECC},
    {"rapl_disabled", SNP_PLATFORM_RAPL_DISABLED},
    {"ciphertext_hiding", SNP_PLATFORM_CIPHERTEXT_HIDING},
    {"alias_check", SNP_PLATFORM_ALIAS_CHECK},
    {NULL, 0},
};
static const struct word product[] = {
    {"milan", 1 << SNP_MILAN}, {"genoa", 1 << SNP_GENOA}, {"turin", 1 << SNP_TURIN}, {NULL, 0}};
static const struct word version[] = {
    {"2", 1 << 2}, {"3", 1 << 3}, {"4", 1 << 4}, {"5", 1 << 5}, {NULL, 0}};

static const struct word *const lists[POLICY_WORDS_COUNT] = {
    [POLICY_WORDS_GUEST] = guest,       [POLICY_WORDS_GUEST_REQUIRE] = guest_require,
    [POLICY_WORDS_PLATFORM] = platform, [POLICY_WORDS_PRODUCT] = product,
    [POLICY_WORDS_VERSION] = version,
};

bool policy_words(const char *text, enum policy_words_list list, uint64_t *out)
{
    uint64_t bits = 0;

    while (text += strspn(text, " ,"), *text != '\0') {
        struct view v = view_of(text, strcspn(text, " ,"));
        const struct word *w = lists[list];

        while (w->name != NULL && !view_eq(v, view_str(w->name)))
            w++;
        if (w->name == NULL)
            return false;
        bits |= w->bit;
        text += v.len;
    }
    *out = bits;
    return true;
}

const char *policy_words_at(enum policy_words_list list, size_t i, uint64_t *bit)
{
    const struct word *w = &lists[list][i];

    *bit = w->bit;
    return w->name;
}

bool policy_words_some(const char *text, enum policy_words_list list, uint32_t *out)
{
    uint64_t bits;

    if (!policy_words(text, list, &bits) || bits == 0)
        return false;
    *out = (uint32_t)bits;
    return true;
}

bool policy_words_numbers(const char *text, int n, uint32_t *out)
{
    struct view rest = view_str(text);
    uint32_t v = 0;

    *out = 0;
    if (rest.len == 0)
        return true;
    for (int i = 0; i < n; i++) {
        const uint8_t *dot = i < n - 1 ? memchr(rest.ptr, '.', rest.len) : rest.ptr + rest.len;
        uint64_t byte;

        if (dot == NULL || !view_u64(view_of(rest.ptr, (size_t)(dot - rest.ptr)), &byte) ||
            byte > UINT8_MAX)
            return false;
        v = v << 8 | (uint32_t)byte;
        rest = view_from(rest, (size_t)(dot - rest.ptr) + (i < n - 1));
    }
    *out = v;
    return true;
}

bool policy_words_pin(const char *text, size_t n, struct policy_pin *out)
{
    out->asked = *text != '\0';
    return !out->asked || hex_decode(view_str(text), out->b, n) == ERR_NONE;
}

bool policy_words_mask(const char *text, uint64_t *out)
{
    uint8_t b[8] = {0};

    *out = 0;
    if (*text != '\0' && hex_decode(view_str(text), b, sizeof b) != ERR_NONE)
        return false;
    for (size_t i = 0; i < sizeof b; i++)
        *out = *out << 8 | b[i];
    return true;
}
