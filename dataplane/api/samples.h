/* What the audit sampler shows: its head to everybody, samples to the key whose answers they are.
 */
#ifndef TR_DATAPLANE_API_SAMPLES_H
#define TR_DATAPLANE_API_SAMPLES_H

#include "secret.h"

struct audit;
struct web_request;

/* GET /attestation/audit/head. Returns the status. */
int samples_head(struct audit *a, struct web_request *r);
/* GET /v1/audit/samples?from=N&limit=N for the key with this digest, which need not exist: then it
 * has no samples. Returns the status. */
int samples_list(struct audit *a, struct web_request *r, const struct digest32 *who);

#endif
