/* What tests/NEGATIVE.md asks for and no other file does: every stepping's floor in the policy that
 * ships (N05), with numbers that were written down from AMD's bulletins and not read from that
 * policy, and a binding that is right in half of its bytes (N03). Chains are synthetic, signatures
 * are real: each mutant is signed again, so that nothing but the changed field can refuse it. */
#include "check.h"

#include "policy.h"
#include "synthetic_amd.h"

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

static const uint64_t now_s = 1796000000;

/* AMD-SB-3015, 3019, 3020, 3027 as of 2026-11; family, model, stepping as a report has them. */
static const struct floor {
    const char *product;
    uint8_t family, model, stepping;
    struct snp_tcb tcb;
    uint8_t at[SNP_PART_COUNT]; /* byte of each part in a TCB; 0xff: not in this product */
} floors[] = {
    {"Genoa", 0x19, 0x11, 1, {{0, 7, 0, 27, 86}}, {0xff, 0, 1, 6, 7}},
    {"Genoa", 0x19, 0x11, 2, {{0, 7, 0, 27, 81}}, {0xff, 0, 1, 6, 7}},
    {"Turin", 0x1a, 0x02, 1, {{1, 1, 1, 4, 81}}, {0, 1, 2, 3, 7}},
};
static const uint16_t tcbs[] = {SNP_AT_CURRENT_TCB, SNP_AT_REPORTED_TCB, SNP_AT_COMMITTED_TCB,
                                SNP_AT_LAUNCH_TCB};

static struct attest_policy *policy;

/* The built-in policy, under the synthetic roots in place of AMD's. */
static void setup(void)
{
    static const char *const products[] = {"Genoa", "Turin"};
    struct buf why, cert;

    CHECK(amd_keys_make());
    buf_init(&why, 300);
    CHECK_INT(attest_policy_parse(attest_policy_builtin(), "policy", &policy, &why), ERR_NONE);
    attest_policy_distrust(policy);
    for (size_t i = 0; i < 2; i++) {
        amd_authority("ARK-", products[i], 0x10000, now_s, &cert);
        CHECK_INT(attest_policy_trust(policy, buf_view(&cert)), ERR_NONE);
        buf_free(&cert);
        amd_authority("SEV-", products[i], 0x10001, now_s, &cert);
        CHECK_INT(attest_policy_trust(policy, buf_view(&cert)), ERR_NONE);
        buf_free(&cert);
    }
    buf_free(&why);
}

static const char *judge(const uint8_t *r, struct view vek, const uint8_t *report_data)
{
    const struct attest_subject s = {
        .report = view_of(r, SNP_REPORT_BYTES), .vek = vek, .report_data = report_data};
    static struct examination x;

    attest_examine(&s, policy, now_s, &x);
    return verdict_name(x.verdict);
}

static void want(const struct floor *f, const char *what, int part, const char *got,
                 const char *verdict)
{
    if (strcmp(got, verdict) == 0)
        return;
    printf("# %s %02x-%02x-%02x, part %d, %s: %s\n", f->product, f->family, f->model, f->stepping,
           part, what, got);
    check_fail(__FILE__, __LINE__, verdict);
}

static void report_of(const struct floor *f, const struct amd_vek *v,
                      uint8_t r[static SNP_REPORT_BYTES])
{
    amd_report_make(v, r);
    r[SNP_AT_CPUID_STEPPING] = f->stepping;
    amd_report_sign(r);
}

/* A processor whose certificate and report agree on this TCB. */
static const char *processor(const struct floor *f, const struct snp_tcb *tcb)
{
    struct amd_vek v = {.product = f->product, .tcb = *tcb};
    uint8_t r[SNP_REPORT_BYTES];
    const char *got;
    struct buf vek;

    amd_vek_make(&v, now_s, &vek);
    report_of(f, &v, r);
    got = judge(r, buf_view(&vek), NULL);
    buf_free(&vek);
    return got;
}

