#include "chain.h"

#include "tls.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

enum { RSA_BITS = 4096, RSA_EXPONENT = 65537, TEXT_MAX = 64 };

/* rsassaPss with SHA-384, MGF1 SHA-384 and salt 48; the trailer field, whose only value is its
 * default, is there in AMD's older certificates and absent in the newer. Any other encoding, so any
 * other algorithm, is refused. */
#define PSS_FIELDS                                                                                 \
    0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,      \
        0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,  \
        0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,  \
        0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x30
#define PSS_OID 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a
static const uint8_t pss_short[] = {0x30, 0x41, PSS_OID, 0x30, 0x34, PSS_FIELDS};
static const uint8_t pss_long[] = {0x30, 0x46, PSS_OID, 0x30, 0x39, PSS_FIELDS,
                                   0xa3, 0x03, 0x02,    0x01, 0x01};

bool chain_algorithm_ok(const X509_ALGOR *algorithm)
{
    unsigned char *der = NULL;
    int n = i2d_X509_ALGOR((X509_ALGOR *)algorithm, &der);
    struct view v;
    bool ok;

    if (n <= 0)
        return false;
    v = view_of(der, (size_t)n);
    ok = view_eq(v, view_of(pss_short, sizeof pss_short)) ||
         view_eq(v, view_of(pss_long, sizeof pss_long));
    OPENSSL_free(der);
    return ok;
}

/* A certificate names its algorithm twice: inside what is signed and beside the signature. */
static bool signature_algorithm_ok(const X509 *x)
{
    const X509_ALGOR *outer;

    X509_get0_signature(NULL, &outer, x);
    return chain_algorithm_ok(outer) && chain_algorithm_ok(X509_get0_tbs_sigalg(x));
}

static bool rsa_key_ok(EVP_PKEY *key)
{
    BIGNUM *e = NULL;
    bool ok = EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == RSA_BITS &&
              EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
              BN_is_word(e, RSA_EXPONENT);

    BN_free(e);
    return ok;
}

static bool ec_key_ok(EVP_PKEY *key)
{
    char group[TEXT_MAX];

    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "secp384r1") == 0;
}

/* --- names */

static struct view entry_value(const X509_NAME *name, int i, int nid)
{
    X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
    const ASN1_STRING *value;

