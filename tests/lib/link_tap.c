/* LD_PRELOAD for a control plane under test: what it reads and writes on the attested link, in clear, is appended to
 * the file that TR_LINK_TAP names. common/conn.c alone uses SSL_read_ex and SSL_write_ex; the REST listener does not. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct ssl_st SSL;
int SSL_read_ex(SSL *ssl, void *buf, size_t num, size_t *n);
int SSL_write_ex(SSL *ssl, const void *buf, size_t num, size_t *n);

static void keep(const void *bytes, size_t n)
{
    const char *path = getenv("TR_LINK_TAP");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    if (write(fd, bytes, n) != (ssize_t)n)
        abort();
    close(fd);
}

int SSL_read_ex(SSL *ssl, void *buf, size_t num, size_t *n)
{
    int (*real)(SSL *, void *, size_t, size_t *) =
        (int (*)(SSL *, void *, size_t, size_t *))dlsym(RTLD_NEXT, "SSL_read_ex");
    int r = real(ssl, buf, num, n);

    if (r == 1)
        keep(buf, *n);
    return r;
}

int SSL_write_ex(SSL *ssl, const void *buf, size_t num, size_t *n)
{
    int (*real)(SSL *, const void *, size_t, size_t *) =
        (int (*)(SSL *, const void *, size_t, size_t *))dlsym(RTLD_NEXT, "SSL_write_ex");

    keep(buf, num);
    return real(ssl, buf, num, n);
}
