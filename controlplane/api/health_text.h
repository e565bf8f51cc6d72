/* The control plane's health as it is shown: a few words for anyone, every figure for the operator. */
#ifndef TR_CONTROLPLANE_API_HEALTH_TEXT_H
#define TR_CONTROLPLANE_API_HEALTH_TEXT_H

#include "control_health.h"

/* {"status":"degraded","ready":true,"reasons":["log_rewound"],"database":true,"database_silent_ms":0,
 * "usage_batches_waiting":0,"usage_oldest_batch_ms":0,"usage_set_aside":0} */
must_check enum err health_text_json(const struct control_figures *f, struct buf *out);
/* The same and all figures as Prometheus text. */
must_check enum err health_text_metrics(const struct control_figures *f, struct buf *out);

#endif