static void each_part_of_each_floor(void)
{
    unsigned refused = 0;

    for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++) {
        const struct floor *f = &floors[i];

        want(f, "at the floor", -1, processor(f, &f->tcb), "ACCEPT");
        for (int part = 0; part < SNP_PART_COUNT; part++) {
            struct snp_tcb tcb = f->tcb;

            if (f->at[part] == 0xff)
                continue;
            tcb.part[part]++;
            want(f, "one above", part, processor(f, &tcb), "ACCEPT");
            if (f->tcb.part[part] == 0)
                continue;
            tcb.part[part] = (uint8_t)(f->tcb.part[part] - 1);
            want(f, "one below", part, processor(f, &tcb), "TCB_MIN");
            refused++;
        }
    }
    CHECK_INT(refused, 3 + 3 + 5);
}

/* The bytes themselves, so that a layout that is wrong in reading and in writing does not pass: a
 * guest launched on older firmware than the one that now reports. */
static void each_byte_of_the_launch(void)
{
    for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++) {
        const struct floor *f = &floors[i];
        const struct amd_vek v = {.product = f->product, .tcb = f->tcb};
        uint8_t r[SNP_REPORT_BYTES];
        struct buf vek;

        amd_vek_make(&v, now_s, &vek);
        for (int part = 0; part < SNP_PART_COUNT; part++) {
            if (f->at[part] == 0xff || f->tcb.part[part] == 0)
                continue;
            report_of(f, &v, r);
            for (size_t t = 0; t < 4; t++)
                CHECK_INT(r[tcbs[t] + f->at[part]], f->tcb.part[part]);
            r[SNP_AT_LAUNCH_TCB + f->at[part]]--;
            amd_report_sign(r);
            want(f, "launched below", part, judge(r, buf_view(&vek), NULL), "TCB_MIN");
        }
        /* the other product's order of the same parts */
        report_of(f, &v, r);
        for (size_t t = 0; t < 4; t++)
            snp_tcb_store(f->family == 0x1a ? SNP_GENOA : SNP_TURIN, &f->tcb, r + tcbs[t]);
        amd_report_sign(r);
        if (strcmp(judge(r, buf_view(&vek), NULL), "ACCEPT") == 0)
            want(f, "the other product's order", -1, "ACCEPT", "a refusal");
        buf_free(&vek);
    }
}

/* ACI puts a digest into the lower half and zeros above: a value that agrees below and has anything
 * above is another one. */
static void half_a_binding(void)
{
    const struct amd_vek v = {.product = "Genoa", .tcb = floors[0].tcb};
    uint8_t r[SNP_REPORT_BYTES], expected[64] = {0};
    struct buf vek;

    amd_vek_make(&v, now_s, &vek);
    secret_random(expected, 32);
    report_of(&floors[0], &v, r);
    memcpy(r + SNP_AT_REPORT_DATA, expected, 64);
    amd_report_sign(r);
    want(&floors[0], "the binding", -1, judge(r, buf_view(&vek), expected), "ACCEPT");
    for (size_t i = 0; i < 64; i++) {
        r[SNP_AT_REPORT_DATA + i] ^= 0x80;
        amd_report_sign(r);
        want(&floors[0], "a byte of the binding", (int)i, judge(r, buf_view(&vek), expected),
             "REPORT_DATA");
        r[SNP_AT_REPORT_DATA + i] ^= 0x80;
    }
    buf_free(&vek);
}

static void cleanup(void)
{
    attest_policy_free(policy);
    amd_keys_free();
}

static const struct check_case cases[] = {
    {"negative_setup", setup},
    {"negative_each_part_of_each_floor", each_part_of_each_floor},
    {"negative_each_byte_of_the_launch", each_byte_of_the_launch},
    {"negative_half_a_binding", half_a_binding},
    {"negative_cleanup", cleanup},
};
CHECK_MAIN(cases)
