/* GET /metrics on the private listener: every counter of this process as Prometheus text. */
#ifndef TR_DATAPLANE_API_METRICS_H
#define TR_DATAPLANE_API_METRICS_H

#include "budget.h"
#include "stats.h"
#include "status.h"
#include "upstream.h"
#include "web.h"

struct audit;
struct quotes;

/* What one worker counts; read while its thread writes. */
struct metrics_worker {
    const struct stats *stats;
    const struct upstreams *upstreams;
    const struct web_server *web;
};

struct metrics_context {
    const struct status_context *status;
    const struct metrics_worker *workers; /* status->n_workers of them */
    struct audit *audit;
    struct quotes *quotes;
    const struct budget *content, *unknown;
    uint64_t content_max_bytes;
    const struct providers *providers;
    const struct credentials *credentials;
};

void metrics_answer(const struct metrics_context *x, struct web_request *r);

#endif
