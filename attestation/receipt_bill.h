/* The cost that a receipt names follows from its usage and its prices. */
#ifndef TR_ATTESTATION_RECEIPT_BILL_H
#define TR_ATTESTATION_RECEIPT_BILL_H

#include "err.h"
#include "json.h"

/* usage, billing: objects with the members of the events of these names (docs/receipts.md). The cost is never more than they
 * say, and less only where `clamped` says why. ERR_FORMAT; ERR_RANGE: it does not follow. */
must_check enum err receipt_bill_check(struct json_value usage, struct json_value billing, int64_t *cost_nusd);

#endif
