/* An SEV-SNP guest's two devices where there is none, for the unmodified code that uses them:
 * configfs-tsm at /sys/kernel/config and /dev/sev-guest, in a mount namespace of this process,
 * served over FUSE by a child. They behave as drivers/virt/coco/tsm.c, fs/configfs and
 * drivers/virt/coco/sev-guest do: a binary attribute is taken when its file is closed and that
 * close says nothing, a report is made at the first read after a write, the device wants its
 * certificate buffer in whole pages and gives back the length it needs. What goes wrong is in
 * struct machine, in shared memory: set it, then ask. */
#ifndef TR_TESTS_LIB_SNP_MACHINE_H
#define TR_TESTS_LIB_SNP_MACHINE_H

#include "report.h"

#include <fcntl.h>
#include <linux/sev-guest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "fuse_serve.h"

enum {
    MACHINE_ENTRIES = 8,
    MACHINE_FILES = 32,
    MACHINE_BLOB_MAX = 36 << 10,
    MACHINE_CERTS_MAX = 48 << 10,
    MACHINE_PAGE = 4096,
};

struct machine {
    /* configfs-tsm */
    bool no_provider;     /* the module is there, no driver has registered: mkdir says ENXIO */
    bool no_auxblob;      /* another provider's shape */
    char provider[16];    /* "sev_guest" */
    uint64_t generation;  /* of new entries */
    int privlevel_floor;  /* an SVSM has the levels below it */
    unsigned lost;        /* closes that take nothing (-EBUSY that nobody sees) */
    unsigned intruders;   /* reports before which somebody else writes our inblob */
    unsigned late_writes; /* generations that move between report and certificates */
    int report_errno;     /* of the next report_errors reads of outblob */
    unsigned report_errors;
    int write_errno;      /* of write(2) on inblob */
    unsigned write_short; /* write(2) takes only this many */
    unsigned read_step;   /* read(2) gives at most this many; 0: all */
    /* /dev/sev-guest */
    bool no_device;        /* open says ENXIO */
    bool no_ext;           /* a kernel without SNP_GET_EXT_REPORT */
    bool wiped;            /* the driver has thrown its key away: ENOTTY for ever */
    uint32_t certs_limit;  /* the driver's bound on the buffer: 0x4000 */
    unsigned busy;         /* calls that the host throttles */
    int busy_errno;        /* with which the driver tells (EIO, EAGAIN, ETIMEDOUT) */
    unsigned interrupts;   /* calls that say EINTR */
    uint32_t firmware;     /* the firmware's error, if any */
    uint32_t status;       /* of the response itself */
    uint32_t size_said;    /* report_size in the response; 0: right */
    int device_errno;      /* any other failure */
    uint32_t always_short; /* the certificate table grows with each answer by so many bytes */
    /* both */
    bool other_data;       /* the report is for somebody else */
    uint32_t report_bytes; /* 1184 unless it is cut */
    uint32_t certs_len;
    uint8_t certs[MACHINE_CERTS_MAX];
    /* what was seen */
    unsigned made, removed, writes, reports, ext_calls, plain_calls, bad_calls;
    uint32_t last_certs_len;
};

static struct machine *machine;
static pid_t machine_server;
/* Fills a report for these 64 bytes; the test's. */
static void (*machine_report)(const uint8_t data[static 64], uint8_t out[static SNP_REPORT_BYTES]);

static inline void machine_reset(void)
{
    memset(machine, 0, sizeof *machine);
    strcpy(machine->provider, "sev_guest");
    machine->certs_limit = 0x4000;
    machine->busy_errno = EIO;
    machine->report_bytes = SNP_REPORT_BYTES;
}

/* --- the tree: /tsm/report/ENTRY/ATTRIBUTE, /sev-guest */

