/* The public attestation endpoints: what anybody may ask this data plane about itself. */
#ifndef TR_DATAPLANE_API_ATTEST_H
#define TR_DATAPLANE_API_ATTEST_H

#include "web.h"

struct worker;

/* GET /attestation/verifying-key: the key that signs receipts. Returns the status. */
int attest_verifying_key(struct worker *w, struct web_request *r);

#endif
