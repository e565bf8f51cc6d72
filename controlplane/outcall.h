/* Requests to other services, on the loop: HTTPS (payments, sign-in) and mail, by libcurl's multi interface over libuv.
 * Bounded in number, time and size of the answer; the server's certificate and name are verified. */
#ifndef TR_CONTROLPLANE_OUTCALL_H
#define TR_CONTROLPLANE_OUTCALL_H

#include "err.h"
#include "view.h"

#include <stdbool.h>
#include <uv.h>

struct outcalls;

enum {
    OUTCALLS_MAX = 32,            /* of one user of this module, at once */
    OUTCALL_TIMEOUT_MS = 30000,   /* of one, all in all: what came later was still done at the service */
    OUTCALL_CONNECT_MS = 10000,
    OUTCALL_ANSWER_MAX = 1 << 20, /* a list of 100 objects */
    OUTCALL_URL_MAX = 2048,
    OUTCALL_HEADERS_MAX = 4,
};

struct outcalls_config {
    uv_loop_t *loop;
    const char *ca; /* a PEM file instead of the system's; empty: the system's; borrowed */
};

/* A message to one address, by SMTP. user empty: the server takes mail without a password. */
struct outcall_mail {
    const char *from, *to; /* addresses, without brackets */
    const char *user, *password;
    struct view text; /* head and body, lines ended by CRLF */
};

/* Borrowed during outcall_start(). libcurl has copies of its own while a request runs; those of headers are wiped when
 * it is over, others are not. */
struct outcall_request {
    const char *url;                              /* outcall_url_valid(), or of mail outcall_mail_url_valid() */
    const char *headers[OUTCALL_HEADERS_MAX + 1]; /* "name: value"; NULL ends them */
    bool post;
    struct view form;              /* its body: application/x-www-form-urlencoded */
    const char *noted;             /* a header line that is told of when the answer has it; NULL: none */
    unsigned timeout_ms;           /* 0: OUTCALL_TIMEOUT_MS */
    size_t answer_max;             /* 0: OUTCALL_ANSWER_MAX */
    const struct outcall_mail *mail; /* NULL: an HTTPS request */
};

/* status: of HTTP or SMTP; noted: its header was there; body is borrowed. */
struct outcall_answer {
    unsigned status;
    bool noted;
    struct view body;
};

/* Requests of one user of this module. */
must_check enum err outcalls_new(const struct outcalls_config *c, struct outcalls **out);
/* Requests that run end with ERR_CANCELLED before this returns; freed when the loop has closed what it holds. */
void outcalls_free(struct outcalls *o);

/* cb fires exactly once, never before outcall_start() has returned. ERR_CONNECT, ERR_TLS, ERR_TOTAL_TIMEOUT,
 * ERR_PROVIDER_LARGE, ERR_IO: nobody knows whether the service did it. */
typedef void outcall_cb(void *cookie, enum err e, const struct outcall_answer *answer);
/* Borrows q. ERR_OVERLOAD: OUTCALLS_MAX run; ERR_MEMORY. Then cb never fires. */
must_check enum err outcall_start(struct outcalls *o, const struct outcall_request *q, outcall_cb *cb, void *cookie);

/* Whether it may be asked: https, or plain text to 127.0.0.1 only; visible ASCII, no user in it. */
bool outcall_url_valid(struct view url);
/* The same, and nothing is behind its host: paths are appended to it. */
bool outcall_base_valid(const char *base);
/* smtps://HOST:PORT; or smtp://HOST:PORT, where TLS is asked for and without it nothing is sent, but to 127.0.0.1. */
bool outcall_mail_url_valid(const char *url);
/* No file of authorities (NULL or empty), or one that can be opened: curl says nothing of it before the first call. */
bool outcall_ca_readable(const char *ca);

#endif
