/* The decision that a receipt records, made again: from the catalog and the providers.conf that it was made with, both
 * of which the operator publishes, and from the inputs in the receipt. */
#ifndef TR_ATTESTATION_RECEIPT_ROUTE_H
#define TR_ATTESTATION_RECEIPT_ROUTE_H

#include "message.h"
#include "providers.h"
#include "view.h"

enum route_replay {
    REPLAY_SAME,       /* the same candidates, in the same order, for the same reasons */
    REPLAY_NONE,       /* the receipt has no decision: its request was refused before one */
    REPLAY_NO_INPUTS,  /* they were too long to be kept */
    REPLAY_MALFORMED,  /* the event is not what docs/receipts.md says */
    REPLAY_CATALOG,    /* it was decided with another catalog */
    REPLAY_PROVIDERS,  /* providers.conf does not fit: it names other providers */
    REPLAY_DIFFERENT,  /* the inputs do not give these candidates */
};

/* document: of a receipt that aci_receipt_open() has accepted. told: the constraints in words, a line each, when there are
 * inputs that can be read. ERR_MEMORY and ERR_LIMIT are told's. */
must_check enum err receipt_route_replay(struct view document, const struct catalog *catalog,
                                         const struct providers *providers, struct buf *told,
                                         enum route_replay *out);

#endif
