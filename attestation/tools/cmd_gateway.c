/* tr-verify gateway: is the program at the other end of this very connection the one we measured?
 * tr-verify bundle: the same question about a recorded answer, offline. */
#include "bundle.h"
#include "clock.h"
#include "document.h"
#include "extract.h"
#include "https.h"
#include "image_files.h"
#include "judge.h"
#include "log_read.h"
#include "manifest.h"
#include "policy.h"
#include "presented.h"
#include "release_file.h"
#include "summary.h"
#include "tlog_proof.h"

#include <stdio.h>
#include <stdlib.h>

enum { CRL_FILE_MAX = 64 << 10 };

struct arguments {
    const char *what; /* URL or FILE */
    const char *ca, *audience, *crl, *save, *extract;
    const char *release, *release_key, *signature, *min_svn_text, *image;
    const char *log_key, *log, *timeout_text;
    uint64_t min_svn;
    unsigned timeout_s;
    struct judge_options judge;
};

/* What is judged: the answer's bytes and what is known about the connection it came over. */
struct presented {
    struct bundle bundle;
    uint8_t nonce[32];
    bool ca_vouched, recorded;
};

/* --- the public log */

struct search {
    struct digest32 manifest; /* leaf hash */
    bool found;
};

static void search_entry(void *cookie, uint64_t index, const struct digest32 *leaf,
                         struct view statement)
{
    struct search *s = cookie;

    (void)index;
    (void)statement;
    s->found = s->found || memcmp(leaf->b, s->manifest.b, sizeof leaf->b) == 0;
}

/* The log that everybody reads must continue the checkpoint that this client was shown, and have
 * the manifest as an entry. EXIT_ACCEPT also when it does not: then a finding says so. */
static enum exit_code log_compare(const struct arguments *a, const struct attest_document *d,
                                  const struct presented_expect *e, struct examination *x)
{
    struct search search = {.found = false};
    struct log_ask ask = {.key = e->log_key, .entry = search_entry, .cookie = &search};
    struct checkpoint stapled, head;
    enum log_fault fault;
    enum exit_code code = EXIT_ACCEPT;
    struct buf note;
    uint64_t index;
    const char *why;

    if (tlog_proof_check(d->release_proof, d->release_leaf, e->log_key, &index, &stapled) !=
        ERR_NONE)
        return EXIT_INTERNAL; /* LOG_PROOF is accepted by now */
    if (fetch_open(a->log, a->ca, a->timeout_s, &ask.from) != ERR_NONE) {
        complain("--log: %s is no place that can be read", a->log);
        return EXIT_USAGE;
    }
    buf_init(&note, LOG_NOTE_MAX);
    tlog_leaf_hash(e->release, &search.manifest);
    ask.known = &stapled;
    fault = log_read(&ask, &note, &head);
    why = fault != LOG_SOUND ? log_fault_text(fault)
          : e->release.len != 0 && !search.found
              ? "the release manifest is no entry of the public log"
              : "the public log continues the stapled checkpoint";
    if (fault == LOG_UNREACHABLE || fault == LOG_ASKED)
        code = fault == LOG_ASKED
                   ? EXIT_USAGE
                   : refusal_print(a->judge.json, EXIT_UNREACHABLE, "LOG", "%s", why);
    else
        examination_add(x, VERDICT_LOG,
                        fault == LOG_SOUND && (e->release.len == 0 || search.found)
                            ? FINDING_OK
                            : FINDING_FAILED,
                        why);
    buf_free(&note);
    fetch_close(ask.from);
    return code;
}

/* --- the published image */

static const char *image_wrong(const struct image_files *files, const struct manifest *m,
                               const struct examination *x)
{
    static struct image_findings f;
    enum image_check first;

    if (image_files_examine(files, m, &f, &first) != ERR_NONE)
        return "there is no memory for the initrd's entries";
    if (first != IMAGE_CHECK_COUNT)
        return f.checks[first].detail;
    for (size_t i = 0; i < m->n_measurements; i++) {
        if (f.recomputed[i].known &&
            secret_equal(f.recomputed[i].measurement.b, x->report.measurement, 48))
            return NULL;
    }
    return "the report's measurement is not one that the image's files give";
}

