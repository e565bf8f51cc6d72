/* AMD-shaped certificates, revocation lists and reports made in memory, for what no real fixture
 * shows: VLEKs, revocation, Turin chips of our own. Every part can be made wrong in one way. Two
 * RSA keys serve all chains, because making one takes a second. */
#ifndef TR_TESTS_SYNTHETIC_AMD_H
#define TR_TESTS_SYNTHETIC_AMD_H

#include "buf.h"
#include "report.h"
#include "verify.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static EVP_PKEY *amd_root_key, *amd_middle_key, *amd_vek_key;
static const uint8_t amd_chip[64] = {0xc1, 0x1b, 3, 4, 5, 6, 7, 8};

static inline bool amd_keys_make(void)
{
    amd_root_key = EVP_RSA_gen(4096);
    amd_middle_key = EVP_RSA_gen(4096);
    amd_vek_key = EVP_EC_gen("P-384");
    return amd_root_key != NULL && amd_middle_key != NULL && amd_vek_key != NULL;
}

static inline void amd_keys_free(void)
{
    EVP_PKEY_free(amd_root_key);
    EVP_PKEY_free(amd_middle_key);
    EVP_PKEY_free(amd_vek_key);
}

static inline EVP_MD_CTX *amd_pss(EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;

    if (EVP_DigestSignInit(ctx, &p, EVP_sha384(), NULL, key) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha384()) != 1 ||
        EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 48) != 1)
        abort();
    return ctx;
}

static inline void amd_name(X509_NAME *name, const char *cn, const char *product)
{
    static const char *const fields[][2] = {{"OU", "Engineering"},
                                            {"C", "US"},
                                            {"L", "Santa Clara"},
                                            {"ST", "CA"},
                                            {"O", "Advanced Micro Devices"}};
    char text[64];

    for (size_t i = 0; i < 5; i++)
        X509_NAME_add_entry_by_txt(name, fields[i][0], MBSTRING_ASC,
                                   (const unsigned char *)fields[i][1], -1, -1, 0);
    snprintf(text, sizeof text, "%s%s", cn, product);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0);
}

static inline X509 *amd_begin(const char *subject, const char *subject_product, const char *issuer,
                              const char *product, EVP_PKEY *key, long serial, uint64_t now_s)
{
    X509 *x = X509_new();
    time_t from = (time_t)now_s - 86400, to = (time_t)now_s + 365 * 86400;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    amd_name(X509_get_subject_name(x), subject, subject_product);
    amd_name(X509_get_issuer_name(x), issuer, product);
    ASN1_TIME_set(X509_getm_notBefore(x), from);
    ASN1_TIME_set(X509_getm_notAfter(x), to);
    X509_set_pubkey(x, key);
    return x;
}

static inline void amd_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static inline void amd_raw(X509 *x, const char *suffix, const void *value, size_t n)
{
    char oid[64];
    ASN1_OBJECT *object;
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e;

    snprintf(oid, sizeof oid, "1.3.6.1.4.1.3704.1.%s", suffix);
    object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING_set(bytes, value, (int)n);
    e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, bytes);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(bytes);
    ASN1_OBJECT_free(object);
}

static inline void amd_finish(X509 *x, EVP_PKEY *issuer, struct buf *out)
{
    EVP_MD_CTX *ctx = amd_pss(issuer);
    unsigned char *der = NULL;
    int n;

    X509_sign_ctx(x, ctx);
    n = i2d_X509(x, &der);
    buf_init(out, 8192);
    if (n <= 0 || buf_append(out, view_of(der, (size_t)n)) != ERR_NONE)
        abort();
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    X509_free(x);
}

/* kind: "ARK-", "SEV-" (ASK) or "SEV-VLEK-" (ASVK). */
static inline void amd_authority(const char *kind, const char *product, long serial, uint64_t now_s,
                                 struct buf *out)
{
    bool root = strcmp(kind, "ARK-") == 0;
    X509 *x = amd_begin(kind, product, "ARK-", product, root ? amd_root_key : amd_middle_key,
                        serial, now_s);

    amd_extension(x, NID_subject_key_identifier, "hash");
    amd_extension(x, NID_basic_constraints,
                  root ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:0");
    amd_extension(x, NID_key_usage, root ? "critical,keyCertSign,cRLSign" : "critical,keyCertSign");
    amd_finish(x, amd_root_key, out);
}

struct amd_vek {
    bool vlek, with_hwid, without_csp; /* the last two: mistakes */
    const char *product, *csp_id;
    const char *issuer; /* NULL: what is right */
    struct snp_tcb tcb;
};

static inline void amd_u8(X509 *x, const char *suffix, uint8_t v)
{
    const uint8_t small[] = {2, 1, v}, large[] = {2, 2, 0, v};

    amd_raw(x, suffix, v < 0x80 ? small : large, v < 0x80 ? 3 : 4);
}

static inline void amd_vek_make(const struct amd_vek *v, uint64_t now_s, struct buf *out)
{
    bool turin = strcmp(v->product, "Turin") == 0;
    const char *issuer = v->issuer != NULL ? v->issuer : v->vlek ? "SEV-VLEK-" : "SEV-";
    X509 *x = amd_begin(v->vlek ? "SEV-VLEK" : "SEV-VCEK", "", issuer, v->product, amd_vek_key,
                        v->vlek ? 7 : 0, now_s);
    uint8_t text[128];
    size_t n = strlen(v->product);

    amd_u8(x, "1", turin);
    text[0] = 0x16;
    text[1] = (uint8_t)n;
    memcpy(text + 2, v->product, n);
    amd_raw(x, "2", text, n + 2);
    amd_u8(x, "3.1", v->tcb.part[SNP_BOOTLOADER]);
    amd_u8(x, "3.2", v->tcb.part[SNP_TEE]);
    amd_u8(x, "3.3", v->tcb.part[SNP_SNP]);
    if (!turin)
        amd_u8(x, "3.4", 0);
    amd_u8(x, "3.5", 0);
    amd_u8(x, "3.6", 0);
    amd_u8(x, "3.7", 0);
    amd_u8(x, "3.8", v->tcb.part[SNP_MICROCODE]);
    if (turin)
        amd_u8(x, "3.9", v->tcb.part[SNP_FMC]);
    if (!v->vlek || v->with_hwid)
        amd_raw(x, "4", amd_chip, turin ? 8 : 64);
    if (v->vlek && !v->without_csp) {
        n = strlen(v->csp_id);
        text[1] = (uint8_t)n;
        memcpy(text + 2, v->csp_id, n);
        amd_raw(x, "5", text, n + 2);
    }
    amd_finish(x, amd_middle_key, out);
}

/* --- reports */

static inline void amd_report_sign(uint8_t r[static SNP_REPORT_BYTES])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[128];
    const uint8_t *at = der;
    size_t n = sizeof der;
    ECDSA_SIG *sig;

