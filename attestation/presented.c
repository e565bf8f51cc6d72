#include "presented.h"

#include "logged.h"
#include "manifest.h"
#include "policy.h"
#include "tlog_proof.h"

#include <stdio.h>
#include <strings.h>

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

/* The policy's audience, to the letter; without one the host that the client asked for, in which
 * case does not count: a data plane that serves another name is not the one that was meant. */
static void audience_check(const struct presented_expect *e, const struct attest_policy *p,
                           const struct identity *i, struct examination *x)
{
    char why[FINDING_DETAIL_MAX];

    if (*p->audience != '\0') {
        snprintf(why, sizeof why, "the policy asks for %.64s, the document says %.64s", p->audience,
                 i->audience);
        examination_add(x, VERDICT_AUDIENCE, ok_if(strcmp(i->audience, p->audience) == 0), why);
    } else if (e->audience != NULL) {
        snprintf(why, sizeof why, "the document says %s", i->audience);
        examination_add(x, VERDICT_AUDIENCE, ok_if(strcasecmp(i->audience, e->audience) == 0), why);
    } else {
        examination_add(x, VERDICT_AUDIENCE, FINDING_NOT_ASKED, "");
    }
}

/* The identity document is the measured program's own word once REPORT_DATA holds it. */
static void identity_check(const struct presented_expect *e, const struct attest_policy *p,
                           const struct identity *i, struct examination *x)
{
    examination_add(x, VERDICT_SIMULATED, ok_if(i->simulated == x->simulated),
                    i->simulated ? "the document says simulated" : "the document says real");
    examination_add(x, VERDICT_TLS_KEY,
                    ok_if(secret_equal(i->tls_spki_sha256.b, e->tls_spki->b, 32)), "");
    audience_check(e, p, i, x);
    examination_add(x, VERDICT_IDENTITY_EXPIRED, ok_if(identity_current(i, e->now_s)), "");
    examination_add(x, VERDICT_MEMORY,
                    p->allow_unlocked_memory || i->simulated ? FINDING_NOT_ASKED
                                                             : ok_if(!i->unlocked_memory),
                    i->unlocked_memory ? "the program could not lock its memory"
                                       : "the program's memory is locked");
}

static const char *release_wrong(const struct manifest *m, const struct presented_expect *e,
                                 const struct examination *x)
{
    if (m->simulated != x->simulated)
        return "the manifest is of the other kind: simulated or real";
    if (e->now_s < m->not_before_s || e->now_s >= m->not_after_s)
        return "the release is not valid at this time";
    return manifest_has(m, x->report.measurement) ? NULL : "the measurement is not in the manifest";
}

static void release_skip(enum finding_outcome outcome, const char *why, struct examination *x)
{
    static const enum verdict codes[] = {VERDICT_RELEASE_SIG, VERDICT_RELEASE, VERDICT_RELEASE_SVN,
                                         VERDICT_PROVIDERS};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        examination_add(x, codes[i], outcome, why);
}

/* The manifest is a statement of whoever holds the release key, and of nobody else. */
static void signature_add(const struct presented_expect *e, struct examination *x)
{
    bool ok = e->release_key != NULL &&
              minisign_check(e->release, e->release_signature, e->release_key, NULL) == ERR_NONE;

    examination_add(x, VERDICT_RELEASE_SIG, ok_if(ok),
                    ok ? "the manifest is signed by the release key"
                       : "the manifest is not signed by the release key");
}

static void release_add(const struct presented_expect *e, const struct identity *i,
                        struct examination *x)
{
    struct manifest m;
    const char *wrong;
    bool ok;

    if (e->release.len == 0 || !x->have_report) {
        release_skip(e->release.len == 0 ? FINDING_NOT_ASKED : FINDING_NOT_REACHED,
                     "no release manifest was given", x);
        return;
    }
    signature_add(e, x);
    if (manifest_parse(e->release, &m) != ERR_NONE) {
        examination_add(x, VERDICT_RELEASE, FINDING_FAILED, "this is no release manifest");
        return;
    }
    wrong = release_wrong(&m, e, x);
    examination_add(x, VERDICT_RELEASE, ok_if(wrong == NULL),
                    wrong != NULL ? wrong : "the measurement is one of the manifest's");
    examination_add(x, VERDICT_RELEASE_SVN,
                    e->min_svn == 0 ? FINDING_NOT_ASKED : ok_if(m.svn >= e->min_svn),
                    "the manifest's security version against --min-svn");
    ok = i != NULL && secret_equal(i->config_sha256.b, m.providers.b, sizeof m.providers.b);
    examination_add(x, VERDICT_PROVIDERS, i == NULL ? FINDING_NOT_REACHED : ok_if(ok),
                    ok ? "prompts may go where the manifest says"
                       : "the list of providers is not the manifest's");
}

/* Which release the logged statement names, when a manifest is there to compare it with. */
static void leaf_add(const struct attest_document *d, const struct presented_expect *e, bool logged,
                     struct examination *x)
{
    struct digest32 named, leaf;
    enum err err;

    if (e->release.len == 0 || !logged) {
        examination_add(x, VERDICT_RELEASE_LEAF,
                        logged || e->log_key == NULL ? FINDING_NOT_ASKED : FINDING_NOT_REACHED, "");
        return;
    }
    tlog_leaf_hash(e->release, &leaf);
    err = logged_release(d->release_leaf, &named);
    examination_add(x, VERDICT_RELEASE_LEAF,
                    ok_if(err == ERR_NONE && secret_equal(named.b, leaf.b, sizeof leaf.b)),
                    err == ERR_NOT_FOUND ? "the logged boot names no release"
                    : err != ERR_NONE    ? "the logged statement names no release"
                                         : "the logged release against the manifest");
}

/* True when the log's proof holds. */
static bool log_add(const struct attest_document *d, const struct presented_expect *e,
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
        return false;
    }
    digest_sha256(d->identity, &identity);
    if (d->release_leaf.len == 0) {
        examination_add(x, VERDICT_LOG_PROOF, FINDING_FAILED, why);
        return false;
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
    return outcome == FINDING_OK;
}

/* Some program runs there, protected; that is worth nothing to a client that does not know which
 * one. */
static void program_add(const struct presented_expect *e, const struct attest_policy *p,
                        struct examination *x)
{
    bool named = e->release.len != 0 || p->n_measurements != 0;

    examination_add(x, VERDICT_PROGRAM, ok_if(named),
                    named ? "" : "neither a release manifest nor the policy names a program");
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
    release_add(e, *has_identity ? identity : NULL, x);
    leaf_add(d, e, log_add(d, e, x), x);
    program_add(e, p, x);
}
