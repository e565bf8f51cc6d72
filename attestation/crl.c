/* AMD's certificate revocation lists: signed by the ARK, they list ASKs and ASVKs. */
#include "chain.h"

#include <assert.h>
#include <openssl/x509v3.h>

enum { CRL_MAX_BYTES = 64 << 10 }; /* AMD's are under 1 KB; a bound for what a host hands over */

const char *crl_answer_text(enum crl_answer a)
{
    static const char *const texts[] = {
        [CRL_GOOD] = "not listed",
        [CRL_MALFORMED] = "the revocation list is malformed",
        [CRL_OTHER_ROOT] = "the revocation list is not signed by this chain's root",
        [CRL_NOT_CURRENT] = "the revocation list is not current",
        [CRL_REVOKED] = "the intermediate certificate is revoked",
    };

    assert((unsigned)a < sizeof texts / sizeof texts[0]);
    return texts[a];
}

/* The shape AMD gives it: version 2, PSS as everywhere, and no extension that changes what an entry
 * means (a partial or indirect list marks itself with a critical one). */
static bool shape_ok(X509_CRL *crl)
{
    const X509_ALGOR *outer;

    X509_CRL_get0_signature(crl, NULL, &outer);
    return X509_CRL_get_version(crl) == X509_CRL_VERSION_2 && chain_algorithm_ok(outer) &&
           X509_CRL_get_ext_by_critical(crl, 1, -1) < 0 &&
           X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) < 0;
}

static bool current_at(const X509_CRL *crl, uint64_t now_s)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
    time_t now = (time_t)now_s;

    return next != NULL && X509_cmp_time(X509_CRL_get0_lastUpdate(crl), &now) == -1 &&
           X509_cmp_time(next, &now) == 1;
}

enum crl_answer chain_crl_ask(struct view der, const struct chain_cert *ark,
                              const struct chain_cert *intermediate, uint64_t now_s)
{
    const unsigned char *at = der.ptr;
    enum crl_answer a = CRL_MALFORMED;
    X509_REVOKED *entry = NULL;
    X509_CRL *crl = NULL;

    if (der.len == 0 || der.len > CRL_MAX_BYTES)
        goto done;
    crl = d2i_X509_CRL(NULL, &at, (long)der.len);
    if (crl == NULL || at != der.ptr + der.len || !shape_ok(crl))
        goto done;
    a = CRL_OTHER_ROOT;
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ark->x509)) != 0 ||
        X509_CRL_verify(crl, X509_get0_pubkey(ark->x509)) != 1)
        goto done;
    a = CRL_NOT_CURRENT;
    if (!current_at(crl, now_s))
        goto done;
    /* By serial, whatever else an entry says: any mention of our certificate is one too many. */
    a = X509_CRL_get0_by_serial(crl, &entry, X509_get_serialNumber(intermediate->x509)) != 0
            ? CRL_REVOKED
            : CRL_GOOD;
done:
    X509_CRL_free(crl);
    return a;
}
