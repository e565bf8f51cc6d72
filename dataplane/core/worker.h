/* One worker: a thread with its own loop, HTTPS listener, upstream pools and request lists. What the
 * workers share is read through atomics or never changes. */
#ifndef TR_DATAPLANE_CORE_WORKER_H
#define TR_DATAPLANE_CORE_WORKER_H

#include "admit.h"
#include "catalog_store.h"
#include "config.h"
#include "fetch.h"
#include "health.h"
#include "receipt_document.h"
#include "receipts.h"
#include "request.h"
#include "secret.h"
#include "stats.h"
#include "web.h"

#include <stdatomic.h>

struct worker;

enum { WORKER_SHARES = 256 }; /* of the content budget; two accounts seldom meet in one */

/* Owned by main(); outlives every worker. */
struct shared {
    const struct config *config;
    const struct providers *providers;
    struct health *health;
    struct catalog_store *catalogs;
    struct credentials *credentials;
    struct keyring *keyring;
    struct meter *meter;
    struct uplink *uplink;
    const struct identity_keys *keys;
    const struct keyset *keyset; /* what the keys are called to clients; in every answer */
    const struct provenance *provenance; /* what the release says about this program */
    const struct web_header *always;     /* in every answer: reply_always() */
    size_t n_always;
    struct quotes *quotes;               /* reports for strangers */
    struct rate *evidence_rate;          /* how often they may ask */
    struct receipts *receipts;   /* the facts of recent answers */
    struct receipt_signer signer;
    struct audit *audit;         /* what was answered, committed to */
    struct log_proof *log_proof; /* of this boot, for the pages that show evidence */
    struct budget *content;      /* what all workers hold of others' bytes (budget.h) */
    struct budget *shares[WORKER_SHARES]; /* its parts, by account: share.h */
    struct budget *unknown;      /* what all workers hold of requests whose key is not known yet */
    SSL_CTX *tls;
    uint8_t user_key[16]; /* keys the 64-bit hash of end-user ids; new at each boot */
    bool simulated, memory_locked;
    uint64_t started_unix_ms;
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
    struct admit_context admit;
    struct request *requests; /* in flight */
    struct chat *spare;       /* wiped structs, ready for use */
    unsigned n_spare;
    uint64_t draining_since_ms; /* 0: not */
    uint64_t route_seed;
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

/* Health of endpoints as route_decide() wants it; cookie: a struct worker_health. */
struct worker_health {
    const struct health *health;
    uint32_t who; /* health_who() of the request's account */
};
void worker_read_health(const void *cookie, uint32_t slot, struct health_view *out);

#endif
