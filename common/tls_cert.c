/* X.509 certificates of ours: self-signed, a CA, leaves; and certificates as bytes. */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum {
    TLS_NAMES_MAX = 64,       /* names in one certificate */
    TLS_NAME_LEN_MAX = 253,   /* DNS names end there */
    TLS_CERT_LEN_MAX = 65536, /* bytes of one encoded certificate; ours take 600 */
    TLS_BACKDATE_S = 300,     /* clients with a slow clock accept a new certificate at once */
    TLS_COMMON_NAME_MAX = 64, /* ub-common-name of RFC 5280 */
};

static bool tls_name_valid(const char *p, size_t n)
{
    if (n == 0 || n > TLS_NAME_LEN_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_' || c == ':' || (c == '*' && i == 0)))
            return false;
    }
    return true;
}

/* One comma-separated name as a subjectAltName entry; NULL when it is not a name. */
static GENERAL_NAME *tls_general_name(const char *p, size_t n)
{
    char text[TLS_NAME_LEN_MAX + 1];
    GENERAL_NAME *name = NULL;
    ASN1_STRING *value = NULL;

    if (!tls_name_valid(p, n))
        return NULL;
    memcpy(text, p, n);
    text[n] = '\0';
    name = GENERAL_NAME_new();
    if (name == NULL)
        return NULL;
    value = a2i_IPADDRESS(text);
    if (value != NULL) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, value);
        return name;
    }
    value = ASN1_IA5STRING_new();
    if (value == NULL || memchr(p, ':', n) != NULL || ASN1_STRING_set(value, text, (int)n) != 1) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, value);
    return name;
}

static enum err tls_add_names(X509 *cert, const char *names)
{
    enum err e = ERR_FORMAT;
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    const char *p = names;

    if (list == NULL)
        return ERR_MEMORY;
    for (unsigned count = 0;; count++) {
        size_t n = strcspn(p, ",");
        struct view v = view_of(p, n);
        GENERAL_NAME *name;

        while (v.len != 0 && v.ptr[0] == ' ')
            v = view_from(v, 1);
        while (v.len != 0 && v.ptr[v.len - 1] == ' ')
            v.len--;
        name = tls_general_name((const char *)v.ptr, v.len);
        if (name == NULL || count == TLS_NAMES_MAX || sk_GENERAL_NAME_push(list, name) <= 0) {
            GENERAL_NAME_free(name);
            goto done;
        }
        if (p[n] == '\0')
            break;
        p += n + 1;
    }
    e = X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1
            ? ERR_NONE
            : ERR_CRYPTO;
done:
    GENERAL_NAMES_free(list);
    return e;
}

static bool tls_add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

/* Version, random serial, validity, subject and key: what every certificate of ours has. */
static bool tls_cert_begin(X509 *cert, EVP_PKEY *key, const char *cn, size_t cn_len, long seconds)
{
    unsigned char serial[16];
    BIGNUM *bn = NULL;
    bool ok;

    if (RAND_bytes(serial, sizeof serial) != 1)
        return false;
    serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, always 16 bytes */
    bn = BN_bin2bn(serial, sizeof serial, NULL);
    ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL &&
         X509_set_version(cert, X509_VERSION_3) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(cert), -TLS_BACKDATE_S) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(cert), seconds) != NULL &&
         X509_set_pubkey(cert, key) == 1 &&
         X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
                                    (const unsigned char *)cn, (int)cn_len, -1, 0) == 1;
    BN_free(bn);
    return ok;
}

/* The first of `names`, cut to what a common name may hold. */
static size_t tls_first_name(const char *names)
{
    size_t n = strcspn(names, ",");

    return n < TLS_COMMON_NAME_MAX ? n : TLS_COMMON_NAME_MAX;
}

