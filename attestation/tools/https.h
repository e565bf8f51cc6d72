/* One HTTPS request on a connection of its own: enough to fetch evidence and to know which
 * connection it came over. */
#ifndef TR_ATTESTATION_TOOLS_HTTPS_H
#define TR_ATTESTATION_TOOLS_HTTPS_H

#include "buf.h"
#include "secret.h"

#include <openssl/ssl.h>

enum { HTTPS_HOST_MAX = 255, HTTPS_TIMEOUT_S = 20, HTTPS_HEAD_MAX = 64 << 10 };

struct https_url {
    char host[HTTPS_HOST_MAX + 1];
    char port[6];
};
/* "https://host[:port][/]", nothing behind it; an IPv6 address stands in brackets. */
bool https_url_parse(const char *text, struct https_url *out);

/* An open TLS 1.3 connection. ca: a PEM file that must vouch for the server under its name; NULL:
 * no certificate authority is asked, because the evidence speaks about the key itself. On failure
 * one complaint and NULL. */
struct https *https_open(const struct https_url *u, const char *ca);
void https_close(struct https *h);
/* The exporter of RFC 9266 and the SHA-256 of the server's SubjectPublicKeyInfo. */
bool https_binding(const struct https *h, uint8_t exporter[static 32], struct digest32 *spki);
/* GET target; the body, decoded if it came in chunks, goes to *body (bounded by its maximum). The
 * status is returned; 0 after a complaint. */
unsigned https_get(struct https *h, const char *target, struct buf *body);

/* The answer to a GET as it stands in `in`: its status and body. ERR_SHORT: more is to come (or,
 * without a length, the rest until the end); ERR_FORMAT, ERR_LIMIT. Separate for its tests. */
must_check enum err https_answer_parse(struct view in, bool ended, unsigned *status,
                                       struct buf *body);

#endif
