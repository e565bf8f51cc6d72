/* From bytes to a verdict: parse what parses, find the root, make the checks (examine.c), then hold
 * the report against this connection. */
#include "verify.h"

#include "examine.h"
#include "policy.h"

#include <assert.h>
#include <stdio.h>

/* The root of this product that issued the evidence's intermediate, or that brings its own. A chain
 * of a simulator needs a simulator's root. */
static void root_find(struct examiner *v)
{
    bool vlek = v->vek.cert.role == CHAIN_VLEK;

    if (v->have_ask)
        v->ask = &v->own_ask;
    for (size_t i = 0; i < v->p->n_roots && v->root == NULL; i++) {
        const struct policy_root *root = &v->p->roots[i];
        const struct chain_cert *known = vlek ? &root->asvk : &root->ask;

        if (root->ark.product != v->vek.cert.product ||
            root->ark.simulated != v->vek.cert.simulated ||
            (root->ark.simulated && !v->p->allow_simulated))
            continue;
        if (v->have_ask) {
            if (chain_issued(&root->ark, &v->own_ask))
                v->root = root;
        } else if (v->s->ask.len == 0 && known->x509 != NULL) {
            v->root = root;
            v->ask = known;
        }
    }
}

static void examiner_prepare(struct examiner *v)
{
    enum snp_product product;

    v->have_report = snp_report_parse(v->s->report, &v->r) == ERR_NONE;
    v->have_vek = vek_parse(v->s->vek, &v->vek) == ERR_NONE;
    v->have_ask =
        v->s->ask.len != 0 &&
        chain_cert_parse(v->s->ask, v->vek.cert.role == CHAIN_VLEK ? CHAIN_ASVK : CHAIN_ASK,
                         &v->own_ask) == ERR_NONE;
    if (v->have_vek)
        root_find(v);
    if (!v->have_report)
        return;
    /* Where the parts of a TCB lie is the certificate's word; that the report means the same
     * product is a check of its own. */
    product = v->have_vek ? v->vek.cert.product : snp_product_of_cpuid(v->r.family, v->r.model);
    v->tcbs_zero = snp_tcb_parse(product, v->r.current_tcb, &v->current);
    v->tcbs_zero &= snp_tcb_parse(product, v->r.reported_tcb, &v->reported);
    v->tcbs_zero &= snp_tcb_parse(product, v->r.committed_tcb, &v->committed);
    v->tcbs_zero &= snp_tcb_parse(product, v->r.launch_tcb, &v->launch);
}

void examination_add(struct examination *x, enum verdict code, enum finding_outcome outcome,
                     const char *detail)
{
    struct finding *f = &x->findings[x->n++];

    assert(x->n <= FINDINGS_MAX && code != VERDICT_ACCEPT);
    f->code = code;
    f->outcome = outcome;
    snprintf(f->detail, sizeof f->detail, "%s", detail);
    if (outcome == FINDING_FAILED && x->verdict == VERDICT_ACCEPT)
        x->verdict = code;
}

void attest_examine(const struct attest_subject *s, const struct attest_policy *p, uint64_t now_s,
                    struct examination *out)
{
    struct examiner v = {.s = s, .p = p, .now_s = now_s};

    memset(out, 0, sizeof *out);
    examiner_prepare(&v);
    examiner_run(&v, out);
    /* What was not reached stands behind something that failed. */
    for (size_t i = 0; i < out->n && out->verdict == VERDICT_ACCEPT; i++)
        assert(out->findings[i].outcome != FINDING_NOT_REACHED);
    assert(out->verdict != VERDICT_ACCEPT || (v.root != NULL && v.have_report && v.have_vek));
    out->have_report = v.have_report;
    out->have_vek = v.have_vek;
    out->report = v.r;
    out->simulated = v.root != NULL && v.root->ark.simulated;
    out->product = v.have_vek ? v.vek.cert.product : snp_product_of_cpuid(v.r.family, v.r.model);
    out->vlek = v.vek.cert.role == CHAIN_VLEK;
    memcpy(out->hwid, v.vek.hwid, sizeof out->hwid);
    memcpy(out->csp_id, v.vek.csp_id, sizeof out->csp_id);
    vek_free(&v.vek);
    chain_cert_free(&v.own_ask);
}

enum refusal attest_verify_report(const struct msg_evidence *e, const struct attest_policy *p,
                                  uint64_t now_s, bool *simulated)
{
    const struct attest_subject s = {.report = e->report, .vek = e->vek, .ask = e->ask};
    struct examination x;

    attest_examine(&s, p, now_s, &x);
    if (x.verdict == VERDICT_ACCEPT)
        *simulated = x.simulated;
    return verdict_refusal(x.verdict);
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
    if (!identity_current(&i, x->now_s))
        return REFUSAL_EXPIRED;
    if (i.unlocked_memory && !i.simulated && !p->allow_unlocked_memory)
        return REFUSAL_MEMORY;
    *identity = i;
    return REFUSAL_NONE;
}