/* The files of --image are the manifest's and give the measurement that the report shows. False
 * after a complaint about a file. */
static bool image_compare(const struct arguments *a, struct view release, struct examination *x)
{
    static struct manifest m;
    struct image_files files;
    const char *wrong;
    bool ok;

    if (a->image == NULL || !x->have_report || manifest_parse(release, &m) != ERR_NONE) {
        examination_add(x, VERDICT_IMAGE,
                        a->image == NULL ? FINDING_NOT_ASKED : FINDING_NOT_REACHED,
                        a->image == NULL ? "no image was given" : "");
        return true;
    }
    ok = image_files_load(a->image, &files);
    if (ok) {
        wrong = image_wrong(&files, &m, x);
        examination_add(x, VERDICT_IMAGE, wrong == NULL ? FINDING_OK : FINDING_FAILED,
                        wrong == NULL ? "the image's files give the report's measurement" : wrong);
    }
    image_files_free(&files);
    return ok;
}

/* --- judging */

/* The document does not parse: one finding, nothing else to say. */
static enum exit_code malformed(const struct judge_options *o, const struct attest_policy *p,
                                uint64_t now_s, const char *why)
{
    struct examination x;

    memset(&x, 0, sizeof x);
    examination_add(&x, VERDICT_DOCUMENT, FINDING_FAILED, why);
    return judge_print(o, p, now_s, &x, NULL, NULL);
}

/* One that is decoded. */
static enum exit_code decoded_judge(const struct arguments *a, const struct presented *g,
                                    const struct attest_policy *policy,
                                    const struct attest_document *d,
                                    const struct presented_expect *expect)
{
    struct examination x;
    struct identity identity;
    bool has_identity;
    struct buf extra;
    struct summary_facts facts = {.x = &x,
                                  .policy = policy,
                                  .identity = &identity,
                                  .recorded = g->recorded,
                                  .ca_vouched = g->ca_vouched};
    enum exit_code code = EXIT_ACCEPT;

    if (a->extract != NULL && !extract(a->extract, d, expect->exporter))
        return EXIT_INTERNAL;
    attest_presented(d, expect, policy, &x, &identity, &has_identity);
    if (!image_compare(a, expect->release, &x))
        return EXIT_USAGE;
    if (a->log == NULL || x.verdict != VERDICT_ACCEPT)
        examination_add(&x, VERDICT_LOG, a->log == NULL ? FINDING_NOT_ASKED : FINDING_NOT_REACHED,
                        a->log == NULL ? "the public log was not read" : "");
    else
        code = log_compare(a, d, expect, &x);
    if (code != EXIT_ACCEPT)
        return code;
    buf_init(&extra, SUMMARY_MAX);
    summary(&facts, &extra);
    code = judge_print(&a->judge, policy, expect->now_s, &x, has_identity ? &identity : NULL,
                       extra.len != 0 ? (const char *)extra.ptr : NULL);
    buf_free(&extra);
    return code;
}

static enum exit_code document_judge(const struct arguments *a, const struct presented *g,
                                     const struct attest_policy *policy,
                                     struct presented_expect *expect)
{
    struct attest_document d;
    struct buf store;
    enum exit_code code;

    buf_init(&store, ATTEST_STORE_MAX);
    if (attest_document_decode(g->bundle.document, &store, &d) != ERR_NONE) {
        code = malformed(&a->judge, policy, expect->now_s, "no tr-attestation/v1 document");
    } else {
        /* Offline the nonce is the document's: that it was fresh then is the recorder's word. */
        expect->nonce = g->recorded ? d.nonce : g->nonce;
        expect->exporter = g->bundle.exporter;
        expect->tls_spki = &g->bundle.tls_spki;
        expect->audience = a->audience != NULL ? a->audience : g->bundle.host;
        code = decoded_judge(a, g, policy, &d, expect);
    }
    buf_free(&store);
    return code;
}

