/* Keys and certificates on disk: the control plane's CA. Files appear whole or not at all. */
#include "tls.h"

#include "file.h"


#include <openssl/err.h>
#include <openssl/pem.h>

enum { TLS_FILE_MAX = 65536 }; /* bytes; one key or certificate takes 1 KB */

static enum err tls_key_load(const char *path, EVP_PKEY **out)
{
    char text[TLS_FILE_MAX];
    size_t len = 0;
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    enum err e = file_read(path, true, text, sizeof text, &len);

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
    e = file_write(path, 0600, true, view_of(text, (size_t)len));
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
    enum err e = file_read(path, false, text, sizeof text, &len);

    return e == ERR_NONE ? tls_cert_from_pem(view_of(text, len), out) : e;
}

enum err tls_cert_save(const char *path, X509 *cert)
{
    char text[TLS_FILE_MAX];
    size_t len = 0;
    enum err e = tls_cert_pem(cert, text, sizeof text, &len);

    return e == ERR_NONE ? file_write(path, 0644, false, view_of(text, len)) : e;
}
