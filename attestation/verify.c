/* The checks in their order, one row each. A check sees everything the rows above it established,
 * and no row looks further once one has refused. */
#include "verify.h"

#include "chain.h"
#include "policy.h"

#include <assert.h>

struct verify {
    const struct msg_evidence *e;
    const struct attest_policy *p;
    uint64_t now_s;
    bool have_report, have_vek, have_ask, have_tcbs;
    struct snp_report r;
    struct vcek vek;
    struct chain_cert ask; /* the evidence's */
    const struct policy_root *root;
    struct snp_tcb current, reported, committed, launch;
};

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* --- the report by itself */

static bool check_length(struct verify *v)
{
    return v->have_report;
}

static bool check_version(struct verify *v)
{
    return v->r.version < 32 && (v->p->versions >> v->r.version & 1) != 0;
}

static bool check_sig_algo(struct verify *v)
{
    return v->r.signature_algo == 1; /* ECDSA P-384 with SHA-384 */
}

static bool check_sig_format(struct verify *v)
{
    return snp_report_signature_shape(&v->r);
}

/* Which bytes of a TCB are reserved depends on the product, which the certificate names; that the
 * report names the same one is the check after the next. */
static bool check_mbz(struct verify *v)
{
    enum snp_product product = v->vek.cert.product;

    if (!snp_report_reserved_zero(&v->r))
        return false;
    if (!v->have_vek)
        return true; /* the certificate check refuses */
    v->have_tcbs = snp_tcb_parse(product, v->r.current_tcb, &v->current) &&
                   snp_tcb_parse(product, v->r.reported_tcb, &v->reported) &&
                   snp_tcb_parse(product, v->r.committed_tcb, &v->committed) &&
                   snp_tcb_parse(product, v->r.launch_tcb, &v->launch);
    return v->have_tcbs;
}

/* Signed by the chip's own key, which is not masked. */
static bool check_key_kind(struct verify *v)
{
    uint32_t signing = v->r.key_info >> SNP_KEY_SIGNING_SHIFT & SNP_KEY_SIGNING_MASK;

    return signing == 0 && (v->r.key_info & SNP_KEY_MASK_CHIP) == 0;
}

/* --- the certificates */

static bool check_product(struct verify *v)
{
    enum snp_product product = v->vek.cert.product;

    if (v->r.version >= 3) {
        product = snp_product_of_cpuid(v->r.family, v->r.model);
        if (v->have_vek && product != v->vek.cert.product)
            return false;
    } else if (!v->have_vek) {
        return true; /* a version 2 report does not say; the certificate check refuses */
    }
    return product != SNP_PRODUCT_UNKNOWN && (v->p->products >> product & 1) != 0;
}

static bool check_cert(struct verify *v)
{
    return v->have_vek && (v->have_ask || v->e->ask.len == 0) &&
           chain_valid_at(&v->vek.cert, v->now_s);
}

/* The root of this product that vouches for the evidence's ASK, or that brings its own. */
static bool check_root(struct verify *v)
{
    for (size_t i = 0; i < v->p->n_roots; i++) {
        const struct policy_root *root = &v->p->roots[i];

        if (root->ark.product != v->vek.cert.product ||
            root->ark.simulated != v->vek.cert.simulated || !chain_valid_at(&root->ark, v->now_s))
            continue;
        if (v->have_ask ? chain_issued(&root->ark, &v->ask) : root->has_ask) {
            v->root = root;
            return true;
        }
    }
    return false;
}

/* An AMD root has one ASK key. Belt and braces: the ARK's signature says the same. */
static bool check_chain(struct verify *v)
{
    const struct chain_cert *ask = v->have_ask ? &v->ask : &v->root->ask;
    struct digest32 spki;

    if (v->root->has_ask && (chain_spki_sha256(ask, &spki) != ERR_NONE ||
                             memcmp(spki.b, v->root->ask_spki.b, sizeof spki.b) != 0))
        return false;
    return chain_valid_at(ask, v->now_s) && chain_issued(ask, &v->vek.cert);
}