/* The files that say what is expected. */
static enum exit_code expect_and_judge(const struct arguments *a, const struct presented *g,
                                       const struct attest_policy *policy, uint64_t now_s)
{
    struct presented_expect expect = {.now_s = now_s, .min_svn = a->min_svn};
    struct release_file release = {.text = {.len = 0}};
    struct buf crl = {.len = 0};
    struct note_key key;
    enum exit_code code = EXIT_USAGE;

    if (a->release != NULL) {
        if (!release_file_load(a->release, a->signature, a->release_key, &release))
            goto done;
        expect.release = buf_view(&release.text);
        expect.release_signature = buf_view(&release.signature);
        expect.release_key = &release.key;
    }
    if (a->crl != NULL) {
        if (!file_load(a->crl, CRL_FILE_MAX, &crl))
            goto done;
        expect.crl = buf_view(&crl);
    }
    if (a->log_key != NULL) {
        if (!log_key_load(a->log_key, &key))
            goto done;
        expect.log_key = &key;
    }
    code = document_judge(a, g, policy, &expect);
done:
    release_file_free(&release);
    buf_free(&crl);
    return code;
}

/* --- what both take */

#define SHARED_OPTIONS(a)                                                                          \
    {"--release", &(a)->release, NULL}, {"--release-key", &(a)->release_key, NULL},                \
        {"--signature", &(a)->signature, NULL}, {"--min-svn", &(a)->min_svn_text, NULL},           \
        {"--image", &(a)->image, NULL}, {"--log-key", &(a)->log_key, NULL},                        \
        {"--log", &(a)->log, NULL}, {"--audience", &(a)->audience, NULL},                          \
        {"--crl", &(a)->crl, NULL}, {"--ca", &(a)->ca, NULL},                                      \
        {"--timeout", &(a)->timeout_text, NULL}, {"--extract", &(a)->extract, NULL},               \
        JUDGE_OPTIONS(&(a)->judge)
#define SHARED_USAGE                                                                               \
    "[--release FILE --release-key KEY [--signature FILE] [--min-svn N] [--image DIR]] "           \
    "[--log-key VKEY [--log URL|DIR]] [--audience NAME] [--crl FILE] [--ca FILE] "                 \
    "[--timeout SECONDS] [--extract DIR] "

/* An option that would check nothing without another one is an error, not a check passed over. */
static bool shared_check(struct arguments *a)
{
    if ((a->release == NULL) != (a->release_key == NULL)) {
        complain("--release FILE and --release-key KEY go together: a manifest that nobody signed "
                 "proves nothing");
        return false;
    }
    if (a->release == NULL &&
        (a->signature != NULL || a->min_svn_text != NULL || a->image != NULL)) {
        complain("--signature, --min-svn and --image are about --release FILE");
        return false;
    }
    if (a->log != NULL && a->log_key == NULL) {
        complain("--log needs --log-key VKEY: the log's verifier key, or a file with it");
        return false;
    }
    if (a->min_svn_text != NULL && !view_u64(view_str(a->min_svn_text), &a->min_svn)) {
        complain("--min-svn: %s is no number", a->min_svn_text);
        return false;
    }
    return timeout_parse(a->timeout_text, &a->timeout_s);
}

/* --- gateway */

static bool save(const char *path, const struct bundle *b)
{
    struct buf text;
    FILE *f = NULL;
    bool ok = false;

    buf_init(&text, BUNDLE_MAX);
    if (bundle_encode(b, &text) == ERR_NONE)
        f = fopen(path, "wbx");
    if (f != NULL) {
        ok = fwrite(text.ptr, 1, text.len, f) == text.len;
        ok = fclose(f) == 0 && ok;
    }
    if (!ok)
        complain("cannot write %s (it must not exist yet)", path);
    buf_free(&text);
    return ok;
}

/* Ask with a nonce of our own, over a connection whose exporter and key we see ourselves. */
static enum err evidence_get(const struct arguments *a, const struct https_url *url,
                             struct presented *g, struct buf *body)
{
    char nonce[65], target[160];
    struct https *h = NULL;
    unsigned status = 0;
    enum err e = https_open(url, a->ca, a->timeout_s, &h);

    if (e != ERR_NONE)
        return e;
    secret_random(g->nonce, sizeof g->nonce);
    hex_encode(g->nonce, 32, nonce);
    snprintf(target, sizeof target, "/attestation?nonce=%s&binding=tls-exporter", nonce);
    if (!https_binding(h, g->bundle.exporter, &g->bundle.tls_spki)) {
        complain("the connection has no exporter");
        e = ERR_TLS;
    }
    if (e == ERR_NONE)
        e = https_get(h, target, &status, body);
    if (e == ERR_NONE && status != 200) {
        complain("the gateway answered %u to GET /attestation", status);
        e = ERR_PROVIDER_STATUS;
    }
    https_close(h);
    return e;
}

