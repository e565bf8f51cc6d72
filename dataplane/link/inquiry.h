/* What a worker asks the control plane beside keys and leases: a client's question about its own account,
 * whether a request may run under its idempotency key, and which provider keys of its own an account has. Each is one message with one answer. */
#ifndef TR_DATAPLANE_LINK_INQUIRY_H
#define TR_DATAPLANE_LINK_INQUIRY_H

#include "buf.h"
#include "err.h"
#include "message.h"

struct uplink_port;
struct inquiry;

enum {
    INQUIRY_CLAIM_MS = 3000,    /* until a claim is given up */
    INQUIRY_WAITING_MAX = 4096, /* of one port */
};

/* The answer, borrowed for the callback. e: ERR_NONE; ERR_CONTROL_PLANE: not connected, or no answer in time
 * (what was asked may or may not have been done); ERR_LIMIT: the answer is over LIMIT_RELAY_ANSWER_BYTES. */
struct inquiry_answer {
    enum err e;
    /* of inquiry_relay() */
    uint16_t status;
    uint32_t retry_ms;
    struct buf body; /* may be moved away, leaving it empty */
    /* of inquiry_claim() */
    struct msg_claimed claim;
};
typedef void inquiry_cb(void *cookie, struct inquiry_answer *answer);

/* Both are called on the port's loop; cb fires there once, never before they have returned. ERR_OVERLOAD: too
 * many are waiting; ERR_RANGE, ERR_FORMAT: this question cannot be told. */
must_check enum err inquiry_relay(struct uplink_port *p, const struct msg_relay_ask *ask,
                                  inquiry_cb *cb, void *cookie, struct inquiry **out);
/* A claim whose answer nobody has taken (cancelled, too late) is released again. */
must_check enum err inquiry_claim(struct uplink_port *p, const struct msg_claim *claim,
                                  inquiry_cb *cb, void *cookie, struct inquiry **out);
/* Ask for an account's own provider keys. ERR_NONE in the answer: the store has what could be had of them. */
must_check enum err inquiry_own(struct uplink_port *p, const struct id *account, inquiry_cb *cb,
                                void *cookie, struct inquiry **out);
/* The callback will not fire; the handle is dead. */
void inquiry_cancel(struct inquiry *q);

#endif
