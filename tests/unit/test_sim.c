/* The simulator's output must be what AMD's looks like: its chain and its report are judged here by
 * OpenSSL's command line, which knows nothing of our verifier. */
#include "check.h"

#include "quote.h"
#include "sim/sim.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test_sim.XXXXXX";
static struct buf why;

static void file_put(const char *name, const void *p, size_t n)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(p, 1, n, f) == n);
    if (f != NULL)
        fclose(f);
}

/* cmd runs inside the platform's directory. */
static int shell(const char *cmd)
{
    char line[1024];

    snprintf(line, sizeof line, "cd %s && { %s; } >/dev/null 2>&1", dir, cmd);
    return system(line);
}

static void run_platform(void)
{
    struct stat st;
    char path[256];

    CHECK_INT(quote_backend.make_platform(dir, &why), ERR_NONE);
    CHECK_INT(quote_backend.make_platform(dir, &why), ERR_CONFLICT);
    snprintf(path, sizeof path, "%s/vcek.key", dir);
    CHECK(stat(path, &st) == 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(shell("openssl x509 -inform DER -in ask.der -out ask.pem && "
                    "openssl x509 -inform DER -in vcek.der -out vcek.pem && "
                    "openssl verify -CAfile ark.pem -untrusted ask.pem vcek.pem"),
              0);
    CHECK(shell("openssl verify -CAfile vcek.pem -untrusted ask.pem vcek.pem") != 0);
    CHECK_INT(shell("openssl x509 -in ark.pem -noout -subject | grep -q SIMULATED && "
                    "openssl x509 -in vcek.pem -noout -text | grep -q 1.3.6.1.4.1.3704.1.3.8"),
              0);
}

/* r and s of the report as OpenSSL's command line wants them. */
static void write_signature(const uint8_t *report)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_lebin2bn(report + SNP_AT_R, SNP_SCALAR_BYTES, NULL);
    BIGNUM *s = BN_lebin2bn(report + SNP_AT_S, SNP_SCALAR_BYTES, NULL);
    unsigned char der[128], *at = der;
    int n;

    CHECK(sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1);
    n = i2d_ECDSA_SIG(sig, &at);
    CHECK(n > 0);
    file_put("signature", der, (size_t)n);
    ECDSA_SIG_free(sig);
}

static void run_report(void)
{
    struct digest48 measurement = {{1, 2, 3}};
    uint8_t report_data[64] = {9, 8, 7};
    struct quote_source *source = NULL;
    struct snp_report r;
    struct quote q;

    quote_init(&q);
    CHECK_INT(quote_backend.open("/nonexistent", &measurement, &source, &why), ERR_ATTESTATION);
    CHECK(why.len > 0 && source == NULL);
    CHECK_INT(quote_backend.open(dir, &measurement, &source, &why), ERR_NONE);
    if (source == NULL)
        return;
    CHECK(quote_backend.simulated);
    CHECK_INT(quote_backend.get(source, report_data, &q), ERR_NONE);
    CHECK_INT(snp_report_parse(view_of(q.report, sizeof q.report), &r), ERR_NONE);
    CHECK_INT(r.version, 3);
    CHECK_INT(r.policy, 0x30000);
    CHECK(memcmp(r.report_data, report_data, 64) == 0);
    CHECK(memcmp(r.measurement, measurement.b, 48) == 0);
    CHECK(snp_report_reserved_zero(&r) && snp_report_signature_shape(&r));
    CHECK_INT(snp_product_of_cpuid(r.family, r.model), SNP_GENOA);
    file_put("signed", q.report, SNP_SIGNED_BYTES);
    write_signature(q.report);
    CHECK_INT(shell("openssl x509 -in vcek.pem -noout -pubkey > vcek.pub && "
                    "openssl dgst -sha384 -verify vcek.pub -signature signature signed"),
              0);
    q.report[SNP_AT_MEASUREMENT] ^= 1;
    file_put("signed", q.report, SNP_SIGNED_BYTES);
    CHECK(shell("openssl dgst -sha384 -verify vcek.pub -signature signature signed") != 0);
    CHECK_INT(snp_report_parse(view_of(q.report, sizeof q.report - 1), &r), ERR_FORMAT);
    quote_backend.close(source);
    quote_free(&q);
}

static void run_cleanup(void)
{
    CHECK_INT(shell("rm -f *"), 0);
    CHECK_INT(rmdir(dir), 0);
    buf_free(&why);
}

static const struct check_case cases[] = {
    {"sim_platform", run_platform},
    {"sim_report", run_report},
    {"sim_cleanup", run_cleanup},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    buf_init(&why, 256);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
