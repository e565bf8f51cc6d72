/* The summary that `tr-verify gateway` and `bundle` print below an accepted verdict. */
#include "summary.h"

#include "policy_words.h"
#include "time_text.h"

#include <stdarg.h>
#include <stdio.h>

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

/* "smt debug", or "nothing". */
static const char *words(uint64_t bits, enum policy_words_list list, char out[static 128])
{
    const char *name;
    size_t len = 0;
    uint64_t bit;

    snprintf(out, 128, "nothing");
    for (size_t i = 0; (name = policy_words_at(list, i, &bit)) != NULL; i++) {
        int n = (bits & bit) == 0
                    ? 0
                    : snprintf(out + len, 128 - len, "%s%s", len == 0 ? "" : " ", name);

        len += n > 0 && (size_t)n < 128 - len ? (size_t)n : 0;
    }
    return out;
}

static enum err hardware(const struct summary_facts *f, struct buf *out)
{
    const struct snp_report *r = &f->x->report;
    char permitted[128];
    enum err e = buf_appendf(out, "\nProved by %s:\n",
                             f->x->simulated ? "a SIMULATOR's key (no processor vouches for this)"
                                             : "the processor's signature, under AMD's root");

    if (e == ERR_NONE)
        e = line(out, "a guest was launched with the measurement above; VMPL %u of it asked",
                 r->vmpl);
    if (e == ERR_NONE)
        e = line(out, "its launch permits: %s", words(r->policy, POLICY_WORDS_GUEST, permitted));
    if (e == ERR_NONE && (r->policy & SNP_POLICY_DEBUG) != 0)
        e = line(out, "DEBUGGABLE: the host can read and write its memory; it protects nothing");
    if (e == ERR_NONE && (r->policy & SNP_POLICY_MIGRATE_MA) != 0)
        e = line(out, "MIGRATABLE: an agent of the host's can take its memory to another machine");
    if (e == ERR_NONE)
        e = line(out, "that guest asked for this report and put the identity document into it");
    return e;
}

static enum err checked(const struct summary_facts *f, struct buf *out)
{
    const struct examination *x = f->x;
    enum err e = buf_append(out, VIEW_LIT("Checked by this program:\n"));

    if (e == ERR_NONE)
        e = f->recorded ? line(out, "the evidence answers the recorded nonce, exporter and key")
                        : line(out, "the evidence is fresh: it answers the nonce made just now");
    if (e == ERR_NONE && !f->recorded)
        e = line(out, "this TLS connection ends inside that guest: exporter and key are its own");
    if (e == ERR_NONE)
        e = line(out, "report, certificates and firmware versions satisfy the policy");
    if (e == ERR_NONE && passed(x, VERDICT_MEASUREMENT))
        e = line(out, "the measurement is one that the policy names");
    if (e == ERR_NONE && passed(x, VERDICT_RELEASE))
        e = line(out,
                 "the measurement and the providers are the manifest's, which is signed by the "
                 "release key");
    if (e == ERR_NONE && passed(x, VERDICT_LOG_PROOF))
        e = line(out, "a signed checkpoint of the transparency log covers it%s",
                 passed(x, VERDICT_RELEASE_LEAF) ? ", as a boot of this release" : "");
    if (e == ERR_NONE && passed(x, VERDICT_LOG))
        e = line(out, "the public log continues that checkpoint, entry by entry");
    if (e == ERR_NONE && f->ca_vouched)
        e = line(out, "the certificate authority vouches for the server's name");
    return e;
}

/* What was let pass, so that nobody reads more into the verdict than the policy asked. */
static enum err allowed(const struct summary_facts *f, struct buf *out)
{
    const struct attest_policy *p = f->policy;
    char list[128], until[TIME_TEXT_BYTES];
    enum err e = buf_append(out, VIEW_LIT("Allowed by the policy:\n"));

    if (e == ERR_NONE)
        e = line(out, "a launch that permits: %s", words(p->guest_allow, POLICY_WORDS_GUEST, list));
    if (e == ERR_NONE)
        e = line(out, "asked of the launch: %s",
                 words(p->guest_require, POLICY_WORDS_GUEST_REQUIRE, list));
    if (e == ERR_NONE)
        e = line(out, "asked of the platform: %s",
                 words(p->platform_require, POLICY_WORDS_PLATFORM, list));
    if (e == ERR_NONE && p->provisional_firmware)
        e = line(out, "firmware that the host can still roll back");
    if (e == ERR_NONE && p->allow_vlek)
        e = line(out, "a cloud's key in place of the chip's own");
    if (e == ERR_NONE && p->allow_unlocked_memory)
        e = line(out, "a program whose memory may be written to a disk");
    if (e == ERR_NONE && !p->require_crl && !passed(f->x, VERDICT_CRL))
        e = line(out, "certificates without a revocation list");
    if (e == ERR_NONE && p->expires_s != 0) {
        time_format(p->expires_s, until);
        e = line(out, "all this until %s", until);
    } else if (e == ERR_NONE) {
        e = line(out, "all this for ever: the policy has no `expires`");
    }
    return e;
}

static enum err said(const struct summary_facts *f, struct buf *out)
{
    const struct examination *x = f->x;
    enum err e = buf_append(out, VIEW_LIT("Said by the measured program itself:\n"));
    char key[65];

    hex_encode(f->identity->receipt_ed25519, 32, key);
    if (e == ERR_NONE)
        e = line(out, "audience %s; receipts are signed by %s", f->identity->audience, key);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("Said by the operator only, not proved here:\n"));
    if (e == ERR_NONE && !passed(x, VERDICT_RELEASE))
        e = line(out,
                 "that a signed release has this measurement: give --release and --release-key");
    if (e == ERR_NONE && !passed(x, VERDICT_CHIP))
        e = line(out, "whose processor this is: the policy lists no chips");
    if (e == ERR_NONE && !passed(x, VERDICT_LOG_PROOF))
        e = line(out, "that this program was published: no log proof was checked (--log-key)");
    if (e == ERR_NONE && !passed(x, VERDICT_LOG))
        e = line(out, "that others are shown the same log: it was not read (--log URL)");
    if (e == ERR_NONE && f->recorded)
        e = line(out, "time, exporter and key of the connection: the recorder's word");
    if (e == ERR_NONE && !f->recorded)
        e = line(out, "any later connection: this one alone was verified, and it is closed now");
    if (e == ERR_NONE)
        e = line(out,
                 "what the providers do with prompts; that nobody tampers with the memory bus");
    return e;
}

void summary(const struct summary_facts *f, struct buf *out)
{
    enum err e;

    if (f->x->verdict != VERDICT_ACCEPT)
        return;
    e = hardware(f, out);
    if (e == ERR_NONE)
        e = checked(f, out);
    if (e == ERR_NONE)
        e = allowed(f, out);
    if (e == ERR_NONE)
        e = said(f, out);
    if (e != ERR_NONE || buf_append_byte(out, '\0') != ERR_NONE)
        buf_reset(out);
}
