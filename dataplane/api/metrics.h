/* GET /metrics on the private listener: every counter of this process as Prometheus text. */
#ifndef TR_DATAPLANE_API_METRICS_H
#define TR_DATAPLANE_API_METRICS_H

#include "web.h"
#include "worker.h"

void metrics_answer(const struct shared *s, struct web_request *r);

#endif