enum { NODE_ROOT = 1, NODE_TSM, NODE_REPORT, NODE_DEVICE, NODE_ENTRY = 256 };
enum attr {
    AT_DIR,
    AT_INBLOB,
    AT_OUTBLOB,
    AT_AUXBLOB,
    AT_PROVIDER,
    AT_GENERATION,
    AT_PRIVLEVEL,
    AT_PRIVLEVEL_FLOOR,
    AT_COUNT
};
static const struct {
    const char *name;
    mode_t mode;
} machine_attrs[AT_COUNT] = {
    [AT_DIR] = {"", S_IFDIR | 0755},
    [AT_INBLOB] = {"inblob", S_IFREG | 0200},
    [AT_OUTBLOB] = {"outblob", S_IFREG | 0400},
    [AT_AUXBLOB] = {"auxblob", S_IFREG | 0400},
    [AT_PROVIDER] = {"provider", S_IFREG | 0444},
    [AT_GENERATION] = {"generation", S_IFREG | 0444},
    [AT_PRIVLEVEL] = {"privlevel", S_IFREG | 0200},
    [AT_PRIVLEVEL_FLOOR] = {"privlevel_floor", S_IFREG | 0444},
};

static struct machine_entry {
    bool used, have_report;
    char name[64];
    uint64_t write_generation, read_generation;
    int privlevel;
    size_t in_len;
    uint8_t in[64], report[SNP_REPORT_BYTES + 64];
} machine_entries[MACHINE_ENTRIES];

static struct machine_file {
    bool used, dirty, loaded;
    uint64_t node;
    size_t len;
    uint8_t bytes[MACHINE_BLOB_MAX];
} machine_files[MACHINE_FILES];

static inline uint64_t machine_node(size_t entry, enum attr a)
{
    return NODE_ENTRY * (entry + 1) + a;
}
static inline enum attr machine_attr(uint64_t node)
{
    return (enum attr)(node % NODE_ENTRY);
}
static inline struct machine_entry *machine_entry(uint64_t node)
{
    size_t i = node / NODE_ENTRY - 1;

    return node >= NODE_ENTRY && i < MACHINE_ENTRIES && machine_entries[i].used &&
                   machine_attr(node) < AT_COUNT
               ? &machine_entries[i]
               : NULL;
}

static inline int machine_lookup(uint64_t parent, const char *name, uint64_t *node)
{
    static const struct {
        uint64_t parent;
        const char *name;
        uint64_t node;
    } fixed[] = {{NODE_ROOT, "tsm", NODE_TSM},
                 {NODE_TSM, "report", NODE_REPORT},
                 {NODE_ROOT, "sev-guest", NODE_DEVICE}};

    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (fixed[i].parent == parent && strcmp(fixed[i].name, name) == 0) {
            *node = fixed[i].node;
            return 0;
        }
    if (parent == NODE_REPORT)
        for (size_t i = 0; i < MACHINE_ENTRIES; i++)
            if (machine_entries[i].used && strcmp(machine_entries[i].name, name) == 0) {
                *node = machine_node(i, AT_DIR);
                return 0;
            }
    if (machine_entry(parent) != NULL && machine_attr(parent) == AT_DIR)
        for (int a = AT_INBLOB; a < AT_COUNT; a++)
            if (strcmp(machine_attrs[a].name, name) == 0 &&
                !(a == AT_AUXBLOB && machine->no_auxblob)) {
                *node = parent + (uint64_t)a;
                return 0;
            }
    return -ENOENT;
}

static inline mode_t machine_mode(uint64_t node)
{
    if (node == NODE_DEVICE)
        return S_IFREG | 0600;
    if (node == NODE_ROOT || node == NODE_TSM || node == NODE_REPORT)
        return S_IFDIR | 0755;
    return machine_entry(node) != NULL ? machine_attrs[machine_attr(node)].mode : 0;
}

static inline int machine_make(uint64_t parent, const char *name, uint64_t *node)
{
    if (parent != NODE_REPORT)
        return -EPERM;
    if (strlen(name) >= sizeof machine_entries[0].name)
        return -ENAMETOOLONG;
    if (machine->no_provider)
        return -ENXIO;
    for (size_t i = 0; i < MACHINE_ENTRIES; i++)
        if (!machine_entries[i].used) {
            machine_entries[i] = (struct machine_entry){.used = true,
                                                        .write_generation = machine->generation,
                                                        .read_generation = machine->generation};
            strcpy(machine_entries[i].name, name);
            machine->made++;
            *node = machine_node(i, AT_DIR);
            return 0;
        }
    return -ENOMEM;
}

static inline int machine_remove(uint64_t parent, const char *name)
{
    uint64_t node;

    if (parent != NODE_REPORT || machine_lookup(parent, name, &node) != 0)
        return -ENOENT;
    machine_entry(node)->used = false;
    machine->removed++;
    return 0;
}

/* --- configfs-tsm */

