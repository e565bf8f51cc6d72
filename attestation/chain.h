/* AMD's certificate chain, ARK -> ASK -> VCEK, each certificate held to the exact shape AMD issues:
 * names, key types, RSASSA-PSS parameters, extensions. Chains of another depth do not exist here,
 * so there is no path building. */
#ifndef TR_ATTESTATION_CHAIN_H
#define TR_ATTESTATION_CHAIN_H

#include "err.h"
#include "report.h"
#include "secret.h"
#include "view.h"

#include <openssl/x509.h>

enum chain_role { CHAIN_ARK, CHAIN_ASK, CHAIN_VCEK };

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

/* The chip's own certificate and what its extensions say (AMD 57230). */
struct vcek {
    struct chain_cert cert;
    struct snp_tcb tcb; /* the firmware versions its key was derived from */
    uint8_t hwid[64];   /* zero-padded when shorter (Turin) */
};
must_check enum err vcek_parse(struct view der, struct vcek *out);
void vcek_free(struct vcek *v);
/* The report's signature over its first SNP_SIGNED_BYTES, under this certificate's key. */
bool vcek_signed(const struct vcek *v, const struct snp_report *r);

/* AMD's public roots, compiled in from attestation/roots/. ask: the ARK's own subordinate. */
struct amd_root {
    enum snp_product product;
    const uint8_t *ark, *ark_end, *ask, *ask_end; /* DER */
    const char *ark_sha256, *ask_sha256;          /* hex: what the files must be */
};
const struct amd_root *amd_roots(size_t *n);

#endif
