/* AMD's certificate chains, ARK -> ASK -> VCEK (one chip's key) and ARK -> ASVK -> VLEK (one
 * cloud's key), each certificate held to the exact shape AMD issues: names, key types, RSASSA-PSS
 * parameters, extensions. Chains of another depth do not exist here, so there is no path building.
 */
#ifndef TR_ATTESTATION_CHAIN_H
#define TR_ATTESTATION_CHAIN_H

#include "err.h"
#include "report.h"
#include "secret.h"
#include "view.h"

#include <openssl/x509.h>

enum chain_role { CHAIN_ARK, CHAIN_ASK, CHAIN_VCEK, CHAIN_ASVK, CHAIN_VLEK };

struct chain_cert {
    X509 *x509;
    enum chain_role role;
    enum snp_product product; /* from the names: "ARK-Genoa", "SEV-Genoa" */
    bool simulated;           /* every common name begins with SIMULATED- */
};
/* ERR_FORMAT when the DER (all of it) is no certificate of this role. On success *out is given to
 * the caller (chain_cert_free); on failure it is empty. */
must_check enum err chain_cert_parse(struct view der, enum chain_role role, struct chain_cert *out);
void chain_cert_free(struct chain_cert *c);

/* issuer's key signed c, their names agree, and so do product and simulated. */
bool chain_issued(const struct chain_cert *issuer, const struct chain_cert *c);
bool chain_valid_at(const struct chain_cert *c, uint64_t now_s);
must_check enum err chain_spki_sha256(const struct chain_cert *c, struct digest32 *out);

/* The certificate of the key that signs reports (VCEK or VLEK: cert.role) and what its extensions
 * say (AMD 57230). */
enum { CSP_ID_MAX = 127 };
struct vek {
    struct chain_cert cert;
    struct snp_tcb tcb;          /* the firmware versions its key was derived from */
    uint8_t hwid[64];            /* VCEK: zero-padded when shorter (Turin); VLEK: zero */
    char csp_id[CSP_ID_MAX + 1]; /* VLEK: the cloud it was issued to, printable ASCII */
};
must_check enum err vek_parse(struct view der, struct vek *out);
void vek_free(struct vek *v);
/* The report's signature over its first SNP_SIGNED_BYTES, under this certificate's key. */
bool vek_signed(const struct vek *v, const struct snp_report *r);

/* AMD's revocation list of an ARK: it names ASKs and ASVKs, never single chips. */
enum crl_answer {
    CRL_GOOD,        /* signed by this ARK, current, does not list the certificate */
    CRL_MALFORMED,   /* not one whole list of AMD's shape */
    CRL_OTHER_ROOT,  /* of another issuer, or not signed by this ARK */
    CRL_NOT_CURRENT, /* before thisUpdate, or from nextUpdate on */
    CRL_REVOKED,
};
enum crl_answer chain_crl_ask(struct view der, const struct chain_cert *ark,
                              const struct chain_cert *intermediate, uint64_t now_s);
const char *crl_answer_text(enum crl_answer a); /* a short English clause */

/* The algorithm of every signature in AMD's chains: RSASSA-PSS, SHA-384, MGF1 SHA-384, salt 48. */
bool chain_algorithm_ok(const X509_ALGOR *algorithm);

/* AMD's public roots, compiled in from attestation/roots/. ask, asvk: the ARK's own subordinates.
 */
struct amd_root {
    enum snp_product product;
    const uint8_t *ark, *ark_end, *ask, *ask_end, *asvk, *asvk_end; /* DER */
    const char *ark_sha256, *ask_sha256, *asvk_sha256; /* hex: what the files must be */
};
const struct amd_root *amd_roots(size_t *n);

#endif
