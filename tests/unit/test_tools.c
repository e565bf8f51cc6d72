/* Certificates reach an auditor as his tools left them: DER, PEM, PEM with text around it, in a
 * table or beside it. What is one must be judged; what is none is a refusal with a code, not a
 * usage error. */
#include "attestation/tools/command.c"
#include "attestation/tools/judge.c"
#include "attestation/tools/cmd_report.c"
#include "attestation/tools/cmd_measure.c"

#include "check.h"
#include "file.h"

#include <fcntl.h>
#include <unistd.h>

#define POLICY "tests/fixtures/policies/genoa_v3.conf"
#define REAL "tests/fixtures/snp/real/genoa_v3_yaxi/"

static char dir[] = "/tmp/test_tools.XXXXXX";
static struct buf der, pem;
static char said[64 << 10];

static const char *place(const char *name)
{
    static char path[16][64];
    static unsigned n;

    n = (n + 1) % 16;
    snprintf(path[n], sizeof path[n], "%s/%s", dir, name);
    return path[n];
}

static void put(const char *name, struct view bytes)
{
    CHECK_INT(file_write(place(name), 0600, false, bytes), ERR_NONE);
}

/* The exit code; what was printed is in said. */
static int run(const struct command *c, const char *const *args)
{
    char *argv[24] = {(char *)c->name};
    int argc = 1, out = dup(1), fd, code;
    ssize_t n;

    while (argc < 23 && args[argc - 1] != NULL) {
        argv[argc] = (char *)args[argc - 1];
        argc++;
    }
    fflush(stdout);
    fd = open(place("said"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(out >= 0 && fd >= 0 && dup2(fd, 1) == 1);
    code = (int)c->run(argc, argv);
    fflush(stdout);
    CHECK(dup2(out, 1) == 1);
    n = pread(fd, said, sizeof said - 1, 0);
    said[n < 0 ? 0 : n] = '\0';
    close(fd);
    close(out);
    return code;
}

static void setup(void)
{
    const uint8_t *p;
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *x;
    char *text;
    long n;

    CHECK(mkdtemp(dir) != NULL);
    buf_init(&der, 64 << 10);
    buf_init(&pem, 64 << 10);
    CHECK_INT(conf_read_file(REAL "vcek.der", 64 << 10, &der), ERR_NONE);
    p = der.ptr;
    x = d2i_X509(NULL, &p, (long)der.len);
    CHECK(x != NULL && bio != NULL && X509_print(bio, x) == 1 && PEM_write_bio_X509(bio, x) == 1);
    n = BIO_get_mem_data(bio, &text);
    CHECK_INT(buf_append(&pem, view_of(text, (size_t)n)), ERR_NONE);
    BIO_free(bio);
    X509_free(x);
}

/* A table with one VCEK. */
static void table_put(struct view vcek)
{
    static const uint8_t guid[16] = {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
                                     0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd};
    uint8_t head[48] = {0};
    struct buf b;

    memcpy(head, guid, sizeof guid);
    head[16] = 48;
    head[20] = (uint8_t)(vcek.len & 0xff);
    head[21] = (uint8_t)(vcek.len >> 8);
    buf_init(&b, 64 << 10);
    CHECK_INT(buf_append(&b, view_of(head, sizeof head)), ERR_NONE);
    CHECK_INT(buf_append(&b, vcek), ERR_NONE);
    put("table.bin", buf_view(&b));
    buf_free(&b);
}

static void certificates(void)
{
    const struct {
        struct view bytes;
        int code;
        const char *word;
    } cases[] = {
        {buf_view(&der), EXIT_ACCEPT, "\"code\":\"ACCEPT\""},
        {buf_view(&pem), EXIT_ACCEPT, "\"code\":\"ACCEPT\""},
        {view_of(der.ptr, der.len - 1), EXIT_REJECT, "\"code\":\"CERT\""},
        {view_of(pem.ptr, pem.len - 40), EXIT_REJECT, "\"code\":\"CERT\""},
        {VIEW_LIT("no certificate"), EXIT_REJECT, "\"code\":\"CERT\""},
        {VIEW_EMPTY, EXIT_REJECT, "\"code\":\"CERT\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *vek[] = {REAL "report.bin", "--vek", place("vek"), "--json",
                             "--policy",        POLICY,  NULL};
        const char *certs[] = {"--json",          "--certs", place("table.bin"), "--policy", POLICY,
                               REAL "report.bin", NULL};

        put("vek", cases[i].bytes);
        table_put(cases[i].bytes);
        CHECK_INT(run(&command_report, vek), cases[i].code);
        CHECK(strstr(said, cases[i].word) != NULL);
        CHECK_INT(run(&command_report, certs), cases[i].code);
        CHECK(strstr(said, cases[i].word) != NULL);
    }
}

/* Only QEMU puts the processor's model into a virtual processor's registers. */
static void measure_types(void)
{
    static const char *const image = "tests/fixtures/snp/ovmf_small.bin";
    static const char *const with[] = {"--ovmf", image,         "--vcpus", "2", "--vmm",
                                       "gce",    "--vcpu-type", "EPYC-v4", NULL};
    static const char *const without[] = {"--ovmf", image, "--vcpus", "2", "--vmm=gce", NULL};
    static const char *const qemu[] = {"--ovmf", image, "--vcpus", "2", NULL};
    char first[98];

    CHECK_INT(run(&command_measure, with), EXIT_ACCEPT);
    snprintf(first, sizeof first, "%.97s", said);
    CHECK_INT(run(&command_measure, without), EXIT_ACCEPT);
    CHECK(strlen(said) == 97 && strcmp(first, said) == 0);
    CHECK_INT(run(&command_measure, qemu), EXIT_USAGE);
}

static void cleanup(void)
{
    static const char *const names[] = {"said", "vek", "table.bin"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(place(names[i]));
    rmdir(dir);
    buf_free(&der);
    buf_free(&pem);
}

static const struct check_case cases[] = {
    {"tools_setup", setup},
    {"tools_certificates", certificates},
    {"tools_measure_types", measure_types},
    {"tools_cleanup", cleanup},
};
CHECK_MAIN(cases)
