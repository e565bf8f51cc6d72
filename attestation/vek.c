/* The signing key's certificate: AMD's extensions, and the signature of a report under its key. */
#include "chain.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

/* The extensions of arc 1.3.6.1.4.1.3704.1, by suffix. */
enum extension {
    EXT_STRUCT_VERSION,
    EXT_PRODUCT,
    EXT_BOOTLOADER,
    EXT_TEE,
    EXT_SNP,
    EXT_SPL4,
    EXT_SPL5,
    EXT_SPL6,
    EXT_SPL7,
    EXT_MICROCODE,
    EXT_FMC,
    EXT_HWID,
    EXT_CSP_ID,
    EXT_COUNT
};
#define BIT(e) (1u << (e))
#define EXT_COMMON                                                                                 \
    (BIT(EXT_STRUCT_VERSION) | BIT(EXT_PRODUCT) | BIT(EXT_BOOTLOADER) | BIT(EXT_TEE) |             \
     BIT(EXT_SNP) | BIT(EXT_SPL5) | BIT(EXT_SPL6) | BIT(EXT_SPL7) | BIT(EXT_MICROCODE))
/* Exactly these, each once: Turin has an FMC part and no fourth reserved one; a chip's key names
 * the chip, a cloud's key the cloud. */
#define EXT_ZEN3 (EXT_COMMON | BIT(EXT_SPL4))
#define EXT_TURIN (EXT_COMMON | BIT(EXT_FMC))

#define ARC 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01 /* 1.3.6.1.4.1.3704.1 */
static const struct {
    uint8_t oid[10], oid_len;
} extension_oids[EXT_COUNT] = {
    [EXT_STRUCT_VERSION] = {{ARC, 1}, 9}, [EXT_PRODUCT] = {{ARC, 2}, 9},
    [EXT_BOOTLOADER] = {{ARC, 3, 1}, 10}, [EXT_TEE] = {{ARC, 3, 2}, 10},
    [EXT_SNP] = {{ARC, 3, 3}, 10},        [EXT_SPL4] = {{ARC, 3, 4}, 10},
    [EXT_SPL5] = {{ARC, 3, 5}, 10},       [EXT_SPL6] = {{ARC, 3, 6}, 10},
    [EXT_SPL7] = {{ARC, 3, 7}, 10},       [EXT_MICROCODE] = {{ARC, 3, 8}, 10},
    [EXT_FMC] = {{ARC, 3, 9}, 10},        [EXT_HWID] = {{ARC, 4}, 9},
    [EXT_CSP_ID] = {{ARC, 5}, 9},
};

/* --- values */

/* A DER INTEGER from 0 to 255, shortest form: 02 01 xx below 128, 02 02 00 xx above. */
static bool integer_u8(struct view v, uint8_t *out)
{
    if (v.len == 3 && v.ptr[0] == 0x02 && v.ptr[1] == 1 && v.ptr[2] < 0x80) {
        *out = v.ptr[2];
        return true;
    }
    if (v.len == 4 && v.ptr[0] == 0x02 && v.ptr[1] == 2 && v.ptr[2] == 0 && v.ptr[3] >= 0x80) {
        *out = v.ptr[3];
        return true;
    }
    return false;
}

/* An IA5String "Genoa" or "Genoa-B1" for product Genoa. */
static bool product_name_ok(struct view v, enum snp_product product)
{
    const struct view name = view_str(snp_product_name(product));

    if (v.len < 2 || v.ptr[0] != 0x16 || v.ptr[1] != v.len - 2)
        return false;
    v = view_from(v, 2);
    return view_starts(v, name) && (v.len == name.len || v.ptr[name.len] == '-');
}

/* AMD puts the raw bytes where DER would belong; a properly wrapped OCTET STRING is taken too. */
static bool hwid_take(struct view v, enum snp_product product, uint8_t out[static 64])
{
    const size_t len = product == SNP_TURIN ? 8 : 64;

    if (v.len == len + 2 && v.ptr[0] == 0x04 && v.ptr[1] == len)
        v = view_from(v, 2);
    if (v.len != len)
        return false;
    memset(out, 0, 64);
    memcpy(out, v.ptr, len);
    return true;
}

/* An IA5String of printable ASCII. */
static bool csp_id_take(struct view v, char out[static CSP_ID_MAX + 1])
{
    if (v.len < 3 || v.len - 2 > CSP_ID_MAX || v.ptr[0] != 0x16 || v.ptr[1] != v.len - 2)
        return false;
    v = view_from(v, 2);
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] < ' ' || v.ptr[i] > '~')
            return false;
    memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
    return true;
}

