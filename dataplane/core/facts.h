/* The facts of a request whose money has moved, for its receipt. */
#ifndef TR_DATAPLANE_CORE_FACTS_H
#define TR_DATAPLANE_CORE_FACTS_H

#include "request.h"

/* Everything but what was returned: RECEIPT_RETURNED, RECEIPT_COMPLETE, returned and returned_bytes
 * are the content side's to add. r is SETTLING. */
void facts_of_request(const struct request *r, struct receipt_facts *out);

#endif
