#include "state.h"
#include "tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    CA_DAYS = 3650,
    REST_MINUTES = 800 * 24 * 60,     /* browsers refuse more than 825 days */
    REST_RENEW_SECONDS = 400 * 86400, /* at start: a year of uptime is always left */
};

static enum err file(const char *dir, const char *name, char out[static PATH_MAX])
{
    return (size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? ERR_NONE : ERR_LIMIT;
}

static enum err open_key(const char *dir, const char *name, EVP_PKEY **out)
{
    char path[PATH_MAX];
    enum err e = file(dir, name, path);

    return e == ERR_NONE ? tls_key_load_or_create(path, out) : e;
}

/* Whether a certificate is for this key: a pair of files can be half restored from a backup. */
static bool matches(X509 *cert, EVP_PKEY *key)
{
    struct digest32 a, b;

    return tls_cert_spki_sha256(cert, &a) == ERR_NONE && tls_spki_sha256(key, &b) == ERR_NONE &&
           secret_equal(a.b, b.b, sizeof a.b);
}

static bool covers(X509 *cert, const char *names)
{
    while (*names != '\0') {
        size_t n = strcspn(names, ",");
        char name[256];

        if (n == 0 || n >= sizeof name)
            return false;
        memcpy(name, names, n);
        name[n] = '\0';
        if (X509_check_ip_asc(cert, name, 0) != 1 && X509_check_host(cert, name, n, 0, NULL) != 1)
            return false;
        names += n + (names[n] == ',');
    }
    return true;
}

static bool lasts(X509 *cert, long seconds)
{
    int days = 0, rest = 0;

    return ASN1_TIME_diff(&days, &rest, NULL, X509_get0_notAfter(cert)) == 1 &&
           days * 86400L + rest > seconds;
}

static enum err load_cert(const char *dir, const char *name, EVP_PKEY *key, X509 **out)
{
    char path[PATH_MAX];
    enum err e = file(dir, name, path);

    if (e == ERR_NONE)
        e = tls_cert_load(path, out);
    return e == ERR_NONE && !matches(*out, key) ? ERR_CONFIG : e;
}

static enum err save_cert(const char *dir, const char *name, X509 *cert)
{
    char path[PATH_MAX];
    enum err e = file(dir, name, path);

    return e == ERR_NONE ? tls_cert_save(path, cert) : e;
}

static enum err open_ca(const char *dir, struct state *s)
{
    enum err e = load_cert(dir, "ca.pem", s->ca_key, &s->ca);

    if (e != ERR_NOT_FOUND)
        return e;
    e = tls_ca_new(s->ca_key, "TrustedRouter CA", CA_DAYS, &s->ca);
    return e == ERR_NONE ? save_cert(dir, "ca.pem", s->ca) : e;
}

static enum err open_link(const char *dir, struct state *s)
{
    enum err e = load_cert(dir, "link.pem", s->link_key, &s->link);

    if (e != ERR_NOT_FOUND)
        return e;
    /* Data planes pin the key; the name in the certificate means nothing. */
    e = tls_cert_self(s->link_key, "localhost", CA_DAYS, &s->link);
    return e == ERR_NONE ? save_cert(dir, "link.pem", s->link) : e;
}

static enum err open_rest(const char *dir, const char *names, struct state *s)
{
    enum err e = load_cert(dir, "rest.pem", s->rest_key, &s->rest);

    if (e == ERR_NONE && covers(s->rest, names) && lasts(s->rest, REST_RENEW_SECONDS) &&
        X509_check_issued(s->ca, s->rest) == X509_V_OK)
        return ERR_NONE;
    if (e != ERR_NONE && e != ERR_NOT_FOUND)
        return e;
    X509_free(s->rest);
    s->rest = NULL;
    e = tls_ca_sign(s->ca_key, s->ca, s->rest_key, names, REST_MINUTES, &s->rest);
    return e == ERR_NONE ? save_cert(dir, "rest.pem", s->rest) : e;
}

enum err state_open(const char *dir, const char *rest_names, struct state *out, struct buf *why)
{
    static const char *const what[] = {"ca", "link", "rest"};
    struct state s = {0};
    EVP_PKEY **const keys[] = {&s.ca_key, &s.link_key, &s.rest_key};
    const char *at = "";
    enum err e = mkdir(dir, 0700) == 0 || errno == EEXIST ? ERR_NONE : ERR_IO;

    for (unsigned i = 0; e == ERR_NONE && i < 3; i++) {
        char name[16];

        at = what[i];
        snprintf(name, sizeof name, "%s.key", what[i]);
        e = open_key(dir, name, keys[i]);
        if (e == ERR_NONE)
            e = i == 0   ? open_ca(dir, &s)
                : i == 1 ? open_link(dir, &s)
                         : open_rest(dir, rest_names, &s);
    }
    if (e == ERR_NONE) {
        *out = s;
        return ERR_NONE;
    }
    state_close(&s);
    if (buf_appendf(why, "%s/%s: key or certificate cannot be used (%s)", dir, at, err_name(e)) !=
        ERR_NONE)
        e = ERR_MEMORY;
    return e;
}

void state_close(struct state *s)
{
    EVP_PKEY_free(s->ca_key);
    EVP_PKEY_free(s->link_key);
    EVP_PKEY_free(s->rest_key);
    X509_free(s->ca);
    X509_free(s->link);
    X509_free(s->rest);
    *s = (struct state){0};
}
