/* The parsed attestation.conf as verify.c reads it. Everybody else sees an incomplete type. */
#ifndef TR_ATTESTATION_POLICY_H
#define TR_ATTESTATION_POLICY_H

#include "chain.h"
#include "verify.h"

struct policy_root {
    struct chain_cert ark;
    bool has_ask;
    struct chain_cert ask;    /* AMD's: used when the evidence brings none */
    struct digest32 ask_spki; /* and no other ASK key is taken */
};

/* The least a TCB may be: for one stepping, or for a whole product (exact is false). */
struct policy_floor {
    enum snp_product product;
    bool exact;
    uint8_t family, model, stepping;
    struct snp_tcb tcb;
};

struct attest_policy {
    char audience[128];
    bool allow_simulated, provisional_firmware;
    uint32_t versions; /* bit v: report version v is taken */
    uint32_t products; /* bit of enum snp_product */
    uint64_t guest_allow, guest_require, platform_require, platform_forbid;
    uint32_t min_guest_svn, min_firmware;
    uint8_t host_data[32];     /* zero unless configured */
    uint8_t id_key_sha384[48]; /* zero: no ID block may be there */
    struct policy_root roots[POLICY_ROOTS_MAX];
    size_t n_roots;
    struct digest48 measurements[POLICY_MEASUREMENTS_MAX];
    size_t n_measurements;
    uint8_t chips[POLICY_CHIPS_MAX][64];
    size_t n_chips; /* 0: any chip; only when every root is a simulator's */
    struct policy_floor floors[POLICY_FLOORS_MAX];
    size_t n_floors;
};

/* The floor of this processor: its stepping's, else its product's, else NULL. */
const struct policy_floor *policy_floor(const struct attest_policy *p, enum snp_product product,
                                        const struct snp_report *r);

#endif