    if (EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, amd_vek_key) != 1 ||
        EVP_DigestSign(ctx, der, &n, r, SNP_SIGNED_BYTES) != 1)
        abort();
    sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
    memset(r + SNP_AT_R, 0, SNP_REPORT_BYTES - SNP_AT_R);
    BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), r + SNP_AT_R, SNP_SCALAR_BYTES);
    BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), r + SNP_AT_S, SNP_SCALAR_BYTES);
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
}

static inline void amd_store(uint8_t *at, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++, v >>= 8)
        at[i] = (uint8_t)v;
}

/* A good report, signed. */
static inline void amd_report_make(const struct amd_vek *v, uint8_t r[static SNP_REPORT_BYTES])
{
    bool turin = strcmp(v->product, "Turin") == 0;
    enum snp_product product = turin ? SNP_TURIN : SNP_GENOA;

    memset(r, 0, SNP_REPORT_BYTES);
    amd_store(r + SNP_AT_VERSION, turin ? 5 : 3, 4);
    amd_store(r + SNP_AT_POLICY, 0x920000, 8);
    amd_store(r + SNP_AT_SIGNATURE_ALGO, 1, 4);
    amd_store(r + SNP_AT_PLATFORM_INFO, 0x24, 8);
    amd_store(r + SNP_AT_KEY_INFO, v->vlek ? 1 << SNP_KEY_SIGNING_SHIFT : 0, 4);
    memset(r + SNP_AT_MEASUREMENT, 0x22, 48);
    snp_tcb_store(product, &v->tcb, r + SNP_AT_CURRENT_TCB);
    snp_tcb_store(product, &v->tcb, r + SNP_AT_REPORTED_TCB);
    snp_tcb_store(product, &v->tcb, r + SNP_AT_COMMITTED_TCB);
    snp_tcb_store(product, &v->tcb, r + SNP_AT_LAUNCH_TCB);
    r[SNP_AT_CPUID_FAMILY] = turin ? 0x1a : 0x19;
    r[SNP_AT_CPUID_MODEL] = turin ? 0x02 : 0x11;
    r[SNP_AT_CPUID_STEPPING] = 1;
    for (size_t i = 0; i < 2; i++) {
        uint8_t *fw = r + (i == 0 ? SNP_AT_CURRENT_FIRMWARE : SNP_AT_COMMITTED_FIRMWARE);

        fw[0] = 60; /* 1.58.60 */
        fw[1] = 58;
        fw[2] = 1;
    }
    if (!v->vlek)
        memcpy(r + SNP_AT_CHIP_ID, amd_chip, turin ? 8 : 64);
    amd_report_sign(r);
}

/* --- revocation lists */

struct amd_crl {
    const char *product;
    long revoked;            /* serial; 0: none */
    int64_t from_s, until_s; /* relative to now */
    bool other_signer, sha256, critical;
};

static inline void amd_crl_make(const struct amd_crl *c, uint64_t now_s, struct buf *out)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)now_s + c->from_s);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)now_s + c->until_s);
    X509_NAME *issuer = X509_NAME_new();
    EVP_MD_CTX *ctx = amd_pss(c->other_signer ? amd_middle_key : amd_root_key);
    unsigned char *der = NULL;
    int n;

    amd_name(issuer, "ARK-", c->product);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, issuer);
    X509_CRL_set1_lastUpdate(crl, from);
    X509_CRL_set1_nextUpdate(crl, until);
    if (c->revoked != 0) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();

        ASN1_INTEGER_set(serial, c->revoked);
        X509_REVOKED_set_serialNumber(entry, serial);
        X509_REVOKED_set_revocationDate(entry, from);
        X509_CRL_add0_revoked(crl, entry);
        ASN1_INTEGER_free(serial);
    }
    if (c->critical) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_issuing_distribution_point,
                                                "critical,onlyuser:TRUE");

        X509_CRL_add_ext(crl, e, -1);
        X509_EXTENSION_free(e);
    }
    X509_CRL_sort(crl);
    if (c->sha256)
        X509_CRL_sign(crl, amd_root_key, EVP_sha256());
    else
        X509_CRL_sign_ctx(crl, ctx);
    n = i2d_X509_CRL(crl, &der);
    buf_init(out, 8192);
    if (n <= 0 || buf_append(out, view_of(der, (size_t)n)) != ERR_NONE)
        abort();
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    X509_NAME_free(issuer);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_CRL_free(crl);
}

#endif
