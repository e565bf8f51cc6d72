/* tr-verify gateway: is the program at the other end of this very connection the one we measured?
 * tr-verify bundle: the same question about a recorded answer, offline. */
#include "bundle.h"
#include "clock.h"
#include "document.h"
#include "https.h"
#include "judge.h"
#include "manifest.h"
#include "note.h"
#include "policy.h"
#include "presented.h"
#include "time_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXTRA_MAX = 8192, CRL_FILE_MAX = 64 << 10 };

struct arguments {
    const char *what; /* URL or FILE */
    const char *ca, *release, *log_key, *crl, *save;
    struct judge_options judge;
};

/* What is judged: the answer's bytes and what is known about the connection it came over. */
struct presented {
    struct bundle bundle;
    uint8_t nonce[32];
    bool ca_vouched, recorded;
};

/* --- what it all means, for people */

static enum err line(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static enum err line(struct buf *out, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return buf_appendf(out, "  %s\n", text);
}

static bool passed(const struct examination *x, enum verdict code)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->findings[i].code == code)
            return x->findings[i].outcome == FINDING_OK;
    return false;
}

static enum err summary_hardware(const struct examination *x, struct buf *out)
{
    enum err e = buf_appendf(out, "\nProved by %s:\n",
                             x->simulated ? "a SIMULATOR's key (no processor vouches for this)"
                                          : "the processor's signature, under AMD's root");

    if (e == ERR_NONE)
        e = line(out, "a guest was launched with the measurement above, not debuggable, VMPL 0");
    if (e == ERR_NONE)
        e = line(out, "that guest asked for this report and put the identity document into it");
    return e;
}

static enum err summary_checked(const struct presented *g, const struct examination *x,
                                struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("Checked by this program:\n"));

    if (e == ERR_NONE)
        e = g->recorded ? line(out, "the evidence answers the recorded nonce, exporter and key")
                        : line(out, "the evidence is fresh: it answers the nonce made just now");
    if (e == ERR_NONE && !g->recorded)
        e = line(out, "this TLS connection ends inside that guest: exporter and key are its own");
    if (e == ERR_NONE)
        e = line(out, "report, certificates and firmware versions satisfy the policy");
    if (e == ERR_NONE && passed(x, VERDICT_RELEASE))
        e = line(out, "the measurement is one of the release manifest's");
    if (e == ERR_NONE && passed(x, VERDICT_LOG_PROOF))
        e = line(out, "the transparency log vouches that this was published");
    if (e == ERR_NONE && g->ca_vouched)
        e = line(out, "the certificate authority vouches for the server's name");
    return e;
}

static enum err summary_said(const struct presented *g, const struct examination *x,
                             const struct identity *i, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("Said by the measured program itself:\n"));
    char key[65];

    hex_encode(i->receipt_ed25519, 32, key);
    if (e == ERR_NONE)
        e = line(out, "audience %s; receipts are signed by %s", i->audience, key);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("Said by the operator only, not proved here:\n"));
    if (e == ERR_NONE && !passed(x, VERDICT_MEASUREMENT) && !passed(x, VERDICT_RELEASE))
        e = line(out, "WHICH program this measurement is: give --release, or name it in --policy");
    if (e == ERR_NONE && !passed(x, VERDICT_CHIP))
        e = line(out, "whose processor this is: the policy lists no chips");
    if (e == ERR_NONE && !passed(x, VERDICT_LOG_PROOF))
        e = line(out, "that others are shown the same program: no log proof was checked");
    if (e == ERR_NONE && g->recorded)
        e = line(out, "time, exporter and key of the connection: the recorder's word");
    if (e == ERR_NONE)
        e = line(out,
                 "what the providers do with prompts; that nobody tampers with the memory bus");
    return e;
}

