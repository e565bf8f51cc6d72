/* GET /health: is this data plane ready to serve prompts, and is its attestation real. */
#ifndef TR_DATAPLANE_API_STATUS_H
#define TR_DATAPLANE_API_STATUS_H

#include "web.h"
#include "worker.h"

/* Evidence is accepted and a catalog has arrived. */
bool status_ready(const struct shared *s);
/* Answers 200 when ready, 503 when not; returns the status. */
int status_answer(const struct shared *s, struct web_request *r);

#endif
