/* A self-signed certificate with acmeIdentifier. */
#include "challenge_cert.h"

#include "tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { CHALLENGE_DAYS = 1 };

/* id-pe-acmeIdentifier ::= 1.3.6.1.5.5.7.1.31, an OCTET STRING of 32 bytes in the extension's value. */
static bool add_identifier(X509 *cert, struct view authorization)
{
    uint8_t inner[2 + sizeof(struct digest32)] = {V_ASN1_OCTET_STRING, sizeof(struct digest32)};
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    struct digest32 digest;
    bool ok = false;

    digest_sha256(authorization, &digest);
    memcpy(inner + 2, digest.b, sizeof digest.b);
    if (oid != NULL && value != NULL && ASN1_OCTET_STRING_set(value, inner, sizeof inner) == 1)
        ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);
    ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return ok;
}

enum err challenge_cert_make(EVP_PKEY *key, const char *name, struct view authorization, X509 **out)
{
    X509 *cert = NULL;
    enum err e = tls_cert_self(key, name, CHALLENGE_DAYS, &cert);

    if (e == ERR_NONE && (!add_identifier(cert, authorization) || X509_sign(cert, key, EVP_sha256()) <= 0))
        e = ERR_CRYPTO;
    if (e == ERR_NONE) {
        *out = cert;
        cert = NULL;
    }
    X509_free(cert);
    ERR_clear_error();
    return e;
}
