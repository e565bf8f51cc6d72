/* Keys and certificates on disk: the control plane's CA. Files appear whole or not at all. */
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

enum { TLS_FILE_MAX = 65536 }; /* bytes; one key or certificate takes 1 KB */

/* Read a whole file. need_private: refuse one that group or others may read. */
static enum err tls_read(const char *path, bool need_private, char *out, size_t cap, size_t *len)
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

static bool tls_write_all(int fd, struct view v)
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

/* Write aside, sync, and give it its name. exclusive: never replaces a file that is already there
 * (ERR_CONFLICT), so that two programs starting at once agree on one key. */
static enum err tls_write(const char *path, mode_t mode, bool exclusive, struct view v)
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
    if (fchmod(fd, mode) != 0 || !tls_write_all(fd, v))
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

static enum err tls_key_load(const char *path, EVP_PKEY **out)
{
    char text[TLS_FILE_MAX];
    size_t len = 0;
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    enum err e = tls_read(path, true, text, sizeof text, &len);

    if (e != ERR_NONE)
        goto done;
    bio = BIO_new_mem_buf(text, (int)len);
    if (bio == NULL) {
        e = ERR_MEMORY;
        goto done;
    }
    /* An empty password: an encrypted file must fail, not ask the terminal. */
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
        e = ERR_FORMAT;
        goto done;
    }
    *out = key;
    key = NULL;
done:
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    secret_wipe(text, sizeof text);
    return e;
}

static enum err tls_key_create(const char *path, EVP_PKEY **out)
{
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    char *text;
    long len;
    enum err e = tls_key_new(&key);

    if (e != ERR_NONE)
        return e;
    e = ERR_CRYPTO;
    bio = BIO_new(BIO_s_secmem());
    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        goto done;
    len = BIO_get_mem_data(bio, &text);
    e = tls_write(path, 0600, true, view_of(text, (size_t)len));
    secret_wipe(text, (size_t)len);
    if (e != ERR_NONE)
        goto done;
    *out = key;
    key = NULL;
done:
    BIO_free(bio);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return e;
}

enum err tls_key_load_or_create(const char *path, EVP_PKEY **out)
{
    enum err e = tls_key_load(path, out);

    if (e != ERR_NOT_FOUND)
        return e;
    e = tls_key_create(path, out);
    return e == ERR_CONFLICT ? tls_key_load(path, out) : e;
}

enum err tls_cert_load(const char *path, X509 **out)
{
    char text[TLS_FILE_MAX];
    size_t len = 0;
    enum err e = tls_read(path, false, text, sizeof text, &len);

    return e == ERR_NONE ? tls_cert_from_pem(view_of(text, len), out) : e;
}

enum err tls_cert_save(const char *path, X509 *cert)
{
    char text[TLS_FILE_MAX];
    size_t len = 0;
    enum err e = tls_cert_pem(cert, text, sizeof text, &len);

    return e == ERR_NONE ? tls_write(path, 0644, false, view_of(text, len)) : e;
}
