/* What stands between the processor and the evidence: the real client code, whole, against both of
 * a guest's devices as tests/lib/snp_machine.h plays them behind the kernel's own open, read,
 * write, close and ioctl. Every way in which the kernel, the firmware or the host can fail is made
 * to happen once, each beside the same call that works. Where this machine lets nobody mount FUSE
 * the cases are skipped, each by its name; test_tsm.c does not need it. */
#define quote_backend quote_backend_snp /* tests are linked with the simulator's as well */
#include "check.h"

#include "lib/snp_machine.h"

#include "clock.h"

#include <sys/ioctl.h>
#include <time.h>

/* Waiting is counted, not done. */
static unsigned waits;
static uint64_t waited_ms;
static int count_nanosleep(const struct timespec *t, struct timespec *left)
{
    (void)left;
    waits++;
    waited_ms += (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_nsec / 1000000;
    clock_freeze(waited_ms * 1000, 0);
    return 0;
}

/* How long the driver keeps a caller before it says that the host is busy. */
static unsigned driver_ms;
static int slow_ioctl(int fd, unsigned long command, void *call)
{
    waited_ms += driver_ms;
    clock_freeze(waited_ms * 1000, 0);
    return ioctl(fd, command, call);
}
#define nanosleep count_nanosleep
#define ioctl slow_ioctl
#include "sev_guest.c"
#undef ioctl
#undef nanosleep
#include "quote_snp.c"

static const uint8_t data[64] = {0xda, 0x7a, 3};

static void report_make(const uint8_t report_data[static 64], uint8_t out[static SNP_REPORT_BYTES])
{
    memset(out, 0x11, SNP_REPORT_BYTES);
    memcpy(out + SNP_AT_REPORT_DATA, report_data, 64);
}

/* VCEK, then ASK, then `more` bytes that no entry names. */
static void certs_set(uint32_t more)
{
    static const uint8_t head[72] =
        "\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd"
        "\x48\0\0\0\x04\0\0\0"
        "\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82"
        "\x4c\0\0\0\x03\0\0\0";

    memcpy(machine->certs, head, sizeof head);
    memcpy(machine->certs + sizeof head, "vcekask", 7);
    machine->certs_len = sizeof head + 7 + more;
}

static bool quote_good(const struct quote *q, bool certs)
{
    uint8_t want[SNP_REPORT_BYTES];

    report_make(data, want);
    return memcmp(q->report, want, sizeof want) == 0 &&
           view_eq(buf_view(&q->vek), certs ? VIEW_LIT("vcek") : VIEW_EMPTY) &&
           view_eq(buf_view(&q->ask), certs ? VIEW_LIT("ask") : VIEW_EMPTY);
}

/* --- the emulation itself is what its header says */

static bool entry_file(const char *attr, int flags, int *fd)
{
    char path[128];

    snprintf(path, sizeof path, "/sys/kernel/config/tsm/report/self/%s", attr);
    *fd = open(path, flags | O_CLOEXEC);
    return *fd >= 0;
}

static long entry_read(const char *attr, uint8_t *out, size_t n)
{
    long got;
    int fd;

    if (!entry_file(attr, O_RDONLY, &fd))
        return -errno;
    got = read(fd, out, n);
    got = got < 0 ? -errno : got;
    close(fd);
    return got;
}

static long entry_write(const char *attr, const void *p, size_t n)
{
    long took;
    int fd;

    if (!entry_file(attr, O_WRONLY, &fd))
        return -errno;
    took = write(fd, p, n);
    took = took < 0 ? -errno : took;
    return close(fd) == 0 ? took : -1000;
}

static void run_emulation(void)
{
    static const char dir[] = "/sys/kernel/config/tsm/report/self";
    uint8_t b[2048];

    machine_reset();
    machine->privlevel_floor = 1;
    CHECK_INT(mkdir(dir, 0700), 0);
    CHECK(mkdir(dir, 0700) != 0 && errno == EEXIST);
    CHECK_INT(entry_read("provider", b, sizeof b), 10);
    CHECK(memcmp(b, "sev_guest\n", 10) == 0);
    CHECK_INT(entry_read("outblob", b, sizeof b), -EINVAL); /* nothing was asked */
    CHECK_INT(entry_write("inblob", b, 65), 65);            /* taken by write, lost at close */
    CHECK(entry_read("generation", b, sizeof b) == 2 && b[0] == '0');
    CHECK_INT(entry_write("inblob", data, 64), 64);
    CHECK(entry_read("generation", b, sizeof b) == 2 && b[0] == '1');
    CHECK_INT(entry_read("outblob", b, sizeof b), -EIO); /* level 0 is below the floor */
    CHECK_INT(entry_write("privlevel", "0", 1), -EINVAL);
    CHECK_INT(entry_write("privlevel", "4", 1), -EINVAL);
    CHECK_INT(entry_write("privlevel", "1", 1), 1);
    CHECK(entry_read("generation", b, sizeof b) == 2 && b[0] == '2');
    CHECK_INT(entry_read("outblob", b, sizeof b), SNP_REPORT_BYTES);
    CHECK_INT(entry_read("outblob", b, sizeof b), SNP_REPORT_BYTES);
    CHECK_INT(machine->reports, 1); /* the second read is the first one's report */
    CHECK_INT(entry_read("inblob", b, sizeof b), -EPERM);
    CHECK_INT(rmdir(dir), 0);
    CHECK_INT(entry_read("generation", b, sizeof b), -ENOENT);
}

/* --- configfs-tsm */

#define TSM(setup, want, want_writes)                                                              \
    do {                                                                                           \
        struct quote q_;                                                                           \
        machine_reset();                                                                           \
        certs_set(0);                                                                              \
        setup;                                                                                     \
        quote_init(&q_);                                                                           \
        CHECK_INT(tsm_report(&tsm_configfs, data, &q_), want);                                     \
        CHECK_INT(machine->writes, want_writes);                                                   \
        CHECK_INT(machine->removed, machine->made); /* nothing is left behind */                   \
        CHECK((want) != ERR_NONE || quote_good(&q_, machine->certs_len != 0));                     \
        quote_free(&q_);                                                                           \
    } while (0)

static void run_tsm(void)
{
    TSM((void)0, ERR_NONE, 1);
    TSM(machine->generation = UINT64_MAX - 7, ERR_NONE, 1);
    TSM(machine->certs_len = 0, ERR_NONE, 1); /* QEMU hands over an empty table */
    TSM(certs_set(20 << 10), ERR_NONE, 1);
    TSM(certs_set(33 << 10), ERR_LIMIT, 1); /* more than a binary attribute can be */
    /* bytes in small pieces, both ways */
    TSM(machine->read_step = 100, ERR_NONE, 1);
    TSM(machine->read_step = 1, ERR_NONE, 1);
    TSM(machine->write_short = 10, ERR_NONE, 1);
    /* no such thing here */
    TSM(machine->no_provider = true, ERR_UNSUPPORTED, 0);
    TSM(strcpy(machine->provider, "tdx_guest"), ERR_UNSUPPORTED, 0);
    TSM(strcpy(machine->provider, "sev_guest2"), ERR_UNSUPPORTED, 0);
    /* it fails */
    TSM(machine->write_errno = ENOSPC, ERR_IO, 0);
    TSM(machine->no_auxblob = true, ERR_IO, 1);
    TSM((machine->report_errno = EIO, machine->report_errors = 1), ERR_IO, 1);
    TSM((machine->report_errno = ENOTTY, machine->report_errors = 9), ERR_IO, 1);
    TSM(machine->privlevel_floor = 1, ERR_IO, 1);
    /* the report is not the one that was asked for */
    TSM(machine->other_data = true, ERR_ATTESTATION, 1);
    TSM(machine->report_bytes = SNP_REPORT_BYTES - 1, ERR_ATTESTATION, 1);
    TSM(machine->report_bytes = SNP_REPORT_BYTES + 1, ERR_ATTESTATION, 1);
    TSM(machine->report_bytes = 0, ERR_ATTESTATION, 1);
}

static void run_tsm_races(void)
{
    /* a close that took nothing: told by the generation alone, and asked again */
    TSM(machine->lost = 1, ERR_NONE, 1);
    TSM(machine->lost = 4, ERR_NONE, 1);
    TSM(machine->lost = 5, ERR_ATTESTATION, 0);
    /* somebody else's question before the report is made: two writes for each try lost */
    TSM(machine->intruders = 1, ERR_NONE, 3);
    TSM(machine->intruders = 4, ERR_NONE, 9);
    TSM(machine->intruders = 5, ERR_ATTESTATION, 10);
    /* between report and certificates */
    TSM(machine->late_writes = 2, ERR_NONE, 5);
    TSM(machine->late_writes = 5, ERR_ATTESTATION, 10);
    /* busy */
    TSM(machine->write_errno = EBUSY, ERR_ATTESTATION, 0);
    TSM((machine->report_errno = EBUSY, machine->report_errors = 2), ERR_NONE, 3);
    TSM((machine->report_errno = EWOULDBLOCK, machine->report_errors = 4), ERR_NONE, 5);
    TSM((machine->report_errno = EWOULDBLOCK, machine->report_errors = 5), ERR_ATTESTATION, 5);
}

/* --- /dev/sev-guest */

static struct sev_guest_trouble trouble;

#define DEVICE(setup, want, want_ext, want_plain)                                                  \
    do {                                                                                           \
        struct quote q_;                                                                           \
        machine_reset();                                                                           \
        certs_set(0);                                                                              \
        waits = driver_ms = 0;                                                                     \
        waited_ms = 0;                                                                             \
        clock_freeze(0, 0);                                                                        \
        setup;                                                                                     \
        quote_init(&q_);                                                                           \
        CHECK_INT(sev_guest_report(data, &q_, &trouble), want);                                    \
        CHECK_INT(machine->ext_calls, want_ext);                                                   \
        CHECK_INT(machine->plain_calls, want_plain);                                               \
        CHECK((want) != ERR_NONE ||                                                                \
              quote_good(&q_, machine->certs_len != 0 && machine->plain_calls == 0));              \
        quote_free(&q_);                                                                           \
    } while (0)

static void run_device(void)
{
    DEVICE((void)0, ERR_NONE, 1, 0);
    CHECK(trouble.firmware == 0 && trouble.host == 0 && trouble.os == 0);
    CHECK_INT(machine->last_certs_len, 16384);
    DEVICE(machine->certs_len = 0, ERR_NONE, 1, 0);
    DEVICE(machine->no_device = true, ERR_UNSUPPORTED, 0, 0);
    CHECK_INT(trouble.os, ENXIO);
    /* a kernel without the extended report: without certificates */
    DEVICE(machine->no_ext = true, ERR_NONE, 0, 1);
    /* the driver threw its key away: nothing until a reboot */
    DEVICE(machine->wiped = true, ERR_UNSUPPORTED, 1, 1);
    CHECK_INT(trouble.os, ENOTTY);
    DEVICE(machine->device_errno = EFAULT, ERR_IO, 1, 0);
    CHECK_INT(trouble.os, EFAULT);
    /* signals */
    DEVICE(machine->interrupts = 3, ERR_NONE, 4, 0);
    DEVICE(machine->interrupts = 63, ERR_NONE, 64, 0);
    DEVICE(machine->interrupts = 64, ERR_IO, 64, 0);
    CHECK_INT(trouble.os, EINTR);
}

static void run_device_firmware(void)
{
    /* the firmware's own error, in the low half: the operator gets the number */
    DEVICE(machine->firmware = 0x16, ERR_ATTESTATION, 1, 0);
    CHECK(trouble.firmware == 0x16 && trouble.host == 0 && trouble.os == EIO);
    CHECK_INT(waits, 0);
    /* a call that went well, and an answer that says it did not */
    DEVICE(machine->status = 0x16, ERR_ATTESTATION, 1, 0);
    CHECK_INT(trouble.firmware, 0x16);
    DEVICE(machine->size_said = SNP_REPORT_BYTES - 1, ERR_ATTESTATION, 1, 0);
    DEVICE(machine->size_said = 4000, ERR_ATTESTATION, 1, 0);
    DEVICE(machine->size_said = UINT32_MAX, ERR_ATTESTATION, 1, 0);
    DEVICE(machine->report_bytes = SNP_AT_REPORT_DATA + 2, ERR_ATTESTATION, 1, 0);
    DEVICE(machine->other_data = true, ERR_ATTESTATION, 1, 0);
}

static void run_device_certificates(void)
{
    /* more than 16 KiB of them: the driver says how much, and takes it when it can */
    DEVICE((certs_set(20 << 10), machine->certs_limit = 64 << 10), ERR_NONE, 2, 0);
    CHECK_INT(machine->last_certs_len, 24576);
    CHECK_INT(machine->bad_calls, 0);
    /* without them when it cannot (the bound of today's kernels), when the table keeps growing, and
     * when it is larger than what we would take */
    DEVICE(certs_set(20 << 10), ERR_NONE, 2, 1);
    CHECK_INT(machine->bad_calls, 1);
    DEVICE((certs_set(17 << 10), machine->always_short = 8192, machine->certs_limit = 64 << 10),
           ERR_NONE, 7, 1);
    DEVICE((machine->certs_len = 70 << 10, machine->certs_limit = 1 << 20), ERR_NONE, 1, 1);
    /* a table of the host's that is none */
    DEVICE((memset(machine->certs, 0xff, 4096), machine->certs_len = 0), ERR_NONE, 1, 0);
}

static void run_device_busy(void)
{
    DEVICE(machine->busy = 1, ERR_NONE, 2, 0);
    CHECK(waits == 1 && waited_ms == 50);
    DEVICE(machine->busy = 4, ERR_NONE, 5, 0);
    CHECK(waits == 4 && waited_ms == 50 + 100 + 200 + 400);
    DEVICE((machine->busy = 2, machine->busy_errno = EAGAIN), ERR_NONE, 3, 0);
    DEVICE((machine->busy = 2, machine->busy_errno = ETIMEDOUT), ERR_NONE, 3, 0);
    /* for ever: given up after the bound, and told as what it is */
    DEVICE(machine->busy = 1000, ERR_OVERLOAD, 15, 0);
    CHECK(waited_ms <= SEV_GUEST_BUSY_MS && waited_ms > SEV_GUEST_BUSY_MS / 2);
    CHECK_INT(trouble.host, SNP_GUEST_VMM_ERR_BUSY);
    /* the driver had tried for a minute itself: that is enough */
    DEVICE((machine->busy = 1000, machine->busy_errno = ETIMEDOUT, driver_ms = 60000), ERR_OVERLOAD,
           1, 0);
    CHECK_INT(waits, 0);
    DEVICE((machine->busy = 1000, driver_ms = 2000), ERR_OVERLOAD, 8, 0);
    CHECK(waited_ms < SEV_GUEST_BUSY_MS + 2000);
    /* busy, and then a failure: no more waiting */
    DEVICE((machine->busy = 1, machine->firmware = 5), ERR_ATTESTATION, 2, 0);
    CHECK_INT(waits, 1);
    clock_thaw();
}

/* --- the whole backend: helper process, socket, and which device is asked */

#define BACKEND(setup, want, want_writes, want_ext)                                                \
    do {                                                                                           \
        struct quote_source *s_ = NULL;                                                            \
        struct quote q_;                                                                           \
        struct buf why_;                                                                           \
        buf_init(&why_, 256);                                                                      \
        quote_init(&q_);                                                                           \
        machine_reset();                                                                           \
        certs_set(0);                                                                              \
        setup;                                                                                     \
        CHECK_INT(quote_backend_snp.open(NULL, NULL, &s_, &why_), want);                           \
        CHECK((s_ != NULL) == ((want) == ERR_NONE) && (why_.len != 0) == ((want) != ERR_NONE));    \
        if (s_ != NULL) {                                                                          \
            CHECK_INT(quote_backend_snp.get(s_, data, &q_), ERR_NONE);                             \
            CHECK(quote_good(&q_, true));                                                          \
        }                                                                                          \
        CHECK_INT(machine->writes, want_writes);                                                   \
        CHECK_INT(machine->ext_calls, want_ext);                                                   \
        quote_backend_snp.close(s_);                                                               \
        quote_free(&q_);                                                                           \
        buf_free(&why_);                                                                           \
    } while (0)

static void run_backend(void)
{
    BACKEND((void)0, ERR_NONE, 2, 0); /* configfs-tsm first: the trial, and ours */
    BACKEND(machine->no_provider = true, ERR_NONE, 0, 2); /* then the device */
    BACKEND(strcpy(machine->provider, "tdx_guest"), ERR_NONE, 0, 2);
    BACKEND((machine->no_provider = true, machine->no_device = true), ERR_ATTESTATION, 0, 0);
    BACKEND((machine->no_provider = true, machine->firmware = 0x16), ERR_ATTESTATION, 0, 1);
    /* configfs-tsm that fails is not gone around: the device would fail for the same reason */
    BACKEND((machine->report_errno = EIO, machine->report_errors = 9), ERR_ATTESTATION, 1, 0);
}

static void run_backend_goes_on(void)
{
    struct quote_source *s = NULL;
    struct quote q;
    struct buf why;

    buf_init(&why, 256);
    quote_init(&q);
    machine_reset();
    certs_set(0);
    CHECK_INT(quote_backend_snp.open(NULL, NULL, &s, &why), ERR_NONE);
    if (s == NULL)
        return;
    machine->report_errno = EIO;
    machine->report_errors = 1;
    CHECK_INT(quote_backend_snp.get(s, data, &q), ERR_IO);
    CHECK_INT(quote_backend_snp.get(s, data, &q), ERR_NONE);
    CHECK(quote_good(&q, true));
    /* the helper's death is the end of evidence, not of the program */
    CHECK_INT(kill(s->child, SIGKILL), 0);
    CHECK_INT(quote_backend_snp.get(s, data, &q), ERR_ATTESTATION);
    CHECK_INT(quote_backend_snp.get(s, data, &q), ERR_ATTESTATION);
    quote_backend_snp.close(s);
    quote_free(&q);
    buf_free(&why);
}

/* --- without any device, which needs no emulation */

static void run_nothing_there(void)
{
    struct quote_source *s = NULL;
    struct buf why;

    if (access("/dev/sev-guest", F_OK) == 0 || access("/sys/kernel/config/tsm", F_OK) == 0) {
        check_skip("this machine has the device");
        return;
    }
    buf_init(&why, 256);
    CHECK_INT(quote_backend_snp.open(NULL, NULL, &s, &why), ERR_ATTESTATION);
    CHECK(s == NULL && memmem(why.ptr, why.len, "no SEV-SNP guest", 16) != NULL);
    buf_free(&why);
}

static const struct check_case alone[] = {{"quote_snp_nothing_there", run_nothing_there}};
static const struct check_case cases[] = {
    {"quote_snp_emulation", run_emulation},
    {"quote_snp_tsm", run_tsm},
    {"quote_snp_tsm_races", run_tsm_races},
    {"quote_snp_device", run_device},
    {"quote_snp_device_firmware", run_device_firmware},
    {"quote_snp_device_certificates", run_device_certificates},
    {"quote_snp_device_busy", run_device_busy},
    {"quote_snp_backend", run_backend},
    {"quote_snp_backend_goes_on", run_backend_goes_on},
};

int main(int argc, char **argv)
{
    int bad = check_main(alone, 1, argc, argv);
    const char *why = machine_start(report_make);

    if (why == NULL)
        return check_main(cases, sizeof cases / sizeof cases[0], argc, argv) | bad;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        printf("skip %s: %s\n", cases[i].name, why);
    return bad;
}