static enum exit_code fetch(const struct arguments *a, struct presented *g, struct buf *body)
{
    struct https_url url;
    enum err e;

    if (!https_url_parse(a->what, &url)) {
        complain("%s is not of the form https://host[:port]", a->what);
        return EXIT_USAGE;
    }
    e = evidence_get(a, &url, g, body);
    if (e == ERR_CONFIG)
        return EXIT_USAGE;
    if (e == ERR_AUTH)
        return refusal_print(a->judge.json, EXIT_REJECT, "CA",
                             "the certificate authority does not vouch for the server");
    if (e != ERR_NONE)
        return refusal_print(a->judge.json, EXIT_UNREACHABLE, "GATEWAY", "no evidence came (%s)",
                             err_name(e));
    g->ca_vouched = a->ca != NULL;
    g->bundle.at_s = clock_unix_ms() / 1000;
    snprintf(g->bundle.host, sizeof g->bundle.host, "%s", url.host);
    g->bundle.document = buf_view(body);
    return a->save == NULL || save(a->save, &g->bundle) ? EXIT_ACCEPT : EXIT_INTERNAL;
}

static enum exit_code gateway_run(int argc, char **argv)
{
    struct arguments a = {.what = NULL};
    const struct option_value options[] = {{"--save", &a.save, NULL}, SHARED_OPTIONS(&a)};
    struct attest_policy *policy = NULL;
    struct presented g = {.recorded = false};
    enum exit_code code;
    struct buf body;
    uint64_t now_s;

    if (!options_parse(argc, argv, "URL", &a.what, options, sizeof options / sizeof options[0]) ||
        !shared_check(&a))
        return EXIT_USAGE;
    buf_init(&body, ATTEST_DOCUMENT_MAX);
    code = judge_prepare(&a.judge, &policy, &now_s);
    if (code == EXIT_ACCEPT)
        code = fetch(&a, &g, &body);
    if (code == EXIT_ACCEPT)
        code = expect_and_judge(&a, &g, policy, now_s);
    attest_policy_free(policy);
    buf_free(&body);
    return code;
}

const struct command command_gateway = {
    "gateway",
    "https://HOST[:PORT] " SHARED_USAGE "[--save FILE] " JUDGE_USAGE,
    gateway_run,
};

/* --- bundle */

static enum exit_code bundle_run(int argc, char **argv)
{
    struct arguments a = {.what = NULL};
    const struct option_value options[] = {SHARED_OPTIONS(&a)};
    struct attest_policy *policy = NULL;
    struct presented g = {.recorded = true};
    struct buf text, store;
    enum exit_code code;
    uint64_t now_s;

    if (!options_parse(argc, argv, "FILE", &a.what, options, sizeof options / sizeof options[0]) ||
        !shared_check(&a))
        return EXIT_USAGE;
    if (a.log == NULL && (a.ca != NULL || a.timeout_text != NULL)) {
        complain("--ca and --timeout are about --log URL");
        return EXIT_USAGE;
    }
    buf_init(&store, BUNDLE_MAX);
    code = file_load(a.what, BUNDLE_MAX, &text) ? judge_prepare(&a.judge, &policy, &now_s)
                                                : EXIT_USAGE;
    if (code == EXIT_ACCEPT) {
        if (bundle_decode(buf_view(&text), &store, &g.bundle) != ERR_NONE) {
            code = malformed(&a.judge, policy, now_s, "no tr-bundle/v1");
        } else {
            if (a.judge.at == NULL)
                now_s = g.bundle.at_s; /* as it was when it was recorded */
            code = expect_and_judge(&a, &g, policy, now_s);
        }
    }
    attest_policy_free(policy);
    buf_free(&text);
    buf_free(&store);
    return code;
}

const struct command command_bundle = {
    "bundle",
    "FILE " SHARED_USAGE JUDGE_USAGE,
    bundle_run,
};
