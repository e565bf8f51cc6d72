/* Reports for callers of the public listener, made on a thread of their own: the processor takes from
 * milliseconds to seconds, and a loop never waits for it. Many nonces share one report.
 *
 * An ask is answered once, by its callback on the loop of the worker that asked, unless
 * quote_ask_cancel() came first. What waits is bounded in number and in time. */
#ifndef TR_DATAPLANE_TRUST_QUOTES_H
#define TR_DATAPLANE_TRUST_QUOTES_H

#include "document.h"
#include "err.h"
#include "quote.h"
#include "tlog.h"
#include "view.h"

#include <uv.h>

enum {
    QUOTES_WINDOW_MS = 20,                    /* batches begin at least this far apart, so a flood
                                               * costs the processor 50 reports a second */
    QUOTES_NONCES_MAX = 4 * ATTEST_BATCH_MAX, /* waiting for a batch: 80 ms of the fastest flood */
    QUOTES_EXACT_MAX = 64,                    /* waiting for a report of their own */
    QUOTES_ASK_MS = 10000,                    /* nobody waits longer: ERR_ATTESTATION */
};

struct quotes;
struct quotes_port; /* one per worker loop */
struct quote_ask;

struct quotes_config {
    /* Used by the quote thread alone from quotes_start() to quotes_stop(). */
    struct quote_source *source;
    enum err (*get)(struct quote_source *s, const uint8_t report_data[static 64],
                    struct quote *out); /* quote_backend.get */
    struct view identity;               /* the identity document; lives as long as the service */
    unsigned window_ms;
};

must_check enum err quotes_start(const struct quotes_config *c, struct quotes **out);
/* Every port is freed by now. Waits for a report that is being made. */
void quotes_stop(struct quotes *q);

struct quotes_counters {
    uint64_t reports, asks, failures, refused; /* asks: taken; refused: a queue was full */
};
struct quotes_counters quotes_counters(struct quotes *q); /* any thread */

/* On the worker's loop thread. */
must_check enum err quotes_port_new(struct quotes *q, uv_loop_t *loop, struct quotes_port **out);
/* Cancels what waits; the loop must then run once more. */
void quotes_port_free(struct quotes_port *p);
/* Once a second: asks that wait too long, or (all) every ask, are answered ERR_ATTESTATION. */
void quotes_port_tick(struct quotes_port *p, uint64_t now_ms, bool all);

/* A report, and where in its batch this ask's leaf is. All of it lives during the callback only. */
struct quote_answer {
    const struct quote *quote;
    uint64_t index, size; /* exact: 0 of 1 */
    struct tlog_proof path;
};
typedef void quotes_cb(void *cookie, enum err e, const struct quote_answer *a); /* a: on success */

/* Evidence for a leaf (evidence_leaf): the report's REPORT_DATA is over the identity document and
 * the root of the batch this leaf gets into. ERR_OVERLOAD: the queue is full. ERR_MEMORY. The
 * callback is never called before this returns. */
must_check enum err quotes_ask_leaf(struct quotes_port *p, const struct digest32 *leaf,
                                    quotes_cb *cb, void *cookie, struct quote_ask **out);
/* A report of its own over exactly these bytes: for binding formats that are not ours. */
must_check enum err quotes_ask_exact(struct quotes_port *p, const uint8_t report_data[static 64],
                                     quotes_cb *cb, void *cookie, struct quote_ask **out);
/* The callback will not fire; the handle is dead. On the same loop. */
void quote_ask_cancel(struct quote_ask *a);

#endif
