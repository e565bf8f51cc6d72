/* Rules of keys: names of models as numbers, ranges of addresses, and whether a rule allows something. */
#include "key_rules.h"

#include "codec.h"

#include <arpa/inet.h>
#include <string.h>

/* --- ranges of addresses */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
enum { MAPPED_BITS = 96, ADDRESS_TEXT_MAX = 45 };

static bool address_parse(struct view v, uint8_t out[static 16], bool *is_v4)
{
    char text[ADDRESS_TEXT_MAX + 1];

    if (v.len == 0 || v.len > ADDRESS_TEXT_MAX || memchr(v.ptr, '\0', v.len) != NULL)
        return false;
    memcpy(text, v.ptr, v.len);
    text[v.len] = '\0';
    *is_v4 = strchr(text, ':') == NULL;
    if (!*is_v4)
        return inet_pton(AF_INET6, text, out) == 1;
    memcpy(out, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, out + sizeof mapped) == 1;
}

/* Are all bits behind the first n zero? */
static bool ends_in_zeros(const uint8_t address[static 16], unsigned n)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = n <= 8 * i ? 0 : n - 8 * i;

        if (kept < 8 && (address[i] & (0xffu >> kept)) != 0)
            return false;
    }
    return true;
}

bool ip_range_ok(const struct ip_range *r)
{
    return r->bits <= 128 && ends_in_zeros(r->address, r->bits);
}

/* "8" to "128", as people write them. */
static bool bits_parse(struct view v, unsigned most, unsigned *out)
{
    uint64_t n;

    if (v.len == 0 || v.len > 3 || (v.len > 1 && v.ptr[0] == '0') || !view_u64(v, &n) || n > most)
        return false;
    *out = (unsigned)n;
    return true;
}

enum err ip_range_parse(struct view text, struct ip_range *out)
{
    const uint8_t *slash = text.len == 0 ? NULL : memchr(text.ptr, '/', text.len);
    size_t n = slash == NULL ? text.len : (size_t)(slash - text.ptr);
    unsigned bits;
    bool is_v4;

    *out = (struct ip_range){0};
    if (!address_parse(view_of(text.ptr, n), out->address, &is_v4))
        return ERR_FORMAT;
    bits = is_v4 ? 32 : 128;
    if (slash != NULL && !bits_parse(view_from(text, n + 1), bits, &bits))
        return ERR_FORMAT;
    out->bits = (uint8_t)(is_v4 ? MAPPED_BITS + bits : bits);
    return ip_range_ok(out) ? ERR_NONE : ERR_FORMAT;
}

bool ip_range_has(const struct ip_range *r, const uint8_t address[static 16])
{
    unsigned whole = r->bits / 8, rest = r->bits % 8;

    if (memcmp(r->address, address, whole) != 0)
        return false;
    return rest == 0 || ((r->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

/* --- models */

uint64_t model_rule_of(struct view text)
{
    struct digest32 d;

    digest_sha256(text, &d);
    return load_be(d.b, 8);
}

uint64_t model_rule_of_author(struct view id)
{
    const uint8_t *slash = id.len == 0 ? NULL : memchr(id.ptr, '/', id.len);
    uint8_t text[LIMIT_MODEL_ID_BYTES + 2];
    size_t n;

    if (slash == NULL || id.len > LIMIT_MODEL_ID_BYTES)
        return 0;
    n = (size_t)(slash - id.ptr) + 1;
    memcpy(text, id.ptr, n);
    text[n] = '*';
    return model_rule_of(view_of(text, n + 1));
}

bool model_rule_ok(struct view v)
{
    const uint8_t *slash = v.len == 0 ? NULL : memchr(v.ptr, '/', v.len), *star;

    if (!catalog_id_ok(v) || slash == NULL || slash == v.ptr || slash + 1 == v.ptr + v.len)
        return false;
    star = memchr(v.ptr, '*', v.len);
    return star == NULL || (star == slash + 1 && star + 1 == v.ptr + v.len);
}

/* --- words */

bool key_privacy_parse(struct view word, uint8_t *out)
{
    static const struct {
        struct view word;
        uint8_t privacy;
    } words[] = {
        {VIEW_LIT("any"), KEY_PRIVACY_ANY},
        {VIEW_LIT("allow"), KEY_PRIVACY_ANY},
        {VIEW_LIT("no_store"), KEY_PRIVACY_NO_RETENTION},
        {VIEW_LIT("zdr"), KEY_PRIVACY_NO_RETENTION},
        {VIEW_LIT("deny"), KEY_PRIVACY_NO_RETENTION},
        {VIEW_LIT("confidential"), KEY_PRIVACY_CONFIDENTIAL},
        {VIEW_LIT("e2e"), KEY_PRIVACY_CONFIDENTIAL},
        {VIEW_LIT("e2ee"), KEY_PRIVACY_CONFIDENTIAL},
        {VIEW_LIT("max"), KEY_PRIVACY_CONFIDENTIAL},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (view_eq(word, words[i].word)) {
            *out = words[i].privacy;
            return true;
        }
    return false;
}

bool key_region_parse(struct view word, uint8_t *out)
{
    if (!view_eq(word, VIEW_LIT("eu")) && !view_eq(word, VIEW_LIT("us")))
        return false;
    *out = view_eq(word, VIEW_LIT("eu")) ? KEY_REGION_EU : KEY_REGION_US;
    return true;
}

/* --- what they allow */

bool key_rules_model(const struct key_rules *r, uint64_t name, uint64_t author)
{
    if ((r->set & KEY_RULE_MODELS) == 0)
        return true;
    for (unsigned i = 0; i < r->n_models; i++)
        if (r->models[i] == name || r->models[i] == author)
            return true;
    return false;
}

bool key_rules_provider(const struct key_rules *r, uint16_t provider_no)
{
    return (r->set & KEY_RULE_PROVIDERS) == 0 || provider_set_has(&r->providers, provider_no);
}

bool key_rules_address(const struct key_rules *r, const uint8_t address[static 16])
{
    if ((r->set & KEY_RULE_RANGES) == 0)
        return true;
    for (unsigned i = 0; i < r->n_ranges; i++)
        if (ip_range_has(&r->ranges[i], address))
            return true;
    return false;
}