static bool check_tcb_cert(struct verify *v)
{
    return memcmp(&v->reported, &v->vek.tcb, sizeof v->reported) == 0;
}

static bool check_hwid(struct verify *v)
{
    return !all_zero(v->r.chip_id, 64) && memcmp(v->r.chip_id, v->vek.hwid, 64) == 0;
}

static bool check_chip(struct verify *v)
{
    for (size_t i = 0; i < v->p->n_chips; i++)
        if (memcmp(v->p->chips[i], v->r.chip_id, 64) == 0)
            return true;
    return v->p->n_chips == 0 && v->root->ark.simulated;
}

static bool check_signature(struct verify *v)
{
    return vcek_signed(&v->vek, &v->r);
}

/* --- what the signed report says */

static bool check_vmpl(struct verify *v)
{
    return v->r.vmpl == 0;
}

static bool check_debug(struct verify *v)
{
    return (v->r.policy & SNP_POLICY_DEBUG & ~v->p->guest_allow) == 0;
}

/* Permissions the guest was launched with must be among those allowed; obligations must be there.
 */
static bool check_policy(struct verify *v)
{
    const uint64_t permissions =
        SNP_POLICY_SMT | SNP_POLICY_MIGRATE_MA | SNP_POLICY_DEBUG | SNP_POLICY_CXL;

    return (v->r.policy & SNP_POLICY_MUST_BE_ONE) != 0 &&
           v->r.policy >> SNP_POLICY_KNOWN_BITS == 0 &&
           (v->r.policy & permissions & ~v->p->guest_allow) == 0 &&
           (v->p->guest_require & ~v->r.policy) == 0;
}

/* Bits nobody has documented yet are set on real processors and are let be. */
static bool check_platform(struct verify *v)
{
    return (v->p->platform_require & ~v->r.platform) == 0 &&
           (v->p->platform_forbid & v->r.platform) == 0;
}

/* committed below current is firmware the host can still roll back: provisional. */
static bool check_tcb_order(struct verify *v)
{
    bool provisional = memcmp(&v->committed, &v->current, sizeof v->committed) != 0 ||
                       v->r.firmware_committed != v->r.firmware_current;

    return snp_tcb_covers(&v->committed, &v->reported) &&
           snp_tcb_covers(&v->current, &v->committed) && snp_tcb_covers(&v->current, &v->launch) &&
           v->r.firmware_committed <= v->r.firmware_current &&
           (!provisional || v->p->provisional_firmware);
}

static bool check_tcb_floor(struct verify *v)
{
    const struct policy_floor *floor = policy_floor(v->p, v->vek.cert.product, &v->r);

    return floor != NULL && snp_tcb_covers(&v->reported, &floor->tcb) &&
           snp_tcb_covers(&v->committed, &floor->tcb) && snp_tcb_covers(&v->launch, &floor->tcb) &&
           v->r.firmware_committed >= v->p->min_firmware;
}

/* No ID block at all, or the pinned one's key. The author's key only vouches for that key. */
static bool check_id_key(struct verify *v)
{
    bool author = (v->r.key_info & SNP_KEY_AUTHOR) != 0;

    return memcmp(v->r.id_key_digest, v->p->id_key_sha384, 48) == 0 &&
           author == !all_zero(v->r.author_key_digest, 48);
}

static bool check_measurement(struct verify *v)
{
    for (size_t i = 0; i < v->p->n_measurements; i++)
        if (memcmp(v->p->measurements[i].b, v->r.measurement, 48) == 0)
            return true;
    return false;
}

static bool check_guest_svn(struct verify *v)
{
    return v->r.guest_svn >= v->p->min_guest_svn;
}

static bool check_host_data(struct verify *v)
{
    return memcmp(v->r.host_data, v->p->host_data, sizeof v->p->host_data) == 0;
}

