#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10 };

static enum err digest_file(const char *path, struct digest48 *out)
{
    static uint8_t chunk[READ_BYTES];
    enum err e = ERR_IO;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;

    if (fd < 0)
        goto done;
    e = ERR_CRYPTO;
    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha384(), NULL) != 1)
        goto done;
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            e = ERR_IO;
            goto done;
        }
        if (EVP_DigestUpdate(ctx, chunk, (size_t)n) != 1)
            goto done;
    }
    if (EVP_DigestFinal_ex(ctx, out->b, NULL) == 1)
        e = ERR_NONE;
done:
    if (fd >= 0)
        close(fd);
    EVP_MD_CTX_free(ctx);
    return e;
}

enum err measure_self(struct view config, struct digest48 *out)
{
    struct digest48 parts[2];
    enum err e = digest_file("/proc/self/exe", &parts[0]);

    if (e != ERR_NONE)
        return e;
    digest_sha384(config, &parts[1]);
    digest_sha384(view_of(parts, sizeof parts), out);
    return ERR_NONE;
}