static inline void machine_write_generation(struct machine_entry *e)
{
    e->write_generation++;
    machine->writes++;
}

/* tsm_report_read(): made once per generation, kept until the next write. */
static inline int machine_make_report(struct machine_entry *e, enum attr a)
{
    if (e->in_len == 0)
        return -EINVAL;
    if (machine->report_errors != 0) {
        machine->report_errors--;
        return -machine->report_errno;
    }
    if (a == AT_OUTBLOB && machine->intruders != 0) {
        machine->intruders--;
        memset(e->in, 0x99, sizeof e->in);
        machine_write_generation(e);
    }
    if (e->have_report && e->read_generation == e->write_generation)
        return 0;
    /* sev_report_new(): 64 bytes, and the firmware knows no level below the floor */
    if (e->in_len != 64)
        return -EINVAL;
    if (e->privlevel < machine->privlevel_floor)
        return -EIO;
    machine_report(e->in, e->report);
    e->report[SNP_AT_REPORT_DATA] ^= machine->other_data;
    e->have_report = true;
    e->read_generation = e->write_generation;
    machine->reports++;
    return 0;
}

static inline int machine_load(struct machine_file *f)
{
    struct machine_entry *e = machine_entry(f->node);
    enum attr a = machine_attr(f->node);
    int n = 0, error;

    if (e == NULL)
        return -ENOENT;
    if (a == AT_PROVIDER)
        n = sprintf((char *)f->bytes, "%s\n", machine->provider);
    else if (a == AT_GENERATION)
        n = sprintf((char *)f->bytes, "%llu\n", (unsigned long long)e->write_generation);
    else if (a == AT_PRIVLEVEL_FLOOR)
        n = sprintf((char *)f->bytes, "%d\n", machine->privlevel_floor);
    else if (a == AT_OUTBLOB || a == AT_AUXBLOB) {
        error = machine_make_report(e, a);
        if (error != 0)
            return error;
        if (a == AT_OUTBLOB) {
            n = (int)machine->report_bytes;
            memcpy(f->bytes, e->report, (size_t)n);
        } else {
            n = (int)machine->certs_len;
            memcpy(f->bytes, machine->certs, (size_t)n);
            if (machine->late_writes != 0) {
                machine->late_writes--;
                machine_write_generation(e);
            }
        }
    } else
        return -EPERM;
    f->len = (size_t)n;
    f->loaded = true;
    return 0;
}

static inline int machine_open(uint64_t node, uint64_t *handle)
{
    if (node == NODE_DEVICE && machine->no_device)
        return -ENXIO;
    for (size_t i = 0; i < MACHINE_FILES; i++)
        if (!machine_files[i].used) {
            machine_files[i].used = true;
            machine_files[i].dirty = machine_files[i].loaded = false;
            machine_files[i].node = node;
            machine_files[i].len = 0;
            *handle = i;
            return 0;
        }
    return -ENFILE;
}

static inline int machine_read(uint64_t handle, uint64_t offset, uint8_t *out, size_t n)
{
    struct machine_file *f = &machine_files[handle];
    int e = f->loaded ? 0 : machine_load(f);

    if (e != 0)
        return e;
    if (offset >= f->len)
        return 0;
    if (n > f->len - offset)
        n = f->len - (size_t)offset;
    if (machine->read_step != 0 && n > machine->read_step)
        n = machine->read_step;
    memcpy(out, f->bytes + offset, n);
    return (int)n;
}

static inline int machine_write(uint64_t handle, const uint8_t *p, size_t n)
{
    struct machine_file *f = &machine_files[handle];
    struct machine_entry *e = machine_entry(f->node);
    int level;

    if (e == NULL)
        return -EPERM;
    if (machine_attr(f->node) == AT_PRIVLEVEL) { /* a text attribute: taken here and now */
        level = atoi((const char *)p);
        if (level < machine->privlevel_floor || level > 3)
            return -EINVAL;
        e->privlevel = level;
        machine_write_generation(e);
        return (int)n;
    }
    if (machine->write_errno != 0)
        return -machine->write_errno;
    if (machine->write_short != 0 && n > machine->write_short)
        n = machine->write_short;
    if (n > sizeof f->bytes - f->len)
        return -EFBIG;
    memcpy(f->bytes + f->len, p, n);
    f->len += n;
    f->dirty = true;
    return (int)n;
}

