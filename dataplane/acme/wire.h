/* One request to the certificate authority and its answer, bounded in size and time. The authority's server is
 * taken for hostile: what comes back is copied into fixed places or left out. */
#ifndef TR_DATAPLANE_ACME_WIRE_H
#define TR_DATAPLANE_ACME_WIRE_H

#include "buf.h"
#include "err.h"
#include "https.h"

enum {
    ACME_URL_MAX = 512,
    ACME_NONCE_MAX = 256,
    ACME_BODY_MAX = 256 << 10, /* a chain of several certificates; everything else is a few KB */
    ACME_RETRY_AFTER_MAX_S = 7 * 86400,
    ACME_EXCHANGE_S = 10, /* from connecting to the last byte */
};

enum acme_content { ACME_CONTENT_OTHER, ACME_CONTENT_JSON, ACME_CONTENT_PROBLEM, ACME_CONTENT_PEM };

struct acme_answer {
    unsigned status;
    enum acme_content content;
    uint64_t retry_after_s; /* 0: not said */
    char nonce[ACME_NONCE_MAX + 1];    /* "": none, or none that may be sent back */
    char location[ACME_URL_MAX + 1];
    struct buf body;
};
void acme_answer_init(struct acme_answer *a);
void acme_answer_free(struct acme_answer *a);
/* One header; what is not known or too long is left out. now_s: unix, for a Retry-After that is a date. */
void acme_answer_header(struct acme_answer *a, struct view name, struct view value, uint64_t now_s);

struct acme_wire {
    /* POST `body` (HEAD when method says so, GET likewise; body is empty then) to the URL, which is on the
     * directory's host and port. a: initialised, empty. ERR_CONNECT, ERR_TLS, ERR_AUTH (the server's certificate),
     * ERR_TOTAL_TIMEOUT, ERR_IO, ERR_FORMAT, ERR_SHORT, ERR_LIMIT. */
    enum err (*exchange)(void *cookie, const char *method, const char *url, struct view body, struct acme_answer *a);
    void *cookie;
};

/* The real one. ca: a PEM file of the authorities that may vouch for the server. Borrowed. */
struct acme_https {
    const char *ca;
};
struct acme_wire acme_https_wire(struct acme_https *h);

/* May a request go there? Only https, on the directory's host and port, of visible characters. */
bool acme_url_ok(const char *directory, const char *url);

#endif
