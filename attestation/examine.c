/* The checks of a report in their order, one row each. Every check that has what it needs is made,
 * whatever failed before it; the verdict is the first failure's. */
#include "examine.h"

#include "examine_check.h"
#include "policy.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void examiner_say(struct examiner *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(v->detail, FINDING_DETAIL_MAX, fmt, ap);
    va_end(ap);
}

/* --- the report by itself */

static enum finding_outcome check_length(struct examiner *v)
{
    examiner_say(v, "%zu bytes", v->s->report.len);
    return ok_if(v->have_report);
}

static enum finding_outcome check_version_old(struct examiner *v)
{
    examiner_say(v, "version %u", v->r.version);
    return ok_if(v->r.version >= 2);
}

static enum finding_outcome check_version_new(struct examiner *v)
{
    examiner_say(v, "version %u", v->r.version);
    return ok_if(v->r.version <= 5);
}

static enum finding_outcome check_sig_algo(struct examiner *v)
{
    examiner_say(v, "algorithm %u", v->r.signature_algo);
    return ok_if(v->r.signature_algo == 1); /* ECDSA P-384 with SHA-384 */
}

static enum finding_outcome check_sig_format(struct examiner *v)
{
    return ok_if(snp_report_signature_shape(&v->r));
}

/* Signed by the chip's own key (0) or, where the policy takes one, by a cloud's (1). */
static enum finding_outcome check_key_kind(struct examiner *v)
{
    uint32_t signing = v->r.key_info >> SNP_KEY_SIGNING_SHIFT & SNP_KEY_SIGNING_MASK;
    enum chain_role role = signing == 1 ? CHAIN_VLEK : CHAIN_VCEK;

    examiner_say(v, "signing key %u (%s)%s", signing,
                 signing == 0   ? "VCEK"
                 : signing == 1 ? "VLEK"
                 : signing == 7 ? "none"
                                : "reserved",
                 (v->r.key_info & SNP_KEY_MASK_CHIP) != 0 ? ", chip key masked" : "");
    return ok_if((signing == 0 || (signing == 1 && v->p->allow_vlek)) &&
                 (v->r.key_info & SNP_KEY_MASK_CHIP) == 0 &&
                 (!v->have_vek || v->vek.cert.role == role));
}

/* --- what the signed report says */

static enum finding_outcome check_version_taken(struct examiner *v)
{
    examiner_say(v, "version %u", v->r.version);
    return ok_if(v->r.version < 32 && (v->p->versions >> v->r.version & 1) != 0);
}

static enum finding_outcome check_vmpl(struct examiner *v)
{
    examiner_say(v, v->r.vmpl == UINT32_MAX ? "asked for by the host" : "VMPL %u", v->r.vmpl);
    return ok_if(v->r.vmpl == 0);
}

static enum finding_outcome check_policy_reserved(struct examiner *v)
{
    examiner_say(v, "guest policy 0x%llx", (unsigned long long)v->r.policy);
    return ok_if((v->r.policy & SNP_POLICY_MUST_BE_ONE) != 0 &&
                 v->r.policy >> SNP_POLICY_KNOWN_BITS == 0);
}

/* A permission the guest was launched with must be among those allowed. */
static enum finding_outcome permission(const struct examiner *v, uint64_t bit)
{
    return ok_if((v->r.policy & bit & ~v->p->guest_allow) == 0);
}

static enum finding_outcome check_policy_debug(struct examiner *v)
{
    return permission(v, SNP_POLICY_DEBUG);
}

static enum finding_outcome check_policy_migrate(struct examiner *v)
{
    return permission(v, SNP_POLICY_MIGRATE_MA);
}

static enum finding_outcome check_policy_cxl(struct examiner *v)
{
    return permission(v, SNP_POLICY_CXL);
}

static enum finding_outcome check_policy_smt(struct examiner *v)
{
    return permission(v, SNP_POLICY_SMT);
}

