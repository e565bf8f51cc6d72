/* What the two files of the quote service share. */
#ifndef TR_DATAPLANE_TRUST_QUOTES_OWN_H
#define TR_DATAPLANE_TRUST_QUOTES_OWN_H

#include "quotes.h"

#include <stdatomic.h>
#include <sys/queue.h>

enum { BATCH_LEVELS = 9 }; /* a tree of ATTEST_BATCH_MAX leaves, and so 8 hashes in a path */
_Static_assert(1 << (BATCH_LEVELS - 1) == ATTEST_BATCH_MAX, "levels of a full batch");

enum quote_kind { QUOTE_LEAF, QUOTE_EXACT, QUOTE_KINDS };

/* One report and those it answers. */
struct quote_result {
    _Atomic unsigned references;
    struct quote quote;
};
void quote_result_release(struct quote_result *r); /* NULL is fine */

struct quote_ask {
    TAILQ_ENTRY(quote_ask) link; /* of the list that `where` names; under the lock */
    TAILQ_ENTRY(quote_ask) mine; /* of its port's waiting; the worker's */
    struct quotes_port *port;
    enum quote_kind kind;
    enum {
        ASK_QUEUED,     /* in the service's queue */
        ASK_WORKING,    /* the quote thread's: its report is being made */
        ASK_DONE,       /* in its port's done list */
    } where;            /* under the lock */
    bool cancelled;     /* under the lock; while ASK_WORKING: the thread that finishes frees it */
    uint8_t wanted[64]; /* QUOTE_LEAF: the leaf, 32 bytes; QUOTE_EXACT: REPORT_DATA */
    uint64_t asked_ms;
    quotes_cb *cb;
    void *cookie;
    /* the answer */
    enum err e;
    struct quote_result *result;
    uint64_t index, size;
    struct digest32 path[BATCH_LEVELS];
    size_t path_n;
};
TAILQ_HEAD(quote_list, quote_ask);

struct quotes_port {
    struct quotes *quotes;
    uv_async_t async;
    struct quote_list done;    /* under the lock */
    struct quote_list waiting; /* the worker's: every ask not answered and not cancelled */
};

struct quotes {
    struct quotes_config config;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t stirred; /* something was queued, or stop */
    struct quote_list queued[QUOTE_KINDS];
    size_t n_queued[QUOTE_KINDS];
    bool stop;
    unsigned ports;
    struct quotes_counters counters;
    /* the quote thread's */
    enum quote_kind last;                                  /* the two kinds take turns */
    uint64_t next_batch_ms;                                /* monotonic: not before */
    bool failing;                                          /* the last report failed: said once */
    struct digest32 nodes[BATCH_LEVELS][ATTEST_BATCH_MAX]; /* the batch's tree */
};

void quotes_main(void *cookie); /* the thread */

#endif
