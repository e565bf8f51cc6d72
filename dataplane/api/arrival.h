/* What may arrive of the body of an inference request, by the key in its head: everything when the key is
 * known here, a small body while it is not. A larger one waits unread until the control plane has said
 * who it is. */
#ifndef TR_DATAPLANE_API_ARRIVAL_H
#define TR_DATAPLANE_API_ARRIVAL_H

#include "errors.h"
#include "secret.h"
#include "share.h"
#include "uplink.h"
#include "web.h"

struct arrival_context {
    struct keyring *keyring;
    struct uplink *uplink;
    struct uplink_port *port;
    const struct shares *shares;
};

/* For web_config.arriving: who is the digest of the key; *why an enum api_error when refused. */
enum web_verdict arrival_of_key(const struct arrival_context *x, struct web_request *web,
                                const struct digest32 *who, bool more, int *why);

#endif
