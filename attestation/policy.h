/* A verification policy as the verifier reads it, and the pieces that make one: attestation.conf of
 * the control plane, tcb-policy.conf of tr-verify. Everybody else sees an incomplete type. */
#ifndef TR_ATTESTATION_POLICY_H
#define TR_ATTESTATION_POLICY_H

#include "chain.h"
#include "verify.h"

/* A root and the intermediates known beforehand: used when the evidence brings none, and no other
 * key of that role is taken. */
struct policy_root {
    struct chain_cert ark;
    struct chain_cert ask, asvk; /* x509 is NULL when not known */
    struct digest32 ask_spki, asvk_spki;
};

/* The least a TCB may be: for one stepping, or for a whole product (exact is false). */
struct policy_floor {
    enum snp_product product;
    bool exact;
    uint8_t family, model, stepping;
    struct snp_tcb tcb;
    uint32_t firmware; /* committed, major << 16 | minor << 8 | build; 0: none is asked */
    char bulletin[POLICY_BULLETIN_MAX]; /* what the numbers rest on */
};

/* Bytes of a report that must be exactly these, when a policy names them. */
struct policy_pin {
    bool asked;
    uint8_t b[64];
};

struct attest_policy {
    char version[POLICY_NAME_MAX]; /* "snp-2026-11"; may be empty */
    struct digest32 digest;        /* of the policy's text */
    uint64_t expires_s;            /* unix seconds; 0: never */
    char audience[128];            /* empty: not asked (tr-verify only) */
    bool allow_simulated, provisional_firmware, allow_vlek, require_crl;
    bool allow_unlocked_memory; /* not asked of a simulator, which protects nothing anyhow */
    char csp_id[CSP_ID_MAX + 1]; /* of the only cloud whose VLEKs are taken */
    uint32_t versions;           /* bit v: report version v is taken */
    uint32_t products;           /* bit of enum snp_product */
    uint64_t guest_allow, guest_require, platform_require, platform_forbid, mitigations_require;
    uint32_t min_guest_svn, min_firmware, min_guest_abi; /* abi: major << 8 | minor */
    uint8_t host_data[32];                               /* zero unless configured */
    uint8_t id_key_sha384[48];                           /* zero: no ID block may be there */
    struct policy_pin author_key, family_id, image_id;
    struct policy_root roots[POLICY_ROOTS_MAX];
    size_t n_roots;
    struct digest48 measurements[POLICY_MEASUREMENTS_MAX];
    size_t n_measurements;
    uint8_t chips[POLICY_CHIPS_MAX][64];
    size_t n_chips; /* 0: any chip; for the link only when every root is a simulator's */
    struct policy_floor floors[POLICY_FLOORS_MAX];
    size_t n_floors;
};

/* policy_roots.c. Each: NULL, or what is wrong. */
const char *policy_roots_amd(struct attest_policy *p);                   /* the compiled-in ones */
const char *policy_root_file(struct attest_policy *p, const char *path); /* an ARK in PEM */
void policy_roots_clear(struct attest_policy *p);

/* The floor of this processor: its stepping's, else its product's, else NULL. */
const struct policy_floor *policy_floor(const struct attest_policy *p, enum snp_product product,
                                        const struct snp_report *r);

#endif
