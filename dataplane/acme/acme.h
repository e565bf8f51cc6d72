/* A publicly trusted certificate for this boot's own key, got and renewed by a thread of its own. */
#ifndef TR_DATAPLANE_ACME_ACME_H
#define TR_DATAPLANE_ACME_ACME_H

#include "challenge.h"
#include "client.h"
#include "served.h"

enum {
    ACME_SETTLE_MS = 1000, /* between telling the other data planes of a challenge and the authority to look */
    ACME_TURN_MS = (LIMIT_ACME_CHALLENGE_S + 60) * 1000, /* how long to wait for others whose challenge of the same name is
                              open: that of a boot that died is over by then */
};

struct acme;
struct acme_config {
    const char *directory, *contact, *ca; /* URL; e-mail address or ""; PEM file. Borrowed, as all below */
    bool tls_alpn, http;
    uint64_t retry_s;
    unsigned orders_per_hour;
    EVP_PKEY *tls_key;
    const struct acme_names *names;
    struct challenges *challenges;
    struct served *served;
    /* On the thread. connected: is this data plane accepted, so that it serves and others hear of it? tell: an
     * encoded frame to the other data planes. tried: the first try is over, however it ended. */
    bool (*connected)(void *cookie);
    void (*tell)(void *cookie, struct view frame);
    void (*tried)(void *cookie);
    void *cookie;
};

/* ERR_MEMORY, ERR_CRYPTO, ERR_IO. */
must_check enum err acme_start(const struct acme_config *config, struct acme **out);
/* Waits for an exchange that runs, ACME_EXCHANGE_S at most. NULL is fine, here and below. */
void acme_stop(struct acme *a);

enum acme_state {
    ACME_OFF,     /* not configured */
    ACME_WAITING, /* for the control plane's acceptance */
    ACME_WORKING, /* a certificate is asked for */
    ACME_GOOD,    /* the last try succeeded */
    ACME_FAILED,  /* the last try failed; another one follows */
};
const char *acme_state_name(enum acme_state s);
struct acme_status {
    enum acme_state state;
    enum acme_step step; /* ACME_FAILED: where, and why */
    enum acme_problem problem;
    enum err err;
    uint64_t next_s; /* unix: the next try; 0: it runs or waits for acceptance */
    uint64_t certificates, failures;
};
struct acme_status acme_status(struct acme *a);

#endif
