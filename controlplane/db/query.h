/* A query on its way through the pool, with all it needs when its caller has long returned, and the lines
 * in which queries stand. */
#ifndef TR_CONTROLPLANE_DB_QUERY_H
#define TR_CONTROLPLANE_DB_QUERY_H

#include "db.h"

struct query {
    struct query *next;
    enum stmt stmt;
    uint64_t deadline_ms; /* clock_mono_ms */
    db_cb *cb;
    void *cookie;
    enum err failed; /* why, once it is in the failed list */
    bool named;      /* in the name of `who` */
    struct db_who who;
    size_t n;
    struct db_param params[]; /* followed by the bytes they point to */
};

struct fifo {
    struct query *head, **tail;
    size_t n;
};

/* A copy that outlives the caller's bytes: header, parameters and bytes in one piece; the rest is the
 * caller's to fill in. Given to the caller, who ends it with free(). NULL: out of memory. */
struct query *query_new(enum stmt stmt, const struct db_param *params, size_t n);

void fifo_init(struct fifo *f);
void fifo_push(struct fifo *f, struct query *q);
/* NULL: empty. */
struct query *fifo_pop(struct fifo *f);

#endif
