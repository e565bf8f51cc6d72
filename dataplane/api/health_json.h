/* How an endpoint has been doing, as JSON: what the endpoints' pages and the status page have in common. */
#ifndef TR_DATAPLANE_API_HEALTH_JSON_H
#define TR_DATAPLANE_API_HEALTH_JSON_H

#include "buf.h"
#include "health.h"

/* The share of good outcomes in percent, "99.95"; null: there was none. */
must_check enum err health_json_percent(uint64_t good, uint64_t bad, struct buf *out);
/* {"p50":...,"p75":...,"p90":...,"p99":...} of latency in milliseconds, or of tokens a second; null: too few samples. */
must_check enum err health_json_latency(const struct health_view *v, struct buf *out);
must_check enum err health_json_throughput(const struct health_view *v, struct buf *out);
/* OpenRouter's members of an endpoint, each with a comma before it: uptime_last_5m to throughput_last_30m, status. */
must_check enum err health_json_endpoint(const struct health_report *r, struct buf *out);

#endif
