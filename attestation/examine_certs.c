/* The checks that a certificate has a part in: which processor, whose key, and that it signed. */
#include "examine_check.h"

static enum finding_outcome check_product(struct examiner *v)
{
    enum snp_product product = v->vek.cert.product;

    if (v->r.version >= 3) {
        product = snp_product_of_cpuid(v->r.family, v->r.model);
        examiner_say(v, "family %02x model %02x stepping %02x: %s", v->r.family, v->r.model,
                     v->r.stepping, snp_product_name(product));
        if (v->have_vek && product != v->vek.cert.product)
            return FINDING_FAILED;
    } else if (!v->have_vek) {
        return FINDING_NOT_REACHED; /* a version 2 report does not say */
    } else {
        examiner_say(v, "%s, as the certificate says", snp_product_name(product));
    }
    return ok_if(product != SNP_PRODUCT_UNKNOWN && (v->p->products >> product & 1) != 0);
}

static enum finding_outcome check_cert(struct examiner *v)
{
    if (v->s->vek.len == 0)
        examiner_say(v, "no VCEK or VLEK certificate was given");
    else if (!v->have_vek)
        examiner_say(v, "the signing key's certificate is not of AMD's shape");
    else if (v->s->ask.len != 0 && !v->have_ask)
        examiner_say(v, "the intermediate certificate is not of AMD's shape");
    return ok_if(v->have_vek && (v->have_ask || v->s->ask.len == 0));
}

static enum finding_outcome check_cert_expired(struct examiner *v)
{
    return ok_if(chain_valid_at(&v->vek.cert, v->now_s) &&
                 (v->ask == NULL || chain_valid_at(v->ask, v->now_s)) &&
                 (v->root == NULL || chain_valid_at(&v->root->ark, v->now_s)));
}

static enum finding_outcome check_cert_root(struct examiner *v)
{
    examiner_say(v, v->root != NULL ? "%s%s" : "%s%s: no trusted root",
                 v->vek.cert.simulated ? "SIMULATED " : "", snp_product_name(v->vek.cert.product));
    return ok_if(v->root != NULL);
}

/* A root's intermediate that is known beforehand has one key. Belt and braces: the ARK's signature
 * says the same. */
static enum finding_outcome check_cert_chain(struct examiner *v)
{
    bool vlek = v->vek.cert.role == CHAIN_VLEK;
    const struct chain_cert *known = vlek ? &v->root->asvk : &v->root->ask;
    const struct digest32 *want = vlek ? &v->root->asvk_spki : &v->root->ask_spki;
    struct digest32 spki;

    if (known->x509 != NULL && (chain_spki_sha256(v->ask, &spki) != ERR_NONE ||
                                memcmp(spki.b, want->b, sizeof spki.b) != 0))
        return FINDING_FAILED;
    return ok_if(chain_issued(&v->root->ark, v->ask) && chain_issued(v->ask, &v->vek.cert));
}

static enum finding_outcome check_crl(struct examiner *v)
{
    enum crl_answer a;

    if (v->s->crl.len == 0) {
        examiner_say(v, "no revocation list was given");
        return v->p->require_crl ? FINDING_FAILED : FINDING_NOT_ASKED;
    }
    a = chain_crl_ask(v->s->crl, &v->root->ark, v->ask, v->now_s);
    examiner_say(v, "%s", crl_answer_text(a));
    return ok_if(a == CRL_GOOD);
}

static enum finding_outcome check_tcb_cert(struct examiner *v)
{
    return ok_if(memcmp(&v->reported, &v->vek.tcb, sizeof v->reported) == 0);
}

/* A cloud's key names no chip, and its reports must not either. */
static enum finding_outcome check_hwid(struct examiner *v)
{
    if (v->vek.cert.role == CHAIN_VLEK)
        return ok_if(all_zero(v->r.chip_id, 64));
    return ok_if(!all_zero(v->r.chip_id, 64) && memcmp(v->r.chip_id, v->vek.hwid, 64) == 0);
}

static enum finding_outcome check_csp_id(struct examiner *v)
{
    if (v->vek.cert.role != CHAIN_VLEK)
        return FINDING_NOT_ASKED;
    return ok_if(v->p->allow_vlek && strcmp(v->vek.csp_id, v->p->csp_id) == 0);
}

static enum finding_outcome check_chip(struct examiner *v)
{
    for (size_t i = 0; i < v->p->n_chips; i++)
        if (memcmp(v->p->chips[i], v->r.chip_id, 64) == 0)
            return FINDING_OK;
    examiner_say(v, v->p->n_chips == 0 ? "the policy lists no chips" : "not a chip of the policy");
    return v->p->n_chips == 0 ? FINDING_NOT_ASKED : FINDING_FAILED;
}

static enum finding_outcome check_sig(struct examiner *v)
{
    return ok_if(vek_signed(&v->vek, &v->r));
}

/* After the signature: reserved bytes say something about a processor only when it signed them. */
static enum finding_outcome check_mbz(struct examiner *v)
{
    if (!snp_report_reserved_zero(&v->r))
        return FINDING_FAILED;
    if (!v->tcbs_zero)
        examiner_say(v, "reserved byte in a TCB");
    return ok_if(v->tcbs_zero);
}

const struct examiner_check examiner_certificate_checks[EXAMINER_CERTIFICATE_CHECKS] = {
    {VERDICT_PRODUCT, NEED_REPORT, check_product},
    {VERDICT_CERT, 0, check_cert},
    {VERDICT_CERT_EXPIRED, NEED_VEK, check_cert_expired},
    {VERDICT_CERT_ROOT, NEED_VEK, check_cert_root},
    {VERDICT_CERT_CHAIN, NEED_VEK | NEED_CHAIN, check_cert_chain},
    {VERDICT_CRL, NEED_VEK | NEED_CHAIN, check_crl},
    {VERDICT_TCB_CERT, NEED_REPORT | NEED_VEK, check_tcb_cert},
    {VERDICT_HWID, NEED_REPORT | NEED_VEK, check_hwid},
    {VERDICT_CSP_ID, NEED_VEK, check_csp_id},
    {VERDICT_CHIP, NEED_REPORT, check_chip},
    {VERDICT_SIG, NEED_REPORT | NEED_VEK, check_sig},
    {VERDICT_MBZ, NEED_REPORT | NEED_VEK, check_mbz},
};