/* configfs_release_bin_file(): the store, whose result goes nowhere. */
static inline void machine_close(uint64_t handle)
{
    struct machine_file *f = &machine_files[handle];
    struct machine_entry *e = machine_entry(f->node);

    if (!f->dirty || e == NULL)
        return;
    f->dirty = false;
    if (machine->lost != 0) {
        machine->lost--;
        return;
    }
    if (f->len > sizeof e->in)
        return;
    memcpy(e->in, f->bytes, f->len);
    e->in_len = f->len;
    machine_write_generation(e);
}

static inline void machine_release(uint64_t handle)
{
    machine_close(handle);
    machine_files[handle].used = false;
}

/* --- /dev/sev-guest */

static inline bool machine_from(pid_t pid, uint64_t at, void *to, size_t n)
{
    struct iovec here = {to, n}, there = {(void *)(uintptr_t)at, n};

    return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)n;
}
static inline bool machine_to(pid_t pid, uint64_t at, const void *from, size_t n)
{
    struct iovec here = {(void *)(uintptr_t)from, n}, there = {(void *)(uintptr_t)at, n};

    return process_vm_writev(pid, &here, 1, &there, 1, 0) == (ssize_t)n;
}

/* handle_guest_request(): the firmware's turn, or the host's refusal to give it one. */
static inline int machine_firmware(struct snp_guest_request_ioctl *call,
                                   const struct snp_report_req *request, pid_t pid)
{
    struct snp_report_resp response = {{0}};
    uint32_t size = machine->size_said != 0 ? machine->size_said : SNP_REPORT_BYTES;

    if (machine->interrupts != 0) {
        machine->interrupts--;
        return -EINTR;
    }
    if (machine->busy != 0) {
        machine->busy--;
        call->exitinfo2 = (uint64_t)SNP_GUEST_VMM_ERR_BUSY << 32;
        return -machine->busy_errno;
    }
    if (machine->device_errno != 0)
        return -machine->device_errno;
    call->exitinfo2 = machine->firmware;
    if (machine->firmware != 0)
        return -EIO;
    memcpy(response.data, &machine->status, 4);
    memcpy(response.data + 4, &size, 4);
    if (machine->status == 0) {
        machine_report(request->user_data, response.data + 32);
        response.data[32 + SNP_AT_REPORT_DATA] ^= machine->other_data;
        if (machine->report_bytes < SNP_REPORT_BYTES)
            memset(response.data + 32 + machine->report_bytes, 0,
                   SNP_REPORT_BYTES - machine->report_bytes);
        machine->reports++;
    }
    return machine_to(pid, call->resp_data, &response, sizeof response) ? 0 : -EFAULT;
}

/* get_ext_report() */
static inline int machine_ext(struct snp_guest_request_ioctl *call, pid_t pid)
{
    uint32_t pages = (machine->certs_len + MACHINE_PAGE - 1) / MACHINE_PAGE * MACHINE_PAGE;
    static uint8_t blob[MACHINE_CERTS_MAX + MACHINE_PAGE];
    struct snp_ext_report_req request;

    if (!machine_from(pid, call->req_data, &request, sizeof request))
        return -EFAULT;
    machine->last_certs_len = request.certs_len;
    if (request.certs_len == 0 || request.certs_address == 0)
        return machine_firmware(call, &request.data, pid);
    if (request.certs_len % MACHINE_PAGE != 0 || request.certs_len > machine->certs_limit)
        return -EINVAL;
    if (request.certs_len < pages) {
        request.certs_len = pages;
        machine->certs_len += machine->always_short;
        call->exitinfo2 = (uint64_t)SNP_GUEST_VMM_ERR_INVALID_LEN << 32;
        return machine_to(pid, call->req_data, &request, sizeof request) ? -EIO : -EFAULT;
    }
    memset(blob, 0, pages);
    memcpy(blob, machine->certs, machine->certs_len);
    if (!machine_to(pid, request.certs_address, blob, pages))
        return -EFAULT;
    return machine_firmware(call, &request.data, pid);
}

