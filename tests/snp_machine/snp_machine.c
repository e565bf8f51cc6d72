/* Runs a program inside an emulated SEV-SNP guest; see README.md. */
#include "lib/snp_machine.h"
#include "synthetic_amd.h"

#include "secret.h"

#include <openssl/pem.h>
#include <time.h>

enum { PATH_BYTES = 512, DER_MAX = 8192 };

static const struct amd_vek genoa = {
    .product = "Genoa", .tcb = {{[SNP_BOOTLOADER] = 10, [SNP_SNP] = 27, [SNP_MICROCODE] = 88}}};
static char directory[PATH_BYTES - 32];

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "snp_machine: %s\n", why);
    exit(2);
}

static const char *path_of(const char *name)
{
    static char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static FILE *file_open(const char *name, const char *how)
{
    FILE *f = fopen(path_of(name), how);

    if (f == NULL)
        die("a file of its directory cannot be opened");
    return f;
}

static void der_write(const char *name, const struct buf *der)
{
    FILE *f = file_open(name, "w");

    fwrite(der->ptr, 1, der->len, f);
    fclose(f);
}

static int make(void)
{
    uint64_t now_s = (uint64_t)time(NULL);
    struct buf ark, ask, vcek;
    const unsigned char *at;
    X509 *root;
    FILE *f;

    mkdir(directory, 0700);
    if (!amd_keys_make())
        die("no keys");
    amd_authority("ARK-", "Genoa", 0x10000, now_s, &ark);
    amd_authority("SEV-", "Genoa", 0x10001, now_s, &ask);
    amd_vek_make(&genoa, now_s, &vcek);
    der_write("ask.der", &ask);
    der_write("vcek.der", &vcek);
    f = file_open("vcek.key", "w");
    PEM_write_PrivateKey(f, amd_vek_key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    at = ark.ptr;
    root = d2i_X509(NULL, &at, (long)ark.len);
    f = file_open("ark.pem", "w");
    PEM_write_X509(f, root);
    fclose(f);
    f = file_open("chip_id", "w");
    for (size_t i = 0; i < sizeof amd_chip; i++)
        fprintf(f, "%02x", amd_chip[i]);
    fclose(f);
    return 0;
}

/* A good report with these 64 bytes in it; a line in DIR/reports. */
static void report_sign(const uint8_t data[static 64], uint8_t out[static SNP_REPORT_BYTES])
{
    FILE *f = file_open("reports", "a");

    amd_report_make(&genoa, out);
    memcpy(out + SNP_AT_REPORT_DATA, data, 64);
    amd_report_sign(out);
    fputs("report\n", f);
    fclose(f);
}

static size_t der_read(const char *name, uint8_t *to)
{
    FILE *f = file_open(name, "r");
    size_t n = fread(to, 1, DER_MAX, f);

    fclose(f);
    return n;
}

/* VCEK and ASK, as a host hands them over. */
static void certs_load(void)
{
    static const uint8_t guids[2][17] = {
        "\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd",
        "\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82"};
    static const char *const names[2] = {"vcek.der", "ask.der"};
    uint32_t at = 3 * 24;

    for (size_t i = 0; i < 2; i++) {
        uint32_t n = (uint32_t)der_read(names[i], machine->certs + at);

        memcpy(machine->certs + i * 24, guids[i], 16);
        amd_store(machine->certs + i * 24 + 16, at, 4);
        amd_store(machine->certs + i * 24 + 20, n, 4);
        at += n;
    }
    machine->certs_len = at;
}

static void break_cb(int number)
{
    (void)number;
    machine->wiped = true;
    machine->report_errno = ENOTTY;
    machine->report_errors = UINT32_MAX;
}

int main(int argc, char **argv)
{
    bool making = argc == 3 && strcmp(argv[1], "--make") == 0;
    bool device = argc > 3 && strcmp(argv[2], "--device") == 0;
    const char *why;
    FILE *f;

    if (argc < 3 || (argv[1][0] == '-' && !making))
        die("usage: snp_machine --make DIR | snp_machine DIR [--device] COMMAND...");
    snprintf(directory, sizeof directory, "%s", argv[making ? 2 : 1]);
    if (making)
        return make();
    f = file_open("vcek.key", "r");
    amd_vek_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    signal(SIGUSR1, break_cb); /* the server's; the program starts with its own */
    why = machine_start(report_sign);
    signal(SIGUSR1, SIG_DFL);
    if (why != NULL)
        die(why);
    certs_load();
    machine->no_provider = device;
    f = file_open("pid", "w");
    fprintf(f, "%d\n", (int)machine_server);
    fclose(f);
    argv += device ? 3 : 2;
    execv(argv[0], argv);
    die("the command cannot be run");
}
