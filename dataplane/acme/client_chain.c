/* The certificate that the authority made: read, and judged before it is shown to anybody. */
#include "clock.h"
#include "client_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

enum { EARLY_S = 3600 }; /* a certificate may begin so much later than our clock says: it may be behind */

void acme_certificate_free(struct acme_certificate *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    *c = (struct acme_certificate){.leaf = NULL};
}

static enum err chain_read(struct view pem, struct acme_certificate *out)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    enum err e = ERR_NONE;
    X509 *cert;

    out->chain = sk_X509_new_null();
    if (bio == NULL || out->chain == NULL)
        e = ERR_MEMORY;
    for (unsigned n = 0; e == ERR_NONE && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; n++) {
        if (n == ACME_CHAIN_MAX) {
            e = ERR_LIMIT;
        } else if (n == 0) {
            out->leaf = cert;
            continue;
        } else if (sk_X509_push(out->chain, cert) > 0) {
            continue;
        } else {
            e = ERR_MEMORY;
        }
        X509_free(cert);
    }
    BIO_free(bio);
    ERR_clear_error();
    return e == ERR_NONE && out->leaf == NULL ? ERR_FORMAT : e;
}

static bool unix_of(const ASN1_TIME *t, uint64_t *out)
{
    struct tm tm;
    time_t s = ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : -1;

    *out = s > 0 ? (uint64_t)s : 0;
    return s > 0;
}

/* Each certificate is signed by the next. */
static bool is_linked(const struct acme_certificate *c)
{
    X509 *below = c->leaf;

    for (int i = 0; i < sk_X509_num(c->chain); i++) {
        X509 *above = sk_X509_value(c->chain, i);

        if (X509_verify(below, X509_get0_pubkey(above)) != 1)
            return false;
        below = above;
    }
    return true;
}

static enum err chain_judge(const struct acme_client *c, struct acme_certificate *out)
{
    if (X509_check_private_key(out->leaf, c->config.tls_key) != 1)
        return ERR_CRYPTO;
    if (!is_linked(out))
        return ERR_FORMAT;
    if (!unix_of(X509_get0_notBefore(out->leaf), &out->not_before_s) ||
        !unix_of(X509_get0_notAfter(out->leaf), &out->not_after_s) || out->not_before_s >= out->not_after_s ||
        X509_cmp_current_time(X509_get0_notAfter(out->leaf)) <= 0 ||
        out->not_before_s > clock_unix_ms() / 1000 + EARLY_S)
        return ERR_RANGE;
    for (unsigned i = 0; i < c->config.names->n; i++)
        if (X509_check_host(out->leaf, c->config.names->list[i], 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) != 1)
            return ERR_NOT_FOUND;
    return ERR_NONE;
}

enum err client_chain(const struct acme_client *c, struct view pem, struct acme_certificate *out)
{
    struct acme_certificate got = {.leaf = NULL};
    enum err e = chain_read(pem, &got);

    if (e == ERR_NONE)
        e = chain_judge(c, &got);
    ERR_clear_error();
    if (e == ERR_NONE)
        *out = got;
    else
        acme_certificate_free(&got);
    return e;
}
