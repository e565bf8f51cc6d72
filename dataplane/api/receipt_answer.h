/* Receipts for whoever asks with the key of the request: 404 for everything else, so that nobody
 * learns what exists. */
#ifndef TR_DATAPLANE_API_RECEIPT_ANSWER_H
#define TR_DATAPLANE_API_RECEIPT_ANSWER_H

#include "receipt_document.h"
#include "receipts.h"
#include "secret.h"
#include "view.h"

struct web_request;

struct receipt_context {
    struct receipts *receipts;
    const struct receipt_signer *signer;
};

/* GET /v1/aci/receipts/{id} and GET /v1/signature/{id}; id: of the receipt or of the response.
 * Both return the status. */
int receipt_answer(const struct receipt_context *x, struct web_request *r, struct view id,
                   const struct digest32 *who);
int receipt_answer_signature(const struct receipt_context *x, struct web_request *r, struct view id,
                             const struct digest32 *who);

#endif
