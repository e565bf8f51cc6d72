/* What may arrive of the body of an inference request, by the key in its head: everything when the key is
 * known here, a small body while it is not. A larger one waits unread until the control plane has said
 * who it is; so does a request that is answered to holders of a key only. */
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

/* For a whole request without a prompt, whose answer is for holders of a key only: then() is called once, with
 * API_OK when the key is known, before the return or later; never when the client leaves first. x and
 * cookie outlive the request. */
void arrival_check(const struct arrival_context *x, struct web_request *web,
                   const struct digest32 *who,
                   void (*then)(void *cookie, struct web_request *web, enum api_error error),
                   void *cookie);

#endif