    if (entry == NULL || OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != nid)
        return VIEW_EMPTY;
    value = X509_NAME_ENTRY_get_data(entry);
    return view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

/* AMD's six fields in AMD's order; *common_name borrows from the certificate. */
static bool name_ok(const X509_NAME *name, struct view *common_name)
{
    static const struct {
        int nid;
        struct view value;
    } fields[] = {
        {NID_organizationalUnitName, VIEW_LIT("Engineering")},
        {NID_countryName, VIEW_LIT("US")},
        {NID_localityName, VIEW_LIT("Santa Clara")},
        {NID_stateOrProvinceName, VIEW_LIT("CA")},
        {NID_organizationName, VIEW_LIT("Advanced Micro Devices")},
    };
    const int n = sizeof fields / sizeof fields[0];

    if (X509_NAME_entry_count(name) != n + 1)
        return false;
    for (int i = 0; i < n; i++)
        if (!view_eq(entry_value(name, i, fields[i].nid), fields[i].value))
            return false;
    *common_name = entry_value(name, n, NID_commonName);
    return common_name->len != 0;
}

/* "ARK-Genoa" with prefix "ARK-": Genoa. */
static enum snp_product product_after(struct view common_name, struct view prefix)
{
    if (!view_starts(common_name, prefix))
        return SNP_PRODUCT_UNKNOWN;
    common_name = view_from(common_name, prefix.len);
    for (int p = SNP_MILAN; p < SNP_PRODUCT_COUNT; p++)
        if (view_eq(common_name, view_str(snp_product_name((enum snp_product)p))))
            return (enum snp_product)p;
    return SNP_PRODUCT_UNKNOWN;
}

static bool take_simulated(struct view *common_name)
{
    const struct view prefix = VIEW_LIT("SIMULATED-");

    if (!view_starts(*common_name, prefix))
        return false;
    *common_name = view_from(*common_name, prefix.len);
    return true;
}

/* Who a role's certificate is for and from: the common name, and whether the product follows it. */
static const struct {
    struct view subject, issuer;
    bool subject_has_product, leaf;
} roles[] = {
    [CHAIN_ARK] = {VIEW_LIT("ARK-"), VIEW_LIT("ARK-"), true, false},
    [CHAIN_ASK] = {VIEW_LIT("SEV-"), VIEW_LIT("ARK-"), true, false},
    [CHAIN_VCEK] = {VIEW_LIT("SEV-VCEK"), VIEW_LIT("SEV-"), false, true},
    [CHAIN_ASVK] = {VIEW_LIT("SEV-VLEK-"), VIEW_LIT("ARK-"), true, false},
    [CHAIN_VLEK] = {VIEW_LIT("SEV-VLEK"), VIEW_LIT("SEV-VLEK-"), false, true},
};

/* Subject and issuer are those of the role, of one product, and both simulated or neither. */
static bool names_ok(struct chain_cert *c)
{
    struct view subject, issuer;

    if (!name_ok(X509_get_subject_name(c->x509), &subject) ||
        !name_ok(X509_get_issuer_name(c->x509), &issuer))
        return false;
    c->simulated = take_simulated(&subject);
    if (take_simulated(&issuer) != c->simulated)
        return false;
    c->product = product_after(issuer, roles[c->role].issuer);
    if (c->product == SNP_PRODUCT_UNKNOWN)
        return false;
    return roles[c->role].subject_has_product
               ? product_after(subject, roles[c->role].subject) == c->product
               : view_eq(subject, roles[c->role].subject);
}

/* --- one certificate */

static bool authority_ok(const struct chain_cert *c)
{
    uint32_t flags = X509_get_extension_flags(c->x509);

    if ((flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0 || (flags & EXFLAG_CA) == 0)
        return false;
    if ((X509_get_key_usage(c->x509) & KU_KEY_CERT_SIGN) == 0)
        return false;
    return c->role == CHAIN_ARK || X509_get_pathlen(c->x509) == 0;
}

enum err chain_cert_parse(struct view der, enum chain_role role, struct chain_cert *out)
{
    const unsigned char *at = der.ptr;
    struct chain_cert c = {.role = role};
    enum err e = ERR_FORMAT;
    EVP_PKEY *key;

    *out = (struct chain_cert){.role = role};
    if (der.len == 0 || der.len > INT32_MAX)
        goto done;
    c.x509 = d2i_X509(NULL, &at, (long)der.len);
    if (c.x509 == NULL || at != der.ptr + der.len)
        goto done;
    if (X509_get_version(c.x509) != X509_VERSION_3 || !signature_algorithm_ok(c.x509) ||
        !names_ok(&c))
        goto done;
    key = X509_get0_pubkey(c.x509);
    if (key == NULL || !(roles[role].leaf ? ec_key_ok(key) : rsa_key_ok(key)))
        goto done;
    if (!roles[role].leaf && !authority_ok(&c))
        goto done;
    if (role == CHAIN_ARK && !chain_issued(&c, &c))
        goto done;
    *out = c;
    c.x509 = NULL;
    e = ERR_NONE;
done:
    X509_free(c.x509);
    return e;
}

void chain_cert_free(struct chain_cert *c)
{
    X509_free(c->x509);
    c->x509 = NULL;
}

bool chain_issued(const struct chain_cert *issuer, const struct chain_cert *c)
{
    return issuer->product == c->product && issuer->simulated == c->simulated &&
           X509_NAME_cmp(X509_get_subject_name(issuer->x509), X509_get_issuer_name(c->x509)) == 0 &&
           X509_verify(c->x509, X509_get0_pubkey(issuer->x509)) == 1;
}

bool chain_valid_at(const struct chain_cert *c, uint64_t now_s)
{
    time_t now = (time_t)now_s;

    /* X509_cmp_time: -1 not after `now`, 1 after, 0 unreadable. */
    return X509_cmp_time(X509_get0_notBefore(c->x509), &now) == -1 &&
           X509_cmp_time(X509_get0_notAfter(c->x509), &now) == 1;
}

enum err chain_spki_sha256(const struct chain_cert *c, struct digest32 *out)
{
    return tls_cert_spki_sha256(c->x509, out);
}
