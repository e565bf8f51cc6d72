/* An ACME client (RFC 8555): an account of this boot, an order for the names, their validation, the certificate.
 * It waits, so it runs on a thread of its own; what it asks the authority goes through an acme_wire, and all
 * answers are bounded and judged. One thread. */
#ifndef TR_DATAPLANE_ACME_CLIENT_H
#define TR_DATAPLANE_ACME_CLIENT_H

#include "err.h"
#include "message.h"
#include "names.h"
#include "wire.h"

#include <openssl/ssl.h>

/* What the authority says is wrong (RFC 8555 6.7), as far as we tell it apart. */
#define ACME_PROBLEMS(X)                                                                           \
    X(NONE, "none") X(OTHER, "other") X(BAD_NONCE, "badNonce") X(RATE_LIMITED, "rateLimited") X(CAA, "caa") \
    X(UNAUTHORIZED, "unauthorized") X(INCORRECT_RESPONSE, "incorrectResponse") X(CONNECTION, "connection") \
    X(DNS, "dns") X(TLS, "tls") X(REJECTED_IDENTIFIER, "rejectedIdentifier") X(MALFORMED, "malformed") \
    X(SERVER_INTERNAL, "serverInternal") X(USER_ACTION_REQUIRED, "userActionRequired") \
    X(ACCOUNT_DOES_NOT_EXIST, "accountDoesNotExist") X(ORDER_NOT_READY, "orderNotReady") \
    X(BAD_CSR, "badCSR") X(BAD_PUBLIC_KEY, "badPublicKey") X(INVALID_CONTACT, "invalidContact") \
    X(UNSUPPORTED_CONTACT, "unsupportedContact") X(UNSUPPORTED_IDENTIFIER, "unsupportedIdentifier") \
    X(EXTERNAL_ACCOUNT_REQUIRED, "externalAccountRequired") X(COMPOUND, "compound")
#define ACME_PROBLEM_ENUM(symbol, name) ACME_PROBLEM_##symbol,
enum acme_problem { ACME_PROBLEMS(ACME_PROBLEM_ENUM) ACME_PROBLEM_COUNT };
#undef ACME_PROBLEM_ENUM
const char *acme_problem_name(enum acme_problem p);

enum acme_step {
    ACME_STEP_DIRECTORY, ACME_STEP_ACCOUNT, ACME_STEP_ORDER, ACME_STEP_VALIDATION, ACME_STEP_FINALIZE,
    ACME_STEP_CERTIFICATE, ACME_STEP_COUNT
};
const char *acme_step_name(enum acme_step s);

enum {
    ACME_CHAIN_MAX = 8,          /* certificates */
    ACME_NONCE_TRIES = 8,        /* of one request, when its nonce is refused */
    ACME_POLL_MS = 1000,         /* between two looks at an order, unless the authority says otherwise */
    ACME_POLL_LONGEST_MS = 15000,
    ACME_POLLS_MAX = 60,
};

struct acme_client_config {
    struct acme_wire wire;
    const char *directory;         /* URL */
    const char *contact;           /* an e-mail address; "": none */
    const struct acme_names *names;
    EVP_PKEY *tls_key;             /* the certificate is for it; never leaves */
    bool tls_alpn, http;           /* which challenges may be used; the first is preferred */
    /* Called before the authority is told to look, and after it has: the challenge is answered in between. start
     * may wait. ERR_CANCELLED: this data plane ends. */
    enum err (*start)(void *cookie, enum acme_method method, const char *name, struct view authorization);
    void (*end)(void *cookie, enum acme_method method, const char *name);
    /* Wait. False: this data plane ends. */
    bool (*pause)(void *cookie, uint64_t ms);
    void *cookie;
};

struct acme_client;
/* Borrows what the config names. Makes the account's key: it lives in this memory only. ERR_MEMORY, ERR_CRYPTO. */
must_check enum err acme_client_new(const struct acme_client_config *config, struct acme_client **out);
void acme_client_free(struct acme_client *c);

struct acme_certificate {
    X509 *leaf;
    STACK_OF(X509) *chain; /* without the leaf */
    uint64_t not_before_s, not_after_s; /* unix */
};
void acme_certificate_free(struct acme_certificate *c);

struct acme_failure {
    enum acme_step step;
    enum acme_problem problem; /* ACME_PROBLEM_NONE: the authority said none; err has what happened */
    enum err err;
    unsigned status;        /* HTTP; 0: there was no answer */
    uint64_t retry_after_s; /* 0: not said */
};
/* Get a certificate. On success its key is tls_key, it is valid now and for all names. Otherwise *failure says
 * why. */
must_check enum err acme_client_obtain(struct acme_client *c, struct acme_certificate *out,
                                       struct acme_failure *failure);

#endif
