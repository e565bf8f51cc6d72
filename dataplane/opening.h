/* When the public port is opened: not before there is a certificate that clients trust, unless there
 * will be none. With a public authority that is its certificate, or, when it gave none at the first try, the control
 * plane's. */
#ifndef TR_DATAPLANE_OPENING_H
#define TR_DATAPLANE_OPENING_H

#include "worker.h"

#include <pthread.h>

struct opening {
    pthread_mutex_t lock;
    struct shared *shared; /* NULL: the workers are not there yet, or no longer */
    bool cert, catalog;    /* have come: both are needed to answer as clients expect */
    bool anyhow;           /* and are no longer waited for */
    bool late;             /* the time is up: nothing is waited for but a public certificate */
    SSL_CTX *awaiting;     /* whose public certificate is asked for, and waited for; NULL: none is */
    bool early;            /* meanwhile the port is open to the authority that validates it, and to nobody else */
    bool listening;
    bool opened;
};

must_check enum err opening_init(struct opening *o);
void opening_free(struct opening *o);
/* Before opening_ready(): a public authority is asked for a certificate. The port is not opened to clients before
 * that has been tried (opening_public()). early: it validates on this port. */
void opening_await_public(struct opening *o, SSL_CTX *tls, bool early);
/* All workers are bound. */
void opening_ready(struct opening *o, struct shared *s);
/* What came over the link; any thread. */
void opening_cert(struct opening *o);
void opening_catalog(struct opening *o);
/* The authority has been asked, with or without success, or took too long. Any thread. */
void opening_public(struct opening *o);
/* There is nothing to wait for any more: refused. Any thread. */
void opening_anyhow(struct opening *o);
/* The time is up in which certificate and catalog should have come. */
void opening_late(struct opening *o);
/* The workers are about to stop: nothing is opened after it returns. */
void opening_end(struct opening *o);

#endif