static bool extension_take(struct vek *vek, enum extension which, struct view v)
{
    static const uint8_t part[EXT_COUNT] = {
        [EXT_BOOTLOADER] = SNP_BOOTLOADER, [EXT_TEE] = SNP_TEE, [EXT_SNP] = SNP_SNP,
        [EXT_MICROCODE] = SNP_MICROCODE,   [EXT_FMC] = SNP_FMC,
    };
    uint8_t n = 0;

    if (which == EXT_PRODUCT)
        return product_name_ok(v, vek->cert.product);
    if (which == EXT_HWID)
        return hwid_take(v, vek->cert.product, vek->hwid);
    if (which == EXT_CSP_ID)
        return csp_id_take(v, vek->csp_id);
    if (!integer_u8(v, &n))
        return false;
    if (which == EXT_STRUCT_VERSION)
        return n == (vek->cert.product == SNP_TURIN ? 1 : 0);
    if (which >= EXT_SPL4 && which <= EXT_SPL7)
        return n == 0; /* reserved parts */
    vek->tcb.part[part[which]] = n;
    return true;
}

static enum extension extension_which(X509_EXTENSION *x)
{
    const ASN1_OBJECT *object = X509_EXTENSION_get_object(x);
    struct view oid = view_of(OBJ_get0_data(object), OBJ_length(object));

    for (int i = 0; i < EXT_COUNT; i++)
        if (view_eq(oid, view_of(extension_oids[i].oid, extension_oids[i].oid_len)))
            return (enum extension)i;
    return EXT_COUNT;
}

static bool extensions_take(struct vek *vek)
{
    unsigned seen = 0;

    for (int i = 0; i < X509_get_ext_count(vek->cert.x509); i++) {
        X509_EXTENSION *x = X509_get_ext(vek->cert.x509, i);
        const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(x);
        enum extension which = extension_which(x);

        if (which == EXT_COUNT || (seen & BIT(which)) != 0)
            return false;
        seen |= BIT(which);
        if (!extension_take(vek, which,
                            view_of(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data))))
            return false;
    }
    return seen == ((vek->cert.product == SNP_TURIN ? EXT_TURIN : EXT_ZEN3) |
                    BIT(vek->cert.role == CHAIN_VLEK ? EXT_CSP_ID : EXT_HWID));
}

/* --- the certificate and its key */

/* A VCEK has serial 0; a VLEK's is 0 or anything positive. */
static bool serial_ok(const struct chain_cert *c)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x509);

    return c->role == CHAIN_VLEK ? ASN1_STRING_type(serial) == V_ASN1_INTEGER
                                 : ASN1_INTEGER_get(serial) == 0;
}

enum err vek_parse(struct view der, struct vek *out)
{
    enum err e;

    memset(out, 0, sizeof *out);
    e = chain_cert_parse(der, CHAIN_VCEK, &out->cert);
    if (e != ERR_NONE)
        e = chain_cert_parse(der, CHAIN_VLEK, &out->cert);
    if (e != ERR_NONE)
        return e;
    if (!serial_ok(&out->cert) || !extensions_take(out)) {
        vek_free(out);
        return ERR_FORMAT;
    }
    return ERR_NONE;
}

void vek_free(struct vek *v)
{
    chain_cert_free(&v->cert);
}

bool vek_signed(const struct vek *v, const struct snp_report *r)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *big_r = BN_lebin2bn(r->raw + SNP_AT_R, SNP_COMPONENT_BYTES, NULL);
    BIGNUM *big_s = BN_lebin2bn(r->raw + SNP_AT_S, SNP_COMPONENT_BYTES, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char *der = NULL;
    bool ok = false;
    int n;

    if (sig == NULL || big_r == NULL || big_s == NULL || ctx == NULL ||
        ECDSA_SIG_set0(sig, big_r, big_s) != 1)
        goto done;
    big_r = big_s = NULL; /* sig owns them now */
    n = i2d_ECDSA_SIG(sig, &der);
    if (n <= 0)
        goto done;
    ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, X509_get0_pubkey(v->cert.x509)) == 1 &&
         EVP_DigestVerify(ctx, der, (size_t)n, r->raw, SNP_SIGNED_BYTES) == 1;
done:
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    BN_free(big_r);
    BN_free(big_s);
    EVP_MD_CTX_free(ctx);
    return ok;
}
