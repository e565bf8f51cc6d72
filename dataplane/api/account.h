/* What clients ask about their own account on the host that they know: keys, credits, usage. Answered by the
 * control plane over the attested link. */
#ifndef TR_DATAPLANE_API_ACCOUNT_H
#define TR_DATAPLANE_API_ACCOUNT_H

#include "stats.h"
#include "view.h"

struct rate;
struct uplink_port;
struct web_request;

/* How often such questions may be asked: enough for a dashboard, and for few guesses at keys. */
enum {
    ACCOUNT_PER_S = 100,
    ACCOUNT_BURST = 400,
    ACCOUNT_ADDRESS_PER_S = 20,
    ACCOUNT_ADDRESS_BURST = 100,
};

struct account_context {
    struct uplink_port *port;
    struct rate *rate; /* shared by all workers */
    struct stats *stats;
};

/* Hand the request on; answers now or later, and counts the status. path: with its prefix, /v1 or /api/v1, and
 * without empty segments; borrowed. */
void account_ask(const struct account_context *x, struct web_request *web, struct view path);

#endif
