/* PKCS #10 over OpenSSL. */
#include "csr.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static bool add_name(GENERAL_NAMES *list, const char *text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();

    if (name == NULL || value == NULL || ASN1_STRING_set(value, text, -1) != 1) {
        GENERAL_NAME_free(name);
        ASN1_IA5STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, value);
    if (sk_GENERAL_NAME_push(list, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

/* The extensions that are asked for: subjectAltName. */
static bool add_names(X509_REQ *csr, const struct acme_names *names)
{
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    bool ok = list != NULL;

    for (unsigned i = 0; ok && i < names->n; i++)
        ok = add_name(list, names->list[i]);
    ok = ok && X509V3_add1_i2d(&extensions, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1 &&
         X509_REQ_add_extensions(csr, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    GENERAL_NAMES_free(list);
    return ok;
}

enum err csr_make(EVP_PKEY *key, const struct acme_names *names, struct buf *out)
{
    X509_REQ *csr = X509_REQ_new();
    unsigned char *der = NULL;
    enum err e = ERR_CRYPTO;
    int n = 0;

    if (csr != NULL && X509_REQ_set_version(csr, X509_REQ_VERSION_1) == 1 && X509_REQ_set_pubkey(csr, key) == 1 &&
        add_names(csr, names) && X509_REQ_sign(csr, key, EVP_sha256()) > 0)
        n = i2d_X509_REQ(csr, &der);
    if (n > 0)
        e = buf_append(out, view_of(der, (size_t)n));
    OPENSSL_free(der);
    X509_REQ_free(csr);
    ERR_clear_error();
    return e;
}
