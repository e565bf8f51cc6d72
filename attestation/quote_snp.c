/* Reports from the processor: configfs-tsm where the kernel has it, else /dev/sev-guest.
 *
 * configfs takes a request when a file that was opened for writing is closed, so every report needs
 * such an open; the data plane's sandbox forbids it. So open() forks a small child before the
 * sandbox and before any secret or prompt exists. It holds one socket, answers 64 bytes with a
 * report and its certificates, and ends with its parent. The parent only reads and writes that
 * socket. */
#include "quote.h"

#include "log.h"
#include "secret.h"
#include "sev_guest.h"
#include "tsm.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* The driver itself retries a busy processor for 60 s, and after SEV_GUEST_BUSY_MS we do not ask
 * again. */
enum { ANSWER_S = 120 };

/* One message each way: SOCK_SEQPACKET keeps them whole. */
struct ask {
    uint8_t report_data[64];
};
struct answer {
    uint32_t e; /* enum err of this very program */
    struct sev_guest_trouble trouble;
    uint32_t vek_len, ask_len;
    uint8_t report[SNP_REPORT_BYTES];
    uint8_t vek[QUOTE_CERT_MAX], ask[QUOTE_CERT_MAX];
};

/* --- the child */

static void answer_ask(const struct ask *ask, struct answer *answer)
{
    struct quote q;
    enum err e;

    quote_init(&q);
    memset(answer, 0, sizeof *answer);
    e = tsm_report(&tsm_configfs, ask->report_data, &q);
    if (e == ERR_UNSUPPORTED)
        e = sev_guest_report(ask->report_data, &q, &answer->trouble);
    answer->e = (uint32_t)e;
    if (e == ERR_NONE) {
        memcpy(answer->report, q.report, sizeof answer->report);
        answer->vek_len = (uint32_t)q.vek.len;
        answer->ask_len = (uint32_t)q.ask.len;
        if (q.vek.len != 0)
            memcpy(answer->vek, q.vek.ptr, q.vek.len);
        if (q.ask.len != 0)
            memcpy(answer->ask, q.ask.ptr, q.ask.len);
    }
    quote_free(&q);
}

static ssize_t packet_read(int fd, void *p, size_t n)
{
    ssize_t got;

    do
        got = read(fd, p, n);
    while (got < 0 && errno == EINTR);
    return got;
}

static bool packet_write(int fd, const void *p, size_t n)
{
    ssize_t sent;

    do
        sent = send(fd, p, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)n;
}

static _Noreturn void child_run(int fd)
{
    static struct answer answer;
    struct ask ask;

    /* A terminal's interrupt is for the parent; its end is ours. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || dup2(fd, 3) != 3 || close_range(4, ~0u, 0) != 0)
        _exit(1);
    while (packet_read(3, &ask, sizeof ask) == (ssize_t)sizeof ask) {
        answer_ask(&ask, &answer);
        if (!packet_write(3, &answer, sizeof answer))
            break;
    }
    _exit(0);
}

/* --- the backend */

struct quote_source {
    pid_t child;
    int fd;
    struct answer answer;
};

static void quote_snp_close(struct quote_source *s)
{
    if (s == NULL)
        return;
    if (s->fd >= 0)
        close(s->fd); /* the child reads the end and exits */
    if (s->child > 0)
        while (waitpid(s->child, NULL, 0) < 0 && errno == EINTR)
            ;
    free(s);
}

static enum err quote_snp_get(struct quote_source *s, const uint8_t report_data[static 64],
                              struct quote *out)
{
    struct answer *a = &s->answer;
    struct ask ask;
    enum err e;

    memcpy(ask.report_data, report_data, sizeof ask.report_data);
    if (s->fd < 0)
        return ERR_ATTESTATION;
    if (!packet_write(s->fd, &ask, sizeof ask) ||
        packet_read(s->fd, a, sizeof *a) != (ssize_t)sizeof *a) {
        /* A late answer would be taken for the next one's: this source is over. */
        close(s->fd);
        s->fd = -1;
        return ERR_ATTESTATION;
    }
    if (a->e != ERR_NONE) {
        LOG("report_failed", KV("error", log_err((int)a->e)), KV("errno", a->trouble.os),
            KV("firmware_error", a->trouble.firmware), KV("host_error", a->trouble.host));
        return a->e < ERR_COUNT ? (enum err)a->e : ERR_BUG;
    }
    assert(a->vek_len <= sizeof a->vek && a->ask_len <= sizeof a->ask);
    memcpy(out->report, a->report, sizeof out->report);
    buf_reset(&out->vek);
    buf_reset(&out->ask);
    e = buf_append(&out->vek, view_of(a->vek, a->vek_len));
    if (e == ERR_NONE)
        e = buf_append(&out->ask, view_of(a->ask, a->ask_len));
    return e;
}

static enum err child_start(struct quote_source *s)
{
    const struct timeval limit = {.tv_sec = ANSWER_S};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return ERR_IO;
    s->child = fork();
    if (s->child == 0) {
        close(pair[0]);
        child_run(pair[1]);
    }
    close(pair[1]);
    s->fd = pair[0];
    if (s->child < 0 || setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
        return ERR_IO;
    return ERR_NONE;
}

/* dir and sim_measurement are the simulator's. A first report proves that there is a device. */
static enum err quote_snp_open(const char *dir, const struct digest48 *sim_measurement,
                               struct quote_source **out, struct buf *why)
{
    static const uint8_t trial[64];
    struct quote_source *s = calloc(1, sizeof *s);
    const char *sentence = NULL;
    struct quote q;
    enum err e = ERR_MEMORY;

    (void)dir;
    (void)sim_measurement;
    quote_init(&q);
    if (s == NULL)
        goto done;
    s->fd = -1;
    sentence = "the attestation helper process cannot be started";
    e = child_start(s);
    if (e != ERR_NONE)
        goto done;
    e = quote_snp_get(s, trial, &q);
    sentence = e == ERR_UNSUPPORTED
                   ? "this machine is no SEV-SNP guest: there is neither configfs-tsm with "
                     "sev_guest nor a usable /dev/sev-guest"
                   : "the SEV-SNP device gave no report";
    if (e != ERR_NONE) {
        e = ERR_ATTESTATION;
        goto done;
    }
    *out = s;
    s = NULL;
done:
    quote_snp_close(s);
    quote_free(&q);
    if (e != ERR_NONE && sentence != NULL) {
        buf_reset(why);
        if (buf_append(why, view_str(sentence)) != ERR_NONE)
            buf_reset(why);
    }
    return e;
}

const struct quote_backend quote_backend = {
    .name = "sev-snp",
    .simulated = false,
    .open = quote_snp_open,
    .get = quote_snp_get,
    .close = quote_snp_close,
    .make_platform = NULL,
};