static const struct {
    enum refusal refusal;
    bool (*ok)(struct verify *v);
} checks[] = {
    {REFUSAL_LENGTH, check_length},
    {REFUSAL_VERSION, check_version},
    {REFUSAL_SIG_ALGO, check_sig_algo},
    {REFUSAL_SIG_FORMAT, check_sig_format},
    {REFUSAL_MBZ, check_mbz},
    {REFUSAL_KEY_KIND, check_key_kind},
    {REFUSAL_PRODUCT, check_product},
    {REFUSAL_CERT, check_cert},
    {REFUSAL_ROOT, check_root},
    {REFUSAL_CERT, check_chain},
    {REFUSAL_TCB_CERT, check_tcb_cert},
    {REFUSAL_HWID, check_hwid},
    {REFUSAL_CHIP, check_chip},
    {REFUSAL_SIGNATURE, check_signature},
    {REFUSAL_VMPL, check_vmpl},
    {REFUSAL_DEBUG, check_debug},
    {REFUSAL_POLICY, check_policy},
    {REFUSAL_PLATFORM, check_platform},
    {REFUSAL_TCB_ORDER, check_tcb_order},
    {REFUSAL_TCB_FLOOR, check_tcb_floor},
    {REFUSAL_ID_KEY, check_id_key},
    {REFUSAL_MEASUREMENT, check_measurement},
    {REFUSAL_GUEST_SVN, check_guest_svn},
    {REFUSAL_HOST_DATA, check_host_data},
};

enum refusal attest_verify_report(const struct msg_evidence *e, const struct attest_policy *p,
                                  uint64_t now_s, bool *simulated)
{
    struct verify v = {.e = e, .p = p, .now_s = now_s};
    enum refusal refusal = REFUSAL_NONE;

    v.have_report = snp_report_parse(e->report, &v.r) == ERR_NONE;
    v.have_vek = vcek_parse(e->vek, &v.vek) == ERR_NONE;
    v.have_ask = e->ask.len != 0 && chain_cert_parse(e->ask, CHAIN_ASK, &v.ask) == ERR_NONE;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0] && refusal == REFUSAL_NONE; i++)
        if (!checks[i].ok(&v))
            refusal = checks[i].refusal;
    if (refusal == REFUSAL_NONE) {
        assert(v.root != NULL && v.have_tcbs);
        *simulated = v.root->ark.simulated;
    }
    vcek_free(&v.vek);
    chain_cert_free(&v.ask);
    return refusal;
}

/* --- this report for this connection */

static bool bound_to(const struct msg_evidence *e, const struct attest_expect *x,
                     const uint8_t nonce[static 32])
{
    struct digest32 leaf;
    uint8_t want[64];

    evidence_leaf(x->purpose, nonce, x->cb, &leaf);
    evidence_report_data(e->identity, &leaf, want);
    return secret_equal(want, e->report.ptr + SNP_AT_REPORT_DATA, sizeof want);
}

enum refusal attest_verify(const struct msg_evidence *e, const struct attest_policy *p,
                           const struct attest_expect *x, struct identity *identity)
{
    bool simulated = false;
    enum refusal refusal;
    struct identity i;

    if (identity_decode(e->identity, &i) != ERR_NONE)
        return REFUSAL_MALFORMED;
    if (i.simulated && !p->allow_simulated)
        return REFUSAL_SIMULATED;
    refusal = attest_verify_report(e, p, x->now_s, &simulated);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!bound_to(e, x, x->nonce))
        return x->previous_nonce != NULL && bound_to(e, x, x->previous_nonce) ? REFUSAL_NONCE
                                                                              : REFUSAL_CHANNEL;
    /* From here on the document is the measured program's own word. */
    if (simulated != i.simulated)
        return REFUSAL_SIMULATED;
    if (memcmp(i.tls_spki_sha256.b, x->peer_tls_spki.b, sizeof i.tls_spki_sha256.b) != 0)
        return REFUSAL_PEER_KEY;
    if (strcmp(i.audience, p->audience) != 0)
        return REFUSAL_AUDIENCE;
    if (i.not_after_s <= x->now_s)
        return REFUSAL_EXPIRED;
    *identity = i;
    return REFUSAL_NONE;
}
