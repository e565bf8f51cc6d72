#include "tsm.h"

#include "cert_table.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TRIES = 5,           /* each lost to somebody writing to our entry, or to a busy kernel */
    PAUSE_MS = 10,       /* before the second try, then twice that, ... */
    BLOB_MAX = 32 << 10, /* the kernel's own bound for a binary attribute */
    TEXT_MAX = 64,       /* generation, provider */
    ENTRY_MAX = 48,
};

/* --- the kernel's directory */

#define TSM_DIR "/sys/kernel/config/tsm/report"
enum { TSM_PATH_MAX = 160 };

static bool path_set(char out[static TSM_PATH_MAX], const char *entry, const char *attr)
{
    int n = snprintf(out, TSM_PATH_MAX, TSM_DIR "/%s/%s", entry, attr);

    return n > 0 && n < TSM_PATH_MAX;
}

static enum err configfs_make(void *cookie, const char *entry)
{
    char path[TSM_PATH_MAX];

    (void)cookie;
    if (!path_set(path, entry, ""))
        return ERR_BUG;
    if (mkdir(path, 0700) == 0)
        return ERR_NONE;
    if (errno == EEXIST)
        return ERR_DUPLICATE;
    return errno == ENXIO || errno == ENOENT || errno == EACCES || errno == EPERM ? ERR_UNSUPPORTED
                                                                                  : ERR_IO;
}

/* Another try may go better. */
static enum err errno_err(int os)
{
    return os == EBUSY || os == EAGAIN ? ERR_STALE : ERR_IO;
}

/* The kernel takes a binary attribute when the file is closed, and that close reports nothing: the
 * generation tells whether it was taken. */
static enum err configfs_write(void *cookie, const char *entry, const char *attr, struct view v)
{
    char path[TSM_PATH_MAX];
    enum err e = ERR_NONE;
    ssize_t n;
    int fd;

    (void)cookie;
    if (!path_set(path, entry, attr))
        return ERR_BUG;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno_err(errno);
    while (e == ERR_NONE && v.len != 0) {
        n = write(fd, v.ptr, v.len);
        if (n > 0)
            v = view_of(v.ptr + n, v.len - (size_t)n);
        else if (n == 0 || errno != EINTR)
            e = n == 0 ? ERR_IO : errno_err(errno);
    }
    close(fd);
    return e;
}

static enum err configfs_read(void *cookie, const char *entry, const char *attr, struct buf *out)
{
    char path[TSM_PATH_MAX];
    uint8_t step[4096];
    enum err e = ERR_NONE;
    ssize_t n = 1;
    int fd;

    (void)cookie;
    if (!path_set(path, entry, attr))
        return ERR_BUG;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno_err(errno);
    while (e == ERR_NONE && n != 0) {
        n = read(fd, step, sizeof step);
        if (n > 0)
            e = buf_append(out, view_of(step, (size_t)n)); /* ERR_LIMIT beyond out->max */
        else if (n < 0 && errno != EINTR)
            e = errno_err(errno);
    }
    close(fd);
    return e;
}

static void configfs_remove(void *cookie, const char *entry)
{
    char path[TSM_PATH_MAX];

    (void)cookie;
    if (path_set(path, entry, ""))
        (void)rmdir(path);
}

const struct tsm_files tsm_configfs = {
    .make = configfs_make,
    .write = configfs_write,
    .read = configfs_read,
    .remove = configfs_remove,
};

/* --- the exchange */

void quote_set_certificates(struct quote *out, struct view table)
{
    struct view vek, ask;

    buf_reset(&out->vek);
    buf_reset(&out->ask);
    if (cert_table_find(table, CERT_VCEK, &vek) == ERR_NONE &&
        buf_append(&out->vek, vek) != ERR_NONE)
        buf_reset(&out->vek);
    if (cert_table_find(table, CERT_ASK, &ask) == ERR_NONE &&
        buf_append(&out->ask, ask) != ERR_NONE)
        buf_reset(&out->ask);
}