/* snp_guest_ioctl() */
static inline int machine_ioctl(uint64_t handle, uint32_t command, uint8_t *data, size_t n,
                                pid_t pid)
{
    struct snp_guest_request_ioctl call;
    struct snp_report_req request;
    int e;

    if (machine_files[handle].node != NODE_DEVICE || n != sizeof call ||
        (command != SNP_GET_REPORT && (command != SNP_GET_EXT_REPORT || machine->no_ext)))
        return -ENOTTY;
    memcpy(&call, data, sizeof call);
    machine->ext_calls += command == SNP_GET_EXT_REPORT;
    machine->plain_calls += command == SNP_GET_REPORT;
    call.exitinfo2 = 0xff; /* SEV_RET_NO_FW_CALL */
    if (call.msg_version == 0)
        e = -EINVAL;
    else if (machine->wiped)
        e = -ENOTTY;
    else if (command == SNP_GET_EXT_REPORT)
        e = machine_ext(&call, pid);
    else
        e = machine_from(pid, call.req_data, &request, sizeof request)
                ? machine_firmware(&call, &request, pid)
                : -EFAULT;
    machine->bad_calls += e == -EINVAL || e == -EFAULT;
    memcpy(data, &call, sizeof call);
    return e;
}

static const struct fuse_tree machine_tree = {
    machine_lookup, machine_mode,  machine_make,  machine_remove,  machine_open,
    machine_read,   machine_write, machine_close, machine_release, machine_ioctl,
};

/* --- putting it where the code looks */

static inline bool machine_file_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return ok;
}

static inline bool machine_unshare(void)
{
    char map[32];
    uid_t uid = getuid();
    gid_t gid = getgid();

    if (uid == 0)
        return unshare(CLONE_NEWNS) == 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    snprintf(map, sizeof map, "0 %d 1", (int)uid);
    if (!machine_file_write("/proc/self/uid_map", map) ||
        !machine_file_write("/proc/self/setgroups", "deny"))
        return false;
    snprintf(map, sizeof map, "0 %d 1", (int)gid);
    return machine_file_write("/proc/self/gid_map", map);
}

/* A /dev with what a program needs, and a place for ours: the real one is everybody's. */
static inline bool machine_dev(const char *temporary)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    char from[64], to[128];

    if (mount("dev", temporary, "tmpfs", MS_NOSUID, "mode=755") != 0)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(from, sizeof from, "/dev/%s", names[i]);
        snprintf(to, sizeof to, "%s/%s", temporary, names[i]);
        close(open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
        if (mount(from, to, NULL, MS_BIND, NULL) != 0 && i < 5)
            return false;
    }
    snprintf(to, sizeof to, "%s/shm", temporary);
    mkdir(to, 01777);
    if (mount("/dev/shm", to, NULL, MS_BIND | MS_REC, NULL) != 0)
        return false;
    snprintf(to, sizeof to, "%s/fd", temporary);
    if (symlink("/proc/self/fd", to) != 0)
        return false;
    snprintf(to, sizeof to, "%s/sev-guest", temporary);
    close(open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return mount("/sys/kernel/config/sev-guest", to, NULL, MS_BIND, NULL) == 0 &&
           mount(temporary, "/dev", NULL, MS_MOVE, NULL) == 0;
}

/* From here on this process and its children are in such a guest. NULL, or why it cannot be. */
static inline const char *machine_start(void (*report)(const uint8_t data[static 64],
                                                       uint8_t out[static SNP_REPORT_BYTES]))
{
    char temporary[] = "/tmp/tr-snp-machine.XXXXXX";
    bool ok;

    machine_report = report;
    machine =
        mmap(NULL, sizeof *machine, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (machine == MAP_FAILED)
        return "no shared memory";
    machine_reset();
    if (access("/dev/fuse", R_OK | W_OK) != 0)
        return "/dev/fuse is not there or not ours";
    if (!machine_unshare() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return "no mount namespace of our own is allowed";
    if (mount("kernel", "/sys/kernel", "tmpfs", MS_NOSUID, "mode=755") != 0 ||
        mkdir("/sys/kernel/config", 0755) != 0 || !fuse_mount("/sys/kernel/config"))
        return "FUSE cannot be mounted";
    machine_server = fork();
    if (machine_server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fuse_serve(&machine_tree);
        _exit(0);
    }
    close(fuse_fd_);
    if (machine_server < 0 || mkdtemp(temporary) == NULL)
        return "no process or no directory for it";
    ok = machine_dev(temporary);
    rmdir(temporary);
    return ok ? NULL : "/dev cannot be replaced";
}

#endif