static enum finding_outcome check_policy_required(struct examiner *v)
{
    uint64_t missing = v->p->guest_require & ~v->r.policy;

    if (missing != 0)
        examiner_say(v, "guest policy lacks 0x%llx", (unsigned long long)missing);
    return ok_if(missing == 0);
}

static enum finding_outcome check_policy_abi(struct examiner *v)
{
    uint32_t abi = v->r.policy & 0xffff; /* major in the high byte */

    if (v->p->min_guest_abi == 0)
        return FINDING_NOT_ASKED;
    examiner_say(v, "the guest asked for firmware ABI %u.%u or later", abi >> 8, abi & 0xff);
    return ok_if(abi >= v->p->min_guest_abi);
}

/* Bits nobody has documented yet are set on real processors and are let be. */
static enum finding_outcome check_platform(struct examiner *v)
{
    const uint64_t known = 0xff;
    uint64_t unknown = v->r.platform & ~known;

    examiner_say(v, "platform 0x%llx, lacks 0x%llx, has forbidden 0x%llx%s",
                 (unsigned long long)v->r.platform,
                 (unsigned long long)(v->p->platform_require & ~v->r.platform),
                 (unsigned long long)(v->p->platform_forbid & v->r.platform),
                 unknown != 0 ? "; warning: bits that nobody has documented" : "");
    return ok_if((v->p->platform_require & ~v->r.platform) == 0 &&
                 (v->p->platform_forbid & v->r.platform) == 0);
}

static enum finding_outcome check_tcb_order(struct examiner *v)
{
    return ok_if(snp_tcb_covers(&v->current, &v->reported) &&
                 snp_tcb_covers(&v->current, &v->committed) &&
                 snp_tcb_covers(&v->current, &v->launch));
}

/* committed below current is firmware the host can still roll back: provisional. Without that,
 * reported <= current says reported <= committed as well. */
static enum finding_outcome check_tcb_provisional(struct examiner *v)
{
    bool provisional = memcmp(&v->committed, &v->current, sizeof v->committed) != 0 ||
                       v->r.firmware_committed < v->r.firmware_current;

    if (v->p->provisional_firmware)
        return FINDING_NOT_ASKED;
    if (provisional)
        examiner_say(v, "the running firmware is not committed");
    return ok_if(!provisional);
}

static enum finding_outcome check_firmware_order(struct examiner *v)
{
    return ok_if(v->r.firmware_committed <= v->r.firmware_current);
}

/* --- against the policy's dated numbers */

static enum finding_outcome check_policy_expired(struct examiner *v)
{
    if (v->p->expires_s == 0)
        return FINDING_NOT_ASKED;
    if (v->now_s >= v->p->expires_s)
        examiner_say(v, "the policy's floors are out of date: get a newer policy");
    return ok_if(v->now_s < v->p->expires_s);
}

static void say_tcb(struct examiner *v, const char *which, const struct snp_tcb *t,
                    const struct policy_floor *f)
{
    examiner_say(
        v, "%s TCB %u.%u.%u.%u.%u is below the floor %u.%u.%u.%u.%u (fmc.bl.tee.snp.ucode) %s",
        which, t->part[0], t->part[1], t->part[2], t->part[3], t->part[4], f->tcb.part[0],
        f->tcb.part[1], f->tcb.part[2], f->tcb.part[3], f->tcb.part[4], f->bulletin);
}

static enum finding_outcome check_tcb_min(struct examiner *v)
{
    const struct policy_floor *f = policy_floor(v->p, v->vek.cert.product, &v->r);

    if (f == NULL) {
        examiner_say(v, "the policy has no floor for stepping %02x-%02x-%02x", v->r.family,
                     v->r.model, v->r.stepping);
        return FINDING_FAILED;
    }
    if (!snp_tcb_covers(&v->reported, &f->tcb))
        say_tcb(v, "reported", &v->reported, f);
    else if (!snp_tcb_covers(&v->committed, &f->tcb))
        say_tcb(v, "committed", &v->committed, f);
    else if (!snp_tcb_covers(&v->launch, &f->tcb))
        say_tcb(v, "launch", &v->launch, f);
    else
        return FINDING_OK;
    return FINDING_FAILED;
}

