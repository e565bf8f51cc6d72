/* When the public port is opened: not before there is a certificate that clients trust, unless there
 * will be none. */
#ifndef TR_DATAPLANE_OPENING_H
#define TR_DATAPLANE_OPENING_H

#include "worker.h"

#include <pthread.h>

struct opening {
    pthread_mutex_t lock;
    struct shared *shared; /* NULL: the workers are not there yet, or no longer */
    bool cert, catalog;    /* have come: both are needed to answer as clients expect */
    bool anyhow;           /* and are no longer waited for */
    bool opened;
};

must_check enum err opening_init(struct opening *o);
void opening_free(struct opening *o);
/* All workers are bound. */
void opening_ready(struct opening *o, struct shared *s);
/* What came over the link; any thread. */
void opening_cert(struct opening *o);
void opening_catalog(struct opening *o);
/* There is nothing to wait for any more: refused, or the time is up. Any thread. */
void opening_anyhow(struct opening *o);
/* The workers are about to stop: nothing is opened after it returns. */
void opening_end(struct opening *o);

#endif
