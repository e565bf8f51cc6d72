#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum err file_read(const char *path, bool need_private, char *out, size_t cap, size_t *len)
{
    enum err e = ERR_IO;
    size_t n = 0;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    if (fstat(fd, &st) != 0)
        goto done;
    if (need_private && (st.st_mode & 077) != 0) {
        e = ERR_CONFIG;
        goto done;
    }
    for (;;) {
        ssize_t r = read(fd, out + n, cap - n);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            goto done;
        if (r == 0)
            break;
        n += (size_t)r;
        if (n == cap) {
            e = ERR_LIMIT;
            goto done;
        }
    }
    *len = n;
    e = ERR_NONE;
done:
    close(fd);
    return e;
}

static bool file_write_all(int fd, struct view v)
{
    while (v.len != 0) {
        ssize_t r = write(fd, v.ptr, v.len);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return false;
        v = view_from(v, (size_t)r);
    }
    return fsync(fd) == 0;
}

enum err file_write(const char *path, mode_t mode, bool exclusive, struct view v)
{
    enum err e = ERR_IO;
    char aside[PATH_MAX];
    int n = snprintf(aside, sizeof aside, "%s.XXXXXX", path);
    int fd;

    if (n < 0 || (size_t)n >= sizeof aside)
        return ERR_LIMIT;
    fd = mkostemp(aside, O_CLOEXEC); /* 0600 */
    if (fd < 0)
        return ERR_IO;
    if (fchmod(fd, mode) != 0 || !file_write_all(fd, v))
        goto done;
    if (exclusive ? link(aside, path) != 0 : rename(aside, path) != 0) {
        e = errno == EEXIST ? ERR_CONFLICT : ERR_IO;
        goto done;
    }
    e = ERR_NONE;
done:
    close(fd);
    if (exclusive || e != ERR_NONE)
        unlink(aside);
    return e;
}