static void summary(const struct presented *g, const struct examination *x,
                    const struct identity *i, struct buf *out)
{
    enum err e = ERR_NONE;

    if (x->verdict == VERDICT_ACCEPT)
        e = summary_hardware(x, out);
    if (x->verdict == VERDICT_ACCEPT && e == ERR_NONE)
        e = summary_checked(g, x, out);
    if (x->verdict == VERDICT_ACCEPT && e == ERR_NONE)
        e = summary_said(g, x, i, out);
    if (e != ERR_NONE || buf_append_byte(out, '\0') != ERR_NONE)
        buf_reset(out);
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

static enum exit_code document_judge(const struct arguments *a, const struct presented *g,
                                     const struct attest_policy *policy,
                                     struct presented_expect *expect)
{
    struct attest_document d;
    struct examination x;
    struct identity identity;
    struct buf store, extra;
    bool has_identity;
    enum exit_code code;

    buf_init(&store, ATTEST_STORE_MAX);
    buf_init(&extra, EXTRA_MAX);
    if (attest_document_decode(g->bundle.document, &store, &d) != ERR_NONE) {
        code = malformed(&a->judge, policy, expect->now_s, "no tr-attestation/v1 document");
        goto done;
    }
    /* Offline the nonce is the document's: that it was fresh then is the recorder's word. */
    expect->nonce = g->recorded ? d.nonce : g->nonce;
    expect->exporter = g->bundle.exporter;
    expect->tls_spki = &g->bundle.tls_spki;
    attest_presented(&d, expect, policy, &x, &identity, &has_identity);
    summary(g, &x, &identity, &extra);
    code = judge_print(&a->judge, policy, expect->now_s, &x, has_identity ? &identity : NULL,
                       extra.len != 0 ? (const char *)extra.ptr : NULL);
done:
    buf_free(&store);
    buf_free(&extra);
    return code;
}

/* The files that say what is expected. */
static enum exit_code expect_and_judge(const struct arguments *a, const struct presented *g,
                                       const struct attest_policy *policy, uint64_t now_s)
{
    struct presented_expect expect = {.now_s = now_s};
    struct buf release = {.len = 0}, crl = {.len = 0};
    struct note_key key;
    enum exit_code code = EXIT_USAGE;

    if (a->release != NULL) {
        if (!file_load(a->release, MANIFEST_MAX, &release))
            goto done;
        expect.release = buf_view(&release);
        if (release.len == 0) {
            complain("%s is empty", a->release);
            goto done;
        }
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
    buf_free(&release);
    buf_free(&crl);
    return code;
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
static enum exit_code fetch(const struct arguments *a, struct presented *g, struct buf *body)
{
    char nonce[65], target[160];
    enum exit_code code = EXIT_REJECT;
    struct https *h = NULL;
    struct https_url url;
    unsigned status;

    if (!https_url_parse(a->what, &url)) {
        complain("%s is not of the form https://host[:port]", a->what);
        return EXIT_USAGE;
    }
    secret_random(g->nonce, sizeof g->nonce);
    hex_encode(g->nonce, 32, nonce);
    snprintf(target, sizeof target, "/attestation?nonce=%s&binding=tls-exporter", nonce);
    h = https_open(&url, a->ca);
    if (h == NULL)
        goto done;
    g->ca_vouched = a->ca != NULL;
    if (!https_binding(h, g->bundle.exporter, &g->bundle.tls_spki)) {
        complain("the connection has no exporter");
        goto done;
    }
    status = https_get(h, target, body);
    if (status == 0)
        goto done;
    if (status != 200) {
        complain("the gateway answered %u to %s", status, "GET /attestation");
        goto done;
    }
    g->bundle.at_s = clock_unix_ms() / 1000;
    snprintf(g->bundle.host, sizeof g->bundle.host, "%s", url.host);
    g->bundle.document = buf_view(body);
    code = a->save == NULL || save(a->save, &g->bundle) ? EXIT_ACCEPT : EXIT_INTERNAL;
done:
    https_close(h);
    if (code == EXIT_REJECT && a->judge.json)
        return refusal_print(true, code, "GATEWAY", "no evidence was got; the reason is on stderr");
    return code;
}

#define SHARED_OPTIONS(a)                                                                          \
    {"--release", &(a)->release, NULL}, {"--log-key", &(a)->log_key, NULL},                        \
        {"--crl", &(a)->crl, NULL}, JUDGE_OPTIONS(&(a)->judge)

static enum exit_code gateway_run(int argc, char **argv)
{
    struct arguments a = {.what = NULL};
    const struct option_value options[] = {
        {"--ca", &a.ca, NULL}, {"--save", &a.save, NULL}, SHARED_OPTIONS(&a)};
    struct attest_policy *policy = NULL;
    struct presented g = {.recorded = false};
    enum exit_code code;
    struct buf body;
    uint64_t now_s;

    if (!options_parse(argc, argv, "URL", &a.what, options, sizeof options / sizeof options[0]))
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
    "https://HOST[:PORT] [--release FILE] [--log-key VKEY] [--ca FILE] [--crl FILE] [--save "
    "FILE] " JUDGE_USAGE,
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

    if (!options_parse(argc, argv, "FILE", &a.what, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
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
    "FILE [--release FILE] [--log-key VKEY] [--crl FILE] " JUDGE_USAGE,
    bundle_run,
};
