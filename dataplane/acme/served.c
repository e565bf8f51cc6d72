/* The certificate that is shown, and the one that takes its place. */
#include "served.h"

#include "tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct served {
    pthread_mutex_t lock; /* of everything below */
    SSL_CTX *ctx;
    EVP_PKEY *key;
    X509 *leaf, *ca; /* the control plane's; NULL: none came yet */
    struct served_now now;
};

const char *served_source_name(enum served_source s)
{
    return s == SERVED_PUBLIC ? "public" : s == SERVED_CONTROL_PLANE ? "control_plane" : "self_signed";
}

enum err served_new(SSL_CTX *ctx, EVP_PKEY *key, struct served **out)
{
    struct served *s = calloc(1, sizeof *s);

    if (s == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return ERR_MEMORY;
    }
    s->ctx = ctx;
    s->key = key;
    *out = s;
    return ERR_NONE;
}

void served_free(struct served *s)
{
    if (s == NULL)
        return;
    X509_free(s->leaf);
    X509_free(s->ca);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static uint64_t end_of(const X509 *cert)
{
    struct tm tm;
    time_t t = ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1 ? timegm(&tm) : 0;

    return t > 0 ? (uint64_t)t : 0;
}

/* With the lock. */
static enum err show_control(struct served *s, X509 *leaf, X509 *ca)
{
    enum err e = tls_ctx_set_cert(s->ctx, s->key, leaf, ca);

    if (e == ERR_NONE)
        s->now = (struct served_now){SERVED_CONTROL_PLANE, end_of(leaf)};
    return e;
}

enum err served_control(struct served *s, X509 *leaf, X509 *ca)
{
    enum err e = X509_check_private_key(leaf, s->key) == 1 ? ERR_NONE : ERR_CRYPTO;

    pthread_mutex_lock(&s->lock);
    if (e == ERR_NONE && s->now.source != SERVED_PUBLIC)
        e = show_control(s, leaf, ca);
    if (e == ERR_NONE) {
        X509_up_ref(leaf);
        X509_up_ref(ca);
        X509_free(s->leaf);
        X509_free(s->ca);
        s->leaf = leaf;
        s->ca = ca;
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

enum err served_public(struct served *s, X509 *leaf, STACK_OF(X509) *chain, uint64_t not_after_s)
{
    enum err e;

    pthread_mutex_lock(&s->lock);
    e = tls_ctx_set_chain(s->ctx, s->key, leaf, chain);
    if (e == ERR_NONE)
        s->now = (struct served_now){SERVED_PUBLIC, not_after_s};
    pthread_mutex_unlock(&s->lock);
    return e;
}

bool served_look(struct served *s, uint64_t now_s)
{
    bool over;

    pthread_mutex_lock(&s->lock);
    over = s->now.source == SERVED_PUBLIC && now_s >= s->now.not_after_s && s->leaf != NULL &&
           show_control(s, s->leaf, s->ca) == ERR_NONE;
    pthread_mutex_unlock(&s->lock);
    return over;
}

struct served_now served_now(struct served *s)
{
    struct served_now now = {SERVED_SELF_SIGNED, 0};

    if (s == NULL)
        return now;
    pthread_mutex_lock(&s->lock);
    now = s->now;
    pthread_mutex_unlock(&s->lock);
    return now;
}
