/* One HTTPS request on a connection of its own, by a thread that may wait: enough to fetch evidence and to
 * know which connection it came over, and to speak with a certificate authority. */
#ifndef TR_COMMON_HTTPS_H
#define TR_COMMON_HTTPS_H

#include "buf.h"
#include "secret.h"

#include <openssl/ssl.h>

enum {
    HTTPS_HOST_MAX = 255,
    HTTPS_TIMEOUT_S = 20,      /* for a whole exchange, unless its caller says otherwise */
    HTTPS_TIMEOUT_MAX_S = 600, /* what a caller may say */
    HTTPS_HEAD_MAX = 64 << 10,
};

struct https_url {
    char host[HTTPS_HOST_MAX + 1];
    char port[6];
};
/* "https://host[:port][/]", nothing behind it; an IPv6 address stands in brackets. */
bool https_url_parse(const char *text, struct https_url *out);
/* The same with a target behind the authority: *target is where it begins in text, at '/' or at the end. */
bool https_url_split(const char *text, struct https_url *out, const char **target);

/* Who hears in one sentence why something failed: called once by a program that talks to a person, before
 * the first https_open(). Otherwise nobody does. */
void https_complain_to(void (*complain)(const char *fmt, ...) __attribute__((format(printf, 1, 2))));

struct https;
/* An open TLS 1.3 connection, given to the caller. ca: a PEM file that must vouch for the server
 * under its name; NULL: no certificate authority is asked, because the evidence speaks about the
 * key itself. Everything until the answer's last byte has to happen within timeout_s seconds from
 * here, however steadily bytes come; only the resolver keeps time of its own. On failure one
 * complaint: ERR_CONNECT, ERR_TLS; ERR_AUTH: ca does not vouch for the server; ERR_CONFIG: ca is no
 * such file. */
must_check enum err https_open(const struct https_url *u, const char *ca, unsigned timeout_s,
                               struct https **out);
void https_close(struct https *h);
/* The exporter of RFC 9266 and the SHA-256 of the server's SubjectPublicKeyInfo. */
bool https_binding(const struct https *h, uint8_t exporter[static 32], struct digest32 *spki);
/* GET target, once per connection; the body, decoded if it came in chunks, is appended to *body
 * (bounded by its maximum). On failure one complaint: ERR_TOTAL_TIMEOUT, ERR_IO, ERR_FORMAT,
 * ERR_SHORT, ERR_LIMIT. */
must_check enum err https_get(struct https *h, const char *target, unsigned *status,
                              struct buf *body);

struct https_answer;
struct https_request {
    const char *method, *target, *agent;
    const char *content_type; /* NULL: there is no body */
    struct view body;
};
/* The same for any request; the answer's status is in *a. */
must_check enum err https_exchange(struct https *h, const struct https_request *q, struct https_answer *a,
                                   struct buf *body);

/* An answer that is being read; all zero at first, but for who wants its headers. */
enum https_part {
    HTTPS_STATUS_LINE,
    HTTPS_HEADERS,
    HTTPS_BODY,      /* `left` bytes of it are to come */
    HTTPS_UNTIL_END, /* a body without a length */
    HTTPS_CHUNK_SIZE,
    HTTPS_CHUNK,     /* `left` bytes of it are to come */
    HTTPS_CHUNK_END, /* its CRLF */
    HTTPS_TRAILER,   /* the empty line behind the last chunk */
    HTTPS_DONE,
};
struct https_answer {
    enum https_part part;
    unsigned status;
    bool has_length, chunked;
    uint64_t left;
    size_t head;     /* bytes of status line and headers so far */
    size_t searched; /* bytes at the front of what is not used that hold no end of a line */
    /* Called with each header as it comes, in any letter case; NULL: they are of no interest. */
    void (*header)(void *cookie, struct view name, struct view value);
    void *cookie;
};
/* Feed what has come and was not used yet; *used of it is done with. ERR_NONE: the answer is whole.
 * ERR_SHORT: more is to come (when ended: it never will); ERR_FORMAT, ERR_LIMIT. */
must_check enum err https_answer_feed(struct https_answer *a, struct view in, bool ended,
                                      size_t *used, struct buf *body);

#endif
