/* Mounts, settings, and the few files that are made at boot. */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct mount_point {
    const char *type, *where;
    unsigned long flags;
    const char *data;
} mounts[] = {
    {"devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755"},
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2"},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=1m,nr_inodes=32"},
};

static const struct sysctl {
    const char *name, *value;
} sysctls[] = {
    {"kernel/dmesg_restrict", "1"},
    {"kernel/kptr_restrict", "2"},
    {"kernel/panic", "-1"},
    {"kernel/panic_on_oops", "1"},
    {"kernel/hostname", "guest"},
    {"fs/suid_dumpable", "0"},
    {"vm/overcommit_memory", "1"}, /* the data plane locks what it uses and has bounds of its own */
    {"net/ipv4/ip_unprivileged_port_start", "0"}, /* so that it needs no capability to listen on 443 */
    /* no rp_filter: it drops the answer of a DHCP server while there is no route yet, and there is one interface */
    {"net/ipv4/tcp_fastopen", "0"},
    {"net/ipv4/ip_forward", "0"},
    {"net/ipv4/conf/all/accept_redirects", "0"},
    {"net/ipv4/conf/default/accept_redirects", "0"},
    {"net/ipv4/conf/all/send_redirects", "0"},
    {"net/ipv4/conf/all/accept_source_route", "0"},
    {"net/ipv4/ping_group_range", "1 0"}, /* nobody */
    {"net/ipv6/conf/all/disable_ipv6", "1"},
    {"net/ipv6/conf/default/disable_ipv6", "1"},
};

enum err mounts_make(void)
{
    umask(022);
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        const struct mount_point *m = &mounts[i];

        /* The image has the directories; a kernel may have mounted /dev itself. */
        if (mount(m->type, m->where, m->type, m->flags, m->data) != 0 && errno != EBUSY)
            return ERR_IO;
    }
    return mkdir(GUEST_RUN, 0755) == 0 ? ERR_NONE : ERR_IO;
}

static enum err write_all(int fd, struct view v)
{
    while (v.len != 0) {
        ssize_t n = write(fd, v.ptr, v.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        v = view_of(v.ptr + n, v.len - (size_t)n);
    }
    return ERR_NONE;
}

static enum err write_path(const char *path, int flags, struct view v)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0444);
    enum err e;

    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    e = write_all(fd, v);
    if (close(fd) != 0)
        e = ERR_IO;
    return e;
}

enum err mounts_sysctls(void)
{
    for (size_t i = 0; i < sizeof sysctls / sizeof sysctls[0]; i++) {
        char path[128];
        enum err e;

        snprintf(path, sizeof path, "/proc/sys/%s", sysctls[i].name);
        e = write_path(path, 0, view_str(sysctls[i].value));
        if (e != ERR_NONE && e != ERR_NOT_FOUND)
            return e;
    }
    return ERR_NONE;
}

enum err mounts_write(const char *name, struct view v)
{
    char path[128];

    snprintf(path, sizeof path, GUEST_RUN "/%s", name);
    return write_path(path, O_CREAT | O_EXCL, v);
}

enum err mounts_seal(void)
{
    return mount(NULL, "/run", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 ? ERR_NONE
                                                                                                           : ERR_IO;
}
