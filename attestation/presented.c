#include "presented.h"

#include "logged.h"
#include "manifest.h"
#include "policy.h"
#include "tlog_proof.h"

static enum finding_outcome ok_if(bool ok)
{
    return ok ? FINDING_OK : FINDING_FAILED;
}

static void connection_check(const struct attest_document *d, const struct presented_expect *e,
                             struct examination *x)
{
    examination_add(x, VERDICT_NONCE, ok_if(secret_equal(d->nonce, e->nonce, 32)), "");
    examination_add(x, VERDICT_BINDING, ok_if(d->binding == ATTEST_BINDING_TLS_EXPORTER),
                    d->binding == ATTEST_BINDING_TLS_EXPORTER
                        ? "bound to this connection's exporter"
                        : "not bound to any connection");
}

/* The identity document is the measured program's own word once REPORT_DATA holds it. */
static void identity_check(const struct presented_expect *e, const struct attest_policy *p,
                           const struct identity *i, struct examination *x)
{
    examination_add(x, VERDICT_SIMULATED, ok_if(i->simulated == x->simulated),
                    i->simulated ? "the document says simulated" : "the document says real");
    examination_add(x, VERDICT_TLS_KEY,
                    ok_if(secret_equal(i->tls_spki_sha256.b, e->tls_spki->b, 32)), "");
    examination_add(x, VERDICT_AUDIENCE,
                    *p->audience == '\0' ? FINDING_NOT_ASKED
                                         : ok_if(strcmp(i->audience, p->audience) == 0),
                    "");
    examination_add(x, VERDICT_IDENTITY_EXPIRED, ok_if(i->not_after_s > e->now_s), "");
    examination_add(x, VERDICT_MEMORY,
                    p->allow_unlocked_memory || i->simulated ? FINDING_NOT_ASKED
                                                             : ok_if(!i->unlocked_memory),
                    i->unlocked_memory ? "the program could not lock its memory"
                                       : "the program's memory is locked");
}

static const char *release_wrong(const struct presented_expect *e, const struct examination *x)
{
    struct manifest m;

    if (manifest_parse(e->release, &m) != ERR_NONE)
        return "this is no release manifest";
    if (m.simulated != x->simulated)
        return "the manifest is of the other kind: simulated or real";
    if (e->now_s < m.not_before_s || e->now_s >= m.not_after_s)
        return "the release is not valid at this time";
    return manifest_has(&m, x->report.measurement) ? NULL
                                                   : "the measurement is not in the manifest";
}

static void release_add(const struct presented_expect *e, struct examination *x)
{
    const char *wrong;

    if (e->release.len == 0 || !x->have_report) {
        examination_add(x, VERDICT_RELEASE,
                        e->release.len == 0 ? FINDING_NOT_ASKED : FINDING_NOT_REACHED,
                        "no release manifest was given");
        return;
    }
    wrong = release_wrong(e, x);
    examination_add(x, VERDICT_RELEASE, ok_if(wrong == NULL),
                    wrong != NULL ? wrong : "the measurement is one of the manifest's");
}

static void log_add(const struct attest_document *d, const struct presented_expect *e,
                    struct examination *x)
{
    enum finding_outcome outcome = FINDING_FAILED;
    const char *why = "the document carries no log proof";
    struct digest32 identity;
    uint64_t index;

    if (e->log_key == NULL || !x->have_report) {
        examination_add(x, VERDICT_LOG_PROOF,
                        e->log_key == NULL ? FINDING_NOT_ASKED : FINDING_NOT_REACHED,
                        "no log key was given");
        return;
    }
    digest_sha256(d->identity, &identity);
    if (d->release_leaf.len == 0) {
        examination_add(x, VERDICT_LOG_PROOF, FINDING_FAILED, why);
        return;
    }
    if (tlog_proof_check(d->release_proof, d->release_leaf, e->log_key, &index, NULL) != ERR_NONE)
        why = "the proof does not lead from the statement to a checkpoint of this log";
    else if (logged_check(d->release_leaf, &identity, x->report.measurement) != ERR_NONE)
        why = "the logged statement is not about this program";
    else {
        outcome = FINDING_OK;
        why = "logged";
    }
    examination_add(x, VERDICT_LOG_PROOF, outcome, why);
}

void attest_presented(const struct attest_document *d, const struct presented_expect *e,
                      const struct attest_policy *p, struct examination *x,
                      struct identity *identity, bool *has_identity)
{
    static const enum verdict of_identity[] = {VERDICT_SIMULATED, VERDICT_TLS_KEY, VERDICT_AUDIENCE,
                                               VERDICT_IDENTITY_EXPIRED, VERDICT_MEMORY};
    uint8_t want[64];
    bool path_ok = attest_document_report_data(d, e->exporter, want);
    const struct attest_subject s = {
        .report = d->report,
        .vek = d->vek,
        .ask = d->ask,
        .crl = e->crl,
        .report_data = path_ok ? want : NULL,
    };

    attest_examine(&s, p, e->now_s, x);
    if (!path_ok)
        examination_add(x, VERDICT_REPORT_DATA, FINDING_FAILED, "the batch's path does not fit");
    connection_check(d, e, x);
    *has_identity = identity_decode(d->identity, identity) == ERR_NONE;
    examination_add(x, VERDICT_IDENTITY, ok_if(*has_identity), "");
    if (*has_identity)
        identity_check(e, p, identity, x);
    else
        for (size_t i = 0; i < sizeof of_identity / sizeof of_identity[0]; i++)
            examination_add(x, of_identity[i], FINDING_NOT_REACHED, "");
    release_add(e, x);
    log_add(d, e, x);
}
