/* The self-check is what an operator meets when firmware, host or configuration do not fit: each
 * way to be unverifiable must end the start with its own word, and an honest platform must pass. */
#include "self_check.c"

#include "check.h"
#include "clock.h"
#include "conf.h"
#include "sim/sim.h"
#include "tls.h"

#include <stdio.h>
#include <stdlib.h>

static char dir[] = "/tmp/test_self_check.XXXXXX";
static struct quote_source *source;
static struct sim_platform others; /* another machine's chain */
static struct buf root, other_root;
static const struct view identity = {(const uint8_t *)"{\"identity\"}", 12};

static enum lie {
    HONEST,
    NO_CERTIFICATES,
    NO_REPORT,
    OTHER_REPORT_DATA,
    SIGNATURE_FLIPPED,
    SIGNED_BYTE_FLIPPED,
    OTHER_MACHINES_VCEK,
    OTHER_MACHINES_ASK,
    NO_VCEK_SHAPE,
    NEW_VERSION,
    OTHER_ALGORITHM,
} lie;

static enum err lying_get(struct quote_source *s, const uint8_t report_data[static 64],
                          struct quote *out)
{
    uint8_t other[64] = {1};
    enum err e = quote_backend.get(s, lie == OTHER_REPORT_DATA ? other : report_data, out);

    if (lie == NO_REPORT)
        return ERR_IO;
    if (lie == NO_CERTIFICATES) {
        buf_reset(&out->vek);
        buf_reset(&out->ask);
    }
    if (lie == SIGNATURE_FLIPPED)
        out->report[SNP_AT_S] ^= 1;
    if (lie == SIGNED_BYTE_FLIPPED)
        out->report[SNP_AT_MEASUREMENT] ^= 1;
    if (lie == NEW_VERSION)
        out->report[SNP_AT_VERSION] = 6;
    if (lie == OTHER_ALGORITHM)
        out->report[SNP_AT_SIGNATURE_ALGO] = 2;
    if (lie == NO_VCEK_SHAPE)
        out->vek.len--;
    if (lie == OTHER_MACHINES_VCEK) {
        buf_reset(&out->vek);
        CHECK_INT(buf_append(&out->vek, buf_view(&others.vcek)), ERR_NONE);
    }
    if (lie == OTHER_MACHINES_ASK) {
        buf_reset(&out->ask);
        CHECK_INT(buf_append(&out->ask, buf_view(&others.ask)), ERR_NONE);
    }
    return e;
}

static void root_read(const char *of, struct buf *out)
{
    char path[96];
    uint8_t der[8192];
    struct buf pem;
    X509 *cert = NULL;
    size_t len = 0;

    snprintf(path, sizeof path, "%s/ark.pem", of);
    buf_init(&pem, 16384);
    buf_init(out, 8192);
    CHECK_INT(conf_read_file(path, 16384, &pem), ERR_NONE);
    CHECK_INT(tls_cert_from_pem(buf_view(&pem), &cert), ERR_NONE);
    CHECK_INT(tls_cert_der(cert, der, sizeof der, &len), ERR_NONE);
    CHECK_INT(buf_append(out, view_of(der, len)), ERR_NONE);
    X509_free(cert);
    buf_free(&pem);
}

static void setup(void)
{
    struct digest48 measurement = {{7}};
    char one[64], two[64];
    struct buf why;

    snprintf(one, sizeof one, "%s/one", dir);
    snprintf(two, sizeof two, "%s/two", dir);
    buf_init(&why, 200);
    CHECK_INT(quote_backend.make_platform(one, &why), ERR_NONE);
    CHECK_INT(quote_backend.make_platform(two, &why), ERR_NONE);
    CHECK_INT(quote_backend.open(one, &measurement, &source, &why), ERR_NONE);
    CHECK_INT(sim_platform_load(two, &others), ERR_NONE);
    buf_free(&why);
    root_read(one, &root);
    root_read(two, &other_root);
}

static void run(enum lie told, bool simulated, struct view trusted, const char *want)
{
    const struct self_check c = {.source = source,
                                 .get = lying_get,
                                 .identity = identity,
                                 .simulated = simulated,
                                 .root = trusted,
                                 .now_s = clock_unix_ms() / 1000};
    struct buf why;
    char text[512];
    enum err e;

    lie = told;
    buf_init(&why, 1024);
    e = self_check_run(&c, &why);
    snprintf(text, sizeof text, "%.*s", (int)why.len, why.len != 0 ? (const char *)why.ptr : "");
    if ((e == ERR_NONE) != (want == NULL) || (want != NULL && strstr(text, want) == NULL))
        printf("# lie %d: %s: %s\n", told, err_name(e), text);
    CHECK_INT(e == ERR_NONE, want == NULL);
    CHECK(want == NULL ? why.len == 0 : strstr(text, want) != NULL);
    buf_free(&why);
}

static void honest(void)
{
    run(HONEST, true, buf_view(&root), NULL);
    /* A platform that hands over no certificates: others fetch them. */
    run(NO_CERTIFICATES, true, buf_view(&root), NULL);
}

static void liars(void)
{
    static const struct {
        enum lie lie;
        const char *want;
    } cases[] = {
        {NO_REPORT, "gives no attestation report"},
        {OTHER_REPORT_DATA, "does not verify: REPORT_DATA"},
        {SIGNATURE_FLIPPED, "does not verify: SIG"},
        {SIGNED_BYTE_FLIPPED, "does not verify: SIG"},
        {OTHER_MACHINES_VCEK, "does not verify: CERT"},
        {OTHER_MACHINES_ASK, "does not verify: CERT"},
        {NO_VCEK_SHAPE, "does not verify: CERT"},
        {NEW_VERSION, "does not verify: VERSION_UNKNOWN"},
        {OTHER_ALGORITHM, "does not verify: SIG_ALGO"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run(cases[i].lie, true, buf_view(&root), cases[i].want);
}

static void roots(void)
{
    run(HONEST, true, VIEW_EMPTY, "does not verify: CERT_ROOT"); /* AMD knows no simulator */
    run(HONEST, true, buf_view(&other_root), "does not verify: CERT");
    run(HONEST, true, VIEW_LIT("no certificate"), "platform_root");
    run(HONEST, false, buf_view(&root), "is simulated and our identity is not");
}

static void cleanup(void)
{
    char cmd[64];

    quote_backend.close(source);
    sim_platform_free(&others);
    buf_free(&root);
    buf_free(&other_root);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    CHECK_INT(system(cmd), 0);
}

static const struct check_case cases[] = {
    {"self_check_setup", setup}, {"self_check_honest", honest},   {"self_check_liars", liars},
    {"self_check_roots", roots}, {"self_check_cleanup", cleanup},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
