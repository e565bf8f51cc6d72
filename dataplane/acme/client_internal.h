/* What the files of the client share: requests (client_request.c), orders (client.c), certificates (client_chain.c). */
#ifndef TR_DATAPLANE_ACME_CLIENT_INTERNAL_H
#define TR_DATAPLANE_ACME_CLIENT_INTERNAL_H

#include "client.h"
#include "json.h"

struct acme_client {
    struct acme_client_config config;
    EVP_PKEY *key;       /* the account's */
    char thumbprint[44]; /* of it */
    char new_nonce[ACME_URL_MAX + 1], new_account[ACME_URL_MAX + 1], new_order[ACME_URL_MAX + 1];
    char account[ACME_URL_MAX + 1]; /* its URL; "": none yet */
    char nonce[ACME_NONCE_MAX + 1]; /* for the next request; "": none */
    struct acme_failure *failure;   /* of what runs */
};

/* GET the directory, which needs no account. */
must_check enum err client_directory(struct acme_client *c);
/* A signed POST with this payload ("": POST-as-GET), again with another nonce when that was refused. The answer
 * has a status below 300 and the content that is wanted; otherwise the failure is noted. a: initialised. */
must_check enum err client_post(struct acme_client *c, const char *url, struct view payload, enum acme_content want,
                                struct acme_answer *a);
/* A member of an answer that is a URL of the directory's host. ERR_FORMAT: missing, another host's, no URL. */
must_check enum err client_url(const struct acme_client *c, struct json_value object, const char *member,
                               char out[static ACME_URL_MAX + 1]);
/* The same of a value. */
must_check enum err client_url_of(const struct acme_client *c, struct json_value value,
                                  char out[static ACME_URL_MAX + 1]);
/* The problem that an object tells in its member "type". */
enum acme_problem client_problem(struct json_value object);
/* A chain as PEM, the leaf first, judged. ERR_FORMAT, ERR_CRYPTO: another key, ERR_RANGE: not valid now,
 * ERR_NOT_FOUND: a name is missing. */
must_check enum err client_chain(const struct acme_client *c, struct view pem, struct acme_certificate *out);

#endif
