#include "self_check.h"

#include "document.h"
#include "evidence.h"
#include "log.h"
#include "report.h"
#include "verify.h"

/* Of all that a verifier looks at: what must hold for any policy there could be. */
static const struct {
    enum verdict code;
    bool certificates; /* asked only when there are some */
} must_hold[] = {
    {VERDICT_LENGTH, false},      {VERDICT_VERSION_UNKNOWN, false},
    {VERDICT_SIG_ALGO, false},    {VERDICT_SIG_FORMAT, false},
    {VERDICT_REPORT_DATA, false}, {VERDICT_CERT, true},
    {VERDICT_CERT_ROOT, true},    {VERDICT_CERT_CHAIN, true},
    {VERDICT_TCB_CERT, true},     {VERDICT_HWID, true},
    {VERDICT_SIG, true},          {VERDICT_MBZ, true},
};

static enum err fail(enum err e, const char *sentence, struct buf *why)
{
    buf_reset(why);
    return buf_append(why, view_str(sentence)) == ERR_NONE ? e : ERR_MEMORY;
}

/* The report says simulated when the root that vouches for it does. */
static enum err judge(const struct self_check *c, const struct examination *x, bool certificates,
                      struct buf *why)
{
    for (size_t i = 0; i < sizeof must_hold / sizeof must_hold[0]; i++) {
        if (must_hold[i].certificates && !certificates)
            continue;
        for (size_t f = 0; f < x->n; f++) {
            if (x->findings[f].code != must_hold[i].code || x->findings[f].outcome == FINDING_OK)
                continue;
            buf_reset(why);
            return buf_appendf(why, "our own report does not verify: %s%s%s",
                               verdict_name(must_hold[i].code),
                               x->findings[f].detail[0] != '\0' ? ", " : "",
                               x->findings[f].detail) == ERR_NONE
                       ? ERR_ATTESTATION
                       : ERR_MEMORY;
        }
    }
    if (certificates && x->simulated != c->simulated)
        return fail(ERR_ATTESTATION,
                    "our own report is simulated and our identity is not, or the other way round",
                    why);
    return ERR_NONE;
}

/* Against the built-in policy, or one whose only root is `root`. */
static enum err examine(const struct attest_subject *s, struct view root, uint64_t now_s,
                        struct examination *x, struct buf *why)
{
    struct attest_policy *policy = NULL;
    enum err e = attest_policy_parse(attest_policy_builtin(), "built-in policy", &policy, why);

    if (e != ERR_NONE)
        return e;
    if (root.len != 0) {
        attest_policy_distrust(policy);
        if (attest_policy_trust(policy, root) != ERR_NONE) {
            e = fail(ERR_CONFIG, "platform_root: this is no root of a processor", why);
            goto done;
        }
    }
    attest_examine(s, policy, now_s, x);
done:
    attest_policy_free(policy);
    return e;
}

bool self_check_genuine(const struct msg_evidence *m, const uint8_t report_data[static 64],
                        struct view root, bool simulated, uint64_t now_s, enum snp_product *product)
{
    const struct attest_subject s = {
        .report = m->report, .vek = m->vek, .ask = m->ask, .report_data = report_data};
    const struct self_check c = {.simulated = simulated};
    struct examination x;
    struct buf why;
    bool good;

    buf_init(&why, 512);
    good = m->vek.len != 0 && examine(&s, root, now_s, &x, &why) == ERR_NONE &&
           judge(&c, &x, true, &why) == ERR_NONE && !x.vlek;
    if (good)
        *product = x.product;
    buf_free(&why);
    return good;
}

static enum err examine_own(const struct self_check *c, const struct quote *q,
                            const uint8_t report_data[static 64], struct buf *why)
{
    const struct attest_subject s = {.report = view_of(q->report, sizeof q->report),
                                     .vek = buf_view(&q->vek),
                                     .ask = buf_view(&q->ask),
                                     .report_data = report_data};
    struct examination x;
    enum err e = examine(&s, c->root, c->now_s, &x, why);

    if (e != ERR_NONE)
        return e;
    LOG("self_check", KV("certificates", s.vek.len != 0), KV("simulated", c->simulated));
    return judge(c, &x, s.vek.len != 0, why);
}

enum err self_check_run(const struct self_check *c, struct buf *why)
{
    static const uint8_t unbound[32];
    uint8_t nonce[32], report_data[64];
    struct digest32 leaf;
    struct quote q;
    enum err e;

    secret_random(nonce, sizeof nonce);
    evidence_leaf(EVIDENCE_PUBLIC, nonce, unbound, &leaf);
    evidence_report_data(c->identity, &leaf, report_data);
    quote_init(&q);
    e = c->get(c->source, report_data, &q);
    e = e != ERR_NONE ? fail(ERR_ATTESTATION, "the platform gives no attestation report", why)
                      : examine_own(c, &q, report_data, why);
    if (e == ERR_NONE && c->report != NULL)
        memcpy(c->report, q.report, sizeof q.report);
    quote_free(&q);
    return e;
}
