/* One worker: a thread with its own loop, HTTPS listener, upstream pools and request lists. What the
 * workers share is read through atomics or never changes. */
#ifndef TR_DATAPLANE_WORKER_H
#define TR_DATAPLANE_WORKER_H

#include "attest_body.h"
#include "config.h"
#include "fetch.h"
#include "front.h"
#include "health.h"
#include "metrics.h"
#include "receipt_document.h"
#include "secret.h"
#include "share.h"
#include "stats.h"
#include "status.h"

#include <stdatomic.h>

struct worker;

/* Owned by main(); outlives every worker. Only files beside this one see it: the folders get contexts
 * with what each of them uses, which worker.c fills in. */
struct shared {
    const struct config *config;
    const struct providers *providers;
    struct health *health;
    struct catalog_store *catalogs;
    struct credentials *credentials;
    struct own_store *own; /* customers' own provider keys */
    struct keyring *keyring;
    struct meter *meter;
    struct uplink *uplink;
    struct attest_facts facts;           /* what this boot can show of itself */
    const struct web_header *always;     /* in every answer: reply_always() */
    size_t n_always;
    struct quotes *quotes;               /* reports for strangers */
    struct rate *evidence_rate;          /* how often they may ask */
    struct rate *account_rate;           /* how often clients may ask about their accounts */
    struct ehbp_seen *sealed_seen; /* encrypted requests that were opened */
    struct receipts *receipts;   /* the facts of recent answers */
    struct receipt_signer signer;
    struct audit *audit;         /* what was answered, committed to */
    struct budget *content;      /* what all workers hold of others' bytes (budget.h) */
    struct shares shares;        /* its parts, by account */
    struct budget *unknown;      /* what all workers hold of requests whose key is not known yet */
    SSL_CTX *tls;
    uint8_t user_key[16]; /* keys the 64-bit hash of end-user ids; new at each boot */
    struct status_context status;
    struct status_page *status_page;
    struct metrics_context metrics;
    struct metrics_worker figures[CONFIG_WORKERS_MAX]; /* of workers */
    struct worker *workers[CONFIG_WORKERS_MAX];
    unsigned n_workers;
};

struct worker {
    unsigned no;
    struct shared *shared;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_sem_t ready;  /* posted once by the thread: start-up is over */
    enum err start;  /* how it went; why says more */
    struct buf *why; /* borrowed during start-up */
    uint16_t port;
    uv_async_t wake; /* look at these two */
    _Atomic bool listens, drains;
    uv_timer_t tick, log;
    struct web_server *web;
    struct upstreams *upstreams;
    struct uplink_port *link;
    struct attest_desk *attest;
    struct exchange_context exchange;
    struct front_context front;
    uint64_t draining_since_ms; /* 0: not */
    struct stats stats;
};

/* Starts the thread and waits until its listener is bound and everything is open. Connections are
 * refused until worker_listen().
 * why: one printable sentence. */
must_check enum err worker_start(struct shared *shared, unsigned no, struct worker **out,
                                 struct buf *why);
/* The port its listener got. */
uint16_t worker_port(const struct worker *w);
/* Any thread, once, before worker_drain(): connections are taken from its return on. ERR_IO. */
must_check enum err worker_listen(struct worker *w);
/* Any thread: stop accepting, finish what is running (at most config.drain_ms), end the loop. */
void worker_drain(struct worker *w);
/* After worker_drain(): waits for the thread and frees. */
void worker_join(struct worker *w);

#endif
