/* One file of the host's, bounded. */
#include "fwcfg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FWCFG_DIRECTORY "/sys/firmware/qemu_fw_cfg/by_name/opt/org.trustedrouter/"

static enum err read_all(int fd, size_t max, struct buf *out)
{
    uint8_t chunk[1024];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n == 0)
            return ERR_NONE;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        if (out->len + (size_t)n > max)
            return ERR_LIMIT;
        if (buf_append(out, view_of(chunk, (size_t)n)) != ERR_NONE)
            return ERR_MEMORY;
    }
}

enum err fwcfg_read(const char *name, size_t max, struct buf *out)
{
    char path[sizeof FWCFG_DIRECTORY + 64];
    enum err e;
    int fd, n = snprintf(path, sizeof path, FWCFG_DIRECTORY "%s/raw", name);

    if (n < 0 || (size_t)n >= sizeof path)
        return ERR_BUG;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    e = read_all(fd, max, out);
    close(fd);
    return e;
}
