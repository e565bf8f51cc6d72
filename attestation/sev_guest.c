#include "sev_guest.h"

#include "clock.h"
#include "tsm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sev-guest.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    CERTS_FIRST = 16 << 10,  /* what every driver takes (SEV_FW_BLOB_MAX_SIZE) */
    CERTS_MOST = 64 << 10,   /* and what we would hand to one that takes more */
    PAGE = 4096,             /* the driver counts certificates in pages */
    INTERRUPTS_MAX = 64,     /* in a row; nobody sends this process that many signals */
    BUSY_FIRST_MS = 50,      /* then twice that, and so on, up to */
    BUSY_STEP_MAX_MS = 2000, /* the driver's own step */
    RESPONSE_SIZE_AT = 4,    /* u32 status, u32 size, 24 reserved, */
    RESPONSE_REPORT_AT = 32, /* the report */
};
_Static_assert(sizeof(struct snp_guest_request_ioctl) == 32, "as the driver has it");
_Static_assert(sizeof(struct snp_ext_report_req) == 112, "as the driver has it");
_Static_assert(SNP_GET_REPORT == 0xc0205300 && SNP_GET_EXT_REPORT == 0xc0205302, "as it has them");

/* One conversation with the device. */
struct asking {
    int fd;
    struct snp_ext_report_req request; /* begins with what SNP_GET_REPORT asks */
    struct snp_report_resp response;
    struct sev_guest_trouble trouble;
    uint64_t began_ms;
    unsigned step_ms;
};

static void wait_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* The high half of exitinfo2 is the host's word, the low half the firmware's. Kernels before 6.3
 * call the 64 bits fw_err and mean the same by them. The driver begins with 0xff in it: no answer
 * yet. */
static void trouble_read(struct asking *a, const struct snp_guest_request_ioctl *call, int os)
{
    uint32_t firmware = (uint32_t)call->exitinfo2;

    a->trouble = (struct sev_guest_trouble){.firmware = firmware == 0xff ? 0 : firmware,
                                            .host = (uint32_t)(call->exitinfo2 >> 32),
                                            .os = os};
}

/* Busy is the host's answer to a guest that asks too often, and it is the only one that a later try may
 * better: everything else is final. The driver's own tries (up to 60 s in one call) count, too. */
static bool worth_waiting(struct asking *a)
{
    if (a->trouble.host != SNP_GUEST_VMM_ERR_BUSY && a->trouble.os != EAGAIN &&
        a->trouble.os != EBUSY)
        return false;
    if (clock_mono_ms() - a->began_ms + a->step_ms > SEV_GUEST_BUSY_MS)
        return false;
    wait_ms(a->step_ms);
    a->step_ms = 2 * a->step_ms < BUSY_STEP_MAX_MS ? 2 * a->step_ms : BUSY_STEP_MAX_MS;
    return true;
}

/* The driver numbers its messages and never sends one twice, so the same question may be put again.
 */
static int ask_once(struct asking *a, unsigned long command)
{
    struct snp_guest_request_ioctl call;
    unsigned interrupts = 0;
    int failed;

    do {
        do {
            call = (struct snp_guest_request_ioctl){.msg_version = 1,
                                                    .req_data = (uintptr_t)&a->request,
                                                    .resp_data = (uintptr_t)&a->response,
                                                    .exitinfo2 = 0xff};
            memset(&a->response, 0, sizeof a->response);
            failed = ioctl(a->fd, command, &call) == 0 ? 0 : errno;
        } while (failed == EINTR && ++interrupts < INTERRUPTS_MAX);
        trouble_read(a, &call, failed);
    } while (failed != 0 && worth_waiting(a));
    return failed;
}

/* With the host's certificates; without when it cannot or will not give them. Their length is the
 * host's to say: it is believed only as far as our own buffer goes. */
static int ask_with_certificates(struct asking *a, uint8_t certs[static CERTS_MOST])
{
    uint32_t len = CERTS_FIRST, needed;
    int failed;

    for (;;) {
        memset(certs, 0, CERTS_MOST);
        a->request.certs_address = (uintptr_t)certs;
        a->request.certs_len = len;
        failed = ask_once(a, SNP_GET_EXT_REPORT);
        needed = a->request.certs_len;
        if (a->trouble.host != SNP_GUEST_VMM_ERR_INVALID_LEN || needed <= len ||
            needed > CERTS_MOST || needed % PAGE != 0)
            break;
        len = needed;
    }
    if (failed == ENOTTY || failed == EINVAL || a->trouble.host == SNP_GUEST_VMM_ERR_INVALID_LEN) {
        memset(certs, 0, CERTS_MOST);
        failed = ask_once(a, SNP_GET_REPORT);
    }
    return failed;
}

static enum err answer_take(struct asking *a, struct quote *out, struct view certs)
{
    const uint8_t *report = a->response.data + RESPONSE_REPORT_AT;

    a->trouble.firmware = snp_load32(a->response.data);
    if (a->trouble.firmware != 0 ||
        snp_load32(a->response.data + RESPONSE_SIZE_AT) != SNP_REPORT_BYTES ||
        memcmp(report + SNP_AT_REPORT_DATA, a->request.data.user_data, 64) != 0)
        return ERR_ATTESTATION;
    memcpy(out->report, report, SNP_REPORT_BYTES);
    quote_set_certificates(out, certs);
    return ERR_NONE;
}

static enum err failure(const struct sev_guest_trouble *t)
{
    if (t->os == ENOTTY || t->os == ENXIO || t->os == ENODEV)
        return ERR_UNSUPPORTED;
    if (t->host == SNP_GUEST_VMM_ERR_BUSY || t->os == EAGAIN || t->os == EBUSY)
        return ERR_OVERLOAD;
    return t->firmware != 0 ? ERR_ATTESTATION : ERR_IO;
}

enum err sev_guest_report(const uint8_t report_data[static 64], struct quote *out,
                          struct sev_guest_trouble *trouble)
{
    static _Alignas(PAGE) uint8_t certs[CERTS_MOST];
    struct asking a = {.began_ms = clock_mono_ms(), .step_ms = BUSY_FIRST_MS};
    enum err e;

    a.fd = open("/dev/sev-guest", O_RDWR | O_CLOEXEC);
    if (a.fd < 0) {
        *trouble = (struct sev_guest_trouble){.os = errno};
        return ERR_UNSUPPORTED;
    }
    memcpy(a.request.data.user_data, report_data, sizeof a.request.data.user_data);
    e = ask_with_certificates(&a, certs) == 0 ? answer_take(&a, out, view_of(certs, sizeof certs))
                                              : failure(&a.trouble);
    close(a.fd);
    *trouble = a.trouble;
    return e;
}
