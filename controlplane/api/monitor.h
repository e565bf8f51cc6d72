/* The private listener of the control plane: /metrics, /health, /healthz and /readyz in plain text
 * on a loopback address, for the operator's own monitoring. */
#ifndef TR_CONTROLPLANE_API_MONITOR_H
#define TR_CONTROLPLANE_API_MONITOR_H

#include "control_health.h"

struct monitor;
/* health is borrowed and outlives the monitor. ERR_IO with errno set when the address is taken. */
must_check enum err monitor_start(uv_loop_t *loop, const char *host, uint16_t port,
                                  const struct control_health *health, struct monitor **out);
/* Stop accepting; running answers finish; then stopped(cookie) fires once and the monitor is gone. */
void monitor_stop(struct monitor *m, void (*stopped)(void *cookie), void *cookie);

#endif
