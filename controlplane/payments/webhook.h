/* Who sent a webhook: the signature of Stripe over the body as it came.
 * Header: "t=<unix seconds>,v1=<hex>[,v1=<hex>...]", HMAC-SHA256 over "<t>.<body>" with the endpoint's secret. While
 * a secret is replaced the service signs with both, and we may hold both. */
#ifndef TR_CONTROLPLANE_PAYMENTS_WEBHOOK_H
#define TR_CONTROLPLANE_PAYMENTS_WEBHOOK_H

#include "err.h"
#include "view.h"

#include <stdint.h>

enum {
    WEBHOOK_TOLERANCE_S = 300, /* of the time in the header, in both directions */
    WEBHOOK_SIGNATURES_MAX = 8,
    WEBHOOK_HEADER_MAX = 1024,
};

/* ERR_NONE; ERR_FORMAT: no such header; ERR_AUTH: no signature fits any secret; ERR_RANGE: it fits, but its time is
 * not now. Every comparison takes the same time whatever differs. */
must_check enum err webhook_verify(struct view header, struct view body, const struct view *secrets, size_t n,
                                   int64_t now_s);

#endif