static enum finding_outcome check_firmware_min(struct examiner *v)
{
    const struct policy_floor *f = policy_floor(v->p, v->vek.cert.product, &v->r);
    uint32_t want =
        f == NULL || f->firmware < v->p->min_firmware ? v->p->min_firmware : f->firmware;
    uint32_t have = v->r.firmware_committed;

    if (want == 0)
        return FINDING_NOT_ASKED;
    examiner_say(v, "committed firmware %u.%u.%u, floor %u.%u.%u", have >> 16, have >> 8 & 0xff,
                 have & 0xff, want >> 16, want >> 8 & 0xff, want & 0xff);
    return ok_if(have >= want);
}

static enum finding_outcome check_mitigations(struct examiner *v)
{
    uint64_t both = v->r.launch_mitigations & v->r.current_mitigations;

    if (v->p->mitigations_require == 0)
        return FINDING_NOT_ASKED;
    examiner_say(v, "mitigations 0x%llx", (unsigned long long)both);
    return ok_if((v->p->mitigations_require & ~both) == 0);
}

/* The author's key vouches for the ID key, so there is none without the other. */
static enum finding_outcome check_author(struct examiner *v)
{
    bool author = (v->r.key_info & SNP_KEY_AUTHOR) != 0;

    if (author != !all_zero(v->r.author_key_digest, 48) ||
        (author && all_zero(v->r.id_key_digest, 48)))
        return FINDING_FAILED;
    return ok_if(!v->p->author_key.asked ||
                 memcmp(v->r.author_key_digest, v->p->author_key.b, 48) == 0);
}

/* No ID block at all, or the pinned one's key. */
static enum finding_outcome check_id_key(struct examiner *v)
{
    return ok_if(memcmp(v->r.id_key_digest, v->p->id_key_sha384, 48) == 0);
}

static enum finding_outcome check_measurement(struct examiner *v)
{
    for (size_t i = 0; i < v->p->n_measurements; i++)
        if (memcmp(v->p->measurements[i].b, v->r.measurement, 48) == 0)
            return FINDING_OK;
    examiner_say(v, v->p->n_measurements == 0 ? "the policy names no measurement"
                                              : "not a measurement of the policy");
    return v->p->n_measurements == 0 ? FINDING_NOT_ASKED : FINDING_FAILED;
}

static enum finding_outcome check_guest_svn(struct examiner *v)
{
    examiner_say(v, "guest SVN %u, floor %u", v->r.guest_svn, v->p->min_guest_svn);
    return ok_if(v->r.guest_svn >= v->p->min_guest_svn);
}

static enum finding_outcome pinned(const struct policy_pin *pin, const uint8_t *got, size_t n)
{
    return pin->asked ? ok_if(memcmp(pin->b, got, n) == 0) : FINDING_NOT_ASKED;
}

static enum finding_outcome check_family_id(struct examiner *v)
{
    return pinned(&v->p->family_id, v->r.family_id, 16);
}

static enum finding_outcome check_image_id(struct examiner *v)
{
    return pinned(&v->p->image_id, v->r.image_id, 16);
}

static enum finding_outcome check_host_data(struct examiner *v)
{
    return ok_if(memcmp(v->r.host_data, v->p->host_data, sizeof v->p->host_data) == 0);
}

static enum finding_outcome check_report_data(struct examiner *v)
{
    if (v->s->report_data == NULL)
        return FINDING_NOT_ASKED;
    return ok_if(secret_equal(v->s->report_data, v->r.report_data, 64));
}

/* --- the table: alone, the certificates' (examine_certs.c), what is signed */