static enum err tls_leaf(EVP_PKEY *signer, X509 *issuer, EVP_PKEY *key, const char *names,
                         long seconds, X509 **out)
{
    X509 *cert = X509_new();
    enum err e;

    if (cert == NULL)
        return ERR_MEMORY;
    e = tls_add_names(cert, names);
    if (e != ERR_NONE)
        goto done;
    e = ERR_CRYPTO;
    if (!tls_cert_begin(cert, key, names, tls_first_name(names), seconds))
        goto done;
    if (issuer != NULL &&
        ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(issuer)) > 0 &&
        X509_set1_notAfter(cert, X509_get0_notAfter(issuer)) != 1)
        goto done;
    if (X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer : cert)) != 1)
        goto done;
    if (!tls_add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
        !tls_add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature") ||
        !tls_add_extension(cert, issuer, NID_ext_key_usage, "serverAuth,clientAuth") ||
        !tls_add_extension(cert, issuer, NID_subject_key_identifier, "hash") ||
        (issuer != NULL && !tls_add_extension(cert, issuer, NID_authority_key_identifier, "keyid")))
        goto done;
    if (X509_sign(cert, signer, EVP_sha256()) == 0)
        goto done;
    *out = cert;
    cert = NULL;
    e = ERR_NONE;
done:
    X509_free(cert);
    ERR_clear_error();
    return e;
}

enum err tls_cert_self(EVP_PKEY *key, const char *names, unsigned days, X509 **out)
{
    return tls_leaf(key, NULL, key, names, (long)days * 86400, out);
}

enum err tls_ca_new(EVP_PKEY *key, const char *common_name, unsigned days, X509 **out)
{
    enum err e = ERR_CRYPTO;
    size_t n = strlen(common_name);
    X509 *cert = NULL;

    if (n == 0 || n > TLS_COMMON_NAME_MAX)
        return ERR_FORMAT;
    cert = X509_new();
    if (cert == NULL)
        return ERR_MEMORY;
    if (!tls_cert_begin(cert, key, common_name, n, (long)days * 86400) ||
        X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1 ||
        !tls_add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !tls_add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !tls_add_extension(cert, cert, NID_subject_key_identifier, "hash") ||
        X509_sign(cert, key, EVP_sha256()) == 0)
        goto done;
    *out = cert;
    cert = NULL;
    e = ERR_NONE;
done:
    X509_free(cert);
    ERR_clear_error();
    return e;
}

enum err tls_ca_sign(EVP_PKEY *ca_key, X509 *ca, EVP_PKEY *leaf_key, const char *names,
                     unsigned minutes, X509 **out)
{
    return tls_leaf(ca_key, ca, leaf_key, names, (long)minutes * 60, out);
}

enum err tls_cert_pem(X509 *cert, char *out, size_t cap, size_t *len)
{
    enum err e = ERR_CRYPTO;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long n;

    if (bio == NULL)
        return ERR_MEMORY;
    if (PEM_write_bio_X509(bio, cert) != 1)
        goto done;
    n = BIO_get_mem_data(bio, &text);
    if (n < 0 || (size_t)n > cap) {
        e = ERR_LIMIT;
        goto done;
    }
    memcpy(out, text, (size_t)n);
    *len = (size_t)n;
    e = ERR_NONE;
done:
    BIO_free(bio);
    ERR_clear_error();
    return e;
}

enum err tls_cert_from_pem(struct view in, X509 **out)
{
    BIO *bio;
    X509 *cert;

    if (in.len == 0 || in.len > TLS_CERT_LEN_MAX)
        return ERR_FORMAT;
    bio = BIO_new_mem_buf(in.ptr, (int)in.len);
    if (bio == NULL)
        return ERR_MEMORY;
    cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (cert == NULL)
        return ERR_FORMAT;
    *out = cert;
    return ERR_NONE;
}

enum err tls_cert_der(X509 *cert, uint8_t *out, size_t cap, size_t *len)
{
    int n = i2d_X509(cert, NULL);
    unsigned char *p = out;

    if (n <= 0) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    if ((size_t)n > cap)
        return ERR_LIMIT;
    *len = (size_t)i2d_X509(cert, &p);
    return ERR_NONE;
}

enum err tls_cert_from_der(struct view in, X509 **out)
{
    const unsigned char *p = in.ptr;
    X509 *cert;

    if (in.len == 0 || in.len > TLS_CERT_LEN_MAX)
        return ERR_FORMAT;
    cert = d2i_X509(NULL, &p, (long)in.len);
    ERR_clear_error();
    if (cert == NULL || p != in.ptr + in.len) {
        X509_free(cert);
        return ERR_FORMAT;
    }
    *out = cert;
    return ERR_NONE;
}
