/* The simulator as a quote backend: reports in the firmware's exact layout, signed in this process.
 */
#include "quote.h"

#include "secret.h"
#include "sim.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <stdlib.h>

struct quote_source {
    struct sim_platform platform;
    struct sim_knobs knobs;
    struct digest48 measurement;
};

enum { ECDSA_DER_MAX = 112, FIRMWARE = 1 << 16 | 55 << 8 | 43 };

struct sim_knobs sim_knobs(void)
{
    return (struct sim_knobs){
        .guest_policy = SNP_POLICY_SMT | SNP_POLICY_MUST_BE_ONE,
        .platform = SNP_PLATFORM_SMT | SNP_PLATFORM_ECC | SNP_PLATFORM_ALIAS_CHECK,
        .reported = sim_tcb,
        .committed = sim_tcb,
        .current = sim_tcb,
        .launch = sim_tcb,
    };
}

void sim_set_knobs(struct quote_source *s, const struct sim_knobs *k)
{
    s->knobs = *k;
}

static void store_le(uint8_t *at, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, v >>= 8)
        at[i] = (uint8_t)v;
}

static void report_fill(const struct sim_platform *p, const struct sim_knobs *k,
                        const struct digest48 *measurement, const uint8_t report_data[static 64],
                        uint8_t out[static SNP_REPORT_BYTES])
{
    memset(out, 0, SNP_REPORT_BYTES);
    store_le(out + SNP_AT_VERSION, 3, 4);
    store_le(out + SNP_AT_GUEST_SVN, k->guest_svn, 4);
    store_le(out + SNP_AT_POLICY, k->guest_policy, 8);
    store_le(out + SNP_AT_VMPL, k->vmpl, 4);
    store_le(out + SNP_AT_SIGNATURE_ALGO, 1, 4);
    snp_tcb_store(SNP_GENOA, &k->current, out + SNP_AT_CURRENT_TCB);
    store_le(out + SNP_AT_PLATFORM_INFO, k->platform, 8);
    memcpy(out + SNP_AT_REPORT_DATA, report_data, 64);
    memcpy(out + SNP_AT_MEASUREMENT, measurement->b, 48);
    secret_random(out + SNP_AT_REPORT_ID, 32);
    memset(out + SNP_AT_REPORT_ID_MA, 0xff, 32);
    snp_tcb_store(SNP_GENOA, &k->reported, out + SNP_AT_REPORTED_TCB);
    out[SNP_AT_CPUID_FAMILY] = SIM_FAMILY;
    out[SNP_AT_CPUID_MODEL] = SIM_MODEL;
    out[SNP_AT_CPUID_STEPPING] = SIM_STEPPING;
    memcpy(out + SNP_AT_CHIP_ID, p->chip_id, SIM_CHIP_ID_BYTES);
    snp_tcb_store(SNP_GENOA, &k->committed, out + SNP_AT_COMMITTED_TCB);
    store_le(out + SNP_AT_CURRENT_FIRMWARE, FIRMWARE, 3);
    store_le(out + SNP_AT_COMMITTED_FIRMWARE, FIRMWARE, 3);
    snp_tcb_store(SNP_GENOA, &k->launch, out + SNP_AT_LAUNCH_TCB);
}

/* OpenSSL's DER signature to the report's two little-endian numbers. */
static enum err signature_store(const uint8_t *der, size_t len, uint8_t *r_at, uint8_t *s_at)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    enum err e = ERR_CRYPTO;

    if (sig != NULL && BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), r_at, SNP_SCALAR_BYTES) > 0 &&
        BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), s_at, SNP_SCALAR_BYTES) > 0)
        e = ERR_NONE;
    ECDSA_SIG_free(sig);
    return e;
}

enum err sim_report(const struct sim_platform *p, const struct sim_knobs *k,
                    const struct digest48 *measurement, const uint8_t report_data[static 64],
                    uint8_t out[static SNP_REPORT_BYTES])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[ECDSA_DER_MAX];
    size_t len = sizeof der;
    enum err e = ERR_CRYPTO;

    report_fill(p, k, measurement, report_data, out);
    if (ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, p->vcek_key) == 1 &&
        EVP_DigestSign(ctx, der, &len, out, SNP_SIGNED_BYTES) == 1)
        e = signature_store(der, len, out + SNP_AT_R, out + SNP_AT_S);
    EVP_MD_CTX_free(ctx);
    return e;
}

/* --- the backend */

static void quote_sim_close(struct quote_source *s)
{
    if (s == NULL)
        return;
    sim_platform_free(&s->platform);
    free(s);
}

static enum err quote_sim_open(const char *dir, const struct digest48 *sim_measurement,
                               struct quote_source **out, struct buf *why)
{
    struct quote_source *s = calloc(1, sizeof *s);
    const char *sentence = "out of memory";
    enum err e = ERR_MEMORY;

    if (s == NULL)
        goto done;
    e = ERR_ATTESTATION;
    sentence = "the simulator needs a platform directory and a measurement";
    if (dir == NULL || sim_measurement == NULL)
        goto done;
    sentence = "the simulated platform cannot be read; make one with --make-platform";
    if (sim_platform_load(dir, &s->platform) != ERR_NONE)
        goto done;
    s->knobs = sim_knobs();
    s->measurement = *sim_measurement;
    *out = s;
    s = NULL;
    e = ERR_NONE;
done:
    quote_sim_close(s);
    if (e != ERR_NONE) {
        buf_reset(why);
        if (buf_append(why, view_str(sentence)) != ERR_NONE)
            buf_reset(why);
    }
    return e;
}

static enum err quote_sim_get(struct quote_source *s, const uint8_t report_data[static 64],
                              struct quote *out)
{
    enum err e = sim_report(&s->platform, &s->knobs, &s->measurement, report_data, out->report);

    buf_reset(&out->vek);
    buf_reset(&out->ask);
    if (e == ERR_NONE)
        e = buf_append(&out->vek, buf_view(&s->platform.vcek));
    if (e == ERR_NONE)
        e = buf_append(&out->ask, buf_view(&s->platform.ask));
    return e;
}

const struct quote_backend quote_backend = {
    .name = "simulated",
    .simulated = true,
    .open = quote_sim_open,
    .get = quote_sim_get,
    .close = quote_sim_close,
    .make_platform = sim_platform_make,
};