static enum err generation_read(const struct tsm_files *files, const char *entry, uint64_t *out)
{
    struct buf text;
    struct view v;
    enum err e;

    buf_init(&text, TEXT_MAX);
    e = files->read(files->cookie, entry, "generation", &text);
    v = buf_view(&text);
    if (v.len != 0 && v.ptr[v.len - 1] == '\n')
        v.len--;
    if (e == ERR_NONE && !view_u64(v, out))
        e = ERR_IO;
    buf_free(&text);
    return e;
}

static enum err provider_check(const struct tsm_files *files, const char *entry)
{
    struct buf text;
    enum err e;

    buf_init(&text, TEXT_MAX);
    e = files->read(files->cookie, entry, "provider", &text);
    if (e == ERR_NONE && !view_eq(buf_view(&text), VIEW_LIT("sev_guest\n")))
        e = ERR_UNSUPPORTED;
    buf_free(&text);
    return e;
}

/* One write and the reads that belong to it. ERR_STALE: somebody else wrote in between. */
static enum err exchange(const struct tsm_files *files, const char *entry,
                         const uint8_t report_data[static 64], struct quote *out)
{
    uint64_t before = 0, after = 0;
    struct buf report, certificates;
    enum err e;

    buf_init(&report, BLOB_MAX);
    buf_init(&certificates, BLOB_MAX);
    e = generation_read(files, entry, &before);
    if (e == ERR_NONE)
        e = files->write(files->cookie, entry, "inblob", view_of(report_data, 64));
    /* A close that took nothing says so only here; without this the next read would be a mere error. */
    if (e == ERR_NONE)
        e = generation_read(files, entry, &after);
    if (e == ERR_NONE && after != before + 1)
        e = ERR_STALE;
    if (e == ERR_NONE)
        e = files->read(files->cookie, entry, "outblob", &report);
    if (e == ERR_NONE)
        e = files->read(files->cookie, entry, "auxblob", &certificates);
    if (e == ERR_NONE)
        e = generation_read(files, entry, &after);
    if (e != ERR_NONE)
        goto done;
    e = ERR_STALE;
    if (after != before + 1)
        goto done;
    e = ERR_ATTESTATION;
    if (report.len != SNP_REPORT_BYTES ||
        memcmp(report.ptr + SNP_AT_REPORT_DATA, report_data, 64) != 0)
        goto done;
    memcpy(out->report, report.ptr, SNP_REPORT_BYTES);
    quote_set_certificates(out, buf_view(&certificates));
    e = ERR_NONE;
done:
    buf_free(&report);
    buf_free(&certificates);
    return e;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* An entry of our own. A process that was killed leaves its own behind until the machine ends, and in a
 * container the next one has its number. */
static enum err entry_make(const struct tsm_files *files, char entry[static ENTRY_MAX])
{
    static unsigned count;
    enum err e = ERR_DUPLICATE;

    for (int i = 0; i < TRIES && e == ERR_DUPLICATE; i++) {
        snprintf(entry, ENTRY_MAX, "tr-%ld-%u", (long)getpid(), count++);
        e = files->make(files->cookie, entry);
    }
    return e == ERR_DUPLICATE ? ERR_IO : e;
}

enum err tsm_report(const struct tsm_files *files, const uint8_t report_data[static 64],
                    struct quote *out)
{
    char entry[ENTRY_MAX];
    enum err e = entry_make(files, entry);

    if (e != ERR_NONE)
        return e;
    e = provider_check(files, entry);
    if (e == ERR_NONE) {
        e = ERR_STALE;
        for (int i = 0; i < TRIES && e == ERR_STALE; i++) {
            if (i != 0)
                pause_ms(PAUSE_MS << i);
            e = exchange(files, entry, report_data, out);
        }
        if (e == ERR_STALE)
            e = ERR_ATTESTATION;
    }
    files->remove(files->cookie, entry);
    return e;
}
