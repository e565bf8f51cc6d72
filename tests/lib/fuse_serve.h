/* A file system served from a process of a test, straight over /dev/fuse: no library, so that what
 * answers a system call is in front of the reader. Enough of the protocol for small trees of
 * directories and files whose content is made when it is read, and for ioctl on a file. Whoever
 * serves says what is where in struct fuse_tree; results are 0 or a negative errno. */
#ifndef TR_TESTS_LIB_FUSE_SERVE_H
#define TR_TESTS_LIB_FUSE_SERVE_H

#include <errno.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FUSE_SERVE_WRITE_MAX = 64 << 10, FUSE_SERVE_BUFFER = FUSE_SERVE_WRITE_MAX + 8192 };

struct fuse_tree {
    int (*lookup)(uint64_t parent, const char *name, uint64_t *node);
    mode_t (*mode)(uint64_t node); /* 0: gone */
    int (*make)(uint64_t parent, const char *name, uint64_t *node);
    int (*remove)(uint64_t parent, const char *name);
    int (*open)(uint64_t node, uint64_t *handle);
    /* out has room for n; gives how many bytes, 0 at the end */
    int (*read)(uint64_t handle, uint64_t offset, uint8_t *out, size_t n);
    int (*write)(uint64_t handle, const uint8_t *p, size_t n); /* gives how many it took */
    void (*close)(uint64_t handle); /* at close(2), before it returns; may come more than once */
    void (*release)(uint64_t handle);
    /* data: the ioctl's own structure, in and out; pid: of the caller */
    int (*ioctl)(uint64_t handle, uint32_t command, uint8_t *data, size_t n, pid_t pid);
};

static int fuse_fd_ = -1;

/* The file system at path, in this mount namespace. False: this machine has no FUSE for us. */
static inline bool fuse_mount(const char *path)
{
    char options[96];

    fuse_fd_ = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse_fd_ < 0)
        return false;
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0", fuse_fd_);
    return mount("machine", path, "fuse", MS_NOSUID, options) == 0;
}

static inline void fuse_reply(const struct fuse_in_header *in, int error, const void *p, size_t n)
{
    static uint8_t out[sizeof(struct fuse_out_header) + FUSE_SERVE_BUFFER];
    struct fuse_out_header head = {(uint32_t)(sizeof head + n), error, in->unique};

    memcpy(out, &head, sizeof head);
    if (n != 0)
        memcpy(out + sizeof head, p, n);
    /* ENOENT: the caller was interrupted and waits no more. */
    if (write(fuse_fd_, out, head.len) != (ssize_t)head.len && errno != ENOENT)
        _exit(1);
}

static inline struct fuse_attr fuse_attr_of(const struct fuse_tree *t, uint64_t node)
{
    return (struct fuse_attr){.ino = node, .mode = t->mode(node), .nlink = 1, .blksize = 4096};
}

static inline void fuse_reply_entry(const struct fuse_tree *t, const struct fuse_in_header *in,
                                    int error, uint64_t node)
{
    struct fuse_entry_out out = {.nodeid = node};

    if (error == 0)
        out.attr = fuse_attr_of(t, node);
    fuse_reply(in, error, &out, error == 0 ? sizeof out : 0);
}

static inline void fuse_serve_ioctl(const struct fuse_tree *t, const struct fuse_in_header *in,
                                    const struct fuse_ioctl_in *a)
{
    struct {
        struct fuse_ioctl_out head;
        uint8_t data[256];
    } out = {{0}, {0}};
    size_t n = a->in_size < sizeof out.data ? a->in_size : sizeof out.data;

    memcpy(out.data, a + 1, n);
    out.head.result = t->ioctl(a->fh, a->cmd, out.data, n, (pid_t)in->pid);
    fuse_reply(in, 0, &out, sizeof out.head + n);
}

static inline void fuse_serve_one(const struct fuse_tree *t, struct fuse_in_header *in)
{
    static uint8_t bytes[FUSE_SERVE_WRITE_MAX];
    const void *arg = in + 1;
    uint64_t node = 0;
    int e;

    switch (in->opcode) {
    case FUSE_INIT: {
        const struct fuse_init_in *a = arg;
        struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                    .minor = FUSE_KERNEL_MINOR_VERSION,
                                    .max_readahead = a->max_readahead,
                                    .max_write = FUSE_SERVE_WRITE_MAX};

        fuse_reply(in, 0, &out, sizeof out);
        return;
    }
    case FUSE_LOOKUP:
        e = t->lookup(in->nodeid, arg, &node);
        fuse_reply_entry(t, in, e, node);
        return;
    case FUSE_MKDIR:
        e = t->make(in->nodeid, (const char *)arg + sizeof(struct fuse_mkdir_in), &node);
        fuse_reply_entry(t, in, e, node);
        return;
    case FUSE_RMDIR:
        fuse_reply(in, t->remove(in->nodeid, arg), NULL, 0);
        return;
    case FUSE_GETATTR:
    case FUSE_SETATTR: {
        struct fuse_attr_out out = {.attr = fuse_attr_of(t, in->nodeid)};

        fuse_reply(in, out.attr.mode == 0 ? -ENOENT : 0, &out, out.attr.mode == 0 ? 0 : sizeof out);
        return;
    }
    case FUSE_OPEN: {
        /* Uncached: each read(2) and write(2) is one question here. */
        struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO};

        e = t->open(in->nodeid, &out.fh);
        fuse_reply(in, e, &out, e == 0 ? sizeof out : 0);
        return;
    }
    case FUSE_READ: {
        const struct fuse_read_in *a = arg;

        e = t->read(a->fh, a->offset, bytes, a->size < sizeof bytes ? a->size : sizeof bytes);
        fuse_reply(in, e < 0 ? e : 0, bytes, e < 0 ? 0 : (size_t)e);
        return;
    }
    case FUSE_WRITE: {
        const struct fuse_write_in *a = arg;
        struct fuse_write_out out = {0};

        e = t->write(a->fh, (const uint8_t *)(a + 1), a->size);
        out.size = e < 0 ? 0 : (uint32_t)e;
        fuse_reply(in, e < 0 ? e : 0, &out, e < 0 ? 0 : sizeof out);
        return;
    }
    case FUSE_FLUSH:
        t->close(((const struct fuse_flush_in *)arg)->fh);
        fuse_reply(in, 0, NULL, 0);
        return;
    case FUSE_RELEASE:
        t->release(((const struct fuse_release_in *)arg)->fh);
        fuse_reply(in, 0, NULL, 0);
        return;
    case FUSE_IOCTL:
        fuse_serve_ioctl(t, in, arg);
        return;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return; /* not answered */
    default:
        fuse_reply(in, -ENOSYS, NULL, 0);
    }
}

/* Until the file system is gone. */
static inline void fuse_serve(const struct fuse_tree *t)
{
    static _Alignas(8) uint8_t request[FUSE_SERVE_BUFFER + 1];

    for (;;) {
        ssize_t n = read(fuse_fd_, request, FUSE_SERVE_BUFFER);

        if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
            continue;
        if (n < (ssize_t)sizeof(struct fuse_in_header))
            return;
        request[n] = 0;
        fuse_serve_one(t, (struct fuse_in_header *)request);
    }
}

#endif
