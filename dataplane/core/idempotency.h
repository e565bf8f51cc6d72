/* Idempotency keys: a request that came with one runs only when no other request of its account with that key
 * runs or was answered. The control plane decides, for all data planes: it is asked once the request is paid
 * for and before any provider is. */
#ifndef TR_DATAPLANE_CORE_IDEMPOTENCY_H
#define TR_DATAPLANE_CORE_IDEMPOTENCY_H

#include "errors.h"
#include "inquiry.h"

#include <stdbool.h>

enum { IDEMPOTENCY_KEY_MAX = 255 };

struct idempotency {
    bool wanted;         /* the client sent a key: */
    struct digest32 key; /* its digest */
    /* private */
    void (*ready)(void *cookie);
    void *cookie;
    struct inquiry *inquiry; /* the answer is awaited */
    bool answered;
    enum err e;
    struct msg_claimed claim;
};

enum idempotency_answer {
    IDEMPOTENCY_YES,  /* the request may run; its usage record, or the end of its lease, ends the claim */
    IDEMPOTENCY_NO,   /* *f says why */
    IDEMPOTENCY_WAIT, /* the control plane was asked; `ready` fires once, then call again */
};

/* The client's text of a key. ERR_FORMAT, and *i is untouched: not 1 to IDEMPOTENCY_KEY_MAX visible ASCII
 * characters. */
must_check enum err idempotency_read(struct view text, struct idempotency *i);
/* May the request run? claim: who it is and what pays for it; its key is filled in. Also right when the client
 * sent none. */
enum idempotency_answer idempotency_step(struct idempotency *i, struct uplink_port *port,
                                         const struct msg_claim *claim, void (*ready)(void *cookie),
                                         void *cookie, struct api_failure *f);
/* The request ends; what is claimed for it meanwhile is released. Harmless at any time. */
void idempotency_cancel(struct idempotency *i);

#endif