static const struct examiner_check alone[] = {
    {VERDICT_LENGTH, 0, check_length},
    {VERDICT_VERSION, NEED_REPORT, check_version_old},
    {VERDICT_VERSION_UNKNOWN, NEED_REPORT, check_version_new},
    {VERDICT_SIG_ALGO, NEED_REPORT, check_sig_algo},
    {VERDICT_SIG_FORMAT, NEED_REPORT, check_sig_format},
    {VERDICT_KEY_KIND, NEED_REPORT, check_key_kind},
};
static const struct examiner_check stated[] = {
    {VERDICT_VERSION, NEED_REPORT, check_version_taken},
    {VERDICT_VMPL, NEED_REPORT, check_vmpl},
    {VERDICT_POLICY_RSVD, NEED_REPORT, check_policy_reserved},
    {VERDICT_POLICY_DEBUG, NEED_REPORT, check_policy_debug},
    {VERDICT_POLICY_MIGRATE, NEED_REPORT, check_policy_migrate},
    {VERDICT_POLICY_CXL, NEED_REPORT, check_policy_cxl},
    {VERDICT_POLICY_SMT, NEED_REPORT, check_policy_smt},
    {VERDICT_POLICY_REQUIRED, NEED_REPORT, check_policy_required},
    {VERDICT_POLICY_ABI, NEED_REPORT, check_policy_abi},
    {VERDICT_PLATFORM, NEED_REPORT, check_platform},
    {VERDICT_TCB_ORDER, NEED_REPORT | NEED_VEK, check_tcb_order},
    {VERDICT_TCB_PROVISIONAL, NEED_REPORT | NEED_VEK, check_tcb_provisional},
    {VERDICT_FW_ORDER, NEED_REPORT, check_firmware_order},
    {VERDICT_POLICY_EXPIRED, 0, check_policy_expired},
    {VERDICT_TCB_MIN, NEED_REPORT | NEED_VEK, check_tcb_min},
    {VERDICT_FW_MIN, NEED_REPORT | NEED_VEK, check_firmware_min},
    {VERDICT_MITIGATIONS, NEED_REPORT, check_mitigations},
    {VERDICT_AUTHOR, NEED_REPORT, check_author},
    {VERDICT_ID_KEY, NEED_REPORT, check_id_key},
    {VERDICT_MEASUREMENT, NEED_REPORT, check_measurement},
    {VERDICT_GUEST_SVN, NEED_REPORT, check_guest_svn},
    {VERDICT_FAMILY_ID, NEED_REPORT, check_family_id},
    {VERDICT_IMAGE_ID, NEED_REPORT, check_image_id},
    {VERDICT_HOST_DATA, NEED_REPORT, check_host_data},
    {VERDICT_REPORT_DATA, NEED_REPORT, check_report_data},
};
enum { ALONE = sizeof alone / sizeof alone[0], STATED = sizeof stated / sizeof stated[0] };
_Static_assert(ALONE + EXAMINER_CERTIFICATE_CHECKS + STATED + FINDINGS_ADDED_MAX <= FINDINGS_MAX,
               "room for what a caller adds");

static void checks_run(struct examiner *v, const struct examiner_check *checks, size_t n,
                       struct examination *out)
{
    unsigned have = (v->have_report ? NEED_REPORT : 0) | (v->have_vek ? NEED_VEK : 0) |
                    (v->root != NULL ? NEED_CHAIN : 0);

    for (size_t i = 0; i < n; i++) {
        enum finding_outcome outcome = FINDING_NOT_REACHED;

        v->detail[0] = '\0';
        if ((checks[i].needs & ~have) == 0)
            outcome = checks[i].check(v);
        examination_add(out, checks[i].code, outcome, v->detail);
    }
}

unsigned examiner_run(struct examiner *v, struct examination *out)
{
    checks_run(v, alone, ALONE, out);
    checks_run(v, examiner_certificate_checks, EXAMINER_CERTIFICATE_CHECKS, out);
    checks_run(v, stated, STATED, out);
    return ALONE + EXAMINER_CERTIFICATE_CHECKS + STATED;
}
